//! Finds entries, the latest first, a page at a time.
//!
//! Every combination of criteria goes along one index in the order of the page, so that a page of a million entries
//! costs what it holds.

use chatehr_contract::{PersonId, Timestamp};
use rusqlite::{Connection, ToSql};

use crate::{
    entry::{Entry, to_sql},
    log::{COLUMNS, ReadError, entry},
};

/// The most entries on a page.
pub const MAX_PAGE: u32 = 1000;

/// Which entries; those that meet all that is given.
#[derive(Clone, Copy, Default)]
pub struct Criteria<'a> {
    /// Whose actions.
    pub actor: Option<&'a str>,
    /// On whose record.
    pub patient: Option<&'a PersonId>,
    /// Which word.
    pub action: Option<&'a str>,
    /// Not earlier.
    pub from: Option<Timestamp>,
    /// Earlier than this.
    pub until: Option<Timestamp>,
}

/// What the names in a query stand for.
pub(crate) type Values<'a> = Vec<(&'static str, Box<dyn ToSql + 'a>)>;

impl Criteria<'_> {
    /// What a row has to meet.
    pub(crate) fn terms(&self) -> (Vec<&'static str>, Values<'_>) {
        let mut terms = Vec::new();
        let mut values: Values<'_> = Vec::new();
        if let Some(patient) = self.patient {
            terms.push("patient = :patient");
            values.push((":patient", Box::new(patient.as_str())));
        }
        if let Some(actor) = self.actor {
            terms.push("actor = :actor");
            values.push((":actor", Box::new(actor)));
        }
        if let Some(action) = self.action {
            terms.push("action = :action");
            values.push((":action", Box::new(action)));
        }
        if let Some(from) = self.from {
            terms.push("at >= :from");
            values.push((":from", Box::new(from.millis())));
        }
        if let Some(until) = self.until {
            terms.push("at < :until");
            values.push((":until", Box::new(until.millis())));
        }
        (terms, values)
    }

    /// The index that leads to the fewest rows. SQLite would have to guess.
    const fn index(&self) -> &'static str {
        match self {
            Self { patient: Some(_), .. } => "audit_entry_patient",
            Self { actor: Some(_), action: Some(_), .. } => "audit_entry_actor_action",
            Self { actor: Some(_), .. } => "audit_entry_actor",
            Self { action: Some(_), .. } => "audit_entry_action",
            _ => "audit_entry_at",
        }
    }
}

/// Entries that meet `criteria`, the latest first (by their time, then by their place), at most `limit` and
/// [`MAX_PAGE`]. The next page is `before` the place of the last one; before an entry that is not there, there is
/// nothing.
///
/// # Errors
/// [`ReadError`].
pub fn search(
    connection: &Connection,
    criteria: &Criteria<'_>,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Entry>, ReadError> {
    let (query, values) = page(criteria, before, limit);
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query(bound(&values).as_slice())?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry(row)?);
    }
    Ok(entries)
}

/// As SQLite takes them.
pub(crate) fn bound<'a>(values: &'a Values<'_>) -> Vec<(&'static str, &'a dyn ToSql)> {
    values.iter().map(|(name, value)| (*name, &**value as &dyn ToSql)).collect()
}

fn page<'a>(criteria: &'a Criteria<'_>, before: Option<u64>, limit: u32) -> (String, Values<'a>) {
    let (mut terms, mut values) = criteria.terms();
    if let Some(before) = before {
        terms.push("(at, seq) < ((SELECT at FROM audit_entry WHERE seq = :before), :before)");
        values.push((":before", Box::new(to_sql(before))));
    }
    values.push((":limit", Box::new(limit.min(MAX_PAGE))));
    let index = criteria.index();
    let met = if terms.is_empty() { "TRUE".to_owned() } else { terms.join(" AND ") };
    let query = format!(
        "SELECT {COLUMNS} FROM audit_entry INDEXED BY {index} WHERE {met}
         ORDER BY at DESC, seq DESC LIMIT :limit"
    );
    (query, values)
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{PersonId, Timestamp};
    use rusqlite::Connection;

    use super::{Criteria, bound, page};
    use crate::schema::SCHEMA;

    /// How SQLite goes about each of the 64 kinds of search.
    #[test]
    fn every_search_goes_along_an_index_in_the_order_of_the_page() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        let patient = PersonId::new("p");
        let mut plans = String::new();
        for kind in 0..64_u8 {
            let given = |bit: u8| kind & (1 << bit) != 0;
            let criteria = Criteria {
                patient: given(0).then_some(&patient),
                actor: given(1).then_some("a"),
                action: given(2).then_some("b"),
                from: given(3).then_some(Timestamp::from_millis(1)),
                until: given(4).then_some(Timestamp::from_millis(2)),
            };
            let (query, values) = page(&criteria, given(5).then_some(9), 50);
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
                .unwrap()
                .query_map(bound(&values).as_slice(), |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let plan = plan.join("; ");
            assert!(!plan.contains("TEMP B-TREE"), "{query}\n{plan}");
            assert!(kind == 0 || plan.starts_with("SEARCH audit_entry USING INDEX"), "{query}\n{plan}");
            let bounded = given(3) || given(4) || given(5);
            assert_eq!(plan.contains("at<?") || plan.contains("at>?"), bounded, "{query}\n{plan}");
            if kind & 0b11_000 == 0 {
                plans.push_str(&format!("{query}\n    {plan}\n"));
            }
        }
        insta::assert_snapshot!("query_plans", plans);
    }
}
