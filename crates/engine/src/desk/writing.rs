//! Words for the patient: sent, changed and taken back while they wait, and the draft of what is being typed.
//!
//! Promises: words may wait, so they go into the outbox, and from there by themselves; what waits may be changed or taken
//! back as long as the server cannot have it, and a decision that comes too late changes nothing and says so; a message
//! whose words are being changed is not sent meanwhile.

use std::sync::Arc;

use chatehr_audit::NewEntry;
use chatehr_contract::{
    ChangeNotice, ConsultationId, EditMessage, EnvelopeId, ErrorCode, ErrorReport, KeepEdit, MessageKind,
    NewMessage, PersonId, SaveDraft, SendMessage, Timestamp,
    access::{Access, Action, decide},
};
use chatehr_vault::{Decided, NewOutboxRow, OutboxKind, OutboxRow, OutboxState, Vault, VaultError};
use serde_json::Map;

use super::{Desk, Inner, Open, acting, allowed::role_forbids, record, views};
use crate::report;

impl Desk {
    /// Puts words for the patient into the outbox. They are shown as waiting until the server has them.
    ///
    /// # Errors
    /// Nothing to send, or too much; the consultation is not this person's to write in; the files take nothing.
    pub async fn send(&self, request: &SendMessage) -> Result<(), ErrorReport> {
        self.inner.may(Action::MessageCreate, &request.consultation_id).await?;
        let open = self.inner.open()?;
        let id = request.consultation_id.clone();
        let found = open.vault(move |vault| Ok((vault.consultation(&id)?, vault.outbox(Some(&id))?))).await?;
        let (Some(mut consultation), waiting) = found else {
            let (id, report) = (&request.consultation_id, ErrorReport::new(ErrorCode::NotFound));
            return Err(self.inner.refused(&open, Action::MessageCreate, id, report).await);
        };
        let named = consultation.clone();
        if !views::may_write(&mut consultation, &open.person, &waiting) {
            return Err(ErrorReport::new(ErrorCode::Forbidden));
        }
        check_words(&named.patient_id, &named.id, &request.text)?;
        let row = NewOutboxRow {
            envelope_id: self.inner.surroundings.new_id().map_err(|error| report::internal(&error))?,
            consultation_id: named.id.clone(),
            kind: OutboxKind::Message,
            to_id: named.patient_id.clone(),
            text: request.text.clone(),
            queued_at: self.inner.now(),
            seen: None,
        };
        let entry = record::of(open.entry(acting::on_record(row.kind), row.queued_at), &named);
        let entry = NewEntry { objects: vec![named.id.to_string(), row.envelope_id.to_string()], ..entry };
        let me = open.person.id.clone();
        open.vault(move |vault| {
            has_read_until_here(vault, &row.consultation_id, &me)?;
            vault.enqueue(&row, &entry)
        })
        .await?;
        self.inner.outbox.notify_one();
        self.inner.tell_consultations(vec![named.id]);
        Ok(())
    }

    /// Sends again what is stuck.
    ///
    /// # Errors
    /// It is being sent, or does not wait any more; the files do not answer.
    pub async fn retry_message(&self, envelope: &EnvelopeId) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        let waiting = self.inner.waiting(&open, envelope, "retry").await?;
        let id = envelope.clone();
        let decided = open.vault(move |vault| vault.requeue(&id, &waiting.entry)).await?;
        // A person asked, so a server that was being left alone is asked all the same.
        open.server.retry_now();
        self.inner.after_decision(waiting.consultation, decided)
    }

    /// Takes back what was not sent: a message or a step.
    ///
    /// # Errors
    /// It is being sent, may have arrived, or does not wait any more; finishing waits behind it; the files do not answer.
    pub async fn discard_message(&self, envelope: &EnvelopeId) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        let waiting = self.inner.waiting(&open, envelope, "discard").await?;
        let id = envelope.clone();
        let decided = open.vault(move |vault| {
            if is_needed_behind(vault, &id)? {
                Ok(None)
            } else {
                vault.discard(&id, &waiting.entry).map(Some)
            }
        });
        match decided.await? {
            Some(decided) => self.inner.after_decision(waiting.consultation, decided),
            None => Err(ErrorReport::new(ErrorCode::StepFollows)),
        }
    }

    /// Keeps a waiting message's words while they are being changed, or leaves it as it was. It is not sent meanwhile.
    ///
    /// # Errors
    /// It is being sent, may have arrived, or does not wait any more; the files do not answer.
    pub async fn keep_edit(&self, request: KeepEdit) -> Result<(), ErrorReport> {
        // The last words before a lock come after it.
        let parting = self.inner.presence().parting.clone();
        let open = self.inner.open().or_else(|error| parting.ok_or(error))?;
        let KeepEdit { envelope_id, text } = request;
        let ends = text.is_none();
        let kept = open.vault(move |vault| {
            let row = of_envelope(vault, &envelope_id)?;
            let before = row.as_ref().is_some_and(|row| row.edit.is_some());
            let consultation = row.map(|row| row.consultation_id);
            Ok((consultation, before, vault.keep_edit(&envelope_id, text.as_deref())?))
        });
        let (consultation, before, decided) = kept.await?;
        if decided == Decided::Done && before && !ends {
            // Typing is no news to the window that types.
            return Ok(());
        }
        self.inner.after_decision(consultation, decided)
    }

    /// Puts other words in the place of a waiting message's.
    ///
    /// # Errors
    /// Nothing to send, or too much; it is being sent, may have arrived, or does not wait any more; the files take
    /// nothing.
    pub async fn edit_message(&self, request: &EditMessage) -> Result<(), ErrorReport> {
        let open = self.inner.open()?;
        let waiting = self.inner.waiting(&open, &request.envelope_id, "edit").await?;
        if let (Some(patient), Some(id)) = (&waiting.patient, &waiting.consultation) {
            check_words(patient, id, &request.text)?;
        }
        let renamed = self.inner.surroundings.new_id().map_err(|error| report::internal(&error))?;
        let (id, words) = (request.envelope_id.clone(), request.text.clone());
        let decided = open.vault(move |vault| vault.edit(&id, &renamed, &words, &waiting.entry)).await?;
        self.inner.after_decision(waiting.consultation, decided)
    }

    /// Keeps what is being typed, to the patient or into a dialog.
    ///
    /// # Errors
    /// The files do not take it.
    pub async fn save_draft(&self, draft: SaveDraft) -> Result<(), ErrorReport> {
        // The last words before a lock come after it.
        let parting = self.inner.presence().parting.clone();
        let open = self.inner.open().or_else(|error| parting.ok_or(error))?;
        let asked = draft.consultation_id.clone();
        // Behind a lock the record cannot be looked at any more, and what was typed is kept all the same.
        let held = open.vault(move |vault| Ok(vault.consultation(&asked).unwrap_or_default())).await?;
        let relation = held.as_ref().map_or(open.party().closest(), |held| open.person.relation_to(held));
        if decide(Action::DraftSave, open.party(), relation) != Access::Granted {
            let report = role_forbids(Action::DraftSave);
            return Err(self.inner.refused(&open, Action::DraftSave, &draft.consultation_id, report).await);
        }
        let now = self.inner.now();
        open.vault(move |vault| vault.save_draft_of(&draft.consultation_id, draft.of, &draft.text, now)).await
    }
}

