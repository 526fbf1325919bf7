//! One at a time for each record, within this process: what is read before a change is what is changed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Names beyond which those that nobody holds are forgotten.
const MOST: usize = 256;

#[derive(Default)]
pub(super) struct Locks(Mutex<HashMap<String, Weak<Turn<()>>>>);

impl Locks {
    /// Waits for the turn of this record.
    pub(super) async fn lock(&self, name: String) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= MOST {
                turns.retain(|_, turn| turn.strong_count() > 0);
            }
            let held = turns.get(&name).and_then(Weak::upgrade);
            held.unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(name, Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::{Locks, MOST};

    #[tokio::test]
    async fn one_holds_a_record_and_others_are_forgotten() {
        let locks = Locks::default();
        let held = locks.lock("a".to_owned()).await;
        for n in 0..2 * MOST {
            drop(locks.lock(n.to_string()).await);
        }
        assert!(locks.0.lock().unwrap().len() <= MOST + 1);
        let soon = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, locks.lock("a".to_owned())).await.is_err());
        drop(held);
        drop(locks.lock("a".to_owned()).await);
    }
}
