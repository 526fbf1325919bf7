//! A provider that does what a test tells it, and the program that signs in there.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chatehr_sign_in::{Keep, Provider, Session, Settings, SignInError};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    agent::{Agent, Sight},
    surroundings::{Addresses, Time},
};

pub(crate) const CLIENT: &str = "chatehr-desktop";

pub(crate) type Parameters = BTreeMap<String, String>;

/// A key pair that is for tests alone, under the name it is published under.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    kid: &'static str,
    algorithm: Algorithm,
    pem: &'static [u8],
}

macro_rules! pair {
    ($name:ident, $kid:literal, $algorithm:ident) => {
        pub(crate) const $name: Pair = Pair {
            kid: $kid,
            algorithm: Algorithm::$algorithm,
            pem: include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../token/tests/it/keys/",
                $kid,
                ".pem"
            )),
        };
    };
}

pair!(RSA_A, "rsa-a", RS256);
pair!(RSA_B, "rsa-b", RS256);
pair!(EC_A, "ec-a", ES256);

impl Pair {
    fn private(&self) -> EncodingKey {
        match self.algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(self.pem).unwrap(),
            _ => EncodingKey::from_ec_pem(self.pem).unwrap(),
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private(), self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm, "kid": self.kid, "typ": "JWT" });
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.private(), self.algorithm);
        format!("{signed}.{}", signature.unwrap())
    }
}

pub(crate) fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// Signs with a shared secret, as nobody should.
pub(crate) fn sign_hmac(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Header::default().alg).unwrap();
    format!("{signed}.{signature}")
}

type Forge = Arc<dyn Fn(Value) -> String + Send + Sync>;

/// What the provider does, and what it saw.
pub(crate) struct Play {
    /// Members laid over those of the discovery document.
    pub(crate) discovery: Value,
    pub(crate) keys: Vec<Pair>,
    /// Makes the ID token of its claims.
    pub(crate) forge: Forge,
    /// Parameters laid over those that go back to the program.
    pub(crate) back: Value,
    /// Members laid over those of a good answer of the token endpoint.
    pub(crate) answer: Value,
    /// Answers of the token endpoint instead of good ones, in order.
    pub(crate) instead: VecDeque<(u16, Value)>,
    pub(crate) delay: Duration,
    /// Whether a refresh token is good for one use.
    pub(crate) rotates: bool,
    pub(crate) revocation: (u16, Value),
    /// What the token endpoint and the revocation endpoint were sent.
    pub(crate) asked: Vec<Parameters>,
    pub(crate) revoked: Vec<Parameters>,
    codes: BTreeMap<String, Parameters>,
    /// The one refresh token that is good now; a used one that comes again takes it away.
    good: Option<String>,
    /// Requests at the token endpoint's second address.
    pub(crate) moved: usize,
    count: usize,
}

struct Shared {
    issuer: String,
    time: Time,
    play: Mutex<Play>,
}

