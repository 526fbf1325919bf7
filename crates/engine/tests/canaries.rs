//! Two hundred planted words, and the keys and tokens: found nowhere but in the encrypted files and the keyring while a
//! person works, and not in the program's memory once they have locked the screen or signed out.
//!
//! The desk runs in a program of its own, which does what it is told over its standard input; its parent has the server,
//! plants and searches. What the window's own process keeps is not looked at here.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may"
)]

#[path = "../../sign-in/tests/it/agent.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the sign-in's own tests")]
mod agent;
#[path = "support/provider.rs"]
mod provider;
mod support;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::{BufRead, BufReader, Lines, Write},
    os::unix::fs::FileExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use agent::Agent;

use chatehr_contract::*;
use chatehr_engine::{Desk, Surroundings, memory};
use chatehr_seal::{Binding, MessageKey, seal};
use chatehr_vault::keyring::Keyring;
use provider::{Opened, World, at_provider};
use sha2::{Digest, Sha256};
use support::*;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Set in the program that has the desk: the server's address.
const URL: &str = "CHATEHR_TEST_CANARIES_URL";
const DATA: &str = "CHATEHR_TEST_CANARIES_DATA";
/// The sign-in service's address; empty where there is none.
const ISSUER: &str = "CHATEHR_TEST_CANARIES_ISSUER";
/// The test that is the program with the desk when it is told so.
const WORKSTATION: &str = "nothing_planted_is_found_outside_the_encrypted_files";
/// Every planted word begins so.
const MARK: &str = "cnry-";

/// Words that nobody else writes, by what they were planted as.
struct Planted(Vec<(String, Vec<u8>)>);

impl Planted {
    fn word(&mut self, kind: &str) -> String {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let word = format!("{MARK}{:016x}", u64::from_be_bytes(random));
        self.secret(kind, word.as_bytes());
        word
    }

    /// Something that was there without us.
    fn secret(&mut self, kind: &str, bytes: &[u8]) {
        self.0.push((kind.to_owned(), bytes.to_vec()));
    }

    /// How often each kind stands in these bytes, as UTF-8 or UTF-16.
    fn find_in(&self, bytes: &[u8]) -> BTreeMap<String, usize> {
        let mut by_start: HashMap<[u8; 4], Vec<(&str, Vec<u8>)>> = HashMap::new();
        let mut starts = [false; 256];
        for (kind, needle) in &self.0 {
            let mut spellings = vec![needle.clone()];
            if let Ok(text) = std::str::from_utf8(needle) {
                spellings.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
            }
            for spelling in spellings {
                starts[usize::from(spelling[0])] = true;
                by_start.entry(spelling[..4].try_into().unwrap()).or_default().push((kind, spelling));
            }
        }
        let mut found = BTreeMap::new();
        for at in 0..bytes.len().saturating_sub(4) {
            if !starts[usize::from(bytes[at])] {
                continue;
            }
            for (kind, needle) in by_start.get(&bytes[at..at + 4]).into_iter().flatten() {
                if bytes[at..].starts_with(needle) {
                    *found.entry((*kind).to_owned()).or_default() += 1;
                }
            }
        }
        found
    }

    fn find_below(&self, place: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(place).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                found.extend(self.find_below(&path));
            } else if path.is_file() {
                let name = self.find_in(path.as_os_str().as_encoded_bytes());
                let within = self.find_in(&fs::read(&path).unwrap());
                if !(name.is_empty() && within.is_empty()) {
                    found.push(format!("{}: {name:?} {within:?}", path.display()));
                }
            }
        }
        found
    }

    /// What stands in the memory that a program may write to: its heap, stacks and data.
    fn find_in_memory_of(&self, process: u32) -> BTreeMap<String, usize> {
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        let memory = fs::File::open(format!("/proc/{process}/mem")).unwrap();
        let mut found = BTreeMap::new();
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
            let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
            let mut read = 0;
            // What was never touched does not read.
            while let Ok(more @ 1..) = memory.read_at(&mut bytes[read..], from + read as u64) {
                read += more;
            }
            // Two megabytes, as Rust gives each thread.
            let stack = line.contains("[stack]") || (0x20_0000..0x20_4000).contains(&(to - from));
            let place = if stack { "a stack" } else { "the heap" };
            for (kind, times) in self.find_in(&bytes[..read]) {
                *found.entry(format!("{kind} in {place}")).or_default() += times;
            }
        }
        found
    }
}

/// The program with the desk.
struct Workstation {
    child: Child,
    to: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Workstation {
    fn start(url: &str, issuer: &str, home: &Path) -> Self {
        fs::create_dir(home.join("data")).unwrap();
        let log = fs::File::create(home.join("program.log")).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", WORKSTATION, "--nocapture"])
            .env(URL, url)
            .env(ISSUER, issuer)
            .env(DATA, home.join("data"))
            .env("TMPDIR", home)
            // As the window sets it for itself.
            .env(memory::TUNABLES, memory::wiping(None).unwrap())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut station = Self { child, to, said: BufReader::new(from).lines() };
        station.until_done();
        station
    }

    fn does(&mut self, what: &str) {
        writeln!(self.to, "{what}").unwrap();
        self.until_done();
    }

    /// What was heard last stands in the buffer of the standard input, until something longer is heard.
    fn forget_what_it_heard(&mut self) {
        self.does(&format!("pass - {}", "x".repeat(32 * 1024)));
    }

    fn until_done(&mut self) {
        let done = self
            .said
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.starts_with("done") || line.contains("FAILED"));
        assert_eq!(done.as_deref(), Some("done"));
    }
}

