//! The session at the identity provider of whoever is signed in with a clinic account: where its tokens are, and what of
//! it outlives the program.
//!
//! Promises: access tokens in memory alone; the refresh token in an entry of the keyring of its own, never beside what
//! tells whose it is; nothing there before the person has been let in, so that a sign-in that comes to nothing leaves
//! the entry of whoever is behind the lock as it is. Writes take effect in the order in which they were asked for, also
//! those that nobody waits for any more. Refuses to remove an entry that belongs to another sign-in, and to write over one
//! that was settled later: a refresh that comes late is that of a session which has been replaced.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chatehr_client::{Client, NoToken, SignedIn, Tokens};
use chatehr_contract::{ErrorReport, Session};
use chatehr_sign_in::{
    AccessToken, Keep, NoRandomness, NotKept, Provider, RefreshToken, Revocation, SessionError, Waiting,
};
use chatehr_vault::keyring::{Keyring, KeyringError};
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::{Inner, Workstation, opening::digest};
use crate::{Settings, Surroundings, report};

/// What the name of a session at a provider begins with; no token of ChatEHR's own has a colon.
const MARK: &str = "clinic:";

/// Whether this session's tokens come from the provider.
pub(super) fn is_at_provider(session: &Session) -> bool {
    session.token.starts_with(MARK)
}

/// A name for a new one. It stands in a token's place wherever sessions are told apart, and opens nothing.
pub(super) fn new_name(surroundings: &Surroundings) -> Result<String, String> {
    let mut bytes = [0; 16];
    surroundings.random.fill(&mut bytes)?;
    Ok(format!("{MARK}{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// What a sign-in is given of the engine's surroundings.
pub(super) fn sign_in_surroundings(given: &Surroundings) -> chatehr_sign_in::Surroundings {
    let (clock, random) = (given.clock.clone(), given.random.clone());
    chatehr_sign_in::Surroundings {
        clock: Arc::new(move || clock.now()),
        sleep: Arc::new(|time: Duration| Box::pin(tokio::time::sleep(time))),
        random: Arc::new(move |bytes: &mut [u8]| random.fill(bytes).map_err(NoRandomness)),
    }
}

/// A session at the provider, under its name.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) name: String,
    pub(super) session: chatehr_sign_in::Session,
    pub(super) keep: Arc<KeptRefresh>,
}

/// Where the keyring's entry is, and whose turn it is to write it.
pub(super) struct RefreshEntry {
    keyring: Keyring,
    entry: String,
    /// The provider that is configured; empty where none is.
    issuer: String,
    /// The session that was settled last; none where the entry was cleared.
    owner: Arc<Mutex<Option<String>>>,
    /// Told when the write before is done.
    last: Mutex<Option<oneshot::Receiver<()>>>,
}

/// The stored form.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// Of the session beside it.
    session: String,
    /// Whose token it is; it never goes to another provider.
    issuer: String,
    subject: String,
    token: String,
    /// Whether this workstation's browser remembers the person too.
    #[serde(default)]
    browser: bool,
}

impl RefreshEntry {
    pub(super) fn new(keyring: Keyring, settings: &Settings) -> Self {
        Self {
            keyring,
            entry: format!("refresh:{}", digest(&[&settings.api_url])),
            issuer: settings.oidc.as_ref().map(|oidc| oidc.issuer.clone()).unwrap_or_default(),
            owner: Arc::default(),
            last: Mutex::default(),
        }
    }

    fn owner(&self) -> MutexGuard<'_, Option<String>> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does it after what was asked for before, whether or not anybody waits.
    fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Keyring, &str) -> Result<T, KeyringError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, KeyringError>> {
        let (done, next) = oneshot::channel();
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(next);
        let (keyring, entry) = (self.keyring.clone(), self.entry.clone());
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // One that was cut off is done as well.
                drop(before.await);
            }
            let worked = tokio::task::spawn_blocking(move || work(&keyring, &entry)).await;
            // Nobody may be waiting.
            done.send(()).ok();
            worked.unwrap_or(Err(KeyringError::Locked))
        });
        task.map(|ended| ended.unwrap_or(Err(KeyringError::Locked))).boxed()
    }

    /// Whether it was written: not where another session has been settled since.
    fn write(&self, stored: Stored) -> BoxFuture<'static, Result<bool, KeyringError>> {
        let owner = self.owner.clone();
        self.in_turn(move |keyring, entry| {
            let owned =
                owner.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&stored.session);
            if !owned {
                tracing::info!("A session that was replaced is not kept.");
                return Ok(false);
            }
            // Nothing in it can fail to be written as JSON; were it to, an empty text is no sign-in.
            let text = Zeroizing::new(serde_json::to_string(&stored).unwrap_or_default());
            keyring.set(entry, &text).map(|()| true)
        })
    }

    /// What there is of the session of this name.
    async fn read(&self, name: &str) -> Result<Option<Stored>, KeyringError> {
        let text = self.in_turn(|keyring, entry| keyring.get(entry)).await?;
        let stored: Option<Stored> = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(stored.filter(|stored| stored.session == name && stored.issuer == self.issuer))
    }

    /// Removes it, unless it is another session's.
    fn remove(&self, name: String) -> BoxFuture<'static, Result<(), KeyringError>> {
        self.in_turn(move |keyring, entry| {
            let Some(text) = keyring.get(entry)? else { return Ok(()) };
            match serde_json::from_str::<Stored>(&text) {
                Ok(stored) if stored.session != name => Ok(()),
                _ => keyring.delete(entry),
            }
        })
    }

    /// Removes it, whosever it is.
    pub(super) fn clear(&self) -> BoxFuture<'static, Result<(), KeyringError>> {
        *self.owner() = None;
        self.in_turn(|keyring, entry| keyring.delete(entry))
    }
}

