//! What was asked, and nobody knows what became of it.
//!
//! Promises: a question is in the ledger from before it is asked until it is known what became of it, so neither a lock nor
//! the end of the program forgets that it may have happened; the next contact shows it, and that is written down once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_client::ClientError;
use chatehr_contract::{Action, Consultation, ConsultationId, EnvelopeId, ErrorReport};
use chatehr_vault::{CacheChange, Doubt};

use super::{Inner, Open, asking::Decision, record};
use crate::report;

/// One of them.
#[derive(Clone)]
pub(super) struct Unsure {
    /// The question's own.
    pub(super) key: EnvelopeId,
    pub(super) id: ConsultationId,
    pub(super) decision: Decision,
    pub(super) entry: NewEntry,
}

impl Unsure {
    /// As the ledger keeps it. A question that this program cannot read is another program's, and stays for that one.
    fn kept(doubt: Doubt) -> Option<Self> {
        let Doubt { key, consultation_id: id, question, entry } = doubt;
        match serde_json::from_str(&question) {
            Ok(decision) => Some(Self { key, id, decision, entry }),
            Err(error) => {
                tracing::warn!(line = error.line(), "What is in doubt was asked by another version.");
                None
            }
        }
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Doubts(Mutex<Vec<Unsure>>);

impl Doubts {
    /// Those that the ledger keeps.
    pub(super) fn kept(doubts: Vec<Doubt>) -> Self {
        Self(Mutex::new(doubts.into_iter().filter_map(Unsure::kept).collect()))
    }

    fn held(&self) -> MutexGuard<'_, Vec<Unsure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in doubt about this consultation.
    pub(super) fn about(&self, id: &ConsultationId) -> Option<Action> {
        self.held().iter().filter(|unsure| unsure.id == *id).find_map(|unsure| unsure.decision.action())
    }

    /// Whether the same was asked before, and nobody knows.
    pub(super) fn has(&self, id: &ConsultationId, decision: &Decision) -> bool {
        self.held().iter().any(|unsure| unsure.id == *id && unsure.decision.is_same_as(decision))
    }

    pub(super) fn count(&self) -> usize {
        self.held().len()
    }

    /// From here on it is in doubt unless it is answered.
    pub(super) const fn under_way(&self, unsure: Unsure) -> UnderWay<'_> {
        UnderWay { doubts: self, unsure: Some(unsure) }
    }

    fn forget(&self, key: &EnvelopeId) {
        self.held().retain(|unsure| unsure.key != *key);
    }
}

/// A question that nobody waits for any more is as good as one whose answer was lost.
pub(super) struct UnderWay<'a> {
    doubts: &'a Doubts,
    unsure: Option<Unsure>,
}

impl UnderWay<'_> {
    pub(super) fn answered(mut self) {
        self.unsure = None;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.doubts.held().extend(self.unsure.take());
    }
}

impl Inner {
    /// Keeps a question and writes down that the server is about to be asked. Returns the entry for what becomes of it, and
    /// the record as this person sees it.
    pub(super) async fn begin_asking(
        &self,
        open: &Open,
        id: &ConsultationId,
        decision: &Decision,
        key: &EnvelopeId,
    ) -> Result<(NewEntry, Option<Consultation>), ErrorReport> {
        let question = serde_json::to_string(decision).map_err(|error| report::internal(&error))?;
        let action = decision.on_record();
        let (key, asked, asking) = (key.clone(), id.clone(), open.entry(action, self.now()));
        let begun = open.vault(move |vault| {
            let seen = vault.consultation(&asked)?;
            let entry = match &seen {
                Some(consultation) => record::of(asking, consultation),
                None => NewEntry { objects: vec![asked.to_string()], ..asking },
            };
            let doubt = Doubt { key, consultation_id: asked, question, entry };
            let asking = NewEntry { action: format!("{action}.ask"), ..doubt.entry.clone() };
            vault.begin_asking(&doubt, &asking)?;
            Ok((doubt.entry, seen))
        });
        begun.await
    }

    /// It is known what became of a question.
    pub(super) async fn end_asking(&self, open: &Open, key: &EnvelopeId, became: NewEntry) {
        let (asked, action) = (key.clone(), became.action.clone());
        if let Err(error) = open.vault(move |vault| vault.end_asking(&asked, &became)).await {
            tracing::error!(code = error.code.as_str(), action, "What happened could not be written down.");
        }
        open.doubts.forget(key);
    }

    /// Finds out what became of that whose answer was lost. What cannot be found out now is found out at the next contact.
    pub(super) async fn clear_doubts(self: &Arc<Self>, open: &Arc<Open>) {
        let doubts = open.doubts.held().clone();
        for Unsure { key, id, decision, entry } in doubts {
            let record = match open.server.consultation(&id).await {
                Ok(record) => Some(record),
                Err(ClientError::NotFound | ClientError::Forbidden) => None,
                // One record that does not read keeps no other in doubt.
                Err(error) if error.concerns_this_request() => continue,
                Err(_) => return,
            };
            let done = record.as_ref().map_or_else(
                || decision.is_done_where_nothing_is_seen(),
                |record| decision.was_done(record, &open.person.id),
            );
            let at = self.now();
            let became = if done {
                NewEntry { at, ..entry }
            } else {
                NewEntry { at, outcome: Outcome::Failed, reason: Some("not done".to_owned()), ..entry }
            };
            self.end_asking(open, &key, became).await;
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
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{Consultation, Decline, Handoff, NewNote, PersonId, SpecialtyCode};
    use serde_json::json;

    use super::Decision;

    #[test]
    fn what_was_finished_since_was_accepted_and_what_waits_or_is_a_colleagues_was_not() {
        let me = PersonId::new("p-1");
        let stands = |status: &str, physician: Option<&str>| {
            let record = json!({"id": "c", "patientId": "patient-1", "physicianId": physician,
                "specialty": "cardiology", "urgency": "urgent", "description": "x", "status": status,
                "createdAt": "1970-01-01T00:00:00.000Z", "updatedAt": "1970-01-01T00:00:01.000Z"});
            let record: Consultation = serde_json::from_value(record).unwrap();
            Decision::Accept.was_done(&record, &me)
        };
        for status in ["assigned", "in_progress", "completed", "cancelled"] {
            assert!(stands(status, Some("p-1")) && !stands(status, Some("p-2")), "{status}");
        }
        assert!(!stands("pending", None) && !stands("cancelled", None));
    }

    #[test]
    fn the_stored_form_of_a_question_is_a_promise() {
        let reason = || "off duty".to_owned();
        let handoff = |physician_id, specialty| Handoff { physician_id, specialty, reason: reason() };
        let questions = [
            (Decision::Accept, r#""accept""#),
            (Decision::Acknowledge, r#""acknowledge""#),
            (Decision::Decline(Decline { reason: reason() }), r#"{"decline":{"reason":"off duty"}}"#),
            (
                Decision::HandOff(handoff(Some(PersonId::new("p-2")), None)),
                r#"{"handOff":{"physicianId":"p-2","reason":"off duty"}}"#,
            ),
            (
                Decision::HandOff(handoff(None, Some(SpecialtyCode::Cardiology))),
                r#"{"handOff":{"specialty":"cardiology","reason":"off duty"}}"#,
            ),
            (Decision::Note(NewNote { text: "seen".to_owned() }), r#"{"note":{"text":"seen"}}"#),
        ];
        for (decision, text) in questions {
            assert_eq!(serde_json::to_string(&decision).unwrap(), text);
            let read: Decision = serde_json::from_str(text).unwrap();
            assert!(read == decision, "{text}");
        }
    }
}
