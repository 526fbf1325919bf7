//! What outlives the program of a locked screen: since when somebody is signed in, that the screen was locked, the PIN
//! and how often it was tried. One entry of the keyring for each person, beside the session.
//!
//! In the keyring because it is asked while the files and their key are closed, and because a PIN is too short to lie
//! about in a file. Promises: a try is written down before the PIN is looked at, so ending the program gives none back;
//! what does not read locks. Refuses to be any help against somebody who can write the keyring: who can do that has the
//! key to the files as well.

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{Session, Timestamp};
use chatehr_vault::{
    PinVerifier, SlotError,
    keyring::{Keyring, KeyringError},
};
use serde::{Deserialize, Serialize};

use super::{opening::digest, pin::At, record::Author};
use crate::session_clock::Limits;

/// How often a PIN may be wrong.
const TRIES: u32 = 5;
/// Untold entries of one action that are kept, the latest: more than the tries. Whoever is refused often in one way does
/// not wash what is on record of another out of it.
const MOST_UNTOLD: usize = 8;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct KeptLock {
    /// Of which session, without its token.
    session: String,
    signed_in_at: Timestamp,
    /// When the program last knew that the person was there.
    seen_at: Timestamp,
    locked_at: Option<Timestamp>,
    /// Milliseconds, as they stood then.
    idle_limit: i64,
    session_limit: i64,
    pin: Option<PinVerifier>,
    tries: u32,
    /// What belongs into the audit log, which was closed.
    untold: Vec<Untold>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Untold {
    at: Timestamp,
    action: String,
    refused: bool,
    reason: String,
}

/// What came of a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    Right,
    /// So many tries are left.
    Wrong(u32),
    Spent,
    NoPin,
}

/// What a start makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The person was there a moment ago.
    Open,
    /// Locked since.
    Locked(Timestamp),
    /// The session has lasted too long.
    Over,
}

/// Why nothing came of a PIN.
#[derive(Debug, thiserror::Error)]
pub(super) enum PinError {
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Work(#[from] SlotError),
}

impl KeptLock {
    pub(super) fn read(keyring: &Keyring, entry: &str) -> Result<Self, KeyringError> {
        let Some(text) = keyring.get(entry)? else { return Ok(Self::default()) };
        let locked = Self { locked_at: Some(Timestamp::default()), tries: TRIES, ..Self::default() };
        Ok(serde_json::from_str(&text).unwrap_or(locked))
    }

    pub(super) fn write(&self, keyring: &Keyring, entry: &str) -> Result<(), KeyringError> {
        // Nothing in it can fail to be written as JSON; were it to, an empty text locks.
        keyring.set(entry, &serde_json::to_string(self).unwrap_or_default())
    }

    /// Somebody has shown who they are, or was there a moment ago. Another session starts anew.
    pub(super) fn opened(&mut self, session: &Session, now: Timestamp, limits: Limits) {
        let name = digest(&[&session.token]);
        if self.session != name {
            (self.session, self.signed_in_at, self.tries) = (name, now, 0);
            (self.idle_limit, self.session_limit) = (limits.idle, limits.session);
        }
        (self.seen_at, self.locked_at) = (now, None);
    }

    pub(super) const fn left_at(&mut self, now: Timestamp, limits: Limits) {
        self.seen_at = now;
        (self.idle_limit, self.session_limit) = (limits.idle, limits.session);
    }

    pub(super) const fn lock(&mut self, now: Timestamp, limits: Limits) {
        self.left_at(now, limits);
        self.locked_at = Some(now);
    }

