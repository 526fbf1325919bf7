//! In front of a server of the original's kind, which lets everybody do everything, the gateway keeps the rules.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_seal::{Binding, MessageKey, open, seal};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    gateway::{WARD_KEY, bare, gateway_to},
    support::{Caller, Clinic, send},
};

const CANARY: &str = "canary-of-clear-text-8d1f";

/// The original's upstream, as it was read and run: nobody is refused, its own ids, shallow merges, times compared as
/// text, totals beside the list.
#[derive(Clone, Default)]
struct Original(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    consultations: Vec<Value>,
    appointments: Vec<Value>,
    messages: Vec<Value>,
    made: usize,
    /// Whether another program writes its own physician into every record that is changed.
    snatches: bool,
    /// Whether it passes over every filter.
    careless: bool,
}

type Params = Query<BTreeMap<String, String>>;

impl Original {
    async fn start(&self) -> SocketAddr {
        let routes = Router::new()
            .route("/v1/health", get(health))
            .route("/v1/consultations", get(consultations).post(ask))
            .route("/v1/consultations/{id}", get(consultation).put(change))
            .route("/v1/appointments", get(appointments).post(book))
            .route("/v1/appointments/{id}", put(rebook))
            .route("/v1/messages", get(messages).post(say))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }

    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn everything(&self) -> String {
        self.with(|kept| format!("{:?} {:?} {:?}", kept.consultations, kept.appointments, kept.messages))
    }
}

impl Kept {
    /// Later than the one before, so that the order is known.
    fn time(&mut self) -> String {
        self.made += 1;
        format!("2026-11-20T{:02}:{:02}:00.000Z", self.made / 60, self.made % 60)
    }
}

impl Kept {
    fn matching(&self, rows: &[Value], params: &BTreeMap<String, String>, names: &[&str]) -> Vec<Value> {
        let fits = |row: &Value| {
            names.iter().all(|name| params.get(*name).is_none_or(|wanted| row[name] == json!(wanted)))
        };
        rows.iter().filter(|row| self.careless || fits(row)).cloned().collect()
    }
}

fn page(rows: Vec<Value>, params: &BTreeMap<String, String>, limit: usize) -> Response {
    let number =
        |name: &str, otherwise| params.get(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let total = rows.len().to_string();
    let page: Vec<Value> = rows.into_iter().skip(number("offset", 0)).take(number("limit", limit)).collect();
    ([("x-total-count", total)], Json(page)).into_response()
}

fn merge(row: &mut Value, body: &Value) {
    row.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
}

async fn health() -> Json<Value> {
    Json(
        json!({ "status": "healthy", "service": "Mock ChatEHR", "version": "1.0.0", "timestamp": "2026-11-23T09:42:00.000Z" }),
    )
}

async fn ask(State(original): State<Original>, Json(body): Json<Value>) -> Response {
    original.with(|kept| {
        let now = kept.time();
        // Its own fields and no others.
        let row = json!({
            "id": format!("consultation-{}", kept.made),
            "patientId": body["patientId"],
            "physicianId": body["physicianId"],
            "specialty": body["specialty"],
            "urgency": body["urgency"],
            "description": body["description"],
            "status": "pending",
            "createdAt": now,
            "updatedAt": now,
            "metadata": body.get("metadata").cloned().unwrap_or(json!({})),
        });
        kept.consultations.push(row.clone());
        (StatusCode::CREATED, Json(row)).into_response()
    })
}

async fn consultations(State(original): State<Original>, Query(params): Params) -> Response {
    original.with(|kept| {
        let mut rows =
            kept.matching(&kept.consultations, &params, &["patientId", "physicianId", "status", "specialty"]);
        rows.sort_by_key(|row| std::cmp::Reverse(row["createdAt"].to_string()));
        page(rows, &params, 20)
    })
}

fn nothing() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "Not Found", "message": "Consultation not found" })))
        .into_response()
}

async fn consultation(State(original): State<Original>, Path(id): Path<String>) -> Response {
    original.with(|kept| match kept.consultations.iter().find(|row| row["id"] == json!(id)) {
        Some(row) => Json(row.clone()).into_response(),
        None => nothing(),
    })
}