/// The provider, the time, and the program.
pub(crate) struct Stage {
    shared: Arc<Shared>,
    server: JoinHandle<()>,
    pub(crate) time: Time,
    pub(crate) provider: Provider,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realms/clinic", listener.local_addr().unwrap());
        let time = Time::new();
        let play = Play {
            discovery: json!({}),
            keys: vec![RSA_A],
            forge: Arc::new(|claims| RSA_A.sign(&claims)),
            back: json!({}),
            answer: json!({}),
            instead: VecDeque::new(),
            delay: Duration::ZERO,
            rotates: true,
            revocation: (200, json!({})),
            asked: Vec::new(),
            revoked: Vec::new(),
            codes: BTreeMap::new(),
            good: None,
            moved: 0,
            count: 0,
        };
        let shared = Arc::new(Shared { issuer: issuer.clone(), time: time.clone(), play: Mutex::new(play) });
        let realm = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/moved", post(moved))
            .route("/revoke", post(revoke))
            .route("/device", post(device));
        let routes = Router::new().nest("/realms/clinic", realm).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let mut settings = Settings::new(issuer, CLIENT);
        change(&mut settings);
        let provider = Provider::new(settings, time.surroundings()).unwrap();
        Self { shared, server, time, provider }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    pub(crate) fn play(&self) -> MutexGuard<'_, Play> {
        self.shared.play.lock().unwrap()
    }

    /// The network is gone: connections are refused, those that were open are closed.
    pub(crate) async fn go_dark(&self) {
        self.server.abort();
        while !self.server.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// Begins to sign in; where the browser is sent.
    pub(crate) async fn begin(
        &self,
        keep: Option<Arc<dyn Keep>>,
    ) -> (JoinHandle<Result<Session, SignInError>>, String) {
        let (sender, mut addresses) = mpsc::unbounded_channel();
        let provider = self.provider.clone();
        let sign_in = tokio::spawn(async move { provider.sign_in(&Addresses(sender), keep).await });
        let address = addresses.recv().await.expect("a browser was opened");
        (sign_in, address)
    }

    /// The whole way of somebody who has to show who they are now; what the browser was asked to open with it.
    pub(crate) async fn sign_in_anew(
        &self,
        keep: Option<Arc<dyn Keep>>,
    ) -> (Result<Session, SignInError>, Parameters) {
        let (sender, mut addresses) = mpsc::unbounded_channel();
        let provider = self.provider.clone();
        let sign_in = tokio::spawn(async move { provider.sign_in_anew(&Addresses(sender), keep).await });
        let address = addresses.recv().await.expect("a browser was opened");
        Agent::new().open(&address).await;
        (sign_in.await.unwrap(), parameters(&address))
    }

    /// The whole way, with nobody in between.
    pub(crate) async fn sign_in(&self, keep: Option<Arc<dyn Keep>>) -> (Result<Session, SignInError>, Sight) {
        let (sign_in, address) = self.begin(keep).await;
        let sight = Agent::new().open(&address).await;
        (sign_in.await.unwrap(), sight)
    }

    pub(crate) async fn signed_in(&self, keep: Option<Arc<dyn Keep>>) -> Session {
        self.sign_in(keep).await.0.unwrap()
    }

    pub(crate) async fn refused(&self) -> SignInError {
        let (outcome, sight) = self.sign_in(None).await;
        assert!(sight.body.contains("You are not signed in"), "{}", sight.body);
        outcome.unwrap_err()
    }

    /// Requests of this kind that reached the token endpoint.
    pub(crate) fn grants(&self, kind: &str) -> usize {
        self.play().asked.iter().filter(|asked| asked["grant_type"] == kind).count()
    }
}

pub(crate) fn lay_over(onto: &mut Value, others: &Value) {
    let onto = onto.as_object_mut().unwrap();
    for (name, value) in others.as_object().unwrap() {
        if value.is_null() {
            onto.remove(name);
        } else {
            onto.insert(name.clone(), value.clone());
        }
    }
}

