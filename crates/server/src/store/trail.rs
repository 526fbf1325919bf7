//! The audit log in the store's own file, so that an entry and what it records are one transaction.

use chatehr_audit::{
    Anchor, AnchorRefused, Criteria, Expectations, Hash, LogId, NewEntry, Outcome, SigningKey, append,
    create, head, keep_anchor, prune, search,
};
use chatehr_contract::{KeptCount, NewAnchor, PersonId, Role, Timestamp};
use rusqlite::Connection;

use super::{StoreError, Tx};
use crate::{
    identity::Actor,
    problem::Problem,
    trail::{Ending, Note},
};

/// Longest name or id in an entry, in characters. What is longer was never an id of ours, and is not kept whole.
const MAX_CHARS: usize = 200;

/// Begins the log of a new file.
pub(super) fn begin(connection: &Connection, id: LogId) -> Result<(), StoreError> {
    match head(connection) {
        Ok(_) => Ok(()),
        Err(chatehr_audit::ReadError::NoLog) => Ok(create(connection, id).map(drop)?),
        Err(error) => Err(error.into()),
    }
}

impl Tx<'_> {
    /// Writes a line into the audit log. What it is about does not happen without.
    pub(crate) fn note(&self, note: &Note) -> Result<(), StoreError> {
        append(&self.sql, &[entry(note)])?;
        Ok(())
    }

    /// Keeps the head of a workstation's log, signed.
    pub(crate) fn keep_anchor(
        &self,
        anchor: &NewAnchor,
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<chatehr_audit::SignedAnchor, Problem> {
        let mut hash = [0; 32];
        hex::decode_to_slice(&anchor.head, &mut hash)
            .map_err(|_| Problem::field("head", "must be 64 hexadecimal digits in lower case"))?;
        let anchor = Anchor { device_id: anchor.device_id.clone(), count: anchor.count, head: Hash(hash) };
        keep_anchor(&self.sql, &anchor, now, key).map_err(|refused| match refused {
            AnchorRefused::GoesBack { kept } => Problem::Conflict {
                message: "This workstation's log was longer before: it is an old copy, or was cut.",
                current: serde_json::to_value(KeptCount { count: kept }).ok(),
            },
            AnchorRefused::OtherHead { kept } => Problem::Conflict {
                message: "This workstation's log had another head at that length: it was written anew.",
                current: serde_json::to_value(KeptCount { count: kept }).ok(),
            },
            AnchorRefused::Sqlite(error) => Problem::from(StoreError::from(error)),
        })
    }

    /// Lets entries go that are older than `before`, and leaves a signed checkpoint.
    pub(crate) fn prune_trail(
        &self,
        before: Timestamp,
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // The whole log is verified before anything goes, so it is only begun where something will.
        let old = Criteria { until: Some(before), ..Criteria::default() };
        if search(&self.sql, &old, None, 1)?.is_empty() {
            return Ok(());
        }
        let keys = [key.verifying_key()];
        let expected = Expectations { checkpoint_keys: &keys, anchor_keys: &keys, ..Expectations::default() };
        if let Some(checkpoint) = prune(&self.sql, before, key, now, &expected)? {
            let note = Note {
                objects: vec![format!("{} entries", checkpoint.removed)],
                ..Note::new("audit.prune", None, &crate::provider::Trace::default(), Ending::Success, now)
            };
            self.note(&note)?;
        }
        Ok(())
    }
}

fn entry(note: &Note) -> NewEntry {
    let (actor, role, session) = match &note.actor {
        None => (None, Role::from("nobody"), None),
        Some(Actor::Machine(name)) => (Some(name.clone()), Role::from("machine"), None),
        Some(Actor::Person(person)) => {
            let session = match (&person.session, &person.via) {
                (session, None) => session.clone(),
                (session, Some(gateway)) => {
                    Some(format!("{gateway}/{}", session.as_deref().unwrap_or(&note.request_id)))
                }
            };
            (Some(person.id.to_string()), person.role.clone(), session)
        }
    };
    // A step that the server takes by itself has neither an address nor a request.
    let role = if note.actor.is_none() && note.address.is_empty() { Role::from("server") } else { role };
    NewEntry {
        at: note.at,
        actor: actor.map(clipped),
        role,
        session: clipped(session.unwrap_or_else(|| note.request_id.clone())),
        workstation: clipped(note.address.clone()),
        action: note.action.to_owned(),
        objects: note.objects.iter().cloned().map(clipped).collect(),
        patient: note.patient.as_ref().map(|id| PersonId::new(clipped(id.to_string()))),
        outcome: match note.ending {
            Ending::Success => Outcome::Success,
            Ending::Refused => Outcome::Refused,
            Ending::Failed => Outcome::Failed,
        },
        reason: note.reason.clone().map(|reason| reason.chars().take(500).collect()),
    }
}

fn clipped(text: String) -> String {
    if text.chars().count() <= MAX_CHARS { text } else { text.chars().take(MAX_CHARS).collect() }
}

#[cfg(test)]
mod tests {
    use chatehr_audit::verify;

    use super::*;
    use crate::{Sources, provider::Trace, store::Store};

    #[test]
    fn what_is_past_its_time_goes_leaves_a_signed_checkpoint_and_the_rest_still_verifies() {
        let store = Store::open(None, &Sources::system(), 10, 1).unwrap();
        let key = SigningKey::from_bytes(&[7; 32]);
        let day = |day: i64| Timestamp::from_millis(1_700_000_000_000).plus_seconds(day * 24 * 3600);
        let note = |at| Note::new("consultation.read", None, &Trace::default(), Ending::Success, at);
        store
            .run_now::<_, StoreError, _>(|tx| {
                (0..10).try_for_each(|at| tx.note(&note(day(at))))?;
                tx.prune_trail(day(-1), &key, day(20))?;
                let before = head(&tx.sql)?;
                assert_eq!(before.count, 10, "nothing was old enough, so nothing was written either");
                tx.prune_trail(day(4), &key, day(20))?;
                let keys = [key.verifying_key()];
                let known = [before];
                let expected =
                    Expectations { checkpoint_keys: &keys, heads: &known, ..Expectations::default() };
                let verified = verify(&tx.sql, &expected).unwrap();
                assert_eq!((verified.first, verified.head.count), (5, 11), "and that it went is on record");
                let unsigned = Expectations { checkpoint_keys: &[], ..expected };
                assert!(verify(&tx.sql, &unsigned).is_err(), "only the server's own checkpoint counts");
                Ok(())
            })
            .unwrap();
    }
}
