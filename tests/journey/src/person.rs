//! Somebody at a web browser who signs in: follows where the provider leads, fills in its forms, keeps its cookies.
//!
//! The program opens the "browser" by `BROWSER`, a script that writes down the address; this does the rest over plain
//! HTTP. Refuses: any address that is not this machine's.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Failure, Outcome, process::wait_for};

/// Longest way from one page to the next.
const MOST_REDIRECTS: usize = 12;

/// The script that stands in the browser's place, and what it was opened with.
pub(crate) struct BrowserScript {
    script: PathBuf,
    opened: PathBuf,
    seen: usize,
}

impl BrowserScript {
    /// Writes it into this directory.
    pub(crate) fn write(directory: &Path) -> Outcome<Self> {
        let (script, opened) = (directory.join("browser"), directory.join("browser-opened"));
        let text = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >> '{}'\n", opened.display());
        let failed = |error| Failure::new(format!("{} cannot be written: {error}", script.display()));
        fs::create_dir_all(directory).map_err(failed)?;
        fs::write(&script, text).map_err(failed)?;
        // What an earlier walk of the same session has opened is not ours.
        fs::remove_file(&opened).ok();
        #[cfg(unix)]
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(failed)?;
        Ok(Self { script, opened, seen: 0 })
    }

    /// For `BROWSER`.
    pub(crate) fn path(&self) -> String {
        self.script.display().to_string()
    }

    /// What it is opened with next.
    pub(crate) fn address(&mut self) -> Outcome<String> {
        let (opened, seen) = (&self.opened, self.seen);
        let address = wait_for("the browser is opened", || {
            let text = fs::read_to_string(opened).unwrap_or_default();
            Ok(text.lines().nth(seen).filter(|_| text.ends_with('\n')).map(str::to_owned))
        })?;
        self.seen += 1;
        Ok(address)
    }
}

/// Who sits at the browser.
#[derive(Default)]
pub(crate) struct Person {
    cookies: BTreeMap<String, String>,
    /// What the provider handed over by way of the browser: codes, and the states that came with them.
    pub(crate) handed: Vec<String>,
}

/// What they see, and where they are.
pub(crate) struct Page {
    address: String,
    pub(crate) text: String,
}

impl Person {
    /// Opens an address.
    pub(crate) fn open(&mut self, address: &str) -> Outcome<Page> {
        self.visit(address.to_owned(), None)
    }

    /// Sends the page's form with what stands in its hidden fields and `more`.
    pub(crate) fn submit(&mut self, page: &Page, more: &[(&str, &str)]) -> Outcome<Page> {
        let no_form = || Failure::new(format!("there is no form at {}: {}", page.address, page.text));
        let (_, form) = page.text.split_once("<form").ok_or_else(no_form)?;
        let (head, rest) = form.split_once('>').ok_or_else(no_form)?;
        let inside = rest.split_once("</form>").map_or(rest, |(inside, _)| inside);
        let mut pairs: Vec<String> = inside
            .split("<input")
            .skip(1)
            .filter_map(|input| Some(pair(attribute(input, "name")?, attribute(input, "value")?)))
            .collect();
        pairs.extend(more.iter().map(|(name, value)| pair(name, value)));
        let action = attribute(head, "action").unwrap_or_default();
        self.visit(join(&page.address, action), Some(pairs.join("&")))
    }

    fn visit(&mut self, mut address: String, mut form: Option<String>) -> Outcome<Page> {
        for _ in 0..MOST_REDIRECTS {
            self.handed.extend(["code", "state"].into_iter().filter_map(|name| parameter(&address, name)));
            let (head, text) = self.ask(&address, form.take().as_deref())?;
            let header = |wanted: &str| {
                head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
                })
            };
            match header("location") {
                Some(next) => address = join(&address, &next),
                None => return Ok(Page { address, text }),
            }
        }
        Err(Failure::new(format!("it never stops leading elsewhere, now to {address}")))
    }

    fn ask(&mut self, address: &str, form: Option<&str>) -> Outcome<(String, String)> {
        let failed = |error: std::io::Error| Failure::new(format!("{address}: {error}"));
        let (host, path) = address
            .strip_prefix("http://")
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
            .ok_or_else(|| Failure::new(format!("{address} is not of this machine")))?;
        let port = host
            .strip_prefix("127.0.0.1:")
            .and_then(|port| port.parse().ok())
            .ok_or_else(|| Failure::new(format!("{address} is not of this machine")))?;
        let mut stream = TcpStream::connect_timeout(
            &SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            Duration::from_secs(5),
        )
        .map_err(failed)?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(failed)?;
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = format!(
            "{} /{path} HTTP/1.0\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n",
            if form.is_some() { "POST" } else { "GET" }
        );
        if !cookies.is_empty() {
            request.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        let body = form.unwrap_or_default();
        if form.is_some() {
            request.push_str(&format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                body.len()
            ));
        }
        request.push_str(&format!("\r\n{body}"));
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(failed)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, text) = answer
            .split_once("\r\n\r\n")
            .ok_or_else(|| Failure::new(format!("{address}: not an HTTP answer")))?;
        for line in head.lines() {
            let Some((name, cookie)) = line.split_once(':') else { continue };
            let pair = cookie.split(';').next().unwrap_or_default().trim().split_once('=');
            if let Some((cookie, value)) = pair.filter(|_| name.eq_ignore_ascii_case("set-cookie")) {
                self.cookies.insert(cookie.to_owned(), value.to_owned());
            }
        }
        Ok((head.to_owned(), text.to_owned()))
    }
}

/// A parameter of an address, as it stands there.
fn parameter(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

/// The same question without the wish that the person be asked who they are, whoever the browser knows.
pub(crate) fn unasked(address: &str) -> String {
    let Some((place, query)) = address.split_once('?') else { return address.to_owned() };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("prompt=") && !pair.starts_with("max_age="))
        .chain(["prompt=consent"])
        .collect();
    format!("{place}?{}", kept.join("&"))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

/// Where a link leads from an address.
fn join(from: &str, to: &str) -> String {
    if to.starts_with("http://") || to.starts_with("https://") {
        return to.to_owned();
    }
    let rest = from.strip_prefix("http://").unwrap_or(from);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if let Some(absolute) = to.strip_prefix('/') {
        return format!("http://{host}/{absolute}");
    }
    let path = path.split('?').next().unwrap_or_default();
    let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    format!("http://{host}/{folder}{to}")
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", escaped(name), escaped(value))
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{escaped, join, parameter, unasked};

    #[test]
    fn an_address_is_read_by_its_parameters() {
        let address = "http://127.0.0.1:1/auth?state=s%2F1&prompt=login+consent&code=c&max_age=0";
        assert_eq!(parameter(address, "state").as_deref(), Some("s%2F1"));
        assert_eq!(parameter(address, "co"), None);
        assert_eq!(unasked(address), "http://127.0.0.1:1/auth?state=s%2F1&code=c&prompt=consent");
    }

    #[test]
    fn a_link_leads_from_where_one_is() {
        assert_eq!(join("http://127.0.0.1:1/a/b?c=d", "e"), "http://127.0.0.1:1/a/e");
        assert_eq!(join("http://127.0.0.1:1/a/b", "/e?f"), "http://127.0.0.1:1/e?f");
        assert_eq!(join("http://127.0.0.1:1", "http://127.0.0.1:2/x"), "http://127.0.0.1:2/x");
    }

    #[test]
    fn a_form_travels_whole() {
        assert_eq!(escaped("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
