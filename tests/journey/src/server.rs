//! The demonstration server as a program of its own, with keys made for this run.

use std::{io::Write as _, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    Failure, Outcome, http,
    process::{Running, tied},
};

/// What only the server and its workstations know. A server that is to open what an earlier one wrote needs the same.
#[derive(Clone)]
pub(crate) struct Secrets {
    key: String,
    root: String,
}

impl Secrets {
    /// New ones.
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self { key: secret()?, root: secret()? })
    }

    /// What a workstation must know.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

/// A running `chatehr-server mock`.
#[derive(Debug)]
pub struct Server {
    running: Running,
    port: u16,
    key: String,
}

impl Server {
    /// Starts it on a free port of this machine, with the demonstration's people and records.
    ///
    /// Secrets go by the environment: arguments can be read by every user of the machine.
    pub fn start(program: &Path, more: &[&str], log: &Path) -> Outcome<Self> {
        Self::start_at(program, 0, &Secrets::new()?, more, log)
    }

    /// The same at a port and with secrets that are known before.
    pub(crate) fn start_at(
        program: &Path,
        port: u16,
        secrets: &Secrets,
        more: &[&str],
        log: &Path,
    ) -> Outcome<Self> {
        Self::start_so(program, port, secrets, more, &[], log)
    }

    /// The same with more settings.
    pub(crate) fn start_so(
        program: &Path,
        port: u16,
        secrets: &Secrets,
        more: &[&str],
        settings: &[(&str, &str)],
        log: &Path,
    ) -> Outcome<Self> {
        let mut command = tied(program);
        command
            .args(["mock", "--seed", "demo", "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .args(more)
            .envs(settings.iter().copied())
            .env("CHATEHR_ROOT_SECRET", &secrets.root);
        Self::listening(command, secrets, log)
    }

    /// The same with more settings, such as whose tokens are believed.
    pub fn start_with(program: &Path, more: &[&str], settings: &[(&str, &str)], log: &Path) -> Outcome<Self> {
        let secrets = Secrets::new()?;
        let mut command = tied(program);
        command
            .args(["mock", "--seed", "demo", "--listen", "127.0.0.1:0"])
            .args(more)
            .envs(settings.iter().copied())
            .env("CHATEHR_ROOT_SECRET", &secrets.root);
        Self::listening(command, &secrets, log)
    }

    /// A clinic's own, with the demonstration's people and records, for a program that asks more than people do.
    pub fn start_clinic(program: &Path, log: &Path) -> Outcome<Self> {
        let secrets = Secrets::new()?;
        let mut command = tied(program);
        command
            .args(["standalone", "--seed", "demo", "--listen", "127.0.0.1:0"])
            .env("CHATEHR_ROOT_SECRET", &secrets.root)
            .env("CHATEHR_RATE_READ", "1000000/1000000")
            .env("CHATEHR_RATE_WRITE", "1000000/1000000")
            .env("RUST_LOG", "warn");
        Self::listening(command, &secrets, log)
    }

    fn listening(mut command: Command, secrets: &Secrets, log: &Path) -> Outcome<Self> {
        command.env("CHATEHR_API_KEY", &secrets.key);
        let (running, line) = Running::start_and_read("chatehr-server", command, log)?;
        let port = line
            .strip_prefix("chatehr-server listening on http://127.0.0.1:")
            .and_then(|rest| rest.split('/').next()?.parse().ok())
            .ok_or_else(|| Failure::new(format!("the server did not say where it listens, but: {line}")))?;
        Ok(Self { running, port, key: secrets.key.clone() })
    }

    /// Signs in with a test account's code and gives the token.
    pub fn sign_in(&self, code: &str) -> Outcome<String> {
        let session = self.ask("POST", "/test/sign-in", None, None, Some(&json!({ "code": code })))?;
        let token = session.get("token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| Failure::new("a sign-in gave no token"))
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a workstation must know: the key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The process, for whoever wants to take the server away.
    pub fn process(&self) -> u32 {
        self.running.id()
    }

    /// The address for `CHATEHR_API_URL`, at the server itself or at what stands before it.
    pub fn url(port: u16) -> String {
        format!("http://127.0.0.1:{port}/v1")
    }

    /// The demonstration's own provider, for `CHATEHR_OIDC_ISSUER`.
    pub fn issuer(port: u16) -> String {
        format!("http://127.0.0.1:{port}/issuer")
    }

    /// Asks it something below `/v1`, as the bearer of `token`, else of the key.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        header: Option<(&str, &str)>,
        body: Option<&Value>,
    ) -> Outcome<Value> {
        let bearer = format!("Bearer {}", token.unwrap_or(&self.key));
        let mut headers = vec![("Authorization", bearer.as_str())];
        headers.extend(header);
        http::ask(self.port, method, &format!("/v1{path}"), &headers, body)
            .and_then(http::Answer::success)
            .map_err(|why| Failure::new(format!("{method} /v1{path}: {why}")))
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.running.has_ended()
    }
}

/// A demonstration that another program runs on this machine.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Where its server listens.
    pub port: u16,
    /// The key of its workstations.
    pub key: String,
}

impl Neighbour {
    /// Writes down where this server is, for others of the same person.
    pub fn announce(server: &Server, file: &Path) -> Outcome<()> {
        let cannot = |error: std::io::Error| Failure::new(format!("{}: {error}", file.display()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut note = options.open(file).map_err(cannot)?;
        writeln!(note, "{}\n{}", server.port, server.key).map_err(cannot)
    }

    /// The one that is written down, if it is still there and answers to its key.
    pub fn find(file: &Path) -> Option<Self> {
        let note = std::fs::read_to_string(file).ok()?;
        let (port, key) = note.trim().split_once('\n')?;
        let found = Self { port: port.parse().ok()?, key: key.to_owned() };
        let bearer = format!("Bearer {}", found.key);
        let asked = http::ask(found.port, "GET", "/v1/test/accounts", &[("Authorization", &bearer)], None);
        asked.and_then(http::Answer::success).is_ok().then_some(found)
    }
}

/// 256 bits in hexadecimal.
fn secret() -> Outcome<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
