//! Keeps the files in step with the server: once whole, then event by event.
//!
//! Where the server tells what has changed, an event is the reason to ask for it (`following`). Elsewhere events carry ids;
//! the record is fetched, stored in one transaction and only then is the window told. The place
//! in the stream is stored with what it brought, so that nothing is missed and a repeat changes nothing.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, PoisonError},
    time::Duration,
};

use chatehr_client::{ClientError, ConnectionFault, EventStream, LONGEST_ASKED, Page, StreamItem};
use chatehr_contract::{
    ChangeNotice, Consultation, ConsultationId, ConsultationStatus, EventKind, ListScope, LoadingPart,
    PersonId, ServerEvent, Timestamp,
};
use chatehr_vault::{CacheChange, ListQuery};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::{self, Instant};

use super::{
    Inner, Open,
    loading::{self, Telling},
    rota::Rota,
    upkeep,
};

/// Appointments are kept from so many days ago to so many days ahead.
pub(super) const APPOINTMENT_DAYS: i64 = 31;
/// Requests under way at once in a first synchronisation.
const AT_ONCE: usize = 4;
/// The longest wait between two attempts to reach the server.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest where nothing answers at all: the network may be back at any moment, and an attempt costs nobody anything.
const NEAR: Duration = Duration::from_secs(4);
/// How often it is looked whether the workstation has slept.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(2);
/// Seconds between two such looks from which on it has, or its clock was set: connections may have died meanwhile.
const SLEPT: i64 = 20;

pub(super) const DAY: i64 = 24 * 60 * 60;

impl Inner {
    /// Runs as long as the desk is open.
    pub(super) async fn keep_in_step(self: Arc<Self>, open: Arc<Open>) {
        let (mut failures, mut rota) = (0, Rota::default());
        loop {
            match self.stay_connected(&open, &mut failures, &mut rota).await {
                Ok(()) => {}
                Err(ClientError::SignedOut) => return self.end_session(),
                Err(error) => self.until_another_attempt(&error, &mut failures).await,
            }
        }
    }

    /// Says that there is no connection, and ends when it is to be tried again: after a wait, when a person asks, or when the
    /// workstation wakes.
    pub(super) async fn until_another_attempt(self: &Arc<Self>, error: &ClientError, failures: &mut u32) {
        let wait = backoff(*failures, error);
        *failures = failures.saturating_add(1);
        self.set_offline(error, wait);
        tokio::select! {
            () = time::sleep(wait) => {}
            () = self.try_again.notified() => {}
            () = self.has_slept() => *failures = 0,
        }
    }

