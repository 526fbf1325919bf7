//! Events between a provider and those who listen: numbered, with their audience, and replayable.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use chatehr_contract::EventKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::visibility::Audience;

/// What happened and who hears of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredEvent {
    pub(crate) number: i64,
    pub(crate) kind: EventKind,
    pub(crate) audience: Audience,
    /// As it is sent, written once for all who hear of it.
    #[serde(skip)]
    text: Written,
}

impl StoredEvent {
    pub(crate) const fn new(number: i64, kind: EventKind, audience: Audience) -> Self {
        Self { number, kind, audience, text: Written(OnceLock::new()) }
    }

    /// As a person's stream has it.
    pub(crate) fn text(&self, epoch: &str) -> Result<Bytes, serde_json::Error> {
        if let Some(text) = self.text.0.get() {
            return Ok(text.clone());
        }
        let text = self.write(epoch, false)?;
        Ok(self.text.0.get_or_init(|| text).clone())
    }

    /// Written out; a machine hears for whom it is, so that a gateway can pass it on.
    pub(crate) fn write(&self, epoch: &str, with_audience: bool) -> Result<Bytes, serde_json::Error> {
        let mut data = serde_json::to_value(&self.kind)?;
        if let (true, Value::Object(fields)) = (with_audience, &mut data) {
            fields.insert("audience".to_owned(), serde_json::to_value(&self.audience)?);
        }
        let name = data.get("kind").and_then(Value::as_str).unwrap_or_default();
        Ok(format!("id: {epoch}-{}\nevent: {name}\ndata: {data}\n\n", self.number).into())
    }
}

/// A text that is the same whenever it is written, and so takes no part in comparing.
#[derive(Clone, Debug, Default)]
struct Written(OnceLock<Bytes>);

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A place in the stream with all that follows, without a gap between the two.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Names the database: numbers of another one mean nothing here.
    pub(crate) epoch: String,
    /// The latest event's number when listening began.
    pub(crate) latest: i64,
    /// What was missed; `None` when that cannot be told (any more).
    pub(crate) missed: Option<Vec<StoredEvent>>,
    /// What comes.
    pub(crate) coming: broadcast::Receiver<Arc<StoredEvent>>,
}

/// A place in a stream, `<epoch>-<number>`: an event's id, and a cursor of the list of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) epoch: &'a str,
    pub(crate) number: i64,
}

impl<'a> Place<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (epoch, number) = text.rsplit_once('-')?;
        Some(Self { epoch, number: number.parse().ok()? })
    }
}
