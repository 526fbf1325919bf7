//! A record that is somebody else's, opened in an emergency (feature `break-glass`). The server decides, and tells its
//! administrators.

use chatehr_contract::{BrokenGlass, ConsultationId, Message, NewBreakGlass};
use reqwest::Method;

use crate::{
    error::ClientError,
    page::{self, MAX_LIMIT, Page},
    signed_in::{SignedIn, message_pairs},
};

impl SignedIn {
    /// Opens a record for a limited time.
    ///
    /// # Errors
    /// [`ClientError::Forbidden`] for who needs no glass or may break none; see [`ClientError`].
    pub async fn break_glass(
        &self,
        id: &ConsultationId,
        new: &NewBreakGlass,
        idempotency_key: &str,
    ) -> Result<BrokenGlass, ClientError> {
        self.change(Method::POST, &["consultations", id.as_str(), "break-glass"], new, idempotency_key).await
    }

    /// Closes it before its time.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] when it is closed already; see [`ClientError`].
    pub async fn close_glass(&self, id: &ConsultationId) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &["consultations", id.as_str(), "break-glass"])?;
        self.ask(request).await.map(drop)
    }

    /// The conversation of a record that is open so. The server opens its messages: no key is given out for this.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn conversation_through_glass(
        &self,
        id: &ConsultationId,
    ) -> Result<Page<Message>, ClientError> {
        page::read_all(
            |row: &Message| row.id.to_string(),
            |offset| async move {
                let pairs = message_pairs(id, MAX_LIMIT, offset);
                let request = self.request_opened(Method::GET, &["messages"])?.query(&pairs);
                page::read(&self.ask(request).await?)
            },
        )
        .await
    }

    /// Who has opened what, latest first; for administrators.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn broken_glass(&self) -> Result<Page<BrokenGlass>, ClientError> {
        self.list(&["break-glass"], &[]).await
    }
}
