//! Who a verified token is about: one person in one role, or nobody.

use std::fmt;

use chatehr_contract::{PersonId, Role, SpecialtyCode, Timestamp};
use serde_json::{Map, Value};

use crate::{
    claims::{self, Times},
    error::Refusal,
    settings::ClaimNames,
};

/// Most bytes of an id.
const MAX_ID_BYTES: usize = 256;

/// Whose token it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The person. A patient's comes from the patient claim alone, anybody else's from the person claim alone: a
    /// patient whose account is not tied to a record is nobody here.
    pub person: PersonId,
    /// The one role of ours that the token names; never [`Role::Other`].
    pub role: Role,
    /// Those of the twelve that the token names, each once, in its order.
    pub specialties: Vec<SpecialtyCode>,
    /// The physician for whom a nurse acts, where the token tells. Nobody else acts for anybody.
    pub delegates_for: Option<PersonId>,
    /// The session at the provider, where the token tells.
    pub session: Option<String>,
    /// When the token ends, by the provider's clock. It is accepted until the skew after that.
    pub expires_at: Timestamp,
    /// When the person last signed in (`auth_time`), where the token tells; what asks for a fresh sign-in takes
    /// nothing for "long ago".
    pub auth_time: Option<Timestamp>,
}

impl Identity {
    pub(crate) fn read(
        claims: &Map<String, Value>,
        names: &ClaimNames,
        times: &Times,
    ) -> Result<Self, Refusal> {
        let role = role(claims, &names.role)?;
        let of_person = if role == Role::Patient { &names.patient } else { &names.person };
        let person = lookup(claims, of_person).and_then(id).ok_or(Refusal::NoPerson)?;
        let mut specialties = Vec::new();
        for code in words(claims, &names.specialties).map(SpecialtyCode::from) {
            if code.is_known() && !specialties.contains(&code) {
                specialties.push(code);
            }
        }
        let delegates_for = lookup(claims, &names.delegates_for).and_then(id).filter(|_| role == Role::Nurse);
        Ok(Self {
            person: PersonId::new(person),
            delegates_for: delegates_for.map(PersonId::new),
            role,
            specialties,
            session: lookup(claims, &names.session).and_then(id).map(str::to_owned),
            expires_at: times.expires,
            auth_time: claims::instant(claims, "auth_time")?,
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("role", &self.role)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Exactly one role of ours. Words of others stand beside it in most providers' tokens and mean nothing.
fn role(claims: &Map<String, Value>, name: &str) -> Result<Role, Refusal> {
    let mut named = words(claims, name).map(Role::from).peekable();
    named.peek().ok_or(Refusal::NoRole)?;
    let mut known = named.filter(Role::is_known);
    let role = known.next().ok_or(Refusal::UnknownRole)?;
    if known.all(|other| other == role) { Ok(role) } else { Err(Refusal::ConflictingRoles) }
}

/// The words of a claim that is a word or an array of them.
fn words<'a>(claims: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    let values = match lookup(claims, name) {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str).filter(|word| !word.is_empty())
}

/// The claim of that name, or else what the name leads to as a path.
fn lookup<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, step| value.get(step))
    })
}

