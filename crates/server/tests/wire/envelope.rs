//! `/api/chatehr` as the original's clients know it, and what both surfaces say in their headers.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    events::Listener,
    support::{Caller, Clinic, FELDMAN, LUCIA, MARTA, OKAFOR, Reply, send},
};

fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn every_answer_has_the_originals_shape() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await.api(), clinic.sign_in(OKAFOR).await.api());
    let body = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": " It hurts ", "urgency": "urgent" });
    let made = marta.post("/consultations", body).await;
    assert_eq!((made.status, fields(&made.json)), (201, vec!["data", "metadata", "success"]));
    assert_eq!(made.json["success"], true);
    assert_eq!(fields(&made.json["metadata"]), ["requestId", "timestamp"]);
    assert_eq!(made.json["metadata"]["requestId"], header(&made, "x-request-id"));
    let data = &made.json["data"];
    for field in [
        "id",
        "patientId",
        "physicianId",
        "specialty",
        "urgency",
        "description",
        "status",
        "createdAt",
        "updatedAt",
        "metadata",
    ] {
        assert!(data.get(field).is_some(), "{field}");
    }
    assert_eq!(data["createdAt"], "2026-11-23T09:42:00.000Z");
    let id = data["id"].as_str().unwrap().to_owned();

    let one = okafor.get(&format!("/consultations/{id}")).await;
    assert_eq!((one.status, header(&one, "etag")), (200, "\"1\""));
    let list = okafor.get("/consultations?limit=2&offset=1").await;
    let meta = &list.json["metadata"];
    assert_eq!(fields(meta), ["count", "hasMore", "requestId", "timestamp", "total"]);
    assert_eq!((&meta["count"], &meta["hasMore"]), (&json!(2), &json!(true)));
    assert!(meta["total"].as_u64().unwrap() > 3);

    let taken = okafor.put(&format!("/consultations/{id}"), json!({ "status": "assigned" })).await;
    assert_eq!((taken.status, &taken.json["data"]["physicianId"]), (200, &json!("physician-12")));
    let said = json!({ "consultationId": id, "toId": "physician-12", "content": "Hello" });
    let sent = marta.post("/messages", said).await;
    assert_eq!((sent.status, fields(&sent.json["metadata"])), (201, vec!["requestId", "timestamp"]));
    for field in ["id", "fromId", "toId", "consultationId", "content", "type", "timestamp", "metadata"] {
        assert!(sent.json["data"].get(field).is_some(), "{field}");
    }
    let read = okafor.get(&format!("/messages/{id}")).await;
    assert_eq!(read.json["data"][0]["content"], "Hello");
    assert_eq!(
        (&read.json["metadata"]["total"], &read.json["metadata"]["hasMore"]),
        (&json!(1), &json!(false))
    );

    let booked = okafor.get("/appointments").await.json;
    let meta = &booked["metadata"];
    assert_eq!(meta["syncedAt"], "2026-11-23T09:42:00.000Z");
    assert_eq!(meta["count"], json!(booked["data"].as_array().unwrap().len()));
    let specialties = marta.get("/specialties").await.json;
    assert_eq!(
        (&specialties["metadata"]["count"], fields(&specialties["data"][0])),
        (&json!(12), vec!["code", "description", "name"])
    );
}

