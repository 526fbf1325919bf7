//! How the connection has been, in figures: for the person who asks why it is slow, and for the support bundle.
//!
//! Promises: figures and times alone, nothing of anybody's records. What is called today begins at the midnight of this
//! workstation, or when the program was started, and says which.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chatehr_client::{Gauges, Health, Traffic};
use chatehr_contract::{ErrorReport, Figures, LatencyFigures, ServerVersion, Timestamp, TrafficFigures};
use chatehr_vault::OutboxState;
use tokio::time;

use super::{Desk, Inner};

const DAY: i64 = 24 * 60 * 60 * 1000;
/// How often it is looked whether another day has begun.
const LOOK_AT_DAY: Duration = Duration::from_secs(60);

/// What is remembered for the figures as long as the program runs.
#[derive(Debug, Default)]
pub(super) struct Since(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// When the program was started, and when today began to count.
    started_at: Option<Timestamp>,
    today: Option<Today>,
    server: Option<ServerVersion>,
    /// What it can do, as it said last.
    features: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug)]
struct Today {
    /// Days of this workstation's calendar since 1970.
    day: i64,
    from: Timestamp,
    /// What had gone over the wire before.
    before: Traffic,
}

impl Since {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is so late, and so much has gone over the wire so far.
    fn look(&self, now: Timestamp, ahead_of_utc: i32, so_far: Traffic) -> Today {
        let local = now.millis().saturating_add(i64::from(ahead_of_utc) * 1000);
        let day = local.div_euclid(DAY);
        let mut kept = self.kept();
        kept.started_at.get_or_insert(now);
        match kept.today {
            Some(today) if today.day == day => today,
            before => {
                let midnight = Timestamp::from_millis(now.millis() - local.rem_euclid(DAY));
                let from = if before.is_some() { midnight } else { now };
                let today = Today { day, from, before: so_far };
                kept.today = Some(today);
                today
            }
        }
    }

    /// The first to look sets it going.
    fn has_begun(&self) -> bool {
        self.kept().started_at.is_some()
    }

    pub(super) fn met(&self, health: &Health) {
        let mut kept = self.kept();
        kept.server =
            Some(ServerVersion { service: health.service.clone(), version: health.version.clone() });
        kept.features.clone_from(&health.features);
    }

    /// Whether the server has a feature; none where it has not said yet.
    pub(super) fn server_has(&self, feature: &str) -> Option<bool> {
        let kept = self.kept();
        kept.server.as_ref().map(|_| kept.features.contains(feature))
    }
}

impl Desk {
    /// How the connection has been.
    ///
    /// # Errors
    /// Nobody is signed in; the files do not answer.
    pub async fn figures(&self) -> Result<Figures, ErrorReport> {
        let open = self.inner.open()?;
        let mut figures = self.inner.connection_figures()?;
        let (synced_at, outbox) = open.vault(|vault| Ok((vault.synced_at()?, vault.outbox(None)?))).await?;
        let stuck = outbox.iter().filter(|row| matches!(row.state, OutboxState::Stuck { .. })).count();
        figures.synced_at = synced_at;
        figures.outbox_stuck = u32::try_from(stuck).unwrap_or(u32::MAX);
        figures.outbox_waiting = u32::try_from(outbox.len().saturating_sub(stuck)).unwrap_or(u32::MAX);
        figures.waiting_since = outbox.iter().map(|row| row.queued_at).min();
        let dir = self.inner.workstation()?.dir_of(&open.person.id);
        figures.files = tokio::task::spawn_blocking(move || bytes_in(&dir)).await.unwrap_or_default();
        Ok(figures)
    }
}

impl Inner {
    /// Notices midnight, for as long as the program runs.
    pub(super) fn begin_counting(self: &std::sync::Arc<Self>) {
        let Some(gauges) = self.workstation.as_ref().map(|workstation| workstation.gauges.clone()) else {
            return;
        };
        if self.since.has_begun() {
            return;
        }
        self.look_at_day(&gauges);
        let weak = std::sync::Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                time::sleep(LOOK_AT_DAY).await;
                let Some(inner) = weak.upgrade() else { return };
                inner.look_at_day(&gauges);
            }
        });
    }

    fn look_at_day(&self, gauges: &Gauges) -> Today {
        let now = self.now();
        self.since.look(now, self.surroundings.clock.ahead_of_utc(now), gauges.traffic())
    }

    fn connection_figures(&self) -> Result<Figures, ErrorReport> {
        let gauges = &self.workstation()?.gauges;
        let today = self.look_at_day(gauges);
        let traffic = gauges.traffic();
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let latency = gauges.latency().map(|latency| LatencyFigures {
            median: millis(latency.median),
            worst: millis(latency.worst),
            of: u32::try_from(latency.of).unwrap_or(u32::MAX),
        });
        let kept = self.since.kept();
        Ok(Figures {
            latency,
            started_at: kept.started_at,
            since_start: figures_of(traffic, Traffic::default()),
            today_from: Some(today.from),
            today: figures_of(traffic, today.before),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            server: kept.server.clone(),
            ..Figures::default()
        })
    }
}

const fn figures_of(all: Traffic, before: Traffic) -> TrafficFigures {
    TrafficFigures {
        requests: all.requests.saturating_sub(before.requests),
        sent: all.sent.saturating_sub(before.sent),
        received: all.received.saturating_sub(before.received),
    }
}

/// What the files of a directory take.
fn bytes_in(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(bytes: u64) -> Traffic {
        Traffic { requests: bytes / 100, sent: bytes, received: bytes * 2 }
    }

    #[test]
    fn today_begins_at_this_workstations_midnight_and_not_before_the_program() {
        let since = Since::default();
        // 23:30 in a zone an hour ahead of UTC.
        let evening = Timestamp::from_millis(22 * 3_600_000 + 30 * 60_000);
        let today = since.look(evening, 3600, traffic(0));
        assert_eq!((today.from, today.before), (evening, traffic(0)));
        let later = since.look(evening.plus_seconds(1700), 3600, traffic(500));
        assert_eq!(later.from, evening, "the same day");
        let tomorrow = since.look(evening.plus_seconds(1830), 3600, traffic(900));
        assert_eq!(tomorrow.from, Timestamp::from_millis(23 * 3_600_000), "midnight there");
        assert_eq!(figures_of(traffic(1000), tomorrow.before), figures_of(traffic(100), traffic(0)));
    }
}
