//! The sign-in in the browser (RFC 6749, section 4.1; RFC 7636; RFC 9207).

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Asked, CLIENT, CODE_SECONDS, Code, Issuer, PATIENCE, Who, page, read, value};

/// Shows who there is to sign in as.
pub(super) async fn ask(State(issuer): State<Arc<Issuer>>, RawQuery(query): RawQuery) -> Response {
    let asked = read(&query.unwrap_or_default());
    // Before these two are known to be ours, nothing is sent there.
    if value(&asked, "client_id") != CLIENT {
        return page::problem("The program that sent you here is not known.");
    }
    if !returns_to_this_machine(value(&asked, "redirect_uri")) {
        return page::problem(
            "The program that sent you here asks for an answer at an address that is not allowed.",
        );
    }
    let refusal = match () {
        () if value(&asked, "response_type") != "code" => Some("unsupported_response_type"),
        () if value(&asked, "code_challenge_method") != "S256" => Some("invalid_request"),
        () if value(&asked, "code_challenge").len() != 43 => Some("invalid_request"),
        () if !value(&asked, "scope").split(' ').any(|word| word == "openid") => Some("invalid_scope"),
        // Nobody is remembered, so nobody can come in unasked.
        () if value(&asked, "prompt") == "none" => Some("login_required"),
        () => None,
    };
    if let Some(error) = refusal {
        return issuer.go_back(&asked, &[("error", error)]);
    }
    let Ok(number) = issuer.secret() else { return page::problem("Try again in a moment.") };
    let now = issuer.now();
    issuer.state().open.put(number.clone(), now.plus_seconds(PATIENCE), asked, now);
    let form = page::Form { action: "authorize", hidden: &[("request", &number)] };
    let text = "Choose who you are. Everybody here is invented, so no password is asked for.";
    page::accounts(&form, "Sign in to ChatEHR", text, &issuer.accounts)
}

/// Somebody has chosen.
pub(super) async fn answer(State(issuer): State<Arc<Issuer>>, body: String) -> Response {
    let chosen = read(&body);
    let now = issuer.now();
    let Some(asked) = issuer.state().open.take(value(&chosen, "request"), now) else {
        return page::problem("This page is too old. Start again in ChatEHR.");
    };
    let Some(account) = issuer.account(value(&chosen, "account")) else {
        return issuer.go_back(&asked, &[("error", "access_denied")]);
    };
    let Ok(code) = issuer.secret() else { return issuer.go_back(&asked, &[("error", "server_error")]) };
    let who = Who { account: account.id.clone(), at: now };
    let back = issuer.go_back(&asked, &[("code", &code)]);
    issuer.state().codes.put(code, now.plus_seconds(CODE_SECONDS), Code { asked, who }, now);
    back
}

impl Issuer {
    fn go_back(&self, asked: &Asked, told: &[(&str, &str)]) -> Response {
        let mut pairs = told.to_vec();
        pairs.push(("iss", self.url()));
        if let Some(state) = asked.get("state") {
            pairs.push(("state", state));
        }
        let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
        let address = format!("{}?{query}", value(asked, "redirect_uri"));
        (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
    }
}

/// Any port of the loopback address (RFC 8252, section 7.3), and the one path.
fn returns_to_this_machine(address: &str) -> bool {
    address
        .strip_prefix("http://127.0.0.1:")
        .and_then(|rest| rest.strip_suffix("/callback"))
        .is_some_and(|port| !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::returns_to_this_machine;

    #[test]
    fn an_answer_goes_to_this_machine_alone() {
        assert!(returns_to_this_machine("http://127.0.0.1:41873/callback"));
        for address in [
            "",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:+80/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1:80/other",
            "http://127.0.0.1:80/x/callback",
            "https://127.0.0.1:80/callback",
            "http://localhost:80/callback",
            "http://10.0.0.1:80/callback",
        ] {
            assert!(!returns_to_this_machine(address), "{address}");
        }
    }
}
