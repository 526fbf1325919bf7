//! What is known of one request, and of one notification.

use chatehr_contract::{AlertNotice, AlertRule, Timestamp};

use super::{Claim, interval, rank};

#[derive(Debug)]
pub(super) struct Request {
    pub(super) notice: AlertNotice,
    pub(super) own: bool,
    pub(super) asked_at: Timestamp,
    pub(super) initials: Option<String>,
    pub(super) rule: AlertRule,
    /// How often it has alerted since it was last asked.
    pub(super) told: u32,
    pub(super) told_at: Option<Timestamp>,
    /// When it alerts again; none before it has alerted, and after the last time.
    pub(super) next: Option<Timestamp>,
    pub(super) front_at: Option<Timestamp>,
    /// In which notification.
    pub(super) group: Option<u64>,
    /// It waits for the end of the quiet hours.
    pub(super) held: bool,
}

impl Request {
    pub(super) fn new(claim: Claim, rule: AlertRule) -> Self {
        Self {
            notice: claim.notice,
            own: claim.own,
            asked_at: claim.asked_at,
            initials: claim.initials,
            rule,
            told: 0,
            told_at: None,
            next: None,
            front_at: None,
            group: None,
            held: false,
        }
    }

    /// Whether this is another question than the one that is being told: now it is asked of this person, or it is
    /// asked once more after it was told for the last time.
    pub(super) fn is_anew(&self, claim: &Claim) -> bool {
        claim.own && !self.own
            || claim.asked_at > self.asked_at && self.told > 0 && (claim.own || self.next.is_none())
            || rank(&claim.notice.urgency) < rank(&self.notice.urgency)
    }

    pub(super) fn update(&mut self, claim: Claim, rule: AlertRule) {
        let told = self.notice.told;
        self.notice = AlertNotice { told, ..claim.notice };
        self.own = claim.own;
        self.asked_at = claim.asked_at;
        self.initials = claim.initials;
        self.rule = rule;
    }

    pub(super) fn ask_anew(&mut self, claim: Claim, rule: AlertRule) {
        self.update(claim, rule);
        self.told = 0;
    }

    /// It alerts for the first time.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.told = 0;
        self.front_at = self.rule.front_after_seconds.map(|after| now.plus_seconds(i64::from(after)));
        self.again(now);
    }

    /// It alerts.
    pub(super) fn again(&mut self, now: Timestamp) {
        self.told = self.told.saturating_add(1);
        self.told_at = Some(now);
        self.notice.told = self.told;
        self.next = self.next_after(now);
    }

    fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        // The first time is no repeat.
        let is_left = self.rule.at_most.is_none_or(|most| self.told <= most);
        is_left.then(|| now.plus_seconds(interval(&self.rule)))
    }

    /// The rule may be another than when it last alerted.
    pub(super) fn keep_in_bounds(&mut self, now: Timestamp) {
        let Some(last) = self.told_at.filter(|_| self.told > 0) else { return };
        self.next = match (self.next, self.next_after(last)) {
            (Some(next), Some(latest)) => Some(next.min(latest)),
            (_, latest) => latest,
        };
        if let (Some(at), Some(after)) = (self.front_at, self.rule.front_after_seconds) {
            self.front_at = Some(at.min(now.plus_seconds(i64::from(after))));
        }
    }

    /// Its place among others: most pressing first, then what is due first.
    pub(super) fn place(&self) -> (u8, Timestamp, chatehr_contract::ConsultationId) {
        let due = self.notice.answer_due.unwrap_or(Timestamp::from_millis(i64::MAX));
        (rank(&self.notice.urgency), due, self.notice.consultation_id.clone())
    }
}

/// One notification.
#[derive(Debug)]
pub(super) struct Group {
    /// Until when others join it.
    pub(super) joins_until: Timestamp,
    /// Whether others have joined that it does not say yet.
    pub(super) dirty: bool,
    /// Whether it should be on the screen.
    pub(super) on_screen: bool,
}

impl Group {
    pub(super) fn new(now: Timestamp, together: i64) -> Self {
        let joins_until = Timestamp::from_millis(now.millis().saturating_add(together));
        Self { joins_until, dirty: false, on_screen: true }
    }

    pub(super) fn is_open_at(&self, now: Timestamp) -> bool {
        now < self.joins_until
    }
}
