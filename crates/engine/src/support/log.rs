//! The last lines of the program's log, kept in memory for a support bundle.
//!
//! Promises: of an event of ours its words and those of its fields that hold codes, counts and times; of a
//! library's warning nothing but where it came from. The oldest go first, and there are never more than [`KEPT`].

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::Scrub;
use crate::Clock;

/// Lines that are kept.
const KEPT: usize = 500;
/// The longest line.
const LONGEST: usize = 300;
/// Fields that hold nothing of anybody: the others are left out.
const FIELDS: [&str; 10] =
    ["message", "code", "error", "millis", "count", "command", "category", "action", "skipped", "index"];

/// See the module. Cheap to clone; all clones are the same log.
#[derive(Clone)]
pub struct RecentLog {
    clock: Arc<dyn Clock>,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl RecentLog {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, lines: Arc::default() }
    }

    /// What it has, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl<S: Subscriber> Layer<S> for RecentLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        let ours = meta.target().starts_with("chatehr");
        // What libraries chatter about would drown the rest.
        if !ours && *meta.level() > tracing::Level::WARN {
            return;
        }
        let mut line = format!("{} {:<5} {}", self.clock.now(), meta.level().as_str(), meta.target());
        if ours {
            let mut words = Words::default();
            event.record(&mut words);
            line.push_str(": ");
            line.push_str(&Scrub::line(&words.0));
        }
        let line = line.chars().take(LONGEST).collect();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.truncate(KEPT);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !FIELDS.contains(&field.name()) {
            return;
        }
        self.0.push_str(&match field.name() {
            "message" => format!("{value:?} "),
            name => format!("{name} {value:?} "),
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl fmt::Debug for RecentLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecentLog(…)")
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::Timestamp;
    use tracing_subscriber::prelude::*;

    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_795_426_920_000)
        }
    }

    fn heard(tell: impl FnOnce()) -> Vec<String> {
        let log = RecentLog::new(Arc::new(Still));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log.clone()), tell);
        log.lines()
    }

    #[test]
    fn of_an_event_its_words_and_codes_are_kept_and_of_a_library_only_that_it_spoke() {
        let lines = heard(|| {
            tracing::warn!(target: "chatehr_engine::desk", code = "DISK_FULL", person = "physician-7", patient = "Marta", "It could not be stored.");
            tracing::info!(target: "hyper::client", "pooling");
            tracing::warn!(target: "hyper::client", "connecting to marta.example with Bearer abc");
        });
        assert_eq!(
            lines,
            [
                "2026-11-23T09:42:00.000Z WARN  chatehr_engine::desk: It could not be stored. code DISK_FULL",
                "2026-11-23T09:42:00.000Z WARN  hyper::client",
            ]
        );
    }

    #[test]
    fn the_oldest_lines_go_first() {
        let lines =
            heard(|| (0..KEPT + 3).for_each(|count| tracing::info!(target: "chatehr_x", count, "again")));
        assert_eq!(lines.len(), KEPT);
        assert!(lines.first().unwrap().ends_with("count 3"), "{:?}", lines.first());
        assert!(lines.last().unwrap().ends_with("count 502"));
    }
}