async fn change(
    State(original): State<Original>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    original.with(|kept| {
        let (now, snatches) = (kept.time(), kept.snatches);
        let Some(row) = kept.consultations.iter_mut().find(|row| row["id"] == json!(id)) else {
            return nothing();
        };
        merge(row, &body);
        row["updatedAt"] = json!(now);
        let answer = Json(row.clone()).into_response();
        if snatches {
            row["physicianId"] = json!("physician-elsewhere");
        }
        answer
    })
}

async fn appointments(State(original): State<Original>, Query(params): Params) -> Response {
    original.with(|kept| {
        let mut rows = kept.matching(&kept.appointments, &params, &["patientId", "physicianId"]);
        let text = |row: &Value| row["dateTime"].as_str().unwrap().to_owned();
        rows.retain(|row| {
            params.get("startDate").is_none_or(|start| text(row) >= *start)
                && params.get("endDate").is_none_or(|end| text(row) <= *end)
        });
        rows.sort_by_key(text);
        Json(rows).into_response()
    })
}

async fn book(State(original): State<Original>, Json(body): Json<Value>) -> Response {
    original.with(|kept| {
        let now = kept.time();
        let or = |name: &str, otherwise: Value| body.get(name).cloned().unwrap_or(otherwise);
        let row = json!({
            "id": format!("appointment-{}", kept.made),
            "patientId": body["patientId"],
            "physicianId": body["physicianId"],
            "consultationId": body["consultationId"],
            "dateTime": body["dateTime"],
            "duration": or("duration", json!(30)),
            "type": or("type", json!("consultation")),
            "status": or("status", json!("scheduled")),
            "notes": or("notes", json!("")),
            "createdAt": now,
            "updatedAt": now,
        });
        kept.appointments.push(row.clone());
        (StatusCode::CREATED, Json(row)).into_response()
    })
}

async fn rebook(
    State(original): State<Original>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    original.with(|kept| match kept.appointments.iter_mut().find(|row| row["id"] == json!(id)) {
        Some(row) => {
            merge(row, &body);
            Json(row.clone()).into_response()
        }
        None => nothing(),
    })
}

async fn say(State(original): State<Original>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers["content-type"], "application/json");
    original.with(|kept| {
        let mut row: Value = serde_json::from_slice(&body).unwrap();
        let now = kept.time();
        row["id"] = json!(format!("message-{}", kept.made));
        row["timestamp"] = json!(now);
        kept.messages.push(row.clone());
        (StatusCode::CREATED, Json(row)).into_response()
    })
}

async fn messages(State(original): State<Original>, Query(params): Params) -> Response {
    if !params.contains_key("consultationId") {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "Bad Request", "message": "x" })))
            .into_response();
    }
    original.with(|kept| {
        let mut rows = kept.matching(&kept.messages, &params, &["consultationId"]);
        rows.retain(|row| {
            params.get("userId").is_none_or(|id| row["fromId"] == json!(id) || row["toId"] == json!(id))
        });
        page(rows, &params, 50)
    })
}

/// The original, a gateway before it, and people at the gateway.
struct Ward {
    original: Original,
    gateway: Clinic,
    marta: Caller,
    lucia: Caller,
    okafor: Caller,
    lindqvist: Caller,
    feldman: Caller,
}

impl Ward {
    async fn open() -> Self {
        let original = Original::default();
        let address = original.start().await;
        let gateway = gateway_to(format!("http://{address}/v1"), |_| {}).await;
        let ward = gateway.caller("", WARD_KEY).at(&bare(&gateway));
        Self {
            original,
            marta: ward.on_behalf_of("patient-1", "patient", &[]),
            lucia: ward.on_behalf_of("patient-2", "patient", &[]),
            okafor: ward.on_behalf_of("physician-1", "physician", &["cardiology", "neurology", "cardiology"]),
            lindqvist: ward.on_behalf_of("physician-2", "physician", &["cardiology"]),
            feldman: ward.on_behalf_of("admin-1", "admin", &[]),
            gateway,
        }
    }

    fn stored(&self, id: &str) -> Value {
        self.original
            .with(|kept| kept.consultations.iter().find(|row| row["id"] == json!(id)).unwrap().clone())
    }

