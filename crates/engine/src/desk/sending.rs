//! Empties the outbox.
//!
//! Promises: a row leaves it only when the server has it and its answer is in the files; a repeat sends the same bytes
//! under the same idempotency key, so the server does it once, and where the server knows no such keys it is looked at
//! first whether it was done; the order within a conversation holds, of words and of steps; what cannot be sent is stuck
//! with a reason that the person sees; what the server turns out to have is not waited for or shown as stuck any more.
//! Refuses to send any words to a patient unsealed.

use std::{sync::Arc, time::Duration};

use chatehr_client::{ClientError, LONGEST_ASKED};
use chatehr_contract::{
    Connection, Consultation, ConsultationUpdate, ErrorCode, ErrorReport, Message, MessageKind, NewMessage,
    PersonId, Timestamp,
};
use chatehr_seal::Binding;
use chatehr_vault::{CacheChange, OutboxKind, OutboxRow, OutboxState, VaultError};
use futures_util::{StreamExt, stream};
use serde_json::Map;
use tokio::{
    sync::watch,
    time::{self, Instant},
};

use super::{
    Inner, Open, acting,
    asking::{MOST_VERSIONS, still_offered},
    views, writing,
};

/// Without anything else to wake it, the outbox looks for what is due this often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The longest wait between two attempts at one message, in seconds.
const LONGEST_WAIT: i64 = 60;
/// The shortest, in milliseconds.
const SHORTEST_WAIT: i64 = 250;
/// Between two looks whether a server that failed does again, so many milliseconds, and up to as many more: a clinic's
/// workstations do not look all at once.
const LOOK_AT_SERVER: u64 = 2_000;
/// What waits goes out after so long from the first good answer, no sooner than after any failure, and within so many
/// milliseconds more, for the same reason.
const SOONEST: Duration = Duration::from_millis(250);
const HERD: u64 = 750;
/// Between two times that all waits are ended, in seconds; it doubles where that has helped nothing.
const END_WAITS: u64 = 3;
/// So often it has helped nothing before it doubles.
const FRUITLESS: u32 = 8;
/// Between two looks at what became of a question, in seconds; it doubles likewise.
const LOOK_INTO: u64 = 1;
/// Answers that cannot be read before a person is asked; the server may have acted on each.
const UNREADABLE: u32 = 6;
/// Attempts under way at once.
const AT_ONCE: usize = 4;

/// Milliseconds to wait after so many attempts: somewhere between nothing and a window that doubles up to a minute ("full
/// jitter"), so that a clinic's workstations do not all come back at once; never less than the server asks for.
fn wait_after(attempts: u32, asked: Option<Duration>, random: u32) -> i64 {
    let window = 1000i64.saturating_mul(1 << attempts.min(6)).min(LONGEST_WAIT * 1000);
    let drawn = i64::from(random) * window / i64::from(u32::MAX);
    let asked = asked.map_or(0, |asked| i64::try_from(asked.as_millis()).unwrap_or(i64::MAX));
    let asked = asked.min(longest_asked());
    drawn.max(SHORTEST_WAIT).max(asked)
}

/// What a server may ask for at most, in milliseconds.
fn longest_asked() -> i64 {
    i64::try_from(LONGEST_ASKED.as_millis()).unwrap_or(i64::MAX)
}

/// Whether the files have taken what became of a row.
enum Kept {
    Yes,
    No,
    SignedOut,
}

/// What to do with a row after an attempt.
enum Outcome {
    Sent,
    Gone,
    /// Not before this; and whether the server may have it all the same, here and below.
    Later(Timestamp, bool),
    Stuck(ErrorReport, bool),
    SignedOut(bool),
}

/// What the loop remembers of the connection.
#[derive(Default)]
pub(super) struct Course {
    /// Of the connection that the waiting rows were last looked at under.
    online_since: Option<Timestamp>,
    /// Counts how often the server has done again after it did not.
    recoveries: Option<watch::Receiver<u64>>,
    /// When all waits were last ended for that, and how often it has helped nothing.
    ended: Option<Instant>,
    fruitless: u32,
    /// Something waits that failed.
    waits: bool,
    /// So many questions were in doubt; when they were last looked into, and how often that has shown nothing.
    doubts: usize,
    looked_into: Option<Instant>,
    in_vain: u32,
}

