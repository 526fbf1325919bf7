//! The provider's word on who signed in.

use std::sync::Arc;

use chatehr_sign_in::{IdentityError, SessionError, SignInError};
use chatehr_token::{CheckError, Refusal};
use serde_json::{Value, json};

use crate::stage::{CLIENT, EC_A, RSA_A, RSA_B, Stage, lay_over, part, sign_hmac};

impl Stage {
    /// From now on ID tokens are made like this.
    fn forge(&self, forge: impl Fn(Value) -> String + Send + Sync + 'static) {
        self.play().forge = Arc::new(forge);
    }

    /// From now on these claims are laid over good ones.
    fn claim(&self, others: Value) {
        self.forge(move |mut claims| {
            lay_over(&mut claims, &others);
            RSA_A.sign(&claims)
        });
    }

    async fn refusal(&self) -> Refusal {
        match self.refused().await {
            SignInError::Identity(IdentityError::Check(CheckError::Refused(refusal))) => refusal,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_id_token_is_for_us_from_our_provider_now_and_for_this_sign_in() {
    let stage = Stage::new().await;
    let now = stage.time.seconds();
    for (others, refusal) in [
        (json!({ "nonce": "another" }), Refusal::Nonce),
        (json!({ "nonce": null }), Refusal::Nonce),
        (json!({ "nonce": 1 }), Refusal::Nonce),
        (json!({ "iss": "https://login.example" }), Refusal::Issuer),
        (json!({ "aud": "another-program" }), Refusal::Audience),
        (json!({ "aud": [] }), Refusal::Audience),
        (json!({ "aud": null }), Refusal::Audience),
        (json!({ "aud": [CLIENT, "another-program"] }), Refusal::AuthorizedParty),
        (json!({ "aud": [CLIENT, "another-program"], "azp": "another-program" }), Refusal::AuthorizedParty),
        (json!({ "azp": "another-program" }), Refusal::AuthorizedParty),
        (json!({ "azp": [CLIENT] }), Refusal::AuthorizedParty),
        (json!({ "exp": now - 60 }), Refusal::Expired),
        (json!({ "exp": null }), Refusal::NoExpiry),
        (json!({ "iat": now + 61 }), Refusal::NotYetValid),
        (json!({ "nbf": now + 61 }), Refusal::NotYetValid),
        (json!({ "iat": null }), Refusal::NotAnIdToken),
        (json!({ "exp": now + 90_000 }), Refusal::TooLongLived),
        (json!({ "sub": null }), Refusal::NotAnIdToken),
        (json!({ "sub": "" }), Refusal::NotAnIdToken),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), Refusal::AccessTokenHash),
        (json!({ "at_hash": 5 }), Refusal::AccessTokenHash),
        (json!({ "events": {} }), Refusal::NotAnIdToken),
        (json!({ "typ": "Bearer" }), Refusal::NotAnIdToken),
    ] {
        stage.claim(others.clone());
        assert_eq!(stage.refusal().await, refusal, "{others}");
    }
    for others in [
        json!({}),
        json!({ "aud": [CLIENT] }),
        json!({ "aud": [CLIENT, "another-program"], "azp": CLIENT }),
        json!({ "at_hash": null }),
        json!({ "typ": "ID" }),
        json!({ "iat": now + 60 }),
    ] {
        stage.claim(others.clone());
        assert!(stage.sign_in(None).await.0.is_ok(), "{others}");
    }
}

#[tokio::test]
async fn an_id_token_that_the_provider_did_not_sign_names_nobody() {
    let stage = Stage::new().await;
    stage.forge(|claims| format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims)));
    assert_eq!(stage.refusal().await, Refusal::Algorithm);
    let public = RSA_A.jwk().to_string();
    stage.forge(move |claims| {
        sign_hmac(&json!({ "alg": "HS256", "kid": "rsa-a" }), &claims, public.as_bytes())
    });
    assert_eq!(stage.refusal().await, Refusal::Algorithm);
    let public = RSA_A.jwk().to_string();
    stage.forge(move |claims| {
        sign_hmac(&json!({ "alg": "RS256", "kid": "rsa-a" }), &claims, public.as_bytes())
    });
    assert_eq!(stage.refusal().await, Refusal::Signature);
    stage.forge(|claims| RSA_B.sign(&claims));
    assert_eq!(stage.refusal().await, Refusal::UnknownKey);
    stage.play().answer = json!({ "id_token": null });
    assert!(matches!(stage.refused().await, SignInError::Identity(IdentityError::Missing)));
}

#[tokio::test]
async fn a_provider_that_changes_its_keys_ends_no_session() {
    let stage = Stage::new().await;
    let session = stage.signed_in(None).await;
    stage.time.pass(300);
    stage.play().keys = vec![EC_A];
    stage.forge(|claims| EC_A.sign(&claims));
    let token = session.access_token().await.unwrap();
    // The key that was withdrawn is good for nothing any more.
    stage.time.pass(300);
    stage.forge(|claims| RSA_A.sign(&claims));
    let error = session.access_token_after(&token).await.unwrap_err();
    assert!(matches!(error, SessionError::Identity(CheckError::Refused(Refusal::UnknownKey))), "{error:?}");
    stage.forge(|claims| EC_A.sign(&claims));
    session.access_token().await.unwrap();
}

#[tokio::test]
async fn a_refresh_may_leave_out_what_it_must_not_change() {
    let stage = Stage::new().await;
    let session = stage.signed_in(None).await;
    let nonce = Arc::new(std::sync::Mutex::new(json!("another")));
    let (told, subject) = (Arc::clone(&nonce), Arc::new(std::sync::Mutex::new("physician-12".to_owned())));
    let named = Arc::clone(&subject);
    stage.forge(move |mut claims| {
        lay_over(&mut claims, &json!({ "nonce": *told.lock().unwrap(), "sub": *named.lock().unwrap() }));
        RSA_A.sign(&claims)
    });
    stage.time.pass(300);
    let error = session.access_token().await.unwrap_err();
    assert!(matches!(error, SessionError::Identity(CheckError::Refused(Refusal::Nonce))), "{error:?}");
    *nonce.lock().unwrap() = json!(null);
    let token = session.access_token().await.unwrap();
    stage.play().answer = json!({ "id_token": null });
    let token = session.access_token_after(&token).await.unwrap();
    stage.play().answer = json!({});
    *subject.lock().unwrap() = "physician-13".to_owned();
    let error = session.access_token_after(&token).await.unwrap_err();
    assert!(matches!(error, SessionError::Over), "somebody else's tokens: {error:?}");
}
