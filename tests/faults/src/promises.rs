//! What the files have promised, as their parent heard it, and whether they keep it.
//!
//! What was under way when a program died may have happened or not, as a whole; everything else is known exactly. The
//! server is here as well: what it was sent it has, whether or not the program lived to hear so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chatehr_audit::{Criteria, Expectations, MAX_PAGE};
use chatehr_contract::MessageId;
use chatehr_vault::{OutboxState, SearchHit, Vault};

use crate::{
    load::CONVERSATIONS,
    records::{self, KEPT, MESSAGES, SENT, TOLD, c, told, word},
};

/// What breaks a promise, in words.
pub(crate) type Kept<T> = Result<T, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Queued,
    Sending,
    Stuck,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    envelope: String,
    conversation: String,
    sealed: Option<String>,
    state: State,
}

/// What can be seen of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ledger {
    rows: Vec<Row>,
    drafts: BTreeMap<String, String>,
    marks: BTreeMap<String, i64>,
    /// How often each action stands in the log, as far as it was written since the last look.
    entries: BTreeMap<String, usize>,
}

impl Ledger {
    /// As it is when this was done.
    fn after(&self, what: &str) -> Self {
        let mut after = self.clone();
        after.does(what);
        after
    }

    /// In its place: a copy for each line that is heard would be slower, after some thousands, than the program is that
    /// says them, and would never catch up.
    fn does(&mut self, what: &str) {
        let words: Vec<&str> = what.split(' ').collect();
        match words.as_slice() {
            ["enqueue", envelope, conversation] => {
                self.rows.push(Row {
                    envelope: (*envelope).to_owned(),
                    conversation: (*conversation).to_owned(),
                    sealed: None,
                    state: State::Queued,
                });
                self.drafts.remove(*conversation);
            }
            ["begin", envelope, sealed] => self.set(envelope, |row| {
                row.state = State::Sending;
                row.sealed = Some((*sealed).to_owned());
            }),
            ["settle" | "discard", envelope] => self.rows.retain(|row| row.envelope != *envelope),
            ["postpone" | "requeue", envelope] => self.set(envelope, |row| row.state = State::Queued),
            ["stick", envelope] => self.set(envelope, |row| row.state = State::Stuck),
            ["draft", conversation, text] => {
                self.drafts.insert((*conversation).to_owned(), (*text).to_owned());
            }
            ["mark", conversation, mark] => {
                let mark = mark.parse().unwrap();
                let held = self.marks.entry((*conversation).to_owned()).or_insert(mark);
                *held = mark.max(*held);
            }
            ["record", name] => {
                let made: usize = name.rsplit('-').next().unwrap().parse().unwrap();
                self.entries.insert(what.to_owned(), 1 + made % 3);
            }
            _ => {}
        }
        if matches!(words.first(), Some(&("enqueue" | "requeue" | "discard"))) {
            *self.entries.entry(what.to_owned()).or_default() += 1;
        }
    }

    fn set(&mut self, envelope: &str, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.envelope == envelope) {
            change(row);
        }
    }

    /// As it is after the next opening.
    fn reopened(mut self) -> Self {
        for row in &mut self.rows {
            if row.state == State::Sending {
                row.state = State::Queued;
            }
        }
        self
    }

    fn seen(vault: &Vault, after: u64) -> Kept<Self> {
        let files = |error| format!("the ledger does not answer: {error:?}");
        let rows = vault.outbox(None).map_err(files)?.into_iter().map(|row| Row {
            envelope: row.envelope_id.to_string(),
            conversation: row.consultation_id.to_string(),
            sealed: row.sealed,
            state: match row.state {
                OutboxState::Queued => State::Queued,
                OutboxState::Sending => State::Sending,
                OutboxState::Stuck { .. } => State::Stuck,
            },
        });
        let mut seen = Self { rows: rows.collect(), ..Self::default() };
        for conversation in (0..CONVERSATIONS).map(c) {
            let draft = vault.draft(&conversation).map_err(files)?;
            if !draft.is_empty() {
                seen.drafts.insert(conversation.to_string(), draft);
            }
            if let Some(mark) = vault.read_mark(&conversation).map_err(files)? {
                seen.marks.insert(conversation.to_string(), mark.millis());
            }
        }
        let mut before = None;
        loop {
            let page = vault.search_audit(&Criteria::default(), before, MAX_PAGE).map_err(files)?;
            for entry in page.iter().filter(|entry| entry.seq > after) {
                *seen.entries.entry(entry.said.objects.join(" ")).or_default() += 1;
            }
            match page.last() {
                Some(last) if last.seq > after + 1 => before = Some(last.seq),
                _ => return Ok(seen),
            }
        }
    }
}

