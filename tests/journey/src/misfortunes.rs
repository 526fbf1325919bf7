//! What can go wrong around the clinician's window, one thing after another, in the real window.
//!
//! Each must end in a state with a sentence on what happened and what to do; none in a blank window, a lost message or
//! a file that was touched without asking.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use serde_json::{Value, json};

use crate::{
    Failure, Outcome, Places, canary,
    hostile::{hostile_words, two_open},
    process::wait_for,
    record::{Record, Step},
    scene::{COLLEAGUE, PATIENT, PHYSICIAN, connection, unwrapped},
    steps::alerts_to,
    stranger::Stranger,
    webdriver::{Seen, Window, test, test_with},
    workplace::Workplace,
};

type Misfortune = fn(&mut Workplace<'_>) -> Outcome<()>;

const MISFORTUNES: &[(&str, Misfortune)] = &[
    ("the server's port is in use: whoever starts it is told", port_in_use),
    ("no address is set", no_address),
    ("plain http to another machine is refused", plain_http),
    ("no keyring: nothing is written", no_keyring),
    ("keyring started, Try again: the server is down", server_down),
    ("the server appears: accounts are offered by themselves", server_appears),
    ("a wrong access key", wrong_key),
    ("a server that is not ChatEHR is told nothing", not_chatehr),
    ("no notifications: the window alerts and says so", no_notifications),
    ("settings: the test alert reports it", test_alert),
    ("hostile words are words, unknown ones offer nothing", hostile_words),
    ("a message and a draft survive kill -9 offline", killed_offline),
    ("the server is back: the message is there once", sent_once),
    ("cache damaged: rebuilt, the unsent message is sent once", cache_damaged),
    ("cache damaged while the program runs: the same way out", cache_damaged_meanwhile),
    ("ledger damaged: the files stay as they are", ledger_damaged),
    ("the ledger is rescued: Try again opens it", ledger_rescued),
    ("the key is gone: the files stay as they are", key_missing),
    ("meanwhile a colleague signs in", colleague_signs_in),
];

/// Goes through all of them in a desktop session of its own and tells each as it ends. The steps are returned in
/// order, failed ones too; an error means that it could not even begin.
pub fn suffer(places: &Places, tell: &mut dyn FnMut(&Step)) -> Outcome<Vec<Step>> {
    let mut record = Record::begin(&places.pictures)?;
    let mut place = Workplace::new(places)?;
    for (name, misfortune) in MISFORTUNES {
        let step = record.step(
            name,
            &mut place,
            |place| misfortune(place),
            |place, file: &Path| place.picture(file),
        );
        tell(&step);
    }
    record.finish()
}

pub(crate) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome<()> {
    if holds { Ok(()) } else { Err(Failure::new(otherwise())) }
}

fn blocked(window: &Window, code: &str) -> Outcome<Seen> {
    window.see(&test_with("blocked", "code", code))
}

fn notice(window: &Window, code: &str) -> Outcome<Seen> {
    window.see(&test_with("error-notice", "code", code))
}

fn says(seen: &Seen, words: &str) -> Outcome<()> {
    check(seen.text.contains(words), || format!("it does not say \"{words}\":\n{}", seen.text))
}

fn port_in_use(place: &mut Workplace<'_>) -> Outcome<()> {
    let port = place.port();
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| Failure::new(format!("port {port} cannot be taken: {error}")))?;
    let told = place.start_server().err().map(|failure| failure.to_string()).unwrap_or_default();
    check(told.contains(&format!("port {port} is already in use")), || format!("it was not told: {told}"))
}

fn no_address(place: &mut Workplace<'_>) -> Outcome<()> {
    let mut settings = place.settings();
    settings.remove("CHATEHR_API_URL");
    let window = place.open_with(settings)?;
    says(&blocked(window, "BAD_CONFIGURATION")?, "CHATEHR_API_URL is not set")?;
    // Only a new start reads the settings again, so nothing here may pretend to.
    check(window.all(&test("try-again"))?.is_empty(), || "Try again is offered and cannot help".to_owned())
}

