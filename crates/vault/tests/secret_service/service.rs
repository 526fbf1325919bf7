//! A Secret Service that does what a test tells it, on the session bus of this process
//! (<https://specifications.freedesktop.org/secret-service/0.2/>). It keeps one collection and knows no other client.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
use serde::{Deserialize, Serialize};
use zbus::{
    blocking::Connection,
    fdo,
    zvariant::{OwnedObjectPath, OwnedValue, Type, Value},
};

const ROOT: &str = "/org/freedesktop/secrets";
const IV: [u8; 16] = [7; 16];

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Willing,
    /// Takes calls and never answers.
    Hung,
    /// Answers until it is asked for a secret.
    HungAtTheSecret,
    /// Everything is locked, and nobody sees the prompt.
    Locked,
    /// Everything is locked, and the person closes the prompt.
    Dismissed,
    /// Answers with errors.
    Failing,
    /// Answers with an error when it is asked for a secret.
    FailingAtTheSecret,
    /// Gives out what it has and takes nothing.
    Full,
}

#[derive(Debug)]
struct State {
    mood: Mood,
    collection: String,
    session_key: [u8; 16],
    items: Vec<(HashMap<String, String>, Vec<u8>)>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Answers, fails or hangs, as its mood is.
    async fn willing(&self) -> fdo::Result<()> {
        match self.with(|state| state.mood) {
            Mood::Hung => std::future::pending().await,
            Mood::Failing => Err(fdo::Error::Failed("on purpose".to_owned())),
            _ => Ok(()),
        }
    }

    fn is_locked(&self) -> bool {
        self.with(|state| matches!(state.mood, Mood::Locked | Mood::Dismissed))
    }

    fn open(&self, secret: &SecretStruct) -> Vec<u8> {
        let key = self.with(|state| state.session_key);
        let iv: [u8; 16] = secret.parameters.as_slice().try_into().unwrap();
        let cipher = cbc::Decryptor::<aes::Aes128>::new(&key.into(), &iv.into());
        cipher.decrypt_padded_vec::<Pkcs7>(&secret.value).unwrap()
    }
}

/// What the test holds: the service lives as long as this.
pub(crate) struct SecretService {
    shared: Shared,
    connection: Connection,
}

impl SecretService {
    pub(crate) fn start(collection: &str) -> Self {
        let shared = Shared(Arc::new(Mutex::new(State {
            mood: Mood::Willing,
            collection: collection.to_owned(),
            session_key: [0; 16],
            items: Vec::new(),
        })));
        let connection = zbus::blocking::connection::Builder::session()
            .unwrap()
            .serve_at(ROOT, Service(shared.clone()))
            .unwrap()
            .serve_at(format!("{ROOT}/prompt"), Prompt(shared.clone()))
            .unwrap()
            .serve_at(format!("{ROOT}/collection/{collection}"), Collection(shared.clone()))
            .unwrap()
            .name("org.freedesktop.secrets")
            .unwrap()
            .build()
            .unwrap();
        Self { shared, connection }
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.shared.with(|state| state.mood = mood);
    }

    /// Another program now keeps the secrets, and has none yet.
    pub(crate) fn becomes(&self, collection: &str) {
        self.shared.with(|state| {
            collection.clone_into(&mut state.collection);
            state.items.clear();
        });
        let path = format!("{ROOT}/collection/{collection}");
        self.connection.object_server().at(path, Collection(self.shared.clone())).unwrap();
    }

    /// What is held for this entry.
    pub(crate) fn held(&self, entry: &str) -> Option<String> {
        self.shared.with(|state| {
            let item = state.items.iter().find(|item| item.0["username"] == entry)?;
            Some(String::from_utf8(item.1.clone()).unwrap())
        })
    }

    /// Makes an entry hold this, or nothing, behind the program's back.
    pub(crate) fn holds(&self, entry: &str, secret: Option<&str>) {
        self.shared.with(|state| {
            if let Some(item) = state.items.iter_mut().find(|item| item.0["username"] == entry) {
                item.1 = secret.unwrap_or_default().as_bytes().to_vec();
            }
            if secret.is_none() {
                // The number of an item is its path, so it stays in its place and is found by nobody.
                for item in state.items.iter_mut().filter(|item| item.0["username"] == entry) {
                    item.0.insert("username".to_owned(), "gone".to_owned());
                }
            }
        });
    }
}

#[derive(Debug, Serialize, Deserialize, Type)]
struct SecretStruct {
    session: OwnedObjectPath,
    parameters: Vec<u8>,
    value: Vec<u8>,
    content_type: String,
}

fn path(text: impl Into<String>) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text.into()).unwrap()
}

fn item_path(number: usize) -> OwnedObjectPath {
    path(format!("{ROOT}/collection/item/{number}"))
}

struct Service(Shared);

