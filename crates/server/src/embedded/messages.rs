//! Conversations, their keys and files: for the two who take part.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{
    Consultation, ConsultationId, Message, MessageId, NewMessage, PersonId, ReadUpTo, Receipt,
};
use serde_json::json;

use super::Here;
use crate::{
    identity::Person,
    op::{Body, Listing, MessageFilter, Outcome},
    problem::Problem,
    sealing::{SealingError, check_content},
    visibility::takes_part,
};

/// Bytes of all files of one conversation.
const MAX_ATTACHED_BYTES: u64 = 100 * 1024 * 1024;

impl Here<'_> {
    pub(super) fn list_messages(self, filter: &MessageFilter) -> Result<Outcome, Problem> {
        let place = self.consultation(&filter.consultation)?;
        if let Some(before) = &filter.before
            && self.tx.message(before)?.is_none_or(|message| message.consultation_id != place.id)
        {
            return Err(Problem::field("before", "must be a message of this consultation"));
        }
        let (mut messages, total, more) = self.tx.messages(filter)?;
        if let (Some(me), Some(last)) = (self.participant(&place), messages.last()) {
            // Handed out is delivered. The records here still say what they said before.
            self.tx.mark(&place, &me.id, &last.id, "deliveredAt", self.call.now)?;
        }
        if !self.call.sealed {
            messages.iter_mut().for_each(|message| self.app.seals.open(message));
        }
        let rows = messages.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let listing = Listing { total: Some(total), more };
        let outcome = Outcome { listing: Some(listing), ..Outcome::with(200, Body::Rows(rows)) };
        Ok(outcome.about(&place.patient_id))
    }

    pub(super) fn create_message(self, new: &NewMessage) -> Result<Outcome, Problem> {
        check_content(&self.app.seals, new, self.call.sealed)?;
        let place = self.consultation(&new.consultation_id)?;
        let me = self.me_in(&place)?;
        let to = other_side(me, &place)?;
        if new.to_id != *to {
            return Err(Problem::field("toId", "must be the other participant"));
        }
        let mut message = Message {
            id: MessageId::new(self.app.sources.id()?),
            from_id: me.id.clone(),
            to_id: to.clone(),
            consultation_id: place.id.clone(),
            content: new.content.clone(),
            kind: new.kind.clone(),
            timestamp: self.call.now,
            metadata: new.metadata.clone(),
        };
        if let Some(name) = message.envelope_id() {
            if let Some(before) = self.tx.message_named(&place.id, &me.id, &name)? {
                return self.repeated(&message, before);
            }
        } else {
            message.metadata.insert("envelopeId".to_owned(), self.app.sources.id()?.into());
        }
        if !self.call.sealed {
            self.app.seals.seal(&mut message, self.app.sources.bytes()?)?;
        }
        self.tx.add_message(&message, &place)?;
        Ok(Outcome::of(201, &message)?.about(&place.patient_id).making(message.id.as_str()))
    }

    pub(super) fn mark_read(self, id: &ConsultationId, read: &ReadUpTo) -> Result<Outcome, Problem> {
        let place = self.consultation(id)?;
        let me = self.me_in(&place)?;
        if self.tx.message(&read.up_to)?.is_none_or(|message| message.consultation_id != place.id) {
            return Err(Problem::field("upTo", "must be a message of this consultation"));
        }
        self.tx.mark(&place, &me.id, &read.up_to, "deliveredAt", self.call.now)?;
        if self.tx.mark(&place, &me.id, &read.up_to, "readAt", self.call.now)? > 0 {
            self.tx.tell_read(&place, &me.id, &read.up_to)?;
        }
        let receipt = Receipt {
            consultation_id: place.id,
            person_id: me.id.clone(),
            up_to: read.up_to.clone(),
            at: self.call.now,
        };
        Ok(Outcome::of(200, &receipt)?.about(&place.patient_id))
    }

    pub(super) fn read_key(self, id: &ConsultationId) -> Result<Outcome, Problem> {
        let place = self.consultation(id)?;
        let key = self.app.seals.key(&place.id).map_err(SealingError::from)?;
        let body = json!({ "kid": key.kid(), "key": BASE64_URL_SAFE_NO_PAD.encode(key.expose()) });
        Ok(Outcome::of(200, &body)?.about(&place.patient_id))
    }

    pub(super) fn create_attachment(self, id: &ConsultationId, bytes: &[u8]) -> Result<Outcome, Problem> {
        let place = self.consultation(id)?;
        let me = self.me_in(&place)?;
        other_side(me, &place)?;
        let there = self.tx.attached_bytes(&place.id)?;
        if there.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX)) > MAX_ATTACHED_BYTES {
            return Err(Problem::Conflict {
                message: "This conversation's files are as much as it takes.",
                current: None,
            });
        }
        let made = self.app.sources.id()?;
        self.tx.add_attachment(&made, &place.id, &me.id, self.call.now, bytes)?;
        let body = json!({ "id": made, "consultationId": place.id, "size": bytes.len() });
        Ok(Outcome::of(201, &body)?.about(&place.patient_id).making(&made))
    }

    pub(super) fn read_attachment(self, id: &str) -> Result<Outcome, Problem> {
        let place = self.tx.attachment_place(id)?.ok_or(Problem::NotFound)?;
        let place = self.consultation(&place)?;
        let bytes = self.tx.attachment(id)?.ok_or(Problem::NotFound)?;
        Ok(Outcome::with(200, Body::Bytes(bytes)).about(&place.patient_id))
    }

    /// Who asks, where they take part.
    fn participant(&self, place: &Consultation) -> Option<&Person> {
        self.call.actor.person().filter(|_| takes_part(&self.call.actor, place))
    }

    fn me_in(&self, place: &Consultation) -> Result<&Person, Problem> {
        self.participant(place).ok_or(Problem::Forbidden(
            "Only the patient and the physician in charge take part in this conversation.",
        ))
    }

    /// The sender has given this name to a message before: the same words are the same message.
    fn repeated(self, message: &Message, before: Message) -> Result<Outcome, Problem> {
        let mut shown = before.clone();
        if !self.call.sealed {
            self.app.seals.open(&mut shown);
        }
        if shown.content != message.content {
            return Err(Problem::Conflict {
                message: "This envelopeId was used for another message.",
                current: None,
            });
        }
        Ok(Outcome::of(201, &before)?)
    }
}

/// To whom a message of `me` goes, if the conversation is open.
pub(crate) fn other_side<'a>(me: &Person, place: &'a Consultation) -> Result<&'a PersonId, Problem> {
    if !place.status.is_open() {
        return Err(Problem::Conflict {
            message: "The consultation is closed; its conversation takes no more messages.",
            current: Some(json!(place)),
        });
    }
    if me.id != place.patient_id {
        return Ok(&place.patient_id);
    }
    place.physician_id.as_ref().ok_or_else(|| Problem::Conflict {
        message: "No physician has taken this consultation yet, so nobody would read the message.",
        current: Some(json!({ "id": place.id, "status": place.status, "version": place.version })),
    })
}