#[tokio::test]
async fn every_refusal_has_one_shape_and_its_id() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await.api(), clinic.sign_in(OKAFOR).await.api());
    let id = clinic.sign_in(MARTA).await.ask("cardiology", "routine").await;
    let path = format!("/consultations/{id}");
    let refusals = [
        (clinic.caller("", "").api().get("/consultations").await, 401, "UNAUTHORIZED"),
        (clinic.caller("", "x").api().get("/nothing").await, 401, "UNAUTHORIZED"),
        (marta.put(&path, json!({ "status": "cancelled" })).await, 403, "FORBIDDEN"),
        (marta.get("/consultations/none").await, 404, "NOT_FOUND"),
        (marta.get("/nothing").await, 404, "NOT_FOUND"),
        (marta.get("/messages").await, 405, "METHOD_NOT_ALLOWED"),
        (marta.delete("/consultations").await, 405, "METHOD_NOT_ALLOWED"),
        (marta.post("/consultations", json!({})).await, 400, "VALIDATION_ERROR"),
        (okafor.put(&path, json!({ "status": "completed" })).await, 409, "CONFLICT"),
        (marta.get("/changes?since=x").await, 410, "CURSOR_EXPIRED"),
        (
            send(
                okafor
                    .request(Method::PUT, &path)
                    .header("If-Match", "\"9\"")
                    .json(&json!({ "status": "assigned" })),
            )
            .await,
            412,
            "PRECONDITION_FAILED",
        ),
        (
            send(marta.request(Method::POST, "/consultations").body(vec![b' '; 140_000])).await,
            413,
            "PAYLOAD_TOO_LARGE",
        ),
    ];
    for (reply, status, code) in &refusals {
        assert_eq!((reply.status, reply.code()), (*status, *code));
        assert_eq!(
            (fields(&reply.json), &reply.json["success"]),
            (vec!["error", "success"], &json!(false)),
            "{code}"
        );
        let error = &reply.json["error"];
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{code}");
        let id = header(reply, "x-request-id");
        assert!(!id.is_empty() && error["requestId"] == id, "{code} {error}");
        assert_eq!(header(reply, "cache-control"), "no-store");
        assert_eq!(header(reply, "www-authenticate").is_empty(), *status != 401);
    }
    assert_eq!(refusals[8].0.json["error"]["current"]["status"], "pending");
    assert_eq!(refusals[10].0.json["error"]["current"]["version"], 1);
    assert!(refusals[7].0.json["error"]["details"][0]["path"].is_string());
    assert_eq!(header(&refusals[6].0, "allow"), "GET,HEAD,POST", "RFC 9110, section 15.5.6");
    // An id of a request is never its sender's.
    let mine = send(marta.request(Method::GET, "/specialties").header("X-Request-Id", "mine")).await;
    assert_ne!(header(&mine, "x-request-id"), "mine");
}

#[tokio::test]
async fn a_field_that_nobody_knows_is_told_on_one_surface_and_passed_over_on_the_other() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let feldman = clinic.sign_in(FELDMAN).await;
    let id = marta.ask("cardiology", "routine").await;
    let other = marta.ask("cardiology", "routine").await;
    let new = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "x", "extra": 1, "more": {} });
    let booked = json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2031-01-02T09:00:00Z", "extra": 1 });
    for (caller, method, path, body) in [
        (&marta, Method::POST, "/consultations".to_owned(), new),
        (
            &okafor,
            Method::PUT,
            format!("/consultations/{id}"),
            json!({ "status": "assigned", "extra": 1, "more": 2 }),
        ),
        (&okafor, Method::POST, format!("/consultations/{other}/acknowledge"), json!({ "extra": 1 })),
        (
            &okafor,
            Method::POST,
            format!("/consultations/{other}/decline"),
            json!({ "reason": "x", "extra": 1 }),
        ),
        (&feldman, Method::POST, "/appointments".to_owned(), booked),
        (
            &feldman,
            Method::POST,
            "/kiosk-codes".to_owned(),
            json!({ "patientId": "patient-2041", "extra": 1 }),
        ),
        (
            &okafor,
            Method::PUT,
            "/physicians/me/availability".to_owned(),
            json!({ "onCall": true, "extra": 1 }),
        ),
    ] {
        let strict = send(caller.api().request(method.clone(), &path).json(&body)).await;
        assert_eq!((strict.status, strict.code()), (400, "VALIDATION_ERROR"), "{path}");
        if !path.ends_with("acknowledge") {
            let known: Vec<&str> = strict.paths();
            assert!(known.iter().all(|name| ["extra", "more"].contains(name)), "{path} {known:?}");
        }
        let lenient = send(caller.request(method, &path).json(&body)).await;
        assert!((200..300).contains(&lenient.status), "{path} {lenient:?}");
    }
}

#[tokio::test]
async fn appointments_are_those_of_the_next_thirty_days_unless_asked_otherwise() {
    let clinic = Clinic::standalone(|_| {}).await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let mut made = Vec::new();
    for at in [
        "2026-11-22T23:59:59.999Z",
        "2026-11-23T00:00:00.000Z",
        "2026-12-23T23:59:59.999Z",
        "2026-12-24T00:00:00.000Z",
    ] {
        let body = json!({ "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": at });
        made.push(okafor.post("/appointments", body).await.json["id"].as_str().unwrap().to_owned());
    }
    let shown = okafor.api().get("/appointments").await;
    let known: Vec<bool> = made.iter().map(|id| shown.ids().contains(&id.as_str())).collect();
    assert_eq!(known, [false, true, true, false]);
    let times: Vec<&Value> =
        shown.json["data"].as_array().unwrap().iter().map(|row| &row["dateTime"]).collect();
    assert!(times.is_sorted_by_key(|time| time.as_str()));
    let from = okafor.api().get("/appointments?startDate=2026-12-24").await;
    assert!(from.ids().contains(&made[3].as_str()) && !from.ids().contains(&made[2].as_str()));
    let until = okafor.api().get("/appointments?endDate=2026-11-22").await;
    assert!(
        until.ids().contains(&made[0].as_str()) && !until.ids().contains(&made[1].as_str()),
        "an end alone"
    );
    assert!(okafor.get("/appointments").await.ids().len() > shown.ids().len(), "on /v1 all of them");
}

