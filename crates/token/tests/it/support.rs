//! A provider whose every misbehaviour can be asked for, and tokens signed with keys that are for tests alone.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chatehr_contract::Timestamp;
use chatehr_token::{CheckError, Identity, Refusal, Settings, Verifier};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

/// 2026-11-23T09:42:00Z, in seconds.
pub(crate) const NOW: i64 = 1_795_426_920;
pub(crate) const API: &str = "https://api.chatehr.test";

/// A key pair of `keys/`, with the name it is published under.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) kid: &'static str,
    pub(crate) algorithm: Algorithm,
    pem: &'static [u8],
}

macro_rules! pair {
    ($name:ident, $kid:literal, $algorithm:ident) => {
        pub(crate) const $name: Pair = Pair {
            kid: $kid,
            algorithm: Algorithm::$algorithm,
            pem: include_bytes!(concat!("keys/", $kid, ".pem")),
        };
    };
}

pair!(RSA_A, "rsa-a", RS256);
pair!(RSA_B, "rsa-b", RS256);
pair!(RSA_C, "rsa-c", RS256);
pair!(EC_A, "ec-a", ES256);
pair!(EC_B, "ec-b", ES256);
pair!(EC_384, "ec-384", ES384);

impl Pair {
    pub(crate) fn private(&self) -> EncodingKey {
        match self.algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(self.pem).unwrap(),
            _ => EncodingKey::from_ec_pem(self.pem).unwrap(),
        }
    }

    /// The key as the provider publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk =
            serde_json::to_value(Jwk::from_encoding_key(&self.private(), self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.algorithm, "kid": self.kid, "typ": "at+jwt" })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    /// Signs with this key whatever the header says.
    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", part(header), part(claims));
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), &self.private(), self.algorithm).unwrap();
        format!("{signed}.{signature}")
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

/// How the provider answers.
#[derive(Clone)]
pub(crate) struct Answers {
    pub(crate) keys: Vec<Value>,
    /// Members laid over those of the discovery document.
    pub(crate) discovery: Value,
    /// Spaces after the key set.
    pub(crate) padding: usize,
    pub(crate) delay: Duration,
    /// Instead of the discovery document and of the keys.
    pub(crate) discovery_status: Option<StatusCode>,
    pub(crate) keys_status: Option<StatusCode>,
}

struct Shared {
    issuer: String,
    answers: Mutex<Answers>,
    discoveries: AtomicUsize,
    fetches: AtomicUsize,
}

/// The provider, a clock, and a verifier that believes both.
pub(crate) struct Clinic {
    shared: Arc<Shared>,
    now: Arc<AtomicI64>,
    pub(crate) verifier: Verifier,
}

impl Clinic {
    pub(crate) async fn open(keys: &[Pair]) -> Self {
        Self::with(keys, |_| {}).await
    }

    pub(crate) async fn with(keys: &[Pair], change: impl FnOnce(&mut Settings)) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realms/clinic", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            issuer: issuer.clone(),
            answers: Mutex::new(Answers {
                keys: keys.iter().map(Pair::jwk).collect(),
                discovery: json!({}),
                padding: 0,
                delay: Duration::ZERO,
                discovery_status: None,
                keys_status: None,
            }),
            discoveries: AtomicUsize::new(0),
            fetches: AtomicUsize::new(0),
        });
        let routes = Router::new()
            .route("/realms/clinic/.well-known/openid-configuration", get(discovery))
            .route("/elsewhere", get(elsewhere))
            .route("/realms/clinic/keys", get(keys_of))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let now = Arc::new(AtomicI64::new(NOW * 1000));
        let mut settings = Settings::new(issuer, [API]);
        change(&mut settings);
        let clock = Arc::clone(&now);
        let verifier =
            Verifier::new(settings, move || Timestamp::from_millis(clock.load(Ordering::Relaxed))).unwrap();
        Self { shared, now, verifier }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Moves the clock by seconds.
    pub(crate) fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    pub(crate) fn answers(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.shared.answers.lock().unwrap());
    }

    /// How often the keys were fetched.
    pub(crate) fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::Relaxed)
    }

    /// How often the discovery document was.
    pub(crate) fn discoveries(&self) -> usize {
        self.shared.discoveries.load(Ordering::Relaxed)
    }

    /// A physician's claims for an hour.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.issuer(),
            "aud": API,
            "sub": "physician-12",
            "client_id": "chatehr-desktop",
            "roles": ["physician"],
            "iat": NOW,
            "exp": NOW + 3600,
        })
    }

    /// The same with other members; null takes one away.
    pub(crate) fn claims_with(&self, others: Value) -> Value {
        let mut claims = self.claims();
        lay_over(&mut claims, others);
        claims
    }

    pub(crate) async fn refusal(&self, token: &str) -> Refusal {
        match self.verifier.check(token).await {
            Err(CheckError::Refused(refusal)) => refusal,
            other => panic!("neither accepted nor unavailable was expected: {other:?}"),
        }
    }

    pub(crate) async fn accepted(&self, token: &str) -> Identity {
        self.verifier.check(token).await.unwrap()
    }
}

fn lay_over(onto: &mut Value, others: Value) {
    let onto = onto.as_object_mut().unwrap();
    for (name, value) in others.as_object().unwrap() {
        if value.is_null() {
            onto.remove(name);
        } else {
            onto.insert(name.clone(), value.clone());
        }
    }
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Response {
    shared.discoveries.fetch_add(1, Ordering::Relaxed);
    let answers = shared.answers.lock().unwrap().clone();
    if let Some(status) = answers.discovery_status {
        return (status, [(LOCATION, "/elsewhere")]).into_response();
    }
    document(&shared, &answers).into_response()
}

/// Where a redirect would lead: everything would be right there.
async fn elsewhere(State(shared): State<Arc<Shared>>) -> Response {
    document(&shared, &shared.answers.lock().unwrap().clone()).into_response()
}

fn document(shared: &Shared, answers: &Answers) -> Json<Value> {
    let mut document = json!({ "issuer": shared.issuer, "jwks_uri": format!("{}/keys", shared.issuer) });
    lay_over(&mut document, answers.discovery.clone());
    Json(document)
}

async fn keys_of(State(shared): State<Arc<Shared>>) -> Response {
    shared.fetches.fetch_add(1, Ordering::Relaxed);
    let answers = shared.answers.lock().unwrap().clone();
    tokio::time::sleep(answers.delay).await;
    match answers.keys_status {
        Some(status) => (status, [(LOCATION, "/elsewhere")]).into_response(),
        None => (json!({ "keys": answers.keys }).to_string() + &" ".repeat(answers.padding)).into_response(),
    }
}
