//! GET /v1/events: server-sent events, ids and urgency only.
//!
//! A listener who falls behind is cut off and replays from where it was: it never holds up who writes.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, header},
    response::{IntoResponse, Response},
};
use chatehr_contract::EventKind;
use futures_util::stream;
use serde_json::Value;
use tokio::{
    sync::{broadcast, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use super::{App, TokenEnd};
use crate::{
    identity::Actor,
    problem::Problem,
    store::{StoreError, StoredEvent},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// One listener's stream.
struct Listener {
    actor: Actor,
    epoch: String,
    /// Written out already, not yet sent.
    ready: VecDeque<String>,
    coming: broadcast::Receiver<Arc<StoredEvent>>,
    heartbeat: Interval,
    stopping: watch::Receiver<bool>,
    /// When the token ends, and with it the stream.
    ends: Option<Instant>,
}

pub(super) async fn stream(
    State(app): State<App>,
    actor: Actor,
    TokenEnd(token_end): TokenEnd,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = headers
        .get(LAST_EVENT_ID)
        .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned())
        .filter(|id| !id.is_empty());
    let store = app.store.clone();
    let listening = tokio::task::spawn_blocking(move || store.listen(last.as_deref()))
        .await
        .map_err(StoreError::from)??;
    let epoch = listening.epoch;
    // Where the stream stands, so that one cut off before its first event can still come back to this place.
    let mut ready = VecDeque::new();
    match listening.missed {
        Some(missed) => {
            let first = missed.first().map_or(listening.latest, |event| event.number.saturating_sub(1));
            ready.push_back(format!(": connected\nid: {epoch}-{first}\n\n"));
            for event in missed.iter().filter(|event| event.audience.includes(&actor)) {
                ready.push_back(written(&epoch, event.number, &event.kind)?);
            }
        }
        None => {
            ready.push_back(": connected\n\n".to_owned());
            ready.push_back(written(&epoch, listening.latest, &EventKind::Reset)?);
        }
    }
    let mut heartbeat = interval_at(Instant::now() + app.heartbeat, app.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ends = token_end.map(|end| {
        let left = end.millis().saturating_sub(app.sources.now().millis());
        Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or(0))
    });
    let listener = Listener {
        actor,
        epoch,
        ready,
        coming: listening.coming,
        heartbeat,
        stopping: app.stopping.clone(),
        ends,
    };
    let body = Body::from_stream(stream::unfold(listener, |mut listener| async move {
        let text = listener.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), listener))
    }));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
}

impl Listener {
    /// What to send next; `None` ends the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Some(text);
            }
            let end = self.ends;
            tokio::select! {
                biased;
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                () = until(end) => return None,
                event = self.coming.recv() => match event {
                    Ok(event) if event.audience.includes(&self.actor) => {
                        return written(&self.epoch, event.number, &event.kind).ok();
                    }
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => return None,
                },
                _ = self.heartbeat.tick() => return Some(": heartbeat\n\n".to_owned()),
            }
        }
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

fn written(epoch: &str, number: i64, kind: &EventKind) -> Result<String, StoreError> {
    let data = serde_json::to_value(kind)?;
    let name = data.get("kind").and_then(Value::as_str).unwrap_or_default();
    Ok(format!("id: {epoch}-{number}\nevent: {name}\ndata: {data}\n\n"))
}
