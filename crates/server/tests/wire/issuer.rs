//! An OpenID provider of the tests: keys made for the run, and everything else as it is asked to be.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};

/// 2026-11-23T09:42:00Z, where a clinic's clock starts; seconds.
pub(crate) const NOW: i64 = 1_795_426_920;
pub(crate) const API: &str = "https://api.chatehr.test";

/// A key pair (P-256) under its name.
pub(crate) struct Key {
    kid: &'static str,
    pair: KeyPair,
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    keys: Mutex<Vec<Value>>,
    up: Mutex<bool>,
}

impl Key {
    pub(crate) fn new(kid: &'static str) -> Self {
        Self { kid, pair: KeyPair::generate().unwrap() }
    }

    /// As it is published.
    pub(crate) fn jwk(&self) -> Value {
        // An uncompressed point: 4, x, y.
        let (x, y) = self.pair.der_bytes()[1..].split_at(32);
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": text(x), "y": text(y) })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_under(&json!({ "alg": "ES256", "kid": self.kid, "typ": "at+jwt" }), claims)
    }

    /// The same key as anybody can have it.
    pub(crate) fn public_pem(&self) -> String {
        self.pair.public_key_pem()
    }

    /// Signs whatever the header says.
    pub(crate) fn sign_under(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(header, &claims.to_string())
    }

    /// Signs claims that no JSON of ours would write.
    pub(crate) fn sign_text(&self, header: &Value, claims: &str) -> String {
        let signed = format!("{}.{}", part(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
        let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::ES256).unwrap();
        format!("{signed}.{signature}")
    }
}

pub(crate) fn part(json: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}

/// Signs with a shared secret (HS256).
pub(crate) fn sign_hmac(header: &Value, claims: &Value, secret: &str) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{signed}.{signature}")
}

impl Issuer {
    pub(crate) async fn open(keys: &[&Key]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let keys = keys.iter().map(|key| key.jwk()).collect();
        let shared = Arc::new(Shared { keys: Mutex::new(keys), up: Mutex::new(true) });
        let issuer = url.clone();
        let discovery = async move |State(shared): State<Arc<Shared>>| {
            let document = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
            if *shared.up.lock().unwrap() { Ok(Json(document)) } else { Err(StatusCode::SERVICE_UNAVAILABLE) }
        };
        let published =
            async |State(shared): State<Arc<Shared>>| Json(json!({ "keys": *shared.keys.lock().unwrap() }));
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(published))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, shared }
    }

    pub(crate) fn publish(&self, key: &Key) {
        self.shared.keys.lock().unwrap().push(key.jwk());
    }

    pub(crate) fn is_up(&self, up: bool) {
        *self.shared.up.lock().unwrap() = up;
    }

    /// Claims for an hour of somebody in this role; null in `others` takes one away.
    pub(crate) fn claims(&self, sub: &str, role: &str, others: Value) -> Value {
        let mut claims = json!({
            "iss": self.url, "aud": API, "sub": sub, "client_id": "chatehr-desktop", "roles": [role],
            "iat": NOW, "exp": NOW + 3600,
        });
        let all = claims.as_object_mut().unwrap();
        for (name, value) in others.as_object().unwrap() {
            if value.is_null() {
                all.remove(name);
            } else {
                all.insert(name.clone(), value.clone());
            }
        }
        claims
    }
}
