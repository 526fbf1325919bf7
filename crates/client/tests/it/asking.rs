//! What goes out with each request, and what its answer becomes.

use std::time::Duration;

use chatehr_client::{ClientError, ConflictState, ConsultationQuery, SignedIn};
use chatehr_contract::{
    ConsultationId, ConsultationStatus, ConsultationUpdate, Decline, InvalidField, MessageKind,
    NewConsultation, NewMessage, PersonId, SpecialtyCode, Timestamp, Urgency,
};
use serde_json::{Map, Value, json};
use wiremock::{MockServer, ResponseTemplate};

use super::{KEY, TOKEN, answer, base, chatehr, client, consultation, header, requests};

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn signed_in(server: &MockServer) -> SignedIn {
    client(&base(server)).with_session(TOKEN)
}

fn message(id: &str) -> Value {
    json!({
        "id": id, "fromId": "p", "toId": "q", "consultationId": "c", "content": "chatehr.3.k.x", "type": "text",
        "timestamp": "2026-11-23T09:42:00.000Z", "metadata": {"envelopeId": "e"}
    })
}

fn accept() -> ConsultationUpdate {
    ConsultationUpdate {
        status: ConsultationStatus::Assigned,
        physician_id: Some(PersonId::new("p")),
        notes: None,
    }
}

