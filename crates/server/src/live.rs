//! Life in a demonstration: requests that patients file while one watches. The first is urgent and comes at once.

use std::{sync::Arc, time::Duration};

use chatehr_contract::{ConsultationId, NewConsultation, Role};
use serde_json::Map;
use tokio::sync::watch;

use crate::{
    demo,
    identity::{Actor, Person},
    life_cycle,
    problem::{Causes, Problem},
    sources::Sources,
    store::Store,
};

/// Seconds until the first request, from and to.
const FIRST: (u32, u32) = (6, 9);
/// Seconds between the following.
const THEN: (u32, u32) = (45, 90);

/// Files one request after the other until the server stops.
pub(crate) async fn live(store: Arc<Store>, sources: Sources, mut stopping: watch::Receiver<bool>) {
    for n in 0.. {
        let (least, most) = if n == 0 { FIRST } else { THEN };
        let seconds = sources.between(least, most).unwrap_or(most);
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(Duration::from_secs(u64::from(seconds))) => {}
        }
        if let Err(Problem::Internal(error)) = file(&store, &sources, n).await {
            tracing::error!(error = %Causes(error.as_ref()), "a live request could not be filed");
        }
    }
}

async fn file(store: &Arc<Store>, sources: &Sources, n: u32) -> Result<(), Problem> {
    let arrival = demo::arrival(n);
    let patient = Actor::Person(Person {
        id: arrival.patient_id.clone(),
        role: Role::Patient,
        specialties: Vec::new(),
    });
    let request = NewConsultation {
        patient_id: arrival.patient_id,
        specialty: arrival.specialty,
        urgency: arrival.urgency,
        description: arrival.description,
        physician_id: None,
        metadata: Map::new(),
    };
    let consultation =
        life_cycle::create(request, &patient, ConsultationId::new(sources.id()?), sources.now());
    store
        .run(move |tx| {
            tx.put_consultation(None, &consultation)?;
            tracing::info!(consultation = %consultation.id, urgency = %consultation.urgency, "live request filed");
            Ok(())
        })
        .await
}