impl Drop for Workstation {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Does what its parent says.
async fn work(url: &str, data: &Path) {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(std::io::stderr)
        .init();
    let (sender, mut addresses) = mpsc::unbounded_channel();
    let (desktop, notices) = (Desktop::default(), Arc::<Mutex<Vec<ChangeNotice>>>::default());
    let around =
        Surroundings { browser: Arc::new(Opened(sender)), ..surroundings(desktop.clone(), notices.clone()) };
    let issuer = std::env::var(ISSUER).unwrap();
    let settings = settings(url, data);
    let settings = if issuer.is_empty() { settings } else { at_provider(&issuer, settings) };
    let bench = Bench { desk: Desk::new(Ok(settings), around), desktop, notices };
    bench.desk.start().await;
    println!("\ndone");
    for line in std::io::stdin().lines().map(Result::unwrap) {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let id = ConsultationId::new(words.get(1).copied().unwrap_or_default());
        let text = words.get(2).copied().unwrap_or_default().to_owned();
        match words[0] {
            "sign-in" => {
                bench.desk.sign_in(OKAFOR).await.unwrap();
                bench.until_online().await;
            }
            "begin" => {
                bench.desk.begin_sign_in(BeginSignIn { way: SignInWay::Browser }).unwrap();
                fs::write(data.join("address"), addresses.recv().await.unwrap()).unwrap();
            }
            "signed-in" => {
                bench.until_ready().await;
                bench.until_online().await;
            }
            "accept" => {
                bench.until_known(&id).await;
                bench.desk.accept(&id).await.unwrap();
            }
            "look" => {
                bench
                    .desk
                    .list(ConsultationList { limit: 100, ..ConsultationList::default() })
                    .await
                    .unwrap();
                bench.desk.consultation(&id).await.unwrap();
                let wanted: usize = text.parse().unwrap();
                bench
                    .conversation_until(&id, |all| all.iter().filter(|view| is_read(view)).count() >= wanted)
                    .await;
            }
            "send" => bench.desk.send(&SendMessage { consultation_id: id, text }).await.unwrap(),
            "draft" => bench
                .desk
                .save_draft(SaveDraft { consultation_id: id, text, of: DraftOf::Message })
                .await
                .unwrap(),
            "decline" => {
                bench.until_known(&id).await;
                bench.desk.decline(&DeclineConsultation { id, reason: text }).await.unwrap();
            }
            "alerts" => {
                let shown = bench.desktop.shown.lock().unwrap();
                fs::write(data.join("alerts"), format!("{shown:?} {:?}", bench.notices.lock().unwrap()))
                    .unwrap();
            }
            "lock" => {
                bench.desk.lock_now().await.unwrap();
                // The window's last words are taken, what was under way ends, and the files close.
                tokio::time::sleep(Duration::from_secs(4)).await;
            }
            "sign-out" => {
                bench.desk.sign_out().await.unwrap();
                // What was under way ends.
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            "pass" => {}
            other => panic!("{other}"),
        }
        println!("done");
    }
}

fn is_read(view: &MessageView) -> bool {
    view.id.is_some() && matches!(view.body, MessageBody::Clear { .. })
}

/// As the engine names things in the keyring.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_planted_is_found_outside_the_encrypted_files() {
    if let Ok(url) = std::env::var(URL) {
        return work(&url, Path::new(&std::env::var(DATA).unwrap())).await;
    }
    if !keyring_is_here() {
        return;
    }
    let (clinic, home) = (Clinic::patient().await, TempDir::new().unwrap());
    let mut planted = Planted(Vec::new());
    let mut station = Workstation::start(&clinic.url(), "", home.path());
    station.does("sign-in");

    // What patients write, and what the physician answers.
    let (marta, marta_id) = clinic.as_person(MARTA).await;
    for round in 0..10 {
        let description = format!("{} {}", planted.word("description"), planted.word("description"));
        let made = clinic.request(Urgency::Urgent, &description).await;
        if round >= 8 {
            station.does(&format!("decline {} {}", made.id, planted.word("reason")));
            continue;
        }
        station.does(&format!("accept {}", made.id));
        let material = marta.message_key(&made.id).await.unwrap();
        let key = MessageKey::from_parts(&material.kid, material.key.as_slice()).unwrap();
        planted.secret("message key", material.key.as_slice());
        let me = marta.consultation(&made.id).await.unwrap().physician_id.unwrap();
        for n in 0..14 {
            let envelope = EnvelopeId::new(format!("{}-{n}", made.id));
            let binding = Binding { consultation: &made.id, envelope: &envelope, from: &marta_id, to: &me };
            let content = seal(&key, &binding, &planted.word("patient's message"), [n; 12]).unwrap();
            let metadata =
                serde_json::json!({ "envelopeId": envelope.as_str() }).as_object().unwrap().clone();
            let new = NewMessage {
                to_id: me.clone(),
                consultation_id: made.id.clone(),
                content,
                kind: MessageKind::Text,
                metadata,
            };
            marta.send_message(&new, envelope.as_str()).await.unwrap();
        }
        for _ in 0..6 {
            station.does(&format!("send {} {}", made.id, planted.word("physician's message")));
        }
        station.does(&format!("look {} 20", made.id));
        station.does(&format!("draft {} {}", made.id, planted.word("draft")));
    }
    station.does("alerts");
    assert!(planted.0.len() >= 180);

    // Names, tokens and keys that were there without us.
    for name in ["Szymańska", "patient-2041"] {
        planted.secret("name", name.as_bytes());
    }
    let data = home.path().join("data");
    let keyring = Keyring::new(&settings(&clinic.url(), &data).keyring_service);
    let session = keyring.get(&format!("session:{}", digest(&[&clinic.url()]))).unwrap().unwrap();
    let session: Session = serde_json::from_str(&session).unwrap();
    planted.secret("token", session.token.as_bytes());
    let entry = format!("vault:{}", digest(&[&clinic.url(), session.id.as_str()]));
    let vault_key = keyring.get(&entry).unwrap().unwrap();
    planted.secret("vault key", vault_key.as_bytes());
    let bytes: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&vault_key[at..at + 2], 16).unwrap()).collect();
    planted.secret("vault key", &bytes);
    assert!(planted.0.len() >= 200, "{}", planted.0.len());

    // While a person works: nothing in any file, the log and the notifications among them.
    assert!(fs::metadata(home.path().join("program.log")).unwrap().len() > 1000, "there is a log to search");
    assert!(fs::metadata(data.join("alerts")).unwrap().len() > 100);
    assert_eq!(planted.find_below(home.path()), Vec::<String>::new());
    let working = planted.find_in_memory_of(station.child.id());
    assert!(
        working.values().sum::<usize>() > 100,
        "the search sees what is there while it is needed: {working:?}"
    );

    // Locked: nothing in the memory but the session's token, by which urgent requests are still heard of.
    station.does("lock");
    station.forget_what_it_heard();
    let locked = planted.find_in_memory_of(station.child.id());
    assert!(locked.keys().all(|kind| kind == "token in the heap"), "{locked:?}");

    // Signed out: not that either.
    station.does("sign-in");
    station.does("sign-out");
    station.forget_what_it_heard();
    let left = planted.find_in_memory_of(station.child.id());
    println!("{} planted; in memory {working:?}, locked {locked:?}, signed out {left:?}", planted.0.len());
    assert_eq!(planted.find_below(home.path()), Vec::<String>::new());
    assert!(left.is_empty(), "{left:?}");
}

