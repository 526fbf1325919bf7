//! Asks for the server's word where a decision needs it, and finds out what became of it when the answer is lost.
//!
//! Promises: a decision is written down before it is asked and again when its outcome is known; it is done once, however
//! often it is asked: a repeat carries the same key, and where the server does not know such keys the record is looked at
//! instead; what may have happened is called that, and nothing else, until the next contact shows it (`doubts`); what
//! is declined or handed off is as the person saw it, or as good as that, or they are told how it is now.
//! Refuses to ask while there is no connection: responsibility for a patient does not change hands in an outbox.

use std::{sync::Arc, time::Duration};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_client::{ClientError, SignedIn};
use chatehr_contract::{
    Action, Consultation, ConsultationId, ConsultationStatus, ConsultationUpdate, Decline, EnvelopeId,
    ErrorCode, ErrorReport, Handoff, NewNote, Person, PersonId, access,
};
use serde::{Deserialize, Serialize};
use tokio::time;

use super::{Inner, Open, doubts::Unsure, record, views};
use crate::report;

/// How often a record may change under a question that is asked as it was seen; one that does more is for the person.
pub(super) const MOST_VERSIONS: usize = 4;

/// How soon a question is given up whose desk has been locked; no PIN is typed and tried in less.
const LOOK: Duration = Duration::from_millis(100);

/// A decision that needs the server's word. Kept in the ledger as JSON while nobody knows what became of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Decision {
    Accept,
    Acknowledge,
    Decline(Decline),
    HandOff(Handoff),
    Note(NewNote),
}

/// What became of the question.
enum Word {
    Given(Box<Consultation>),
    Refused(ClientError),
    /// It may have been done.
    Lost,
}

impl Decision {
    /// The button that asks for it, where there is one of its own.
    pub(super) const fn action(&self) -> Option<Action> {
        match self {
            Self::Accept => Some(Action::Accept),
            Self::Acknowledge => Some(Action::Acknowledge),
            Self::Decline(_) => Some(Action::Decline),
            Self::HandOff(_) => Some(Action::HandOff),
            Self::Note(_) => None,
        }
    }

    /// Its row in the access table.
    fn row(&self) -> access::Action {
        self.action().map_or(access::Action::ConsultationNote, Action::row)
    }

    /// Its word in the audit log.
    pub(super) const fn on_record(&self) -> &'static str {
        match self {
            Self::Accept => "consultation.accept",
            Self::Acknowledge => "alert.acknowledge",
            Self::Decline(_) => "consultation.decline",
            Self::HandOff(_) => "consultation.hand-off",
            Self::Note(_) => "consultation.note",
        }
    }

    /// Whether an answer to the other would be one to this: what was asked once in other words was asked.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Note(one), Self::Note(other)) => one == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Asks, where that matters about the version that the person saw; 0 is any.
    async fn ask(
        &self,
        server: &SignedIn,
        id: &ConsultationId,
        seen: u64,
        key: &str,
    ) -> Result<Consultation, ClientError> {
        match self {
            Self::Accept => {
                let status = ConsultationStatus::Assigned;
                let update = ConsultationUpdate { status, physician_id: None, notes: None };
                server.update_consultation(id, &update, key).await
            }
            Self::Acknowledge => server.acknowledge(id, key).await,
            Self::Decline(decline) => server.decline_seen(id, decline, seen, key).await,
            Self::HandOff(handoff) => server.hand_off(id, handoff, Some(seen), key).await,
            Self::Note(note) => server.add_note(id, note, key).await,
        }
    }

    /// Whether the record shows that this person has decided so.
    fn is_done(&self, record: &Consultation, me: &PersonId) -> bool {
        let mine = record.physician_id.as_ref() == Some(me);
        let by_me = |action: &str| {
            record.history.iter().any(|entry| entry.action == action && entry.actor_id.as_ref() == Some(me))
        };
        match self {
            Self::Accept => mine && record.status.is_open() && record.status != ConsultationStatus::Pending,
            Self::Acknowledge => {
                let seen = record.escalation().and_then(|escalation| escalation.acknowledged_by);
                mine || seen.as_ref() == Some(me) || by_me("acknowledged")
            }
            Self::Decline(_) => record.was_declined_by(me) || (!mine && by_me("declined")),
            Self::HandOff(_) => !mine,
            Self::Note(note) => record.history.iter().any(|entry| {
                entry.actor_id.as_ref() == Some(me) && entry.note.as_deref() == Some(note.text.as_str())
            }),
        }
    }

    /// The same of what was asked a while ago, so that more may have been done since: who has finished it has accepted it.
    pub(super) fn was_done(&self, record: &Consultation, me: &PersonId) -> bool {
        let finished = record.physician_id.as_ref() == Some(me) && !record.status.is_open();
        self.is_done(record, me) || (*self == Self::Accept && finished)
    }

    /// The same of a record that this person no longer sees.
    pub(super) const fn is_done_where_nothing_is_seen(&self) -> bool {
        matches!(self, Self::HandOff(_))
    }
}

