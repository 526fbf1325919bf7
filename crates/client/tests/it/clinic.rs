//! The real server, in this process and on a clock of its own.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chatehr_client::{Client, Config, SignedIn};
use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, ConsultationUpdate, NewConsultation, PersonId,
    SpecialtyCode, Timestamp, Urgency,
};
use chatehr_server::{Running, Sources, start};

pub(crate) const OKAFOR: &str = "482913";
pub(crate) const LINDQVIST: &str = "615208";
pub(crate) const MARTA: &str = "205117";
pub(crate) const FELDMAN: &str = "918364";

/// A server on a clock of its own.
pub(crate) struct Clinic {
    pub(crate) running: Running,
    clock: Arc<AtomicI64>,
}

impl Clinic {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut chatehr_server::Config)) -> Self {
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

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn client(&self) -> Client {
        let mut config = Config::new(self.running.base_url());
        config.api_key = Some(super::KEY.to_owned());
        config.jitter_seed = 1;
        Client::new(config).unwrap()
    }

    pub(crate) async fn sign_in(&self, code: &str) -> SignedIn {
        let client = self.client();
        let session = client.sign_in(code).await.unwrap();
        client.with_session(&session.token)
    }
}

/// Marta asks for a consultation.
pub(crate) async fn asked(marta: &SignedIn, urgency: Urgency, key: &str) -> Consultation {
    let new = NewConsultation {
        patient_id: PersonId::new("patient-2041"),
        specialty: SpecialtyCode::Cardiology,
        urgency,
        description: "It hurts".to_owned(),
        physician_id: None,
        metadata: serde_json::Map::new(),
    };
    marta.create_consultation(&new, key).await.unwrap()
}

pub(crate) fn to(status: ConsultationStatus, notes: Option<&str>) -> ConsultationUpdate {
    ConsultationUpdate { status, physician_id: None, notes: notes.map(str::to_owned) }
}

/// A physician takes it.
pub(crate) async fn taken(by: &SignedIn, id: &ConsultationId, key: &str) -> Consultation {
    by.update_consultation(id, &to(ConsultationStatus::Assigned, None), key).await.unwrap()
}
