//! A workstation that is left: locked with a dialog open, left alone, used for too long; in the real window.
//!
//! The clinic's times are as short as a policy allows. Of the longest session an hour is too long for a walk, so the hour is
//! put into what the keyring has of its beginning.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    Failure, Outcome, Places, Session, canary, keyring,
    misfortunes::check,
    process::{wait_at_most, wait_for},
    record::{Record, Step},
    scene::{PHYSICIAN, connection, unwrapped},
    webdriver::{Window, test, test_with},
    workplace::Workplace,
};

const PIN: &str = "402917";
/// The least that leaves ten seconds before the warning.
const POLICY: &str = r#"{"lockAfterSeconds": 40, "sessionHours": 1}"#;
/// Control and L, and Control let go (WebDriver, section 17.4.2).
const LOCK_KEYS: &str = "\u{e009}l\u{e000}";
const CONTROLS: &str = "dialog [data-test]";

struct Leaving<'a> {
    place: Workplace<'a>,
    /// Taken by the physician, and still in the queue.
    taken: String,
    waiting: String,
    /// What is typed, by the field.
    words: Vec<(&'static str, String)>,
}

type Turn = fn(&mut Leaving<'_>) -> Outcome<()>;

const TURNS: &[(&str, Turn)] = &[
    ("a physician signs in, takes a request and sets a PIN", begins),
    ("the narrowest window says who is signed in", narrow),
    ("locked while declining: nothing is sent, nothing is left", declining),
    ("a wrong PIN, then the right one: the words are there", unlocked),
    ("handing off and completing: the same", others),
    ("what is completed takes its words along", completed),
    ("the emergency question is gone with the lock", emergency),
    ("left alone: a warning, and somebody is still here", warned),
    ("left alone for longer: it locks, and the words are kept", locks),
    ("the session's last half minute is announced, and it ends", ends),
    ("signed in again: the words are there", again),
];

/// Goes through it in a desktop session of its own and tells each step as it ends. An error means that it could not even
/// begin.
pub fn leave(places: &Places, tell: &mut dyn FnMut(&Step)) -> Outcome<Vec<Step>> {
    let mut record = Record::begin(&places.pictures)?;
    let mut leaving = Leaving {
        place: Workplace::new(places)?,
        taken: String::new(),
        waiting: String::new(),
        words: Vec::new(),
    };
    for (name, turn) in TURNS {
        let step = record.step(
            name,
            &mut leaving,
            |leaving| turn(leaving),
            |leaving, file: &Path| leaving.place.picture(file),
        );
        tell(&step);
    }
    record.finish()
}

impl Leaving<'_> {
    fn window(&self) -> Outcome<&Window> {
        self.place.window()
    }

    /// Types words that nobody else writes into a field.
    fn types(&mut self, field: &'static str) -> Outcome<()> {
        let words = canary::new(field)?;
        self.window()?.write(&test(field), &words)?;
        self.words.retain(|(known, _)| *known != field);
        self.words.push((field, words));
        Ok(())
    }

    fn typed(&self, field: &str) -> Outcome<&str> {
        let found = self.words.iter().find(|(known, _)| *known == field);
        found
            .map(|(_, words)| words.as_str())
            .ok_or_else(|| Failure::new(format!("nothing was typed: {field}")))
    }

    /// Locks by the keys, which is the only way past a dialog.
    fn lock_in(&self, field: &str) -> Outcome<()> {
        self.window()?.keys(&test(field), LOCK_KEYS)?;
        self.is_locked(Duration::from_secs(20))
    }

    /// Locked, and nothing of what was typed is anywhere in the page.
    fn is_locked(&self, limit: Duration) -> Outcome<()> {
        let window = self.window()?;
        wait_at_most(limit, "the screen is locked", || Ok(window.all(&test("locked"))?.into_iter().next()))?;
        self.nothing_is_left()
    }

    fn nothing_is_left(&self) -> Outcome<()> {
        let window = self.window()?;
        check(window.all("dialog")?.is_empty(), || "a dialog is still open".to_owned())?;
        let page = window.page()? + &window.storage()?;
        let left: Vec<_> = self.words.iter().filter(|(_, words)| page.contains(words)).collect();
        check(left.is_empty(), || format!("the page still holds {left:?}"))
    }

    fn unlock(&self) -> Outcome<()> {
        let window = self.window()?;
        window.write(&test("unlock-pin"), PIN)?;
        window.press(&test("unlock-pin-submit"))?;
        connection(window, "online").map(drop)
    }

    fn open(&self, id: &str, view: &str, action: &str) -> Outcome<()> {
        let window = self.window()?;
        window.press(&test(view))?;
        window.press(&test_with("queue-row", "id", id))?;
        window.see(&test_with("patient-banner", "id", id))?;
        window.press(&test(action))
    }

    /// A field holds what was typed into it.
    fn holds(&self, field: &str) -> Outcome<()> {
        let (window, wanted) = (self.window()?, self.typed(field)?);
        wait_for(&format!("{field} holds what was typed"), || {
            let value =
                window.script("return document.querySelector(arguments[0])?.value", &[test(field).into()])?;
            Ok((value.as_str() == Some(wanted)).then_some(()))
        })
    }

    fn close_dialog(&self) -> Outcome<()> {
        let window = self.window()?;
        window.script("document.querySelector('dialog').close()", &[])?;
        window.gone(CONTROLS)
    }

    fn at_server(&self, id: &str) -> Outcome<Value> {
        Ok(unwrapped(self.place.server()?.ask("GET", &format!("/consultations/{id}"), None, None, None)?))
    }

    /// The server has it as before, and none of the words.
    fn nothing_was_sent(&self, id: &str, status: &str) -> Outcome<()> {
        let record = self.at_server(id)?;
        let text = record.to_string();
        check(record.get("status") == Some(&json!(status)), || format!("the server says {text}"))?;
        check(!self.words.iter().any(|(_, words)| text.contains(words)), || format!("it was sent: {text}"))
    }
}

