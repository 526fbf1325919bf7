//! Requests and records of the features that are added to the original (wire contract, section 2).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ConsultationId, InvalidField, MAX_REASON_CHARS, MessageId, PersonId, SpecialtyCode, Timestamp,
    request::{check_id, check_text},
};

/// POST /consultations/:id/handoff: to one colleague, or to a specialty's pool.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handoff {
    /// Who takes it; they are in charge at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physician_id: Option<PersonId>,
    /// In whose pool it waits again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specialty: Option<SpecialtyCode>,
    /// Why, 1 to 500 characters after trimming.
    pub reason: String,
}

/// One of the two and not both, which a derived schema cannot say.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Handoff {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::{
            ToSchema,
            openapi::{ObjectBuilder, OneOfBuilder, Ref, schema::Type},
        };
        let to = |given: &str, name: std::borrow::Cow<'static, str>, absent: &str| {
            let reason = ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some("Why, 1 to 500 characters after trimming"))
                .min_length(Some(1))
                .max_length(Some(MAX_REASON_CHARS))
                .pattern(Some(r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$"));
            ObjectBuilder::new()
                .property(given, Ref::from_schema_name(name))
                .property(absent, ObjectBuilder::new().schema_type(Type::Null))
                .property("reason", reason)
                .required(given)
                .required("reason")
        };
        OneOfBuilder::new()
            .description(Some("To one colleague, who is in charge at once, or to a specialty's pool"))
            .item(to("physicianId", PersonId::name(), "specialty"))
            .item(to("specialty", SpecialtyCode::name(), "physicianId"))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Handoff {
    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
        use utoipa::PartialSchema as _;
        schemas.push((PersonId::name().into_owned(), PersonId::schema()));
        schemas.push((SpecialtyCode::name().into_owned(), SpecialtyCode::schema()));
    }
}

impl Handoff {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        if self.physician_id.is_some() == self.specialty.is_some() {
            problems.push(InvalidField::new("physicianId", "or specialty must be given, and not both"));
        }
        if let Some(id) = &self.physician_id {
            check_id(&mut problems, "physicianId", id.as_str());
        }
        if self.specialty.as_ref().is_some_and(|specialty| !specialty.is_known()) {
            problems.push(InvalidField::new("specialty", "must be one of the twelve specialties"));
        }
        check_text(&mut problems, "reason", &self.reason, MAX_REASON_CHARS);
        problems
    }
}

impl fmt::Debug for Handoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handoff")
            .field("physician_id", &self.physician_id)
            .field("specialty", &self.specialty)
            .finish_non_exhaustive()
    }
}

/// POST /messages/:consultationId/read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReadUpTo {
    /// The latest message that has been read; everything before it counts as read too.
    pub up_to: MessageId,
}

/// How far somebody has read a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// Who has read.
    pub person_id: PersonId,
    /// Up to and including this message.
    pub up_to: MessageId,
    /// When they said so.
    pub at: Timestamp,
}

/// PUT /physicians/me/availability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AvailabilityUpdate {
    /// Whether urgent requests are offered to them first.
    pub on_call: bool,
    /// As the directory shows it; available when absent.
    #[serde(default)]
    pub availability: Availability,
}

/// Whether a physician can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Availability {
    /// Can.
    #[default]
    Available,
    /// Can, with delay.
    Busy,
    /// Cannot: nothing escalates to them, on call or not.
    Away,
}

/// POST /appointments/:id/response, in FHIR R4's words (participationstatus).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AppointmentResponse {
    /// The patient's word. A decline asks for a cancellation; it is none.
    pub participant_status: ParticipantStatus,
    /// In words, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(max_length = 500, pattern = r"^$|^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$")
    )]
    pub comment: Option<String>,
}

impl AppointmentResponse {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        if let Some(comment) = self.comment.as_ref().filter(|comment| !comment.is_empty()) {
            check_text(&mut problems, "comment", comment, MAX_REASON_CHARS);
        }
        problems
    }
}

