//! Lists: a page of records of which a bad one costs only itself.

use std::collections::HashSet;

use chatehr_contract::{ConsultationStatus, SpecialtyCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    error::{BadAnswer, ClientError},
    exchange::Answer,
};

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
/// `id`, and a list whose total changed on the way is walked again.
pub(crate) async fn read_all<T, F>(
    id: impl Fn(&T) -> String,
    mut fetch: impl FnMut(u32) -> F,
) -> Result<Page<T>, ClientError>
where
    F: Future<Output = Result<Page<T>, ClientError>>,
{
    let mut whole = Page::default();
    let mut seen = HashSet::new();
    for _ in 0..WALKS {
        let mut first_total = None;
        let mut offset: u32 = 0;
        whole.skipped = 0;
        loop {
            let page = fetch(offset).await?;
            let count = page.rows.len().saturating_add(page.skipped);
            let count =
                u32::try_from(count).map_err(|_| ClientError::Malformed(BadAnswer::Field("offset")))?;
            offset = offset.saturating_add(count);
            whole.skipped = whole.skipped.saturating_add(page.skipped);
            first_total = first_total.or(page.total);
            whole.total = page.total;
            // A server that ignores the offset gives the same rows for ever.
            let before = whole.rows.len();
            whole.rows.extend(page.rows.into_iter().filter(|row| seen.insert(id(row))));
            let nothing_new = whole.rows.len() == before && page.skipped == 0;
            let at_end = match page.total {
                Some(total) => u64::from(offset) >= total,
                None => count < MAX_LIMIT || nothing_new,
            };
            if count == 0 || at_end || offset > MAX_ROWS {
                break;
            }
        }
        if first_total == whole.total {
            break;
        }
    }
    Ok(whole)
}

/// Where even a server that invents totals stops.
const MAX_ROWS: u32 = 1_000_000;
