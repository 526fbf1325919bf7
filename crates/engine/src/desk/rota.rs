//! What to look at next on a server that does not tell when something happens.
//!
//! Promises: the list, in which new requests appear, comes first when its time has come; then whatever has waited longest
//! for its own measure: the conversation on the screen, those in which something was written lately or which are urgent,
//! every other open one of this person's, and once each what is closed. Where not all of it can be asked for, one look of
//! three is at the screen's and the others are at whatever was not looked at for longest: however much goes on elsewhere, no
//! conversation is forgotten.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    time::Duration,
};

use chatehr_client::ListTag;
use chatehr_contract::{Consultation, ConsultationId, Timestamp};
use tokio::time::Instant;

/// Between two looks at the list while things happen.
const BRISK: Duration = Duration::from_secs(30);
/// The same when nothing has happened for a while.
const CALM: Duration = Duration::from_secs(180);
/// Between two looks at the appointments, which are made days before.
const APPOINTMENTS: Duration = Duration::from_secs(600);
/// At the conversation on the screen.
const ON_THE_SCREEN: Duration = Duration::from_secs(15);
/// One look of so many is at the conversation on the screen or goes by each one's measure, the others go by who has waited
/// longest.
const BY_MEASURE: usize = 3;
/// At one in which something was written within [`LATELY`], or that is urgent.
const LIVELY: Duration = Duration::from_secs(45);
/// At any other open one.
const OPEN: Duration = Duration::from_secs(120);
const LATELY: Duration = Duration::from_secs(600);

/// Rows of a page.
pub(super) const PAGE: u32 = 100;

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    List,
    Appointments,
    Conversation(ConsultationId),
}

/// What to look at, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) look: Look,
    /// From now.
    pub(super) due_in: Duration,
    /// It was not looked at before, or the person has just opened it.
    pub(super) new: bool,
}

/// A list as it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) tag: Option<ListTag>,
    /// Of the rows: some servers give no tags.
    pub(super) digest: Option<u64>,
}

/// A conversation as it was.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    open: bool,
    urgent: bool,
    updated_at: Timestamp,
    looked: Option<Instant>,
    moved: Option<Instant>,
    /// Of the last page that was asked for.
    pub(super) tag: Option<ListTag>,
    /// Where that page begins.
    pub(super) offset: u32,
}

/// All that is looked at.
#[derive(Debug)]
pub(super) struct Rota {
    wait: Duration,
    listed: Option<Instant>,
    booked: Option<Instant>,
    /// Of the appointments, and of which question.
    pub(super) bookings: Option<((Timestamp, Timestamp), ListTag)>,
    /// Of each page of the list.
    pub(super) pages: Vec<Seen>,
    turn: usize,
    talks: BTreeMap<ConsultationId, Talk>,
    /// Looks at conversations so far.
    looks: usize,
    /// What was on the screen the last time.
    viewed: Option<ConsultationId>,
}

impl Default for Rota {
    fn default() -> Self {
        Self {
            wait: BRISK,
            listed: None,
            booked: None,
            bookings: None,
            pages: Vec::new(),
            turn: 0,
            talks: BTreeMap::new(),
            looks: 0,
            viewed: None,
        }
    }
}

