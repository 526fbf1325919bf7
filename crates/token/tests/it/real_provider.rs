//! Against a provider that is not ours, `tests/oidc-provider`: runs where `CHATEHR_TEST_OIDC` names the directory that
//! its packages were installed in.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chatehr_contract::{Role, SpecialtyCode, Timestamp};
use chatehr_token::{CheckError, Refusal, Settings, Verifier};
use reqwest::{Response, Url, header, redirect};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::API;

const OTHER_API: &str = "https://billing.chatehr.test";
const REDIRECT: &str = "http://127.0.0.1:49152/callback";
const PKCE: &str = "a-verifier-for-tests-that-is-long-enough-to-be-one";

struct Provider {
    child: Child,
    issuer: String,
    http: reqwest::Client,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Provider {
    /// None, and a line that says so, where it is not installed.
    #[allow(clippy::print_stdout, reason = "a test that did not run says so")]
    fn start() -> Option<Self> {
        let Some(installed) = std::env::var_os("CHATEHR_TEST_OIDC").map(PathBuf::from) else {
            println!("skipped: CHATEHR_TEST_OIDC does not name a directory with oidc-provider");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oidc-provider/provider.mjs");
        let mut child = Command::new(installed.join("node_modules/.bin/node"))
            .arg(script)
            .env("CHATEHR_TEST_OIDC", &installed)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let issuer = lines
            .find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned))
            .expect("the provider says where it listens");
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Some(Self { child, issuer, http })
    }

    fn verifier(&self, audience: &str) -> Verifier {
        Verifier::new(Settings::new(&self.issuer, [audience]), now).unwrap()
    }

    async fn tokens(&self, form: &[(&str, &str)]) -> Value {
        let sent = self.http.post(format!("{}/token", self.issuer)).form(form).send().await.unwrap();
        let answer: Value = sent.json().await.unwrap();
        assert!(answer["access_token"].is_string(), "{answer}");
        answer
    }

    /// A machine's access token for `resource`.
    async fn machine(&self, resource: &str) -> String {
        let answer = self
            .tokens(&[
                ("grant_type", "client_credentials"),
                ("client_id", "chatehr-service"),
                ("client_secret", "chatehr-service-secret"),
                ("resource", resource),
                ("scope", "records"),
            ])
            .await;
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// What a person's sign-in brings: the authorization code flow with PKCE, as a browser and the desktop would.
    async fn sign_in(&self, login: &str) -> Value {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(PKCE));
        let mut start = Url::parse(&format!("{}/auth", self.issuer)).unwrap();
        start.query_pairs_mut().extend_pairs([
            ("client_id", "chatehr-desktop"),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("scope", "openid records"),
            ("resource", API),
            ("state", "some-state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let mut browser = Browser { http: self.http.clone(), cookies: BTreeMap::new() };
        let form = browser.follow(start).await;
        let done = browser.post(format!("{form}/login").parse().unwrap(), login).await;
        let back = browser.follow(done).await;
        let answer: BTreeMap<String, String> = back.query_pairs().into_owned().collect();
        assert_eq!(answer.get("state").map(String::as_str), Some("some-state"), "{back}");
        assert_eq!(answer["iss"], self.issuer);
        self.tokens(&[
            ("grant_type", "authorization_code"),
            ("client_id", "chatehr-desktop"),
            ("code", &answer["code"]),
            ("redirect_uri", REDIRECT),
            ("code_verifier", PKCE),
        ])
        .await
    }
}

#[allow(clippy::disallowed_methods, reason = "a real provider's tokens are good by the real time")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// As much of one as a sign-in needs: cookies, and redirects.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Goes on until a page comes, or an address of ours.
    async fn follow(&mut self, mut address: Url) -> Url {
        while !address.as_str().starts_with(REDIRECT) {
            let response = self.send(self.http.get(address.clone())).await;
            match Self::next(&address, &response) {
                Some(next) => address = next,
                None => {
                    assert!(response.status().is_success(), "{}", response.text().await.unwrap());
                    break;
                }
            }
        }
        address
    }

    async fn post(&mut self, address: Url, login: &str) -> Url {
        let response = self.send(self.http.post(address.clone()).form(&[("login", login)])).await;
        Self::next(&address, &response).expect("a redirect")
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Response {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(header::COOKIE, cookies.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }

    fn next(from: &Url, response: &Response) -> Option<Url> {
        let location = response.headers().get(header::LOCATION)?;
        Some(from.join(location.to_str().unwrap()).unwrap())
    }
}

fn refusal(verdict: Result<impl std::fmt::Debug, CheckError>) -> Refusal {
    match verdict {
        Err(CheckError::Refused(refusal)) => refusal,
        other => panic!("a refusal was expected: {other:?}"),
    }
}

#[tokio::test]
async fn a_real_providers_access_token_is_accepted_for_its_audience_alone() {
    let Some(provider) = Provider::start() else { return };
    let (ours, others) = (provider.machine(API).await, provider.machine(OTHER_API).await);
    let who = provider.verifier(API).check(&ours).await.unwrap();
    assert_eq!((who.person.as_str(), who.role), ("chatehr-service", Role::Admin));
    assert_eq!(refusal(provider.verifier(API).check(&others).await), Refusal::Audience);
    assert_eq!(refusal(provider.verifier(OTHER_API).check(&ours).await), Refusal::Audience);
    // Signed with ES256, where ours is with RS256.
    provider.verifier(OTHER_API).check(&others).await.unwrap();
}

#[tokio::test]
async fn whoever_signs_in_at_a_real_provider_is_who_they_are() {
    let Some(provider) = Provider::start() else { return };
    let verifier = provider.verifier(API);
    for (login, person, role) in [
        ("okafor", "physician-12", Role::Physician),
        ("lindqvist", "physician-13", Role::Physician),
        ("marta", "patient-2041", Role::Patient),
        ("feldman", "admin-1", Role::Admin),
    ] {
        let tokens = provider.sign_in(login).await;
        let who = verifier.check(tokens["access_token"].as_str().unwrap()).await.unwrap();
        assert_eq!((who.person.as_str(), &who.role), (person, &role));
        assert_eq!(who.specialties.contains(&SpecialtyCode::Cardiology), role == Role::Physician);
        assert!(who.session.is_some());
        assert!((0..60).contains(&now().seconds_since(who.auth_time.unwrap())));
        assert_eq!(
            refusal(provider.verifier(OTHER_API).check(tokens["access_token"].as_str().unwrap()).await),
            Refusal::Audience
        );
        let id_token = tokens["id_token"].as_str().unwrap();
        assert_eq!(refusal(verifier.check(id_token).await), Refusal::Audience);
        let careless = provider.verifier("chatehr-desktop");
        assert_eq!(refusal(careless.check(id_token).await), Refusal::NotAnAccessToken);
    }
    for (login, why) in [
        ("norole", Refusal::NoRole),
        ("norecord", Refusal::NoPerson),
        ("tworoles", Refusal::ConflictingRoles),
    ] {
        let tokens = provider.sign_in(login).await;
        assert_eq!(refusal(verifier.check(tokens["access_token"].as_str().unwrap()).await), why, "{login}");
    }
}
