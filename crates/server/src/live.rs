//! Life in a demonstration: requests that patients file while one watches. The first is urgent and comes at once; when
//! the first physician begins to watch only after that, an urgent one comes soon for them too.

use std::time::Duration;

use chatehr_contract::{ConsultationId, NewConsultation, Role, SpecialtyCode, Urgency};
use serde_json::Map;
use tokio::sync::watch;

use crate::{
    demo,
    embedded::Embedded,
    escalation::Callable,
    identity::{Actor, Person},
    life_cycle,
    problem::{Causes, Problem},
    sources::Sources,
};

/// Seconds until the first request, from and to.
const FIRST: (u32, u32) = (6, 9);
/// Seconds between the following.
const THEN: (u32, u32) = (45, 90);

/// Files one request after the other until the server stops.
pub(crate) async fn live(embedded: Embedded, sources: Sources, mut stopping: watch::Receiver<bool>) {
    let draw = |(least, most): (u32, u32)| sources.between(least, most).unwrap_or(most);
    let (mut n, mut seconds, mut watched) = (0, draw(FIRST), false);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        if !watched && embedded.store().is_heard() {
            watched = true;
            n = next_urgent(n);
            seconds = draw(FIRST);
        }
        seconds = seconds.saturating_sub(1);
        if seconds > 0 {
            continue;
        }
        if let Err(Problem::Internal(error)) = file(&embedded, &sources, n).await {
            tracing::error!(error = %Causes(error.as_ref()), "a live request could not be filed");
        }
        n += 1;
        seconds = draw(THEN);
    }
}

/// The next one that the demonstration's physicians, two cardiologists, are alerted to.
fn next_urgent(n: u32) -> u32 {
    let alerts = |place: &u32| {
        let arrival = demo::arrival(*place);
        arrival.urgency == Urgency::Urgent && arrival.specialty == SpecialtyCode::Cardiology
    };
    (n..n + 100).find(alerts).unwrap_or(0)
}

async fn file(embedded: &Embedded, sources: &Sources, n: u32) -> Result<(), Problem> {
    let arrival = demo::arrival(n);
    let patient = Actor::Person(Person {
        id: arrival.patient_id.clone(),
        role: Role::Patient,
        delegates_for: None,
        specialties: Vec::new(),
        session: None,
        via: None,
    });
    let request = NewConsultation {
        patient_id: arrival.patient_id,
        specialty: arrival.specialty,
        urgency: arrival.urgency,
        description: arrival.description,
        physician_id: None,
        metadata: Map::new(),
    };
    let (id, now) = (ConsultationId::new(sources.id()?), sources.now());
    let app = embedded.clone();
    embedded
        .store()
        .run(move |tx| {
            let on_call = tx.on_call(&request.specialty, id.as_str())?;
            let callable = Callable { policy: &app.parts().escalation, on_call: &on_call };
            let consultation = life_cycle::create(request, &patient, id, callable, now);
            tx.put_consultation(None, &consultation)?;
            tracing::info!(consultation = %consultation.id, urgency = %consultation.urgency, "live request filed");
            Ok(())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_begins_to_watch_soon_sees_something_urgent() {
        for n in 0..30 {
            let next = next_urgent(n);
            assert!(next >= n);
            let arrival = demo::arrival(next);
            assert_eq!((arrival.urgency, arrival.specialty), (Urgency::Urgent, SpecialtyCode::Cardiology));
        }
    }
}
