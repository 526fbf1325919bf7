//! A clinic to talk to, and people who talk to it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::Timestamp;
use chatehr_server::{ClassRates, Config, Mode, Rate, RateSettings, Running, Sources, start};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

pub(crate) const API_KEY: &str = "test-api-key";
pub(crate) const ROOT_SECRET: &[u8] = b"a root secret of the tests, 32 bytes and more";
pub(crate) const OKAFOR: &str = "482913";
pub(crate) const LINDQVIST: &str = "615208";
pub(crate) const MARTA: &str = "205117";
pub(crate) const LUCIA: &str = "730442";
pub(crate) const FELDMAN: &str = "918364";
/// Acts for Okafor.
pub(crate) const MENSAH: &str = "537064";

/// A running server on a clock of its own.
pub(crate) struct Clinic {
    pub(crate) running: Running,
    clock: Arc<AtomicI64>,
}

/// Somebody with a token.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) id: String,
    pub(crate) token: String,
    origin: String,
    base: String,
    /// For whom a machine asks.
    behalf: Option<String>,
    http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

pub(crate) fn config() -> Config {
    let plenty = Rate::new(1_000_000, 1_000_000);
    let plenty = ClassRates { person: plenty, machine: plenty, address: plenty };
    let mut config = Config::new("127.0.0.1:0".parse().unwrap(), API_KEY, ROOT_SECRET);
    // Steps of escalation come when a test asks for them, not in between.
    config.escalation_look = std::time::Duration::from_secs(3600);
    config.rates = RateSettings { read: plenty, write: plenty, sign_in: plenty, stream: plenty };
    config
}

impl Clinic {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let start_at: Timestamp = "2026-11-23T09:42:00Z".parse().unwrap();
        let clock = Arc::new(AtomicI64::new(start_at.millis()));
        let shown = Arc::clone(&clock);
        let mut config = config();
        config.sources =
            Sources::system().with_clock(move || Timestamp::from_millis(shown.load(Ordering::SeqCst)));
        change(&mut config);
        Self { running: start(config).await.unwrap(), clock }
    }

    /// A clinic's own ChatEHR, which serves both surfaces.
    pub(crate) async fn standalone(change: impl FnOnce(&mut Config)) -> Self {
        Self::with(|config| {
            config.mode = Mode::Standalone;
            change(config);
        })
        .await
    }

    /// Stops the server and starts another on the same clock.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Config)) -> Self {
        self.restart_after(0, change).await
    }

    /// The same, so many seconds later.
    pub(crate) async fn restart_after(self, seconds: i64, change: impl FnOnce(&mut Config)) -> Self {
        self.running.stop().await;
        let clock = Arc::clone(&self.clock);
        clock.fetch_add(seconds * 1000, Ordering::SeqCst);
        let shown = Arc::clone(&clock);
        let mut config = config();
        config.sources =
            Sources::system().with_clock(move || Timestamp::from_millis(shown.load(Ordering::SeqCst)));
        change(&mut config);
        Self { running: start(config).await.unwrap(), clock }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn caller(&self, id: &str, token: &str) -> Caller {
        Caller {
            id: id.to_owned(),
            token: token.to_owned(),
            origin: format!("http://{}", self.running.address),
            base: "/v1".to_owned(),
            behalf: None,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) fn machine(&self) -> Caller {
        self.caller("", API_KEY)
    }

    pub(crate) async fn sign_in(&self, code: &str) -> Caller {
        let reply = self.machine().post("/test/sign-in", json!({ "code": code })).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        self.caller(reply.json["id"].as_str().unwrap(), reply.json["token"].as_str().unwrap())
    }
}

impl Caller {
    /// The same person at another address, such as a gateway's.
    pub(crate) fn at(&self, url: &str) -> Self {
        let path = url.match_indices('/').nth(2).map_or(url.len(), |(place, _)| place);
        let (origin, base) = url.split_at(path);
        Self { origin: origin.to_owned(), base: base.to_owned(), ..self.clone() }
    }

    /// A machine as somebody of whom a gateway in front knows this.
    pub(crate) fn on_behalf_of(&self, id: &str, role: &str, specialties: &[&str]) -> Self {
        let person = json!({ "id": id, "role": role, "specialties": specialties }).to_string();
        Self { id: id.to_owned(), behalf: Some(BASE64_URL_SAFE_NO_PAD.encode(person)), ..self.clone() }
    }

    /// The same for a nurse who acts for this physician.
    pub(crate) fn on_behalf_of_nurse(&self, id: &str, physician: &str, specialties: &[&str]) -> Self {
        let person =
            json!({ "id": id, "role": "nurse", "specialties": specialties, "delegatesFor": physician });
        let behalf = Some(BASE64_URL_SAFE_NO_PAD.encode(person.to_string()));
        Self { id: id.to_owned(), behalf, ..self.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request =
            self.http.request(method, format!("{}{}{path}", self.origin, self.base)).bearer_auth(&self.token);
        match &self.behalf {
            Some(person) => request.header("X-ChatEHR-On-Behalf-Of", person),
            None => request,
        }
    }

    /// The same on `/api/chatehr`.
    pub(crate) fn api(&self) -> Self {
        Self { base: "/api/chatehr".to_owned(), ..self.clone() }
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        send(self.request(Method::PUT, path).json(&body)).await
    }

    /// Asks for a consultation, as a patient, and gives its id.
    pub(crate) async fn ask(&self, specialty: &str, urgency: &str) -> String {
        let body = json!({
            "patientId": self.id, "specialty": specialty, "urgency": urgency, "description": "It hurts",
        });
        let reply = self.post("/consultations", body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn to(&self, consultation: &str, status: &str) -> Reply {
        self.put(&format!("/consultations/{consultation}"), json!({ "status": status })).await
    }

    pub(crate) async fn say(&self, consultation: &str, to: &str, text: &str) -> Reply {
        self.post("/messages", json!({ "consultationId": consultation, "toId": to, "content": text })).await
    }
}

impl Reply {
    pub(crate) fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }

    /// The same from `/api/chatehr`.
    pub(crate) fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }

    /// The fields that were refused, on either surface.
    pub(crate) fn paths(&self) -> Vec<&str> {
        let bare = &self.json["details"];
        let details = if bare.is_null() { &self.json["error"]["details"] } else { bare };
        let details = details.as_array().map(Vec::as_slice).unwrap_or_default();
        details.iter().map(|detail| detail["path"].as_str().unwrap()).collect()
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        let rows = if self.json.is_array() { &self.json } else { &self.json["data"] };
        rows.as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap()).collect()
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    if text.is_empty() {
        return Reply { status, headers, json: Value::Null };
    }
    let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: not JSON: {text:?}"));
    Reply { status, headers, json }
}
