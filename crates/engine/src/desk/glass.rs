//! Break-glass at the desk: a record that is somebody else's, open in an emergency.
//!
//! Promises: before it opens, the person says why and shows once more who they are, and both are on record; it closes by
//! itself, at the server's time or after four hours at most, and at the latest with the screen. Nothing of it goes into
//! the files: it is held in memory and let go. Refuses to write through it.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_client::{ClientError, SignedIn};
use chatehr_contract::{
    BreakGlass, BrokenGlass, ChangeNotice, Consultation, ConsultationId, ConsultationView, Conversation,
    Delivery, ErrorCode, ErrorReport, MAX_GLASS_MINUTES, Message, MessageView, NewBreakGlass, OpenGlass,
    Patient, PersonLabel, Timestamp,
    access::{Access, Action, Party, Relation, decide},
    is_reason,
};
use chatehr_vault::VaultError;
use tokio::{task::JoinHandle, time};

use super::{Desk, Inner, Open, allowed::role_forbids, record, views::consultation_view};
use crate::{report, unseal::unseal};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);

/// What is held of the record.
pub(super) struct Glass {
    shown: OpenGlass,
    consultation: Consultation,
    patient: Option<Patient>,
    messages: Vec<Message>,
}

impl Desk {
    /// Opens somebody else's record in an emergency.
    ///
    /// # Errors
    /// No reason; not this role's to do; not the PIN, or none is set; offline; there is no such record; the server has no
    /// break-glass.
    pub async fn break_glass(&self, request: BreakGlass) -> Result<(), ErrorReport> {
        self.inner.break_glass(request).await
    }

    /// Closes it before its time.
    ///
    /// # Errors
    /// Nobody is signed in.
    pub async fn close_glass(&self) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        self.inner.close_glass(&open, "person").await;
        Ok(())
    }
}

impl Inner {
    pub(super) fn glass(&self) -> MutexGuard<'_, Option<Glass>> {
        self.glass.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server shows this record only because it is, or was, open in an emergency: it has no place in the files.
    pub(super) fn is_behind_glass(&self, open: &Open, consultation: &Consultation) -> bool {
        self.since.server_has("break-glass") == Some(true)
            && open.access(Action::ConsultationRead, consultation) == Access::BehindGlass
    }

    /// For the banner.
    pub(super) fn open_glass(&self) -> Option<OpenGlass> {
        self.glass().as_ref().map(|glass| glass.shown.clone())
    }

    pub(super) fn take_glass(&self) -> Option<Glass> {
        self.glass().take()
    }

