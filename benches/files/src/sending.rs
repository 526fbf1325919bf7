//! P5: a message sealed, put into the outbox and written down in the audit log, all of it on the disk.
//!
//! The peer puts a row of the same words into a table with one index, each in a transaction of its own that is on the
//! disk when it ends.

use std::thread;

use chatehr_seal::{Binding, MessageKey, RootSecret, seal};
use chatehr_vault::Vault;
use rusqlite::{Connection, params};

use crate::{
    Failure, Plan,
    measure::{Clock, in_turn},
    plain::{self, File},
    records::{entry, me, outgoing},
    table::{Aim, Row},
};

/// Sends of one side before it is the other's turn.
const STEP: u64 = 10;
/// Who send at the same time.
const THREADS: u64 = 16;
const ALONE: f64 = 0.9;
const TOGETHER: f64 = 5.0;

pub(crate) fn measure(plan: &Plan) -> Result<Vec<Row>, Failure> {
    let home = plan.fresh("sending")?;
    let vault = Vault::open(&home.join("vault"), &plain::key())?;
    let peer = plain::open(&home.join("plain.db"), File::Ledger)?;
    peer.execute_batch(
        "CREATE TABLE outbox (envelope_id TEXT NOT NULL PRIMARY KEY, consultation_id TEXT NOT NULL,
             to_id TEXT NOT NULL, text TEXT NOT NULL, queued_at INTEGER NOT NULL) STRICT",
    )?;
    // A workstation that has been at work for some time.
    for from in (0..10_000).step_by(1_000) {
        vault.record(&(from..from + 1_000).map(entry).collect::<Vec<_>>())?;
    }
    let keys = RootSecret::from_bytes(&[7; 32])?;
    let row = |what: &str, aim| Row {
        bar: "P5",
        what: what.to_owned(),
        unit: "/s",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: Aim::AtLeast(aim),
    };
    let mut rows =
        [row("durable sends, one after the other", ALONE), row("durable sends, 16 threads", TOGETHER)];
    let mut next = 0;
    for _ in 0..plan.pairs {
        let [alone, together] = &mut rows;
        let firsts: Vec<u64> = (0..plan.some(40).max(10)).map(|step| next + step * STEP).collect();
        next += 1_000_000;
        let (ours, theirs) = in_turn(
            firsts.iter().copied(),
            Clock::Wall,
            |first| {
                (*first..first + STEP).try_for_each(|n| {
                    if plan.noise { put(&peer, n + 500_000) } else { send(&vault, &keys, n) }
                })
            },
            |first| (*first..first + STEP).try_for_each(|n| put(&peer, n)),
        )?;
        let sends = (firsts.len() as u64 * STEP) as f64;
        alone.ours.push(sends / ours.seconds());
        alone.peer.push(sends / theirs.seconds());
        if plan.noise {
            continue;
        }
        let (ours, theirs) = in_turn(
            firsts.iter().map(|first| first + 250_000),
            Clock::Wall,
            |first| all_at_once(&vault, &keys, *first * THREADS),
            |first| (*first..first + STEP).try_for_each(|n| put(&peer, n)),
        )?;
        together.ours.push(sends * THREADS as f64 / ours.seconds());
        together.peer.push(sends / theirs.seconds());
    }
    Ok(Vec::from(rows))
}

fn send(vault: &Vault, keys: &RootSecret, n: u64) -> Result<(), Failure> {
    let row = outgoing(n);
    let key = MessageKey::derive(keys, "k1", &row.consultation_id)?;
    let from = me();
    let binding = Binding {
        consultation: &row.consultation_id,
        envelope: &row.envelope_id,
        from: &from,
        to: &row.to_id,
    };
    let mut nonce = [0; 12];
    nonce.iter_mut().zip(n.to_be_bytes()).for_each(|(to, from)| *to = from);
    std::hint::black_box(seal(&key, &binding, &row.text, nonce)?);
    Ok(vault.enqueue(&row, &entry(n))?)
}

fn all_at_once(vault: &Vault, keys: &RootSecret, first: u64) -> Result<(), Failure> {
    thread::scope(|scope| {
        let senders: Vec<_> = (0..THREADS)
            .map(|sender| {
                let first = first + sender * STEP;
                scope.spawn(move || {
                    (first..first + STEP)
                        .try_for_each(|n| send(vault, keys, n))
                        .map_err(|failure| failure.to_string())
                })
            })
            .collect();
        senders.into_iter().try_for_each(|sender| {
            sender.join().map_err(|_| Failure::from("a sender died"))?.map_err(Failure::from)
        })
    })
}

fn put(peer: &Connection, n: u64) -> Result<(), Failure> {
    let row = outgoing(n);
    let mut insert = peer.prepare_cached("INSERT INTO outbox VALUES (?1, ?2, ?3, ?4, ?5)")?;
    insert.execute(params![
        row.envelope_id.as_str(),
        row.consultation_id.as_str(),
        row.to_id.as_str(),
        row.text,
        row.queued_at.millis(),
    ])?;
    Ok(())
}
