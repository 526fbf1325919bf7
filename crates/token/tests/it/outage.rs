use std::time::Duration;

use axum::http::StatusCode;
use chatehr_contract::Timestamp;
use chatehr_token::{CheckError, FetchError, Settings, Unavailable, Verifier};
use serde_json::json;

use crate::support::{API, Answers, Clinic, EC_A, NOW, RSA_A, RSA_B};

async fn unavailable(clinic: &Clinic) -> Unavailable {
    match clinic.verifier.check(&RSA_A.sign(&clinic.claims())).await {
        Err(CheckError::Unavailable(unavailable)) => unavailable,
        other => panic!("unavailable was expected: {other:?}"),
    }
}

fn down(answers: &mut Answers) {
    answers.discovery_status = Some(StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn without_any_key_nothing_can_be_judged() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let verifier =
        Verifier::new(Settings::new(nobody, [API]), || Timestamp::from_millis(NOW * 1000)).unwrap();
    let error = verifier.check(&RSA_A.sign(&json!({}))).await.unwrap_err();
    let CheckError::Unavailable(unavailable) = error else { panic!("{error:?}") };
    assert!(matches!(unavailable.cause(), FetchError::Unreachable(_)));
    assert!(!format!("{unavailable:?}").contains("eyJ"));
}

#[tokio::test]
async fn a_provider_that_starts_later_is_found_after_the_pause() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.answers(down);
    for _ in 0..3 {
        assert!(matches!(unavailable(&clinic).await.cause(), FetchError::Status(503)));
    }
    assert_eq!(clinic.discoveries(), 1);
    clinic.answers(|answers| answers.discovery_status = None);
    clinic.pass(10);
    clinic.accepted(&RSA_A.sign(&clinic.claims())).await;
}

#[tokio::test]
async fn a_provider_that_is_down_signs_nobody_out_for_a_day() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.accepted(&RSA_A.sign(&clinic.claims())).await;
    clinic.answers(down);
    for hour in 1..24 {
        clinic.pass(3600);
        let later = json!({ "iat": NOW + hour * 3600, "exp": NOW + (hour + 1) * 3600 });
        clinic.accepted(&RSA_A.sign(&clinic.claims_with(later))).await;
    }
    clinic.pass(3600);
    let later = json!({ "iat": NOW + 24 * 3600, "exp": NOW + 25 * 3600 });
    let token = RSA_A.sign(&clinic.claims_with(later));
    assert!(matches!(clinic.verifier.check(&token).await, Err(CheckError::Unavailable(_))));
    clinic.answers(|answers| answers.discovery_status = None);
    clinic.pass(10);
    clinic.accepted(&token).await;
}

#[tokio::test]
async fn a_provider_known_to_hang_keeps_nobody_waiting() {
    let clinic = Clinic::with(&[RSA_A], |settings| settings.timeout = Duration::from_secs(2)).await;
    let token = RSA_A.sign(&clinic.claims());
    clinic.accepted(&token).await;
    clinic.answers(|answers| answers.delay = Duration::from_secs(60));
    clinic.pass(600);
    clinic.accepted(&token).await;
    clinic.pass(10);
    let at_once = tokio::time::timeout(Duration::from_secs(1), clinic.accepted(&token)).await;
    assert!(at_once.is_ok());
    assert_eq!(clinic.fetches(), 2, "and the provider is asked again behind the caller's back");
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if clinic.discoveries() == 3 {
            return;
        }
    }
    panic!("it was never asked again");
}

#[tokio::test]
async fn an_unknown_key_cannot_be_judged_while_the_provider_is_down() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.accepted(&RSA_A.sign(&clinic.claims())).await;
    clinic.answers(|answers| {
        down(answers);
        answers.keys.push(RSA_B.jwk());
    });
    clinic.pass(10);
    let token = RSA_B.sign(&clinic.claims());
    assert!(matches!(clinic.verifier.check(&token).await, Err(CheckError::Unavailable(_))));
    clinic.accepted(&RSA_A.sign(&clinic.claims())).await;
    clinic.answers(|answers| answers.discovery_status = None);
    clinic.pass(10);
    clinic.accepted(&token).await;
}

#[tokio::test]
async fn a_document_of_another_issuer_is_not_believed() {
    let clinic = Clinic::open(&[RSA_A]).await;
    for issuer in [format!("{}/", clinic.issuer()), "https://elsewhere.example".into(), String::new()] {
        clinic.answers(|answers| answers.discovery = json!({ "issuer": issuer }));
        assert!(matches!(unavailable(&clinic).await.cause(), FetchError::OtherIssuer), "{issuer}");
        clinic.pass(10);
    }
    assert_eq!(clinic.fetches(), 0);
}

#[tokio::test]
async fn keys_are_not_fetched_over_an_open_line() {
    let clinic = Clinic::open(&[RSA_A]).await;
    for address in
        ["http://keys.example/", "http://10.0.0.1/keys", "file:///etc/keys", "ftp://127.0.0.1/", "keys"]
    {
        clinic.answers(|answers| answers.discovery = json!({ "jwks_uri": address }));
        assert!(matches!(unavailable(&clinic).await.cause(), FetchError::Address), "{address}");
        clinic.pass(10);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let clinic = Clinic::open(&[RSA_A]).await;
    for status in [StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT] {
        clinic.answers(|answers| answers.discovery_status = Some(status));
        assert!(matches!(unavailable(&clinic).await.cause(), FetchError::Status(code) if *code == status));
        clinic.answers(|answers| {
            answers.discovery_status = None;
            answers.keys_status = Some(status);
        });
        clinic.pass(10);
        assert!(matches!(unavailable(&clinic).await.cause(), FetchError::Status(code) if *code == status));
        clinic.pass(10);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_cut_off() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.answers(|answers| answers.padding = 256 * 1024);
    assert!(matches!(unavailable(&clinic).await.cause(), FetchError::TooLarge));
    clinic.answers(|answers| answers.padding = 250 * 1024);
    clinic.pass(10);
    clinic.accepted(&RSA_A.sign(&clinic.claims())).await;
}

#[tokio::test]
async fn an_answer_that_is_no_document_leaves_the_keys_as_they_are() {
    let clinic = Clinic::open(&[EC_A]).await;
    let token = EC_A.sign(&clinic.claims());
    clinic.accepted(&token).await;
    clinic.answers(|answers| answers.discovery = json!({ "jwks_uri": null }));
    clinic.pass(600);
    clinic.accepted(&token).await;
}

#[tokio::test]
async fn a_slow_answer_is_not_waited_for() {
    let clinic = Clinic::with(&[RSA_A], |settings| settings.timeout = Duration::from_millis(300)).await;
    clinic.answers(|answers| answers.delay = Duration::from_secs(60));
    let verdict = tokio::time::timeout(Duration::from_secs(30), unavailable(&clinic)).await.unwrap();
    assert!(matches!(verdict.cause(), FetchError::Unreachable(_)));
}
