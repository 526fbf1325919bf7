//! A call of the system that fails: the n-th of its kind, for every n until the program runs through without meeting
//! it; once, for a while, or from then on.
//!
//! `strace` makes the call fail without making it. Only calls on the person's files count, so that what the program
//! needs to start at all is left alone. An interrupted call (EINTR) fails once: no system interrupts for ever.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
    time::Duration,
};

use chatehr_vault::Vault;

use crate::{child::Loading, promises::Promises, records::key, report::Report};

const FAULTS: &[(&str, &[&str])] = &[
    ("pwrite64", &["EIO", "ENOSPC", "EINTR", "EROFS"]),
    ("write", &["EIO", "ENOSPC", "EINTR"]),
    ("fsync", &["EIO", "ENOSPC", "EINTR"]),
    ("fdatasync", &["EIO"]),
    ("ftruncate", &["EIO", "EINTR"]),
    ("openat", &["EIO", "ENOSPC", "EMFILE", "EINTR"]),
    ("rename", &["EIO", "ENOSPC"]),
    ("unlink", &["EIO"]),
    ("pread64", &["EIO"]),
];
/// Calls that a while takes.
const A_WHILE: usize = 20;
/// A program that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a failed call is looked for in the files of.
const FILES: &[&str] = &[
    "",
    "ledger.db",
    "ledger.db-wal",
    "ledger.db-shm",
    "ledger.db-journal",
    "cache.db",
    "cache.db-wal",
    "cache.db-shm",
    "cache.db-journal",
    "vault.json",
    "vault.json.new",
    "vault.lock",
    ".writable",
];

/// Where a program starts from.
struct Scene {
    name: &'static str,
    /// Copied for each run; none for a first start.
    files: Option<PathBuf>,
    promises: Promises,
    steps: &'static str,
}

/// One fault.
#[derive(Clone, Copy)]
struct Fault {
    call: &'static str,
    error: &'static str,
    nth: usize,
    lasts: Lasts,
}

/// For how long.
#[derive(Clone, Copy, PartialEq)]
enum Lasts {
    Once,
    /// So many calls: a disk that could not be written for a while.
    AWhile,
    ForEver,
}

/// What became of one kind of fault.
#[derive(Default)]
struct Tally {
    met: u64,
    closed: u64,
    refused: u64,
    /// Met, and nobody was told: on which files, how often.
    passed_over: BTreeMap<String, u64>,
    broken: Vec<String>,
}

pub(crate) fn inject(place: &Path, seed: u64, quick: bool, report: &mut Report) {
    let home = tempfile::tempdir_in(place).unwrap();
    let first = Scene { name: "first start", files: None, promises: Promises::new(), steps: "1" };
    let files = home.path().join("later");
    let mut promises = Promises::new();
    Loading::start(&[], &files, &["1", "0", "12", "--one-at-a-time"]).until_killed(&mut promises, PATIENCE);
    promises.are_kept(&Vault::open(&files, &key()).unwrap()).unwrap();
    let later = Scene { name: "later start", files: Some(files), promises, steps: "6" };
    for scene in [first, later] {
        let counted = count(&scene, home.path(), seed);
        for (call, errors) in FAULTS {
            let calls = counted.get(*call).copied().unwrap_or_default();
            for error in *errors {
                let (tally, runs) = each(&scene, home.path(), seed, call, error, calls, quick);
                if runs == 0 {
                    continue;
                }
                let told: Vec<String> =
                    tally.passed_over.iter().map(|(file, times)| format!("{file} {times}")).collect();
                let more = format!(
                    "of {calls} calls; met {}, {} did not open, {} actions refused, passed over in silence: {}",
                    tally.met,
                    tally.closed,
                    tally.refused,
                    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
                );
                report.line(
                    &format!("R2 {}, {call} fails with {error}", scene.name),
                    runs,
                    tally.broken,
                    more,
                );
            }
        }
    }
}

/// Every n-th call fails once, and from then on.
fn each(
    scene: &Scene,
    home: &Path,
    seed: u64,
    call: &'static str,
    error: &'static str,
    calls: usize,
    quick: bool,
) -> (Tally, u64) {
    // A sample; more of the calls that decide whether something was written at all.
    let samples = if call == "fsync" { 6 } else { 2 };
    let every = if quick { (calls / samples).max(1) } else { 1 };
    // One more than there are: to have seen that the last was met.
    let mut faults: Vec<Fault> = (1..=calls + usize::from(calls > 0 && !quick))
        .filter(|nth| nth % every == 0 || every == 1)
        .map(|nth| Fault {
            call,
            error,
            nth,
            lasts: if error == "EROFS" { Lasts::AWhile } else { Lasts::Once },
        })
        .collect();
    if !matches!(error, "EINTR" | "EROFS") {
        let lasting: Vec<Fault> = faults
            .iter()
            .step_by(if quick { 1 } else { 3 })
            .map(|fault| Fault { lasts: Lasts::ForEver, ..*fault })
            .collect();
        faults.extend(lasting);
    }
    let runs = faults.len() as u64;
    let (tally, faults) = (Mutex::new(Tally::default()), Mutex::new(faults.into_iter()));
    thread::scope(|scope| {
        for worker in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (tally, faults) = (&tally, &faults);
            let own = home.join(format!("worker-{worker}"));
            scope.spawn(move || {
                loop {
                    let Some(fault) = faults.lock().unwrap().next() else { return };
                    one(scene, &own, seed, fault, tally);
                }
            });
        }
    });
    (tally.into_inner().unwrap(), runs)
}

