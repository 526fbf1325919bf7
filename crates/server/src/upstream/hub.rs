//! Events of the ChatEHR behind us: one stream, kept by this machine, for all who listen here.
//!
//! Promises: ids are the upstream's own, so that whoever heard an event through one gateway goes on through another;
//! between what is replayed and what comes there is no gap; while the upstream is away, who listens stays and hears
//! afterwards what was missed. Where that cannot be told, every stream is ended, and who comes back is told to start
//! again. Refuses: passing on an event that does not say for whom it is.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chatehr_contract::EventKind;
use serde_json::Value;
use tokio::{
    sync::{Notify, broadcast, watch},
    time::{Instant, timeout, timeout_at},
};

use super::{
    blocks::{Block, Blocks},
    exchange::{Fault, Way},
    identify::{Door, FRESH},
};
use crate::{
    events::{Listening, Place, StoredEvent},
    problem::Problem,
    sources::Sources,
    visibility::Audience,
};

/// How long a stream may be silent: three of the upstream's heartbeats.
const SILENCE: Duration = Duration::from_secs(45);
/// How long a listener waits for what is on its way.
const PATIENCE: Duration = Duration::from_secs(3);
/// The first window of the wait before another attempt, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// What is kept of the stream.
struct Ring {
    kept: Option<Kept>,
    keep: usize,
    listeners: broadcast::Sender<Arc<StoredEvent>>,
    /// Whether the stream is open.
    open: bool,
}

struct Kept {
    epoch: String,
    /// Whatever follows this number is here.
    floor: i64,
    latest: i64,
    /// From this number on it is no longer the past that comes.
    present: i64,
    events: VecDeque<Arc<StoredEvent>>,
}

/// Who asks for events, and where they are.
enum Found {
    Here(Listening),
    /// Not yet: the stream has to come so far first.
    Ahead,
}

/// The one stream and all listeners.
pub(super) struct Hub {
    way: Arc<Way>,
    door: Arc<Door>,
    sources: Sources,
    ring: Mutex<Ring>,
    queue: usize,
    moved: Notify,
}

impl Hub {
    pub(super) fn new(way: Arc<Way>, door: Arc<Door>, sources: Sources, keep: u32, queue: usize) -> Self {
        let queue = queue.max(1);
        let (listeners, _) = broadcast::channel(queue);
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let ring = Mutex::new(Ring { kept: None, keep, listeners, open: false });
        Self { way, door, sources, ring, queue, moved: Notify::new() }
    }

    /// Keeps the stream until the server stops.
    pub(super) async fn keep(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = self.come_back_always() => {}
        }
    }

    /// Events from after `last`, from the oldest that is kept, or from now.
    pub(super) async fn listen(&self, last: Option<&str>) -> Result<Listening, Problem> {
        let deadline = Instant::now() + PATIENCE.min(self.way.timeout());
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // Registered before looking, or what moves in between would go unheard.
            moved.as_mut().enable();
            if let Found::Here(listening) = self.ring().find(last) {
                return Ok(listening);
            }
            if timeout_at(deadline, moved).await.is_err() {
                return self.ring().without_waiting();
            }
        }
    }

    /// Whether anything of the stream is known.
    pub(super) fn has_begun(&self) -> bool {
        self.ring().kept.is_some()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Whatever panicked elsewhere left whole events here.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn come_back_always(&self) {
        let mut attempt = 0_u32;
        loop {
            let began = Instant::now();
            if let Err(problem) = self.follow().await {
                tracing::info!(code = problem.code(), "the stream of events is interrupted");
            }
            self.way.doubt();
            self.ring().open = false;
            if began.elapsed() > LONGEST_WAIT {
                attempt = 0;
            }
            let window = FIRST_WAIT.saturating_mul(1 << attempt.min(6)).min(LONGEST_WAIT);
            attempt = attempt.saturating_add(1);
            let millis = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
            // Without randomness the whole window: late, and not all at once with others.
            let wait = self.sources.between(0, millis).unwrap_or(millis);
            tokio::time::sleep(Duration::from_millis(wait.into())).await;
        }
    }

    /// One connection, from its beginning to its end.
    async fn follow(&self) -> Result<(), Problem> {
        while !self.door.known(FRESH).await?.tells_events() {
            tokio::time::sleep(LONGEST_WAIT).await;
        }
        let last = self.ring().kept.as_ref().map(|kept| format!("{}-{}", kept.epoch, kept.latest));
        let present = match last {
            Some(_) => None,
            None => Some(self.present().await?),
        };
        let mut response = self.way.open(Some(last.as_deref().unwrap_or("oldest"))).await?;
        let mut blocks = Blocks::default();
        let mut first = true;
        while let Some(bytes) = next(&mut response).await? {
            for block in blocks.feed(&bytes) {
                let took = self.ring().take(block, std::mem::take(&mut first), present.as_ref(), self.queue);
                self.moved.notify_waiters();
                took?;
            }
        }
        Ok(())
    }

    /// The place of the latest event there is: what comes before it is the past, and told to nobody as new.
    async fn present(&self) -> Result<(String, i64), Problem> {
        let mut response = self.way.open(None).await?;
        let mut blocks = Blocks::default();
        while let Some(bytes) = next(&mut response).await? {
            if let Some(block) = blocks.feed(&bytes).into_iter().next() {
                return Ok(place(&block).map(|(epoch, number)| (epoch.to_owned(), number))?);
            }
        }
        Err(Fault::Nonsense("its stream of events ends at once").into())
    }
}

