//! Whose access token it is: bearer tokens of an OpenID provider, checked against the keys that it publishes.
//!
//! Promises: an [`Identity`] only from a token that the provider signed for us, that is valid now, and that names
//! one person in one role; keys that follow the provider's rotation without a restart; a provider that is down for a
//! while signs nobody out; a token seen before costs microseconds and is still refused once its key is withdrawn.
//! Refuses: every algorithm but RS256 and ES256 (RFC 8725, section 3.1), keys that a token brings or points to,
//! tokens that were issued for something else, a person without an id. There is no "no filter".
//!
//! What keeps an ID token, which the same provider signs with the same key, from passing as an access token
//! (RFC 8725, section 3.12): `aud` must name this API, and an ID token's names the program that signed in, so the
//! audience to configure is the API's own and never a client's id. Should it be a client's after all: a `typ` in the
//! header must be `at+jwt` (RFC 9068) or the plain `JWT` that many providers write; a token without `at+jwt` needs a
//! claim that access tokens alone have (`client_id`, `scope`, `scp`, `cid`, `appid`, or `Bearer` in a claim `typ`); and
//! a claim that only ID and logout tokens have (`nonce`, `at_hash`, `c_hash`, `events`, another word in `typ`) is
//! refused with whatever else.
//!
//! The other way about, [`IdTokens`] checks the ID token of a sign-in for the program that asked for it, over the same
//! envelope and keys, and takes no access token for one.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod channel;
mod claims;
mod envelope;
mod error;
mod id_token;
mod identity;
mod key_set;
mod keys;
mod remembered;
mod settings;
mod verifier;

pub use channel::{Answer, Channel};
pub use error::{CheckError, FetchError, Refusal, Unavailable};
pub use id_token::{Expected, IdToken, IdTokens, Nonce};
pub use identity::Identity;
pub use settings::{ClaimNames, Settings, SettingsError};
pub use verifier::Verifier;
