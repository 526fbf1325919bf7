//! `audit export`: hands entries on, and writes down first that it does.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::Path,
};

use chatehr_audit::{ExportError, Format, NewEntry, Recorder};
use chatehr_contract::access::Action;
use chatehr_vault::ExportAuditError;

use crate::{
    cli::{Export, Form},
    entry::{entry, went_wrong},
    fault::Fault,
    files::Files,
    right,
    terminal::Terminal,
    workstation::Workstation,
};

pub(crate) fn run(
    asked: &Export,
    workstation: &Workstation,
    terminal: &mut dyn Terminal,
) -> Result<bool, Fault> {
    let to_stdout = asked.out == Path::new("-");
    if to_stdout && terminal.is_read_by_a_person() {
        return Err(Fault::new(
            "An export does not go to a terminal.",
            "Name a file, or pass it on to a program; `chatehr-desktop audit search` shows entries.",
        ));
    }
    if !to_stdout && asked.out.exists() {
        return Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists).into());
    }
    let files = Files::find(&asked.file, asked.key, workstation, terminal)?;
    let vault = files.open()?;
    let patient = asked.filter.patient();
    let form = match asked.format {
        Form::Jsonl => "jsonl",
        Form::Csv => "csv",
        Form::Fhir => "fhir",
    };
    let tried = NewEntry { patient: patient.clone(), ..entry(workstation, "audit.export", &[form])? };
    right::may(&vault, Action::AuditExport, &tried)?;
    let server = workstation.server.as_ref().map_or("", |config| config.base_url.as_str());
    let format = match asked.format {
        Form::Jsonl => Format::JsonLines,
        Form::Csv => Format::Csv,
        Form::Fhir => Format::Fhir(Recorder { observer: &workstation.name, is_workstation: true, server }),
    };
    let criteria = asked.filter.criteria(patient.as_ref());
    let file = if to_stdout { None } else { Some(new_file(&asked.out)?) };
    let written = vault.record(std::slice::from_ref(&tried)).map_err(Fault::from).and_then(|()| {
        let count = match &file {
            Some(file) => vault.export_audit(&criteria, format, &mut BufWriter::new(file)),
            None => vault.export_audit(&criteria, format, &mut BufWriter::new(terminal.out())),
        };
        let count = count.map_err(fault)?;
        if let Some(file) = &file {
            file.sync_all()?;
        }
        Ok(count)
    });
    match written {
        Ok(count) => {
            terminal.complain(&format!("{count} entries exported; the log says that they were."))?;
            Ok(true)
        }
        Err(why) => {
            went_wrong(&vault, &tried, &why);
            // It is ours, and what is not whole must not pass for an export.
            if file.is_some() {
                drop(file);
                fs::remove_file(&asked.out)?;
            }
            Err(why)
        }
    }
}

fn fault(error: ExportAuditError) -> Fault {
    match error {
        ExportAuditError::Files(error) => error.into(),
        ExportAuditError::Export(ExportError::Write(error)) => error.into(),
        ExportAuditError::Export(ExportError::Read(_)) => Fault::new(
            "An entry of the log does not read.",
            "`chatehr-desktop audit verify` says which, and what to do.",
        ),
    }
}

/// A file that was not there, for its owner's eyes alone.
fn new_file(path: &Path) -> Result<File, Fault> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path)?)
}
