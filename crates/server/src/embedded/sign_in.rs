//! Sessions: as a test account of a demonstration; whose a session is; its end.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{Account, Session, access::Relation};
use serde_json::json;

use super::Here;
use crate::{
    identity::{Actor, Person, SESSION_HOURS, digest},
    op::{Body, Outcome},
    problem::Problem,
};

impl Here<'_> {
    pub(super) fn list_accounts(self) -> Result<Outcome, Problem> {
        self.in_a_demonstration()?;
        self.allow(Relation::None)?;
        Ok(Outcome::list(&self.tx.accounts()?)?)
    }

    pub(super) fn test_sign_in(self, code: &str) -> Result<Outcome, Problem> {
        self.in_a_demonstration()?;
        self.allow(Relation::None)?;
        let account = self.tx.account(code.trim())?.ok_or(Problem::SignInRefused)?;
        let token = BASE64_URL_SAFE_NO_PAD.encode(self.app.sources.bytes::<32>()?);
        let expires_at = self.call.now.plus_seconds(SESSION_HOURS * 3600);
        let Account { id, role, name, specialties, delegates_for, .. } = account;
        let session = Some(self.app.sources.id()?);
        let person = Person { id, role, specialties, delegates_for, session, via: None };
        self.tx.add_session(&digest(&token), &person, expires_at)?;
        let Person { id, role, specialties, delegates_for, .. } = person;
        Ok(Outcome::of(200, &Session { token, expires_at, id, role, name, specialties, delegates_for })?)
    }

    /// Who the token stands for. A gateway asks this of a token that it does not know.
    pub(super) fn read_session(self) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        let body = match &self.call.actor {
            Actor::Machine(name) => json!({ "machine": name }),
            Actor::Person(person) => person.told(self.call.trace.token_end),
        };
        Ok(Outcome::of(200, &body)?)
    }

    pub(super) fn end_session(self) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        if let Some(token) = &self.call.trace.token {
            self.tx.end_session(&digest(&token.0))?;
        }
        Ok(Outcome::with(204, Body::Nothing))
    }

    /// Elsewhere there is no such address.
    fn in_a_demonstration(self) -> Result<(), Problem> {
        if self.app.test_sign_in { Ok(()) } else { Err(Problem::NotFound) }
    }
}