/// Something that waits, about which a person decides.
struct Waiting {
    consultation: Option<ConsultationId>,
    patient: Option<PersonId>,
    entry: NewEntry,
}

/// Where nothing was read here yet, whoever has answered has read what stood before; from now on the answer may wait, and
/// what comes meanwhile stands before it all the same. So it is noted until where that reaches now.
fn has_read_until_here(vault: &Vault, id: &ConsultationId, me: &PersonId) -> Result<(), VaultError> {
    if vault.read_mark(id)?.is_some() {
        return Ok(());
    }
    let (held, _) = vault.messages(id, 500)?;
    let answered = held.iter().rev().find(|held| held.message.from_id == *me);
    vault.mark_read(id, answered.map_or(Timestamp::from_millis(0), |held| held.message.timestamp))
}

fn of_envelope(vault: &Vault, envelope: &EnvelopeId) -> Result<Option<OutboxRow>, VaultError> {
    Ok(vault.outbox(None)?.into_iter().find(|row| row.envelope_id == *envelope))
}

/// Whether this begins what waits to be finished: the server would refuse that, and say that something else was in the way.
fn is_needed_behind(vault: &Vault, envelope: &EnvelopeId) -> Result<bool, VaultError> {
    let Some(row) = of_envelope(vault, envelope)? else { return Ok(false) };
    let begins = row.kind == OutboxKind::Start && row.state == OutboxState::Queued;
    let finishes = |behind: &OutboxRow| behind.kind == OutboxKind::Complete && behind.seq > row.seq;
    Ok(begins && vault.outbox(Some(&row.consultation_id))?.iter().any(finishes))
}

/// The entry of what became of something that waits: `message.edit`, `consultation.start.refuse`.
pub(super) fn about(entry: NewEntry, row: &OutboxRow, what: &str) -> NewEntry {
    let kind = match row.kind {
        OutboxKind::Message => "message",
        step => acting::on_record(step),
    };
    NewEntry {
        action: format!("{kind}.{what}"),
        objects: vec![row.consultation_id.to_string(), row.envelope_id.to_string()],
        patient: Some(row.to_id.clone()),
        ..entry
    }
}

/// The same rule as for every message.
fn check_words(patient: &PersonId, id: &ConsultationId, words: &str) -> Result<(), ErrorReport> {
    let message = NewMessage {
        to_id: patient.clone(),
        consultation_id: id.clone(),
        content: words.to_owned(),
        kind: MessageKind::Text,
        metadata: Map::new(),
    };
    report::problems(&message.problems())
}

impl Inner {
    /// What waits under this name, and the entry of what is decided about it.
    async fn waiting(
        &self,
        open: &Open,
        envelope: &EnvelopeId,
        what: &'static str,
    ) -> Result<Waiting, ErrorReport> {
        let (id, entry) = (envelope.clone(), open.entry("message.discard", self.now()));
        let found = open.vault(move |vault| {
            let Some(row) = of_envelope(vault, &id)? else {
                let entry = NewEntry { objects: vec![id.to_string()], ..entry };
                return Ok(Waiting { consultation: None, patient: None, entry });
            };
            let entry = about(entry, &row, what);
            Ok(Waiting { consultation: Some(row.consultation_id), patient: Some(row.to_id), entry })
        });
        found.await
    }

    /// Tells the window, and the person who came too late.
    fn after_decision(
        self: &Arc<Self>,
        consultation: Option<ConsultationId>,
        decided: Decided,
    ) -> Result<(), ErrorReport> {
        self.outbox.notify_one();
        self.tell(ChangeNotice {
            state: true,
            lists: true,
            consultations: consultation.into_iter().collect(),
            ..ChangeNotice::default()
        });
        let code = match decided {
            Decided::Done => return Ok(()),
            Decided::OnItsWay => ErrorCode::OnItsWay,
            Decided::MayHaveArrived => ErrorCode::MayHaveArrived,
            Decided::Gone => ErrorCode::NotWaiting,
        };
        Err(ErrorReport::new(code))
    }
}