    /// From the health check to the loss of the connection. `Ok` asks for another round at once.
    async fn stay_connected(
        self: &Arc<Self>,
        open: &Arc<Open>,
        failures: &mut u32,
        rota: &mut Rota,
    ) -> Result<(), ClientError> {
        let Some(workstation) = &self.workstation else { return Ok(()) };
        // Nothing else goes to a server that has not said that it is ChatEHR.
        let health = workstation.client.health().await?;
        self.since.met(&health);
        if !health.has("events") {
            return self.poll(open, health.has("directory"), failures, rota).await;
        }
        let last_event = open.vault(|vault| vault.last_event()).await.ok().flatten();
        let mut whole = last_event.is_none();
        let mut events = open.server.events(last_event);
        let (directory, changes) = (health.has("directory"), health.has("changes"));
        let mut ready = VecDeque::new();
        let mut slept = std::pin::pin!(self.has_slept());
        loop {
            let item = match ready.pop_front() {
                Some(item) => item,
                None => tokio::select! {
                    item = events.next() => item,
                    () = &mut slept => {
                        // What stood then may be dead without anybody saying so.
                        workstation.client.forget_connections();
                        open.server.give_up_what_hangs();
                        return Ok(());
                    }
                    () = self.try_again.notified() => {
                        events.retry_now();
                        continue;
                    }
                },
            };
            match item {
                StreamItem::Connected => {
                    if whole {
                        self.synchronise_and_listen(open, directory, &mut events, &mut ready).await?;
                        whole = false;
                    } else {
                        if changes {
                            self.follow(open, directory, true).await?;
                        }
                        self.tell_what_waits(open, changes).await?;
                    }
                    *failures = 0;
                    self.set_online();
                    self.outbox.notify_one();
                    self.ask_whose_it_is(open);
                    // What the stream has not brought, or brought to a locked screen.
                    self.look_for_broken_glass(open).await;
                }
                StreamItem::Event(ServerEvent { kind: EventKind::Reset, .. }) if changes => {
                    self.follow(open, directory, false).await?;
                    self.look_for_broken_glass(open).await;
                }
                StreamItem::Event(event) => {
                    self.hear_of_glass(open, &event.kind).await;
                    let reset = event.kind == EventKind::Reset;
                    let known = open.vault(|vault| vault.last_event()).await.ok().flatten().is_some();
                    if changes && known {
                        // All that has arrived meanwhile is one question.
                        let mut glass = false;
                        while let Some(item) = events.next().now_or_never() {
                            match item {
                                StreamItem::Event(event) if event.kind != EventKind::Reset => {
                                    glass |= matches!(event.kind, EventKind::GlassBroken { .. });
                                }
                                item => {
                                    ready.push_back(item);
                                    break;
                                }
                            }
                        }
                        if glass {
                            self.look_for_broken_glass(open).await;
                        }
                        self.follow(open, directory, false).await?;
                    } else {
                        self.take(open, event, directory).await?;
                        if reset {
                            self.look_for_broken_glass(open).await;
                        }
                    }
                }
                StreamItem::Malformed => {
                    // What it was about is unknown, so everything is looked at again.
                    if changes {
                        self.follow(open, directory, false).await?;
                    } else {
                        self.synchronise(open, directory, None).await?;
                    }
                    self.look_for_broken_glass(open).await;
                }
                StreamItem::Disconnected { error, retry_in } => self.set_offline(&error, retry_in),
                StreamItem::SignedOut => return Err(ClientError::SignedOut),
            }
        }
    }

    /// Fetches everything, and meanwhile takes in what changes of consultations: somebody whose heart hurts does not wait for
    /// the names of a thousand others. The events stay in line, because their places are to be kept.
    async fn synchronise_and_listen(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        events: &mut EventStream,
        ready: &mut VecDeque<StreamItem>,
    ) -> Result<(), ClientError> {
        let mut everything = std::pin::pin!(self.synchronise(open, directory, None));
        loop {
            let item = tokio::select! {
                biased;
                done = &mut everything => return done,
                item = events.next() => item,
            };
            let changed = match &item {
                StreamItem::Event(ServerEvent {
                    kind:
                        EventKind::ConsultationChanged { consultation_id, .. }
                        | EventKind::EscalationChanged { consultation_id, .. },
                    ..
                }) if self.first_load.is_listed() => Some(consultation_id.clone()),
                StreamItem::SignedOut => return Err(ClientError::SignedOut),
                _ => None,
            };
            ready.push_back(item);
            if let Some(id) = changed {
                self.refresh_consultation(open, &id, directory).await?;
            }
        }
    }

    /// Ends when much more time has passed than was waited for, or less than none.
    pub(super) async fn has_slept(&self) {
        while !self.has_lost_time() {
            time::sleep(LOOK_AT_CLOCK).await;
        }
        self.clock_was_set();
    }

    /// Whether the clock says something else than has passed since it was looked at last, whoever did.
    fn has_lost_time(&self) -> bool {
        let (now, passed_now) = (self.now(), Instant::now());
        let mut looked = self.looked_at_clock.lock().unwrap_or_else(PoisonError::into_inner);
        let before = looked.replace((now, passed_now));
        before.is_some_and(|(before, passed_before)| {
            let passed = passed_now.saturating_duration_since(passed_before).as_secs();
            let expected = before.plus_seconds(i64::try_from(passed).unwrap_or(i64::MAX));
            now > expected.plus_seconds(SLEPT) || expected > now.plus_seconds(SLEPT)
        })
    }

