//! Does what the watch over unanswered requests asks for: on the desktop, in the window, on record.
//!
//! Promises: the window is told at once, whatever the desktop takes to answer; what goes to the desktop keeps its order; a
//! desktop that shows nothing, or no longer, is named, replaced by the window's own sound, and found again; between two
//! alerts nothing runs. Each alert that was shown, repeated, heard, opened, put off or not shown is on record, by ids and
//! with where that was. A locked screen silences nothing: what is shown behind it says how urgent it is, and no more.
//! What a colleague has handed over and this person opens is said to the server, so that it alerts nowhere else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{
    AlertDeed, AlertNote, AlertPolicy, AlertPrivacy, Alerting, ChangeNotice, Consultation, ConsultationId,
    ErrorCode, ErrorReport, Policy,
};
use tokio::{sync::mpsc, task::JoinHandle, time};

use super::{Desk, Inner, Open, asking::Decision, record};
use crate::{
    Alert, Effect, Moment, Notification, Occasion, OnResponse, Response, Showing, Shown, Watch, alert,
};

/// The longest sleep: a workstation that was suspended, or whose clock was set, is noticed by then.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Where it was shown, heard or answered, in the audit log.
const DESKTOP: &str = "desktop";
const WINDOW: &str = "window";

/// Something to do on the desktop, or to write down when that is done.
#[derive(Debug)]
pub(super) enum Errand {
    Show(Notification),
    Close(u64),
    Probe,
    Sounded(Vec<ConsultationId>),
}

impl Desk {
    /// Shows a test notification.
    ///
    /// # Errors
    /// The desktop shows none.
    pub async fn test_alert(&self) -> Result<(), ErrorReport> {
        let alert = Alert::test();
        let showing = self.inner.surroundings.notifier.show(alert, Box::new(|_| ()));
        let shown = self.inner.heed(showing).await;
        if !shown.as_ref().is_ok_and(|shown| shown.sounds) {
            self.inner.tell(ChangeNotice { sound: true, ..ChangeNotice::default() });
        }
        shown.map(drop)
    }

    /// Puts on record what became of an alert at the window's top.
    ///
    /// # Errors
    /// Nobody is signed in; there is no such consultation here; the files do not answer.
    pub async fn note_alert(&self, note: AlertNote) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        let action = match note.deed {
            AlertDeed::Shown => "alert.show",
            AlertDeed::Repeated => "alert.repeat",
            AlertDeed::Opened => "alert.open",
            AlertDeed::PutOff => "alert.later",
        };
        let entry = NewEntry { reason: Some(WINDOW.to_owned()), ..open.entry(action, self.inner.now()) };
        let written = open.vault(move |vault| {
            let Some(consultation) = vault.consultation(&note.id)? else { return Ok(false) };
            vault.record(&[record::of(entry, &consultation)])?;
            Ok(true)
        });
        if written.await? { Ok(()) } else { Err(ErrorReport::new(ErrorCode::NotFound)) }
    }
}

impl Inner {
    fn moment(&self) -> Moment {
        let at = self.server_now();
        Moment { at, ahead_of_utc: self.surroundings.clock.ahead_of_utc(at) }
    }

    /// Goes by the clinic's rules, and this workstation's own wishes.
    pub(super) fn set_alerting(&self, policy: &Policy) {
        let workstation = self.workstation.as_ref().map(|workstation| workstation.settings.alerts.clone());
        let alerting = Alerting {
            clinic: AlertPolicy::read(&policy.alerts),
            workstation: workstation.unwrap_or_default(),
        };
        self.watch().set_alerting(alerting, self.moment());
        self.alerts.notify_one();
    }

    /// Hears of a notification service that goes or comes while the program runs.
    pub(super) fn follow_desktop(self: &Arc<Self>) {
        let weak = Arc::downgrade(self);
        self.surroundings.notifier.follow(Box::new(move |there| {
            let Some(inner) = weak.upgrade() else { return };
            // One that has gone may be another already, or come when it is asked.
            inner.attend(|watch, now| if there { vec![Effect::Probe] } else { watch.lost(now) });
        }));
    }

    /// Nobody is signed in any more: nothing of theirs stays on the screen.
    pub(super) fn forget_alerts(&self) {
        self.unsaid().clear();
        for number in self.watch().forget() {
            self.surroundings.notifier.close(number);
        }
    }

    /// Tells what each of these asks of this person now, together.
    pub(super) async fn alert_if_need_be(&self, open: &Open, consultations: &[Consultation]) {
        let mut told: Vec<_> = consultations
            .iter()
            .map(|consultation| (consultation.id.clone(), alert::claim(consultation, &open.person)))
            .collect();
        if self.alerts_name_patients() && told.iter().any(|(_, claim)| claim.is_some()) {
            let asked: Vec<_> = consultations.iter().map(|one| one.patient_id.clone()).collect();
            let patients = open.vault(move |vault| vault.patients(&asked)).await.unwrap_or_default();
            let initials: BTreeMap<_, _> =
                patients.into_iter().map(|patient| (patient.id, alert::initials(&patient.name))).collect();
            for ((_, claim), consultation) in told.iter_mut().zip(consultations) {
                if let Some(claim) = claim {
                    claim.initials = initials.get(&consultation.patient_id).cloned().flatten();
                }
            }
        }
        // What somebody has asked for who has left meanwhile is no news to the next person.
        if self.is_here(open) {
            self.attend(|watch, now| watch.tell(told, now));
        }
    }

