//! The steps, in order. Each says what a person does and what must then be so.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    Failure, Outcome, Places, Session, canary, notification,
    person::Person,
    process::wait_for,
    record::{Record, Step},
    scene::{
        COLLEAGUE, PATIENT, PATIENT_NAMES, PHYSICIANS_ACCOUNT, Scene, appointments_of_today, connection,
        unwrapped,
    },
    webdriver::{Window, test, test_with},
};

type Action = fn(&mut Scene<'_>) -> Outcome<()>;

const STEPS: &[(&str, Action)] = &[
    ("physician signs in in the browser: a recovery code, typed back", sign_in),
    ("queue in triage order", triage),
    ("today's appointments are shown", appointments),
    ("kiosk: the patient asks for an urgent consultation", request),
    ("desktop notification, critical, without patient data", notified),
    ("alert at the top of the window", alerted),
    ("a click on the notification opens that consultation", clicked),
    ("accept and start", accept),
    ("a message is written and sent", write),
    ("the server has it once, sealed", sealed),
    ("kiosk: the patient reads it, finishes, nothing stays", read_and_finish),
    ("a colleague was faster: the window says who", taken),
    ("server gone: offline, appointments still shown", offline),
    ("started again offline: appointments from the files", restarted),
    ("keyring emptied: the recovery code opens the same files", keyring_emptied),
    ("the key goes back: the next start asks for nothing", key_back),
    ("nothing readable on disk, in logs or notifications", leaks),
];

/// Walks all steps in the session and tells each as it ends. The steps are returned in order, failed ones too; an
/// error means that the journey could not even begin.
pub fn walk(session: &Session, places: &Places, tell: &mut dyn FnMut(&Step)) -> Outcome<Vec<Step>> {
    let mut record = Record::begin(&places.pictures)?;
    let mut scene = Scene::new(session, places)?;
    for (name, action) in STEPS {
        let step =
            record.step(name, &mut scene, |scene| action(scene), |scene, file: &Path| scene.picture(file));
        tell(&step);
    }
    record.finish()
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome<()> {
    if holds { Ok(()) } else { Err(Failure::new(otherwise())) }
}

fn sign_in(scene: &mut Scene<'_>) -> Outcome<()> {
    scene.start_server()?;
    scene.open_clinician()?;
    scene.clinician()?.press(&test("clinic-sign-in"))?;
    let (mut person, address) = (Person::default(), scene.browser.address()?);
    let who = person.open(&address)?;
    let done = person.submit(&who, &[("account", PHYSICIANS_ACCOUNT)])?;
    check(done.text.contains("You are signed in"), || format!("the browser says: {}", done.text))?;
    connection(scene.clinician()?, "online")?;
    enrol(scene)
}

fn triage(scene: &mut Scene<'_>) -> Outcome<()> {
    let window = scene.clinician()?;
    window.press(&test("code-done"))?;
    window.see(&test("queue-row"))?;
    let urgencies: Vec<String> =
        window.all(&test("queue-row"))?.iter().map(|row| row.data("urgency").to_owned()).collect();
    let rank = |urgency: &String| ["emergency", "urgent", "routine"].iter().position(|word| word == urgency);
    check(urgencies.is_sorted_by_key(rank), || format!("the queue is not in triage order: {urgencies:?}"))?;
    check(urgencies.first() != urgencies.last(), || {
        format!("the queue has one urgency only, so its order shows nothing: {urgencies:?}")
    })
}

/// Makes the first sign-in's recovery code and types it back, once wrongly.
fn enrol(scene: &mut Scene<'_>) -> Outcome<()> {
    let window = scene.clinician()?;
    window.press(&test("make-code"))?;
    let code: Vec<String> =
        window.see(&test("recovery-code"))?.text.split_whitespace().map(str::to_owned).collect();
    check(code.len() == 8, || format!("the code has {} groups", code.len()))?;
    let mut mistyped = code.clone();
    mistyped.swap(1, 2);
    window.write(&test("type-code"), &mistyped.join(" "))?;
    window.press(&test("type-code-submit"))?;
    let notice = window.see(&test_with("error-notice", "code", "CODE_MISTYPED"))?;
    check(notice.text.contains("group 2"), || format!("it does not say where: {}", notice.text))?;
    window.write(&test("type-code"), &code.join(" ").to_lowercase())?;
    window.press(&test("type-code-submit"))?;
    window.see(&test("code-proven"))?;
    scene.code = code.join("-");
    Ok(())
}

fn appointments(scene: &mut Scene<'_>) -> Outcome<()> {
    scene.appointments = appointments_of_today(scene.clinician()?)?;
    Ok(())
}

fn request(scene: &mut Scene<'_>) -> Outcome<()> {
    // What waited before the physician came has alerted already, and would again; it is acknowledged, or put aside where it
    // cannot be, to see what this request does.
    let window = scene.clinician()?;
    wait_for("the earlier alerts are answered or put aside", || {
        if window.all(&test("alert-banner"))?.is_empty() {
            return Ok(Some(()));
        }
        // Looked for and pressed in one: the banner may go in between.
        let press = "(document.querySelector(arguments[0]) ?? document.querySelector(arguments[1]))?.click()";
        window.script(press, &[test("alert-acknowledge").into(), test("alert-later").into()]).map(|_| None)
    })?;
    scene.session.ask("dunstctl", &["close-all"]);
    scene.notified = notification::all(scene.session.notifications())?.len();
    scene.open_kiosk()?;
    let words = format!("Pressure in my chest since this morning. {}", scene.patient_words);
    let window = scene.kiosk()?;
    window.press(&test("language-en"))?;
    window.press(&test("start"))?;
    window.write(&test("code"), PATIENT)?;
    window.press(&test("sign-in"))?;
    window.press(&test("need-request"))?;
    window.press(&test("specialty-cardiology"))?;
    window.press(&test("urgency-urgent"))?;
    window.write(&test("description"), &words)?;
    window.press(&test("next"))?;
    window.press(&test("review-send"))?;
    window.see(&test("receipt"))?;
    let reference = window.see(&test("reference"))?;
    scene.request = reference.text.trim().to_owned();
    check(!scene.request.is_empty(), || "the receipt has no reference".to_owned())
}

fn notified(scene: &mut Scene<'_>) -> Outcome<()> {
    let new = wait_for("a notification on the session bus", || {
        let mut all = notification::all(scene.session.notifications())?;
        let new = all.split_off(scene.notified.min(all.len()));
        Ok((!new.is_empty()).then_some(new))
    })?;
    check(new.len() == 1, || format!("{} notifications for one request", new.len()))?;
    let words = scene.patient_words.to_lowercase();
    for notification in new {
        check(notification.is_critical(), || format!("it is not critical:\n{}", notification.text()))?;
        check(notification.can_be_clicked(), || "it offers no click".to_owned())?;
        let text = notification.text().to_lowercase();
        check(text.contains("cardiology"), || format!("it does not say which specialty:\n{text}"))?;
        for secret in PATIENT_NAMES.iter().copied().chain([words.as_str(), "chest"]) {
            check(!text.contains(secret), || format!("it tells the patient's data ({secret})"))?;
        }
    }
    scene.clinician().map(drop)
}

fn alerted(scene: &mut Scene<'_>) -> Outcome<()> {
    let request = scene.request.clone();
    alerts_to(scene.clinician()?, &request)
}

/// Sees the window's alert to this request, after putting off those that are more pressing.
pub(crate) fn alerts_to(window: &Window, request: &str) -> Outcome<()> {
    wait_for("the window alerts to the request", || {
        let banner = window.see(&test("alert-banner"))?;
        if banner.data("id") == request {
            return Ok(Some(()));
        }
        window.press(&test("alert-later")).map(|()| None)
    })
}

fn clicked(scene: &mut Scene<'_>) -> Outcome<()> {
    let request = scene.request.clone();
    scene
        .session
        .ask("dunstctl", &["action", "0"])
        .ok_or_else(|| Failure::new("the notification could not be clicked (dunstctl action 0)"))?;
    let window = scene.clinician()?;
    let banner = window.see(&test_with("patient-banner", "id", &request))?;
    let text = banner.text.to_lowercase();
    check(PATIENT_NAMES.iter().all(|name| text.contains(name)), || {
        format!("the banner does not name the patient: {}", banner.text)
    })
}

fn accept(scene: &mut Scene<'_>) -> Outcome<()> {
    let window = scene.clinician()?;
    window.press(&test("action-accept"))?;
    window.press(&test("action-start"))?;
    window.see(&test("action-complete")).map(drop)?;
    let path = format!("/consultations/{}", scene.request);
    // Beginning waits in the outbox, for a moment.
    wait_for("the server says that work has begun", || {
        let server = unwrapped(scene.server()?.ask("GET", &path, None, None, None)?);
        Ok((server.get("status") == Some(&json!("in_progress"))).then_some(()))
    })
}

fn write(scene: &mut Scene<'_>) -> Outcome<()> {
    let words = format!("Please stay seated, I am coming. {}", scene.physician_words);
    let window = scene.clinician()?;
    window.write(&test("composer"), &words)?;
    window.press(&test("send"))?;
    window
        .see_where(&test_with("message", "delivery", "sent"), "holds what was written", |message| {
            message.text.contains(&words) && message.data("mine") == "true"
        })
        .map(drop)
}

fn sealed(scene: &mut Scene<'_>) -> Outcome<()> {
    let path = format!("/messages?consultationId={}&limit=100", scene.request);
    let server = scene.server()?;
    let messages = |header| -> Outcome<Vec<String>> {
        let answer = unwrapped(server.ask("GET", &path, None, header, None)?);
        let list = answer.as_array().cloned().unwrap_or_default();
        Ok(list
            .iter()
            .filter_map(|message| message.get("content").and_then(Value::as_str).map(str::to_owned))
            .collect())
    };
    let stored = messages(Some(("Accept-Envelope", "3")))?;
    check(stored.len() == 1, || format!("the server has {} messages instead of one", stored.len()))?;
    check(stored.iter().all(|content| content.starts_with("chatehr.3.")), || "it is not sealed".to_owned())?;
    check(!stored.iter().any(|content| content.contains(&scene.physician_words)), || {
        "its text can be read through the seal".to_owned()
    })?;
    let opened = messages(None)?;
    check(opened.iter().filter(|content| content.contains(&scene.physician_words)).count() == 1, || {
        "the server cannot open it for a client that asks for clear text".to_owned()
    })
}

fn read_and_finish(scene: &mut Scene<'_>) -> Outcome<()> {
    let (physician, patient) = (scene.physician_words.clone(), scene.patient_words.clone());
    let window = scene.kiosk()?;
    window.press(&test("more"))?;
    window.press(&test("need-messages"))?;
    window.see_where(&test("message"), "holds the physician's words", |message| {
        message.text.contains(&physician)
    })?;
    window.press(&test("finish"))?;
    window.see(&test("start"))?;
    let page = window.script("return document.documentElement.outerHTML", &[])?;
    let page = page.as_str().unwrap_or_default().to_lowercase();
    check(!page.is_empty(), || "the page could not be read".to_owned())?;
    for word in PATIENT_NAMES.iter().copied().chain([physician.as_str(), patient.as_str()]) {
        check(!page.contains(word), || format!("the page still holds {word}"))?;
    }
    Ok(())
}

/// See [`crate::relay`] for why this has no race.
fn taken(scene: &mut Scene<'_>) -> Outcome<()> {
    let waiting = scene.server()?.ask(
        "GET",
        "/consultations?status=pending&specialty=cardiology&limit=100",
        None,
        None,
        None,
    )?;
    let id = unwrapped(waiting)
        .as_array()
        .and_then(|list| list.first()?.get("id")?.as_str().map(str::to_owned))
        .ok_or_else(|| Failure::new("no cardiology consultation is waiting"))?;
    let (token, colleague) = scene.sign_in(COLLEAGUE)?;

    let row = test_with("queue-row", "id", &id);
    let window = scene.clinician()?;
    window.press(&test("nav-queue"))?;
    window.press(&row)?;
    window.see(&test_with("patient-banner", "id", &id))?;
    window.see(&test("action-accept"))?;

    scene.relay()?.hold_events();
    let update = json!({"status": "assigned", "physicianId": colleague});
    scene.server()?.ask("PUT", &format!("/consultations/{id}"), Some(&token), None, Some(&update))?;
    let window = scene.clinician()?;
    window.press(&test("action-accept"))?;
    let notice = window.see(&test_with("error-notice", "code", "ALREADY_TAKEN"))?;
    check(notice.text.contains("Lindqvist"), || format!("it does not say who: {}", notice.text))?;
    scene.relay()?.release_events();
    let window = scene.clinician()?;
    window.press(&test("nav-queue"))?;
    window.gone(&row)
}

fn offline(scene: &mut Scene<'_>) -> Outcome<()> {
    scene.kill_server()?;
    connection(scene.clinician()?, "offline")?;
    same_appointments(scene)
}

fn restarted(scene: &mut Scene<'_>) -> Outcome<()> {
    scene.close_clinician();
    scene.open_clinician()?;
    connection(scene.clinician()?, "offline")?;
    same_appointments(scene)
}

fn same_appointments(scene: &mut Scene<'_>) -> Outcome<()> {
    let before = scene.appointments.clone();
    let now = appointments_of_today(scene.clinician()?)?;
    check(now == before, || format!("{} appointments were shown, now {}", before.len(), now.len()))
}

/// Takes the key out of the keyring, as a reset of it does, and starts again.
fn keyring_emptied(scene: &mut Scene<'_>) -> Outcome<()> {
    scene.close_clinician();
    let entry = format!("vault:{}", scene.files()?.file_name().unwrap_or_default().to_string_lossy());
    scene
        .session
        .ask("secret-tool", &["clear", "service", "chatehr-desktop-dev", "username", &entry])
        .ok_or_else(|| Failure::new("the key could not be taken from the keyring (secret-tool clear)"))?;
    let before = scene.bytes()?;
    scene.open_clinician()?;
    scene.clinician()?.see(&test_with("blocked", "code", "KEY_MISSING"))?;
    check(scene.bytes()? == before, || "the files were touched before they were opened".to_owned())?;
    let code = scene.code.clone();
    let window = scene.clinician()?;
    window.press(&test("use-recovery-code"))?;
    window.write(&test("unlock"), &code)?;
    window.press(&test("unlock-submit"))?;
    connection(window, "offline")?;
    window.see(&test("key-banner"))?;
    same_appointments(scene)
}

fn key_back(scene: &mut Scene<'_>) -> Outcome<()> {
    let window = scene.clinician()?;
    window.press(&test("restore-to-keyring"))?;
    window.gone(&test("key-banner"))?;
    scene.close_clinician();
    scene.open_clinician()?;
    let window = scene.clinician()?;
    connection(window, "offline")?;
    window.press(&test("nav-settings"))?;
    window.see(&test_with("key-slot", "kind", "Recovery code"))?;
    check(window.all(&test("key-reminder"))?.is_empty(), || "it still reminds of the key".to_owned())
}

fn leaks(scene: &mut Scene<'_>) -> Outcome<()> {
    scene.close_windows();
    let records = scene.records();
    check(records.read_dir().is_ok_and(|mut entries| entries.next().is_some()), || {
        format!("the program kept no files in {}", records.display())
    })?;
    let words = [
        scene.patient_words.clone(),
        scene.physician_words.clone(),
        "Szymańska".to_owned(),
        scene.code.clone(),
        scene.code.replace('-', ""),
    ];
    let mut found = canary::find(scene.session.home(), &words)?;
    found.extend(canary::find(&scene.logs(), &words)?);
    check(found.is_empty(), || format!("patient data can be read in {found:?}"))
}
