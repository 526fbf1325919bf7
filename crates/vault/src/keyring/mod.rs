//! The vault's key in the desktop's keyring: the Secret Service on Linux, the Credential Manager on Windows.
//!
//! Promises: a call answers within its time, because a keyring that waits for an unseen prompt waits for ever; every
//! call connects anew, so one that failed can be tried again once the keyring is there. Refuses: writing over
//! anything because a read failed, and making a new key while files of an old one are there.

mod vault_key;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use keyring::Error as StoreError;
use vault_key::NEXT;
pub(crate) use vault_key::{keep_next, name_of, promote_next};
pub use vault_key::{load_or_create_key, restore_keyring_slot};
use zeroize::{Zeroize, Zeroizing};

use self::platform::{backend, connect};
use crate::slots::SlotError;

/// How long reading may take.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// How long writing may take: making a keyring may ask the person.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// Why the keyring did not do it.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is none on this desktop.
    #[error("there is no keyring")]
    Missing,
    /// It is locked, or does not answer in time.
    #[error("the keyring is locked or does not answer")]
    Locked,
    /// Anything else. Never carries what the keyring holds.
    #[error("the keyring failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The keyring could not be read or written. Nothing was changed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// There are files, and the keyring has no key to them. Nothing was changed.
    #[error("the keyring has no key to the files")]
    KeyMissing,
    /// There are files, and the key to them was kept by another keyring than the one that answers now: the entry is
    /// not lost, but elsewhere. Nothing was changed.
    #[error("the key to the files is in the keyring {was}, and {now} answers")]
    BackendChanged {
        /// The one that the key was given to.
        was: String,
        /// The one that is there now.
        now: String,
    },
    /// What the keyring holds in this place is not a key. It was left as it is.
    #[error("what the keyring holds is not a key")]
    Garbled,
    /// The entry holds something else, which was left as it is.
    #[error("the keyring's entry is taken")]
    Occupied {
        /// Of what it holds: handing it back says that this very thing may be written over.
        check: String,
    },
    /// The header could not be read or written. The entry may have been written; it is then the right one.
    #[error(transparent)]
    Header(#[from] SlotError),
}

/// The desktop's keyring, for entries of one service.
#[derive(Clone)]
pub struct Keyring {
    service: String,
    read_within: Duration,
    write_within: Duration,
    /// Whether a write that was given up on is still under way: it may yet happen, so no other may overtake it.
    writing: Arc<AtomicBool>,
}

impl Keyring {
    /// Entries of this service; reading takes 1 s at most, writing 5 s.
    pub fn new(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            read_within: READ_WITHIN,
            write_within: WRITE_WITHIN,
            writing: Arc::default(),
        }
    }

    /// The same, with other bounds.
    #[must_use]
    pub fn within(mut self, read: Duration, write: Duration) -> Self {
        self.read_within = read;
        self.write_within = write;
        self
    }

    /// What the entry holds; `None` when there is no such entry.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn get(&self, entry: &str) -> Result<Option<Zeroizing<String>>, KeyringError> {
        let (service, entry) = (self.service.clone(), entry.to_owned());
        bounded(self.read_within, move || match store(&service, &entry)?.get_secret() {
            Ok(bytes) => text(bytes).map(Some),
            Err(StoreError::NoEntry) => Ok(None),
            Err(error) => Err(error.into()),
        })
    }

    /// What the entry and the one beside it hold, and which keyring answers; all within the time of one read.
    fn look(&self, entry: &str) -> Result<Look, KeyringError> {
        let (service, entry) = (self.service.clone(), entry.to_owned());
        bounded(self.read_within, move || {
            let (connection, backend) = (connect()?, backend());
            let held = |entry: &str| match connection(&service, entry)?.get_secret() {
                Ok(bytes) => text(bytes).map(Some),
                Err(StoreError::NoEntry) => Ok(None),
                Err(error) => Err(error.into()),
            };
            Ok(Look { held: held(&entry)?, next: held(&format!("{entry}{NEXT}"))?, backend })
        })
    }

    /// Makes the entry hold this text.
    ///
    /// # Errors
    /// [`KeyringError`]. After [`KeyringError::Locked`] the entry may still be written, once the keyring answers.
    pub fn set(&self, entry: &str, secret: &str) -> Result<(), KeyringError> {
        if self.writing.swap(true, Ordering::AcqRel) {
            return Err(KeyringError::Locked);
        }
        let done = Done(Arc::clone(&self.writing));
        let (service, entry) = (self.service.clone(), entry.to_owned());
        let secret = Zeroizing::new(secret.to_owned());
        bounded(self.write_within, move || {
            let _done = done;
            store(&service, &entry)?.set_secret(secret.as_bytes())?;
            Ok(())
        })
    }

    /// Removes the entry, if there is one.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        let (service, entry) = (self.service.clone(), entry.to_owned());
        bounded(self.write_within, move || match store(&service, &entry)?.delete_credential() {
            Ok(()) | Err(StoreError::NoEntry) => Ok(()),
            Err(error) => Err(error.into()),
        })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("service", &self.service).finish_non_exhaustive()
    }
}

