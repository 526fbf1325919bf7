//! The demonstration's own provider: where it is, and what it refuses.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Response, StatusCode, Url, redirect};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    issuer::{API, Issuer, Key},
    support::Clinic,
};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const BACK: &str = "http://127.0.0.1:41873/callback";

/// As much of a browser and a program as is needed.
struct Visitor {
    issuer: String,
    http: reqwest::Client,
}

fn challenge() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

impl Visitor {
    fn of(clinic: &Clinic) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { issuer: format!("http://{}/issuer", clinic.running.address), http }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let body = serde_urlencoded::to_string(form).unwrap();
        self.http.post(format!("{}/{path}", self.issuer)).body(body).send().await.unwrap()
    }

    /// Asks to sign in, with these changes; an empty text takes a parameter away.
    async fn ask(&self, changes: &[(&str, &str)]) -> Response {
        let challenge = challenge();
        let mut asked = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", "chatehr-desktop"),
            ("redirect_uri", BACK),
            ("scope", "openid profile"),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
        asked.extend(changes.iter().copied());
        asked.retain(|_, value| !value.is_empty());
        let query = serde_urlencoded::to_string(asked).unwrap();
        self.http.get(format!("{}/authorize?{query}", self.issuer)).send().await.unwrap()
    }

    async fn choose(&self, page: Response, account: &str) -> BTreeMap<String, String> {
        let page = page.text().await.unwrap();
        let (_, rest) = page.split_once("name=\"request\" value=\"").unwrap();
        let (request, _) = rest.split_once('"').unwrap();
        let back = self.post("authorize", &[("request", request), ("account", account)]).await;
        assert_eq!(back.status(), StatusCode::SEE_OTHER);
        told(&back)
    }

    async fn redeem(&self, code: &str, verifier: &str, back: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "chatehr-desktop"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", back),
        ];
        read(self.post("token", &form).await).await
    }

    async fn renew(&self, refresh: &str) -> (u16, Value) {
        let form =
            [("grant_type", "refresh_token"), ("client_id", "chatehr-desktop"), ("refresh_token", refresh)];
        read(self.post("token", &form).await).await
    }

    async fn tokens(&self, account: &str) -> Value {
        let back = self.choose(self.ask(&[]).await, account).await;
        let (status, tokens) = self.redeem(&back["code"], VERIFIER, BACK).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }
}

