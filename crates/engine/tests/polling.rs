//! Keeping in step with a server that does not tell when something happens, within what the original allows: a desk, an
//! address with the original's limit (100 requests in 15 minutes, over all routes), our gateway, and behind it the double
//! of the original. Time passes fifty times as fast and more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod support;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::*;
use chatehr_engine::Clock;
use chatehr_server::{ClassRates, Config, Machine, Mode, Rate, RateSettings, Running, Sources};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::*;
use tempfile::TempDir;

const ME: &str = "physician-12";
const WARD_KEY: &str = "a-ward-s-key";
/// What the original allows an address, and in how many milliseconds.
const ALLOWED: (u32, i64) = (100, 900_000);

/// One address in front of the gateway, which counts as the original does.
#[derive(Clone)]
struct Front {
    gateway: SocketAddr,
    http: reqwest::Client,
    clock: SetClock,
    window: Arc<Mutex<(i64, u32)>>,
    /// When each request arrived, and what it was.
    arrived: Arc<Mutex<Vec<(i64, String)>>>,
    under_way: Arc<AtomicUsize>,
    /// Whether it says how much is left.
    says: bool,
    /// Whether it passes the tags on.
    tags: bool,
    /// Refuses whatever is asked, and asks for so many seconds.
    refusing: Arc<Mutex<Option<u32>>>,
    /// Refuses what begins so and nothing else.
    only: Arc<Mutex<Option<&'static str>>>,
    /// Does what is decided, and answers that it cannot just now.
    unable: Arc<AtomicBool>,
    /// What it says of one record is no record.
    garbled: Arc<AtomicBool>,
    /// The token has expired.
    expired: Arc<AtomicBool>,
}

impl Front {
    /// Counts, and says whether it is too much, with how much is left and for how long.
    fn count(&self, now: i64) -> (bool, u32, i64) {
        let mut window = self.window.lock().unwrap();
        if now - window.0 >= ALLOWED.1 {
            *window = (now, 0);
        }
        window.1 += 1;
        (
            window.1 > ALLOWED.0,
            ALLOWED.0.saturating_sub(window.1),
            (ALLOWED.1 - (now - window.0) + 999) / 1000,
        )
    }

    fn limits(&self, headers: &mut HeaderMap, left: u32, reset: i64) {
        for name in ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy"] {
            headers.remove(name);
        }
        if self.says {
            headers.insert(HeaderName::from_static("ratelimit-limit"), HeaderValue::from(ALLOWED.0));
            headers.insert(HeaderName::from_static("ratelimit-remaining"), HeaderValue::from(left));
            headers.insert(HeaderName::from_static("ratelimit-reset"), HeaderValue::from(reset));
        }
    }
}

async fn pass_on(State(front): State<Front>, request: Request<Body>) -> Response {
    front.under_way.fetch_add(1, Ordering::SeqCst);
    let response = answer(&front, request).await;
    front.under_way.fetch_sub(1, Ordering::SeqCst);
    response
}