    async fn conversation(&self) -> String {
        let id = self.marta.ask("cardiology", "routine").await;
        assert_eq!(self.okafor.to(&id, "assigned").await.status, 200);
        id
    }
}

#[tokio::test]
async fn health_says_what_the_gateway_itself_adds() {
    let ward = Ward::open().await;
    let health = ward.marta.get("/health").await;
    assert_eq!(
        (health.status, &health.json["features"]),
        (200, &json!(["keys", "decline", "acknowledge", "handoff", "policy"]))
    );
    for path in ["/changes", "/patients", "/patients/patient-1", "/physicians", "/events"] {
        assert_eq!(ward.okafor.get(path).await.status, 404, "{path}");
    }
    assert_eq!(ward.marta.get("/specialties").await.json.as_array().unwrap().len(), 12);
    let policy = ward.marta.get("/policy").await;
    assert_eq!((policy.status, policy.json["signature"].is_string()), (200, true));
}

#[tokio::test]
async fn a_request_is_found_in_its_pool_and_taken_once() {
    let ward = Ward::open().await;
    let id = ward.marta.ask("cardiology", "urgent").await;
    let other = ward.lucia.ask("oncology", "urgent").await;
    assert!(ward.okafor.get("/consultations").await.ids().contains(&id.as_str()), "the pool is seen");
    for (who, path) in [(&ward.okafor, &other), (&ward.lucia, &id), (&ward.lindqvist, &other)] {
        assert_eq!(
            who.get(&format!("/consultations/{path}")).await.status,
            404,
            "other people's records are hidden"
        );
    }
    assert_eq!(ward.lucia.get("/consultations?patientId=patient-1").await.ids(), Vec::<&str>::new());
    assert_eq!(ward.feldman.get("/consultations").await.ids().len(), 2);
    assert_eq!(ward.marta.to(&id, "assigned").await.status, 403);
    assert_eq!(
        ward.marta
            .post(
                "/consultations",
                json!({ "patientId": "patient-2", "specialty": "cardiology", "description": "x" })
            )
            .await
            .status,
        403
    );
    let taken = ward.okafor.to(&id, "assigned").await;
    assert_eq!(
        (taken.status, &taken.json["physicianId"], &taken.json["version"]),
        (200, &json!("physician-1"), &json!(2))
    );
    let late = ward.lindqvist.to(&id, "assigned").await;
    assert_eq!((late.status, &late.json["current"]["physicianId"]), (409, &json!("physician-1")));
    assert_eq!(late.json["current"].get("description"), None);
    assert_eq!(ward.lindqvist.get("/consultations").await.ids(), Vec::<&str>::new(), "and has left the pool");
    assert_eq!(ward.okafor.to(&id, "pending").await.status, 200);
    assert_eq!(ward.okafor.to(&id, "completed").await.status, 409);
}

#[tokio::test]
async fn a_change_erases_neither_who_is_in_charge_nor_what_was_written() {
    let ward = Ward::open().await;
    let id = ward.conversation().await;
    let path = format!("/consultations/{id}");
    let note = |status: &str, text: &str| json!({ "status": status, "notes": text });
    assert_eq!(ward.okafor.put(&path, note("in_progress", "First note")).await.status, 200);
    let done = ward.okafor.put(&path, note("completed", "Second note")).await;
    assert_eq!((done.status, &done.json["physicianId"]), (200, &json!("physician-1")));
    let stored = ward.stored(&id);
    assert_eq!(
        (&stored["physicianId"], &stored["metadata"]["createdBy"]),
        (&json!("physician-1"), &json!("patient-1"))
    );
    let notes: Vec<&Value> =
        stored["history"].as_array().unwrap().iter().map(|entry| &entry["note"]).collect();
    assert_eq!(notes, [&json!(null), &json!(null), &json!("First note"), &json!("Second note")]);
    assert_eq!(stored["history"][0]["action"], "created");
    assert_eq!(stored["metadata"].get("escalation"), None, "nobody would move it on");
    assert_eq!(
        ward.okafor.get("/consultations?status=completed").await.ids(),
        [id.as_str()],
        "and it stays in their list"
    );
    let again = ward.okafor.to(&id, "pending").await;
    assert_eq!((again.status, again.error()), (409, "CONFLICT"));
}

