//! The program's log: to the terminal that started it, ids and codes only.
//!
//! Libraries are held to warnings: HTTP libraries log addresses and headers at finer levels.

use std::sync::{Arc, OnceLock};

use chatehr_engine::support::RecentLog;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::surroundings::MachineClock;

/// What a support bundle takes of it.
static RECENT: OnceLock<RecentLog> = OnceLock::new();

/// Starts the log. `CHATEHR_LOG` changes what is written, for example `chatehr_engine=debug`.
pub fn start() {
    let wanted = std::env::var("CHATEHR_LOG").unwrap_or_default();
    let filter = EnvFilter::try_new(format!("warn,chatehr_desktop=info,chatehr_engine=info,{wanted}"))
        .unwrap_or_else(|_| EnvFilter::new("warn"));
    let recent = RECENT.get_or_init(|| RecentLog::new(Arc::new(MachineClock))).clone();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let started = tracing_subscriber::registry().with(filter).with(lines).with(recent).try_init();
    if let Err(error) = started {
        tracing::warn!(%error, "The log was started before.");
    }
}

/// Its last lines, without what must not leave a workstation.
pub fn recent() -> Vec<String> {
    RECENT.get().map(RecentLog::lines).unwrap_or_default()
}
