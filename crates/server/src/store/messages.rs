//! Messages in the store. Their content is sealed before it comes here.

use chatehr_contract::{Consultation, ConsultationId, EnvelopeId, EventKind, Message, PersonId};
use rusqlite::{named_params, params};

use super::{StoreError, Tx};
use crate::visibility::Audience;

/// Which messages of a consultation.
#[derive(Debug)]
pub(crate) struct MessageFilter {
    pub(crate) consultation: ConsultationId,
    /// From or to this person.
    pub(crate) person: Option<String>,
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

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

    /// A page, oldest first, and the number of all that match.
    pub(crate) fn messages(&self, filter: &MessageFilter) -> Result<(Vec<Message>, i64), StoreError> {
        let condition = "FROM messages WHERE consultation_id = :consultation \
                         AND (:person IS NULL OR from_id = :person OR to_id = :person)";
        let parameters =
            named_params! { ":consultation": filter.consultation.as_str(), ":person": filter.person };
        let total = self
            .sql
            .prepare_cached(&format!("SELECT count(*) {condition}"))?
            .query_row(parameters, |row| row.get(0))?;
        let page = format!(
            "SELECT record {condition} ORDER BY at, seq LIMIT {} OFFSET {}",
            filter.limit, filter.offset
        );
        Ok((self.records(&page, parameters)?, total))
    }

    /// Stores it and tells the two who take part.
    pub(crate) fn add_message(&self, message: &Message, place: &Consultation) -> Result<(), StoreError> {
        self.seed_message(message)?;
        let kind = EventKind::MessageCreated {
            consultation_id: message.consultation_id.clone(),
            message_id: message.id.clone(),
        };
        let audience = Audience {
            patients: vec![place.patient_id.clone()],
            physicians: place.physician_id.iter().cloned().collect(),
            ..Audience::default()
        };
        self.tell(kind, audience)
    }

    /// Stores it and tells nobody.
    pub(crate) fn seed_message(&self, message: &Message) -> Result<(), StoreError> {
        self.put("INSERT INTO messages (id, record) VALUES (?1, ?2)", message.id.as_str(), message)
    }
}