#[tokio::test]
async fn a_request_is_declined_acknowledged_and_handed_on() {
    let ward = Ward::open().await;
    let id = ward.marta.ask("cardiology", "urgent").await;
    let path = |what: &str| format!("/consultations/{id}/{what}");
    assert_eq!(ward.okafor.post(&path("acknowledge"), json!({})).await.status, 200);
    assert_eq!(ward.lindqvist.post(&path("decline"), json!({ "reason": "Not mine" })).await.status, 200);
    assert_eq!(ward.okafor.to(&id, "assigned").await.status, 200);
    let handed = ward
        .okafor
        .post(&path("handoff"), json!({ "specialty": "neurology", "reason": "Better there" }))
        .await;
    assert_eq!(
        (handed.status, &handed.json["specialty"], &handed.json["status"]),
        (200, &json!("neurology"), &json!("pending"))
    );
    assert_eq!(ward.stored(&id)["specialty"], "neurology");
    let as_patient = ward.marta.get(&format!("/consultations/{id}")).await.json;
    assert!(!as_patient.to_string().contains("Not mine"), "not what colleagues write to each other");
    assert_eq!(ward.marta.get("/consultations").await.json[0], as_patient);
    assert_eq!(ward.okafor.to(&id, "assigned").await.status, 200);
    let to =
        ward.okafor.post(&path("handoff"), json!({ "physicianId": "physician-2", "reason": "Away" })).await;
    assert_eq!((to.status, &to.json["physicianId"]), (200, &json!("physician-2")));
    assert_eq!(ward.lindqvist.get("/consultations").await.ids(), [id.as_str()]);
}

#[tokio::test]
async fn who_finds_somebody_elses_name_after_taking_it_hears_so() {
    let ward = Ward::open().await;
    let id = ward.marta.ask("cardiology", "urgent").await;
    ward.original.with(|kept| kept.snatches = true);
    let taken = ward.okafor.to(&id, "assigned").await;
    assert_eq!((taken.status, &taken.json["current"]["physicianId"]), (409, &json!("physician-elsewhere")));
}

#[tokio::test]
async fn of_many_who_accept_at_one_gateway_one_wins() {
    let ward = Ward::open().await;
    for _ in 0..20 {
        let id = ward.marta.ask("cardiology", "urgent").await;
        let (a, b) = tokio::join!(ward.okafor.to(&id, "assigned"), ward.lindqvist.to(&id, "assigned"));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let winner = if a.status == 200 { "physician-1" } else { "physician-2" };
        assert_eq!(ward.stored(&id)["physicianId"], winner);
    }
}

#[tokio::test]
async fn a_repeat_is_recognised_by_what_it_left() {
    let ward = Ward::open().await;
    let keyed = async |who: &Caller, method: Method, path: &str, key: &str, body: &Value| {
        send(who.request(method, path).header("Idempotency-Key", key).json(body)).await
    };
    let body = json!({ "patientId": "patient-1", "specialty": "cardiology", "description": "It hurts" });
    let first = keyed(&ward.marta, Method::POST, "/consultations", "k-1", &body).await;
    let second = keyed(&ward.marta, Method::POST, "/consultations", "k-1", &body).await;
    assert_eq!((first.status, second.status, &first.json), (201, 201, &second.json));
    let mut other = body.clone();
    other["description"] = json!("Something else");
    assert_eq!(keyed(&ward.marta, Method::POST, "/consultations", "k-1", &other).await.status, 409);
    assert_eq!(ward.original.with(|kept| kept.consultations.len()), 1);
    let id = first.json["id"].as_str().unwrap();
    let path = format!("/consultations/{id}");
    let accept = json!({ "status": "assigned" });
    let first = keyed(&ward.okafor, Method::PUT, &path, "k-2", &accept).await;
    let second = keyed(&ward.okafor, Method::PUT, &path, "k-2", &accept).await;
    assert_eq!((first.status, second.status, &second.json["version"]), (200, 200, &first.json["version"]));
    let words = json!({ "consultationId": id, "toId": "physician-1", "content": CANARY });
    let first = keyed(&ward.marta, Method::POST, "/messages", "k-3", &words).await;
    for _ in 0..120 {
        assert_eq!(ward.marta.say(id, "physician-1", "More").await.status, 201);
    }
    ward.original.with(|kept| kept.messages.truncate(60));
    let second = keyed(&ward.marta, Method::POST, "/messages", "k-3", &words).await;
    assert_eq!((first.status, second.status, &second.json["id"]), (201, 201, &first.json["id"]));
    assert_eq!(second.json["content"], CANARY);
    let mut other = words.clone();
    other["content"] = json!("Other words");
    assert_eq!(keyed(&ward.marta, Method::POST, "/messages", "k-3", &other).await.status, 409);
    assert_eq!(ward.original.with(|kept| kept.messages.len()), 60);
    let time =
        json!({ "patientId": "patient-1", "physicianId": "physician-1", "dateTime": "2026-12-01T09:00:00Z" });
    let first = keyed(&ward.okafor, Method::POST, "/appointments", "k-4", &time).await;
    let second = keyed(&ward.okafor, Method::POST, "/appointments", "k-4", &time).await;
    assert_eq!((second.status, &first.json["id"]), (201, &second.json["id"]));
}

