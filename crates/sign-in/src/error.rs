//! Why a sign-in, a refresh or a sign-out came to nothing. None of it holds a token, an address or a provider's words.

use std::{fmt, sync::Arc};

use chatehr_token::{CheckError, FetchError};
use serde::{
    Deserialize,
    de::{IntoDeserializer, value::StrDeserializer},
};

use crate::surroundings::{NoBrowser, NoRandomness, NotKept};

/// Nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider cannot be asked, or its answer is none.
    #[error("the identity provider could not be asked")]
    Provider(#[from] TokenError),
    /// The provider lists how it accepts PKCE, and S256 is not among it (RFC 8414, section 2). Plain is never sent.
    #[error("the identity provider does not accept PKCE with S256")]
    NoS256,
    /// The provider names no address for signing in on a second device.
    #[error("the identity provider offers no sign-in by code")]
    NoDeviceCodes,
    /// No state, nonce or verifier.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// Nothing on this computer could wait for the browser.
    #[error("no port of this computer could be opened for the browser's return")]
    Port(#[source] Arc<std::io::Error>),
    /// The browser did not start.
    #[error(transparent)]
    Browser(#[from] NoBrowser),
    /// The browser did not come back in time, or the code was not used in time.
    #[error("the sign-in was not finished in time")]
    TimedOut,
    /// The person or the provider said no.
    #[error("the sign-in was declined")]
    Denied,
    /// The provider refused to ask the person at all.
    #[error("the identity provider refused: {0}")]
    Refused(Code),
    /// The answer came from another provider than the one that was asked (RFC 9207, section 2.4).
    #[error("the answer is from another identity provider")]
    OtherIssuer,
    /// The provider's word on who signed in is missing, not to be believed, or not to be judged now.
    #[error("the identity provider's word on who signed in cannot be used")]
    Identity(#[source] IdentityError),
}

/// Why an ID token does not say who it is.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is none, though `openid` was asked for.
    #[error("there is no ID token")]
    Missing,
    /// It is not good, or its keys are not to be had.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// It does not say that the person has just shown who they are, though that was asked for.
    #[error("the person did not show again who they are")]
    NotFresh,
    /// A refresh speaks of somebody else.
    #[error("the ID token is about another person")]
    OtherPerson,
}

/// No access token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SessionError {
    /// The session is over: signed out, or the provider takes the refresh token no longer. Only a new sign-in helps.
    #[error("the session is over")]
    Over,
    /// The provider could not be asked or did not answer as it should. The session goes on; try again.
    #[error("the session could not be renewed now")]
    Unavailable(#[source] TokenError),
    /// The next refresh token could not be kept and is not used before it is. The session goes on; try again.
    #[error(transparent)]
    NotKept(#[from] NotKept),
    /// The answer's word on who this is cannot be believed, or its keys are not available. Nothing of the answer is used
    /// but the next refresh token. The session goes on; try again.
    #[error("the identity provider's word on who this is cannot be used")]
    Identity(#[source] CheckError),
    /// The program is stopping.
    #[error("the refresh was interrupted")]
    Interrupted,
}

/// An endpoint of the provider did not give what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// No answer, none in time, or one that is not the protocol's.
    #[error("the identity provider could not be reached")]
    Unavailable(#[source] Arc<FetchError>),
    /// A refusal (RFC 6749, section 5.2).
    #[error("the identity provider refused: {0}")]
    Refused(Code),
    /// A good status, and not a token of the kind that was asked for.
    #[error("the identity provider's answer cannot be used: {0}")]
    BadAnswer(&'static str),
}

impl From<FetchError> for TokenError {
    fn from(error: FetchError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

/// What a provider says no with (RFC 6749, sections 4.1.2.1 and 5.2; RFC 8628, section 3.5; OpenID Connect Core,
/// section 3.1.2.6). Its description is the provider's text and is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the protocol's own words")]
pub enum Code {
    AccessDenied,
    AuthorizationPending,
    ConsentRequired,
    ExpiredToken,
    InteractionRequired,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    LoginRequired,
    ServerError,
    SlowDown,
    TemporarilyUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    UnsupportedTokenType,
    /// A word of the provider's own.
    #[serde(other)]
    Other,
}

impl Code {
    pub(crate) fn read(word: &str) -> Self {
        let word: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
        Self::deserialize(word).unwrap_or(Self::Other)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
