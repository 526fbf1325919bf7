//! From nothing to an open desk: settings, keyring, files, sign-in.
//!
//! Promises: each way that opening can fail ends in a state with a sentence and a way out, and the files stay as
//! they are. Nothing here wipes: a damaged cache is put aside, and only when a person asks for it. Where the keyring is
//! in the way, the state says which other keys there are (`keys`).

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{
    Account, ChangeNotice, Connection, ErrorCode, ErrorReport, Person, PersonId, Policy, Role, Session,
    Stage, Timestamp, WayIn,
    access::{Access, Action, Relation, decide},
};
use chatehr_vault::{
    Vault, VaultKey,
    keyring::{self, KeyringError},
};
use sha2::{Digest, Sha256};
use tokio::{task::JoinHandle, time};

use super::{
    Desk, Inner, KeyAtHand, Now, Open, Workstation,
    doubts::Doubts,
    kept_lock::{KeptLock, Verdict},
    leaving::end_at_server,
    provider_session::is_at_provider,
    record::{Author, Looks},
    upkeep::kept_policy,
};
use crate::{report, session_clock::Limits};

/// How often the sign-in screen asks a server that does not answer.
const SIGN_IN_RETRY: Duration = Duration::from_secs(5);
/// In the audit log: the session's renewal, and that the provider refused it as no grant (any longer).
const REFRESH: &str = "session.refresh";
const REFUSED_GRANT: &str = "INVALID_GRANT";
/// How long the end of the program waits for a server to hear that a record is closed.
const LAST_WORD: Duration = Duration::from_secs(2);

impl Desk {
    /// Opens the desk as far as it goes: to the last person's files, to the sign-in, or to what is in the way.
    pub async fn start(&self) {
        self.inner.follow_desktop();
        let _turn = self.inner.turn.lock().await;
        self.inner.start().await;
    }

    /// Ends everything that goes on and closes the files, for the end of the program. The session stays.
    pub async fn close(&self) {
        self.inner.leave().await;
        if let Ok(open) = self.inner.open()
            && let Some(telling) = self.inner.close_glass(&open, "program").await
        {
            // A server that does not answer closes it by itself, and holds up nobody who leaves.
            drop(time::timeout(LAST_WORD, telling).await);
        }
        let tasks = std::mem::take(&mut self.inner.state().tasks);
        self.inner.close(Stage::Starting);
        for task in tasks {
            task.abort();
            // An aborted task's error says just that.
            drop(task.await);
        }
    }

    /// Signs in with a test account's code.
    ///
    /// # Errors
    /// When the server cannot be reached, is not ChatEHR, refuses, or the account has no place at a desk; when somebody is
    /// signed in.
    pub async fn sign_in(&self, code: &str) -> Result<(), ErrorReport> {
        let workstation = self.inner.workstation()?;
        let refuse = |error: chatehr_client::ClientError| report::client(&error);
        let client = workstation.client_of_its_own();
        // A person has pressed, so a server that was being left alone is asked all the same.
        client.retry_now();
        client.health().await.map_err(refuse)?;
        let session = client.sign_in(code.trim()).await.map_err(refuse)?;
        if !has_a_desk(&session.role) {
            let refused = ErrorReport::new(ErrorCode::WrongRole);
            self.inner.note_refused_sign_in(&refused).await;
            return Err(refused);
        }
        let _turn = self.inner.turn.lock().await;
        if matches!(self.inner.state().stage, Stage::Ready { .. }) {
            return Err(ErrorReport::new(ErrorCode::Conflict).with_detail("somebody is signed in"));
        }
        self.inner.give_up_attempt();
        self.inner.leave_provider(false);
        self.inner.let_person_in(workstation, session, "sign-in", None).await;
        Ok(())
    }

