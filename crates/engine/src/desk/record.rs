//! What goes on record of a person's actions, in the audit log of their ledger.
//!
//! Promises: what waits here (a message) is written down in the transaction that makes it wait; what needs the server's
//! word is written down before the server is asked (`….ask`), and again with what became of it; a look at a record is
//! written down before the record is shown. Where the log takes nothing, nothing of this happens. Refuses: content;
//! entries hold ids.
//!
//! A window asks again whenever something changes, so a look at the same thing counts for ten minutes: otherwise the
//! program would write down its own refreshing.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_client::ClientError;
use chatehr_contract::{Consultation, ErrorReport, Session, Timestamp};
use sha2::{Digest, Sha256};

use super::{Inner, Open};

/// Seconds for which a look at something counts.
const LOOK_COUNTS: i64 = 600;
/// What is remembered of looks; more than a person opens in ten minutes.
const MOST_LOOKS: usize = 4096;

/// As whom and from where entries are written.
pub(super) struct Author {
    actor: String,
    role: chatehr_contract::Role,
    session: String,
    workstation: String,
}

impl Author {
    /// Of whoever holds this session. Its token is not told, but sessions are told apart.
    pub(super) fn new(session: &Session, workstation: &str) -> Self {
        let name = Sha256::digest(session.token.as_bytes());
        Self {
            actor: session.id.to_string(),
            role: session.role.clone(),
            session: name.iter().take(6).map(|byte| format!("{byte:02x}")).collect(),
            workstation: workstation.to_owned(),
        }
    }

    pub(super) fn entry(&self, action: &str, at: Timestamp) -> NewEntry {
        NewEntry {
            at,
            actor: Some(self.actor.clone()),
            role: self.role.clone(),
            session: self.session.clone(),
            workstation: self.workstation.clone(),
            action: action.to_owned(),
            objects: Vec::new(),
            patient: None,
            outcome: Outcome::Success,
            reason: None,
        }
    }
}

/// The entry of something done to a consultation.
pub(super) fn of(entry: NewEntry, consultation: &Consultation) -> NewEntry {
    let (objects, patient) = (vec![consultation.id.to_string()], Some(consultation.patient_id.clone()));
    NewEntry { objects, patient, ..entry }
}

/// The entry of something that the server has not done.
pub(super) fn refused(entry: NewEntry, error: &ClientError) -> NewEntry {
    let refused = matches!(
        error,
        ClientError::Conflict { .. }
            | ClientError::PreconditionFailed { .. }
            | ClientError::Forbidden
            | ClientError::NotFound
            | ClientError::SignedOut
            | ClientError::Invalid { .. }
    );
    let outcome = if refused { Outcome::Refused } else { Outcome::Failed };
    NewEntry { outcome, reason: Some(error.code().as_str().to_owned()), ..entry }
}

/// Looks that are on record and still count.
#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<(&'static str, String), Timestamp>>);

impl Looks {
    fn counts(&self, action: &'static str, object: &str, now: Timestamp) -> bool {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.get(&(action, object.to_owned())).is_some_and(|at| {
            // A clock that was set back makes no look count longer.
            *at <= now && now < at.plus_seconds(LOOK_COUNTS)
        })
    }

    fn remember(&self, action: &'static str, object: String, now: Timestamp) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= MOST_LOOKS {
            looks.clear();
        }
        looks.insert((action, object), now);
    }
}

impl Open {
    pub(super) fn entry(&self, action: &str, now: Timestamp) -> NewEntry {
        self.author.entry(action, now)
    }

    /// Writes a look down unless one counts that was before. Called within a question to the files, before its answer
    /// leaves.
    pub(super) fn look(
        &self,
        vault: &chatehr_vault::Vault,
        action: &'static str,
        object: &str,
        patient: Option<&chatehr_contract::PersonId>,
        now: Timestamp,
    ) -> Result<(), chatehr_vault::VaultError> {
        if self.looks.counts(action, object, now) {
            return Ok(());
        }
        let (objects, patient) = (vec![object.to_owned()], patient.cloned());
        vault.record(&[NewEntry { objects, patient, ..self.entry(action, now) }])?;
        self.looks.remember(action, object.to_owned(), now);
        Ok(())
    }

    /// The same of a look that is refused.
    pub(super) fn look_refused(
        &self,
        vault: &chatehr_vault::Vault,
        action: &'static str,
        object: &str,
        now: Timestamp,
    ) -> Result<(), chatehr_vault::VaultError> {
        let remembered = format!("{object} refused");
        if self.looks.counts(action, &remembered, now) {
            return Ok(());
        }
        let objects = vec![object.to_owned()];
        vault.record(&[NewEntry { objects, outcome: Outcome::Refused, ..self.entry(action, now) }])?;
        self.looks.remember(action, remembered, now);
        Ok(())
    }

    /// Writes entries down.
    pub(super) async fn record(&self, entries: Vec<NewEntry>) -> Result<(), ErrorReport> {
        self.vault(move |vault| vault.record(&entries)).await
    }
}

impl Inner {
    /// Writes down what has happened already, and can only be told.
    pub(super) async fn note(&self, open: &Open, entry: NewEntry) {
        let action = entry.action.clone();
        if let Err(error) = open.record(vec![entry]).await {
            tracing::error!(code = error.code.as_str(), action, "What happened could not be written down.");
        }
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::Timestamp;

    use super::Looks;

    #[test]
    fn a_look_counts_for_ten_minutes_and_not_when_the_clock_was_set_back() {
        let (looks, at) = (Looks::default(), |seconds| Timestamp::from_millis(0).plus_seconds(seconds));
        assert!(!looks.counts("consultation.read", "c-1", at(1000)));
        looks.remember("consultation.read", "c-1".to_owned(), at(1000));
        assert!(looks.counts("consultation.read", "c-1", at(1599)));
        assert!(!looks.counts("consultation.read", "c-1", at(1600)));
        assert!(!looks.counts("consultation.read", "c-1", at(999)));
        assert!(!looks.counts("message.list", "c-1", at(1001)));
        assert!(!looks.counts("consultation.read", "c-2", at(1001)));
    }
}
