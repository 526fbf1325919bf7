//! What may be asked of a server, with its validation: the same rule in the window, the engine and the server.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ConsultationId, ConsultationStatus, MessageKind, PersonId, SpecialtyCode, Urgency};

/// Longest id, in characters: a `sub` of OpenID Connect has at most so many (Core 1.0, section 2).
pub const MAX_ID_CHARS: usize = 255;

/// Longest description, in characters after trimming.
pub const MAX_DESCRIPTION_CHARS: usize = 5_000;
/// Longest message text, in characters.
pub const MAX_MESSAGE_CHARS: usize = 10_000;
/// Longest reason for a decline, in characters after trimming.
pub const MAX_REASON_CHARS: usize = 500;
/// Largest metadata, in bytes of its JSON.
pub const MAX_METADATA_BYTES: usize = 4 * 1024;

/// Deepest metadata, in levels. A list of records stands a few levels above it, and a reader that bounds its depth must
/// not be kept from all of them by one.
pub const MAX_METADATA_DEPTH: usize = 8;

/// Metadata keys that only a server writes.
const RESERVED_KEYS: &[&str] = &[
    "escalation",
    "declinedBy",
    "source",
    "createdBy",
    "createdByRole",
    "preferredPhysicianId",
    "senderRole",
    "senderName",
    "deliveredAt",
    "readAt",
    "unreadable",
];

/// One field that cannot be accepted, and why, in words a person can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 5000, pattern = r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$")
    )]
    pub description: String,
    /// A wish for somebody in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physician_id: Option<PersonId>,
    /// At most 4 KiB; keys that the server writes are refused.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "openapi", schema(schema_with = described::metadata))]
    pub metadata: Map<String, Value>,
}

const fn routine() -> Urgency {
    Urgency::Routine
}

impl NewConsultation {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        check_id(&mut problems, "patientId", self.patient_id.as_str());
        if let Some(id) = &self.physician_id {
            check_id(&mut problems, "physicianId", id.as_str());
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConsultationUpdate {
    /// Where it should stand now.
    pub status: ConsultationStatus,
    /// Who takes it; absent keeps the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physician_id: Option<PersonId>,
    /// Added to the history, never replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 5000, pattern = r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$")
    )]
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
        if let Some(id) = &self.physician_id {
            check_id(&mut problems, "physicianId", id.as_str());
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decline {
    /// Why, 1 to 500 characters after trimming.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 500, pattern = r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$")
    )]
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

/// The longest note, in characters.
pub const MAX_NOTE_CHARS: usize = 2000;

/// POST /consultations/:id/notes: words for colleagues, which the patient does not read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewNote {
    /// 1 to 2,000 characters after trimming.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 2000, pattern = r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$")
    )]
    pub text: String,
}

impl NewNote {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        check_text(&mut problems, "text", &self.text, MAX_NOTE_CHARS);
        problems
    }
}

impl fmt::Debug for NewNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewNote(…)")
    }
}

/// POST /messages. The sender is the token's person, whatever a body says.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewMessage {
    /// The other participant.
    pub to_id: PersonId,
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// Clear text of 1 to 10,000 characters, or an envelope.
    #[cfg_attr(feature = "openapi", schema(schema_with = described::content))]
    pub content: String,
    /// Text when absent; `system` is refused.
    #[serde(rename = "type", default = "text")]
    #[cfg_attr(feature = "openapi", schema(schema_with = described::written_kinds))]
    pub kind: MessageKind,
    /// At most 4 KiB. Key of ours: `envelopeId`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "openapi", schema(schema_with = described::metadata))]
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
        check_id(&mut problems, "toId", self.to_id.as_str());
        check_id(&mut problems, "consultationId", self.consultation_id.as_str());
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

/// Adds what is wrong with an id. It is opaque, but somebody must be able to read it out.
pub fn check_id(problems: &mut Vec<InvalidField>, path: &str, id: &str) {
    check_text(problems, path, id, MAX_ID_CHARS);
    if id.chars().any(|sign| sign.is_control() && sign != '\0') {
        problems.push(InvalidField::new(path, "must not contain control characters"));
    }
}

