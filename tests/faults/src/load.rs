//! The program that faults happen to: it fills a person's files and says on its standard output what it is about to do
//! (`try`), and what the files have taken (`did`) or refused (`failed`), each before it goes on. Whoever reads that
//! knows at any moment what was promised.
//!
//! Three hands work at once, as in the desktop: the outbox, what the server says, and the audit log. With
//! `one_at_a_time` they take turns, so that the n-th call of the system is the same in every run.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
    thread,
};

use chatehr_contract::{ErrorCode, Timestamp};
use chatehr_vault::{Decided, OutboxRow, OutboxState, Vault, VaultError};

use crate::{
    chance::Chance,
    records::{self, at, c, e, entry, key},
};

/// How many conversations there are to write in.
pub(crate) const CONVERSATIONS: u64 = 3;

/// What the parent reads and answers.
struct Parent {
    said: Mutex<io::Stdout>,
    heard: io::Stdin,
}

impl Parent {
    /// One line in one write, so that a kill cannot leave half of it.
    fn say(&self, line: &str) {
        let mut out = self.said.lock().unwrap();
        out.write_all(format!("{line}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    }

    /// Sends a message and waits for the answer.
    fn asks(&self, line: &str) -> String {
        self.say(line);
        let mut answer = String::new();
        self.heard.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    /// An action, told before and after.
    fn does(&self, what: &str, action: impl FnOnce() -> Result<(), VaultError>) -> bool {
        self.say(&format!("try {what}"));
        match action() {
            Ok(()) => {
                self.say(&format!("did {what}"));
                true
            }
            Err(error) => {
                self.say(&format!("failed {what}: {error:?}"));
                false
            }
        }
    }
}

/// Works on the files in `dir` for so many steps of each hand. `life` tells this run's names from another's.
pub(crate) fn load(dir: &Path, seed: u64, life: u64, steps: u64, one_at_a_time: bool) -> ExitCode {
    let parent = Arc::new(Parent { said: Mutex::new(io::stdout()), heard: io::stdin() });
    let vault = match Vault::open(dir, &key()) {
        Ok(vault) => vault,
        Err(error) => {
            parent.say(&format!("closed {error:?}"));
            return ExitCode::SUCCESS;
        }
    };
    parent.say("open");
    let mut hands: Vec<Box<dyn FnMut() + Send>> = vec![
        Box::new(outbox(parent.clone(), vault.clone(), Chance::new(seed), life)),
        Box::new(sync(parent.clone(), vault.clone())),
        Box::new(audit(parent.clone(), vault, life)),
    ];
    if one_at_a_time {
        for _ in 0..steps {
            hands.iter_mut().for_each(|hand| hand());
        }
        drop(hands);
    } else {
        thread::scope(|scope| {
            for mut hand in hands {
                scope.spawn(move || (0..steps).for_each(|_| hand()));
            }
        });
    }
    parent.say("end");
    ExitCode::SUCCESS
}

/// One step of writing and sending, whatever chance says.
fn outbox(parent: Arc<Parent>, vault: Vault, mut chance: Chance, life: u64) -> impl FnMut() + Send {
    let mut made = 0;
    move || {
        let Ok(rows) = vault.outbox(None) else {
            return parent.say("blind");
        };
        let stuck = rows.iter().find(|row| matches!(row.state, OutboxState::Stuck { .. }));
        match (chance.below(10), stuck) {
            (0..=3, _) => {
                made += 1;
                let name = format!("e-{life}-{made}");
                let row = records::outgoing(&name, chance.below(CONVERSATIONS));
                let what = format!("enqueue {name} {}", row.consultation_id);
                parent.does(&what, || vault.enqueue(&row, &entry("message.create", &what)));
            }
            (4, _) => {
                made += 1;
                let conversation = c(chance.below(CONVERSATIONS));
                let text = format!("draft-{life}-{made}");
                parent.does(&format!("draft {conversation} {text}"), || {
                    vault.save_draft(&conversation, &text, at(made))
                });
            }
            (5, _) => {
                let conversation = c(chance.below(CONVERSATIONS));
                let mark = i64::try_from(life * 100_000 + chance.below(1000)).unwrap();
                parent.does(&format!("mark {conversation} {mark}"), || {
                    vault.mark_read(&conversation, Timestamp::from_millis(mark))
                });
            }
            (6, Some(row)) => {
                decide(&parent, "requeue", &row.envelope_id.to_string(), |what| {
                    vault.requeue(&row.envelope_id, &entry("message.retry", what))
                });
            }
            (7, _) => {
                // What the server may have is not given up while it waits.
                let may =
                    |row: &&OutboxRow| row.may_be_changed() || matches!(row.state, OutboxState::Stuck { .. });
                let rows: Vec<_> = rows.iter().filter(may).collect();
                if rows.is_empty() {
                    return;
                }
                let envelope = rows[chance.place(rows.len())].envelope_id.clone();
                decide(&parent, "discard", &envelope.to_string(), |what| {
                    vault.discard(&envelope, &entry("message.discard", what))
                });
            }
            _ => {
                if let Some(row) = vault.due(at(0)).ok().and_then(|due| due.into_iter().next()) {
                    send(&parent, &vault, &row);
                }
            }
        }
    }
}

/// What only happens to a message that is not on its way; told apart because the answer counts.
fn decide(
    parent: &Parent,
    word: &str,
    envelope: &str,
    action: impl FnOnce(&str) -> Result<Decided, VaultError>,
) {
    let what = format!("{word} {envelope}");
    parent.say(&format!("try {what}"));
    match action(&what) {
        Ok(Decided::Done) => parent.say(&format!("did {what}")),
        Ok(_) => parent.say(&format!("failed {what}: not now")),
        Err(error) => parent.say(&format!("failed {what}: {error:?}")),
    }
}

fn send(parent: &Parent, vault: &Vault, row: &OutboxRow) {
    let name = row.envelope_id.to_string();
    let sealed = row.sealed.clone().unwrap_or_else(|| format!("sealed-{name}-{}", row.attempts));
    let begin = format!("begin {name} {sealed}");
    if !parent.does(&begin, || vault.begin_attempt(&row.envelope_id, Some(&sealed), at(0)).map(drop)) {
        return;
    }
    match parent.asks(&format!("send {name} {} {sealed}", row.consultation_id)).as_str() {
        "taken" => {
            let settled = || {
                vault.apply(&[records::sent(row, &sealed)])?;
                vault.settle(&row.envelope_id)
            };
            if !parent.does(&format!("settle {name}"), settled) {
                // As the engine does: the name makes a repeat harmless.
                parent.does(&format!("postpone {name}"), || vault.postpone(&row.envelope_id, at(0), true));
            }
        }
        "later" => {
            parent.does(&format!("postpone {name}"), || vault.postpone(&row.envelope_id, at(0), true));
        }
        _ => drop(
            parent
                .does(&format!("stick {name}"), || vault.stick(&e(&name), ErrorCode::Forbidden, None, false)),
        ),
    }
}

/// What the server has said, batch by batch: a consultation comes with its messages, another goes.
fn sync(parent: Arc<Parent>, vault: Vault) -> impl FnMut() + Send {
    move || {
        let Ok(last) = vault.last_event() else { return parent.say("blind") };
        let next = last.map_or(1, |last| last.parse::<u64>().unwrap() + 1);
        parent.does(&format!("sync {next}"), || vault.apply(&records::batch(next)));
    }
}

fn audit(parent: Arc<Parent>, vault: Vault, life: u64) -> impl FnMut() + Send {
    let mut made = 0;
    move || {
        made += 1;
        let what = format!("record {life}-{made}");
        let entries = vec![entry("consultation.read", &what); 1 + usize::try_from(made % 3).unwrap()];
        parent.does(&what, || vault.record(&entries));
    }
}
