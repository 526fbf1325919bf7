//! A workstation in a temporary directory, and a terminal that remembers.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use chatehr_admin::{Desktop, Terminal, Workstation, run};
use chatehr_audit::{Criteria, Entry, NewEntry, Outcome};
use chatehr_client::Config;
use chatehr_contract::{PersonId, Role, Timestamp};
use chatehr_engine::{Clock, Random};
use chatehr_vault::{
    Vault, VaultKey,
    keyring::Keyring,
    slots::{self, Passphrase},
};
use zeroize::Zeroizing;

pub(crate) const KEY: [u8; 32] = *b"the key of an invented person 01";
pub(crate) const PASSPHRASE: &str = "four wooden ducks swim";
pub(crate) const PERSON: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_600_800_000).plus_seconds(seconds)
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        at(3600)
    }
}

/// Other bytes each time.
#[derive(Default)]
struct Counted(AtomicU8);

impl Random for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed) + 100);
        Ok(())
    }
}

/// A workstation with one person's files.
pub(crate) struct Place {
    pub(crate) home: tempfile::TempDir,
    pub(crate) workstation: Workstation,
    /// What opens the files beside the passphrase.
    pub(crate) code: String,
}

impl Place {
    /// Nobody has files yet.
    pub(crate) fn empty() -> Self {
        let home = tempfile::tempdir().unwrap();
        let workstation = Workstation {
            clock: Arc::new(Fixed),
            random: Arc::new(Counted::default()),
            keyring: Keyring::new("chatehr-test-admin"),
            data_dir: Some(home.path().join("data")),
            server: Ok(Config::new("https://chatehr.example/v1")),
            settings: "CHATEHR_API_URL  https://chatehr.example/v1".to_owned(),
            home: Some(home.path().to_owned()),
            settings_file: Some("/etc/chatehr/settings.json".into()),
            user: Some("alice".to_owned()),
            name: "desk-7".to_owned(),
            room: |_| Ok(20_000_000_000),
            desktop: Box::new(|| Desktop {
                display: Ok("DISPLAY is :0".to_owned()),
                web_view: Ok("2.50.1".to_owned()),
                notifications: Ok(()),
                tray: Ok(()),
            }),
        };
        Self { home, workstation, code: String::new() }
    }

    /// One person has, with five entries in the log, a passphrase and a recovery code.
    pub(crate) fn with_person() -> Self {
        let mut place = Self::empty();
        let (dir, key) = (place.dir(), VaultKey::from_bytes(KEY));
        let vault = Vault::open(&dir, &key).unwrap();
        vault.record(&(1..=5).map(entry).collect::<Vec<_>>()).unwrap();
        drop(vault);
        let passphrase = Passphrase::new(PASSPHRASE);
        slots::add_passphrase(&dir, &key, &passphrase, "Office", at(0), [1; 32]).unwrap();
        place.code = slots::add_recovery(&dir, &key, "Safe", at(0), [2; 32]).unwrap().to_text().to_string();
        place
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.home.path().join("data/people").join(PERSON)
    }

    /// Runs a command whose secret, if it asks for one, is the passphrase.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, PASSPHRASE, true)
    }

    /// `{dir}` stands for the person's directory, `{home}` for the temporary one.
    pub(crate) fn run_with(&self, arguments: &[&str], secret: &str, by_a_person: bool) -> Said {
        let (dir, home) = (self.dir().display().to_string(), self.home.path().display().to_string());
        let arguments =
            arguments.iter().map(|text| text.replace("{dir}", &dir).replace("{home}", &home).into());
        let mut terminal = Remembering { by_a_person, ..Remembering::default() };
        terminal.secrets.push_back(secret.to_owned());
        let code =
            run(std::iter::once("chatehr-desktop".into()).chain(arguments), &self.workstation, &mut terminal);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&home, "{home}");
        Said { code, out: text(terminal.out), err: text(terminal.err) }
    }

    /// The log, the first entry first.
    pub(crate) fn log(&self) -> Vec<Entry> {
        log_of(&self.dir(), &VaultKey::from_bytes(KEY))
    }
}

pub(crate) fn log_of(dir: &Path, key: &VaultKey) -> Vec<Entry> {
    let vault = Vault::open(dir, key).unwrap();
    let mut found = vault.search_audit(&Criteria::default(), None, 1000).unwrap();
    found.reverse();
    found
}

/// What a physician did in this second.
pub(crate) fn entry(second: i64) -> NewEntry {
    NewEntry {
        at: at(second),
        actor: Some("physician-1".to_owned()),
        role: Role::Physician,
        session: "s-1".to_owned(),
        workstation: "desk-7".to_owned(),
        action: if second % 2 == 0 { "consultation.read" } else { "message.create" }.to_owned(),
        objects: vec![format!("c-{second}")],
        patient: Some(PersonId::new(format!("patient-{}", second % 3))),
        outcome: Outcome::Success,
        reason: None,
    }
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// It was refused for this reason, and said what to do.
    #[track_caller]
    pub(crate) fn refused(self, because: &str) -> Self {
        assert!(self.code == 1 && self.err.contains(because) && self.err.contains("\n  "), "{self:?}");
        self
    }
}

#[derive(Default)]
struct Remembering {
    out: Vec<u8>,
    err: Vec<u8>,
    secrets: VecDeque<String>,
    by_a_person: bool,
}

impl Terminal for Remembering {
    fn is_read_by_a_person(&self) -> bool {
        self.by_a_person
    }

    fn out(&mut self) -> &mut dyn io::Write {
        &mut self.out
    }

    fn err(&mut self) -> &mut dyn io::Write {
        &mut self.err
    }

    fn secret(&mut self, _prompt: &str) -> io::Result<Zeroizing<String>> {
        self.secrets.pop_front().map(Zeroizing::new).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// The names in a directory, in order.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs one test of this program again, in a session where nobody keeps secrets. `None` within it.
pub(crate) fn without_a_keyring(test: &str) -> Option<()> {
    const PREPARED: &str = "CHATEHR_TEST_PREPARED_SESSION";
    if std::env::var_os(PREPARED).is_some() {
        return None;
    }
    let nowhere = tempfile::tempdir().unwrap();
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(PREPARED, "1")
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}/bus", nowhere.path().display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let passed = run.status.success() && said.contains("1 passed");
    assert!(passed, "{said}{}", String::from_utf8_lossy(&run.stderr));
    Some(())
}