pub(crate) fn check_text(problems: &mut Vec<InvalidField>, path: &str, text: &str, most: usize) {
    let length = text.trim().chars().count();
    if text.chars().all(|sign| sign.is_whitespace() || sign.is_control()) {
        problems.push(InvalidField::new(path, "must not be empty"));
    } else if length > most {
        problems.push(InvalidField::new(path, format!("must be at most {most} characters")));
    }
    if text.contains('\0') {
        problems.push(InvalidField::new(path, "must not contain NUL"));
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0).saturating_add(1),
        Value::Object(fields) => fields.values().map(depth).max().unwrap_or(0).saturating_add(1),
        _ => 0,
    }
}

fn check_metadata(problems: &mut Vec<InvalidField>, metadata: &Map<String, Value>) {
    let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_METADATA_BYTES {
        problems.push(InvalidField::new("metadata", "must be at most 4 KiB"));
    }
    if metadata.values().any(|value| depth(value) >= MAX_METADATA_DEPTH) {
        problems
            .push(InvalidField::new("metadata", format!("must be at most {MAX_METADATA_DEPTH} levels deep")));
    }
    for key in metadata.keys().filter(|key| RESERVED_KEYS.contains(&key.as_str())) {
        problems.push(InvalidField::new("metadata", format!("key {key} is written by the server alone")));
    }
}

/// What cannot be said of a field by its type alone, for the server's description of itself.
#[cfg(feature = "openapi")]
mod described {
    use utoipa::openapi::{
        Object, ObjectBuilder, Schema,
        schema::{AnyOfBuilder, Type},
    };

    use super::{MAX_MESSAGE_CHARS, RESERVED_KEYS};
    use crate::MessageKind;

    /// Any object without the server's own keys.
    pub(super) fn metadata() -> Object {
        let names = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!("^(?!(?:{})$)", RESERVED_KEYS.join("|"))));
        ObjectBuilder::new()
            .description(Some("At most 4 KiB as JSON; keys that the server writes are refused"))
            .property_names(Some(names.build()))
            .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::<Schema>::FreeForm(
                true,
            )))
            .build()
    }

    /// Clear text or an envelope, each with its own length.
    pub(super) fn content() -> Schema {
        let text = |about: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(about));
        AnyOfBuilder::new()
            .item(
                text("Clear text, which the server seals")
                    .min_length(Some(1))
                    .max_length(Some(MAX_MESSAGE_CHARS))
                    .pattern(Some(r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$")),
            )
            .item(
                text("An envelope, sealed by a client that sends Accept-Envelope")
                    .max_length(Some(MAX_MESSAGE_CHARS.saturating_mul(6)))
                    .pattern(Some(r"^chatehr\.3\.[^.]+\.[A-Za-z0-9_-]+$")),
            )
            .build()
            .into()
    }

    /// The kinds that a person may send.
    pub(super) fn written_kinds() -> Object {
        let kinds = [MessageKind::Text, MessageKind::Attachment];
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(kinds.iter().map(|kind| kind.as_str().to_owned())))
            .default(Some(MessageKind::Text.as_str().into()))
            .build()
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
    fn metadata_that_would_keep_a_reader_from_everything_beside_it_is_refused() {
        let mut request = request("cough");
        let nested = |levels| (0..levels).fold(Value::from(1), |inner, _| Value::Array(vec![inner]));
        request.metadata.insert("a".to_owned(), nested(MAX_METADATA_DEPTH - 1));
        assert!(request.problems().is_empty());
        request.metadata.insert("a".to_owned(), nested(MAX_METADATA_DEPTH));
        assert_eq!(request.problems().len(), 1);
    }

    #[test]
    fn nobody_forges_what_the_server_writes() {
        for key in ["createdByRole", "preferredPhysicianId", "readAt"] {
            let mut request = request("cough");
            request.metadata.insert(key.to_owned(), "admin".into());
            assert_eq!(request.problems().len(), 1, "{key}");
        }
    }

    #[test]
    fn control_characters_are_no_words_and_stand_in_no_id() {
        assert_eq!(request("\u{1c}\u{7}").problems().len(), 1);
        let mut request = request("cough");
        request.patient_id = PersonId::new("patient\n-1");
        request.physician_id = Some(PersonId::new(" "));
        let paths: Vec<_> = request.problems().into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["patientId", "physicianId"]);
    }

    #[test]
    fn an_id_ends_somewhere() {
        let mut request = request("cough");
        request.patient_id = PersonId::new("x".repeat(MAX_ID_CHARS + 1));
        assert_eq!(request.problems().len(), 1);
    }
}
