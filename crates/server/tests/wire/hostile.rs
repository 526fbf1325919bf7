//! Input that nobody writes by mistake, on both surfaces: it is refused, nothing comes of it, and the connection can be
//! used again.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Caller, Clinic, FELDMAN, MARTA, OKAFOR, Reply, send};

/// How much there is of everything.
async fn totals(feldman: &Caller, machine: &Caller) -> String {
    let count = |reply: Reply| reply.headers["x-total-count"].to_str().unwrap().to_owned();
    let mut totals = format!(
        "{} {}",
        count(feldman.get("/consultations?limit=1").await),
        count(feldman.get("/appointments").await)
    );
    let events = machine.request(Method::GET, "/events").send().await.unwrap();
    assert_eq!(events.status(), 200);
    // The first block says where the stream stands.
    let mut events = events;
    let block = events.chunk().await.unwrap().unwrap();
    totals.push_str(std::str::from_utf8(&block).unwrap());
    totals
}

#[tokio::test]
async fn what_is_sent_to_break_the_server_changes_nothing_and_leaves_the_connection_sound() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor, feldman) =
        (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await, clinic.sign_in(FELDMAN).await);
    let id = marta.ask("cardiology", "routine").await;
    assert_eq!(okafor.to(&id, "assigned").await.status, 200);
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let sound =
        json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "x" }).to_string();
    let with = |field: &str| format!("{},{field}}}", &sound[..sound.len() - 1]);
    let bodies: Vec<(&str, Vec<u8>, u16)> = vec![
        ("deep", with(&format!("\"metadata\":{{\"a\":{}}}", deep(5_000))).into(), 400),
        ("deep objects", format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)).into(), 400),
        ("invalid UTF-8", [&b"{\"patientId\":\"\xff\xfe\"}"[..]].concat(), 400),
        ("a lone surrogate", with("\"metadata\":{\"a\":\"\\ud800\"}").into(), 400),
        ("a name twice", with("\"patientId\":\"patient-2044\"").into(), 400),
        ("a name twice inside", with("\"metadata\":{\"a\":1,\"a\":2}").into(), 400),
        ("a huge number", with("\"metadata\":{\"a\":1e999}").into(), 400),
        (
            "NUL",
            json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "a\0b" })
                .to_string()
                .into(),
            400,
        ),
        ("UTF-16", sound.encode_utf16().flat_map(u16::to_le_bytes).collect(), 400),
        ("a byte order mark", [b"\xef\xbb\xbf", sound.as_bytes()].concat(), 400),
        ("two documents", format!("{sound}{sound}").into(), 400),
        ("a comment", format!("{sound}//").into(), 400),
        ("NaN", with("\"metadata\":{\"a\":NaN}").into(), 400),
        ("much metadata", with(&format!("\"metadata\":{{\"a\":\"{}\"}}", "x".repeat(5_000))).into(), 400),
        ("ten megabytes", vec![b'['; 10 * 1024 * 1024], 413),
        ("ten megabytes of space", vec![b' '; 10 * 1024 * 1024], 413),
        ("nothing", Vec::new(), 400),
        ("a form", b"patientId=patient-2041&specialty=cardiology&description=x".to_vec(), 400),
    ];
    let machine = clinic.machine();
    let before = totals(&feldman, &machine).await;
    for caller in [&marta, &marta.api()] {
        for (name, body, status) in &bodies {
            for kind in
                ["application/json", "text/html", "application/x-www-form-urlencoded", "multipart/form-data"]
            {
                // Once with every kind is enough for the large ones.
                if *status == 413 && kind != "application/json" {
                    continue;
                }
                let request = caller.request(Method::POST, "/consultations").header("Content-Type", kind);
                let reply = send(request.body(body.clone())).await;
                assert_eq!(reply.status, *status, "{name} {kind}");
                assert!(reply.headers.contains_key("x-request-id"));
            }
            // The caller's connection is the one that it came by.
            assert_eq!(caller.get("/session").await.status, 200, "after {name}");
        }
    }
    for (path, body) in [
        (
            "/appointments",
            json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z", "notes": "a\0b" }),
        ),
        (
            "/appointments",
            json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z", "type": "a\0b" }),
        ),
        (
            "/appointments",
            json!({ "patientId": "patient\0", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z" }),
        ),
        (
            "/appointments",
            json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "+300000-01-01T00:00:00Z" }),
        ),
        (
            "/appointments",
            json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z", "duration": 4_294_967_296_u64 }),
        ),
        (
            "/appointments",
            json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z", "duration": -1 }),
        ),
        (
            "/appointments",
            json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z", "duration": 1.5 }),
        ),
        (
            "/consultations",
            json!({ "patientId": "patient\0-2041", "specialty": "cardiology", "description": "x" }),
        ),
    ] {
        for caller in [&okafor, &feldman.api()] {
            let reply = caller.post(path, body.clone()).await;
            assert_eq!((reply.status, reply.paths().len()), (400, 1), "{body} {reply:?}");
        }
    }
    for (query, field) in [
        ("limit=18446744073709551616", "limit"),
        ("offset=4294967296", "offset"),
        ("limit=%31%30&offset=+1", "offset"),
        ("limit=1e1", "limit"),
        ("limit=0x10", "limit"),
    ] {
        for caller in [&okafor, &okafor.api()] {
            assert_eq!(caller.get(&format!("/consultations?{query}")).await.paths(), [field], "{query}");
        }
    }
    for path in [
        "/consultations/%00",
        "/consultations/%ff",
        "/consultations/..%2f..%2fetc",
        "/%2e%2e/v1",
        "//consultations",
    ] {
        for caller in [&okafor, &okafor.api()] {
            assert_eq!(caller.get(path).await.status, 404, "{path}");
        }
    }
    assert_eq!(totals(&feldman, &machine).await, before, "nothing was written");
    let sent = json!({ "consultationId": id, "toId": "physician-12", "content": "a\0b" });
    assert_eq!(marta.api().post("/messages", sent).await.paths(), ["content"]);
}

