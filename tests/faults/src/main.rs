//! Kills, failing disks and damage, and what is left of a person's files after them.
//!
//! Promises: every fault really happens to a real program or a real file; what the program had acknowledged by then is
//! known exactly, because it says so before it goes on; the seed is printed, and the same seed chooses the same
//! moments and places. Refuses: to judge by words; what was acknowledged is there afterwards or the fault is failed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what goes wrong with the test itself ends it"
)]

mod chance;
mod child;
mod damage;
mod full;
mod inject;
mod kill;
mod load;
mod promises;
mod records;
mod report;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// What is done to the files, and to the programs that have them open.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The whole programme, or a part of it.
    Run {
        /// The same seed chooses the same moments and places.
        #[arg(long)]
        seed: Option<u64>,
        /// A sample of everything, in a minute.
        #[arg(long)]
        quick: bool,
        /// One part: kill, calls, full, damage.
        #[arg(long)]
        only: Option<String>,
        /// How often to kill.
        #[arg(long)]
        kills: Option<u64>,
        /// Where the files are made; a file system in memory is the fastest.
        #[arg(long)]
        place: Option<PathBuf>,
    },
    /// The program that faults happen to.
    Load {
        dir: PathBuf,
        seed: u64,
        life: u64,
        steps: u64,
        #[arg(long)]
        one_at_a_time: bool,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Load { dir, seed, life, steps, one_at_a_time } => {
            load::load(&dir, seed, life, steps, one_at_a_time)
        }
        Command::Run { seed, quick, only, kills, place } => {
            let seed = seed.unwrap_or_else(|| getrandom::u64().unwrap());
            let memory = PathBuf::from("/dev/shm");
            let place = place.unwrap_or_else(|| if memory.is_dir() { memory } else { std::env::temp_dir() });
            let mut report = report::Report::default();
            report.begin(seed, &place);
            let asked = |part: &str| only.as_deref().is_none_or(|only| only == part);
            if asked("kill") {
                kill::kill(&place, seed, kills.unwrap_or(if quick { 40 } else { 1000 }), &mut report);
            }
            if asked("calls") {
                if inject::can_inject() {
                    inject::inject(&place, seed, quick, &mut report);
                } else {
                    report.line(
                        "R2 failing calls",
                        1,
                        vec!["strace cannot be used here".to_owned()],
                        String::new(),
                    );
                }
            }
            if asked("full") {
                full::full(&place, quick, &mut report);
            }
            if asked("damage") {
                damage::damage(&place, seed, quick, &mut report);
            }
            if report.end() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}
