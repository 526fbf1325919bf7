//! A server that mixes messages up: what was sealed for one place is shown as unreadable in any other, never as words; and
//! what was said once is not said again.
//!
//! The scripted server has no events, so everything is fetched at each start and whenever one tries again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod support;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, Query},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::*;
use chatehr_seal::{Binding, MessageKey, seal};
use serde_json::{Value, json};
use support::*;
use tempfile::TempDir;

const ME: &str = "physician-12";
/// Two consultations of this physician, each with another patient.
const PLACES: [(&str, &str); 2] = [("c-1", "patient-1"), ("c-2", "patient-2")];

fn key_bytes(consultation: &str) -> [u8; 32] {
    [consultation.as_bytes()[2]; 32]
}

/// Message `n` of a consultation, sealed for its place.
fn message(consultation: &str, n: usize) -> Message {
    let patient = PLACES.iter().find(|(id, _)| *id == consultation).unwrap().1;
    let (from, to) = if n.is_multiple_of(2) { (patient, ME) } else { (ME, patient) };
    let (from_id, to_id) = (PersonId::new(from), PersonId::new(to));
    let (consultation_id, envelope) =
        (ConsultationId::new(consultation), EnvelopeId::new(format!("{consultation}-e-{n}")));
    let binding = Binding { consultation: &consultation_id, envelope: &envelope, from: &from_id, to: &to_id };
    let key = MessageKey::from_parts("k1", &key_bytes(consultation)).unwrap();
    let nonce = [u8::try_from(n).unwrap(); 12];
    let content = seal(&key, &binding, &words(consultation, n), nonce).unwrap();
    Message {
        id: MessageId::new(format!("{consultation}-m-{n}")),
        from_id,
        to_id,
        consultation_id,
        content,
        kind: MessageKind::Text,
        timestamp: Timestamp::from_millis(1_790_000_000_000).plus_seconds(i64::try_from(n).unwrap()),
        metadata: json!({ "envelopeId": envelope.as_str() }).as_object().unwrap().clone(),
    }
}

fn words(consultation: &str, n: usize) -> String {
    format!("words {n} of {consultation}")
}

/// What the server says of each consultation.
type Said = Arc<Mutex<HashMap<String, Vec<Message>>>>;

fn right() -> HashMap<String, Vec<Message>> {
    PLACES.iter().map(|(id, _)| ((*id).to_owned(), (0..4).map(|n| message(id, n)).collect())).collect()
}

async fn server(said: Said) -> String {
    let session = json!({
        "token": "t", "expiresAt": "2099-01-01T00:00:00.000Z", "id": ME, "role": "provider",
        "name": { "family": "Okafor", "given": ["Amara"] }, "specialties": ["cardiology"]
    });
    let consultations: Vec<Value> = PLACES
        .iter()
        .map(|(id, patient)| {
            json!({
                "id": id, "patientId": patient, "physicianId": ME, "specialty": "cardiology",
                "urgency": "routine", "description": "As it came", "status": "assigned",
                "createdAt": "2026-11-20T09:00:00.000Z", "updatedAt": "2026-11-20T09:00:00.000Z", "metadata": {}
            })
        })
        .collect();
    let health = json!({
        "status": "healthy", "service": "Mock ChatEHR", "version": "1.0.0",
        "timestamp": "2026-11-20T09:00:00.000Z"
    });
    let key = async |Path(id): Path<String>| {
        Json(json!({ "kid": "k1", "key": BASE64_URL_SAFE_NO_PAD.encode(key_bytes(&id)) }))
    };
    let messages = async move |Query(query): Query<HashMap<String, String>>| {
        let first = query.get("offset").is_none_or(|offset| offset == "0");
        let said = said.lock().unwrap().get(&query["consultationId"]).cloned().unwrap_or_default();
        Json(if first { said } else { Vec::new() })
    };
    let router = Router::new()
        .route("/v1/health", get(async move || Json(health.clone())))
        .route("/v1/test/sign-in", post(async move || Json(session.clone())))
        .route("/v1/consultations", get(async move || Json(consultations.clone())))
        .route("/v1/appointments", get(async || Json(json!([]))))
        .route("/v1/keys/{id}", get(key))
        .route("/v1/messages", get(messages));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// What stands in a conversation: each message's id, and its words where it has any.
type Shown = Vec<(String, Option<String>)>;

async fn shown(bench: &Bench, consultation: &str) -> Shown {
    let request = ConversationRequest { id: ConsultationId::new(consultation), limit: 100 };
    let messages = bench.desk.conversation(request).await.unwrap().messages;
    let read = |view: &MessageView| match &view.body {
        MessageBody::Clear { text } => Some(text.clone()),
        _ => None,
    };
    messages.iter().map(|view| (view.id.as_ref().unwrap().to_string(), read(view))).collect()
}

/// A way to mix messages up, and how many places in the two conversations have no words then.
type MixUp = (&'static str, usize, fn(&mut HashMap<String, Vec<Message>>));

fn of<'a>(said: &'a mut HashMap<String, Vec<Message>>, consultation: &str) -> &'a mut Vec<Message> {
    said.get_mut(consultation).unwrap()
}

