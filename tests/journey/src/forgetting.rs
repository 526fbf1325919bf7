//! What a locked screen leaves in the memory of the program, its window and their helpers: nothing of a patient.
//!
//! Nobody drives the window here, because a driver holds on to the process that is to end. What the window shows is known
//! from its memory, and the desktop locks it.

use std::{path::Path, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    Failure, Outcome, Places, Running, canary, memory,
    misfortunes::check,
    process::wait_for,
    record::{Record, Step},
    scene::{PATIENT, PHYSICIAN, connection, unwrapped},
    webdriver::{test, test_with},
    workplace::Workplace,
};

/// The process that draws the page.
const PAGE: &str = "WebKitWebProces";

struct Desk<'a> {
    place: Workplace<'a>,
    program: Option<Running>,
    /// What patients wrote, and who they are.
    words: Vec<String>,
}

type Turn = fn(&mut Desk<'_>) -> Outcome<()>;

const TURNS: &[(&str, Turn)] = &[
    ("a physician signs in, and a patient asks", signed_in),
    ("started again: the window shows the request", shown),
    ("the desktop locks: nothing of it is left in any process", locked),
];

/// Walks through it in a desktop session of its own and tells each step as it ends. An error means that it could not
/// even begin.
pub fn forget(places: &Places, tell: &mut dyn FnMut(&Step)) -> Outcome<Vec<Step>> {
    let mut record = Record::begin(&places.pictures)?;
    let mut desk = Desk { place: Workplace::new(places)?, program: None, words: Vec::new() };
    for (name, turn) in TURNS {
        let step = record.step(
            name,
            &mut desk,
            |desk| turn(desk),
            |desk, file: &Path| desk.place.session.picture(file),
        );
        tell(&step);
    }
    record.finish()
}

impl Desk<'_> {
    fn program(&self) -> Outcome<u32> {
        self.program.as_ref().map(Running::id).ok_or_else(|| Failure::new("the program does not run"))
    }

    /// The process that draws the page, once there is one.
    fn page(&self) -> Outcome<Option<u32>> {
        Ok(memory::tree(self.program()?).into_iter().find(|(_, name)| name == PAGE).map(|(id, _)| id))
    }
}

fn signed_in(desk: &mut Desk<'_>) -> Outcome<()> {
    desk.place.session.start_keyring()?;
    desk.place.start_server()?;
    let words = canary::new("described")?;
    let server = desk.place.server()?;
    let marta = server.sign_in(PATIENT)?;
    let request = json!({ "patientId": "patient-2041", "specialty": "cardiology", "urgency": "urgent", "description": words });
    let made = unwrapped(server.ask("POST", "/consultations", Some(&marta), None, Some(&request))?);
    check(made.get("id").and_then(Value::as_str).is_some(), || format!("the request was refused: {made}"))?;
    desk.words = vec![words, "Szyma\u{144}ska".to_owned()];

    let window = desk.place.open()?;
    window.press(&test_with("sign-in-account", "code", PHYSICIAN))?;
    connection(window, "online")?;
    window.press(&test("enrol-later"))?;
    window.see(&test("queue-row"))?;
    desk.place.close();
    Ok(())
}

fn shown(desk: &mut Desk<'_>) -> Outcome<()> {
    desk.program = Some(desk.place.start_undriven()?);
    wait_for("the page has the patient's words", || {
        let Some(page) = desk.page()? else { return Ok(None) };
        Ok((memory::find(page, &desk.words)?.len() == desk.words.len()).then_some(()))
    })
}

fn locked(desk: &mut Desk<'_>) -> Outcome<()> {
    let before = desk.page()?;
    let said = desk.place.session.ask(
        "dbus-send",
        &[
            "--session",
            "--type=signal",
            "/org/freedesktop/ScreenSaver",
            "org.freedesktop.ScreenSaver.ActiveChanged",
            "boolean:true",
        ],
    );
    check(said.is_some(), || "the desktop could not say that it is locked".to_owned())?;
    wait_for("another process draws the page", || {
        Ok(desk.page()?.filter(|page| Some(*page) != before).map(drop))
    })?;
    // The last words of a draft are waited for, and then the files close.
    thread::sleep(Duration::from_secs(5));
    let mut left = Vec::new();
    for (id, name) in memory::tree(desk.program()?) {
        // One that has ended meanwhile has nothing left.
        let found = memory::find(id, &desk.words).unwrap_or_default();
        left.extend(found.into_iter().map(|word| format!("{word} in {name}")));
    }
    check(left.is_empty(), || format!("left in memory: {left:?}"))
}
