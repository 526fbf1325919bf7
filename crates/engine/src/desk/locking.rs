//! Locking the screen, ending a session, and opening it again.
//!
//! Promises: on a lock the stage has changed before anything is waited for, and with it every question is refused; then
//! the cache closes for whoever still holds it. The ledger stays open until nothing waits in it (`locked`), so that what
//! was sent just before goes out. Only who had locked opens the same records again: by a PIN, or by signing in. Somebody
//! else who signs in finds their own. What a window still has in hand (the last words of a draft) is taken for two
//! seconds after it.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chatehr_audit::NewEntry;
use chatehr_client::SignedIn;
use chatehr_contract::{ChangeNotice, ErrorCode, ErrorReport, Session, Stage, Timestamp, UnlockWithPin};
use tokio::time;

use super::{
    Desk, Inner, Open, Workstation,
    kept_lock::{KeptLock, Tried},
    leaving::end_at_server,
    opening::{Opening, digest},
    pin::{At, wrong_pin},
    record::Author,
};
use crate::{
    report,
    session_clock::{Limits, SessionClock, Standing},
};

/// So many alerts behind one lock are put on record; a night of them.
const MOST_UNTOLD: usize = 1000;
/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// For so long somebody who has shown who they are may do what others must not.
const LATELY: Duration = Duration::from_secs(5 * 60);
/// How long a window may still hand in what it had.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);

/// Opening, locking and ending come one after the other.
pub(super) type Turn<'a> = tokio::sync::MutexGuard<'a, ()>;

/// The session of whoever is or was at the window.
#[derive(Default)]
pub(super) struct Presence {
    pub(super) clock: Option<SessionClock>,
    /// Whose clock it is, without the token: this outlives the session.
    session: String,
    pub(super) limits: Option<Limits>,
    pub(super) locks_at: Option<Timestamp>,
    pub(super) session_ends_at: Option<Timestamp>,
    pub(super) pin_set: bool,
    /// When whoever is at the open desk last showed who they are.
    pub(super) shown: Option<Shown>,
    /// Since when something is in the way of the files, if anything is.
    pub(super) blocked_at: Timestamp,
    pub(super) locked: Option<Locked>,
    /// Files whose cache is closed and whose ledger is not yet.
    pub(super) parting: Option<Arc<Open>>,
}

/// A moment, by the clock and by what has passed since, so that a clock that is set back prolongs nothing.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    at: Timestamp,
    since: Instant,
}

/// What is left of an open desk.
pub(super) struct Locked {
    pub(super) session: Session,
    pub(super) server: SignedIn,
    /// What became of alerts, for when the log is open again.
    pub(super) untold: Vec<NewEntry>,
}

impl Desk {
    /// The person at the window has done something.
    pub fn still_here(&self) {
        self.inner.still_here();
    }

    /// Locks the screen.
    ///
    /// # Errors
    /// Nobody is signed in.
    pub async fn lock_now(&self) -> Result<(), ErrorReport> {
        self.inner.clone().lock("person").await
    }

    /// Locks the screen because the desktop's own session is locked, or the machine goes to sleep; nothing where nobody is
    /// signed in.
    pub async fn lock_with_session(&self) {
        // There is nobody to tell.
        drop(self.inner.clone().lock("session").await);
    }

    /// Opens the records of whoever locked them.
    ///
    /// # Errors
    /// It is not the PIN, there is none, it was wrong too often; nothing is locked. What is in the way of the files is told
    /// by the stage.
    pub async fn unlock_with_pin(&self, request: UnlockWithPin) -> Result<(), ErrorReport> {
        let workstation = self.inner.workstation()?;
        let _turn = self.inner.turn.lock().await;
        let session = self.inner.locked_session().ok_or_else(|| ErrorReport::new(ErrorCode::SignedOut))?;
        let tried = self.inner.try_pin(&session, request.pin, At::TheLock);
        let left = match tried.await? {
            Tried::Right => {
                // Whoever had begun to sign in instead need not go on.
                self.inner.give_up_attempt();
                self.inner.open_again(workstation, session, "pin").await;
                return Ok(());
            }
            Tried::Wrong(left) => left,
            Tried::Spent => 0,
            Tried::NoPin => return Err(ErrorReport::new(ErrorCode::NoPin)),
        };
        self.inner.on_lock_screen(|_, _, tries| *tries = left);
        Err(wrong_pin(left))
    }
}

