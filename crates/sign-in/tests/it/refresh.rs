//! One session, many callers, and a refresh token that changes with each use.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chatehr_sign_in::{Keep, RefreshToken, Session, SessionError, TokenError};
use chatehr_token::FetchError;
use futures_util::future::join_all;
use serde_json::json;

use crate::{stage::Stage, surroundings::Keyring};

/// Someone who is signed in, with a keyring.
async fn kept(stage: &Stage) -> (Session, Arc<Keyring>) {
    let keyring = Arc::new(Keyring::default());
    let keep: Arc<dyn Keep> = Arc::clone(&keyring) as _;
    (stage.signed_in(Some(keep)).await, keyring)
}

#[tokio::test]
async fn a_session_is_kept_only_where_it_was_asked_for() {
    let stage = Stage::new().await;
    let (sign_in, address) = stage.begin(None).await;
    sign_in.abort();
    assert!(!address.contains("offline_access") && !address.contains("prompt="));
    let keyring: Arc<dyn Keep> = Arc::new(Keyring::default());
    let (sign_in, address) = stage.begin(Some(keyring)).await;
    sign_in.abort();
    assert!(address.contains("scope=openid+offline_access") && address.contains("prompt=consent"));
    let (session, keyring) = kept(&stage).await;
    assert!(session.is_kept());
    assert_eq!(keyring.deeds(), ["keep physician-12 refresh-2"]);
}

