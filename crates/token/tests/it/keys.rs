use std::time::Duration;

use chatehr_token::{Refusal, Verifier};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Clinic, EC_A, RSA_A, RSA_B, RSA_C};

#[tokio::test]
async fn a_key_that_comes_mid_session_is_fetched_once() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.accepted(&RSA_A.sign(&clinic.claims())).await;
    clinic.answers(|answers| answers.keys.push(RSA_B.jwk()));
    clinic.pass(10);
    for jti in 0..3 {
        clinic.accepted(&RSA_B.sign(&clinic.claims_with(json!({ "jti": jti })))).await;
    }
    assert_eq!(clinic.fetches(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_tokens_of_one_new_key_fetch_once_and_all_come_in() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.accepted(&RSA_A.sign(&clinic.claims())).await;
    clinic.answers(|answers| {
        answers.keys.push(EC_A.jwk());
        answers.delay = Duration::from_millis(100);
    });
    clinic.pass(10);
    let tokens: Vec<String> =
        (0..100).map(|jti| EC_A.sign(&clinic.claims_with(json!({ "jti": jti })))).collect();
    let checks = tokens.into_iter().map(|token| {
        let verifier = clinic.verifier.clone();
        tokio::spawn(async move { verifier.check(&token).await })
    });
    for verdict in join_all(checks).await {
        verdict.unwrap().unwrap();
    }
    assert_eq!((clinic.discoveries(), clinic.fetches()), (2, 2));
}

#[tokio::test]
async fn invented_keys_do_not_hammer_the_provider() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.accepted(&RSA_A.sign(&clinic.claims())).await;
    clinic.pass(10);
    let invented = |n: i32| {
        let mut header = RSA_C.header();
        header["kid"] = json!(format!("invented-{n}"));
        RSA_C.sign_with(&header, &clinic.claims())
    };
    let tokens: Vec<String> = (0..100).map(invented).collect();
    for refusal in join_all(tokens.iter().map(|token| clinic.refusal(token))).await {
        assert_eq!(refusal, Refusal::UnknownKey);
    }
    assert_eq!(clinic.fetches(), 2);
    clinic.pass(9);
    assert_eq!(clinic.refusal(&tokens[0]).await, Refusal::UnknownKey);
    assert_eq!(clinic.fetches(), 2);
    clinic.pass(1);
    assert_eq!(clinic.refusal(&tokens[0]).await, Refusal::UnknownKey);
    assert_eq!(clinic.fetches(), 3);
}

#[tokio::test]
async fn a_withdrawn_key_ends_its_tokens_even_remembered_ones() {
    let clinic = Clinic::open(&[RSA_A, RSA_B]).await;
    let (of_a, of_b) = (RSA_A.sign(&clinic.claims()), RSA_B.sign(&clinic.claims()));
    clinic.accepted(&of_a).await;
    clinic.accepted(&of_b).await;
    clinic.answers(|answers| answers.keys.retain(|jwk| jwk["kid"] != "rsa-a"));
    clinic.pass(599);
    clinic.accepted(&of_a).await;
    assert_eq!(clinic.fetches(), 1);
    clinic.pass(1);
    assert_eq!(clinic.refusal(&of_a).await, Refusal::UnknownKey);
    clinic.accepted(&of_b).await;
    clinic.answers(|answers| answers.keys.clear());
    clinic.pass(600);
    assert_eq!(clinic.refusal(&of_b).await, Refusal::UnknownKey, "withdrawing all of them counts too");
}

#[tokio::test]
async fn another_key_under_an_old_name_ends_the_old_ones_tokens() {
    let clinic = Clinic::open(&[RSA_A]).await;
    let token = RSA_A.sign(&clinic.claims());
    clinic.accepted(&token).await;
    clinic.answers(|answers| {
        let mut jwk = RSA_B.jwk();
        jwk["kid"] = json!("rsa-a");
        answers.keys = vec![jwk];
    });
    clinic.pass(600);
    assert_eq!(clinic.refusal(&token).await, Refusal::Signature);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_take_the_fetch_along() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.answers(|answers| answers.delay = Duration::from_millis(100));
    let token = RSA_A.sign(&clinic.claims());
    let hasty = tokio::time::timeout(Duration::from_millis(20), clinic.verifier.check(&token)).await;
    assert!(hasty.is_err());
    clinic.accepted(&token).await;
    assert_eq!((clinic.discoveries(), clinic.fetches()), (1, 1));
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_stop_the_rotation() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.pass(3000);
    clinic.accepted(&RSA_A.sign(&clinic.claims())).await;
    clinic.pass(-3000);
    clinic.answers(|answers| answers.keys = vec![RSA_B.jwk()]);
    clinic.accepted(&RSA_B.sign(&clinic.claims())).await;
}

#[test]
fn it_is_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Verifier>();
}
