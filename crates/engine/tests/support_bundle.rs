//! What is handed to who helps: all of it is shown first, and nothing in it is anybody's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod support;

use std::{path::PathBuf, sync::Arc};

use chatehr_contract::*;
use chatehr_engine::{HostReport, Settings, support::RecentLog};
use chatehr_vault::keyring::Keyring;
use sha2::{Digest, Sha256};
use support::*;
use tempfile::TempDir;
use tracing_subscriber::prelude::*;

const LEGACY: &str = "the-original-clients-secret-77";

fn token(settings: &Settings) -> String {
    let mut hash = Sha256::new();
    hash.update(settings.api_url.len().to_be_bytes());
    hash.update(&settings.api_url);
    let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let text = Keyring::new(&settings.keyring_service).get(&format!("session:{name}")).unwrap().unwrap();
    serde_json::from_str::<Session>(&text).unwrap().token
}

fn host(log: &RecentLog) -> HostReport {
    HostReport {
        doctor: "ok  disk  20 GB free for /home/okafor/.local/share/chatehr".to_owned(),
        log: log.lines(),
        home: Some(PathBuf::from("/home/okafor")),
        system: "linux x86_64".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_holds_no_name_no_word_no_id_no_token_and_no_key() {
    if !keyring_is_here() {
        return;
    }
    // Everything that anything says, down to the finest level.
    let log = RecentLog::new(Arc::new(SetClock::default()));
    tracing_subscriber::registry().with(log.clone()).init();
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let settings = Settings {
        legacy_secret: Some(LEGACY.to_owned()),
        workstation: "okafor-laptop".to_owned(),
        ..clinic.settings(data.path())
    };
    let bench = Bench::signed_in(settings.clone(), OKAFOR).await;

    // A day's work, with something going wrong in it.
    let asked = clinic.request(Urgency::Urgent, "canary-of-a-patients-words").await;
    bench.until_known(&asked.id).await;
    bench.desk.accept(&asked.id).await.unwrap();
    let view = bench.desk.consultation(&asked.id).await.unwrap();
    let patient = view.row.patient.unwrap();
    let send = SendMessage { consultation_id: asked.id.clone(), text: "canary-of-an-answer".to_owned() };
    bench.desk.send(&send).await.unwrap();
    let sent = bench.conversation_until(&asked.id, |all| all.iter().any(|one| one.id.is_some())).await;
    clinic.stop().await;
    bench.until_offline().await;
    bench.desk.send(&SendMessage { text: "canary-that-waits".to_owned(), ..send }).await.unwrap();
    assert!(bench.desk.start_work(&ConsultationId::new("c-that-is-nowhere")).await.is_err());

    let shown = bench.desk.support_bundle(host(&log)).await.unwrap();
    let text = shown.text.clone();
    for said in
        ["connecting since", "SERVER_UNREACHABLE", "1, 0 stuck", "entries", "A request to ChatEHR failed"]
    {
        assert!(text.contains(said), "{said} is missing in\n{text}");
    }
    assert!(text.lines().any(|line| line.split_whitespace().eq(["CHATEHR_API_KEY", "set"])), "{text}");
    let token = token(&settings);
    let mut canaries = vec![
        "canary".to_owned(),
        token.clone(),
        API_KEY.to_owned(),
        LEGACY.to_owned(),
        "okafor".to_owned(),
        asked.id.to_string(),
        asked.patient_id.to_string(),
        patient.name.family.clone(),
        patient.birth_date.clone(),
        "physician-".to_owned(),
    ];
    canaries.extend(patient.name.given.iter().cloned());
    canaries.extend(sent.iter().filter_map(|one| one.id.as_ref().map(ToString::to_string)));
    let lower = text.to_lowercase();
    for canary in &canaries {
        assert!(!lower.contains(&canary.to_lowercase()), "{canary} is in\n{text}");
    }

    // What is saved is what was shown, and that it was is on record.
    let file = data.path().join("bundle.txt");
    let save = SaveSupportBundle { file: file.display().to_string() };
    bench.desk.save_support_bundle(save.clone()).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let again = bench.desk.save_support_bundle(save).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::BackupOccupied);
    let nowhere = SaveSupportBundle { file: "bundle.txt".to_owned() };
    assert_eq!(bench.desk.save_support_bundle(nowhere).await.unwrap_err().code, ErrorCode::PlaceUnfit);
    let vault = files(bench, &settings).await;
    let found = vault.search_audit(&chatehr_audit::Criteria::default(), None, 1000).unwrap();
    let told: Vec<_> = found
        .iter()
        .filter(|entry| entry.said.action == "support.export")
        .map(|entry| entry.said.outcome)
        .collect();
    use chatehr_audit::Outcome::{Failed, Success};
    assert_eq!(told, [Failed, Success, Success], "the latest first: tried and failed, and done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_to_one_person_is_not_saved_by_the_next() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let shown = bench.desk.support_bundle(HostReport::default()).await.unwrap();
    bench.desk.sign_out().await.unwrap();
    bench.desk.sign_in(LINDQVIST).await.unwrap();
    bench.until_ready().await;
    let save = SaveSupportBundle { file: shown.file.clone() };
    bench.desk.save_support_bundle(save).await.unwrap_err();
    assert!(!std::path::Path::new(&shown.file).exists());
}
