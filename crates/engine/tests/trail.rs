//! What a person does at the desk stands in the audit log of their ledger.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]
#![allow(
    clippy::await_holding_invalid_type,
    reason = "a lock on the file is what stands in the way in one test"
)]

mod support;

use chatehr_audit::{Criteria, Entry, Expectations, Outcome};
use chatehr_contract::*;
use chatehr_engine::Settings;
use chatehr_vault::{Vault, keyring};
use support::{Bench, Clinic, Desktop, LINDQVIST, OKAFOR, completing, files, keyring_is_here};

fn entries(vault: &Vault) -> Vec<Entry> {
    let mut found = vault.search_audit(&Criteria::default(), None, 1000).unwrap();
    found.reverse();
    found
}

fn actions(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.said.action.as_str()).collect()
}

/// A clinic, and a workstation where one physician works.
struct Scene {
    clinic: Clinic,
    settings: Settings,
    _data: tempfile::TempDir,
}

impl Scene {
    /// None where there is no keyring to test with.
    async fn open() -> Option<Self> {
        if !keyring_is_here() {
            return None;
        }
        let (clinic, data) = (Clinic::open().await, tempfile::TempDir::new().unwrap());
        let settings = clinic.settings(data.path());
        Some(Self { clinic, settings, _data: data })
    }

    async fn signed_in(&self) -> Bench {
        Bench::signed_in(self.settings.clone(), OKAFOR).await
    }

    async fn files(&self, bench: Bench) -> Vault {
        files(bench, &self.settings).await
    }

    /// A request that has reached the desk.
    async fn asked(&self, bench: &Bench, words: &str) -> Consultation {
        let asked = self.clinic.request(Urgency::Routine, words).await;
        bench.until_known(&asked.id).await;
        asked
    }

    /// The directory of the one person who works here.
    fn dir(&self) -> std::path::PathBuf {
        let people: Vec<_> = std::fs::read_dir(self.settings.data_dir.join("people")).unwrap().collect();
        assert_eq!(people.len(), 1);
        people.into_iter().next().unwrap().unwrap().path()
    }

    /// The ledger, in the hands of somebody who has its key and does this with it.
    fn ledger_after(&self, statements: &str) -> rusqlite::Connection {
        let dir = self.dir();
        let entry = format!("vault:{}", dir.file_name().unwrap().to_str().unwrap());
        let key = keyring::Keyring::new(&self.settings.keyring_service).get(&entry).unwrap().unwrap();
        let ledger = rusqlite::Connection::open(dir.join("ledger.db")).unwrap();
        ledger.execute_batch(&format!("PRAGMA key = \"x'{}'\"; {statements}", *key)).unwrap();
        ledger
    }
}

