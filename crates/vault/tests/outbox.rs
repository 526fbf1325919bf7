//! The outbox against a model of it: order kept, nobody waits for a stranger, nothing lost when the program dies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::{collections::HashSet, fs, path::PathBuf};

use chatehr_contract::{ErrorCode, Timestamp};
use chatehr_vault::{OutboxState, Vault};
use common::{at, c, e, entry, key, outgoing, vault};
use proptest::prelude::*;

#[test]
fn a_message_leaves_the_draft_and_enters_the_queue_together() {
    let (_dir, vault) = vault();
    vault.save_draft(&c("c-1"), "words", at(1)).unwrap();
    vault.save_draft(&c("c-2"), "others", at(1)).unwrap();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "");
    assert_eq!(vault.draft(&c("c-2")).unwrap(), "others");
    // The same again, after something new was begun: neither twice in the queue nor a draft lost.
    vault.save_draft(&c("c-1"), "more", at(2)).unwrap();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "more");
    let rows = vault.outbox(None).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].text.as_str(), rows[0].attempts), ("words of e-1", 0));
    vault.save_draft(&c("c-1"), "", at(3)).unwrap();
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "");
}

#[test]
fn a_repeat_sends_the_bytes_of_the_first_attempt() {
    let (_dir, vault) = vault();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    assert!(vault.begin_attempt(&e("e-1"), "sealed once", at(1)).unwrap());
    // While it is on its way it is neither sent a second time nor thrown away.
    assert!(!vault.begin_attempt(&e("e-1"), "sealed twice", at(1)).unwrap());
    assert!(!vault.discard(&e("e-1"), &entry("message.discard")).unwrap());
    assert!(!vault.requeue(&e("e-1"), &entry("message.retry")).unwrap());
    vault.postpone(&e("e-1"), at(5)).unwrap();
    assert_eq!(vault.due(at(4)).unwrap(), []);
    assert_eq!(vault.due(at(5)).unwrap().len(), 1);
    assert!(vault.begin_attempt(&e("e-1"), "sealed twice", at(5)).unwrap());
    let row = vault.outbox(None).unwrap().remove(0);
    assert_eq!((row.sealed.as_deref(), row.attempts), (Some("sealed once"), 2));
    vault.settle(&e("e-1")).unwrap();
    assert_eq!(vault.outbox(None).unwrap(), []);
    assert!(!vault.begin_attempt(&e("e-1"), "sealed thrice", at(6)).unwrap());
}

#[test]
fn every_reason_to_be_stuck_reads_back() {
    let (_dir, vault) = vault();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    for code in ErrorCode::ALL {
        vault.stick(&e("e-1"), *code).unwrap();
        assert_eq!(vault.outbox(None).unwrap()[0].state, OutboxState::Stuck { code: *code });
    }
}

#[test]
fn what_was_typed_shows_in_no_debug_output() {
    let (_dir, vault) = vault();
    let new = outgoing("e-1", "c-1");
    vault.enqueue(&new, &entry("message.create")).unwrap();
    let shown = format!("{new:?} {:?} {vault:?}", vault.outbox(None).unwrap());
    assert!(!shown.contains("words of"), "{shown}");
}

#[derive(Clone, Debug)]
enum Step {
    Enqueue(u8, u8),
    Begin(u8),
    Postpone(u8, i64),
    Stick(u8),
    Requeue(u8),
    Settle(u8),
    Discard(u8),
    Wait(i64),
    Quit,
    Crash,
}

/// Envelopes 0 to 7, conversations 0 to 2: few, so that steps meet.
fn step() -> impl Strategy<Value = Step> {
    let envelope = 0u8..8;
    prop_oneof![
        4 => (envelope.clone(), 0u8..3).prop_map(|(e, c)| Step::Enqueue(e, c)),
        4 => envelope.clone().prop_map(Step::Begin),
        2 => (envelope.clone(), 1i64..6).prop_map(|(e, s)| Step::Postpone(e, s)),
        1 => envelope.clone().prop_map(Step::Stick),
        1 => envelope.clone().prop_map(Step::Requeue),
        2 => envelope.clone().prop_map(Step::Settle),
        1 => envelope.prop_map(Step::Discard),
        1 => (1i64..4).prop_map(Step::Wait),
        1 => Just(Step::Quit),
        1 => Just(Step::Crash),
    ]
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    envelope: String,
    conversation: String,
    sealed: Option<String>,
    attempts: u32,
    not_before: Option<Timestamp>,
    state: OutboxState,
}

/// The rules, without a database.
#[derive(Default)]
struct Model {
    rows: Vec<Row>,
}

impl Model {
    fn change(&mut self, envelope: &str, allowed: impl Fn(&Row) -> bool, change: impl Fn(&mut Row)) -> bool {
        let row = self.rows.iter_mut().find(|row| row.envelope == envelope).filter(|row| allowed(row));
        row.map(change).is_some()
    }

