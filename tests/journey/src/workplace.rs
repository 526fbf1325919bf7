//! The workstation that has the misfortunes: a session that may lack things, a server that comes and goes, files that
//! can be harmed, and one clinician's window at a time.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Failure, Outcome, Places, Server, Session,
    process::Running,
    scene::unwrapped,
    server::Secrets,
    webdriver::{Window, free_port},
};

/// Everything that the misfortunes share.
pub(crate) struct Workplace<'a> {
    // Dropped from the top: the window ends before its session does.
    window: Option<Window>,
    server: Option<Server>,
    pub session: Session,
    places: &'a Places,
    secrets: Secrets,
    /// Where the server is whenever it is there.
    port: u16,
    /// The consultation that is written in, and what was written.
    pub place: String,
    pub words: Vec<String>,
    /// The ledger before it was harmed.
    pub sound_ledger: BTreeMap<PathBuf, Vec<u8>>,
}

impl<'a> Workplace<'a> {
    pub(crate) fn new(places: &'a Places) -> Outcome<Self> {
        Ok(Self {
            session: Session::bare(&places.session)?,
            places,
            secrets: Secrets::new()?,
            port: free_port()?,
            server: None,
            window: None,
            place: String::new(),
            words: Vec::new(),
            sound_ledger: BTreeMap::new(),
        })
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.places.pictures.join("log")
    }

