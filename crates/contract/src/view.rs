//! What the clinician's window shows and asks. Made by the engine from the encrypted files; never stored.
//!
//! `Debug` of anything that holds a patient's data shows ids alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    AppointmentId, AppointmentStatus, ClinicSignIn, Consultation, ConsultationId, ConsultationStatus,
    EnvelopeId, ErrorReport, HistoryEntry, KeyStanding, MessageId, MessageKind, Patient, PersonId,
    PersonName, Role, SpecialtyCode, Timestamp, Urgency, WayIn,
    access::{self, Relation},
    break_glass::OpenGlass,
};

/// Everything the window needs before it can choose a screen. Asked once at start, and again at each notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramState {
    /// Which screen.
    pub stage: Stage,
    /// The connection, for the rail's foot and the banner.
    pub connection: Connection,
    /// When everything was last in step with the server.
    pub synced_at: Option<Timestamp>,
    /// Messages that the server has not confirmed.
    pub outbox_waiting: u32,
    /// Messages that need a person's decision.
    pub outbox_stuck: u32,
    /// Figures beside the rail's entries.
    pub counts: Counts,
    /// Why desktop notifications do not work, when they do not.
    pub notifications: Option<ErrorReport>,
    /// Why the record of actions, or the server's word, is in doubt.
    #[serde(default)]
    pub integrity: Option<ErrorReport>,
    /// What the server is called, for the sign-in screen.
    pub server: String,
    /// How the keys to the open files stand.
    #[serde(default)]
    pub keys: KeyStanding,
    /// When the screen locks unless the person says that they are here; only shortly before.
    #[serde(default)]
    pub locks_at: Option<Timestamp>,
    /// When the session ends, whatever the person does; only shortly before.
    #[serde(default)]
    pub session_ends_at: Option<Timestamp>,
    /// Whether a PIN unlocks the screen.
    #[serde(default)]
    pub pin_set: bool,
    /// The server's clock.
    #[serde(default)]
    pub clock: ClockStanding,
    /// How far the first load has come; none when there is none.
    #[serde(default)]
    pub loading: Option<Loading>,
    /// The record that is open in an emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glass: Option<OpenGlass>,
    /// Somebody else has opened a record in an emergency, and this administrator has not looked at the list since.
    #[serde(default)]
    pub glass_news: bool,
    /// Whether the clinic's policy lets this person export.
    #[serde(default)]
    pub may_export: bool,
    /// Signing in with a clinic account.
    #[serde(default)]
    pub clinic_sign_in: ClinicSignIn,
    /// The physician for whom a nurse acts; none until the directory has told the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_for: Option<PersonName>,
}

/// Which screen the program is at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Stage {
    /// Opening the files; lasts a moment.
    Starting,
    /// Nobody is signed in. `error` says why the last attempt failed or the server cannot be asked.
    SignIn {
        /// Accounts that a demonstration server offers; empty elsewhere.
        accounts: Vec<crate::Account>,
        /// What is in the way.
        error: Option<ErrorReport>,
    },
    /// Signed in, files open.
    Ready {
        /// Who.
        person: Person,
    },
    /// Somebody is signed in, and their records are closed until they show who they are.
    Locked {
        /// Who; their name alone.
        person: PersonName,
        /// Since when.
        since: Timestamp,
        /// Messages that wait to be sent, and are sent meanwhile.
        outbox_waiting: u32,
        /// Urgent requests that wait for this person.
        urgent: u32,
        /// How often a PIN may be tried; 0 where there is none, or no more.
        pin_tries: u32,
    },
    /// The files cannot be opened; a state with its own way out, never a wipe.
    Blocked {
        /// What is in the way and what to do.
        error: ErrorReport,
        /// Other keys that this person has; empty where no key helps.
        #[serde(default)]
        ways: Vec<WayIn>,
    },
}

/// Who is signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Opaque id.
    pub id: PersonId,
    /// Name in parts.
    pub name: PersonName,
    /// What they may do.
    pub role: Role,
    /// A physician's.
    pub specialties: Vec<SpecialtyCode>,
    /// The physician for whom a nurse acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegates_for: Option<PersonId>,
}