fn plain_http(place: &mut Workplace<'_>) -> Outcome<()> {
    let mut settings = place.settings();
    // Reserved for documentation (RFC 5737): nobody is there.
    settings.insert("CHATEHR_API_URL", "http://198.51.100.7/v1".to_owned());
    let window = place.open_with(settings)?;
    says(&blocked(window, "BAD_CONFIGURATION")?, "must begin with https://")
}

fn no_keyring(place: &mut Workplace<'_>) -> Outcome<()> {
    let window = place.open()?;
    says(&blocked(window, "KEYRING_MISSING")?, "no keyring")?;
    let records = place.records();
    check(!records.exists(), || format!("{} was made without a keyring", records.display()))
}

fn server_down(place: &mut Workplace<'_>) -> Outcome<()> {
    place.session.start_keyring()?;
    let window = place.window()?;
    window.press(&test("try-again"))?;
    window.see(&test("sign-in"))?;
    let notice = notice(window, "SERVER_UNREACHABLE")?;
    says(&notice, "ChatEHR cannot be reached")?;
    says(&notice, "We keep trying")?;
    check(!notice.text.contains("stays readable"), || "it promises what nobody can read here".to_owned())
}

fn server_appears(place: &mut Workplace<'_>) -> Outcome<()> {
    place.start_server()?;
    let window = place.window()?;
    window.see(&test_with("sign-in-account", "code", PHYSICIAN))?;
    window.gone(&test("error-notice"))
}

fn wrong_key(place: &mut Workplace<'_>) -> Outcome<()> {
    let mut settings = place.settings();
    settings.insert("CHATEHR_API_KEY", "a-key-of-another-clinic".to_owned());
    let window = place.open_with(settings)?;
    says(&notice(window, "API_KEY_REFUSED")?, "CHATEHR_API_KEY")?;
    window.write(&test("sign-in-code"), PHYSICIAN)?;
    window.press(&test("sign-in-submit"))?;
    window.see(&test("sign-in"))?;
    notice(window, "API_KEY_REFUSED").map(drop)
}

fn not_chatehr(place: &mut Workplace<'_>) -> Outcome<()> {
    let stranger = Stranger::listen()?;
    let mut settings = place.settings();
    settings.insert("CHATEHR_API_URL", format!("http://127.0.0.1:{}/v1", stranger.port()));
    place.open_with(settings)?;
    let window = place.window()?;
    says(&notice(window, "NOT_CHATEHR")?, "not a ChatEHR server")?;
    window.write(&test("sign-in-code"), PHYSICIAN)?;
    window.press(&test("sign-in-submit"))?;
    wait_for("the code was tried", || Ok((stranger.heard().matches("GET ").count() > 1).then_some(())))?;
    notice(window, "NOT_CHATEHR")?;
    let heard = stranger.heard().to_lowercase();
    for secret in ["authorization", PHYSICIAN, place.key()] {
        check(!heard.contains(secret), || format!("the stranger was told a secret:\n{heard}"))?;
    }
    Ok(())
}

/// A patient asks for help, elsewhere. Returns the request's id.
fn request(place: &Workplace<'_>) -> Outcome<String> {
    let server = place.server()?;
    let session =
        unwrapped(server.ask("POST", "/test/sign-in", None, None, Some(&json!({"code": PATIENT})))?);
    let word = |from: &Value, name| from.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let request = json!({
        "patientId": word(&session, "id"),
        "specialty": "cardiology",
        "urgency": "emergency",
        "description": "Pressure in my chest since this morning.",
    });
    let token = word(&session, "token");
    let made = unwrapped(server.ask("POST", "/consultations", Some(&token), None, Some(&request))?);
    Ok(word(&made, "id"))
}

fn no_notifications(place: &mut Workplace<'_>) -> Outcome<()> {
    place.open()?;
    let window = place.window()?;
    window.press(&test_with("sign-in-account", "code", PHYSICIAN))?;
    connection(window, "online")?;
    let id = request(place)?;
    let window = place.window()?;
    alerts_to(window, &id)?;
    window
        .see_where(".standing", "says that the desktop shows nothing", |standing| {
            standing.text.contains("No desktop notifications")
        })
        .map(drop)
}

