//! Finds entries, the latest first, a page at a time.
//!
//! The indices are made for writing: they begin with the portion, 4096 entries that follow each other, so that an
//! entry is put beside its contemporaries and not among all the others. A search goes from portion to portion, the
//! latest first; one that holds nothing costs a look at one index page.

use chatehr_contract::{PersonId, Timestamp};
use rusqlite::{Connection, ToSql};

use crate::{
    entry::{Entry, to_sql},
    log::{COLUMNS, ReadError, entry},
};

/// The most entries on a page.
pub const MAX_PAGE: u32 = 1000;

/// Entries in a portion, as a power of two; schema.sql and the query below say so too.
const PORTION_BITS: u32 = 12;

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

    /// The index that leads to the fewest rows; none for the order of the log itself. SQLite would have to guess.
    const fn index(&self) -> Option<&'static str> {
        match self {
            Self { patient: Some(_), .. } => Some("audit_entry_patient"),
            Self { actor: Some(_), .. } => Some("audit_entry_actor"),
            Self { action: Some(_), .. } => Some("audit_entry_action"),
            _ => None,
        }
    }

    /// Whether a portion has entries of the time that is looked for.
    fn is_in_time(&self, connection: &Connection, portion: i64) -> Result<bool, rusqlite::Error> {
        if self.from.is_none() && self.until.is_none() {
            return Ok(true);
        }
        let mut statement = connection.prepare_cached(
            "SELECT (SELECT at FROM audit_entry WHERE portion = ?1 ORDER BY at LIMIT 1),
                    (SELECT at FROM audit_entry WHERE portion = ?1 ORDER BY at DESC LIMIT 1)",
        )?;
        let (first, last): (Option<i64>, Option<i64>) =
            statement.query_row([portion], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(self.from.is_none_or(|from| last.is_some_and(|last| last >= from.millis()))
            && self.until.is_none_or(|until| first.is_some_and(|first| first < until.millis())))
    }

    fn query(&self) -> String {
        let (mut terms, _) = self.terms();
        let index = match self.index() {
            Some(index) => {
                terms.insert(0, "portion = :portion");
                format!("INDEXED BY {index}")
            }
            None => {
                terms.insert(0, "seq >= :portion << 12");
                "NOT INDEXED".to_owned()
            }
        };
        let met = terms.join(" AND ");
        format!(
            "SELECT {COLUMNS} FROM audit_entry {index} WHERE {met} AND seq < :end
             ORDER BY seq DESC LIMIT :limit"
        )
    }
}

/// Entries that meet `criteria`, the latest first, at most `limit` and [`MAX_PAGE`]. The next page is `before` the
/// place of the last one.
///
/// # Errors
/// [`ReadError`].
pub fn search(
    connection: &Connection,
    criteria: &Criteria<'_>,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Entry>, ReadError> {
    let limit = usize::try_from(limit.min(MAX_PAGE)).unwrap_or_default();
    let mut entries = Vec::new();
    let ends: (Option<i64>, Option<i64>) = connection
        .prepare_cached("SELECT (SELECT min(seq) FROM audit_entry), (SELECT max(seq) FROM audit_entry)")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = ends else { return Ok(entries) };
    let before = before.map_or(i64::MAX, to_sql).min(last.saturating_add(1));
    let mut statement = connection.prepare_cached(&criteria.query())?;
    let (_, criteria_values) = criteria.terms();
    for portion in (first >> PORTION_BITS..=before.saturating_sub(1) >> PORTION_BITS).rev() {
        if entries.len() == limit {
            break;
        }
        if !criteria.is_in_time(connection, portion)? {
            continue;
        }
        let room = to_sql(u64::try_from(limit - entries.len()).unwrap_or_default());
        let end = before.min(portion.saturating_add(1) << PORTION_BITS);
        let place: [(&str, &dyn ToSql); 3] = [(":portion", &portion), (":end", &end), (":limit", &room)];
        let mut values = bound(&criteria_values);
        values.extend(place);
        let mut rows = statement.query(values.as_slice())?;
        while let Some(row) = rows.next()? {
            entries.push(entry(row)?);
        }
    }
    Ok(entries)
}

/// As SQLite takes them.
pub(crate) fn bound<'a>(values: &'a Values<'_>) -> Vec<(&'static str, &'a dyn ToSql)> {
    values.iter().map(|(name, value)| (*name, &**value as &dyn ToSql)).collect()
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{PersonId, Timestamp};
    use rusqlite::{Connection, ToSql};

    use super::{Criteria, bound};
    use crate::schema::SCHEMA;

    /// How SQLite goes about each of the 32 kinds of search.
    #[test]
    fn every_search_goes_along_an_index_of_one_portion() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        let patient = PersonId::new("p");
        let mut plans = String::new();
        for kind in 0..32_u8 {
            let given = |bit: u8| kind & (1 << bit) != 0;
            let criteria = Criteria {
                patient: given(0).then_some(&patient),
                actor: given(1).then_some("a"),
                action: given(2).then_some("b"),
                from: given(3).then_some(Timestamp::from_millis(1)),
                until: given(4).then_some(Timestamp::from_millis(2)),
            };
            let (_, values) = criteria.terms();
            let mut values = bound(&values);
            values.extend([(":portion", &1 as &dyn ToSql), (":end", &9), (":limit", &50)]);
            let query = criteria.query();
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
                .unwrap()
                .query_map(values.as_slice(), |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let plan = plan.join("; ");
            // An actor's entries in a portion are sorted: they lie by action. Nothing else is.
            let sorts = given(1) && !given(0) && !given(2);
            assert_eq!(plan.contains("TEMP B-TREE"), sorts, "{query}\n{plan}");
            assert!(!plan.contains("SCAN"), "{query}\n{plan}");
            let step = if kind & 0b111 == 0 { "(rowid>? AND rowid<?)" } else { "(portion=? AND " };
            assert!(plan.contains(step), "{query}\n{plan}");
            plans.push_str(&format!("{kind:05b} {plan}\n"));
        }
        insta::assert_snapshot!("query_plans", plans);
    }
}
