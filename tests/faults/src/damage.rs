//! Damage and old copies: bits flipped on every page, pages exchanged within and between the files, pages and files from
//! before put back.
//!
//! Everything is noticed at the next start, or by the head of the log that the server remembers; the cache is put aside
//! and begun anew; of the ledger everything is saved but what stood on the damaged page. What this cannot notice is
//! counted as well: a single page from before, which was once right in its place.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chatehr_audit::{Anchor, Expectations, SignedAnchor, SigningKey, sign_anchor};
use chatehr_vault::{OpenError, SalvageError, Vault, salvage};

use crate::{
    chance::Chance,
    child::Loading,
    promises::{Promises, cache_is_consistent},
    records::{at, entry, key},
    report::Report,
};

const PAGE: usize = 4096;
const PATIENCE: Duration = Duration::from_secs(60);
const FILES: [&str; 2] = ["cache.db", "ledger.db"];

/// A person's files at two moments, and what the server knows at the later one.
struct Person {
    home: tempfile::TempDir,
    dir: PathBuf,
    before: Files,
    now: Files,
    promises: Promises,
    anchor: SignedAnchor,
}

type Files = BTreeMap<String, Vec<u8>>;

impl Person {
    fn new(place: &Path, seed: u64) -> Self {
        let home = tempfile::tempdir_in(place).unwrap();
        let dir = home.path().join("person");
        let mut promises = Promises::new();
        let live = |life: &str, steps: &str, promises: &mut Promises| {
            let words = [seed.to_string(), life.to_owned(), steps.to_owned(), "--one-at-a-time".to_owned()];
            Loading::start(&[], &dir, &words.each_ref().map(String::as_str)).until_killed(promises, PATIENCE);
            let vault = Vault::open(&dir, &key()).unwrap();
            promises.are_kept(&vault).unwrap();
            vault
        };
        drop(live("1", "40", &mut promises));
        let before = read(&dir);
        let vault = live("2", "20", &mut promises);
        vault.know_server(&server().verifying_key().to_bytes()).unwrap();
        let device = vault.device().unwrap();
        let head = Anchor { device_id: device.id, count: device.head.count, head: device.head.hash };
        drop(vault);
        let now = read(&dir);
        Self { home, dir, before, now, promises, anchor: sign_anchor(&server(), head, at(1)) }
    }

    fn pages(&self, file: &str) -> usize {
        self.now[file].len() / PAGE
    }

    /// The files with these pages instead.
    fn with(&self, changes: &[(&str, usize, &[u8])]) {
        put(&self.dir, &self.now);
        for (file, page, content) in changes {
            let mut bytes = fs::read(self.dir.join(file)).unwrap();
            bytes[page * PAGE..(page + 1) * PAGE].copy_from_slice(content);
            fs::write(self.dir.join(file), bytes).unwrap();
        }
    }

    fn page(&self, file: &str, page: usize) -> &[u8] {
        &self.now[file][page * PAGE..(page + 1) * PAGE]
    }

    /// Opening names this file, and changes nothing.
    fn is_noticed(&self, file: &str) -> Result<(), String> {
        let found = read(&self.dir);
        let opened = Vault::open(&self.dir, &key());
        let named = match &opened {
            Err(OpenError::LedgerDamaged) => file == "ledger.db" || file == "both",
            Err(OpenError::CacheDamaged) => file == "cache.db",
            _ => false,
        };
        if !named {
            return Err(format!("{:?}", opened.map(drop)));
        }
        if read(&self.dir) == found { Ok(()) } else { Err("noticed, and changed".to_owned()) }
    }

    /// Whether the files open and are as they were, for damage where nothing is kept.
    fn is_as_before(&self) -> bool {
        let vault = Vault::open(&self.dir, &key());
        vault.is_ok_and(|vault| self.promises.clone().are_kept(&vault).is_ok())
    }

    /// The log against the head that the server remembers.
    fn log_is_noticed(&self) -> bool {
        let Ok(vault) = Vault::open(&self.dir, &key()) else { return true };
        let (keys, anchors) = ([server().verifying_key()], [self.anchor.clone()]);
        let expected = Expectations { anchor_keys: &keys, anchors: &anchors, ..Expectations::default() };
        vault.verify_audit(&expected).is_err()
    }
}

fn server() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// The files that count, by their names.
fn read(dir: &Path) -> Files {
    let names = ["cache.db", "cache.db-wal", "ledger.db", "ledger.db-wal", "vault.json"];
    let there = names.into_iter().filter_map(|name| Some((name.to_owned(), fs::read(dir.join(name)).ok()?)));
    there.filter(|(_, bytes)| !bytes.is_empty()).collect()
}

fn put(dir: &Path, files: &Files) {
    fs::remove_dir_all(dir).ok();
    fs::create_dir(dir).unwrap();
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).unwrap();
    }
}

pub(crate) fn damage(place: &Path, seed: u64, quick: bool, report: &mut Report) {
    let mut chance = Chance::new(seed);
    let person = Person::new(place, seed);
    flipped_bits(&person, &mut chance, quick, report);
    exchanged_pages(&person, &mut chance, quick, report);
    flipped_log(place, seed, &mut chance, quick, report);
    old_copies(&person, report);
    old_pages(&person, quick, report);
}

