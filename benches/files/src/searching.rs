//! P7: the first 50 places where a common word occurs.
//!
//! The peer sorts by relevance, as FTS5 is usually asked to.

use chatehr_vault::Vault;
use rusqlite::{Connection, params};

use crate::{
    Failure, Plan,
    measure::{Clock, Times},
    pages::filled,
    plain::{self, File},
    records::word,
    table::{Aim, Row},
};

const LIMIT: u32 = 50;
const MILLIS: f64 = 10.0;
const PART: f64 = 1.0 / 50.0;
/// Searches of ours for each one of the peer's, which takes its time.
const OURS: usize = 40;

pub(crate) fn measure(plan: &Plan) -> Result<Vec<Row>, Failure> {
    let messages = plan.some(1_000_000);
    let (home, peer) = filled(plan, messages)?;
    let vault = Vault::open(&home, &plain::key())?;
    let peer = plain::open(&peer, File::Cache)?;
    let common: Vec<String> = (0..5).map(word).collect();
    let pairs_of_words = common.windows(2).map(|two| two.join(" ")).collect();
    let begun = common.iter().filter_map(|word| word.get(..3)).map(str::to_owned).collect();
    let barely = common.iter().filter_map(|word| word.get(..1)).map(str::to_owned).collect();
    let mut rows = Vec::new();
    for (name, queries, aim) in [
        ("one of the five most common words", common.clone(), true),
        ("two of them", pairs_of_words, true),
        ("the first three letters of one", begun, true),
        ("its first letter", barely, false),
    ] {
        rows.extend(words(plan, (&vault, &peer), &format!("{name}, {messages} messages"), &queries, aim)?);
    }
    Ok(rows)
}

fn words(
    plan: &Plan,
    (vault, peer): (&Vault, &Connection),
    what: &str,
    queries: &Vec<String>,
    judged: bool,
) -> Result<[Row; 2], Failure> {
    let row = |name: &str, aim| Row {
        bar: "P7",
        what: format!("{what}, {name}"),
        unit: "ms",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: if judged { Aim::AtMost(aim) } else { Aim::None },
    };
    let mut rows = [row("p99", MILLIS), row("p99 against the peer's p50", PART)];
    for _ in 0..plan.pairs {
        let (mut ours, mut theirs) = (Times::default(), Times::default());
        for query in queries {
            let mut found = 0;
            for _ in 0..if judged { OURS } else { 4 } {
                let (hits, took) = Clock::Processor.time(|| Ok(vault.search(query, LIMIT)?))?;
                ours.0.push(took);
                found = hits.len();
            }
            let (count, took) = Clock::Processor.time(|| by_relevance(peer, query))?;
            theirs.0.push(took);
            if count != found {
                return Err(format!("{found} places of {query}, and {count} by the peer").into());
            }
        }
        let [absolute, ratio] = &mut rows;
        absolute.ours.push(ours.by(0.99));
        ratio.ours.push(ours.by(0.99));
        ratio.peer.push(theirs.by(0.5));
    }
    Ok(rows)
}

fn by_relevance(peer: &Connection, words: &str) -> Result<usize, Failure> {
    let words: Vec<String> = words.split(' ').map(|word| format!("\"{word}\"*")).collect();
    let mut statement = peer.prepare_cached(
        "SELECT entry.kind, entry.id, entry.consultation_id
         FROM search_index JOIN search_entry AS entry ON entry.entry = search_index.rowid
         WHERE search_index MATCH ?1 ORDER BY rank LIMIT ?2",
    )?;
    let mut rows = statement.query(params![words.join(" "), LIMIT])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        std::hint::black_box(row.get::<_, String>(1)?);
        count += 1;
    }
    Ok(count)
}
