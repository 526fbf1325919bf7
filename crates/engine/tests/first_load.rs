//! The first load shows what a person needs before the rest has come; and what a desk asks of its server when nothing
//! happens.
//!
//! Measured on request, with the figures on standard output:
//! `CHATEHR_FIRST_LOAD=100000 cargo test --package chatehr-engine --test first_load -- --ignored --nocapture how_long`
//! `CHATEHR_IDLE_MINUTES=60 cargo test --package chatehr-engine --test first_load -- --ignored --nocapture requests_of`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod support;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Query},
    http::HeaderMap,
    response::IntoResponse,
    routing::{get, post},
};
use chatehr_contract::*;
use chatehr_network::{Network, Pace};
use serde_json::{Value, json};
use support::{waits::Sampling, *};
use tempfile::TempDir;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// What a clinic of so many consultations is like: most are closed, some wait, some are this person's.
fn consultation(n: usize) -> Value {
    let status = match n % 100 {
        0 => "pending",
        1 => "assigned",
        2 => "in_progress",
        _ => "completed",
    };
    let mine = matches!(n % 100, 1 | 2) && n < 3_000;
    json!({
        "id": format!("c-{n}"), "patientId": format!("patient-{}", n / 40),
        "physicianId": if status == "pending" { Value::Null } else if mine { json!("physician-12") } else { json!("physician-99") },
        "specialty": "cardiology", "urgency": "routine", "description": "As it came", "status": status,
        "createdAt": "2026-11-20T09:00:00.000Z", "updatedAt": "2026-11-20T09:00:00.000Z", "metadata": {}
    })
}

/// A server with so many consultations, which holds back the whole list from its second page on until it is let go.
struct Big {
    url: String,
    let_go: watch::Sender<bool>,
    requests: Arc<AtomicUsize>,
}