    /// The clinician's settings as they should be.
    pub(crate) fn settings(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("CHATEHR_API_URL", Server::url(self.port)),
            ("CHATEHR_API_KEY", self.secrets.key().to_owned()),
            ("CHATEHR_DATA_DIR", self.records().display().to_string()),
        ])
    }

    /// The port and the key, as one who must not learn the latter is told about.
    pub(crate) fn key(&self) -> &str {
        self.secrets.key()
    }

    /// Where the server is.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where the program keeps its files.
    pub(crate) fn records(&self) -> PathBuf {
        self.session.home().join("records")
    }

    /// Where the one person who has signed in has their files.
    pub(crate) fn files(&self) -> Outcome<PathBuf> {
        let people = self.records().join("people");
        fs::read_dir(&people)
            .ok()
            .and_then(|mut entries| entries.next()?.ok())
            .map(|entry| entry.path())
            .ok_or_else(|| Failure::new(format!("nobody has files in {}", people.display())))
    }

    /// Every file of that person as it is, but for SQLite's index of a write-ahead log, which is made anew each time.
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

    /// The same files at another time.
    pub(crate) fn bytes_below(&self, of: &BTreeMap<PathBuf, Vec<u8>>) -> Outcome<BTreeMap<PathBuf, Vec<u8>>> {
        of.keys()
            .map(|file| {
                fs::read(file)
                    .map(|bytes| (file.clone(), bytes))
                    .map_err(|error| Failure::new(format!("{} cannot be read: {error}", file.display())))
            })
            .collect()
    }

    /// Turns bytes of a database over, as a failing disk would, in its write-ahead log too: what stands there goes
    /// before what stands in the file. Returns what was.
    pub(crate) fn damage(&self, name: &str) -> Outcome<BTreeMap<PathBuf, Vec<u8>>> {
        let mut sound = self.bytes()?;
        sound.retain(|file, _| file.to_string_lossy().contains(name));
        for (file, before) in &sound {
            let mut after = before.clone();
            for byte in after.iter_mut().skip(64).step_by(97) {
                *byte ^= 0x5a;
            }
            write(file, &after)?;
        }
        Ok(sound)
    }

    /// Puts files back, as somebody who could rescue them would.
    pub(crate) fn mend(&self, sound: &BTreeMap<PathBuf, Vec<u8>>) -> Outcome<()> {
        sound.iter().try_for_each(|(file, bytes)| write(file, bytes))
    }

    pub(crate) fn start_server(&mut self) -> Outcome<()> {
        self.start_server_with(&[])
    }

    /// The same with more settings, such as the clinic's policy.
    pub(crate) fn start_server_with(&mut self, settings: &[(&str, &str)]) -> Outcome<()> {
        // Beside the home, not in it: whatever is kept here is the server's, not the workstation's.
        let store = self.places.pictures.join("server.db").display().to_string();
        self.server = Some(Server::start_so(
            &self.places.program("chatehr-server")?,
            self.port,
            &self.secrets,
            &["--database", &store],
            settings,
            &self.logs().join("server.log"),
        )?);
        Ok(())
    }

    pub(crate) fn kill_server(&mut self) {
        drop(self.server.take());
    }

    pub(crate) fn server(&self) -> Outcome<&Server> {
        self.server.as_ref().ok_or_else(|| Failure::new("there is no server"))
    }

    /// Opens the clinician's window with these settings, in the place of the one before.
    pub(crate) fn open_with(&mut self, settings: BTreeMap<&'static str, String>) -> Outcome<&Window> {
        self.close();
        let program = self.places.program("chatehr-desktop")?;
        let settings: Vec<_> = settings.into_iter().collect();
        let log = self.logs().join("chatehr-desktop.log");
        self.window = Some(Window::open(&self.session, &program, &settings, &log)?);
        self.window()
    }

    /// Starts the clinician's program as a person does: nobody drives its window.
    pub(crate) fn start_undriven(&self) -> Outcome<Running> {
        let mut command = self.session.command(self.places.program("chatehr-desktop")?);
        command.envs(self.settings());
        Running::start("chatehr-desktop", command, &self.logs().join("chatehr-desktop.log"))
    }

    /// One of the built programs.
    pub(crate) fn program(&self, name: &str) -> Outcome<PathBuf> {
        self.places.program(name)
    }

    /// Opens it with the settings as they should be.
    pub(crate) fn open(&mut self) -> Outcome<&Window> {
        self.open_with(self.settings())
    }

    pub(crate) fn window(&self) -> Outcome<&Window> {
        self.window.as_ref().ok_or_else(|| Failure::new("the clinician's window is not open"))
    }

    /// Closes the window as the keys of the window manager do.
    pub(crate) fn close_window(&self) -> Outcome<()> {
        let id = self.window_id()?.ok_or_else(|| Failure::new("there is no window to close"))?;
        self.session
            .ask("xdotool", &["windowactivate", "--sync", &id, "key", "alt+F4"])
            .map(drop)
            .ok_or_else(|| Failure::new("xdotool could not close the window"))
    }

    /// The window that a person sees, if they see one.
    pub(crate) fn window_id(&self) -> Outcome<Option<String>> {
        let found = self.session.ask("xdotool", &["search", "--onlyvisible", "--name", "^ChatEHR"]);
        Ok(found.and_then(|ids| ids.lines().next().map(ToOwned::to_owned)))
    }

    pub(crate) fn close(&mut self) {
        drop(self.window.take());
    }

    /// Ends the program as a power cut would.
    pub(crate) fn kill_window(&mut self) {
        if let Some(window) = self.window.take() {
            window.kill();
        }
    }

    /// How many messages with these words the server has in the consultation that is written in.
    pub(crate) fn at_server(&self, words: &str) -> Outcome<usize> {
        let path = format!("/messages?consultationId={}&limit=100", self.place);
        let messages = unwrapped(self.server()?.ask("GET", &path, None, None, None)?);
        let messages = messages.as_array().cloned().unwrap_or_default();
        let holds = |message: &&Value| {
            message.get("content").and_then(Value::as_str).is_some_and(|content| content.contains(words))
        };
        Ok(messages.iter().filter(holds).count())
    }

    /// One more picture, in the middle of a step.
    pub(crate) fn picture_too(&self, name: &str) -> Outcome<()> {
        self.picture(&self.places.pictures.join(format!("{name}.png")))
    }

    /// A picture of the whole display.
    pub(crate) fn picture(&self, file: &Path) -> Outcome<()> {
        if let Some(window) = &self.window {
            window.painted()?;
            // From the window to the display; nothing is decided by this pause.
            std::thread::sleep(std::time::Duration::from_millis(250));
            return self.session.picture_of_window(file);
        }
        self.session.picture(file)
    }
}

fn write(file: &Path, bytes: &[u8]) -> Outcome<()> {
    fs::write(file, bytes)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", file.display())))
}
