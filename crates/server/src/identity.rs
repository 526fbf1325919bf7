//! Who asks: a machine with the API key, or a person with a session token. Nothing in a body or query adds to it.

use chatehr_contract::{PersonId, Role, SpecialtyCode, Timestamp, access::Party};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Hours that a session lasts.
pub(crate) const SESSION_HOURS: i64 = 12;

/// The person that a session token stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: PersonId,
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) specialties: Vec<SpecialtyCode>,
    /// The physician for whom a nurse acts.
    #[serde(default, rename = "delegatesFor", skip_serializing_if = "Option::is_none")]
    pub(crate) delegates_for: Option<PersonId>,
    /// The session's name in the audit log; never the token.
    #[serde(default)]
    pub(crate) session: Option<String>,
    /// The gateway that vouches for them, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) via: Option<String>,
}

impl Person {
    /// In whose place records are seen: a physician's own, a nurse's physician's. Nobody's for other roles.
    pub(crate) const fn stands_for(&self) -> Option<&PersonId> {
        match self.role {
            Role::Physician => Some(&self.id),
            Role::Nurse => self.delegates_for.as_ref(),
            _ => None,
        }
    }

    /// As GET /session tells it.
    pub(crate) fn told(&self, ends: Option<Timestamp>) -> Value {
        let mut told = json!({
            "id": self.id, "role": self.role, "specialties": self.specialties, "expiresAt": ends,
        });
        if let (Some(physician), Value::Object(fields)) = (&self.delegates_for, &mut told) {
            fields.insert("delegatesFor".to_owned(), json!(physician));
        }
        told
    }
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Holds a machine's key: a sign-in screen, a kiosk, a gateway. By name.
    Machine(String),
    /// Holds a session token.
    Person(Person),
}

impl Actor {
    /// The person, where there is one.
    pub(crate) const fn person(&self) -> Option<&Person> {
        match self {
            Self::Machine(_) => None,
            Self::Person(person) => Some(person),
        }
    }

    pub(crate) fn id(&self) -> Option<&PersonId> {
        self.person().map(|person| &person.id)
    }

    /// Whether this is the person `id`.
    pub(crate) fn is(&self, id: &PersonId) -> bool {
        self.id() == Some(id)
    }

    /// The person, if a physician.
    pub(crate) fn physician(&self) -> Option<&Person> {
        self.person().filter(|person| person.role == Role::Physician)
    }

    /// In whose place records are seen, if in a physician's.
    pub(crate) fn stands_for(&self) -> Option<&PersonId> {
        self.person().and_then(Person::stands_for)
    }

    /// The person, if a patient.
    pub(crate) fn patient(&self) -> Option<&Person> {
        self.person().filter(|person| person.role == Role::Patient)
    }

    /// Whether every record may be seen: a machine or an administrator.
    pub(crate) fn oversees(&self) -> bool {
        self.person().is_none_or(|person| person.role == Role::Admin)
    }

    /// The column of the access table.
    pub(crate) fn party(&self) -> Party {
        match self {
            Self::Machine(_) => Party::Machine,
            Self::Person(person) => Party::from(&person.role),
        }
    }

    /// Whose idempotency keys, limits and streams these are.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Machine(name) => format!("machine {name}"),
            Self::Person(person) => format!("person {}", person.id),
        }
    }

    /// The role's word in a record's metadata.
    pub(crate) fn role_word(&self) -> &str {
        self.person().map_or("machine", |person| person.role.as_str())
    }
}

/// What is stored in place of a token or key.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Compares in a time that depends on neither side.
pub(crate) fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.iter().zip(right).fold(0, |difference, (a, b)| std::hint::black_box(difference | (a ^ b))) == 0
}
