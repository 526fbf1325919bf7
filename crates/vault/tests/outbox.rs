//! The outbox against a model of it: order kept, nobody waits for a stranger, nothing lost when the program dies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::{collections::HashSet, fs, path::PathBuf};

use chatehr_contract::{DialogWords, DraftOf, ErrorCode, MessageId, Timestamp};
use chatehr_vault::{Decided, NewOutboxRow, OutboxKind, OutboxState, Vault};
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
fn words_of_a_dialog_are_apart_from_the_message_and_go_with_what_they_were_for() {
    let (_dir, vault) = vault();
    vault.save_draft(&c("c-1"), "to the patient", at(1)).unwrap();
    for (of, text) in
        [(DraftOf::Decline, "tired"), (DraftOf::HandOff, "off duty"), (DraftOf::Complete, "well")]
    {
        vault.save_draft_of(&c("c-1"), of, text, at(1)).unwrap();
    }
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "to the patient");
    assert_eq!(vault.dialog_words(&c("c-2")).unwrap(), DialogWords::default());
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    let finishing = NewOutboxRow { kind: OutboxKind::Complete, ..outgoing("e-2", "c-1") };
    vault.enqueue(&finishing, &entry("consultation.complete")).unwrap();
    vault.save_draft_of(&c("c-1"), DraftOf::Decline, "", at(2)).unwrap();
    let left = DialogWords { hand_off: "off duty".to_owned(), ..DialogWords::default() };
    assert_eq!(vault.dialog_words(&c("c-1")).unwrap(), left);
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "");
}

#[test]
fn a_repeat_sends_the_bytes_of_the_first_attempt() {
    let (_dir, vault) = vault();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    assert!(vault.begin_attempt(&e("e-1"), Some("sealed once"), at(1)).unwrap());
    // While it is on its way it is neither sent a second time nor thrown away.
    assert!(!vault.begin_attempt(&e("e-1"), Some("sealed twice"), at(1)).unwrap());
    assert_eq!(vault.discard(&e("e-1"), &entry("message.discard")).unwrap(), Decided::OnItsWay);
    assert_eq!(vault.requeue(&e("e-1"), &entry("message.retry")).unwrap(), Decided::OnItsWay);
    vault.postpone(&e("e-1"), at(5), true).unwrap();
    assert_eq!(vault.due(at(4)).unwrap(), []);
    assert_eq!(vault.due(at(5)).unwrap().len(), 1);
    assert!(vault.begin_attempt(&e("e-1"), Some("sealed twice"), at(5)).unwrap());
    let row = vault.outbox(None).unwrap().remove(0);
    assert_eq!((row.sealed.as_deref(), row.attempts), (Some("sealed once"), 2));
    vault.settle(&e("e-1")).unwrap();
    assert_eq!(vault.outbox(None).unwrap(), []);
    assert!(!vault.begin_attempt(&e("e-1"), Some("sealed thrice"), at(6)).unwrap());
}

#[test]
fn every_reason_to_be_stuck_reads_back() {
    let (_dir, vault) = vault();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    for code in ErrorCode::ALL {
        vault.stick(&e("e-1"), *code, Some("Dr Lindqvist"), false).unwrap();
        let detail = Some("Dr Lindqvist".to_owned());
        assert_eq!(vault.outbox(None).unwrap()[0].state, OutboxState::Stuck { code: *code, detail });
    }
}

#[test]
fn changed_words_keep_their_place_and_take_another_name() {
    let (_dir, vault) = vault();
    for name in ["e-1", "e-2", "e-3"] {
        vault.enqueue(&outgoing(name, "c-1"), &entry("message.create")).unwrap();
    }
    // One that failed for good may be changed as well, and is sent again then.
    vault.begin_attempt(&e("e-1"), Some("sealed"), at(1)).unwrap();
    vault.stick(&e("e-1"), ErrorCode::Invalid, None, false).unwrap();
    for (old, new) in [("e-1", "e-4"), ("e-2", "e-5")] {
        let changed = vault.edit(&e(old), &e(new), "other words", &entry("message.edit")).unwrap();
        assert_eq!(changed, Decided::Done);
        assert!(!vault.begin_attempt(&e(old), Some("the former words"), at(1)).unwrap());
    }
    let rows = vault.outbox(None).unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.envelope_id.as_str()).collect();
    assert_eq!(names, ["e-4", "e-5", "e-3"]);
    for row in &rows[..2] {
        assert_eq!((row.text.as_str(), row.sealed.as_deref(), row.attempts), ("other words", None, 0));
        assert_eq!((&row.state, row.queued_at), (&OutboxState::Queued, at(0)));
    }
    assert_eq!(vault.due(at(1)).unwrap()[0].envelope_id, e("e-4"));
    let told = vault.audit_head().unwrap().count;
    assert_eq!(told, 5, "each change stands in the log");
}

