//! Who has signed in: the ID token that answers a sign-in of ours (OpenID Connect Core, section 3.1.3.7).
//!
//! Promises: a subject only from a token that the provider signed for this client, now, as the answer to this sign-in
//! and with this access token. Refuses an access token, whatever it says of its audience.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chatehr_contract::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    channel::Channel,
    claims::{self, Times},
    envelope::Envelope,
    error::{CheckError, Refusal},
    identity,
    keys::{Clock, Keys},
    settings::{Settings, SettingsError},
};

/// What an ID token has to match.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The nonce that went out.
    pub nonce: Nonce<'a>,
    /// The access token that came with it; a token without `at_hash` passes (it is optional with a code).
    pub access_token: &'a str,
}

/// What is known of the nonce.
#[derive(Clone, Copy)]
pub enum Nonce<'a> {
    /// A sign-in's answer must bear it.
    Exactly(&'a str),
    /// A refresh's answer may leave it out and must not change it (OpenID Connect Core, section 12.2).
    AtMost(&'a str),
    /// None was sent (RFC 8628 has none), or it is no longer known.
    Any,
}

/// Who has signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct IdToken {
    /// The account (`sub`).
    pub subject: String,
    /// The session at the provider (`sid`), where the token tells.
    pub session: Option<String>,
    /// When the person last showed who they are (`auth_time`), where the token tells.
    pub auth_time: Option<Timestamp>,
}

/// Checks the ID tokens of one provider for one client.
pub struct IdTokens {
    settings: Settings,
    clock: Clock,
    keys: Arc<Keys>,
}

impl IdTokens {
    /// Checks the settings, whose audience is here the client's id. Nothing is sent yet.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn new(
        settings: Settings,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let clock: Clock = Arc::new(clock);
        let keys = Keys::new(Channel::new(&settings)?, Arc::clone(&clock), &settings);
        Ok(Self { settings, clock, keys })
    }

    /// Who signed in. Runs within tokio; waits for the network when keys are due.
    ///
    /// # Errors
    /// As [`Verifier::check`](crate::Verifier::check).
    pub async fn check(&self, token: &str, expected: &Expected<'_>) -> Result<IdToken, CheckError> {
        let envelope = Envelope::open(token)?;
        let key = self.keys.key(&envelope, self.keys.current().await?).await?;
        let claims = envelope.verify(&key)?;
        is_meant_for_us(&claims, envelope.typed, &self.settings)?;
        let times = Times::read(&claims)?;
        times.issued.ok_or(Refusal::NotAnIdToken)?;
        times.check((self.clock)(), &self.settings)?;
        expected.check(&claims)?;
        let text = |name| claims.get(name).and_then(identity::id).map(str::to_owned);
        Ok(IdToken {
            subject: text("sub").ok_or(Refusal::NotAnIdToken)?,
            session: text("sid"),
            auth_time: claims::instant(&claims, "auth_time")?,
        })
    }
}

fn is_meant_for_us(claims: &Map<String, Value>, typed: bool, settings: &Settings) -> Result<(), Refusal> {
    claims::from_our_issuer_to_us(claims, settings)?;
    // Keycloak's word for an ID token; whatever else calls itself something is something else.
    let other = claims.get("typ").is_some_and(|typ| typ != "ID") || claims.contains_key("events");
    if typed || other {
        return Err(Refusal::NotAnIdToken);
    }
    let alone = claims.get("aud").and_then(Value::as_array).is_none_or(|audiences| audiences.len() == 1);
    match claims.get("azp") {
        None if alone => Ok(()),
        Some(Value::String(party)) if settings.audiences.contains(party) => Ok(()),
        _ => Err(Refusal::AuthorizedParty),
    }
}

impl Expected<'_> {
    fn check(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let nonce = claims.get("nonce");
        let same = match self.nonce {
            Nonce::Exactly(sent) => nonce.and_then(Value::as_str) == Some(sent),
            Nonce::AtMost(sent) => nonce.is_none_or(|nonce| nonce == sent),
            Nonce::Any => true,
        };
        if !same {
            return Err(Refusal::Nonce);
        }
        // Both algorithms that we accept hash with SHA-256; the left half counts.
        let digest = Sha256::digest(self.access_token.as_bytes());
        let hash = digest.get(..16).map(|half| URL_SAFE_NO_PAD.encode(half));
        if claims.get("at_hash").is_some_and(|at_hash| at_hash.as_str() != hash.as_deref()) {
            return Err(Refusal::AccessTokenHash);
        }
        Ok(())
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdToken").field("auth_time", &self.auth_time).finish_non_exhaustive()
    }
}

impl fmt::Debug for IdTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokens").field("issuer", &self.settings.issuer).finish_non_exhaustive()
    }
}
