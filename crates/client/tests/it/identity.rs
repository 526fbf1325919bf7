//! Nobody but ChatEHR is told anything.

use chatehr_client::ClientError;
use wiremock::{MockServer, ResponseTemplate};

use super::{answer, base, chatehr, client, header, health, requests};

#[tokio::test]
async fn a_server_says_who_it_is_and_what_it_can() {
    let server = chatehr().await;
    let health = client(&base(&server)).health().await.unwrap();
    assert_eq!((health.service.as_str(), health.version.as_str()), ("ChatEHR Mock", "1.2.3"));
    assert!(health.has("events") && !health.has("attachments"));
}

#[tokio::test]
async fn the_originals_health_report_is_understood() {
    let server = MockServer::start().await;
    let report = r#"{"status":"healthy","service":"mock-chatehr","version":"1","timestamp":"2026-11-23T09:42:00.000Z"}"#;
    answer(&server, "GET", "/v1/health", ResponseTemplate::new(200).set_body_raw(report, "application/json"))
        .await;
    assert!(client(&base(&server)).health().await.unwrap().features.is_empty());
}

#[tokio::test]
async fn the_question_who_it_is_carries_no_credentials() {
    let server = chatehr().await;
    client(&base(&server)).health().await.unwrap();
    assert_eq!(header(&requests(&server).await[0], "authorization"), None);
}

#[tokio::test]
async fn whoever_is_not_chatehr_receives_no_key_no_code_and_no_token() {
    let mut other = health();
    other["service"] = "language model".into();
    let mut without_version = health();
    without_version.as_object_mut().unwrap().remove("version");
    let answers = [
        ResponseTemplate::new(200).set_body_json(other),
        ResponseTemplate::new(200).set_body_json(without_version),
        ResponseTemplate::new(200).set_body_json(serde_json::json!(["chatehr"])),
        ResponseTemplate::new(200).set_body_string("chatehr"),
        ResponseTemplate::new(200).set_body_raw("<html>chatehr</html>", "text/html"),
        ResponseTemplate::new(204),
        ResponseTemplate::new(401),
        ResponseTemplate::new(404),
    ];
    for (case, with) in answers.into_iter().enumerate() {
        let server = MockServer::start().await;
        answer(&server, "GET", "/v1/health", with).await;
        let client = client(&base(&server));
        assert!(matches!(client.accounts().await, Err(ClientError::NotChatEhr { .. })), "{case}");
        assert!(matches!(client.sign_in("123456").await, Err(ClientError::NotChatEhr { .. })), "{case}");
        let physicians = client.with_session("token").physicians().await;
        assert!(matches!(physicians, Err(ClientError::NotChatEhr { .. })), "{case}");
        for request in requests(&server).await {
            assert_eq!(request.url.path(), "/v1/health", "{case}");
            assert_eq!(header(&request, "authorization"), None, "{case}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_nothing_goes_where_it_points() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = MockServer::start().await;
        let to = ResponseTemplate::new(status).insert_header("location", elsewhere.uri().as_str());

        let server = MockServer::start().await;
        answer(&server, "GET", "/v1/health", to.clone()).await;
        assert!(matches!(client(&base(&server)).health().await, Err(ClientError::NotChatEhr { .. })));

        let server = chatehr().await;
        answer(&server, "GET", "/v1/test/accounts", to.clone()).await;
        answer(&server, "POST", "/v1/test/sign-in", to.clone()).await;
        answer(&server, "GET", "/v1/physicians", to).await;
        let client = client(&base(&server));
        assert!(matches!(client.accounts().await, Err(ClientError::NotChatEhr { .. })));
        assert!(matches!(client.sign_in("123456").await, Err(ClientError::NotChatEhr { .. })));
        let physicians = client.with_session("token").physicians().await;
        assert!(matches!(physicians, Err(ClientError::NotChatEhr { .. })));

        assert!(requests(&elsewhere).await.is_empty(), "{status}");
    }
}

#[tokio::test]
async fn the_question_is_asked_once_and_again_after_an_answer_that_is_not_chatehrs() {
    let asked = async |server: &MockServer| {
        requests(server).await.iter().filter(|request| request.url.path() == "/v1/health").count()
    };
    let server = chatehr().await;
    answer(&server, "GET", "/v1/test/accounts", ResponseTemplate::new(200).set_body_string("[]")).await;
    let page = ResponseTemplate::new(200).set_body_raw("<html>Wi-Fi of the clinic</html>", "text/html");
    answer(&server, "GET", "/v1/physicians", page).await;
    let client = client(&base(&server));
    client.accounts().await.unwrap();
    client.accounts().await.unwrap();
    assert_eq!(asked(&server).await, 1);
    assert!(matches!(client.with_session("token").physicians().await, Err(ClientError::NotChatEhr { .. })));
    client.accounts().await.unwrap();
    assert_eq!(asked(&server).await, 2);
}
