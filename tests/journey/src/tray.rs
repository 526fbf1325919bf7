//! The icon in the tray beside the real window: what it says, what its menu does, and what closing the window means.
//!
//! Who shows icons is passed in ([`Shelf`]): a tray is a service on the session's bus, which this crate does not speak.

use std::{collections::BTreeMap, path::Path};

use crate::{
    Failure, Outcome, Places,
    misfortunes::check,
    notification,
    process::wait_for,
    record::{Record, Step},
    scene::{PATIENT_NAMES, PHYSICIAN, connection},
    webdriver::{Window, test, test_with},
    workplace::Workplace,
};

/// A tray.
pub trait Shelf {
    /// Shows icons from here on, on the bus with this address.
    fn begin(&mut self, bus: &str) -> Outcome<()>;

    /// The lines of the icon's menu, and whether each can be pressed; none while there is no icon.
    fn lines(&self) -> Outcome<BTreeMap<String, bool>>;

    /// Presses a line.
    fn press(&self, line: &str) -> Outcome<()>;

    /// What stands beside the icon.
    fn label(&self) -> Outcome<String>;

    /// Everything that the icon tells in words.
    fn all_words(&self) -> Outcome<String>;
}

struct Tray<'a> {
    place: Workplace<'a>,
    shelf: &'a mut dyn Shelf,
}

type Turn = fn(&mut Tray<'_>) -> Outcome<()>;

const TURNS: &[(&str, Turn)] = &[
    ("no tray: closing the window ends the program", ends_without_a_tray),
    ("a tray: the icon says who is signed in and how many wait", says_who),
    ("Settings: figures, and a support bundle shown and saved", bundle),
    ("Lock in the menu locks the screen", locks),
    ("closed: the window is hidden, the program goes on and says so", goes_on),
    ("Open in the menu brings the window back", comes_back),
    ("Quit in the menu ends the program", quits),
];

/// Goes through it in a desktop session of its own and tells each step as it ends.
pub fn tray(places: &Places, shelf: &mut dyn Shelf, tell: &mut dyn FnMut(&Step)) -> Outcome<Vec<Step>> {
    let mut record = Record::begin(&places.pictures)?;
    let mut tray = Tray { place: Workplace::new(places)?, shelf };
    for (name, turn) in TURNS {
        let step = record.step(
            name,
            &mut tray,
            |tray| turn(tray),
            // A window that is closed or hidden paints nothing; the display is there all the same.
            |tray, file: &Path| {
                let ended = tray.place.window().map_or(true, Window::has_ended);
                if ended || tray.place.window_id()?.is_none() {
                    tray.place.session.picture(file)
                } else {
                    tray.place.picture(file)
                }
            },
        );
        tell(&step);
    }
    record.finish()
}

impl Tray<'_> {
    fn until_hidden(&self) -> Outcome<()> {
        wait_for("the window is gone from the screen", || Ok(self.place.window_id()?.is_none().then_some(())))
    }

    /// Waits until the icon itself says it, before anybody opens its menu.
    fn at_a_glance(&self, words: &str) -> Outcome<()> {
        wait_for(&format!("the icon says {words}"), || Ok((self.shelf.label()? == words).then_some(())))
    }

    fn line(&self, what: &str, holds: impl Fn(&str) -> bool) -> Outcome<String> {
        wait_for(&format!("the menu says {what}"), || {
            Ok(self.shelf.lines()?.into_keys().find(|line| holds(line)))
        })
    }
}

fn ends_without_a_tray(tray: &mut Tray<'_>) -> Outcome<()> {
    tray.place.session.start_keyring()?;
    tray.place.session.start_notifications()?;
    tray.place.start_server()?;
    let window = tray.place.open()?;
    window.press(&test_with("sign-in-account", "code", PHYSICIAN))?;
    connection(window, "online")?;
    tray.place.close_window()?;
    wait_for("the program has ended", || Ok(tray.place.window()?.has_ended().then_some(())))?;
    tray.place.close();
    Ok(())
}

