//! What the desktop shows of an alert, on a real bus with a real notification service: the button, the repeat, what is
//! taken away, a service that dies; and `alert-test`, which tells what a desktop does.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};

use crate::{
    Failure, Outcome, Places,
    misfortunes::check,
    notification::{self, Call},
    process::wait_for,
    record::{Record, Step},
    scene::{COLLEAGUE, PATIENT, PHYSICIAN, connection, unwrapped},
    steps::alerts_to,
    webdriver::{test, test_with},
    workplace::Workplace,
};

/// The workstation's own wish, so that nobody waits half a minute for a repeat.
const WISHES: &str = r#"{"emergency": {"repeatSeconds": 10}}"#;

type Turn = fn(&mut Workplace<'_>) -> Outcome<()>;

const TURNS: &[(&str, Turn)] = &[
    ("alert-test without a notification service says so: 1", tested_without),
    ("alert-test: clicked 0, closed 0, nobody 2, called wrongly 3", tested),
    ("a physician signs in; what waited before is taken", signs_in),
    ("Acknowledge on the notification: the server has it, it goes", acknowledged),
    ("unanswered, it repeats in the place of the first", repeated),
    ("a colleague accepts it: the notification is taken away", taken_elsewhere),
    ("the notification service dies: the window alerts and says so", service_dies),
    ("it is back: what still waits is shown again", service_returns),
    ("on record: where it was shown, heard, put off and opened", on_record),
    ("the window is closed: no notification outlives the program", outlived_by_none),
];

/// Walks through it in a desktop session of its own and tells each step as it ends. An error means that it could not
/// even begin.
pub fn notices(places: &Places, tell: &mut dyn FnMut(&Step)) -> Outcome<Vec<Step>> {
    let mut record = Record::begin(&places.pictures)?;
    let mut place = Workplace::new(places)?;
    for (name, turn) in TURNS {
        let step = record.step(
            name,
            &mut place,
            |place| turn(place),
            |place, file: &Path| place.picture(file).or_else(|_| place.session.picture(file)),
        );
        tell(&step);
    }
    record.finish()
}

/// What `alert-test` said and its exit code, after somebody has done something with what it shows.
fn alert_test(
    place: &Workplace<'_>,
    words: &[&str],
    meanwhile: impl FnOnce() -> Outcome<()>,
) -> Outcome<(String, Option<i32>)> {
    let failed = |error: std::io::Error| Failure::new(format!("alert-test could not be run: {error}"));
    let mut command = place.session.command(place.program("chatehr-desktop")?);
    command.arg("alert-test").args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(failed)?;
    let done = meanwhile();
    let output = child.wait_with_output().map_err(failed)?;
    let said = [output.stdout, output.stderr].concat();
    done?;
    Ok((String::from_utf8_lossy(&said).into_owned(), output.status.code()))
}

fn told(outcome: &(String, Option<i32>), code: i32, parts: &[&str]) -> Outcome<()> {
    let (said, ended) = outcome;
    check(*ended == Some(code), || format!("it ended with {ended:?} instead of {code}:\n{said}"))?;
    parts
        .iter()
        .try_for_each(|part| check(said.contains(part), || format!("it does not say \"{part}\":\n{said}")))
}

fn tested_without(place: &mut Workplace<'_>) -> Outcome<()> {
    let outcome = alert_test(place, &["--wait", "5"], || Ok(()))?;
    told(&outcome, 1, &["Service:       none", "Shown:         no", "Keep this window in sight"])
}

fn tested(place: &mut Workplace<'_>) -> Outcome<()> {
    place.session.start_notifications()?;
    let place = &*place;
    let clicked = alert_test(place, &["--wait", "20"], || {
        until_displayed(place, 1)?;
        dunst(place, &["action", "0"])
    })?;
    told(&clicked, 0, &["Service:       dunst", "Shown:         yes", "Then:          clicked"])?;
    let closed = alert_test(place, &["--wait", "20"], || {
        until_displayed(place, 1)?;
        dunst(place, &["close"])
    })?;
    told(&closed, 0, &["Then:          closed"])?;
    let nobody = alert_test(place, &["--wait", "1"], || Ok(()))?;
    told(&nobody, 2, &["nobody knows whether it was seen"])?;
    until_displayed(place, 0)?;
    told(&alert_test(place, &["--wait", "long"], || Ok(()))?, 3, &["--wait SECONDS"])
}

fn signs_in(place: &mut Workplace<'_>) -> Outcome<()> {
    place.session.start_keyring()?;
    place.start_server()?;
    let token = token(place, PHYSICIAN)?;
    let waiting = "/consultations?status=pending&limit=100";
    let waiting = unwrapped(place.server()?.ask("GET", waiting, Some(&token), None, None)?);
    for one in waiting.as_array().into_iter().flatten() {
        if one.get("urgency") != Some(&json!("routine")) {
            take(place, &token, &word(one, "id"))?;
        }
    }
    let mut settings = place.settings();
    settings.insert("CHATEHR_ALERTS", WISHES.to_owned());
    let window = place.open_with(settings)?;
    window.press(&test_with("sign-in-account", "code", PHYSICIAN))?;
    connection(window, "online")?;
    window.press(&test("enrol-later"))?;
    check(displayed(place)? == 0, || "something is on the screen that nobody has asked for".to_owned())
}

fn acknowledged(place: &mut Workplace<'_>) -> Outcome<()> {
    let id = request(place, "urgent")?;
    alerts_to(place.window()?, &id)?;
    until_displayed(place, 1)?;
    // The configuration's menu has one line that it takes.
    dunst(place, &["context"])?;
    wait_for("the server knows who has seen it", || {
        let seen =
            unwrapped(place.server()?.ask("GET", &format!("/consultations/{id}"), None, None, None)?);
        let state = seen.pointer("/metadata/escalation/state").and_then(Value::as_str);
        Ok((state == Some("acknowledged")).then_some(()))
    })?;
    check(heard(place, |call| matches!(call, Call::Invoked(_, action) if action == "acknowledge"))?, || {
        "the bus has carried no \"acknowledge\"".to_owned()
    })?;
    place.window()?.gone(&test("alert-banner"))?;
    until_displayed(place, 0)
}

fn repeated(place: &mut Workplace<'_>) -> Outcome<()> {
    let before = calls(place)?.len();
    let id = request(place, "emergency")?;
    alerts_to(place.window()?, &id)?;
    wait_for("it is shown again, in the place of another", || {
        let shown = calls(place)?.into_iter().skip(before).filter_map(|call| match call {
            Call::Shown(replaces) => Some(replaces),
            _ => None,
        });
        let shown: Vec<u32> = shown.collect();
        Ok((shown.first() == Some(&0) && shown.get(1).is_some_and(|replaces| *replaces > 0)).then_some(()))
    })?;
    check(displayed(place)? == 1, || "a repeat stands beside what it repeats".to_owned())?;
    id.clone_into(&mut place.place);
    Ok(())
}

fn taken_elsewhere(place: &mut Workplace<'_>) -> Outcome<()> {
    let last = |place: &Workplace<'_>| -> Outcome<Option<u32>> {
        Ok(calls(place)?.into_iter().rev().find_map(|call| match call {
            Call::Shown(replaces) if replaces > 0 => Some(replaces),
            _ => None,
        }))
    };
    let shown = last(place)?.ok_or_else(|| Failure::new("nothing was repeated"))?;
    take(place, &token(place, COLLEAGUE)?, &place.place.clone())?;
    wait_for("the program asks for it to be closed", || {
        Ok(heard(place, |call| *call == Call::Close(shown))?.then_some(()))
    })?;
    place.window()?.gone(&test("alert-banner"))?;
    until_displayed(place, 0)
}

