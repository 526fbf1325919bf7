//! A person who is signed in: access tokens as long as the provider gives them.
//!
//! Promises: one refresh at a time, whoever asks and however many, and all of them get its outcome; it runs as a task of
//! its own, because a caller who hangs up must not lose the next refresh token; that token is kept before it is used
//! (RFC 9700, section 4.14.2), since a rotated one that only memory holds would end the session at the next start. A
//! network that is down ends nothing; the provider's `invalid_grant` ends everything, here and in the keyring.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chatehr_contract::Timestamp;
use chatehr_token::{Expected, IdToken, Nonce};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, select},
};

use crate::{
    error::{Code, IdentityError, SessionError, SignInError, TokenError},
    grant::Tokens,
    provider::Provider,
    secret::{AccessToken, RefreshToken, Secret},
    surroundings::{Keep, NotKept, Waiting},
};

/// How long before its end an access token is no longer handed out, so that it arrives while it is good; a quarter of
/// its life if that is less.
const MARGIN: Duration = Duration::from_secs(30);

/// By how many seconds the provider's clock may be behind ours when it says that somebody has just shown who they are.
const FRESH_SKEW: i64 = 60;

/// How long the keyring may take.
const KEEPING: Duration = Duration::from_secs(10);

/// A person's session. Cheap to clone; all clones are one session.
#[derive(Clone)]
pub struct Session(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) provider: Provider,
    pub(crate) subject: String,
    auth_time: Option<Timestamp>,
    nonce: Option<Secret>,
    pub(crate) keep: Option<Arc<dyn Keep>>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) access: Option<Access>,
    pub(crate) refresh: Option<Refresh>,
    pub(crate) running: Option<Running>,
    pub(crate) over: bool,
}

pub(crate) struct Access {
    pub(crate) token: AccessToken,
    /// From when on it is not handed out.
    stale: Option<Timestamp>,
}

#[derive(Clone)]
pub(crate) struct Refresh {
    pub(crate) token: RefreshToken,
    /// Whether it is where it has to be before it is used.
    kept: bool,
}

type Running = Shared<BoxFuture<'static, Result<AccessToken, SessionError>>>;

impl Session {
    /// Checks who it is, keeps what is to be kept. The session holds even if it could not be kept; see
    /// [`Session::is_kept`].
    pub(crate) async fn begin(
        provider: Provider,
        tokens: Tokens,
        nonce: Option<Secret>,
        keep: Option<Arc<dyn Keep>>,
        since: Option<Timestamp>,
    ) -> Result<Self, SignInError> {
        let expected = nonce.as_ref().map_or(Nonce::Any, |nonce| Nonce::Exactly(nonce.expose()));
        let token = tokens.id_token.as_ref().ok_or(SignInError::Identity(IdentityError::Missing))?;
        let expected = Expected { nonce: expected, access_token: tokens.access.expose() };
        let who = provider.id_tokens().check(token.expose(), &expected).await;
        let IdToken { subject, auth_time, .. } = who.map_err(|error| SignInError::Identity(error.into()))?;
        // A provider that remembers the person and was told not to go by it may do so all the same.
        if since.is_some_and(|since| auth_time.is_none_or(|at| at < since.plus_seconds(-FRESH_SKEW))) {
            return Err(SignInError::Identity(IdentityError::NotFresh));
        }
        let access = Access::new(&tokens, provider.now());
        let state = State { access: Some(access), ..State::default() };
        let session =
            Self(Arc::new(Inner { provider, subject, auth_time, nonce, keep, state: Mutex::new(state) }));
        if let Some(token) = tokens.refresh {
            session.0.adopt(token).await;
        }
        Ok(session)
    }

    pub(crate) fn resume(
        provider: Provider,
        subject: String,
        token: RefreshToken,
        keep: Arc<dyn Keep>,
    ) -> Self {
        let state = State { refresh: Some(Refresh { token, kept: true }), ..State::default() };
        Self(Arc::new(Inner {
            provider,
            subject,
            auth_time: None,
            nonce: None,
            keep: Some(keep),
            state: Mutex::new(state),
        }))
    }

