//! What a person decides: accept, acknowledge, decline, start, complete, write.
//!
//! Taking or giving up responsibility for a patient needs the server's word, so those refuse offline with the
//! reason. Words may wait: they go into the outbox, and from there by themselves.

use std::sync::Arc;

use chatehr_audit::NewEntry;
use chatehr_client::ClientError;
use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, ConsultationUpdate, Decline, DeclineConsultation,
    EnvelopeId, ErrorCode, ErrorReport, MessageKind, NewMessage, SaveDraft, SendMessage,
};
use chatehr_vault::NewOutboxRow;
use serde_json::Map;

use super::{Desk, Inner, Open, record, views};
use crate::report;

impl Desk {
    /// Takes responsibility for a consultation.
    ///
    /// # Errors
    /// Offline; somebody else was first (named); it has changed or gone.
    pub async fn accept(&self, id: &ConsultationId) -> Result<(), ErrorReport> {
        self.inner.change_status(id, "consultation.accept", ConsultationStatus::Assigned).await
    }

    /// Says that a request has been seen, which gives its answer more time.
    ///
    /// # Errors
    /// Offline, because nobody else is asked meanwhile; it waits for no answer any more; it has gone.
    pub async fn acknowledge(&self, id: &ConsultationId) -> Result<(), ErrorReport> {
        self.inner.acknowledge(id).await
    }

    /// Begins work on a consultation.
    ///
    /// # Errors
    /// Offline; it is not this person's; it has changed or gone.
    pub async fn start_work(&self, id: &ConsultationId) -> Result<(), ErrorReport> {
        self.inner.change_status(id, "consultation.start", ConsultationStatus::InProgress).await
    }

    /// Finishes a consultation.
    ///
    /// # Errors
    /// Offline; it is not this person's; it has changed or gone.
    pub async fn complete(&self, id: &ConsultationId) -> Result<(), ErrorReport> {
        self.inner.change_status(id, "consultation.complete", ConsultationStatus::Completed).await
    }

    /// Says no to a consultation, with a reason.
    ///
    /// # Errors
    /// No reason; offline; it has changed or gone.
    pub async fn decline(&self, request: &DeclineConsultation) -> Result<(), ErrorReport> {
        let decline = Decline { reason: request.reason.trim().to_owned() };
        report::problems(&decline.problems())?;
        let (open, key) = self.inner.ready_to_act()?;
        let entry = self.inner.record_asking(&open, &request.id, "consultation.decline").await?;
        let answer = open.server.decline(&request.id, &decline, key.as_str()).await;
        self.inner.note(&open, record::answered(entry, &answer)).await;
        self.inner.after_action(&open, &request.id, answer).await
    }

    /// Puts words for the patient into the outbox. They are shown as waiting until the server has them.
    ///
    /// # Errors
    /// Nothing to send, or too much; the consultation is not this person's to write in; the files take nothing.
    pub async fn send(&self, request: &SendMessage) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        let id = request.consultation_id.clone();
        let consultation = open
            .vault(move |vault| vault.consultation(&id))
            .await?
            .ok_or_else(|| ErrorReport::new(ErrorCode::NotFound))?;
        if !views::may_write(&consultation, &open.person) {
            return Err(ErrorReport::new(ErrorCode::Forbidden));
        }
        let message = NewMessage {
            to_id: consultation.patient_id.clone(),
            consultation_id: consultation.id.clone(),
            content: request.text.clone(),
            kind: MessageKind::Text,
            metadata: Map::new(),
        };
        report::problems(&message.problems())?;
        let named = consultation.clone();
        let row = NewOutboxRow {
            envelope_id: self.inner.surroundings.new_id().map_err(|error| report::internal(&error))?,
            consultation_id: consultation.id.clone(),
            to_id: consultation.patient_id,
            text: message.content,
            queued_at: self.inner.now(),
        };
        let entry = record::of(open.entry("message.create", row.queued_at), &named);
        let entry = NewEntry { objects: vec![named.id.to_string(), row.envelope_id.to_string()], ..entry };
        open.vault(move |vault| vault.enqueue(&row, &entry)).await?;
        self.inner.outbox.notify_one();
        self.inner.tell_consultations(vec![consultation.id]);
        Ok(())
    }

    /// Sends a stuck message again.
    ///
    /// # Errors
    /// The files do not answer.
    pub async fn retry_message(&self, envelope: &EnvelopeId) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        let id = envelope.clone();
        let entry = self.inner.of_envelope(&open, "message.retry", envelope).await?;
        open.vault(move |vault| vault.requeue(&id, &entry)).await?;
        self.inner.outbox.notify_one();
        self.inner.tell(chatehr_contract::ChangeNotice { state: true, lists: true, ..Default::default() });
        Ok(())
    }

    /// Gives up a message that was not sent.
    ///
    /// # Errors
    /// It is on its way at this moment; the files do not answer.
    pub async fn discard_message(&self, envelope: &EnvelopeId) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        let id = envelope.clone();
        let entry = self.inner.of_envelope(&open, "message.discard", envelope).await?;
        if !open.vault(move |vault| vault.discard(&id, &entry)).await? {
            return Err(
                ErrorReport::new(ErrorCode::Conflict).with_detail("the message is already on its way")
            );
        }
        self.inner.outbox.notify_one();
        self.inner.tell(chatehr_contract::ChangeNotice { state: true, lists: true, ..Default::default() });
        Ok(())
    }

    /// Keeps what is being typed.
    ///
    /// # Errors
    /// The files do not take it.
    pub async fn save_draft(&self, draft: SaveDraft) -> Result<(), ErrorReport> {
        // The last words before a lock come after it.
        let parting = self.inner.presence().parting.clone();
        let open = self.inner.open().or_else(|error| parting.ok_or(error))?;
        let now = self.inner.now();
        open.vault(move |vault| vault.save_draft(&draft.consultation_id, &draft.text, now)).await
    }
}

