//! A server that fails is given time; a person and the question whether it is there need not wait.

use std::time::Duration;

use chatehr_client::{Client, ClientError, Config, EventStream, Gauges, StreamItem};
use chatehr_contract::PersonId;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use super::{TOKEN, answer, base, chatehr, client, requests};

/// Why a stream has not begun.
async fn stopped(stream: &mut EventStream) -> ClientError {
    let StreamItem::Disconnected { error, .. } = stream.next().await else { panic!() };
    error
}

async fn failing(wait: Option<&str>) -> (MockServer, Client) {
    let server = chatehr().await;
    let mut fault = ResponseTemplate::new(503);
    if let Some(wait) = wait {
        fault = fault.insert_header("retry-after", wait);
    }
    answer(&server, "GET", "/v1/physicians", fault).await;
    answer(&server, "GET", "/v1/patients/p", ResponseTemplate::new(404)).await;
    let client = client(&base(&server));
    (server, client)
}

#[tokio::test]
async fn nothing_is_sent_for_as_long_as_the_server_asks() {
    let (server, client) = failing(Some("120")).await;
    let person = client.with_session(TOKEN);
    assert!(matches!(person.physicians().await, Err(ClientError::ServerFault { status: 503, .. })));
    let sent = requests(&server).await.len();
    let error = person.physicians().await.unwrap_err();
    let ClientError::Paused { retry_in } = error else { panic!("{error:?}") };
    assert!((Duration::from_secs(110)..=Duration::from_secs(120)).contains(&retry_in), "{retry_in:?}");
    assert!(error.is_transient() && error.retry_after() == Some(retry_in) && !error.may_have_acted());
    assert!(matches!(client.accounts().await, Err(ClientError::Paused { .. })), "it is one server");
    assert!(matches!(client.health().await, Err(ClientError::Paused { .. })));
    assert_eq!(requests(&server).await.len(), sent);
    assert!(matches!(person.for_the_person().physicians().await, Err(ClientError::ServerFault { .. })));

    client.retry_now();
    client.health().await.unwrap();
    assert!(
        matches!(person.physicians().await, Err(ClientError::ServerFault { .. })),
        "it said that it is well, so it is asked"
    );
}

#[tokio::test]
async fn one_that_is_asked_too_much_is_left_alone_by_every_client_of_the_workstation() {
    let server = chatehr().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "900");
    answer(&server, "GET", "/v1/physicians", busy).await;
    answer(&server, "GET", "/v1/patients/p", ResponseTemplate::new(404)).await;
    let gauges = Gauges::default();
    let config = || {
        let mut config = Config::new(base(&server));
        config.gauges = gauges.clone();
        config
    };
    let (client, other) = (Client::new(config()).unwrap(), Client::new(config()).unwrap());
    let (person, another) = (client.with_session(TOKEN), other.with_session(TOKEN));
    let limited = |error: &ClientError| matches!(error, ClientError::RateLimited { retry_after: Some(_) });
    assert!(limited(&person.physicians().await.unwrap_err()));
    let sent = requests(&server).await.len();
    let patient = PersonId::new("p");
    let error = another.patient(&patient).await.unwrap_err();
    assert!(limited(&error) && error.retry_after() > Some(Duration::from_secs(890)), "{error:?}");
    assert!(limited(&stopped(&mut another.events(None)).await), "not the stream either");
    assert_eq!(requests(&server).await.len(), sent);
    let asked = person.for_the_person().patient(&patient).await;
    assert_eq!(asked, Err(ClientError::NotFound), "what the person decides is asked");
    assert!(
        person.patient(&patient).await == Err(ClientError::NotFound),
        "and the server's answer ends the wait"
    );
}

#[tokio::test]
async fn a_persons_own_retry_goes_out_and_what_it_finds_counts_for_all() {
    let (server, client) = failing(Some("120")).await;
    let person = client.with_session(TOKEN);
    for _ in 0..5 {
        person.physicians().await.unwrap_err();
    }
    client.retry_now();
    assert!(matches!(person.physicians().await, Err(ClientError::ServerFault { .. })));
    assert!(matches!(person.physicians().await, Err(ClientError::Paused { .. })), "one, and no more");
    server.reset().await;
    answer(&server, "GET", "/v1/physicians", ResponseTemplate::new(200).set_body_json(json!([]))).await;
    client.retry_now();
    person.physicians().await.unwrap();
    person.physicians().await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_an_answer_of_a_server_that_works() {
    let (_server, client) = failing(None).await;
    let person = client.with_session(TOKEN);
    let nobody = chatehr_contract::PersonId::new("p");
    for _ in 0..20 {
        person.physicians().await.unwrap_err();
        assert_eq!(person.patient(&nobody).await.unwrap_err(), ClientError::NotFound);
    }
}

#[tokio::test]
async fn who_stops_waiting_keeps_nobody_from_trying() {
    let (server, client) = failing(None).await;
    let person = client.with_session(TOKEN);
    for _ in 0..5 {
        person.physicians().await.unwrap_err();
    }
    server.reset().await;
    let slow = ResponseTemplate::new(200).set_body_json(json!([])).set_delay(Duration::from_millis(300));
    answer(&server, "GET", "/v1/physicians", slow).await;
    client.retry_now();
    let hurried = tokio::time::timeout(Duration::from_millis(50), person.physicians()).await;
    assert!(hurried.is_err(), "it was too slow for them");
    person.physicians().await.unwrap();
}
