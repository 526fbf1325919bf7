//! The provider that people sign in at: the way through the browser, from the click to the session.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chatehr_contract::Timestamp;
use chatehr_token::{Channel, FetchError, IdTokens};
use futures_util::future::{Either, select};

use crate::{
    callback::Callback,
    device::DeviceSignIn,
    error::{Code, SignInError, TokenError},
    grant::{self, Tokens},
    loopback::Loopback,
    metadata::Metadata,
    page::Page,
    secret::{RefreshToken, Secret},
    session::Session,
    settings::{Settings, SettingsError},
    surroundings::{Browser, Keep, Surroundings, Waiting},
};

/// One provider. Cheap to clone.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: Settings,
    surroundings: Surroundings,
    channel: Channel,
    id_tokens: IdTokens,
    metadata: Mutex<Option<Arc<Metadata>>>,
}

/// What this sign-in alone knows. The verifier goes to the token endpoint and nowhere else.
struct Proof {
    state: Secret,
    nonce: Secret,
    verifier: Secret,
}

impl Provider {
    /// Checks the settings. Nothing is sent yet.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn new(settings: Settings, surroundings: Surroundings) -> Result<Self, SettingsError> {
        let clock = Arc::clone(&surroundings.clock);
        let channel = Channel::new(&settings.for_tokens())?;
        let id_tokens = IdTokens::new(settings.for_tokens(), move || clock())?;
        Ok(Self(Arc::new(Inner { settings, surroundings, channel, id_tokens, metadata: Mutex::default() })))
    }

    /// Signs a person in with their browser. With `keep` the provider is asked for a session that outlives this
    /// program; without it nothing is left behind. Drop the future to cancel: the port is free at once.
    ///
    /// # Errors
    /// See [`SignInError`]; nothing is kept then.
    pub async fn sign_in(
        &self,
        browser: &dyn Browser,
        keep: Option<Arc<dyn Keep>>,
    ) -> Result<Session, SignInError> {
        self.sign_in_through(browser, keep, None).await
    }

    /// The same, but the person shows who they are now, whatever the provider remembers of them (OpenID Connect Core,
    /// section 3.1.2.1: `prompt=login`, `max_age=0`). Believed only where the provider's word says when that was.
    ///
    /// # Errors
    /// [`IdentityError::NotFresh`](crate::IdentityError::NotFresh) for a provider that did not ask; see
    /// [`SignInError`].
    pub async fn sign_in_anew(
        &self,
        browser: &dyn Browser,
        keep: Option<Arc<dyn Keep>>,
    ) -> Result<Session, SignInError> {
        self.sign_in_through(browser, keep, Some(self.now())).await
    }

    async fn sign_in_through(
        &self,
        browser: &dyn Browser,
        keep: Option<Arc<dyn Keep>>,
        since: Option<Timestamp>,
    ) -> Result<Session, SignInError> {
        let metadata = self.discover().await?;
        if !metadata.s256 {
            return Err(SignInError::NoS256);
        }
        let proof = Proof::new(&self.0.surroundings)?;
        let door = Loopback::open().await.map_err(|error| SignInError::Port(Arc::new(error)))?;
        let redirect = door.redirect_uri();
        browser.open(&self.address(&metadata, &proof, &redirect, keep.is_some(), since.is_some()))?;
        let waiting = std::pin::pin!(door.wait(&proof.state));
        let (callback, browsing) = match select(waiting, self.sleep(self.0.settings.patience)).await {
            Either::Left((back, _)) => back,
            Either::Right(_) => return Err(SignInError::TimedOut),
        };
        let outcome = self.finish(&metadata, callback, &proof, &redirect, keep, since).await;
        browsing
            .show(match &outcome {
                Ok(_) => Page::SignedIn,
                Err(SignInError::Denied) => Page::Declined,
                Err(_) => Page::Failed,
            })
            .await;
        outcome
    }

    /// Begins a sign-in on a second device (RFC 8628), for a screen without a keyboard or a browser.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn sign_in_elsewhere(&self, keep: Option<Arc<dyn Keep>>) -> Result<DeviceSignIn, SignInError> {
        let metadata = self.discover().await?;
        DeviceSignIn::begin(self.clone(), metadata, keep, None).await
    }

    /// The same, believed only where the person shows who they are after this.
    ///
    /// # Errors
    /// As for [`Provider::sign_in_anew`]; it shows when the waiting ends.
    pub async fn sign_in_elsewhere_anew(
        &self,
        keep: Option<Arc<dyn Keep>>,
    ) -> Result<DeviceSignIn, SignInError> {
        let since = self.now();
        let metadata = self.discover().await?;
        DeviceSignIn::begin(self.clone(), metadata, keep, Some(since)).await
    }

    /// Goes on with a session that was kept. Nothing is sent before an access token is asked for; whether the session
    /// still holds shows then.
    pub fn resume(&self, subject: impl Into<String>, token: RefreshToken, keep: Arc<dyn Keep>) -> Session {
        Session::resume(self.clone(), subject.into(), token, keep)
    }

    /// The address for the browser (RFC 6749, section 4.1.1; RFC 7636, section 4.3; OpenID Connect Core, section
    /// 3.1.2.1). What stands in the provider's own address stays.
    fn address(&self, metadata: &Metadata, proof: &Proof, redirect: &str, keep: bool, anew: bool) -> String {
        let settings = &self.0.settings;
        let mut address = metadata.authorization.clone();
        {
            let mut query = address.query_pairs_mut();
            query.extend_pairs([
                ("response_type", "code"),
                ("client_id", &settings.client_id),
                ("redirect_uri", redirect),
                ("scope", &self.scope(keep)),
                ("state", proof.state.expose()),
                ("nonce", proof.nonce.expose()),
                ("code_challenge", &proof.verifier.hashed()),
                ("code_challenge_method", "S256"),
            ]);
            if let Some(resource) = &settings.resource {
                query.append_pair("resource", resource);
            }
            if anew {
                query.append_pair("max_age", "0");
            }
            // Without consent `offline_access` counts for nothing (OpenID Connect Core, section 11).
            let prompt: Vec<&str> =
                anew.then_some("login").into_iter().chain(keep.then_some("consent")).collect();
            if !prompt.is_empty() {
                query.append_pair("prompt", &prompt.join(" "));
            }
        }
        address.into()
    }

    /// From the browser's return to the session.
    async fn finish(
        &self,
        metadata: &Metadata,
        callback: Callback,
        proof: &Proof,
        redirect: &str,
        keep: Option<Arc<dyn Keep>>,
        since: Option<Timestamp>,
    ) -> Result<Session, SignInError> {
        // Before anything else in the answer counts (RFC 9207, section 2.4).
        match callback.issuer {
            Some(issuer) if issuer == self.0.settings.issuer => {}
            None if !metadata.names_issuer => {}
            _ => return Err(SignInError::OtherIssuer),
        }
        let code = match callback.outcome {
            Ok(code) => code,
            Err(Code::AccessDenied) => return Err(SignInError::Denied),
            Err(code) => return Err(SignInError::Refused(code)),
        };
        let tokens = self
            .grant(
                metadata,
                &[
                    ("grant_type", "authorization_code"),
                    ("code", code.expose()),
                    ("redirect_uri", redirect),
                    ("code_verifier", proof.verifier.expose()),
                ],
            )
            .await?;
        Session::begin(self.clone(), tokens, Some(proof.nonce.clone()), keep, since).await
    }

    /// Asks the token endpoint, with what every grant needs.
    pub(crate) async fn grant(
        &self,
        metadata: &Metadata,
        grant: &[(&str, &str)],
    ) -> Result<Tokens, TokenError> {
        let settings = &self.0.settings;
        let mut form = vec![("client_id", settings.client_id.as_str())];
        form.extend(settings.resource.as_deref().map(|resource| ("resource", resource)));
        form.extend(grant);
        grant::ask(&self.0.channel, &metadata.token, &form).await
    }

    pub(crate) fn scope(&self, keep: bool) -> String {
        const OFFLINE: &str = "offline_access";
        let more = self.0.settings.scopes.iter().map(String::as_str).filter(|scope| *scope != OFFLINE);
        let words: Vec<&str> = ["openid"].into_iter().chain(more).chain(keep.then_some(OFFLINE)).collect();
        words.join(" ")
    }

    /// What the provider says of itself now; remembered for the session's requests.
    async fn discover(&self) -> Result<Arc<Metadata>, TokenError> {
        let metadata = Arc::new(Metadata::fetch(&self.0.channel).await?);
        *self.0.metadata.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&metadata));
        Ok(metadata)
    }

    /// What it said when it was last asked.
    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, TokenError> {
        let known = self.0.metadata.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(metadata) => Ok(metadata),
            None => self.discover().await,
        }
    }

    /// Somebody answered, and not as a token endpoint does: it may have moved.
    pub(crate) fn doubt(&self, error: &TokenError) {
        if matches!(error, TokenError::Unavailable(cause) if matches!(**cause, FetchError::Status(_))) {
            *self.0.metadata.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.0.channel
    }

    pub(crate) fn id_tokens(&self) -> &IdTokens {
        &self.0.id_tokens
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.surroundings.clock)()
    }

    pub(crate) fn sleep(&self, time: Duration) -> Waiting<'static, ()> {
        (self.0.surroundings.sleep)(time)
    }
}

impl Proof {
    fn new(surroundings: &Surroundings) -> Result<Self, SignInError> {
        Ok(Self {
            state: Secret::random(surroundings)?,
            nonce: Secret::random(surroundings)?,
            verifier: Secret::random(surroundings)?,
        })
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.0.settings.issuer).finish_non_exhaustive()
    }
}
