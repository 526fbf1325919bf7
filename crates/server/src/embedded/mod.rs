//! The embedded ChatEHR: the store, the rules, the seals.
//!
//! Promises: each call is decided by the access table and the life cycle, done whole or not at all, and written into
//! the audit log in the same transaction; a refusal is written down too. Refuses: doing what cannot be written down.

mod appointments;
mod changes;
mod consultations;
mod directory;
mod escalating;
mod glass;
mod kiosk;
mod messages;
mod oversight;
mod sign_in;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chatehr_contract::{
    Timestamp,
    access::{Access, Relation, decide},
};

pub(crate) use self::{
    consultations::as_seen, directory::specialties, escalating::escalate_when_due, messages::other_side,
};
use crate::{
    escalation::EscalationPolicy,
    events::Listening,
    identity::{Actor, Person, digest},
    op::{Op, Outcome},
    policy::SignedPolicy,
    problem::Problem,
    provider::{Call, Condition, Provider},
    sealing::Seals,
    sources::Sources,
    store::{Store, StoreError, Tx},
    trail::Note,
};

/// What works beyond the original, always.
const FEATURES: &[&str] = &[
    "events",
    "changes",
    "idempotency",
    "etag",
    "acknowledge",
    "decline",
    "handoff",
    "escalation",
    "receipts",
    "directory",
    "kiosk",
    "policy",
    "appointment-response",
    "attachments",
    "keys",
    "anchors",
    "on-behalf-of",
    "break-glass",
    "delegates",
    "notes",
];

/// Stands for the store, its rules and its seals. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Embedded(Arc<Parts>);

/// The parts of an [`Embedded`].
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) seals: Seals,
    pub(crate) sources: Sources,
    pub(crate) escalation: EscalationPolicy,
    pub(crate) policy: SignedPolicy,
    /// Whether a machine may sign a person in as a test account.
    pub(crate) test_sign_in: bool,
    /// When the store was last asked whether it takes what is written, and its answer.
    pub(crate) probed: Mutex<Option<(Instant, bool)>>,
}

/// One call at work: what it asks, inside its transaction.
#[derive(Clone, Copy)]
struct Here<'a> {
    app: &'a Parts,
    tx: &'a Tx<'a>,
    call: &'a Call,
}

impl Embedded {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Whether the store takes what is written. Asked at most once a second, however often somebody wants to know.
    async fn is_sound(&self) -> bool {
        let known = *self.0.probed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, sound)) = known
            && at.elapsed() < Duration::from_secs(1)
        {
            return sound;
        }
        let now = self.0.sources.now();
        let sound = self.0.store.is_there() && self.0.store.run(move |tx| Ok(tx.probe(now)?)).await.is_ok();
        *self.0.probed.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), sound));
        sound
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }
}

#[async_trait]
impl Provider for Embedded {
    async fn perform(&self, mut call: Call) -> Result<Outcome, Problem> {
        let app = Arc::clone(&self.0);
        self.0
            .store
            .run(move |tx| {
                know_specialties(tx, &mut call.actor)?;
                let here = Here { app: &app, tx, call: &call };
                // The refusal is written down, although what was refused is undone.
                let mut result = tx.whole(|tx| tx.once(&call, |_| here.perform()));
                if let Err(Problem::WrongBirthDate(fingerprint)) = &result {
                    tx.miss_kiosk_code(fingerprint)?;
                    result = Err(Problem::SignInRefused);
                }
                tx.note(&Note::of(&call, &result))?;
                Ok(result)
            })
            .await?
    }

    async fn session(&self, token: &str, now: Timestamp) -> Result<Option<(Person, Timestamp)>, Problem> {
        let hash = digest(token);
        self.0.store.run(move |tx| Ok(tx.session(&hash, now)?)).await
    }

    async fn listen(&self, last: Option<&str>) -> Result<Listening, Problem> {
        let (app, last) = (Arc::clone(&self.0), last.map(str::to_owned));
        tokio::task::spawn_blocking(move || app.store.listen(last.as_deref()))
            .await
            .map_err(|_| StoreError::CutOff)?
            .map_err(Problem::from)
    }