    /// Ends the session on this workstation. The files and what waits in the outbox stay.
    ///
    /// # Errors
    /// When the keyring does not let go of the session; nobody is signed in all the same.
    pub async fn sign_out(&self) -> Result<(), ErrorReport> {
        let workstation = self.inner.workstation()?;
        // Files that are being opened would be open afterwards.
        let _turn = self.inner.turn.lock().await;
        let left = self.inner.signed_in_or_blocked();
        let mut telling = None;
        if let Ok(open) = self.inner.open() {
            telling = self.inner.close_glass(&open, "sign-out").await;
            // Who leaves is let go, whatever the disk says.
            self.inner.note(&open, open.entry("session.sign-out", self.inner.now())).await;
        }
        self.inner.close(Stage::SignIn { accounts: Vec::new(), error: None });
        if let Some((session, server)) = left {
            end_at_server(&session, server, telling);
        }
        self.inner.give_up_attempt();
        self.inner.leave_provider(true);
        let forgotten = workstation.forget_session().await;
        self.inner.offer_sign_in();
        forgotten.map_err(|error| report::keyring(&error))
    }

    /// Tries again whatever stands in the way.
    ///
    /// # Errors
    /// None of its own: the state says how it went.
    pub async fn try_again(&self) -> Result<(), ErrorReport> {
        let turn = self.inner.turn.lock().await;
        let (blocked, session, key) = {
            let state = self.inner.state();
            let blocked = matches!(state.stage, Stage::Blocked { .. });
            (blocked, state.blocked_session.clone(), state.blocked_key.clone())
        };
        match (blocked, session, &self.inner.workstation) {
            (true, Some(session), Some(workstation)) => {
                if self.inner.asks_who_it_is(workstation, &session).await {
                    return Ok(());
                }
                self.inner.open_person(workstation, session, true, key).await;
            }
            (true, None, _) => self.inner.start().await,
            _ => {
                drop(turn);
                if let Ok(open) = self.inner.open() {
                    self.inner.put_right(&open, true).await;
                }
                self.inner.ask_server_now();
                self.inner.try_again.notify_waiters();
                self.inner.outbox.notify_one();
            }
        }
        Ok(())
    }

    /// Puts a damaged cache aside and opens the desk anew; everything is fetched again.
    ///
    /// # Errors
    /// When nothing is damaged, or the file cannot be moved.
    pub async fn rebuild_cache(&self) -> Result<(), ErrorReport> {
        let workstation = self.inner.workstation()?;
        let _turn = self.inner.turn.lock().await;
        let (session, key) = {
            let state = self.inner.state();
            match (&state.stage, &state.blocked_session) {
                (Stage::Blocked { error, .. }, Some(session)) if error.code == ErrorCode::CacheDamaged => {
                    (session.clone(), state.blocked_key.clone())
                }
                _ => return Err(ErrorReport::new(ErrorCode::Internal)),
            }
        };
        if self.inner.asks_who_it_is(workstation, &session).await {
            return Ok(());
        }
        let dir = workstation.dir_of(&session.id);
        let now = self.inner.now();
        let moved = tokio::task::spawn_blocking(move || Vault::set_cache_aside(&dir, now)).await;
        moved.map_err(|error| report::internal(&error))?.map_err(|error| report::vault(&error))?;
        self.inner.open_person(workstation, session, true, key).await;
        Ok(())
    }
}

/// A person's files, open.
struct Files {
    vault: Vault,
    key: KeyAtHand,
    first: bool,
    kept: KeptLock,
    doubts: Doubts,
    /// The clinic's, as it was last signed; by default where none is kept.
    policy: Policy,
    glass_news: bool,
}

/// What is written down of an opening, and whether the keyring is to know the session.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) action: &'static str,
    pub(super) reason: Option<&'static str>,
    pub(super) remember: bool,
    /// What happened while the log was closed.
    pub(super) untold: Vec<NewEntry>,
}

fn refresh_refused(open: &Open, at: Timestamp) -> NewEntry {
    let reason = Some(REFUSED_GRANT.to_owned());
    NewEntry { outcome: Outcome::Refused, reason, ..open.entry(REFRESH, at) }
}

/// Whether this program has a place for the role.
pub(super) fn has_a_desk(role: &Role) -> bool {
    decide(Action::DeskOpen, role.into(), Relation::None) == Access::Granted
}