impl Rota {
    /// Everything is in the files as it is now; `mine` are those whose conversations this person reads.
    pub(super) fn know<'a>(
        &mut self,
        now: Instant,
        tags: Vec<Option<ListTag>>,
        mine: impl Iterator<Item = &'a Consultation>,
    ) {
        self.pages.resize(tags.len().max(1), Seen::default());
        for (page, tag) in self.pages.iter_mut().zip(tags) {
            page.tag = tag;
        }
        (self.listed, self.booked) = (Some(now), Some(now));
        let mut talks = BTreeMap::new();
        for one in mine {
            let before = self.talks.remove(&one.id);
            let (open, urgent) = (one.status.is_open(), one.urgency.alerts());
            let talk = match before {
                Some(before) if before.updated_at == one.updated_at => Talk { open, urgent, ..before },
                before => Talk {
                    open,
                    urgent,
                    updated_at: one.updated_at,
                    looked: None,
                    moved: before.as_ref().and_then(|before| before.moved),
                    tag: before.as_ref().and_then(|before| before.tag.clone()),
                    offset: before.map_or(0, |before| before.offset),
                },
            };
            talks.insert(one.id.clone(), talk);
        }
        self.talks = talks;
    }

    pub(super) fn talk(&self, id: &ConsultationId) -> Option<&Talk> {
        self.talks.get(id)
    }

    /// The list was looked at.
    pub(super) fn listed(&mut self, now: Instant, changed: bool) {
        self.listed = Some(now);
        self.wait = if changed { BRISK } else { (self.wait * 3 / 2).min(CALM) };
    }

    /// What was seen of it is not in the files: it is looked at again, as if for the first time.
    pub(super) fn forget_list(&mut self) {
        self.listed = None;
        self.pages.clear();
    }

    pub(super) const fn booked(&mut self, now: Instant) {
        self.booked = Some(now);
    }

    /// A conversation was looked at, to the end of the page that begins there.
    pub(super) fn talked(
        &mut self,
        now: Instant,
        id: &ConsultationId,
        moved: bool,
        page: Option<(u32, Option<ListTag>)>,
    ) {
        self.looks = self.looks.wrapping_add(1);
        let Some(talk) = self.talks.get_mut(id) else { return };
        // What was there before it was looked at the first time is no news.
        if moved && talk.looked.is_some() {
            talk.moved = Some(now);
        }
        talk.looked = Some(now);
        if let Some((offset, tag)) = page {
            (talk.offset, talk.tag) = (offset, tag);
        }
    }

    /// The next one of the pages behind the first.
    pub(super) fn further_page(&mut self) -> Option<usize> {
        let further = self.pages.len().checked_sub(1).filter(|further| *further > 0)?;
        self.turn = (self.turn + 1) % further;
        Some(self.turn + 1)
    }

    /// The person asks, or the workstation has slept: everything is looked at again.
    pub(super) fn all_due(&mut self) {
        (self.listed, self.booked) = (None, None);
        self.talks.values_mut().filter(|talk| talk.open).for_each(|talk| talk.looked = None);
    }

    /// What comes next, with this conversation on the screen.
    pub(super) fn next(&mut self, now: Instant, viewed: Option<&ConsultationId>) -> Next {
        let opened = viewed != self.viewed.as_ref();
        if opened {
            self.viewed = viewed.cloned();
            // It has waited for as long as anything can.
            if let Some(talk) = viewed.and_then(|id| self.talks.get_mut(id)) {
                talk.looked = None;
            }
        }
        let list = Candidate::new(Look::List, self.listed, self.wait, now);
        if list.next.due_in.is_zero() {
            return list.next;
        }
        let bookings = Candidate::new(Look::Appointments, self.booked, APPOINTMENTS, now);
        let talks = self.talks.iter().filter_map(|(id, talk)| {
            let every = talk.every(now, viewed == Some(id))?;
            Some(Candidate::new(Look::Conversation(id.clone()), talk.looked, every, now))
        });
        let by_measure = self.looks.is_multiple_of(BY_MEASURE);
        let on_the_screen = |candidate: &Candidate| matches!(&candidate.next.look, Look::Conversation(id) if Some(id) == viewed);
        let mut best = list;
        for candidate in talks.chain([bookings]) {
            if by_measure && candidate.next.due_in.is_zero() && on_the_screen(&candidate) {
                return candidate.next;
            }
            if candidate.comes_before(&best, by_measure) {
                best = candidate;
            }
        }
        best.next
    }
}

impl Talk {
    /// None for one that needs no other look.
    fn every(&self, now: Instant, on_the_screen: bool) -> Option<Duration> {
        let lively =
            self.urgent || self.moved.is_some_and(|moved| now.saturating_duration_since(moved) < LATELY);
        match (on_the_screen, self.open) {
            (true, _) => Some(ON_THE_SCREEN),
            (false, true) if lively => Some(LIVELY),
            (false, true) => Some(OPEN),
            (false, false) if self.looked.is_none() => Some(OPEN),
            (false, false) => None,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open
    }
}

struct Candidate {
    next: Next,
    /// Milliseconds since it was looked at.
    since: u128,
    /// Thousandths of its own measure for which it has waited.
    waited: u128,
}

impl Candidate {
    fn new(look: Look, looked: Option<Instant>, every: Duration, now: Instant) -> Self {
        let since = looked.map(|looked| now.saturating_duration_since(looked));
        let due_in = since.map_or(Duration::ZERO, |since| every.saturating_sub(since));
        let new = since.is_none();
        let since = since.map_or(u128::MAX, |since| since.as_millis());
        let waited = if new { u128::MAX / every.as_millis() } else { since * 1000 / every.as_millis() };
        Self { next: Next { look, due_in, new }, since, waited }
    }

