//! How long a window waits for what it asks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chatehr_contract::*;
use chatehr_engine::Desk;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

/// Between two rounds of questions: more than a person types in a second.
const PACE: Duration = Duration::from_millis(10);
/// Rounds between two messages: a conversation stays one that somebody writes.
const WRITES: usize = 50;

/// What was asked how often, and the longest that one answer took.
#[derive(Clone, Debug, Default)]
pub struct Waits(pub BTreeMap<&'static str, (usize, Duration)>);

impl Waits {
    fn took(&mut self, what: &'static str, since: Instant) {
        let (count, longest) = self.0.entry(what).or_default();
        *count += 1;
        *longest = (*longest).max(since.elapsed());
    }

    /// The longest of all.
    pub fn longest(&self) -> Duration {
        self.0.values().map(|(_, longest)| *longest).max().unwrap_or_default()
    }
}

impl std::fmt::Display for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (what, (count, longest)) in &self.0 {
            write!(f, "{what} {:.0} ms ({count}); ", longest.as_secs_f64() * 1000.0)?;
        }
        Ok(())
    }
}

/// Somebody who looks and types all the time.
pub struct Sampling {
    over: Arc<AtomicBool>,
    asking: JoinHandle<Waits>,
}

impl Sampling {
    /// Asks what a window asks about this consultation, over and over.
    pub fn begin(desk: &Desk, id: &ConsultationId) -> Self {
        let (desk, id, over) = (desk.clone(), id.clone(), Arc::new(AtomicBool::new(false)));
        let end = over.clone();
        let asking = tokio::spawn(async move {
            let mut waits = Waits::default();
            let mut rounds = 0;
            while !end.load(Ordering::SeqCst) {
                round(&desk, &id, rounds, &mut waits).await;
                rounds += 1;
                sleep(PACE).await;
            }
            waits
        });
        Self { over, asking }
    }

    pub async fn end(self) -> Waits {
        self.over.store(true, Ordering::SeqCst);
        self.asking.await.unwrap()
    }
}

/// What becomes of each is no matter here: a refusal is an answer.
async fn round(desk: &Desk, id: &ConsultationId, rounds: usize, waits: &mut Waits) {
    let began = Instant::now();
    desk.state().await;
    waits.took("state", began);
    for (what, scope) in [("queue", ListScope::Queue), ("own list", ListScope::Mine)] {
        let began = Instant::now();
        drop(desk.list(ConsultationList { scope, limit: 50, ..ConsultationList::default() }).await);
        waits.took(what, began);
    }
    let began = Instant::now();
    drop(desk.consultation(id).await);
    waits.took("consultation", began);
    let began = Instant::now();
    drop(desk.conversation(ConversationRequest { id: id.clone(), limit: 50 }).await);
    waits.took("conversation", began);
    let began = Instant::now();
    let text = format!("what is typed, {rounds}");
    drop(
        desk.save_draft(SaveDraft { consultation_id: id.clone(), of: DraftOf::Message, text: text.clone() })
            .await,
    );
    waits.took("draft", began);
    if rounds.is_multiple_of(WRITES) {
        let began = Instant::now();
        drop(desk.send(&SendMessage { consultation_id: id.clone(), text }).await);
        waits.took("send", began);
    }
}
