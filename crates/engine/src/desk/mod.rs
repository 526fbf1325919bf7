//! The physician's desk: one person's files, connection and outbox, behind the commands of the clinician's table.
//!
//! `opening` gets from nothing to an open desk, `loading` fetches what there is, `keeping` keeps it in step with the server
//! (`following` where the server tells what has changed, `polling` where it tells nothing, by the order of `rota`), `sending` empties the
//! outbox, `acting` does what a person decides, `asking` asks for the server's word where that needs it, `doubts` keeps what nobody
//! knows the answer to and `conflict` says who was first, `writing` takes words and lets them be changed, `views` reads what the window shows, `record` writes down who did what,
//! `upkeep` looks after the files meanwhile, `alerting` tells the person what waits until somebody answers. `ways` knows which keys there are, `keys` opens with them and looks after them.
//! `standing` says how things stand with the server, `clocks` how its clock and this one do, `figures` how the connection
//! has been, `supporting` what is handed to who helps.
//! `allowed` asks the access table, `glass` opens somebody else's record in an emergency, and `glass_news` tells administrators.
//! `locking` closes them when the person is away and opens them again, `locked` is what goes on meanwhile, `kept_lock` what
//! of it outlives the program, `pin` the PIN, `leaving` how a session ends at the server. `signing_in` lets people in with a clinic account, `provider_session` is what they have
//! then, `staying` whether it outlives the program. `whose` asks again whose session it is.

mod acting;
mod alerting;
mod allowed;
mod asking;
mod clocks;
mod conflict;
mod conversation;
mod doubts;
mod figures;
mod following;
mod glass;
mod glass_news;
mod keeping;
mod kept_lock;
mod keys;
mod leaving;
mod loading;
mod locked;
mod locking;
mod opening;
mod pin;
mod polling;
mod provider_session;
mod reading;
mod record;
mod rota;
mod sending;
mod signing_in;
mod standing;
mod staying;
mod supporting;
mod upkeep;
mod views;
mod ways;
mod whose;
mod writing;

pub use self::{opening::directory_name, supporting::HostReport, upkeep::kept_policy};

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicBool},
};

use chatehr_client::{Client, Gauges, SignedIn};
use chatehr_contract::{
    ChangeNotice, Connection, ConsultationId, ErrorCode, ErrorReport, Person, Policy, Session, Stage,
    Timestamp,
};
use chatehr_seal::legacy::LegacySecret;
use chatehr_sign_in::Provider;
use chatehr_vault::{Vault, VaultError, VaultKey, keyring::Keyring};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::Instant,
};

use crate::{Settings, SettingsError, Surroundings, Watch, report};

/// The clinician's side of the program. Cheap to clone; all clones are the same desk.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

struct Inner {
    surroundings: Surroundings,
    /// Absent when the settings cannot be used; the stage says why.
    workstation: Option<Workstation>,
    now: Mutex<Now>,
    watch: Mutex<Watch>,
    /// What goes to the desktop, in order: a repeat must not overtake what it repeats.
    desktop: Mutex<Option<mpsc::UnboundedSender<alerting::Errand>>>,
    /// What is to be done about alerts has changed.
    alerts: Notify,
    /// A person, or a change of circumstances, asks for another attempt at once.
    try_again: Notify,
    /// There is something to send.
    outbox: Notify,
    /// The server answers, perhaps after it did not.
    back_online: Notify,
    /// What a colleague has handed over and this person has opened, until the server knows.
    unsaid: Mutex<BTreeSet<ConsultationId>>,
    /// How long the person has been here, or away.
    presence: Mutex<locking::Presence>,
    /// The record that is open in an emergency. In memory alone.
    glass: Mutex<Option<glass::Glass>>,
    /// Opening, locking and ending come one after the other.
    turn: tokio::sync::Mutex<()>,
    /// How far the server's clock is ahead.
    ahead: clocks::Ahead,
    /// What the figures begin with.
    since: figures::Since,
    /// The support bundle that was shown last.
    bundle: Mutex<Option<String>>,
    /// When the clock was last looked at, by itself and by what has passed since.
    looked_at_clock: Mutex<Option<(Timestamp, Instant)>>,
    /// How far the first load has come.
    first_load: loading::FirstLoad,
    /// A sign-in with a clinic account that is under way.
    signing_in: Mutex<signing_in::SigningIn>,
    /// The session at the identity provider of whoever is signed in with a clinic account.
    held: Mutex<Option<provider_session::Held>>,
    /// Whether the clinic lets people stay signed in.
    staying: staying::Staying,
}