#[tokio::test]
async fn a_token_is_handed_out_while_it_is_good_and_renewed_before_it_ends() {
    let stage = Stage::new().await;
    let session = stage.signed_in(None).await;
    stage.time.pass(269);
    assert_eq!(session.access_token().await.unwrap().expose(), "access-2");
    stage.time.pass(1);
    assert_eq!(session.access_token().await.unwrap().expose(), "access-3");
    assert_eq!(stage.grants("refresh_token"), 1);
    assert_eq!(stage.play().asked.last().unwrap()["refresh_token"], "refresh-2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_refused_requests_make_one_refresh() {
    let stage = Stage::new().await;
    let (session, keyring) = kept(&stage).await;
    let refused = session.access_token().await.unwrap();
    stage.play().delay = Duration::from_millis(200);
    let callers = (0..100).map(|_| {
        let (session, refused) = (session.clone(), refused.clone());
        tokio::spawn(async move { session.access_token_after(&refused).await })
    });
    for outcome in join_all(callers).await {
        assert_eq!(outcome.unwrap().unwrap().expose(), "access-3");
    }
    assert_eq!(stage.grants("refresh_token"), 1);
    // Who comes late with the old token gets what the others got.
    assert_eq!(session.access_token_after(&refused).await.unwrap().expose(), "access-3");
    assert_eq!(stage.grants("refresh_token"), 1);
    assert_eq!(keyring.deeds(), ["keep physician-12 refresh-2", "keep physician-12 refresh-3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_callers_hear_of_the_same_failure_and_the_next_one_tries_again() {
    let stage = Stage::new().await;
    let session = stage.signed_in(None).await;
    stage.time.pass(300);
    stage.play().delay = Duration::from_millis(200);
    stage.play().instead.push_back((503, json!({})));
    let callers = (0..100).map(|_| {
        let session = session.clone();
        tokio::spawn(async move { session.access_token().await })
    });
    for outcome in join_all(callers).await {
        let error = outcome.unwrap().unwrap_err();
        assert!(matches!(error, SessionError::Unavailable(_)), "{error:?}");
    }
    assert_eq!(stage.grants("refresh_token"), 1);
    assert_eq!(session.access_token().await.unwrap().expose(), "access-3");
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_take_the_refresh_along() {
    let stage = Stage::new().await;
    let (session, keyring) = kept(&stage).await;
    stage.time.pass(300);
    stage.play().delay = Duration::from_millis(200);
    let hurried = tokio::time::timeout(Duration::from_millis(50), session.access_token()).await;
    assert!(hurried.is_err());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(keyring.deeds().last().unwrap(), "keep physician-12 refresh-3", "kept though nobody asks");
    assert_eq!(session.access_token().await.unwrap().expose(), "access-3");
    assert_eq!(stage.grants("refresh_token"), 1);
}

#[tokio::test]
async fn a_provider_that_moves_is_found_again() {
    let stage = Stage::new().await;
    let session = stage.signed_in(None).await;
    let issuer = stage.issuer().to_owned();
    stage.play().discovery = json!({ "token_endpoint": format!("{issuer}/moved") });
    stage.play().instead.push_back((404, json!({})));
    stage.time.pass(300);
    let error = session.access_token().await.unwrap_err();
    assert!(matches!(error, SessionError::Unavailable(_)), "{error:?}");
    assert_eq!(session.access_token().await.unwrap().expose(), "access-3");
    assert_eq!(stage.play().moved, 1);
}

#[tokio::test]
async fn a_refresh_token_is_kept_before_it_is_used() {
    let stage = Stage::new().await;
    let (session, keyring) = kept(&stage).await;
    keyring.fails.store(true, Ordering::Relaxed);
    stage.time.pass(300);
    // What is good already is handed out.
    assert_eq!(session.access_token().await.unwrap().expose(), "access-3");
    assert!(!session.is_kept());
    stage.time.pass(300);
    let error = session.access_token().await.unwrap_err();
    assert!(matches!(error, SessionError::NotKept(_)), "{error:?}");
    assert_eq!(stage.grants("refresh_token"), 1, "the token that is not kept was not used");
    keyring.fails.store(false, Ordering::Relaxed);
    assert_eq!(session.access_token().await.unwrap().expose(), "access-4");
    assert_eq!(
        keyring.deeds(),
        ["keep physician-12 refresh-2", "keep physician-12 refresh-3", "keep physician-12 refresh-4"]
    );
}

#[tokio::test]
async fn a_keyring_that_never_answers_holds_nobody_up() {
    let stage = Stage::new().await;
    let (session, keyring) = kept(&stage).await;
    keyring.hangs.store(true, Ordering::Relaxed);
    stage.time.pass(300);
    stage.time.hurry();
    assert_eq!(session.access_token().await.unwrap().expose(), "access-3");
    let left = session.sign_out().await;
    assert!(left.forgotten.is_err());
}

#[tokio::test]
async fn a_provider_that_does_not_rotate_is_asked_with_the_same_token() {
    let stage = Stage::new().await;
    let (session, keyring) = kept(&stage).await;
    stage.play().rotates = false;
    for _ in 0..3 {
        stage.time.pass(300);
        session.access_token().await.unwrap();
    }
    assert!(session.is_kept());
    assert_eq!(keyring.deeds().len(), 1);
}

#[tokio::test]
async fn a_refresh_token_that_was_used_before_ends_the_session() {
    let stage = Stage::new().await;
    let (session, keyring) = kept(&stage).await;
    stage.time.pass(300);
    session.access_token().await.unwrap();
    // An old copy of the keyring: the provider takes both tokens away.
    let copy: Arc<dyn Keep> = Arc::clone(&keyring) as _;
    let restored = stage.provider.resume("physician-12", RefreshToken::new("refresh-2"), copy);
    assert!(matches!(restored.access_token().await, Err(SessionError::Over)));
    assert_eq!(keyring.deeds().last().unwrap(), "forget physician-12");
    stage.time.pass(300);
    assert!(matches!(session.access_token().await, Err(SessionError::Over)));
    let before = stage.grants("refresh_token");
    assert!(matches!(session.access_token().await, Err(SessionError::Over)));
    assert_eq!(stage.grants("refresh_token"), before, "nobody is asked about a session that is over");
    assert!(!session.is_kept());
}

#[tokio::test]
async fn trouble_on_the_way_is_no_end_of_the_session() {
    let stage = Stage::new().await;
    let (session, keyring) = kept(&stage).await;
    stage.time.pass(300);
    for (status, answer) in [
        (500, json!({ "error": "invalid_grant" })),
        (503, json!({})),
        (429, json!({ "error": "slow_down" })),
        (404, json!({ "error": "invalid_grant" })),
        (302, json!({})),
        (400, json!("a proxy's page")),
        (401, json!({ "error": "invalid_client" })),
        (400, json!({ "error": "temporarily_unavailable" })),
        (200, json!({})),
    ] {
        stage.play().instead.push_back((status, answer.clone()));
        let error = session.access_token().await.unwrap_err();
        assert!(matches!(error, SessionError::Unavailable(_)), "{status} {answer}: {error:?}");
    }
    assert_eq!(session.access_token().await.unwrap().expose(), "access-3");
    stage.time.pass(300);
    stage.go_dark().await;
    match session.access_token().await.unwrap_err() {
        SessionError::Unavailable(TokenError::Unavailable(cause)) => {
            assert!(matches!(*cause, FetchError::Unreachable(_)));
        }
        other => panic!("{other:?}"),
    }
    assert!(session.is_kept() && !keyring.deeds().iter().any(|deed| deed.starts_with("forget")));
}

#[tokio::test]
async fn a_kept_session_goes_on_after_a_restart() {
    let stage = Stage::new().await;
    let (session, keyring) = kept(&stage).await;
    drop(session);
    let keep: Arc<dyn Keep> = Arc::clone(&keyring) as _;
    let session = stage.provider.resume("physician-12", RefreshToken::new("refresh-2"), keep);
    assert_eq!(session.access_token().await.unwrap().expose(), "access-3");
    assert_eq!(keyring.deeds().last().unwrap(), "keep physician-12 refresh-3");
    // Under another name the same tokens are somebody else's.
    let keep: Arc<dyn Keep> = Arc::clone(&keyring) as _;
    let other = stage.provider.resume("physician-13", RefreshToken::new("refresh-3"), keep);
    assert!(matches!(other.access_token().await, Err(SessionError::Over)));
}

#[tokio::test]
async fn a_session_without_a_refresh_token_ends_with_its_access_token() {
    let stage = Stage::new().await;
    stage.play().answer = json!({ "refresh_token": null });
    let session = stage.signed_in(None).await;
    session.access_token().await.unwrap();
    stage.time.pass(300);
    assert!(matches!(session.access_token().await, Err(SessionError::Over)));
}

#[tokio::test]
async fn no_token_is_ever_shown() {
    let stage = Stage::new().await;
    let (session, _) = kept(&stage).await;
    let token = session.access_token().await.unwrap();
    let shown = format!("{session:?} {token:?} {:?}", stage.provider);
    for secret in ["access-", "refresh-", "physician"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