#[zbus::interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    /// Diffie-Hellman with 1 as our secret: our public key is the generator, and the shared secret is theirs.
    async fn open_session(
        &self,
        _algorithm: String,
        input: OwnedValue,
    ) -> fdo::Result<(OwnedValue, OwnedObjectPath)> {
        self.0.willing().await?;
        let theirs: Vec<u8> = input.try_into().unwrap();
        let padded = [vec![0; 128 - theirs.len()], theirs].concat();
        self.0.with(|state| {
            hkdf::Hkdf::<sha2::Sha256>::new(None, &padded).expand(&[], &mut state.session_key).unwrap();
        });
        Ok((Value::from(vec![2_u8]).try_into().unwrap(), path(format!("{ROOT}/session/1"))))
    }

    async fn search_items(
        &self,
        attributes: HashMap<String, String>,
    ) -> fdo::Result<(Vec<OwnedObjectPath>, Vec<OwnedObjectPath>)> {
        self.0.willing().await?;
        let found = self.0.with(|state| {
            let fits = |item: &HashMap<String, String>| {
                attributes.iter().all(|(name, value)| item.get(name) == Some(value))
            };
            let all = state.items.iter().enumerate().filter(|(_, item)| fits(&item.0));
            all.map(|(number, _)| item_path(number)).collect::<Vec<_>>()
        });
        Ok(if self.0.is_locked() { (Vec::new(), found) } else { (found, Vec::new()) })
    }

    async fn unlock(
        &self,
        objects: Vec<OwnedObjectPath>,
    ) -> fdo::Result<(Vec<OwnedObjectPath>, OwnedObjectPath)> {
        self.0.willing().await?;
        Ok(if self.0.is_locked() {
            (Vec::new(), path(format!("{ROOT}/prompt")))
        } else {
            (objects, path("/"))
        })
    }

    async fn read_alias(&self, _name: String) -> fdo::Result<OwnedObjectPath> {
        self.0.willing().await?;
        Ok(self.0.with(|state| path(format!("{ROOT}/collection/{}", state.collection))))
    }
}

struct Collection(Shared);

#[zbus::interface(name = "org.freedesktop.Secret.Collection")]
impl Collection {
    #[zbus(property)]
    async fn locked(&self) -> bool {
        self.0.is_locked()
    }

    async fn create_item(
        &self,
        properties: HashMap<String, OwnedValue>,
        secret: SecretStruct,
        _replace: bool,
        #[zbus(object_server)] server: &zbus::ObjectServer,
    ) -> fdo::Result<(OwnedObjectPath, OwnedObjectPath)> {
        self.0.willing().await?;
        if self.0.with(|state| state.mood == Mood::Full) {
            return Err(fdo::Error::Failed("full".to_owned()));
        }
        let attributes = properties["org.freedesktop.Secret.Item.Attributes"].try_clone().unwrap();
        let attributes = attributes.try_into().unwrap();
        let opened = self.0.open(&secret);
        let number = self.0.with(|state| {
            state.items.push((attributes, opened));
            state.items.len() - 1
        });
        server.at(item_path(number), Item(self.0.clone(), number)).await?;
        Ok((item_path(number), path("/")))
    }
}

struct Item(Shared, usize);

#[zbus::interface(name = "org.freedesktop.Secret.Item")]
impl Item {
    #[zbus(property)]
    async fn locked(&self) -> bool {
        self.0.is_locked()
    }

    async fn get_secret(&self, session: OwnedObjectPath) -> fdo::Result<(SecretStruct,)> {
        self.0.willing().await?;
        match self.0.with(|state| state.mood) {
            Mood::HungAtTheSecret => std::future::pending::<()>().await,
            Mood::FailingAtTheSecret => return Err(fdo::Error::Failed("on purpose".to_owned())),
            _ => {}
        }
        let (key, secret) = self.0.with(|state| (state.session_key, state.items[self.1].1.clone()));
        let cipher = cbc::Encryptor::<aes::Aes128>::new(&key.into(), &IV.into());
        let value = cipher.encrypt_padded_vec::<Pkcs7>(&secret);
        Ok((SecretStruct { session, parameters: IV.to_vec(), value, content_type: "text/plain".to_owned() },))
    }

    async fn set_secret(&self, secret: SecretStruct) -> fdo::Result<()> {
        self.0.willing().await?;
        if self.0.with(|state| state.mood == Mood::Full) {
            return Err(fdo::Error::Failed("full".to_owned()));
        }
        let opened = self.0.open(&secret);
        self.0.with(|state| state.items[self.1].1 = opened);
        Ok(())
    }

    async fn delete(&self) -> fdo::Result<OwnedObjectPath> {
        self.0.willing().await?;
        self.0.with(|state| state.items[self.1].0.insert("username".to_owned(), "gone".to_owned()));
        Ok(path("/"))
    }
}

struct Prompt(Shared);

#[zbus::interface(name = "org.freedesktop.Secret.Prompt")]
impl Prompt {
    async fn prompt(
        &self,
        _window: String,
        #[zbus(signal_emitter)] told: zbus::object_server::SignalEmitter<'_>,
    ) -> fdo::Result<()> {
        if self.0.with(|state| state.mood == Mood::Dismissed) {
            Self::completed(&told, true, Value::from("")).await?;
        }
        Ok(())
    }

    #[zbus(signal)]
    async fn completed(
        told: &zbus::object_server::SignalEmitter<'_>,
        dismissed: bool,
        result: Value<'_>,
    ) -> zbus::Result<()>;
}
