//! Keeps in step with a server that does not tell when something happens.
//!
//! Promises: what changes is here in its time ([`Rota`]), also a message in a conversation that is not on the screen, and
//! a record on any page; all of it within what the server allows ([`chatehr_client::Gauges::next`]), of which a fifth is
//! left to the person. A server that has had enough is left alone, and meanwhile the desk stays open for what the person
//! decides. Where the server gives tags, a list that is as it was costs a few bytes.

use std::{sync::Arc, time::Duration};

use chatehr_client::{ClientError, ConsultationQuery, Fetched, Page};
use chatehr_contract::{Consultation, ConsultationId, LoadingPart, Timestamp};
use chatehr_vault::CacheChange;
use tokio::time::{self, Instant};

use super::{
    Inner, Open,
    keeping::{APPOINTMENT_DAYS, DAY},
    rota::{self, Look, Next, PAGE, Rota},
};

/// Of a hundred requests so many are the person's: what is sent and decided.
const THE_PERSONS: u32 = 20;
/// What the person has just opened may use half of them: it is theirs.
const JUST_OPENED: u32 = 10;
/// What is looked at for the first time leaves more, so that something is left to look again.
const FOR_LATER: u32 = 40;
/// How often it is looked what is on the screen.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Seconds for which a conversation counts as looked at.
const LOOKED_AT: i64 = 600;

impl Inner {
    /// From the first look at everything to a failure of the server.
    pub(super) async fn poll(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        failures: &mut u32,
        rota: &mut Rota,
    ) -> Result<(), ClientError> {
        self.look_at_everything(open, directory, rota).await?;
        *failures = 0;
        self.set_online();
        self.outbox.notify_one();
        self.ask_whose_it_is(open);
        self.look_for_broken_glass(open).await;
        let mut slept = std::pin::pin!(self.has_slept());
        loop {
            let viewed = self.viewed();
            let next = rota.next(Instant::now(), viewed.as_ref());
            let wait = next.due_in.max(self.may_look_in(&next, viewed.as_ref()));
            if wait.is_zero() {
                let news_are_due = next.look == Look::List;
                match self.look(open, directory, rota, next.look).await {
                    // The wait is the next look's.
                    Ok(()) | Err(ClientError::RateLimited { .. }) => {}
                    Err(error) => return Err(error),
                }
                if news_are_due {
                    self.look_for_broken_glass(open).await;
                }
                continue;
            }
            tokio::select! {
                () = time::sleep(wait.min(LOOK_AGAIN)) => {}
                () = self.try_again.notified() => rota.all_due(),
                () = &mut slept => {
                    open.server.give_up_what_hangs();
                    rota.all_due();
                    return Ok(());
                }
            }
        }
    }

    /// How long it is until the server may be asked for this.
    fn may_look_in(&self, next: &Next, viewed: Option<&ConsultationId>) -> Duration {
        let Some(workstation) = &self.workstation else { return Duration::MAX };
        let on_the_screen = matches!(&next.look, Look::Conversation(id) if Some(id) == viewed);
        let (left, at_once) = match (on_the_screen, next.new) {
            (true, true) => (JUST_OPENED, true),
            (false, true) => (FOR_LATER, true),
            (_, false) => (THE_PERSONS, false),
        };
        let wait = workstation.gauges.next(left, at_once);
        // What cannot be had at once has its turn with the rest.
        if wait.is_zero() { wait } else { wait.min(workstation.gauges.next(THE_PERSONS, false)) }
    }

    async fn look(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        rota: &mut Rota,
        look: Look,
    ) -> Result<(), ClientError> {
        match look {
            Look::List => self.look_at_list(open, directory, rota).await,
            Look::Appointments => self.look_at_appointments(open, rota).await,
            Look::Conversation(id) => self.look_at_conversation(open, &id, rota).await,
        }
    }

    /// The whole list, page by page.
    async fn look_at_everything(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        rota: &mut Rota,
    ) -> Result<(), ClientError> {
        let telling = self.begin_telling(open).await;
        self.load_first(open, directory, &telling).await?;
        let come = |done, of: Option<u64>| {
            let of = of.and_then(|of| usize::try_from(of).ok()).unwrap_or(done);
            telling.come(LoadingPart::Consultations, done, of);
        };
        let (page, tags) = open.server.all_consultations_tagged(come).await?;
        let all = self.take_lists(open, directory, page, &telling).await?;
        rota.know(Instant::now(), tags, all.iter().filter(|one| open.reads_conversation_of(one)));
        self.is_in_step(open).await;
        Ok(())
    }

    async fn look_at_list(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        rota: &mut Rota,
    ) -> Result<(), ClientError> {
        let mut changed = self.page_has_changed(open, rota, 0).await?;
        if changed.is_none()
            && let Some(page) = rota.further_page()
        {
            changed = self.page_has_changed(open, rota, page).await?;
        }
        rota.listed(Instant::now(), changed.is_some());
        let Some(page) = changed else {
            self.is_in_step(open).await;
            return Ok(());
        };
        let taken = self.take_changed(open, directory, rota, page).await;
        if taken.is_err() {
            // It is not in the files, so it is news still.
            rota.forget_list();
        }
        taken
    }

