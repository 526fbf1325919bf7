//! What goes on behind a locked screen: what was sent just before goes out, and urgent requests are told.
//!
//! Promises: nothing of a patient is kept or shown. An urgent request alerts and repeats as at an open desk, and what it
//! says is how urgent it is; of what an event is about, and of the list that a server without events is asked for each
//! minute, only that is kept. The ledger closes, and the key leaves memory, as soon as nothing waits in it and it is known
//! and on record what became of everything that was asked.

use std::{sync::Arc, time::Duration};

use chatehr_client::{ClientError, SignedIn, StreamItem};
use chatehr_contract::{Consultation, ConsultationId, EventKind};
use chatehr_vault::{OutboxRow, OutboxState};
use tokio::time;

use super::{Inner, Open, locking::LAST_WORDS, opening::person_of, sending::Course};
use crate::alert;

/// How often a server without events is asked.
const ASK: Duration = Duration::from_secs(60);
/// Of a hundred requests so many are the person's, when they come back.
const THE_PERSONS: u32 = 20;

impl Inner {
    /// Sets it going: `files` are those with a closed cache, `place` is where the stream of events was left.
    pub(super) fn begin_locked(self: &Arc<Self>, files: Option<Arc<Open>>, place: Option<String>) {
        let Some(server) = self.presence().locked.as_ref().map(|locked| locked.server.clone()) else {
            return;
        };
        let mut tasks = vec![
            tokio::spawn(self.clone().presence_while_locked()),
            tokio::spawn(self.clone().listen_locked(server, place)),
        ];
        tasks.extend(files.map(|open| tokio::spawn(self.clone().send_locked(open))));
        self.state().tasks.extend(tasks);
    }

    /// Goes on telling what waits, in fewer words.
    pub(super) fn alert_behind_lock(self: &Arc<Self>) {
        let tasks = self.begin_alerting();
        self.state().tasks.extend(tasks);
        self.attend(|watch, now| watch.veil(now));
        self.count_urgent();
    }

    /// Sends what waits, and closes the ledger after that.
    async fn send_locked(self: Arc<Self>, open: Arc<Open>) {
        // An attempt that the lock has cut short is made again, under the same name.
        if let Err(error) = open.vault(|vault| vault.recover()).await {
            tracing::warn!(code = error.code.as_str(), "What was being sent waits for the next opening.");
        }
        let last_words = time::Instant::now() + LAST_WORDS;
        let mut course = Course::default();
        loop {
            let wait = self.send_in_step(&open, &mut course, false).await;
            let waiting = self.note_waiting(&open).await + open.doubts.count();
            if waiting == 0 && time::Instant::now() >= last_words {
                return self.part_from(&open);
            }
            let pause = if waiting == 0 { last_words.duration_since(time::Instant::now()) } else { wait };
            self.until_more_to_send(&open, &mut course, pause).await;
        }
    }

    /// What still waits to be sent without anybody's decision; shown on the lock screen.
    pub(super) async fn note_waiting(&self, open: &Open) -> usize {
        let Ok(rows) = open.vault(|vault| vault.outbox(None)).await else { return 0 };
        let by_itself =
            |row: &&OutboxRow| row.edit.is_none() && !matches!(row.state, OutboxState::Stuck { .. });
        let waiting = rows.iter().filter(by_itself).count();
        self.on_lock_screen(|shown, _, _| *shown = u32::try_from(waiting).unwrap_or(u32::MAX));
        waiting
    }

    async fn listen_locked(self: Arc<Self>, server: SignedIn, place: Option<String>) {
        let mut failures = 0;
        loop {
            match self.listen_thinly(&server, place.clone(), &mut failures).await {
                // What stood before the workstation slept may be dead without anybody saying so.
                Ok(()) => server.give_up_what_hangs(),
                Err(ClientError::SignedOut) => return self.end_session(),
                Err(error) => self.until_another_attempt(&error, &mut failures).await,
            }
        }
    }

    /// Until the connection is lost or, which is `Ok`, the workstation has slept.
    async fn listen_thinly(
        self: &Arc<Self>,
        server: &SignedIn,
        place: Option<String>,
        failures: &mut u32,
    ) -> Result<(), ClientError> {
        let Some(workstation) = &self.workstation else { return std::future::pending().await };
        let health = workstation.client.health().await?;
        self.since.met(&health);
        let mut slept = std::pin::pin!(self.has_slept());
        if !health.has("events") {
            *failures = 0;
            self.set_online();
            self.outbox.notify_one();
            loop {
                match self.look_through(server).await {
                    // Left alone until it may be asked, it is still there.
                    Ok(()) | Err(ClientError::RateLimited { .. }) => {}
                    Err(error) => return Err(error),
                }
                let wait = ASK.max(workstation.gauges.next(THE_PERSONS, false));
                tokio::select! {
                    () = time::sleep(wait) => {}
                    () = self.try_again.notified() => {}
                    () = &mut slept => return Ok(()),
                }
            }
        }
        let mut events = server.events(place);
        loop {
            let item = tokio::select! {
                item = events.next() => item,
                () = &mut slept => return Ok(()),
                () = self.try_again.notified() => {
                    events.retry_now();
                    continue;
                }
            };
            match item {
                StreamItem::Connected => {
                    *failures = 0;
                    self.set_online();
                    self.outbox.notify_one();
                }
                StreamItem::Event(event) => match event.kind {
                    EventKind::ConsultationChanged { consultation_id, .. }
                    | EventKind::EscalationChanged { consultation_id, .. } => {
                        self.look_at(server, &consultation_id).await?;
                    }
                    EventKind::Reset => self.look_through(server).await?,
                    _ => {}
                },
                // What it was about is unknown.
                StreamItem::Malformed => self.look_through(server).await?,
                StreamItem::Disconnected { error, retry_in } => self.set_offline(&error, retry_in),
                StreamItem::SignedOut => return Err(ClientError::SignedOut),
            }
        }
    }

    /// Asks for everything, and keeps nothing of it but what is urgent and waits for this person.
    async fn look_through(self: &Arc<Self>, server: &SignedIn) -> Result<(), ClientError> {
        let rows = server.all_consultations().await?.rows;
        self.alert_gone_all_but(&rows);
        self.tell_urgencies(&rows);
        Ok(())
    }

    async fn look_at(self: &Arc<Self>, server: &SignedIn, id: &ConsultationId) -> Result<(), ClientError> {
        match server.consultation(id).await {
            Ok(consultation) => self.tell_urgencies(&[consultation]),
            Err(error) if error.concerns_this_request() => {
                self.alert_gone(id);
                self.count_urgent();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn tell_urgencies(self: &Arc<Self>, consultations: &[Consultation]) {
        let Some(session) = self.locked_session() else { return };
        let person = person_of(&session);
        let told = consultations.iter().map(|one| (one.id.clone(), alert::claim(one, &person)));
        self.attend(|watch, now| watch.tell(told, now));
        self.count_urgent();
    }

    fn count_urgent(&self) {
        let waiting = u32::try_from(self.watch().waiting()).unwrap_or(u32::MAX);
        self.on_lock_screen(|_, urgent, _| *urgent = waiting);
    }
}
