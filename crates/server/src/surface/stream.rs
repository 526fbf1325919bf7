//! GET /events: server-sent events, ids and urgency only.
//!
//! A listener who falls behind is cut off and replays from where it was: it never holds up who writes.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use chatehr_contract::{EventKind, Physician};
use futures_util::stream;
use tokio::{
    sync::{broadcast, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use super::{App, Caller};
use crate::{
    authenticate::is_jwt,
    events::StoredEvent,
    identity::{Actor, Person},
    metrics::Counted,
    op::{self, Op, Outcome},
    problem::Problem,
    provider::{Call, Token, Trace},
    rate::{Guard, Key},
    visibility::Audience,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What a stream is told when the server stops: to come back, and not all at once.
const COME_BACK: &str = ": the server stops\nretry: 2000\n\n";

/// Events that a person may have missed and still be told one by one: more is fetched faster as changes.
const MOST_MISSED: usize = 20_000;

/// One listener's stream.
struct Listener {
    actor: Actor,
    epoch: String,
    /// Written out already, not yet sent.
    ready: VecDeque<Bytes>,
    coming: broadcast::Receiver<Arc<StoredEvent>>,
    heartbeat: Interval,
    stopping: watch::Receiver<bool>,
    /// When the token ends, and with it the stream.
    ends: Option<Instant>,
    /// A session of ours, which may end before that. A token of the OpenID provider cannot be taken back.
    session: Option<(App, Token)>,
    ended: bool,
    _place: Guard,
    _counted: Counted,
}

/// Opens a stream for who has been let in.
pub(super) async fn stream(
    app: &App,
    caller: Caller,
    key: &Key,
    headers: &HeaderMap,
    trace: Trace,
) -> Result<Response, Problem> {
    let place = app.streams.enter(key).ok_or(Problem::TooMany {
        headers: vec![(header::RETRY_AFTER, HeaderValue::from_static("60"))],
        message: "Too many event streams are open for this person; close one.",
    })?;
    let last = headers
        .get(LAST_EVENT_ID)
        .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned())
        .filter(|id| !id.is_empty());
    let actor = with_specialties(app, caller.actor, trace).await;
    // Everything that is kept is replayed to a gateway alone; a person who missed so much starts again from nothing.
    let last = last.filter(|last| last != "oldest" || matches!(actor, Actor::Machine(_)));
    let mut listening = app.provider.listen(last.as_deref()).await?;
    if matches!(actor, Actor::Person(_))
        && listening.missed.as_ref().is_some_and(|missed| missed.len() > MOST_MISSED)
    {
        listening.missed = None;
    }
    let epoch = listening.epoch;
    // Where the stream stands, so that one cut off before its first event can still come back to this place.
    let mut ready = VecDeque::new();
    match listening.missed {
        Some(missed) => {
            let first = missed.first().map_or(listening.latest, |event| event.number.saturating_sub(1));
            ready.push_back(format!(": connected\nid: {epoch}-{first}\n\n").into());
            for event in missed.iter().filter(|event| event.audience.includes(&actor)) {
                ready.push_back(written(&epoch, event, &actor)?);
            }
        }
        None => {
            ready.push_back(Bytes::from_static(b": connected\n\n"));
            let reset = StoredEvent::new(listening.latest, EventKind::Reset, Audience::default());
            ready.push_back(reset.write(&epoch, false)?);
        }
    }
    let mut heartbeat = interval_at(Instant::now() + app.heartbeat, app.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ends = caller.ends.map(|end| {
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
        session: (ends.is_some() && !is_jwt(&caller.token.0)).then(|| (app.clone(), caller.token)),
        ends,
        ended: false,
        _place: place,
        _counted: Counted::new(&app.metrics.event_streams),
    };
    let body = Body::from_stream(stream::unfold(listener, |mut listener| async move {
        let text = listener.next().await?;
        Some((Ok::<_, Infallible>(text), listener))
    }));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
}

/// A physician whose token names no specialty hears of the pools that the directory has for them, as they see them.
async fn with_specialties(app: &App, actor: Actor, trace: Trace) -> Actor {
    let Some(me) = actor.person().filter(|me| me.specialties.is_empty()) else { return actor };
    let Some(physician) = me.stands_for() else { return actor };
    let call = Call {
        actor: actor.clone(),
        op: Op::ReadPhysician(physician.to_string()),
        once: None,
        if_match: None,
        sealed: false,
        reason: None,
        trace,
        now: app.sources.now(),
    };
    // Who is not in the directory hears of their own alone.
    let Ok(Outcome { body: op::Body::Json(json), .. }) = app.provider.perform(call).await else {
        return actor;
    };
    let specialties =
        serde_json::from_str::<Physician>(&json).map(|known| known.specialties).unwrap_or_default();
    Actor::Person(Person { specialties, ..me.clone() })
}

impl Listener {
    /// What to send next; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Some(text);
            }
            let end = self.ends;
            tokio::select! {
                biased;
                _ = self.stopping.wait_for(|stopping| *stopping) => {
                    self.ended = true;
                    return Some(Bytes::from_static(COME_BACK.as_bytes()));
                }
                () = until(end) => return None,
                event = self.coming.recv() => match event {
                    Ok(event) if event.audience.includes(&self.actor) => {
                        return written(&self.epoch, &event, &self.actor).ok();
                    }
                    Ok(_) => continue,
                    Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => return None,
                },
                _ = self.heartbeat.tick() => {}
            }
            return (!self.session_is_over().await).then(|| Bytes::from_static(b": heartbeat\n\n"));
        }
    }

    /// Whether the person has signed out since. Where that cannot be told, the stream goes on until the token's end.
    async fn session_is_over(&self) -> bool {
        let Some((app, token)) = &self.session else { return false };
        matches!(app.provider.session(&token.0, app.sources.now()).await, Ok(None))
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

fn written(epoch: &str, event: &StoredEvent, actor: &Actor) -> Result<Bytes, Problem> {
    Ok(match actor {
        Actor::Machine(_) => event.write(epoch, true)?,
        Actor::Person(_) => event.text(epoch)?,
    })
}
