//! The end of a session, with and without a network.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chatehr_sign_in::{Code, Keep, RefreshToken, Revocation, SessionError, TokenError};
use chatehr_token::FetchError;
use serde_json::json;

use crate::{stage::Stage, surroundings::Keyring};

#[tokio::test]
async fn whoever_signs_out_leaves_nothing_here_or_there() {
    let stage = Stage::new().await;
    let keyring = Arc::new(Keyring::default());
    let session = stage.signed_in(Some(Arc::clone(&keyring) as Arc<dyn Keep>)).await;
    let token = session.access_token().await.unwrap();
    let left = session.sign_out().await;
    assert!(left.forgotten.is_ok() && matches!(left.revocation, Revocation::Done), "{left:?}");
    assert_eq!(keyring.deeds().last().unwrap(), "forget physician-12");
    let address = left.browser.unwrap();
    assert_eq!(address.as_str(), format!("{}/logout?client_id=chatehr-desktop", stage.issuer()));
    {
        let play = stage.play();
        assert_eq!(play.revoked.len(), 1);
        assert_eq!(play.revoked[0]["token"], "refresh-2");
        assert_eq!(play.revoked[0]["token_type_hint"], "refresh_token");
        assert_eq!(play.revoked[0]["client_id"], "chatehr-desktop");
    }
    assert!(matches!(session.access_token().await, Err(SessionError::Over)));
    assert!(matches!(session.access_token_after(&token).await, Err(SessionError::Over)));
    let again = session.sign_out().await;
    assert!(matches!(again.revocation, Revocation::NothingToRevoke));
    assert_eq!(stage.grants("refresh_token"), 0);
}

#[tokio::test]
async fn whoever_signs_out_without_a_network_is_signed_out_and_told_what_was_not_done() {
    let stage = Stage::new().await;
    let keyring = Arc::new(Keyring::default());
    let keep = || Arc::clone(&keyring) as Arc<dyn Keep>;
    let session = stage.signed_in(Some(keep())).await;
    stage.go_dark().await;
    let left = session.sign_out().await;
    assert!(left.forgotten.is_ok());
    assert_eq!(keyring.deeds().last().unwrap(), "forget physician-12");
    match left.revocation {
        Revocation::NotDone(TokenError::Unavailable(cause)) => {
            assert!(matches!(*cause, FetchError::Unreachable(_)));
        }
        other => panic!("{other:?}"),
    }
    assert!(left.browser.is_some());
    assert!(matches!(session.access_token().await, Err(SessionError::Over)));
}

#[tokio::test]
async fn a_session_that_never_met_its_provider_can_be_signed_out_as_well() {
    let stage = Stage::new().await;
    stage.go_dark().await;
    let keyring = Arc::new(Keyring::default());
    let keep = Arc::clone(&keyring) as Arc<dyn Keep>;
    let session = stage.provider.resume("physician-12", RefreshToken::new("refresh-9"), keep);
    let left = session.sign_out().await;
    assert!(matches!(left.revocation, Revocation::NotDone(_)) && left.browser.is_none(), "{left:?}");
    assert_eq!(keyring.deeds(), ["forget physician-12"]);
}

#[tokio::test]
async fn what_the_provider_or_the_keyring_did_not_do_is_told() {
    let stage = Stage::new().await;
    stage.play().revocation = (503, json!({ "error": "temporarily_unavailable" }));
    let keyring = Arc::new(Keyring::default());
    let session = stage.signed_in(Some(Arc::clone(&keyring) as Arc<dyn Keep>)).await;
    keyring.fails.store(true, Ordering::Relaxed);
    let left = session.sign_out().await;
    assert!(left.forgotten.is_err());
    assert!(matches!(left.revocation, Revocation::NotDone(TokenError::Unavailable(_))));
    stage.play().revocation = (401, json!({ "error": "invalid_client" }));
    let left = stage.signed_in(None).await.sign_out().await;
    assert!(matches!(left.revocation, Revocation::NotDone(TokenError::Refused(Code::InvalidClient))));
    stage.play().revocation = (400, json!({ "error": "unsupported_token_type" }));
    let left = stage.signed_in(None).await.sign_out().await;
    assert!(matches!(left.revocation, Revocation::NotOffered));
    stage.play().discovery = json!({ "revocation_endpoint": null, "end_session_endpoint": null });
    let left = stage.signed_in(None).await.sign_out().await;
    assert!(matches!(left.revocation, Revocation::NotOffered) && left.browser.is_none());
}

#[tokio::test]
async fn a_refresh_on_its_way_is_revoked_with_the_rest() {
    let stage = Stage::new().await;
    let keyring = Arc::new(Keyring::default());
    let session = stage.signed_in(Some(Arc::clone(&keyring) as Arc<dyn Keep>)).await;
    stage.time.pass(300);
    stage.play().delay = Duration::from_millis(200);
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let left = session.sign_out().await;
    assert!(matches!(left.revocation, Revocation::Done));
    assert!(matches!(caller.await.unwrap(), Err(SessionError::Over)));
    assert_eq!(stage.play().revoked[0]["token"], "refresh-3");
    assert_eq!(keyring.deeds().last().unwrap(), "forget physician-12");
}
