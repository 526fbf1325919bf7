//! `audit verify`: is a log, or what was exported of one, what was written?

use std::{fs::File, io::BufReader, path::Path};

use chatehr_audit::{
    Anchor, Expectations, LinesError, SignedAnchor, Verified, VerifiedLines, VerifyError, verify_lines,
};
use chatehr_vault::{Vault, VerifyAuditError};

use crate::{
    cli::Verify,
    fault::Fault,
    files::{Files, is_ledger},
    terminal::Terminal,
    workstation::Workstation,
};

/// Whether it is.
pub(crate) fn run(
    asked: &Verify,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> Result<bool, Fault> {
    let anchor = asked.anchor.as_deref().map(read_anchor).transpose()?;
    if is_ledger(&asked.file) {
        let vault = Files::find(&asked.file, asked.key, workstation, terminal)?.open()?;
        let report = ledger(&vault, anchor.as_ref())?;
        terminal.say(&report.text)?;
        Ok(report.sound)
    } else {
        let report = lines(&asked.file, anchor.map(|signed| signed.anchor))?;
        terminal.say(&report.text)?;
        Ok(report.sound)
    }
}

/// What was found, in words.
pub(crate) struct Report {
    pub(crate) sound: bool,
    pub(crate) text: String,
}

/// A log in a person's ledger.
pub(crate) fn ledger(vault: &Vault, anchor: Option<&SignedAnchor>) -> Result<Report, Fault> {
    if anchor.is_some() && vault.device()?.server_key.is_none() {
        return Err(Fault::new(
            "This workstation has not seen the server's key yet, so the anchor's signature cannot be checked.",
            "Leave --anchor out: the log is then checked by itself.",
        ));
    }
    let anchors: Vec<SignedAnchor> = anchor.cloned().into_iter().collect();
    match vault.verify_audit(&Expectations { anchors: &anchors, ..Expectations::default() }) {
        Ok(verified) => Ok(Report { sound: true, text: sound(&verified) }),
        Err(VerifyAuditError::Files(error)) => Err(error.into()),
        Err(VerifyAuditError::Log(error)) => match error {
            VerifyError::NoThread(_) | VerifyError::Sqlite(_) => Err(Fault::new(
                "The audit log cannot be read now.",
                "Try again; if it stays so, look at the disk.",
            )),
            error => Ok(Report { sound: false, text: unsound(&error) }),
        },
    }
}

fn sound(verified: &Verified) -> String {
    let Verified { head, first, vouched } = *verified;
    let count = (head.count + 1).saturating_sub(first);
    let mut text = String::from("The audit log is what was written.\n");
    match count {
        0 => text.push_str("  entries      none\n"),
        _ => text.push_str(&format!("  entries      {count}, from {first} to {}\n", head.count)),
    }
    if first > 1 {
        text.push_str(&format!(
            "  let go       1 to {}, when their time was over; a signed checkpoint stands for them\n",
            first - 1
        ));
    }
    text.push_str(&format!("  log          {}\n  head         {}\n", head.log_id, head.hash));
    match vouched {
        0 => text.push_str(
            "  vouched for  by nobody: whoever holds the key could have written all of it anew, or cut off its end",
        ),
        vouched if vouched >= head.count => {
            text.push_str(&format!("  vouched for  up to {vouched}, all of it, by the server"));
        }
        vouched => text.push_str(&format!(
            "  vouched for  up to {vouched} by the server; what follows could have been written anew by whoever holds \
             the key"
        )),
    }
    text
}

fn unsound(error: &VerifyError) -> String {
    let first = error.first_bad().map(|seq| format!("\n  first bad    {seq}")).unwrap_or_default();
    format!(
        "The audit log is NOT what was written: {error}.{first}\n  \
         Keep a copy of the directory as it is, close the window, and tell whoever answers for security."
    )
}

/// An export in JSON lines.
fn lines(path: &Path, anchor: Option<Anchor>) -> Result<Report, Fault> {
    let file = File::open(path)?;
    let anchors: Vec<Anchor> = anchor.into_iter().collect();
    match verify_lines(BufReader::new(file), &anchors) {
        Ok(verified) => Ok(Report { sound: true, text: sound_lines(&verified, !anchors.is_empty()) }),
        Err(LinesError::Read { source, .. }) => Err(source.into()),
        Err(LinesError::Empty | LinesError::NotAnEntry { line: 1 }) => Err(Fault::new(
            "This is not an export in JSON lines.",
            "CSV and FHIR have not what is needed to check them: export with --format jsonl. A ledger is named by its \
             directory or as ledger.db.",
        )),
        Err(error) => Ok(Report {
            sound: false,
            text: format!(
                "The export is NOT what was written: {error}.\n  Ask for it anew, from the log itself."
            ),
        }),
    }
}

fn sound_lines(verified: &VerifiedLines, anchored: bool) -> String {
    let VerifiedLines { count, first, last, head, left_out, met } = *verified;
    let mut text = format!(
        "Each line is what was written.\n  entries      {count}, from {first} to {last}\n  head         {head}\n"
    );
    if left_out > 0 {
        text.push_str(&format!(
            "  left out     {left_out} between them: by a search that was exported, or taken out; lines on either side \
             of a gap do not vouch for each other\n"
        ));
    }
    match (anchored, met) {
        (true, 0) => text.push_str(
            "  anchor       not met: its entry is not in the export, so nothing was compared\n",
        ),
        (true, _) => text.push_str(
            "  anchor       met: up to it the log is the one that the server has seen (if the anchor is the server's: \
             its signature is checked against the log, not here)\n",
        ),
        (false, _) => {}
    }
    text.push_str(&format!(
        "  not known    whether there are entries before {first} or after {last}, and whether all of it was written \
         anew: that shows against the log itself, or the head that the server keeps"
    ));
    text
}

fn read_anchor(path: &Path) -> Result<SignedAnchor, Fault> {
    serde_json::from_reader(BufReader::new(File::open(path)?)).map_err(|_| {
        Fault::new(
            "The anchor does not read.",
            "It is the JSON that the server signs: deviceId, count, head, at and signature.",
        )
    })
}
