use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
};

use chatehr_server::{Seed, StartError, start};

use crate::support::{API_KEY, Clinic, config};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatehr-server"));
    for name in ["CHATEHR_API_KEY", "CHATEHR_ROOT_SECRET", "MOCK_CHATEHR_PORT", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.arg("mock").stdin(Stdio::null());
    command
}

fn with_secrets() -> Command {
    let mut command = program();
    command.env("CHATEHR_API_KEY", API_KEY).env("CHATEHR_ROOT_SECRET", "s".repeat(32));
    command
}

#[test]
fn missing_secrets_stop_the_start_and_are_all_named() {
    let output =
        program().args(["--seed", "empty", "--live"]).env("MOCK_CHATEHR_PORT", "many").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    for name in ["CHATEHR_API_KEY", "CHATEHR_ROOT_SECRET", "MOCK_CHATEHR_PORT", "--live"] {
        assert!(said.contains(name), "{name} is not named in: {said}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn a_short_root_secret_is_no_secret() {
    let output = with_secrets().env("CHATEHR_ROOT_SECRET", "s".repeat(31)).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("CHATEHR_ROOT_SECRET has 31 bytes"), "{said}");
    assert!(!said.contains("sss"), "the secret itself is not shown");
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = with_secrets().args(["--listen", &format!("127.0.0.1:{port}")]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("port {port} is already in use")) && said.contains("--listen"), "{said}");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.txt");
    std::fs::write(&file, "Dear colleague, ".repeat(200)).unwrap();
    let output = with_secrets().args(["--listen", "127.0.0.1:0", "--database"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--database"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "Dear colleague, ".repeat(200));
}

#[cfg(unix)]
#[test]
fn the_first_line_says_where_and_sigterm_ends_it_well() {
    let mut child = with_secrets()
        .env("MOCK_CHATEHR_PORT", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line
        .strip_prefix("chatehr-server listening on http://127.0.0.1:")
        .and_then(|rest| rest.strip_suffix("/v1\n"))
        .and_then(|port| port.parse::<u16>().ok());
    assert!(port.is_some_and(|port| port != 0), "{line:?}");
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port.unwrap())).unwrap();
    let request = format!(
        "GET /v1/patients?query=Szymanska HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("/v1/patients") && log.contains("status=200"), "{log}");
    assert!(!log.contains("Szymanska"), "what was searched for is not in the log");
    assert!(!log.contains(API_KEY) && !log.contains("sss"), "no secret in the log");
}

#[test]
fn help_names_everything_an_administrator_needs() {
    let help = String::from_utf8(program().arg("--help").output().unwrap().stdout).unwrap();
    for word in [
        "--listen",
        "--seed",
        "--database",
        "--live",
        "CHATEHR_API_KEY",
        "CHATEHR_ROOT_SECRET",
        "MOCK_CHATEHR_PORT",
        "RUST_LOG",
        "TLS",
        "Exit code",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

#[tokio::test]
async fn a_stopped_server_leaves_its_port_free() {
    let clinic = Clinic::open().await;
    let address = clinic.running.address;
    clinic.running.stop().await;
    let again = Clinic::with(|config| config.listen = address).await;
    assert_eq!(again.running.address, address);
}

#[tokio::test]
async fn a_library_start_is_as_strict() {
    let mut config = config();
    config.api_key = "two words".to_owned();
    config.root_secret = Vec::new();
    config.seed = Seed::Empty;
    config.live = true;
    match start(config).await {
        Err(StartError::Configuration(problems)) => assert_eq!(problems.len(), 3, "{problems:?}"),
        other => panic!("{other:?}"),
    }
}