/// One sign-in's refresh token, wherever it has to be by now.
pub(super) struct KeptRefresh {
    place: Arc<RefreshEntry>,
    name: String,
    by_browser: bool,
    /// The latest, until it is known that it may be kept.
    pending: Mutex<Pending>,
}

enum Pending {
    /// The person has not been let in, or the keyring has not their key: memory alone.
    Memory(Option<(String, RefreshToken)>),
    Keyring,
}

impl KeptRefresh {
    /// For a sign-in whose outcome is not known.
    pub(super) fn undecided(place: Arc<RefreshEntry>, name: String, by_browser: bool) -> Self {
        Self { place, name, by_browser, pending: Mutex::new(Pending::Memory(None)) }
    }

    /// For one that the keyring has.
    fn kept(place: Arc<RefreshEntry>, name: String, by_browser: bool) -> Self {
        *place.owner() = Some(name.clone());
        Self { place, name, by_browser, pending: Mutex::new(Pending::Keyring) }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The person is in: from now on the keyring has it.
    pub(super) async fn settle(&self) -> Result<(), KeyringError> {
        *self.place.owner() = Some(self.name.clone());
        let waiting = match std::mem::replace(&mut *self.pending(), Pending::Keyring) {
            Pending::Memory(Some((subject, token))) => Some(self.write(&subject, &token)),
            Pending::Memory(None) | Pending::Keyring => None,
        };
        match waiting {
            Some(writing) => writing.await.map(drop),
            None => Ok(()),
        }
    }

    /// From now on the keyring has nothing of it; whoever asks for this clears the entry.
    pub(super) fn stay_in_memory(&self) {
        *self.pending() = Pending::Memory(None);
    }

    fn write(&self, subject: &str, token: &RefreshToken) -> BoxFuture<'static, Result<bool, KeyringError>> {
        self.place.write(Stored {
            session: self.name.clone(),
            issuer: self.place.issuer.clone(),
            subject: subject.to_owned(),
            token: token.expose().to_owned(),
            browser: self.by_browser,
        })
    }
}

