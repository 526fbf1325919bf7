//! `chatehr-server`: reads the settings, starts what they say, and stops when told.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

use chatehr_server::mock::{self, Config, Running, Seed, StartError};
use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// The port of the original's mock.
const DEFAULT_PORT: u16 = 4000;

const ENVIRONMENT: &str = "\
Environment:
  CHATEHR_API_KEY      required. The bearer key of machines: every workstation, kiosk and gateway that talks to this
                       server presents it. Printable ASCII without spaces. There is no default.
  CHATEHR_ROOT_SECRET  required. At least 32 bytes, as they stand. The keys of all conversations come from it:
                       messages written under one secret are not readable under another. There is no default.
                       To make one: openssl rand -base64 48
  MOCK_CHATEHR_PORT    port on 127.0.0.1 when --listen is not given (4000)
  RUST_LOG             what is logged (info). Logs go to standard error and hold no patient data

Secrets are read from the environment alone, because arguments can be seen by other users of the machine.

When it is ready, the first line on standard output is
  chatehr-server listening on http://127.0.0.1:PORT/v1
It stops at Ctrl-C or SIGTERM, and lets requests under way finish. Exit code 0 after a stop, 1 when it cannot start,
2 when the arguments cannot be read.

There is no TLS here. On an address other machines reach, put a TLS proxy in front of it.";

/// The server side of ChatEHR.
#[derive(Parser)]
#[command(version, about, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A whole ChatEHR in one process, for tests and demonstrations
    #[command(after_help = ENVIRONMENT)]
    Mock(Mock),
}

#[derive(Args)]
struct Mock {
    /// Where to listen; port 0 takes any free one [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// What a new store holds: a clinic of invented people with accounts to sign in as, or nothing
    #[arg(long, value_enum, default_value = "demo")]
    seed: Seed,
    /// Keep the store in this file; without it, everything is forgotten at the end
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// File new requests while it runs: an urgent one after 6 to 9 s, then one every 45 to 90 s
    #[arg(long)]
    live: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command: Command::Mock(arguments) } = Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .init();
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Mock) -> Result<(), StartError> {
    let mut running = start(arguments).await?;
    announce(&running);
    tokio::select! {
        () = told_to_stop() => tracing::info!("stopping"),
        () = running.ended() => return Ok(()),
    }
    running.stop().await;
    Ok(())
}

async fn start(arguments: Mock) -> Result<Running, StartError> {
    let variable = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let mut problems = Vec::new();
    let port = match variable("MOCK_CHATEHR_PORT").filter(|text| !text.is_empty()) {
        Some(text) => text.parse().unwrap_or_else(|_| {
            problems.push("MOCK_CHATEHR_PORT must be a port, 0 to 65535".to_owned());
            DEFAULT_PORT
        }),
        None => DEFAULT_PORT,
    };
    let listen = arguments.listen.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let mut config = Config::new(
        listen,
        variable("CHATEHR_API_KEY").unwrap_or_default(),
        variable("CHATEHR_ROOT_SECRET").unwrap_or_default(),
    );
    config.seed = arguments.seed;
    config.database = arguments.database;
    config.live = arguments.live;
    problems.extend(config.problems());
    if !problems.is_empty() {
        return Err(StartError::Configuration(problems));
    }
    if !listen.ip().is_loopback() {
        tracing::warn!(address = %listen, "listening without TLS on an address that other machines may reach");
    }
    mock::start(config).await
}

/// A launcher reads this line.
fn announce(running: &Running) {
    let mut out = io::stdout().lock();
    let written =
        writeln!(out, "chatehr-server listening on {}", running.base_url()).and_then(|()| out.flush());
    if written.is_err() {
        tracing::warn!(url = running.base_url(), "listening, but standard output is closed");
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