#[test]
fn nothing_is_sent_while_its_words_are_being_changed_and_the_words_outlive_the_program() {
    let (dir, vault) = vault();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    vault.enqueue(&outgoing("e-2", "c-2"), &entry("message.create")).unwrap();
    assert_eq!(vault.keep_edit(&e("e-1"), Some("half a")).unwrap(), Decided::Done);
    assert_eq!(vault.due(at(1)).unwrap().len(), 1, "the other conversation's goes on");
    assert!(!vault.begin_attempt(&e("e-1"), Some("sealed"), at(1)).unwrap());
    drop(vault);
    let vault = Vault::open(&dir.path().join("person"), &key()).unwrap();
    let row = vault.outbox(Some(&c("c-1"))).unwrap().remove(0);
    assert_eq!((row.text.as_str(), row.edit.as_deref()), ("words of e-1", Some("half a")));
    assert_eq!(vault.keep_edit(&e("e-1"), None).unwrap(), Decided::Done);
    assert!(vault.begin_attempt(&e("e-1"), Some("sealed"), at(1)).unwrap());
    assert_eq!(vault.keep_edit(&e("e-1"), Some("late")).unwrap(), Decided::OnItsWay);
}

#[test]
fn what_the_server_may_have_is_neither_changed_nor_taken_back_until_somebody_knows() {
    let (_dir, vault) = vault();
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    let edit = |vault: &Vault| vault.edit(&e("e-1"), &e("e-2"), "others", &entry("message.edit")).unwrap();
    let take_back = |vault: &Vault| vault.discard(&e("e-1"), &entry("message.discard")).unwrap();
    vault.begin_attempt(&e("e-1"), Some("sealed"), at(1)).unwrap();
    assert_eq!((edit(&vault), take_back(&vault)), (Decided::OnItsWay, Decided::OnItsWay));
    vault.postpone(&e("e-1"), at(2), true).unwrap();
    assert_eq!((edit(&vault), take_back(&vault)), (Decided::MayHaveArrived, Decided::MayHaveArrived));
    assert_eq!(vault.keep_edit(&e("e-1"), Some("others")).unwrap(), Decided::MayHaveArrived);
    // The end of the program in the middle of an attempt leaves the same doubt.
    vault.begin_attempt(&e("e-1"), Some("sealed"), at(2)).unwrap();
    vault.recover().unwrap();
    assert_eq!(edit(&vault), Decided::MayHaveArrived);
    // What nobody sends any more may be taken away; its words stay its words.
    vault.stick(&e("e-1"), ErrorCode::ServerFault, None, true).unwrap();
    assert_eq!(edit(&vault), Decided::MayHaveArrived);
    assert_eq!(take_back(&vault), Decided::Done);
    assert_eq!((edit(&vault), take_back(&vault)), (Decided::Gone, Decided::Gone));
    assert_eq!(vault.audit_head().unwrap().count, 2, "and nothing that did not happen is in the log");
}