/// Everything that was promised so far, over all the lives of the program.
#[derive(Clone)]
pub(crate) struct Promises {
    ledger: Ledger,
    /// Entries of the log that were looked at.
    entries: u64,
    /// The last batch that is known to be there.
    synced: u64,
    /// Envelopes whose message is in the cache.
    settled: BTreeSet<String>,
    /// What is under way: one action of each hand.
    under_way: BTreeMap<&'static str, String>,
    server: Server,
    broken: Vec<String>,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
}

/// Takes what is sent, and knows what it has.
#[derive(Clone, Default)]
struct Server {
    /// In the order in which they were put into the outbox; gone when they were given up.
    wanted: HashMap<String, Vec<String>>,
    has: HashMap<String, String>,
    asked: u64,
}

impl Promises {
    pub(crate) fn new() -> Self {
        Self {
            ledger: Ledger::default(),
            entries: 0,
            synced: 0,
            settled: BTreeSet::new(),
            under_way: BTreeMap::new(),
            server: Server::default(),
            broken: Vec::new(),
            acknowledged: 0,
            refused: 0,
        }
    }

    /// Hears a line of the program's; the server's answer, where it is for the server.
    pub(crate) fn hears(&mut self, line: &str) -> Option<&'static str> {
        let (word, what) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "try" => {
                self.under_way.insert(hand(what), what.to_owned());
            }
            "did" => {
                self.under_way.remove(hand(what));
                self.acknowledged += 1;
                self.happened(what);
            }
            "failed" => {
                let what = what.split_once(": ").map_or(what, |(what, _)| what);
                self.under_way.remove(hand(what));
                self.refused += 1;
            }
            "send" => return Some(self.takes(what)),
            _ => {}
        }
        None
    }

    fn happened(&mut self, what: &str) {
        self.ledger.does(what);
        let words: Vec<&str> = what.split(' ').collect();
        match words.as_slice() {
            ["sync", batch] => self.synced = batch.parse().unwrap(),
            ["settle", envelope] => drop(self.settled.insert((*envelope).to_owned())),
            ["enqueue", envelope, conversation] => {
                let wanted = self.server.wanted.entry((*conversation).to_owned()).or_default();
                wanted.push((*envelope).to_owned());
            }
            ["discard", envelope] => {
                // One that was on its way when the program died may have come all the same.
                let has = self.server.has.contains_key(*envelope);
                for wanted in self.server.wanted.values_mut().filter(|_| !has) {
                    wanted.retain(|wanted| wanted != envelope);
                }
            }
            _ => {}
        }
    }

    /// The server: the same name again is the same message, and an earlier one of the conversation is here already.
    fn takes(&mut self, what: &str) -> &'static str {
        self.server.asked += 1;
        let words: Vec<&str> = what.split(' ').collect();
        let [envelope, conversation, sealed] = words.as_slice() else { panic!("{what}") };
        match self.server.asked % 7 {
            3 => return "later",
            5 => return "refused",
            _ => {}
        }
        let wanted = self.server.wanted.get(*conversation);
        let earlier = wanted.into_iter().flatten().take_while(|wanted| wanted != envelope);
        for earlier in earlier.filter(|earlier| !self.server.has.contains_key(*earlier)) {
            self.broken.push(format!("{envelope} overtook {earlier} in {conversation}"));
        }
        let held = self.server.has.entry((*envelope).to_owned()).or_insert_with(|| (*sealed).to_owned());
        if held != sealed {
            self.broken.push(format!("{envelope} was sent as {held} and again as {sealed}"));
        }
        "taken"
    }

    /// Looks at the files after a life ended, however it ended, and goes on from what is there.
    pub(crate) fn are_kept(&mut self, vault: &Vault) -> Kept<()> {
        let under_way: Vec<String> = self.under_way.values().cloned().collect();
        self.ledger_is_kept(vault)?;
        self.cache_is_kept(vault, &under_way)?;
        vault.check().map_err(|error| format!("the check of every page: {error:?}"))?;
        if self.broken.is_empty() { Ok(()) } else { Err(self.broken.join("; ")) }
    }

    /// The ledger alone.
    pub(crate) fn ledger_is_kept(&mut self, vault: &Vault) -> Kept<()> {
        let seen = Ledger::seen(vault, self.entries)?;
        let under_way: Vec<String> = std::mem::take(&mut self.under_way).into_values().collect();
        // Each may have happened or not.
        let ways = (0..1_u32 << under_way.len()).map(|way| {
            let happened = under_way.iter().enumerate().filter(|(n, _)| way & (1 << n) != 0);
            happened.map(|(_, what)| what.as_str()).collect::<Vec<_>>()
        });
        let way = ways.into_iter().find(|way| {
            way.iter().fold(self.ledger.clone(), |ledger, what| ledger.after(what)).reopened() == seen
        });
        let Some(way) = way else {
            let expected = self.ledger.clone().reopened();
            return Err(format!("under way {under_way:?}; promised {expected:?}; found {seen:?}"));
        };
        for what in way.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>() {
            self.happened(&what);
        }
        self.ledger = Ledger { entries: BTreeMap::new(), ..seen };
        let verified = vault.verify_audit(&Expectations::default());
        self.entries = verified.map_err(|error| format!("the audit log: {error:?}"))?.head.count;
        Ok(())
    }

    fn cache_is_kept(&mut self, vault: &Vault, under_way: &[String]) -> Kept<()> {
        let files = |error| format!("the cache does not answer: {error:?}");
        let last = vault.last_event().map_err(files)?.map_or(0, |last| last.parse::<u64>().unwrap());
        let next = format!("sync {}", self.synced + 1);
        if last != self.synced && !(last == self.synced + 1 && under_way.contains(&next)) {
            return Err(format!("batch {} was acknowledged, {last} is there", self.synced));
        }
        self.synced = last;
        cache_is_consistent(vault, last)?;
        let of = |hit: SearchHit| match hit {
            SearchHit::Message { message, .. } => message.as_str().strip_prefix("of-").map(ToOwned::to_owned),
            _ => None,
        };
        let found: BTreeSet<String> =
            vault.search(SENT, 1_000_000).map_err(files)?.into_iter().filter_map(of).collect();
        let mut unsettled = found.symmetric_difference(&self.settled);
        // Its message may be in the cache before its row is settled: no transaction spans both files.
        if let Some(odd) = unsettled.find(|odd| !self.server.has.contains_key(*odd)) {
            return Err(format!("{odd} is in the cache, and was never sent"));
        }
        if let Some(lost) = self.settled.difference(&found).next() {
            return Err(format!("{lost} was settled, and is not in the cache"));
        }
        for envelope in &found {
            let held = vault.message_of_envelope(&records::e(envelope)).map_err(files)?;
            let right = MessageId::new(format!("of-{envelope}"));
            if held.is_none_or(|held| held.message.id != right) {
                return Err(format!("{envelope} is in the index and not in the cache"));
            }
        }
        self.settled = found;
        Ok(())
    }

    /// Sends what is left, as the program would: then the server has every message that was not given up.
    pub(crate) fn all_arrive(&mut self, vault: &Vault) -> Kept<()> {
        let files = |error| format!("the outbox does not answer: {error:?}");
        for row in vault.outbox(None).map_err(files)? {
            if matches!(row.state, OutboxState::Stuck { .. }) {
                let what = format!("requeue {}", row.envelope_id);
                vault.requeue(&row.envelope_id, &records::entry("message.retry", &what)).map_err(files)?;
                self.happened(&what);
            }
        }
        loop {
            let due = vault.due(records::at(0)).map_err(files)?;
            if due.is_empty() {
                break;
            }
            for row in due {
                let name = row.envelope_id.to_string();
                let sealed = row.sealed.clone().unwrap_or_else(|| format!("sealed-{name}-last"));
                vault.begin_attempt(&row.envelope_id, Some(&sealed), records::at(0)).map_err(files)?;
                self.happened(&format!("begin {name} {sealed}"));
                while self.takes(&format!("{name} {} {sealed}", row.consultation_id)) != "taken" {}
                vault.apply(&[records::sent(&row, &sealed)]).map_err(files)?;
                vault.settle(&row.envelope_id).map_err(files)?;
                self.happened(&format!("settle {name}"));
            }
        }
        if !vault.outbox(None).map_err(files)?.is_empty() {
            return Err("the outbox is not empty in the end".to_owned());
        }
        for wanted in self.server.wanted.values().flatten() {
            if !self.server.has.contains_key(wanted) {
                return Err(format!("{wanted} never arrived"));
            }
        }
        self.are_kept(vault)
    }

    /// Messages in the outbox.
    pub(crate) fn waiting(&self) -> usize {
        self.ledger.rows.len()
    }

    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    /// Messages at the server.
    pub(crate) fn arrived(&self) -> usize {
        self.server.has.len()
    }
}