fn says_who(tray: &mut Tray<'_>) -> Outcome<()> {
    let bus = tray.place.session.bus()?;
    tray.shelf.begin(&bus)?;
    connection(tray.place.open()?, "online")?;
    tray.line("who is signed in", |line| line == "Dr Amara Okafor")?;
    tray.line("how many wait", |line| line.contains(" waiting"))?;
    tray.at_a_glance("Dr Amara Okafor")?;
    let words = tray.shelf.all_words()?.to_lowercase();
    for name in PATIENT_NAMES {
        check(!words.contains(name), || format!("a patient is named: {words}"))?;
    }
    // It is looked every few seconds whether there is a tray.
    wait_for("Lock can be pressed", || Ok((tray.shelf.lines()?.get("Lock") == Some(&true)).then_some(())))
}

fn bundle(tray: &mut Tray<'_>) -> Outcome<()> {
    let file = tray.place.session.home().join("bundle.txt");
    let window = tray.place.window()?;
    window.press(&test("nav-settings"))?;
    window
        .see_where(&test("data-today"), "tells what was received", |seen| seen.text.contains(" received"))?;
    window.press(&test("support-bundle"))?;
    let shown = window.see_where(&test("support-text"), "is whole", |seen| seen.text.contains("== Log"))?;
    let key = |line: &str| line.split_whitespace().eq(["CHATEHR_API_KEY", "set"]);
    check(shown.text.lines().any(key), || format!("it is not said that there is a key:\n{}", shown.text))?;
    for part in ["== Doctor ==", "the desktop shows icons in it", "online since"] {
        check(shown.text.contains(part), || format!("{part} is missing in\n{}", shown.text))?;
    }
    let lower = shown.text.to_lowercase();
    let home = tray.place.session.home().display().to_string();
    for secret in PATIENT_NAMES.into_iter().chain(["okafor", PHYSICIAN, home.as_str(), tray.place.key()]) {
        check(!lower.contains(&secret.to_lowercase()), || format!("{secret} is in\n{}", shown.text))?;
    }
    window.write(&test("support-file"), &file.display().to_string())?;
    window.press(&test("support-save"))?;
    window.see(&test("support-saved"))?;
    let saved = std::fs::read_to_string(&file)
        .map_err(|error| Failure::new(format!("the bundle cannot be read: {error}")))?;
    check(saved.trim() == shown.text.trim(), || format!("saved is\n{saved}\nand shown was\n{}", shown.text))
}

fn locks(tray: &mut Tray<'_>) -> Outcome<()> {
    tray.shelf.press("Lock")?;
    tray.place.window()?.see(&test("locked"))?;
    tray.line("that it is locked", |line| line == "Amara Okafor, locked")?;
    tray.at_a_glance("Locked")?;
    let window = tray.place.window()?;
    check(tray.shelf.lines()?.get("Lock") == Some(&false), || "Lock can be pressed twice".to_owned())?;
    window.painted()
}

fn goes_on(tray: &mut Tray<'_>) -> Outcome<()> {
    // The icon is known to be shown by the next look.
    std::thread::sleep(std::time::Duration::from_secs(6));
    tray.place.close_window()?;
    tray.until_hidden()?;
    wait_for("it is said that the program goes on", || {
        let said = notification::all(tray.place.session.notifications())?;
        Ok(said.iter().any(|one| one.text().contains("ChatEHR goes on in the tray")).then_some(()))
    })?;
    check(!tray.place.window()?.has_ended(), || "the program has ended".to_owned())
}

fn comes_back(tray: &mut Tray<'_>) -> Outcome<()> {
    tray.shelf.press("Open")?;
    wait_for("the window is back", || Ok(tray.place.window_id()?.map(drop)))
}

fn quits(tray: &mut Tray<'_>) -> Outcome<()> {
    tray.shelf.press("Quit")?;
    wait_for("the program has ended", || Ok(tray.place.window()?.has_ended().then_some(())))
}
