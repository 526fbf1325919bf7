//! Showing again who one is.

use std::sync::Arc;

use chatehr_sign_in::{IdentityError, SignInError};
use serde_json::{Value, json};

use crate::{
    stage::{RSA_A, Stage, lay_over, parameters},
    surroundings::Keyring,
};

/// From now on the provider says that the person last showed who they are so many seconds after now.
fn shown(stage: &Stage, seconds: i64) {
    let at = stage.time.seconds() + seconds;
    claim(stage, json!({ "auth_time": at }));
}

fn claim(stage: &Stage, others: Value) {
    stage.play().forge = Arc::new(move |mut claims| {
        lay_over(&mut claims, &others);
        RSA_A.sign(&claims)
    });
}

#[tokio::test]
async fn who_is_asked_again_is_asked_whatever_the_provider_remembers() {
    let stage = Stage::new().await;
    let (_, asked) = stage.sign_in_anew(None).await;
    assert_eq!((asked["prompt"].as_str(), asked["max_age"].as_str()), ("login", "0"));
    let (_, asked) = stage.sign_in_anew(Some(Arc::new(Keyring::default()))).await;
    assert_eq!((asked["prompt"].as_str(), asked["max_age"].as_str()), ("login consent", "0"));
    let (_, ordinary) = stage.begin(None).await;
    let ordinary = parameters(&ordinary);
    assert!(!ordinary.contains_key("prompt") && !ordinary.contains_key("max_age"), "{ordinary:?}");
}

#[tokio::test]
async fn only_a_person_who_has_just_shown_who_they_are_passes() {
    let stage = Stage::new().await;
    for (seconds, passes) in [(0, true), (-60, true), (30, true), (-61, false), (-3600, false)] {
        shown(&stage, seconds);
        let (outcome, _) = stage.sign_in_anew(None).await;
        assert_eq!(outcome.is_ok(), passes, "{seconds} {outcome:?}");
        if let Err(error) = outcome {
            assert!(matches!(error, SignInError::Identity(IdentityError::NotFresh)), "{error:?}");
        }
    }
    // Without a word on when it was, it counts as long ago; for an ordinary sign-in that does not matter.
    claim(&stage, json!({ "auth_time": null }));
    let (outcome, _) = stage.sign_in_anew(None).await;
    assert!(matches!(outcome, Err(SignInError::Identity(IdentityError::NotFresh))), "{outcome:?}");
    let session = stage.signed_in(None).await;
    assert_eq!(session.auth_time(), None);
}

#[tokio::test]
async fn nothing_is_kept_of_somebody_who_did_not_show_who_they_are() {
    let stage = Stage::new().await;
    shown(&stage, -3600);
    let keyring = Arc::new(Keyring::default());
    let (outcome, _) = stage.sign_in_anew(Some(Arc::clone(&keyring) as _)).await;
    assert!(outcome.is_err());
    assert!(keyring.deeds().is_empty());
}

#[tokio::test]
async fn a_session_tells_when_the_person_showed_who_they_are() {
    let stage = Stage::new().await;
    let at = stage.time.seconds() - 5;
    let session = stage.signed_in(None).await;
    assert_eq!(session.auth_time().map(|time| time.millis()), Some(at * 1000));
}