impl Person {
    /// In whose place records are seen: a physician's own, a nurse's physician's. Nobody's for other roles.
    pub const fn stands_for(&self) -> Option<&PersonId> {
        match self.role {
            Role::Physician => Some(&self.id),
            Role::Nurse => self.delegates_for.as_ref(),
            _ => None,
        }
    }

    /// How this person stands to a consultation.
    pub fn relation_to(&self, consultation: &Consultation) -> Relation {
        let Some(physician) = self.stands_for() else { return Relation::Other };
        let in_charge = consultation.physician_id.as_ref() == Some(physician);
        let waits = consultation.status == ConsultationStatus::Pending && consultation.physician_id.is_none();
        match (in_charge, &self.role) {
            (true, Role::Nurse) => Relation::Delegated,
            (true, _) => Relation::Assigned,
            (false, _) if waits && self.specialties.contains(&consultation.specialty) => Relation::Pool,
            _ => Relation::Other,
        }
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// How the program and the server stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Connection {
    /// The first attempt is under way.
    Connecting,
    /// Events arrive.
    Online {
        /// Since when.
        since: Timestamp,
    },
    /// Nobody is signed in: nothing is fetched and nothing sent until somebody is. The server answers.
    SignedOut {
        /// Since when.
        since: Timestamp,
    },
    /// Lost, and being tried again.
    Offline {
        /// Since when.
        since: Timestamp,
        /// When the next attempt is made.
        retry_at: Option<Timestamp>,
        /// Why.
        error: ErrorReport,
        /// What that means to somebody who waits.
        #[serde(default)]
        lapse: Lapse,
    },
}

/// What a lost connection means to somebody who waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lapse {
    /// It has only just gone, and may be back at any moment.
    Reconnecting,
    /// There is none.
    #[default]
    Offline,
    /// Something answers that this program cannot work with: waiting will not mend it, an administrator will.
    Unfit,
}

/// How far the first load has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Loading {
    /// Of what.
    pub part: LoadingPart,
    /// So many are here.
    pub done: u32,
    /// Of so many; 0 where that is not known.
    pub of: u32,
}

/// What a first load fetches, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LoadingPart {
    /// What waits, what is the person's own, and today.
    First,
    /// All consultations.
    Consultations,
    /// The names of patients.
    Names,
    /// The person's conversations.
    Conversations,
}

/// How the server's clock and this workstation's stand to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockStanding {
    /// Milliseconds that the server's is ahead, negative where it is behind; 0 where that is too little to count or not
    /// known. Times that the server has set are to be compared with the time by its clock.
    pub server_ahead_millis: i64,
    /// They are apart by what a person notices.
    pub off: Option<ErrorReport>,
}

/// Figures beside the rail's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Pending, and this person could take it (declined ones left out).
    pub queue: u32,
    /// Of those, urgent or emergency.
    pub queue_urgent: u32,
    /// Open, and this person's.
    pub mine: u32,
    /// Messages from patients that this person has not opened.
    pub unread: u32,
}

/// Sign in with a test account's code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Six digits.
    pub code: String,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn(…)")
    }
}

/// Which consultations a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ListScope {
    /// Pending in this person's specialties and not declined by them; triage order.
    #[default]
    Queue,
    /// This person's open ones; triage order.
    Mine,
    /// This person's completed and cancelled ones; latest first.
    Closed,
}

impl ListScope {
    /// Its word in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Mine => "mine",
            Self::Closed => "closed",
        }
    }
}

/// Asks for a page of consultations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationList {
    /// Which list.
    pub scope: ListScope,
    /// One specialty only.
    #[serde(default)]
    pub specialty: Option<SpecialtyCode>,
    /// Rows to pass over.
    #[serde(default)]
    pub offset: u32,
    /// Rows to return, 1 to 500.
    pub limit: u32,
}

/// A page of consultations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsultationPage {
    /// In the list's order.
    pub rows: Vec<ConsultationRow>,
    /// How many there are in all.
    pub total: u32,
}

