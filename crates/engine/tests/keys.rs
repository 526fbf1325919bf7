//! A lost keyring is not a lost history: a passphrase or a printed code opens the files, the key goes back when a person
//! says so, and nothing is written over without asking.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod support;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use chatehr_contract::*;
use chatehr_engine::Settings;
use chatehr_vault::keyring::Keyring;
use support::*;
use tempfile::TempDir;

/// A workstation with a person's files on it, and a hand in its keyring.
struct Place {
    clinic: Clinic,
    data: TempDir,
}

impl Place {
    async fn new() -> Self {
        // A clinic that lets its physicians export.
        let roles = vec!["physician".to_owned(), "admin".to_owned()];
        let policy = Policy { may_export: roles, ..Policy::default() };
        Self { clinic: Clinic::with_policy(policy).await, data: TempDir::new().unwrap() }
    }

    fn settings(&self) -> Settings {
        self.clinic.settings(self.data.path())
    }

    async fn signed_in(&self) -> Bench {
        Bench::signed_in(self.settings(), OKAFOR).await
    }

    /// The program, started again.
    async fn started(&self) -> Bench {
        let bench = Bench::new(self.settings(), Desktop::default());
        bench.desk.start().await;
        bench
    }

    fn dir(&self) -> PathBuf {
        std::fs::read_dir(self.data.path().join("people")).unwrap().next().unwrap().unwrap().path()
    }

    fn keyring(&self) -> Keyring {
        Keyring::new(&self.settings().keyring_service)
    }

    fn entry(&self) -> String {
        format!("vault:{}", self.dir().file_name().unwrap().to_str().unwrap())
    }

    fn held(&self) -> Option<String> {
        self.keyring().get(&self.entry()).unwrap().map(|text| text.to_string())
    }

    /// Every file as it is, but for locks and SQLite's index, which is made anew each time.
    fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = std::fs::read_dir(self.dir()).unwrap().map(|entry| entry.unwrap().path());
        files
            .filter(|path| !["-shm", ".lock"].iter().any(|end| path.to_string_lossy().ends_with(end)))
            .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
            .collect()
    }
}

async fn blocked(bench: &Bench) -> (ErrorReport, Vec<WayIn>) {
    match bench.desk.state().await.stage {
        Stage::Blocked { error, ways } => (error, ways),
        other => panic!("not blocked: {other:?}"),
    }
}

async fn is_open(bench: &Bench) {
    let stage = bench.desk.state().await.stage;
    assert!(matches!(stage, Stage::Ready { .. }), "{stage:?}");
}

async fn standing(bench: &Bench) -> KeyStanding {
    bench.desk.state().await.keys
}

async fn printed(bench: &Bench) -> KeySecret {
    let request = AddRecoveryCode { label: "in the safe".to_owned() };
    KeySecret::RecoveryCode { code: bench.desk.add_recovery_code(request).await.unwrap().code }
}

fn typed(code: &str) -> KeySecret {
    KeySecret::RecoveryCode { code: SecretText::new(code) }
}

fn passphrase(words: &str) -> KeySecret {
    KeySecret::Passphrase { passphrase: SecretText::new(words) }
}

async fn draft(bench: &Bench, id: &ConsultationId) -> String {
    bench.desk.consultation(id).await.unwrap().draft
}

