//! Measures the log: `cargo run --release -p chatehr-audit --example figures [entries]`, a million by default.
//!
//! Each figure stands beside its peer: verifying beside SHA-256 of the same bytes in the same portions, appending
//! beside the same rows put into a table without a chain.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::{error::Error, time::Instant};

use chatehr_audit::{
    Criteria, Expectations, Format, LogId, NewEntry, Outcome, Recorder, SCHEMA, append, create, export,
    search, verify,
};
use chatehr_contract::{PersonId, Role, Timestamp};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

type Done = Result<(), Box<dyn Error>>;

const START: i64 = 1_764_086_400_000;

/// Like those of a clinic: 400 people at work, 50,000 patients, a dozen words, ids as they are generated.
fn entry(n: u64) -> NewEntry {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let id = |kind: u64, n: u64| format!("0199b6c0-{:04x}-7cc3-9d5e-{n:012x}", kind);
    NewEntry {
        at: Timestamp::from_millis(START + i64::try_from(n).unwrap_or(0) * 137),
        actor: Some(id(1, mixed % 400)),
        role: Role::Physician,
        session: format!("s-{:06x}", mixed % 90_000),
        workstation: format!("desk-{}", mixed % 120),
        action: match (mixed >> 9) % 5 {
            0 | 1 => "consultation.read",
            2 => "message.send",
            3 => "consultation.list",
            _ => "consultation.accept",
        }
        .to_owned(),
        objects: vec![id(2, mixed % 200_000)],
        patient: Some(PersonId::new(id(3, mixed % 50_000))),
        outcome: if mixed.is_multiple_of(50) { Outcome::Refused } else { Outcome::Success },
        reason: mixed.is_multiple_of(50).then(|| "not their patient".to_owned()),
    }
}

fn open(folder: &tempfile::TempDir, name: &str, key: Option<&str>) -> Result<Connection, Box<dyn Error>> {
    let connection = Connection::open(folder.path().join(name))?;
    if let Some(key) = key {
        connection.pragma_update(None, "key", key)?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -64 * 1024)?;
    connection.execute_batch(SCHEMA)?;
    create(&connection, LogId([7; 16]))?;
    connection.execute_batch(
        "CREATE TABLE plain (seq INTEGER PRIMARY KEY, sealed BLOB NOT NULL, hash BLOB NOT NULL) STRICT",
    )?;
    Ok(connection)
}

/// Entries a second, each batch in a transaction of its own.
fn appending(connection: &Connection, entries: &[NewEntry], batch: usize) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    for batch in entries.chunks(batch) {
        let tx = connection.unchecked_transaction()?;
        append(&tx, batch)?;
        tx.commit()?;
    }
    Ok(per_second(entries.len(), start))
}

fn plain(connection: &Connection, entries: &[NewEntry], batch: usize) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    for batch in entries.chunks(batch) {
        let tx = connection.unchecked_transaction()?;
        let mut insert = tx.prepare_cached("INSERT INTO plain (sealed, hash) VALUES (?1, ?2)")?;
        for _ in batch {
            insert.execute(([7_u8; 270], [7_u8; 32]))?;
        }
        drop(insert);
        tx.commit()?;
    }
    Ok(per_second(entries.len(), start))
}

#[allow(clippy::cast_precision_loss)]
fn per_second(count: usize, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64()
}

fn main() -> Done {
    let count: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let few: Vec<NewEntry> = (0..20_000).map(entry).collect();
    for (kind, key) in [("plain file", None), ("encrypted file", Some("secret"))] {
        println!("{kind}, WAL, synchronous=NORMAL");
        for batch in [1, 16, 256] {
            let connection = open(&folder, &format!("{kind}-{batch}.db"), key)?;
            let (chained, bare) = (appending(&connection, &few, batch)?, plain(&connection, &few, batch)?);
            println!(
                "  append in batches of {batch:>3}: {chained:>7.0}/s; bare rows without a chain {bare:>7.0}/s"
            );
        }
        let connection = open(&folder, &format!("{kind}.db"), key)?;
        let mut late = 0.0;
        for from in (0..count).step_by(100_000) {
            let entries: Vec<NewEntry> = (from..count.min(from + 100_000)).map(entry).collect();
            late = appending(&connection, &entries, 256)?;
        }
        println!("  the last 100,000 of {count}, in batches of 256: {late:.0}/s");
        verifying(&connection)?;
        searching(&connection, count)?;
        exporting(&connection)?;
    }
    Ok(())
}

