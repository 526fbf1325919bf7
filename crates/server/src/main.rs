//! `chatehr-server`: reads the settings, starts what they say, and stops when told.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use chatehr_server::{
    Config, FaultSettings, Faults, Mode, Running, Seed, StartError,
    settings::{SECRETS, SETTINGS, Settings},
    start,
};
use chatehr_start::{Secrets, core_image, secrets};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

const NOTES: &str = "\
Secrets are read from the environment or from files alone, because arguments can be seen by other users of the machine.
Those in the environment leave it at once: the program starts anew without them, under the same process id.
RUST_LOG says what is logged (info), LOG_FORMAT=json as JSON. Logs go to standard error and hold no patient data.

When it is ready, the first line on standard output is
  chatehr-server listening on http://127.0.0.1:PORT/v1
(a gateway and a clinic's own: https where TLS is set, and /api/chatehr). It stops at Ctrl-C or SIGTERM, tells event
streams to come back, and lets requests under way finish. Exit code 0 after a stop, 1 when it cannot start, 2 when the
arguments cannot be read.";

/// The server side of ChatEHR.
#[derive(Parser)]
#[command(version, about, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A whole ChatEHR in one process, for tests and demonstrations: /v1, seeds, faults
    Mock(Mock),
    /// A clinic's own ChatEHR: /api/chatehr over a store of its own
    Standalone(Standalone),
    /// In front of a ChatEHR elsewhere (CHATEHR_API_URL): /api/chatehr, stateless but for its audit log
    Gateway(Common),
    /// Read the settings of one of the three, say everything that is wrong, and start nothing
    CheckConfig(CheckConfig),
}

#[derive(Args)]
struct Common {
    /// Where to listen; port 0 takes any free one. Goes before CHATEHR_LISTEN
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Settings as a JSON object, for what the environment does not say
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file of the store, and in a gateway of its audit log. Goes before CHATEHR_DATABASE
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
}

#[derive(Args)]
struct Standalone {
    #[command(flatten)]
    common: Common,
    /// What a new store holds: demo (a clinic of invented people; on a loopback address with accounts to sign in as),
    /// empty, or large:N (N consultations with people, messages and appointments in proportion)
    #[arg(long, default_value = "empty")]
    seed: Seed,
    /// File new requests while it runs, in a demonstration
    #[arg(long)]
    live: bool,
}

#[derive(Args)]
struct Mock {
    #[command(flatten)]
    common: Common,
    /// What a new store holds: demo (a clinic of invented people with accounts to sign in as), empty, or large:N
    /// (N consultations with people, messages and appointments in proportion)
    #[arg(long, default_value = "demo")]
    seed: Seed,
    /// File new requests while it runs: an urgent one after 6 to 9 s, then one every 45 to 90 s
    #[arg(long)]
    live: bool,
    /// Behave as the original's mock does: ids of its own making, string totals, nobody refused, no features
    #[arg(long, value_enum)]
    quirks: Option<Quirks>,
    /// Milliseconds before every answer
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u32,
    /// Part of all requests that are answered with 500, from 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "PART")]
    error_rate: f64,
    /// Part of all requests whose connection is cut in the middle of the answer, from 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "PART")]
    drop_rate: f64,
    /// Answer everything with 429
    #[arg(long)]
    storm: bool,
    /// Seconds by which the server's clock is ahead; behind when negative
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "SECONDS")]
    clock_skew: i64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Quirks {
    Original,
}

#[derive(Args)]
struct CheckConfig {
    /// Which of the three
    #[arg(value_enum)]
    mode: Checked,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, ValueEnum)]
enum Checked {
    Mock,
    Standalone,
    Gateway,
}

fn main() -> ExitCode {
    run(secrets::take(SECRETS))
}