impl fmt::Debug for AppointmentResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppointmentResponse")
            .field("participant_status", &self.participant_status)
            .finish_non_exhaustive()
    }
}

/// A patient's word on an appointment (FHIR R4 participationstatus, without `needs-action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ParticipantStatus {
    /// Comes.
    Accepted,
    /// Does not come, and asks for a cancellation.
    Declined,
    /// Perhaps.
    Tentative,
}

/// POST /kiosk-codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewKioskCode {
    /// Who will sign in with it.
    pub patient_id: PersonId,
}

/// A code for one sign-in at a kiosk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct KioskCode {
    /// Six digits.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9]{6}$"))]
    pub code: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

impl fmt::Debug for KioskCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KioskCode").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// POST /kiosk-sessions.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewKioskSession {
    /// The six digits from staff.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9]{6}$"))]
    pub code: String,
    /// `YYYY-MM-DD`, the patient's own.
    #[cfg_attr(feature = "openapi", schema(format = Date))]
    pub birth_date: String,
}

impl fmt::Debug for NewKioskSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewKioskSession(…)")
    }
}

/// POST /audit/anchors: the head of a workstation's audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewAnchor {
    /// Which workstation's, 1 to 128 characters. It is kept and signed with the person's id before it, because each
    /// person has a log of their own there.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 128, pattern = r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$")
    )]
    pub device_id: String,
    /// How many entries there are.
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_i64))]
    pub count: u64,
    /// The hash of the latest: 64 hexadecimal digits.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{64}$"))]
    pub head: String,
}

impl NewAnchor {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        check_text(&mut problems, "deviceId", &self.device_id, 128);
        // What every reader of JSON has exactly (RFC 8259, section 6).
        if self.count > (1 << 53) - 1 {
            problems.push(InvalidField::new("count", "must be a count of entries"));
        }
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if self.head.len() != 64 || !self.head.bytes().all(hex) {
            problems.push(InvalidField::new("head", "must be 64 hexadecimal digits in lower case"));
        }
        problems
    }
}

/// The head of a workstation's audit log, counter-signed by the server that keeps it. What is signed is in the audit
/// log's own documentation; this is how it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptAnchor {
    /// Whose log: who asked, before the workstation's own id.
    pub device_id: String,
    /// How many entries there were.
    pub count: u64,
    /// The hash of the latest: 64 hexadecimal digits.
    pub head: String,
    /// When, by the server's clock.
    pub at: Timestamp,
    /// Ed25519, 128 hexadecimal digits.
    pub signature: String,
}

/// How far a log went that the server has kept, told when it refuses an anchor of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptCount {
    /// Entries: more than in the anchor that goes back, as many as in one with another head.
    pub count: u64,
}

/// One thing that has changed, as GET /changes tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    /// As it is now.
    Consultation {
        /// The whole record.
        record: crate::Consultation,
    },
    /// As it is now.
    Appointment {
        /// The whole record.
        record: crate::Appointment,
    },
    /// A message, sealed or open as the request asked for.
    Message {
        /// The whole record.
        record: crate::Message,
    },
    /// Somebody has read.
    Receipt {
        /// How far.
        record: Receipt,
    },
    /// It has left this person's view: a colleague took it.
    Gone {
        /// What kind of record, in the words of this list.
        of: String,
        /// Which.
        id: String,
    },
    /// A kind of a newer server.
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_what_is_kept_of_a_log_are_a_promise() {
        let kept = KeptAnchor {
            device_id: "person physician-12/ward-3".to_owned(),
            count: 1204,
            head: "ab".repeat(32),
            at: "2026-11-23T09:42:00Z".parse().unwrap(),
            signature: "cd".repeat(64),
        };
        insta::assert_json_snapshot!((kept, KeptCount { count: 1204 }));
    }
}