async fn big(count: usize, held_back: bool) -> Big {
    let (let_go, go) = watch::channel(!held_back);
    let requests = Arc::new(AtomicUsize::new(0));
    let all = Arc::new((0..count).map(consultation).collect::<Vec<_>>());
    let list = {
        async move |Query(query): Query<HashMap<String, String>>| {
            let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
            let (offset, limit) = (number("offset").unwrap_or(0), number("limit").unwrap_or(20));
            if !query.contains_key("status") && offset > 0 {
                go.clone().wait_for(|go| *go).await.unwrap();
            }
            let of = |row: &&Value| query.get("status").is_none_or(|status| row["status"] == status.as_str());
            let total = all.iter().filter(of).count();
            let rows: Vec<_> = all.iter().filter(of).skip(offset).take(limit).cloned().collect();
            let mut headers = HeaderMap::new();
            headers.insert("x-total-count", total.into());
            (headers, Json(rows)).into_response()
        }
    };
    let session = json!({
        "token": "t", "expiresAt": "2099-01-01T00:00:00.000Z", "id": "physician-12", "role": "provider",
        "name": { "family": "Okafor", "given": ["Amara"] }, "specialties": ["cardiology"]
    });
    let health = json!({
        "status": "healthy", "service": "ChatEHR", "version": "1.0.0", "features": ["directory"],
        "timestamp": "2026-11-20T09:00:00.000Z"
    });
    let now = surroundings(Desktop::default(), Arc::default()).clock.now();
    let appointment = json!([{
        "id": "a-1", "patientId": "patient-1", "physicianId": "physician-12", "dateTime": now.plus_seconds(600),
        "duration": 30, "type": "consultation", "status": "booked", "notes": "",
        "createdAt": "2026-11-20T09:00:00.000Z", "updatedAt": "2026-11-20T09:00:00.000Z"
    }]);
    let patient = async |Path(id): Path<String>| {
        Json(json!({
            "id": id, "name": { "family": "Somebody", "given": ["Alex"] }, "birthDate": "1959-03-14", "sex": "female",
            "allergies": []
        }))
    };
    let counted = requests.clone();
    let router = Router::new()
        .route("/v1/health", get(async move || Json(health.clone())))
        .route("/v1/test/sign-in", post(async move || Json(session.clone())))
        .route("/v1/consultations", get(list))
        .route("/v1/appointments", get(async move || Json(appointment.clone())))
        .route("/v1/patients/{id}", get(patient))
        .route("/v1/physicians", get(async || Json(json!([]))))
        .route("/v1/messages", get(async || Json(json!([]))))
        .layer(axum::middleware::from_fn(move |request, next: axum::middleware::Next| {
            counted.fetch_add(1, Ordering::SeqCst);
            next.run(request)
        }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Big { url: url(address), let_go, requests }
}

async fn today(bench: &Bench) -> usize {
    let now = surroundings(Desktop::default(), Arc::default()).clock.now();
    let range = AppointmentRange { from: now.plus_seconds(-86_400), to: now.plus_seconds(86_400) };
    bench.desk.appointments(range).await.unwrap().rows.len()
}

/// Until the queue has rows, with names, and today's appointment is there.
async fn until_usable(bench: &Bench) {
    for _ in 0..6_000 {
        let queue = bench.queue().await;
        if !queue.is_empty() && queue.iter().all(|row| row.patient.is_some()) && today(bench).await == 1 {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("not usable: {:?}", bench.desk.state().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_today_show_while_the_rest_is_still_on_its_way() {
    if !keyring_is_here() {
        return;
    }
    let (server, data) = (big(1_000, true).await, TempDir::new().unwrap());
    let bench = Bench::new(settings(&server.url, data.path()), Desktop::default());
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_ready().await;
    until_usable(&bench).await;
    let state = bench
        .until("the rest is being fetched", |state| {
            state.loading.is_some_and(|loading| loading.part == LoadingPart::Consultations)
        })
        .await;
    assert_eq!(state.loading, Some(Loading { part: LoadingPart::Consultations, done: 100, of: 1_000 }));
    assert_eq!(state.counts.queue, 10, "all that wait, though the list is not here");
    assert!(matches!(state.connection, Connection::Online { .. }), "what waits can be answered");
    assert_eq!(state.synced_at, None, "and nothing claims to be in step");

    server.let_go.send_replace(true);
    bench.until_online().await;
    let state = bench.desk.state().await;
    assert_eq!((state.loading, state.synced_at.is_some()), (None, true));
    let closed = ConsultationList { scope: ListScope::Mine, limit: 500, ..ConsultationList::default() };
    assert_eq!(bench.desk.list(closed).await.unwrap().total, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_request_is_told_while_a_slow_first_load_goes_on() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
    // Conversations of one's own are what takes long.
    let (okafor, _) = clinic.as_person(OKAFOR).await;
    for _ in 0..12 {
        let id = clinic.request(Urgency::Routine, "a cough").await.id;
        let take =
            ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
        okafor.update_consultation(&id, &take, id.as_str()).await.unwrap();
    }
    let network = Network::to(clinic.address, 1).await.unwrap();
    let bench = Bench::new(settings(&url(network.address()), data.path()), Desktop::default());
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    network.set_pace(Pace { latency: Duration::from_millis(500), ..Pace::default() });
    let conversations = |state: &ProgramState| {
        state.loading.is_some_and(|loading| loading.part == LoadingPart::Conversations)
    };
    bench.until("the last part", conversations).await;
    let asked = clinic.request(Urgency::Emergency, "chest pain").await;
    let told = || {
        let shown = bench.desktop.shown.lock().unwrap();
        shown.iter().any(|alert| alert.consultation.as_ref() == Some(&asked.id))
    };
    while !told() {
        assert!(conversations(&bench.desk.state().await), "it was told no sooner than the load was over");
        sleep(Duration::from_millis(20)).await;
    }
    bench.until_online().await;
    assert!(bench.queue().await.iter().any(|row| row.id == asked.id), "and it stays");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_it_is_until_the_first_usable_screen() {
    if !keyring_is_here() {
        return;
    }
    let asked = std::env::var("CHATEHR_FIRST_LOAD").ok().and_then(|text| text.parse().ok());
    for count in asked.map_or_else(|| vec![1_000, 10_000], |count| vec![count]) {
        let (server, data) = (big(count, false).await, TempDir::new().unwrap());
        let bench = Bench::new(settings(&server.url, data.path()), Desktop::default());
        bench.desk.start().await;
        let began = Instant::now();
        bench.desk.sign_in(OKAFOR).await.unwrap();
        bench.until_ready().await;
        let opened = began.elapsed();
        until_usable(&bench).await;
        let (usable, first) = (began.elapsed(), server.requests.load(Ordering::SeqCst));
        for _ in 0..60_000 {
            let state = bench.desk.state().await;
            if state.loading.is_none() && state.synced_at.is_some() {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        println!(
            "{count} consultations: files open after {:.2} s, usable after {:.2} s ({first} requests), in step after {:.1} s ({} requests)",
            opened.as_secs_f64(),
            usable.as_secs_f64(),
            began.elapsed().as_secs_f64(),
            server.requests.load(Ordering::SeqCst),
        );
        bench.desk.close().await;
    }
}

/// `CHATEHR_FIRST_LOAD=100000 cargo test --package chatehr-engine --test first_load -- --ignored --nocapture window_waits`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_the_window_waits_while_everything_comes_in() {
    if !keyring_is_here() {
        return;
    }
    let asked = std::env::var("CHATEHR_FIRST_LOAD").ok().and_then(|text| text.parse().ok());
    let count = asked.unwrap_or(100_000);
    let (server, data) = (big(count, false).await, TempDir::new().unwrap());
    let bench = Bench::new(settings(&server.url, data.path()), Desktop::default());
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_ready().await;
    // One of this person's own.
    let mut sampling = Some(Sampling::begin(&bench.desk, &ConsultationId::new("c-1")));
    let mut part = String::new();
    let began = Instant::now();
    loop {
        let state = bench.desk.state().await;
        let over = state.loading.is_none() && state.synced_at.is_some();
        let now =
            state.loading.map_or_else(|| "the rest".to_owned(), |loading| format!("{:?}", loading.part));
        if now != part || over {
            if let (false, Some(sampling)) = (part.is_empty(), sampling.take()) {
                let waits = sampling.end().await;
                println!(
                    "{count} records, {part}, until {:.1} s: longest {:.0} ms: {waits}",
                    began.elapsed().as_secs_f64(),
                    waits.longest().as_secs_f64() * 1000.0
                );
            }
            sampling.get_or_insert_with(|| Sampling::begin(&bench.desk, &ConsultationId::new("c-1")));
            part = now;
        }
        if over {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(5)).await;
    let waits = sampling.take().unwrap().end().await;
    println!("{count} records, in step: longest {:.0} ms: {waits}", waits.longest().as_secs_f64() * 1000.0);
    bench.desk.close().await;
}

/// A desk at the real server, with a conversation open or not: what it asks in so much time.
async fn asked_in(time: Duration, conversation: bool) -> Vec<String> {
    let clinic = Clinic::patient().await;
    let network = Network::to(clinic.address, 1).await.unwrap();
    let data = TempDir::new().unwrap();
    let bench = Bench::signed_in(settings(&url(network.address()), data.path()), OKAFOR).await;
    let id = clinic.request(Urgency::Routine, "a cough").await.id;
    bench.until_known(&id).await;
    bench.desk.accept(&id).await.unwrap();
    // What a start has to do by itself is over: reading the files through, the policy, the first counter-signature.
    sleep(Duration::from_secs(5)).await;
    network.take();
    let began = Instant::now();
    while began.elapsed() < time {
        // Nobody locks the screen of somebody who sits before it.
        bench.desk.still_here();
        if conversation {
            // The window reads it anew whenever it is told of something.
            let request = ConversationRequest { id: id.clone(), limit: 100 };
            bench.desk.conversation(request).await.unwrap();
        }
        sleep(Duration::from_secs(5).min(time)).await;
    }
    network.take().requests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_at_which_nothing_happens_asks_next_to_nothing() {
    if !keyring_is_here() {
        return;
    }
    let (idle, open) =
        tokio::join!(asked_in(Duration::from_secs(15), false), asked_in(Duration::from_secs(15), true));
    // The original asked twenty times a minute.
    assert!(idle.len() <= 2, "{idle:?}");
    assert!(open.len() <= 3, "{open:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn requests_of_an_idle_desk_and_of_one_with_an_open_conversation() {
    if !keyring_is_here() {
        return;
    }
    let asked = std::env::var("CHATEHR_IDLE_MINUTES").ok().and_then(|text| text.parse().ok());
    let minutes: u64 = asked.unwrap_or(5);
    let time = Duration::from_secs(minutes * 60);
    let (idle, open) = tokio::join!(asked_in(time, false), asked_in(time, true));
    for (name, requests) in [("idle", idle), ("with an open conversation", open)] {
        let mut kinds: HashMap<String, usize> = HashMap::new();
        for request in &requests {
            let path = request.split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ");
            *kinds.entry(path).or_default() += 1;
        }
        println!("{name}: {} requests in {minutes} min: {kinds:?}", requests.len());
    }
}
