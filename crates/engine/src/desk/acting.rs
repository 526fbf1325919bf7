//! What a person decides about a consultation: accept, acknowledge, decline, hand off, start, complete.
//!
//! Taking or giving up responsibility for a patient needs the server's word, so those refuse offline with the reason.
//! What whoever has it already does with it, beginning and finishing, changes nobody else's duty and waits in the outbox
//! like words.

use chatehr_contract::{
    Action, AddNote, CompleteConsultation, ConsultationId, ConsultationStatus, ConsultationUpdate, Decline,
    DeclineConsultation, DraftOf, ErrorCode, ErrorReport, HandOffConsultation, Handoff, NewNote,
};
use chatehr_vault::{NewOutboxRow, OutboxKind};

use super::{Desk, asking::Decision, record, views};
use crate::report;

impl Desk {
    /// Takes responsibility for a consultation.
    ///
    /// # Errors
    /// Offline; somebody else was first (named); it has changed or gone; nobody knows whether it happened.
    pub async fn accept(&self, id: &ConsultationId) -> Result<(), ErrorReport> {
        self.inner.decide(id, Decision::Accept).await
    }

    /// Says that a request has been seen, which gives its answer more time.
    ///
    /// # Errors
    /// Offline, because nobody else is asked meanwhile; it waits for no answer any more; it has gone; nobody knows
    /// whether it happened.
    pub async fn acknowledge(&self, id: &ConsultationId) -> Result<(), ErrorReport> {
        self.inner.decide(id, Decision::Acknowledge).await
    }

    /// Says no to a consultation, with a reason.
    ///
    /// # Errors
    /// No reason; offline; it has changed or gone; nobody knows whether it happened.
    pub async fn decline(&self, request: &DeclineConsultation) -> Result<(), ErrorReport> {
        let decline = Decline { reason: request.reason.trim().to_owned() };
        report::problems(&decline.problems())?;
        self.inner.decide(&request.id, Decision::Decline(decline)).await?;
        self.forget_draft(&request.id, DraftOf::Decline).await;
        Ok(())
    }

    /// Gives a consultation to a colleague, who is in charge at once, or back to a specialty's pool.
    ///
    /// # Errors
    /// No reason, or nobody to take it; offline; it has changed or gone; nobody knows whether it happened.
    pub async fn hand_off(&self, request: &HandOffConsultation) -> Result<(), ErrorReport> {
        let handoff = Handoff {
            physician_id: request.physician_id.clone(),
            specialty: request.specialty.clone(),
            reason: request.reason.trim().to_owned(),
        };
        report::problems(&handoff.problems())?;
        self.inner.decide(&request.id, Decision::HandOff(handoff)).await?;
        self.forget_draft(&request.id, DraftOf::HandOff).await;
        Ok(())
    }

    /// Leaves a note for colleagues. The draft that it was goes with it.
    ///
    /// # Errors
    /// Nothing to say, or too much; not this person's to say; offline; the server takes no notes; it has closed.
    pub async fn add_note(&self, request: &AddNote) -> Result<(), ErrorReport> {
        let note = NewNote { text: request.text.trim().to_owned() };
        report::problems(&note.problems())?;
        if !self.inner.server_has("notes").await {
            return Err(ErrorReport::new(ErrorCode::RoleForbids).with_detail("This ChatEHR takes no notes."));
        }
        self.inner.decide(&request.id, Decision::Note(note)).await?;
        self.forget_draft(&request.id, DraftOf::Message).await;
        Ok(())
    }

    /// What was typed has been used. That is done, whatever becomes of the draft.
    async fn forget_draft(&self, id: &ConsultationId, of: DraftOf) {
        let Ok(open) = self.inner.open() else { return };
        let (id, now) = (id.clone(), self.inner.now());
        if let Err(error) = open.vault(move |vault| vault.save_draft_of(&id, of, "", now)).await {
            tracing::warn!(code = error.code.as_str(), "A draft that was used is still kept.");
        }
    }

    /// Begins work on a consultation: into the outbox, until the server has it.
    ///
    /// # Errors
    /// It is not this person's to begin; the files take nothing.
    pub async fn start_work(&self, id: &ConsultationId) -> Result<(), ErrorReport> {
        self.step(id, OutboxKind::Start, String::new()).await
    }

    /// Finishes a consultation: into the outbox, until the server has it.
    ///
    /// # Errors
    /// It is not this person's to finish; the note is too long; the files take nothing.
    pub async fn complete(&self, request: &CompleteConsultation) -> Result<(), ErrorReport> {
        let note = request.note.as_deref().unwrap_or_default().trim().to_owned();
        report::problems(&update(OutboxKind::Complete, &note).problems())?;
        self.step(&request.id, OutboxKind::Complete, note).await
    }

    async fn step(&self, id: &ConsultationId, kind: OutboxKind, note: String) -> Result<(), ErrorReport> {
        let wanted = if kind == OutboxKind::Start { Action::Start } else { Action::Complete };
        self.inner.may(wanted.row(), id).await?;
        let open = self.inner.open()?;
        let envelope_id = self.inner.surroundings.new_id().map_err(|error| report::internal(&error))?;
        let (of, now, looker) = (id.clone(), self.inner.now(), open.clone());
        let refused = open.vault(move |vault| {
            let Some(mut consultation) = vault.consultation(&of)? else {
                return Ok(Some(ErrorCode::NotFound));
            };
            let named = record::of(looker.entry(on_record(kind), now), &consultation);
            let waiting = vault.outbox(Some(&of))?;
            if !views::actions(&mut consultation, &looker.person, &waiting).0.contains(&wanted) {
                let mine = consultation.physician_id.as_ref() == Some(&looker.person.id);
                return Ok(Some(if mine { ErrorCode::Conflict } else { ErrorCode::Forbidden }));
            }
            let row = NewOutboxRow {
                envelope_id,
                consultation_id: of,
                kind,
                to_id: consultation.patient_id,
                text: note,
                queued_at: now,
                // Who finishes what only waits to begin has seen no version of it as it will be then.
                seen: waiting
                    .iter()
                    .all(|row| row.kind == OutboxKind::Message)
                    .then_some(consultation.version),
            };
            vault.enqueue(&row, &named)?;
            Ok(None)
        });
        match refused.await? {
            Some(code) => Err(self.inner.refused(&open, wanted.row(), id, ErrorReport::new(code)).await),
            None => {
                self.inner.outbox.notify_one();
                self.inner.tell_consultations(vec![id.clone()]);
                Ok(())
            }
        }
    }
}

/// What a step asks of the server. The same for every attempt.
pub(super) fn update(kind: OutboxKind, note: &str) -> ConsultationUpdate {
    let status = match kind {
        OutboxKind::Complete => ConsultationStatus::Completed,
        OutboxKind::Start | OutboxKind::Message => ConsultationStatus::InProgress,
    };
    ConsultationUpdate { status, physician_id: None, notes: (!note.is_empty()).then(|| note.to_owned()) }
}

/// The word in the audit log of putting something into the outbox; what is decided about it later begins with the same.
pub(super) const fn on_record(kind: OutboxKind) -> &'static str {
    match kind {
        OutboxKind::Message => "message.create",
        OutboxKind::Start => "consultation.start",
        OutboxKind::Complete => "consultation.complete",
    }
}