/// What is in the keyring for one person's files.
struct Look {
    held: Option<Zeroizing<String>>,
    next: Option<Zeroizing<String>>,
    /// The keyring's name; empty when it does not say.
    backend: String,
}

/// Says that a write is over, however it ended.
struct Done(Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Runs the work on a thread of its own and waits so long for it. One that does not come back is left behind.
fn bounded<T: Send + 'static>(
    within: Duration,
    work: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError> {
    let (send, receive) = mpsc::sync_channel(1);
    let run = move || {
        // Nobody listens any more when the time is up.
        drop(send.send(work()));
    };
    thread::Builder::new()
        .name("keyring".to_owned())
        .spawn(run)
        .map_err(|error| KeyringError::Other(Box::new(error)))?;
    receive.recv_timeout(within).unwrap_or(Err(KeyringError::Locked))
}

fn text(bytes: Vec<u8>) -> Result<Zeroizing<String>, KeyringError> {
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|error| {
        let reason = error.utf8_error();
        Zeroizing::new(error.into_bytes());
        KeyringError::Other(Box::new(reason))
    })
}

fn store(service: &str, entry: &str) -> Result<platform::Entry, KeyringError> {
    connect()?(service, entry)
}

/// A fresh connection each time: one that broke, or that hangs at a prompt, must not stand in the next one's way.
#[cfg(target_os = "linux")]
mod platform {
    pub(super) use keyring_core::Entry;
    use keyring_core::api::CredentialStoreApi;

    use super::KeyringError;

    pub(super) fn connect() -> Result<impl Fn(&str, &str) -> Result<Entry, KeyringError>, KeyringError> {
        // Connecting fails where there is no bus, or nobody on it who keeps secrets.
        let store = zbus_secret_service_keyring_store::Store::new().map_err(|_| KeyringError::Missing)?;
        Ok(move |service: &str, entry: &str| Ok(store.build(service, entry, None)?))
    }

    /// Programs that keep secrets name their default collections differently (`login`, `kdewallet`, a file's name),
    /// and who changes that collection changes where a new entry goes.
    pub(super) fn backend() -> String {
        let ask = || -> zbus::Result<String> {
            let answer = zbus::blocking::Connection::session()?.call_method(
                Some("org.freedesktop.secrets"),
                "/org/freedesktop/secrets",
                Some("org.freedesktop.Secret.Service"),
                "ReadAlias",
                &("default",),
            )?;
            let path: zbus::zvariant::OwnedObjectPath = answer.body().deserialize()?;
            Ok(path.rsplit('/').next().unwrap_or_default().to_owned())
        };
        ask()
            .ok()
            .filter(|name| !name.is_empty())
            .map(|name| format!("secret-service:{name}"))
            .unwrap_or_default()
    }
}

/// Elsewhere there is no connection that could break: the system itself keeps the secrets.
#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) use keyring::Entry;

    use super::KeyringError;

    pub(super) fn connect() -> Result<impl Fn(&str, &str) -> Result<Entry, KeyringError>, KeyringError> {
        Ok(|service: &str, entry: &str| Ok(Entry::new(service, entry)?))
    }

    pub(super) fn backend() -> String {
        std::env::consts::OS.to_owned()
    }
}

impl From<StoreError> for KeyringError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoStorageAccess(_) => Self::Locked,
            StoreError::NoDefaultStore => Self::Missing,
            // These carry what the keyring holds.
            StoreError::BadEncoding(mut held) | StoreError::BadDataFormat(mut held, _) => {
                held.zeroize();
                Self::Other("the keyring's answer does not read".into())
            }
            other => Self::Other(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::{Keyring, KeyringError, StoreError, bounded};

    #[test]
    fn a_keyring_that_never_answers_counts_as_locked() {
        let (_never, answer) = mpsc::channel::<()>();
        let result = bounded(Duration::from_millis(5), move || {
            answer.recv().ok();
            Ok(())
        });
        assert!(matches!(result, Err(KeyringError::Locked)));
    }

    #[test]
    fn no_write_overtakes_one_that_was_given_up_on() {
        let keyring = Keyring::new("chatehr-test");
        keyring.writing.store(true, std::sync::atomic::Ordering::Release);
        assert!(matches!(keyring.set("entry", "secret"), Err(KeyringError::Locked)));
    }

    #[test]
    fn an_error_never_carries_what_the_keyring_holds() {
        let error = KeyringError::from(StoreError::BadEncoding(b"secret".to_vec()));
        let shown = format!("{error:?} {error}");
        assert!(!shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
    }
}
