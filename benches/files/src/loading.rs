//! P6: storing what the server says, with its search index.
//!
//! The peer puts the same rows, made up beforehand, into the same tables with the same indices: it asks for nothing
//! that may be there already. Both take turns at each batch.

use chatehr_vault::{CacheChange, Vault};
use rusqlite::{Connection, params};

use crate::{
    Failure, Plan,
    measure::{Clock, in_turn},
    pages::conversation_of,
    plain::{self, File},
    records::CONVERSATION,
    table::{Aim, Row},
};

const AIM: f64 = 1.4;

pub(crate) fn measure(plan: &Plan) -> Result<Vec<Row>, Failure> {
    let messages = plan.some(100_000);
    let mut row = Row {
        bar: "P6",
        what: format!("storing {messages} messages with their search index"),
        unit: "s",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: Aim::AtMost(AIM),
    };
    for _ in 0..plan.pairs {
        let home = plan.fresh("loading")?;
        drop(Vault::open(&home.join("vault"), &plain::key())?);
        let [mut peer, mut other] = ["plain.db", "other.db"].map(|name| {
            let path = home.join(name);
            plain::copy(&home.join("vault"), File::Cache, &path)?;
            plain::open(&path, File::Cache)
        });
        let vault = Vault::open(&home.join("vault"), &plain::key())?;
        let (peer, other) = (peer.as_mut().map_err(|error| error.to_string())?, &mut other);
        let batches = (0..messages).step_by(usize::try_from(CONVERSATION)?).map(|first| {
            let changes = conversation_of(first);
            let rows: Vec<Loaded> = changes.iter().filter_map(Loaded::of).collect();
            (changes, rows)
        });
        let (ours, theirs) = in_turn(
            batches,
            Clock::Processor,
            |(changes, rows)| match other {
                Ok(other) if plan.noise => load(other, rows),
                _ => Ok(vault.apply(changes)?),
            },
            |(_, rows)| load(peer, rows),
        )?;
        row.ours.push(ours.seconds());
        row.peer.push(theirs.seconds());
    }
    Ok(vec![row])
}

/// A row as it is in the table.
struct Loaded {
    id: String,
    consultation: String,
    from: String,
    kind: String,
    envelope: Option<String>,
    at: i64,
    text: String,
    record: String,
}

impl Loaded {
    fn of(change: &CacheChange) -> Option<Self> {
        let CacheChange::Message { message, text, .. } = change else { return None };
        Some(Self {
            id: message.id.to_string(),
            consultation: message.consultation_id.to_string(),
            from: message.from_id.to_string(),
            kind: message.kind.as_str().to_owned(),
            envelope: message.envelope_id().map(|id| id.to_string()),
            at: message.timestamp.millis(),
            text: text.clone()?,
            record: serde_json::to_string(message).ok()?,
        })
    }
}

fn load(peer: &mut Connection, rows: &[Loaded]) -> Result<(), Failure> {
    let transaction = peer.transaction()?;
    for row in rows {
        transaction
            .prepare_cached("INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)")?
            .execute(params![
                row.id,
                row.consultation,
                row.from,
                row.kind,
                row.envelope,
                row.at,
                row.text,
                row.record
            ])?;
        transaction
            .prepare_cached(
                "INSERT INTO search_entry (kind, id, consultation_id) VALUES ('message', ?1, ?2)",
            )?
            .execute([&row.id, &row.consultation])?;
        transaction
            .prepare_cached("INSERT INTO search_index (rowid, text) VALUES (?1, ?2)")?
            .execute(params![transaction.last_insert_rowid(), row.text])?;
    }
    Ok(transaction.commit()?)
}
