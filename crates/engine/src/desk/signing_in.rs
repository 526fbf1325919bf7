//! Signing in with a clinic account: in the system's browser, or with a code on another device.
//!
//! Promises: what is being waited for stands in the state from the first moment, and can be given up at any; who comes
//! back is asked for at ChatEHR before anything opens, and who has no place here leaves nothing behind; at the locked
//! screen, and for a browser on a workstation that is shared or where anybody was signed in before, the provider has to
//! ask the person again, whatever is remembered of them. Whoever signs in at the locked screen opens the same records if
//! they are the same person, and their own if not. Another way of signing in takes the place of the one before, and the
//! same way goes on.

use std::sync::{Arc, MutexGuard, PoisonError};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_client::ClientError;
use chatehr_contract::{
    BeginSignIn, ClinicSignIn, ErrorCode, ErrorReport, PersonName, Session, SignInWait, SignInWay, Stage,
};
use chatehr_sign_in::{Browser, Keep, NoBrowser, Provider, SignInError};
use tokio::sync::oneshot;

use super::{
    Desk, Inner, Workstation,
    opening::has_a_desk,
    provider_session::{Held, KeptRefresh, new_name},
};
use crate::report;

/// The longest that a session may last, whatever a policy says; each policy's own limit comes before.
const LONGEST: i64 = 24 * 3600;

/// The sign-in under way, if there is one.
#[derive(Default)]
pub(super) struct SigningIn {
    waiting: Option<SignInWait>,
    error: Option<ErrorReport>,
    /// Which attempt it is; an earlier one has no say any more.
    attempt: u64,
    /// Gone when it is given up.
    go_on: Option<oneshot::Sender<()>>,
}

impl SigningIn {
    fn is_under_way(&self, way: SignInWay) -> bool {
        match &self.waiting {
            None => false,
            Some(SignInWait::Provider | SignInWait::Records) => true,
            Some(SignInWait::Browser) => way == SignInWay::Browser,
            Some(SignInWait::Device { .. }) => way == SignInWay::Device,
        }
    }
}

/// Why nobody came in.
enum Ended {
    GivenUp,
    Failed(ErrorReport),
}

impl From<ErrorReport> for Ended {
    fn from(report: ErrorReport) -> Self {
        Self::Failed(report)
    }
}

/// An attempt, as long as no other has taken its place.
struct Attempt {
    inner: Arc<Inner>,
    number: u64,
    given_up: oneshot::Receiver<()>,
}

/// Opens the browser, and says that the person is there.
struct Told<'a> {
    inner: &'a Inner,
    number: u64,
}

impl Browser for Told<'_> {
    fn open(&self, address: &str) -> Result<(), NoBrowser> {
        self.inner.surroundings.browser.open(address)?;
        self.inner.wait_for(self.number, SignInWait::Browser);
        Ok(())
    }
}

impl Desk {
    /// Begins to sign in with a clinic account. The state says how it goes on. Where that is under way, nothing new begins:
    /// a second page in the browser would be one too many.
    ///
    /// # Errors
    /// No identity provider is configured; somebody is signed in.
    pub fn begin_sign_in(&self, request: BeginSignIn) -> Result<(), ErrorReport> {
        let provider = self.inner.provider()?;
        let anew = match &self.inner.state().stage {
            // Many providers do not say of a second device when it asked, so there it is not insisted on but at the
            // locked screen.
            Stage::SignIn { .. } if request.way == SignInWay::Device => false,
            // Whoever was here is signed out, and their browser may still let the next one in as them.
            Stage::SignIn { .. } => self.inner.is_shared() || self.inner.workstation()?.has_people(),
            Stage::Locked { .. } => true,
            _ => return Err(ErrorReport::new(ErrorCode::Conflict).with_detail("somebody is signed in")),
        };
        if self.inner.signing_in().is_under_way(request.way) {
            return Ok(());
        }
        let attempt = self.inner.begin_attempt();
        tokio::spawn(async move {
            let (inner, number) = (attempt.inner.clone(), attempt.number);
            let ended = inner.sign_in_at_clinic(provider, attempt, request.way, anew).await.err();
            if let Some(Ended::Failed(report)) = &ended {
                inner.note_refused_sign_in(report).await;
            }
            inner.end_attempt(number, ended);
        });
        Ok(())
    }

    /// Gives up waiting for a sign-in or for a person to show again who they are.
    pub fn cancel_sign_in(&self) {
        self.inner.give_up_attempt();
    }
}

