//! The commands and their options, from which `--help` is made.

use std::path::PathBuf;

use chatehr_contract::Timestamp;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::audit::criteria::{begin, end};

const NOTES: &str = "\
Without arguments the window opens. None of these commands needs a display.

Run them as the person whose workstation it is: the keyring and the files are that person's. Close the window first;
only doctor, support-bundle and vault list look beside it. DIR is a person's directory as vault list shows it.

The key to the files comes from the keyring, or with --passphrase or --recovery-code from what is typed then, unseen;
where standard input is no terminal, from its first line. Neither is ever an argument or in the environment.

Where the files are and which server is asked say the settings of the window: CHATEHR_DATA_DIR, CHATEHR_API_URL,
CHATEHR_API_KEY, CHATEHR_TIMEOUT from the environment, else from settings.json. CHATEHR_LOG=debug says more to standard
error. docs/administration.md has more.

Exit code: 0 all is well, 1 something is wrong (and says what to do), 2 the arguments were not understood.";

/// ChatEHR Desktop, and what an administrator does with it from a terminal.
#[derive(Debug, Parser)]
#[command(name = "chatehr-desktop", version, after_help = NOTES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look at everything that the program needs: one line each, and what to do
    Doctor(Doctor),
    /// Write down how this workstation stands, for who helps: no patient's data, no name, no message, no key
    ///
    /// Versions, settings without secrets, what doctor says, and how far each audit log goes. The log of a running window is
    /// in the bundle that the window itself saves.
    SupportBundle(SupportBundle),
    /// Read and check the audit log of a person's actions on this workstation
    #[command(subcommand)]
    Audit(Audit),
    /// List, back up, restore and re-key a person's encrypted files
    #[command(subcommand)]
    Vault(Vault),
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// As one JSON object, for a program that watches over workstations
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SupportBundle {
    /// A new file, readable by you alone
    pub(crate) file: PathBuf,
    /// Show it instead of writing it
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Tell whether a log is what was written, and if not, from which entry on
    Verify(Verify),
    /// Hand entries on, for an auditor, a spreadsheet or an audit repository; the log says that it was done
    Export(Export),
    /// Show entries, the newest first; the log says that it was done
    Search(Search),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Vault {
    /// List the people who have files on this workstation: by directory, never by name
    List,
    /// Write a person's files into one, which a passphrase or a recovery code opens anywhere
    ///
    /// It holds what was not sent yet, the drafts and the audit log; what the server has as well comes back by itself.
    Backup(Backup),
    /// Make a person's files from a backup, here or on another machine
    ///
    /// The audit log is then verified and what was found is told; the log says that it was restored; and the key is put
    /// into this machine's keyring, so that the window opens the files by itself. Writes over nothing.
    Restore(Restore),
    /// Give the files another key; passphrases and codes stay as they are
    ///
    /// For when somebody may have the key, or an old passphrase and an old copy of vault.json. Needs room for a copy of
    /// the files. Backups that were made before stay under the former key.
    Rekey(Rekey),
    /// Put the key back into the keyring, by a passphrase or a recovery code
    ///
    /// For when the keyring was lost, reset or exchanged, or the files came from another machine.
    Recover(Recover),
}

/// Where the key comes from, if not from the keyring.
#[derive(Clone, Copy, Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct KeyFrom {
    /// Open with a passphrase, which is asked for
    #[arg(long)]
    pub(crate) passphrase: bool,
    /// Open with a printed recovery code, which is asked for
    #[arg(long)]
    pub(crate) recovery_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only what this person or machine did (an id; os:NAME for an administrator's commands)
    #[arg(long, value_name = "ID")]
    pub(crate) actor: Option<String>,
    /// Only what was done to this patient's record
    #[arg(long, value_name = "ID")]
    pub(crate) patient: Option<String>,
    /// Only this action, such as consultation.read
    #[arg(long, value_name = "WORD")]
    pub(crate) action: Option<String>,
    /// Not before this instant (RFC 3339) or this day (2026-11-25, in UTC)
    #[arg(long, value_name = "WHEN", value_parser = begin)]
    pub(crate) from: Option<Timestamp>,
    /// Before this instant (RFC 3339), or up to and with this day (2026-11-25, in UTC)
    #[arg(long, value_name = "WHEN", value_parser = end)]
    pub(crate) until: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A person's directory, its ledger.db, or an export in JSON lines
    pub(crate) file: PathBuf,
    /// Compare with the head that the server has counter-signed and keeps: its JSON in a file
    #[arg(long, value_name = "FILE")]
    pub(crate) anchor: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) key: KeyFrom,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A person's directory, or its ledger.db
    pub(crate) file: PathBuf,
    /// In what form
    #[arg(long, value_enum, default_value = "jsonl")]
    pub(crate) format: Form,
    /// A new file, readable by you alone; - is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) key: KeyFrom,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Form {
    /// JSON lines with all hashes, which audit verify reads again
    Jsonl,
    /// For a spreadsheet
    Csv,
    /// FHIR R4 AuditEvents, one a line
    Fhir,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// A person's directory, or its ledger.db
    pub(crate) file: PathBuf,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) key: KeyFrom,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// A person's directory
    pub(crate) dir: PathBuf,
    /// A new file
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// Also what the server has as well and would be fetched again
    #[arg(long)]
    pub(crate) with_cache: bool,
    #[command(flatten)]
    pub(crate) key: KeyFrom,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) key: Secret,
    /// Leave this machine's keyring alone
    #[arg(long)]
    pub(crate) no_keyring: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// A new directory
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
    /// The place where this workstation's window looks for the files of this person (an id)
    #[arg(long, value_name = "PERSON")]
    pub(crate) data_dir: Option<String>,
}

/// What opens the files where there is no keyring that does.
#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Secret {
    /// Open with a passphrase, which is asked for
    #[arg(long)]
    pub(crate) passphrase: bool,
    /// Open with a printed recovery code, which is asked for
    #[arg(long)]
    pub(crate) recovery_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rekey {
    /// A person's directory
    pub(crate) dir: PathBuf,
    /// Do not put the new key into the keyring; a passphrase or recovery code must be there
    #[arg(long)]
    pub(crate) no_keyring: bool,
    #[command(flatten)]
    pub(crate) key: KeyFrom,
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// A person's directory
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) key: Secret,
    /// Write over what the keyring holds in this place, named by the check that a first try has shown
    #[arg(long, value_name = "CHECK")]
    pub(crate) replace: Option<String>,
}
