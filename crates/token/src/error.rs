//! Why a token does not open the door. None of it holds the token or anything that stood in it: it goes to logs.

use std::sync::Arc;

/// No identity came of it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CheckError {
    /// The token is not good: 401.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The token cannot be judged now: 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// More than 16 KiB.
    #[error("the token is too large")]
    TooLarge,
    /// Not three parts of base64url with JSON inside, or a claim of the wrong shape.
    #[error("the token is malformed")]
    Malformed,
    /// It asks for a header to be understood, and we understand none (RFC 7515, section 4.1.11).
    #[error("the token has critical headers")]
    CriticalHeader,
    /// `typ` names something other than an access token (RFC 8725, section 3.11).
    #[error("the token is of another type")]
    Type,
    /// Neither RS256 nor ES256, or not what the named key is for.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// Names no key while the provider has several of its kind.
    #[error("the token does not name its key")]
    NoKeyId,
    /// The provider publishes several keys under the token's key id.
    #[error("the provider has several keys of that name")]
    AmbiguousKey,
    /// The provider does not publish that key, or it is one that we do not accept.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// Not signed by that key, or changed since.
    #[error("the signature is wrong")]
    Signature,
    /// Issued by somebody else.
    #[error("the token is from another issuer")]
    Issuer,
    /// Meant for somebody else (RFC 7519, section 4.1.3).
    #[error("the token is for another audience")]
    Audience,
    /// Bears the marks of an ID or logout token, or none of an access token.
    #[error("the token is not an access token")]
    NotAnAccessToken,
    /// Bears the marks of an access or logout token, or lacks `sub` or `iat`.
    #[error("the token is not an ID token")]
    NotAnIdToken,
    /// Given to another client (`azp`; OpenID Connect Core, section 3.1.3.7).
    #[error("the token was issued to another client")]
    AuthorizedParty,
    /// An answer to another sign-in.
    #[error("the token's nonce is not this sign-in's")]
    Nonce,
    /// `at_hash` is another access token's (OpenID Connect Core, section 3.1.3.8).
    #[error("the token does not belong to the access token")]
    AccessTokenHash,
    /// Good only with proof of a key that a bearer does not give (RFC 7800, `cnf`).
    #[error("the token is bound to a key of its holder")]
    HolderOfKey,
    /// Without `exp`.
    #[error("the token never expires")]
    NoExpiry,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Valid for longer than an access token may be.
    #[error("the token is valid for too long")]
    TooLongLived,
    /// No role at all.
    #[error("the token names no role")]
    NoRole,
    /// Only roles that mean nothing here.
    #[error("the token names no role of ours")]
    UnknownRole,
    /// Two or more of our roles.
    #[error("the token names several roles")]
    ConflictingRoles,
    /// The claim that the role's person is read from is missing, empty or no id.
    #[error("the token names no person")]
    NoPerson,
}

/// The provider's keys cannot be had, and none that could decide are held.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the identity provider's keys are not available")]
pub struct Unavailable(#[source] pub(crate) Arc<FetchError>);

impl Unavailable {
    /// What went wrong.
    pub fn cause(&self) -> &FetchError {
        &self.0
    }
}

/// Why the provider did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer, or none in time.
    #[error("the identity provider could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Anything but 200; a redirect is not followed.
    #[error("the identity provider answered with status {0}")]
    Status(u16),
    /// More than 256 KiB.
    #[error("the identity provider's answer is too large")]
    TooLarge,
    /// Not the document that was asked for.
    #[error("the identity provider's answer is not the document asked for")]
    NotTheDocument(#[source] serde_json::Error),
    /// The discovery document speaks for another issuer (OpenID Connect Discovery, section 4.3).
    #[error("the discovery document is of another issuer")]
    OtherIssuer,
    /// An address in the discovery document where others could read or change what is sent.
    #[error("an address of the identity provider is not https")]
    Address,
    /// The program is stopping.
    #[error("the fetch was interrupted")]
    Interrupted,
}
