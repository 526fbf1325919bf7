//! GET /changes: what has changed since a place in the stream of events, as it is now.
//!
//! From nothing, every record that may be seen comes page by page, then the place that the walk began at: whatever
//! changed meanwhile comes again from there. A record that has left somebody's view is told as gone.

use std::collections::BTreeSet;

use chatehr_contract::{
    AppointmentId, Change, ConsultationId, EventKind, MessageId, PersonId, Receipt, access::Relation,
};
use serde_json::{Value, json};

use super::Here;
use crate::{
    events::Place,
    life_cycle,
    op::Outcome,
    problem::Problem,
    store::StoredAppointment,
    visibility::{
        appointment_relation, appointments_seen_by, consultations_seen_by, reads_conversation, sees,
    },
};

/// Stands between the parts of a cursor that walks through everything: place, kind, last id.
const BETWEEN: char = '~';

impl Here<'_> {
    pub(super) fn list_changes(self, since: Option<&str>, limit: u32) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        let (changes, cursor, more) = match since {
            None => {
                let (epoch, latest) = self.tx.latest_place()?;
                self.walk(&format!("{epoch}-{latest}"), "consultation", "", limit)?
            }
            Some(since) => match since.split(BETWEEN).collect::<Vec<_>>().as_slice() {
                [place, kind, last] => self.walk(place, kind, last, limit)?,
                [place] => self.since(place, limit)?,
                _ => return Err(Problem::CursorExpired),
            },
        };
        Ok(Outcome::of(200, &json!({ "changes": changes, "nextCursor": cursor, "hasMore": more }))?)
    }

    /// A page of everything, consultations first: they say what the rest belongs to.
    fn walk(
        self,
        place: &str,
        kind: &str,
        after: &str,
        limit: u32,
    ) -> Result<(Vec<Value>, String, bool), Problem> {
        let actor = &self.call.actor;
        // A place that is lost meanwhile would be found out at the end of the walk only.
        self.tx.events_after(place, 0)?.ok_or(Problem::CursorExpired)?;
        let mut changes = Vec::new();
        let (last, next_kind) = match kind {
            "consultation" => {
                let records = self.tx.consultations_from(&consultations_seen_by(actor), after, limit)?;
                let last = records.last().map(|record| record.id.to_string());
                for record in records {
                    changes.push(self.consultation_change(record)?);
                }
                (last, Some("appointment"))
            }
            "appointment" => {
                let records = self.tx.appointments_from(&appointments_seen_by(actor), after, limit)?;
                let last = records.last().map(|stored| stored.record.id.to_string());
                changes.extend(records.iter().map(appointment_change));
                (last, Some("message"))
            }
            "message" => {
                let nobody = PersonId::new("");
                let whose =
                    actor.stands_for().or_else(|| actor.patient().map(|me| &me.id)).unwrap_or(&nobody);
                let records = self.tx.messages_from(whose, after, limit)?;
                let last = records.last().map(|message| message.id.to_string());
                for message in records {
                    changes.push(self.message_change(message)?);
                }
                (last, None)
            }
            _ => return Err(Problem::CursorExpired),
        };
        let full = changes.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let cursor = match (last, next_kind) {
            (Some(last), _) if full => format!("{place}{BETWEEN}{kind}{BETWEEN}{last}"),
            (_, Some(next)) => format!("{place}{BETWEEN}{next}{BETWEEN}"),
            // From here on it goes by events, of which there may be some since the walk began.
            (_, None) => {
                let (_, latest) = self.tx.latest_place()?;
                let behind = Place::parse(place).is_some_and(|place| place.number < latest);
                return Ok((changes, place.to_owned(), behind));
            }
        };
        Ok((changes, cursor, true))
    }

    /// What the events since a place concern, each record once.
    fn since(self, place: &str, limit: u32) -> Result<(Vec<Value>, String, bool), Problem> {
        let events = self.tx.events_after(place, i64::from(limit))?.ok_or(Problem::CursorExpired)?;
        let (epoch, latest) = self.tx.latest_place()?;
        let reached = events.last().map_or(latest, |event| event.number);
        let mut told = BTreeSet::new();
        let mut conversations = BTreeSet::new();
        let mut changes = Vec::new();
        for event in events.iter().filter(|event| event.audience.includes(&self.call.actor)) {
            let (kind, id) = match &event.kind {
                EventKind::ConsultationChanged { consultation_id, .. } => {
                    conversations.insert(consultation_id.clone());
                    ("consultation", consultation_id.to_string())
                }
                EventKind::EscalationChanged { consultation_id, .. } => {
                    ("consultation", consultation_id.to_string())
                }
                EventKind::AppointmentChanged { appointment_id } => {
                    ("appointment", appointment_id.to_string())
                }
                // Who takes part in none is told of none, neither as a message nor as one that is gone.
                EventKind::MessageCreated { .. } if self.call.actor.oversees() => continue,
                EventKind::MessageCreated { message_id, .. } => ("message", message_id.to_string()),
                EventKind::MessageRead { consultation_id, person_id, message_id } => {
                    changes.extend(self.receipt(consultation_id, person_id, message_id)?);
                    continue;
                }
                EventKind::GlassBroken { .. } | EventKind::Reset | EventKind::Unknown => continue,
            };
            if told.insert((kind, id.clone())) {
                changes.push(self.now(kind, id)?);
            }
        }
        for id in conversations {
            changes.extend(self.taken_over(&id, &told)?);
        }
        Ok((changes, format!("{epoch}-{reached}"), reached < latest))
    }

    /// The conversation of a physician who is in charge since: what was said before came into view with it.
    fn taken_over(
        self,
        id: &ConsultationId,
        told: &BTreeSet<(&'static str, String)>,
    ) -> Result<Vec<Value>, Problem> {
        let actor = &self.call.actor;
        let in_charge = match self.tx.consultation(id)? {
            Some(place) => actor.stands_for().is_some() && reads_conversation(actor, &place),
            None => false,
        };
        if !in_charge {
            return Ok(Vec::new());
        }
        let said = self.tx.conversation(id)?.into_iter();
        said.filter(|message| !told.contains(&("message", message.id.to_string())))
            .map(|message| self.message_change(message))
            .collect()
    }

    /// A record as it is now, or that it is gone from view.
    fn now(self, kind: &str, id: String) -> Result<Value, Problem> {
        let actor = &self.call.actor;
        let found = match kind {
            "consultation" => self
                .tx
                .consultation(&ConsultationId::new(id.as_str()))?
                .filter(|record| sees(actor, record))
                .map(|record| self.consultation_change(record))
                .transpose()?,
            "appointment" => self
                .tx
                .appointment(AppointmentId::new(id.as_str()).as_str())?
                .filter(|stored| actor.oversees() || appointment_relation(actor, stored) != Relation::Other)
                .map(|stored| appointment_change(&stored)),
            _ => match self.tx.message(&MessageId::new(id.as_str()))? {
                Some(message) => self
                    .tx
                    .consultation(&message.consultation_id)?
                    .filter(|place| reads_conversation(actor, place))
                    .map(|_| self.message_change(message))
                    .transpose()?,
                None => None,
            },
        };
        Ok(match found {
            Some(found) => found,
            None => serde_json::to_value(Change::Gone { of: kind.to_owned(), id })?,
        })
    }

    fn consultation_change(self, record: chatehr_contract::Consultation) -> Result<Value, Problem> {
        let record =
            if self.call.actor.patient().is_some() { life_cycle::for_the_patient(record) } else { record };
        Ok(serde_json::to_value(Change::Consultation { record })?)
    }

    fn message_change(self, mut record: chatehr_contract::Message) -> Result<Value, Problem> {
        if !self.call.sealed {
            self.app.seals.open(&mut record);
        }
        Ok(serde_json::to_value(Change::Message { record })?)
    }

    fn receipt(
        self,
        consultation: &ConsultationId,
        person: &PersonId,
        up_to: &MessageId,
    ) -> Result<Option<Value>, Problem> {
        let Some(message) = self.tx.message(up_to)? else { return Ok(None) };
        let read_at = message.metadata.get("readAt").and_then(|at| serde_json::from_value(at.clone()).ok());
        let record = Receipt {
            consultation_id: consultation.clone(),
            person_id: person.clone(),
            up_to: up_to.clone(),
            at: read_at.unwrap_or(message.timestamp),
        };
        Ok(Some(serde_json::to_value(Change::Receipt { record })?))
    }
}

/// With its version and the patient's word, as lists show it.
fn appointment_change(stored: &StoredAppointment) -> Value {
    json!({ "type": "appointment", "record": stored })
}