    fn remove(&mut self, envelope: &str, allowed: impl Fn(&Row) -> bool) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| row.envelope != envelope || !allowed(row));
        self.rows.len() < before
    }

    fn due(&self, now: Timestamp) -> Vec<&str> {
        let mut seen = HashSet::new();
        let heads = self.rows.iter().filter(|row| seen.insert(&row.conversation));
        heads
            .filter(|row| row.state == OutboxState::Queued && row.not_before.is_none_or(|time| time <= now))
            .map(|row| row.envelope.as_str())
            .collect()
    }
}

/// The files as a dying program leaves them: copied while they are open, without a goodbye.
fn left_behind(from: &PathBuf, to: &PathBuf) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn is_sending(row: &Row) -> bool {
    row.state == OutboxState::Sending
}

fn walk(steps: &[Step]) {
    let home = tempfile::tempdir().unwrap();
    let mut dir = home.path().join("0");
    let mut vault = Vault::open(&dir, &key()).unwrap();
    let mut model = Model::default();
    let mut now = at(0);
    let name = |n: &u8| format!("e-{n}");
    for (at_step, step) in steps.iter().enumerate() {
        match step {
            Step::Enqueue(envelope, conversation) => {
                let row = outgoing(&name(envelope), &format!("c-{conversation}"));
                vault.enqueue(&row, &entry("message.create")).unwrap();
                if model.rows.iter().all(|held| held.envelope != name(envelope)) {
                    model.rows.push(Row {
                        envelope: name(envelope),
                        conversation: row.consultation_id.to_string(),
                        sealed: None,
                        attempts: 0,
                        not_before: None,
                        state: OutboxState::Queued,
                    });
                }
            }
            Step::Begin(envelope) => {
                let sealed = format!("sealed at {at_step}");
                let begun = model.change(
                    &name(envelope),
                    |row| row.state == OutboxState::Queued,
                    |row| {
                        row.state = OutboxState::Sending;
                        row.attempts += 1;
                        row.not_before = None;
                        row.sealed.get_or_insert(sealed.clone());
                    },
                );
                assert_eq!(vault.begin_attempt(&e(&name(envelope)), &sealed, now).unwrap(), begun);
            }
            Step::Postpone(envelope, seconds) => {
                let until = now.plus_seconds(*seconds);
                vault.postpone(&e(&name(envelope)), until).unwrap();
                model.change(
                    &name(envelope),
                    |row| !matches!(row.state, OutboxState::Stuck { .. }),
                    |row| (row.state, row.not_before) = (OutboxState::Queued, Some(until)),
                );
            }
            Step::Stick(envelope) => {
                let code = ErrorCode::Forbidden;
                vault.stick(&e(&name(envelope)), code).unwrap();
                model.change(
                    &name(envelope),
                    |_| true,
                    |row| (row.state, row.not_before) = (OutboxState::Stuck { code }, None),
                );
            }
            Step::Requeue(envelope) => {
                let requeued = model.change(
                    &name(envelope),
                    |row| !is_sending(row),
                    |row| (row.state, row.not_before) = (OutboxState::Queued, None),
                );
                assert_eq!(vault.requeue(&e(&name(envelope)), &entry("message.retry")).unwrap(), requeued);
            }
            Step::Settle(envelope) => {
                vault.settle(&e(&name(envelope))).unwrap();
                model.remove(&name(envelope), |_| true);
            }
            Step::Discard(envelope) => {
                let discarded = model.remove(&name(envelope), |row| !is_sending(row));
                assert_eq!(vault.discard(&e(&name(envelope)), &entry("message.discard")).unwrap(), discarded);
            }
            Step::Wait(seconds) => now = now.plus_seconds(*seconds),
            Step::Quit | Step::Crash => {
                if matches!(step, Step::Crash) {
                    let next = home.path().join(format!("{}", at_step + 1));
                    left_behind(&dir, &next);
                    dir = next;
                }
                drop(vault);
                vault = Vault::open(&dir, &key()).unwrap();
                for row in model.rows.iter_mut().filter(|row| is_sending(row)) {
                    row.state = OutboxState::Queued;
                }
            }
        }
        let held: Vec<Row> = vault
            .outbox(None)
            .unwrap()
            .into_iter()
            .map(|row| Row {
                envelope: row.envelope_id.to_string(),
                conversation: row.consultation_id.to_string(),
                sealed: row.sealed,
                attempts: row.attempts,
                not_before: row.next_attempt_at,
                state: row.state,
            })
            .collect();
        assert_eq!(held, model.rows, "after {step:?}");
        let due: Vec<_> =
            vault.due(now).unwrap().into_iter().map(|row| row.envelope_id.to_string()).collect();
        assert_eq!(due, model.due(now), "after {step:?}");
        for conversation in ["c-0", "c-1", "c-2"] {
            let own = vault.outbox(Some(&c(conversation))).unwrap();
            let expected = model.rows.iter().filter(|row| row.conversation == conversation);
            assert!(
                own.iter().map(|row| row.envelope_id.as_str()).eq(expected.map(|row| row.envelope.as_str()))
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn order_is_kept_and_nothing_is_lost_or_held_back_by_a_stranger(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        walk(&steps);
    }
}