/// What the settings make of this machine.
struct Workstation {
    settings: Settings,
    client: Client,
    /// What all clients of this workstation have measured.
    gauges: Gauges,
    keyring: Keyring,
    legacy_secret: Option<LegacySecret>,
    /// Where people sign in with their clinic account.
    provider: Option<Provider>,
    /// What the keyring has of that.
    refresh: Arc<provider_session::RefreshEntry>,
}

/// How things stand; changes only under its lock, and every change is followed by a notice.
struct Now {
    stage: Stage,
    connection: Connection,
    notifications: Option<ErrorReport>,
    /// What upkeep has found wrong with the present desk.
    integrity: Option<ErrorReport>,
    open: Option<Arc<Open>>,
    /// Whose files could not be opened, for trying again.
    blocked_session: Option<Session>,
    /// Which conversation the person has looked at, and when.
    viewed: Option<(ConsultationId, Timestamp)>,
    /// A key that was found all the same, where the keyring is not what stood in the way.
    blocked_key: Option<KeyAtHand>,
    /// Tasks of the present stage; ended when it ends.
    tasks: Vec<JoinHandle<()>>,
}

/// The key to a person's files, while it is in use.
#[derive(Clone)]
struct KeyAtHand {
    key: Arc<VaultKey>,
    /// Whether the keyring has it as well.
    in_keyring: Arc<AtomicBool>,
}

impl KeyAtHand {
    fn new(key: VaultKey, in_keyring: bool) -> Self {
        Self { key: Arc::new(key), in_keyring: Arc::new(AtomicBool::new(in_keyring)) }
    }
}

/// An open desk.
struct Open {
    person: Person,
    vault: Vault,
    key: KeyAtHand,
    /// The files were made at this sign-in.
    first: bool,
    server: SignedIn,
    author: record::Author,
    looks: record::Looks,
    policy: Mutex<Policy>,
    /// Somebody has opened a record in an emergency, and this administrator has not looked.
    glass_news: AtomicBool,
    doubts: doubts::Doubts,
    /// For opening the files anew.
    session: Session,
    /// Where damage is told.
    inner: Weak<Inner>,
}