async fn read(answer: Response) -> (u16, Value) {
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// What an answer sends back to the program.
fn told(answer: &Response) -> BTreeMap<String, String> {
    let address: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
    assert!(address.as_str().starts_with(BACK), "{address}");
    address.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn its_people_are_who_they_are_on_the_server() {
    let clinic = Clinic::open().await;
    let visitor = Visitor::of(&clinic);
    for (account, role, status) in
        [("physician-12", "physician", 200), ("patient-2041", "patient", 200), ("admin-1", "admin", 200)]
    {
        let tokens = visitor.tokens(account).await;
        let session = clinic.caller("", tokens["access_token"].as_str().unwrap()).get("/session").await;
        assert_eq!(session.status, status, "{account} {session:?}");
        assert_eq!((&session.json["id"], &session.json["role"]), (&json!(account), &json!(role)));
        // An ID token opens nothing.
        let id = clinic.caller("", tokens["id_token"].as_str().unwrap()).get("/session").await;
        assert_eq!(id.status, 401);
    }
    clinic.pass(301 + 60);
    let tokens = visitor.tokens("physician-12").await;
    let (_, renewed) = visitor.renew(tokens["refresh_token"].as_str().unwrap()).await;
    let access = renewed["access_token"].as_str().unwrap();
    assert_eq!(clinic.caller("", access).get("/session").await.status, 200);
    clinic.pass(301 + 60);
    assert_eq!(clinic.caller("", access).get("/session").await.status, 401);
}

#[tokio::test]
async fn a_stranger_is_sent_nowhere() {
    let clinic = Clinic::open().await;
    let visitor = Visitor::of(&clinic);
    for change in [
        ("client_id", "another"),
        ("client_id", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "http://127.0.0.1:1@evil.example/callback"),
        ("redirect_uri", "http://localhost:41873/callback"),
    ] {
        let page = visitor.ask(&[change]).await;
        assert_eq!(page.status(), 400, "{change:?}");
        assert!(!page.headers().contains_key("location"), "{change:?}");
    }
}

#[tokio::test]
async fn a_sign_in_without_a_proof_is_refused() {
    let clinic = Clinic::open().await;
    let visitor = Visitor::of(&clinic);
    for (changes, error) in [
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("scope", "profile")], "invalid_scope"),
        (vec![("prompt", "none")], "login_required"),
    ] {
        let back = told(&visitor.ask(&changes).await);
        assert_eq!((back["error"].as_str(), back["state"].as_str()), (error, "the-state"), "{changes:?}");
        assert_eq!(back["iss"], visitor.issuer);
    }
    let back = visitor.choose(visitor.ask(&[]).await, "").await;
    assert_eq!(back["error"], "access_denied");
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_verifier_and_for_a_minute() {
    let clinic = Clinic::open().await;
    let visitor = Visitor::of(&clinic);
    let code = async || visitor.choose(visitor.ask(&[]).await, "physician-12").await["code"].clone();
    for (verifier, back) in
        [("a".repeat(43).as_str(), BACK), ("", BACK), (VERIFIER, "http://127.0.0.1:41874/callback")]
    {
        assert_eq!(visitor.redeem(&code().await, verifier, back).await.0, 400, "{verifier} {back}");
    }
    let once = code().await;
    assert_eq!(visitor.redeem(&once, VERIFIER, BACK).await.0, 200);
    assert_eq!(visitor.redeem(&once, VERIFIER, BACK).await.0, 400);
    let late = code().await;
    clinic.pass(61);
    assert_eq!(visitor.redeem(&late, VERIFIER, BACK).await.0, 400);
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_the_session() {
    let clinic = Clinic::open().await;
    let visitor = Visitor::of(&clinic);
    let first = visitor.tokens("physician-12").await["refresh_token"].as_str().unwrap().to_owned();
    let (_, renewed) = visitor.renew(&first).await;
    let second = renewed["refresh_token"].as_str().unwrap();
    assert_eq!(visitor.renew(&first).await, (400, json!({ "error": "invalid_grant" })));
    assert_eq!(visitor.renew(second).await.0, 400);
    let other = visitor.tokens("physician-12").await["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(visitor.post("revoke", &[("token", &other)]).await.status(), 200);
    assert_eq!(visitor.renew(&other).await.0, 400);
}

#[tokio::test]
async fn its_pages_load_nothing_from_elsewhere() {
    let clinic = Clinic::open().await;
    let visitor = Visitor::of(&clinic);
    for path in ["authorize", "device", "device?user_code=%22%3E%3Cscript%3E", "end"] {
        let page = visitor.http.get(format!("{}/{path}", visitor.issuer)).send().await.unwrap();
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let text = page.text().await.unwrap();
        for foreign in ["<script", "<img", "<link", "https://", "@import"] {
            assert!(!text.contains(foreign), "{path}: {foreign}");
        }
    }
    let page = visitor.ask(&[]).await.text().await.unwrap();
    for name in ["Dr Amara Okafor", "Dr Elin Lindqvist", "Marta Szymańska"] {
        assert!(page.contains(name), "{page}");
    }
}

#[tokio::test]
async fn it_is_nowhere_but_in_a_demonstration_without_a_provider_of_its_own() {
    let key = Key::new("a");
    let issuer = Issuer::open(&[&key]).await;
    let believed = chatehr_token::Settings::new(issuer.url.clone(), [API]);
    let clinics = [
        Clinic::with(|config| config.seed = chatehr_server::Seed::Empty).await,
        Clinic::with(|config| config.oidc = Some(believed)).await,
        Clinic::with(|config| config.original = true).await,
    ];
    for clinic in clinics {
        let visitor = Visitor::of(&clinic);
        for path in [".well-known/openid-configuration", "keys", "authorize", "device"] {
            let answer = visitor.http.get(format!("{}/{path}", visitor.issuer)).send().await.unwrap();
            // What is not there is not told to who has no token either.
            assert!([401, 404].contains(&answer.status().as_u16()), "{path} {}", answer.status());
        }
    }
}