impl Course {
    /// How long it is until the waits may be ended once more.
    fn may_end_waits_in(&self, now: Instant) -> Duration {
        left_of(END_WAITS, self.fruitless, self.ended, now)
    }

    /// The same of what is in doubt: who cannot be told must not use up what the server lets be asked.
    fn may_look_into_in(&self, now: Instant) -> Duration {
        left_of(LOOK_INTO, self.in_vain, self.looked_into, now)
    }

    /// So many questions are in doubt: another one is looked into at the next contact.
    fn note_doubts(&mut self, doubts: usize) {
        if doubts > self.doubts {
            (self.looked_into, self.in_vain) = (None, 0);
        }
        self.doubts = doubts;
    }

    fn has_recovered(&self) -> bool {
        self.recoveries.as_ref().is_some_and(|count| count.has_changed().unwrap_or(false))
    }

    fn waits_are_ended(&mut self, now: Instant) {
        (self.ended, self.fruitless) = (Some(now), self.fruitless.saturating_add(1));
        if let Some(count) = &mut self.recoveries {
            count.mark_unchanged();
        }
    }
}

/// What is left of so many seconds since then, which double after having been in vain for a while, up to a minute.
fn left_of(apart: u64, in_vain: u32, last: Option<Instant>, now: Instant) -> Duration {
    let apart = apart << in_vain.saturating_sub(FRUITLESS).min(6);
    let since = last.map_or(Duration::MAX, |last| now.saturating_duration_since(last));
    Duration::from_secs(apart).min(Duration::from_secs(60)).saturating_sub(since)
}

impl Inner {
    /// Runs as long as the desk is open.
    pub(super) async fn keep_sending(self: Arc<Self>, open: Arc<Open>) {
        let mut course = Course::default();
        loop {
            let wait = self.send_in_step(&open, &mut course, true).await;
            self.until_more_to_send(&open, &mut course, wait).await;
        }
    }

    /// Sends what is due, unless there is no connection or the server wants to be left alone; how long it is until that is
    /// to be looked at again.
    pub(super) async fn send_in_step(
        self: &Arc<Self>,
        open: &Arc<Open>,
        course: &mut Course,
        receipts: bool,
    ) -> Duration {
        let connection = self.state().connection.clone();
        let Connection::Online { since } = connection else { return LOOK_AGAIN };
        let Some(gauges) = self.workstation.as_ref().map(|workstation| &workstation.gauges) else {
            return LOOK_AGAIN;
        };
        if let Some(held) = gauges.held() {
            // Told by somebody else meanwhile, it need not be sent.
            self.put_right(open, false).await;
            return held.min(LOOK_AGAIN);
        }
        let mut wait = LOOK_AGAIN;
        if course.online_since != Some(since) {
            course.online_since = Some(since);
            course.note_doubts(0);
            // What failed for want of a connection need not wait now that there is one.
            self.put_right(open, true).await;
        } else if course.waits && course.has_recovered() {
            let end_in = course.may_end_waits_in(Instant::now());
            if end_in.is_zero() {
                course.waits_are_ended(Instant::now());
                time::sleep(SOONEST + self.drawn(HERD)).await;
                self.put_right(open, true).await;
            } else {
                wait = wait.min(end_in);
            }
        }
        let next = self.send_what_is_due(open).await;
        course.waits = next.is_some();
        if next.is_none() {
            course.fruitless = 0;
            // Of what waits later this says nothing.
            course.recoveries.as_mut().map(watch::Receiver::mark_unchanged);
        }
        wait = wait.min(next.unwrap_or(wait));
        if gauges.held().is_none() {
            if receipts {
                self.send_receipts(open).await;
            }
            course.note_doubts(open.doubts.count());
            if course.doubts > 0 && course.may_look_into_in(Instant::now()).is_zero() {
                self.clear_doubts(open).await;
                (course.looked_into, course.in_vain) =
                    (Some(Instant::now()), course.in_vain.saturating_add(1));
            }
        }
        course.note_doubts(open.doubts.count());
        if course.doubts > 0 { wait.min(course.may_look_into_in(Instant::now())) } else { wait }
    }

