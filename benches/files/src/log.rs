//! P8: the audit log in a ledger that is large already.
//!
//! Appending stands beside the same in a plain file and beside the aim itself, verifying beside SHA-256 of the same
//! bytes.

use std::{path::Path, time::Duration};

use chatehr_audit::{Criteria, Expectations, append, verify};
use chatehr_vault::Vault;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::{
    Failure, Plan,
    measure::{Clock, in_turn, time},
    plain::{self, File},
    records::entry,
    table::{Aim, Row},
};

/// Entries of a transaction.
const BATCH: u64 = 256;
const APPENDS: f64 = 50_000.0;
const VERIFYING: f64 = 1.5;

pub(crate) fn measure(plan: &Plan) -> Result<Vec<Row>, Failure> {
    let entries = plan.some(1_000_000);
    let home = plan.fresh("log")?;
    eprintln!("writing {entries} audit entries");
    let vault = Vault::open(&home.join("vault"), &plain::key())?;
    for first in (0..entries).step_by(10_000) {
        vault.record(&(first..first + 10_000).map(entry).collect::<Vec<_>>())?;
    }
    drop(vault);
    plain::copy(&home.join("vault"), File::Ledger, &home.join("plain.db"))?;
    let vault = Vault::open(&home.join("vault"), &plain::key())?;
    let peer = plain::open(&home.join("plain.db"), File::Ledger)?;
    let mut rows = Vec::new();
    for (first, clock) in [(entries, Clock::Processor), (2 * entries, Clock::Wall)] {
        rows.extend(appending(plan, &vault, &peer, first, clock)?);
    }
    rows.extend(verifying(plan, &vault, &peer, &home.join("vault"))?);
    rows.push(searching(&vault, entries)?);
    Ok(rows)
}

/// Entries a second of a processor's work, which is what the aim is about, and of the clock's, which waits for the disk
/// as well.
fn appending(
    plan: &Plan,
    vault: &Vault,
    peer: &Connection,
    first: u64,
    clock: Clock,
) -> Result<[Row; 2], Failure> {
    let (name, aim) = match clock {
        Clock::Processor => ("a core", Aim::AtLeast(APPENDS)),
        Clock::Wall => ("with the disk", Aim::None),
    };
    let row = |beside: &str, aim| Row {
        bar: "P8",
        what: format!("appending in batches of 256, {name}{beside}"),
        unit: "/s",
        ours: Vec::new(),
        peer: Vec::new(),
        aim,
    };
    let [mut alone, mut against] = [row("", aim), row(", beside a plain file", Aim::None)];
    let mut next = first;
    for _ in 0..plan.pairs {
        let batches: Vec<Vec<_>> = (0..plan.some(80).max(20))
            .map(|batch| (0..BATCH).map(|n| entry(next + batch * BATCH + n)).collect())
            .collect();
        next += batches.len() as u64 * BATCH;
        let (ours, theirs) = in_turn(
            &batches,
            clock,
            |batch| if plan.noise { put(peer, batch) } else { Ok(vault.record(batch)?) },
            |batch| put(peer, batch),
        )?;
        let count = (batches.len() as u64 * BATCH) as f64;
        alone.ours.push(count / ours.seconds());
        against.ours.push(count / ours.seconds());
        against.peer.push(count / theirs.seconds());
    }
    Ok([alone, against])
}

fn put(peer: &Connection, batch: &[chatehr_audit::NewEntry]) -> Result<(), Failure> {
    let transaction = peer.unchecked_transaction()?;
    append(&transaction, batch)?;
    Ok(transaction.commit()?)
}

fn verifying(plan: &Plan, vault: &Vault, peer: &Connection, home: &Path) -> Result<[Row; 2], Failure> {
    let mut sealed: Vec<Vec<u8>> = Vec::new();
    let file = plain::encrypted(home, File::Ledger)?;
    let mut statement = file.prepare("SELECT sealed FROM audit_entry ORDER BY seq")?;
    for bytes in statement.query_map([], |row| row.get(0))? {
        sealed.push(bytes?);
    }
    drop(statement);
    let row = |what: &str| Row {
        bar: "P8",
        what: format!("verifying {} entries, beside SHA-256 of them, {what}", sealed.len()),
        unit: "s",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: Aim::AtMost(VERIFYING),
    };
    let mut rows = [row("encrypted"), row("plain file")];
    for _ in 0..plan.pairs {
        let [encrypted, plain] = &mut rows;
        let hash = || {
            time(|| {
                for bytes in &sealed {
                    std::hint::black_box(Sha256::digest(bytes));
                }
                Ok(())
            })
        };
        let before = hash()?.1;
        encrypted.ours.push(time(|| Ok(vault.verify_audit(&Expectations::default())?))?.1.as_secs_f64());
        let between = hash()?.1;
        plain.ours.push(time(|| Ok(verify(peer, &Expectations::default())?))?.1.as_secs_f64());
        let after = hash()?.1;
        encrypted.peer.push((before + between).as_secs_f64() / 2.0);
        plain.peer.push((between + after).as_secs_f64() / 2.0);
    }
    Ok(rows)
}

/// Ten pages of each of the questions that are asked of a log; the slowest page of all.
fn searching(vault: &Vault, held: u64) -> Result<Row, Failure> {
    let some = entry(held / 2);
    let (actor, patient) = (some.actor.as_deref(), some.patient.as_ref());
    let (action, nobodys) = (Some("message.send"), Some("record.export"));
    let until = Some(some.at);
    let mut slowest = Duration::ZERO;
    for criteria in [
        Criteria::default(),
        Criteria { actor, ..Criteria::default() },
        Criteria { patient, ..Criteria::default() },
        Criteria { action, ..Criteria::default() },
        Criteria { until, ..Criteria::default() },
        Criteria { actor, until, ..Criteria::default() },
        Criteria { actor, action, ..Criteria::default() },
        Criteria { actor, action: nobodys, ..Criteria::default() },
        Criteria { patient, actor, ..Criteria::default() },
        Criteria { action: nobodys, ..Criteria::default() },
    ] {
        let mut before = None;
        for _ in 0..10 {
            let (page, took) = time(|| Ok(vault.search_audit(&criteria, before, 100)?))?;
            slowest = slowest.max(took);
            before = page.last().map(|entry| entry.seq).or(before);
        }
    }
    Ok(Row {
        bar: "P8",
        what: format!("slowest page of 100 among {held}, of ten questions"),
        unit: "ms",
        ours: vec![slowest.as_secs_f64() * 1e3],
        peer: Vec::new(),
        aim: Aim::None,
    })
}