    /// Milliseconds since the sign-in by the clock; more than any session where the clock was set back.
    pub(super) fn spent(&self, now: Timestamp) -> i64 {
        match now.millis().saturating_sub(self.signed_in_at.millis()) {
            passed @ 0.. => passed,
            _ => i64::MAX,
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        Limits { idle: self.idle_limit, session: self.session_limit }
    }

    /// Of a session that the program finds in the keyring when it starts. One that it has never opened is fresh.
    pub(super) fn at_start(&self, session: &Session, now: Timestamp) -> Verdict {
        if self.session != digest(&[&session.token]) {
            return self.locked_at.filter(|_| self.session.is_empty()).map_or(Verdict::Open, Verdict::Locked);
        }
        if self.spent(now) >= self.session_limit {
            return Verdict::Over;
        }
        let away = now.millis().saturating_sub(self.seen_at.millis());
        match self.locked_at {
            Some(at) => Verdict::Locked(at),
            None if (0..self.idle_limit).contains(&away) => Verdict::Open,
            None => Verdict::Locked(self.seen_at),
        }
    }

    pub(super) const fn has_pin(&self) -> bool {
        self.pin.is_some()
    }

    /// How often the PIN may still be tried.
    pub(super) const fn tries_left(&self) -> u32 {
        if self.pin.is_some() { TRIES.saturating_sub(self.tries) } else { 0 }
    }

    pub(super) fn set_pin(&mut self, pin: Option<PinVerifier>) {
        (self.pin, self.tries) = (pin, 0);
    }

    pub(super) fn tell_later(&mut self, at: Timestamp, action: &str, refused: bool, reason: &str) {
        let same = |untold: &Untold| untold.action == action;
        if self.untold.iter().filter(|untold| same(untold)).count() >= MOST_UNTOLD
            && let Some(first) = self.untold.iter().position(same)
        {
            self.untold.remove(first);
        }
        self.untold.push(Untold { at, action: action.to_owned(), refused, reason: reason.to_owned() });
    }

    /// The entries that waited for the audit log to open.
    pub(super) fn untold(&mut self, author: &Author) -> Vec<NewEntry> {
        let entry = |untold: Untold| {
            let outcome = if untold.refused { Outcome::Refused } else { Outcome::Success };
            let reason = Some(untold.reason);
            NewEntry { outcome, reason, ..author.entry(&untold.action, untold.at) }
        };
        self.untold.drain(..).map(entry).collect()
    }

    /// Tries a PIN. The try counts from before it is looked at.
    pub(super) fn try_pin(
        keyring: &Keyring,
        entry: &str,
        pin: &str,
        now: Timestamp,
        at: At,
    ) -> Result<Tried, PinError> {
        let mut kept = Self::read(keyring, entry)?;
        let Some(known) = kept.pin.clone() else { return Ok(Tried::NoPin) };
        if kept.tries >= TRIES {
            return Ok(Tried::Spent);
        }
        let before = kept.clone();
        kept.tries += 1;
        if at == At::TheLock {
            kept.tell_later(now, "session.unlock", true, "pin");
        }
        kept.write(keyring, entry)?;
        if known.knows(pin)? {
            Self { tries: 0, ..before }.write(keyring, entry)?;
            return Ok(Tried::Right);
        }
        Ok(match kept.tries_left() {
            0 => Tried::Spent,
            left => Tried::Wrong(left),
        })
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{PersonId, PersonName, Role, Session, Timestamp};

    use super::{KeptLock, Verdict};
    use crate::session_clock::Limits;

    const LIMITS: Limits = Limits { idle: 300_000, session: 3_600_000 };

    fn session() -> Session {
        Session {
            token: "canary-token".to_owned(),
            expires_at: at(100_000),
            id: PersonId::new("physician-1"),
            role: Role::Physician,
            delegates_for: None,
            name: PersonName { family: "Okafor".into(), given: vec!["Amara".into()] },
            specialties: Vec::new(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_seconds(seconds)
    }

    #[test]
    fn a_start_opens_what_was_left_a_moment_ago_and_nothing_else() {
        let mut kept = KeptLock::default();
        assert_eq!(kept.at_start(&session(), at(0)), Verdict::Open, "a session of an earlier program");
        kept.opened(&session(), at(1000), LIMITS);
        assert_eq!(kept.at_start(&session(), at(1299)), Verdict::Open);
        assert_eq!(kept.at_start(&session(), at(1300)), Verdict::Locked(at(1000)));
        assert_eq!(kept.at_start(&session(), at(4600)), Verdict::Over);
        kept.left_at(at(2000), LIMITS);
        assert_eq!(kept.at_start(&session(), at(2100)), Verdict::Open);
        kept.lock(at(2100), LIMITS);
        assert_eq!(kept.at_start(&session(), at(2101)), Verdict::Locked(at(2100)));
    }

    #[test]
    fn a_clock_set_back_between_two_starts_opens_nothing() {
        let mut kept = KeptLock::default();
        kept.opened(&session(), at(1000), LIMITS);
        kept.left_at(at(2000), LIMITS);
        assert_eq!(kept.at_start(&session(), at(1900)), Verdict::Locked(at(2000)));
        assert_eq!(kept.at_start(&session(), at(999)), Verdict::Over);
    }

    #[test]
    fn the_stored_form_is_a_promise_and_tells_no_token() {
        let mut kept = KeptLock::default();
        kept.opened(&session(), at(1), LIMITS);
        kept.lock(at(2), LIMITS);
        kept.tell_later(at(3), "session.unlock", true, "pin");
        let text = serde_json::to_string(&kept).unwrap();
        let expected = r#"{"session":"NAME","signedInAt":"1970-01-01T00:00:01.000Z","seenAt":"1970-01-01T00:00:02.000Z","lockedAt":"1970-01-01T00:00:02.000Z","idleLimit":300000,"sessionLimit":3600000,"pin":null,"tries":0,"untold":[{"at":"1970-01-01T00:00:03.000Z","action":"session.unlock","refused":true,"reason":"pin"}]}"#;
        assert_eq!(text.replace(&super::digest(&["canary-token"]), "NAME"), expected);
        assert!(!text.contains("canary"));
        assert_eq!(serde_json::from_str::<KeptLock>(&text).unwrap(), kept);
    }
}