    /// Whether a notification waits for the patient's name to be known.
    pub(super) fn alerts_name_patients(&self) -> bool {
        self.watch().alerting().privacy() == AlertPrivacy::Initials
    }

    /// It left this person's view.
    pub(super) fn alert_gone(&self, id: &ConsultationId) {
        self.attend(|watch, now| watch.gone(id, now));
    }

    /// Nothing but these is in this person's view.
    pub(super) fn alert_gone_all_but(&self, known: &[Consultation]) {
        let known = known.iter().map(|consultation| &consultation.id);
        self.attend(|watch, now| watch.gone_all_but(known, now));
    }

    /// This person has it before their eyes, here or on another workstation.
    pub(super) fn alert_seen(&self, open: &Open, consultation: &Consultation) {
        let is_answer = alert::has_been_answered_by_reading(consultation, &open.person);
        self.attend(|watch, now| watch.seen(&consultation.id, is_answer, now));
    }

    /// The same, here: where that is an answer, the server is told, and with it every other workstation.
    pub(super) fn alert_opened(self: &Arc<Self>, open: &Open, consultation: &Consultation) {
        // A window asks again whenever something changes; once it is answered, it is answered.
        let is_news = consultation.was_handed_to(&open.person.id) && self.watch().waits(&consultation.id);
        self.alert_seen(open, consultation);
        if is_news {
            self.unsaid().insert(consultation.id.clone());
            self.say_what_was_opened();
        }
    }

    fn unsaid(&self) -> MutexGuard<'_, BTreeSet<ConsultationId>> {
        self.unsaid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the server; what cannot be said now is said when it is back.
    pub(super) fn say_what_was_opened(self: &Arc<Self>) {
        // An older server does not know that it can be said.
        if !self.is_online() || self.since.server_has("acknowledge") != Some(true) {
            return;
        }
        let Ok(open) = self.open() else { return };
        for id in std::mem::take(&mut *self.unsaid()) {
            let (inner, open) = (self.clone(), open.clone());
            tokio::spawn(async move {
                if let Err(error) = inner.decide(&id, Decision::Acknowledge).await {
                    tracing::warn!(code = error.code.as_str(), "That it was opened is not said.");
                    let may_be_said = error.code == ErrorCode::NeedsConnection || error.retryable;
                    // Nobody says it for somebody else who has come meanwhile.
                    if may_be_said && inner.still_open(&open).is_ok() {
                        inner.unsaid().insert(id);
                    }
                }
            });
        }
    }

    pub(super) fn attend(&self, ask: impl FnOnce(&mut Watch, Moment) -> Vec<Effect>) {
        self.carry_out(ask);
        self.alerts.notify_one();
    }

    /// Under the watch's lock to the end, so that nothing overtakes what was decided before it. None of it waits.
    fn carry_out(&self, ask: impl FnOnce(&mut Watch, Moment) -> Vec<Effect>) {
        let now = self.moment();
        let mut watch = self.watch();
        let mut answered = Vec::new();
        for effect in ask(&mut watch, now) {
            let errand = match effect {
                Effect::Show(notification) => Errand::Show(notification),
                Effect::Close(number) => Errand::Close(number),
                Effect::Probe => Errand::Probe,
                Effect::Banner(notice) => {
                    self.tell(ChangeNotice { alert: Some(notice), ..ChangeNotice::default() });
                    continue;
                }
                Effect::Answered(id) => {
                    answered.push(id);
                    continue;
                }
                Effect::Sound(consultations) => {
                    self.tell(ChangeNotice { sound: true, ..ChangeNotice::default() });
                    Errand::Sounded(consultations)
                }
                Effect::Front => {
                    self.tell(ChangeNotice { front: true, ..ChangeNotice::default() });
                    continue;
                }
            };
            let desktop = self.desktop.lock().unwrap_or_else(PoisonError::into_inner);
            if desktop.as_ref().is_none_or(|desktop| desktop.send(errand).is_err()) {
                tracing::debug!("The desk closes; nothing more is shown.");
            }
        }
        if !answered.is_empty() {
            self.tell(ChangeNotice { answered, ..ChangeNotice::default() });
        }
    }

    /// Sets it going for as long as somebody is signed in, at an open desk or behind a locked screen.
    pub(super) fn begin_alerting(self: &Arc<Self>) -> [JoinHandle<()>; 2] {
        let (desktop, errands) = mpsc::unbounded_channel();
        *self.desktop.lock().unwrap_or_else(PoisonError::into_inner) = Some(desktop);
        [tokio::spawn(self.clone().keep_alerting()), tokio::spawn(self.clone().keep_showing(errands))]
    }

