//! P4: the newest 50 messages of a conversation, and the first 50 of the queue.
//!
//! The peer asks the same of the same rows and reads the same records from their JSON. Conversations are opened as a
//! person does it, the same forty again and again, and at random among all, where most pages are in no cache.

use std::path::{Path, PathBuf};

use chatehr_contract::{Consultation, ConsultationId, ListScope, Message, PersonId, SpecialtyCode};
use chatehr_vault::{CacheChange, ListQuery, StoredMessage, Vault};
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;

use crate::{
    Failure, Plan,
    measure::{Clock, Times, in_turn},
    plain::{self, File},
    records::{CONVERSATION, Chance, consultation, consultations, conversation, me, message},
    table::{Aim, Row},
};

const PAGE: u32 = 50;
const AT_WORK: u64 = 40;
const P50: f64 = 1.10;
const P99: f64 = 1.25;

pub(crate) fn measure(plan: &Plan) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for messages in [plan.some(100_000), plan.some(1_000_000)] {
        let (vault, peer) = filled(plan, messages)?;
        let vault = Vault::open(&vault, &plain::key())?;
        let peer = plain::open(&peer, File::Cache)?;
        same(&vault, &peer)?;
        let conversations = messages / CONVERSATION;
        let all = ("at random among all", conversations);
        for (which, among) in [("of the forty at work", AT_WORK.min(conversations)), all] {
            let mut chance = Chance::new(messages);
            let what = format!("messages of a conversation {which}, {messages} messages");
            rows.extend(pairs(plan, &what, || {
                let picked: Vec<_> =
                    (0..plan.some(2_000).max(500)).map(|_| conversation(chance.below(among))).collect();
                in_turn(
                    picked,
                    Clock::Processor,
                    |id| {
                        if plan.noise { page(&peer, id).map(drop) } else { our_page(&vault, id).map(drop) }
                    },
                    |id| page(&peer, id).map(drop),
                )
            })?);
        }
        rows.extend(pairs(plan, &format!("queue, {messages} messages"), || {
            in_turn(
                0..plan.some(500).max(200),
                Clock::Processor,
                |_| if plan.noise { queue(&peer).map(drop) } else { our_queue(&vault).map(drop) },
                |_| queue(&peer).map(drop),
            )
        })?);
    }
    Ok(rows)
}

fn pairs(
    plan: &Plan,
    what: &str,
    mut pair: impl FnMut() -> Result<(Times, Times), Failure>,
) -> Result<[Row; 2], Failure> {
    // Once without looking: what is in the caches then is what is there later.
    pair()?;
    let row = |name: &str, aim| Row {
        bar: "P4",
        what: format!("{what}, {name}"),
        unit: "ms",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: Aim::AtMost(aim),
    };
    let mut found = [row("p50", P50), row("p99", P99)];
    for _ in 0..plan.pairs {
        let (ours, peer) = pair()?;
        for (row, part) in found.iter_mut().zip([0.5, 0.99]) {
            row.ours.push(ours.by(part));
            row.peer.push(peer.by(part));
        }
    }
    Ok(found)
}

/// A vault with so many messages and a plain file of the same rows; those of an earlier run where there are some.
pub(crate) fn filled(plan: &Plan, messages: u64) -> Result<(PathBuf, PathBuf), Failure> {
    let directory = plan.directory.join(format!("messages-{messages}"));
    let (home, peer) = (directory.join("vault"), directory.join("plain.db"));
    if directory.join("whole").exists() {
        return Ok((home, peer));
    }
    plan.fresh(&format!("messages-{messages}"))?;
    eprintln!("storing {messages} messages");
    let vault = Vault::open(&home, &plain::key())?;
    let all: Vec<_> =
        (0..consultations(messages)).map(|n| CacheChange::Consultation(consultation(n))).collect();
    vault.apply(&all)?;
    for first in (0..messages).step_by(usize::try_from(CONVERSATION)?) {
        vault.apply(&conversation_of(first))?;
    }
    drop(vault);
    copy_and_mark(&home, &peer, &directory)?;
    Ok((home, peer))
}

fn copy_and_mark(home: &Path, peer: &Path, directory: &Path) -> Result<(), Failure> {
    plain::copy(home, File::Cache, peer)?;
    Ok(std::fs::write(directory.join("whole"), b"")?)
}

/// What the engine stores at once: a conversation, opened.
pub(crate) fn conversation_of(first: u64) -> Vec<CacheChange> {
    (first..first + CONVERSATION)
        .map(|n| {
            let (message, text) = message(n);
            CacheChange::Message { message, text: Some(text), unreadable: false }
        })
        .collect()
}

/// Whether both sides say the same.
fn same(vault: &Vault, peer: &Connection) -> Result<(), Failure> {
    let (ours, older) = vault.messages(&conversation(0), PAGE)?;
    let theirs = page(peer, &conversation(0))?;
    let equal = ours.len() == PAGE as usize
        && older
        && ours
            .iter()
            .zip(theirs.iter().rev())
            .all(|(ours, (message, text))| ours.message == *message && ours.text == *text);
    let (waiting, total) = our_queue(vault)?;
    if equal && (waiting, total) == queue(peer)? && total > 0 {
        return Ok(());
    }
    Err("the two sides do not hold the same".into())
}

fn our_page(vault: &Vault, id: &ConsultationId) -> Result<(Vec<StoredMessage>, bool), Failure> {
    Ok(vault.messages(id, PAGE)?)
}

fn our_queue(vault: &Vault) -> Result<(Vec<Consultation>, u32), Failure> {
    let person = me();
    let specialties = [SpecialtyCode::Cardiology];
    let query = ListQuery {
        scope: ListScope::Queue,
        person: &person,
        specialties: &specialties,
        specialty: None,
        offset: 0,
        limit: PAGE,
    };
    Ok(vault.consultations(&query)?)
}

fn page(peer: &Connection, id: &ConsultationId) -> Result<Vec<(Message, Option<String>)>, Failure> {
    let mut statement = peer.prepare_cached(
        "SELECT record, text, unreadable FROM message
         WHERE consultation_id = ?1 ORDER BY at DESC, id DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![id.as_str(), PAGE])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((record(row.get_ref(0)?.as_str()?)?, row.get(1)?));
    }
    Ok(found)
}

const QUEUE: &str = "FROM consultation WHERE status = 'pending' AND coalesce(physician_id, ?1) = ?1
     AND specialty IN (SELECT value FROM json_each(?2))
     AND NOT EXISTS (SELECT 1 FROM json_each(declined_by) WHERE value = ?1)
     AND (?3 IS NULL OR specialty = ?3)";

fn queue(peer: &Connection) -> Result<(Vec<Consultation>, u32), Failure> {
    let person: PersonId = me();
    let (pools, one) = (r#"["cardiology"]"#, None::<&str>);
    let mut statement =
        peer.prepare_cached(&format!("SELECT record {QUEUE} ORDER BY triage, created_at, id LIMIT ?4"))?;
    let mut rows = statement.query(params![person.as_str(), pools, one, PAGE])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row.get_ref(0)?.as_str()?)?);
    }
    let total = peer
        .prepare_cached(&format!("SELECT count(*) {QUEUE}"))?
        .query_row(params![person.as_str(), pools, one], |row| row.get(0))?;
    Ok((found, total))
}

fn record<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    Ok(serde_json::from_str(text)?)
}