impl Open {
    /// The clinic's rules, as far as they are known.
    fn policy(&self) -> Policy {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_policy(&self, policy: Policy) {
        if let Some(inner) = self.inner.upgrade() {
            inner.set_alerting(&policy);
        }
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// Runs a question to the files away from the async threads: SQLite blocks.
    async fn vault<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, ErrorReport> {
        let vault = self.vault.clone();
        match tokio::task::spawn_blocking(move || question(&vault)).await {
            Ok(answer) => answer.map_err(|error| {
                let report = report::vault(&error);
                if matches!(report.code, ErrorCode::CacheDamaged | ErrorCode::LedgerDamaged)
                    && let Some(inner) = self.inner.upgrade()
                {
                    inner.block(self, report.clone());
                }
                report
            }),
            Err(error) => Err(report::internal(&error)),
        }
    }
}

impl Desk {
    /// A desk with nothing open yet; [`Desk::start`] opens it.
    pub fn new(settings: Result<Settings, SettingsError>, surroundings: Surroundings) -> Self {
        let (workstation, stage) = match settings
            .map_err(|error| error.to_string())
            .and_then(|settings| Workstation::new(settings, &surroundings))
        {
            Ok(workstation) => (Some(workstation), Stage::Starting),
            Err(what) => {
                let error = ErrorReport::new(ErrorCode::BadConfiguration).with_detail(what);
                (None, Stage::Blocked { error, ways: Vec::new() })
            }
        };
        let now = Now {
            stage,
            connection: Connection::Connecting,
            notifications: None,
            integrity: None,
            open: None,
            blocked_session: None,
            viewed: None,
            blocked_key: None,
            tasks: Vec::new(),
        };
        Self {
            inner: Arc::new(Inner {
                surroundings,
                workstation,
                now: Mutex::new(now),
                watch: Mutex::default(),
                desktop: Mutex::default(),
                alerts: Notify::new(),
                try_again: Notify::new(),
                outbox: Notify::new(),
                back_online: Notify::new(),
                unsaid: Mutex::default(),
                presence: Mutex::default(),
                glass: Mutex::default(),
                turn: tokio::sync::Mutex::default(),
                ahead: clocks::Ahead::default(),
                since: figures::Since::default(),
                bundle: Mutex::default(),
                looked_at_clock: Mutex::default(),
                first_load: loading::FirstLoad::default(),
                signing_in: Mutex::default(),
                held: Mutex::default(),
                staying: staying::Staying::default(),
            }),
        }
    }
}

impl Workstation {
    fn new(settings: Settings, surroundings: &Surroundings) -> Result<Self, String> {
        let clock = surroundings.clock.clone();
        let gauges = Gauges::new(Some(Arc::new(move || clock.now())));
        let client = settings.client(&gauges).map_err(|error| error.to_string())?;
        let legacy_secret = settings.legacy_secret.as_deref().map(LegacySecret::new);
        let keyring = Keyring::new(&settings.keyring_service);
        let provider = provider_session::provider(&settings, surroundings)?;
        let refresh = Arc::new(provider_session::RefreshEntry::new(keyring.clone(), &settings));
        Ok(Self { settings, client, gauges, keyring, legacy_secret, provider, refresh })
    }

    /// A client that goes with what it is used for, and its connections with it: each keeps in its buffers what came and
    /// went over it last.
    fn client_of_its_own(&self) -> Client {
        self.settings.client(&self.gauges).unwrap_or_else(|_| self.client.clone())
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        self.surroundings.clock.now()
    }

    /// A panic elsewhere must not take the desk with it: the state is replaced whole, so it is never half-written.
    fn state(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, notice: ChangeNotice) {
        (self.surroundings.listener)(notice);
    }

    fn tell_state(&self) {
        self.tell(ChangeNotice { state: true, ..ChangeNotice::default() });
    }

    fn tell_consultations(&self, consultations: Vec<ConsultationId>) {
        self.tell(ChangeNotice { state: true, lists: true, consultations, ..ChangeNotice::default() });
    }

    fn legacy_secret(&self) -> Option<&LegacySecret> {
        self.workstation.as_ref().and_then(|workstation| workstation.legacy_secret.as_ref())
    }

    fn workstation(&self) -> Result<&Workstation, ErrorReport> {
        self.workstation.as_ref().ok_or_else(|| ErrorReport::new(ErrorCode::BadConfiguration))
    }

    /// The open desk, or the sentence for somebody who acts without one.
    fn open(&self) -> Result<Arc<Open>, ErrorReport> {
        let state = self.state();
        let absent = match state.stage {
            Stage::Locked { .. } => ErrorCode::Locked,
            _ => ErrorCode::SignedOut,
        };
        state.open.clone().ok_or_else(|| ErrorReport::new(absent))
    }

    /// Whether these are the files of whoever is at the window, or of whoever has locked it.
    fn is_here(&self, open: &Open) -> bool {
        let present = self.open().ok().or_else(|| self.presence().parting.clone());
        present.is_some_and(|present| std::ptr::eq(Arc::as_ptr(&present), open))
    }

    /// What is said to whoever has left this desk.
    fn gone(&self, open: &Arc<Open>) -> ErrorReport {
        self.still_open(open).err().unwrap_or_else(|| ErrorReport::new(ErrorCode::SignedOut))
    }

    /// Whether it is still this desk that is open: what takes long may come back to a locked screen, or to somebody else.
    fn still_open(&self, open: &Arc<Open>) -> Result<(), ErrorReport> {
        let now = self.open()?;
        if Arc::ptr_eq(&now, open) { Ok(()) } else { Err(ErrorReport::new(ErrorCode::SignedOut)) }
    }
}