/// One row of a list.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationRow {
    /// Which.
    pub id: ConsultationId,
    /// Who asks; the id stands alone where the server has no directory.
    pub patient_id: PersonId,
    /// Their name and birth date, where known.
    pub patient: Option<Patient>,
    /// Which pool.
    pub specialty: SpecialtyCode,
    /// How soon.
    pub urgency: Urgency,
    /// Where it stands.
    pub status: ConsultationStatus,
    /// The beginning of the patient's words, on one line.
    pub summary: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when somebody should answer; only while pending.
    pub answer_due: Option<Timestamp>,
    /// Messages from the patient that this person has not opened.
    pub unread: u32,
}

impl fmt::Debug for ConsultationRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsultationRow")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Names one consultation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsultationRef {
    /// Which.
    pub id: ConsultationId,
}

/// A consultation with all that stands around its conversation.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationView {
    /// The row, as in the list.
    pub row: ConsultationRow,
    /// The patient's words in full.
    pub description: String,
    /// Who has taken it.
    pub physician: Option<PersonLabel>,
    /// Whether that is the person signed in.
    pub mine: bool,
    /// Who has said that they have seen it, while it waits.
    #[serde(default)]
    pub acknowledged: Option<Acknowledgement>,
    /// What happened, oldest first.
    pub history: Vec<HistoryLine>,
    /// What this person may do now, with what waits taken as done; an action that needs the server is listed and refuses
    /// offline with a reason.
    pub actions: Vec<Action>,
    /// What this person has done here and the server has not confirmed, in order.
    #[serde(default)]
    pub waiting: Vec<Action>,
    /// What the server was asked and nobody knows whether it has done.
    #[serde(default)]
    pub unsure: Option<Action>,
    /// What the record's state would allow and the access table does not give to this person.
    #[serde(default)]
    pub refused: Vec<RefusedAction>,
    /// Whether this person may write to the patient.
    pub may_write: bool,
    /// Whether they may leave a note for who may.
    #[serde(default)]
    pub may_note: bool,
    /// Why they may not, where it is not for the record's state.
    #[serde(default)]
    pub may_not_write: Option<String>,
    /// The patient's appointments with this person, soonest first.
    pub appointments: Vec<AppointmentRow>,
    /// The patient's other consultations that this person may see, latest first.
    pub earlier: Vec<ConsultationRow>,
    /// What was typed and not sent.
    pub draft: String,
    /// What was typed into its dialogs, and not done.
    #[serde(default)]
    pub words: DialogWords,
}

impl fmt::Debug for ConsultationView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsultationView").field("row", &self.row).finish_non_exhaustive()
    }
}

/// What was typed into a consultation's dialogs, and not done; empty where nothing was.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DialogWords {
    /// The reason for declining.
    pub decline: String,
    /// The reason for handing off.
    pub hand_off: String,
    /// The closing note.
    pub complete: String,
}

impl fmt::Debug for DialogWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialogWords(…)")
    }
}

/// That somebody has seen a request and not accepted it yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: PersonLabel,
    /// Whether that is the person signed in.
    pub mine: bool,
    /// When.
    pub at: Timestamp,
}

/// A person by id, with a name where the directory knows one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonLabel {
    /// Opaque id.
    pub id: PersonId,
    /// Name in parts.
    pub name: Option<PersonName>,
}

impl fmt::Debug for PersonLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonLabel").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A history entry with its actor's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// What happened.
    pub entry: HistoryEntry,
    /// Who did it; the server itself has none.
    pub actor: Option<PersonLabel>,
}

/// What a physician can do with a consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Take it.
    Accept,
    /// Say no, with a reason.
    Decline,
    /// Say that it has been seen.
    Acknowledge,
    /// Begin.
    Start,
    /// Finish.
    Complete,
    /// Give it to a colleague or back to a pool, with a reason.
    HandOff,
}

/// Asks for the other physicians of a specialty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColleaguesOf {
    /// Which.
    pub specialty: SpecialtyCode,
}

/// Give one to a colleague, or back to a specialty's pool: one of the two, with a reason of 1 to 500 characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandOffConsultation {
    /// Which.
    pub id: ConsultationId,
    /// Who takes it; they are in charge at once.
    #[serde(default)]
    pub physician_id: Option<PersonId>,
    /// In whose pool it waits again.
    #[serde(default)]
    pub specialty: Option<SpecialtyCode>,
    /// Why.
    pub reason: String,
}

