//! A server, or somebody between, that says what no server should: text that wants to be more than text, words that
//! nobody knows, records and events that cannot be read.

use serde_json::{Value, json};

use crate::{
    Failure, Outcome,
    meddler::Meddler,
    misfortunes::check,
    process::wait_for,
    scene::{PHYSICIAN, connection, unwrapped},
    webdriver::{Window, test, test_with},
    workplace::Workplace,
};

/// What would be seen to have run, if it ran.
const SCRIPT: &str = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\
    <style>*{display:none}</style>";
/// Turns what follows around (Unicode UAX 9).
const OVERRIDE: char = '\u{202e}';
/// A name written from right to left that wants to carry its neighbours with it.
const NAME: &str = "\u{202e}ليلى الخطيب";

/// The first two of this person's open consultations.
pub(crate) fn two_open(window: &Window) -> Outcome<(String, String)> {
    window.press(&test("nav-mine"))?;
    wait_for("two consultations of mine", || {
        let rows = window.all(&test("queue-row"))?;
        let mut ids = rows.iter().map(|row| row.data("id").to_owned());
        Ok(ids.next().zip(ids.next()))
    })
}

/// The consultations that are meddled with.
#[derive(Clone, Debug)]
struct Targets {
    hostile: String,
    patient: String,
    urgency: String,
    broken: String,
    status: String,
}

fn text() -> String {
    let text = format!("{SCRIPT} {OVERRIDE}gnihtyreve esrever ");
    let missing = 5_000_usize.saturating_sub(text.chars().count());
    text + &"word ".repeat(missing / 5 + 1).chars().take(missing).collect::<String>()
}

/// Changes the targets wherever they stand in an answer.
fn meddle(value: &mut Value, targets: &Targets) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| meddle(one, targets)),
        Value::Object(record) => {
            let id = record.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut set = |name: &str, value: Value| record.insert(name.to_owned(), value);
            if id == targets.hostile {
                set("description", text().into());
            } else if id == targets.urgency {
                set("urgency", "stat<b>".into());
            } else if id == targets.status {
                set("status", "teleported".into());
                set("specialty", "space_medicine".into());
            } else if id == targets.broken {
                set("status", json!(17));
                set("createdAt", "yesterday".into());
            } else if id == targets.patient {
                set("name", json!({"family": NAME, "given": ["<b>Layla</b>"]}));
                set("allergies", json!([SCRIPT, "penicillin"]));
            }
            record.values_mut().for_each(|one| meddle(one, targets));
        }
        _ => {}
    }
}

fn targets(place: &Workplace<'_>) -> Outcome<Targets> {
    let ask = |path: &str| -> Outcome<Vec<Value>> {
        let list = unwrapped(place.server()?.ask("GET", path, None, None, None)?);
        Ok(list.as_array().cloned().unwrap_or_default())
    };
    let word =
        |record: &Value, name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let pending = ask("/consultations?status=pending&specialty=cardiology&limit=100")?;
    let mine = ask("/consultations?status=in_progress&specialty=cardiology&limit=100")?;
    match (pending.as_slice(), mine.iter().find(|one| word(one, "physicianId") == "physician-12")) {
        ([hostile, urgency, broken, ..], Some(status)) => Ok(Targets {
            hostile: word(hostile, "id"),
            patient: word(hostile, "patientId"),
            urgency: word(urgency, "id"),
            broken: word(broken, "id"),
            status: word(status, "id"),
        }),
        _ => Err(Failure::new("the demonstration has too few cardiology consultations for this")),
    }
}

/// Events that no server should send; each must be passed over.
const EVENTS: &[&str] = &[
    "id: 1\ndata: {\"kind\":42}\n\n",
    "data: not even JSON {{{\n\n",
    "data: {\"kind\":\"consultation.changed\",\"consultationId\":\"../../health?x=1#\",\"urgency\":\"stat\"}\n\n",
    "event: \u{202e}\ndata: {\"kind\":\"a.kind.of.tomorrow\"}\n\n",
];