#[tokio::test]
async fn a_repeat_is_found_at_the_end_of_a_long_conversation() {
    let ward = Ward::open().await;
    let id = ward.conversation().await;
    for _ in 0..130 {
        assert_eq!(ward.marta.say(&id, "physician-1", "More").await.status, 201);
    }
    let words = json!({ "consultationId": id, "toId": "physician-1", "content": CANARY, "metadata": { "envelopeId": "e-7" } });
    let first = ward.marta.post("/messages", words.clone()).await;
    let second = ward.marta.post("/messages", words).await;
    assert_eq!((first.status, second.status, &first.json["id"]), (201, 201, &second.json["id"]));
    let last = first.json["id"].as_str().unwrap();
    let list = format!("/messages?consultationId={id}");
    let page = ward.okafor.get(&format!("{list}&limit=3&before={last}")).await;
    assert_eq!((page.ids().len(), page.headers["x-total-count"].to_str().unwrap()), (3, "131"));
    assert_eq!(ward.okafor.get(&format!("{list}&limit=100&offset=100")).await.ids().len(), 31);
    let envelope = ward.okafor.at(&ward.gateway.running.base_url());
    let more = async |offset: u32| {
        envelope.get(&format!("/messages/{id}?limit=100&offset={offset}")).await.json["metadata"].clone()
    };
    assert_eq!((&more(31).await["total"], &more(31).await["hasMore"]), (&json!(131), &json!(false)));
    assert_eq!(more(30).await["hasMore"], json!(true));
}