/// Leaves half a sentence behind and ends the program.
async fn leave_a_draft(bench: &Bench) -> ConsultationId {
    let id = bench.queue().await[0].id.clone();
    let words =
        SaveDraft { consultation_id: id.clone(), text: "half a sentence".to_owned(), of: DraftOf::Message };
    bench.desk.save_draft(words).await.unwrap();
    bench.desk.close().await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_keyring_is_passed_with_the_recovery_code_and_the_files_are_byte_identical() {
    if !keyring_is_here() {
        return;
    }
    let place = Place::new().await;
    let bench = place.signed_in().await;
    let code = printed(&bench).await;
    let id = leave_a_draft(&bench).await;
    let (key, before) = (place.held().unwrap(), place.bytes());
    place.keyring().delete(&place.entry()).unwrap();

    let bench = place.started().await;
    let (error, ways) = blocked(&bench).await;
    assert_eq!((error.code, ways), (ErrorCode::KeyMissing, vec![WayIn::RecoveryCode]));
    let wrong = typed("0000A-0000B-0000C-0000D-0000E-0000F-0000G-0000H");
    assert_eq!(bench.desk.unlock_records(wrong).await.unwrap_err().code, ErrorCode::CodeMistyped);
    let refused = bench.desk.unlock_records(passphrase("there is no passphrase")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::NoSuchKey);
    assert_eq!(blocked(&bench).await.0.code, ErrorCode::KeyMissing);
    assert!(place.bytes() == before, "the files were touched before they opened");

    bench.desk.unlock_records(code).await.unwrap();
    is_open(&bench).await;
    assert_eq!(draft(&bench, &id).await, "half a sentence");
    assert!(standing(&bench).await.not_in_keyring);
    assert_eq!(place.held(), None, "nothing goes into the keyring by itself");

    let restored = bench.desk.restore_to_keyring(RestoreToKeyring::default()).await.unwrap();
    assert_eq!(restored, RestoredToKeyring::Done);
    assert!(!standing(&bench).await.not_in_keyring);
    assert_eq!(place.held().unwrap(), key);
    bench.desk.close().await;
    let bench = place.started().await;
    is_open(&bench).await;
    assert_eq!(draft(&bench, &id).await, "half a sentence");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_keyring_holds_in_the_keys_place_is_written_over_only_when_that_is_meant() {
    if !keyring_is_here() {
        return;
    }
    let place = Place::new().await;
    let bench = place.signed_in().await;
    let words = "correct horse battery staple";
    let add = AddPassphrase { passphrase: SecretText::new(words), label: String::new() };
    bench.desk.add_passphrase(add).await.unwrap();
    bench.desk.close().await;
    let key = place.held().unwrap();
    let other = "01".repeat(32);
    place.keyring().set(&place.entry(), &other).unwrap();

    let bench = place.started().await;
    let (error, ways) = blocked(&bench).await;
    assert_eq!((error.code, ways), (ErrorCode::WrongKey, vec![WayIn::Passphrase]));
    let refused = bench.desk.unlock_records(passphrase("correct horse battery stable")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::WrongPassphrase);
    bench.desk.unlock_records(passphrase(words)).await.unwrap();
    is_open(&bench).await;

    let ask = |replacing: Option<&str>| {
        bench.desk.restore_to_keyring(RestoreToKeyring { replacing: replacing.map(str::to_owned) })
    };
    let RestoredToKeyring::Occupied { check } = ask(None).await.unwrap() else { panic!("written over") };
    assert!(matches!(ask(Some("another")).await.unwrap(), RestoredToKeyring::Occupied { .. }));
    assert_eq!(place.held().unwrap(), other);
    assert_eq!(ask(Some(&check)).await.unwrap(), RestoredToKeyring::Done);
    assert_eq!(place.held().unwrap(), key);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_tested_replaced_and_removed_but_for_the_last() {
    if !keyring_is_here() {
        return;
    }
    let place = Place::new().await;
    let bench = place.signed_in().await;
    let first = KeyStanding { first: true, only_keyring: true, ..KeyStanding::default() };
    assert_eq!(standing(&bench).await, first);

    let short = AddPassphrase { passphrase: SecretText::new("short"), label: String::new() };
    assert_eq!(bench.desk.add_passphrase(short).await.unwrap_err().code, ErrorCode::PassphraseTooShort);
    let code = printed(&bench).await;
    assert_eq!(standing(&bench).await, KeyStanding::default());
    let slots = bench.desk.key_slots().await.unwrap().slots;
    let kinds: Vec<_> = slots.iter().map(|slot| (slot.kind, slot.label.as_str())).collect();
    assert_eq!(kinds, [(KeySlotKind::Keyring, ""), (KeySlotKind::RecoveryCode, "in the safe")]);
    assert!(slots.iter().all(|slot| slot.created_at.is_some()));
    assert_eq!(bench.desk.test_key_slot(code.clone()).await.unwrap().id, slots[1].id);

    let which = KeySlotRef { id: slots[1].id.clone() };
    let next = bench.desk.rotate_recovery_code(which).await.unwrap().code;
    assert_eq!(bench.desk.test_key_slot(code).await.unwrap_err().code, ErrorCode::WrongCode);
    let tested = bench.desk.test_key_slot(KeySecret::RecoveryCode { code: next }).await.unwrap();
    bench.desk.remove_key_slot(tested).await.unwrap();
    assert!(standing(&bench).await.only_keyring);
    let keyring = KeySlotRef { id: slots[0].id.clone() };
    assert_eq!(bench.desk.remove_key_slot(keyring).await.unwrap_err().code, ErrorCode::LastKey);
    bench.desk.close().await;
    assert!(!standing(&place.started().await).await.first, "only the first sign-in is the first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_opens_the_same_files_and_the_old_one_none() {
    if !keyring_is_here() {
        return;
    }
    let place = Place::new().await;
    let bench = place.signed_in().await;
    let code = printed(&bench).await;
    let id = bench.queue().await[0].id.clone();
    let words =
        SaveDraft { consultation_id: id.clone(), text: "half a sentence".to_owned(), of: DraftOf::Message };
    bench.desk.save_draft(words).await.unwrap();
    let old = place.held().unwrap();

    bench.desk.replace_records_key().await.unwrap();
    is_open(&bench).await;
    bench.until_online().await;
    assert_eq!(draft(&bench, &id).await, "half a sentence");
    assert_ne!(place.held().unwrap(), old);
    assert!(!standing(&bench).await.not_in_keyring);
    bench.desk.test_key_slot(code.clone()).await.unwrap();
    bench.desk.close().await;

    let bench = place.started().await;
    is_open(&bench).await;
    bench.desk.close().await;
    place.keyring().set(&place.entry(), &old).unwrap();
    let bench = place.started().await;
    assert_eq!(blocked(&bench).await.0.code, ErrorCode::WrongKey);
    bench.desk.unlock_records(code).await.unwrap();
    is_open(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_file_is_said_and_begun_anew_only_when_asked() {
    if !keyring_is_here() {
        return;
    }
    let place = Place::new().await;
    let bench = place.signed_in().await;
    let code = printed(&bench).await;
    bench.desk.close().await;
    let header = place.dir().join("vault.json");
    spoil(&header);
    let damaged = std::fs::read(&header).unwrap();

    let bench = place.started().await;
    is_open(&bench).await;
    assert!(standing(&bench).await.header_damaged);
    assert_eq!(bench.desk.key_slots().await.unwrap_err().code, ErrorCode::HeaderDamaged);
    assert_eq!(std::fs::read(&header).unwrap(), damaged);

    assert_eq!(bench.desk.start_key_file_anew().await.unwrap(), None, "the keyring has the key");
    let now = standing(&bench).await;
    assert!(!now.header_damaged && now.only_keyring && !now.not_in_keyring);
    assert_eq!(bench.desk.test_key_slot(code).await.unwrap_err().code, ErrorCode::NoSuchKey);
    let aside = std::fs::read_dir(place.dir())
        .unwrap()
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("vault.json.aside-"));
    assert_eq!(std::fs::read(aside.unwrap().path()).unwrap(), damaged, "put aside, not deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_of_other_records_is_put_aside_when_asked_and_the_files_open() {
    if !keyring_is_here() {
        return;
    }
    let place = Place::new().await;
    let bench = place.signed_in().await;
    let id = leave_a_draft(&bench).await;
    let (other_clinic, other) = (Clinic::open().await, TempDir::new().unwrap());
    Bench::signed_in(other_clinic.settings(other.path()), OKAFOR).await.desk.close().await;
    let theirs = std::fs::read_dir(other.path().join("people")).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(theirs.join("vault.json"), place.dir().join("vault.json")).unwrap();

    let bench = place.started().await;
    let (error, ways) = blocked(&bench).await;
    assert_eq!((error.code, ways), (ErrorCode::HeaderForeign, Vec::new()));
    assert_eq!(bench.desk.start_key_file_anew().await.unwrap(), None);
    is_open(&bench).await;
    assert_eq!(draft(&bench, &id).await, "half a sentence");
    assert!(standing(&bench).await.only_keyring);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_open_elsewhere_are_said_to_be_and_open_when_they_are_free() {
    if !keyring_is_here() {
        return;
    }
    let place = Place::new().await;
    let first = place.signed_in().await;
    let second = place.started().await;
    assert_eq!(blocked(&second).await.0.code, ErrorCode::FilesInUse);
    first.desk.close().await;
    drop(first);
    for _ in 0..100 {
        second.desk.try_again().await.unwrap();
        if matches!(second.desk.state().await.stage, Stage::Ready { .. }) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the files stayed in use");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_one_file_that_the_keyring_alone_is_not_enough_for() {
    if !keyring_is_here() {
        return;
    }
    let place = Place::new().await;
    let bench = place.signed_in().await;
    bench.until("the policy is known", |state| state.may_export).await;
    let suggested = bench.desk.key_slots().await.unwrap().backup_path;
    assert!(suggested.starts_with(place.data.path().to_str().unwrap()), "{suggested}");
    let ask = |path: &str| bench.desk.back_up_records(BackUp { path: path.to_owned(), with_cache: true });
    assert_eq!(ask(&suggested).await.unwrap_err().code, ErrorCode::BackupNeedsKey);
    let code = printed(&bench).await;
    for unfit in ["records.tar", "/", "/nowhere/at/all.tar"] {
        assert_eq!(ask(unfit).await.unwrap_err().code, ErrorCode::BackupPlaceUnfit, "{unfit}");
    }
    ask(&suggested).await.unwrap();
    assert_eq!(ask(&suggested).await.unwrap_err().code, ErrorCode::BackupOccupied);
    let KeySecret::RecoveryCode { code } = &code else { panic!() };
    let code = chatehr_vault::slots::RecoveryCode::parse(code.expose()).unwrap();
    let elsewhere = place.data.path().join("elsewhere");
    let secret = chatehr_vault::slots::Secret::Recovery(&code);
    chatehr_vault::backup::restore(Path::new(&suggested), &elsewhere, secret).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_was_found_open_copies_no_records_and_makes_no_key() {
    const PIN: &str = "402917";
    if !keyring_is_here() {
        return;
    }
    let (place, hands) = (Place::new().await, SetClock::default());
    let bench = Bench::eager(place.settings(), &hands);
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.desk.set_pin(SetPin { pin: SecretText::new(PIN), present: None }).await.unwrap();
    bench.until("the policy is known", |state| state.may_export).await;
    printed(&bench).await;
    // Somebody uses the window all the while.
    for _ in 0..6 {
        hands.move_by(60);
        bench.desk.still_here();
    }
    let path = bench.desk.key_slots().await.unwrap().backup_path;
    let back_up = || bench.desk.back_up_records(BackUp { path: path.clone(), with_cache: false });
    let label = || "theirs".to_owned();
    let add = || AddPassphrase { passphrase: SecretText::new("correct horse battery"), label: label() };
    let refused = [
        back_up().await,
        bench.desk.add_passphrase(add()).await,
        bench.desk.add_recovery_code(AddRecoveryCode { label: label() }).await.map(drop),
    ];
    for answer in refused {
        assert_eq!(answer.unwrap_err().code, ErrorCode::ShowWhoYouAre);
    }
    assert!(!Path::new(&path).exists());
    assert!(bench.desk.key_slots().await.unwrap().slots.iter().all(|slot| slot.label != "theirs"));

    bench.desk.lock_now().await.unwrap();
    bench.desk.unlock_with_pin(UnlockWithPin { pin: SecretText::new(PIN) }).await.unwrap();
    is_open(&bench).await;
    bench.desk.add_passphrase(add()).await.unwrap();
    back_up().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_open_files_nothing_is_done_to_keys() {
    let place = Place::new().await;
    let bench = Bench::new(place.settings(), Desktop::default());
    let code = |outcome: Result<(), ErrorReport>| outcome.unwrap_err().code;
    assert_eq!(code(bench.desk.key_slots().await.map(drop)), ErrorCode::SignedOut);
    assert_eq!(code(bench.desk.replace_records_key().await), ErrorCode::SignedOut);
    assert_eq!(code(bench.desk.unlock_records(passphrase("anything at all")).await), ErrorCode::Internal);
    assert_eq!(code(bench.desk.sign_in_without_keyring().await), ErrorCode::Internal);
    assert_eq!(code(bench.desk.start_key_file_anew().await.map(drop)), ErrorCode::Internal);
}

/// Where the desktop without a keyring finds the clinic, the files and the code.
const WITHOUT: [&str; 3] = ["CHATEHR_TEST_CLINIC", "CHATEHR_TEST_FILES", "CHATEHR_TEST_CODE"];

#[tokio::test(flavor = "multi_thread")]
async fn without_any_keyring_one_signs_in_and_opens_with_the_code() {
    if let [Ok(url), Ok(files), Ok(code)] = WITHOUT.map(std::env::var) {
        return open_without_a_keyring(&url, Path::new(&files), &code).await;
    }
    if !keyring_is_here() {
        return;
    }
    let place = Place::new().await;
    let bench = place.signed_in().await;
    let KeySecret::RecoveryCode { code } = printed(&bench).await else { panic!() };
    let id = leave_a_draft(&bench).await;
    let files = place.data.path().to_str().unwrap();
    // The same program on a desktop where nobody keeps secrets.
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "without_any_keyring_one_signs_in_and_opens_with_the_code", "--nocapture"])
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
        .envs(WITHOUT.into_iter().zip([place.clinic.url().as_str(), files, code.expose()]))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let bench = place.started().await;
    is_open(&bench).await;
    assert_eq!(draft(&bench, &id).await, "half a sentence, and the rest");
}

async fn open_without_a_keyring(url: &str, files: &Path, code: &str) {
    // Nobody has files here: no key of theirs could help, so a sign-in is not offered.
    let empty = TempDir::new().unwrap();
    let bench = Bench::new(settings(url, empty.path()), Desktop::default());
    bench.desk.start().await;
    assert_eq!(blocked(&bench).await.1, Vec::new());

    let bench = Bench::new(settings(url, files), Desktop::default());
    bench.desk.start().await;
    let (error, ways) = blocked(&bench).await;
    assert_eq!((error.code, ways), (ErrorCode::KeyringMissing, vec![WayIn::SignIn]));
    bench.desk.sign_in_without_keyring().await.unwrap();
    bench.desk.sign_in(OKAFOR).await.unwrap();
    let (error, ways) = blocked(&bench).await;
    assert_eq!((error.code, ways), (ErrorCode::KeyringMissing, vec![WayIn::RecoveryCode]));
    bench.desk.unlock_records(typed(&code.to_lowercase())).await.unwrap();
    is_open(&bench).await;
    let refused = bench.desk.restore_to_keyring(RestoreToKeyring::default()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::KeyringMissing);
    bench.until_online().await;
    let list = ConsultationList { scope: ListScope::Queue, limit: 100, ..ConsultationList::default() };
    let id = bench.desk.list(list).await.unwrap().rows[0].id.clone();
    assert_eq!(draft(&bench, &id).await, "half a sentence");
    let text = "half a sentence, and the rest".to_owned();
    bench.desk.save_draft(SaveDraft { consultation_id: id, text, of: DraftOf::Message }).await.unwrap();
    bench.desk.close().await;
}

/// Turns one byte over near the end, where a label or a checksum stands.
fn spoil(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let place = bytes.len() - 10;
    bytes[place] ^= 1;
    std::fs::write(file, bytes).unwrap();
}
