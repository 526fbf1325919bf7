//! Somebody else's record is opened in an emergency, in the real window; and a nurse signs in at it.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    Failure, Outcome, Places, canary,
    misfortunes::check,
    process::wait_for,
    record::{Record, Step},
    scene::{COLLEAGUE, PATIENT, PHYSICIAN, connection, unwrapped},
    webdriver::{test, test_with},
    workplace::Workplace,
};

const NURSE: &str = "537064";
const ADMINISTRATOR: &str = "918364";
const PIN: &str = "402917";
const REASON: &str = "Brought in unconscious, no relatives";

type Scene = fn(&mut Workplace<'_>) -> Outcome<()>;

const SCENES: &[(&str, Scene)] = &[
    ("a physician signs in and sets a PIN", pin_set),
    (
        "neither the window nor what it has started holds a secret in its environment",
        the_window_and_all_that_it_has_started_hold_no_secret_in_their_environment,
    ),
    ("somebody else's record opens with a reason and the PIN", opened),
    ("the administrator can see who and why", on_record),
    ("Close now: it is gone from the window", closed),
    ("a nurse signs in: accepting is explained, a note is left", nurse),
    ("the administrator signs in later: told until the list was looked at", told),
    ("a crash leaves no image of the memory, and no secret in a log", crash),
];

/// Walks through it in a desktop session of its own and tells each step as it ends. An error means that it could not
/// even begin.
pub fn emergency(places: &Places, tell: &mut dyn FnMut(&Step)) -> Outcome<Vec<Step>> {
    let mut record = Record::begin(&places.pictures)?;
    let mut place = Workplace::new(places)?;
    for (name, scene) in SCENES {
        let step = record.step(
            name,
            &mut place,
            |place| scene(place),
            |place, file: &Path| place.picture(file).or_else(|_| place.session.picture(file)),
        );
        tell(&step);
    }
    record.finish()
}

fn pin_set(place: &mut Workplace<'_>) -> Outcome<()> {
    place.session.start_keyring()?;
    place.start_server()?;
    let window = place.open()?;
    window.press(&test_with("sign-in-account", "code", PHYSICIAN))?;
    connection(window, "online")?;
    window.press(&test("enrol-later"))?;
    window.press(&test("nav-settings"))?;
    window.press(&test("set-pin"))?;
    window.write(&test("new-pin"), PIN)?;
    window.press(&test("new-pin-submit"))?;
    window
        .see_where(&test("pin-result"), "says that the PIN is set", |seen| {
            seen.text.contains("The PIN is set")
        })
        .map(drop)
}

fn the_window_and_all_that_it_has_started_hold_no_secret_in_their_environment(
    place: &mut Workplace<'_>,
) -> Outcome<()> {
    let processes = place.window()?.processes();
    let ours = |(_, seen): &&(u32, String)| seen.contains("CHATEHR_API_URL=");
    check(processes.iter().filter(ours).count() > 1, || {
        "the window and its web view are not among the processes".to_owned()
    })?;
    match processes.iter().find(|(_, seen)| seen.contains(place.key())) {
        None => Ok(()),
        Some((id, seen)) => {
            let names: Vec<_> = seen.split(['\0', '\n']).filter_map(|one| one.split('=').next()).collect();
            Err(Failure::new(format!("process {id} shows the key: {names:?}")))
        }
    }
}

fn opened(place: &mut Workplace<'_>) -> Outcome<()> {
    let words = canary::new("behind-glass")?;
    let server = place.server()?;
    let (marta, colleague) = (server.sign_in(PATIENT)?, server.sign_in(COLLEAGUE)?);
    let request = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": words });
    let made = unwrapped(server.ask("POST", "/consultations", Some(&marta), None, Some(&request))?);
    let id = made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let taken = json!({ "status": "assigned" });
    server.ask("PUT", &format!("/consultations/{id}"), Some(&colleague), None, Some(&taken))?;

    let window = place.window()?;
    window.press(&test("emergency"))?;
    window.write(&test("glass-id"), &id)?;
    window.write(&test("glass-reason"), REASON)?;
    window.write(&test("glass-pin"), PIN)?;
    window.press(&test("glass-open"))?;
    let banner = window.see(&test("glass-banner"))?;
    check(banner.text.contains("left") && banner.text.contains(REASON), || {
        format!("the banner says too little: {}", banner.text)
    })?;
    let shown = window.see(&test("request"))?;
    check(shown.text.contains(&words), || format!("the record is not shown: {}", shown.text))?;
    let cannot = window.see(&test("cannot-write"))?;
    check(cannot.text.contains("emergency"), || format!("it does not say why: {}", cannot.text))?;
    place.place = id;
    place.words = vec![words];
    Ok(())
}

fn on_record(place: &mut Workplace<'_>) -> Outcome<()> {
    let server = place.server()?;
    let administrator = server.sign_in(ADMINISTRATOR)?;
    let listed = unwrapped(server.ask("GET", "/break-glass", Some(&administrator), None, None)?);
    let first = listed.get(0).cloned().unwrap_or_default();
    let is = |name: &str, value: &str| first.get(name).and_then(Value::as_str) == Some(value);
    check(
        is("reason", REASON) && is("personId", "physician-12") && is("consultationId", &place.place),
        || format!("the administrators' list says {first}"),
    )
}

fn closed(place: &mut Workplace<'_>) -> Outcome<()> {
    let window = place.window()?;
    window.press(&test("glass-close"))?;
    window.gone(&test("glass-banner"))?;
    window.gone(&test("request"))?;
    let text = window.script("return document.body.textContent", &[])?;
    let words = place.words.first().ok_or_else(|| Failure::new("nothing was opened"))?;
    check(!text.as_str().unwrap_or_default().contains(words), || {
        "its words are still in the window".to_owned()
    })
}

fn nurse(place: &mut Workplace<'_>) -> Outcome<()> {
    let window = place.window()?;
    window.press(&test("nav-settings"))?;
    window.press(&test("sign-out"))?;
    window.press(&test_with("sign-in-account", "code", NURSE))?;
    connection(window, "online")?;
    window.press(&test("enrol-later"))?;
    window.see_where(&test("acts-for"), "says for whom", |seen| seen.text == "for Dr Amara Okafor")?;
    window.press(&test("queue-row"))?;
    let why = window.see(&test("refused-actions"))?;
    check(why.text.contains("Only a physician may accept"), || format!("it does not say why: {}", why.text))?;
    check(window.all(&test("action-accept"))?.is_empty(), || "accepting is offered".to_owned())?;
    check(window.all(&test("emergency"))?.is_empty(), || "emergency access is offered".to_owned())?;
    window.write(&test("composer"), "Called back: no better")?;
    window.press(&test("send"))?;
    window
        .see_where(".context", "shows the note", |seen| seen.text.contains("Called back: no better"))
        .map(drop)
}

fn told(place: &mut Workplace<'_>) -> Outcome<()> {
    let window = place.window()?;
    window.press(&test("nav-settings"))?;
    window.press(&test("sign-out"))?;
    window.press(&test_with("sign-in-account", "code", ADMINISTRATOR))?;
    connection(window, "online")?;
    window.press(&test("enrol-later"))?;
    window.see(&test("glass-news"))?;
    window.press(&test("glass-news-show"))?;
    window.see_where(&test("glass-card"), "says why", |seen| seen.text.contains(REASON))?;
    window.gone(&test("glass-news"))
}

fn crash(place: &mut Workplace<'_>) -> Outcome<()> {
    let window = place.window()?;
    let processes = window.processes();
    let program = processes
        .iter()
        .find(|(_, seen)| seen.split('\0').next().is_some_and(|name| name.ends_with("chatehr-desktop")))
        .ok_or_else(|| Failure::new("the program is not among the processes"))?;
    let core = program.1.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
    check(core.split_whitespace().nth(4) == Some("0"), || format!("its limit is: {core}"))?;
    Command::new("kill").arg("-ABRT").arg(program.0.to_string()).status().ok();
    wait_for("the program ends", || Ok(window.has_ended().then_some(())))?;
    let key = place.key().to_owned();
    let found = canary::find(&place.logs(), &[key])?;
    check(found.is_empty(), || format!("the key is in {found:?}"))
}