impl Keep for KeptRefresh {
    fn keep<'a>(&'a self, subject: &'a str, token: &'a RefreshToken) -> Waiting<'a, Result<(), NotKept>> {
        let writing = match &mut *self.pending() {
            Pending::Memory(latest) => {
                *latest = Some((subject.to_owned(), token.clone()));
                None
            }
            Pending::Keyring => Some(self.write(subject, token)),
        };
        Box::pin(async move {
            match writing {
                Some(writing) => match writing.await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(NotKept("another sign-in has taken its place".to_owned())),
                    Err(error) => Err(NotKept(error.to_string())),
                },
                None => Ok(()),
            }
        })
    }

    fn forget<'a>(&'a self, _subject: &'a str) -> Waiting<'a, Result<(), NotKept>> {
        let removing = match &mut *self.pending() {
            Pending::Memory(latest) => {
                *latest = None;
                None
            }
            Pending::Keyring => Some(self.place.remove(self.name.clone())),
        };
        Box::pin(async move {
            match removing {
                Some(removing) => removing.await.map_err(|error| NotKept(error.to_string())),
                None => Ok(()),
            }
        })
    }
}

/// Gives a person's tokens to the client.
struct PersonsTokens {
    session: chatehr_sign_in::Session,
    inner: Weak<Inner>,
    /// The last time there was none.
    failed: AtomicBool,
}

impl Tokens for PersonsTokens {
    fn token<'a>(&'a self, refused: Option<&'a str>) -> BoxFuture<'a, Result<Zeroizing<String>, NoToken>> {
        async move {
            let token = match refused {
                Some(refused) => self.session.access_token_after(&AccessToken::new(refused)).await,
                None => self.session.access_token().await,
            };
            match token {
                Ok(token) => {
                    if self.failed.swap(false, Ordering::Relaxed)
                        && let Some(inner) = self.inner.upgrade()
                    {
                        inner.outbox.notify_one();
                    }
                    Ok(Zeroizing::new(token.expose().to_owned()))
                }
                Err(SessionError::Over) => Err(NoToken::Over),
                Err(error) => {
                    tracing::warn!(%error, "There is no access token now.");
                    self.failed.store(true, Ordering::Relaxed);
                    Err(NoToken::Unavailable)
                }
            }
        }
        .boxed()
    }
}

impl Inner {
    pub(super) fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server, asked as whoever holds this session.
    pub(super) fn server_of(self: &Arc<Self>, client: &Client, session: &Session) -> SignedIn {
        let held =
            self.held().as_ref().filter(|held| held.name == session.token).map(|held| held.session.clone());
        match held {
            Some(held) => self.server_by(client, held),
            None => client.with_session(&session.token),
        }
    }

    pub(super) fn server_by(
        self: &Arc<Self>,
        client: &Client,
        session: chatehr_sign_in::Session,
    ) -> SignedIn {
        let inner = Arc::downgrade(self);
        client.with_tokens(Arc::new(PersonsTokens { session, inner, failed: AtomicBool::new(false) }))
    }

    /// Takes a remembered session up again. None where its refresh token is gone or the provider is not configured any
    /// more: only signing in helps then.
    pub(super) async fn take_up(
        &self,
        workstation: &Workstation,
        session: &Session,
    ) -> Result<Option<()>, ErrorReport> {
        let Some(provider) = workstation.provider.as_ref() else { return Ok(None) };
        let place = &workstation.refresh;
        let read = place.read(&session.token).await.map_err(|error| report::keyring(&error))?;
        let Some(Stored { session: name, subject, token, browser, .. }) = read else { return Ok(None) };
        let keep = Arc::new(KeptRefresh::kept(place.clone(), name.clone(), browser));
        let session = provider.resume(subject, RefreshToken::new(token), keep.clone());
        *self.held() = Some(Held { name, session, keep });
        Ok(Some(()))
    }

    /// The files of the person are open: what is to outlive the program goes where their key is.
    pub(super) async fn settle(&self, session: &Session, in_keyring: bool) {
        let keep =
            self.held().as_ref().filter(|held| held.name == session.token).map(|held| held.keep.clone());
        if let Some(keep) = keep.filter(|_| in_keyring && self.stays_signed_in())
            && let Err(error) = keep.settle().await
        {
            tracing::warn!(%error, "The next start asks for a new sign-in.");
        }
    }