fn test_alert(place: &mut Workplace<'_>) -> Outcome<()> {
    let window = place.window()?;
    window.press(&test("nav-settings"))?;
    window.press(&test("test-alert"))?;
    says(&notice(window, "NO_NOTIFICATIONS")?, "Keep this window in sight")?;
    let shown = window.all(&test("test-alert-result"))?;
    check(shown.iter().all(|result| result.text.trim().is_empty()), || {
        format!("it claims success: {shown:?}")
    })
}

/// Opens one of this person's consultations.
fn turn_to(window: &Window, id: &str) -> Outcome<()> {
    window.press(&test("nav-mine"))?;
    window.press(&test_with("queue-row", "id", id))?;
    window.see(&test_with("patient-banner", "id", id)).map(drop)
}

fn field(window: &Window) -> Outcome<String> {
    let script = "return document.querySelector('[data-test=\"composer\"]')?.value ?? ''";
    Ok(window.script(script, &[])?.as_str().unwrap_or_default().to_owned())
}

/// Writes a message that must wait.
fn queue(window: &Window, words: &str) -> Outcome<()> {
    window.write(&test("composer"), words)?;
    window.press(&test("send"))?;
    queued(window, words)
}

fn queued(window: &Window, words: &str) -> Outcome<()> {
    window
        .see_where(&test_with("message", "delivery", "queued"), "holds what was written", |message| {
            message.text.contains(words)
        })
        .map(drop)
}

fn killed_offline(place: &mut Workplace<'_>) -> Outcome<()> {
    place.open()?;
    connection(place.window()?, "online")?;
    let (first, second) = two_open(place.window()?)?;
    place.place.clone_from(&first);
    let (message, draft) = (canary::new("message")?, canary::new("draft")?);
    place.words = vec![message.clone()];
    place.kill_server();

    let window = place.window()?;
    connection(window, "offline")?;
    turn_to(window, &first)?;
    queue(window, &message)?;
    turn_to(window, &second)?;
    window.write(&test("composer"), &draft)?;
    // Back and forth: what then stands in the field has been in the files.
    turn_to(window, &first)?;
    turn_to(window, &second)?;
    wait_for("the draft is kept", || Ok((field(window)? == draft).then_some(())))?;

    place.kill_window();
    place.open()?;
    let window = place.window()?;
    connection(window, "offline")?;
    turn_to(window, &second)?;
    wait_for("the draft is there again", || Ok((field(window)? == draft).then_some(())))?;
    turn_to(window, &first)?;
    queued(window, &message)?;
    check(field(window)?.is_empty(), || "the sent words stand in the field again".to_owned())?;
    place.words = vec![changed(window, &message)?];
    Ok(())
}

/// Changes a message that waits, where it stands; and takes back one behind it.
fn changed(window: &Window, words: &str) -> Outcome<String> {
    let (mistaken, changed) = (canary::new("mistaken")?, canary::new("changed")?);
    window.press(&test("edit"))?;
    window.write(&test("edit-words"), &changed)?;
    window.press(&test("edit-save"))?;
    queued(window, &changed)?;
    queue(window, &mistaken)?;
    let last = format!(".bubble:last-child {}", test("discard"));
    window.press(&last)?;
    window.press(&test("take-back-confirm"))?;
    wait_for("one is left as it was changed to", || {
        let shown = window.all(&test("message"))?;
        let holds = |words: &str| shown.iter().any(|message| message.text.contains(words));
        Ok((holds(&changed) && !holds(words) && !holds(&mistaken)).then_some(()))
    })?;
    Ok(changed)
}

/// All words written so far are at the server once each, and the window says so.
fn all_sent_once(place: &Workplace<'_>) -> Outcome<()> {
    let window = place.window()?;
    connection(window, "online")?;
    turn_to(window, &place.place)?;
    for words in &place.words {
        window.see_where(&test_with("message", "delivery", "sent"), "holds what was written", |message| {
            message.text.contains(words)
        })?;
        let (count, shown) = (place.at_server(words)?, window.all(&test("message"))?);
        check(count == 1, || format!("the server has it {count} times"))?;
        let shown = shown.iter().filter(|message| message.text.contains(words)).count();
        check(shown == 1, || format!("the window shows it {shown} times"))?;
    }
    Ok(())
}

