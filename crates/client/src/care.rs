//! What a physician does with a consultation beyond moving it on: seen, handed over, read, and changed only as it was
//! seen.
//!
//! A version that was seen goes along as `If-Match` (RFC 9110, section 13.1.1): who decided on an older state is told
//! how it stands now, instead of overwriting what a colleague has done meanwhile. A server without the feature `etag`
//! counts no versions and is sent none.

use chatehr_contract::{
    Consultation, ConsultationId, ConsultationUpdate, Decline, Escalation, Handoff, KioskCode, MessageId,
    NewKioskCode, NewNote, ReadUpTo, Receipt,
};
use reqwest::{Method, RequestBuilder, header::IF_MATCH};
use serde::Serialize;

use crate::{error::ClientError, exchange, signed_in::SignedIn};

impl SignedIn {
    /// Moves a consultation on if it still has the version that was seen. Notes go along with the change and are read
    /// with [`Consultation::notes`].
    ///
    /// # Errors
    /// [`ClientError::PreconditionFailed`] with how it stands now; [`ClientError::Conflict`] as without a version.
    pub async fn update_consultation_seen(
        &self,
        id: &ConsultationId,
        update: &ConsultationUpdate,
        seen: u64,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        let request = self.request(Method::PUT, &["consultations", id.as_str()])?.json(update);
        self.step(request, Some(seen), idempotency_key).await
    }

    /// Says no to a consultation if it still has the version that was seen.
    ///
    /// # Errors
    /// As for [`SignedIn::update_consultation_seen`].
    pub async fn decline_seen(
        &self,
        id: &ConsultationId,
        decline: &Decline,
        seen: u64,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        self.act(id, "decline", Some(decline), Some(seen), idempotency_key).await
    }

    /// Says that a request has been seen, which gives its answer more time. Once is as good as twice.
    ///
    /// # Errors
    /// [`ClientError::Conflict`] when it waits for no answer any more; see [`ClientError`].
    pub async fn acknowledge(
        &self,
        id: &ConsultationId,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        self.act(id, "acknowledge", None::<&()>, None, idempotency_key).await
    }

    /// Leaves a note for colleagues (feature `notes`).
    ///
    /// # Errors
    /// [`ClientError::Conflict`] at a closed consultation; see [`ClientError`].
    pub async fn add_note(
        &self,
        id: &ConsultationId,
        note: &NewNote,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        self.act(id, "notes", Some(note), None, idempotency_key).await
    }

    /// Gives a consultation to a colleague, who is in charge at once, or to a specialty's pool; with the version that
    /// was seen, only as it was seen. Who has given it away may no longer see it: the answer is the last of it.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for a colleague or specialty that cannot take it, [`ClientError::Conflict`] and
    /// [`ClientError::PreconditionFailed`] when it has moved already; see [`ClientError`].
    pub async fn hand_off(
        &self,
        id: &ConsultationId,
        handoff: &Handoff,
        seen: Option<u64>,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        self.act(id, "handoff", Some(handoff), seen, idempotency_key).await
    }

    /// How long there is to answer, and who is asked; nothing for one that does not wait.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] also for one that this person may not see.
    pub async fn escalation(&self, id: &ConsultationId) -> Result<Option<Escalation>, ClientError> {
        Ok(self.consultation(id).await?.escalation())
    }

    /// Says how far this person has read a conversation: this message and everything before it. Said again, it changes
    /// nothing. That they were delivered the server sees by itself, when they are fetched.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for a message of another consultation, [`ClientError::Forbidden`] or
    /// [`ClientError::NotFound`] for who takes no part.
    pub async fn mark_read(
        &self,
        consultation: &ConsultationId,
        up_to: &MessageId,
    ) -> Result<Receipt, ClientError> {
        let request = self
            .request(Method::POST, &["messages", consultation.as_str(), "read"])?
            .json(&ReadUpTo { up_to: up_to.clone() });
        self.ask(request).await?.json()
    }

    /// The same of many conversations, one after the other, each with its own answer. When the connection, the key or
    /// the session fails, the rest is not asked: the answers are then fewer than what was given, and the last says why.
    pub async fn mark_all_read(
        &self,
        read: &[(ConsultationId, MessageId)],
    ) -> Vec<Result<Receipt, ClientError>> {
        let mut answers = Vec::with_capacity(read.len());
        for (consultation, up_to) in read {
            let answer = self.mark_read(consultation, up_to).await;
            let over = answer.as_ref().is_err_and(|error| !error.concerns_this_request());
            answers.push(answer);
            if over {
                break;
            }
        }
        answers
    }

    /// A code by which a patient signs in at a kiosk, once. No key makes it repeatable, because the server keeps no
    /// code that it could tell again; an unused one ends by itself.
    ///
    /// # Errors
    /// [`ClientError::Forbidden`] for a role that may not, [`ClientError::NotFound`] for a patient whom this person
    /// may not see.
    pub async fn kiosk_code(&self, new: &NewKioskCode) -> Result<KioskCode, ClientError> {
        let request = self.request(Method::POST, &["kiosk-codes"])?.json(new);
        self.ask(request).await?.json()
    }

    /// Ends this session on the server. One that is over already counts as ended.
    ///
    /// # Errors
    /// See [`ClientError`]; the session may go on then until its own end.
    pub async fn end_session(&self) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &["session"])?;
        match self.ask(request).await {
            Ok(_) | Err(ClientError::SignedOut) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn act(
        &self,
        id: &ConsultationId,
        what: &str,
        body: Option<&impl Serialize>,
        seen: Option<u64>,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        let mut request = self.request(Method::POST, &["consultations", id.as_str(), what])?;
        if let Some(body) = body {
            request = request.json(body);
        }
        self.step(request, seen, idempotency_key).await
    }

    async fn step(
        &self,
        request: RequestBuilder,
        seen: Option<u64>,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        let mut request = request.header("idempotency-key", exchange::idempotency(idempotency_key)?);
        if let Some(version) = seen.filter(|version| *version > 0) {
            request = request.header(IF_MATCH, format!("\"{version}\""));
        }
        self.ask(request).await?.json()
    }
}