impl Inner {
    /// Asks the person at the window to show the provider again who they are, in the browser. For what must not be done by
    /// somebody who merely found the window open.
    ///
    /// # Errors
    /// It was given up or not finished, another person came back, or the provider did not ask; nobody is signed in with
    /// a clinic account.
    pub(super) async fn reauthenticate(self: &Arc<Self>) -> Result<(), ErrorReport> {
        let provider = self.provider()?;
        let held = self.held().clone().ok_or_else(|| ErrorReport::new(ErrorCode::SignedOut))?;
        let attempt = self.begin_attempt();
        let number = attempt.number;
        let outcome = attempt.at_provider(&provider, SignInWay::Browser, true, None).await;
        self.end_attempt(number, None);
        let session = outcome.map_err(|ended| match ended {
            Ended::Failed(report) => report,
            Ended::GivenUp => ErrorReport::new(ErrorCode::SignInDeclined),
        })?;
        // Not revoked: many providers end every session of the browser with it, this person's own too.
        if session.subject() != held.session.subject() {
            return Err(ErrorReport::new(ErrorCode::OtherPerson));
        }
        // Without it the provider's word has been refused already.
        session.auth_time().ok_or_else(|| ErrorReport::new(ErrorCode::NotShownAgain))?;
        self.has_shown();
        Ok(())
    }
}

impl Attempt {
    /// The session of whoever comes back.
    async fn at_provider(
        self,
        provider: &Provider,
        way: SignInWay,
        anew: bool,
        keep: Option<Arc<dyn Keep>>,
    ) -> Result<chatehr_sign_in::Session, Ended> {
        let Self { inner, number, given_up } = self;
        let going = async {
            match way {
                SignInWay::Browser => {
                    let browser = Told { inner: &inner, number };
                    if anew {
                        provider.sign_in_anew(&browser, keep).await
                    } else {
                        provider.sign_in(&browser, keep).await
                    }
                }
                SignInWay::Device => {
                    let code = if anew {
                        provider.sign_in_elsewhere_anew(keep).await?
                    } else {
                        provider.sign_in_elsewhere(keep).await?
                    };
                    let waiting = SignInWait::Device {
                        user_code: code.user_code.clone(),
                        address: code.verification_uri.to_string(),
                        expires_at: code.expires_at,
                    };
                    inner.wait_for(number, waiting);
                    code.wait().await
                }
            }
        };
        tokio::select! {
            outcome = going => outcome.map_err(|error: SignInError| Ended::Failed(report::sign_in(&error))),
            _ = given_up => Err(Ended::GivenUp),
        }
    }
}

impl Inner {
    fn provider(&self) -> Result<Provider, ErrorReport> {
        self.workstation()?.provider.clone().ok_or_else(|| {
            ErrorReport::new(ErrorCode::BadConfiguration).with_detail("CHATEHR_OIDC_ISSUER is not set")
        })
    }

    fn signing_in(&self) -> MutexGuard<'_, SigningIn> {
        self.signing_in.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the window.
    pub(super) fn clinic_sign_in(&self) -> ClinicSignIn {
        let signing_in = self.signing_in();
        ClinicSignIn {
            offered: self.workstation.as_ref().is_some_and(|workstation| workstation.provider.is_some()),
            waiting: signing_in.waiting.clone(),
            error: signing_in.error.clone(),
        }
    }

    fn begin_attempt(self: &Arc<Self>) -> Attempt {
        let (go_on, given_up) = oneshot::channel();
        let number = {
            let mut signing_in = self.signing_in();
            signing_in.attempt += 1;
            (signing_in.waiting, signing_in.error) = (Some(SignInWait::Provider), None);
            // The one before hears that nobody waits for it.
            signing_in.go_on = Some(go_on);
            signing_in.attempt
        };
        self.tell_state();
        Attempt { inner: self.clone(), number, given_up }
    }

    fn wait_for(&self, number: u64, what: SignInWait) {
        {
            let mut signing_in = self.signing_in();
            if signing_in.attempt != number || signing_in.waiting.is_none() {
                return;
            }
            signing_in.waiting = Some(what);
        }
        self.tell_state();
    }

    fn end_attempt(&self, number: u64, ended: Option<Ended>) {
        {
            let mut signing_in = self.signing_in();
            if signing_in.attempt != number {
                return;
            }
            (signing_in.waiting, signing_in.go_on) = (None, None);
            if let Some(Ended::Failed(error)) = ended {
                signing_in.error = Some(error);
            }
        }
        self.tell_state();
    }

    /// Whoever waits for a sign-in does so no longer.
    pub(super) fn give_up_attempt(&self) {
        {
            let mut signing_in = self.signing_in();
            (signing_in.waiting, signing_in.error, signing_in.go_on) = (None, None, None);
        }
        self.tell_state();
    }