    async fn break_glass(self: &Arc<Self>, request: BreakGlass) -> Result<(), ErrorReport> {
        let (open, id) = (self.open()?, request.id);
        let (action, party) = (Action::BreakGlass, open.party());
        let asked = id.clone();
        let held = open.vault(move |vault| vault.consultation(&asked)).await?;
        let relation = held.as_ref().map_or(Relation::Other, |held| open.person.relation_to(held));
        if decide(action, party, relation) != Access::Granted {
            // Who needs no glass is told the shorter way.
            let report = match relation {
                Relation::Pool if party == Party::Physician => ErrorReport::new(ErrorCode::RoleForbids)
                    .with_detail("This request waits in your queue: accept it there."),
                Relation::Assigned => ErrorReport::new(ErrorCode::RoleForbids)
                    .with_detail("This consultation is yours: open it from your list."),
                _ => role_forbids(action),
            };
            return Err(self.refused(&open, action, &id, report).await);
        }
        if !is_reason(&request.reason) {
            return Err(ErrorReport::new(ErrorCode::NeedsReason));
        }
        let (open, key) = self.ready_to_act()?;
        if let Err(error) = self.has_just_shown_who_they_are(&open, request.pin).await {
            return Err(self.refused(&open, action, &id, error).await);
        }
        self.still_open(&open)?;
        let reason = request.reason.trim().to_owned();
        let said = open.entry(action.as_str(), self.now());
        let entry = NewEntry { objects: vec![id.to_string()], reason: Some(reason.clone()), ..said };
        open.record(vec![NewEntry { action: format!("{}.ask", action.as_str()), ..entry.clone() }]).await?;
        if !self.server_has("break-glass").await {
            self.note(&open, NewEntry { outcome: Outcome::Failed, ..entry }).await;
            return Err(ErrorReport::new(ErrorCode::NoBreakGlass));
        }
        let new = NewBreakGlass { reason, minutes: None };
        let server = open.server.for_the_person();
        let mut asking = {
            let (server, id) = (server.clone(), id.clone());
            tokio::spawn(async move { server.break_glass(&id, &new, key.as_str()).await })
        };
        let answer = tokio::select! {
            answer = &mut asking => answer.map_err(|error| report::internal(&error))?,
            // A question that hangs would hold the files that are opened again.
            () = self.is_left(&open) => {
                let why = if self.locked_session().is_some() { "lock" } else { "session" };
                let (inner, desk, now) = (self.clone(), Arc::downgrade(&open), self.now());
                let (session, closing) = (open.session.clone(), open.entry(Action::GlassClose.as_str(), now));
                tokio::spawn(async move {
                    let Ok(Ok(_)) = asking.await else { return };
                    // It was opened all the same, so it is closed, and both are on record.
                    let objects = vec![id.to_string()];
                    match desk.upgrade() {
                        Some(open) => {
                            let reason = Some(why.to_owned());
                            inner.note(&open, NewEntry { objects, reason, ..closing }).await;
                        }
                        None => {
                            let action = Action::GlassClose.as_str();
                            inner.note_at_next_opening(&session, now, action, false, why).await;
                        }
                    }
                    drop(server.close_glass(&id).await);
                });
                let reason = Some(ErrorCode::MayHaveHappened.as_str().to_owned());
                self.note(&open, NewEntry { outcome: Outcome::Failed, reason, ..entry }).await;
                return Err(self.gone(&open));
            }
        };
        let patient = answer.as_ref().ok().map(|glass| glass.patient_id.clone());
        let entry = NewEntry { patient, ..entry };
        let closing = NewEntry { action: Action::GlassClose.as_str().to_owned(), ..entry.clone() };
        self.note(&open, answer.as_ref().err().map_or(entry.clone(), |error| record::refused(entry, error)))
            .await;
        let glass = answer.map_err(|error| told(&error))?;
        let held = tokio::select! {
            held = fetched(&server, &glass, self.now()) => held.map_err(|error| told(&error)),
            () = self.is_left(&open) => {
                let gone = self.gone(&open);
                self.note(&open, NewEntry { reason: Some(why_left(&gone).to_owned()), ..closing }).await;
                Err(gone)
            }
        };
        let held = match held {
            Ok(held) => held,
            Err(error) => {
                tokio::spawn(async move { drop(server.close_glass(&id).await) });
                return Err(error);
            }
        };
        let until = held.shown.until;
        let turn = self.turn_at(&open).await;
        // One at a time: what was open before is closed, unless it is the same and goes on.
        if turn.is_ok() && self.open_glass().is_some_and(|before| before.id != id) {
            self.close_glass(&open, "another").await;
        }
        if let Some(held) = self.hold_up(&open, held) {
            // The screen locked, or the person left, while it was being opened.
            let gone = self.gone(&open);
            self.glass_closed(&open, &held, why_left(&gone)).await;
            return Err(gone);
        }
        let task = tokio::spawn(self.clone().close_glass_at(open, id.clone(), until));
        self.state().tasks.push(task);
        self.tell(ChangeNotice {
            state: true,
            consultations: vec![id.clone()],
            open: Some(id),
            ..ChangeNotice::default()
        });
        Ok(())
    }

    /// Shows it; gives it back where it is not this desk any more that is open.
    fn hold_up(&self, open: &Arc<Open>, held: Glass) -> Option<Glass> {
        // Under the state's lock: whoever goes to another stage clears it after that.
        let state = self.state();
        if !state.open.as_ref().is_some_and(|now| Arc::ptr_eq(now, open)) {
            return Some(held);
        }
        *self.glass() = Some(held);
        None
    }

    /// Closes it when its time has come, by the clock or by what was waited, whichever is first.
    async fn close_glass_at(self: Arc<Self>, open: Arc<Open>, id: ConsultationId, until: Timestamp) {
        let mut left = until.millis().saturating_sub(self.now().millis());
        while left > 0 && self.now() < until {
            time::sleep(TICK).await;
            left = left.saturating_sub(i64::try_from(TICK.as_millis()).unwrap_or(1000));
        }
        let same = |glass: &Glass| glass.shown.id == id && glass.shown.until == until;
        if self.glass().as_ref().is_some_and(same) {
            // Apart, because whoever closes may end this very task.
            tokio::spawn(async move { self.close_glass(&open, "time").await });
        }
    }

    /// Closes what is open, if anything is. What is given back tells the server, whether or not anybody waits for it.
    pub(super) async fn close_glass(&self, open: &Arc<Open>, why: &'static str) -> Option<JoinHandle<()>> {
        let glass = self.take_glass()?;
        self.tell(ChangeNotice {
            state: true,
            lists: true,
            consultations: vec![glass.shown.id.clone()],
            ..ChangeNotice::default()
        });
        Some(self.glass_closed(open, &glass, why).await)
    }

    /// Writes down that it is closed, and says so to the server, which ends it by itself if that cannot be heard.
    pub(super) async fn glass_closed(
        &self,
        open: &Arc<Open>,
        glass: &Glass,
        why: &'static str,
    ) -> JoinHandle<()> {
        let entry = record::of(open.entry(Action::GlassClose.as_str(), self.now()), &glass.consultation);
        self.note(open, NewEntry { reason: Some(why.to_owned()), ..entry }).await;
        let (server, id) = (open.server.clone(), glass.shown.id.clone());
        tokio::spawn(async move {
            if let Err(error) = server.close_glass(&id).await {
                tracing::debug!(%error, "The server closes it by itself.");
            }
        })
    }