    /// Ends after so long, or sooner: when there is something new to send, or a server that failed does again. Whether it
    /// does is asked meanwhile, because nothing else may be.
    pub(super) async fn until_more_to_send(&self, open: &Open, course: &mut Course, wait: Duration) {
        let Some(gauges) = self.workstation.as_ref().map(|workstation| &workstation.gauges) else {
            return time::sleep(wait).await;
        };
        let until = Instant::now() + wait;
        let recoveries = course.recoveries.get_or_insert_with(|| gauges.recoveries());
        // What could not be done at once is looked at when it is time.
        let known = recoveries.has_changed().unwrap_or(false);
        let look_at_server = async {
            loop {
                time::sleep(Duration::from_millis(LOOK_AT_SERVER) + self.drawn(LOOK_AT_SERVER)).await;
                if course.waits && gauges.is_troubled() && self.is_online() && gauges.next(0, true).is_zero()
                {
                    // Whoever waits for it is told by the gauges.
                    drop(open.server.is_there().await);
                }
            }
        };
        tokio::select! {
            () = self.outbox.notified() => {}
            _ = recoveries.changed(), if !known => recoveries.mark_changed(),
            () = look_at_server => {}
            () = time::sleep_until(until) => {}
        }
    }

    /// Up to so many milliseconds; all of them where there is no randomness.
    fn drawn(&self, millis: u64) -> Duration {
        Duration::from_millis(millis * u64::from(self.draw()) / u64::from(u32::MAX))
    }

    fn draw(&self) -> u32 {
        let mut random = [0; 4];
        self.surroundings.random.fill(&mut random).map_or(u32::MAX, |()| u32::from_le_bytes(random))
    }

    /// Sends until nothing is due, and says how long it is until something is.
    pub(super) async fn send_what_is_due(self: &Arc<Self>, open: &Arc<Open>) -> Option<Duration> {
        loop {
            let next = self.put_right(open, false).await;
            let Ok(rows) = self.due(open).await else { return None };
            if rows.is_empty() {
                return next;
            }
            // One of each conversation: a slow one holds up nobody else's.
            let mut attempts =
                stream::iter(rows).map(|row| self.attempt_and_keep(open, row)).buffer_unordered(AT_ONCE);
            let mut go_on = true;
            while let Some(kept) = attempts.next().await {
                match kept {
                    Kept::Yes => {}
                    // The files do not take the outcome: going on would repeat it without end.
                    Kept::No => go_on = false,
                    Kept::SignedOut => {
                        self.end_session();
                        return None;
                    }
                }
            }
            if !go_on {
                return None;
            }
            if self.workstation.as_ref().is_some_and(|workstation| workstation.gauges.held().is_some()) {
                return self.put_right(open, false).await;
            }
        }
    }

    /// Settles rows whose message the server has told in the meantime, and ends waits that the clock no longer
    /// measures: set back, it would keep a message for an hour. With `at_once` every wait ends. How long it is until the
    /// next row is due.
    pub(super) async fn put_right(&self, open: &Open, at_once: bool) -> Option<Duration> {
        let (now, me) = (self.now(), open.person.id.clone());
        let farthest = Timestamp::from_millis(
            now.millis().saturating_add(longest_asked().max(LONGEST_WAIT * 1000) + 1000),
        );
        let looked = open.vault(move |vault| {
            let mut next: Option<Timestamp> = None;
            let mut settled = Vec::new();
            for row in vault.outbox(None)?.into_iter().filter(|row| row.state != OutboxState::Sending) {
                if was_told(vault, &row, &me)? {
                    vault.settle(&row.envelope_id)?;
                    settled.push(row.consultation_id);
                } else if let Some(until) = row.next_attempt_at.filter(|until| *until > now) {
                    if at_once || until > farthest {
                        vault.postpone(&row.envelope_id, now, row.in_doubt)?;
                    } else {
                        next = Some(next.map_or(until, |next| next.min(until)));
                    }
                }
            }
            Ok((next, settled))
        });
        let (next, settled) = looked.await.unwrap_or_default();
        if !settled.is_empty() {
            self.tell_consultations(settled);
        }
        let millis = next?.millis().saturating_sub(now.millis());
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
    }