/// Whether the cache, with its index, is what it was after this batch.
pub(crate) fn cache_is_consistent(vault: &Vault, last: u64) -> Kept<()> {
    let files = |error| format!("the cache does not answer: {error:?}");
    for batch in last.saturating_sub(KEPT + 1)..last + 2 {
        let there = batch > 0 && batch <= last && batch + KEPT > last;
        let id = told(batch);
        let (messages, _) = vault.messages(&id, 100).map_err(files)?;
        let found = (
            vault.consultation(&id).map_err(files)?.is_some(),
            messages.len() as u64,
            vault.search(&word(batch), 100).map_err(files)?.len() as u64,
        );
        let expected = if there { (true, MESSAGES, MESSAGES + 1) } else { (false, 0, 0) };
        if found != expected {
            return Err(format!("batch {batch} of {last}: {found:?} instead of {expected:?}"));
        }
    }
    let hits = vault.search(TOLD, 10_000).map_err(files)?.len() as u64;
    if hits != last.min(KEPT) * (MESSAGES + 1) {
        return Err(format!("{hits} hits of what the server told, at batch {last}"));
    }
    Ok(())
}

/// Whose action it is: each hand has one under way.
fn hand(what: &str) -> &'static str {
    match what.split(' ').next() {
        Some("sync") => "sync",
        Some("record") => "record",
        _ => "outbox",
    }
}

