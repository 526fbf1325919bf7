//! Against a provider that is not ours, `tests/oidc-provider`: runs where `CHATEHR_TEST_OIDC` names the directory that
//! its packages were installed in.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use chatehr_contract::Timestamp;
use chatehr_sign_in::{
    Code, IdentityError, Keep, NoRandomness, Provider, RefreshToken, Revocation, Session, SessionError,
    Settings, SignInError, Surroundings, TokenError,
};
use chatehr_token::Verifier;
use futures_util::future::join_all;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    agent::{Agent, Sight},
    stage::{CLIENT, parameters},
    surroundings::{Addresses, Keyring},
};

const API: &str = "https://api.chatehr.test";

struct Real {
    child: Child,
    issuer: String,
    provider: Provider,
}

impl Drop for Real {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[allow(clippy::disallowed_methods, reason = "a real provider's tokens are good by the real time")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

impl Real {
    /// None, and a line that says so, where it is not installed.
    #[allow(clippy::print_stdout, reason = "a test that did not run says so")]
    fn start(change: impl FnOnce(&mut Settings)) -> Option<Self> {
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
        let mut settings = Settings::new(&issuer, CLIENT);
        settings.scopes = vec!["profile".into(), "records".into()];
        settings.resource = Some(API.into());
        change(&mut settings);
        let surroundings = Surroundings {
            clock: Arc::new(now),
            sleep: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
            random: Arc::new(|bytes| getrandom::fill(bytes).map_err(|error| NoRandomness(error.to_string()))),
        };
        let provider = Provider::new(settings, surroundings).unwrap();
        Some(Self { child, issuer, provider })
    }

    async fn begin(&self, keep: Option<Arc<dyn Keep>>) -> (JoinHandle<Result<Session, SignInError>>, String) {
        let (sender, mut addresses) = mpsc::unbounded_channel();
        let provider = self.provider.clone();
        let sign_in = tokio::spawn(async move { provider.sign_in(&Addresses(sender), keep).await });
        (sign_in, addresses.recv().await.expect("a browser was opened"))
    }

    async fn sign_in(
        &self,
        login: &str,
        keep: Option<Arc<dyn Keep>>,
    ) -> (Result<Session, SignInError>, Sight) {
        let (sign_in, address) = self.begin(keep).await;
        let mut agent = Agent::new();
        let form = agent.open(&address).await;
        let last = submit_login(&mut agent, &form, login).await;
        (sign_in.await.unwrap(), last)
    }
}

async fn submit_login(agent: &mut Agent, form: &Sight, login: &str) -> Sight {
    agent.submit(form, &[("login", login)]).await
}

#[tokio::test]
async fn a_person_signs_in_at_a_real_provider_stays_signed_in_and_signs_out() {
    let Some(real) = Real::start(|_| {}) else { return };
    let keyring = Arc::new(Keyring::default());
    let (session, last) = real.sign_in("okafor", Some(Arc::clone(&keyring) as _)).await;
    let session = session.unwrap();
    assert!(last.body.contains("You are signed in"));
    assert_eq!(session.subject(), "physician-12");
    assert!(session.is_kept());
    let verifier = Verifier::new(chatehr_token::Settings::new(&real.issuer, [API]), now).unwrap();
    let first = session.access_token().await.unwrap();
    assert_eq!(verifier.check(first.expose()).await.unwrap().person.as_str(), "physician-12");

    // A hundred at once: each refresh changes the token, so a second one would have ended the session.
    let callers = (0..100).map(|_| session.access_token_after(&first));
    let second = session.access_token_after(&first).await.unwrap();
    for token in join_all(callers).await {
        assert_eq!(token.unwrap().expose(), second.expose());
    }
    assert_ne!(first.expose(), second.expose());
    verifier.check(second.expose()).await.unwrap();
    assert_eq!(keyring.deeds().len(), 2, "kept at the sign-in and at the one refresh");

    let left = session.sign_out().await;
    assert!(left.forgotten.is_ok() && matches!(left.revocation, Revocation::Done), "{left:?}");
    let goodbye = Agent::new().open(left.browser.unwrap().as_str()).await;
    assert!(goodbye.status.is_success(), "{}", goodbye.body);
    // What the keyring held last opens nothing any more.
    let kept = keyring.deeds()[1].rsplit_once(' ').unwrap().1.to_owned();
    let copy = real.provider.resume("physician-12", RefreshToken::new(kept), keyring);
    assert!(matches!(copy.access_token().await, Err(SessionError::Over)));
}

#[tokio::test]
async fn a_real_provider_ends_the_session_whose_used_refresh_token_comes_again() {
    let Some(real) = Real::start(|_| {}) else { return };
    let keyring = Arc::new(Keyring::default());
    let session = real.sign_in("okafor", Some(Arc::clone(&keyring) as _)).await.0.unwrap();
    let first = session.access_token().await.unwrap();
    let second = session.access_token_after(&first).await.unwrap();
    let used = keyring.deeds()[0].rsplit_once(' ').unwrap().1.to_owned();
    let copy = real.provider.resume("physician-12", RefreshToken::new(used), Arc::clone(&keyring) as _);
    assert!(matches!(copy.access_token().await, Err(SessionError::Over)));
    assert!(matches!(session.access_token_after(&second).await, Err(SessionError::Over)));
}

#[tokio::test]
async fn a_real_provider_takes_a_code_once_and_for_the_verifier_that_it_was_made_for() {
    let Some(real) = Real::start(|_| {}) else { return };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (sign_in, address) = real.begin(None).await;
    let mut agent = Agent::new();
    let form = agent.open(&address).await;
    let back = agent.submit_until_callback(&form, &[("login", "okafor")]).await;
    let stolen = parameters(back.as_str());
    let redeem = async |verifier: Option<&str>| {
        let mut form =
            vec![("grant_type", "authorization_code"), ("client_id", CLIENT), ("code", &stolen["code"])];
        let asked = parameters(&address);
        form.push(("redirect_uri", &asked["redirect_uri"]));
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        let answer = http.post(format!("{}/token", real.issuer)).form(&form).send().await.unwrap();
        answer.status().as_u16()
    };
    let challenge = parameters(&address)["code_challenge"].clone();
    for verifier in [None, Some("a".repeat(43)), Some(challenge)] {
        assert_eq!(redeem(verifier.as_deref()).await, 400, "{verifier:?}");
    }
    agent.open(back.as_str()).await;
    let session = sign_in.await.unwrap();
    // A failed try uses the code up at some providers; at this one it does not.
    let session = session.unwrap();
    let token = session.access_token().await.unwrap();
    // Who replays it without the verifier gets nothing and cannot even end the session.
    assert_eq!(redeem(None).await, 400);
    session.access_token_after(&token).await.unwrap();
}

#[tokio::test]
async fn a_real_provider_refuses_less_than_we_send() {
    let Some(real) = Real::start(|_| {}) else { return };
    let (sign_in, address) = real.begin(None).await;
    let asked = parameters(&address);
    let altered = |change: &dyn Fn(&str, &str) -> Option<String>| {
        let mut url = reqwest::Url::parse(&address).unwrap();
        let pairs: Vec<(String, String)> =
            asked.iter().filter_map(|(name, value)| Some((name.clone(), change(name, value)?))).collect();
        url.query_pairs_mut().clear().extend_pairs(&pairs);
        String::from(url)
    };
    let port = reqwest::Url::parse(&asked["redirect_uri"]).unwrap().port().unwrap();
    for redirect in [
        format!("http://localhost:{port}/callback"),
        format!("http://127.0.0.1:{port}/other"),
        format!("http://127.0.0.1:{port}/callback/"),
        format!("https://127.0.0.1:{port}/callback"),
        format!("http://[::1]:{port}/callback"),
        format!("http://10.0.0.1:{port}/callback"),
    ] {
        let address = altered(&|name, value| {
            Some(if name == "redirect_uri" { redirect.clone() } else { value.to_owned() })
        });
        let sight = Agent::new().open(&address).await;
        assert!(
            sight.status.as_u16() == 400 && sight.body.contains("redirect_uri"),
            "{redirect}: {}",
            sight.body
        );
    }
    let plain = altered(&|name, value| {
        Some(if name == "code_challenge_method" { "plain".into() } else { value.to_owned() })
    });
    let none = altered(&|name, value| (!name.starts_with("code_challenge")).then(|| value.to_owned()));
    // Told to the program, with its state: either ends the sign-in.
    for address in [none, plain] {
        let back = Agent::new().until_callback(&address).await;
        assert_eq!(parameters(back.as_str())["error"], "invalid_request", "{back}");
    }
    sign_in.abort();
    // Another port is as good: nobody knows beforehand which one is free (RFC 8252, section 7.3).
    let (sign_in, another) = real.begin(None).await;
    assert_ne!(parameters(&another)["redirect_uri"], asked["redirect_uri"]);
    let mut agent = Agent::new();
    let form = agent.open(&another).await;
    submit_login(&mut agent, &form, "lindqvist").await;
    assert_eq!(sign_in.await.unwrap().unwrap().subject(), "physician-13");
}

#[tokio::test]
async fn nobody_signs_in_where_a_real_provider_says_no() {
    let Some(real) = Real::start(|_| {}) else { return };
    let (outcome, last) = real.sign_in("nobody", None).await;
    assert!(matches!(outcome, Err(SignInError::Denied)), "{outcome:?}");
    assert!(last.body.contains("The sign-in was declined"));
    let Some(real) = Real::start(|settings| settings.resource = Some("not a resource".into())) else {
        return;
    };
    let (sign_in, address) = real.begin(None).await;
    Agent::new().open(&address).await;
    let outcome = sign_in.await.unwrap();
    assert!(matches!(outcome, Err(SignInError::Refused(Code::InvalidTarget))), "{outcome:?}");
}

#[tokio::test]
async fn a_second_device_signs_in_at_a_real_provider() {
    let Some(real) = Real::start(|_| {}) else { return };
    let keyring = Arc::new(Keyring::default());
    for login in ["okafor", "nobody"] {
        let code = real.provider.sign_in_elsewhere(Some(Arc::clone(&keyring) as _)).await.unwrap();
        let address = code.verification_uri.clone();
        let user_code = code.user_code.clone();
        let wait = tokio::spawn(code.wait());
        let mut agent = Agent::new();
        let entry = agent.open(address.as_str()).await;
        let confirm = agent.submit(&entry, &[("user_code", &user_code)]).await;
        let form = agent.submit(&confirm, &[]).await;
        submit_login(&mut agent, &form, login).await;
        let waited = tokio::time::timeout(Duration::from_secs(30), wait).await.expect("an answer in time");
        match (login, waited.unwrap()) {
            ("okafor", Ok(session)) => {
                assert_eq!(session.subject(), "physician-12");
                let token = session.access_token().await.unwrap();
                session.access_token_after(&token).await.unwrap();
            }
            ("nobody", Err(SignInError::Denied)) => {}
            (login, other) => panic!("{login}: {other:?}"),
        }
    }
    let client = Settings::new(&real.issuer, "somebody-else");
    let surroundings = crate::surroundings::Time::new().surroundings();
    let stranger = Provider::new(client, surroundings).unwrap();
    let refused = stranger.sign_in_elsewhere(None).await.unwrap_err();
    assert!(
        matches!(refused, SignInError::Provider(TokenError::Refused(Code::InvalidClient))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_real_provider_asks_again_whom_it_remembers_when_it_is_told_to() {
    let Some(real) = Real::start(|_| {}) else { return };
    let mut agent = Agent::new();
    let (sign_in, address) = real.begin(None).await;
    let form = agent.open(&address).await;
    submit_login(&mut agent, &form, "okafor").await;
    sign_in.await.unwrap().unwrap();
    // The same browser, whose session there goes on.
    for keep in [None, Some(Arc::new(Keyring::default()) as Arc<dyn Keep>)] {
        let (sender, mut addresses) = mpsc::unbounded_channel();
        let (provider, began) = (real.provider.clone(), now());
        let sign_in = tokio::spawn(async move { provider.sign_in_anew(&Addresses(sender), keep).await });
        let form = agent.open(&addresses.recv().await.unwrap()).await;
        assert!(form.body.contains("Account"), "{}", form.body);
        submit_login(&mut agent, &form, "okafor").await;
        let session = sign_in.await.unwrap().unwrap();
        assert!(session.auth_time().unwrap().plus_seconds(2) >= began);
    }
}

#[tokio::test]
async fn a_second_device_is_not_believed_where_a_real_provider_does_not_say_when_it_asked() {
    let Some(real) = Real::start(|_| {}) else { return };
    let code = real.provider.sign_in_elsewhere_anew(None).await.unwrap();
    let (address, user_code) = (code.verification_uri.clone(), code.user_code.clone());
    let wait = tokio::spawn(code.wait());
    let mut agent = Agent::new();
    let entry = agent.open(address.as_str()).await;
    let confirm = agent.submit(&entry, &[("user_code", &user_code)]).await;
    let form = agent.submit(&confirm, &[]).await;
    submit_login(&mut agent, &form, "okafor").await;
    let outcome = wait.await.unwrap();
    assert!(matches!(outcome, Err(SignInError::Identity(IdentityError::NotFresh))), "{outcome:?}");
}
