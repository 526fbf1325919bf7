//! What the browser shows: plain pages without a script, and nothing from elsewhere (Content-Security-Policy).

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chatehr_contract::{Account, Role};
use sha2::{Digest, Sha256};

const STYLE: &str = "\
:root{color-scheme:light dark}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.125rem/1.5 system-ui,sans-serif;\
color:light-dark(#1b2733,#e8edf2);background:light-dark(#f4f6f8,#141a21)}\
main{width:min(30rem,100% - 2rem);margin:1.5rem;padding:2rem 2.25rem;border-radius:.75rem;\
background:light-dark(#fff,#1e262f);border:1px solid light-dark(#d5dce3,#35414d)}\
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}\
p{margin:.5rem 0 1.25rem;color:light-dark(#45525f,#b3bec9)}\
p:last-child{margin-bottom:0}\
label{display:block;margin-bottom:.35rem;font-weight:600}\
input{width:100%;padding:.75rem 1rem;font:600 1.5rem/1.3 ui-monospace,monospace;letter-spacing:.12em;\
text-transform:uppercase;color:inherit;background:light-dark(#fff,#141a21);\
border:1px solid light-dark(#6b7885,#8592a0);border-radius:.5rem}\
button{display:block;width:100%;min-height:3.5rem;margin:.6rem 0 0;padding:.6rem 1rem;text-align:left;\
font:inherit;font-weight:600;color:inherit;background:light-dark(#eef4fa,#26313d);cursor:pointer;\
border:1px solid light-dark(#9fb4c8,#4a5a6a);border-radius:.5rem}\
button small{display:block;font-size:.95rem;font-weight:400;color:light-dark(#45525f,#b3bec9)}\
button:hover{border-color:light-dark(#1b5e9b,#7db8ee)}\
:focus-visible{outline:3px solid light-dark(#1b5e9b,#7db8ee);outline-offset:2px}\
button.plain{background:none;text-align:center;font-weight:400}";

/// Whose form it is, in its hidden fields.
pub(super) struct Form<'a> {
    pub(super) action: &'a str,
    pub(super) hidden: &'a [(&'a str, &'a str)],
}

/// Asks who it is.
pub(super) fn accounts(form: &Form<'_>, title: &str, text: &str, accounts: &[Account]) -> Response {
    let mut buttons = String::new();
    for account in accounts {
        let (name, does) = words(account);
        buttons.push_str(&format!(
            "<button name=\"account\" value=\"{}\">{}<small>{}</small></button>\n",
            escape(account.id.as_str()),
            escape(&name),
            escape(&does)
        ));
    }
    let inside =
        format!("{buttons}<button class=\"plain\" name=\"account\" value=\"\">Do not sign in</button>\n");
    whole(StatusCode::OK, title, text, &with(form, &inside))
}

/// Asks for another device's code.
pub(super) fn code(form: &Form<'_>, text: &str, typed: &str) -> Response {
    let inside = format!(
        "<label for=\"code\">Code</label>\n<input id=\"code\" name=\"user_code\" value=\"{}\" autocomplete=\"off\" \
         maxlength=\"16\" autofocus>\n<button>Go on</button>\n",
        escape(typed)
    );
    whole(StatusCode::OK, "Sign in on another device", text, &with(form, &inside))
}

/// Says something, and there is nothing to do here any more.
pub(super) fn message(title: &str, text: &str) -> Response {
    whole(StatusCode::OK, title, text, "")
}

/// The same of something that is wrong.
pub(super) fn problem(text: &str) -> Response {
    whole(StatusCode::BAD_REQUEST, "This does not work", text, "")
}

fn words(account: &Account) -> (String, String) {
    let name = account.name.spoken();
    match account.role {
        Role::Physician => {
            let of: Vec<_> = account.specialties.iter().map(|one| one.as_str().replace('_', " ")).collect();
            (format!("Dr {name}"), format!("Physician, {}", of.join(" and ")))
        }
        Role::Nurse => (name, "Nurse".to_owned()),
        Role::Patient => (name, "Patient".to_owned()),
        _ => (name, "Administrator".to_owned()),
    }
}

fn with(form: &Form<'_>, inside: &str) -> String {
    let hidden: String = form
        .hidden
        .iter()
        .map(|(name, value)| {
            format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value))
        })
        .collect();
    format!("<form method=\"post\" action=\"{}\">\n{hidden}{inside}</form>\n", escape(form.action))
}

fn whole(status: StatusCode, title: &str, text: &str, form: &str) -> Response {
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} – Riverside Clinic</title>\n\
         <style>{STYLE}</style>\n</head>\n<body><main>\n<h1>{title}</h1>\n<p>{text}</p>\n{form}</main></body>\n\
         </html>\n",
        title = escape(title),
        text = escape(text)
    );
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    // A browser looks at where a form's answer leads as well, and that is a port of the program's choosing.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self' http://127.0.0.1:*"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (status, headers, Html(body)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_shown_cannot_break_out() {
        assert_eq!(super::escape("<a href=\"&\">"), "&lt;a href=&quot;&amp;&quot;&gt;");
    }
}