/// Whose session it is.
pub(super) fn person_of(session: &Session) -> Person {
    Person {
        id: session.id.clone(),
        name: session.name.clone(),
        role: session.role.clone(),
        specialties: session.specialties.clone(),
        delegates_for: session.delegates_for.clone(),
    }
}

impl Inner {
    async fn start(self: &Arc<Self>) {
        let Some(workstation) = &self.workstation else { return };
        self.begin_counting();
        self.close(Stage::Starting);
        self.recall_staying(workstation).await;
        match workstation.remembered_session().await {
            Err(error) => {
                let ways = if workstation.has_other_keys().await { vec![WayIn::SignIn] } else { Vec::new() };
                self.close(Stage::Blocked { error: report::keyring(&error), ways });
            }
            Ok(None) => {
                self.close(Stage::SignIn { accounts: Vec::new(), error: None });
                self.offer_sign_in();
            }
            Ok(Some(_)) if !self.stays_signed_in() => {
                // It was kept before that was known.
                if let Err(error) = workstation.forget_session().await {
                    tracing::warn!(%error, "A session that is not to be kept stays in the keyring.");
                }
                self.close(Stage::SignIn { accounts: Vec::new(), error: None });
                self.offer_sign_in();
            }
            Ok(Some(session)) if session.expires_at <= self.now() => self.end_session(),
            Ok(Some(session)) if is_at_provider(&session) => {
                match self.take_up(workstation, &session).await {
                    Ok(Some(())) => self.open_remembered(workstation, session).await,
                    Ok(None) => self.end_session(),
                    Err(error) => self.close(Stage::Blocked { error, ways: Vec::new() }),
                }
            }
            Ok(Some(session)) => self.open_remembered(workstation, session).await,
        }
    }

    /// Opens what was left a moment ago; whoever was away for longer shows who they are.
    async fn open_remembered(self: &Arc<Self>, workstation: &Workstation, session: Session) {
        let (keyring, entry) = (workstation.keyring.clone(), workstation.lock_entry_of(&session.id));
        let read = move || KeptLock::read(&keyring, &entry).map_err(|error| report::keyring(&error));
        let read = tokio::task::spawn_blocking(read).await;
        let kept = match read.unwrap_or_else(|error| Err(report::internal(&error))) {
            Ok(kept) => kept,
            Err(error) => return self.close(Stage::Blocked { error, ways: Vec::new() }),
        };
        match kept.at_start(&session, self.now()) {
            Verdict::Open => self.open_person(workstation, session, false, None).await,
            Verdict::Locked(since) => self.lock_at_start(workstation, session, since, &kept),
            Verdict::Over => self.end_session(),
        }
    }

    /// Opens the records of who has just signed in: those behind the locked screen again, if they are the same person's.
    pub(super) async fn let_person_in(
        self: &Arc<Self>,
        workstation: &Workstation,
        session: Session,
        unlocked_by: &'static str,
        signed_in_by: Option<&'static str>,
    ) {
        let token = session.token.clone();
        let before = self.signed_in_or_blocked().filter(|(before, _)| before.token != token);
        match self.locked_session() {
            Some(locked) if locked.id == session.id => {
                self.open_again(workstation, session, unlocked_by).await;
            }
            // Somebody else: what was left behind the locked screen is closed first.
            locked => {
                if locked.is_some() {
                    self.leave_lock().await;
                    self.close(Stage::Starting);
                }
                let action = "session.sign-in";
                let opening = Opening { action, reason: signed_in_by, remember: true, untold: Vec::new() };
                self.open_person_as(workstation, session, opening, None).await;
                self.has_shown();
            }
        }
        if let Some((before, server)) = before {
            end_at_server(&before, server, None);
        }
    }

    /// Opens a person's files and begins to keep them in step. `remember` stores the session in the keyring: whoever
    /// signs in, or had signed in when something stood in the way. The key comes from the keyring unless one is `at
    /// hand`, which stays at hand if something else is in the way.
    pub(super) async fn open_person(
        self: &Arc<Self>,
        workstation: &Workstation,
        session: Session,
        remember: bool,
        at_hand: Option<KeyAtHand>,
    ) {
        let action = if remember { "session.sign-in" } else { "session.resume" };
        let opening = Opening { action, reason: None, remember, untold: Vec::new() };
        self.open_person_as(workstation, session, opening, at_hand).await;
    }

