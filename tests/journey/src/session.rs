//! A private desktop session: display, bus, window manager, keyring, notifications, and a record of the latter.
//!
//! Promises: nothing of the person's own session, home or keyring is seen or touched, and all of it ends with us.
//! Refuses: activation of services by the bus. A desktop portal that cannot start costs a program half a minute,
//! so this bus knows no services but those started here.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Failure, Outcome,
    process::{Running, on_path, tied, wait_for},
};

/// Set inside a session: the file with the bus's notification traffic.
const INSIDE: &str = "CHATEHR_SESSION_NOTIFICATIONS";

/// What must be on PATH for a session, with the Debian package that brings it.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("Xvfb", "xvfb"),
    ("openbox", "openbox"),
    ("dbus-daemon", "dbus"),
    ("dbus-send", "dbus"),
    ("gnome-keyring-daemon", "gnome-keyring"),
    ("secret-tool", "libsecret-tools"),
    ("dunst", "dunst"),
    ("WebKitWebDriver", "webkit2gtk-driver"),
    ("xprop", "x11-utils"),
    ("xdotool", "xdotool"),
    ("import", "imagemagick"),
    ("identify", "imagemagick"),
];

/// A display without a window, but with a notification on it, has some 270; the emptiest screen of either window 1,600.
const FEWEST_COLOURS: u32 = 600;

/// A running session.
#[derive(Debug)]
pub struct Session {
    home: PathBuf,
    /// Removed with the session; none where it was joined.
    _directories: Vec<Directory>,
    environment: Vec<(&'static str, OsString)>,
    notifications: PathBuf,
    running: Vec<Running>,
    /// Who shows notifications, where that is not somebody of an outer session.
    showing: Option<Running>,
}

/// A directory that goes away with its owner.
#[derive(Debug)]
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

impl Session {
    /// Starts a session below `root`, or joins the one that this process already runs in.
    pub fn start(root: &Path) -> Outcome<Self> {
        if let Some(notifications) = env::var_os(INSIDE) {
            return Ok(Self {
                home: env::var_os("HOME").unwrap_or_default().into(),
                _directories: Vec::new(),
                environment: Vec::new(),
                notifications: notifications.into(),
                running: Vec::new(),
                showing: None,
            });
        }
        let mut session = Self::bare(root)?;
        session.start_keyring()?;
        session.start_notifications()?;
        Ok(session)
    }

    /// A session of its own with a display and a bus, but nobody who keeps secrets or shows notifications.
    pub(crate) fn bare(root: &Path) -> Outcome<Self> {
        for (program, package) in PROGRAMS {
            if on_path(program).is_none() {
                return Err(Failure::new(format!("{program} is missing (Debian package {package})")));
            }
        }
        let id = std::process::id();
        let home = root.join(id.to_string());
        // Sockets live here: their paths may not be longer than 107 bytes, and a checkout's path can be.
        let runtime = env::temp_dir().join(format!("chatehr-session-{id}"));
        let mut session = Self {
            environment: surroundings(&home, &runtime),
            notifications: home.join("log/notifications.log"),
            _directories: vec![Directory(home.clone()), Directory(runtime.clone())],
            home: home.clone(),
            running: Vec::new(),
            showing: None,
        };
        prepare(&home, &runtime)?;
        session.start_display(&home)?;
        session.start_bus(&home, &runtime)?;
        Ok(session)
    }

    /// The file to which the bus's notification traffic is written, as `dbus-monitor` prints it.
    pub fn notifications(&self) -> &Path {
        &self.notifications
    }

    /// The throw-away home: everything that a program inside writes for its person is below.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The address of its bus.
    pub(crate) fn bus(&self) -> Outcome<String> {
        let name = "DBUS_SESSION_BUS_ADDRESS";
        let own = self.environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        own.or_else(|| env::var_os(name))
            .and_then(|address| address.into_string().ok())
            .ok_or_else(|| Failure::new("the session has no bus"))
    }

    /// Puts a command into the session.
    pub fn enter(&self, command: &mut Command) {
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        if !self.environment.is_empty() {
            for name in ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XAUTHORITY", "GTK_MODULES", "SESSION_MANAGER"]
            {
                command.env_remove(name);
            }
        }
    }

    /// A command inside the session.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = tied(program);
        self.enter(&mut command);
        command
    }