fn flipped_bits(person: &Person, chance: &mut Chance, quick: bool, report: &mut Report) {
    for file in FILES {
        let (mut broken, mut times, mut spare) = (Vec::new(), 0, 0);
        let (mut saved, mut nothing, mut longest) = (0, 0, Duration::ZERO);
        for page in (0..person.pages(file)).step_by(if quick { 8 } else { 1 }) {
            times += 1;
            let mut content = person.page(file, page).to_vec();
            content[chance.place(PAGE)] ^= 1 << chance.below(8);
            person.with(&[(file, page, &content)]);
            if let Err(why) = person.is_noticed(file) {
                // A page that holds nothing any more is not read.
                if person.is_as_before() {
                    spare += 1;
                } else {
                    broken.push(format!("page {page} of {file}: {why}"));
                }
                continue;
            }
            let mended = if file == "cache.db" {
                begin_cache_anew(person)
            } else {
                let began = Instant::now();
                let saving = save_ledger(person);
                longest = longest.max(began.elapsed());
                saving.map(|whole| {
                    saved += u64::from(whole.is_some());
                    nothing += u64::from(whole.is_none());
                })
            };
            if let Err(why) = mended {
                broken.push(format!("page {page} of {file}: {why}"));
            }
        }
        let mended = if file == "cache.db" {
            "the cache begun anew beside an untouched ledger each time".to_owned()
        } else {
            format!(
                "salvaged {saved} times in {} ms at most; on {nothing} pages that list the tables nothing could be saved",
                longest.as_millis()
            )
        };
        let more = format!("every one noticed but {spare} on pages that hold nothing; {mended}");
        report.line(&format!("R5 a flipped bit on each page of {file}"), times, broken, more);
    }
}

fn begin_cache_anew(person: &Person) -> Result<(), String> {
    Vault::set_cache_aside(&person.dir, at(2)).map_err(|error| format!("{error:?}"))?;
    let vault = Vault::open(&person.dir, &key()).map_err(|error| format!("{error:?}"))?;
    let outbox = vault.outbox(None).map_err(|error| format!("{error:?}"))?.len();
    let head = vault.device().map_err(|error| format!("{error:?}"))?.head.count;
    if head == person.anchor.anchor.count
        && outbox == person.promises.waiting()
        && vault.last_event().unwrap().is_none()
    {
        Ok(())
    } else {
        Err("the ledger is not as it was beside a new cache".to_owned())
    }
}

/// How much was saved; nothing where the list of tables is gone.
fn save_ledger(person: &Person) -> Result<Option<u64>, String> {
    let into = person.home.path().join("saved");
    fs::remove_dir_all(&into).ok();
    let damaged = read(&person.dir);
    let mut lines = Vec::new();
    let saved = salvage(&person.dir, &key(), &into, &entry("vault.salvage", ""), &mut lines);
    if read(&person.dir) != damaged {
        return Err("the damaged ledger was touched".to_owned());
    }
    let saved = match saved {
        Err(SalvageError::NothingReads) => return Ok(None),
        saved => saved.map_err(|error| format!("{error:?}"))?,
    };
    let entries = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
    let vault = Vault::open(&into, &key()).map_err(|error| format!("{error:?}"))?;
    let outbox = vault.outbox(None).map_err(|error| format!("{error:?}"))?.len() as u64;
    let log = vault.verify_audit(&Expectations::default()).map_err(|error| format!("{error:?}"))?;
    let parts = [saved.outbox, saved.drafts, saved.read_marks, saved.audit];
    if (outbox, entries, log.head.count) != (saved.outbox.read, saved.audit.read, 1)
        || parts.iter().filter(|part| !part.whole).count() > 1
        || (saved.outbox.whole && saved.outbox.read != person.promises.waiting() as u64)
        || (saved.audit.whole && saved.audit.read != person.anchor.anchor.count)
    {
        return Err(format!("{saved:?}, {outbox} in the outbox, {entries} entries"));
    }
    Ok(Some(entries))
}

fn exchanged_pages(person: &Person, chance: &mut Chance, quick: bool, report: &mut Report) {
    let (mut broken, mut times) = (Vec::new(), 0);
    for file in FILES {
        for page in (0..person.pages(file)).step_by(if quick { 10 } else { 1 }) {
            let other = chance.place(person.pages(file));
            if other == page {
                continue;
            }
            times += 1;
            person.with(&[(file, page, person.page(file, other)), (file, other, person.page(file, page))]);
            if let Err(why) = person.is_noticed(file)
                && !person.is_as_before()
            {
                broken.push(format!("pages {page} and {other} of {file}: {why}"));
            }
        }
    }
    report.line("R5 two pages of one file exchanged", times, broken, "every one noticed".to_owned());
    let (mut broken, mut times) = (Vec::new(), 0);
    let [cache, ledger] = FILES;
    for page in (0..person.pages(cache).min(person.pages(ledger))).step_by(if quick { 8 } else { 1 }) {
        times += 1;
        person.with(&[(cache, page, person.page(ledger, page)), (ledger, page, person.page(cache, page))]);
        if let Err(why) = person.is_noticed("both")
            && person.is_noticed(cache).is_err()
            && !person.is_as_before()
        {
            broken.push(format!("page {page} of both: {why}"));
        }
    }
    report.line("R5 a page exchanged between the files", times, broken, "every one noticed".to_owned());
}

