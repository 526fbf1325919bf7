//! Whose sessions tokens are that only the ChatEHR behind us knows: asked once in a few seconds, and not for ever.
//!
//! So a session that is ended through another gateway works here for those seconds more; one that is ended here does
//! not. Kept by the token's digest, never by the token.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chatehr_contract::Timestamp;

use crate::identity::{Person, digest};

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(5);
/// Answers that are kept at most.
const MOST: usize = 10_000;
/// Bytes of the longest token that is asked for.
const LONGEST: usize = 8 * 1024;

/// Somebody's session and its end, or that it is nobody's.
pub(super) type Whose = Option<(Person, Timestamp)>;

#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], (Instant, Whose)>>);

impl Sessions {
    /// What was heard a moment ago.
    pub(super) fn known(&self, token: &str) -> Option<Whose> {
        if token.len() > LONGEST {
            return Some(None);
        }
        let kept = self.kept();
        let (at, whose) = kept.get(&digest(token))?;
        (at.elapsed() < FRESH).then(|| whose.clone())
    }

    pub(super) fn keep(&self, token: &str, whose: Whose) {
        let mut kept = self.kept();
        if kept.len() >= MOST {
            kept.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        // Full of fresh ones, it is somebody guessing: those are asked for one by one.
        if kept.len() < MOST {
            kept.insert(digest(token), (Instant::now(), whose));
        }
    }

    pub(super) fn forget(&self, token: &str) {
        self.kept().remove(&digest(token));
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Instant, Whose)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MOST, Sessions};

    #[test]
    fn guesses_cost_a_bounded_memory() {
        let sessions = Sessions::default();
        for n in 0..MOST + 10 {
            sessions.keep(&n.to_string(), None);
        }
        assert_eq!(sessions.kept().len(), MOST);
        assert_eq!(sessions.known("1"), Some(None));
        sessions.forget("1");
        assert_eq!(sessions.known("1"), None);
        assert_eq!(sessions.known(&"x".repeat(LONGEST + 1)), Some(None), "nobody is asked");
    }
}
