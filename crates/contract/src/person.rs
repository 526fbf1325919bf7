//! People: who is signed in, who asks, who answers. From the `directory` feature; the original has no names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{PersonId, Role, SpecialtyCode, Timestamp};

/// A name in its parts, never joined on the wire: the order differs between cultures and screens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonName {
    /// Family name; may be empty where a person has one name.
    pub family: String,
    /// Given names in order.
    pub given: Vec<String>,
}

impl PersonName {
    /// "Marta Szymańska".
    pub fn spoken(&self) -> String {
        let mut parts: Vec<&str> = self.given.iter().map(String::as_str).collect();
        parts.push(&self.family);
        parts.retain(|part| !part.is_empty());
        parts.join(" ")
    }

    /// "Szymańska, Marta", as a patient banner writes it.
    pub fn filed(&self) -> String {
        match (self.family.is_empty(), self.given.is_empty()) {
            (false, false) => format!("{}, {}", self.family, self.given.join(" ")),
            _ => self.spoken(),
        }
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(…)")
    }
}

/// Administrative sex (FHIR R4 administrative-gender).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Other.
    Other,
    /// Not recorded, or a word we do not know.
    #[serde(other)]
    Unknown,
}

/// A patient, as GET /patients/:id tells.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Patient {
    /// Opaque id.
    pub id: PersonId,
    /// Name in parts.
    pub name: PersonName,
    /// `YYYY-MM-DD`, a calendar date without a time zone.
    pub birth_date: String,
    /// Administrative sex.
    pub sex: Sex,
    /// BCP 47 tag of the language to speak with them.
    #[serde(default)]
    pub language: Option<String>,
    /// Substances, as words. Empty is not "none known": it is "none recorded".
    #[serde(default)]
    pub allergies: Vec<String>,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A physician, as GET /physicians tells.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Physician {
    /// Opaque id.
    pub id: PersonId,
    /// Name in parts, without a title.
    pub name: PersonName,
    /// One or more.
    pub specialties: Vec<SpecialtyCode>,
    /// Whether requests are offered to them first.
    #[serde(default)]
    pub on_call: bool,
}

impl fmt::Debug for Physician {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Physician").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An account of a demonstration, offered on the sign-in screen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// What to type, six digits.
    pub code: String,
    /// Who it is.
    pub id: PersonId,
    /// What they may do.
    pub role: Role,
    /// Name in parts.
    pub name: PersonName,
    /// A physician's.
    #[serde(default)]
    pub specialties: Vec<SpecialtyCode>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// What a sign-in returns: a bearer token and whose it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The bearer token. Never logged, never in the window.
    pub token: String,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Who it is.
    pub id: PersonId,
    /// What they may do.
    pub role: Role,
    /// Name in parts.
    pub name: PersonName,
    /// A physician's.
    #[serde(default)]
    pub specialties: Vec<SpecialtyCode>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
