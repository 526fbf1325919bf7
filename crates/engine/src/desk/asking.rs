//! Asks for the server's word where a decision needs it, and finds out what became of it when the answer is lost.
//!
//! Promises: a decision is written down before it is asked and again when its outcome is known; it is done once, however
//! often it is asked: a repeat carries the same key, and where the server does not know such keys the record is looked at
//! instead; what may have happened is called that, and nothing else, until the next contact shows it.
//! Refuses to ask while there is no connection: responsibility for a patient does not change hands in an outbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_client::{ClientError, SignedIn};
use chatehr_contract::{
    Action, Consultation, ConsultationId, ConsultationStatus, ConsultationUpdate, Decline, EnvelopeId,
    ErrorCode, ErrorReport, Handoff, NewNote, PersonId, access,
};
use chatehr_vault::CacheChange;

use super::{Inner, Open, record};
use crate::report;

/// A decision that needs the server's word.
#[derive(Clone)]
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

/// What was asked, and nobody knows what became of it.
#[derive(Clone)]
struct Unsure {
    id: ConsultationId,
    decision: Decision,
    entry: NewEntry,
}

/// All of it.
#[derive(Default)]
pub(super) struct Doubts(Mutex<Vec<Unsure>>);

impl Doubts {
    fn held(&self) -> MutexGuard<'_, Vec<Unsure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in doubt about this consultation.
    pub(super) fn about(&self, id: &ConsultationId) -> Option<Action> {
        self.held().iter().find(|unsure| unsure.id == *id).and_then(|unsure| unsure.decision.action())
    }

    pub(super) fn count(&self) -> usize {
        self.held().len()
    }

    fn forget(&self, id: &ConsultationId) {
        self.held().retain(|unsure| unsure.id != *id);
    }

    /// Those of the desk before a lock.
    pub(super) fn take_over(&self, before: &Self) {
        let before = std::mem::take(&mut *before.held());
        self.held().extend(before);
    }

    fn add(&self, unsure: Unsure) {
        self.forget(&unsure.id);
        self.held().push(unsure);
    }
}

impl Decision {
    /// The button that asks for it, where there is one of its own.
    const fn action(&self) -> Option<Action> {
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
    const fn on_record(&self) -> &'static str {
        match self {
            Self::Accept => "consultation.accept",
            Self::Acknowledge => "alert.acknowledge",
            Self::Decline(_) => "consultation.decline",
            Self::HandOff(_) => "consultation.hand-off",
            Self::Note(_) => "consultation.note",
        }
    }

