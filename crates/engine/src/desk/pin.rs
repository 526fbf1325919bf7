//! The PIN: trying it, setting it, changing it, taking it away.
//!
//! Promises: whoever sets, changes or removes one has shown that they are the person who signed in, by the PIN that is set, by
//! their clinic account anew, or, in a demonstration, by having signed in a moment ago; a window that was found open is
//! not enough. A PIN that is asked for here counts among the same five tries as at the locked screen. What was refused is
//! on record. Whoever has forgotten theirs takes one of the other ways.

use std::sync::Arc;

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{ErrorCode, ErrorReport, RemovePin, SecretText, Session, SetPin};
use chatehr_vault::PinVerifier;

use super::{
    Desk, Inner, Open,
    kept_lock::{KeptLock, PinError, Tried},
    locking::blocking,
    provider_session::is_at_provider,
};
use crate::report;

/// For so many milliseconds a sign-in shows who sits there.
const JUST_SIGNED_IN: i64 = 5 * 60 * 1000;

/// Where a PIN is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The audit log is closed: what is refused waits for it.
    TheLock,
    /// Whoever asks writes down what is refused.
    AnOpenDesk,
}

impl Desk {
    /// Sets a PIN, or another in its place.
    ///
    /// # Errors
    /// It is too easy; whoever asks has not shown who they are; the keyring does not take it.
    pub async fn set_pin(&self, request: SetPin) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        let mut salt = [0; 16];
        self.inner.surroundings.random.fill(&mut salt).map_err(|error| report::internal(&error))?;
        let SetPin { pin, present } = request;
        let made =
            blocking(move || PinVerifier::new(pin.expose(), salt).map_err(|error| report::slots(&error)));
        let pin = made.await?.ok_or_else(|| ErrorReport::new(ErrorCode::PinUnfit))?;
        self.inner.change_pin(&open, "pin.set", present, Some(pin)).await
    }

    /// Takes the PIN away.
    ///
    /// # Errors
    /// Whoever asks has not shown who they are; the keyring does not let go of it.
    pub async fn remove_pin(&self, request: RemovePin) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        self.inner.change_pin(&open, "pin.remove", request.present, None).await
    }
}

impl Inner {
    async fn change_pin(
        self: &Arc<Self>,
        open: &Arc<Open>,
        action: &'static str,
        present: Option<SecretText>,
        pin: Option<PinVerifier>,
    ) -> Result<(), ErrorReport> {
        if let Err(error) = self.may_change_pin(open, present).await {
            self.note_pin(open, action, Outcome::Refused, &error).await;
            return Err(error);
        }
        let _turn = self.turn_at(open).await?;
        let set = pin.is_some();
        open.record(vec![open.entry(action, self.now())]).await?;
        if let Err(error) = self.keep_lock(&open.session, move |kept| kept.set_pin(pin)).await {
            self.note_pin(open, action, Outcome::Failed, &error).await;
            return Err(error);
        }
        self.presence().pin_set = set;
        self.tell_state();
        Ok(())
    }

    async fn note_pin(&self, open: &Open, action: &str, outcome: Outcome, error: &ErrorReport) {
        let reason = Some(error.code.as_str().to_owned());
        self.note(open, NewEntry { outcome, reason, ..open.entry(action, self.now()) }).await;
    }

    async fn may_change_pin(
        self: &Arc<Self>,
        open: &Arc<Open>,
        present: Option<SecretText>,
    ) -> Result<(), ErrorReport> {
        match present {
            Some(pin) => self.knows_the_pin(open, pin, ErrorCode::NoPin).await,
            None if is_at_provider(&open.session) => self.reauthenticate().await,
            None if self.signed_in_for() < JUST_SIGNED_IN => Ok(()),
            None => Err(ErrorReport::new(ErrorCode::SignInForPin)),
        }
    }

    /// Whether it is still the person who signed in that sits at the window: by the PIN, or without one by signing in anew
    /// with their clinic account.
    pub(super) async fn has_just_shown_who_they_are(
        self: &Arc<Self>,
        open: &Arc<Open>,
        pin: SecretText,
    ) -> Result<(), ErrorReport> {
        if pin.expose().is_empty() && is_at_provider(&open.session) {
            return self.reauthenticate().await;
        }
        self.knows_the_pin(open, pin, ErrorCode::GlassNeedsPin).await
    }

    async fn knows_the_pin(
        &self,
        open: &Arc<Open>,
        pin: SecretText,
        none: ErrorCode,
    ) -> Result<(), ErrorReport> {
        // One after the other, and not beside a lock: each reads how often it was tried, and writes it back.
        let _turn = self.turn_at(open).await?;
        match self.try_pin(&open.session, pin, At::AnOpenDesk).await? {
            Tried::Right => {
                self.has_shown();
                Ok(())
            }
            Tried::Wrong(left) => Err(wrong_pin(left)),
            Tried::Spent => Err(wrong_pin(0)),
            Tried::NoPin => Err(ErrorReport::new(none)),
        }
    }

    pub(super) async fn try_pin(
        &self,
        session: &Session,
        pin: SecretText,
        at: At,
    ) -> Result<Tried, ErrorReport> {
        let workstation = self.workstation()?;
        let (keyring, entry) = (workstation.keyring.clone(), workstation.lock_entry_of(&session.id));
        let now = self.now();
        blocking(move || {
            KeptLock::try_pin(&keyring, &entry, pin.expose(), now, at).map_err(|error| match error {
                PinError::Keyring(error) => report::keyring(&error),
                PinError::Work(error) => report::slots(&error),
            })
        })
        .await
    }
}

pub(super) fn wrong_pin(left: u32) -> ErrorReport {
    match left {
        0 => ErrorReport::new(ErrorCode::PinSpent),
        1 => ErrorReport::new(ErrorCode::WrongPin).with_detail("one more try"),
        left => ErrorReport::new(ErrorCode::WrongPin).with_detail(format!("{left} more tries")),
    }
}