    /// Sleeps until something is due.
    async fn keep_alerting(self: Arc<Self>) {
        loop {
            let wake = self.watch().wake();
            let sleep = wake.map_or(LONGEST_SLEEP, |at| {
                let left = at.millis().saturating_sub(self.server_now().millis()).max(0);
                Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(LONGEST_SLEEP)
            });
            let _woken = time::timeout(sleep, self.alerts.notified()).await;
            self.carry_out(Watch::tick);
        }
    }

    /// Does on the desktop what is to be done there, one after the other.
    async fn keep_showing(self: Arc<Self>, mut errands: mpsc::UnboundedReceiver<Errand>) {
        // Said before it matters: a person who relies on notifications must know that there are none.
        let inner = self.clone();
        tokio::spawn(async move { inner.probe().await });
        while let Some(errand) = errands.recv().await {
            match errand {
                Errand::Show(notification) => self.show(notification).await,
                Errand::Close(number) => self.surroundings.notifier.close(number),
                Errand::Probe => self.probe().await,
                Errand::Sounded(consultations) => self.note_alert("alert.sound", &consultations, WINDOW),
            }
        }
    }

    async fn probe(&self) {
        let shows = self.heed(self.surroundings.notifier.ready()).await.is_ok();
        self.attend(|watch, now| {
            // Asks again by itself until there is somebody to show it.
            if shows { watch.returned(now) } else { watch.failed(Alert::test().number, false, now) }
        });
    }

    async fn show(self: &Arc<Self>, notification: Notification) {
        let Notification { alert, consultations, occasion } = notification;
        let (number, loud) = (alert.number, alert.sound);
        let respond = self.on_response(&alert);
        let outcome = self.heed(self.surroundings.notifier.show(alert, respond)).await;
        match (&outcome, occasion) {
            (Ok(_), Occasion::Corrected) => {}
            (Ok(_), Occasion::New) => self.note_alert("alert.show", &consultations, DESKTOP),
            (Ok(_), Occasion::Again) => self.note_alert("alert.repeat", &consultations, DESKTOP),
            (Err(error), _) => self.note_alert("alert.fail", &consultations, error.code.as_str()),
        }
        match outcome {
            Ok(shown) => {
                self.watch().shown();
                if loud && !shown.sounds {
                    self.tell(ChangeNotice { sound: true, ..ChangeNotice::default() });
                    self.note_alert("alert.sound", &consultations, WINDOW);
                }
            }
            Err(_) => self.attend(|watch, now| watch.failed(number, loud, now)),
        }
    }

    /// Puts on record what became of an alert, and where or why: at once, or, behind a locked screen, when it is opened again.
    fn note_alert(self: &Arc<Self>, action: &'static str, consultations: &[ConsultationId], reason: &str) {
        let complete = |entry: NewEntry| NewEntry {
            objects: consultations.iter().map(ToString::to_string).collect(),
            outcome: if action == "alert.fail" { Outcome::Failed } else { entry.outcome },
            reason: Some(reason.to_owned()),
            ..entry
        };
        if let Ok(open) = self.open() {
            let entry = complete(open.entry(action, self.now()));
            // Apart, because the next alert does not wait for the disk.
            let inner = self.clone();
            tokio::spawn(async move { inner.note(&open, entry).await });
        } else {
            self.note_for_later(action, complete);
        }
    }

    fn on_response(self: &Arc<Self>, alert: &Alert) -> OnResponse {
        let weak = Arc::downgrade(self);
        let (number, consultation) = (alert.number, alert.consultation.clone());
        let runtime = tokio::runtime::Handle::current();
        Box::new(move |response| {
            let (Some(inner), Some(id)) = (weak.upgrade(), consultation) else { return };
            inner.watch().closed(number);
            match response {
                Response::Closed => {}
                Response::Opened => {
                    let _runtime = runtime.enter();
                    inner.note_alert("alert.open", std::slice::from_ref(&id), DESKTOP);
                    inner.tell(ChangeNotice { open: Some(id), ..ChangeNotice::default() });
                }
                Response::Acknowledged => {
                    runtime.spawn(async move {
                        if let Err(error) = inner.decide(&id, Decision::Acknowledge).await {
                            tracing::warn!(code = error.code.as_str(), "It could not be acknowledged.");
                            // The window says why, where the same can be tried again.
                            inner.tell(ChangeNotice { open: Some(id), ..ChangeNotice::default() });
                        }
                    });
                }
            }
        })
    }

    /// Remembers whether the desktop shows notifications, and tells the window when that is new.
    async fn heed(&self, showing: Showing) -> Result<Shown, ErrorReport> {
        let outcome = showing.await.map_err(|error| {
            tracing::warn!(%error, "The desktop shows no notification.");
            ErrorReport::new(ErrorCode::NoNotifications)
        });
        let problem = outcome.as_ref().err().cloned();
        let changed = {
            let mut state = self.state();
            let changed = state.notifications != problem;
            state.notifications = problem;
            changed
        };
        if changed {
            self.tell_state();
        }
        outcome
    }
}