impl Inner {
    /// Whether the server knows a repeat by its key; until it has said so, nothing is taken for granted.
    pub(super) fn knows_repeats(&self) -> bool {
        self.since.server_has("idempotency") == Some(true)
    }

    pub(super) async fn decide(
        self: &Arc<Self>,
        id: &ConsultationId,
        decision: Decision,
    ) -> Result<(), ErrorReport> {
        self.may(decision.row(), id).await?;
        let (open, key) = self.ready_to_act()?;
        if open.doubts.has(id, &decision) {
            self.outbox.notify_one();
            return Err(ErrorReport::new(ErrorCode::MayHaveHappened));
        }
        let (entry, seen) = self.begin_asking(&open, id, &decision, &key).await?;
        let unsure =
            Unsure { key: key.clone(), id: id.clone(), decision: decision.clone(), entry: entry.clone() };
        let under_way = open.doubts.under_way(unsure);
        let word = tokio::select! {
            word = self.word(&open, id, &decision, seen.as_ref(), &key) => word,
            // A question that hangs would hold the files that are opened again.
            () = self.is_left(&open) => Word::Lost,
        };
        match word {
            Word::Given(record) => {
                under_way.answered();
                self.end_asking(&open, &key, entry).await;
                self.take_word(&open, *record).await
            }
            Word::Refused(error) => {
                under_way.answered();
                self.end_asking(&open, &key, record::refused(entry, &error)).await;
                self.be_refused(&open, id, &error).await
            }
            Word::Lost => {
                let code = ErrorCode::MayHaveHappened;
                let reason = Some(code.as_str().to_owned());
                self.note(&open, NewEntry { outcome: Outcome::Failed, reason, ..entry }).await;
                drop(under_way);
                self.outbox.notify_one();
                self.tell_consultations(vec![id.clone()]);
                Err(ErrorReport::new(code))
            }
        }
    }

    /// Ends when this desk has been locked or left.
    pub(super) async fn is_left(&self, open: &Arc<Open>) {
        while self.still_open(open).is_ok() {
            time::sleep(LOOK).await;
        }
    }

    /// Asks, and once more where the answer was lost.
    async fn word(
        &self,
        open: &Open,
        id: &ConsultationId,
        decision: &Decision,
        seen: Option<&Consultation>,
        key: &EnvelopeId,
    ) -> Word {
        let me = &open.person.id;
        let is_done = |record: &Consultation| decision.is_done(record, me);
        let error = match ask_as_seen(open, id, decision, seen, key).await {
            Ok(record) => return Word::Given(Box::new(record)),
            Err(error) => error,
        };
        if !error.may_have_acted() {
            return match self.done_before(open, id, &error, is_done).await {
                Some(record) => Word::Given(Box::new(record)),
                None => Word::Refused(error),
            };
        }
        tracing::warn!(%error, "An answer was lost; the question is repeated.");
        if !self.knows_repeats() {
            // It is the person's question still, whatever the server has asked for with its answer.
            return match open.server.for_the_person().consultation(id).await {
                Ok(record) if is_done(&record) => Word::Given(Box::new(record)),
                // Nothing of it has happened, or not yet: the same may be asked anew.
                Ok(_) => Word::Refused(error),
                Err(_) => Word::Lost,
            };
        }
        match ask_as_seen(open, id, decision, seen, key).await {
            Ok(record) => Word::Given(Box::new(record)),
            // What is wrong now says nothing of what was done then.
            Err(again) if again.may_have_acted() || !again.concerns_this_request() => Word::Lost,
            Err(again) => match self.done_before(open, id, &again, is_done).await {
                Some(record) => Word::Given(Box::new(record)),
                None => Word::Refused(again),
            },
        }
    }

