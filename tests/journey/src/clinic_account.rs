//! The walk with a clinic account: signing in at a real provider from the real window, locking, unlocking, changing
//! places, and signing out.
//!
//! The provider is not ours (`tests/oidc-provider`); the person at the browser is [`Person`].

use std::path::Path;

use crate::{
    Failure, Outcome, Places, Server, Session, canary,
    person::{BrowserScript, Page, Person},
    process::{Running, tied},
    record::{Record, Step},
    scene::connection,
    webdriver::{Window, test, test_with},
};

const API: &str = "https://api.chatehr.test";

type Action = fn(&mut Stage<'_>) -> Outcome<()>;

const STEPS: &[(&str, Action)] = &[
    ("the clinic account alone is offered", offered),
    ("in the browser: the window waits and can give up", given_up),
    ("a patient's account is refused with a sentence", refused),
    ("the physician signs in", signs_in),
    ("started again: still signed in", started_again),
    ("locked", locked),
    ("unlocked: the browser asks again", unlocked),
    ("somebody else signs in at the locked screen", another),
    ("signs out, also in the browser", signs_out),
    ("a code on another device: shown large", code_shown),
    ("the code is typed in elsewhere: signed in here", code_typed),
    ("no token on the disk or in a log", leaks),
];

struct Stage<'a> {
    session: &'a Session,
    places: &'a Places,
    // Dropped from the top: the window ends before what it asks.
    window: Option<Window>,
    server: Server,
    _provider: Running,
    issuer: String,
    browser: BrowserScript,
    person: Person,
    /// The code's page, once it is known.
    code: Option<(String, String)>,
}

/// Walks all steps in the session and tells each as it ends. `installed` is the directory with the provider's packages.
///
/// # Errors
/// The walk could not even begin; a failed step is among the steps.
pub fn sign_in_at_clinic(
    session: &Session,
    places: &Places,
    installed: &Path,
    script: &Path,
    tell: &mut dyn FnMut(&Step),
) -> Outcome<Vec<Step>> {
    let mut record = Record::begin(&places.pictures)?;
    let logs = places.pictures.join("log");
    let mut command = tied(installed.join("node_modules/.bin/node"));
    command.arg(script).env("CHATEHR_TEST_OIDC", installed);
    let (provider, line) = Running::start_and_read("oidc-provider", command, &logs.join("provider.log"))?;
    let issuer = line
        .strip_prefix("listening on ")
        .ok_or_else(|| Failure::new(format!("the provider did not say where it listens, but: {line}")))?
        .to_owned();
    let believed = [("CHATEHR_OIDC_ISSUER", issuer.as_str()), ("CHATEHR_OIDC_AUDIENCE", API)];
    let program = places.program("chatehr-server")?;
    let mut stage = Stage {
        window: None,
        server: Server::start_with(&program, &[], &believed, &logs.join("server.log"))?,
        _provider: provider,
        issuer,
        browser: BrowserScript::write(&session.home().join("bin"))?,
        person: Person::default(),
        code: None,
        session,
        places,
    };
    for (name, action) in STEPS {
        let step = record.step(
            name,
            &mut stage,
            |stage| action(stage),
            |stage, file: &Path| {
                stage.window()?.painted()?;
                std::thread::sleep(std::time::Duration::from_millis(250));
                stage.session.picture(file)
            },
        );
        tell(&step);
    }
    record.finish()
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome<()> {
    if holds { Ok(()) } else { Err(Failure::new(otherwise())) }
}

impl Stage<'_> {
    fn open(&mut self) -> Outcome<()> {
        drop(self.window.take());
        let settings = [
            ("CHATEHR_API_URL", Server::url(self.server.port())),
            ("CHATEHR_API_KEY", self.server.key().to_owned()),
            ("CHATEHR_DATA_DIR", self.session.home().join("records").display().to_string()),
            ("CHATEHR_OIDC_ISSUER", self.issuer.clone()),
            ("CHATEHR_OIDC_SCOPES", "profile records".to_owned()),
            ("CHATEHR_OIDC_RESOURCE", API.to_owned()),
            ("BROWSER", self.browser.path()),
        ];
        let program = self.places.program("chatehr-desktop")?;
        let log = self.places.pictures.join("log/chatehr-desktop.log");
        self.window = Some(Window::open(self.session, &program, &settings, &log)?);
        Ok(())
    }

    fn window(&self) -> Outcome<&Window> {
        self.window.as_ref().ok_or_else(|| Failure::new("the window is not open"))
    }

    /// Presses the button and fills in the provider's form; the last page.
    fn go_through(&mut self, login: &str) -> Outcome<Page> {
        self.window()?.press(&test("clinic-sign-in"))?;
        let address = self.browser.address()?;
        let form = self.person.open(&address)?;
        check(form.text.contains("Account"), || format!("it does not ask who: {}", form.text))?;
        self.person.submit(&form, &[("login", login)])
    }

    fn lock(&self) -> Outcome<()> {
        let window = self.window()?;
        window.press(&test("lock-now"))?;
        window.see(&test("locked")).map(drop)
    }
}

