//! The ChatEHR behind a gateway, reached by HTTP.
//!
//! Promises: nothing is sent to a server that has not said that it is ChatEHR; what changes something is written into
//! the gateway's own audit log before it is asked for and again when it has ended, what is read before it is given out;
//! what was begun is finished and written down, whoever hangs up. Refuses: doing what cannot be written down, and
//! telling a caller where the other side is or what it says when it fails.
//!
//! There are two ways. A server of our kind (feature `on-behalf-of`) decides and keeps the record; the gateway passes on
//! for whom it asks ([`forward`], [`hub`]). A server of the original's kind lets everybody do everything, so the gateway
//! itself keeps the rules ([`original`]).

mod address;
mod blocks;
mod exchange;
mod forward;
mod hub;
mod identify;
mod original;
mod sessions;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chatehr_contract::{Timestamp, access::Relation};
use serde_json::json;
use tokio::sync::watch;
use tracing::Instrument;

pub(crate) use self::address::address;
use self::{
    exchange::Way,
    hub::Hub,
    identify::{Door, FRESH},
    original::Original,
    sessions::Sessions,
};
use crate::{
    embedded::allow,
    events::Listening,
    identity::{Actor, Person},
    metrics::Metrics,
    op::{Op, Outcome},
    policy::SignedPolicy,
    problem::{Causes, Problem},
    provider::{Call, Condition, Provider},
    sealing::Seals,
    sources::Sources,
    store::Store,
    trail::{Ending, Note},
};

/// How old an answer may be that health is told from.
const HEALTH: Duration = Duration::from_secs(2);