#[tokio::main]
async fn run(secrets: io::Result<Secrets>) -> ExitCode {
    let matches = Cli::command().mut_subcommands(|command| command.after_help(settings_help())).get_matches();
    let command = match Cli::from_arg_matches(&matches) {
        Ok(Cli { command }) => command,
        Err(error) => error.exit(),
    };
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")));
    if std::env::var_os("LOG_FORMAT").is_some_and(|format| format == "json") {
        log.json().init();
    } else {
        log.init();
    }
    core_image::forbid();
    let secrets = secrets.unwrap_or_else(|error| {
        tracing::warn!(%error, "The secrets stay in the environment.");
        Secrets::default()
    });
    let done = match config(command, secrets) {
        Ok((_, true)) => {
            drop(writeln!(io::stdout().lock(), "the settings can be used"));
            return ExitCode::SUCCESS;
        }
        Ok((config, false)) => serve(*config).await,
        Err(problems) => Err(StartError::Configuration(problems)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// The configuration, and whether it is only to be checked.
fn config(command: Command, secrets: Secrets) -> Result<(Box<Config>, bool), Vec<String>> {
    let (mode, common, checked) = match &command {
        Command::Mock(mock) => (Mode::Mock, &mock.common, false),
        Command::Standalone(standalone) => (Mode::Standalone, &standalone.common, false),
        Command::Gateway(common) => (Mode::Gateway, common, false),
        Command::CheckConfig(check) => {
            let mode = match check.mode {
                Checked::Mock => Mode::Mock,
                Checked::Standalone => Mode::Standalone,
                Checked::Gateway => Mode::Gateway,
            };
            (mode, &check.common, true)
        }
    };
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    let settings = Settings::read(variables.chain(secrets), common.config.as_deref());
    let strangers = settings.strangers().to_vec();
    let config = settings.config(mode, |config, _| {
        if let Some(listen) = common.listen {
            config.listen = listen;
        }
        if let Some(database) = &common.database {
            config.database = Some(database.clone());
        }
        match &command {
            Command::Mock(mock) => {
                config.seed = mock.seed.clone();
                config.live = mock.live;
                config.original = mock.quirks.is_some();
                config.faults = Faults::new(FaultSettings {
                    latency: mock.latency,
                    error_rate: mock.error_rate,
                    drop_rate: mock.drop_rate,
                    storm: mock.storm,
                    clock_skew: mock.clock_skew,
                });
            }
            Command::Standalone(standalone) => {
                config.seed = standalone.seed.clone();
                config.live = standalone.live;
            }
            Command::Gateway(_) | Command::CheckConfig(_) => {}
        }
    })?;
    for stranger in strangers {
        tracing::warn!("{stranger}");
    }
    Ok((Box::new(config), checked))
}

/// The settings, each with its meaning and default.
fn settings_help() -> String {
    let mut text = String::from("Settings, from the environment, else from --config:\n");
    for (name, about, default) in SETTINGS {
        text.push_str(&format!("  {name}\n      {about}"));
        if !default.is_empty() {
            text.push_str(&format!(" [{default}]"));
        }
        text.push('\n');
    }
    format!("{text}\n{NOTES}")
}

async fn serve(config: Config) -> Result<(), StartError> {
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        tracing::warn!(address = %config.listen, "listening without TLS on an address that other machines may reach");
    }
    if config.database.is_none() && config.mode != Mode::Mock {
        tracing::warn!(
            "there is no CHATEHR_DATABASE: everything, the audit log too, is forgotten at the end"
        );
    }
    let mut running = start(config).await?;
    announce(&running);
    tokio::select! {
        () = told_to_stop() => tracing::info!("stopping"),
        () = running.ended() => return Ok(()),
    }
    running.stop().await;
    Ok(())
}

/// A launcher reads this line.
fn announce(running: &Running) {
    let mut out = io::stdout().lock();
    let written =
        writeln!(out, "chatehr-server listening on {}", running.base_url()).and_then(|()| out.flush());
    if written.is_err() {
        tracing::warn!(url = running.base_url(), "listening, but standard output is closed");
    }
    if let Some(address) = running.metrics {
        tracing::info!(%address, "metrics, liveness and readiness");
    }
}

fn complain(error: &StartError) {
    let mut text = format!("chatehr-server: {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!("\n  because: {cause}"));
        next = cause.source();
    }
    // Where even this cannot be written, the exit code says it.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

#[cfg(unix)]
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn told_to_stop() {
    drop(tokio::signal::ctrl_c().await);
}