    /// Nobody is signed in at the provider any more, as far as this program goes; what of it the provider is still to
    /// be told is told behind everybody's back. `goodbye` opens the provider's page where the browser remembers too.
    pub(super) fn leave_provider(self: &Arc<Self>, goodbye: bool) {
        let Some(held) = self.held().take() else { return };
        let inner = self.clone();
        tokio::spawn(async move {
            let left = held.session.sign_out().await;
            tracing::info!(revocation = ?left.revocation, "The session at the sign-in service is given up.");
            // Where the provider did not answer, its page will not open either.
            let answered = !matches!(left.revocation, Revocation::NotDone(_));
            if let Some(page) = left.browser.filter(|_| goodbye && answered && held.keep.by_browser)
                && let Err(error) = inner.surroundings.browser.open(page.as_str())
            {
                tracing::warn!(%error, "The sign-in service's own sign-out was not shown.");
            }
        });
    }
}

/// The provider that the settings name. An error names the setting.
pub(super) fn provider(settings: &Settings, given: &Surroundings) -> Result<Option<Provider>, String> {
    let Some(oidc) = &settings.oidc else { return Ok(None) };
    let provider = Provider::new(oidc.clone(), sign_in_surroundings(given));
    provider.map(Some).map_err(|error| format!("CHATEHR_OIDC_ISSUER: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use axum::{
        Json, Router,
        http::{HeaderMap, StatusCode},
        routing::{get, post},
    };
    use chatehr_client::{ClientError, Config};
    use serde_json::json;

    use super::*;

    /// A keyring that takes everything.
    struct Taken;

    impl Keep for Taken {
        fn keep<'a>(&'a self, _: &'a str, _: &'a RefreshToken) -> Waiting<'a, Result<(), NotKept>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn forget<'a>(&'a self, _: &'a str) -> Waiting<'a, Result<(), NotKept>> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    /// A provider and a ChatEHR in one. The first token is refused from the beginning; every refresh brings another,
    /// and `good` says which one is taken. How often each was asked.
    async fn both(good: &'static str) -> (String, Arc<AtomicUsize>, Arc<AtomicUsize>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (refreshes, questions) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (issuer, refreshed, asked) = (url.clone(), refreshes.clone(), questions.clone());
        let discovery = json!({
            "issuer": issuer, "jwks_uri": format!("{issuer}/keys"),
            "authorization_endpoint": format!("{issuer}/a"), "token_endpoint": format!("{issuer}/token"),
        });
        let token = async move || {
            let number = refreshed.fetch_add(1, Ordering::SeqCst) + 1;
            // Long enough for everybody to ask meanwhile.
            tokio::time::sleep(Duration::from_millis(300)).await;
            Json(json!({
                "access_token": format!("access-{number}"), "token_type": "Bearer", "expires_in": 300,
                "refresh_token": format!("refresh-{number}"),
            }))
        };
        let session = async move |headers: HeaderMap| {
            asked.fetch_add(1, Ordering::SeqCst);
            if headers["authorization"] == format!("Bearer {good}") {
                Ok(Json(json!({ "id": "physician-12", "role": "physician" })))
            } else {
                Err(StatusCode::UNAUTHORIZED)
            }
        };
        let health = json!({
            "service": "ChatEHR", "version": "1", "timestamp": "2026-11-23T09:42:00Z", "status": "healthy"
        });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(discovery)))
            .route("/token", post(token))
            .route("/v1/health", get(async move || Json(health)))
            .route("/v1/session", get(session));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (url, refreshes, questions)
    }

    fn resumed(issuer: &str) -> chatehr_sign_in::Session {
        let surroundings = chatehr_sign_in::Surroundings {
            clock: Arc::new(|| chatehr_contract::Timestamp::from_millis(0)),
            sleep: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
            random: Arc::new(|_| Ok(())),
        };
        let provider =
            Provider::new(chatehr_sign_in::Settings::new(issuer, "desktop"), surroundings).unwrap();
        provider.resume("physician-12", RefreshToken::new("refresh-0"), Arc::new(Taken))
    }

    fn server(url: &str, session: &chatehr_sign_in::Session) -> SignedIn {
        let tokens =
            PersonsTokens { session: session.clone(), inner: Weak::new(), failed: AtomicBool::new(false) };
        Client::new(Config::new(format!("{url}/v1"))).unwrap().with_tokens(Arc::new(tokens))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_hundred_refused_requests_make_one_refresh() {
        let (url, refreshes, questions) = both("access-2").await;
        let session = resumed(&url);
        // The first is had by one refresh, and is refused everywhere.
        session.access_token().await.unwrap();
        assert_eq!(refreshes.load(Ordering::SeqCst), 1);
        let server = server(&url, &session);
        let asking = (0..100).map(|_| server.whoami());
        for answer in futures_util::future::join_all(asking).await {
            assert_eq!(answer.unwrap().id.as_str(), "physician-12");
        }
        assert_eq!(refreshes.load(Ordering::SeqCst), 2);
        assert!(questions.load(Ordering::SeqCst) <= 200, "each was sent at most twice");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_that_is_refused_twice_is_not_sent_a_third_time() {
        let (url, refreshes, questions) = both("none").await;
        let session = resumed(&url);
        assert_eq!(server(&url, &session).whoami().await, Err(ClientError::SignedOut));
        assert_eq!((refreshes.load(Ordering::SeqCst), questions.load(Ordering::SeqCst)), (2, 2));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_provider_that_is_away_ends_no_session() {
        let (url, ..) = both("access-1").await;
        let session = resumed("http://127.0.0.1:9");
        let answer = server(&url, &session).whoami().await;
        assert_eq!(answer, Err(ClientError::SignInUnavailable));
        assert!(ClientError::SignInUnavailable.is_transient());
    }

    /// None without a keyring.
    fn place(service: &str) -> Option<Arc<RefreshEntry>> {
        std::env::var_os("CHATEHR_TEST_KEYRING")?;
        let (keyring, entry) = (Keyring::new(service), "refresh:test".to_owned());
        let (issuer, owner, last) = ("https://login.example".to_owned(), Arc::default(), Mutex::default());
        Some(Arc::new(RefreshEntry { keyring, entry, issuer, owner, last }))
    }

    fn held_by(place: &RefreshEntry) -> Option<String> {
        // A keyring that is busy answers a moment later.
        let mut asked = (0..10).map(|_| place.keyring.get(&place.entry));
        let text = asked.find(Result::is_ok).expect("the keyring answers").unwrap()?;
        Some(serde_json::from_str::<Stored>(&text).unwrap().token)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_late_refresh_of_a_session_that_was_replaced_or_left_is_not_kept() {
        let Some(place) = place("chatehr-test-late-refresh") else { return };
        let session = |name: &str| KeptRefresh::undecided(place.clone(), name.to_owned(), true);
        let token = |text: &str| RefreshToken::new(text.to_owned());
        let (former, later) = (session("clinic:1"), session("clinic:2"));
        former.keep("physician-12", &token("first")).await.unwrap();
        former.settle().await.unwrap();
        former.keep("physician-12", &token("second")).await.unwrap();
        assert_eq!(held_by(&place).as_deref(), Some("second"));
        // A sign-in that is not decided yet replaces nothing.
        later.keep("physician-12", &token("third")).await.unwrap();
        former.keep("physician-12", &token("fourth")).await.unwrap();
        assert_eq!(held_by(&place).as_deref(), Some("fourth"));
        later.settle().await.unwrap();
        former.keep("physician-12", &token("late")).await.unwrap_err();
        assert_eq!(held_by(&place).as_deref(), Some("third"));
        later.keep("physician-12", &token("fifth")).await.unwrap();
        assert_eq!(held_by(&place).as_deref(), Some("fifth"));
        // Nobody is signed in any more.
        place.clear().await.unwrap();
        later.keep("physician-12", &token("later still")).await.unwrap_err();
        assert_eq!(held_by(&place), None);
    }

    #[test]
    fn the_stored_form_is_a_promise() {
        let stored = Stored {
            session: "clinic:1".into(),
            issuer: "https://login.example".into(),
            subject: "physician-12".into(),
            token: "canary".into(),
            browser: true,
        };
        let text = serde_json::to_string(&stored).unwrap();
        let expected = r#"{"session":"clinic:1","issuer":"https://login.example","subject":"physician-12","token":"canary","browser":true}"#;
        assert_eq!(text, expected);
    }
}