/// Writes bytes as they are and reads one answer's head and body.
struct Wire(TcpStream);

impl Wire {
    async fn open(clinic: &Clinic) -> Self {
        Self(TcpStream::connect(clinic.running.address).await.unwrap())
    }

    async fn ask(&mut self, request: &[u8]) -> (u16, String) {
        self.0.write_all(request).await.unwrap();
        let mut read = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| {
                        line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned)
                    })
                    .map_or(0, |length| length.trim().parse::<usize>().unwrap());
                if body.len() >= length {
                    return (head[9..12].parse().unwrap(), body.to_owned());
                }
            }
            let n = tokio::time::timeout(std::time::Duration::from_secs(10), self.0.read(&mut buffer)).await;
            match n.expect("no answer").unwrap() {
                0 => panic!("closed after {text:?}"),
                n => read.extend_from_slice(&buffer[..n]),
            }
        }
    }
}

#[tokio::test]
async fn heads_that_no_client_writes_are_refused_by_their_bounds() {
    let clinic = Clinic::standalone(|_| {}).await;
    let token = clinic.sign_in(MARTA).await.token;
    let get = |more: &str| {
        format!("GET /api/chatehr/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{more}\r\n")
    };
    let mut wire = Wire::open(&clinic).await;
    assert_eq!(wire.ask(get("").as_bytes()).await.0, 200);
    for bad in [
        get("Idempotency-Key: \u{e9}\r\n"),
        get("Break-Glass-Reason: \u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\r\n"),
        get("Accept-Envelope: 3, 3\r\n"),
    ] {
        let (status, body) = wire.ask(bad.as_bytes()).await;
        // The first is read with a body alone.
        assert!(status == 400 || bad.contains("Idempotency") && status == 200, "{status} {body}");
        assert_eq!(wire.ask(get("").as_bytes()).await.0, 200, "on the same connection");
    }
    let flood: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_eq!(Wire::open(&clinic).await.ask(get(&flood).as_bytes()).await.0, 431);
    let long = get(&format!("X-Long: {}\r\n", "y".repeat(40_000)));
    assert_eq!(Wire::open(&clinic).await.ask(long.as_bytes()).await.0, 431);
    for smuggled in [
        "POST /api/chatehr/consultations HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST /api/chatehr/consultations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "GET /api/chatehr/session HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET /api/chatehr/session\r\n\r\n",
        "\u{1}\u{2}\u{3}\r\n\r\n",
    ] {
        let (status, _) = Wire::open(&clinic).await.ask(smuggled.as_bytes()).await;
        assert!((400..500).contains(&status), "{status} {smuggled:?}");
    }
    assert_eq!(wire.ask(get("").as_bytes()).await.0, 200, "and others are served as before");
}

#[tokio::test]
async fn a_token_in_a_query_or_a_body_is_none() {
    let clinic = Clinic::standalone(|_| {}).await;
    let token = clinic.sign_in(FELDMAN).await.token;
    let nobody = clinic.caller("", "");
    for name in ["access_token", "token", "api_key", "authorization"] {
        assert_eq!(nobody.get(&format!("/consultations?{name}={token}")).await.status, 401);
        let body: Value = json!({ name: token });
        assert_eq!(nobody.post("/consultations", body).await.status, 401);
    }
}
