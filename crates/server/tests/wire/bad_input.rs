use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Clinic, FELDMAN, MARTA, OKAFOR, Reply, send};

async fn raw(caller: &Caller, path: &str, body: impl Into<reqwest::Body>) -> Reply {
    send(caller.request(Method::POST, path).header("Content-Type", "application/json").body(body)).await
}

#[tokio::test]
async fn what_is_not_json_is_refused_without_repeating_it() {
    let clinic = Clinic::open().await;
    let marta = clinic.sign_in(MARTA).await;
    for path in ["/consultations", "/messages", "/consultations/x/decline", "/appointments"] {
        for body in
            [&b"{"[..], b"", b"\"secret words\"", b"[]", b"null", b"{\"a\":\xff}", b"\xff\xfe", b"{}x"]
        {
            let reply = raw(&marta, path, body.to_vec()).await;
            assert_eq!((reply.status, reply.paths()), (400, vec!["body"]), "{path} {body:?}");
            assert!(!reply.json.to_string().contains("secret"));
        }
    }
    let deep = "[".repeat(30_000);
    assert_eq!(raw(&marta, "/consultations", deep).await.status, 400);
}

#[tokio::test]
async fn wrong_types_name_the_field_and_not_the_value() {
    let clinic = Clinic::open().await;
    let marta = clinic.sign_in(MARTA).await;
    let sound = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "x" });
    for (field, value) in [
        ("patientId", json!(["secret"])),
        ("specialty", json!(7)),
        ("description", json!({ "secret": 1 })),
        ("urgency", json!(false)),
        ("metadata", json!("secret")),
        ("physicianId", json!(3)),
    ] {
        let mut body = sound.clone();
        body[field] = value;
        let reply = marta.post("/consultations", body).await;
        assert_eq!((reply.status, reply.error(), reply.paths()), (400, "VALIDATION_ERROR", vec![field]));
        assert!(!reply.json.to_string().contains("secret"));
    }
    for field in ["patientId", "specialty", "description"] {
        let mut body = sound.clone();
        body.as_object_mut().unwrap().remove(field);
        assert_eq!(marta.post("/consultations", body).await.paths(), [field]);
    }
}

#[tokio::test]
async fn the_contracts_validation_holds_here_too() {
    let clinic = Clinic::open().await;
    let marta = clinic.sign_in(MARTA).await;
    let body = json!({
        "patientId": "patient-2041", "specialty": "astrology", "urgency": "whenever", "description": " \n ",
        "metadata": { "escalation": {} },
    });
    let reply = marta.post("/consultations", body).await;
    assert_eq!(reply.paths(), ["specialty", "urgency", "description", "metadata"], "all at once");
    let long = json!({
        "patientId": "patient-2041", "specialty": "cardiology", "description": "ń".repeat(5_001),
    });
    assert_eq!(marta.post("/consultations", long).await.paths(), ["description"]);
    let wish = json!({
        "patientId": "patient-2041", "specialty": "dermatology", "description": "x", "physicianId": "physician-12",
    });
    assert_eq!(marta.post("/consultations", wish).await.paths(), ["physicianId"], "a cardiologist");
}

#[tokio::test]
async fn hostile_text_comes_back_as_it_went_in() {
    let clinic = Clinic::open().await;
    let marta = clinic.sign_in(MARTA).await;
    for text in
        ["<script>alert(1)</script>", "'; DROP TABLE consultations; --", "\u{202e}abc\u{2066}", "😷\u{0301}"]
    {
        let body = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": text });
        let id = marta.post("/consultations", body).await.json["id"].as_str().unwrap().to_owned();
        assert_eq!(marta.get(&format!("/consultations/{id}")).await.json["description"], text);
    }
    for odd in ["%00", "..%2f..", "%ff", "'%20OR%20'1'='1"] {
        assert_eq!(marta.get(&format!("/consultations/{odd}")).await.status, 404);
        assert_eq!(marta.get(&format!("/messages?consultationId={odd}")).await.status, 404);
    }
}

#[tokio::test]
async fn ten_megabytes_are_refused_and_the_server_lives() {
    let clinic = Clinic::open().await;
    let marta = clinic.sign_in(MARTA).await;
    let reply = raw(&marta, "/consultations", vec![b'a'; 10 * 1024 * 1024]).await;
    assert_eq!((reply.status, reply.error()), (413, "PAYLOAD_TOO_LARGE"));
    let body = |bytes: usize| {
        let frame =
            json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "x", "pad": "" });
        let pad = bytes - frame.to_string().len();
        let mut body = frame;
        body["pad"] = json!("p".repeat(pad));
        body
    };
    assert_eq!(marta.post("/consultations", body(128 * 1024)).await.status, 201, "the bound itself fits");
    assert_eq!(marta.post("/consultations", body(128 * 1024 + 1)).await.status, 413);
}

#[tokio::test]
async fn pages_and_filters_are_checked() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    for (query, path) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("offset=1.5", "offset"),
        ("status=done", "status"),
        ("specialty=astrology", "specialty"),
        ("urgency=stat", "urgency"),
        ("sort=oldest", "sort"),
        ("limit=1&limit=2", "limit"),
    ] {
        assert_eq!(okafor.get(&format!("/consultations?{query}")).await.paths(), [path], "{query}");
    }
    assert_eq!(okafor.get("/messages").await.paths(), ["consultationId"]);
    assert_eq!(okafor.get("/consultations?limit=1&unknown=1").await.ids().len(), 1);
}