    async fn attempt_and_keep(self: &Arc<Self>, open: &Arc<Open>, row: OutboxRow) -> Kept {
        let (envelope, consultation) = (row.envelope_id.clone(), row.consultation_id.clone());
        let refusal = writing::about(open.entry("message.refuse", self.now()), &row, "refuse");
        let stored = match self.attempt(open, row).await {
            Outcome::Sent | Outcome::Gone => Ok(()),
            Outcome::Later(until, doubt) => {
                open.vault(move |vault| vault.postpone(&envelope, until, doubt)).await
            }
            Outcome::Stuck(why, doubt) => {
                let (outcome, reason) = (chatehr_audit::Outcome::Refused, Some(why.code.as_str().to_owned()));
                self.note(open, chatehr_audit::NewEntry { outcome, reason, ..refusal }).await;
                open.vault(move |vault| vault.stick(&envelope, why.code, why.detail.as_deref(), doubt)).await
            }
            Outcome::SignedOut(doubt) => {
                let now = self.now();
                if open.vault(move |vault| vault.postpone(&envelope, now, doubt)).await.is_err() {
                    tracing::warn!("What was being sent is put back into the outbox at the next start.");
                }
                return Kept::SignedOut;
            }
        };
        self.tell_consultations(vec![consultation]);
        if stored.is_ok() { Kept::Yes } else { Kept::No }
    }

    /// What may be sent now, the most pressing consultation's first.
    async fn due(&self, open: &Open) -> Result<Vec<OutboxRow>, ErrorReport> {
        let now = self.now();
        let due = open.vault(move |vault| {
            let mut ranked = Vec::new();
            for row in vault.due(now)? {
                let held = match vault.consultation(&row.consultation_id) {
                    // Behind a locked screen all are alike.
                    Err(VaultError::CacheClosed) => None,
                    held => held?,
                };
                ranked.push((held.map_or(u8::MAX, |held| held.urgency.triage_rank()), row));
            }
            ranked.sort_by_key(|(urgency, row)| (*urgency, row.seq));
            Ok(ranked.into_iter().map(|(_, row)| row).collect())
        });
        due.await
    }

    async fn attempt(self: &Arc<Self>, open: &Arc<Open>, row: OutboxRow) -> Outcome {
        if row.in_doubt
            && !self.knows_repeats()
            && let Some(outcome) = self.look_for(open, &row).await
        {
            return outcome;
        }
        let sealed = match row.kind {
            OutboxKind::Message => match self.seal(open, &row).await {
                Ok(sealed) => Some(sealed),
                Err(outcome) => return outcome,
            },
            OutboxKind::Start | OutboxKind::Complete => None,
        };
        let (envelope, bytes, now) = (row.envelope_id.clone(), sealed.clone(), self.now());
        match open.vault(move |vault| vault.begin_attempt(&envelope, bytes.as_deref(), now)).await {
            Ok(true) => {}
            // Taken back or changed by the person while it was being sealed: not a word of it leaves.
            Ok(false) => return Outcome::Gone,
            Err(_) => return self.much_later(row.in_doubt),
        }
        self.tell_consultations(vec![row.consultation_id.clone()]);
        match sealed {
            Some(sealed) => self.send_words(open, row, sealed).await,
            None => self.send_step(open, row).await,
        }
    }

    async fn send_words(self: &Arc<Self>, open: &Arc<Open>, row: OutboxRow, sealed: String) -> Outcome {
        let mut metadata = Map::new();
        metadata.insert("envelopeId".to_owned(), row.envelope_id.as_str().into());
        let message = NewMessage {
            to_id: row.to_id.clone(),
            consultation_id: row.consultation_id.clone(),
            content: sealed,
            kind: MessageKind::Text,
            metadata,
        };
        match open.server.send_message(&message, row.envelope_id.as_str()).await {
            Ok(message) => self.keep_message(open, &row, message).await,
            Err(error) => {
                self.take_present_state(open, &row.consultation_id, &error).await;
                self.after(open, &row, &error).await
            }
        }
    }

    async fn send_step(self: &Arc<Self>, open: &Arc<Open>, row: OutboxRow) -> Outcome {
        let (id, update) = (&row.consultation_id, acting::update(row.kind, &row.text));
        let error = match step_as_seen(open, &row, &update).await {
            Ok(record) => return self.keep_record(open, &row, record).await,
            Err(error) => error,
        };
        let me = open.person.id.clone();
        let is_done = |record: &Consultation| was_done(record, &update, &me);
        match self.done_before(open, id, &error, is_done).await {
            Some(record) => self.keep_record(open, &row, record).await,
            None => {
                self.take_present_state(open, id, &error).await;
                self.after(open, &row, &error).await
            }
        }
    }