#[test]
fn a_step_waits_its_turn_among_the_messages_and_leaves_the_draft_alone() {
    let (_dir, vault) = vault();
    let step = |name, kind| NewOutboxRow { kind, ..outgoing(name, "c-1") };
    vault.enqueue(&outgoing("e-1", "c-1"), &entry("message.create")).unwrap();
    vault.save_draft(&c("c-1"), "more", at(1)).unwrap();
    vault.enqueue(&step("e-2", OutboxKind::Start), &entry("consultation.start")).unwrap();
    vault.enqueue(&step("e-3", OutboxKind::Complete), &entry("consultation.complete")).unwrap();
    assert_eq!(vault.draft(&c("c-1")).unwrap(), "more");
    let kinds: Vec<_> = vault.outbox(None).unwrap().iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [OutboxKind::Message, OutboxKind::Start, OutboxKind::Complete]);
    for name in ["e-1", "e-2", "e-3"] {
        assert_eq!(vault.due(at(1)).unwrap().remove(0).envelope_id, e(name));
        assert!(vault.begin_attempt(&e(name), None, at(1)).unwrap());
        assert_eq!(vault.due(at(1)).unwrap(), [], "one after the other");
        vault.settle(&e(name)).unwrap();
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
    Postpone(u8, i64, bool),
    Stick(u8, bool),
    Requeue(u8),
    Settle(u8),
    Discard(u8),
    Hold(u8, bool),
    Edit(u8, u8),
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
        2 => (envelope.clone(), 1i64..6, any::<bool>()).prop_map(|(e, s, doubt)| Step::Postpone(e, s, doubt)),
        1 => (envelope.clone(), any::<bool>()).prop_map(|(e, doubt)| Step::Stick(e, doubt)),
        2 => (envelope.clone(), any::<bool>()).prop_map(|(e, held)| Step::Hold(e, held)),
        2 => (envelope.clone(), 8u8..12).prop_map(|(e, new)| Step::Edit(e, new)),
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
    in_doubt: bool,
    held: bool,
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

    /// What a person is told when they decide this.
    fn decided(&self, envelope: &str, may: impl Fn(&Row) -> bool) -> Decided {
        match self.rows.iter().find(|row| row.envelope == envelope) {
            None => Decided::Gone,
            Some(row) if may(row) => Decided::Done,
            Some(row) if is_sending(row) => Decided::OnItsWay,
            Some(_) => Decided::MayHaveArrived,
        }
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
            .filter(|row| row.state == OutboxState::Queued && !row.held)
            .filter(|row| row.not_before.is_none_or(|time| time <= now))
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

fn may_be_changed(row: &Row) -> bool {
    !is_sending(row) && !row.in_doubt
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
                        in_doubt: false,
                        held: false,
                    });
                }
            }
            Step::Begin(envelope) => {
                let sealed = format!("sealed at {at_step}");
                let begun = model.change(
                    &name(envelope),
                    |row| row.state == OutboxState::Queued && !row.held,
                    |row| {
                        row.state = OutboxState::Sending;
                        row.in_doubt = true;
                        row.attempts += 1;
                        row.not_before = None;
                        row.sealed.get_or_insert(sealed.clone());
                    },
                );
                assert_eq!(vault.begin_attempt(&e(&name(envelope)), Some(&sealed), now).unwrap(), begun);
            }
            Step::Postpone(envelope, seconds, doubt) => {
                let until = now.plus_seconds(*seconds);
                vault.postpone(&e(&name(envelope)), until, *doubt).unwrap();
                model.change(
                    &name(envelope),
                    |row| !matches!(row.state, OutboxState::Stuck { .. }),
                    |row| {
                        (row.state, row.not_before) = (OutboxState::Queued, Some(until));
                        row.in_doubt = *doubt;
                    },
                );
            }
            Step::Stick(envelope, doubt) => {
                let code = ErrorCode::Forbidden;
                vault.stick(&e(&name(envelope)), code, None, *doubt).unwrap();
                model.change(
                    &name(envelope),
                    |_| true,
                    |row| {
                        (row.state, row.not_before) = (OutboxState::Stuck { code, detail: None }, None);
                        row.in_doubt = *doubt;
                    },
                );
            }
            Step::Requeue(envelope) => {
                let told = model.decided(&name(envelope), |row| !is_sending(row));
                model.change(
                    &name(envelope),
                    |row| !is_sending(row),
                    |row| (row.state, row.not_before) = (OutboxState::Queued, None),
                );
                assert_eq!(vault.requeue(&e(&name(envelope)), &entry("message.retry")).unwrap(), told);
            }
            Step::Hold(envelope, held) => {
                let may = |row: &Row| !held || may_be_changed(row);
                let told = model.decided(&name(envelope), may);
                model.change(&name(envelope), may, |row| row.held = *held);
                let words = held.then_some("half a");
                assert_eq!(vault.keep_edit(&e(&name(envelope)), words).unwrap(), told);
            }
            Step::Edit(envelope, new) => {
                // Names are unique; a test's are few.
                if model.rows.iter().any(|row| row.envelope == name(new)) {
                    continue;
                }
                let told = model.decided(&name(envelope), may_be_changed);
                model.change(&name(envelope), may_be_changed, |row| {
                    *row = Row {
                        envelope: name(new),
                        sealed: None,
                        attempts: 0,
                        not_before: None,
                        state: OutboxState::Queued,
                        held: false,
                        ..row.clone()
                    };
                });
                let (old, new) = (e(&name(envelope)), e(&name(new)));
                assert_eq!(vault.edit(&old, &new, "others", &entry("message.edit")).unwrap(), told);
            }
            Step::Settle(envelope) => {
                vault.settle(&e(&name(envelope))).unwrap();
                model.remove(&name(envelope), |_| true);
            }
            Step::Discard(envelope) => {
                let may = |row: &Row| may_be_changed(row) || matches!(row.state, OutboxState::Stuck { .. });
                let told = model.decided(&name(envelope), may);
                model.remove(&name(envelope), may);
                assert_eq!(vault.discard(&e(&name(envelope)), &entry("message.discard")).unwrap(), told);
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
                in_doubt: row.in_doubt,
                held: row.edit.is_some(),
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

#[test]
fn a_receipt_is_owed_for_the_latest_that_was_read_here_until_just_that_is_confirmed() {
    let (_dir, vault) = vault();
    let (first, second) = (MessageId::new("m-1"), MessageId::new("m-2"));
    vault.mark_read(&c("c-1"), at(1)).unwrap();
    assert_eq!(vault.receipts_owed().unwrap(), [], "read elsewhere");
    vault.mark_read_here(&c("c-1"), at(2), &first).unwrap();
    vault.mark_read_here(&c("c-1"), at(3), &second).unwrap();
    vault.mark_read(&c("c-1"), at(4)).unwrap();
    vault.settle_receipt(&c("c-1"), &first).unwrap();
    assert_eq!(vault.receipts_owed().unwrap(), [(c("c-1"), second.clone())]);
    vault.settle_receipt(&c("c-1"), &second).unwrap();
    assert_eq!(vault.receipts_owed().unwrap(), []);
}