const MIX_UPS: [MixUp; 9] = [
    ("one message's content in another's place", 2, |said| {
        let all = of(said, "c-1");
        let first = all[0].content.clone();
        all[0].content = std::mem::replace(&mut all[2].content, first);
    }),
    ("the content with its envelope's name, from the other direction", 1, |said| {
        let all = of(said, "c-1");
        all[1].content = all[0].content.clone();
        all[1].metadata = all[0].metadata.clone();
        all.remove(0);
    }),
    ("another sender", 1, |said| of(said, "c-1")[0].from_id = PersonId::new("patient-2")),
    ("another receiver", 1, |said| of(said, "c-1")[1].to_id = PersonId::new("patient-2")),
    ("a message of the other patient's, moved over", 1, |said| {
        let mut moved = of(said, "c-2").remove(0);
        moved.consultation_id = ConsultationId::new("c-1");
        of(said, "c-1").push(moved);
    }),
    ("both conversations exchanged", 8, |said| {
        let (one, other) = (of(said, "c-1").clone(), of(said, "c-2").clone());
        for (place, messages) in [("c-1", other), ("c-2", one)] {
            let moved = messages.into_iter();
            let moved =
                moved.map(|message| Message { consultation_id: ConsultationId::new(place), ..message });
            *of(said, place) = moved.collect();
        }
    }),
    ("contents exchanged between the conversations", 2, |said| {
        let first = of(said, "c-1")[0].content.clone();
        let other = std::mem::replace(&mut of(said, "c-2")[0].content, first);
        of(said, "c-1")[0].content = other;
    }),
    ("a message once more, later and under another name", 1, |said| {
        let mut again = of(said, "c-1")[0].clone();
        again.id = MessageId::new("c-1-m-40");
        again.timestamp = again.timestamp.plus_seconds(3600);
        of(said, "c-1").push(again);
    }),
    ("a seal that is cut short", 1, |said| {
        of(said, "c-1")[0].content.pop();
    }),
];

/// Whatever has words has its own, in its own place, and once.
fn nothing_is_mixed_up(what: &str, conversations: &[(&str, Shown)]) -> usize {
    let mut seen = std::collections::HashSet::new();
    let mut without = 0;
    for (consultation, messages) in conversations {
        for (id, text) in messages {
            let Some(text) = text else {
                without += 1;
                continue;
            };
            let n = id.rsplit('-').next().unwrap().parse().unwrap_or(usize::MAX);
            assert_eq!((text, id.starts_with(consultation)), (&words(consultation, n), true), "{what}: {id}");
            assert!(seen.insert(text.clone()), "{what}: {text} is said twice");
        }
    }
    without
}

async fn both(bench: &Bench) -> Vec<(&'static str, Shown)> {
    vec![("c-1", shown(bench, "c-1").await), ("c-2", shown(bench, "c-2").await)]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_for_one_place_has_no_words_in_another() {
    if !keyring_is_here() {
        return;
    }
    for (what, without, mix_up) in MIX_UPS {
        let mut said = right();
        mix_up(&mut said);
        let (said, data) = (Arc::new(Mutex::new(said)), TempDir::new().unwrap());
        let bench = Bench::signed_in(settings(&server(said).await, data.path()), OKAFOR).await;
        let found = both(&bench).await;
        assert_eq!(nothing_is_mixed_up(what, &found), without, "{what}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_rightly_before_does_not_lend_its_words_to_what_comes_in_its_place() {
    if !keyring_is_here() {
        return;
    }
    for (what, _, mix_up) in MIX_UPS {
        let (said, data) = (Arc::new(Mutex::new(right())), TempDir::new().unwrap());
        let bench = Bench::signed_in(settings(&server(said.clone()).await, data.path()), OKAFOR).await;
        assert_eq!(nothing_is_mixed_up("as it was", &both(&bench).await), 0);
        mix_up(&mut said.lock().unwrap());
        bench.desk.try_again().await.unwrap();
        for round in 0.. {
            let found = both(&bench).await;
            if nothing_is_mixed_up(what, &found) > 0 {
                break;
            }
            assert!(round < 200, "waited in vain for {what}: {found:?}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