fn sent_once(place: &mut Workplace<'_>) -> Outcome<()> {
    place.start_server()?;
    all_sent_once(place)
}

/// Leaves one more message waiting and closes the window.
fn leave_one_waiting(place: &mut Workplace<'_>) -> Outcome<()> {
    let words = canary::new("message")?;
    place.kill_server();
    let window = place.window()?;
    connection(window, "offline")?;
    queue(window, &words)?;
    place.words.push(words);
    place.close();
    Ok(())
}

fn rebuild(window: &Window) -> Outcome<()> {
    says(&blocked(window, "CACHE_DAMAGED")?, "Nothing unsent is touched")?;
    window.press(&test("rebuild"))?;
    window.press(&test("rebuild-confirm"))
}

fn cache_damaged(place: &mut Workplace<'_>) -> Outcome<()> {
    leave_one_waiting(place)?;
    place.damage("cache.db")?;
    place.start_server()?;
    let before = place.bytes()?;
    place.open()?;
    blocked(place.window()?, "CACHE_DAMAGED")?;
    check(place.bytes()? == before, || "the files were touched before anybody asked".to_owned())?;
    place.picture_too("cache-damaged")?;
    place.window()?.press(&test("rebuild"))?;
    place.window()?.see(&test("rebuild-confirm"))?;
    place.picture_too("cache-rebuild-asked")?;
    place.window()?.press(&test("rebuild-confirm"))?;
    all_sent_once(place)
}

fn cache_damaged_meanwhile(place: &mut Workplace<'_>) -> Outcome<()> {
    place.damage("cache.db")?;
    // What happens next is written down, and then everything is read anew.
    let came = request(place)?;
    rebuild(place.window()?)?;
    alerts_to(place.window()?, &came)?;
    all_sent_once(place)
}

fn ledger_damaged(place: &mut Workplace<'_>) -> Outcome<()> {
    leave_one_waiting(place)?;
    place.sound_ledger = place.damage("ledger.db")?;
    place.start_server()?;
    let before = place.bytes()?;
    place.open()?;
    let window = place.window()?;
    says(&blocked(window, "LEDGER_DAMAGED")?, "Do not delete anything")?;
    check(window.all(&test("rebuild"))?.is_empty(), || {
        "it offers to rebuild what nobody else has".to_owned()
    })?;
    check(place.bytes()? == before, || "the files were touched".to_owned())
}

fn ledger_rescued(place: &mut Workplace<'_>) -> Outcome<()> {
    place.mend(&place.sound_ledger)?;
    place.window()?.press(&test("try-again"))?;
    all_sent_once(place)
}

fn key_missing(place: &mut Workplace<'_>) -> Outcome<()> {
    place.close();
    let files = place.files()?;
    let key = format!("vault:{}", files.file_name().unwrap_or_default().to_string_lossy());
    place
        .session
        .ask("secret-tool", &["clear", "service", "chatehr-desktop-dev", "username", &key])
        .ok_or_else(|| Failure::new("the key could not be taken from the keyring (secret-tool clear)"))?;
    let before = place.bytes()?;
    place.open()?;
    let window = place.window()?;
    says(&blocked(window, "KEY_MISSING")?, "The files are left as they are")?;
    window.press(&test("try-again"))?;
    blocked(window, "KEY_MISSING")?;
    check(place.bytes()? == before, || "the files were touched".to_owned())
}

fn colleague_signs_in(place: &mut Workplace<'_>) -> Outcome<()> {
    let before = place.bytes()?;
    let window = place.window()?;
    window.press(&test("somebody-else"))?;
    window.press(&test_with("sign-in-account", "code", COLLEAGUE))?;
    connection(window, "online")?;
    // Their first sign-in here, and the code that it offers can wait.
    window.press(&test("enrol-later"))?;
    window.see(&test("queue-row"))?;
    let after = place.bytes_below(&before)?;
    check(after == before, || "the files of the one who must wait were touched".to_owned())
}