async fn read(bench: &Bench, id: &ConsultationId) {
    bench.desk.consultation(id).await.unwrap();
    bench.desk.conversation(ConversationRequest { id: id.clone(), limit: 10 }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_physician_does_is_on_record_with_whose_record_it_was_and_none_of_its_content() {
    let Some(scene) = Scene::open().await else { return };
    let bench = scene.signed_in().await;
    let asked = scene.asked(&bench, "canary-description").await;
    for _ in 0..3 {
        read(&bench, &asked.id).await;
    }
    bench.desk.accept(&asked.id).await.unwrap();
    let words = SendMessage { consultation_id: asked.id.clone(), text: "canary-words".to_owned() };
    bench.desk.send(&words).await.unwrap();
    bench.conversation_until(&asked.id, |all| all.iter().any(|message| message.id.is_some())).await;
    bench.desk.sign_out().await.unwrap();

    let vault = scene.files(bench).await;
    vault.verify_audit(&Expectations::default()).unwrap();
    let entries = entries(&vault);
    // Until it has come, who asks for it is refused.
    let is_of_this = |entry: &&Entry| {
        entry.said.objects.contains(&asked.id.to_string()) && entry.said.outcome == Outcome::Success
    };
    let of_this: Vec<_> = entries.iter().filter(is_of_this).cloned().collect();
    assert_eq!(
        actions(&of_this),
        [
            "consultation.read",
            "message.list",
            "consultation.accept.ask",
            "consultation.accept",
            "message.create"
        ]
    );
    assert!(of_this.iter().all(|entry| entry.said.patient.as_ref() == Some(&asked.patient_id)));
    assert_eq!(entries.first().unwrap().said.action, "session.sign-in");
    assert_eq!(entries.last().unwrap().said.action, "session.sign-out");
    let first = &entries[0].said;
    assert!(
        entries.iter().all(|entry| entry.said.actor == first.actor && entry.said.session == first.session)
    );
    assert_eq!((first.workstation.as_str(), first.role.as_str()), ("desk-1", "physician"));
    let told = serde_json::to_string(&entries).unwrap();
    assert!(!told.contains("canary"), "an entry holds no content");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accept_that_came_too_late_is_on_record_as_refused() {
    let Some(scene) = Scene::open().await else { return };
    let bench = scene.signed_in().await;
    let asked = scene.asked(&bench, "a cough").await;
    let (colleague, _) = scene.clinic.as_person(LINDQVIST).await;
    let update = ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
    colleague.update_consultation(&asked.id, &update, "first").await.unwrap();
    bench.desk.accept(&asked.id).await.unwrap_err();

    let vault = scene.files(bench).await;
    let entries = entries(&vault);
    let accept = entries.iter().find(|entry| entry.said.action == "consultation.accept").unwrap();
    assert_eq!(accept.said.outcome, Outcome::Refused);
    assert!(accept.said.reason.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_whose_entry_cannot_be_written_does_not_happen() {
    let Some(scene) = Scene::open().await else { return };
    let bench = scene.signed_in().await;
    let asked = scene.asked(&bench, "a cough").await;
    bench.desk.accept(&asked.id).await.unwrap();
    let other = scene.asked(&bench, "a sore throat").await;
    let ledger = scene.ledger_after("BEGIN IMMEDIATE");

    let refused = bench.desk.accept(&other.id).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::StorageFault);
    let (okafor, _) = scene.clinic.as_person(OKAFOR).await;
    assert_eq!(okafor.consultation(&other.id).await.unwrap().status, ConsultationStatus::Pending);
    let words = SendMessage { consultation_id: asked.id.clone(), text: "rest".to_owned() };
    bench.desk.send(&words).await.unwrap_err();
    assert_eq!(bench.desk.state().await.outbox_waiting, 0);
    let unseen = ConversationRequest { id: other.id.clone(), limit: 10 };
    assert!(bench.desk.conversation(unseen).await.is_err(), "nor is a conversation shown");

    ledger.execute_batch("ROLLBACK").unwrap();
    bench.desk.accept(&other.id).await.unwrap();
}

fn anchored(vault: &Vault) -> (u64, u64) {
    let device = vault.device().unwrap();
    (device.anchored, device.head.count)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_the_ledger_is_said_at_the_next_contact_with_the_server() {
    let Some(scene) = Scene::open().await else { return };
    let bench = scene.signed_in().await;
    drop(scene.files(bench).await);
    let ledger = scene.dir().join("ledger.db");
    let old = std::fs::read(&ledger).unwrap();

    let bench = Bench::new(scene.settings.clone(), Desktop::default());
    bench.desk.start().await;
    bench.until_online().await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(bench.desk.state().await.integrity, None);
    let vault = scene.files(bench).await;
    let (vouched, count) = anchored(&vault);
    assert!(vouched >= 2, "the server has counter-signed {vouched} of {count}");
    assert!(vault.device().unwrap().policy.is_some());
    drop(vault);

    std::fs::write(&ledger, old).unwrap();
    let bench = Bench::new(scene.settings.clone(), Desktop::default());
    bench.desk.start().await;
    let state = bench.until("the old copy is said", |state| state.integrity.is_some()).await;
    assert_eq!(state.integrity.unwrap().code, ErrorCode::AuditBehind);
    let vault = scene.files(bench).await;
    let told = entries(&vault);
    let alarm = told.iter().find(|entry| entry.said.action == "audit.anchor").unwrap();
    assert_eq!((alarm.said.outcome, alarm.said.reason.as_deref()), (Outcome::Failed, Some("AUDIT_BEHIND")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_tampered_with_is_said_at_the_windows_top() {
    let Some(scene) = Scene::open().await else { return };
    let bench = scene.signed_in().await;
    drop(scene.files(bench).await);
    drop(scene.ledger_after(
        "DROP TRIGGER audit_entry_no_update; UPDATE audit_entry SET hash = zeroblob(32) WHERE seq = 1;",
    ));
    let bench = Bench::new(scene.settings.clone(), Desktop::default());
    bench.desk.start().await;
    let state = bench.until("it is said", |state| state.integrity.is_some()).await;
    assert_eq!(state.integrity.unwrap().code, ErrorCode::AuditAltered);
    assert!(matches!(state.stage, Stage::Ready { .. }), "the physician goes on with their patients");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_long_ago_goes_from_the_workstation_on_record_and_does_not_come_back() {
    let Some(scene) = Scene::open().await else { return };
    let bench = scene.signed_in().await;
    let asked = scene.asked(&bench, "a cough").await;
    bench.desk.accept(&asked.id).await.unwrap();
    bench.desk.start_work(&asked.id).await.unwrap();
    bench.desk.complete(&completing(&asked.id)).await.unwrap();
    bench.until_status(&asked.id, &ConsultationStatus::Completed).await;
    drop(scene.files(bench).await);

    // The same workstation, a hundred days later.
    let later = Desktop { days_on: 100, ..Desktop::default() };
    let bench = Bench::new(scene.settings.clone(), later);
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    for _ in 0..100 {
        if bench.desk.consultation(&asked.id).await.is_err() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(bench.desk.consultation(&asked.id).await.unwrap_err().code, ErrorCode::NotFound);
    let vault = scene.files(bench).await;
    let forgotten = entries(&vault).into_iter().find(|entry| entry.said.action == "records.forget").unwrap();
    assert!(forgotten.said.objects.iter().any(|what| what.ends_with(" consultations")), "{forgotten:?}");

    // Nor does it come to a workstation that fetches everything.
    let data = tempfile::TempDir::new().unwrap();
    let later = Desktop { days_on: 100, ..Desktop::default() };
    let bench = Bench::new(scene.clinic.settings(data.path()), later);
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_online().await;
    assert_eq!(bench.desk.consultation(&asked.id).await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_the_keys_is_on_record_and_what_failed_as_failed() {
    let Some(scene) = Scene::open().await else { return };
    let bench = scene.signed_in().await;
    bench.desk.add_recovery_code(AddRecoveryCode { label: "in the safe".to_owned() }).await.unwrap();
    let missing = KeySlotRef { id: "none".to_owned() };
    bench.desk.remove_key_slot(missing).await.unwrap_err();
    let vault = scene.files(bench).await;
    let told: Vec<_> = entries(&vault)
        .into_iter()
        .filter(|entry| entry.said.action.starts_with("keys."))
        .map(|entry| (entry.said.action, entry.said.outcome))
        .collect();
    let ok = |action: &str| (action.to_owned(), Outcome::Success);
    let failed = ("keys.remove".to_owned(), Outcome::Failed);
    assert_eq!(told, [ok("keys.add-code"), ok("keys.remove"), failed]);
}
