//! The clinic's policy and the heads of audit logs, against the real server.

use chatehr_client::{AnchorError, ClientError, PolicyError};
use chatehr_contract::{NewAnchor, Policy};

use super::clinic::{Clinic, LINDQVIST, MARTA, OKAFOR};

#[tokio::test]
async fn the_clinics_policy_is_verified_and_its_key_pinned() {
    let rules =
        Policy::parse(r#"{"lockAfterSeconds": 60, "alerts": {"emergency": {"repeatSeconds": 20}}}"#).unwrap();
    let clinic = Clinic::with(|config| config.policy = rules.clone()).await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let first = okafor.policy(None).await.unwrap();
    assert_eq!(first.policy, rules);
    assert_eq!(okafor.policy(Some(first.key)).await.unwrap(), first);

    let elsewhere = Clinic::with(|config| config.root_secret = vec![7; 32]).await;
    let other = elsewhere.sign_in(OKAFOR).await;
    let found = other.policy(None).await.unwrap().key;
    assert_eq!(other.policy(Some(first.key)).await, Err(PolicyError::KeyChanged { found }));
    let nobody = clinic.client().with_session("nobody's");
    assert_eq!(nobody.policy(None).await, Err(ClientError::SignedOut.into()));
}

#[tokio::test]
async fn the_server_counter_signs_the_head_of_a_log_and_refuses_one_that_goes_back() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let anchor =
        |count, head: &str| NewAnchor { device_id: "ward-3".to_owned(), count, head: head.repeat(32) };
    let kept = okafor.keep_anchor(&anchor(12, "ab")).await.unwrap();
    assert_eq!(kept.device_id, "person physician-12/ward-3");
    // As the audit log reads and checks it.
    let wire = serde_json::to_value(&kept).unwrap();
    let signed: chatehr_audit::SignedAnchor = serde_json::from_value(wire).unwrap();
    let key = okafor.policy(None).await.unwrap().key;
    let key = chatehr_audit::VerifyingKey::from_bytes(&key.to_bytes()).unwrap();
    assert!(chatehr_audit::check(&signed, &key));

    assert_eq!(okafor.keep_anchor(&anchor(12, "ab")).await.unwrap().count, 12, "the same again is the same");
    assert_eq!(okafor.keep_anchor(&anchor(12, "cd")).await, Err(AnchorError::OtherHead { kept: 12 }));
    assert_eq!(okafor.keep_anchor(&anchor(11, "ab")).await, Err(AnchorError::GoesBack { kept: 12 }));
    assert_eq!(okafor.keep_anchor(&anchor(13, "ef")).await.unwrap().count, 13);
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    assert_eq!(
        lindqvist.keep_anchor(&anchor(1, "00")).await.unwrap().count,
        1,
        "each has a log of their own"
    );
    let Err(AnchorError::Client(ClientError::Invalid { fields })) =
        okafor.keep_anchor(&anchor(14, "XY")).await
    else {
        panic!("not refused")
    };
    assert_eq!(fields[0].path, "head");
    let marta = clinic.sign_in(MARTA).await;
    assert_eq!(marta.keep_anchor(&anchor(1, "00")).await, Err(ClientError::Forbidden.into()));
}