async fn answer(front: &Front, request: Request<Body>) -> Response {
    let now = front.clock.now().millis();
    let (parts, body) = request.into_parts();
    let what = format!("{} {}", parts.method, parts.uri);
    let (too_many, left, reset) = front.count(now);
    let only = front.only.lock().unwrap().unwrap_or_default();
    let refusing = front.refusing.lock().unwrap().filter(|_| parts.uri.path().starts_with(only));
    let refused = if too_many { Some(u32::try_from(reset).unwrap()) } else { refusing };
    let status = if refused.is_some() { " 429" } else { "" };
    front.arrived.lock().unwrap().push((now, format!("{what}{status}")));
    if let Some(seconds) = refused {
        let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        front.limits(response.headers_mut(), left, reset);
        return response;
    }
    if parts.uri.path() == "/v1/test/sign-in" {
        front.expired.store(false, Ordering::SeqCst);
        let session = json!({
            "token": "t", "expiresAt": "2099-01-01T00:00:00.000Z", "id": ME, "role": "provider",
            "name": { "family": "Okafor", "given": ["Amara"] }, "specialties": ["cardiology"]
        });
        return axum::Json(session).into_response();
    }
    if front.garbled.load(Ordering::SeqCst) && what.starts_with("GET /v1/consultations/") {
        return axum::Json(json!({})).into_response();
    }
    let url = format!("http://{}{}", front.gateway, parts.uri);
    let mut passed = front.http.request(parts.method, url);
    for name in ["if-none-match", "content-type", "idempotency-key", "accept-envelope"] {
        if let Some(value) = parts.headers.get(name) {
            passed = passed.header(name, value);
        }
    }
    if parts.headers.contains_key("authorization") {
        if front.expired.load(Ordering::SeqCst) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let me = json!({ "id": ME, "role": "provider", "specialties": ["cardiology"] }).to_string();
        passed = passed
            .header("authorization", format!("Bearer {WARD_KEY}"))
            .header("x-chatehr-on-behalf-of", BASE64_URL_SAFE_NO_PAD.encode(me));
    }
    let came = passed.body(to_bytes(body, usize::MAX).await.unwrap()).send().await.unwrap();
    if front.unable.load(Ordering::SeqCst) && what.starts_with("PUT") {
        if front.garbled.load(Ordering::SeqCst) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "600")]).into_response();
    }
    let mut response = Response::builder().status(came.status());
    for (name, value) in came.headers() {
        let kept = !matches!(name.as_str(), "transfer-encoding" | "content-length" | "connection" | "etag");
        if kept || (name == "etag" && front.tags) {
            response = response.header(name, value);
        }
    }
    let mut response = response.body(Body::from(came.bytes().await.unwrap())).unwrap();
    front.limits(response.headers_mut(), left, reset);
    response
}

/// All of it, on threads of its own: there time stands still for nobody.
struct Ward {
    front: Front,
    address: SocketAddr,
    original: String,
    clock: SetClock,
    http: reqwest::Client,
    /// Milliseconds that a second takes at least: the desk's own work goes as fast as it can.
    pause: AtomicU64,
    runtime: Option<tokio::runtime::Runtime>,
    _running: (Running, Running),
}

impl Drop for Ward {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Ward {
    fn open(says: bool, tags: bool) -> Self {
        let clock = SetClock::default();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let shown = clock.clone();
        let (front, address, original, running) = std::thread::scope(|scope| {
            scope.spawn(|| runtime.block_on(start(shown, says, tags))).join().unwrap()
        });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            front,
            address,
            original,
            clock,
            http,
            pause: AtomicU64::new(6),
            runtime: Some(runtime),
            _running: running,
        }
    }

    /// What is told to the original, and what it made of it. By a client of this thread's.
    async fn tell(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.original);
        let request = self.http.request(method.parse().unwrap(), url);
        let told = request.header("content-type", "application/json").body(body.to_string());
        let answer = told.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// A request that waits for somebody.
    async fn request(&self, patient: &str) -> ConsultationId {
        let asked = json!({
            "patientId": patient, "specialty": "cardiology", "urgency": "routine", "description": "A question"
        });
        let made = self.tell("POST", "/consultations", asked).await;
        ConsultationId::new(made["id"].as_str().unwrap())
    }

    /// One that this person has begun.
    async fn begun(&self, patient: &str) -> ConsultationId {
        let id = self.request(patient).await;
        let begun = json!({ "status": "in_progress", "physicianId": ME });
        self.tell("PUT", &format!("/consultations/{id}"), begun).await;
        id
    }

    async fn patient_writes(&self, id: &ConsultationId, patient: &str, text: &str) {
        let words = json!({ "fromId": patient, "toId": ME, "consultationId": id, "content": text });
        self.tell("POST", "/messages", words).await;
    }