impl fmt::Debug for HandOffConsultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandOffConsultation").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Finish one, with a closing note of 1 to 5,000 characters or without.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompleteConsultation {
    /// Which.
    pub id: ConsultationId,
    /// What is to be kept of it.
    #[serde(default)]
    pub note: Option<String>,
}

impl fmt::Debug for CompleteConsultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompleteConsultation").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Action {
    /// Its row in the access table.
    pub const fn row(self) -> access::Action {
        match self {
            Self::Accept => access::Action::ConsultationAccept,
            Self::Decline => access::Action::ConsultationDecline,
            Self::Acknowledge => access::Action::ConsultationAcknowledge,
            Self::Start => access::Action::ConsultationStart,
            Self::Complete => access::Action::ConsultationComplete,
            Self::HandOff => access::Action::ConsultationHandoff,
        }
    }
}

/// What the access table refuses, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedAction {
    /// What.
    pub action: Action,
    /// Why, in a sentence for a clinician.
    pub why: String,
}

/// Decline one, with a reason of 1 to 500 characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclineConsultation {
    /// Which.
    pub id: ConsultationId,
    /// Why.
    pub reason: String,
}

impl fmt::Debug for DeclineConsultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeclineConsultation").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The conversation of one consultation. It carries the consultation's id, so that an answer that comes late is
/// never shown under another patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// Whose.
    pub consultation_id: ConsultationId,
    /// The latest, oldest first, then what waits in the outbox.
    pub messages: Vec<MessageView>,
    /// Whether there are older ones.
    pub has_older: bool,
}

/// Asks for a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRequest {
    /// Whose.
    pub id: ConsultationId,
    /// How many of the latest, 1 to 500.
    pub limit: u32,
}

/// One message as shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// The server's id, once it has one.
    pub id: Option<MessageId>,
    /// The sender's own id; stays the same from queued to sent, so a view can keep its place.
    pub envelope_id: Option<EnvelopeId>,
    /// Whether the person signed in wrote it.
    pub mine: bool,
    /// Who wrote it.
    pub from: PersonLabel,
    /// What it carries.
    pub kind: MessageKind,
    /// The words, or why they cannot be shown.
    pub body: MessageBody,
    /// When the server took it; when it was written, before that.
    pub at: Timestamp,
    /// How far it has come.
    pub delivery: Delivery,
    /// What waits is no message but this step; its words are what is noted of it, or nothing.
    #[serde(default)]
    pub step: Option<Action>,
    /// Whether it can still be changed or taken back: it waits, and the server cannot have it.
    #[serde(default)]
    pub changeable: bool,
    /// The words as they are being changed. While there are any it is not sent.
    #[serde(default)]
    pub edit: Option<String>,
}

impl fmt::Debug for MessageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageView")
            .field("id", &self.id)
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

/// The words of a message, or why they cannot be shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MessageBody {
    /// Readable.
    Clear {
        /// The words.
        text: String,
    },
    /// Sealed, and its key is not here (yet).
    Sealed,
    /// It does not open: altered, or meant for another place. It stays stored as it came.
    Unreadable,
}

impl fmt::Debug for MessageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear { .. } => "Clear(…)",
            Self::Sealed => "Sealed",
            Self::Unreadable => "Unreadable",
        })
    }
}

/// How far a message has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Delivery {
    /// Received from, or confirmed by, the server.
    Sent,
    /// On this workstation, waiting for the connection or its turn.
    Queued,
    /// On its way.
    Sending,
    /// Refused for good; the person can send again or discard.
    Stuck {
        /// Why.
        error: ErrorReport,
    },
}

/// Send words to the patient.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessage {
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// 1 to 10,000 characters.
    pub text: String,
}

impl fmt::Debug for SendMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendMessage").field("consultation_id", &self.consultation_id).finish_non_exhaustive()
    }
}

/// Leave a note for colleagues.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddNote {
    /// At which consultation.
    pub id: ConsultationId,
    /// 1 to 2,000 characters.
    pub text: String,
}

impl fmt::Debug for AddNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddNote").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Keep what is being typed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveDraft {
    /// In which consultation.
    pub consultation_id: ConsultationId,
    /// As typed; empty forgets it.
    pub text: String,
    /// Into what.
    #[serde(default)]
    pub of: DraftOf,
}