    /// Takes one event in.
    async fn take(
        self: &Arc<Self>,
        open: &Arc<Open>,
        event: ServerEvent,
        directory: bool,
    ) -> Result<(), ClientError> {
        let place = CacheChange::LastEvent(event.id.clone());
        let synced = CacheChange::SyncedAt(self.now());
        match event.kind {
            EventKind::ConsultationChanged { consultation_id, .. }
            | EventKind::EscalationChanged { consultation_id, .. } => {
                self.refresh_consultation(open, &consultation_id, directory).await?;
                self.store(open, vec![place, synced]).await;
            }
            EventKind::MessageRead { consultation_id, message_id, person_id }
                if person_id == open.person.id =>
            {
                self.read_elsewhere(open, &consultation_id, &message_id).await?;
                self.store(open, vec![place, synced]).await;
                self.tell_consultations(vec![consultation_id]);
            }
            EventKind::MessageCreated { consultation_id, .. }
            | EventKind::MessageRead { consultation_id, .. } => {
                self.refresh_conversation(open, &consultation_id).await?;
                self.store(open, vec![place, synced]).await;
                self.tell_consultations(vec![consultation_id]);
            }
            EventKind::AppointmentChanged { .. } => {
                let changes = vec![self.fetch_appointments(open).await?, place, synced];
                self.store(open, changes).await;
                self.tell_appointments();
            }
            EventKind::Reset => self.synchronise(open, directory, event.id).await?,
            EventKind::GlassBroken { .. } | EventKind::Unknown => self.store(open, vec![place]).await,
        }
        Ok(())
    }