    /// The workstation, signed in; the servers' time is its own.
    async fn desk(&self, data: &TempDir) -> Bench {
        let mut settings = settings(&url(self.address), data.path());
        // Time passes fast, and a busy machine does not.
        settings.timeout = Duration::from_secs(600);
        let bench = Bench::timed(settings, &self.clock);
        bench.desk.start().await;
        bench.desk.sign_in(OKAFOR).await.unwrap();
        bench.until_ready().await;
        bench
    }

    /// Lets so many seconds pass, for the desk and for the servers, with the person there.
    async fn pass(&self, bench: &Bench, seconds: i64) {
        for _ in 0..seconds {
            bench.desk.still_here();
            self.second().await;
        }
    }

    async fn second(&self) {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::time::resume();
        self.clock.move_by(1);
        loop {
            tokio::time::sleep(Duration::from_millis(self.pause.load(Ordering::SeqCst))).await;
            if self.front.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
        }
    }

    /// From here on a second takes longer, for what is to be done within a few of them.
    fn slower(&self) {
        self.pause.store(60, Ordering::SeqCst);
    }

    fn arrived(&self) -> Vec<(i64, String)> {
        self.front.arrived.lock().unwrap().clone()
    }

    fn refusals(&self) -> usize {
        self.arrived().iter().filter(|(_, what)| what.ends_with("429")).count()
    }
}