fn begins(leaving: &mut Leaving<'_>) -> Outcome<()> {
    leaving.place.session.start_keyring()?;
    leaving.place.session.start_notifications()?;
    leaving.place.start_server()?;
    let window = leaving.place.open()?;
    window.press(&test_with("sign-in-account", "code", PHYSICIAN))?;
    connection(window, "online")?;
    window.press(&test("enrol-later"))?;
    window.press(&test("nav-settings"))?;
    window.press(&test("set-pin"))?;
    window.write(&test("new-pin"), PIN)?;
    window.press(&test("new-pin-submit"))?;
    window.see_where(&test("pin-result"), "says that the PIN is set", |seen| seen.text.contains("is set"))?;
    window.press(&test("nav-queue"))?;
    window.see(&test("queue-row"))?;
    let rows: Vec<String> =
        window.all(&test("queue-row"))?.iter().map(|row| row.data("id").to_owned()).collect();
    let [taken, waiting, ..] = rows.as_slice() else {
        return Err(Failure::new(format!("{} requests wait, and two are needed", rows.len())));
    };
    window.press(&test_with("queue-row", "id", taken))?;
    window.see(&test_with("patient-banner", "id", taken))?;
    window.press(&test("action-accept"))?;
    window.press(&test("action-start"))?;
    window.see(&test("action-complete"))?;
    (leaving.taken, leaving.waiting) = (taken.clone(), waiting.clone());
    wait_for("the server says that work has begun", || {
        let record = leaving.at_server(&leaving.taken)?;
        Ok((record.get("status") == Some(&json!("in_progress"))).then_some(()))
    })
}

