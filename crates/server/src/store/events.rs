//! Events in the store: numbered, bounded, and told to listeners after the transaction.

use std::sync::{Arc, PoisonError};

use chatehr_contract::EventKind;
use rusqlite::params;
use tokio::sync::broadcast;

use super::{Store, StoreError, Tx};
use crate::visibility::Audience;

/// What happened and who hears of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredEvent {
    pub(crate) number: i64,
    pub(crate) kind: EventKind,
    pub(crate) audience: Audience,
}

/// A place in the stream with all that follows, without a gap between the two.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Names the database: numbers of another one mean nothing here.
    pub(crate) epoch: String,
    /// The latest event's number when listening began.
    pub(crate) latest: i64,
    /// What was missed; `None` when that cannot be told (any more).
    pub(crate) missed: Option<Vec<StoredEvent>>,
    /// What comes.
    pub(crate) coming: broadcast::Receiver<Arc<StoredEvent>>,
}

impl Store {
    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.listeners.receiver_count() > 0
    }

    /// Listens from the place after `last` (`<epoch>-<number>`), or from now.
    pub(crate) fn listen(&self, last: Option<&str>) -> Result<Listening, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // Subscribed while no transaction can end: whatever is not read below comes through here.
        let coming = self.listeners.subscribe();
        let latest: i64 = connection.query_row(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)",
            [],
            |row| row.get(0),
        )?;
        let oldest: i64 = connection.query_row(
            "SELECT coalesce((SELECT min(n) FROM events), ?1)",
            [latest.saturating_add(1)],
            |row| row.get(0),
        )?;
        let missed = match last {
            None => Some(Vec::new()),
            Some(last) => match last
                .strip_prefix(&self.epoch)
                .and_then(|rest| rest.strip_prefix('-'))
                .and_then(|number| number.parse::<i64>().ok())
                .filter(|number| (oldest.saturating_sub(1)..=latest).contains(number))
            {
                None => None,
                Some(number) => {
                    let mut statement = connection
                        .prepare_cached("SELECT n, kind, audience FROM events WHERE n > ?1 ORDER BY n")?;
                    let rows = statement
                        .query_map([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                        .map(|row| {
                            let (number, kind, audience): (i64, String, String) = row?;
                            Ok(StoredEvent {
                                number,
                                kind: serde_json::from_str(&kind)?,
                                audience: serde_json::from_str(&audience)?,
                            })
                        });
                    Some(rows.collect::<Result<_, StoreError>>()?)
                }
            },
        };
        Ok(Listening { epoch: self.epoch.clone(), latest, missed, coming })
    }
}

impl Tx<'_> {
    /// Writes it down now and tells it when the transaction is committed.
    pub(super) fn tell(&self, kind: EventKind, audience: Audience) -> Result<(), StoreError> {
        self.sql
            .prepare_cached("INSERT INTO events (kind, audience) VALUES (?1, ?2)")?
            .execute(params![serde_json::to_string(&kind)?, serde_json::to_string(&audience)?])?;
        let number = self.sql.last_insert_rowid();
        self.told.borrow_mut().push(StoredEvent { number, kind, audience });
        Ok(())
    }

    /// Keeps the latest.
    pub(super) fn forget_old_events(&self, keep: u32) -> Result<(), StoreError> {
        let Some(latest) = self.told.borrow().last().map(|event| event.number) else { return Ok(()) };
        self.sql
            .prepare_cached("DELETE FROM events WHERE n <= ?1")?
            .execute([latest.saturating_sub(i64::from(keep))])?;
        Ok(())
    }
}