    /// The same, with what is written down of it.
    pub(super) async fn open_person_as(
        self: &Arc<Self>,
        workstation: &Workstation,
        session: Session,
        opening: Opening,
        at_hand: Option<KeyAtHand>,
    ) {
        // Files that were only waiting for a window's last words are in the way of opening them.
        self.presence().parting = None;
        match self.open_files(workstation, &session, opening, at_hand.clone()).await {
            Ok(files) => {
                self.settle(&session, files.key.in_keyring.load(Ordering::Relaxed)).await;
                self.open_desk(workstation, session, files);
            }
            Err(error) => {
                let ways = workstation.ways_past(&session.id, error.code).await;
                self.block_with(error, ways, session, at_hand);
            }
        }
    }

    fn open_desk(self: &Arc<Self>, workstation: &Workstation, session: Session, files: Files) {
        let person = person_of(&session);
        tracing::info!(person = %person.id, "The desk is open.");
        let server = self.server_of(&workstation.client_of_its_own(), &session);
        let Files { vault, key, first, kept, doubts, policy, glass_news } = files;
        let limits = Limits::of(&policy, self.is_shared());
        self.begin_presence(&session, kept.spent(self.now()), limits);
        self.presence().pin_set = kept.has_pin();
        let inner = Arc::downgrade(self);
        let open = Arc::new(Open {
            person: person.clone(),
            vault,
            key,
            first,
            server,
            author: Author::new(&session, &workstation.settings.workstation),
            looks: Looks::default(),
            policy: std::sync::Mutex::new(policy.clone()),
            glass_news: AtomicBool::new(glass_news),
            doubts,
            session,
            inner,
        });
        self.set_alerting(&policy);
        let notifications = self.state().notifications.clone();
        self.replace(Now {
            stage: Stage::Ready { person },
            connection: Connection::Connecting,
            notifications,
            integrity: None,
            open: Some(open.clone()),
            blocked_session: None,
            viewed: None,
            blocked_key: None,
            tasks: Vec::new(),
        });
        let mut tasks = vec![
            tokio::spawn(Inner::keep_in_step(self.clone(), open.clone())),
            tokio::spawn(Inner::keep_sending(self.clone(), open.clone())),
            tokio::spawn(Inner::keep_up(self.clone(), open.clone())),
            tokio::spawn(Inner::keep_presence(self.clone(), open.clone())),
        ];
        tasks.extend(self.begin_alerting());
        {
            let mut state = self.state();
            if state.open.as_ref().is_some_and(|now| Arc::ptr_eq(now, &open)) {
                state.tasks.extend(tasks);
            } else {
                // One of them has ended the session already.
                tasks.iter().for_each(JoinHandle::abort);
            }
        }
        self.tell(ChangeNotice { state: true, lists: true, appointments: true, ..ChangeNotice::default() });
    }