impl Inner {
    async fn change_status(
        self: &Arc<Self>,
        id: &ConsultationId,
        action: &'static str,
        status: ConsultationStatus,
    ) -> Result<(), ErrorReport> {
        let (open, key) = self.ready_to_act()?;
        let entry = self.record_asking(&open, id, action).await?;
        let update = ConsultationUpdate { status, physician_id: None, notes: None };
        let answer = open.server.update_consultation(id, &update, key.as_str()).await;
        self.note(&open, record::answered(entry, &answer)).await;
        self.after_action(&open, id, answer).await
    }

    pub(super) async fn acknowledge(self: &Arc<Self>, id: &ConsultationId) -> Result<(), ErrorReport> {
        let (open, key) = self.ready_to_act()?;
        let entry = self.record_asking(&open, id, "alert.acknowledge").await?;
        let answer = open.server.acknowledge(id, key.as_str()).await;
        self.note(&open, record::answered(entry, &answer)).await;
        self.after_action(&open, id, answer).await
    }

    /// Writes down that the server is about to be asked, and returns the entry for what becomes of it.
    async fn record_asking(
        &self,
        open: &Open,
        id: &ConsultationId,
        action: &'static str,
    ) -> Result<NewEntry, ErrorReport> {
        let (asked, asking) = (id.clone(), open.entry(action, self.now()));
        let entry = open.vault(move |vault| {
            let entry = match vault.consultation(&asked)? {
                Some(consultation) => record::of(asking, &consultation),
                None => NewEntry { objects: vec![asked.to_string()], ..asking },
            };
            vault.record(&[NewEntry { action: format!("{action}.ask"), ..entry.clone() }])?;
            Ok(entry)
        });
        entry.await
    }

    /// The entry of something decided about a message that waits.
    async fn of_envelope(
        &self,
        open: &Open,
        action: &'static str,
        envelope: &EnvelopeId,
    ) -> Result<NewEntry, ErrorReport> {
        let (id, entry) = (envelope.clone(), open.entry(action, self.now()));
        let entry = open.vault(move |vault| {
            let row = vault.outbox(None)?.into_iter().find(|row| row.envelope_id == id);
            let Some(row) = row else { return Ok(NewEntry { objects: vec![id.to_string()], ..entry }) };
            let objects = vec![row.consultation_id.to_string(), id.to_string()];
            Ok(NewEntry { objects, patient: Some(row.to_id), ..entry })
        });
        entry.await
    }

    /// The open desk and a key for one action, if the server can be asked.
    fn ready_to_act(&self) -> Result<(Arc<Open>, EnvelopeId), ErrorReport> {
        let open = self.open()?;
        if !self.is_online() {
            return Err(ErrorReport::new(ErrorCode::NeedsConnection));
        }
        let key = self.surroundings.new_id().map_err(|error| report::internal(&error))?;
        Ok((open, key))
    }

    /// Takes the server's answer in, or finds out what stands there instead.
    async fn after_action(
        self: &Arc<Self>,
        open: &Arc<Open>,
        id: &ConsultationId,
        answer: Result<Consultation, ClientError>,
    ) -> Result<(), ErrorReport> {
        let error = match answer {
            Ok(consultation) => {
                let (inner, open) = (self.clone(), open.clone());
                // The action is done; what follows from it must not be lost when the window stops waiting, nor
                // turn a success into an error.
                let taken = async move {
                    if let Err(error) = inner.take_consultation(&open, consultation).await {
                        tracing::warn!(%error, "The conversation is fetched later.");
                    }
                };
                return tokio::spawn(taken).await.map_err(|error| report::internal(&error));
            }
            Err(ClientError::SignedOut) => {
                self.end_session();
                return Err(ErrorReport::new(ErrorCode::SignedOut));
            }
            Err(error) => error,
        };
        let told = match &error {
            ClientError::Conflict { current: Some(current), .. } => {
                let holder = current.physician_id.clone().filter(|holder| *holder != open.person.id);
                match holder {
                    Some(holder) => {
                        let physician =
                            open.vault(move |vault| vault.physician(&holder)).await.ok().flatten();
                        let name = physician.map_or_else(
                            || "Another physician".to_owned(),
                            |found| format!("Dr {}", found.name.spoken()),
                        );
                        ErrorReport::new(ErrorCode::AlreadyTaken).with_detail(name)
                    }
                    None => ErrorReport::new(ErrorCode::Conflict)
                        .with_detail(format!("it is now {}", current.status.as_str().replace('_', " "))),
                }
            }
            error => report::client(error),
        };
        if matches!(error, ClientError::Conflict { .. } | ClientError::NotFound | ClientError::Forbidden) {
            // Apart: who has it is known already, and the person is waiting to be told.
            let (inner, open, id) = (self.clone(), open.clone(), id.clone());
            tokio::spawn(async move {
                if let Err(error) = inner.refresh_consultation(&open, &id, true).await {
                    tracing::warn!(%error, "The present state is fetched later.");
                }
            });
        }
        Err(told)
    }
}
