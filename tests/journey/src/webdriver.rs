//! One real window, seen and touched as a person does, over the WebDriver protocol.
//!
//! Each window has a `WebKitWebDriver` of its own, which starts the program and ends with it. Every look and touch
//! waits until what it needs is there.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Failure, Outcome, http,
    process::{PATIENCE, Running, descendants, wait_for},
    session::Session,
};

/// The key under which the protocol hides an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A driven window.
#[derive(Debug)]
pub(crate) struct Window {
    driver: Running,
    port: u16,
    id: String,
}

/// What a script saw of one element.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Its text, as rendered.
    pub text: String,
    data: Value,
}

impl Seen {
    /// A `data-…` attribute; empty when absent.
    pub(crate) fn data(&self, name: &str) -> &str {
        self.data.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Selects by `data-test`.
pub(crate) fn test(name: &str) -> String {
    format!("[data-test=\"{name}\"]")
}

/// Selects by `data-test` and one more `data-…` attribute.
pub(crate) fn test_with(name: &str, attribute: &str, value: &str) -> String {
    format!("[data-test=\"{name}\"][data-{attribute}=\"{value}\"]")
}

impl Window {
    /// Opens a program's window inside the session.
    pub(crate) fn open(
        session: &Session,
        program: &Path,
        environment: &[(&str, String)],
        log: &Path,
    ) -> Outcome<Self> {
        let port = free_port()?;
        let mut command = session.command("WebKitWebDriver");
        command
            .arg(format!("--port={port}"))
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .envs(environment.iter().map(|(name, value)| (*name, value)));
        let mut driver = Running::start("WebKitWebDriver", command, log)?;
        driver.until(|| http::ask(port, "GET", "/status", &[], None).is_ok())?;
        let wish = json!({"capabilities": {"alwaysMatch": {
            "webkitgtk:browserOptions": {"binary": program, "args": []}
        }}});
        let answer =
            http::ask(port, "POST", "/session", &[], Some(&wish)).and_then(http::Answer::success).map_err(
                |why| Failure::new(format!("the window of {} did not open: {why}", program.display())),
            )?;
        let id = answer
            .pointer("/value/sessionId")
            .and_then(Value::as_str)
            .ok_or_else(|| Failure::new("the driver gave no session"))?
            .to_owned();
        Ok(Self { driver, port, id })
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Outcome<Value> {
        let path = format!("/session/{}{path}", self.id);
        let mut body = http::ask(self.port, method, &path, &[], body)?.success()?;
        Ok(body.get_mut("value").map(Value::take).unwrap_or_default())
    }

    /// Runs a function's body in the page.
    pub(crate) fn script(&self, body: &str, arguments: &[Value]) -> Outcome<Value> {
        self.execute("sync", body, arguments)
    }

    /// A page that is loaded anew meanwhile, as after a lock, answers nothing and is asked again.
    fn execute(&self, how: &str, body: &str, arguments: &[Value]) -> Outcome<Value> {
        let (path, wish) = (format!("/execute/{how}"), json!({"script": body, "args": arguments}));
        let began = Instant::now();
        loop {
            match self.ask("POST", &path, Some(&wish)) {
                Err(why) if why.to_string().contains("no such frame") && began.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(100));
                }
                answer => return answer,
            }
        }
    }

    /// All elements that a selector names, as they are now.
    pub(crate) fn all(&self, selector: &str) -> Outcome<Vec<Seen>> {
        let seen = self.script(
            "return [...document.querySelectorAll(arguments[0])]
                .map(e => ({ text: e.innerText ?? '', data: { ...e.dataset } }))",
            &[selector.into()],
        )?;
        let seen = seen.as_array().cloned().unwrap_or_default();
        Ok(seen
            .into_iter()
            .map(|mut one| Seen {
                text: one.get("text").and_then(Value::as_str).unwrap_or_default().to_owned(),
                data: one.get_mut("data").map(Value::take).unwrap_or_default(),
            })
            .collect())
    }

    /// The first element that a selector names, once it is there.
    pub(crate) fn see(&self, selector: &str) -> Outcome<Seen> {
        self.see_where(selector, "is shown", |_| true)
    }

    /// The first element for which `holds` is true, once there is one.
    pub(crate) fn see_where(
        &self,
        selector: &str,
        what: &str,
        holds: impl Fn(&Seen) -> bool,
    ) -> Outcome<Seen> {
        wait_for(&format!("{selector} {what}"), || {
            Ok(self.all(selector)?.into_iter().find(|seen| holds(seen)))
        })
    }

    /// Waits until nothing is named by a selector.
    pub(crate) fn gone(&self, selector: &str) -> Outcome<()> {
        wait_for(&format!("{selector} goes"), || Ok(self.all(selector)?.is_empty().then_some(())))
    }

    /// Presses an element once it is there and can be pressed.
    pub(crate) fn press(&self, selector: &str) -> Outcome<()> {
        wait_for(&format!("{selector} can be pressed"), || {
            let element = self.find(selector)?;
            if self.script("return arguments[0].disabled === true", std::slice::from_ref(&element))?
                == json!(true)
            {
                return Ok(None);
            }
            let path = format!("/element/{}/click", id_of(&element)?);
            self.ask("POST", &path, Some(&json!({}))).map(Some)
        })
        .map(drop)
    }

    /// Replaces what a field holds, key by key.
    pub(crate) fn write(&self, selector: &str, text: &str) -> Outcome<()> {
        wait_for(&format!("{selector} can be written"), || {
            let element = self.find(selector)?;
            let id = id_of(&element)?;
            self.ask("POST", &format!("/element/{id}/clear"), Some(&json!({})))?;
            self.ask("POST", &format!("/element/{id}/value"), Some(&json!({"text": text})))?;
            let kept = self.script("return arguments[0].value", &[element])?;
            Ok((kept.as_str() == Some(text)).then_some(()))
        })
    }

    /// Presses keys in a field, after what it holds.
    pub(crate) fn keys(&self, selector: &str, keys: &str) -> Outcome<()> {
        let element = wait_for(&format!("{selector} is there"), || self.find(selector).map(Some))?;
        let path = format!("/element/{}/value", id_of(&element)?);
        self.ask("POST", &path, Some(&json!({ "text": keys }))).map(drop)
    }

    /// All that the page holds in words: its elements, and what stands in its fields.
    pub(crate) fn page(&self) -> Outcome<String> {
        self.words(
            "return document.documentElement.outerHTML +
                [...document.querySelectorAll('input, textarea')].map(field => ` ${field.value}`).join('')",
        )
    }

    /// All that the web view keeps for the page.
    pub(crate) fn storage(&self) -> Outcome<String> {
        self.words(
            "return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.state])",
        )
    }

    fn words(&self, script: &str) -> Outcome<String> {
        let words = self.script(script, &[])?;
        let words = words.as_str().filter(|words| !words.is_empty());
        words.map(str::to_owned).ok_or_else(|| Failure::new("the page could not be read"))
    }

    /// Waits until the window has painted what it shows now.
    pub(crate) fn painted(&self) -> Outcome<()> {
        let script =
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(1)))";
        self.execute("async", script, &[]).map(drop)
    }

    /// Whether the program has ended: by itself, or because it was asked to.
    pub(crate) fn has_ended(&self) -> bool {
        !descendants(self.driver.id()).into_iter().any(is_alive)
    }

    /// Every process of the program, with what all who may look see of it: its arguments, environment and limits.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let seen = |id: u32| {
            let read = |name| std::fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
            let bytes = ["cmdline", "environ", "limits"].map(read).join(&b'\n');
            (id, String::from_utf8_lossy(&bytes).into_owned())
        };
        descendants(self.driver.id()).into_iter().map(seen).collect()
    }

    /// Ends the program as a power cut would: it is told nothing and tidies nothing up.
    pub(crate) fn kill(self) {
        for id in descendants(self.driver.id()) {
            Command::new("kill").arg("-KILL").arg(id.to_string()).status().ok();
        }
    }

    fn find(&self, selector: &str) -> Outcome<Value> {
        self.ask("POST", "/element", Some(&json!({"using": "css selector", "value": selector})))
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let programs = descendants(self.driver.id());
        self.ask("DELETE", "", None).ok();
        self.driver.kill();
        let began = Instant::now();
        for (force, limit) in [("-TERM", Duration::from_secs(2)), ("-KILL", Duration::from_secs(7))] {
            while programs.iter().any(|id| is_alive(*id)) && began.elapsed() < limit {
                thread::sleep(Duration::from_millis(50));
            }
            for id in programs.iter().filter(|id| is_alive(**id)) {
                Command::new("kill").arg(force).arg(id.to_string()).status().ok();
            }
        }
    }
}

fn id_of(element: &Value) -> Outcome<&str> {
    element.get(ELEMENT).and_then(Value::as_str).ok_or_else(|| Failure::new("the driver named no element"))
}

/// A port that nobody uses now.
pub(crate) fn free_port() -> Outcome<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::new(format!("no free port: {error}")))
}

fn is_alive(id: u32) -> bool {
    // A process that nobody has waited for yet is over too.
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn selectors_name_what_people_test() {
        assert_eq!(super::test("send"), r#"[data-test="send"]"#);
        assert_eq!(
            super::test_with("sign-in-account", "code", "1"),
            r#"[data-test="sign-in-account"][data-code="1"]"#
        );
    }
}
