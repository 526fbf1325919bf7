//! `chatehr-load`: measures the gateway against a peer in Node.
//!
//! Promises: both sides are first shown to do the same work, figures are ratios of runs that lie next to each other,
//! and a run with one wrong answer is thrown away and said. Refuses: to measure what does not do the work.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks on the terminal"
)]

mod contract;
mod events;
mod gateway;
mod http;
mod identity;
mod load;
mod memory;
mod ours;
mod peer;
mod server;
mod system;
mod table;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Why it did not go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(String);

impl Failure {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Measures the gateway against others. Usually started by `cargo xtask bench`.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Our gateway against the Express one
    Gateway {
        /// Our server; without it the peer runs against itself, which shows the machine's noise
        #[arg(long, value_name = "PROGRAM")]
        server: Option<PathBuf>,
        /// The peer's directory, its packages installed
        #[arg(long, value_name = "DIRECTORY")]
        peer: PathBuf,
        /// Pairs of runs in each scenario
        #[arg(long, default_value_t = 11)]
        pairs: usize,
        /// Shorter runs
        #[arg(long)]
        quick: bool,
        /// Event streams that are open at once
        #[arg(long, default_value_t = 5_000)]
        listeners: usize,
        /// Where the table is written; databases and logs lie beside it
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(
    Command::Gateway { server, peer, pairs, quick, listeners, output }: Command,
) -> Result<(), Failure> {
    let directory =
        output.parent().map(PathBuf::from).ok_or_else(|| Failure::new("--output names a file"))?;
    std::fs::create_dir_all(&directory)?;
    // Beside the streams: a database, logs, the runtime.
    system::allow_files(listeners + 200)?;
    let provider = identity::Provider::start(now())?;
    let plan = gateway::Plan { server, peer, pairs, quick, listeners, directory };
    let (rows, notes) = gateway::run(&plan, &provider).await?;
    let text = table::write(&rows, &notes);
    std::fs::write(&output, &text)?;
    println!("\n{text}");
    Ok(())
}

/// The end of tokens is counted from here.
#[expect(clippy::disallowed_methods, reason = "a program's start is where the time comes from")]
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