    /// Runs a small tool inside the session and returns what it printed, if it succeeded.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let output = self.command(program).args(arguments).stdin(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A picture of the whole display.
    pub fn picture(&self, file: &Path) -> Outcome<()> {
        let name = file.to_string_lossy();
        self.ask("import", &["-window", "root", &name])
            .filter(|_| fs::metadata(file).is_ok_and(|file| file.len() > 0))
            .map(drop)
            .ok_or_else(|| Failure::new("the display could not be pictured (import -window root)"))
    }

    /// The same with a window on it that shows something.
    pub fn picture_of_window(&self, file: &Path) -> Outcome<()> {
        self.picture(file)?;
        let told = self.ask("identify", &["-format", "%k", &file.to_string_lossy()]);
        let colours: u32 = told.and_then(|told| told.trim().parse().ok()).unwrap_or_default();
        if colours >= FEWEST_COLOURS {
            Ok(())
        } else {
            Err(Failure::new(format!("{} shows an empty window: it has {colours} colours", file.display())))
        }
    }

    fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.environment.push((name, value.into()));
    }

    fn start_display(&mut self, home: &Path) -> Outcome<()> {
        let mut command = self.command("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp", "-noreset"]);
        let (display, number) = Running::start_and_read("Xvfb", command, &home.join("log/xvfb.log"))?;
        self.running.push(display);
        self.set("DISPLAY", format!(":{number}"));

        let openbox = self.command("openbox");
        let mut openbox = Running::start("openbox", openbox, &home.join("log/openbox.log"))?;
        openbox.until(|| {
            self.ask("xprop", &["-root", "_NET_SUPPORTING_WM_CHECK"])
                .is_some_and(|answer| answer.contains("window id"))
        })?;
        self.running.push(openbox);
        Ok(())
    }

    fn start_bus(&mut self, home: &Path, runtime: &Path) -> Outcome<()> {
        let configuration = home.join("bus.conf");
        write(
            &configuration,
            &format!(
                r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#,
                runtime.display()
            ),
        )?;
        let mut command = self.command("dbus-daemon");
        command
            .arg("--nofork")
            .arg("--print-address=1")
            .arg(format!("--config-file={}", configuration.display()));
        let (bus, address) = Running::start_and_read("dbus-daemon", command, &home.join("log/bus.log"))?;
        self.running.push(bus);
        self.set("DBUS_SESSION_BUS_ADDRESS", address);
        Ok(())
    }

    /// Brings the keyring up, unlocked.
    pub(crate) fn start_keyring(&mut self) -> Outcome<()> {
        let home = self.home.clone();
        let mut command = self.command("gnome-keyring-daemon");
        command.args(["--foreground", "--unlock", "--components=secrets"]);
        let mut keyring =
            Running::start_with_input("gnome-keyring-daemon", command, &home.join("log/keyring.log"), b"\n")?;
        keyring.until(|| self.is_on_bus("org.freedesktop.secrets"))?;
        self.running.push(keyring);
        self.prove_keyring(&home)
    }

    /// A keyring that is there but locked would hang every program on a prompt that nobody sees.
    fn prove_keyring(&self, home: &Path) -> Outcome<()> {
        let mut command = self.command("secret-tool");
        command.args(["store", "--label=probe", "chatehr-session", "probe"]);
        let mut store =
            Running::start_with_input("secret-tool", command, &home.join("log/keyring.log"), b"probe")?;
        let kept =
            wait_for("the keyring keeps a secret without a prompt", || Ok(store.has_ended().then_some(())))
                .is_ok()
                && self.ask("secret-tool", &["lookup", "chatehr-session", "probe"]).as_deref()
                    == Some("probe");
        if kept { Ok(()) } else { Err(Failure::new("the session's keyring is locked: it keeps no secret")) }
    }

    pub(crate) fn start_notifications(&mut self) -> Outcome<()> {
        let home = self.home.clone();
        let configuration = home.join("dunstrc");
        write(&configuration, DUNST)?;
        let mut command = self.command("dunst");
        command.arg("-config").arg(&configuration);
        let mut dunst = Running::start("dunst", command, &home.join("log/dunst.log"))?;
        dunst.until(|| self.is_on_bus("org.freedesktop.Notifications"))?;
        self.showing = Some(dunst);
        if self.environment.iter().any(|(name, _)| *name == INSIDE) {
            // Its traffic is still being written.
            return Ok(());
        }

        let mut command = self.command("dbus-monitor");
        command.args(["--session", "interface='org.freedesktop.Notifications'"]);
        let mut monitor = Running::start("dbus-monitor", command, &self.notifications)?;
        monitor.until(|| {
            self.ask(
                "dbus-send",
                &[
                    "--session",
                    "--print-reply",
                    "--dest=org.freedesktop.Notifications",
                    "/org/freedesktop/Notifications",
                    "org.freedesktop.Notifications.GetServerInformation",
                ],
            );
            fs::read_to_string(&self.notifications).is_ok_and(|log| log.contains("GetServerInformation"))
        })?;
        self.running.push(monitor);
        let inside = self.notifications.clone();
        self.set(INSIDE, inside);
        Ok(())
    }

    /// Takes it away, as a crash of it would.
    pub(crate) fn end_notifications(&mut self) {
        drop(self.showing.take());
    }

    fn is_on_bus(&self, name: &str) -> bool {
        let question = format!("string:{name}");
        self.ask(
            "dbus-send",
            &[
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.DBus",
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus.NameHasOwner",
                &question,
            ],
        )
        .is_some_and(|answer| answer.contains("boolean true"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end_notifications();
        // Last come, first gone: the display ends last, and takes what is left of the windows with it.
        while let Some(running) = self.running.pop() {
            drop(running);
        }
    }
}

/// Everything that points a program at its home and desktop, so that none of the person's own is left to find.
fn surroundings(home: &Path, runtime: &Path) -> Vec<(&'static str, OsString)> {
    let mut environment: Vec<(&'static str, OsString)> = vec![
        ("HOME", home.into()),
        ("XDG_CONFIG_HOME", home.join("config").into()),
        ("XDG_DATA_HOME", home.join("data").into()),
        ("XDG_CACHE_HOME", home.join("cache").into()),
        ("XDG_STATE_HOME", home.join("state").into()),
        ("XDG_RUNTIME_DIR", runtime.into()),
        ("XDG_SESSION_TYPE", "x11".into()),
        ("GDK_BACKEND", "x11".into()),
        ("GSETTINGS_BACKEND", "memory".into()),
        ("GTK_USE_PORTAL", "0".into()),
        ("NO_AT_BRIDGE", "1".into()),
        ("LIBGL_ALWAYS_SOFTWARE", "1".into()),
        ("LC_ALL", "C.UTF-8".into()),
    ];
    // Cargo and rustup look below HOME unless told otherwise.
    if let Some(real) = env::var_os("HOME").map(PathBuf::from) {
        for (name, directory) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let place = env::var_os(name).unwrap_or_else(|| real.join(directory).into());
            environment.push((name, place));
        }
    }
    environment
}

