//! Hands entries on, in the order of the log, one at a time, so that a log of any size goes out in little memory.
//!
//! JSON lines hold everything, hashes too, and are what a later check reads; CSV is for a spreadsheet and FHIR for an
//! audit repository. An export is an action: the caller writes it down as well.

mod check;
mod csv;
mod fhir;

use std::io::Write;

use rusqlite::Connection;

pub use self::{
    check::{LinesError, VerifiedLines, verify_lines},
    fhir::Recorder,
};
use crate::{
    log::{COLUMNS, ReadError, entry, log_id},
    search::{Criteria, bound},
};

/// In what form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format<'a> {
    /// One JSON object a line, ended by LF.
    JsonLines,
    /// RFC 4180 with a header. A field that a spreadsheet would take for a formula has an apostrophe before it.
    Csv,
    /// FHIR R4 AuditEvents, one a line, as `application/fhir+ndjson` of Bulk Data: a Bundle would have to be held in
    /// memory by whoever reads it.
    Fhir(Recorder<'a>),
}

/// Why an export broke off. What was written by then is not whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Where it was to go.
    #[error("the export cannot be written")]
    Write(#[from] std::io::Error),
}

/// Writes the entries that meet `criteria`, the first one first. How many there were.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    connection: &Connection,
    criteria: &Criteria<'_>,
    format: Format<'_>,
    out: &mut impl Write,
) -> Result<u64, ExportError> {
    let log_id = log_id(connection).map_err(ReadError::from)?.ok_or(ReadError::NoLog)?;
    let (mut terms, values) = criteria.terms();
    terms.push("TRUE");
    // In the order of the log there is nothing to sort and nothing to hold.
    let query =
        format!("SELECT {COLUMNS} FROM audit_entry NOT INDEXED WHERE {} ORDER BY seq", terms.join(" AND "));
    let mut statement = connection.prepare_cached(&query).map_err(ReadError::from)?;
    let mut rows = statement.query(bound(&values).as_slice()).map_err(ReadError::from)?;
    let mut line = Vec::new();
    if format == Format::Csv {
        csv::header(&mut line);
    }
    let mut count = 0;
    while let Some(row) = rows.next().map_err(ReadError::from)? {
        let entry = entry(row)?;
        match format {
            Format::JsonLines => json_line(&mut line, &entry)?,
            Format::Csv => csv::record(&mut line, &entry),
            Format::Fhir(recorder) => json_line(&mut line, &fhir::audit_event(&entry, &log_id, &recorder))?,
        }
        out.write_all(&line)?;
        line.clear();
        count += 1;
    }
    out.write_all(&line)?;
    out.flush()?;
    Ok(count)
}

fn json_line(line: &mut Vec<u8>, value: &impl serde::Serialize) -> Result<(), std::io::Error> {
    serde_json::to_writer(&mut *line, value)?;
    line.push(b'\n');
    Ok(())
}
