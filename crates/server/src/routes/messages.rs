//! /v1/messages and /v1/keys: conversations, open to the two who take part.

use axum::{Json, extract::State, http::HeaderMap, response::Response};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{Consultation, Message, MessageId, NewMessage, PersonId};
use serde_json::{Value, json};

use super::{
    App,
    consultations::seen,
    request::{Id, Input, Params, in_person, opens_envelopes, page, record},
};
use crate::{
    identity::{Actor, Person},
    problem::Problem,
    store::{Answer, MessageFilter},
    visibility::takes_part,
};

/// Longest name that a sender may give a message.
const MAX_ENVELOPE_ID_CHARS: usize = 128;

pub(super) async fn list(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Problem> {
    let sealed = opens_envelopes(&headers)?;
    let consultation = params.text("consultationId").unwrap_or_default();
    if consultation.is_empty() {
        params.wrong("consultationId", "is required");
    }
    let person = params.text("userId");
    let limit = params.number("limit", 50, 1, 100);
    let offset = params.number("offset", 0, 0, u32::MAX);
    params.check()?;
    let store = app.store.clone();
    store
        .run(move |tx| {
            let consultation = seen(tx, &actor, consultation)?;
            if actor != Actor::Machine {
                participant(&actor, &consultation)?;
            }
            let filter = MessageFilter { consultation: consultation.id, person, limit, offset };
            let (mut messages, total) = tx.messages(&filter)?;
            if !sealed {
                messages.iter_mut().for_each(|message| app.seals.open(message));
            }
            Ok(page(messages, total))
        })
        .await
}

pub(super) async fn create(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    Input { value, once }: Input<NewMessage>,
) -> Result<Response, Problem> {
    let request: NewMessage = value;
    let sealed = opens_envelopes(&headers)?;
    Problem::unless_empty(request.problems())?;
    check_content(&app, &request, sealed)?;
    let id = MessageId::new(app.sources.id()?);
    let nonce = app.sources.bytes()?;
    let envelope = app.sources.id()?;
    let now = app.sources.now();
    let store = app.store.clone();
    let answer = {
        let app = app.clone();
        store
            .run(move |tx| {
                tx.once(once.as_ref(), |tx| {
                    let me = in_person(&actor)?;
                    let place = seen(tx, &actor, request.consultation_id.as_str().to_owned())?;
                    participant(&actor, &place)?;
                    let to = other_side(me, &place)?;
                    if request.to_id != *to {
                        return Err(Problem::field("toId", "must be the other participant"));
                    }
                    let mut message = Message {
                        id,
                        from_id: me.id.clone(),
                        to_id: to.clone(),
                        consultation_id: place.id.clone(),
                        content: request.content,
                        kind: request.kind,
                        timestamp: now,
                        metadata: request.metadata,
                    };
                    let named = message.envelope_id();
                    message.metadata.entry("envelopeId").or_insert_with(|| envelope.into());
                    let before = match &named {
                        Some(name) => tx.message_named(&place.id, &me.id, name)?,
                        None => None,
                    };
                    if let Some(before) = before {
                        return repeated(&app, &message, before, sealed);
                    }
                    if !sealed {
                        app.seals.seal(&mut message, nonce)?;
                    }
                    tx.add_message(&message, &place)?;
                    Ok(Answer { status: 201, body: serde_json::to_value(message)? })
                })
            })
            .await?
    };
    Ok(record(if sealed { answer } else { opened(&app, answer)? }))
}

/// GET /v1/keys/:consultationId
pub(super) async fn key(State(app): State<App>, actor: Actor, Id(id): Id) -> Result<Json<Value>, Problem> {
    let store = app.store.clone();
    store
        .run(move |tx| {
            let consultation = seen(tx, &actor, id)?;
            participant(&actor, &consultation)?;
            let key = app.seals.key(&consultation.id).map_err(crate::sealing::SealingError::from)?;
            Ok(Json(json!({ "kid": key.kid(), "key": BASE64_URL_SAFE_NO_PAD.encode(key.expose()) })))
        })
        .await
}

fn participant(actor: &Actor, consultation: &Consultation) -> Result<(), Problem> {
    if takes_part(actor, consultation) {
        Ok(())
    } else {
        Err(Problem::Forbidden(
            "Only the patient and the physician in charge take part in this conversation.",
        ))
    }
}

/// To whom a message of `me` goes, if the conversation is open.
fn other_side<'a>(me: &Person, place: &'a Consultation) -> Result<&'a PersonId, Problem> {
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
        current: Some(json!(place)),
    })
}

/// A client that says it seals must not send clear text, and one that does not has no business with envelopes.
fn check_content(app: &App, request: &NewMessage, sealed: bool) -> Result<(), Problem> {
    let name = request.metadata.get("envelopeId");
    let sound = |name: &Value| {
        name.as_str().is_some_and(|name| (1..=MAX_ENVELOPE_ID_CHARS).contains(&name.chars().count()))
    };
    if name.is_some_and(|name| !sound(name)) {
        return Err(Problem::field("metadata.envelopeId", "must be text of 1 to 128 characters"));
    }
    match (sealed, name) {
        (true, None) => Err(Problem::field("metadata.envelopeId", "is required with an envelope")),
        (true, _) if !app.seals.is_ours(&request.content) => {
            Err(Problem::field("content", "must be an envelope under this server's key"))
        }
        (false, _) if request.content.starts_with("chatehr.3.") => {
            Err(Problem::field("content", "an envelope needs the header Accept-Envelope: 3"))
        }
        _ => Ok(()),
    }
}

/// The sender has given this name to a message before: the same words are the same message.
fn repeated(app: &App, message: &Message, before: Message, sealed: bool) -> Result<Answer, Problem> {
    let mut shown = before.clone();
    if !sealed {
        app.seals.open(&mut shown);
    }
    if shown.content != message.content {
        return Err(Problem::Conflict {
            message: "This envelopeId was used for another message.",
            current: None,
        });
    }
    Ok(Answer { status: 201, body: serde_json::to_value(before)? })
}

fn opened(app: &App, answer: Answer) -> Result<Answer, Problem> {
    let mut message: Message = serde_json::from_value(answer.body)?;
    app.seals.open(&mut message);
    Ok(Answer { body: serde_json::to_value(message)?, ..answer })
}