    /// Fetches one consultation and stores it, with its patient and, if it is this person's, its conversation.
    pub(super) async fn refresh_consultation(
        self: &Arc<Self>,
        open: &Open,
        id: &ConsultationId,
        directory: bool,
    ) -> Result<(), ClientError> {
        match open.server.consultation(id).await {
            Ok(consultation) if !self.is_behind_glass(open, &consultation) => {
                // What must be told at once does not wait for the patient's name, unless it says something of it.
                if !self.alerts_name_patients() {
                    self.alert_if_need_be(open, std::slice::from_ref(&consultation)).await;
                }
                let patients = if directory {
                    self.fetch_patients(open, BTreeSet::from([consultation.patient_id.clone()])).await?
                } else {
                    Vec::new()
                };
                self.store(open, patients).await;
                self.take_consultation(open, consultation).await
            }
            Ok(_) | Err(ClientError::NotFound | ClientError::Forbidden) => {
                self.is_gone(open, id).await;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// It is not (any longer) in this person's view.
    pub(super) async fn is_gone(self: &Arc<Self>, open: &Open, id: &ConsultationId) {
        self.store(open, vec![CacheChange::ConsultationGone(id.clone())]).await;
        self.alert_gone(id);
        self.tell_consultations(vec![id.clone()]);
    }

    /// Takes in a consultation as the server has just told it, and its conversation if it is this person's.
    pub(super) async fn take_consultation(
        self: &Arc<Self>,
        open: &Open,
        consultation: Consultation,
    ) -> Result<(), ClientError> {
        let id = consultation.id.clone();
        // Shown first, so that Accept answers at once; its messages follow.
        if self.show_consultation(open, consultation).await {
            self.refresh_conversation(open, &id).await?;
            self.tell_consultations(vec![id]);
        }
        Ok(())
    }

    /// Stores a consultation as the server has just told it, alerts if need be, and tells the window. Whether its
    /// conversation belongs into this person's files.
    pub(super) async fn show_consultation(self: &Arc<Self>, open: &Open, consultation: Consultation) -> bool {
        let id = consultation.id.clone();
        if self.is_behind_glass(open, &consultation) {
            self.is_gone(open, &id).await;
            return false;
        }
        let mine = open.reads_conversation_of(&consultation);
        self.store(open, vec![CacheChange::Consultation(consultation.clone())]).await;
        self.alert_if_need_be(open, std::slice::from_ref(&consultation)).await;
        self.tell_consultations(vec![id]);
        mine
    }

    /// Where the stream goes on from an earlier session, nothing brings what has waited since: it is asked for again
    /// unless it is `fresh`, and told if it still waits.
    async fn tell_what_waits(self: &Arc<Self>, open: &Open, fresh: bool) -> Result<(), ClientError> {
        let (person, whose) = (open.person.clone(), open.whose_lists());
        let queue = open.vault(move |vault| {
            vault.consultations(&ListQuery {
                scope: ListScope::Queue,
                person: &whose,
                specialties: &person.specialties,
                specialty: None,
                offset: 0,
                limit: 500,
            })
        });
        let (queue, _total) = queue.await.unwrap_or_default();
        let (mut waiting, mut changes) = (Vec::new(), Vec::new());
        for held in queue {
            if !held.urgency.alerts() || self.watch().is_told(&held.id) {
                continue;
            }
            if fresh {
                waiting.push(held);
                continue;
            }
            let id = held.id;
            match open.server.consultation(&id).await {
                Ok(consultation) => {
                    changes.push(CacheChange::Consultation(consultation.clone()));
                    waiting.push(consultation);
                }
                Err(ClientError::NotFound | ClientError::Forbidden) => {
                    changes.push(CacheChange::ConsultationGone(id));
                }
                Err(error) => return Err(error),
            }
        }
        self.store(open, changes).await;
        self.alert_if_need_be(open, &waiting).await;
        self.tell(ChangeNotice { state: true, lists: true, ..ChangeNotice::default() });
        Ok(())
    }

    /// Fetches everything and stores it. The lists and today come first, so that they show before the rest has
    /// come.
    pub(super) async fn synchronise(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        last_event: Option<String>,
    ) -> Result<(), ClientError> {
        let telling = self.begin_telling(open).await;
        self.load_first(open, directory, &telling).await?;
        let come = |done, of: Option<u64>| {
            let of = of.and_then(|of| usize::try_from(of).ok()).unwrap_or(done);
            telling.come(LoadingPart::Consultations, done, of);
        };
        let page = open.server.all_consultations_telling(come).await?;
        let consultations = self.take_lists(open, directory, page, &telling).await?;
        let mine: Vec<_> = consultations
            .iter()
            .filter(|consultation| open.reads_conversation_of(consultation))
            .map(|consultation| consultation.id.clone())
            .collect();
        self.load_conversations(open, mine.clone(), &telling).await?;
        self.store(open, vec![CacheChange::LastEvent(last_event), CacheChange::SyncedAt(self.now())]).await;
        self.tell_consultations(mine);
        Ok(())
    }

    /// Takes in all consultations there are, with the appointments and the names that go with them: told and alerted as soon
    /// as they are here.
    pub(super) async fn take_lists(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        page: Page<Consultation>,
        telling: &Telling,
    ) -> Result<Vec<Consultation>, ClientError> {
        let consultations = self.still_kept(open, page.rows).await;
        let changes = if page.skipped == 0 {
            vec![CacheChange::AllConsultations(consultations.clone())]
        } else {
            // Some could not be read; what is held of those must not go.
            consultations.iter().cloned().map(CacheChange::Consultation).collect()
        };
        self.store(open, changes).await;
        telling.listed();
        self.alert_gone_all_but(&consultations);
        // What is urgent waits for nothing that is still to be asked for, and may be refused.
        if !self.alerts_name_patients() {
            self.alert_if_need_be(open, &consultations).await;
        }
        self.tell(ChangeNotice { state: true, lists: true, ..ChangeNotice::default() });
        let mut changes = vec![self.fetch_appointments(open).await?];
        if directory {
            changes.push(CacheChange::Physicians(open.server.physicians().await?.rows));
        }
        self.store(open, changes).await;
        self.tell(ChangeNotice { state: true, lists: true, appointments: true, ..ChangeNotice::default() });

        if directory {
            let from = self.now().plus_seconds(-APPOINTMENT_DAYS * DAY);
            let to = self.now().plus_seconds(APPOINTMENT_DAYS * DAY);
            let appointments =
                open.vault(move |vault| vault.appointments(from, to)).await.unwrap_or_default();
            let mut people = loading::in_order_of_need(&consultations);
            people.extend(appointments.into_iter().map(|appointment| appointment.patient_id));
            self.load_names(open, people, telling).await?;
        }
        if self.alerts_name_patients() {
            self.alert_if_need_be(open, &consultations).await;
        }
        Ok(consultations)
    }

    /// Those that this workstation keeps: not what the clinic wants gone from it by now, but for what is held because it is
    /// unread or unsent.
    async fn still_kept(&self, open: &Open, mut all: Vec<Consultation>) -> Vec<Consultation> {
        let before = upkeep::oldest_kept(&open.policy(), self.now());
        let is_past = |one: &Consultation| {
            one.updated_at < before
                && matches!(one.status, ConsultationStatus::Completed | ConsultationStatus::Cancelled)
        };
        let past: Vec<_> = all.iter().filter(|one| is_past(one)).map(|one| one.id.clone()).collect();
        if !past.is_empty() {
            let held = open.vault(move |vault| vault.held(&past)).await.unwrap_or_default();
            all.retain(|one| !is_past(one) || held.contains(&one.id));
        }
        all
    }

    pub(super) async fn fetch_appointments(&self, open: &Open) -> Result<CacheChange, ClientError> {
        let from: Timestamp = self.now().plus_seconds(-APPOINTMENT_DAYS * DAY);
        let to = self.now().plus_seconds(APPOINTMENT_DAYS * DAY);
        let rows = open.server.appointments(from, to).await?.rows;
        Ok(CacheChange::AppointmentsIn { from, to, rows })
    }

    /// Fetches those of the people who are not in the files yet.
    pub(super) async fn fetch_patients(
        &self,
        open: &Open,
        people: BTreeSet<PersonId>,
    ) -> Result<Vec<CacheChange>, ClientError> {
        let ids: Vec<_> = people.iter().cloned().collect();
        let known = open.vault(move |vault| vault.patients(&ids)).await.unwrap_or_default();
        let known: BTreeSet<_> = known.into_iter().map(|patient| patient.id).collect();
        let unknown: Vec<_> = people.difference(&known).cloned().collect();
        let mut answers = stream::iter(unknown)
            .map(|id| {
                let server = open.server.clone();
                async move { server.patient(&id).await }
            })
            .buffer_unordered(AT_ONCE);
        let mut changes = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(patient) => changes.push(CacheChange::Patient(patient)),
                // Somebody whom the directory does not know is shown by their id.
                Err(ClientError::NotFound | ClientError::Forbidden) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(changes)
    }

    pub(super) fn tell_appointments(&self) {
        self.tell(ChangeNotice { state: true, appointments: true, ..ChangeNotice::default() });
    }

    /// Stores what the server said. A failure is logged and shown by the next question to the files; the server
    /// keeps the record, so nothing is lost.
    pub(super) async fn store(&self, open: &Open, changes: Vec<CacheChange>) {
        if changes.is_empty() {
            return;
        }
        if let Err(error) = open.vault(move |vault| vault.apply(&changes)).await {
            tracing::error!(code = error.code.as_str(), "What the server said could not be stored.");
        }
    }
}

/// 1, 2, 4 … 30 seconds; no more than four where nothing answers, and never less than the server asks for. Without jitter:
/// a person looks at the countdown, and one workstation is no stampede; the stream's own reconnection, which a whole
/// clinic does at once, has it.
fn backoff(failures: u32, error: &ClientError) -> Duration {
    let longest = match error {
        // Something answers, and a certificate is not renewed from one moment to the next.
        ClientError::Unreachable(ConnectionFault::NotSecure) => LONGEST_WAIT,
        ClientError::Unreachable(_) => NEAR,
        _ => LONGEST_WAIT,
    };
    let asked = match error {
        ClientError::RateLimited { retry_after } | ClientError::ServerFault { retry_after, .. } => {
            *retry_after
        }
        _ => None,
    };
    let wait = Duration::from_secs(1u64 << failures.min(5)).min(longest);
    wait.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(error: &ClientError) -> Vec<u64> {
        (0..8).map(|failures| backoff(failures, error).as_secs()).collect()
    }

    #[test]
    fn the_wait_grows_and_stays_bearable() {
        assert_eq!(waits(&ClientError::Timeout), [1, 2, 4, 8, 16, 30, 30, 30]);
        let nowhere = ClientError::Unreachable(ConnectionFault::NotMade(None));
        assert_eq!(waits(&nowhere), [1, 2, 4, 4, 4, 4, 4, 4]);
        let nobody_vouches = ClientError::Unreachable(ConnectionFault::NotSecure);
        assert_eq!(waits(&nobody_vouches), [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn what_the_server_asks_for_is_waited_out_within_reason() {
        let asked = |seconds| ClientError::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(waits(&asked(10)), [10, 10, 10, 10, 16, 30, 30, 30]);
        assert_eq!(waits(&asked(1_000_000))[0], 900, "the original's whole window");
    }
}
