//! What changes on the server is here a moment later, in one question, and once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

mod support;

use std::time::Duration;

use chatehr_contract::*;
use chatehr_network::{Network, Traffic};
use chatehr_seal::{Binding, MessageKey};
use support::{Bench, Clinic, FELDMAN, MARTA, OKAFOR, keyring_is_here, settings, url};
use tokio::time::Instant;

/// What one change costs a desk that is in step.
async fn one_change(clinic: &Clinic, way: &Network, bench: &Bench) -> Traffic {
    // The first event gives the place from which on changes are asked for.
    // What came before is not brought again: the place has moved on.
    for _ in 0..8 {
        let earlier = clinic.request(Urgency::Routine, "a cough").await;
        bench.until_known(&earlier.id).await;
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    way.take();

    let second = clinic.request(Urgency::Routine, "a sore throat").await;
    bench.until_known(&second.id).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    way.take()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_costs_one_question_and_less_than_two_kilobytes() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    let way = Network::to(clinic.address, 1).await.unwrap();
    let data = tempfile::TempDir::new().unwrap();
    let bench = Bench::signed_in(settings(&url(way.address()), data.path()), OKAFOR).await;
    let traffic = one_change(&clinic, &way, &bench).await;
    assert_eq!(traffic.requests.len(), 1, "{traffic:?}");
    assert!(traffic.requests[0].starts_with("GET /v1/changes?"), "{traffic:?}");
    assert!(traffic.answered <= 2048, "{traffic:?}");
}

/// `CHATEHR_CHANGE_AMONG=100000 cargo test --package chatehr-engine --test following -- --ignored --nocapture among`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of some minutes"]
async fn one_change_among_a_hundred_thousand_costs_the_same() {
    if !keyring_is_here() {
        return;
    }
    let asked = std::env::var("CHATEHR_CHANGE_AMONG").ok().and_then(|text| text.parse().ok());
    let count: u32 = asked.unwrap_or(100_000);
    let mut clinic = Clinic::patient().await;
    clinic.fill(count).await;
    let way = Network::to(clinic.address, 1).await.unwrap();
    let data = tempfile::TempDir::new().unwrap();
    // An administrator sees them all.
    let bench = Bench::new(settings(&url(way.address()), data.path()), support::Desktop::default());
    bench.desk.start().await;
    bench.desk.sign_in(FELDMAN).await.unwrap();
    let began = Instant::now();
    loop {
        let state = bench.desk.state().await;
        if state.synced_at.is_some() && state.loading.is_none() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(1800), "{state:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let loaded = began.elapsed();
    let first = way.take();
    let traffic = one_change(&clinic, &way, &bench).await;
    println!(
        "{count} records: in step after {:.0} s, {} requests and {:.1} MB of answers; then one change: {} requests, {} bytes asked, {} bytes answered: {:?}",
        loaded.as_secs_f64(),
        first.requests.len(),
        first.answered as f64 / 1e6,
        traffic.requests.len(),
        traffic.asked,
        traffic.answered,
        traffic.requests,
    );
    assert_eq!(traffic.requests.len(), 1, "{traffic:?}");
    assert!(traffic.answered <= 2048, "{traffic:?}");
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
    let way = Network::to(clinic.address, 1).await.unwrap();
    let data = tempfile::TempDir::new().unwrap();
    let bench = Bench::signed_in(settings(&url(way.address()), data.path()), OKAFOR).await;
    let first = clinic.request(Urgency::Routine, "a cough").await;
    bench.until_known(&first.id).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.desk.close().await;
    drop(bench);

    // The server behind the address begins anew, as from a backup: it never gave this place.
    let other = Clinic::open().await;
    let there = other.request(Urgency::Routine, "a sore throat").await;
    way.lead_to(other.address);
    way.cut_all();
    let bench = Bench::signed_in(settings(&url(way.address()), data.path()), OKAFOR).await;
    bench.until_known(&there.id).await;
    assert!(bench.desk.consultation(&first.id).await.is_err(), "what it does not have goes");
}