/// What an address asks for.
pub(crate) fn parameters(address: &str) -> Parameters {
    reqwest::Url::parse(address).unwrap().query_pairs().into_owned().collect()
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let issuer = &shared.issuer;
    let mut document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/keys"),
        "authorization_endpoint": format!("{issuer}/authorize?tenant=clinic"),
        "token_endpoint": format!("{issuer}/token"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "end_session_endpoint": format!("{issuer}/logout"),
        "device_authorization_endpoint": format!("{issuer}/device"),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    lay_over(&mut document, &shared.play.lock().unwrap().discovery);
    Json(document)
}

async fn keys(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let keys: Vec<Value> = shared.play.lock().unwrap().keys.iter().map(Pair::jwk).collect();
    Json(json!({ "keys": keys }))
}

/// Says yes at once, to whatever was asked; what it was is compared when the code is redeemed.
async fn authorize(State(shared): State<Arc<Shared>>, Query(asked): Query<Parameters>) -> Response {
    let mut play = shared.play.lock().unwrap();
    play.count += 1;
    let code = format!("code-{}", play.count);
    let mut back = json!({ "code": code, "state": asked["state"], "iss": shared.issuer });
    lay_over(&mut back, &play.back);
    let mut address = reqwest::Url::parse(&asked["redirect_uri"]).unwrap();
    for (name, value) in back.as_object().unwrap() {
        address.query_pairs_mut().append_pair(name, value.as_str().unwrap());
    }
    play.codes.insert(code, asked);
    (StatusCode::FOUND, [(LOCATION, address.to_string())]).into_response()
}

async fn token(State(shared): State<Arc<Shared>>, Form(asked): Form<Parameters>) -> Response {
    let delay = shared.play.lock().unwrap().delay;
    tokio::time::sleep(delay).await;
    let mut play = shared.play.lock().unwrap();
    play.asked.push(asked.clone());
    if let Some((status, answer)) = play.instead.pop_front() {
        return (StatusCode::from_u16(status).unwrap(), Json(answer)).into_response();
    }
    match play.redeem(&shared, &asked) {
        Some(answer) => Json(answer).into_response(),
        None => (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response(),
    }
}

async fn moved(state: State<Arc<Shared>>, form: Form<Parameters>) -> Response {
    state.play.lock().unwrap().moved += 1;
    token(state, form).await
}

async fn revoke(State(shared): State<Arc<Shared>>, Form(asked): Form<Parameters>) -> Response {
    let mut play = shared.play.lock().unwrap();
    play.revoked.push(asked);
    let (status, answer) = play.revocation.clone();
    (StatusCode::from_u16(status).unwrap(), Json(answer)).into_response()
}

async fn device(State(shared): State<Arc<Shared>>, Form(asked): Form<Parameters>) -> Json<Value> {
    let mut play = shared.play.lock().unwrap();
    play.asked.push(asked);
    let mut answer = json!({
        "device_code": "device-code",
        "user_code": "WDJB-MJHT",
        "verification_uri": format!("{}/enter", shared.issuer),
        "verification_uri_complete": format!("{}/enter?code=WDJB-MJHT", shared.issuer),
        "expires_in": 600,
        "interval": 2,
    });
    lay_over(&mut answer, &play.answer);
    Json(answer)
}

impl Play {
    fn redeem(&mut self, shared: &Shared, asked: &Parameters) -> Option<Value> {
        let nonce = match asked["grant_type"].as_str() {
            "authorization_code" => {
                let began = self.codes.remove(&asked["code"])?;
                let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&asked["code_verifier"]));
                let same = began["code_challenge"] == challenge
                    && began["code_challenge_method"] == "S256"
                    && began["redirect_uri"] == asked["redirect_uri"];
                same.then(|| Some(began["nonce"].clone()))?
            }
            "refresh_token" => {
                // A used one that comes again ends the session (RFC 9700, section 4.14.2).
                let good = self.good.take()?;
                (good == asked["refresh_token"]).then_some(None)?
            }
            _ => return None,
        };
        self.count += 1;
        let (access, refresh) = (format!("access-{}", self.count), format!("refresh-{}", self.count));
        let stays = asked.get("refresh_token").filter(|_| !self.rotates);
        self.good = Some(stays.unwrap_or(&refresh).clone());
        let hash = Sha256::digest(&access);
        let now = shared.time.seconds();
        let claims = json!({
            "iss": shared.issuer,
            "aud": CLIENT,
            "sub": "physician-12",
            "nonce": nonce,
            "at_hash": URL_SAFE_NO_PAD.encode(&hash[..16]),
            "auth_time": now - 5,
            "iat": now,
            "exp": now + 300,
        });
        let claims: Value =
            claims.as_object().unwrap().clone().into_iter().filter(|(_, v)| !v.is_null()).collect();
        let mut answer = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 300,
            "refresh_token": stays.is_none().then_some(refresh),
            "id_token": (self.forge)(claims),
        });
        lay_over(&mut answer, &self.answer);
        Some(answer)
    }
}