    async fn ask(
        &self,
        server: &SignedIn,
        id: &ConsultationId,
        key: &str,
    ) -> Result<Consultation, ClientError> {
        match self {
            Self::Accept => {
                let status = ConsultationStatus::Assigned;
                let update = ConsultationUpdate { status, physician_id: None, notes: None };
                server.update_consultation(id, &update, key).await
            }
            Self::Acknowledge => server.acknowledge(id, key).await,
            Self::Decline(decline) => server.decline(id, decline, key).await,
            Self::HandOff(handoff) => server.hand_off(id, handoff, None, key).await,
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

    /// The same of a record that this person no longer sees.
    const fn is_done_where_nothing_is_seen(&self) -> bool {
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
        let entry = self.record_asking(&open, id, decision.on_record()).await?;
        match self.word(&open, id, &decision, &key).await {
            Word::Given(record) => {
                open.doubts.forget(id);
                self.note(&open, entry).await;
                self.take_word(&open, *record).await
            }
            Word::Refused(error) => {
                self.note(&open, record::refused(entry, &error)).await;
                self.be_refused(&open, id, &error).await
            }
            Word::Lost => {
                let code = ErrorCode::MayHaveHappened;
                let reason = Some(code.as_str().to_owned());
                self.note(&open, NewEntry { outcome: Outcome::Failed, reason, ..entry.clone() }).await;
                open.doubts.add(Unsure { id: id.clone(), decision, entry });
                self.outbox.notify_one();
                self.tell_consultations(vec![id.clone()]);
                Err(ErrorReport::new(code))
            }
        }
    }

    /// Asks, and once more where the answer was lost.
    async fn word(&self, open: &Open, id: &ConsultationId, decision: &Decision, key: &EnvelopeId) -> Word {
        let me = &open.person.id;
        let is_done = |record: &Consultation| decision.is_done(record, me);
        let error = match decision.ask(&open.server, id, key.as_str()).await {
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
            return match open.server.consultation(id).await {
                Ok(record) if is_done(&record) => Word::Given(Box::new(record)),
                // Nothing of it has happened, or not yet: the same may be asked anew.
                Ok(_) => Word::Refused(error),
                Err(_) => Word::Lost,
            };
        }
        match decision.ask(&open.server, id, key.as_str()).await {
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
        open.server.consultation(id).await.ok().filter(is_done)
    }

    /// Takes the server's answer in.
    async fn take_word(self: &Arc<Self>, open: &Arc<Open>, record: Consultation) -> Result<(), ErrorReport> {
        let (inner, open) = (self.clone(), open.clone());
        // The action is done; what follows from it must not be lost when the window stops waiting, nor turn a success
        // into an error.
        let taken = async move {
            if let Err(error) = inner.take_consultation(&open, record).await {
                tracing::warn!(%error, "The conversation is fetched later.");
            }
        };
        tokio::spawn(taken).await.map_err(|error| report::internal(&error))
    }

    /// Says who or what was in the way, and finds out what stands there instead.
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
        self.look_at_present_state(open, id, error);
        Err(told)
    }

    /// Fetches a record that was refused for how it stands. Apart: who has it is known already, and the person is
    /// waiting to be told.
    pub(super) fn look_at_present_state(
        self: &Arc<Self>,
        open: &Arc<Open>,
        id: &ConsultationId,
        error: &ClientError,
    ) {
        let stands_otherwise = matches!(
            error,
            ClientError::Conflict { .. }
                | ClientError::PreconditionFailed { .. }
                | ClientError::NotFound
                | ClientError::Forbidden
        );
        if stands_otherwise {
            let (inner, open, id) = (self.clone(), open.clone(), id.clone());
            tokio::spawn(async move {
                if let Err(error) = inner.refresh_consultation(&open, &id, true).await {
                    tracing::warn!(%error, "The present state is fetched later.");
                }
            });
        }
    }

    /// Finds out what became of that whose answer was lost. What cannot be found out now is found out at the next contact.
    pub(super) async fn clear_doubts(self: &Arc<Self>, open: &Arc<Open>) {
        let doubts = open.doubts.held().clone();
        for Unsure { id, decision, entry } in doubts {
            let record = match open.server.consultation(&id).await {
                Ok(record) => Some(record),
                Err(ClientError::NotFound | ClientError::Forbidden) => None,
                Err(_) => return,
            };
            let done = record.as_ref().map_or_else(
                || decision.is_done_where_nothing_is_seen(),
                |record| decision.is_done(record, &open.person.id),
            );
            let at = self.now();
            let entry = if done {
                NewEntry { at, ..entry }
            } else {
                NewEntry { at, outcome: Outcome::Failed, reason: Some("not done".to_owned()), ..entry }
            };
            self.note(open, entry).await;
            open.doubts.forget(&id);
            match record {
                // Behind a locked screen; it is fetched with everything else afterwards.
                _ if self.still_open(open).is_err() => {}
                Some(record) => drop(self.take_word(open, record).await),
                None => {
                    self.store(open, vec![CacheChange::ConsultationGone(id.clone())]).await;
                    self.alert_gone(&id);
                    self.tell_consultations(vec![id]);
                }
            }
        }
    }

    /// Writes down that the server is about to be asked, and returns the entry for what becomes of it.
    async fn record_asking(
        &self,
        open: &Open,
        id: &ConsultationId,
        action: &'static str,
    ) -> Result<NewEntry, ErrorReport> {
        let (asked, asking) = (id.clone(), open.entry(action, self.now()));
        let entry = open.vault(move |vault| {
            let entry = match vault.consultation(&asked)? {
                Some(consultation) => record::of(asking, &consultation),
                None => NewEntry { objects: vec![asked.to_string()], ..asking },
            };
            vault.record(&[NewEntry { action: format!("{action}.ask"), ..entry.clone() }])?;
            Ok(entry)
        });
        entry.await
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