/// How to reach it, and what a gateway has of its own.
pub(crate) struct Settings {
    /// Checked by [`address`].
    pub(crate) url: reqwest::Url,
    /// Our key there.
    pub(crate) key: String,
    /// For a whole call.
    pub(crate) timeout: Duration,
    /// The audit log's file.
    pub(crate) log: Store,
    pub(crate) seals: Seals,
    pub(crate) sources: Sources,
    pub(crate) policy: SignedPolicy,
    pub(crate) metrics: Metrics,
    /// Events that can be replayed.
    pub(crate) keep_events: u32,
    /// Events that a listener may fall behind.
    pub(crate) listener_queue: usize,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Why it cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotUsable {
    /// It cannot travel in a header.
    #[error("CHATEHR_API_KEY holds a character that no key can have")]
    Key,
    /// For instance because there are no root certificates.
    #[error("this computer cannot make secure connections")]
    Tls(#[source] reqwest::Error),
}

/// Stands for the ChatEHR elsewhere. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Upstream(Arc<Inner>);

struct Inner {
    way: Arc<Way>,
    door: Arc<Door>,
    hub: Arc<Hub>,
    sessions: Sessions,
    original: Original,
    log: Store,
}

impl Upstream {
    /// Begins to listen for events; who is there is asked when it matters.
    pub(crate) fn new(settings: Settings) -> Result<Self, NotUsable> {
        let Settings { url, key, timeout, log, seals, sources, policy, metrics, .. } = settings;
        let way = Arc::new(Way::new(url, &key, timeout, metrics)?);
        let door = Arc::new(Door::new(Arc::clone(&way)));
        let hub = Arc::new(Hub::new(
            Arc::clone(&way),
            Arc::clone(&door),
            sources.clone(),
            settings.keep_events,
            settings.listener_queue,
        ));
        tokio::spawn(Arc::clone(&hub).keep(settings.stopping));
        let original = Original::new(Arc::clone(&way), seals, sources, policy);
        Ok(Self(Arc::new(Inner { way, door, hub, sessions: Sessions::default(), original, log })))
    }
}

impl Inner {
    async fn perform(&self, call: Call) -> Result<Outcome, Problem> {
        let writes = call.op.writes();
        if writes {
            self.note(requested(&call)).await?;
        }
        let result = match tokio::time::timeout(self.way.timeout(), self.carry(&call)).await {
            Ok(result) => result,
            Err(_) => Err(Problem::UpstreamTimeout),
        };
        let noted = self.note(Note::of(&call, &result)).await;
        match noted {
            // It has happened, and that it was asked for is on record: a failure here would invite it twice.
            Err(Problem::Internal(error)) if writes => {
                tracing::error!(error = %Causes(error.as_ref()), "how a change ended could not be written down");
                result
            }
            Err(problem) => Err(problem),
            Ok(()) => result,
        }
    }

    async fn carry(&self, call: &Call) -> Result<Outcome, Problem> {
        match &call.op {
            Op::ReadSession => return read_session(call),
            Op::EndSession => {
                // A machine has none, and would be believed to have ended it.
                allow(call, Relation::None)?;
                if let Some(token) = &call.trace.token {
                    self.sessions.forget(&token.0);
                }
            }
            _ => {}
        }
        if self.door.known(FRESH).await?.is_of_our_kind() {
            forward::perform(&self.way, call).await
        } else {
            self.original.perform(call).await
        }
    }

    async fn note(&self, note: Note) -> Result<(), Problem> {
        self.log.run(move |tx| Ok(tx.note(&note)?)).await
    }
}

#[async_trait]
impl Provider for Upstream {
    async fn perform(&self, call: Call) -> Result<Outcome, Problem> {
        let inner = Arc::clone(&self.0);
        let work = async move { inner.perform(call).await };
        // A task of its own: it ends with its own time-out and its entry in the log, also when nobody waits any more.
        tokio::spawn(work.in_current_span()).await.map_err(|error| Problem::Internal(Box::new(error)))?
    }

    async fn session(&self, token: &str, now: Timestamp) -> Result<Option<(Person, Timestamp)>, Problem> {
        let whose = match self.0.sessions.known(token) {
            Some(whose) => whose,
            None => {
                if !self.0.door.known(FRESH).await?.is_of_our_kind() {
                    return Ok(None);
                }
                let whose = forward::session(&self.0.way, token).await?;
                self.0.sessions.keep(token, whose.clone());
                whose
            }
        };
        Ok(whose.filter(|(_, ends)| *ends > now))
    }

    async fn listen(&self, last: Option<&str>) -> Result<Listening, Problem> {
        let known = self.0.door.known(FRESH).await;
        match known {
            Ok(known) if !known.tells_events() => Err(Problem::NotFound),
            Err(problem) if !self.0.hub.has_begun() => Err(problem),
            // Away for the moment, it is known what came before.
            _ => self.0.hub.listen(last).await,
        }
    }

    async fn note(&self, note: Note) -> Result<(), Problem> {
        self.0.note(note).await
    }

    async fn condition(&self) -> Condition {
        match self.0.door.known(HEALTH).await {
            Ok(known) if known.is_of_our_kind() => {
                Condition { sound: true, features: forward::features(&known) }
            }
            Ok(_) => Condition { sound: true, features: original::FEATURES.to_vec() },
            Err(_) => Condition::default(),
        }
    }

    fn answers_sealed(&self) -> bool {
        false
    }
}

/// That something was asked for: how it ended is an entry of its own.
fn requested(call: &Call) -> Note {
    let actor = Some(call.actor.clone());
    let note = Note::new(call.op.action().as_str(), actor, &call.trace, Ending::Success, call.now);
    Note {
        objects: call.op.objects(),
        patient: call.op.patient(),
        reason: Some("requested".to_owned()),
        ..note
    }
}

/// Whose session it is, which was found out when the call came in.
fn read_session(call: &Call) -> Result<Outcome, Problem> {
    allow(call, Relation::None)?;
    let body = match &call.actor {
        Actor::Machine(name) => json!({ "machine": name }),
        Actor::Person(person) => person.told(call.trace.token_end),
    };
    Ok(Outcome::of(200, &body)?)
}