/// What a draft is to become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DraftOf {
    /// Words for the patient, or a note for colleagues: a consultation has one place to write in.
    #[default]
    Message,
    /// A reason for declining.
    Decline,
    /// A reason for handing off.
    HandOff,
    /// A closing note.
    Complete,
}

impl fmt::Debug for SaveDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveDraft").field("consultation_id", &self.consultation_id).finish_non_exhaustive()
    }
}

/// Names a message that waits in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxRef {
    /// Which.
    pub envelope_id: EnvelopeId,
}

/// Other words for a message that waits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EditMessage {
    /// Which.
    pub envelope_id: EnvelopeId,
    /// 1 to 10,000 characters.
    pub text: String,
}

impl fmt::Debug for EditMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EditMessage").field("envelope_id", &self.envelope_id).finish_non_exhaustive()
    }
}

/// Keep the words of a message that is being changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeepEdit {
    /// Which.
    pub envelope_id: EnvelopeId,
    /// As typed; nothing leaves it as it was and lets it be sent.
    #[serde(default)]
    pub text: Option<String>,
}

impl fmt::Debug for KeepEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepEdit").field("envelope_id", &self.envelope_id).finish_non_exhaustive()
    }
}

/// Asks for appointments in a half-open range of time. The window knows its own days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppointmentRange {
    /// From, inclusive.
    pub from: Timestamp,
    /// To, exclusive.
    pub to: Timestamp,
}

/// Appointments of a range, soonest first, and how old they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppointmentPage {
    /// Soonest first.
    pub rows: Vec<AppointmentRow>,
    /// When they were last in step with the server.
    pub synced_at: Option<Timestamp>,
}

/// One appointment as shown.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppointmentRow {
    /// Which.
    pub id: AppointmentId,
    /// Who comes.
    pub patient_id: PersonId,
    /// Their name and birth date, where known.
    pub patient: Option<Patient>,
    /// What it follows from.
    pub consultation_id: Option<ConsultationId>,
    /// When it begins.
    pub date_time: Timestamp,
    /// Minutes.
    pub duration: u32,
    /// What kind, in words.
    pub kind: String,
    /// Where it stands.
    pub status: AppointmentStatus,
    /// In words.
    pub notes: String,
}

impl fmt::Debug for AppointmentRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppointmentRow")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The program's word to the window that something changed: ids, never content. The window asks for what it shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChangeNotice {
    /// [`ProgramState`] is another.
    pub state: bool,
    /// Lists are to be read again.
    pub lists: bool,
    /// These consultations or their conversations are to be read again.
    pub consultations: Vec<ConsultationId>,
    /// Appointments are to be read again.
    pub appointments: bool,
    /// An urgent request has arrived and nobody has seen it: show it in the window too.
    pub alert: Option<AlertNotice>,
    /// These have been answered, here or elsewhere: their alerts go.
    pub answered: Vec<ConsultationId>,
    /// Show this consultation now: its notification was clicked.
    pub open: Option<ConsultationId>,
    /// Make the alert's sound: the desktop does not.
    pub sound: bool,
    /// Nobody has answered for too long: the window comes to the front.
    pub front: bool,
    /// Somebody has opened a record in an emergency: the list of them is to be read again. Told to administrators.
    pub glass_broken: bool,
}

/// What became of an alert at the window's top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertNote {
    /// Of which consultation.
    pub id: ConsultationId,
    /// What.
    pub deed: AlertDeed,
}

/// See [`AlertNote`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AlertDeed {
    /// It stands there.
    Shown,
    /// It stands there again, or still: nobody has answered.
    Repeated,
    /// Somebody has opened its consultation from there.
    Opened,
    /// Somebody has put it off.
    PutOff,
}

/// What an alert says: no patient's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertNotice {
    /// Which.
    pub consultation_id: ConsultationId,
    /// How soon.
    pub urgency: Urgency,
    /// Which pool.
    pub specialty: SpecialtyCode,
    /// Until when somebody should answer.
    pub answer_due: Option<Timestamp>,
    /// How often it has alerted so far, this time included.
    #[serde(default)]
    pub told: u32,
    /// Whether it can be acknowledged: there is somebody who would be asked next.
    #[serde(default)]
    pub may_acknowledge: bool,
}