/// What every signed token begins with: `{"alg":`, in base64.
const SIGNED_TOKEN: &[u8] = b"eyJhbGciOi";

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_accounts_tokens_are_in_the_memory_of_who_is_signed_in_and_nowhere_else() {
    let Some(world) = World::open(3600).await else { return };
    let home = TempDir::new().unwrap();
    let mut planted = Planted(Vec::new());
    let mut station = Workstation::start(&world.url(), &world.issuer, home.path());
    let data = home.path().join("data");
    station.does("begin");
    let mut browser = Agent::new();
    let form = browser.open(&fs::read_to_string(data.join("address")).unwrap()).await;
    fs::remove_file(data.join("address")).unwrap();
    browser.submit(&form, &[("login", "okafor")]).await;
    station.does("signed-in");

    let keyring = Keyring::new(&world.settings(&data).keyring_service);
    let kept = keyring.get(&format!("refresh:{}", digest(&[&world.url()]))).unwrap().unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    planted.secret("refresh token", kept["token"].as_str().unwrap().as_bytes());
    planted.secret("signed token", SIGNED_TOKEN);
    planted.secret("name", "Okafor".as_bytes());
    assert_eq!(planted.find_below(home.path()), Vec::<String>::new());
    let working = planted.find_in_memory_of(station.child.id());
    for kind in ["refresh token in the heap", "signed token in the heap"] {
        assert!(working.contains_key(kind), "the search sees what is there while it is needed: {working:?}");
    }

    // Locked: what urgent requests are still heard of by, and who it is that the screen waits for.
    station.does("lock");
    station.forget_what_it_heard();
    let locked = planted.find_in_memory_of(station.child.id());
    assert!(locked.keys().all(|kind| kind.ends_with("in the heap")), "{locked:?}");

    station.does("sign-out");
    station.forget_what_it_heard();
    let left = planted.find_in_memory_of(station.child.id());
    println!("in memory {working:?}, locked {locked:?}, signed out {left:?}");
    assert_eq!(planted.find_below(home.path()), Vec::<String>::new());
    assert!(left.is_empty(), "{left:?}");
}
