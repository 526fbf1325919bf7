//! What is done beside: forgetting what need not be kept, in small pieces, so that nobody waits for it.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    embedded::Embedded,
    problem::{Causes, Problem},
    rate::Rates,
};

/// Between two rounds over the store.
const ROUND: Duration = Duration::from_secs(600);
/// Between two rounds over the limits.
const RATES: Duration = Duration::from_secs(60);

/// Forgets old answers, ended sessions and audit entries past their time, until the server stops.
pub(crate) async fn keep(embedded: Embedded, audit_days: u32, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        let app = embedded.clone();
        let done = embedded.store().run(move |tx| {
            let parts = app.parts();
            let now = parts.sources.now();
            tx.forget_old_answers(now)?;
            tx.forget_ended_sessions(now)?;
            let before = now.plus_seconds(-i64::from(audit_days) * 24 * 3600);
            Ok(tx.prune_trail(before, parts.policy.key(), now)?)
        });
        if let Err(Problem::Internal(error)) = done.await {
            tracing::error!(error = %Causes(error.as_ref()), "housekeeping failed");
        }
    }
}

/// Forgets the limits of those who are gone.
pub(crate) async fn forget_idle_rates(rates: Arc<Rates>, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(RATES) => rates.forget_idle(),
        }
    }
}
