//! What the browser shows at the end. No script and nothing from elsewhere; the policy allows the one style sheet by its
//! hash.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// How the sign-in ended, as the person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    SignedIn,
    Declined,
    Failed,
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.125rem/1.5 system-ui,sans-serif;\
color:light-dark(#1b2733,#e8edf2);background:light-dark(#f4f6f8,#141a21)}\
main{max-width:26rem;margin:1.5rem;padding:2rem 2.25rem;border-radius:.75rem;\
background:light-dark(#fff,#1e262f);border:1px solid light-dark(#d5dce3,#35414d)}\
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}\
p{margin:.5rem 0 0}";

impl Page {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::SignedIn => ("You are signed in", "You can close this tab and go back to ChatEHR."),
            Self::Declined => (
                "You are not signed in",
                "The sign-in was declined. You can close this tab and try again in ChatEHR.",
            ),
            Self::Failed => (
                "You are not signed in",
                "Something went wrong. You can close this tab; ChatEHR says what happened and what to do.",
            ),
        }
    }

    /// The whole answer.
    pub(crate) fn answer(self) -> String {
        let (title, text) = self.words();
        let body = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} – ChatEHR</title>\n\
             <style>{STYLE}</style>\n</head>\n<body><main><h1>{title}</h1><p>{text}</p></main></body>\n</html>\n"
        );
        let style = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        whole("200 OK", "text/html; charset=utf-8", &format!("Content-Security-Policy: {policy}\r\n"), &body)
    }
}

/// What anybody else hears.
pub(crate) fn short(status: &str) -> String {
    whole(status, "text/plain; charset=utf-8", "", "Nothing to see here.\n")
}

fn whole(status: &str, kind: &str, more: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n{more}\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_as_they_were_read_and_approved() {
        for page in [Page::SignedIn, Page::Declined, Page::Failed] {
            let answer = page.answer();
            assert!(answer.contains("You can close this tab"));
            for remote in ["http:", "https:", "src=", "href", "<script", "url(", "@import"] {
                assert!(!answer.contains(remote), "{remote}");
            }
            insta::assert_snapshot!(format!("{page:?}"), answer.replace("\r\n", "\n"));
        }
        insta::assert_snapshot!("short", short("404 Not Found").replace("\r\n", "\n"));
    }
}