#[tokio::test]
async fn the_total_is_a_header_on_v1_and_head_is_get_without_a_body() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, feldman) = (clinic.sign_in(MARTA).await, clinic.sign_in(FELDMAN).await);
    assert_eq!(header(&feldman.get("/consultations?limit=1").await, "x-total-count"), "80");
    for caller in [&feldman, &feldman.api()] {
        for path in ["/consultations", "/specialties", "/session"] {
            let head = send(caller.request(Method::HEAD, path)).await;
            let get = caller.get(path).await;
            assert_eq!((head.status, head.json.is_null()), (200, true), "{path}");
            assert_eq!(header(&head, "content-type"), "application/json");
            assert_eq!(header(&head, "x-total-count"), header(&get, "x-total-count"));
        }
    }
    assert_eq!(send(clinic.caller("", "").request(Method::HEAD, "/consultations")).await.status, 401);
    let stream = send(feldman.request(Method::HEAD, "/events")).await;
    assert_eq!(
        (stream.status, header(&stream, "content-type")),
        (200, "text/event-stream"),
        "and it ends at once"
    );
    // Where there are more pages, `sort` and page agree on both surfaces.
    let bare = marta.get("/consultations?sort=triage&limit=100").await;
    assert_eq!(marta.api().get("/consultations?sort=triage&limit=100").await.ids(), bare.ids());
}

#[tokio::test]
async fn what_is_left_is_told_and_what_is_too_much_is_refused_with_when_to_come_back() {
    let clinic = Clinic::standalone(|config| {
        config.rates.read.person = chatehr_server::Rate::new(1, 4);
        config.rates.write.person = chatehr_server::Rate::new(1, 2);
    })
    .await;
    let (marta, lucia) = (clinic.sign_in(MARTA).await, clinic.sign_in(LUCIA).await);
    for left in ["3", "2", "1", "0"] {
        let reply = marta.get("/specialties").await;
        assert_eq!(
            (reply.status, header(&reply, "ratelimit-limit"), header(&reply, "ratelimit-remaining")),
            (200, "4", left)
        );
        assert_eq!(header(&reply, "ratelimit-policy"), "4;w=240");
        assert!(header(&reply, "ratelimit-reset").parse::<u32>().is_ok());
    }
    for caller in [&marta, &marta.api()] {
        let refused = caller.get("/specialties").await;
        assert_eq!(refused.status, 429);
        assert_eq!(header(&refused, "ratelimit-remaining"), "0");
        let wait: u32 = header(&refused, "retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    let refused = marta.api().get("/specialties").await;
    assert_eq!(
        (refused.code(), &refused.json["error"]["requestId"]),
        ("RATE_LIMIT_EXCEEDED", &json!(header(&refused, "x-request-id")))
    );
    assert_eq!(marta.get("/health").await.status, 200, "health is never counted");
    // Writing is counted apart, and another person at the same address is another person.
    let id = marta.ask("cardiology", "routine").await;
    assert!(!id.is_empty());
    assert_eq!(lucia.get("/specialties").await.status, 200);
    // A refused request is not half done.
    let again =
        Clinic::standalone(|config| config.rates.write.person = chatehr_server::Rate::new(1, 1)).await;
    let marta = again.sign_in(MARTA).await;
    let before = header(&marta.get("/consultations").await, "x-total-count").parse::<u32>().unwrap();
    let mut answers = Vec::new();
    for _ in 0..5 {
        let body = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "x" });
        answers.push(marta.post("/consultations", body).await.status);
    }
    assert_eq!(answers, [201, 429, 429, 429, 429]);
    assert_eq!(
        header(&marta.get("/consultations").await, "x-total-count").parse::<u32>().unwrap(),
        before + 1
    );
}