#[cfg(test)]
mod tests {
    use chatehr_vault::Vault;

    use super::Promises;
    use crate::records::{at, batch, c, e, entry, key, outgoing, sent};

    /// What was said, what was done, and the word that the complaint has in it; none where there is nothing to complain
    /// about.
    fn judged(said: &[&str], done: impl FnOnce(&Vault)) -> Result<(), String> {
        let home = tempfile::tempdir().unwrap();
        let vault = Vault::open(&home.path().join("person"), &key()).unwrap();
        let mut promises = Promises::new();
        for line in said {
            promises.hears(line);
        }
        done(&vault);
        drop(vault);
        promises.are_kept(&Vault::open(&home.path().join("person"), &key()).unwrap())
    }

    fn enqueue(vault: &Vault, name: &str) {
        let what = format!("enqueue {name} c-1");
        vault.enqueue(&outgoing(name, 1), &entry("message.create", &what)).unwrap();
    }

    #[test]
    fn what_is_kept_is_not_complained_of() {
        judged(&["did enqueue e-1 c-1", "did sync 1"], |vault| {
            enqueue(vault, "e-1");
            vault.apply(&batch(1)).unwrap();
        })
        .unwrap();
    }

    #[test]
    fn what_was_under_way_may_have_happened_or_not_but_not_by_half() {
        let said = ["try enqueue e-1 c-1", "try sync 1"];
        judged(&said, |_| {}).unwrap();
        judged(&said, |vault| enqueue(vault, "e-1")).unwrap();
        judged(&said, |vault| vault.apply(&batch(1)).unwrap()).unwrap();
        let half = |vault: &Vault| vault.record(&[entry("message.create", "enqueue e-1 c-1")]).unwrap();
        judged(&said, half).unwrap_err();
        judged(&said, |vault| vault.apply(&batch(1)[..2]).unwrap()).unwrap_err();
    }