    /// The record that is open so, as the window shows it.
    pub(super) async fn consultation_through_glass(
        &self,
        open: &Arc<Open>,
        id: &ConsultationId,
    ) -> Result<Option<ConsultationView>, ErrorReport> {
        let Some((consultation, patient)) =
            self.through_glass(id, |glass| (glass.consultation.clone(), glass.patient.clone()))
        else {
            return Ok(None);
        };
        let (person, looker, now) = (open.person.clone(), open.clone(), self.now());
        let view = open.vault(move |vault| {
            let (id, whose) = (consultation.id.clone(), consultation.patient_id.clone());
            looker.look(vault, Action::ConsultationRead.as_str(), id.as_str(), Some(&whose), now)?;
            let mut view = consultation_view(vault, &person, consultation, None)?;
            view.row.patient = view.row.patient.or(patient);
            (view.actions, view.refused) = (Vec::new(), Vec::new());
            (view.may_write, view.may_note) = (false, false);
            view.may_not_write = Some(
                "This record is open in an emergency: it can be read, and nothing is written in it."
                    .to_owned(),
            );
            Ok(view)
        });
        view.await.map(Some)
    }

    /// Its conversation.
    pub(super) async fn conversation_through_glass(
        &self,
        open: &Arc<Open>,
        id: &ConsultationId,
        limit: u32,
    ) -> Result<Option<Conversation>, ErrorReport> {
        let Some((mut messages, patient)) =
            self.through_glass(id, |glass| (glass.messages.clone(), glass.patient.clone()))
        else {
            return Ok(None);
        };
        let (me, consultation_id) = (open.person.id.clone(), id.clone());
        let (looker, now) = (open.clone(), self.now());
        let read = open.vault(move |vault| {
            looker.look(vault, Action::MessageList.as_str(), consultation_id.as_str(), None, now)?;
            let kept = usize::try_from(limit).unwrap_or(usize::MAX);
            let surplus = messages.len().saturating_sub(kept);
            let messages = messages.drain(surplus..);
            let label = |id: chatehr_contract::PersonId| -> Result<PersonLabel, VaultError> {
                let of_patient =
                    patient.as_ref().filter(|patient| patient.id == id).map(|patient| patient.name.clone());
                let name = match of_patient {
                    Some(name) => Some(name),
                    None => vault.physician(&id)?.map(|physician| physician.name),
                };
                Ok(PersonLabel { id, name })
            };
            let shown = messages.map(|message| {
                Ok(MessageView {
                    body: unseal(&message, None, None).into(),
                    envelope_id: message.envelope_id(),
                    mine: message.from_id == me,
                    from: label(message.from_id)?,
                    id: Some(message.id),
                    kind: message.kind,
                    at: message.timestamp,
                    delivery: Delivery::Sent,
                    step: None,
                    changeable: false,
                    edit: None,
                })
            });
            let messages = shown.collect::<Result<_, VaultError>>()?;
            Ok(Conversation { consultation_id, messages, has_older: surplus > 0 })
        });
        read.await.map(Some)
    }

    fn through_glass<T>(&self, id: &ConsultationId, read: impl FnOnce(&Glass) -> T) -> Option<T> {
        let now = self.now();
        self.glass().as_ref().filter(|glass| glass.shown.id == *id && now < glass.shown.until).map(read)
    }
}

/// Everything that is shown of it.
async fn fetched(server: &SignedIn, glass: &BrokenGlass, now: Timestamp) -> Result<Glass, ClientError> {
    let id = &glass.consultation_id;
    let consultation = server.consultation(id).await?;
    let messages = server.conversation_through_glass(id).await?.rows;
    let patient = match server.patient(&glass.patient_id).await {
        Ok(patient) => Some(patient),
        Err(ClientError::NotFound | ClientError::Forbidden) => None,
        Err(error) => return Err(error),
    };
    // By how long, not until when: the two clocks need not agree.
    let lasts = glass.until.millis().saturating_sub(glass.at.millis()).max(0);
    let lasts = lasts.min(i64::from(MAX_GLASS_MINUTES) * 60_000);
    let until = Timestamp::from_millis(now.millis().saturating_add(lasts));
    let shown = OpenGlass { id: id.clone(), reason: glass.reason.clone(), until };
    Ok(Glass { shown, consultation, patient, messages })
}

/// In the audit log: why it closed while it was being opened.
fn why_left(gone: &ErrorReport) -> &'static str {
    if gone.code == ErrorCode::Locked { "lock" } else { "session" }
}

fn told(error: &ClientError) -> ErrorReport {
    match error {
        ClientError::NotFound => ErrorReport::new(ErrorCode::NoSuchRecord),
        ClientError::Forbidden => role_forbids(Action::BreakGlass),
        error => report::client(error),
    }
}