/// Letter by letter on the screen, not clipped to nothing for those alone who are read to.
fn narrow(leaving: &mut Leaving<'_>) -> Outcome<()> {
    let size = |width: &str, height: &str| {
        let of = ["search", "--onlyvisible", "--name", "^ChatEHR", "windowsize", "--sync", width, height];
        let done = leaving.place.session.ask("xdotool", &of);
        done.map(drop).ok_or_else(|| Failure::new("xdotool could not size the window"))
    };
    size("960", "640")?;
    let window = leaving.window()?;
    let name = wait_for("the window is narrow", || {
        let seen = window.script(
            "const name = document.querySelector('.rail-person strong'), box = name.getBoundingClientRect();
            return innerWidth > 1000 ? '' : `${name.innerText} ${box.width > 40 && box.height > 10 &&
                name.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2))}`",
            &[],
        )?;
        Ok(seen.as_str().filter(|seen| !seen.is_empty()).map(str::to_owned))
    })?;
    check(name == "Dr Amara Okafor true", || format!("of who is signed in there is: {name}"))?;
    leaving.place.picture_too("narrow")?;
    size("1440", "860")
}

fn declining(leaving: &mut Leaving<'_>) -> Outcome<()> {
    leaving.open(&leaving.waiting, "nav-queue", "action-decline")?;
    leaving.types("decline-reason")?;
    leaving.place.picture_too("declining")?;
    leaving.lock_in("decline-reason")?;
    leaving.nothing_was_sent(&leaving.waiting, "pending")
}

fn unlocked(leaving: &mut Leaving<'_>) -> Outcome<()> {
    let window = leaving.window()?;
    window.write(&test("unlock-pin"), "402918")?;
    window.press(&test("unlock-pin-submit"))?;
    window.see(&test_with("error-notice", "code", "WRONG_PIN"))?;
    leaving.nothing_is_left()?;
    leaving.unlock()?;
    leaving.nothing_is_left()?;
    leaving.open(&leaving.waiting, "nav-queue", "action-decline")?;
    leaving.holds("decline-reason")
}

fn others(leaving: &mut Leaving<'_>) -> Outcome<()> {
    leaving.close_dialog()?;
    leaving.open(&leaving.taken, "nav-mine", "action-hand-off")?;
    leaving.types("hand-off-reason")?;
    leaving.close_dialog()?;
    leaving.window()?.press(&test("action-complete"))?;
    leaving.types("complete-note")?;
    leaving.lock_in("complete-note")?;
    leaving.nothing_was_sent(&leaving.taken, "in_progress")?;
    leaving.unlock()?;
    leaving.open(&leaving.taken, "nav-mine", "action-hand-off")?;
    leaving.holds("hand-off-reason")?;
    leaving.close_dialog()?;
    leaving.window()?.press(&test("action-complete"))?;
    leaving.holds("complete-note")
}

fn completed(leaving: &mut Leaving<'_>) -> Outcome<()> {
    leaving.window()?.press(&test("complete-confirm"))?;
    let note = leaving.typed("complete-note")?.to_owned();
    wait_for("the server has the closing note", || {
        let record = leaving.at_server(&leaving.taken)?;
        let is_done = record.get("status") == Some(&json!("completed")) && record.to_string().contains(&note);
        Ok(is_done.then_some(()))
    })?;
    leaving.words.retain(|(field, _)| *field == "decline-reason");
    Ok(())
}

fn emergency(leaving: &mut Leaving<'_>) -> Outcome<()> {
    leaving.window()?.press(&test("emergency"))?;
    leaving.types("glass-reason")?;
    leaving.lock_in("glass-reason")?;
    leaving.unlock()?;
    leaving.nothing_is_left()?;
    leaving.window()?.press(&test("emergency"))?;
    leaving.window()?.see(&test("glass-reason"))?;
    let page = leaving.window()?.page()?;
    let reason = leaving.typed("glass-reason")?;
    check(!page.contains(reason), || "the reason for an emergency was kept".to_owned())?;
    leaving.close_dialog()?;
    leaving.words.retain(|(field, _)| *field == "decline-reason");
    Ok(())
}