    /// The person's account at the provider (`sub`).
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// When the person showed who they are, by the provider's clock, where its word at the sign-in said so.
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.0.auth_time
    }

    /// Whether the provider has ended it: it no longer takes what the session lives on.
    pub fn is_over(&self) -> bool {
        self.0.state().over
    }

    /// Whether the next start can go on with this session.
    pub fn is_kept(&self) -> bool {
        self.0.keep.is_some() && self.0.state().refresh.as_ref().is_some_and(|refresh| refresh.kept)
    }

    /// A token that is good by our clock; the network is asked only when there is none.
    ///
    /// # Errors
    /// [`SessionError::Over`] asks for a new sign-in; after any other error the session goes on.
    pub async fn access_token(&self) -> Result<AccessToken, SessionError> {
        self.token(None).await
    }

    /// A token in place of one that was refused with 401. Any number of callers whose requests were refused at once
    /// make one refresh.
    ///
    /// # Errors
    /// As [`Session::access_token`].
    pub async fn access_token_after(&self, refused: &AccessToken) -> Result<AccessToken, SessionError> {
        self.token(Some(refused)).await
    }

    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, SessionError> {
        let refresh = {
            let mut state = self.0.state();
            if state.over {
                return Err(SessionError::Over);
            }
            match &state.access {
                Some(access) if access.serves(self.0.provider.now(), refused) => {
                    return Ok(access.token.clone());
                }
                _ => {}
            }
            self.refresh(&mut state)?
        };
        refresh.await
    }

    /// The refresh that is running, or a new one.
    fn refresh(&self, state: &mut State) -> Result<Running, SessionError> {
        // One that ended without settling was cut off, by a panic or the runtime's end.
        if let Some(running) = state.running.as_ref().filter(|running| running.peek().is_none()) {
            return Ok(running.clone());
        }
        let refresh = state.refresh.clone().ok_or(SessionError::Over)?;
        let inner = Arc::clone(&self.0);
        let task = tokio::spawn(async move {
            let outcome = inner.renew(refresh).await;
            inner.state().running = None;
            outcome
        });
        let running = task.map(|ended| ended.unwrap_or(Err(SessionError::Interrupted))).boxed().shared();
        state.running = Some(running.clone());
        Ok(running)
    }
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renew(&self, Refresh { token, kept }: Refresh) -> Result<AccessToken, SessionError> {
        if !kept {
            self.put_away(&token).await?;
        }
        let metadata = self.provider.metadata().await.map_err(SessionError::Unavailable)?;
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        let mut tokens = match self.provider.grant(&metadata, &form).await {
            Ok(tokens) => tokens,
            Err(TokenError::Refused(Code::InvalidGrant)) => {
                tracing::info!("the identity provider ended the session");
                return Err(self.end().await);
            }
            Err(error) => {
                self.provider.doubt(&error);
                return Err(SessionError::Unavailable(error));
            }
        };
        // First of all: the old one is used up.
        if let Some(token) = tokens.refresh.take() {
            self.adopt(token).await;
        }
        match self.is_the_same_person(&tokens).await {
            Ok(()) => {}
            // A clock that is wrong for a while is no reason to throw a session away.
            Err(IdentityError::Check(error)) => return Err(SessionError::Identity(error)),
            Err(error) => {
                tracing::error!(%error, "a refresh brought somebody else's tokens");
                return Err(self.end().await);
            }
        }
        let access = Access::new(&tokens, self.provider.now());
        let mut state = self.state();
        if state.over {
            return Err(SessionError::Over);
        }
        state.access = Some(access);
        Ok(tokens.access)
    }

    /// A refresh may bring a new ID token (OpenID Connect Core, section 12.2).
    async fn is_the_same_person(&self, tokens: &Tokens) -> Result<(), IdentityError> {
        let Some(token) = &tokens.id_token else { return Ok(()) };
        let nonce = self.nonce.as_ref().map_or(Nonce::Any, |nonce| Nonce::AtMost(nonce.expose()));
        let expected = Expected { nonce, access_token: tokens.access.expose() };
        let who = self.provider.id_tokens().check(token.expose(), &expected).await?;
        if who.subject == self.subject { Ok(()) } else { Err(IdentityError::OtherPerson) }
    }

    /// Takes a new refresh token and tries to keep it. Where that fails, it is tried again before the next use.
    async fn adopt(&self, token: RefreshToken) {
        self.state().refresh = Some(Refresh { token: token.clone(), kept: false });
        if let Err(error) = self.put_away(&token).await {
            tracing::warn!(%error, "the session goes on, but a restart would end it");
        }
    }

    async fn put_away(&self, token: &RefreshToken) -> Result<(), NotKept> {
        if let Some(keep) = &self.keep {
            self.bounded(keep.keep(&self.subject, token)).await?;
        }
        if let Some(refresh) = &mut self.state().refresh {
            refresh.kept = true;
        }
        Ok(())
    }

    async fn end(&self) -> SessionError {
        *self.state() = State { over: true, ..State::default() };
        if let Err(error) = self.forget().await {
            tracing::warn!(%error, "a refresh token that opens nothing is left behind");
        }
        SessionError::Over
    }

    pub(crate) async fn forget(&self) -> Result<(), NotKept> {
        match &self.keep {
            Some(keep) => self.bounded(keep.forget(&self.subject)).await,
            None => Ok(()),
        }
    }

    async fn bounded(&self, keeping: Waiting<'_, Result<(), NotKept>>) -> Result<(), NotKept> {
        match select(keeping, self.provider.sleep(KEEPING)).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => Err(NotKept("it took too long".to_owned())),
        }
    }
}

impl Access {
    fn new(tokens: &Tokens, now: Timestamp) -> Self {
        let good = |life: Duration| i64::try_from((life - MARGIN.min(life / 4)).as_millis()).ok();
        let stale = tokens
            .life
            .and_then(good)
            .map(|millis| Timestamp::from_millis(now.millis().saturating_add(millis)));
        Self { token: tokens.access.clone(), stale }
    }

    fn serves(&self, now: Timestamp, refused: Option<&AccessToken>) -> bool {
        self.stale.is_none_or(|stale| now < stale)
            && refused.is_none_or(|refused| refused.expose() != self.token.expose())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(…)")
    }
}