#[tokio::test]
async fn a_list_is_newest_first_or_by_triage_and_pages_add_up() {
    let clinic = Clinic::open().await;
    let feldman = clinic.sign_in(FELDMAN).await;
    for (sort, key) in [("newest", newest as fn(&Value) -> _), ("triage", triage)] {
        let all = feldman.get(&format!("/consultations?limit=100&sort={sort}")).await;
        let rows = all.json.as_array().unwrap();
        assert!(rows.is_sorted_by_key(key), "{sort}");
        assert_eq!(all.headers["x-total-count"], "80");
        let mut paged = Vec::new();
        for offset in [0, 30, 60] {
            let page = feldman.get(&format!("/consultations?limit=30&offset={offset}&sort={sort}")).await;
            paged.extend(page.ids().into_iter().map(str::to_owned));
        }
        assert_eq!(paged, all.ids());
    }
}

fn newest(row: &Value) -> (usize, std::cmp::Reverse<String>) {
    (0, std::cmp::Reverse(row["createdAt"].as_str().unwrap().to_owned()))
}

fn triage(row: &Value) -> (usize, std::cmp::Reverse<String>) {
    let place = ["emergency", "urgent", "routine"].iter().position(|word| row["urgency"] == *word).unwrap();
    // Oldest first: the digits' complement turns the order round.
    let created = row["createdAt"].as_str().unwrap();
    let turned = created.bytes().map(|byte| char::from(b'z' - (byte - b'-'))).collect();
    (place, std::cmp::Reverse(turned))
}

#[tokio::test]
async fn a_day_of_appointments_is_the_whole_day() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    for at in ["2031-01-02T00:00:00.000Z", "2031-01-02T23:59:59.999Z", "2031-01-03T00:00:00.000Z"] {
        let body = json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": at });
        let made = okafor.post("/appointments", body).await;
        assert_eq!(
            (made.status, &made.json["duration"], &made.json["status"]),
            (201, &json!(30), &json!("booked"))
        );
    }
    let times = async |query: &str| -> Vec<String> {
        let reply = okafor.get(&format!("/appointments?{query}")).await;
        reply
            .json
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["dateTime"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        times("startDate=2031-01-02&endDate=2031-01-02").await,
        ["2031-01-02T00:00:00.000Z", "2031-01-02T23:59:59.999Z"]
    );
    assert_eq!(
        times("startDate=2031-01-02T23:00:00Z&endDate=2031-01-03T01:00:00%2B01:00").await,
        ["2031-01-02T23:59:59.999Z", "2031-01-03T00:00:00.000Z"]
    );
    for (query, path) in [
        ("startDate=2031-01-03&endDate=2031-01-02", "endDate"),
        ("startDate=2031-02-30", "startDate"),
        ("endDate=tomorrow", "endDate"),
        ("endDate=2031-01-02T10:00:00", "endDate"),
    ] {
        assert_eq!(okafor.get(&format!("/appointments?{query}")).await.paths(), [path], "{query}");
    }
}

#[tokio::test]
async fn an_appointment_keeps_whose_it_is_and_counts_its_changes() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let body = json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z" });
    let made = okafor.post("/appointments", body.clone()).await;
    let path = format!("/appointments/{}", made.json["id"].as_str().unwrap());
    let change = json!({ "patientId": "patient-2044", "physicianId": "physician-13", "status": "arrived" });
    let put =
        |tag: &'static str| send(okafor.request(Method::PUT, &path).header("If-Match", tag).json(&change));
    let changed = put("\"1\"").await;
    assert_eq!((changed.status, &changed.json["status"]), (200, &json!("arrived")));
    assert_eq!(
        (&changed.json["patientId"], &changed.json["physicianId"]),
        (&json!("patient-2041"), &json!("physician-12"))
    );
    assert_eq!(put("\"1\"").await.status, 412);
    for (field, value) in [("duration", json!(0)), ("status", json!("perhaps")), ("dateTime", json!("noon"))]
    {
        let mut bad = json!({});
        bad[field] = value;
        assert_eq!(okafor.put(&path, bad).await.paths(), [field]);
    }
    let mut others = body;
    others["physicianId"] = json!("physician-13");
    assert_eq!(okafor.post("/appointments", others).await.status, 403);
    let marta = clinic.sign_in(MARTA).await;
    assert_eq!(marta.put(&path, json!({ "status": "cancelled" })).await.status, 403);
}

#[tokio::test]
async fn an_unknown_address_or_method_answers_in_the_same_form() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    assert_eq!(okafor.get("/nothing").await.error(), "NOT_FOUND");
    let reply = send(okafor.request(Method::DELETE, "/consultations/consultation-3080")).await;
    assert_eq!((reply.status, reply.error()), (405, "METHOD_NOT_ALLOWED"));
    assert!(reply.headers.contains_key("x-request-id"));
    assert_eq!(reply.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_sender_who_stops_half_way_is_told_so() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let clinic = Clinic::with(|config| config.request_timeout = std::time::Duration::from_millis(200)).await;
    let mut connection = tokio::net::TcpStream::connect(clinic.running.address).await.unwrap();
    let head = format!(
        "POST /v1/consultations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{",
        crate::support::API_KEY
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("REQUEST_TIMEOUT"), "{answer}");
}