#[tokio::test]
async fn the_workstation_shows_its_key_and_receives_accounts_and_a_session() {
    let server = chatehr().await;
    let name = json!({"family": "Lindqvist", "given": ["Elin"]});
    let account = json!({"code": "123456", "id": "physician-1", "role": "physician", "name": name});
    let mut session = account.clone();
    session["token"] = TOKEN.into();
    session["expiresAt"] = "2026-11-23T21:42:00.000Z".into();
    answer(&server, "GET", "/v1/test/accounts", ok(&json!([account, {"code": 5}]))).await;
    answer(&server, "POST", "/v1/test/sign-in", ok(&session)).await;
    let client = client(&base(&server));
    assert_eq!(client.accounts().await.unwrap().len(), 1, "the unreadable account is left out");
    assert_eq!(client.sign_in("123456").await.unwrap().token, TOKEN);
    let sent = requests(&server).await;
    let bearer = format!("Bearer {KEY}");
    assert_eq!(header(&sent[1], "authorization"), Some(bearer.as_str()));
    assert_eq!(header(&sent[2], "authorization"), Some(bearer.as_str()));
    assert_eq!(sent[2].body_json::<Value>().unwrap(), json!({"code": "123456"}));
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_code_are_told_apart() {
    let server = chatehr().await;
    answer(&server, "GET", "/v1/test/accounts", ResponseTemplate::new(401)).await;
    answer(&server, "POST", "/v1/test/sign-in", ResponseTemplate::new(403)).await;
    let client = client(&base(&server));
    assert_eq!(client.accounts().await.unwrap_err(), ClientError::ApiKeyRefused);
    assert_eq!(client.sign_in("000000").await.unwrap_err(), ClientError::SignInRefused);
    let server = chatehr().await;
    answer(&server, "POST", "/v1/test/sign-in", ResponseTemplate::new(401)).await;
    assert_eq!(super::client(&base(&server)).sign_in("1").await.unwrap_err(), ClientError::ApiKeyRefused);
}

#[tokio::test]
async fn a_server_that_is_no_demonstration_offers_no_accounts() {
    let server = chatehr().await;
    let client = client(&base(&server));
    assert_eq!(client.accounts().await.unwrap(), []);
    assert_eq!(client.sign_in("123456").await.unwrap_err(), ClientError::SignInRefused);
}

#[tokio::test]
async fn a_person_shows_their_token_and_opens_envelopes_themselves() {
    let server = chatehr().await;
    let person = signed_in(&server);
    let id = ConsultationId::new("c");
    let new = NewConsultation {
        patient_id: PersonId::new("patient-1"),
        specialty: SpecialtyCode::Cardiology,
        urgency: Urgency::Urgent,
        description: "chest pain".to_owned(),
        physician_id: None,
        metadata: Map::new(),
    };
    let words = NewMessage {
        to_id: PersonId::new("q"),
        consultation_id: id.clone(),
        content: "chatehr.3.k.x".to_owned(),
        kind: MessageKind::Text,
        metadata: Map::new(),
    };
    let start: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    // Every answer is a 404: only what goes out matters here.
    let refused = [
        person.consultations(&ConsultationQuery::default()).await.err(),
        person.all_consultations().await.err(),
        person.consultation(&id).await.err(),
        person.create_consultation(&new, "k1").await.err(),
        person.update_consultation(&id, &accept(), "k2").await.err(),
        person.decline(&id, &Decline { reason: "away".to_owned() }, "k3").await.err(),
        person.messages(&id, 20, 40).await.err(),
        person.all_messages(&id).await.err(),
        person.send_message(&words, "k4").await.err(),
        person.appointments(start, start.plus_seconds(60)).await.err(),
        person.patient(&PersonId::new("patient-1")).await.err(),
        person.physicians().await.err(),
        person.message_key(&id).await.err(),
    ];
    assert!(refused.iter().all(|error| *error == Some(ClientError::NotFound)), "{refused:?}");
    let sent: Vec<_> = requests(&server).await.into_iter().skip(1).collect();
    for request in &sent {
        assert_eq!(header(request, "authorization"), Some(format!("Bearer {TOKEN}").as_str()));
        assert_eq!(header(request, "accept-envelope"), Some("3"));
    }
    let lines: Vec<_> = sent
        .iter()
        .map(|request| {
            let address = &request.url.as_str()[request.url.as_str().find("/v1").unwrap()..];
            let key = header(request, "idempotency-key").map(|key| format!(" {key}")).unwrap_or_default();
            format!("{} {address}{key}", request.method)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "GET /v1/consultations?limit=100&offset=0",
            "GET /v1/consultations?limit=100&offset=0",
            "GET /v1/consultations/c",
            "POST /v1/consultations k1",
            "PUT /v1/consultations/c k2",
            "POST /v1/consultations/c/decline k3",
            "GET /v1/messages?consultationId=c&limit=20&offset=40",
            "GET /v1/messages?consultationId=c&limit=100&offset=0",
            "POST /v1/messages k4",
            "GET /v1/appointments?startDate=2026-11-23T00%3A00%3A00.000Z&endDate=2026-11-23T00%3A01%3A00.000Z",
            "GET /v1/patients/patient-1",
            "GET /v1/physicians",
            "GET /v1/keys/c",
        ]
    );
    assert_eq!(sent[4].body_json::<Value>().unwrap(), json!({"status": "assigned", "physicianId": "p"}));
}

#[tokio::test]
async fn a_query_names_what_it_wants() {
    let server = chatehr().await;
    answer(&server, "GET", "/v1/consultations", ok(&json!([]))).await;
    let query = ConsultationQuery {
        status: Some(ConsultationStatus::InProgress),
        specialty: Some(SpecialtyCode::PrimaryCare),
        limit: 5,
        offset: 10,
    };
    signed_in(&server).consultations(&query).await.unwrap();
    assert_eq!(
        requests(&server).await[1].url.query(),
        Some("status=in_progress&specialty=primary_care&limit=5&offset=10")
    );
}

#[tokio::test]
async fn an_id_may_hold_anything_and_never_leaves_its_place_in_the_path() {
    let server = chatehr().await;
    let person = signed_in(&server);
    for id in ["a/b", "a?b=c", "a#b", "../test/accounts", "%2e%2e", "a b\t", "Zoë 🫀", "a\\b", "..%2f"] {
        assert_eq!(person.consultation(&ConsultationId::new(id)).await.unwrap_err(), ClientError::NotFound);
        let url = requests(&server).await.last().unwrap().url.clone();
        assert_eq!((url.query(), url.path_segments().unwrap().count()), (None, 3), "{id:?} became {url}");
        assert!(url.path().starts_with("/v1/consultations/"), "{id:?} became {url}");
    }
    let before = requests(&server).await.len();
    for id in ["", ".", ".."] {
        assert_eq!(person.consultation(&ConsultationId::new(id)).await.unwrap_err(), ClientError::NotFound);
    }
    assert_eq!(requests(&server).await.len(), before, "what no path can hold is not asked for");
}

#[tokio::test]
async fn an_id_reaches_the_server_as_it_is() {
    let app = axum::Router::new()
        .route("/v1/health", axum::routing::get(|| async { axum::Json(super::health()) }))
        .route(
            "/v1/consultations/{id}",
            axum::routing::get(|axum::extract::Path(id): axum::extract::Path<String>| async move {
                axum::Json(consultation(&id))
            }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(axum::serve(listener, app).into_future());
    let person = client(&base).with_session(TOKEN);
    for id in ["a/b?c=d#e", "%2F", "a+b c", "Zoë 🫀", "../.."] {
        let id = ConsultationId::new(id);
        assert_eq!(person.consultation(&id).await.unwrap().id, id);
    }
    server.abort();
}

#[tokio::test]
async fn one_bad_record_does_not_hide_the_others() {
    let server = chatehr().await;
    let mut odd = consultation("odd");
    odd["urgency"] = "as soon as the moon rises".into();
    let mut bad = consultation("bad");
    bad["createdAt"] = "yesterday".into();
    let rows = json!([consultation("a"), bad, null, 7, consultation("b"), odd]);
    answer(&server, "GET", "/v1/consultations", ok(&rows).insert_header("x-total-count", "6")).await;
    let page = signed_in(&server).all_consultations().await.unwrap();
    let ids: Vec<_> = page.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "odd"]);
    assert_eq!((page.skipped, page.total), (3, Some(6)));
    assert_eq!(page.rows[2].urgency, Urgency::from("as soon as the moon rises"));
}

#[tokio::test]
async fn the_total_may_be_a_number_a_string_or_missing() {
    for (value, total) in [("12", Some(12)), ("\"12\"", Some(12)), ("many", None), ("-1", None)] {
        let server = chatehr().await;
        answer(
            &server,
            "GET",
            "/v1/messages",
            ok(&json!([message("m")])).insert_header("X-Total-Count", value),
        )
        .await;
        let page = signed_in(&server).messages(&ConsultationId::new("c"), 1, 0).await.unwrap();
        assert_eq!(page.total, total, "{value}");
    }
}

#[tokio::test]
async fn who_was_first_comes_with_the_conflict() {
    let server = chatehr().await;
    let mut current = consultation("c");
    current["status"] = "assigned".into();
    current["physicianId"] = "physician-2".into();
    current["version"] = 4.into();
    let current_at = current["updatedAt"].as_str().and_then(|at| at.parse().ok());
    assert!(current_at.is_some());
    let body = json!({"error": "CONFLICT", "message": "It is not pending any more.", "current": &current});
    answer(&server, "PUT", "/v1/consultations/c", ResponseTemplate::new(409).set_body_json(body)).await;
    let error =
        signed_in(&server).update_consultation(&ConsultationId::new("c"), &accept(), "k").await.unwrap_err();
    let expected = ConflictState {
        status: ConsultationStatus::Assigned,
        physician_id: Some(PersonId::new("physician-2")),
        version: 4,
        updated_at: current_at,
        last: None,
        record: serde_json::from_value(current.clone()).ok(),
    };
    assert_eq!(error.code(), chatehr_contract::ErrorCode::AlreadyTaken);
    let ClientError::Conflict { current, .. } = error else { panic!("{error:?}") };
    assert_eq!(current.as_deref(), Some(&expected));
}

#[tokio::test]
async fn the_wrong_fields_come_with_the_refusal() {
    let server = chatehr().await;
    let body = json!({"error": "VALIDATION_ERROR", "message": "m", "details": [{"path": "reason", "msg": "too long"}]});
    answer(&server, "POST", "/v1/consultations/c/decline", ResponseTemplate::new(400).set_body_json(body))
        .await;
    let decline = Decline { reason: "x".to_owned() };
    let error = signed_in(&server).decline(&ConsultationId::new("c"), &decline, "k").await.unwrap_err();
    assert_eq!(error, ClientError::Invalid { fields: vec![InvalidField::new("reason", "too long")] });
}

#[tokio::test]
async fn a_server_that_asks_for_time_gets_it() {
    let server = chatehr().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "17");
    answer(&server, "GET", "/v1/physicians", busy).await;
    let error = signed_in(&server).physicians().await.unwrap_err();
    assert_eq!((error.is_transient(), error.retry_after()), (true, Some(Duration::from_secs(17))));
}