async fn next(response: &mut reqwest::Response) -> Result<Option<axum::body::Bytes>, Fault> {
    let chunk = timeout(SILENCE, response.chunk()).await.map_err(|_| Fault::TimedOut)?;
    chunk.map_err(|_| Fault::Unreachable)
}

fn place(block: &Block) -> Result<(&str, i64), Fault> {
    block
        .id
        .as_deref()
        .and_then(Place::parse)
        .map(|place| (place.epoch, place.number))
        .ok_or(Fault::Nonsense("its events have no place"))
}

impl Ring {
    fn find(&self, last: Option<&str>) -> Found {
        let Some(kept) = self.kept.as_ref().filter(|kept| kept.latest >= kept.present) else {
            return Found::Ahead;
        };
        let from = match last {
            None => Some(kept.latest),
            Some("oldest") => Some(kept.floor),
            Some(last) => match Place::parse(last).filter(|place| place.epoch == kept.epoch) {
                // Another gateway was faster.
                Some(place) if place.number > kept.latest => return Found::Ahead,
                place => place.map(|place| place.number).filter(|number| *number >= kept.floor),
            },
        };
        Found::Here(self.listening(kept, from))
    }

    /// What can be said when waiting has not helped: with the stream open, that there is no such place; else nothing.
    fn without_waiting(&self) -> Result<Listening, Problem> {
        match self.kept.as_ref().filter(|kept| self.open && kept.latest >= kept.present) {
            Some(kept) => Ok(self.listening(kept, None)),
            None => Err(Problem::Upstream { why: "its events do not come" }),
        }
    }

    fn listening(&self, kept: &Kept, from: Option<i64>) -> Listening {
        let missed = from.map(|from| {
            let begin = kept.events.partition_point(|event| event.number <= from);
            kept.events.range(begin..).map(|event| StoredEvent::clone(event)).collect()
        });
        Listening {
            epoch: kept.epoch.clone(),
            latest: kept.latest,
            missed,
            coming: self.listeners.subscribe(),
        }
    }

    /// Takes what comes on a connection; `present` is where the past ends, at the beginning of a stream.
    fn take(
        &mut self,
        block: Block,
        first: bool,
        present: Option<&(String, i64)>,
        queue: usize,
    ) -> Result<(), Fault> {
        if block.id.is_none() {
            return Ok(());
        }
        let (epoch, number) = place(&block)?;
        let event = match &block.data {
            Some(data) => read(data)?,
            None => None,
        };
        let goes_on = self.kept.as_ref().is_some_and(|kept| {
            // At its beginning the stream says where it stands: if that is not where we are, something is missing.
            kept.epoch == epoch && if first { kept.latest == number } else { number > kept.latest }
        });
        let resets = event.as_ref().is_some_and(|(kind, _)| *kind == EventKind::Reset);
        if resets || !goes_on {
            let elsewhere = present.is_some_and(|(known, _)| known != epoch);
            if resets || !first || elsewhere || self.kept.is_some() {
                self.start_over(queue);
                return Err(Fault::Nonsense("its events start again"));
            }
            let present = present.map_or(number, |(_, number)| *number);
            let floor = if event.is_some() { number.saturating_sub(1) } else { number };
            let events = VecDeque::new();
            self.kept = Some(Kept { epoch: epoch.to_owned(), floor, latest: number, present, events });
        }
        self.open = true;
        let Some(kept) = &mut self.kept else { return Ok(()) };
        kept.latest = number;
        let Some((kind, audience)) = event else { return Ok(()) };
        let event = Arc::new(StoredEvent::new(number, kind, audience));
        kept.events.push_back(Arc::clone(&event));
        while kept.events.len() > self.keep {
            if let Some(oldest) = kept.events.pop_front() {
                kept.floor = oldest.number;
            }
        }
        // Nobody listening is no failure.
        drop(self.listeners.send(event));
        Ok(())
    }

    /// Forgets, and ends all streams: who comes back hears where it stands.
    fn start_over(&mut self, queue: usize) {
        self.kept = None;
        self.open = false;
        self.listeners = broadcast::channel(queue).0;
    }
}