    async fn open_files(
        &self,
        workstation: &Workstation,
        session: &Session,
        opening: Opening,
        at_hand: Option<KeyAtHand>,
    ) -> Result<Files, ErrorReport> {
        let new_key = self.new_key()?;
        let keyring = workstation.keyring.clone();
        let dir = workstation.dir_of(&session.id);
        let key_entry = workstation.key_entry_of(&session.id);
        let session_entry = workstation.session_entry();
        let lock_entry = workstation.lock_entry_of(&session.id);
        let remembered = if opening.remember {
            Some(serde_json::to_string(session).map_err(|error| report::internal(&error))?)
        } else {
            None
        };
        let stays = self.stays_signed_in();
        let now = self.now();
        let author = Author::new(session, &workstation.settings.workstation);
        let reason = opening.reason.map(str::to_owned);
        let entry = NewEntry { reason, ..author.entry(opening.action, now) };
        let (session, shared) = (session.clone(), self.is_shared());
        let opened = tokio::task::spawn_blocking(move || {
            let first = !Vault::exists(&dir);
            let key = match at_hand {
                Some(key) => key,
                None => {
                    let key = keyring::load_or_create_key(&keyring, &key_entry, &dir, new_key, now);
                    KeyAtHand::new(key.map_err(|error| report::key(&error))?, true)
                }
            };
            let vault = Vault::open(&dir, &key.key).map_err(|error| report::open(&error))?;
            // Who opens the files has shown who they are: a keyring that does not answer to this is not in the way, and
            // what it holds is not written over.
            let in_keyring = key.in_keyring.load(Ordering::Relaxed);
            let read = in_keyring.then(|| KeptLock::read(&keyring, &lock_entry)).and_then(Result::ok);
            let (known, mut kept) = (read.is_some(), read.unwrap_or_default());
            let mut entries = kept.untold(&author);
            entries.extend(opening.untold);
            entries.push(entry);
            vault.recover().and_then(|()| vault.record(&entries)).map_err(|error| report::vault(&error))?;
            let doubts = Doubts::kept(vault.doubts().map_err(|error| report::vault(&error))?);
            // The clinic's rules hold before anybody can act.
            let device = vault.device().map_err(|error| report::vault(&error))?;
            let policy = kept_policy(&device).unwrap_or_default();
            let glass_news = vault.glass_is_news().map_err(|error| report::vault(&error))?;
            kept.opened(&session, now, Limits::of(&policy, shared));
            if known && let Err(error) = kept.write(&keyring, &lock_entry) {
                // At worst the next start asks who it is.
                tracing::warn!(%error, "The keyring does not know that the person is here.");
            }
            // A keyring that the files were opened without has no place for the session either.
            if let Some(text) = remembered.filter(|_| in_keyring) {
                let remembering = if stays {
                    keyring.set(&session_entry, &text)
                } else {
                    // Of whoever was here before, too.
                    keyring.delete(&session_entry)
                };
                remembering.map_err(|error| report::keyring(&error))?;
            }
            Ok(Files { vault, key, first, kept, doubts, policy, glass_news })
        });
        opened.await.map_err(|error| report::internal(&error))?
    }

    /// A new key to somebody's files.
    pub(super) fn new_key(&self) -> Result<VaultKey, ErrorReport> {
        VaultKey::filled(|bytes| self.surroundings.random.fill(bytes))
            .map_err(|error| report::internal(&error))
    }

    /// Fresh random bytes for a key.
    pub(super) fn random(&self) -> Result<[u8; 32], ErrorReport> {
        let mut bytes = [0; 32];
        self.surroundings.random.fill(&mut bytes).map_err(|error| report::internal(&error))?;
        Ok(bytes)
    }

    /// The server no longer knows the session.
    pub(super) fn end_session(self: &Arc<Self>) {
        let taken_back = self.held().as_ref().is_some_and(|held| held.session.is_over());
        self.end_session_for(if taken_back { ErrorCode::SignInTakenBack } else { ErrorCode::SignedOut });
    }

    /// The session is over for a reason that the sign-in screen tells.
    pub(super) fn end_session_for(self: &Arc<Self>, why: ErrorCode) {
        let (taken_back, error) = (why == ErrorCode::SignInTakenBack, Some(ErrorReport::new(why)));
        let parting = self.presence().parting.clone();
        if self.open().is_ok() {
            // Whoever was to show again who they are signs in now.
            self.give_up_attempt();
        }
        if let Some(open) = self.open().ok().or(parting) {
            let (inner, glass, entry) =
                (self.clone(), self.take_glass(), open.entry("session.end", self.now()));
            let reason = (why != ErrorCode::SignedOut).then(|| why.as_str().to_owned());
            let entry = NewEntry { reason, ..entry };
            tokio::spawn(async move {
                if let Some(glass) = glass {
                    inner.glass_closed(&open, &glass, "session").await;
                }
                if taken_back {
                    inner.note(&open, refresh_refused(&open, entry.at)).await;
                }
                inner.note(&open, entry).await;
            });
        } else if let Some(session) = self.locked_session().filter(|_| taken_back) {
            let (inner, now) = (self.clone(), self.now());
            tokio::spawn(async move {
                let _turn = inner.turn.lock().await;
                inner.note_at_next_opening(&session, now, REFRESH, true, REFUSED_GRANT).await;
            });
        }
        self.close(Stage::SignIn { accounts: Vec::new(), error });
        self.leave_provider(false);
        self.forget_session();
        self.offer_sign_in();
    }