fn service_dies(place: &mut Workplace<'_>) -> Outcome<()> {
    // Urgent: its next repeat is two minutes away, so nothing but the service's death can bring it back.
    let id = request(place, "urgent")?;
    alerts_to(place.window()?, &id)?;
    until_displayed(place, 1)?;
    place.window()?.press(&test("alert-later"))?;
    place.window()?.gone(&test("alert-banner"))?;
    place.session.end_notifications();
    let window = place.window()?;
    window.see_where(".standing", "says that the desktop shows nothing", |standing| {
        standing.text.contains("No desktop notifications")
    })?;
    let banner = window.see(&test_with("alert-banner", "id", &id))?;
    check(banner.text.contains("watch this window"), || format!("it does not say so: {}", banner.text))
}

fn service_returns(place: &mut Workplace<'_>) -> Outcome<()> {
    place.session.start_notifications()?;
    until_displayed(place, 1)?;
    place
        .window()?
        .see_where(".standing", "no longer says so", |standing| {
            !standing.text.contains("No desktop notifications")
        })
        .map(drop)
}

fn outlived_by_none(place: &mut Workplace<'_>) -> Outcome<()> {
    connection(place.open()?, "online")?;
    let id = request(place, "urgent")?;
    alerts_to(place.window()?, &id)?;
    until_displayed(place, 1)?;
    place.close_window()?;
    wait_for("the program has ended", || Ok(place.window()?.has_ended().then_some(())))?;
    until_displayed(place, 0)
}

