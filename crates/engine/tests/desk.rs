//! The physician's desk against the real server, with real files and a real keyring.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use chatehr_contract::*;
use support::*;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_request_reaches_the_physician_without_the_patients_data_in_the_alert() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let before = bench.queue().await.len();
    bench.until("told", |_| !bench.desktop.shown.lock().unwrap().is_empty()).await;
    let waiting = std::mem::take(&mut *bench.desktop.shown.lock().unwrap());
    assert_eq!(waiting.len(), 1, "all that waits at the sign-in is told at once: {waiting:?}");
    assert!(waiting[0].title.starts_with("Emergency cardiology consultation and "), "{waiting:?}");

    // What comes in the same second would share that notification.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let made = clinic.request(Urgency::Urgent, "Palpitations since breakfast, canary-7321").await;
    bench.until("the request is in the queue", |state| state.counts.queue as usize == before + 1).await;

    let row = bench.queue().await.into_iter().find(|row| row.id == made.id).unwrap();
    assert_eq!(row.patient.unwrap().name.family, "Szymańska");
    bench.until("alerted", |_| !bench.desktop.shown.lock().unwrap().is_empty()).await;
    let alerts = bench.desktop.shown.lock().unwrap().clone();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0].title, "Urgent cardiology consultation");
    let words = format!("{} {}", alerts[0].title, alerts[0].body);
    assert!(!words.contains("Szymańska") && !words.contains("canary"), "{words}");
    let told = bench
        .notices
        .lock()
        .unwrap()
        .iter()
        .any(|notice| notice.alert.as_ref().is_some_and(|alert| alert.consultation_id == made.id));
    assert!(told, "the window is told as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_waits_after_a_restart_is_told_and_what_was_taken_meanwhile_is_not() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    // An event gives the files a place in the stream to go on from.
    let taken = clinic.request(Urgency::Emergency, "Taken meanwhile").await;
    bench.until_known(&taken.id).await;
    bench.desk.close().await;
    let pressing: Vec<_> = emergencies(&clinic).await;
    for id in &pressing {
        take(&clinic, id).await;
    }

    let again = Bench::new(clinic.settings(data.path()), Desktop::default());
    again.desk.start().await;
    again.until_online().await;
    again.until("told", |_| !again.desktop.shown.lock().unwrap().is_empty()).await;
    let shown = again.desktop.shown.lock().unwrap().clone();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].title.starts_with("Urgent cardiology consultation and "), "{shown:?}");
    assert!(!pressing.contains(shown[0].consultation.as_ref().unwrap()));
}

/// The emergencies that a colleague sees waiting.
async fn emergencies(clinic: &Clinic) -> Vec<ConsultationId> {
    let (lindqvist, _) = clinic.as_person(LINDQVIST).await;
    let all = lindqvist.all_consultations().await.unwrap().rows;
    let waiting = all.into_iter().filter(|consultation| {
        consultation.status == ConsultationStatus::Pending && consultation.urgency == Urgency::Emergency
    });
    waiting.map(|consultation| consultation.id).collect()
}