    /// Whether the server has it already, asked where it would not know a repeat. None when it has not.
    async fn look_for(self: &Arc<Self>, open: &Arc<Open>, row: &OutboxRow) -> Option<Outcome> {
        let (id, me) = (&row.consultation_id, &open.person.id);
        let found = match row.kind {
            OutboxKind::Message => match open.server.all_messages(id).await {
                Ok(page) => {
                    let own = |message: &Message| {
                        message.from_id == *me && message.envelope_id().as_ref() == Some(&row.envelope_id)
                    };
                    let message = page.rows.into_iter().find(own)?;
                    return Some(self.keep_message(open, row, message).await);
                }
                Err(error) => Err(error),
            },
            OutboxKind::Start | OutboxKind::Complete => open.server.consultation(id).await,
        };
        match found {
            Ok(record) if was_done(&record, &acting::update(row.kind, &row.text), me) => {
                Some(self.keep_record(open, row, record).await)
            }
            Ok(_) => None,
            Err(error) => Some(self.after(open, row, &error).await),
        }
    }

    async fn keep_message(&self, open: &Open, row: &OutboxRow, message: Message) -> Outcome {
        let text = Some(row.text.clone());
        self.keep(open, row, CacheChange::Message { message, text, unreadable: false }).await
    }

    async fn keep_record(
        self: &Arc<Self>,
        open: &Arc<Open>,
        row: &OutboxRow,
        record: Consultation,
    ) -> Outcome {
        let outcome = self.keep(open, row, CacheChange::Consultation(record.clone())).await;
        self.alert_if_need_be(open, &[record]).await;
        outcome
    }

    /// What the server has said enters the cache, then the row goes.
    async fn keep(&self, open: &Open, row: &OutboxRow, said: CacheChange) -> Outcome {
        let envelope = row.envelope_id.clone();
        let settled = open.vault(move |vault| {
            match vault.apply(&[said]) {
                // Behind a locked screen; it is fetched with everything else afterwards.
                Ok(()) | Err(VaultError::CacheClosed) => {}
                Err(error) => return Err(error),
            }
            vault.settle(&envelope)
        });
        match settled.await {
            Ok(()) => Outcome::Sent,
            // The server has it. Sending again is harmless: the key makes it the same.
            Err(_) => self.much_later(true),
        }
    }

    /// The row's sealed bytes: those of the first attempt, or new ones.
    async fn seal(self: &Arc<Self>, open: &Arc<Open>, row: &OutboxRow) -> Result<String, Outcome> {
        if let Some(sealed) = &row.sealed {
            return Ok(sealed.clone());
        }
        let no_key = || Outcome::Stuck(ErrorReport::new(ErrorCode::NoMessageKey), row.in_doubt);
        let key = match self.message_key(open, &row.consultation_id).await {
            Ok(Some(key)) => key,
            Ok(None) => return Err(no_key()),
            // Nothing of it was sent.
            Err(error) => return Err(self.outcome(open, row, &error, row.in_doubt).await),
        };
        let mut nonce = [0; 12];
        if self.surroundings.random.fill(&mut nonce).is_err() {
            return Err(self.much_later(row.in_doubt));
        }
        let binding = Binding {
            consultation: &row.consultation_id,
            envelope: &row.envelope_id,
            from: &open.person.id,
            to: &row.to_id,
        };
        chatehr_seal::seal(&key, &binding, &row.text, nonce).map_err(|_| no_key())
    }

    fn much_later(&self, doubt: bool) -> Outcome {
        Outcome::Later(self.now().plus_seconds(LONGEST_WAIT), doubt)
    }

    /// After an attempt that was begun.
    async fn after(&self, open: &Open, row: &OutboxRow, error: &ClientError) -> Outcome {
        // A server that knows repeats has had its chance to give the first answer again.
        let refused = error.concerns_this_request() && !error.may_have_acted() && self.knows_repeats();
        let doubt = error.may_have_acted() || (row.in_doubt && !refused);
        self.outcome(open, row, error, doubt).await
    }