/// An event and for whom it is; none for a kind of a newer upstream.
fn read(data: &str) -> Result<Option<(EventKind, Audience)>, Fault> {
    let nonsense = Fault::Nonsense("its events cannot be read");
    let mut data: Value = serde_json::from_str(data).map_err(|_| nonsense)?;
    let audience = data.as_object_mut().and_then(|fields| fields.remove("audience"));
    match (serde_json::from_value(data).map_err(|_| nonsense)?, audience) {
        (EventKind::Reset, _) => Ok(Some((EventKind::Reset, Audience::default()))),
        (EventKind::Unknown, _) => Ok(None),
        (kind, Some(audience)) => Ok(Some((kind, serde_json::from_value(audience).map_err(|_| nonsense)?))),
        (_, None) => Err(Fault::Nonsense("its events do not say for whom they are: its key is no machine's")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: usize = 8;

    fn ring(keep: usize) -> Ring {
        Ring { kept: None, keep, listeners: broadcast::channel(QUEUE).0, open: false }
    }

    fn at(place: &str) -> Block {
        Block { id: Some(place.to_owned()), data: None }
    }

    fn event(place: &str) -> Block {
        let data = r#"{"kind":"appointment.changed","appointmentId":"a","audience":{"patients":[],"physicians":[],"pools":[],"admins":true}}"#;
        Block { id: Some(place.to_owned()), data: Some(data.to_owned()) }
    }

    fn reset(place: &str) -> Block {
        Block { id: Some(place.to_owned()), data: Some(r#"{"kind":"reset"}"#.to_owned()) }
    }

    fn numbers(found: Found) -> Option<Vec<i64>> {
        match found {
            Found::Here(listening) => {
                listening.missed.map(|events| events.iter().map(|event| event.number).collect())
            }
            Found::Ahead => panic!("not there yet"),
        }
    }

    fn filled(keep: usize, latest: i64) -> Ring {
        let mut ring = ring(keep);
        ring.take(at("e-0"), true, Some(&("e".to_owned(), latest)), QUEUE).unwrap();
        for number in 1..=latest {
            ring.take(event(&format!("e-{number}")), false, Some(&("e".to_owned(), latest)), QUEUE).unwrap();
        }
        ring
    }

    #[test]
    fn what_is_kept_is_replayed_and_what_is_not_is_a_reset() {
        let ring = filled(3, 5);
        assert_eq!(numbers(ring.find(Some("e-3"))), Some(vec![4, 5]));
        assert_eq!(numbers(ring.find(Some("e-2"))), Some(vec![3, 4, 5]));
        assert_eq!(numbers(ring.find(Some("oldest"))), Some(vec![3, 4, 5]));
        assert_eq!(numbers(ring.find(None)), Some(vec![]));
        for lost in ["e-1", "other-4", "nonsense", "e--1"] {
            assert_eq!(numbers(ring.find(Some(lost))), None, "{lost}");
        }
    }

    #[test]
    fn who_was_faster_elsewhere_waits_and_is_not_reset() {
        let mut ring = filled(3, 5);
        assert!(matches!(ring.find(Some("e-6")), Found::Ahead));
        ring.take(event("e-6"), false, None, QUEUE).unwrap();
        assert_eq!(numbers(ring.find(Some("e-6"))), Some(vec![]));
    }

    #[test]
    fn the_past_is_told_to_nobody_as_new() {
        let mut ring = ring(10);
        ring.take(at("e-0"), true, Some(&("e".to_owned(), 2)), QUEUE).unwrap();
        ring.take(event("e-1"), false, Some(&("e".to_owned(), 2)), QUEUE).unwrap();
        assert!(matches!(ring.find(None), Found::Ahead));
        ring.take(event("e-2"), false, Some(&("e".to_owned(), 2)), QUEUE).unwrap();
        assert_eq!(numbers(ring.find(None)), Some(vec![]));
    }

    #[test]
    fn a_stream_that_goes_on_where_it_was_loses_nothing() {
        let mut ring = filled(10, 5);
        let Found::Here(mut listening) = ring.find(None) else { panic!() };
        ring.take(at("e-5"), true, None, QUEUE).unwrap();
        ring.take(event("e-6"), false, None, QUEUE).unwrap();
        assert_eq!(listening.coming.try_recv().unwrap().number, 6);
        assert_eq!(numbers(ring.find(Some("e-4"))), Some(vec![5, 6]));
    }

    #[test]
    fn a_stream_that_does_not_go_on_ends_every_listeners_own() {
        for block in [at("e-7"), at("e-3"), at("f-5"), reset("e-9")] {
            let mut ring = filled(10, 5);
            let Found::Here(mut listening) = ring.find(None) else { panic!() };
            assert!(ring.take(block.clone(), true, None, QUEUE).is_err(), "{block:?}");
            assert_eq!(listening.coming.try_recv(), Err(broadcast::error::TryRecvError::Closed), "{block:?}");
            assert!(matches!(ring.find(Some("e-5")), Found::Ahead), "{block:?}");
            ring.take(at("f-9"), true, Some(&("f".to_owned(), 9)), QUEUE).unwrap();
            assert_eq!(numbers(ring.find(Some("e-5"))), None, "{block:?}");
        }
    }

    #[test]
    fn an_event_for_nobody_in_particular_is_passed_on_to_nobody() {
        let mut ring = filled(10, 1);
        let data = r#"{"kind":"appointment.changed","appointmentId":"a"}"#.to_owned();
        assert!(ring.take(Block { id: Some("e-2".into()), data: Some(data) }, false, None, QUEUE).is_err());
    }
}
