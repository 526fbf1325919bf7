//! Keeps in step with a server that does not tell when something happens.
//!
//! Promises: what changes is here within three minutes, in the conversation that the person looks at within twenty
//! seconds; where the server gives tags, a list that is as it was costs a few bytes. Stays far below what the original
//! allows: 100 requests in 15 minutes, to a whole clinic behind one address.

use std::{sync::Arc, time::Duration};

use chatehr_client::{ClientError, ConsultationQuery, Fetched, ListTag};
use chatehr_contract::{ConsultationId, Timestamp};
use tokio::time;

use super::{Inner, Open};

/// Between two rounds while things happen.
const BRISK: Duration = Duration::from_secs(30);
/// Between two rounds when nothing has happened for a while.
const CALM: Duration = Duration::from_secs(180);
/// Between two looks at the conversation on the screen.
const CONVERSATION: Duration = Duration::from_secs(20);
/// Seconds for which a conversation counts as looked at.
const LOOKED_AT: i64 = 600;

/// How soon to look again.
struct Pace {
    wait: Duration,
    since_round: Duration,
}

impl Pace {
    const fn new() -> Self {
        Self { wait: BRISK, since_round: Duration::ZERO }
    }

    /// Until the next look at anything.
    fn next(&self, conversation: bool) -> Duration {
        let round = self.wait.saturating_sub(self.since_round);
        if conversation { round.min(CONVERSATION) } else { round }
    }

    /// After so long: whether a round is due, or a conversation alone.
    fn passed(&mut self, time: Duration) -> bool {
        self.since_round = self.since_round.saturating_add(time);
        self.since_round >= self.wait
    }

    fn after_round(&mut self, changed: bool) {
        self.wait = if changed { BRISK } else { (self.wait * 3 / 2).min(CALM) };
        self.since_round = Duration::ZERO;
    }

    /// Something was written or read in a conversation: more is to be expected.
    fn hasten(&mut self) {
        self.wait = BRISK;
    }
}

/// The lists as they were.
#[derive(Default)]
struct Known {
    consultations: Option<ListTag>,
    conversation: Option<(ConsultationId, ListTag)>,
}

impl Inner {
    /// From the first synchronisation to a failure of the server.
    pub(super) async fn poll(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        failures: &mut u32,
    ) -> Result<(), ClientError> {
        let mut known = Known::default();
        let mut pace = Pace::new();
        self.synchronise(open, directory, None).await?;
        *failures = 0;
        self.set_online();
        self.outbox.notify_one();
        self.ask_whose_it_is(open);
        loop {
            let viewed = self.viewed();
            let wait = pace.next(viewed.is_some());
            let asked = time::timeout(wait, self.try_again.notified()).await.is_ok();
            if pace.passed(wait) || asked {
                let changed = self.look_at_lists(open, directory, &mut known).await?;
                pace.after_round(changed);
            } else if let Some(id) = viewed
                && self.look_at_conversation(open, id, &mut known).await?
            {
                pace.hasten();
            }
        }
    }

    /// Whether there was anything new. A server that gives no tags is taken at its whole word.
    async fn look_at_lists(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        known: &mut Known,
    ) -> Result<bool, ClientError> {
        let before = open.vault(|vault| vault.latest_change()).await.ok();
        let query = ConsultationQuery::default();
        match open.server.consultations_since(&query, known.consultations.as_ref()).await? {
            // The appointments have no list that says so.
            Fetched::NotModified => {
                let appointments = self.fetch_appointments(open).await?;
                self.store(open, vec![appointments]).await;
                self.tell_appointments();
                Ok(false)
            }
            Fetched::Fresh { tag, .. } => {
                known.consultations = tag;
                self.synchronise(open, directory, None).await?;
                let after = open.vault(|vault| vault.latest_change()).await.ok();
                Ok(before != after)
            }
        }
    }

    async fn look_at_conversation(
        self: &Arc<Self>,
        open: &Arc<Open>,
        id: ConsultationId,
        known: &mut Known,
    ) -> Result<bool, ClientError> {
        let tag = known.conversation.as_ref().filter(|(known, _)| *known == id).map(|(_, tag)| tag);
        match open.server.messages_since(&id, 50, 0, tag).await {
            Ok(Fetched::NotModified) => Ok(false),
            Ok(Fetched::Fresh { page, tag }) => {
                known.conversation = tag.map(|tag| (id.clone(), tag));
                let new = self.take_messages(open, &id, page.rows).await?;
                if new {
                    self.tell_consultations(vec![id]);
                }
                Ok(new)
            }
            // Not a participant any more.
            Err(ClientError::NotFound | ClientError::Forbidden) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The person has this conversation on the screen.
    pub(super) fn view(&self, id: &ConsultationId) {
        let now = self.now();
        self.state().viewed = Some((id.clone(), now));
    }

    fn viewed(&self) -> Option<ConsultationId> {
        let now: Timestamp = self.now();
        let state = self.state();
        let (id, at) = state.viewed.as_ref()?;
        (*at <= now && now < at.plus_seconds(LOOKED_AT)).then(|| id.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CALM, Pace};

    /// Requests in a quarter of an hour, when each round costs so many and each look at a conversation one.
    fn requests(round: u32, conversation: bool, changed: impl Fn(u32) -> bool) -> u32 {
        let (mut pace, mut time, mut asked, mut rounds) = (Pace::new(), Duration::ZERO, 0, 0);
        while time < Duration::from_secs(900) {
            let wait = pace.next(conversation);
            time += wait;
            if pace.passed(wait) {
                asked += round;
                rounds += 1;
                pace.after_round(changed(rounds));
            } else {
                asked += 1;
            }
        }
        asked
    }

    #[test]
    fn a_quiet_clinic_is_asked_seldom() {
        assert!(requests(2, false, |_| false) <= 20);
        assert_eq!(
            {
                let mut pace = Pace::new();
                (0..20).for_each(|_| pace.after_round(false));
                pace.next(false)
            },
            CALM
        );
    }

    #[test]
    fn an_open_conversation_is_followed_and_the_originals_limit_is_not_met() {
        let asked = requests(2, true, |_| false);
        assert!((40..=70).contains(&asked), "{asked}");
        assert!(requests(3, false, |_| true) <= 95, "even where every round brings something");
    }
}