fn prepare(home: &Path, runtime: &Path) -> Outcome<()> {
    for directory in [home, runtime] {
        fs::remove_dir_all(directory).ok();
        fs::create_dir_all(directory)
            .map_err(|error| Failure::new(format!("{} cannot be made: {error}", directory.display())))?;
    }
    for name in ["config", "data", "cache", "state", "log"] {
        fs::create_dir_all(home.join(name)).map_err(|error| {
            Failure::new(format!("the session's {name} directory cannot be made: {error}"))
        })?;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(runtime, fs::Permissions::from_mode(0o700)).map_err(|error| {
            Failure::new(format!("{} cannot be made private: {error}", runtime.display()))
        })?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Outcome<()> {
    fs::File::create(file)
        .and_then(|mut to| to.write_all(text.as_bytes()))
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", file.display())))
}

const DUNST: &str = r##"[global]
    origin = top-right
    offset = 16x16
    width = 380
    font = Inter 12
    frame_width = 1
    frame_color = "#4a5a6e"
    corner_radius = 6
    padding = 14
    horizontal_padding = 16
    icon_position = off
    mouse_left_click = do_action, close_current
    dmenu = grep -m1 Acknowledge

[urgency_normal]
    background = "#ffffff"
    foreground = "#0f1a2a"
    timeout = 10

[urgency_critical]
    background = "#fdeaea"
    foreground = "#0f1a2a"
    frame_color = "#b3151f"
    timeout = 0
"##;
