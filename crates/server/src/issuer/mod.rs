//! The demonstration's own OpenID provider: its test accounts sign in as people of a hospital do, in the browser or with
//! a code on another device (`/issuer`).
//!
//! Promises: only where test accounts are offered anyway, which is on a loopback address and for invented people; keys
//! made at the start and kept nowhere; codes for one use, for the verifier that they were made for; a refresh token for
//! one use, whose second use ends the session. Refuses every client but the desktop, every return but to this machine,
//! and sign-ins without PKCE S256. It asks for no password, so it remembers nobody and asks each time.

mod authorize;
mod device;
mod key;
mod page;
mod token;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{Account, PersonId, Timestamp};
use serde_json::{Value, json};

use crate::sources::{NoRandomness, Sources};

/// Where it is on the server.
const PATH: &str = "/issuer";
/// The one client, public (RFC 8252, section 8.5).
const CLIENT: &str = "chatehr-desktop";
/// Whom its access tokens are for.
pub(crate) const AUDIENCE: &str = "https://chatehr.demonstration.invalid";
/// Seconds that a code is good for.
const CODE_SECONDS: i64 = 60;
/// Seconds that a page of the browser, or a code for another device, waits for somebody.
const PATIENCE: i64 = 600;
/// The most of each kind that is remembered; the oldest make room.
const MOST: usize = 500;

/// Parameters of a query or form.
type Asked = BTreeMap<String, String>;

/// See the module.
pub(crate) struct Issuer {
    url: String,
    accounts: Vec<Account>,
    key: key::Key,
    sources: Sources,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Sign-ins whose page is open, by their number.
    open: Remembered<Asked>,
    /// Codes on their way.
    codes: Remembered<Code>,
    devices: Remembered<device::Waiting>,
    sessions: Remembered<token::Session>,
}

/// What a code stands for.
struct Code {
    asked: Asked,
    who: Who,
}

/// Who signed in, and when.
#[derive(Clone)]
struct Who {
    account: PersonId,
    at: Timestamp,
}

/// A few things by name, each until its time.
struct Remembered<T>(Vec<(String, Timestamp, T)>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Remembered<T> {
    fn put(&mut self, name: String, until: Timestamp, what: T, now: Timestamp) {
        self.0.retain(|(_, until, _)| *until > now);
        let surplus = (self.0.len() + 1).saturating_sub(MOST);
        self.0.drain(..surplus);
        self.0.push((name, until, what));
    }

    fn get(&mut self, name: &str, now: Timestamp) -> Option<&mut T> {
        self.0.iter_mut().find(|(known, until, _)| known == name && *until > now).map(|(_, _, what)| what)
    }

    fn take(&mut self, name: &str, now: Timestamp) -> Option<T> {
        let place = self.0.iter().position(|(known, until, _)| known == name && *until > now)?;
        Some(self.0.remove(place).2)
    }
}

impl Issuer {
    /// For these accounts, on a server at this address.
    pub(crate) fn new(origin: &str, accounts: Vec<Account>, sources: Sources) -> Result<Self, key::NoKey> {
        let key = key::Key::new()?;
        Ok(Self { url: format!("{origin}{PATH}"), accounts, key, sources, state: Mutex::default() })
    }

    /// How its tokens are checked.
    pub(crate) fn token_settings(&self) -> chatehr_token::Settings {
        chatehr_token::Settings::new(&self.url, [AUDIENCE])
    }

    /// Its name, as clients are configured with it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn router(self) -> Router {
        let issuer = Arc::new(self);
        let at = |path: &str| format!("{PATH}{path}");
        Router::new()
            .route(&at("/.well-known/openid-configuration"), get(token::discovery))
            .route(&at("/keys"), get(token::keys))
            .route(&at("/authorize"), get(authorize::ask).post(authorize::answer))
            .route(&at("/token"), post(token::grant))
            .route(&at("/revoke"), post(token::revoke))
            .route(&at("/end"), get(async || page::message("You are signed out", "You can close this tab.")))
            .route(&at("/device-authorization"), post(device::begin))
            .route(&at("/device"), get(device::ask).post(device::answer))
            .with_state(issuer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id.as_str() == id)
    }

    fn now(&self) -> Timestamp {
        self.sources.now()
    }

    /// A name that nobody guesses.
    fn secret(&self) -> Result<String, NoRandomness> {
        Ok(BASE64_URL_SAFE_NO_PAD.encode(self.sources.bytes::<32>()?))
    }
}

/// A refusal in the protocol's words (RFC 6749, section 5.2).
fn refuse(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, [("cache-control", "no-store")], Json(json!({ "error": error })))
        .into_response()
}

fn say(answer: Value) -> Response {
    ([("cache-control", "no-store")], Json(answer)).into_response()
}

fn read(text: &str) -> Asked {
    serde_urlencoded::from_str(text).unwrap_or_default()
}

fn value<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.get(name).map(String::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{MOST, Remembered};
    use chatehr_contract::Timestamp;

    #[test]
    fn what_is_remembered_ends_and_does_not_grow() {
        let at = Timestamp::from_millis;
        let mut remembered = Remembered::default();
        for number in 0..(MOST + 7) {
            remembered.put(number.to_string(), at(10), number, at(0));
        }
        assert_eq!(remembered.0.len(), MOST);
        assert!(remembered.get("6", at(0)).is_none() && remembered.get("7", at(0)).is_some());
        assert!(remembered.get("9", at(10)).is_none());
        assert_eq!(remembered.take("9", at(9)), Some(9));
        assert_eq!(remembered.take("9", at(9)), None);
    }
}