#[tokio::test]
async fn a_session_that_ended_is_told_as_such() {
    let server = chatehr().await;
    answer(&server, "GET", "/v1/physicians", ResponseTemplate::new(401)).await;
    assert_eq!(signed_in(&server).physicians().await.unwrap_err(), ClientError::SignedOut);
}

#[tokio::test]
async fn what_no_header_can_carry_is_not_sent() {
    let server = chatehr().await;
    let broken = client(&base(&server)).with_session("a\r\nX-Admin: yes");
    assert_eq!(broken.physicians().await.unwrap_err(), ClientError::SignedOut);
    let error = signed_in(&server).update_consultation(&ConsultationId::new("c"), &accept(), "a\nb").await;
    assert!(matches!(error, Err(ClientError::Invalid { .. })));
    assert!(requests(&server).await.is_empty());
}

#[tokio::test]
async fn a_message_key_is_thirty_two_bytes_with_or_without_padding() {
    let bytes: Vec<u8> = (200..232).collect();
    let unpadded = "yMnKy8zNzs_Q0dLT1NXW19jZ2tvc3d7f4OHi4-Tl5uc";
    for key in [unpadded.to_owned(), format!("{unpadded}=")] {
        let server = chatehr().await;
        answer(&server, "GET", "/v1/keys/c", ok(&json!({"kid": "k1", "key": key}))).await;
        let material = signed_in(&server).message_key(&ConsultationId::new("c")).await.unwrap();
        assert_eq!((material.kid.as_str(), material.key.as_slice()), ("k1", bytes.as_slice()));
        assert!(!format!("{material:?}").contains("200"));
    }
    for key in ["", "AAAA", "not base64!", &unpadded[1..]] {
        let server = chatehr().await;
        answer(&server, "GET", "/v1/keys/c", ok(&json!({"kid": "k1", "key": key}))).await;
        let error = signed_in(&server).message_key(&ConsultationId::new("c")).await.unwrap_err();
        assert!(matches!(error, ClientError::Malformed(_)), "{key}");
    }
}
