//! The program as an administrator meets it: its settings, its log, its metrics, its certificate and its stop.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use chatehr_server::settings::SETTINGS;
use serde_json::{Value, json};

use crate::support::{API_KEY, Clinic};

/// The program without anything of this environment.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatehr-server"));
    command.env_clear().args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn with_secrets(arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.env("CHATEHR_API_KEY", API_KEY).env("CHATEHR_ROOT_SECRET", "s".repeat(32));
    command
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn check(mode: &str, settings: &[(&str, &str)]) -> Output {
    with_secrets(&["check-config", mode]).envs(settings.iter().copied()).output().unwrap()
}

#[test]
fn a_name_of_another_program_in_the_environment_is_told_and_stops_nothing() {
    let output = check("mock", &[("CHATEHR_OF_ANOTHER_PROGRAM", "x"), ("CHATEHR_DATA_DIR", "/tmp")]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("CHATEHR_OF_ANOTHER_PROGRAM is not a setting of this program"));
    assert!(!said(&output).contains("CHATEHR_DATA_DIR"), "the desktop's are known");
}

#[test]
fn settings_are_checked_whole_without_a_start() {
    let sound = [("CHATEHR_OIDC_ISSUER", "https://login.example.org"), ("CHATEHR_OIDC_AUDIENCE", "chatehr")];
    for (mode, settings) in [("mock", &[][..]), ("standalone", &sound)] {
        let output = check(mode, settings);
        assert_eq!(output.status.code(), Some(0), "{mode} {}", said(&output));
        assert_eq!(output.stdout, b"the settings can be used\n");
    }
    let output = program(&["check-config", "standalone"])
        .envs([
            ("CHATEHR_ROOT_SECRET", "short"),
            ("CHATEHR_LISTEN", "everywhere"),
            ("CHATEHR_TIMEOUT", "soon"),
            ("CHATEHR_STREAMS", "-1"),
            ("CHATEHR_RATE_READ", "fast"),
            ("CHATEHR_RATE_WRITE", "0/0"),
            ("CHATEHR_TLS_CERT", "/no/such/file.pem"),
            ("CHATEHR_MACHINES", "kiosk=abc"),
            ("CHATEHR_OIDC_AUDIENCE", "chatehr"),
            ("CHATEHR_TRUSTED_PROXIES", "10.1.2.3/8"),
            ("CHATEHR_ESCALATION", "{\"urgent\": null}"),
            ("CHATEHR_POLICY", "{\"keepAuditDays\": 30}"),
            ("CHATEHR_ENABLE_AUDIT", "false"),
            ("CHATEHR_ENABLE_ENCRYPTION", "perhaps"),
            ("CHATEHR_METRICS_LISTEN", "9090"),
            ("CHATEHR_DATABSE", "/tmp/x"),
        ])
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
    let said = said(&output);
    for name in [
        "CHATEHR_API_KEY is not set",
        "CHATEHR_ROOT_SECRET has 5 bytes",
        "CHATEHR_LISTEN must",
        "CHATEHR_TIMEOUT must",
        "CHATEHR_STREAMS must",
        "CHATEHR_RATE_READ must",
        "CHATEHR_RATE_WRITE must",
        "CHATEHR_TLS_CERT and CHATEHR_TLS_KEY belong together",
        "CHATEHR_MACHINES must",
        "CHATEHR_OIDC_AUDIENCE needs",
        "CHATEHR_TRUSTED_PROXIES",
        "CHATEHR_ESCALATION",
        "CHATEHR_POLICY keepAuditDays",
        "CHATEHR_ENABLE_AUDIT may be false",
        "CHATEHR_ENABLE_ENCRYPTION must",
        "CHATEHR_METRICS_LISTEN must",
        "CHATEHR_DATABSE is not a setting of this program",
    ] {
        assert!(said.contains(name), "{name} is not in: {said}");
    }
}

#[test]
fn each_mode_says_what_it_cannot_do_without() {
    let output = check("standalone", &[]);
    assert!(
        output.status.code() == Some(1) && said(&output).contains("CHATEHR_OIDC_ISSUER"),
        "{}",
        said(&output)
    );
    let output = check("standalone", &[("CHATEHR_OIDC_ISSUER", "https://login.example.org")]);
    assert!(said(&output).contains("CHATEHR_OIDC_AUDIENCE is not set"), "{}", said(&output));
    let insecure =
        [("CHATEHR_OIDC_ISSUER", "http://login.example.org"), ("CHATEHR_OIDC_AUDIENCE", "chatehr")];
    assert!(said(&check("standalone", &insecure)).contains("https://"));
    let output = check("gateway", &[]);
    assert!(said(&output).contains("CHATEHR_API_URL is not set"), "{}", said(&output));
    assert!(said(&output).contains("CHATEHR_OIDC_ISSUER"), "{}", said(&output));
    // The original's own switches are understood where nothing is at stake, and its names are not complained of.
    let originals = [
        ("CHATEHR_CLIENT_ID", "x"),
        ("CHATEHR_CLIENT_SECRET", "y"),
        ("MOCK_CHATEHR_ENABLED", "true"),
        ("CHATEHR_ENABLE_AUDIT", "false"),
        ("CHATEHR_TIMEOUT", "30000"),
        ("MOCK_CHATEHR_PORT", "4001"),
    ];
    assert_eq!(check("mock", &originals).status.code(), Some(0));
    let outside = [("CHATEHR_ENABLE_ENCRYPTION", "false"), ("CHATEHR_LISTEN", "0.0.0.0:4000")];
    assert_eq!(check("mock", &outside).status.code(), Some(1));
}

#[test]
fn a_file_says_what_the_environment_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let checked = |settings: &Value, variables: &[(&str, &str)]| {
        std::fs::write(&file, settings.to_string()).unwrap();
        let mut command = program(&["check-config", "mock", "--config"]);
        command.arg(&file).envs(variables.iter().copied()).output().unwrap()
    };
    let whole = json!({
        "CHATEHR_API_KEY": API_KEY, "CHATEHR_ROOT_SECRET": "s".repeat(32), "CHATEHR_STREAMS": 3,
        "CHATEHR_ESCALATION": { "urgent": 300 }, "CHATEHR_DATABASE": null, "CHATEHR_TLS_CERT": "",
    });
    let output = checked(&whole, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let output = checked(&whole, &[("CHATEHR_API_KEY", "two words")]);
    assert!(said(&output).contains("CHATEHR_API_KEY must be printable"), "the environment goes first");
    let mut wrong = whole.clone();
    wrong["CHATEHR_STREAM"] = json!(3);
    wrong["CHATEHR_POLICY"] = json!({ "lockAfter": 1 });
    let told = said(&checked(&wrong, &[]));
    assert!(told.contains("CHATEHR_STREAM in") && told.contains("CHATEHR_POLICY"), "{told}");
    for broken in [json!([]), json!("x")] {
        assert!(said(&checked(&broken, &[])).contains("is not a JSON object"));
    }
    let output = with_secrets(&["check-config", "mock", "--config", "/no/such/file"]).output().unwrap();
    assert!(output.status.code() == Some(1) && said(&output).contains("/no/such/file cannot be read"));
}

#[test]
fn help_names_every_setting_and_a_slip_in_the_arguments_is_code_two() {
    for mode in ["mock", "standalone", "gateway", "check-config"] {
        let output = program(&[mode, "--help"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let help = String::from_utf8(output.stdout).unwrap();
        for (name, about, _) in SETTINGS {
            assert!(help.contains(name), "{mode} {name}");
            assert!(about.len() > 10);
        }
        assert!(help.contains("LOG_FORMAT") && help.contains("Exit code"), "{mode}");
    }
    for slip in [
        &["mok"][..],
        &[],
        &["mock", "--lisen", "x"],
        &["mock", "--seed", "large:0"],
        &["check-config", "all"],
    ] {
        assert_eq!(with_secrets(slip).output().unwrap().status.code(), Some(2), "{slip:?}");
    }
    assert_eq!(program(&["--version"]).output().unwrap().status.code(), Some(0));
}

/// Starts it, and says where it listens.
fn started(command: &mut Command) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let Some(url) = line.trim_end().strip_prefix("chatehr-server listening on ") else {
        let mut why = String::new();
        child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
        panic!("{line:?} {why}");
    };
    (child, url.to_owned())
}

/// Tells it to stop; how it ended and what it logged.
#[cfg(unix)]
fn stopped(mut child: Child) -> (Option<i32>, String) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    (child.wait().unwrap().code(), log)
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_under_way_and_the_log_is_json_when_asked() {
    let mut command = with_secrets(&["mock", "--listen", "127.0.0.1:0", "--latency", "700"]);
    let (child, url) =
        started(command.env("LOG_FORMAT", "json").env("CHATEHR_METRICS_LISTEN", "127.0.0.1:0"));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let under_way: Vec<_> = (0..20)
        .map(|n| {
            let request = client.get(format!("{url}/patients?query=Szymanska{n}")).bearer_auth(API_KEY);
            tokio::spawn(async move {
                let response = request.send().await.unwrap();
                (response.status().as_u16(), response.text().await.unwrap())
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(350)).await;
    let stop = tokio::task::spawn_blocking(move || stopped(child));
    for answer in under_way {
        let (status, body) = answer.await.unwrap();
        assert_eq!((status, body.starts_with('[')), (200, true), "cut off by the stop");
    }
    let (code, log) = stop.await.unwrap();
    assert_eq!(code, Some(0));
    assert!(client.get(format!("{url}/health")).send().await.is_err(), "nobody listens any more");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered = lines.iter().filter(|line| line["fields"]["message"] == "answered").count();
    assert_eq!(answered, 20, "{log}");
    assert!(!log.contains("Szymanska") && !log.contains(API_KEY), "neither words nor keys are logged");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_readiness_are_told_at_an_address_of_their_own() {
    let clinic = Clinic::standalone(|config| config.metrics = Some("127.0.0.1:0".parse().unwrap())).await;
    let address = clinic.running.metrics.unwrap();
    assert_ne!(address, clinic.running.address);
    clinic.machine().get("/patients/patient-2041").await;
    clinic.machine().get("/consultations/consultation-3080").await;
    let get = async |path: &str| {
        let response = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = response.get(format!("http://{address}{path}")).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(get("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(get("/readyz").await, (200, "ready\n".to_owned()));
    let (status, text) = get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("/v1/patients/{id}") && text.ends_with("# EOF\n"), "{text}");
    assert!(!text.contains("2041") && !text.contains("3080"), "no id of a patient or record is a label");
    assert_eq!(get("/v1/health").await.0, 404, "and nothing else is there");
    for path in ["/metrics", "/livez", "/readyz"] {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let reply = client.get(format!("http://{}{path}", clinic.running.address)).send().await.unwrap();
        assert_eq!(reply.status(), 401, "nor are they where clients ask");
    }
}

/// What everybody who may read it sees of a process and of all that it has started.
#[cfg(target_os = "linux")]
fn seen_of(process: u32) -> String {
    let read = |name: &str| std::fs::read(format!("/proc/{process}/{name}")).unwrap_or_default();
    let mut seen = [read("cmdline"), read("environ")].concat();
    for task in std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
            seen.extend(seen_of(child).into_bytes());
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn secrets_leave_the_environment_and_a_crash_leaves_neither_them_nor_an_image_of_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (root, legacy) = ("canary-root-".repeat(4), "canary-of-a-client-secret");
    let mut command = program(&["mock", "--listen", "127.0.0.1:0"]);
    command.envs([("CHATEHR_API_KEY", API_KEY), ("CHATEHR_ROOT_SECRET", &root), ("RUST_LOG", "debug")]);
    let (mut child, url) = started(command.env("CHATEHR_CLIENT_SECRET", legacy).current_dir(folder.path()));
    let seen = seen_of(child.id());
    assert!(seen.contains("RUST_LOG=debug") && seen.contains("127.0.0.1:0"), "{seen}");
    for secret in [API_KEY, &root, legacy] {
        assert!(!seen.contains(secret), "{seen}");
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |key: &str| {
        let answer = client.get(format!("{url}/specialties")).bearer_auth(key).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!((ask(API_KEY).await, ask(legacy).await), (200, 401), "and it goes by them");

    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert!(Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it crashed");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    for secret in [API_KEY, &root, legacy] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn secrets_may_stand_in_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (key, root) = (folder.path().join("api-key"), folder.path().join("root-secret"));
    std::fs::write(&key, format!("{API_KEY}\n")).unwrap();
    std::fs::write(&root, "s".repeat(32)).unwrap();
    let with_files = |arguments: &[&str]| {
        let mut command = program(arguments);
        command.env("CHATEHR_API_KEY_FILE", &key).env("CHATEHR_ROOT_SECRET_FILE", &root);
        command
    };
    let (child, url) = started(&mut with_files(&["mock", "--listen", "127.0.0.1:0"]));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let reply = client.get(format!("{url}/specialties")).bearer_auth(API_KEY).send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 200);
    assert_eq!(stopped(child).0, Some(0));
    let both = with_files(&["check-config", "mock"]).env("CHATEHR_API_KEY", API_KEY).output().unwrap();
    assert!(said(&both).contains("CHATEHR_API_KEY and CHATEHR_API_KEY_FILE are both set"), "{}", said(&both));
    std::fs::remove_file(&root).unwrap();
    let output = with_files(&["check-config", "mock"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("root-secret cannot be read"), "{}", said(&output));
}

fn certificate(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf, reqwest::Certificate) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (chain, key, reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap())
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_it_speaks_tls_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key, ours) = certificate(folder.path());
    let mut command = with_secrets(&["standalone", "--listen", "127.0.0.1:0", "--seed", "demo"]);
    let (child, url) = started(command.env("CHATEHR_TLS_CERT", &chain).env("CHATEHR_TLS_KEY", &key));
    assert!(url.starts_with("https://127.0.0.1:") && url.ends_with("/api/chatehr"), "{url}");
    let trusting = reqwest::Client::builder().no_proxy().tls_certs_only([ours]).build().unwrap();
    let reply = trusting.get(format!("{url}/specialties")).bearer_auth(API_KEY).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.version()), (200, reqwest::Version::HTTP_2));
    let careful = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(careful.get(format!("{url}/health")).send().await.is_err(), "nobody vouches for it");
    let plain = url.replace("https://", "http://");
    assert!(careful.get(format!("{plain}/health")).send().await.is_err(), "there is no plain HTTP beside it");
    let (code, log) = tokio::task::spawn_blocking(move || stopped(child)).await.unwrap();
    assert_eq!(code, Some(0));
    assert!(log.contains("CHATEHR_DATABASE"), "a clinic is told that nothing is kept: {log}");

    std::fs::write(&key, "nothing").unwrap();
    let files = [("CHATEHR_TLS_CERT", chain.to_str().unwrap()), ("CHATEHR_TLS_KEY", key.to_str().unwrap())];
    let output = tokio::task::spawn_blocking({
        let files = files.map(|(name, file)| (name.to_owned(), file.to_owned()));
        move || with_secrets(&["check-config", "mock"]).envs(files).output().unwrap()
    });
    let output = output.await.unwrap();
    assert!(
        output.status.code() == Some(1) && said(&output).contains("holds no private key"),
        "{}",
        said(&output)
    );
}