    /// The keyring need not know the session any more.
    pub(super) fn forget_session(self: &Arc<Self>) {
        let inner = self.clone();
        let forgetting = async move {
            if let Some(workstation) = &inner.workstation
                && let Err(error) = workstation.forget_session().await
            {
                tracing::warn!(%error, "The ended session stays in the keyring.");
            }
        };
        tokio::spawn(forgetting);
    }

    /// Damage that shows only while the desk is open has the same way out as at a start.
    pub(super) fn block(&self, open: &Open, error: ErrorReport) {
        let present = self.state().open.as_ref().is_some_and(|now| std::ptr::eq(Arc::as_ptr(now), open));
        if present {
            // Whoever waits for the browser holds the files.
            self.give_up_attempt();
            if let (Some(glass), Some(inner), Ok(open)) =
                (self.take_glass(), open.inner.upgrade(), self.open())
            {
                tokio::spawn(async move { drop(inner.glass_closed(&open, &glass, "blocked").await) });
            }
            let key = Some(open.key.clone()).filter(|key| !key.in_keyring.load(Ordering::Relaxed));
            self.block_with(error, Vec::new(), open.session.clone(), key);
        }
    }

    /// Something is in the way of this session's files.
    fn block_with(&self, error: ErrorReport, ways: Vec<WayIn>, session: Session, key: Option<KeyAtHand>) {
        self.presence().blocked_at = self.now();
        self.close(Stage::Blocked { error, ways });
        let mut state = self.state();
        (state.blocked_session, state.blocked_key) = (Some(session), key);
    }

    /// Locks the screen where what is in the way has stood there for as long as a person may be away: whoever tries again
    /// need not be whoever signed in. Whether it has.
    async fn asks_who_it_is(self: &Arc<Self>, workstation: &Workstation, session: &Session) -> bool {
        let (since, idle) = {
            let presence = self.presence();
            let limits = presence.limits.unwrap_or_else(|| Limits::of(&Policy::default(), self.is_shared()));
            (presence.blocked_at, limits.idle)
        };
        if (0..idle).contains(&self.now().millis().saturating_sub(since.millis())) {
            return false;
        }
        let (keyring, entry) = (workstation.keyring.clone(), workstation.lock_entry_of(&session.id));
        let read = move || KeptLock::read(&keyring, &entry).map_err(|error| report::keyring(&error));
        let read = tokio::task::spawn_blocking(read).await;
        match read.unwrap_or_else(|error| Err(report::internal(&error))) {
            Ok(kept) => self.lock_at_start(workstation, session.clone(), since, &kept),
            Err(error) => {
                let ways = workstation.ways_past(&session.id, error.code).await;
                self.block_with(error, ways, session.clone(), None);
            }
        }
        true
    }

    /// Closes whatever is open and goes to a stage without files.
    pub(super) fn close(&self, stage: Stage) {
        self.go_to(stage);
        self.forget_alerts();
        self.tell(ChangeNotice { state: true, lists: true, appointments: true, ..ChangeNotice::default() });
    }

    /// The same, but for what is still to be told of urgent requests.
    pub(super) fn go_to(&self, stage: Stage) {
        let notifications = self.state().notifications.clone();
        let connection = match &stage {
            Stage::SignIn { .. } => Connection::SignedOut { since: self.now() },
            _ => Connection::Connecting,
        };
        self.replace(Now {
            stage,
            connection,
            notifications,
            integrity: None,
            open: None,
            blocked_session: None,
            viewed: None,
            blocked_key: None,
            tasks: Vec::new(),
        });
    }