fn verifying(connection: &Connection) -> Done {
    let mut rows: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    let mut statement = connection.prepare("SELECT sealed FROM audit_entry ORDER BY seq")?;
    for sealed in statement.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        let sealed = sealed?;
        bytes += sealed.len();
        rows.push(sealed);
    }
    for _ in 0..3 {
        let start = Instant::now();
        let mut sum = 0_u64;
        for sealed in &rows {
            let hash: [u8; 32] = Sha256::digest(sealed).into();
            sum += u64::from(hash[0]);
        }
        let raw = start.elapsed();
        let start = Instant::now();
        let mut reading = statement.query([])?;
        while let Some(row) = reading.next()? {
            sum += row.get_ref(0)?.as_blob()?.len() as u64;
        }
        let read = start.elapsed();
        drop(reading);
        let start = Instant::now();
        let verified = verify(connection, &Expectations::default())?;
        let whole = start.elapsed();
        println!(
            "  verify {} entries of {} bytes: {whole:.0?}; SHA-256 alone {raw:.0?} ({:.2}x), reading alone {read:.0?} ({sum:x})",
            verified.head.count,
            bytes / rows.len(),
            whole.as_secs_f64() / raw.as_secs_f64(),
        );
    }
    Ok(())
}

fn searching(connection: &Connection, count: u64) -> Done {
    let some = entry(count / 2);
    let (actor, patient) = (some.actor.as_deref(), some.patient.as_ref());
    let half = Some(some.at);
    let cases = [
        ("everything", Criteria::default()),
        ("actor", Criteria { actor, ..Criteria::default() }),
        ("patient", Criteria { patient, ..Criteria::default() }),
        ("action", Criteria { action: Some("message.send"), ..Criteria::default() }),
        ("time, first half", Criteria { until: half, ..Criteria::default() }),
        ("actor, first half", Criteria { actor, until: half, ..Criteria::default() }),
        ("actor and action", Criteria { actor, action: Some("message.send"), ..Criteria::default() }),
        ("actor who never did it", Criteria { actor, action: Some("record.export"), ..Criteria::default() }),
        ("patient and actor", Criteria { patient, actor, ..Criteria::default() }),
        ("action nobody did", Criteria { action: Some("record.export"), ..Criteria::default() }),
    ];
    for (name, criteria) in cases {
        let mut slowest = std::time::Duration::ZERO;
        let mut before = None;
        let mut found = 0;
        for _ in 0..10 {
            let start = Instant::now();
            let page = search(connection, &criteria, before, 100)?;
            slowest = slowest.max(start.elapsed());
            found += page.len();
            before = page.last().map(|entry| entry.seq).or(before);
        }
        println!("  search by {name}: ten pages, {found} entries, the slowest page {slowest:.1?}");
    }
    Ok(())
}

fn exporting(connection: &Connection) -> Done {
    let recorder = Recorder { observer: "gateway-1", is_workstation: false, server: "https://ehr.example" };
    for format in [Format::JsonLines, Format::Csv, Format::Fhir(recorder)] {
        let start = Instant::now();
        let until = Some(Timestamp::from_millis(START + 137 * 100_000));
        let exported =
            export(connection, &Criteria { until, ..Criteria::default() }, format, &mut std::io::sink())?;
        println!("  export of {exported} entries as {format:?}: {:.0?}", start.elapsed());
    }
    Ok(())
}