    fn comes_before(&self, other: &Self, by_measure: bool) -> bool {
        match (self.next.due_in.is_zero(), other.next.due_in.is_zero()) {
            (true, true) if by_measure || self.since == other.since => self.waited > other.waited,
            (true, true) => self.since > other.since,
            (false, false) => self.next.due_in < other.next.due_in,
            (due, _) => due,
        }
    }
}

/// Of rows, to tell whether they are as they were.
pub(super) fn digest(rows: &[Consultation], total: Option<u64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    total.hash(&mut hasher);
    for row in rows {
        // Never fails for a record; if it did, every look would be news.
        serde_json::to_vec(row).ok().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{ConsultationStatus, SpecialtyCode, Urgency};

    use super::*;

    fn consultation(number: u32, status: ConsultationStatus, urgency: Urgency) -> Consultation {
        let value = serde_json::json!({
            "id": format!("c-{number}"), "patientId": "p", "physicianId": "me", "specialty": SpecialtyCode::Cardiology,
            "urgency": urgency, "description": "", "status": status,
            "createdAt": "2026-11-20T09:00:00.000Z", "updatedAt": "2026-11-20T09:00:00.000Z", "metadata": {},
        });
        serde_json::from_value(value).unwrap()
    }

    fn id(number: u32) -> ConsultationId {
        ConsultationId::new(format!("c-{number}"))
    }

    fn knowing(now: Instant, count: u32) -> Rota {
        let all: Vec<_> = (0..count)
            .map(|number| consultation(number, ConsultationStatus::InProgress, Urgency::Routine))
            .collect();
        let mut rota = Rota::default();
        rota.know(now, vec![None], all.iter());
        rota
    }

    /// The longest that each thing has waited in an hour, after a first quarter, with a request no more often than this.
    fn longest(count: u32, viewed: Option<u32>, apart: Duration) -> BTreeMap<String, u64> {
        let begin = Instant::now();
        let mut rota = knowing(begin, count);
        let viewed = viewed.map(id);
        let (mut now, mut seen) = (begin, BTreeMap::<String, Instant>::new());
        let mut longest = BTreeMap::new();
        while now < begin + Duration::from_secs(4500) {
            let next = rota.next(now, viewed.as_ref());
            if !next.due_in.is_zero() {
                now += next.due_in;
                continue;
            }
            let name = format!("{:?}", next.look);
            if let Some(before) = seen.insert(name.clone(), now)
                && now > begin + Duration::from_secs(900)
            {
                let waited = longest.entry(name).or_insert(0);
                *waited = now.duration_since(before).as_secs().max(*waited);
            }
            match &next.look {
                Look::List => rota.listed(now, false),
                Look::Appointments => rota.booked(now),
                Look::Conversation(id) => rota.talked(now, id, false, None),
            }
            now += apart;
        }
        longest
    }

    fn of(longest: &BTreeMap<String, u64>, look: &Look) -> u64 {
        longest[&format!("{look:?}")]
    }

    #[test]
    fn where_it_may_ask_freely_everything_comes_in_its_time() {
        let longest = longest(20, Some(3), Duration::from_millis(10));
        assert_eq!(longest.len(), 22, "the list, the appointments and every conversation");
        assert!((180..=181).contains(&of(&longest, &Look::List)));
        assert!((15..=16).contains(&of(&longest, &Look::Conversation(id(3)))));
        assert!((0..20).all(|number| of(&longest, &Look::Conversation(id(number))) <= 121));
    }

    #[test]
    fn at_the_originals_limit_the_list_does_not_wait_and_no_conversation_is_forgotten() {
        // Eighty requests in 15 minutes, the rest is the person's.
        let longest = longest(20, Some(3), Duration::from_millis(11_250));
        assert_eq!(longest.len(), 22);
        assert!(of(&longest, &Look::List) <= 192, "{longest:?}");
        assert!(of(&longest, &Look::Conversation(id(3))) <= 60, "{longest:?}");
        assert!((0..20).all(|number| of(&longest, &Look::Conversation(id(number))) <= 480), "{longest:?}");
    }

    #[test]
    fn what_the_person_opens_is_looked_at_at_once_and_what_is_closed_once() {
        let now = Instant::now();
        let mut rota = Rota::default();
        let closed = consultation(1, ConsultationStatus::Completed, Urgency::Routine);
        let open = consultation(2, ConsultationStatus::Assigned, Urgency::Routine);
        rota.know(now, vec![None], [&closed, &open].into_iter());
        let mut looked = Vec::new();
        for _ in 0..2 {
            let Next { look: Look::Conversation(id), due_in: Duration::ZERO, new: true } =
                rota.next(now, None)
            else {
                panic!()
            };
            rota.talked(now, &id, true, None);
            looked.push(id);
        }
        looked.sort();
        assert_eq!(looked, [id(1), id(2)]);
        let next = rota.next(now, Some(&id(2)));
        assert_eq!(next, Next { look: Look::Conversation(id(2)), due_in: Duration::ZERO, new: true });
        rota.talked(now, &id(2), false, None);
        assert_eq!(rota.next(now, Some(&id(2))).due_in, ON_THE_SCREEN);
        assert_eq!(rota.next(now, None).due_in, BRISK, "the list");
    }

    #[test]
    fn where_something_was_written_more_is_expected() {
        let now = Instant::now();
        let mut rota = knowing(now, 1);
        rota.talked(now, &id(0), true, None);
        assert_eq!(rota.talks[&id(0)].every(now, false), Some(OPEN), "the first look brings no news");
        rota.talked(now, &id(0), true, None);
        assert_eq!(rota.talks[&id(0)].every(now, false), Some(LIVELY));
        assert_eq!(rota.talks[&id(0)].every(now + LATELY, false), Some(OPEN));
    }

    #[test]
    fn the_pages_behind_the_first_take_turns() {
        let mut rota = Rota::default();
        assert_eq!(rota.further_page(), None);
        rota.know(Instant::now(), vec![None; 4], [].into_iter());
        let turns: Vec<_> = (0..6).map(|_| rota.further_page().unwrap()).collect();
        assert_eq!(turns, [2, 3, 1, 2, 3, 1]);
    }
}
