//! Everything that a physician's desktop asks, against the real server.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chatehr_client::{AnchorError, Client, ClientError, Config, PolicyError, SignedIn};
use chatehr_contract::{NewAnchor, Policy, Timestamp};
use chatehr_server::{Running, Sources, start};

const OKAFOR: &str = "482913";
const LINDQVIST: &str = "615208";
const MARTA: &str = "205117";

/// A server on a clock of its own.
struct Clinic {
    running: Running,
    clock: Arc<AtomicI64>,
}

impl Clinic {
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut chatehr_server::Config)) -> Self {
        let begin: Timestamp = "2026-11-23T09:42:00Z".parse().unwrap();
        let clock = Arc::new(AtomicI64::new(begin.millis()));
        let shown = Arc::clone(&clock);
        let secret = b"a root secret of the tests, 32 bytes and more";
        let mut config = chatehr_server::Config::new("127.0.0.1:0".parse().unwrap(), super::KEY, secret);
        config.escalation_look = std::time::Duration::from_secs(3600);
        config.sources =
            Sources::system().with_clock(move || Timestamp::from_millis(shown.load(Ordering::SeqCst)));
        change(&mut config);
        Self { running: start(config).await.unwrap(), clock }
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    fn client(&self) -> Client {
        let mut config = Config::new(self.running.base_url());
        config.api_key = Some(super::KEY.to_owned());
        config.jitter_seed = 1;
        Client::new(config).unwrap()
    }

    async fn sign_in(&self, code: &str) -> SignedIn {
        let client = self.client();
        let session = client.sign_in(code).await.unwrap();
        client.with_session(&session.token)
    }
}

#[tokio::test]
async fn the_clinics_policy_is_verified_and_its_key_pinned() {
    let rules = Policy::parse(r#"{"lockAfterSeconds": 60, "alerts": {"emergency": "sound"}}"#).unwrap();
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