#[tokio::test]
async fn words_rest_sealed_where_anybody_may_read_them() {
    let ward = Ward::open().await;
    let id = ward.conversation().await;
    let said = ward.marta.say(&id, "physician-1", CANARY).await;
    assert_eq!((said.status, &said.json["content"]), (201, &json!(CANARY)));
    assert_eq!(ward.okafor.say(&id, "patient-1", "BP 120:80").await.status, 201);
    assert!(!ward.original.everything().contains(CANARY), "clear text is never stored");
    // Another client of the original writes as it always did.
    let legacy = format!("{}:{}:bcf6eade5828", "a".repeat(32), "27e84ce82678c2e203634ace0c265b2b");
    for content in ["10:30 is fine", legacy.as_str()] {
        ward.original.with(|kept| {
            let row = json!({
                "id": format!("old-{}", kept.messages.len()), "fromId": "physician-1", "toId": "patient-1", "consultationId": id,
                "content": content, "type": "text", "timestamp": "2026-11-23T09:00:00.000Z", "metadata": {},
            });
            kept.messages.push(row);
        });
    }
    let list = format!("/messages?consultationId={id}");
    let clear = ward.marta.get(&list).await;
    let texts: Vec<&Value> = clear.json.as_array().unwrap().iter().map(|row| &row["content"]).collect();
    assert_eq!(texts, [&json!(CANARY), &json!("BP 120:80"), &json!("10:30 is fine"), &json!(legacy)]);
    let unreadable: Vec<bool> =
        clear.json.as_array().unwrap().iter().map(|row| row["metadata"]["unreadable"] == true).collect();
    assert_eq!(unreadable, [false, false, false, true]);
    assert_eq!(clear.headers["x-total-count"], "4");

    let key = ward.okafor.get(&format!("/keys/{id}")).await.json;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(key["key"].as_str().unwrap()).unwrap();
    let key = MessageKey::from_parts(key["kid"].as_str().unwrap(), &bytes).unwrap();
    let sealed = send(ward.okafor.request(Method::GET, &list).header("Accept-Envelope", "3")).await.json;
    let (place, from, to) = (id.as_str().into_id(), "patient-1".into_person(), "physician-1".into_person());
    let name = chatehr_contract::EnvelopeId::new(sealed[0]["metadata"]["envelopeId"].as_str().unwrap());
    let binding = Binding { consultation: &place, envelope: &name, from: &from, to: &to };
    assert_eq!(open(&key, &binding, sealed[0]["content"].as_str().unwrap()).unwrap(), CANARY);
    let name = chatehr_contract::EnvelopeId::new("e-1");
    let envelope =
        seal(&key, &Binding { envelope: &name, from: &to, to: &from, ..binding }, "Sealed", [3; 12]).unwrap();
    let body = json!({ "consultationId": id, "toId": "patient-1", "content": envelope, "metadata": { "envelopeId": "e-1" } });
    let sent =
        send(ward.okafor.request(Method::POST, "/messages").header("Accept-Envelope", "3").json(&body)).await;
    assert_eq!((sent.status, &sent.json["content"]), (201, &json!(envelope)));
    assert_eq!(ward.marta.get(&list).await.json[4]["content"], "Sealed");
    let lied = json!({ "consultationId": id, "toId": "patient-1", "content": "clear", "metadata": { "envelopeId": "e-2" } });
    let lied =
        send(ward.okafor.request(Method::POST, "/messages").header("Accept-Envelope", "3").json(&lied)).await;
    assert_eq!((lied.status, lied.paths()), (400, vec!["content"]));
}

#[tokio::test]
async fn only_the_two_who_take_part_are_in_a_conversation() {
    let ward = Ward::open().await;
    let id = ward.conversation().await;
    assert_eq!(ward.marta.say(&id, "physician-1", "Hello").await.status, 201);
    let list = format!("/messages?consultationId={id}");
    for stranger in [&ward.lucia, &ward.lindqvist] {
        assert_eq!(stranger.get(&list).await.status, 404);
        assert_eq!(stranger.say(&id, "patient-1", "x").await.status, 404);
        assert_eq!(stranger.get(&format!("/keys/{id}")).await.status, 404);
    }
    assert_eq!(ward.feldman.get(&list).await.status, 403);
    assert_eq!(ward.feldman.say(&id, "patient-1", "x").await.status, 403);
    let reason =
        send(ward.feldman.request(Method::GET, &list).header("Break-Glass-Reason", "A complaint came in"))
            .await;
    assert_eq!((reason.status, &reason.json[0]["content"]), (200, &json!("Hello")));
    assert_eq!(ward.marta.say(&id, "physician-2", "x").await.paths(), ["toId"]);
    let waiting = ward.marta.ask("cardiology", "routine").await;
    assert_eq!(ward.marta.say(&waiting, "physician-1", "Anybody?").await.status, 409);
    assert_eq!(ward.original.with(|kept| kept.messages.len()), 1, "nothing refused was stored");
}

