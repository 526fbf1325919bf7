//! What may be asked of a server, with its validation: the same rule in the window, the engine and the server.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ConsultationId, ConsultationStatus, MessageKind, PersonId, SpecialtyCode, Urgency};

/// Longest description, in characters after trimming.
pub const MAX_DESCRIPTION_CHARS: usize = 5_000;
/// Longest message text, in characters.
pub const MAX_MESSAGE_CHARS: usize = 10_000;
/// Longest reason for a decline, in characters after trimming.
pub const MAX_REASON_CHARS: usize = 500;
/// Largest metadata, in bytes of its JSON.
pub const MAX_METADATA_BYTES: usize = 4 * 1024;

/// Metadata keys that only a server writes.
const RESERVED_KEYS: &[&str] =
    &["escalation", "declinedBy", "source", "createdBy", "createdByRole", "senderRole", "senderName"];

/// One field that cannot be accepted, and why, in words a person can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidField {
    /// The field's name on the wire.
    pub path: String,
    /// What is wrong with it; never repeats the value.
    pub msg: String,
}

impl InvalidField {
    /// A field and what is wrong with it.
    pub fn new(path: &str, msg: impl Into<String>) -> Self {
        Self { path: path.to_owned(), msg: msg.into() }
    }
}

/// POST /consultations.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewConsultation {
    /// Who asks.
    pub patient_id: PersonId,
    /// One of the twelve.
    pub specialty: SpecialtyCode,
    /// Routine when absent.
    #[serde(default = "routine")]
    pub urgency: Urgency,
    /// 1 to 5,000 characters after trimming.
    pub description: String,
    /// A wish for somebody in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physician_id: Option<PersonId>,
    /// At most 4 KiB; keys that the server writes are refused.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

const fn routine() -> Urgency {
    Urgency::Routine
}

impl NewConsultation {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        if self.patient_id.as_str().trim().is_empty() {
            problems.push(InvalidField::new("patientId", "must not be empty"));
        }
        if !self.specialty.is_known() {
            problems.push(InvalidField::new("specialty", "must be one of the twelve specialties"));
        }
        if !self.urgency.is_known() {
            problems.push(InvalidField::new("urgency", "must be routine, urgent or emergency"));
        }
        check_text(&mut problems, "description", &self.description, MAX_DESCRIPTION_CHARS);
        check_metadata(&mut problems, &self.metadata);
        problems
    }
}

impl fmt::Debug for NewConsultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewConsultation")
            .field("specialty", &self.specialty)
            .field("urgency", &self.urgency)
            .finish_non_exhaustive()
    }
}

/// PUT /consultations/:id.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationUpdate {
    /// Where it should stand now.
    pub status: ConsultationStatus,
    /// Who takes it; absent keeps the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physician_id: Option<PersonId>,
    /// Added to the history, never replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

impl ConsultationUpdate {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        if !self.status.is_known() {
            problems.push(InvalidField::new(
                "status",
                "must be pending, assigned, in_progress, completed or cancelled",
            ));
        }
        if let Some(notes) = &self.notes {
            check_text(&mut problems, "notes", notes, MAX_DESCRIPTION_CHARS);
        }
        problems
    }
}

impl fmt::Debug for ConsultationUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsultationUpdate").field("status", &self.status).finish_non_exhaustive()
    }
}

/// POST /consultations/:id/decline.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// Why, 1 to 500 characters after trimming.
    pub reason: String,
}

impl Decline {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        check_text(&mut problems, "reason", &self.reason, MAX_REASON_CHARS);
        problems
    }
}

impl fmt::Debug for Decline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decline(…)")
    }
}

/// POST /messages. The sender is the token's person, whatever a body says.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewMessage {
    /// The other participant.
    pub to_id: PersonId,
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// Clear text of 1 to 10,000 characters, or an envelope.
    pub content: String,
    /// Text when absent; `system` is refused.
    #[serde(rename = "type", default = "text")]
    pub kind: MessageKind,
    /// At most 4 KiB. Key of ours: `envelopeId`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

const fn text() -> MessageKind {
    MessageKind::Text
}

impl NewMessage {
    /// Every field that cannot be accepted; empty when the request is sound. The length of sealed content is
    /// bounded by what 10,000 characters can seal to.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        if self.to_id.as_str().trim().is_empty() {
            problems.push(InvalidField::new("toId", "must not be empty"));
        }
        if self.consultation_id.as_str().trim().is_empty() {
            problems.push(InvalidField::new("consultationId", "must not be empty"));
        }
        if !matches!(self.kind, MessageKind::Text | MessageKind::Attachment) {
            problems.push(InvalidField::new("type", "must be text or attachment"));
        }
        // Four bytes a character, a third more for base64, and room for the header.
        let limit = if self.content.starts_with("chatehr.3.") {
            MAX_MESSAGE_CHARS.saturating_mul(6)
        } else {
            MAX_MESSAGE_CHARS
        };
        check_text(&mut problems, "content", &self.content, limit);
        check_metadata(&mut problems, &self.metadata);
        problems
    }
}

impl fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMessage").field("consultation_id", &self.consultation_id).finish_non_exhaustive()
    }
}

fn check_text(problems: &mut Vec<InvalidField>, path: &str, text: &str, most: usize) {
    let length = text.trim().chars().count();
    if length == 0 {
        problems.push(InvalidField::new(path, "must not be empty"));
    } else if length > most {
        problems.push(InvalidField::new(path, format!("must be at most {most} characters")));
    }
    if text.contains('\0') {
        problems.push(InvalidField::new(path, "must not contain NUL"));
    }
}

fn check_metadata(problems: &mut Vec<InvalidField>, metadata: &Map<String, Value>) {
    let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_METADATA_BYTES {
        problems.push(InvalidField::new("metadata", "must be at most 4 KiB"));
    }
    for key in metadata.keys().filter(|key| RESERVED_KEYS.contains(&key.as_str())) {
        problems.push(InvalidField::new("metadata", format!("key {key} is written by the server alone")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(description: &str) -> NewConsultation {
        NewConsultation {
            patient_id: PersonId::new("patient-123"),
            specialty: SpecialtyCode::Cardiology,
            urgency: Urgency::Urgent,
            description: description.to_owned(),
            physician_id: None,
            metadata: Map::new(),
        }
    }

    #[test]
    fn white_space_is_not_a_description() {
        assert_eq!(request("  \n ").problems(), vec![InvalidField::new("description", "must not be empty")]);
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(request(&"ń".repeat(MAX_DESCRIPTION_CHARS)).problems().is_empty());
        assert_eq!(request(&"ń".repeat(MAX_DESCRIPTION_CHARS + 1)).problems().len(), 1);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let mut request = request("");
        request.specialty = SpecialtyCode::from("astrology");
        request.urgency = Urgency::from("whenever");
        let paths: Vec<_> = request.problems().into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["specialty", "urgency", "description"]);
    }

    #[test]
    fn nobody_forges_what_the_server_writes() {
        let mut request = request("cough");
        request.metadata.insert("createdByRole".to_owned(), "admin".into());
        assert_eq!(request.problems().len(), 1);
    }
}