    /// Takes in a list of which this page has changed: what goes with it is asked for, and may be refused.
    async fn take_changed(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        rota: &mut Rota,
        page: Page<Consultation>,
    ) -> Result<(), ClientError> {
        let count = page.rows.len().saturating_add(page.skipped);
        let whole = page.total.map_or(count < PAGE as usize, |total| total <= count as u64);
        if !whole {
            return self.look_at_everything(open, directory, rota).await;
        }
        let tag = rota.pages.first().and_then(|seen| seen.tag.clone());
        let telling = self.begin_telling(open).await;
        let all = self.take_lists(open, directory, page, &telling).await?;
        rota.know(Instant::now(), vec![tag], all.iter().filter(|one| open.reads_conversation_of(one)));
        self.is_in_step(open).await;
        Ok(())
    }

    /// The page, if it is not as it was.
    async fn page_has_changed(
        &self,
        open: &Open,
        rota: &mut Rota,
        place: usize,
    ) -> Result<Option<Page<Consultation>>, ClientError> {
        let offset = u32::try_from(place).unwrap_or_default().saturating_mul(PAGE);
        let query = ConsultationQuery { offset, ..ConsultationQuery::default() };
        let known = rota.pages.get(place).and_then(|seen| seen.tag.as_ref());
        match open.server.consultations_since(&query, known).await? {
            Fetched::NotModified => Ok(None),
            Fetched::Fresh { page, tag } => {
                let now = rota::digest(&page.rows, page.total);
                let before = rota.pages.get_mut(place).map(|seen| {
                    seen.tag = tag;
                    seen.digest.replace(now)
                });
                Ok((before.flatten() != Some(now)).then_some(page))
            }
        }
    }

    async fn look_at_appointments(
        self: &Arc<Self>,
        open: &Arc<Open>,
        rota: &mut Rota,
    ) -> Result<(), ClientError> {
        // The same question all day, so that its tag is good.
        let midnight = Timestamp::from_millis(self.now().millis() / (DAY * 1000) * DAY * 1000);
        let range = (
            midnight.plus_seconds(-APPOINTMENT_DAYS * DAY),
            midnight.plus_seconds((APPOINTMENT_DAYS + 1) * DAY),
        );
        let known = rota.bookings.as_ref().filter(|(asked, _)| *asked == range).map(|(_, tag)| tag);
        let fetched = open.server.appointments_since(range.0, range.1, known).await?;
        rota.booked(Instant::now());
        if let Fetched::Fresh { page, tag } = fetched {
            rota.bookings = tag.map(|tag| (range, tag));
            let (from, to) = range;
            self.store(open, vec![CacheChange::AppointmentsIn { from, to, rows: page.rows }]).await;
            self.tell_appointments();
        }
        Ok(())
    }

    /// Its end: what was there before is here, and nothing of it changes.
    async fn look_at_conversation(
        self: &Arc<Self>,
        open: &Arc<Open>,
        id: &ConsultationId,
        rota: &mut Rota,
    ) -> Result<(), ClientError> {
        let Some(talk) = rota.talk(id).cloned() else { return Ok(()) };
        if !talk.is_open() && self.has_words_of(open, id).await {
            rota.talked(Instant::now(), id, false, None);
            return Ok(());
        }
        let (mut offset, mut tag, mut new) = (talk.offset, talk.tag, false);
        loop {
            match open.server.messages_since(id, PAGE, offset, tag.as_ref()).await {
                Ok(Fetched::NotModified) => break,
                Ok(Fetched::Fresh { page, tag: fresh }) => {
                    let count = page.rows.len().saturating_add(page.skipped);
                    new |= self.take_messages(open, id, page.rows).await?;
                    tag = fresh;
                    if count < PAGE as usize {
                        break;
                    }
                    (offset, tag) = (offset.saturating_add(PAGE), None);
                }
                // Not a participant any more.
                Err(ClientError::NotFound | ClientError::Forbidden) => break,
                Err(error) => return Err(error),
            }
        }
        rota.talked(Instant::now(), id, new, Some((offset, tag)));
        if new {
            self.tell_consultations(vec![id.clone()]);
        }
        Ok(())
    }

    async fn has_words_of(&self, open: &Open, id: &ConsultationId) -> bool {
        let id = id.clone();
        open.vault(move |vault| vault.message_count(&id)).await.is_ok_and(|count| count > 0)
    }

    async fn is_in_step(&self, open: &Open) {
        self.store(open, vec![CacheChange::LastEvent(None), CacheChange::SyncedAt(self.now())]).await;
    }

    /// The person has this conversation on the screen.
    pub(super) fn view(&self, id: &ConsultationId) {
        let now = self.now();
        self.state().viewed = Some((id.clone(), now));
    }

    fn viewed(&self) -> Option<ConsultationId> {
        let now: Timestamp = self.now();
        let state = self.state();
        let (id, at) = state.viewed.as_ref()?;
        (*at <= now && now < at.plus_seconds(LOOKED_AT)).then(|| id.clone())
    }
}
