//! Whatever comes in between, a session neither loses its refresh token nor uses one that is not kept.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chatehr_sign_in::{Keep, SessionError};
use futures_util::future::join_all;
use proptest::prelude::*;
use serde_json::json;

use crate::{stage::Stage, surroundings::Keyring};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The access token's time passes.
    Pass,
    /// So many callers at once, each refused with the token it had.
    Refused(usize),
    /// A caller who hangs up at once.
    Impatient,
    /// The provider answers the next refresh with this, and takes no token.
    Trouble(u16),
    /// The keyring begins or ceases to fail.
    Keyring(bool),
    /// The provider keeps the refresh token as it is, or changes it.
    Rotation(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Pass),
        (1usize..6).prop_map(Step::Refused),
        Just(Step::Impatient),
        prop_oneof![Just(429u16), Just(500), Just(503), Just(404)].prop_map(Step::Trouble),
        any::<bool>().prop_map(Step::Keyring),
        any::<bool>().prop_map(Step::Rotation),
    ]
}

async fn live(steps: Vec<Step>) {
    let stage = Stage::new().await;
    let keyring = Arc::new(Keyring::default());
    let session = stage.signed_in(Some(Arc::clone(&keyring) as Arc<dyn Keep>)).await;
    let mut token = session.access_token().await.unwrap();
    for step in steps {
        let calls = match step {
            Step::Pass => {
                stage.time.pass(300);
                1
            }
            Step::Refused(callers) => callers,
            Step::Impatient => {
                drop(tokio::time::timeout(Duration::ZERO, session.access_token_after(&token)).await);
                continue;
            }
            Step::Trouble(status) => {
                stage.play().instead.push_back((status, json!({ "error": "invalid_grant" })));
                continue;
            }
            Step::Keyring(fails) => {
                keyring.fails.store(fails, Ordering::Relaxed);
                continue;
            }
            Step::Rotation(rotates) => {
                stage.play().rotates = rotates;
                continue;
            }
        };
        let before = stage.grants("refresh_token");
        let outcomes = join_all((0..calls).map(|_| session.access_token_after(&token))).await;
        assert!(stage.grants("refresh_token") <= before + 1, "one refresh for all");
        let first = outcomes[0].as_ref().map(|token| token.expose().to_owned()).ok();
        for outcome in &outcomes {
            assert_eq!(outcome.as_ref().map(|token| token.expose().to_owned()).ok(), first);
            assert!(!matches!(outcome, Err(SessionError::Over)), "nothing here ends a session");
        }
        if let Ok(new) = &outcomes[0] {
            token = new.clone();
        }
        let kept = keyring.deeds();
        for asked in stage.play().asked.iter().filter(|asked| asked["grant_type"] == "refresh_token") {
            let deed = format!("keep physician-12 {}", asked["refresh_token"]);
            assert!(kept.contains(&deed), "{deed} was used and not kept");
        }
    }
    keyring.fails.store(false, Ordering::Relaxed);
    stage.play().instead.clear();
    stage.time.pass(300);
    // A refresh that an impatient caller has left behind may still bring the trouble of before.
    if session.access_token().await.is_err() {
        session.access_token().await.unwrap();
    }
    assert!(session.is_kept());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_session_lives_through_whatever_ends_none(steps in proptest::collection::vec(step(), 0..16)) {
        tokio::runtime::Runtime::new().unwrap().block_on(live(steps));
    }
}