/// The log of a program that was killed: the ledger's is empty; the cache goes back to a moment before the damage.
fn flipped_log(place: &Path, seed: u64, chance: &mut Chance, quick: bool, report: &mut Report) {
    let home = tempfile::tempdir_in(place).unwrap();
    let dir = home.path().join("person");
    let mut promises = Promises::new();
    // Long enough to be open, and short enough to have a log that was not moved.
    Loading::start(&[], &dir, &[&seed.to_string(), "1", "1000000"])
        .until_killed(&mut promises, Duration::from_millis(400));
    let dead = read(&dir);
    let log = dead.get("cache.db-wal").cloned().unwrap_or_default();
    let (mut broken, mut times, mut earlier) = (Vec::new(), 0, 0);
    let frame = PAGE + 24;
    for n in (0..log.len() / frame).step_by(if quick { 40 } else { 3 }) {
        times += 1;
        let mut spoilt = log.clone();
        spoilt[32 + n * frame + chance.place(frame)] ^= 1 << chance.below(8);
        put(&dir, &dead);
        fs::write(dir.join("cache.db-wal"), spoilt).unwrap();
        let kept = Vault::open(&dir, &key()).map_err(|error| format!("{error:?}")).and_then(|vault| {
            vault.check().map_err(|error| format!("{error:?}"))?;
            let last = vault.last_event().map_err(|error| format!("{error:?}"))?;
            let last = last.map_or(0, |last| last.parse::<u64>().unwrap());
            earlier += u64::from(last < promises.synced());
            cache_is_consistent(&vault, last)?;
            promises.clone().ledger_is_kept(&vault)
        });
        if let Err(why) = kept {
            broken.push(format!("seed {seed}, frame {n}: {why}"));
        }
    }
    let more = format!(
        "the ledger's log was empty each time; the cache went back to an earlier place in the event stream {earlier} \
         times, whole and with its index, from which everything is fetched again"
    );
    report.line("R5 a flipped bit in the cache's log of a killed program", times, broken, more);
}

fn old_copies(person: &Person, report: &mut Report) {
    let older = |names: &[&str]| {
        let mut files = person.now.clone();
        for name in names {
            files.insert((*name).to_owned(), person.before[*name].clone());
        }
        put(&person.dir, &files);
    };
    let mut broken = Vec::new();
    older(&["ledger.db"]);
    if !person.log_is_noticed() {
        broken.push("an old ledger".to_owned());
    }
    older(&["ledger.db", "cache.db", "vault.json"]);
    if !person.log_is_noticed() {
        broken.push("an old copy of everything".to_owned());
    }
    report.line(
        "R5 an old copy of the ledger, alone and with everything",
        2,
        broken,
        "both known by the head of the log that the server has counter-signed".to_owned(),
    );
    older(&["cache.db"]);
    let last = |files: &Files| {
        put(&person.dir, files);
        Vault::open(&person.dir, &key()).unwrap().last_event().unwrap()
    };
    let (then, now) = (last(&person.before), last(&person.now));
    older(&["cache.db"]);
    let vault = Vault::open(&person.dir, &key()).unwrap();
    let found = vault.last_event().unwrap();
    let place = found.clone().map_or(0, |found| found.parse().unwrap());
    let mut broken: Vec<String> = cache_is_consistent(&vault, place).err().into_iter().collect();
    if found != then || found == now {
        broken.push(format!("it is at {found:?}, it was at {then:?} then and at {now:?} now"));
    }
    drop(vault);
    report.line(
        "R5 an old copy of the cache",
        1,
        broken,
        "it brings its old place in the event stream along, and goes on from there".to_owned(),
    );
}

/// A page that was once right in its place is not told from one that is: nothing vouches for its age.
fn old_pages(person: &Person, quick: bool, report: &mut Report) {
    for file in FILES {
        let (mut at_start, mut by_log, mut unnoticed, mut times) = (0, 0, 0, 0);
        let old = &person.before[file];
        for page in (0..old.len() / PAGE).step_by(if quick { 4 } else { 1 }) {
            let content = &old[page * PAGE..(page + 1) * PAGE];
            if page >= person.pages(file) || content == person.page(file, page) {
                continue;
            }
            times += 1;
            person.with(&[(file, page, content)]);
            if person.is_noticed(file).is_ok() {
                at_start += 1;
            } else if person.log_is_noticed() {
                by_log += 1;
            } else if !person.is_as_before() {
                unnoticed += 1;
            }
        }
        let more = format!(
            "not a promise: {at_start} noticed at the start, {by_log} by the audit log, {unnoticed} not noticed at all"
        );
        report.line(&format!("R5 one page of {file} from before"), times, Vec::new(), more);
    }
}
