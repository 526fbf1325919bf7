//! The program's log: to the terminal that started it, ids and codes only.
//!
//! Libraries are held to warnings: HTTP libraries log addresses and headers at finer levels.

use tracing_subscriber::EnvFilter;

/// Starts the log. `CHATEHR_LOG` changes what is written, for example `chatehr_engine=debug`.
pub fn start() {
    let wanted = std::env::var("CHATEHR_LOG").unwrap_or_default();
    let filter = EnvFilter::try_new(format!("warn,chatehr_desktop=info,chatehr_engine=info,{wanted}"))
        .unwrap_or_else(|_| EnvFilter::new("warn"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
    if let Err(error) = started {
        tracing::warn!(%error, "The log was started before.");
    }
}
