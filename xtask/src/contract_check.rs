//! Asks the server whatever its own description allows, and what it forbids, and holds every answer to that description.
//!
//! Promises: both surfaces, as each of the four who may ask; the same questions every time in `cargo xtask test`, others
//! each time in `cargo xtask contract`. Refuses: the stream of events, which has no end, and to judge whether an answer is
//! right: only whether it is one that was promised.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use chatehr_journey::{Failure, Places, Server, tied};

use crate::{
    Outcome, packages,
    step::{cargo, step, succeed, target},
};

/// Asks by the description. The version is pinned: a new one asks other questions.
const SCHEMATHESIS: &str = "4.32.5";
/// Cases of each route for each caller in a round of the short run, beyond those that follow from the description alone.
/// Few, so that the first round comes to every route.
const FEW: &str = "9";
/// Seconds for which rounds are repeated: four pairs of surfaces, one after the other, in two minutes.
const SECONDS: &str = "26";
/// What is not asked of an answer. That everything that the description allows is accepted: whether a physician has that
/// specialty stands in no schema. Who may have what, with or without a token: that has its own tests, and who asks so much
/// without one is told to wait (429), which those checks take for a hole. That who has made a record can read it: who
/// asks for a consultation of another specialty for a patient does not see it afterwards.
const NOT_CHECKED: &str = "positive_data_acceptance,object_level_authorization,ignored_auth,\
                           missing_required_header,ensure_resource_availability";
/// The token goes by the environment, since arguments can be read by every user of the machine. What is wrong may also be
/// too large, or name a version or a place that there is not: 410, 412 and 413 refuse it as well.
const CONFIG: &str = r#"headers = { Authorization = "Bearer ${CHATEHR_TOKEN}" }

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 428, 429]
"#;
/// Who asks, and with which test account; the machine has its key.
const CALLERS: [(&str, Option<&str>); 4] = [
    ("physician", Some("482913")),
    ("patient", Some("205117")),
    ("admin", Some("918364")),
    ("machine", None),
];
const SURFACES: [(&str, &str); 2] = [("v1", "/v1"), ("gateway", "/api/chatehr")];

/// How much is asked.
#[derive(Clone, Copy)]
enum Extent {
    /// As much as goes into two minutes.
    Quick,
    /// So many of each route, by each caller.
    Cases(u32),
}

/// The short run of `cargo xtask test`.
pub(crate) fn quick() -> Outcome<()> {
    build("dev")?;
    check(&Places::below(&target(), "debug").program("chatehr-server")?, Extent::Quick)
}

/// The long one: so many cases for each route of each surface, shared among the callers.
pub(crate) fn contract(cases: u32) -> Outcome<()> {
    build("release")?;
    let server = Places::below(&target(), "release").program("chatehr-server")?;
    check(&server, Extent::Cases(cases.div_ceil(4)))
}

fn build(profile: &str) -> Outcome<()> {
    step("server", || succeed(&mut cargo(&["build", "-p", "chatehr-server", "--bins", "--profile", profile])))
}

