//! Messages in the store. Their content is sealed before it comes here.

use chatehr_contract::{
    Consultation, ConsultationId, EnvelopeId, EventKind, Message, MessageId, PersonId, Timestamp,
};
use rusqlite::{named_params, params};

use super::{StoreError, Tx};
use crate::{op::MessageFilter, visibility::Audience};

impl Tx<'_> {
    /// The message that this sender gave this name, if it came before.
    pub(crate) fn message_named(
        &self,
        consultation: &ConsultationId,
        from: &PersonId,
        envelope: &EnvelopeId,
    ) -> Result<Option<Message>, StoreError> {
        self.record(
            "SELECT record FROM messages WHERE consultation_id = ?1 AND from_id = ?2 AND envelope_id = ?3",
            params![consultation.as_str(), from.as_str(), envelope.as_str()],
        )
    }

    /// A page, oldest first, with the number of all that match and whether there are more on its far side.
    pub(crate) fn messages(&self, filter: &MessageFilter) -> Result<(Vec<Message>, u64, bool), StoreError> {
        let condition = "FROM messages WHERE consultation_id = :consultation \
                         AND (:person IS NULL OR from_id = :person OR to_id = :person)";
        let parameters =
            named_params! { ":consultation": filter.consultation.as_str(), ":person": filter.person };
        let total = self.count(&format!("SELECT count(*) {condition}"), parameters)?;
        let (limit, offset) = (filter.limit, filter.offset);
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        // One more than the page, which tells whether there are more.
        let limit = limit.saturating_add(1);
        let Some(before) = &filter.before else {
            let page = format!("SELECT record {condition} ORDER BY at, seq LIMIT {limit} OFFSET {offset}");
            let mut found: Vec<Message> = self.records(&page, parameters)?;
            let more = found.len() > most;
            found.truncate(most);
            return Ok((found, total, more));
        };
        let page = format!(
            "SELECT record {condition} AND (at, seq) < (SELECT at, seq FROM messages WHERE id = :before) \
             ORDER BY at DESC, seq DESC LIMIT {limit} OFFSET {offset}"
        );
        let mut latest: Vec<Message> = self.records(
            &page,
            named_params! {
                ":consultation": filter.consultation.as_str(),
                ":person": filter.person,
                ":before": before.as_str(),
            },
        )?;
        let more = latest.len() > most;
        latest.truncate(most);
        latest.reverse();
        Ok((latest, total, more))
    }

    pub(crate) fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        self.record("SELECT record FROM messages WHERE id = ?1", [id.as_str()])
    }

    /// All of a conversation, oldest first.
    pub(crate) fn conversation(&self, consultation: &ConsultationId) -> Result<Vec<Message>, StoreError> {
        self.records(
            "SELECT record FROM messages WHERE consultation_id = ?1 ORDER BY at, seq",
            [consultation.as_str()],
        )
    }

    /// A page by id of those in consultations where this person takes part, for who starts from nothing.
    pub(crate) fn messages_from(
        &self,
        person: &PersonId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        self.records(
            "SELECT m.record FROM messages m JOIN consultations c ON c.id = m.consultation_id \
             WHERE (c.patient_id = ?1 OR c.physician_id = ?1) AND m.id > ?2 ORDER BY m.id LIMIT ?3",
            params![person.as_str(), after, limit],
        )
    }

    /// Writes the time into every message from the other side, up to and including `last`, that has none under `name`.
    /// How many that were. A physician who took a conversation over reads what was written to the one before.
    pub(crate) fn mark(
        &self,
        place: &Consultation,
        reader: &PersonId,
        last: &MessageId,
        name: &'static str,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        Ok(self
            .sql
            .prepare_cached(&format!(
                "UPDATE messages SET record = json_set(record, '$.metadata.{name}', ?4) \
                 WHERE consultation_id = ?1 AND (from_id = ?5) = (?2 <> ?5) AND record ->> '$.metadata.{name}' IS NULL \
                 AND (at, seq) <= (SELECT at, seq FROM messages WHERE id = ?3)"
            ))?
            .execute(params![
                place.id.as_str(),
                reader.as_str(),
                last.as_str(),
                now.to_string(),
                place.patient_id.as_str()
            ])?)
    }

    /// Tells the two who take part that one of them has read.
    pub(crate) fn tell_read(
        &self,
        place: &Consultation,
        reader: &PersonId,
        last: &MessageId,
    ) -> Result<(), StoreError> {
        let kind = EventKind::MessageRead {
            consultation_id: place.id.clone(),
            message_id: last.clone(),
            person_id: reader.clone(),
        };
        self.tell(kind, Audience::of_conversation(place))
    }

    /// Stores it and tells the two who take part.
    pub(crate) fn add_message(&self, message: &Message, place: &Consultation) -> Result<(), StoreError> {
        self.seed_message(message)?;
        let kind = EventKind::MessageCreated {
            consultation_id: message.consultation_id.clone(),
            message_id: message.id.clone(),
        };
        self.tell(kind, Audience::of_conversation(place))
    }

    /// Stores it and tells nobody.
    pub(crate) fn seed_message(&self, message: &Message) -> Result<(), StoreError> {
        self.put("INSERT INTO messages (id, record) VALUES (?1, ?2)", message.id.as_str(), message)
    }
}
