//! Who asks, from the bearer token alone: a machine's key, a session of this ChatEHR, or a token of the OpenID provider.
//! Nothing in a body or query adds to it.

use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::Timestamp;
use chatehr_token::{CheckError, Identity, Verifier};

use crate::{
    identity::{Actor, Person, digest, same},
    problem::{Causes, Problem},
    provider::{Provider, Token},
    surface::Caller,
};

/// For whom a gateway asks: a person as JSON in base64url. Believed of a machine alone.
pub(crate) const ON_BEHALF_OF: &str = "x-chatehr-on-behalf-of";

/// A machine that has a key.
#[derive(Clone)]
pub struct Machine {
    /// Its name in the audit log.
    pub name: String,
    /// SHA-256 of its key.
    pub key: [u8; 32],
    /// Whether it speaks for everybody, as a gateway does; otherwise it signs people in and nothing else.
    pub gateway: bool,
}

/// Lets in who proves who they are.
pub(crate) struct Gate {
    machines: Vec<Machine>,
    verifier: Option<Verifier>,
}

impl Gate {
    /// These machines, and the people of this provider.
    pub(crate) const fn new(machines: Vec<Machine>, verifier: Option<Verifier>) -> Self {
        Self { machines, verifier }
    }

    /// Who it is and until when the token lasts.
    pub(crate) async fn who(
        &self,
        headers: &HeaderMap,
        provider: &dyn Provider,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .filter(|token| !token.is_empty())
            .ok_or(Problem::Unauthorized)?;
        let caller = |actor, ends| Caller { actor, ends, token: Token(token.into()), signs_in_only: false };
        let hash = digest(token);
        // Every key is compared, so that time does not tell which machines there are.
        let mut machine = None;
        for known in &self.machines {
            if same(&hash, &known.key) {
                machine = Some(known);
            }
        }
        if let Some(Machine { name, gateway, .. }) = machine {
            let actor = match headers.get(ON_BEHALF_OF) {
                Some(person) if *gateway => Actor::Person(Person {
                    // Which gateway it was stands in the log, beside the person.
                    via: Some(name.clone()),
                    ..on_behalf_of(person.as_bytes())?
                }),
                Some(_) => return Err(Problem::Unauthorized),
                None => Actor::Machine(name.clone()),
            };
            return Ok(Caller { signs_in_only: !gateway, ..caller(actor, None) });
        }
        if let Some(verifier) = self.verifier.as_ref().filter(|_| is_jwt(token)) {
            let identity = verifier.check(token).await.map_err(|error| match error {
                CheckError::Refused(refusal) => {
                    tracing::info!(%refusal, "a token was refused");
                    Problem::Unauthorized
                }
                CheckError::Unavailable(error) => {
                    tracing::error!(error = %Causes(&error), "the OpenID provider cannot be asked");
                    Problem::Unavailable("Sign-in cannot be checked at the moment; try again shortly.")
                }
            })?;
            let ends = identity.expires_at;
            return Ok(caller(Actor::Person(person(identity)), Some(ends)));
        }
        let (person, ends) = provider.session(token, now).await?.ok_or(Problem::Unauthorized)?;
        Ok(caller(Actor::Person(person), Some(ends)))
    }
}

/// Three parts with dots between (RFC 7515, section 3.1); sessions of ours have none.
pub(crate) fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

fn person(identity: Identity) -> Person {
    Person {
        id: identity.person,
        role: identity.role,
        specialties: identity.specialties,
        delegates_for: identity.delegates_for,
        session: identity.session,
        via: None,
    }
}

fn on_behalf_of(header: &[u8]) -> Result<Person, Problem> {
    BASE64_URL_SAFE_NO_PAD
        .decode(header)
        .ok()
        .and_then(|json| serde_json::from_slice::<Person>(&json).ok())
        .filter(|person| !person.id.as_str().trim().is_empty() && person.role.is_known())
        .ok_or(Problem::Unauthorized)
}