async fn take(clinic: &Clinic, id: &ConsultationId) {
    let (lindqvist, _) = clinic.as_person(LINDQVIST).await;
    let update = ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
    lindqvist.update_consultation(id, &update, id.as_str()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_stands_in_triage_order() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let places: Vec<_> =
        bench.queue().await.iter().map(|row| (row.urgency.triage_rank(), row.created_at)).collect();
    assert!(places.len() >= 5);
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_physicians_one_gets_it_and_the_other_is_told_who_has_it() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let okafor = Bench::signed_in(clinic.settings(one.path()), OKAFOR).await;
    let lindqvist = Bench::signed_in(clinic.settings(two.path()), LINDQVIST).await;
    for round in 0..10 {
        let made = clinic.request(Urgency::Routine, &format!("Round {round}")).await;
        for bench in [&okafor, &lindqvist] {
            bench.until_known(&made.id).await;
        }
        let (first, second) = tokio::join!(okafor.desk.accept(&made.id), lindqvist.desk.accept(&made.id));
        let (winner, loser, refusal) = match (first, second) {
            (Ok(()), Err(refusal)) => (&okafor, "Amara Okafor", refusal),
            (Err(refusal), Ok(())) => (&lindqvist, "Lindqvist", refusal),
            other => panic!("exactly one must get it: {other:?}"),
        };
        assert_eq!(refusal.code, ErrorCode::AlreadyTaken, "{refusal:?}");
        assert!(refusal.detail.as_ref().is_some_and(|name| name.contains(loser)), "{refusal:?}");
        assert!(winner.desk.consultation(&made.id).await.unwrap().mine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_typed_offline_is_sent_once_after_reconnect() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let made = clinic.request(Urgency::Urgent, "Short of breath on the stairs").await;
    bench.until("the request has come", |state| state.counts.queue > 0).await;
    bench.until_known(&made.id).await;
    bench.desk.accept(&made.id).await.unwrap();

    clinic.stop().await;
    bench.until_offline().await;
    for text in ["Please sit down.", "A nurse is on the way."] {
        let request = SendMessage { consultation_id: made.id.clone(), text: text.to_owned() };
        bench.desk.send(&request).await.unwrap();
    }
    let waiting = bench.conversation_until(&made.id, |messages| messages.len() == 2).await;
    assert!(waiting.iter().all(|message| message.delivery == Delivery::Queued), "{waiting:?}");
    assert_eq!(bench.desk.state().await.outbox_waiting, 2);

    clinic.start_again().await;
    bench.desk.try_again().await.unwrap();
    let sent = bench
        .conversation_until(&made.id, |messages| {
            messages.len() == 2 && messages.iter().all(|message| message.delivery == Delivery::Sent)
        })
        .await;
    let words: Vec<_> = sent.iter().map(|message| message.body.clone()).collect();
    let expected = ["Please sit down.", "A nurse is on the way."]
        .map(|text| MessageBody::Clear { text: text.to_owned() });
    assert_eq!(words, expected, "in the order in which they were written");

    let (marta, _) = clinic.as_person(MARTA).await;
    let at_server = marta.all_messages(&made.id).await.unwrap().rows;
    assert_eq!(at_server.len(), 2);
    assert!(at_server.iter().all(|message| message.content.starts_with("chatehr.3.")));
    assert_eq!(bench.desk.state().await.outbox_waiting, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_message_given_up_while_it_is_being_sealed_is_not_sent() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let BeingSealed { bench, id, was_asked, let_go } =
        BeingSealed::new(&clinic, clinic.settings(data.path())).await;
    let waiting = bench.conversation_until(&id, |messages| messages.len() == 1).await;
    bench.desk.discard_message(waiting[0].envelope_id.as_ref().unwrap()).await.unwrap();
    let_go.send(()).unwrap();
    // The next one shows that the outbox has gone past it.
    let words = SendMessage { consultation_id: id.clone(), text: "To the right one".to_owned() };
    bench.desk.send(&words).await.unwrap();
    let_go.send(()).unwrap();
    bench
        .conversation_until(&id, |messages| messages.iter().any(|message| message.delivery == Delivery::Sent))
        .await;
    let (marta, _) = clinic.as_person(MARTA).await;
    assert_eq!(marta.all_messages(&id).await.unwrap().rows.len(), 1);
    drop(was_asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_responsibility_offline_is_refused_with_the_reason() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let first = bench.queue().await.remove(0);
    clinic.stop().await;
    bench.until_offline().await;
    assert_eq!(bench.desk.accept(&first.id).await.unwrap_err().code, ErrorCode::NeedsConnection);
    let decline = DeclineConsultation { id: first.id.clone(), reason: "Not my field".to_owned() };
    assert_eq!(bench.desk.decline(&decline).await.unwrap_err().code, ErrorCode::NeedsConnection);
    assert_eq!(bench.queue().await.remove(0).id, first.id, "and it still stands in the queue");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_server_gone_the_desk_opens_from_its_files() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let range = AppointmentRange { from: Timestamp::from_millis(0), to: Timestamp::from_millis(i64::MAX) };
    let first = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let appointments = first.desk.appointments(range).await.unwrap().rows;
    assert!(appointments.len() > 5);
    first.desk.close().await;
    clinic.stop().await;

    let again = Bench::new(clinic.settings(data.path()), Desktop::default());
    again.desk.start().await;
    let state = again.until("ready", |state| matches!(state.stage, Stage::Ready { .. })).await;
    assert!(state.synced_at.is_some());
    assert_eq!(again.desk.appointments(range).await.unwrap().rows, appointments);
    again.until_offline().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decline_needs_a_reason_and_leaves_my_queue_alone_afterwards() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let first = bench.queue().await.remove(0);
    let no_reason = DeclineConsultation { id: first.id.clone(), reason: "  ".to_owned() };
    assert_eq!(bench.desk.decline(&no_reason).await.unwrap_err().code, ErrorCode::Invalid);
    let decline = DeclineConsultation { id: first.id.clone(), reason: "Not my field".to_owned() };
    bench.desk.decline(&decline).await.unwrap();
    assert!(bench.queue().await.iter().all(|row| row.id != first.id));
    let (lindqvist, _) = clinic.as_person(LINDQVIST).await;
    let still = lindqvist.consultation(&first.id).await.unwrap();
    assert_eq!(still.status, ConsultationStatus::Pending, "others still see it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cache_is_put_aside_on_request_and_what_waits_survives() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let made = clinic.request(Urgency::Urgent, "Dizzy").await;
    bench.until_known(&made.id).await;
    bench.desk.accept(&made.id).await.unwrap();
    clinic.stop().await;
    bench.until_offline().await;
    let words = SendMessage { consultation_id: made.id.clone(), text: "Lie down, please.".to_owned() };
    bench.desk.send(&words).await.unwrap();
    bench.desk.close().await;

    let person = std::fs::read_dir(data.path().join("people")).unwrap().next().unwrap().unwrap().path();
    for name in ["cache.db", "cache.db-wal"] {
        let path = person.join(name);
        if let Ok(mut bytes) = std::fs::read(&path) {
            for byte in bytes.iter_mut().skip(16).step_by(97) {
                *byte ^= 0x5a;
            }
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let again = Bench::new(clinic.settings(data.path()), Desktop::default());
    again.desk.start().await;
    let state = again.desk.state().await;
    let Stage::Blocked { error, .. } = &state.stage else { panic!("{state:?}") };
    assert_eq!(error.code, ErrorCode::CacheDamaged);

    clinic.start_again().await;
    again.desk.rebuild_cache().await.unwrap();
    again.until_online().await;
    again
        .conversation_until(&made.id, |messages| {
            messages.len() == 1 && messages.iter().all(|message| message.delivery == Delivery::Sent)
        })
        .await;
    let aside = std::fs::read_dir(&person).unwrap().flatten();
    assert!(aside.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("damaged")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desktop_without_notifications_is_said_and_the_window_alerts_all_the_same() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::new(clinic.settings(data.path()), Desktop::default());
    bench.desktop.broken.store(true, Ordering::SeqCst);
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_online().await;
    let state = bench.until("it is said", |state| state.notifications.is_some()).await;
    assert_eq!(state.notifications.unwrap().code, ErrorCode::NoNotifications);
    bench
        .until("alerted", |_| bench.notices.lock().unwrap().iter().any(|notice| notice.alert.is_some()))
        .await;
    assert_eq!(bench.desk.test_alert().await.unwrap_err().code, ErrorCode::NoNotifications);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_read_or_written_is_readable_on_disk() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let made = clinic.request(Urgency::Urgent, "canary-description").await;
    bench.until_known(&made.id).await;
    bench.desk.accept(&made.id).await.unwrap();
    clinic.stop().await;
    bench.until_offline().await;
    let words = SendMessage { consultation_id: made.id.clone(), text: "canary-outbox".to_owned() };
    bench.desk.send(&words).await.unwrap();
    let draft =
        SaveDraft { consultation_id: made.id.clone(), text: "canary-draft".to_owned(), of: DraftOf::Message };
    bench.desk.save_draft(draft).await.unwrap();

    let mut folders = vec![data.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            for canary in ["canary", "Szyma", "patient-2041", "SQLite format"] {
                let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
                assert!(!found, "{canary} stands readable in {}", path.display());
            }
        }
    }
    assert!(files >= 3, "the files were there to be searched");
}
