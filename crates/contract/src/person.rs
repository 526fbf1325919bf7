//! People: who is signed in, who asks, who answers. From the `directory` feature; the original has no names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Availability, PersonId, Role, SpecialtyCode, Timestamp};

/// A name in its parts, never joined on the wire: the order differs between cultures and screens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
        shown(&parts.join(" "))
    }

    /// "Szymańska, Marta", as a patient banner writes it.
    pub fn filed(&self) -> String {
        match (self.family.is_empty(), self.given.is_empty()) {
            (false, false) => shown(&format!("{}, {}", self.family, self.given.join(" "))),
            _ => self.spoken(),
        }
    }
}

/// A name as it may stand beside other words: without line breaks, and without the characters that embed, override or
/// isolate a direction of writing (Unicode UAX 9), by which a name could turn around the time or dose next to it.
fn shown(name: &str) -> String {
    name.chars()
        .filter(|sign| {
            !sign.is_control() && !matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .collect()
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(…)")
    }
}

/// Administrative sex (FHIR R4 administrative-gender).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Patient {
    /// Opaque id.
    pub id: PersonId,
    /// Name in parts.
    pub name: PersonName,
    /// `YYYY-MM-DD`, a calendar date without a time zone.
    #[cfg_attr(feature = "openapi", schema(format = Date))]
    pub birth_date: String,
    /// Administrative sex.
    pub sex: Sex,
    /// BCP 47 tag of the language to speak with them.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub language: Option<String>,
    /// Substances, as words. Empty is not "none known": it is "none recorded".
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub allergies: Vec<String>,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A physician, as GET /physicians tells.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub on_call: bool,
    /// Whether they can be reached.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub availability: Availability,
}

impl fmt::Debug for Physician {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Physician").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An account of a demonstration, offered on the sign-in screen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub specialties: Vec<SpecialtyCode>,
    /// The physician for whom a nurse acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegates_for: Option<PersonId>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// What a sign-in returns: a bearer token and whose it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub specialties: Vec<SpecialtyCode>,
    /// The physician for whom a nurse acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegates_for: Option<PersonId>,
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

#[cfg(test)]
mod tests {
    use super::PersonName;

    #[test]
    fn a_name_cannot_turn_around_what_stands_beside_it() {
        let name = PersonName {
            family: "\u{202e}الخطيب\u{2069}".into(),
            given: vec!["Lay\nla\u{2067}".into()],
        };
        assert_eq!(name.spoken(), "Layla الخطيب");
        assert_eq!(name.filed(), "الخطيب, Layla");
    }

    #[test]
    fn joiners_and_marks_that_names_are_written_with_stay() {
        let name = PersonName { family: "می\u{200c}رزا".into(), given: vec!["O’Sullivan-Ñ".into()] };
        assert_eq!(name.spoken(), "O’Sullivan-Ñ می\u{200c}رزا");
    }
}