async fn start(clock: SetClock, says: bool, tags: bool) -> (Front, SocketAddr, String, (Running, Running)) {
    let plenty = Rate::new(1_000_000, 1_000_000);
    let plenty = ClassRates { person: plenty, machine: plenty, address: plenty };
    let config = || {
        let shown = clock.clone();
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), API_KEY, [7; 32]);
        config.sources = Sources::system().with_clock(move || shown.now());
        config.rates = RateSettings { read: plenty, write: plenty, sign_in: plenty, stream: plenty };
        // The person looks at the screen for an hour without a touch.
        config.policy.lock_after_seconds = 3600;
        config
    };
    let original = chatehr_server::start(Config { original: true, ..config() }).await.unwrap();
    let machine = Machine { name: "ward".to_owned(), key: Sha256::digest(WARD_KEY).into(), gateway: true };
    let gateway = Config {
        mode: Mode::Gateway,
        upstream: Some(original.base_url()),
        machines: vec![machine],
        ..config()
    };
    let gateway = chatehr_server::start(gateway).await.unwrap();
    let front = Front {
        gateway: gateway.address,
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        clock,
        window: Arc::default(),
        arrived: Arc::default(),
        under_way: Arc::default(),
        says,
        tags,
        refusing: Arc::default(),
        only: Arc::default(),
        unable: Arc::default(),
        garbled: Arc::default(),
        expired: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(pass_on).with_state(front.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (front, address, original.base_url(), (original, gateway))
}

async fn unread(bench: &Bench) -> BTreeMap<ConsultationId, u32> {
    let request = ConsultationList { scope: ListScope::Mine, limit: 100, ..ConsultationList::default() };
    let rows = bench.desk.list(request).await.unwrap().rows;
    rows.into_iter().map(|row| (row.id, row.unread)).collect()
}

/// Twenty conversations of this person's; in each something is written, at all times, and a request comes in. What was
/// asked for in the first quarter of an hour and in the second; the longest that a message took, that one on the screen
/// took, and that the request took, in seconds.
async fn two_quarters(says: bool, tags: bool, on_the_screen: bool) -> ([usize; 2], [u32; 2], u32, u32) {
    let ward = Ward::open(says, tags);
    let mut mine = Vec::new();
    for number in 0..20 {
        mine.push(ward.begun(&format!("patient-{number}")).await);
    }
    let data = TempDir::new().unwrap();
    let bench = ward.desk(&data).await;
    ward.pass(&bench, 60).await;
    assert_eq!(unread(&bench).await.len(), 20);
    let begin = ward.arrived()[0].0;
    let screen = on_the_screen.then(|| mine[7].clone());
    let (mut waiting, mut request) = (BTreeMap::<ConsultationId, i64>::new(), None);
    let (mut worst, mut worst_on_screen, mut worst_request) = ([0; 2], 0, 0);
    let mut shown = 0;
    for second in 60..1800_i64 {
        let now = ward.clock.now().millis();
        // Each is written to twice, and the one on the screen more often.
        if second % 43 == 0 && second < 1300 {
            let number = usize::try_from(second / 43).unwrap() * 7 % 20;
            if Some(&mine[number]) != screen.as_ref() && !waiting.contains_key(&mine[number]) {
                ward.patient_writes(&mine[number], &format!("patient-{number}"), "And another thing").await;
                waiting.insert(mine[number].clone(), now);
            }
        }
        if let Some(id) = &screen {
            let conversation = ConversationRequest { id: id.clone(), limit: 100 };
            let messages = bench.desk.conversation(conversation).await.unwrap().messages;
            if messages.len() > shown {
                shown = messages.len();
                if let Some(since) = waiting.remove(id) {
                    worst_on_screen = worst_on_screen.max((now - since) / 1000);
                }
            }
            if second % 71 == 0 && second < 1600 && !waiting.contains_key(id) {
                ward.patient_writes(id, "patient-7", "Now").await;
                waiting.insert(id.clone(), now);
            }
        }
        if second == 700 {
            request = Some((ward.request("patient-99").await, now));
        }
        ward.pass(&bench, 1).await;
        let unread = unread(&bench).await;
        let come: Vec<_> = waiting
            .iter()
            .filter(|(id, _)| Some(*id) != screen.as_ref() && unread.get(*id).is_some_and(|count| *count > 0))
            .map(|(id, since)| (id.clone(), *since))
            .collect();
        for (id, since) in come {
            let quarter = &mut worst[usize::from(since >= begin + ALLOWED.1)];
            *quarter = (*quarter).max((ward.clock.now().millis() - since) / 1000);
            waiting.remove(&id);
            // Read, so that the next one is seen to come. It was not on the screen for longer than a moment.
            ward.forget_unread(&bench, &id).await;
            if let Some(id) = &screen {
                let conversation = ConversationRequest { id: id.clone(), limit: 100 };
                bench.desk.conversation(conversation).await.unwrap();
            }
        }
        if let Some((id, since)) = &request
            && bench.desk.consultation(id).await.is_ok()
        {
            worst_request = (ward.clock.now().millis() - since) / 1000;
            request = None;
        }
    }

    let arrived = ward.arrived();
    let of = |quarter: i64| {
        let from = begin + quarter * ALLOWED.1;
        arrived.iter().filter(|(at, _)| (from..from + ALLOWED.1).contains(at)).count()
    };
    let counts = [of(0), of(1)];
    let mut kinds = BTreeMap::<String, usize>::new();
    for (_, what) in &arrived {
        let kind = what.split(['?']).next().unwrap().split('/').take(3).collect::<Vec<_>>().join("/");
        *kinds.entry(kind).or_default() += 1;
    }
    println!(
        "says {says}, tags {tags}, on the screen {on_the_screen}: {counts:?} requests, a message after {worst:?} s at most, on the \
         screen {worst_on_screen} s, a request {worst_request} s; {kinds:?}"
    );
    assert!(
        waiting.is_empty() && request.is_none(),
        "{} have not arrived, {request:?}, last look {:?}",
        waiting.len(),
        waiting
            .keys()
            .map(|id| arrived.iter().rev().find(|(_, what)| what.contains(id.as_str())).map(|(at, _)| (ward
                .clock
                .now()
                .millis()
                - at)
                / 1000))
            .collect::<Vec<_>>()
    );
    assert_eq!(ward.refusals(), 0, "the limit was met");
    bench.desk.close().await;
    let seconds = |seconds: i64| u32::try_from(seconds).unwrap();
    (counts, worst.map(seconds), seconds(worst_on_screen), seconds(worst_request))
}

impl Ward {
    /// The person opens it, and goes on to something else.
    async fn forget_unread(&self, bench: &Bench, id: &ConsultationId) {
        let conversation = ConversationRequest { id: id.clone(), limit: 100 };
        bench.desk.conversation(conversation).await.unwrap();
    }
}

#[tokio::test]
async fn twenty_conversations_are_kept_in_step_within_the_originals_limit() {
    if !keyring_is_here() {
        return;
    }
    for (says, tags, on_the_screen) in [(true, true, false), (true, true, true), (false, false, true)] {
        let (counts, worst, worst_on_screen, request) = two_quarters(says, tags, on_the_screen).await;
        assert!(counts.iter().all(|count| *count <= 90), "something is left to the person: {counts:?}");
        // The first quarter of an hour has the first load in it. What comes when depends on what came before, so the same
        // run differs by a fifth; these leave as much again.
        assert!(worst[0] <= 1200 && worst[1] <= 720, "{worst:?}");
        assert!(worst_on_screen <= 180, "{worst_on_screen}");
        assert!(request <= 300, "{request}");
    }
}

/// What has arrived since then, but for what a person asked.
fn since(ward: &Ward, from: usize) -> Vec<(i64, String)> {
    ward.arrived().split_off(from)
}

#[tokio::test]
async fn until_the_time_that_the_server_asks_for_nothing_arrives_and_then_everything_that_waits() {
    if !keyring_is_here() {
        return;
    }
    for locked in [false, true] {
        let ward = Ward::open(false, true);
        let (first, second) = (ward.begun("patient-1").await, ward.begun("patient-2").await);
        let data = TempDir::new().unwrap();
        let bench = ward.desk(&data).await;
        ward.pass(&bench, 120).await;
        *ward.front.refusing.lock().unwrap() = Some(700);
        let write = async |id: &ConsultationId, text: &str| {
            let send = SendMessage { consultation_id: id.clone(), text: text.to_owned() };
            bench.desk.send(&send).await.unwrap();
        };
        // The first attempt is refused; all else waits with it, what is written later and read as well.
        write(&first, "first").await;
        let mut passed = 0;
        while ward.refusals() == 0 {
            assert!(passed < 400, "nothing was asked");
            ward.pass(&bench, 1).await;
            passed += 1;
        }
        let (asked, from) = (ward.arrived().last().unwrap().0, ward.arrived().len());
        ward.patient_writes(&second, "patient-2", "A question").await;
        write(&second, "second").await;
        write(&first, "third").await;
        if locked {
            bench.desk.lock_now().await.unwrap();
        }
        ward.pass(&bench, 300).await;
        assert_eq!(since(&ward, from), [], "behind the lock {locked}: it wants to be left alone");
        if !locked {
            assert!(
                matches!(bench.desk.state().await.connection, Connection::Online { .. }),
                "what a person decides can be asked"
            );
            // A person's own attempt goes out, once.
            bench.desk.try_again().await.unwrap();
            ward.pass(&bench, 20).await;
            let arrived = since(&ward, from);
            assert_eq!(arrived.len(), 1, "{arrived:?}");
        }
        let (from, until) = (ward.arrived().len(), asked + 700_000);
        let until = until.max(ward.arrived().last().unwrap().0 + 700_000);
        *ward.front.refusing.lock().unwrap() = None;
        while ward.clock.now().millis() < until - 2_000 {
            ward.pass(&bench, 1).await;
        }
        assert_eq!(since(&ward, from), [], "behind the lock {locked}");
        ward.slower();
        ward.pass(&bench, 15).await;
        let there = async |id: &ConsultationId| {
            let all = ward.tell("GET", &format!("/messages?consultationId={id}"), json!({})).await;
            all.as_array().unwrap().iter().filter(|one| one["fromId"] == ME).count()
        };
        assert_eq!((there(&first).await, there(&second).await), (2, 1), "behind the lock {locked}");
        bench.desk.close().await;
    }
}

#[tokio::test]
async fn after_minutes_asleep_a_polling_desk_is_in_step_within_seconds() {
    if !keyring_is_here() {
        return;
    }
    let ward = Ward::open(true, true);
    let id = ward.begun("patient-1").await;
    let data = TempDir::new().unwrap();
    let bench = ward.desk(&data).await;
    // Calm: it is asked seldom.
    ward.pass(&bench, 600).await;
    ward.slower();
    *ward.front.refusing.lock().unwrap() = Some(600);
    let send = SendMessage { consultation_id: id.clone(), text: "waiting".to_owned() };
    bench.desk.send(&send).await.unwrap();
    ward.pass(&bench, 5).await;
    *ward.front.refusing.lock().unwrap() = None;
    ward.patient_writes(&id, "patient-1", "While you slept").await;
    let asked = ward.request("patient-2").await;
    bench.desk.still_here();
    ward.clock.move_by(240);
    ward.pass(&bench, 8).await;
    assert!(bench.desk.consultation(&asked).await.is_ok(), "{:?}", bench.desk.state().await);
    let conversation = ConversationRequest { id: id.clone(), limit: 100 };
    assert_eq!(bench.desk.conversation(conversation).await.unwrap().messages.len(), 2);
    let all = ward.tell("GET", &format!("/messages?consultationId={id}"), json!({})).await;
    assert_eq!(all.as_array().unwrap().len(), 2, "what waited went out");
    bench.desk.close().await;
}

#[tokio::test]
async fn after_a_night_asleep_with_an_expired_session_what_waited_goes_out_after_the_next_sign_in() {
    if !keyring_is_here() {
        return;
    }
    let ward = Ward::open(true, true);
    let (id, other) = (ward.begun("patient-1").await, ward.request("patient-2").await);
    let data = TempDir::new().unwrap();
    let bench = ward.desk(&data).await;
    ward.pass(&bench, 60).await;
    bench.desk.accept(&other).await.unwrap();
    ward.slower();
    *ward.front.refusing.lock().unwrap() = Some(600);
    let send = SendMessage { consultation_id: id.clone(), text: "waiting".to_owned() };
    bench.desk.send(&send).await.unwrap();
    bench.desk.start_work(&other).await.unwrap();
    ward.pass(&bench, 5).await;
    *ward.front.refusing.lock().unwrap() = None;
    ward.front.expired.store(true, Ordering::SeqCst);
    ward.clock.move_by(8 * 3600);
    for _ in 0..120 {
        ward.second().await;
        if matches!(bench.desk.state().await.stage, Stage::SignIn { .. }) {
            break;
        }
    }
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_ready().await;
    ward.pass(&bench, 10).await;
    let all = ward.tell("GET", &format!("/messages?consultationId={id}"), json!({})).await;
    assert_eq!(all.as_array().unwrap().len(), 1);
    let record = ward.tell("GET", &format!("/consultations/{other}"), json!({})).await;
    assert_eq!(record["status"], "in_progress");
    bench.desk.close().await;
}

#[tokio::test]
async fn a_change_on_a_page_behind_the_first_is_found() {
    if !keyring_is_here() {
        return;
    }
    for tags in [true, false] {
        let ward = Ward::open(true, tags);
        let old = ward.request("patient-1").await;
        for number in 0..130 {
            ward.request(&format!("patient-{number}")).await;
        }
        let data = TempDir::new().unwrap();
        let bench = ward.desk(&data).await;
        ward.pass(&bench, 120).await;
        assert!(bench.desk.consultation(&old).await.is_ok());
        // As many as before, and the first page as it was.
        let taken = json!({ "status": "assigned", "physicianId": ME });
        ward.tell("PUT", &format!("/consultations/{old}"), taken).await;
        let from = ward.clock.now().millis();
        while bench.desk.consultation(&old).await.unwrap().row.status != ConsultationStatus::Assigned {
            assert!(ward.clock.now().millis() < from + 400_000, "tags {tags}: it is shown as it was");
            ward.pass(&bench, 1).await;
        }
        assert_eq!(ward.refusals(), 0);
        bench.desk.close().await;
    }
}

#[tokio::test]
async fn news_of_which_the_server_gives_the_rest_only_later_is_no_news_less() {
    if !keyring_is_here() {
        return;
    }
    // Of one page, and of more.
    for (requests, tags) in [(1, true), (1, false), (130, true)] {
        let ward = Ward::open(true, tags);
        for number in 0..requests {
            ward.request(&format!("patient-{number}")).await;
        }
        let data = TempDir::new().unwrap();
        let bench = ward.desk(&data).await;
        ward.pass(&bench, 120).await;
        *ward.front.only.lock().unwrap() = Some("/v1/appointments");
        *ward.front.refusing.lock().unwrap() = Some(30);
        let asked = ward.request("patient-1").await;
        let mut passed = 0;
        while ward.refusals() == 0 {
            assert!(passed < 400, "it was not asked for");
            ward.pass(&bench, 1).await;
            passed += 1;
        }
        let there = async || bench.desk.consultation(&asked).await.is_ok();
        assert!(there().await, "of {requests}, tags {tags}: what it has given is here");
        let again = ward.arrived().len();
        *ward.front.refusing.lock().unwrap() = None;
        ward.pass(&bench, 200).await;
        let asked = since(&ward, again);
        let appointments = |(_, what): &&(i64, String)| what.starts_with("GET /v1/appointments");
        assert!(asked.iter().any(|one| appointments(&one)), "of {requests}, tags {tags}: {asked:?}");
        bench.desk.close().await;
    }
}

#[tokio::test]
async fn what_became_of_a_decision_is_asked_also_of_a_server_that_wants_to_be_left_alone() {
    if !keyring_is_here() {
        return;
    }
    let ward = Ward::open(true, true);
    let id = ward.request("patient-1").await;
    let data = TempDir::new().unwrap();
    let bench = ward.desk(&data).await;
    ward.pass(&bench, 60).await;
    ward.front.unable.store(true, Ordering::SeqCst);
    bench.desk.accept(&id).await.unwrap();
    let record = ward.tell("GET", &format!("/consultations/{id}"), json!({})).await;
    assert_eq!(record["physicianId"], ME);
    bench.desk.close().await;
}

#[tokio::test]
async fn what_cannot_be_found_out_is_asked_ever_more_seldom() {
    if !keyring_is_here() {
        return;
    }
    for locked in [false, true] {
        let ward = Ward::open(true, true);
        let id = ward.request("patient-1").await;
        let data = TempDir::new().unwrap();
        let bench = ward.desk(&data).await;
        ward.pass(&bench, 60).await;
        ward.front.garbled.store(true, Ordering::SeqCst);
        ward.front.unable.store(true, Ordering::SeqCst);
        let told = bench.desk.accept(&id).await.unwrap_err();
        assert_eq!(told.code, ErrorCode::MayHaveHappened);
        ward.front.unable.store(false, Ordering::SeqCst);
        if locked {
            bench.desk.lock_now().await.unwrap();
        }
        let from = ward.arrived().len();
        ward.pass(&bench, 1500).await;
        let about = format!("GET /v1/consultations/{id}");
        let asked = since(&ward, from).iter().filter(|(_, what)| what.starts_with(&about)).count();
        assert!((5..=40).contains(&asked), "behind the lock {locked}: {asked} times");
        assert_eq!(ward.refusals(), 0, "behind the lock {locked}");
        bench.desk.close().await;
    }
}