#[tokio::test]
async fn a_range_of_days_has_both_its_ends() {
    let ward = Ward::open().await;
    let book = async |who: &Caller, patient: &str, at: &str| {
        let body = json!({ "patientId": patient, "physicianId": "physician-1", "dateTime": at });
        who.post("/appointments", body).await
    };
    for (patient, at) in [
        ("patient-1", "2026-12-01T00:00:00Z"),
        ("patient-1", "2026-12-01T23:59:00Z"),
        ("patient-1", "2026-12-02T09:00:00Z"),
        ("patient-2", "2026-12-01T10:00:00Z"),
    ] {
        assert_eq!(book(&ward.okafor, patient, at).await.status, 201);
    }
    // In the zone of whoever wrote it: this is the first of December, too.
    ward.original.with(|kept| {
        let mut row = kept.appointments[0].clone();
        (row["id"], row["dateTime"]) = (json!("zoned"), json!("2026-12-02T05:30:00.000+09:00"));
        kept.appointments.push(row);
    });
    let day = "/appointments?startDate=2026-12-01&endDate=2026-12-01";
    assert_eq!(ward.marta.get(day).await.ids(), ["appointment-1", "zoned", "appointment-2"]);
    assert_eq!(ward.okafor.get(day).await.ids().len(), 4);
    assert_eq!(ward.lindqvist.get(day).await.ids(), Vec::<&str>::new());
    assert_eq!(ward.feldman.get(day).await.ids().len(), 4);
    assert_eq!(ward.lucia.get("/appointments?patientId=patient-1").await.ids(), Vec::<&str>::new());
    assert_eq!(book(&ward.marta, "patient-1", "2026-12-03T09:00:00Z").await.status, 403);
    assert_eq!(
        book(&ward.lindqvist, "patient-1", "2026-12-03T09:00:00Z").await.status,
        403,
        "not whose time it is"
    );
    let moved =
        ward.okafor.put("/appointments/appointment-3", json!({ "dateTime": "2026-12-01T12:00:00Z" })).await;
    assert_eq!(
        (moved.status, &moved.json["version"], &moved.json["patientId"]),
        (200, &json!(2), &json!("patient-1"))
    );
    assert_eq!(ward.marta.get(day).await.ids().len(), 4);
    assert_eq!(
        ward.lindqvist.put("/appointments/appointment-3", json!({ "status": "cancelled" })).await.status,
        404
    );
    let reply = ward
        .marta
        .post("/appointments/appointment-3/response", json!({ "participantStatus": "accepted" }))
        .await;
    assert_eq!(reply.status, 404, "what cannot be carried is not there");
}

#[tokio::test]
async fn a_long_list_is_put_together_page_by_page_and_says_where_it_ends() {
    let ward = Ward::open().await;
    let row = |n: usize, physician: Value, status: &str, urgency: &str| {
        json!({
            "id": format!("old-{n:05}"), "patientId": format!("patient-{}", n % 7), "physicianId": physician,
            "specialty": "cardiology", "urgency": urgency, "description": "x", "status": status,
            "createdAt": format!("2026-01-01T{:02}:{:02}:{:02}.000Z", n / 3600, n / 60 % 60, n % 60),
            "updatedAt": "2026-01-01T00:00:00.000Z", "metadata": {},
        })
    };
    ward.original.with(|kept| {
        for n in 0..250 {
            kept.consultations.push(row(2 * n, json!("physician-1"), "completed", "routine"));
            let urgency = if n % 50 == 7 { "emergency" } else { "routine" };
            kept.consultations.push(row(2 * n + 1, Value::Null, "pending", urgency));
        }
        kept.consultations.push(row(600, json!("physician-2"), "assigned", "routine"));
        kept.consultations.push(json!({ "id": "broken" }));
    });
    let mut seen = Vec::new();
    for offset in (0..500).step_by(100) {
        let page = ward.okafor.get(&format!("/consultations?limit=100&offset={offset}")).await;
        assert_eq!(page.headers["x-total-count"], "500");
        seen.extend(page.ids().into_iter().map(str::to_owned));
    }
    let expected: Vec<String> = (0..500).rev().map(|n| format!("old-{n:05}")).collect();
    assert_eq!(seen, expected, "newest first, each once");
    let urgent = ward.okafor.get("/consultations?urgency=emergency").await;
    assert_eq!((urgent.ids().len(), urgent.headers["x-total-count"].to_str().unwrap()), (5, "5"));
    let triage = ward.okafor.get("/consultations?sort=triage&limit=6").await;
    assert_eq!(triage.ids(), ["old-00015", "old-00115", "old-00215", "old-00315", "old-00415", "old-00000"]);
    ward.original.with(|kept| {
        for n in 1000..3200 {
            kept.consultations.push(row(n, Value::Null, "pending", "routine"));
        }
    });
    let envelope = ward.okafor.at(&ward.gateway.running.base_url());
    let page = envelope.get("/consultations?status=pending&limit=100").await.json;
    assert_eq!(
        (page["metadata"].get("total"), &page["metadata"]["hasMore"]),
        (None, &json!(true)),
        "not counted to its end"
    );
}