#[tokio::test]
async fn an_address_is_counted_where_nobody_is_known_and_only_a_proxy_of_ours_names_another() {
    let few =
        |config: &mut chatehr_server::Config| config.rates.read.address = chatehr_server::Rate::new(1, 2);
    let from = async |caller: &Caller, address: &str| {
        send(caller.request(Method::GET, "/specialties").header("X-Forwarded-For", address)).await.status
    };
    let clinic = Clinic::standalone(few).await;
    let nobody = clinic.caller("", "wrong");
    let answers = [
        from(&nobody, "203.0.113.1").await,
        from(&nobody, "203.0.113.2").await,
        from(&nobody, "203.0.113.3").await,
    ];
    assert_eq!(answers, [401, 401, 429], "whoever says where they come from is not believed");
    assert_eq!(
        clinic.sign_in(OKAFOR).await.get("/specialties").await.status,
        200,
        "who is known is not their address"
    );

    let clinic = Clinic::standalone(|config| {
        few(config);
        config.trusted_proxies = "127.0.0.1".to_owned();
    })
    .await;
    let nobody = clinic.caller("", "wrong");
    for address in ["203.0.113.1", "203.0.113.1", "198.51.100.7, 203.0.113.2"] {
        assert_eq!(from(&nobody, address).await, 401, "{address}");
    }
    assert_eq!(from(&nobody, "203.0.113.1").await, 429);
    assert_eq!(
        from(&nobody, "198.51.100.9, 203.0.113.1").await,
        429,
        "what stands further left is the client's own word"
    );
}

#[tokio::test]
async fn one_person_has_so_many_streams_and_a_closed_one_makes_room() {
    let clinic = Clinic::standalone(|config| config.streams_per_person = 2).await;
    let (marta, lucia) = (clinic.sign_in(MARTA).await, clinic.sign_in(LUCIA).await);
    let first = Listener::of(&marta, None).await;
    let _second = Listener::of(&marta.api(), None).await;
    let refused = marta.api().get("/events").await;
    assert_eq!(
        (refused.status, refused.code(), header(&refused, "retry-after")),
        (429, "RATE_LIMIT_EXCEEDED", "60")
    );
    let _hers = Listener::of(&lucia, None).await;
    drop(first);
    for _ in 0..100 {
        let response = marta.request(Method::GET, "/events").send().await.unwrap();
        if response.status() == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the closed stream still counts");
}

#[tokio::test]
async fn an_administrator_breaks_the_glass_with_a_reason() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = marta.ask("cardiology", "routine").await;
    okafor.to(&id, "assigned").await;
    marta.say(&id, "physician-12", "Hello").await;
    let feldman = clinic.sign_in(FELDMAN).await.api();
    let path = format!("/messages/{id}");
    let without = feldman.get(&path).await;
    assert_eq!((without.status, without.code()), (403, "FORBIDDEN"));
    assert!(
        without.json["error"]["message"].as_str().unwrap().contains("Break-Glass-Reason"),
        "it says what is missing"
    );
    for reason in ["The patient is unconscious", "Za%C5%BC%C3%B3%C5%82%C4%87: nag%C5%82y przypadek"] {
        let with = send(feldman.request(Method::GET, &path).header("Break-Glass-Reason", reason)).await;
        assert_eq!((with.status, &with.json["data"][0]["content"]), (200, &json!("Hello")));
    }
    let short = send(feldman.request(Method::GET, &path).header("Break-Glass-Reason", "because")).await;
    assert_eq!((short.status, short.paths()), (400, vec!["Break-Glass-Reason"]));
    let lucia = clinic.sign_in(LUCIA).await;
    let other = lucia
        .request(Method::GET, &format!("/consultations/{id}"))
        .header("Break-Glass-Reason", "I am curious about it");
    assert_eq!(send(other).await.status, 404, "a reason opens nothing for those for whom there is no glass");
}

#[tokio::test]
async fn a_list_that_is_as_it_was_is_not_sent_again_on_either_surface() {
    let clinic = Clinic::standalone(|_| {}).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    for caller in [okafor.clone(), okafor.api()] {
        let asked = async |tag: &str| {
            let request = caller.request(reqwest::Method::GET, "/consultations?limit=3");
            let response = request.header("If-None-Match", tag).send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let tag = headers["etag"].to_str().unwrap().to_owned();
            assert!(headers.contains_key("x-request-id") && headers.contains_key("ratelimit-limit"));
            (status, tag, response.bytes().await.unwrap().len())
        };
        let (status, tag, _) = asked("\"1\"").await;
        assert_eq!(status, 200);
        assert_eq!(asked(&tag).await, (304, tag.clone(), 0));
        assert_eq!(asked(&format!("\"x\", {tag}")).await.0, 304);
        let others = marta.get("/consultations?limit=3").await.headers["etag"].clone();
        assert_ne!(others, tag, "another sees another list");
        marta.ask("cardiology", "routine").await;
        let (status, newer, length) = asked(&tag).await;
        assert!(status == 200 && newer != tag && length > 0);
    }
    let one = okafor.get("/consultations?limit=1").await.ids()[0].to_owned();
    let record = okafor.get(&format!("/consultations/{one}")).await;
    assert!(!record.headers["etag"].to_str().unwrap().starts_with("W/"), "a record has its version");
}