fn on_record(place: &mut Workplace<'_>) -> Outcome<()> {
    place.window()?.press(&test("alert-open"))?;
    place.window()?.see(&test("patient-banner"))?;
    let files = place.files()?;
    place.close();
    let mut command = place.session.command(place.program("chatehr-desktop")?);
    command
        .args(["audit", "search", "--limit", "500"])
        .arg(files)
        .stdin(Stdio::null())
        .envs(place.settings());
    let failed = |error: std::io::Error| Failure::new(format!("audit search could not be run: {error}"));
    let output = command.output().map_err(failed)?;
    let told = String::from_utf8_lossy(&output.stdout);
    let entries: Vec<(String, String)> = told
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|entry| (word(&entry, "action"), word(&entry, "reason")))
        .filter(|(action, _)| action.starts_with("alert."))
        .collect();
    for (action, reason) in [
        ("alert.show", "desktop"),
        ("alert.show", "window"),
        ("alert.repeat", "desktop"),
        ("alert.repeat", "window"),
        ("alert.sound", "window"),
        ("alert.later", "window"),
        ("alert.open", "window"),
    ] {
        check(entries.iter().any(|(act, why)| act == action && why == reason), || {
            format!(
                "{action} {reason} is not on record: {entries:?}\n{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
    }
    Ok(())
}

fn calls(place: &Workplace<'_>) -> Outcome<Vec<Call>> {
    notification::calls(place.session.notifications())
}

fn heard(place: &Workplace<'_>, what: impl Fn(&Call) -> bool) -> Outcome<bool> {
    Ok(calls(place)?.iter().any(what))
}

fn dunst(place: &Workplace<'_>, words: &[&str]) -> Outcome<()> {
    place
        .session
        .ask("dunstctl", words)
        .map(drop)
        .ok_or_else(|| Failure::new(format!("dunstctl {} failed", words.join(" "))))
}

fn displayed(place: &Workplace<'_>) -> Outcome<u32> {
    let count = place.session.ask("dunstctl", &["count", "displayed"]);
    count
        .and_then(|count| count.trim().parse().ok())
        .ok_or_else(|| Failure::new("dunst does not say what it shows"))
}

fn until_displayed(place: &Workplace<'_>, count: u32) -> Outcome<()> {
    wait_for(&format!("{count} on the screen"), || Ok((displayed(place)? == count).then_some(())))
}

fn word(from: &Value, name: &str) -> String {
    from.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn token(place: &Workplace<'_>, code: &str) -> Outcome<String> {
    place.server()?.sign_in(code)
}

/// Somebody accepts it, elsewhere.
fn take(place: &Workplace<'_>, token: &str, id: &str) -> Outcome<()> {
    let path = format!("/consultations/{id}");
    place.server()?.ask("PUT", &path, Some(token), None, Some(&json!({"status": "assigned"}))).map(drop)
}

/// A patient asks for help, elsewhere. Returns the request's id.
fn request(place: &Workplace<'_>, urgency: &str) -> Outcome<String> {
    let server = place.server()?;
    let session =
        unwrapped(server.ask("POST", "/test/sign-in", None, None, Some(&json!({"code": PATIENT})))?);
    let request = json!({
        "patientId": word(&session, "id"),
        "specialty": "cardiology",
        "urgency": urgency,
        "description": "Pressure in my chest since this morning.",
    });
    let token = word(&session, "token");
    let made = unwrapped(server.ask("POST", "/consultations", Some(&token), None, Some(&request))?);
    Ok(word(&made, "id"))
}