    /// The record, where what stood in the way of a decision is that it was done before, here or at another workstation
    /// of this person's.
    pub(super) async fn done_before(
        &self,
        open: &Open,
        id: &ConsultationId,
        error: &ClientError,
        is_done: impl Fn(&Consultation) -> bool,
    ) -> Option<Consultation> {
        if !matches!(error, ClientError::Conflict { .. } | ClientError::PreconditionFailed { .. }) {
            return None;
        }
        let holder = error.current().and_then(|current| current.physician_id.as_ref());
        // Who else has it is told at once.
        if holder.is_some_and(|holder| *holder != open.person.id) {
            return None;
        }
        let now = match error.record().filter(|record| record.id == *id) {
            Some(record) => Some(record.clone()),
            None => open.server.consultation(id).await.ok(),
        };
        now.filter(is_done)
    }

    /// Takes the server's answer in.
    pub(super) async fn take_word(
        self: &Arc<Self>,
        open: &Arc<Open>,
        record: Consultation,
    ) -> Result<(), ErrorReport> {
        let (inner, open) = (self.clone(), open.clone());
        // The action is done; what follows from it must not be lost when the window stops waiting, nor turn a success
        // into an error.
        let taken = async move {
            tokio::select! {
                taken = inner.take_consultation(&open, record) => if let Err(error) = taken {
                    tracing::warn!(%error, "The conversation is fetched later.");
                },
                // What hangs would hold the files that are opened again.
                () = inner.is_left(&open) => {}
            }
        };
        tokio::spawn(taken).await.map_err(|error| report::internal(&error))
    }

    /// Says who or what was in the way, with what stands there instead in the files by then.
    async fn be_refused(
        self: &Arc<Self>,
        open: &Arc<Open>,
        id: &ConsultationId,
        error: &ClientError,
    ) -> Result<(), ErrorReport> {
        if matches!(error, ClientError::SignedOut) {
            // Of somebody who has left meanwhile it ends nothing.
            if self.is_here(open) {
                self.end_session();
            }
            return Err(ErrorReport::new(ErrorCode::SignedOut));
        }
        let told = self.in_words(open, error).await;
        self.take_present_state(open, id, error).await;
        Err(told)
    }

    /// The open desk and a key for one action, if the server can be asked.
    pub(super) fn ready_to_act(&self) -> Result<(Arc<Open>, EnvelopeId), ErrorReport> {
        let open = self.open()?;
        if !self.is_online() {
            return Err(ErrorReport::new(ErrorCode::NeedsConnection));
        }
        let key = self.surroundings.new_id().map_err(|error| report::internal(&error))?;
        Ok((open, key))
    }
}

/// Asks about the record as the person saw it, and again as it is now where nothing has changed of what they decided on.
async fn ask_as_seen(
    open: &Open,
    id: &ConsultationId,
    decision: &Decision,
    seen: Option<&Consultation>,
    key: &EnvelopeId,
) -> Result<Consultation, ClientError> {
    let server = open.server.for_the_person();
    let mut version = seen.map_or(0, |seen| seen.version);
    for _ in 1..MOST_VERSIONS {
        let error = match decision.ask(&server, id, version, key.as_str()).await {
            Err(error) => error,
            done => return done,
        };
        let now = decision.action().and_then(|action| still_offered(&error, &open.person, action));
        let as_seen = |now: &&Consultation| {
            seen.is_some_and(|seen| (&seen.status, &seen.physician_id) == (&now.status, &now.physician_id))
        };
        match now.filter(as_seen) {
            Some(now) => version = now.version,
            None => return Err(error),
        }
    }
    decision.ask(&server, id, version, key.as_str()).await
}

/// The record as it is now, where another version than that which was seen is all that stands in the way of an action that
/// this person is offered all the same: a note was left, or the next one is asked.
pub(super) fn still_offered<'a>(
    error: &'a ClientError,
    person: &Person,
    action: Action,
) -> Option<&'a Consultation> {
    if !matches!(error, ClientError::PreconditionFailed { .. }) {
        return None;
    }
    let now = error.record()?;
    views::actions(&mut now.clone(), person, &[]).0.contains(&action).then_some(now)
}
