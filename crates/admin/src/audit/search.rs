//! `audit search`: entries, the newest first; a table for a person, JSON lines for a program.

use chatehr_audit::{Criteria, Entry, MAX_PAGE, NewEntry};
use chatehr_vault::Vault;

use crate::{
    cli::Search,
    entry::entry,
    fault::Fault,
    files::Files,
    terminal::{Terminal, shown, shown_in_json},
    workstation::Workstation,
};

const HEADINGS: [&str; 7] = ["entry", "at", "actor", "action", "patient", "outcome", "objects"];

pub(crate) fn run(
    asked: &Search,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> Result<bool, Fault> {
    let vault = Files::find(&asked.file, asked.key, workstation, terminal)?.open()?;
    let patient = asked.filter.patient();
    // Whose records were looked at is itself a patient's business, so that somebody looked is on record.
    let entry = NewEntry { patient: patient.clone(), ..entry(workstation, "audit.search", &[])? };
    let before = vault.audit_head()?.count.saturating_add(1);
    vault.record(&[entry])?;
    let for_a_person = terminal.is_read_by_a_person();
    let found = entries(&vault, &asked.filter.criteria(patient.as_ref()), before, asked.limit)?;
    if for_a_person {
        terminal.say(&table(&found))?;
    } else {
        for entry in &found {
            let line = serde_json::to_string(entry).map_err(std::io::Error::from)?;
            writeln!(terminal.out(), "{}", shown_in_json(&line))?;
        }
    }
    Ok(true)
}

fn entries(vault: &Vault, criteria: &Criteria<'_>, before: u64, limit: u32) -> Result<Vec<Entry>, Fault> {
    let mut found: Vec<Entry> = Vec::new();
    let mut next = before;
    loop {
        let wanted = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let page = vault.search_audit(criteria, Some(next), wanted.min(MAX_PAGE))?;
        let Some(last) = page.last() else { return Ok(found) };
        next = last.seq;
        found.extend(page);
    }
}

fn table(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "No entry meets this.".to_owned();
    }
    let row = |entry: &Entry| {
        let NewEntry { at, actor, action, patient, outcome, reason, objects, .. } = &entry.said;
        let outcome = match reason {
            Some(reason) => format!("{}: {reason}", outcome.as_str()),
            None => outcome.as_str().to_owned(),
        };
        [
            entry.seq.to_string(),
            at.to_string(),
            actor.clone().unwrap_or_else(|| "-".to_owned()),
            action.clone(),
            patient.as_ref().map_or("-", |patient| patient.as_str()).to_owned(),
            outcome,
            objects.join(" "),
        ]
        // A line end within an id must not begin a row of its own.
        .map(|cell| shown(&cell).replace('\n', "\\n"))
    };
    let rows: Vec<[String; 7]> =
        std::iter::once(HEADINGS.map(str::to_owned)).chain(entries.iter().map(row)).collect();
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 7]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