fn check(program: &Path, extent: Extent) -> Outcome<()> {
    let place = target().join("contract");
    let schemathesis = installed(&place)?;
    let config = place.join("schemathesis.toml");
    fs::write(&config, CONFIG).map_err(|error| Failure::new(format!("{}: {error}", config.display())))?;
    let mut failed = Vec::new();
    for (caller, code) in CALLERS {
        let log = place.join("server.log");
        fs::remove_file(&log).ok();
        let server = Server::start_clinic(program, &log)?;
        let token = match code {
            Some(code) => server.sign_in(code)?,
            None => server.key().to_owned(),
        };
        // Both at once: the asking takes longer than the answering.
        let mut asking = Vec::new();
        for (name, base) in SURFACES {
            let report = place.join(format!("{caller}-{name}.log"));
            let url = format!("http://127.0.0.1:{}{base}/openapi.json", server.port());
            let mut command = tied(&schemathesis);
            command.arg("--config-file").arg(&config).args(["run", &url]).args(questions(caller, extent));
            command.env("CHATEHR_TOKEN", &token);
            asking.push((report.clone(), Instant::now(), start(command, &place, &report)?));
        }
        for (report, began, mut child) in asking {
            let status = child.wait().map_err(|error| Failure::new(format!("schemathesis: {error}")))?;
            let said = fs::read_to_string(&report).unwrap_or_default();
            let name = report.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let seconds = began.elapsed().as_secs_f64();
            eprintln!(
                "    {name:<20} {:<50} {seconds:>7.1} s",
                cases(&said).unwrap_or("did not come to an end")
            );
            if !status.success() {
                failed.push(format!("{name} ({}):\n{}", report.display(), tail(&said)));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\n\n"))) }
}

fn questions(caller: &str, extent: Extent) -> Vec<String> {
    let mut words = vec![
        "--no-color".to_owned(),
        "--generation-database=none".to_owned(),
        "--exclude-path=/events".to_owned(),
        "--checks=all".to_owned(),
        // The tokens end with the server, and a header that cannot be seen cannot be sent again.
        "--output-sanitize=false".to_owned(),
        format!("--exclude-checks={NOT_CHECKED}"),
    ];
    if caller != "machine" {
        // It would be the last thing that the session could ask. A machine has none to end, and is told so.
        words.push("--exclude-operation-id=sessionEnd".to_owned());
    }
    match extent {
        Extent::Quick => words.extend(
            [
                &format!("--max-examples={FEW}"),
                &format!("--max-time={SECONDS}"),
                "--seed=1",
                "--phases=examples,coverage,fuzzing",
            ]
            .map(str::to_owned),
        ),
        Extent::Cases(cases) => {
            words.extend([format!("--max-examples={cases}"), "--continue-on-failure".to_owned()]);
        }
    }
    words
}

fn start(mut command: Command, place: &Path, report: &Path) -> Outcome<Child> {
    let cannot = |error: std::io::Error| Failure::new(format!("{}: {error}", report.display()));
    let out = File::create(report).map_err(cannot)?;
    let err = out.try_clone().map_err(cannot)?;
    command.current_dir(place).stdin(Stdio::null()).stdout(out).stderr(err);
    command.spawn().map_err(|error| Failure::new(format!("schemathesis could not be started: {error}")))
}

/// Where schemathesis is, put there if it is not.
fn installed(place: &Path) -> Outcome<PathBuf> {
    let venv = place.join(format!("schemathesis-{SCHEMATHESIS}"));
    let programs = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let program = programs.join(format!("schemathesis{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program);
    }
    packages::require(packages::CONTRACT)?;
    step(&format!("schemathesis {SCHEMATHESIS} from PyPI"), || {
        fs::create_dir_all(place).map_err(|error| Failure::new(format!("{}: {error}", place.display())))?;
        let python = if cfg!(windows) { "python" } else { "python3" };
        succeed(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
        let wanted = format!("schemathesis=={SCHEMATHESIS}");
        succeed(Command::new(programs.join("pip")).args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            &wanted,
        ]))
    })?;
    Ok(program)
}

/// `2051 generated, 2051 passed`
fn cases(said: &str) -> Option<&str> {
    let (_, after) = said.rsplit_once("Test cases:\n")?;
    after.lines().next().map(str::trim)
}

fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    // What failed stands before the warnings.
    let end = lines.iter().position(|line| line.contains(" WARNINGS ")).unwrap_or(lines.len());
    let shown = lines.get(end.saturating_sub(80)..end).unwrap_or_default();
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Extent, cases, questions, tail};

    #[test]
    fn the_figures_are_read_off_the_report() {
        let report = "Phases\n\nTest cases:\n  2051 generated, 2049 passed\n\nSeed: 1\n";
        assert_eq!(cases(report), Some("2051 generated, 2049 passed"));
        assert_eq!(cases("Traceback"), None);
    }

    #[test]
    fn a_failure_is_shown_without_the_warnings_that_follow() {
        let report = "one\nFAILED here\n===== WARNINGS =====\nmany\n";
        assert_eq!(tail(report), "one\nFAILED here");
    }

    #[test]
    fn a_session_is_not_ended_while_it_asks() {
        let asks = |caller| questions(caller, Extent::Quick).join(" ");
        assert!(asks("patient").contains("sessionEnd"));
        assert!(!asks("machine").contains("sessionEnd"));
    }
}
