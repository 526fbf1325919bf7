//! Who is there: nothing but this question goes to a server that has not said that it is ChatEHR.
//!
//! The variable `CHATEHR_API_URL` is known to have meant an unrelated service elsewhere (wire contract, section 3), and
//! another program may take the port of one that went away. So the answer holds for half a minute at most, and for none
//! after anything went wrong.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::exchange::{Credential, Fault, Question, Way};
use crate::problem::Problem;

/// How long an answer holds.
pub(super) const FRESH: Duration = Duration::from_secs(30);
/// How long nobody is asked again after a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes that a health report may have.
const MAX_REPORT: usize = 64 * 1024;

/// A ChatEHR that has said what it is.
#[derive(Debug, Deserialize)]
pub(super) struct Known {
    service: String,
    #[serde(default)]
    features: BTreeSet<String>,
}

impl Known {
    pub(super) fn has(&self, feature: &str) -> bool {
        self.features.contains(feature)
    }

    /// Whether it has a stream of events that says for whom each is.
    pub(super) fn tells_events(&self) -> bool {
        self.is_of_our_kind() && self.has("events")
    }

    /// Whether it believes us for whom we ask, and so decides and keeps the record itself.
    pub(super) fn is_of_our_kind(&self) -> bool {
        self.has("on-behalf-of")
    }
}

#[derive(Clone)]
struct Seen {
    at: Instant,
    faults: u64,
    what: Result<Arc<Known>, Fault>,
}

impl Seen {
    fn holds(&self, way: &Way, most: Duration) -> bool {
        match self.what {
            Ok(_) => self.at.elapsed() < most && self.faults == way.faults(),
            Err(_) => self.at.elapsed() < PAUSE,
        }
    }
}

/// Remembers who is there.
pub(super) struct Door {
    way: Arc<Way>,
    seen: RwLock<Option<Seen>>,
    /// One asks for all.
    asking: tokio::sync::Mutex<()>,
}

impl Door {
    pub(super) fn new(way: Arc<Way>) -> Self {
        Self { way, seen: RwLock::default(), asking: tokio::sync::Mutex::default() }
    }

    /// Who is there, by an answer that is at most so old.
    pub(super) async fn known(&self, most: Duration) -> Result<Arc<Known>, Problem> {
        let before = Instant::now();
        if let Some(seen) = self.seen().filter(|seen| seen.holds(&self.way, most)) {
            return seen.what.map_err(Problem::from);
        }
        let _one = self.asking.lock().await;
        // Who waited has the answer of the one who asked.
        if let Some(seen) = self.seen().filter(|seen| seen.at >= before || seen.holds(&self.way, most)) {
            return seen.what.map_err(Problem::from);
        }
        let what = self.ask().await;
        let seen = Seen { at: Instant::now(), faults: self.way.faults(), what: what.clone() };
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        what.map_err(Problem::from)
    }

    fn seen(&self) -> Option<Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask(&self) -> Result<Arc<Known>, Fault> {
        let question = Question {
            credential: Credential::None,
            most: MAX_REPORT,
            ..Question::get("health", vec!["health"])
        };
        let answer = self.way.ask(&question).await.map_err(|problem| match problem {
            Problem::UpstreamTimeout => Fault::TimedOut,
            Problem::Upstream { why } => Fault::Nonsense(why),
            _ => Fault::Unreachable,
        })?;
        let known: Known = Some(answer)
            .filter(|answer| answer.status == axum::http::StatusCode::OK)
            .and_then(|answer| answer.json().ok())
            .ok_or(Fault::Nonsense("it has no health report of ChatEHR's"))?;
        if known.service.to_ascii_lowercase().contains("chatehr") {
            Ok(Arc::new(known))
        } else {
            tracing::error!("what answers at CHATEHR_API_URL is not ChatEHR; nothing is sent to it");
            Err(Fault::Nonsense("it calls itself something else than ChatEHR"))
        }
    }
}
