//! What is on the stage while the journey is walked: the session, the server, the windows, and what was said.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Failure, Outcome, Places, Server, Session, canary,
    person::BrowserScript,
    relay::Relay,
    webdriver::{Seen, Window, test, test_with},
};

/// The physician of the journey, by code and by account.
pub(crate) const PHYSICIAN: &str = "482913";
pub(crate) const PHYSICIANS_ACCOUNT: &str = "physician-12";
/// The physician who is faster.
pub(crate) const COLLEAGUE: &str = "615208";
/// The patient at the kiosk.
pub(crate) const PATIENT: &str = "205117";
/// Words that identify the patient, lower case.
pub(crate) const PATIENT_NAMES: [&str; 2] = ["marta", "szymańska"];

/// Everything that the steps share.
pub(crate) struct Scene<'a> {
    pub session: &'a Session,
    places: &'a Places,
    server: Option<Server>,
    pub relay: Option<Relay>,
    /// Where the clinician's window finds its server, also after relay and server are gone.
    address: u16,
    clinician: Option<Window>,
    kiosk: Option<Window>,
    pub browser: BrowserScript,
    /// The window that a picture should show.
    front: &'static str,
    /// What the patient writes.
    pub patient_words: String,
    /// What the physician writes.
    pub physician_words: String,
    /// The patient's request, once it has a number.
    pub request: String,
    /// Notifications before the request.
    pub notified: usize,
    /// What the recovery code's paper says.
    pub code: String,
    /// Today's appointments, as the window showed them while online.
    pub appointments: Vec<String>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(session: &'a Session, places: &'a Places) -> Outcome<Self> {
        Ok(Self {
            session,
            places,
            server: None,
            relay: None,
            address: 0,
            clinician: None,
            kiosk: None,
            browser: BrowserScript::write(&session.home().join("bin"))?,
            front: "",
            patient_words: canary::new("patient")?,
            physician_words: canary::new("physician")?,
            request: String::new(),
            notified: 0,
            code: String::new(),
            appointments: Vec::new(),
        })
    }

    /// Where the programs write their logs.
    pub(crate) fn logs(&self) -> PathBuf {
        self.places.pictures.join("log")
    }

    /// Where the clinician's program keeps its files.
    pub(crate) fn records(&self) -> PathBuf {
        self.session.home().join("records")
    }

    /// Where the physician has their files.
    pub(crate) fn files(&self) -> Outcome<PathBuf> {
        let people = self.records().join("people");
        let first = fs::read_dir(&people).ok().and_then(|mut entries| entries.next()?.ok());
        first
            .map(|entry| entry.path())
            .ok_or_else(|| Failure::new(format!("nobody has files in {}", people.display())))
    }

    /// Every file of the physician's as it is, but for SQLite's index of a write-ahead log, which is made anew.
    pub(crate) fn bytes(&self) -> Outcome<BTreeMap<PathBuf, Vec<u8>>> {
        let directory = self.files()?;
        let failed = |error| Failure::new(format!("{} cannot be read: {error}", directory.display()));
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if !path.to_string_lossy().ends_with("-shm") {
                all.insert(path.clone(), fs::read(&path).map_err(failed)?);
            }
        }
        Ok(all)
    }

    pub(crate) fn start_server(&mut self) -> Outcome<()> {
        let program = self.places.program("chatehr-server")?;
        let server = Server::start(&program, &[], &self.logs().join("server.log"))?;
        let relay = Relay::to(server.port())?;
        self.address = relay.port();
        self.relay = Some(relay);
        self.server = Some(server);
        Ok(())
    }

    pub(crate) fn server(&self) -> Outcome<&Server> {
        self.server.as_ref().ok_or_else(|| Failure::new("there is no server"))
    }

    pub(crate) fn relay(&self) -> Outcome<&Relay> {
        self.relay.as_ref().ok_or_else(|| Failure::new("there is no relay"))
    }

    /// Ends the server as a power cut would; whoever calls is refused from then on.
    pub(crate) fn kill_server(&mut self) -> Outcome<()> {
        self.server.as_mut().ok_or_else(|| Failure::new("there is no server"))?.kill();
        self.relay = None;
        Ok(())
    }

    pub(crate) fn open_clinician(&mut self) -> Outcome<()> {
        self.clinician = Some(self.open("chatehr-desktop", self.address, &self.records())?);
        self.front = "chatehr-desktop";
        Ok(())
    }

    pub(crate) fn open_kiosk(&mut self) -> Outcome<()> {
        let port = self.server()?.port();
        self.kiosk = Some(self.open("chatehr-kiosk", port, &self.session.home().join("kiosk"))?);
        self.front = "chatehr-kiosk";
        Ok(())
    }

    fn open(&self, name: &str, port: u16, data: &Path) -> Outcome<Window> {
        let environment = [
            ("CHATEHR_API_URL", Server::url(port)),
            ("CHATEHR_API_KEY", self.server()?.key().to_owned()),
            ("CHATEHR_DATA_DIR", data.display().to_string()),
            ("CHATEHR_OIDC_ISSUER", Server::issuer(self.server()?.port())),
            ("BROWSER", self.browser.path()),
        ];
        Window::open(
            self.session,
            &self.places.program(name)?,
            &environment,
            &self.logs().join(format!("{name}.log")),
        )
    }

    pub(crate) fn close_clinician(&mut self) {
        drop(self.clinician.take());
    }

    pub(crate) fn close_windows(&mut self) {
        self.close_clinician();
        drop(self.kiosk.take());
    }

    pub(crate) fn clinician(&mut self) -> Outcome<&Window> {
        self.front = "chatehr-desktop";
        self.clinician.as_ref().ok_or_else(|| Failure::new("the clinician's window is not open"))
    }

    pub(crate) fn kiosk(&mut self) -> Outcome<&Window> {
        self.front = "chatehr-kiosk";
        self.kiosk.as_ref().ok_or_else(|| Failure::new("the kiosk's window is not open"))
    }

    /// Signs somebody in as the test sign-in allows: their token and their id.
    pub(crate) fn sign_in(&self, code: &str) -> Outcome<(String, Value)> {
        let body = serde_json::json!({"code": code});
        let session = self.server()?.ask("POST", "/test/sign-in", None, None, Some(&body))?;
        let session = unwrapped(session);
        let token = session.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok((token, session.get("id").cloned().unwrap_or_default()))
    }

    /// A picture of the whole display, with the window of the step in front.
    pub(crate) fn picture(&self, file: &Path) -> Outcome<()> {
        let window = if self.front == "chatehr-kiosk" { &self.kiosk } else { &self.clinician };
        if let Some(window) = window {
            self.session
                .ask("xdotool", &["search", "--onlyvisible", "--class", self.front, "windowactivate"]);
            window.painted()?;
            // From the window to the display; nothing is decided by this pause.
            std::thread::sleep(std::time::Duration::from_millis(250));
            return self.session.picture_of_window(file);
        }
        self.session.picture(file)
    }
}

/// A list or record, whether or not an answer wraps it in `data`.
pub(crate) fn unwrapped(mut answer: Value) -> Value {
    match answer.get_mut("data") {
        Some(data) => data.take(),
        None => answer,
    }
}

/// Today's appointments in the window, as a person reads them.
pub(crate) fn appointments_of_today(window: &Window) -> Outcome<Vec<String>> {
    window.press(&test("nav-appointments"))?;
    window.see(&test("appointment-row"))?;
    Ok(window.all(&test("appointment-row"))?.into_iter().map(|row| row.text).collect())
}

/// Waits until the window says how it stands with the server.
pub(crate) fn connection(window: &Window, kind: &str) -> Outcome<Seen> {
    // What has only just gone is called reconnecting for a while; without a connection it is all the same.
    if kind == "offline" {
        return window.see_where(&test("connection"), "is lost", |seen| {
            ["offline", "reconnecting"].contains(&seen.data("kind"))
        });
    }
    window.see(&test_with("connection", "kind", kind))
}
