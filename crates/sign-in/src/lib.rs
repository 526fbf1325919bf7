//! A person signs in at an OpenID provider through the system's own browser (RFC 8252), stays signed in, and signs out.
//!
//! Promises: a [`Session`] only for the person whom the provider names in a token that it signed for this client, as the
//! answer to this very sign-in; a code that is worth nothing to whoever sees it on the way (PKCE S256), and an answer
//! that nobody else can finish (state); access tokens in memory alone, overwritten when they go, never shown; one
//! refresh for any number of callers; a dead network that ends no session and keeps nobody from signing out.
//! Refuses: an embedded web view, a client secret, PKCE `plain`, redirects, plain HTTP beyond this machine, a provider
//! whose discovery document, answer (RFC 9207) or token speaks for another issuer.
//!
//! The protocol is a handful of form posts; what is hard about it (whom to believe) lies in `chatehr-token`.
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

mod callback;
mod device;
mod error;
mod grant;
mod loopback;
mod metadata;
mod page;
mod provider;
mod secret;
mod session;
mod settings;
mod sign_out;
mod surroundings;

pub use device::DeviceSignIn;
pub use error::{Code, IdentityError, SessionError, SignInError, TokenError};
pub use provider::Provider;
pub use secret::{AccessToken, RefreshToken};
pub use session::Session;
pub use settings::{Settings, SettingsError};
pub use sign_out::{Revocation, SignedOut};
pub use surroundings::{Browser, Keep, NoBrowser, NoRandomness, NotKept, Surroundings, Waiting};
