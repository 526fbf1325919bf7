//! Tokens that were accepted, by their SHA-256, so that the next request with the same one costs no signature.
//!
//! Bounded: two halves, and when the young one is full the old one is dropped. A token in use moves to the young half,
//! so it is never forgotten before one that nobody uses. Only accepted tokens come in: nobody fills it without the
//! provider's help.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::{claims::Times, identity::Identity, key_set::Print};

/// What is remembered in place of a token.
pub(crate) type TokenDigest = [u8; 32];

pub(crate) fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token.as_bytes()).into()
}

/// What a token came to. It still has to hold: its time may be over and its key withdrawn.
pub(crate) struct Accepted {
    pub(crate) identity: Identity,
    pub(crate) times: Times,
    pub(crate) key: Print,
}

pub(crate) struct Remembered {
    half: usize,
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    young: HashMap<TokenDigest, Arc<Accepted>>,
    old: HashMap<TokenDigest, Arc<Accepted>>,
}

impl Remembered {
    /// For so many tokens; none with 0.
    pub(crate) fn new(most: usize) -> Self {
        Self { half: most / 2, halves: Mutex::default() }
    }

    pub(crate) fn get(&self, token: &TokenDigest) -> Option<Arc<Accepted>> {
        self.with(|halves, half| {
            if let Some(accepted) = halves.young.get(token) {
                return Some(Arc::clone(accepted));
            }
            let accepted = halves.old.remove(token)?;
            halves.put(half, *token, Arc::clone(&accepted));
            Some(accepted)
        })
    }

    pub(crate) fn put(&self, token: TokenDigest, accepted: Accepted) {
        self.with(|halves, half| halves.put(half, token, Arc::new(accepted)));
    }

    pub(crate) fn forget(&self, token: &TokenDigest) {
        self.with(|halves, _| {
            halves.young.remove(token);
            halves.old.remove(token);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Halves, usize) -> T) -> T {
        act(&mut self.halves.lock().unwrap_or_else(PoisonError::into_inner), self.half)
    }
}

impl Halves {
    fn put(&mut self, half: usize, token: TokenDigest, accepted: Arc<Accepted>) {
        if self.young.len() >= half {
            self.old = mem::take(&mut self.young);
        }
        if half > 0 {
            self.young.insert(token, accepted);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use chatehr_contract::{PersonId, Role};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn accepted() -> Accepted {
        let times = Times::read(json!({ "exp": 1 }).as_object().unwrap()).unwrap();
        let identity = Identity {
            person: PersonId::new("p"),
            role: Role::Admin,
            delegates_for: None,
            specialties: vec![],
            session: None,
            expires_at: times.expires,
            auth_time: None,
        };
        Accepted { identity, times, key: [0; 32] }
    }

    #[test]
    fn a_token_in_use_is_not_pushed_out_by_those_that_are_not() {
        let remembered = Remembered::new(10);
        let used = digest("used");
        remembered.put(used, accepted());
        for n in 0..100 {
            remembered.put(digest(&n.to_string()), accepted());
            assert!(remembered.get(&used).is_some(), "{n}");
        }
        assert!(remembered.get(&digest("0")).is_none());
    }

    #[test]
    fn a_forgotten_token_is_gone_from_both_halves() {
        let remembered = Remembered::new(2);
        remembered.put(digest("a"), accepted());
        remembered.put(digest("b"), accepted());
        for token in ["a", "b"] {
            remembered.forget(&digest(token));
            assert!(remembered.get(&digest(token)).is_none());
        }
    }

    proptest! {
        #[test]
        fn it_never_holds_more_than_it_may(most in 0usize..9, steps in proptest::collection::vec((0u8..20, 0u8..3), 0..60)) {
            let remembered = Remembered::new(most);
            let mut put = HashSet::new();
            for (token, step) in steps {
                let digest = digest(&token.to_string());
                match step {
                    0 => { remembered.put(digest, accepted()); put.insert(token); }
                    1 => { remembered.forget(&digest); put.remove(&token); }
                    _ => prop_assert!(remembered.get(&digest).is_none() || put.contains(&token)),
                }
                let held = remembered.with(|halves, _| halves.young.len() + halves.old.len());
                prop_assert!(held <= most);
            }
        }
    }
}