    #[test]
    fn everything_that_a_promise_can_be_broken_by_is_complained_of() {
        let one = ["did enqueue e-1 c-1"];
        judged(&one, |_| {}).expect_err("lost");
        judged(&[], |vault| enqueue(vault, "e-1")).expect_err("from nowhere");
        judged(&["failed enqueue e-1 c-1: DiskFull"], |vault| enqueue(vault, "e-1"))
            .expect_err("refused, and done");
        let unaudited = |vault: &Vault| {
            vault.enqueue(&outgoing("e-1", 1), &entry("message.create", "something else")).unwrap();
        };
        judged(&one, unaudited).expect_err("without its entry");
        let twice = |vault: &Vault| {
            enqueue(vault, "e-1");
            vault.record(&[entry("message.create", "enqueue e-1 c-1")]).unwrap();
        };
        judged(&one, twice).expect_err("with two entries");
        let turned = |vault: &Vault| ["e-2", "e-1"].iter().for_each(|name| enqueue(vault, name));
        judged(&["did enqueue e-1 c-1", "did enqueue e-2 c-1"], turned).expect_err("in another order");
        judged(&["did sync 1"], |_| {}).expect_err("a batch that is lost");
        let without_index = |vault: &Vault| {
            vault.apply(&batch(1)).unwrap();
            vault.apply(&[chatehr_vault::CacheChange::ConsultationGone(crate::records::told(1))]).unwrap();
        };
        judged(&["did sync 1"], without_index).expect_err("a batch that is gone");
        judged(&["did draft c-1 words"], |vault| vault.save_draft(&c(1), "others", at(0)).unwrap())
            .expect_err("another draft");
        let settled = ["did enqueue e-1 c-1", "did begin e-1 s", "send e-1 c-1 s", "did settle e-1"];
        judged(&settled, |vault| {
            enqueue(vault, "e-1");
            vault.settle(&e("e-1")).unwrap();
        })
        .expect_err("settled, and nowhere to be read");
        let row = |vault: &Vault| vault.outbox(None).unwrap().remove(0);
        judged(&settled, |vault| {
            enqueue(vault, "e-1");
            vault.apply(&[sent(&row(vault), "s")]).unwrap();
            vault.settle(&e("e-1")).unwrap();
        })
        .unwrap();
    }

    #[test]
    fn the_server_complains_of_what_comes_too_early_and_of_what_changed_on_its_way() {
        let complains = |said: &[&str]| {
            let mut promises = Promises::new();
            for line in said {
                promises.hears(line);
            }
            promises.broken.len()
        };
        let two = ["did enqueue e-1 c-1", "did enqueue e-2 c-1"];
        assert_eq!(complains(&[&two[..], &["send e-1 c-1 s", "send e-2 c-1 t"]].concat()), 0);
        assert_eq!(complains(&[&two[..], &["send e-2 c-1 t"]].concat()), 1);
        assert_eq!(complains(&[&two[..], &["send e-1 c-1 s", "send e-1 c-1 other"]].concat()), 1);
        let given_up = ["did discard e-1", "send e-2 c-1 t"];
        assert_eq!(complains(&[&two[..], &given_up].concat()), 0, "who gave up is not waited for");
    }
}