trait IntoIds {
    fn into_id(self) -> chatehr_contract::ConsultationId;
    fn into_person(self) -> chatehr_contract::PersonId;
}

impl IntoIds for &str {
    fn into_id(self) -> chatehr_contract::ConsultationId {
        chatehr_contract::ConsultationId::new(self)
    }

    fn into_person(self) -> chatehr_contract::PersonId {
        chatehr_contract::PersonId::new(self)
    }
}

#[tokio::test]
async fn a_filter_that_the_upstream_passes_over_shows_nothing_more() {
    let ward = Ward::open().await;
    let (id, hers) = (ward.conversation().await, ward.lucia.ask("oncology", "routine").await);
    let other = ward.marta.ask("cardiology", "routine").await;
    assert_eq!(ward.okafor.to(&other, "assigned").await.status, 200);
    assert_eq!(ward.marta.say(&other, "physician-1", "x").await.status, 201);
    for patient in ["patient-1", "patient-2"] {
        let body =
            json!({ "patientId": patient, "physicianId": "physician-1", "dateTime": "2026-12-01T09:00:00Z" });
        assert_eq!(ward.okafor.post("/appointments", body).await.status, 201);
    }
    ward.original.with(|kept| kept.careless = true);
    assert_eq!(ward.lucia.get("/consultations").await.ids(), [hers.as_str()]);
    assert_eq!(ward.okafor.get("/consultations").await.ids(), [other.as_str(), id.as_str()]);
    assert_eq!(ward.okafor.get("/consultations?patientId=patient-9").await.ids(), Vec::<&str>::new());
    assert_eq!(ward.lucia.get("/appointments").await.ids(), ["appointment-8"]);
    assert_eq!(ward.lindqvist.get("/appointments").await.ids(), Vec::<&str>::new());
    assert_eq!(ward.okafor.get(&format!("/messages?consultationId={id}")).await.ids(), Vec::<&str>::new());
    for odd in ["..%2Fhealth", "a%2Fb", "%3Fx", "%2E%2E"] {
        assert_eq!(ward.feldman.get(&format!("/keys/{odd}")).await.status, 404, "{odd}");
    }
}

#[tokio::test]
async fn in_front_of_an_original_a_nurse_sees_their_physicians_and_nobody_breaks_a_glass() {
    let ward = Ward::open().await;
    let id = ward.conversation().await;
    let waits = ward.lucia.ask("cardiology", "urgent").await;
    ward.marta.say(&id, "physician-1", "It is worse at night").await;
    let machine = ward.gateway.caller("", WARD_KEY).at(&bare(&ward.gateway));
    let nurse = machine.on_behalf_of_nurse("nurse-3", "physician-1", &["cardiology"]);
    let listed = nurse.get("/consultations?limit=100").await;
    let seen = listed.ids();
    assert!(seen.contains(&id.as_str()) && seen.contains(&waits.as_str()), "{seen:?}");
    assert_eq!(
        nurse.get(&format!("/messages?consultationId={id}")).await.json[0]["content"],
        "It is worse at night"
    );
    assert_eq!(nurse.to(&waits, "assigned").await.status, 403);
    assert_eq!(nurse.say(&id, "patient-1", "Hello").await.status, 403);
    let nobodys = machine.on_behalf_of("nurse-9", "nurse", &["cardiology"]);
    assert!(nobodys.get("/consultations?limit=100").await.ids().is_empty());

    let health = machine.get("/health").await.json["features"].to_string();
    assert!(!health.contains("break-glass") && !health.contains("notes"), "{health}");
    let reason = json!({ "reason": "Brought in unconscious" });
    let opened = ward.lindqvist.post(&format!("/consultations/{id}/break-glass"), reason).await;
    assert_eq!(opened.status, 404, "what the server behind cannot keep is not offered");
    assert_eq!(ward.lindqvist.get(&format!("/consultations/{id}")).await.status, 404);
}
