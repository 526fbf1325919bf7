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

/// Lets in who proves who they are.
pub(crate) struct Gate {
    machines: Vec<(String, [u8; 32])>,
    verifier: Option<Verifier>,
}

impl Gate {
    /// Machines by name, with the digest of each one's key.
    pub(crate) const fn new(machines: Vec<(String, [u8; 32])>, verifier: Option<Verifier>) -> Self {
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
        let caller = |actor, ends| Caller { actor, ends, token: Token(token.into()) };
        let hash = digest(token);
        // Every key is compared, so that time does not tell which machines there are.
        let mut machine = None;
        for (name, key) in &self.machines {
            if same(&hash, key) {
                machine = Some(name);
            }
        }
        if let Some(name) = machine {
            let actor = match headers.get(ON_BEHALF_OF) {
                Some(person) => Actor::Person(on_behalf_of(person.as_bytes())?),
                None => Actor::Machine(name.clone()),
            };
            return Ok(caller(actor, None));
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
        session: identity.session,
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
