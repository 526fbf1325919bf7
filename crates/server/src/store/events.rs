//! Events in the store: numbered, bounded, and told to listeners after the transaction.

use std::sync::PoisonError;

use chatehr_contract::EventKind;
use rusqlite::{Connection, params};

use super::{Store, StoreError, Tx};
use crate::{
    events::{Listening, Place, StoredEvent},
    visibility::Audience,
};

impl Store {
    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.inner.listeners.receiver_count() > 0
    }

    /// Listens from the place after `last`, from the oldest event that is kept (`oldest`), or from now.
    pub(crate) fn listen(&self, last: Option<&str>) -> Result<Listening, StoreError> {
        let connection = self.inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // Subscribed while no transaction can end: whatever is not read below comes through here.
        let coming = self.inner.listeners.subscribe();
        let (oldest, latest) = bounds(&connection)?;
        let epoch = self.inner.epoch.clone();
        let from = match last {
            None => Some(latest),
            Some("oldest") => Some(oldest.saturating_sub(1)),
            Some(last) => reachable(last, &epoch, oldest, latest),
        };
        let missed = from.map(|from| after(&connection, from, i64::MAX)).transpose()?;
        Ok(Listening { epoch, latest, missed, coming })
    }
}

/// The numbers of the oldest event that is kept and of the latest there was. Without any kept, the next is the oldest.
fn bounds(connection: &Connection) -> Result<(i64, i64), StoreError> {
    let latest: i64 = connection
        .prepare_cached("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)")?
        .query_row([], |row| row.get(0))?;
    let oldest: i64 = connection
        .prepare_cached("SELECT coalesce((SELECT min(n) FROM events), ?1)")?
        .query_row([latest.saturating_add(1)], |row| row.get(0))?;
    Ok((oldest, latest))
}

/// The number of a place, if everything after it is still kept.
fn reachable(place: &str, epoch: &str, oldest: i64, latest: i64) -> Option<i64> {
    let place = Place::parse(place).filter(|place| place.epoch == epoch)?;
    (oldest.saturating_sub(1)..=latest).contains(&place.number).then_some(place.number)
}

fn after(connection: &Connection, number: i64, limit: i64) -> Result<Vec<StoredEvent>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT n, kind, audience FROM events WHERE n > ?1 ORDER BY n LIMIT ?2")?;
    let rows =
        statement.query_map([number, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.map(|row| {
            let (number, kind, audience): (i64, String, String) = row?;
            Ok(StoredEvent::new(number, serde_json::from_str(&kind)?, serde_json::from_str(&audience)?))
        });
    rows.collect()
}

impl Tx<'_> {
    /// The latest event's place, as a cursor.
    pub(crate) fn latest_place(&self) -> Result<(String, i64), StoreError> {
        let epoch = self
            .sql
            .prepare_cached("SELECT value FROM meta WHERE name = 'epoch'")?
            .query_row([], |row| row.get(0))?;
        Ok((epoch, bounds(&self.sql)?.1))
    }

    /// Up to `limit` events after a place; `None` when that cannot be told (any more).
    pub(crate) fn events_after(
        &self,
        place: &str,
        limit: i64,
    ) -> Result<Option<Vec<StoredEvent>>, StoreError> {
        let (epoch, _) = self.latest_place()?;
        let (oldest, latest) = bounds(&self.sql)?;
        reachable(place, &epoch, oldest, latest).map(|number| after(&self.sql, number, limit)).transpose()
    }

    /// Writes it down now and tells it when the transaction is committed.
    pub(super) fn tell(&self, kind: EventKind, audience: Audience) -> Result<(), StoreError> {
        self.sql
            .prepare_cached("INSERT INTO events (kind, audience) VALUES (?1, ?2)")?
            .execute(params![serde_json::to_string(&kind)?, serde_json::to_string(&audience)?])?;
        let number = self.sql.last_insert_rowid();
        self.told.borrow_mut().push(StoredEvent::new(number, kind, audience));
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
