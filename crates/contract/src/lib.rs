//! What every part of ChatEHR Desktop agrees on.
//!
//! Promises: the records of both HTTP surfaces, who may ask for them ([`access`]), the requests with their validation, the views and commands
//! between window and host, and the error codes, each written once and compiled for host and wasm alike.
//! Refuses: I/O, clocks and randomness; and losing what it does not know: an unknown word from a server is
//! kept as it came ([`Specialty::Other`] and its kin), because dropping a record is worse than showing an odd word.

pub mod access;
mod alert_policy;
mod break_glass;
pub mod command;
mod error;
mod event;
mod feature;
mod figures;
mod ids;
mod keys;
mod kiosk;
mod lock;
mod person;
mod policy;
mod record;
mod request;
mod sign_in;
mod time;
mod unique;
mod view;
mod word;

pub use alert_policy::{
    AlertPolicy, AlertPrivacy, AlertRule, AlertRules, Alerting, QuietHours, WrittenAlertRule,
};
pub use break_glass::{
    BreakGlass, BrokenGlass, MAX_GLASS_MINUTES, MIN_REASON_CHARS, NewBreakGlass, OpenGlass, is_reason,
};
pub use error::{ErrorCode, ErrorReport};
pub use event::{EventKind, ServerEvent};
pub use feature::{
    AppointmentResponse, Availability, AvailabilityUpdate, Change, Handoff, KeptAnchor, KeptCount, KioskCode,
    NewAnchor, NewKioskCode, NewKioskSession, ParticipantStatus, ReadUpTo, Receipt,
};
pub use figures::{
    Figures, LatencyFigures, SaveSupportBundle, ServerVersion, SupportPreview, TrafficFigures,
};
pub use ids::{AppointmentId, ConsultationId, EnvelopeId, MessageId, PersonId};
pub use keys::{
    AddPassphrase, AddRecoveryCode, BackUp, KeyList, KeySecret, KeySlot, KeySlotKind, KeySlotRef,
    KeyStanding, NewRecoveryCode, RestoreToKeyring, RestoredToKeyring, RotatePassphrase, SecretText, WayIn,
};
pub use kiosk::{
    KioskAppointment, KioskMessage, KioskPerson, KioskReceipt, KioskRequest, KioskSignIn, KioskState,
};
pub use lock::{RemovePin, SetPin, UnlockWithPin};
pub use person::{Account, Patient, PersonName, Physician, Session, Sex};
pub use policy::{POLICY_DOMAIN, POLICY_ISSUED_AT, Policy, SignedPolicy};
pub use record::{
    Appointment, Consultation, Escalation, EscalationState, HistoryEntry, Message, SPECIALTIES, Specialty,
};
pub use request::{
    ConsultationUpdate, Decline, InvalidField, MAX_DESCRIPTION_CHARS, MAX_ID_CHARS, MAX_MESSAGE_CHARS,
    MAX_METADATA_BYTES, MAX_METADATA_DEPTH, MAX_NOTE_CHARS, MAX_REASON_CHARS, NewConsultation, NewMessage,
    NewNote, check_id,
};
pub use sign_in::{BeginSignIn, ClinicSignIn, SignInWait, SignInWay};
pub use time::{ParseTimestampError, Timestamp};
pub use unique::Unique;
pub use view::*;
pub use word::{AppointmentStatus, ConsultationStatus, MessageKind, Role, SpecialtyCode, Urgency};
