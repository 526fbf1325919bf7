//! The port that the browser comes back to, and everybody else who finds it.

use std::time::Duration;

use chatehr_sign_in::{Code, SignInError, TokenError};
use reqwest::Url;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    agent::Agent,
    stage::{CLIENT, Stage, parameters},
};

/// What a caller at the port hears.
async fn say(host: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn get(target: &str, host: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// `127.0.0.1:port` of an address.
fn host(address: &str) -> String {
    let url = Url::parse(address).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

async fn is_free(host: &str) -> bool {
    TcpListener::bind(host).await.is_ok()
}

#[tokio::test]
async fn a_person_signs_in_and_the_tab_says_that_it_can_be_closed() {
    let stage = Stage::new().await;
    let (sign_in, address) = stage.begin(None).await;
    let asked = parameters(&address);
    let sight = Agent::new().open(&address).await;
    let session = sign_in.await.unwrap().unwrap();
    assert_eq!(session.subject(), "physician-12");
    assert_eq!(session.access_token().await.unwrap().expose(), "access-2");
    assert!(!session.is_kept());
    assert!(sight.body.contains("You can close this tab"));
    let policy = sight.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"));
    assert_eq!(sight.headers["cache-control"], "no-store");
    assert!(is_free(&host(&asked["redirect_uri"])).await, "the port is free as soon as the page is shown");
}

#[tokio::test]
async fn the_browser_is_sent_with_everything_that_protects_the_answer() {
    let stage = Stage::with(|settings| {
        settings.scopes = vec!["profile".into(), "offline_access".into()];
        settings.resource = Some("https://api.chatehr.test".into());
    })
    .await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (sign_in, address) = stage.begin(None).await;
        sign_in.abort();
        assert!(address.starts_with(&format!("{}/authorize?tenant=clinic&", stage.issuer())));
        let asked = parameters(&address);
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("scope", "openid profile"),
            ("code_challenge_method", "S256"),
            ("resource", "https://api.chatehr.test"),
        ] {
            assert_eq!(asked[name], value);
        }
        assert!(!asked.contains_key("client_secret") && !asked.contains_key("code_verifier"));
        let redirect = &asked["redirect_uri"];
        assert!(redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/callback"), "{redirect}");
        for name in ["state", "nonce", "code_challenge"] {
            assert_eq!(asked[name].len(), 43, "{name}");
            assert!(!seen.contains(&asked[name]), "{name} is new each time");
            seen.push(asked[name].clone());
        }
    }
}

#[tokio::test]
async fn a_wrong_state_ends_nothing() {
    let stage = Stage::new().await;
    let (sign_in, address) = stage.begin(None).await;
    let back = Agent::new().until_callback(&address).await;
    let host = host(back.as_str());
    let (code, state) = {
        let given = parameters(back.as_str());
        (given["code"].clone(), given["state"].clone())
    };
    for query in [
        format!("code={code}"),
        format!("code={code}&state="),
        format!("code={code}&state={}", "A".repeat(43)),
        format!("code={code}&state={}", state.to_uppercase()),
        format!("code={code}&state={state}&state={state}"),
        format!("code={code}&code=mine&state={state}"),
        "error=access_denied".to_owned(),
        format!("error=access_denied&state={code}"),
        format!("state={state}"),
    ] {
        let answer = say(&host, &get(&format!("/callback?{query}"), &host)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{query}: {answer}");
    }
    assert!(!sign_in.is_finished());
    assert!(stage.play().asked.is_empty());
    Agent::new().open(back.as_str()).await;
    sign_in.await.unwrap().unwrap();
}

#[tokio::test]
async fn another_program_that_calls_first_finishes_nothing() {
    let stage = Stage::new().await;
    let (sign_in, address) = stage.begin(None).await;
    let back = Agent::new().until_callback(&address).await;
    let host = host(back.as_str());
    let target = format!("{}?{}", back.path(), back.query().unwrap());
    let port = back.port().unwrap();
    let query = back.query().unwrap();
    for (request, status) in [
        (get("/", &host), 404),
        (get("/favicon.ico", &host), 404),
        (get("/callback", &host), 404),
        (get(&format!("/callback/?{query}"), &host), 404),
        (get(&format!("/Callback?{query}"), &host), 404),
        (get(&format!("//callback?{query}"), &host), 404),
        (get(&format!("/a/../callback?{query}"), &host), 404),
        (get(&format!("/%63allback?{query}"), &host), 404),
        (get(back.as_str(), &host), 404),
        // A page elsewhere that had its own name lead here.
        (get(&target, "rebound.example"), 400),
        (get(&target, &format!("localhost:{port}")), 400),
        (get(&target, "127.0.0.1"), 400),
        (format!("GET {target} HTTP/1.1\r\n\r\n"), 400),
        (format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"), 400),
        (get(&target, &host).replacen("GET", "POST", 1), 405),
        (get(&target, &host).replacen("GET", "HEAD", 1), 405),
        ("\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n".to_owned(), 400),
        (format!("GET {target} HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65)), 400),
    ] {
        let answer = say(&host, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(!answer.contains("code-") && answer.len() < 400);
    }
    let long = format!("GET {target} HTTP/1.1\r\nA: {}", "b".repeat(16 * 1024 - 2048));
    assert!(say(&host, &long).await.starts_with("HTTP/1.1 431 "));
    assert!(!sign_in.is_finished());
    assert!(stage.play().asked.is_empty());
    Agent::new().open(back.as_str()).await;
    sign_in.await.unwrap().unwrap();
}

#[tokio::test]
async fn callers_who_say_nothing_do_not_keep_the_browser_out() {
    let stage = Stage::new().await;
    let (sign_in, address) = stage.begin(None).await;
    let host = host(&parameters(&address)["redirect_uri"]);
    let mut silent = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(&host).await.unwrap();
        stream.write_all(b"GET /call").await.unwrap();
        silent.push(stream);
    }
    let sight = tokio::time::timeout(Duration::from_secs(20), async { Agent::new().open(&address).await });
    assert!(sight.await.unwrap().body.contains("You are signed in"));
    sign_in.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_program_that_gets_the_code_instead_of_us_cannot_use_it() {
    let stage = Stage::new().await;
    let (sign_in, address) = stage.begin(None).await;
    let back = Agent::new().until_callback(&address).await;
    let stolen = parameters(back.as_str());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for verifier in ["", &parameters(&address)["code_challenge"], &"a".repeat(43)] {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("code", &stolen["code"]),
            ("redirect_uri", &parameters(&address)["redirect_uri"]),
            ("code_verifier", verifier),
        ];
        let answer = http.post(format!("{}/token", stage.issuer())).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 400);
    }
    sign_in.abort();
}

#[tokio::test]
async fn a_code_works_once() {
    let stage = Stage::new().await;
    let (sign_in, address) = stage.begin(None).await;
    let back = Agent::new().until_callback(&address).await;
    Agent::new().open(back.as_str()).await;
    let session = sign_in.await.unwrap().unwrap();
    assert!(TcpStream::connect(host(back.as_str())).await.is_err(), "nobody listens for it again");
    // Put into another sign-in, with that one's own state.
    stage.play().back = json!({ "code": parameters(back.as_str())["code"] });
    let refused = stage.refused().await;
    assert!(matches!(refused, SignInError::Provider(TokenError::Refused(Code::InvalidGrant))), "{refused:?}");
    session.access_token().await.unwrap();
}

#[tokio::test]
async fn a_sign_in_ends_once_however_many_browsers_come_back() {
    let stage = Stage::new().await;
    stage.play().delay = Duration::from_millis(300);
    let (sign_in, address) = stage.begin(None).await;
    let back = Agent::new().until_callback(&address).await;
    let host = host(back.as_str());
    let request = get(&format!("/callback?{}", back.query().unwrap()), &host);
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(TcpStream::connect(&host).await.unwrap());
    }
    for stream in &mut streams {
        stream.write_all(request.as_bytes()).await.ok();
    }
    sign_in.await.unwrap().unwrap();
    assert_eq!(stage.grants("authorization_code"), 1);
}

#[tokio::test]
async fn a_sign_in_that_is_cancelled_frees_the_port_at_once() {
    let stage = Stage::new().await;
    let (sign_in, address) = stage.begin(None).await;
    let host = host(&parameters(&address)["redirect_uri"]);
    assert!(!is_free(&host).await);
    sign_in.abort();
    assert!(sign_in.await.unwrap_err().is_cancelled());
    assert!(is_free(&host).await);
}

#[tokio::test]
async fn a_browser_that_never_comes_back_is_waited_for_five_minutes() {
    let stage = Stage::new().await;
    let (sign_in, address) = stage.begin(None).await;
    let host = host(&parameters(&address)["redirect_uri"]);
    stage.time.pass(299);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!sign_in.is_finished());
    stage.time.pass(1);
    assert!(matches!(sign_in.await.unwrap(), Err(SignInError::TimedOut)));
    assert!(is_free(&host).await);
}

#[tokio::test]
async fn whoever_declines_is_not_signed_in_and_is_told_so() {
    let stage = Stage::new().await;
    stage.play().back = json!({ "code": null, "error": "access_denied", "error_description": "<b>no</b>" });
    let (outcome, sight) = stage.sign_in(None).await;
    assert!(matches!(outcome, Err(SignInError::Denied)));
    assert!(sight.body.contains("The sign-in was declined") && !sight.body.contains("<b>no"));
    stage.play().back = json!({ "code": null, "error": "server_error" });
    assert!(matches!(stage.refused().await, SignInError::Refused(Code::ServerError)));
    assert!(stage.play().asked.is_empty());
}
