//! The steps of escalation, taken when they are due.
//!
//! When a step is due stands in the record, so there is no timer to lose: whoever looks finds it, and finds it once,
//! because the step itself moves the due time on in the same transaction.

use std::time::Duration;

use chatehr_contract::{Consultation, PersonId};
use tokio::sync::watch;

use super::{Embedded, Parts};
use crate::{
    escalation::Callable,
    life_cycle,
    problem::{Causes, Problem},
    provider::Trace,
    store::Tx,
    trail::{Ending, Note},
};

/// Steps in one transaction at most.
const AT_ONCE: u32 = 100;

/// Looks for steps that are due until the server stops. `told` hears of how many were taken, how many
/// requests wait for one, and for how many it is still due.
pub(crate) async fn escalate_when_due(
    embedded: Embedded,
    look: Duration,
    mut stopping: watch::Receiver<bool>,
    told: impl Fn(u64, i64, i64) + Send,
) {
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(look) => {}
        }
        let app = embedded.clone();
        match embedded.store().run(move |tx| take_due_steps(app.parts(), tx)).await {
            Ok((steps, waiting, due)) => told(steps, waiting, due),
            Err(Problem::Internal(error)) => {
                tracing::error!(error = %Causes(error.as_ref()), "steps of escalation could not be taken");
            }
            Err(_) => {}
        }
    }
}

fn take_due_steps(app: &Parts, tx: &Tx<'_>) -> Result<(u64, i64, i64), Problem> {
    let now = app.sources.now();
    let mut steps = 0;
    for before in tx.due(now, AT_ONCE)? {
        let on_call: Vec<PersonId> = tx.on_call(&before.specialty, before.id.as_str())?;
        let callable = Callable { policy: &app.escalation, on_call: &on_call };
        let Some(after) = life_cycle::escalate(&before, callable, now) else { continue };
        tx.put_consultation(Some(&before), &after)?;
        tx.note(&noted(&after, now))?;
        steps += 1;
    }
    let (waiting, due) = tx.waiting(now)?;
    let clip = |count| i64::try_from(count).unwrap_or(i64::MAX);
    Ok((steps, clip(waiting), clip(due)))
}

fn noted(after: &Consultation, now: chatehr_contract::Timestamp) -> Note {
    let mut note = Note::new("consultation.escalate", None, &Trace::default(), Ending::Success, now);
    note.objects = vec![after.id.to_string()];
    note.objects
        .extend(after.escalation().and_then(|escalation| escalation.target_id).map(|id| id.to_string()));
    note.patient = Some(after.patient_id.clone());
    note.reason = after.escalation().map(|escalation| format!("level {}", escalation.level));
    note
}
