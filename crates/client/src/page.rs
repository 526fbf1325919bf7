//! Lists: a page of records of which a bad one costs only itself.

use std::collections::HashMap;

use chatehr_contract::{ConsultationStatus, SpecialtyCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{error::ClientError, exchange::Answer};

/// The server's largest page.
pub(crate) const MAX_LIMIT: u32 = 100;

/// Walks through a list that changes under the walker; more would not help.
const WALKS: usize = 3;

/// Some rows of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// In the server's order.
    pub rows: Vec<T>,
    /// How many there are in all, where the server says so.
    pub total: Option<u64>,
    /// Records that could not be read and are left out.
    pub skipped: usize,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), total: None, skipped: 0 }
    }
}

impl<T> IntoIterator for Page<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

/// Which consultations to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsultationQuery {
    /// One status only.
    pub status: Option<ConsultationStatus>,
    /// One specialty only.
    pub specialty: Option<SpecialtyCode>,
    /// Rows to return, 1 to 100.
    pub limit: u32,
    /// Rows to pass over.
    pub offset: u32,
}

impl Default for ConsultationQuery {
    /// The first hundred of any kind.
    fn default() -> Self {
        Self { status: None, specialty: None, limit: MAX_LIMIT, offset: 0 }
    }
}

impl ConsultationQuery {
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if let Some(status) = &self.status {
            pairs.push(("status", status.to_string()));
        }
        if let Some(specialty) = &self.specialty {
            pairs.push(("specialty", specialty.to_string()));
        }
        pairs.push(("limit", self.limit.to_string()));
        pairs.push(("offset", self.offset.to_string()));
        pairs
    }
}

/// Reads an array record by record.
pub(crate) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<Page<T>, ClientError> {
    let records: Vec<Value> = serde_json::from_slice(&answer.body)?;
    let count = records.len();
    let mut rows = Vec::with_capacity(count);
    for (index, record) in records.into_iter().enumerate() {
        match serde_json::from_value(record) {
            Ok(row) => rows.push(row),
            // The library's message quotes the value, so the place alone is logged.
            Err(_) => tracing::warn!(index, "a record in a list could not be read and is left out"),
        }
    }
    let skipped = count.saturating_sub(rows.len());
    Ok(Page { rows, total: answer.total_count(), skipped })
}

/// Reads a whole list page by page. Rows move between pages while somebody else works, so rows are told apart by
/// `id`, and a list whose total changed on the way is walked again. A row that left the list meanwhile may still be
/// in the result: a row too many is asked about and found gone, a row too few would be missed.
pub(crate) async fn read_all<T, F>(
    id: impl Fn(&T) -> String,
    mut fetch: impl FnMut(u32) -> F,
) -> Result<Page<T>, ClientError>
where
    F: Future<Output = Result<Page<T>, ClientError>>,
{
    let mut whole = Page::default();
    let mut places = HashMap::new();
    for _ in 0..WALKS {
        let mut totals = Vec::new();
        let mut offset: u32 = 0;
        whole.skipped = 0;
        loop {
            let page = fetch(offset).await?;
            let count = page.rows.len().saturating_add(page.skipped);
            offset = offset.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
            whole.skipped = whole.skipped.saturating_add(page.skipped);
            whole.total = page.total;
            totals.push(page.total);
            let mut unseen = page.skipped;
            for row in page.rows {
                let place = *places.entry(id(&row)).or_insert(whole.rows.len());
                match whole.rows.get_mut(place) {
                    Some(known) => *known = row,
                    None => {
                        whole.rows.push(row);
                        unseen = unseen.saturating_add(1);
                    }
                }
            }
            let at_end = match page.total {
                Some(total) => u64::from(offset) >= total,
                // A server that ignores the offset gives the same rows for ever.
                None => count < MAX_LIMIT as usize || unseen == 0,
            };
            if count == 0 || at_end || offset >= MAX_ROWS {
                break;
            }
        }
        if totals.iter().all(|total| *total == whole.total) {
            break;
        }
    }
    Ok(whole)
}

/// Where even a server that invents totals stops.
const MAX_ROWS: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::FutureExt;

    use super::*;

    type Row = (u32, &'static str);

    fn page(rows: Vec<Row>, total: Option<u64>) -> Page<Row> {
        Page { rows, total, skipped: 0 }
    }

    /// Answers with what `list` has at each question, and counts the questions.
    fn walk(list: impl Fn(usize, usize) -> Page<Row>) -> (Page<Row>, usize) {
        let asked = RefCell::new(0);
        let whole = read_all(
            |row: &Row| row.0.to_string(),
            |offset| {
                let turn = *asked.borrow();
                *asked.borrow_mut() += 1;
                let page = list(turn, offset as usize);
                async move { Ok(page) }
            },
        );
        let whole = whole.now_or_never().unwrap().unwrap();
        (whole, asked.into_inner())
    }

    fn cut(rows: &[Row], offset: usize, total: bool) -> Page<Row> {
        let some = rows.iter().skip(offset).take(MAX_LIMIT as usize).copied().collect();
        page(some, total.then_some(rows.len() as u64))
    }

    #[test]
    fn every_row_of_a_long_list_is_read_once_and_in_order() {
        let rows: Vec<Row> = (0..250).map(|number| (number, "")).collect();
        for total in [true, false] {
            let (whole, asked) = walk(|_, offset| cut(&rows, offset, total));
            assert_eq!((whole.rows, asked), (rows.clone(), 3), "{total}");
        }
    }

    #[test]
    fn a_row_that_slips_between_two_pages_is_not_missed() {
        let before: Vec<Row> = (0..150).map(|number| (number, "")).collect();
        let after: Vec<Row> = before.iter().skip(1).copied().collect();
        // Row 0 leaves after the first page, so row 100 moves to where nobody looks again.
        let (whole, _) = walk(|turn, offset| cut(if turn == 0 { &before } else { &after }, offset, true));
        assert!(after.iter().all(|row| whole.rows.contains(row)));
    }

    #[test]
    fn the_latest_state_of_a_row_that_came_twice_stays() {
        let pages = [
            page((0..100).map(|number| (number, "old")).collect(), Some(101)),
            page(vec![(99, "new"), (100, "new")], Some(101)),
        ];
        let (whole, _) = walk(|turn, _| pages[turn].clone());
        assert_eq!(whole.rows.len(), 101);
        assert_eq!(whole.rows[99], (99, "new"));
    }

    #[test]
    fn a_server_that_ignores_the_offset_does_not_hold_us_for_ever() {
        let rows: Vec<Row> = (0..100).map(|number| (number, "")).collect();
        let (whole, asked) = walk(|_, _| cut(&rows, 0, false));
        assert_eq!((whole.rows.len(), asked), (100, 2));
    }

    #[test]
    fn a_list_that_never_rests_is_walked_three_times_and_no_more() {
        let (whole, asked) = walk(|turn, offset| {
            let rows: Vec<Row> = (0..150 + turn as u32).map(|number| (number, "")).collect();
            cut(&rows, offset, true)
        });
        assert_eq!(asked, 2 * WALKS);
        assert!(whole.rows.len() >= 150);
    }
}