    /// Goes to another state of things and ends what belonged to the one before.
    fn replace(&self, next: Now) {
        {
            // What was left behind a locked screen does not outlive it.
            let mut presence = self.presence();
            (presence.locked, presence.parting, presence.shown) = (None, None, None);
        }
        let before = std::mem::replace(&mut *self.state(), next);
        *self.glass() = None;
        *self.bundle.lock().unwrap_or_else(PoisonError::into_inner) = None;
        before.tasks.iter().for_each(JoinHandle::abort);
    }

    /// Asks the server which accounts it offers, until it answers or the stage is another.
    pub(super) fn offer_sign_in(self: &Arc<Self>) {
        let inner = self.clone();
        let asking = async move {
            loop {
                let Some(workstation) = &inner.workstation else { return };
                let asked = workstation.offered_accounts().await;
                let lost = asked.as_ref().err().cloned();
                let (accounts, problem) = match asked {
                    Ok(accounts) => (accounts, None),
                    Err(error) => (Vec::new(), Some(report::client(&error))),
                };
                {
                    let mut state = inner.state();
                    let Stage::SignIn { accounts: shown, error } = &mut state.stage else { return };
                    *shown = accounts;
                    // Why the session ended stays on the screen unless something newer is in the way.
                    let why_it_ended = [
                        ErrorCode::SignedOut,
                        ErrorCode::SignInTakenBack,
                        ErrorCode::SessionOver,
                        ErrorCode::RoleGone,
                    ];
                    if problem.is_some()
                        || error.as_ref().is_some_and(|error| !why_it_ended.contains(&error.code))
                    {
                        *error = problem;
                    }
                }
                let Some(lost) = lost else {
                    inner.set_signed_out();
                    return inner.tell_state();
                };
                inner.set_offline(&lost, SIGN_IN_RETRY);
                inner.tell_state();
                let _woken = time::timeout(SIGN_IN_RETRY, inner.try_again.notified()).await;
            }
        };
        let task = tokio::spawn(asking);
        self.state().tasks.push(task);
    }
}

impl Workstation {
    /// The accounts that this program has a place for.
    async fn offered_accounts(&self) -> Result<Vec<Account>, chatehr_client::ClientError> {
        if !self.client.health().await?.has("test-sign-in") || self.provider.is_some() {
            return Ok(Vec::new());
        }
        let mut accounts = self.client.accounts().await?;
        accounts.retain(|account| has_a_desk(&account.role));
        Ok(accounts)
    }

    async fn remembered_session(&self) -> Result<Option<Session>, KeyringError> {
        let keyring = self.keyring.clone();
        let entry = self.session_entry();
        let text = tokio::task::spawn_blocking(move || keyring.get(&entry))
            .await
            .unwrap_or(Err(KeyringError::Locked))?;
        // A session that cannot be read is no session: signing in again replaces it.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(super) async fn forget_session(&self) -> Result<(), KeyringError> {
        let keyring = self.keyring.clone();
        let entry = self.session_entry();
        let refresh = self.refresh.clear();
        let session = tokio::task::spawn_blocking(move || keyring.delete(&entry)).await;
        refresh.await.and(session.unwrap_or(Err(KeyringError::Locked)))
    }

    /// One session for each server, so that a token never reaches another one.
    pub(super) fn session_entry(&self) -> String {
        format!("session:{}", digest(&[&self.settings.api_url]))
    }

    /// The person's directory: one for each server and person, named so that neither can be read from it.
    pub(super) fn dir_of(&self, person: &PersonId) -> std::path::PathBuf {
        self.settings.data_dir.join("people").join(self.file_name_of(person))
    }

    /// Where the keyring has what outlives the program of a person's locked screen.
    pub(super) fn lock_entry_of(&self, person: &PersonId) -> String {
        format!("lock:{}", self.file_name_of(person))
    }

    /// Where the keyring has the key to the person's files.
    pub(super) fn key_entry_of(&self, person: &PersonId) -> String {
        format!("vault:{}", self.file_name_of(person))
    }

    fn file_name_of(&self, person: &PersonId) -> String {
        directory_name(&self.settings.api_url, person)
    }
}

pub(super) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What the directory of a person's files is called: one for each server and person, so that neither can be read
/// from it.
pub fn directory_name(server: &str, person: &PersonId) -> String {
    digest(&[server, person.as_str()])
}