    async fn note(&self, note: Note) -> Result<(), Problem> {
        self.0.store.run(move |tx| Ok(tx.note(&note)?)).await
    }

    async fn condition(&self) -> Condition {
        let sound = self.is_sound().await;
        let mut features = FEATURES.to_vec();
        if self.0.test_sign_in {
            features.push("test-sign-in");
        }
        Condition { sound, features }
    }
}

/// A physician whose token names no specialty has those of the directory, and a nurse those of their physician.
fn know_specialties(tx: &Tx<'_>, actor: &mut Actor) -> Result<(), StoreError> {
    let Actor::Person(me) = actor else { return Ok(()) };
    let Some(physician) = me.stands_for().filter(|_| me.specialties.is_empty()) else { return Ok(()) };
    if let Some(known) = tx.physician(physician.as_str())? {
        me.specialties = known.specialties;
    }
    Ok(())
}

impl Here<'_> {
    fn perform(self) -> Result<Outcome, Problem> {
        match &self.call.op {
            Op::ListConsultations(filter) => self.list_consultations(filter),
            Op::ReadConsultation(id) => self.read_consultation(id),
            Op::CreateConsultation(new) => self.create_consultation(new),
            Op::UpdateConsultation(id, update) => self.update_consultation(id, update),
            Op::Acknowledge(id) => self.acknowledge(id),
            Op::Decline(id, decline) => self.decline(id, decline),
            Op::HandOff(id, handoff) => self.hand_off(id, handoff),
            Op::AddNote(id, note) => self.add_note(id, note),
            Op::BreakGlass(id, new) => self.break_glass(id, new),
            Op::CloseGlass(id) => self.close_glass(id),
            Op::ListGlass => self.list_glass(),
            Op::ListAppointments(filter) => self.list_appointments(filter),
            Op::CreateAppointment(new) => self.create_appointment(new),
            Op::UpdateAppointment(id, update) => self.update_appointment(id, update),
            Op::Respond(id, response) => self.respond(id, response),
            Op::ListMessages(filter) => self.list_messages(filter),
            Op::CreateMessage(new) => self.create_message(new),
            Op::MarkRead(id, read) => self.mark_read(id, read),
            Op::ReadKey(id) => self.read_key(id),
            Op::CreateAttachment(id, bytes) => self.create_attachment(id, bytes),
            Op::ReadAttachment(id) => self.read_attachment(id),
            Op::SearchPatients { words, limit } => self.search_patients(words.as_deref(), *limit),
            Op::ReadPatient(id) => self.read_patient(id),
            Op::ListPhysicians(specialty) => self.list_physicians(specialty.as_ref()),
            Op::ReadPhysician(id) => self.read_physician(id),
            Op::UpdateAvailability(update) => self.update_availability(update),
            Op::ListSpecialties => self.list_specialties(),
            Op::CreateKioskCode(new) => self.create_kiosk_code(new),
            Op::CreateKioskSession(new) => self.create_kiosk_session(new),
            Op::ReadSession => self.read_session(),
            Op::EndSession => self.end_session(),
            Op::ReadPolicy => self.read_policy(),
            Op::KeepAnchor(anchor) => self.keep_anchor(anchor),
            Op::ListChanges { since, limit } => self.list_changes(since.as_deref(), *limit),
            Op::ListAccounts => self.list_accounts(),
            Op::TestSignIn { code } => self.test_sign_in(code),
        }
    }

    /// What the access table says of this call to a record in this relation.
    fn allow(self, relation: Relation) -> Result<(), Problem> {
        allow(self.call, relation)
    }
}

/// What the access table says of a call to a record in this relation.
pub(crate) fn allow(call: &Call, relation: Relation) -> Result<(), Problem> {
    let action = call.op.action();
    match decide(action, call.actor.party(), relation) {
        Access::Granted => Ok(()),
        Access::WithReason if call.reason.is_some() => Ok(()),
        Access::WithReason => Err(Problem::Forbidden(
            "This needs a reason, in the header Break-Glass-Reason; it goes on record.",
        )),
        Access::ByPolicy(_) | Access::Refused => Err(Problem::Forbidden(action.refusal())),
        Access::BehindGlass | Access::Hidden => Err(Problem::NotFound),
    }
}
