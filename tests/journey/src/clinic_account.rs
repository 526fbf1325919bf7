//! The walk with a clinic account: signing in at a real provider from the real window, locking, unlocking, changing
//! places, and signing out. Nothing of one person is left for the next, and no secret of a sign-in is anywhere but in the
//! keyring.
//!
//! The provider is not ours (`tests/oidc-provider`); the person at the browser is [`Person`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Failure, Outcome, Places, Server, Session, canary, keyring,
    person::{BrowserScript, Page, Person, unasked},
    process::{Running, tied, wait_for},
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
    ("she takes a request, writes, and leaves a draft", works),
    ("somebody else signs in at the locked screen: nothing of hers", another),
    ("she works too, and leaves a draft", works_too),
    ("the first comes back: her draft, nothing of the other's", back),
    ("no token, code, state or verifier is told to anybody", told_nobody),
    ("signs out: the next is asked, whatever the browser knows", signs_out),
    ("the page in the browser is confirmed: it knows nobody", signs_out_there),
    ("a code on another device: shown large", code_shown),
    ("the code is typed in elsewhere: signed in here", code_typed),
    ("no token, code, state or verifier on the disk or in a log", leaks),
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
    /// Where the provider writes down what it gave out.
    given_out: PathBuf,
    /// What each of the two has, and the other may not see.
    hers: Vec<String>,
    others: Vec<String>,
    /// Where the draft is, and what it says.
    draft: (String, String),
    /// The page that ends the session in the browser.
    goodbye: Option<Page>,
    /// Everybody's at the browser so far.
    handed: Vec<String>,
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
    let given_out = places.pictures.join("given-out");
    command.arg(script).env("CHATEHR_TEST_OIDC", installed).env("CHATEHR_TEST_OIDC_SECRETS", &given_out);
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
        given_out,
        hers: Vec::new(),
        others: Vec::new(),
        draft: Default::default(),
        goodbye: None,
        handed: Vec::new(),
        session,
        places,
    };
    for (name, action) in STEPS {
        let step = record.step(
            name,
            &mut stage,
            |stage| action(stage),
            |stage, file: &Path| {
                let Some(window) = &stage.window else { return stage.session.picture(file) };
                window.painted()?;
                std::thread::sleep(std::time::Duration::from_millis(250));
                stage.session.picture_of_window(file)
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

    /// Another person sits down at a browser that knows nobody.
    fn another_person(&mut self) {
        let before = std::mem::take(&mut self.person);
        self.handed.extend(before.handed);
    }

    /// Everything of a sign-in that only the program and the provider may know.
    fn secrets(&self) -> Outcome<Vec<String>> {
        let given_out = fs::read_to_string(&self.given_out)
            .map_err(|error| Failure::new(format!("the provider wrote nothing down: {error}")))?;
        let mut secrets: Vec<String> = given_out.lines().map(str::to_owned).collect();
        secrets.extend(self.handed.iter().chain(&self.person.handed).cloned());
        secrets.sort();
        secrets.dedup();
        check(secrets.iter().all(|secret| secret.len() > 16), || "a secret is no secret".to_owned())?;
        Ok(secrets)
    }

    /// The person at the window has none of these words before them, nor behind what they see.
    fn has_none_of(&self, words: &[String]) -> Outcome<()> {
        let window = self.window()?;
        check(!words.is_empty(), || "there is nothing to look for".to_owned())?;
        for view in ["nav-queue", "nav-mine", "nav-appointments"] {
            window.press(&test(view))?;
            window.painted()?;
            let seen = window.page()? + &window.storage()?;
            let left: Vec<_> = words.iter().filter(|word| seen.contains(*word)).collect();
            check(left.is_empty(), || format!("{left:?} can be seen after {view}"))?;
        }
        Ok(())
    }

    /// Takes the first request that waits, sends a message and leaves a draft: what is this person's alone.
    fn take_one(&mut self) -> Outcome<Vec<String>> {
        let (message, draft) = (canary::new("message")?, canary::new("draft")?);
        let window = self.window()?;
        window.press(&test("nav-queue"))?;
        let id = window.see(&test("queue-row"))?.data("id").to_owned();
        window.press(&test_with("queue-row", "id", &id))?;
        window.see(&test_with("patient-banner", "id", &id))?;
        let name = window.see(".patient-banner h2")?.text.trim().to_owned();
        check(name.contains(' '), || format!("the banner names nobody: {name}"))?;
        window.press(&test("action-accept"))?;
        window.write(&test("composer"), &message)?;
        window.press(&test("send"))?;
        window.see_where(&test_with("message", "delivery", "sent"), "holds what was written", |seen| {
            seen.text.contains(&message)
        })?;
        window.write(&test("composer"), &draft)?;
        self.draft = (id.clone(), draft.clone());
        Ok(vec![id, name, message, draft])
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
    stage.another_person();
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

fn works(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.hers = stage.take_one()?;
    Ok(())
}

fn another(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.lock()?;
    stage.window()?.press(&test("unlock-other"))?;
    stage.another_person();
    stage.go_through("lindqvist")?;
    let window = stage.window()?;
    connection(window, "online")?;
    window.press(&test("enrol-later"))?;
    let rail = window.see(".rail-person")?;
    check(rail.text.contains("Lindqvist") && !rail.text.contains("Okafor"), || {
        format!("the window does not say who is here: {}", rail.text)
    })?;
    window.press(&test("nav-queue"))?;
    window.see(&test("queue-row"))?;
    stage.has_none_of(&stage.hers)
}

fn works_too(stage: &mut Stage<'_>) -> Outcome<()> {
    let hers = stage.draft.clone();
    stage.others = stage.take_one()?;
    stage.draft = hers;
    let page = stage.window()?.page()?;
    check(stage.others.iter().all(|own| page.contains(own)), || "their own is not there".to_owned())?;
    stage.has_none_of(&stage.hers)
}

fn back(stage: &mut Stage<'_>) -> Outcome<()> {
    stage.lock()?;
    stage.window()?.press(&test("unlock-other"))?;
    stage.another_person();
    stage.go_through("okafor")?;
    let window = stage.window()?;
    connection(window, "online")?;
    window.see_where(".rail-person", "says who is here", |rail| {
        rail.text.contains("Okafor") && !rail.text.contains("Lindqvist")
    })?;
    stage.has_none_of(&stage.others)?;
    let (id, draft) = &stage.draft;
    let window = stage.window()?;
    window.press(&test("nav-mine"))?;
    window.press(&test_with("queue-row", "id", id))?;
    wait_for("the draft is there", || {
        let kept = window
            .script("return document.querySelector(arguments[0])?.value", &[test("composer").into()])?;
        Ok((kept.as_str() == Some(draft)).then_some(()))
    })?;
    let page = window.page()?;
    check(stage.hers.iter().all(|own| page.contains(own)), || "not all of hers is there".to_owned())
}

/// Not in arguments and environments, which others of this machine may read, nor in the page; and the keyring has what is
/// looked for.
fn told_nobody(stage: &mut Stage<'_>) -> Outcome<()> {
    let secrets = stage.secrets()?;
    let kept = keyring::entries(stage.session, "refresh:")?;
    check(kept.iter().any(|entry| secrets.iter().any(|secret| entry.secret.contains(secret))), || {
        "the keyring has no refresh token, so nothing that is looked for is known to be one".to_owned()
    })?;
    let window = stage.window()?;
    let page = window.page()? + &window.storage()?;
    check(!secrets.iter().any(|secret| page.contains(secret)), || "the page holds a secret".to_owned())?;
    #[cfg(target_os = "linux")]
    {
        let processes = window.processes();
        check(processes.iter().any(|(_, told)| told.contains("CHATEHR_OIDC_ISSUER=")), || {
            "no process of the window tells its environment, so this shows nothing".to_owned()
        })?;
        for (id, told) in processes {
            check(!secrets.iter().any(|secret| told.contains(secret)), || {
                format!("process {id} tells a secret by its arguments or environment")
            })?;
        }
    }
    Ok(())
}

/// The page in the browser is opened and nobody confirms it.
fn signs_out(stage: &mut Stage<'_>) -> Outcome<()> {
    let window = stage.window()?;
    window.press(&test("nav-settings"))?;
    window.press(&test("sign-out"))?;
    window.see(&test("clinic-sign-in"))?;
    let goodbye = stage.browser.address()?;
    check(goodbye.contains("/session/end"), || format!("the browser was opened at {goodbye}"))?;
    let page = stage.person.open(&goodbye)?;
    check(page.text.to_lowercase().contains("sign-out"), || page.text.clone())?;
    stage.goodbye = Some(page);

    let window = stage.window()?;
    window.press(&test("clinic-sign-in"))?;
    let address = stage.browser.address()?;
    check(address.contains("prompt=login") && address.contains("max_age=0"), || {
        format!("the provider is not told to ask: {address}")
    })?;
    // It would not by itself: the browser still knows her.
    let form = stage.person.open(&unasked(&address))?;
    check(form.text.contains("data-asks=\"consent\""), || {
        format!("the browser knows nobody, so this shows nothing: {}", form.text)
    })?;
    let form = stage.person.open(&address)?;
    check(form.text.contains("data-asks=\"login\""), || format!("it does not ask who: {}", form.text))?;
    let window = stage.window()?;
    window.press(&test("clinic-sign-in-cancel"))?;
    window.see(&test("clinic-sign-in")).map(drop)
}

fn signs_out_there(stage: &mut Stage<'_>) -> Outcome<()> {
    let goodbye = stage.goodbye.take().ok_or_else(|| Failure::new("there is no page to sign out at"))?;
    stage.person.submit(&goodbye, &[("logout", "yes")])?;
    stage.window()?.press(&test("clinic-sign-in"))?;
    let address = stage.browser.address()?;
    let form = stage.person.open(&unasked(&address))?;
    check(form.text.contains("data-asks=\"login\""), || {
        format!("the browser still knows somebody: {}", form.text)
    })?;
    let window = stage.window()?;
    window.press(&test("clinic-sign-in-cancel"))?;
    window.see(&test("clinic-sign-in")).map(drop)
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
    stage.another_person();
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
    let mut words = stage.secrets()?;
    // How each token of this provider begins that is not opaque.
    words.push("eyJhbGciOi".to_owned());
    let mut found = canary::find(&stage.places.pictures.join("log"), &words)?;
    let home = stage.session.home();
    for entry in fs::read_dir(home).map_err(|error| Failure::new(format!("{}: {error}", home.display())))? {
        let place = entry.map_err(|error| Failure::new(error.to_string()))?.path();
        // What the browser was opened with is the browser's own.
        if !place.ends_with("bin") {
            found.extend(canary::find(&place, &words)?);
        }
    }
    // The keyring is where they belong.
    found.retain(|file| !file.starts_with(home.join("data/keyrings")));
    check(found.is_empty(), || format!("a secret of a sign-in can be read in {found:?}"))
}
