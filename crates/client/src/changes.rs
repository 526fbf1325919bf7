//! What has changed since a place, for who keeps copies (feature `changes`).
//!
//! A change that cannot be read costs only itself and is counted: who follows must then fetch the lists again, because
//! nobody knows what it was.

use chatehr_contract::Change;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::{BadAnswer, ClientError},
    exchange::{Asking, Unanswered},
    signed_in::SignedIn,
};

/// The most changes that a server looks at for one page.
pub const MAX_CHANGES: u32 = 500;

/// Some of what has changed, in the server's order.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangePage {
    /// Whole records, and which are gone from view.
    pub changes: Vec<Change>,
    /// Where the next page begins; opaque.
    pub next_cursor: String,
    /// Whether there is more to ask for at once.
    pub has_more: bool,
    /// Changes that could not be read and are left out, those of a newer server not counted.
    pub skipped: usize,
}

/// Why it cannot be told what has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    /// The place is too old, or another server's: forget what was kept of it and start again without one.
    #[error("what has changed since then is not known any more")]
    CursorExpired,
    /// No answer.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl SignedIn {
    /// What has changed since this cursor; without one, page by page everything that this person may see. At most
    /// `limit` changes, 1 to [`MAX_CHANGES`]. An event's id is a cursor too.
    ///
    /// # Errors
    /// [`ChangesError::CursorExpired`]; see [`ChangesError`].
    pub async fn changes(&self, since: Option<&str>, limit: u32) -> Result<ChangePage, ChangesError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            changes: Vec<Value>,
            next_cursor: String,
            has_more: bool,
        }
        let mut request = self.request(Method::GET, &["changes"])?.query(&[("limit", limit)]);
        if let Some(since) = since {
            request = request.query(&[("since", since)]);
        }
        let answer = match self.ask_closely(request).await {
            Ok(answer) => answer,
            Err(Unanswered::Refused(refusal)) if refusal.status == 410 => {
                return Err(ChangesError::CursorExpired);
            }
            Err(told) => return Err(told.read(Asking::Session).into()),
        };
        let wire: Wire = answer.json()?;
        // It would be asked for without end.
        if wire.has_more && since == Some(&wire.next_cursor) {
            return Err(ClientError::Malformed(BadAnswer::Field("nextCursor")).into());
        }
        let count = wire.changes.len();
        let changes: Vec<Change> =
            wire.changes.into_iter().filter_map(|change| serde_json::from_value(change).ok()).collect();
        let skipped = count.saturating_sub(changes.len());
        if skipped > 0 {
            tracing::warn!(skipped, "changes could not be read and are left out");
        }
        Ok(ChangePage { changes, next_cursor: wire.next_cursor, has_more: wire.has_more, skipped })
    }
}
