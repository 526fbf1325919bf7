//! Conversations of an upstream that lets everybody read and write them. What is written there is sealed here.

use axum::http::Method;
use chatehr_contract::{Consultation, EnvelopeId, Message, MessageId, NewMessage};
use chatehr_seal::{Content, classify};

use super::{Gathered, Here, PAGE};
use crate::{
    embedded::other_side,
    identity::Person,
    op::{Body, Listing, MessageFilter, Outcome},
    problem::Problem,
    sealing::check_content,
    upstream::exchange::Fault,
    visibility::takes_part,
};

const PATH: &str = "messages";
/// Under this name a message keeps the key of the request that made it.
const MADE_BY: &str = "clientRequestId";

impl<'a> Here<'a> {
    pub(super) async fn list_messages(self, filter: &MessageFilter) -> Result<Outcome, Problem> {
        let place = self.consultation(&filter.consultation).await?;
        let query = query(&place, filter.person.as_ref());
        let (messages, total) = match &filter.before {
            None => {
                let mut query = query;
                query.push(("limit", filter.limit.to_string()));
                query.push(("offset", filter.offset.to_string()));
                let (messages, _, total) = self.page::<Message>(PATH, query).await?;
                (messages, total)
            }
            Some(before) => {
                let Gathered { mut rows, total, whole } = self.gather(PATH, &query, None, |_| true).await?;
                let end = rows.iter().position(|message: &Message| message.id == *before);
                if end.is_none() && !whole {
                    return Err(Fault::Nonsense("it keeps more messages than are looked through").into());
                }
                let skip = usize::try_from(filter.offset).unwrap_or(usize::MAX);
                let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
                rows.truncate(end.unwrap_or(0).saturating_sub(skip));
                let rows = rows.split_off(rows.len().saturating_sub(limit));
                (rows, total)
            }
        };
        let came = messages.len();
        let rows = messages
            .into_iter()
            .filter(|message| {
                message.consultation_id == place.id
                    && filter.person.as_deref().is_none_or(|person| {
                        message.from_id.as_str() == person || message.to_id.as_str() == person
                    })
            })
            .map(|message| serde_json::to_string(&self.opened(message)))
            .collect::<Result<Vec<_>, _>>()?;
        let outcome = match total {
            Some(total) => Outcome::page(rows, total, filter.offset),
            None => {
                let more = u32::try_from(came).unwrap_or(u32::MAX) >= filter.limit;
                Outcome { listing: Some(Listing { total, more }), ..Outcome::with(200, Body::Rows(rows)) }
            }
        };
        Ok(outcome.about(&place.patient_id))
    }

    pub(super) async fn create_message(self, new: &NewMessage) -> Result<Outcome, Problem> {
        check_content(&self.app.seals, new, self.call.sealed)?;
        let _turn = self.app.locks.lock(format!("conversation {}", new.consultation_id)).await;
        let place = self.consultation(&new.consultation_id).await?;
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
        if let Some(once) = &self.call.once {
            message.metadata.insert(MADE_BY.to_owned(), once.key.as_str().into());
        }
        let named = message.envelope_id();
        if (named.is_some() || self.call.once.is_some())
            && let Some(before) = self.same_message(&place, &message, named.as_ref()).await?
        {
            return self.sent(&place, before);
        }
        if named.is_none() {
            message.metadata.insert("envelopeId".to_owned(), self.app.sources.id()?.into());
        }
        if !self.call.sealed {
            self.app.seals.seal(&mut message, self.app.sources.bytes()?)?;
        }
        let made: Message = self.send(Method::POST, vec![PATH], &message).await?;
        if made.content != message.content || made.consultation_id != place.id {
            return Err(Fault::Nonsense("it does not keep a message as it was sent").into());
        }
        self.sent(&place, made)
    }

    /// What this sender wrote before under the same name, or with the same request. Other words under it are a mistake.
    async fn same_message(
        self,
        place: &Consultation,
        message: &Message,
        name: Option<&EnvelopeId>,
    ) -> Result<Option<Message>, Problem> {
        let by = |message: &Message| message.metadata.get(MADE_BY).cloned();
        let request = self.call.once.as_ref().and_then(|_| by(message));
        let before = self.latest(place).await?.into_iter().find(|before| {
            before.from_id == message.from_id
                && (name.is_some() && before.envelope_id().as_ref() == name
                    || request.is_some() && by(before) == request)
        });
        let Some(before) = before else { return Ok(None) };
        if self.opened(before.clone()).content == message.content {
            Ok(Some(before))
        } else {
            Err(Problem::Conflict {
                message: "This envelopeId or Idempotency-Key was used for another message.",
                current: None,
            })
        }
    }

    /// The end of a conversation: a repeat comes soon after what it repeats.
    async fn latest(self, place: &Consultation) -> Result<Vec<Message>, Problem> {
        let page = |offset: u64| {
            let mut query = query(place, None);
            query.push(("limit", PAGE.to_string()));
            query.push(("offset", offset.to_string()));
            self.page::<Message>(PATH, query)
        };
        let (first, _, total) = page(0).await?;
        match total.and_then(|total| total.checked_sub(PAGE.into())).filter(|beyond| *beyond > 0) {
            Some(offset) => Ok(page(offset).await?.0),
            None => Ok(first),
        }
    }

    fn me_in(self, place: &Consultation) -> Result<&'a Person, Problem> {
        self.call.actor.person().filter(|_| takes_part(&self.call.actor, place)).ok_or(Problem::Forbidden(
            "Only the patient and the physician in charge take part in this conversation.",
        ))
    }

    fn sent(self, place: &Consultation, message: Message) -> Result<Outcome, Problem> {
        let message = self.opened(message);
        Ok(Outcome::of(201, &message)?.about(&place.patient_id).making(message.id.as_str()))
    }

    /// As who asks can read it. The original's own envelopes stay as they came, and are said to be no words.
    fn opened(self, mut message: Message) -> Message {
        if self.call.sealed {
            return message;
        }
        match classify(&message.content) {
            Content::Clear => {}
            Content::Envelope { .. } => self.app.seals.open(&mut message),
            Content::LegacyV1 | Content::LegacyV2 => {
                message.metadata.insert("unreadable".to_owned(), true.into());
            }
        }
        message
    }
}

fn query(place: &Consultation, person: Option<&String>) -> Vec<(&'static str, String)> {
    let mut query = vec![("consultationId", place.id.to_string())];
    query.extend(person.map(|person| ("userId", person.clone())));
    query
}