pub(crate) fn hostile_words(place: &mut Workplace<'_>) -> Outcome<()> {
    let targets = targets(place)?;
    let changed = targets.clone();
    let meddler = Meddler::before(place.port(), move |answer| meddle(answer, &changed))?;
    let mut settings = place.settings();
    settings.insert("CHATEHR_API_URL", format!("http://127.0.0.1:{}/v1", meddler.port()));
    settings.insert("CHATEHR_DATA_DIR", place.session.home().join("hostile").display().to_string());
    place.open_with(settings)?;
    let window = place.window()?;
    window.press(&test_with("sign-in-account", "code", PHYSICIAN))?;
    connection(window, "online")?;

    // An unknown status is shown as it came, among the open ones, and offers nothing.
    window.press(&test("nav-mine"))?;
    let row = window.see(&test_with("queue-row", "id", &targets.status))?;
    for word in ["Teleported", "Space medicine"] {
        check(row.text.contains(word), || format!("the row does not say {word}: {}", row.text))?;
    }
    window.press(&test_with("queue-row", "id", &targets.status))?;
    window.see(&test_with("patient-banner", "id", &targets.status))?;
    window.see_where(".action-bar", "says what an unknown status means", |bar| {
        bar.text.contains("This program does not know this status")
    })?;
    let actions = window.all("[data-test^=\"action-\"], [data-test=\"composer\"]")?;
    check(actions.is_empty(), || format!("an unknown status offers {} actions", actions.len()))?;
    place.picture_too("unknown-status")?;

    // An unknown urgency is seen early; a record that cannot be read costs only itself.
    let window = place.window()?;
    window.press(&test("nav-queue"))?;
    let row = window.see(&test_with("queue-row", "id", &targets.urgency))?;
    check(row.text.contains("Stat<b>"), || format!("the urgency is not shown as it came: {}", row.text))?;
    check(window.all(&test_with("queue-row", "id", &targets.broken))?.is_empty(), || {
        "a record that cannot be read is shown".to_owned()
    })?;

    // Events that cannot be read, and one too long: the window stays in step.
    let before = meddler.requests().len();
    let too_long = format!("data: {}\n\n", "x".repeat(3_000_000));
    for event in EVENTS.iter().copied().chain([too_long.as_str()]) {
        check(meddler.say(event), || "nobody listens for events".to_owned())?;
    }
    wait_for("the window asks what it has missed", || {
        let requests = meddler.requests();
        let asks = |line: &String| line.contains("/changes?") || line.contains("/consultations?");
        Ok(requests.iter().skip(before).any(asks).then_some(()))
    })?;
    connection(window, "online")?;
    for line in meddler.requests() {
        check(
            line.split(' ').nth(1).is_some_and(|path| path.starts_with("/v1/") && !path.contains("..")),
            || format!("an event led the program to ask for {line}"),
        )?;
    }

    window.press(&test_with("queue-row", "id", &targets.hostile))?;
    let request = window.see(&test("request"))?;
    check(request.text.contains("<script>document.title='owned'</script>"), || {
        format!("the words are not shown as they came: {:.200}", request.text)
    })?;
    let page = window.script("return document.body.innerText", &[])?;
    let page = page.as_str().unwrap_or_default();
    check(page.contains("gnihtyreve esrever") && !page.contains(OVERRIDE), || {
        "a character that turns other text around came through".to_owned()
    })?;
    let ran = window.script(
        "return document.title === 'owned'
            || [...document.images].length > 0
            || document.querySelector('main script, main style, main b') !== null
            || document.documentElement.scrollWidth > innerWidth",
        &[],
    )?;
    check(ran == json!(false), || "what came as words became part of the page".to_owned())?;
    window.see(&test("action-accept")).map(drop)
}