fn warned(leaving: &mut Leaving<'_>) -> Outcome<()> {
    leaving.place.close();
    leaving.place.kill_server();
    leaving.place.start_server_with(&[("CHATEHR_POLICY", POLICY)])?;
    leaving.place.open()?;
    connection(leaving.window()?, "online")?;
    leaving.open(&leaving.waiting, "nav-queue", "action-decline")?;
    leaving.types("decline-reason")?;
    let window = leaving.window()?;
    window.see(&test("still-here"))?;
    let page = window.see_where("dialog", "says how long it is", |seen| seen.text.contains("Locking in"))?;
    check(page.text.contains("reasons that you have typed are kept"), || page.text.clone())?;
    leaving.place.picture_too("warned")?;
    window.press(&test("still-here"))?;
    window.gone(&test("still-here"))?;
    check(window.all(&test("locked"))?.is_empty(), || "it is locked all the same".to_owned())?;
    leaving.holds("decline-reason")
}

fn locks(leaving: &mut Leaving<'_>) -> Outcome<()> {
    leaving.window()?.see(&test("still-here"))?;
    leaving.is_locked(Duration::from_secs(45))?;
    leaving.nothing_was_sent(&leaving.waiting, "pending")?;
    leaving.unlock()?;
    leaving.open(&leaving.waiting, "nav-queue", "action-decline")?;
    leaving.holds("decline-reason")
}

/// Half a minute before the hour is over.
fn ends(leaving: &mut Leaving<'_>) -> Outcome<()> {
    leaving.place.close();
    let session = &leaving.place.session;
    let entry = keyring::entries(session, "lock:")?
        .pop()
        .ok_or_else(|| Failure::new("the keyring has nothing of the session's beginning"))?;
    let mut kept: Value = serde_json::from_str(&entry.secret)
        .map_err(|error| Failure::new(format!("the session's beginning does not read: {error}")))?;
    let seen = kept.get("seenAt").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(place) = kept.get_mut("signedInAt") {
        *place = json!(before(session, &seen, 3600 - 28)?);
    }
    keyring::replace(session, &entry, &kept.to_string())?;
    leaving.place.open()?;
    let window = leaving.window()?;
    connection(window, "online")?;
    let notice = window.see(&test("session-ends"))?;
    check(notice.text.contains("Your session ends in"), || notice.text.clone())?;
    leaving.open(&leaving.waiting, "nav-queue", "action-decline")?;
    leaving.types("decline-reason")?;
    leaving.place.picture_too("session-ends")?;
    let window = leaving.window()?;
    wait_at_most(Duration::from_secs(45), "the session ends", || {
        Ok(window.all(&test("sign-in"))?.into_iter().next())
    })?;
    window.see(&test_with("error-notice", "code", "SESSION_OVER"))?;
    leaving.nothing_is_left()?;
    leaving.nothing_was_sent(&leaving.waiting, "pending")
}

fn again(leaving: &mut Leaving<'_>) -> Outcome<()> {
    let window = leaving.window()?;
    window.press(&test_with("sign-in-account", "code", PHYSICIAN))?;
    connection(window, "online")?;
    leaving.open(&leaving.waiting, "nav-queue", "action-decline")?;
    leaving.holds("decline-reason")
}

/// An instant so many seconds before another, by Debian's `date`.
fn before(session: &Session, instant: &str, seconds: i64) -> Outcome<String> {
    let date = |of: &str, form: &str| {
        let told = session.ask("date", &["-u", "-d", of, form]);
        told.ok_or_else(|| Failure::new(format!("{of} is no instant")))
    };
    let at: i64 = date(instant, "+%s")?.trim().parse().unwrap_or_default();
    Ok(date(&format!("@{}", at - seconds), "+%Y-%m-%dT%H:%M:%S.000Z")?.trim().to_owned())
}
