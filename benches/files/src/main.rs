//! `chatehr-bench-files`: measures the encrypted files against plain SQLite.
//!
//! Promises: both sides hold the same rows and take turns in small steps, so that whatever else the machine does
//! befalls both; figures are medians of the pairs' ratios. Refuses: a peer that does less than it is asked for, or
//! has more cache than the files have.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks on the terminal"
)]

mod loading;
mod log;
mod measure;
mod pages;
mod plain;
mod records;
mod searching;
mod sending;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, ValueEnum};

/// Whatever stops it.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// The quality bars that concern the files.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bar {
    /// A page of the newest 50
    P4,
    /// Sending, durably
    P5,
    /// Storing what the server says
    P6,
    /// Search
    P7,
    /// The audit log
    P8,
}

/// Measures the encrypted files against plain SQLite. Usually started by `cargo xtask bench vault`.
#[derive(Parser)]
struct Cli {
    /// Only these
    #[arg(long, value_enum)]
    only: Vec<Bar>,
    /// Pairs of runs
    #[arg(long, default_value_t = 11)]
    pairs: usize,
    /// A tenth of the rows and shorter runs
    #[arg(long)]
    quick: bool,
    /// The peer against itself, which shows the machine's noise
    #[arg(long)]
    noise: bool,
    /// Where the table is written; the files that are measured lie beside it and are kept for the next time
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// How much is done.
pub(crate) struct Plan {
    pub(crate) pairs: usize,
    pub(crate) quick: bool,
    pub(crate) noise: bool,
    pub(crate) directory: PathBuf,
}

impl Plan {
    /// Less of something where it is only to be seen whether it works.
    pub(crate) const fn some(&self, count: u64) -> u64 {
        if self.quick { count / 10 } else { count }
    }

    /// A directory for one scenario alone, empty.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.directory.join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        Ok(path)
    }
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(Cli { only, pairs, quick, noise, output }: Cli) -> Result<(), Failure> {
    let directory = output.parent().map_or_else(PathBuf::new, Path::to_path_buf).join("files");
    fs::create_dir_all(&directory)?;
    let plan = Plan { pairs, quick, noise, directory };
    let mut rows = Vec::new();
    let mut loads = Vec::new();
    for (bar, measured) in [
        (Bar::P4, pages::measure as fn(&Plan) -> Result<Vec<table::Row>, Failure>),
        (Bar::P5, sending::measure),
        (Bar::P6, loading::measure),
        (Bar::P7, searching::measure),
        (Bar::P8, log::measure),
    ] {
        if !only.is_empty() && !only.contains(&bar) {
            continue;
        }
        loads.push(load());
        let found = measured(&plan)?;
        for row in &found {
            println!("{}", row.line());
        }
        rows.extend(found);
    }
    loads.push(load());
    let text = table::write(&rows, pairs, &loads);
    fs::write(&output, &text)?;
    println!("\n{text}");
    Ok(())
}

/// Programs that wanted a processor in the last minute, this one among them.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
