//! What changes on the server is here a moment later, in one question, and once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chatehr_contract::*;
use chatehr_seal::{Binding, MessageKey};
use support::{Bench, Clinic, MARTA, OKAFOR, keyring_is_here, settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A way to the server that notes the first line of each request and how much came back.
#[derive(Clone)]
struct Way {
    url: String,
    server: Arc<Mutex<std::net::SocketAddr>>,
    seen: Arc<Mutex<(Vec<String>, usize)>>,
}

impl Way {
    async fn to(server: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let way = Self { url, server: Arc::new(Mutex::new(server)), seen: Arc::default() };
        let (server, seen) = (way.server.clone(), way.seen.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (mut from, mut to) = client.into_split();
                let server = *server.lock().unwrap();
                let (mut back, mut on) = TcpStream::connect(server).await.unwrap().into_split();
                let (asked, came) = (seen.clone(), seen.clone());
                tokio::spawn(async move {
                    let mut bytes = vec![0; 64 * 1024];
                    while let Ok(read @ 1..) = from.read(&mut bytes).await {
                        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                        asked
                            .lock()
                            .unwrap()
                            .0
                            .extend(text.lines().filter(|l| l.contains(" HTTP/1.1")).map(str::to_owned));
                        on.write_all(&bytes[..read]).await.unwrap();
                    }
                });
                tokio::spawn(async move {
                    let mut bytes = vec![0; 64 * 1024];
                    while let Ok(read @ 1..) = back.read(&mut bytes).await {
                        came.lock().unwrap().1 += read;
                        to.write_all(&bytes[..read]).await.unwrap_or_default();
                    }
                });
            }
        });
        way
    }

    fn take(&self) -> (Vec<String>, usize) {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_costs_one_question_and_less_than_two_kilobytes() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    let way = Way::to(clinic.address).await;
    let data = tempfile::TempDir::new().unwrap();
    let bench = Bench::signed_in(settings(&way.url, data.path()), OKAFOR).await;
    // The first event gives the place from which on changes are asked for.
    let first = clinic.request(Urgency::Routine, "a cough").await;
    bench.until_known(&first.id).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    way.take();

    let second = clinic.request(Urgency::Routine, "a sore throat").await;
    bench.until_known(&second.id).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (asked, came) = way.take();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].starts_with("GET /v1/changes?"), "{asked:?}");
    assert!(came <= 2048, "{came} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_program_was_closed_is_here_at_the_next_start() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    let data = tempfile::TempDir::new().unwrap();
    let settings = clinic.settings(data.path());
    let bench = Bench::signed_in(settings.clone(), OKAFOR).await;
    let mine = clinic.request(Urgency::Routine, "a cough").await;
    bench.until_known(&mine.id).await;
    bench.desk.accept(&mine.id).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    bench.desk.close().await;
    drop(bench);

    let waiting = clinic.request(Urgency::Urgent, "a sore throat").await;
    let (marta, marta_id) = clinic.as_person(MARTA).await;
    let physician = marta.consultation(&mine.id).await.unwrap().physician_id.unwrap();
    let material = marta.message_key(&mine.id).await.unwrap();
    let key = MessageKey::from_parts(&material.kid, material.key.as_slice()).unwrap();
    let envelope = EnvelopeId::new("019abcde-0000-7000-8000-000000000001");
    let binding = Binding { consultation: &mine.id, envelope: &envelope, from: &marta_id, to: &physician };
    let message = NewMessage {
        to_id: physician.clone(),
        consultation_id: mine.id.clone(),
        content: chatehr_seal::seal(&key, &binding, "it is worse today", [7; 12]).unwrap(),
        kind: MessageKind::Text,
        metadata: serde_json::json!({ "envelopeId": envelope }).as_object().unwrap().clone(),
    };
    marta.send_message(&message, envelope.as_str()).await.unwrap();

    let bench = Bench::new(settings, support::Desktop::default());
    bench.desk.start().await;
    bench.until_online().await;
    bench.until_known(&waiting.id).await;
    let words =
        bench.conversation_until(&mine.id, |all| all.iter().any(|message| message.from.id == marta_id)).await;
    let told = |message: &&MessageView| matches!(&message.body, MessageBody::Clear { text } if text == "it is worse today");
    assert_eq!(words.iter().filter(told).count(), 1);
    assert_eq!(bench.desktop.shown.lock().unwrap().len(), 1, "the urgent one alerts, once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_the_server_does_not_know_any_more_is_answered_by_fetching_everything() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    let way = Way::to(clinic.address).await;
    let data = tempfile::TempDir::new().unwrap();
    let bench = Bench::signed_in(settings(&way.url, data.path()), OKAFOR).await;
    let first = clinic.request(Urgency::Routine, "a cough").await;
    bench.until_known(&first.id).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.desk.close().await;
    drop(bench);

    // The server behind the address begins anew, as from a backup: it never gave this place.
    let other = Clinic::open().await;
    let there = other.request(Urgency::Routine, "a sore throat").await;
    *way.server.lock().unwrap() = other.address;
    let bench = Bench::signed_in(settings(&way.url, data.path()), OKAFOR).await;
    bench.until_known(&there.id).await;
    assert!(bench.desk.consultation(&first.id).await.is_err(), "what it does not have goes");
}
