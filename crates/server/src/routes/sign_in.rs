//! Sign-in as a test account: on loopback, with demonstration data, to who holds the API key.

use axum::{Json, extract::State};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{Account, Session};
use serde::Deserialize;

use super::{App, request::Input};
use crate::{
    identity::{Actor, Person, SESSION_HOURS, digest},
    problem::Problem,
};

#[derive(Deserialize)]
pub(super) struct Code {
    code: String,
}

pub(super) async fn accounts(State(app): State<App>, actor: Actor) -> Result<Json<Vec<Account>>, Problem> {
    machine(&actor)?;
    app.store.run(|tx| Ok(Json(tx.accounts()?))).await
}

pub(super) async fn sign_in(
    State(app): State<App>,
    actor: Actor,
    input: Input<Code>,
) -> Result<Json<Session>, Problem> {
    machine(&actor)?;
    let token = BASE64_URL_SAFE_NO_PAD.encode(app.sources.bytes::<32>()?);
    let now = app.sources.now();
    let expires_at = now.plus_seconds(SESSION_HOURS * 3600);
    app.store
        .run(move |tx| {
            let account = tx.account(input.value.code.trim())?.ok_or(Problem::SignInRefused)?;
            let Account { id, role, name, specialties, .. } = account;
            let person = Person { id, role, specialties };
            tx.add_session(&digest(&token), &person, now, expires_at)?;
            let Person { id, role, specialties } = person;
            Ok(Json(Session { token, expires_at, id, role, name, specialties }))
        })
        .await
}

fn machine(actor: &Actor) -> Result<(), Problem> {
    match actor {
        Actor::Machine => Ok(()),
        Actor::Person(_) => Err(Problem::Forbidden("Sign-in needs the API key.")),
    }
}