impl Inner {
    pub(super) fn presence(&self) -> MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn of whoever does something at this desk. Gone when the desk is: who waits for it holds the files that are
    /// opened again.
    pub(super) async fn turn_at(&self, open: &Arc<Open>) -> Result<Turn<'_>, ErrorReport> {
        let turn = tokio::select! {
            turn = self.turn.lock() => turn,
            () = self.is_left(open) => return Err(self.gone(open)),
        };
        self.still_open(open)?;
        Ok(turn)
    }

    fn limits(&self, open: &Open) -> Limits {
        Limits::of(&open.policy(), self.is_shared())
    }

    pub(super) fn is_shared(&self) -> bool {
        self.workstation.as_ref().is_some_and(|workstation| workstation.settings.shared)
    }

    /// Milliseconds since whoever is here signed in, by the clock or by what was waited, whichever is more.
    pub(super) fn signed_in_for(&self) -> i64 {
        let now = self.now();
        self.presence().clock.as_ref().map_or(i64::MAX, |clock| clock.spent_by(now))
    }

    /// Whoever is at the open desk has just shown who they are.
    pub(super) fn has_shown(&self) {
        let shown = Shown { at: self.now(), since: Instant::now() };
        self.presence().shown = Some(shown);
    }

    /// Whether that is so recent that a backup or another key may follow (45 CFR 164.312(d)).
    pub(super) fn has_lately_shown(&self) -> Result<(), ErrorReport> {
        let (now, shown) = (self.now(), self.presence().shown);
        let lately = shown.is_some_and(|shown| {
            shown.since.elapsed() < LATELY && now < shown.at.plus_seconds(LATELY.as_secs().cast_signed())
        });
        if lately { Ok(()) } else { Err(ErrorReport::new(ErrorCode::ShowWhoYouAre)) }
    }

    /// Begins to watch a session that has lasted so many milliseconds by the clock; what this program has counted of it
    /// itself counts if it is more.
    pub(super) fn begin_presence(&self, session: &Session, spent: i64, limits: Limits) {
        let (now, name) = (self.now(), digest(&[&session.token]));
        let mut presence = self.presence();
        let counted = match &presence.clock {
            Some(clock) if presence.session == name => clock.spent(),
            _ => 0,
        };
        presence.clock = Some(SessionClock::new(now, spent.max(counted)));
        presence.session = name;
        presence.limits = Some(limits);
        (presence.locks_at, presence.session_ends_at) = (None, None);
    }

    fn still_here(&self) {
        let Ok(open) = self.open() else { return };
        let (now, limits) = (self.now(), self.limits(&open));
        let warned = {
            let mut presence = self.presence();
            if let Some(clock) = &mut presence.clock {
                clock.input(now, limits);
            }
            presence.locks_at.take().is_some()
        };
        if warned {
            self.tell_state();
        }
    }

    fn tick(&self, limits: Limits) -> Standing {
        let now = self.now();
        let at = |left: i64| Some(Timestamp::from_millis(now.millis().saturating_add(left)));
        let (standing, news) = {
            let mut presence = self.presence();
            presence.limits = Some(limits);
            let Some(clock) = &mut presence.clock else { return Standing::Quiet };
            let standing = clock.tick(now, TICK, limits);
            let (locks, ends) = match standing {
                Standing::LocksSoon(left) => (at(left), None),
                Standing::EndsSoon(left) => (None, at(left)),
                Standing::Quiet | Standing::Lock | Standing::End => (None, None),
            };
            // A countdown runs by itself; only its beginning and end are news.
            let news = (presence.locks_at.is_some(), presence.session_ends_at.is_some())
                != (locks.is_some(), ends.is_some());
            if news {
                (presence.locks_at, presence.session_ends_at) = (locks, ends);
            }
            (standing, news)
        };
        if news {
            self.tell_state();
        }
        standing
    }

    /// Runs as long as the desk is open.
    pub(super) async fn keep_presence(self: Arc<Self>, open: Arc<Open>) {
        loop {
            time::sleep(TICK).await;
            match self.tick(self.limits(&open)) {
                // Apart, because locking ends this very task.
                Standing::Lock => return drop(tokio::spawn(self.lock("idle"))),
                Standing::End => return drop(tokio::spawn(self.expire())),
                _ => {}
            }
        }
    }

    /// Runs as long as the screen is locked.
    pub(super) async fn presence_while_locked(self: Arc<Self>) {
        loop {
            time::sleep(TICK).await;
            let Some(limits) = self.presence().limits else { return };
            if self.tick(limits) == Standing::End {
                return drop(tokio::spawn(self.expire()));
            }
        }
    }

    /// Locks the screen of whoever is signed in, also if their files are just being opened.
    async fn lock(self: Arc<Self>, why: &'static str) -> Result<(), ErrorReport> {
        let _turn = self.turn.lock().await;
        let open = self.open()?;
        // Whoever was to show again who they are shows it at the locked screen now.
        self.give_up_attempt();
        let glass = self.take_glass();
        let (now, limits) = (self.now(), self.limits(&open));
        let (connection, notifications) = {
            let state = self.state();
            (state.connection.clone(), state.notifications.clone())
        };
        let locked =
            Locked { session: open.session.clone(), server: open.server.clone(), untold: Vec::new() };
        self.go_to(locked_stage(&open.session, now));
        {
            let mut state = self.state();
            (state.connection, state.notifications) = (connection, notifications);
        }
        {
            let mut presence = self.presence();
            (presence.locked, presence.parting) = (Some(locked), Some(open.clone()));
            (presence.locks_at, presence.session_ends_at) = (None, None);
        }
        self.tell(ChangeNotice { state: true, lists: true, appointments: true, ..ChangeNotice::default() });
        self.alert_behind_lock();
        let place = open.vault(|vault| vault.last_event()).await.ok().flatten();
        open.vault.close_cache();
        let entry = NewEntry { reason: Some(why.to_owned()), ..open.entry("session.lock", now) };
        self.note(&open, entry).await;
        if let Some(glass) = glass {
            self.glass_closed(&open, &glass, "lock").await;
        }
        self.note_waiting(&open).await;
        match self.keep_lock(&open.session, move |kept| kept.lock(now, limits)).await {
            Ok(kept) => self.on_lock_screen(|_, _, tries| *tries = kept.tries_left()),
            // The screen is locked all the same; only a start would not know.
            Err(error) => {
                tracing::warn!(code = error.code.as_str(), "The keyring does not know of the lock.");
            }
        }
        self.begin_locked(Some(open), place);
        Ok(())
    }

    /// A screen that was locked when the program ended, or left alone for too long.
    pub(super) fn lock_at_start(
        self: &Arc<Self>,
        workstation: &Workstation,
        session: Session,
        since: Timestamp,
        kept: &KeptLock,
    ) {
        self.begin_presence(&session, kept.spent(self.now()), kept.limits());
        self.close(locked_stage(&session, since));
        let server = self.server_of(&workstation.client, &session);
        self.presence().locked = Some(Locked { session, server, untold: Vec::new() });
        self.alert_behind_lock();
        self.on_lock_screen(|_, _, tries| *tries = kept.tries_left());
        self.begin_locked(None, None);
    }

    /// The session has lasted as long as it may.
    async fn expire(self: Arc<Self>) {
        let _turn = self.turn.lock().await;
        let open = self.open().ok().or_else(|| self.presence().parting.clone());
        if let Some(open) = &open {
            self.close_glass(open, "session").await;
        }
        let Some((session, server)) = self.signed_in_here() else { return };
        if self.open().is_ok() {
            // Whoever was to show again who they are signs in now.
            self.give_up_attempt();
        }
        let now = self.now();
        self.close(Stage::SignIn {
            accounts: Vec::new(),
            error: Some(ErrorReport::new(ErrorCode::SessionOver)),
        });
        match open {
            Some(open) => {
                open.vault.close_cache();
                self.note(&open, open.entry("session.expire", now)).await;
                self.take_last_words(open);
            }
            None => self.note_at_next_opening(&session, now, "session.expire", false, "locked").await,
        }
        self.leave_provider(false);
        end_at_server(&session, server, None);
        self.forget_session();
        self.offer_sign_in();
    }

    /// Holds files open for what the window still had in hand.
    fn take_last_words(self: &Arc<Self>, open: Arc<Open>) {
        // Weakly: whoever signs in meanwhile needs the files.
        let (inner, weak) = (self.clone(), Arc::downgrade(&open));
        self.presence().parting = Some(open);
        tokio::spawn(async move {
            time::sleep(LAST_WORDS).await;
            if let Some(open) = weak.upgrade() {
                inner.part_from(&open);
            }
        });
    }

    /// Lets go of these files, unless others are open by now.
    pub(super) fn part_from(&self, open: &Arc<Open>) {
        let mut presence = self.presence();
        if presence.parting.as_ref().is_some_and(|parting| Arc::ptr_eq(parting, open)) {
            presence.parting = None;
        }
    }

    /// Opens the records of whoever locked them and has shown who they are.
    pub(super) async fn open_again(
        self: &Arc<Self>,
        workstation: &Workstation,
        session: Session,
        how: &'static str,
    ) {
        self.leave_lock().await;
        let untold = self.presence().locked.take().map(|locked| locked.untold).unwrap_or_default();
        let opening = Opening { action: "session.unlock", reason: Some(how), remember: how != "pin", untold };
        self.open_person_as(workstation, session, opening, None).await;
        self.has_shown();
        self.attend(|watch, _| watch.unveil());
    }

    /// Ends what goes on behind a locked screen, and closes the files that are still open for it.
    pub(super) async fn leave_lock(&self) {
        let tasks = std::mem::take(&mut self.state().tasks);
        self.presence().parting = None;
        for task in tasks {
            task.abort();
            // An aborted task's error says just that.
            drop(task.await);
        }
    }

    /// Keeps what became of an alert until the log is open again.
    pub(super) fn note_for_later(&self, action: &'static str, complete: impl FnOnce(NewEntry) -> NewEntry) {
        let Some(workstation) = &self.workstation else { return };
        let now = self.now();
        if let Some(locked) = &mut self.presence().locked
            && locked.untold.len() < MOST_UNTOLD
        {
            let author = Author::new(&locked.session, &workstation.settings.workstation);
            locked.untold.push(complete(author.entry(action, now)));
        }
    }

    /// Keeps an entry for this person's log, which is closed, over the end of the program.
    pub(super) async fn note_at_next_opening(
        &self,
        session: &Session,
        at: Timestamp,
        action: &'static str,
        refused: bool,
        reason: &'static str,
    ) {
        let told = self.keep_lock(session, move |kept| kept.tell_later(at, action, refused, reason));
        if let Err(error) = told.await {
            tracing::warn!(code = error.code.as_str(), action, "This is not on record.");
        }
    }

    pub(super) fn locked_session(&self) -> Option<Session> {
        self.presence().locked.as_ref().map(|locked| locked.session.clone())
    }

    /// Changes what the lock screen shows: what waits, how many urgent requests, how many tries.
    pub(super) fn on_lock_screen(&self, change: impl FnOnce(&mut u32, &mut u32, &mut u32)) {
        {
            let mut state = self.state();
            let Stage::Locked { outbox_waiting, urgent, pin_tries, .. } = &mut state.stage else { return };
            change(outbox_waiting, urgent, pin_tries);
        }
        self.tell_state();
    }

    /// Reads what outlives the program, changes it and writes it back.
    pub(super) async fn keep_lock(
        &self,
        session: &Session,
        change: impl FnOnce(&mut KeptLock) + Send + 'static,
    ) -> Result<KeptLock, ErrorReport> {
        let workstation = self.workstation()?;
        let (keyring, entry) = (workstation.keyring.clone(), workstation.lock_entry_of(&session.id));
        blocking(move || {
            let mut kept = KeptLock::read(&keyring, &entry).map_err(|error| report::keyring(&error))?;
            change(&mut kept);
            kept.write(&keyring, &entry).map_err(|error| report::keyring(&error))?;
            Ok(kept)
        })
        .await
    }

    /// The program ends while somebody is at the window.
    pub(super) async fn leave(&self) {
        let Ok(open) = self.open() else { return };
        if !open.key.in_keyring.load(std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let (now, limits) = (self.now(), self.limits(&open));
        if let Err(error) = self.keep_lock(&open.session, move |kept| kept.left_at(now, limits)).await {
            tracing::warn!(code = error.code.as_str(), "The next start may ask who it is.");
        }
    }
}

fn locked_stage(session: &Session, since: Timestamp) -> Stage {
    Stage::Locked { person: session.name.clone(), since, outbox_waiting: 0, urgent: 0, pin_tries: 0 }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ErrorReport> + Send + 'static,
) -> Result<T, ErrorReport> {
    tokio::task::spawn_blocking(work).await.map_err(|error| report::internal(&error))?
}