    /// Writes down that somebody was refused at this workstation: in the log of whoever is behind the locked screen, or,
    /// where nobody's is at hand, in the program's own.
    pub(super) async fn note_refused_sign_in(&self, report: &ErrorReport) {
        let refused = matches!(
            report.code,
            ErrorCode::WrongRole
                | ErrorCode::OtherPerson
                | ErrorCode::AccountNotLinked
                | ErrorCode::SignInDeclined
                | ErrorCode::SignInNotTrusted
                | ErrorCode::NotShownAgain
        );
        if !refused {
            return;
        }
        let (action, code, now) = ("session.sign-in", report.code.as_str(), self.now());
        tracing::warn!(code, "A sign-in was refused.");
        let parting = self.presence().parting.clone();
        if let Some(open) = parting {
            let reason = Some(code.to_owned());
            self.note(&open, NewEntry { outcome: Outcome::Refused, reason, ..open.entry(action, now) }).await;
            return;
        }
        // Not beside a PIN that is tried: both read what is kept, and write it back.
        let _turn = self.turn.lock().await;
        if let Some(session) = self.locked_session() {
            self.note_at_next_opening(&session, now, action, true, code).await;
        }
    }

    async fn sign_in_at_clinic(
        self: &Arc<Self>,
        provider: Provider,
        attempt: Attempt,
        way: SignInWay,
        anew: bool,
    ) -> Result<(), Ended> {
        let workstation = self.workstation()?;
        let number = attempt.number;
        let by_browser = way == SignInWay::Browser;
        let name = new_name(&self.surroundings).map_err(|error| report::internal(&error))?;
        let keep = Arc::new(KeptRefresh::undecided(workstation.refresh.clone(), name.clone(), by_browser));
        // Without it the provider is not asked for a session that outlives the program.
        let outlives = self.stays_signed_in().then(|| keep.clone() as Arc<dyn Keep>);
        let session = match attempt.at_provider(&provider, way, anew, outlives).await {
            // To start again with another code would end the same way.
            Err(Ended::Failed(error)) if !by_browser && error.code == ErrorCode::NotShownAgain => {
                return Err(ErrorReport::new(ErrorCode::NotShownByCode).into());
            }
            outcome => outcome?,
        };
        self.wait_for(number, SignInWait::Records);
        let held = Held { name, session, keep };
        let outcome = self.let_in(workstation, &held, number).await;
        let subject = self.held().as_ref().map(|present| present.session.subject().to_owned());
        if outcome.is_err() && subject.is_none_or(|present| present != held.session.subject()) {
            // Nothing of it was kept, so all that is left is to tell the provider; not of whoever is here, for the reason
            // that is given in `let_in`.
            tokio::spawn(async move { drop(held.session.sign_out().await) });
        }
        outcome
    }

    /// Asks ChatEHR who it is, and opens their records.
    async fn let_in(
        self: &Arc<Self>,
        workstation: &Workstation,
        held: &Held,
        number: u64,
    ) -> Result<(), Ended> {
        let session = self.who_is_it(workstation, held).await?;
        let _turn = self.turn.lock().await;
        let still = {
            let stage = &self.state().stage;
            let signing_in = self.signing_in();
            signing_in.attempt == number
                && signing_in.waiting.is_some()
                && matches!(stage, Stage::SignIn { .. } | Stage::Locked { .. })
        };
        if !still {
            return Err(Ended::GivenUp);
        }
        let before = self.held().replace(held.clone());
        if let Some(before) = before.filter(|before| before.session.subject() != held.session.subject()) {
            // Of the same person nothing is revoked: many providers would end the new session with it.
            tokio::spawn(async move { drop(before.session.sign_out().await) });
        }
        let reason = "clinic-account";
        self.let_person_in(workstation, session, reason, Some(reason)).await;
        Ok(())
    }

    async fn who_is_it(
        self: &Arc<Self>,
        workstation: &Workstation,
        held: &Held,
    ) -> Result<Session, ErrorReport> {
        let server = self.server_by(&workstation.client_of_its_own(), held.session.clone());
        let refuse = |error: ClientError| match error {
            // The provider has just vouched for the account; it is ChatEHR that knows nobody by it.
            ClientError::SignedOut => ErrorReport::new(ErrorCode::AccountNotLinked),
            error => report::client(&error),
        };
        let who = server.whoami().await.map_err(refuse)?;
        if !has_a_desk(&who.role) {
            return Err(ErrorReport::new(ErrorCode::WrongRole));
        }
        // The provider's word for a name is one text; the directory has it in parts.
        let directory = server.physicians().await.map_err(refuse)?;
        let listed = directory.rows.into_iter().find(|physician| physician.id == who.id);
        let (name, listed) = match listed {
            Some(physician) => (physician.name, physician.specialties),
            None => (PersonName { family: who.id.to_string(), given: Vec::new() }, Vec::new()),
        };
        Ok(Session {
            token: held.name.clone(),
            expires_at: self.now().plus_seconds(LONGEST),
            id: who.id,
            role: who.role,
            name,
            specialties: if who.specialties.is_empty() { listed } else { who.specialties },
            delegates_for: who.delegates_for,
        })
    }
}
