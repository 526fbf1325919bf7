//! The sign-in on another device (RFC 8628).

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use chatehr_contract::Timestamp;
use serde_json::json;

use super::{CLIENT, Issuer, PATIENCE, Who, page, read, refuse, say, value};

/// Without what is taken for something else or makes a word (RFC 8628, section 6.1).
const SIGNS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Seconds between two questions.
const INTERVAL: i64 = 1;

/// A screen that waits for somebody elsewhere; under its device code.
pub(super) struct Waiting {
    user_code: String,
    pub(super) who: Answered,
    /// When it asked last.
    asked_at: Option<Timestamp>,
}

/// What somebody elsewhere said.
#[derive(Clone)]
pub(super) enum Answered {
    NotYet,
    No,
    Yes(Who),
}

/// Begins one.
pub(super) async fn begin(State(issuer): State<Arc<Issuer>>, body: String) -> Response {
    if value(&read(&body), "client_id") != CLIENT {
        return refuse("invalid_client");
    }
    let (Ok(device_code), Ok(bytes)) = (issuer.secret(), issuer.sources.bytes::<8>()) else {
        return refuse("server_error");
    };
    let mut user_code = String::new();
    for (place, byte) in bytes.iter().enumerate() {
        if place == 4 {
            user_code.push('-');
        }
        user_code.extend(SIGNS.get(usize::from(*byte) % SIGNS.len()).map(|sign| char::from(*sign)));
    }
    let now = issuer.now();
    let waiting = Waiting { user_code: user_code.clone(), who: Answered::NotYet, asked_at: None };
    issuer.state().devices.put(device_code.clone(), now.plus_seconds(PATIENCE), waiting, now);
    let address = format!("{}/device", issuer.url());
    say(json!({
        "device_code": device_code,
        "verification_uri_complete": format!("{address}?user_code={user_code}"),
        "user_code": user_code,
        "verification_uri": address,
        "expires_in": PATIENCE,
        "interval": INTERVAL,
    }))
}

const FORM: page::Form<'_> = page::Form { action: "device", hidden: &[] };

/// Asks for the code.
pub(super) async fn ask(RawQuery(query): RawQuery) -> Response {
    let asked = read(&query.unwrap_or_default());
    page::code(&FORM, "Type in the code that the other screen shows.", value(&asked, "user_code"))
}

/// Takes the code, then who it is.
pub(super) async fn answer(State(issuer): State<Arc<Issuer>>, body: String) -> Response {
    let given = read(&body);
    let typed: String = value(&given, "user_code")
        .chars()
        .filter(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_uppercase();
    let now = issuer.now();
    let mut state = issuer.state();
    let waiting = state.devices.0.iter_mut().find(|(_, until, waiting)| {
        *until > now
            && matches!(waiting.who, Answered::NotYet)
            && waiting.user_code.chars().filter(char::is_ascii_alphabetic).eq(typed.chars())
    });
    let Some((_, _, waiting)) = waiting else {
        return page::code(&FORM, "No screen shows this code now. Compare it and try again.", &typed);
    };
    let Some(chosen) = given.get("account") else {
        let form = page::Form { action: "device", hidden: &[("user_code", &waiting.user_code)] };
        let text = format!("Sign in on the screen that shows {}. Choose who you are.", waiting.user_code);
        return page::accounts(&form, "Sign in on another device", &text, &issuer.accounts);
    };
    match issuer.account(chosen) {
        Some(account) => {
            waiting.who = Answered::Yes(Who { account: account.id.clone(), at: now });
            page::message("You are signed in", "Go back to the other screen.")
        }
        None => {
            waiting.who = Answered::No;
            page::message("You are not signed in", "Nothing happens on the other screen.")
        }
    }
}

impl Issuer {
    /// What the waiting screen is told: who it is, or the word to go on with.
    pub(super) fn device_answer(&self, device_code: &str) -> Result<Who, &'static str> {
        let now = self.now();
        let mut state = self.state();
        let waiting = state.devices.get(device_code, now).ok_or("expired_token")?;
        let soon = waiting.asked_at.is_some_and(|at| now.millis() - at.millis() < INTERVAL * 500);
        waiting.asked_at = Some(now);
        match waiting.who.clone() {
            Answered::NotYet if soon => Err("slow_down"),
            Answered::NotYet => Err("authorization_pending"),
            Answered::No => Err("access_denied"),
            Answered::Yes(who) => {
                state.devices.take(device_code, now);
                Ok(who)
            }
        }
    }
}