    async fn outcome(&self, open: &Open, row: &OutboxRow, error: &ClientError, doubt: bool) -> Outcome {
        match error {
            ClientError::SignedOut => Outcome::SignedOut(doubt),
            error if error.is_transient() => {
                let wait = wait_after(row.attempts, error.retry_after(), self.draw());
                Outcome::Later(Timestamp::from_millis(self.now().millis().saturating_add(wait)), doubt)
            }
            // The server may have it, and the key makes a repeat the same.
            ClientError::Malformed(_) if row.attempts < UNREADABLE => {
                let wait = wait_after(row.attempts, None, u32::MAX);
                Outcome::Later(Timestamp::from_millis(self.now().millis().saturating_add(wait)), doubt)
            }
            error if error.concerns_this_request() => Outcome::Stuck(self.in_words(open, error).await, doubt),
            // Something else is wrong, with the key or the address: it waits for that to be mended.
            _ => self.much_later(doubt),
        }
    }
}

/// Asks for a step of the record as the person saw it, and again as it is now where they are offered it all the same. It
/// is offered in one status and in one person's hands alone, so both are as they were.
async fn step_as_seen(
    open: &Open,
    row: &OutboxRow,
    update: &ConsultationUpdate,
) -> Result<Consultation, ClientError> {
    let (server, id, key) = (&open.server, &row.consultation_id, row.envelope_id.as_str());
    let mut version = row.seen.unwrap_or_default();
    for _ in 1..MOST_VERSIONS {
        let error = match server.update_consultation_seen(id, update, version, key).await {
            Err(error) => error,
            done => return done,
        };
        let now = views::step_of(row.kind).and_then(|step| still_offered(&error, &open.person, step));
        match now {
            Some(now) => version = now.version,
            None => return Err(error),
        }
    }
    server.update_consultation_seen(id, update, version, key).await
}

/// Whether a record stands where this update would put it, in this person's hands.
fn was_done(record: &Consultation, update: &ConsultationUpdate, me: &PersonId) -> bool {
    let noted = |note: &String| record.notes().any(|(_, words)| words == note);
    record.status == update.status
        && record.physician_id.as_ref() == Some(me)
        // A server without a history does not say what was noted.
        && (record.history.is_empty() || update.notes.as_ref().is_none_or(noted))
}

/// Whether the server has told of a row's being done, in whatever way.
fn was_told(vault: &chatehr_vault::Vault, row: &OutboxRow, me: &PersonId) -> Result<bool, VaultError> {
    let told = match row.kind {
        OutboxKind::Message => vault.message_of_envelope(&row.envelope_id).map(|told| {
            told.is_some_and(|stored| {
                stored.message.from_id == *me && stored.message.consultation_id == row.consultation_id
            })
        }),
        OutboxKind::Start | OutboxKind::Complete => vault
            .consultation(&row.consultation_id)
            .map(|told| told.is_some_and(|told| was_done(&told, &acting::update(row.kind, &row.text), me))),
    };
    match told {
        // Behind a locked screen nothing is told.
        Err(VaultError::CacheClosed) => Ok(false),
        told => told,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{LONGEST_WAIT, SHORTEST_WAIT, longest_asked, wait_after};

    proptest! {
        #[test]
        fn a_wait_is_bounded_spread_and_never_shorter_than_the_server_asks_for(
            attempts in 0u32..100, random: u32, asked in proptest::option::of(0u64..1_800_000)
        ) {
            let wait = wait_after(attempts, asked.map(Duration::from_millis), random);
            let asked = i64::try_from(asked.unwrap_or(0)).unwrap();
            let asked = asked.min(longest_asked());
            prop_assert!(wait >= SHORTEST_WAIT && wait >= asked);
            prop_assert!(wait <= (LONGEST_WAIT * 1000).max(asked));
        }
    }

    #[test]
    fn the_window_doubles_and_everything_in_it_occurs() {
        let longest: Vec<_> = (0..8).map(|attempts| wait_after(attempts, None, u32::MAX) / 1000).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(wait_after(6, None, 0), SHORTEST_WAIT);
        assert_eq!(wait_after(6, None, u32::MAX / 2) / 1000, 29);
    }
}