/// Ids are opaque, but nothing is none, and what breaks a line would forge a log.
pub(crate) fn id(value: &Value) -> Option<&str> {
    let id = value.as_str()?;
    let sound = !id.trim().is_empty() && id.len() <= MAX_ID_BYTES && !id.contains(char::is_control);
    sound.then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(claims: Value) -> Result<Identity, Refusal> {
        read_by(&ClaimNames::default(), claims)
    }

    fn read_by(names: &ClaimNames, mut claims: Value) -> Result<Identity, Refusal> {
        claims["exp"] = json!(1_800_000_000);
        let claims = claims.as_object().unwrap();
        Identity::read(claims, names, &Times::read(claims).unwrap())
    }

    #[test]
    fn a_role_is_a_word_or_an_array_or_lies_deeper() {
        let deeper = ClaimNames { role: "realm_access.roles".into(), ..ClaimNames::default() };
        for (names, claims) in [
            (&ClaimNames::default(), json!({ "sub": "p", "roles": "physician" })),
            (&ClaimNames::default(), json!({ "sub": "p", "roles": "provider" })),
            (&ClaimNames::default(), json!({ "sub": "p", "roles": ["physician"] })),
            (
                &ClaimNames::default(),
                json!({ "sub": "p", "roles": ["provider", "physician", "uma", 3, null] }),
            ),
            (&deeper, json!({ "sub": "p", "realm_access": { "roles": ["offline_access", "physician"] } })),
            (&deeper, json!({ "sub": "p", "realm_access.roles": "physician" })),
        ] {
            assert_eq!(read_by(names, claims.clone()).map(|who| who.role), Ok(Role::Physician), "{claims}");
        }
    }

    #[test]
    fn nobody_comes_in_without_one_role_of_ours() {
        for (roles, refusal) in [
            (json!(null), Refusal::NoRole),
            (json!(""), Refusal::NoRole),
            (json!([]), Refusal::NoRole),
            (json!({ "admin": true }), Refusal::NoRole),
            (json!(1), Refusal::NoRole),
            (json!("Admin"), Refusal::UnknownRole),
            (json!("patient admin"), Refusal::UnknownRole),
            (json!(["uma_authorization", "porter"]), Refusal::UnknownRole),
            (json!(["patient", "physician"]), Refusal::ConflictingRoles),
            (json!(["provider", "nurse", "admin"]), Refusal::ConflictingRoles),
        ] {
            let claims = json!({ "sub": "p", "patient_id": "p", "roles": roles });
            assert_eq!(read(claims), Err(refusal), "{roles}");
        }
        assert_eq!(read(json!({ "sub": "p" })), Err(Refusal::NoRole));
    }

    #[test]
    fn a_patient_is_known_by_the_record_and_anybody_else_by_the_account() {
        let claims = |role| json!({ "sub": "account-1", "patient_id": "patient-1", "roles": role });
        assert_eq!(read(claims("patient")).unwrap().person.as_str(), "patient-1");
        assert_eq!(read(claims("physician")).unwrap().person.as_str(), "account-1");
        assert_eq!(read(claims("admin")).unwrap().person.as_str(), "account-1");
        let one = ClaimNames { patient: "sub".into(), ..ClaimNames::default() };
        assert_eq!(read_by(&one, claims("patient")).unwrap().person.as_str(), "account-1");
    }

    #[test]
    fn a_person_without_an_id_is_nobody() {
        for id in [
            json!(null),
            json!(""),
            json!("  "),
            json!(17),
            json!(["p"]),
            json!({}),
            json!("a\nb"),
            json!("p".repeat(257)),
        ] {
            assert_eq!(
                read(json!({ "sub": "a", "patient_id": id, "roles": "patient" })),
                Err(Refusal::NoPerson)
            );
            assert_eq!(
                read(json!({ "sub": id, "patient_id": "a", "roles": "admin" })),
                Err(Refusal::NoPerson)
            );
        }
        assert_eq!(read(json!({ "sub": "a", "roles": "patient" })), Err(Refusal::NoPerson));
        assert_eq!(read(json!({ "patient_id": "a", "roles": "physician" })), Err(Refusal::NoPerson));
    }

    #[test]
    fn the_rest_is_read_where_it_is_there() {
        let who = read(json!({
            "sub": "p", "roles": "physician", "sid": "s-1", "auth_time": 1_795_000_000,
            "specialties": ["cardiology", "astrology", "cardiology", "radiology", 4],
        }))
        .unwrap();
        assert_eq!(who.specialties, [SpecialtyCode::Cardiology, SpecialtyCode::Radiology]);
        assert_eq!(who.session.as_deref(), Some("s-1"));
        assert_eq!(who.auth_time, Some(Timestamp::from_millis(1_795_000_000_000)));
        assert_eq!(who.expires_at, Timestamp::from_millis(1_800_000_000_000));
        let bare = read(json!({ "sub": "p", "roles": "physician" })).unwrap();
        assert_eq!((bare.specialties, bare.session, bare.auth_time), (vec![], None, None));
    }

    #[test]
    fn a_nurse_acts_for_the_physician_whom_the_token_names_and_nobody_else_acts_for_anybody() {
        let claims =
            |roles, physician: Value| json!({ "sub": "n", "roles": roles, "delegates_for": physician });
        let acts_for = |claims| read(claims).unwrap().delegates_for;
        assert_eq!(acts_for(claims("nurse", json!("physician-12"))), Some(PersonId::new("physician-12")));
        for nobody in [json!(null), json!(""), json!(["physician-12"]), json!(12)] {
            assert_eq!(acts_for(claims("nurse", nobody)), None);
        }
        assert_eq!(acts_for(claims("physician", json!("physician-13"))), None);
        assert_eq!(acts_for(claims("admin", json!("physician-13"))), None);
    }

    #[test]
    fn debug_shows_nobody() {
        let who = read(json!({ "sub": "hidden", "roles": "physician", "sid": "hidden" })).unwrap();
        assert_eq!(
            format!("{who:?}"),
            "Identity { role: Physician, expires_at: 2027-01-15T08:00:00.000Z, .. }"
        );
    }

    proptest! {
        #[test]
        fn whatever_the_words_nobody_has_two_roles(words in proptest::collection::vec("patient|physician|provider|admin|[a-z]{0,9}", 0..6)) {
            let named: std::collections::BTreeSet<Role> =
                words.iter().map(|word| Role::from(word.as_str())).filter(Role::is_known).collect();
            let read = read(json!({ "sub": "a", "patient_id": "b", "roles": words }));
            prop_assert_eq!(read.is_ok(), named.len() == 1);
            if let Ok(who) = read {
                prop_assert!(named.contains(&who.role));
            }
        }
    }
}