fn offered(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.open()?;
    let window = stage.window()?;
    window.see(&test("clinic-sign-in"))?;
    check(window.all(&test("sign-in-code"))?.is_empty(), || "a code can be typed as well".to_owned())?;
    check(window.all(&test("sign-in-account"))?.is_empty(), || "test accounts are offered as well".to_owned())
}

fn given_up(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.window()?.press(&test("clinic-sign-in"))?;
    stage.browser.address()?;
    let window = stage.window()?;
    window.see_where(&test("clinic-sign-in-form"), "says where to go on", |seen| {
        seen.text.contains("Go on in your web browser")
    })?;
    window.press(&test("clinic-sign-in-cancel"))?;
    window.see(&test("clinic-sign-in")).map(drop)
}

fn refused(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.go_through("marta")?;
    let notice = stage.window()?.see(&test_with("error-notice", "code", "WRONG_ROLE"))?;
    check(notice.text.contains("cannot use this program"), || notice.text.clone())
}

fn signs_in(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.person = Person::default();
    let last = stage.go_through("okafor")?;
    check(last.text.contains("You are signed in"), || last.text.clone())?;
    let window = stage.window()?;
    connection(window, "online")?;
    window.press(&test("enrol-later"))?;
    window.see(&test("queue-row")).map(drop)
}

fn started_again(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.open()?;
    let window = stage.window()?;
    connection(window, "online")?;
    window.see(&test("queue-row")).map(drop)
}

fn locked(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.lock()?;
    let window = stage.window()?;
    check(window.all(&test("queue-row"))?.is_empty(), || "what was open can still be read".to_owned())?;
    window.see(&test("clinic-sign-in")).map(drop)
}

fn unlocked(stage: &mut Stage<'_>) -> Outcome<()> {
    // The same person at the same browser, which knows her: the provider asks all the same.
    stage.go_through("okafor")?;
    let window = stage.window()?;
    connection(window, "online")?;
    window.see(&test("queue-row")).map(drop)
}

fn another(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.lock()?;
    stage.window()?.press(&test("unlock-other"))?;
    stage.person = Person::default();
    stage.go_through("lindqvist")?;
    let window = stage.window()?;
    connection(window, "online")?;
    window.press(&test("enrol-later"))?;
    let rail = window.see(".rail-person")?;
    check(rail.text.contains("Lindqvist") && !rail.text.contains("Okafor"), || {
        format!("the window does not say who is here: {}", rail.text)
    })
}

fn signs_out(stage: &mut Stage<'_>) -> Outcome<()> {
    let window = stage.window()?;
    window.press(&test("nav-settings"))?;
    window.press(&test("sign-out"))?;
    window.see(&test("clinic-sign-in"))?;
    let goodbye = stage.browser.address()?;
    check(goodbye.contains("/session/end"), || format!("the browser was opened at {goodbye}"))?;
    let page = stage.person.open(&goodbye)?;
    check(page.text.to_lowercase().contains("sign-out"), || page.text.clone())
}

fn code_shown(stage: &mut Stage<'_>) -> Outcome<()> {
    let window = stage.window()?;
    window.press(&test("clinic-sign-in-device"))?;
    let code = window.see(&test("clinic-code"))?.text.trim().to_owned();
    let address = window.see(&test("clinic-address"))?.text.trim().to_owned();
    stage.code = Some((address, code));
    Ok(())
}

fn code_typed(stage: &mut Stage<'_>) -> Outcome<()> {
    let (address, code) = stage.code.clone().ok_or_else(|| Failure::new("there is no code"))?;
    stage.person = Person::default();
    let entry = stage.person.open(&address)?;
    let confirm = stage.person.submit(&entry, &[("user_code", &code)])?;
    let form = stage.person.submit(&confirm, &[])?;
    stage.person.submit(&form, &[("login", "okafor")])?;
    let window = stage.window()?;
    connection(window, "online")?;
    window.see(&test("queue-row")).map(drop)
}

fn leaks(stage: &mut Stage<'_>) -> Outcome<()> {
    drop(stage.window.take());
    // How each token of this provider begins that is not opaque.
    let words = ["eyJhbGciOi".to_owned()];
    let mut found = canary::find(&stage.session.home().join("records"), &words)?;
    found.extend(canary::find(&stage.places.pictures.join("log"), &words)?);
    check(found.is_empty(), || format!("a token can be read in {found:?}"))
}