fn one(scene: &Scene, own: &Path, seed: u64, fault: Fault, tally: &Mutex<Tally>) {
    let dir = prepare(scene, own);
    let log = own.join("strace");
    let Fault { call, error, nth, lasts } = fault;
    let when = match lasts {
        Lasts::Once => nth.to_string(),
        Lasts::AWhile => format!("{nth}..{}", nth + A_WHILE),
        Lasts::ForEver => format!("{nth}+"),
    };
    let rule = format!("inject={call}:error={error}:when={when}");
    let mut promises = scene.promises.clone();
    let seed = seed.to_string();
    let loading = Loading::start(
        &strace(&dir, &log, call, Some(&rule)),
        &dir,
        &[&seed, "1", scene.steps, "--one-at-a-time"],
    );
    let ended = loading.until_killed(&mut promises, PATIENCE);
    let met: Vec<String> = fs::read_to_string(&log).unwrap().lines().filter_map(file_of_injected).collect();
    let kept = match Vault::open(&dir, &key()) {
        Ok(vault) => promises.are_kept(&vault).and_then(|()| promises.all_arrive(&vault)),
        Err(error) => Err(format!("not opened afterwards: {error:?}")),
    };
    let finished = ended.finished || ended.refusals.iter().any(|said| said.starts_with("closed"));
    let unsound = (!ended.sound || !finished).then(|| format!("did not end well: {:?}", ended.refusals));
    let mut tally = tally.lock().unwrap();
    tally.met += u64::from(!met.is_empty());
    tally.closed += u64::from(!ended.opened);
    tally.refused += ended.refusals.iter().filter(|said| !said.starts_with("closed")).count() as u64;
    if ended.refusals.is_empty() {
        for file in met.into_iter().collect::<BTreeSet<_>>() {
            *tally.passed_over.entry(file).or_default() += 1;
        }
    }
    if let Some(why) = kept.err().or(unsound) {
        tally
            .broken
            .push(format!("seed {seed}, {rule} in a {}: {why} (it said {:?})", scene.name, ended.refusals));
    }
}

fn prepare(scene: &Scene, own: &Path) -> PathBuf {
    fs::remove_dir_all(own).ok();
    fs::create_dir(own).unwrap();
    let dir = own.join("person");
    if let Some(files) = &scene.files {
        fs::create_dir(&dir).unwrap();
        for file in fs::read_dir(files).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), dir.join(file.file_name())).unwrap();
        }
    }
    dir
}

/// How many calls of each kind a run makes that meets no fault.
fn count(scene: &Scene, home: &Path, seed: u64) -> BTreeMap<String, usize> {
    let own = home.join("counted");
    let dir = prepare(scene, &own);
    let log = own.join("strace");
    let calls: Vec<&str> = FAULTS.iter().map(|(call, _)| *call).collect();
    let wrapper = strace(&dir, &log, &calls.join(","), None);
    let mut promises = scene.promises.clone();
    let ended = Loading::start(&wrapper, &dir, &[&seed.to_string(), "1", scene.steps, "--one-at-a-time"])
        .until_killed(&mut promises, PATIENCE);
    assert!(ended.finished && ended.refusals.is_empty(), "{:?}", ended.refusals);
    let mut counted = BTreeMap::new();
    for line in fs::read_to_string(&log).unwrap().lines() {
        if let Some((call, _)) = line.split_once(' ').and_then(|(_, call)| call.trim().split_once('(')) {
            *counted.entry(call.to_owned()).or_default() += 1;
        }
    }
    counted
}

fn strace(dir: &Path, log: &Path, calls: &str, rule: Option<&str>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["strace", "-f", "-y", "-qq", "-s", "0", "-e"].map(OsString::from).into();
    words.push(format!("trace={calls}").into());
    if let Some(rule) = rule {
        words.extend(["-e".into(), rule.into()]);
    }
    words.extend(["-o".into(), log.into()]);
    for file in FILES {
        words.extend(["-P".into(), dir.join(file).into()]);
    }
    words
}

/// The last part of the path in a line of strace's about a call that was made to fail.
fn file_of_injected(line: &str) -> Option<String> {
    let call = line.strip_suffix(" (INJECTED)")?;
    let path = call.split(['<', '>', '"']).rfind(|part| part.starts_with('/'))?;
    Some(path.rsplit('/').next()?.to_owned())
}

/// Whether calls can be made to fail here.
pub(crate) fn can_inject() -> bool {
    Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", "inject=getppid:error=EPERM", "true"])
        .status()
        .is_ok_and(|status| status.success())
}
