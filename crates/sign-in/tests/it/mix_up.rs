//! Answers of another provider, and a provider that is not what it should be.

use std::{sync::Arc, time::Duration};

use chatehr_sign_in::{Settings, SettingsError, SignInError, TokenError};
use chatehr_token::FetchError;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    stage::{Stage, parameters},
    surroundings::{Addresses, Time},
};

/// Why no browser was opened.
async fn before_the_browser(stage: &Stage) -> SignInError {
    let (sender, mut addresses) = mpsc::unbounded_channel();
    let browser = Addresses(sender);
    let sign_in = stage.provider.sign_in(&browser, None);
    let refused =
        tokio::time::timeout(Duration::from_secs(10), sign_in).await.expect("a refusal").unwrap_err();
    drop(browser);
    assert!(addresses.recv().await.is_none(), "nothing was opened");
    refused
}

fn fetch(error: SignInError) -> Arc<FetchError> {
    match error {
        SignInError::Provider(TokenError::Unavailable(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_not_believed() {
    let stage = Stage::new().await;
    let ours = stage.issuer().to_owned();
    for issuer in ["https://login.example".to_owned(), format!("{ours}/"), ours.to_uppercase(), String::new()]
    {
        stage.play().discovery = json!({ "issuer": issuer });
        assert!(matches!(*fetch(before_the_browser(&stage).await), FetchError::OtherIssuer), "{issuer}");
    }
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused_before_its_code_goes_anywhere() {
    let stage = Stage::new().await;
    let ours = stage.issuer().to_owned();
    let cases = [
        (json!("https://login.example"), true),
        (json!(format!("{ours}/")), true),
        (json!(""), true),
        (json!(null), true),
    ];
    for (issuer, refused) in cases {
        stage.play().back = json!({ "iss": issuer });
        let outcome = stage.sign_in(None).await.0;
        assert_eq!(matches!(outcome, Err(SignInError::OtherIssuer)), refused, "{issuer}");
    }
    // An error is no more believed than a code.
    stage.play().back = json!({ "iss": "https://login.example", "code": null, "error": "access_denied" });
    assert!(matches!(stage.refused().await, SignInError::OtherIssuer));
    assert!(stage.play().asked.is_empty());
}

#[tokio::test]
async fn a_provider_that_does_not_name_itself_in_answers_may_leave_it_out_and_not_get_it_wrong() {
    let stage = Stage::new().await;
    stage.play().discovery = json!({ "authorization_response_iss_parameter_supported": null });
    stage.play().back = json!({ "iss": null });
    stage.signed_in(None).await;
    stage.play().back = json!({ "iss": "https://login.example" });
    assert!(matches!(stage.refused().await, SignInError::OtherIssuer));
}

#[tokio::test]
async fn a_provider_without_s256_is_not_asked_with_less() {
    let stage = Stage::new().await;
    for methods in [json!(["plain"]), json!([]), json!(["s256", "S512"])] {
        stage.play().discovery = json!({ "code_challenge_methods_supported": methods });
        assert!(matches!(before_the_browser(&stage).await, SignInError::NoS256), "{methods}");
    }
    stage.play().discovery = json!({ "code_challenge_methods_supported": null });
    let (sign_in, address) = stage.begin(None).await;
    assert_eq!(parameters(&address)["code_challenge_method"], "S256");
    sign_in.abort();
}

#[tokio::test]
async fn nothing_goes_to_an_address_where_others_could_read_it() {
    let stage = Stage::new().await;
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
        "end_session_endpoint",
        "device_authorization_endpoint",
    ] {
        for address in [
            "http://login.example/x",
            "ftp://login.example/x",
            "https://me:secret@login.example/x",
            "https://login.example/x#y",
            "javascript:alert(1)",
            "",
        ] {
            stage.play().discovery = json!({ name: address });
            assert!(
                matches!(*fetch(before_the_browser(&stage).await), FetchError::Address),
                "{name} {address}"
            );
        }
    }
    for name in ["authorization_endpoint", "token_endpoint"] {
        stage.play().discovery = json!({ name: null });
        assert!(matches!(*fetch(before_the_browser(&stage).await), FetchError::NotTheDocument(_)));
    }
}

#[tokio::test]
async fn a_token_endpoint_that_answers_otherwise_signs_nobody_in() {
    let stage = Stage::new().await;
    let bad = |answer: Value| {
        stage.play().answer = answer;
        stage.refused()
    };
    for answer in [
        json!({ "access_token": null }),
        json!({ "access_token": "" }),
        json!({ "access_token": "a b" }),
        json!({ "access_token": "a\r\nX: y" }),
        json!({ "access_token": "a".repeat(17_000) }),
        json!({ "token_type": "DPoP" }),
        json!({ "token_type": null }),
        json!({ "refresh_token": "" }),
        json!({ "expires_in": "soon" }),
    ] {
        let refused = bad(answer.clone()).await;
        assert!(matches!(refused, SignInError::Provider(TokenError::BadAnswer(_))), "{answer}: {refused:?}");
    }
    let refused = bad(json!({ "padding": " ".repeat(300 * 1024) })).await;
    assert!(matches!(*fetch(refused), FetchError::TooLarge));
    stage.play().answer = json!({});
    for status in [302, 404, 500, 503] {
        stage.play().instead.push_back((status, json!({ "error": "invalid_grant" })));
        assert!(matches!(*fetch(stage.refused().await), FetchError::Status(code) if code == status));
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let refused = |issuer: &str, client: &str| {
        let settings = Settings::new(issuer, client);
        chatehr_sign_in::Provider::new(settings, Time::new().surroundings()).unwrap_err()
    };
    assert!(matches!(refused("http://login.example", "c"), SettingsError::PlainHttp));
    assert!(matches!(refused("login", "c"), SettingsError::NotAUrl));
    assert!(matches!(refused("https://login.example", " "), SettingsError::Audience));
}
