//! What the window shows, read from the files. No view asks the network.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use chatehr_contract::{
    Acknowledgement, Action, Appointment, AppointmentPage, AppointmentRange, AppointmentRow, Consultation,
    ConsultationId, ConsultationList, ConsultationPage, ConsultationRow, ConsultationStatus,
    ConsultationView, Conversation, ConversationRequest, Delivery, ErrorCode, ErrorReport, EscalationState,
    HistoryLine, MessageBody, MessageKind, MessageView, Patient, Person, PersonId, PersonLabel, Physician,
    ProgramState, RefusedAction, SpecialtyCode,
    access::{self, Access, Party, decide},
};
use chatehr_vault::{ListQuery, OutboxKind, OutboxRow, OutboxState, StoredMessage, Vault, VaultError};

use super::{Desk, Open, acting::update};
use crate::{
    alert::{may_acknowledge, wants_answer_from},
    unseal::Unsealed,
};

/// Characters of the patient's words that a row shows; a row is one line.
const SUMMARY_CHARS: usize = 160;
/// The most rows that one question returns.
const MOST_ROWS: u32 = 500;

impl Desk {
    /// Which screen, the connection and the figures.
    pub async fn state(&self) -> ProgramState {
        let (mut program, open) = {
            let state = self.inner.state();
            let server =
                self.inner.workstation.as_ref().map(|workstation| workstation.settings.api_url.clone());
            let program = ProgramState {
                stage: state.stage.clone(),
                connection: state.connection.clone(),
                synced_at: None,
                outbox_waiting: 0,
                outbox_stuck: 0,
                counts: chatehr_contract::Counts::default(),
                notifications: state.notifications.clone(),
                integrity: state.integrity.clone(),
                server: server.unwrap_or_default(),
                keys: chatehr_contract::KeyStanding::default(),
                locks_at: None,
                session_ends_at: None,
                pin_set: false,
                clock: self.inner.clock_standing(),
                loading: self.inner.first_load.loading(),
                glass: self.inner.open_glass(),
                glass_news: false,
                may_export: false,
                clinic_sign_in: self.inner.clinic_sign_in(),
                acts_for: None,
            };
            (program, state.open.clone())
        };
        if let Some(open) = open {
            {
                let presence = self.inner.presence();
                program.locks_at = presence.locks_at;
                program.session_ends_at = presence.session_ends_at;
                program.pin_set = presence.pin_set;
            }
            program.keys = self.key_standing(&open).await;
            program.may_export = open.may_export();
            program.glass_news = open.glass_news.load(Ordering::Relaxed);
            let (whose, specialties, asked) = (open.whose_lists(), open.pools(), open.clone());
            let read = open.vault(move |vault| {
                let counts = vault.counts(&whose, &specialties)?;
                let acts_for = match &asked.person.delegates_for {
                    Some(physician) => vault.physician(physician)?.map(|physician| physician.name),
                    None => None,
                };
                Ok((counts, vault.synced_at()?, vault.outbox(None)?, acts_for))
            });
            match read.await {
                Ok((counts, synced_at, outbox, acts_for)) => {
                    program.acts_for = acts_for;
                    // One whose words are being changed waits for the person as well.
                    let needs_person = |row: &&OutboxRow| {
                        row.edit.is_some() || matches!(row.state, OutboxState::Stuck { .. })
                    };
                    let stuck = outbox.iter().filter(needs_person).count();
                    program.counts = counts;
                    program.synced_at = synced_at;
                    program.outbox_stuck = u32::try_from(stuck).unwrap_or(u32::MAX);
                    program.outbox_waiting =
                        u32::try_from(outbox.len().saturating_sub(stuck)).unwrap_or(u32::MAX);
                }
                Err(error) => {
                    tracing::warn!(code = error.code.as_str(), "The figures cannot be read.");
                    // Damage that shows only now has put the desk into another stage.
                    program.stage = self.inner.state().stage.clone();
                }
            }
        }
        program
    }

    /// A page of consultations.
    ///
    /// # Errors
    /// Nobody is signed in; the files do not answer.
    pub async fn list(&self, request: ConsultationList) -> Result<ConsultationPage, ErrorReport> {
        let open = self.inner.open()?;
        let (person, now, looker) = (open.person.clone(), self.inner.now(), open.clone());
        let (whose, pools) = (open.whose_lists(), open.pools());
        open.vault(move |vault| {
            looker.look(vault, "consultation.list", request.scope.as_str(), None, now)?;
            let (found, total) = vault.consultations(&ListQuery {
                scope: request.scope,
                person: &whose,
                specialties: &pools,
                specialty: request.specialty.as_ref(),
                offset: request.offset,
                limit: request.limit.clamp(1, MOST_ROWS),
            })?;
            Ok(ConsultationPage { rows: rows(vault, &person, found)?, total })
        })
        .await
    }

    /// One consultation with all around it.
    ///
    /// # Errors
    /// It is not (any longer) in this person's view; the files do not answer.
    pub async fn consultation(&self, id: &ConsultationId) -> Result<ConsultationView, ErrorReport> {
        let open = self.inner.open()?;
        if let Some(view) = self.inner.consultation_through_glass(&open, id).await? {
            return Ok(view);
        }
        self.inner.may_look(&open, access::Action::ConsultationRead, id).await?;
        let (person, id, now, looker) = (open.person.clone(), id.clone(), self.inner.now(), open.clone());
        let view = open.vault(move |vault| match vault.consultation(&id)? {
            Some(consultation) => {
                let patient = Some(&consultation.patient_id);
                looker.look(vault, "consultation.read", id.as_str(), patient, now)?;
                let unsure = looker.doubts.about(&id);
                consultation_view(vault, &person, consultation, unsure).map(Some)
            }
            None => Ok(None),
        });
        view.await?.ok_or_else(|| ErrorReport::new(ErrorCode::NotFound))
    }

    /// Its conversation, with what waits in the outbox; it counts as read from here on.
    ///
    /// # Errors
    /// Nobody is signed in; the files do not answer.
    pub async fn conversation(&self, request: ConversationRequest) -> Result<Conversation, ErrorReport> {
        let open = self.inner.open()?;
        let limit = request.limit.clamp(1, MOST_ROWS);
        if let Some(conversation) = self.inner.conversation_through_glass(&open, &request.id, limit).await? {
            return Ok(conversation);
        }
        self.inner.may_look(&open, access::Action::MessageList, &request.id).await?;
        let (me, whose) = (open.person.id.clone(), open.whose_lists());
        self.inner.view(&request.id);
        let (now, looker) = (self.inner.now(), open.clone());
        let read = open.vault(move |vault| {
            let consultation = vault.consultation(&request.id)?;
            // What is not held was refused above.
            if let Some(held) = &consultation {
                looker.look(vault, "message.list", request.id.as_str(), Some(&held.patient_id), now)?;
            }
            let tells = consultation.as_ref().is_some_and(|consultation| {
                looker.access(access::Action::MessageReceipt, consultation) == Access::Granted
            });
            Ok((conversation(vault, &me, &whose, request.id, limit, tells)?, consultation))
        });
        let ((conversation, newly_read), consultation) = read.await?;
        if let Some(consultation) = consultation {
            self.inner.alert_opened(&open, &consultation);
        }
        if newly_read {
            self.inner.outbox.notify_one();
            self.inner.tell(chatehr_contract::ChangeNotice {
                state: true,
                lists: true,
                ..Default::default()
            });
        }
        Ok(conversation)
    }

    /// The other physicians of a specialty, those on call first.
    ///
    /// # Errors
    /// Nobody is signed in; the files do not answer.
    pub async fn colleagues(&self, specialty: &SpecialtyCode) -> Result<Vec<Physician>, ErrorReport> {
        let open = self.inner.open()?;
        let (me, specialty) = (open.person.id.clone(), specialty.clone());
        let mut found = open.vault(|vault| vault.physicians()).await?;
        found.retain(|one| one.id != me && one.specialties.contains(&specialty));
        found.sort_by_key(|one| (!one.on_call, one.name.spoken()));
        Ok(found)
    }

    /// Appointments of a range of time.
    ///
    /// # Errors
    /// Nobody is signed in; the files do not answer.
    pub async fn appointments(&self, range: AppointmentRange) -> Result<AppointmentPage, ErrorReport> {
        let open: std::sync::Arc<Open> = self.inner.open()?;
        let (now, looker) = (self.inner.now(), open.clone());
        open.vault(move |vault| {
            looker.look(vault, "appointment.list", "appointments", None, now)?;
            let found = vault.appointments(range.from, range.to)?;
            Ok(AppointmentPage { rows: appointment_rows(vault, found)?, synced_at: vault.synced_at()? })
        })
        .await
    }
}

/// Takes what waits in the outbox as done, and says what that is, in order. What is stuck is not: it is the person's to
/// decide, and until then nothing more of the kind is offered.
fn take_as_done(consultation: &mut Consultation, waiting: &[OutboxRow]) -> Vec<Action> {
    let steps = waiting.iter().filter(|row| !matches!(row.state, OutboxState::Stuck { .. }));
    let steps = steps.filter_map(|row| Some((step_of(row.kind)?, update(row.kind, "").status)));
    let (steps, statuses): (Vec<_>, Vec<_>) = steps.unzip();
    if let Some(last) = statuses.last() {
        consultation.status = last.clone();
    }
    steps
}

pub(super) const fn step_of(kind: OutboxKind) -> Option<Action> {
    match kind {
        OutboxKind::Message => None,
        OutboxKind::Start => Some(Action::Start),
        OutboxKind::Complete => Some(Action::Complete),
    }
}

/// Whether this person may write to the patient of a consultation, with what waits taken as done.
pub(super) fn may_write(consultation: &mut Consultation, person: &Person, waiting: &[OutboxRow]) -> bool {
    take_as_done(consultation, waiting);
    takes_words(consultation, person) && is_granted(access::Action::MessageCreate, consultation, person)
}

/// Whether the record stands so that this person, or whom they act for, would write.
fn takes_words(consultation: &Consultation, person: &Person) -> bool {
    in_charge(consultation, person)
        && matches!(consultation.status, ConsultationStatus::Assigned | ConsultationStatus::InProgress)
}

/// Whether this person is in charge, or acts for who is.
fn in_charge(consultation: &Consultation, person: &Person) -> bool {
    person.stands_for().is_some_and(|physician| consultation.physician_id.as_ref() == Some(physician))
}

fn is_granted(action: access::Action, consultation: &Consultation, person: &Person) -> bool {
    let relation = person.relation_to(consultation);
    decide(action, Party::from(&person.role), relation) == Access::Granted
}

/// What this person may do with a consultation as it stands, with what waits taken as done, and what its state would allow
/// and the access table does not. A status we do not know offers nothing.
pub(super) fn actions(
    consultation: &mut Consultation,
    person: &Person,
    waiting: &[OutboxRow],
) -> (Vec<Action>, Vec<RefusedAction>) {
    let steps = take_as_done(consultation, waiting);
    let stuck = waiting.iter().filter(|row| matches!(row.state, OutboxState::Stuck { .. }));
    let undecided = stuck.filter_map(|row| step_of(row.kind)).count() > 0;
    let mut offered = as_it_stands(consultation, person);
    offered.retain(|action| match action {
        Action::Start | Action::Complete => !undecided,
        // What needs the server's word is decided on what the server knows.
        _ => steps.is_empty(),
    });
    let (may, not): (Vec<_>, Vec<_>) =
        offered.into_iter().partition(|action| is_granted(action.row(), consultation, person));
    let refused = |action: Action| RefusedAction { action, why: action.row().refusal().to_owned() };
    (may, not.into_iter().map(refused).collect())
}

fn as_it_stands(consultation: &Consultation, person: &Person) -> Vec<Action> {
    let mine = in_charge(consultation, person);
    match consultation.status {
        ConsultationStatus::Pending if wants_answer_from(consultation, person) => {
            let acknowledge = may_acknowledge(consultation, person).then_some(Action::Acknowledge);
            [Some(Action::Decline), acknowledge, Some(Action::Accept)].into_iter().flatten().collect()
        }
        ConsultationStatus::Assigned if mine => vec![Action::Decline, Action::HandOff, Action::Start],
        ConsultationStatus::InProgress if mine => vec![Action::HandOff, Action::Complete],
        _ => Vec::new(),
    }
}

pub(super) fn consultation_view(
    vault: &Vault,
    person: &Person,
    consultation: Consultation,
    unsure: Option<Action>,
) -> Result<ConsultationView, VaultError> {
    let label = |id: &PersonId| -> Result<PersonLabel, VaultError> {
        let name = match vault.physician(id)? {
            Some(physician) => Some(physician.name),
            // Not everybody who has a desk is in the directory.
            None if *id == person.id => Some(person.name.clone()),
            None => vault.patient(id)?.map(|patient| patient.name),
        };
        Ok(PersonLabel { id: id.clone(), name })
    };
    let mut history = Vec::new();
    for entry in &consultation.history {
        let actor = entry.actor_id.as_ref().map(label).transpose()?;
        history.push(HistoryLine { entry: entry.clone(), actor });
    }
    let acknowledged = consultation
        .escalation()
        .filter(|_| consultation.status == ConsultationStatus::Pending)
        .filter(|escalation| escalation.state == EscalationState::Acknowledged)
        .and_then(|escalation| escalation.acknowledged_by.zip(escalation.acknowledged_at));
    let acknowledged = match acknowledged {
        Some((by, at)) => Some(Acknowledgement { mine: by == person.id, by: label(&by)?, at }),
        None => None,
    };
    let mut earlier = vault.consultations_of_patient(&consultation.patient_id, 20)?;
    earlier.retain(|other| other.id != consultation.id);
    let appointments = vault.appointments_of_patient(&consultation.patient_id)?;
    let draft = vault.draft(&consultation.id)?;
    let waiting = vault.outbox(Some(&consultation.id))?;
    let mut expected = consultation.clone();
    let writes = may_write(&mut expected, person, &waiting);
    let (actions, refused) = actions(&mut expected, person, &waiting);
    let may_note =
        consultation.status.is_open() && is_granted(access::Action::ConsultationNote, &consultation, person);
    let may_not_write = (takes_words(&expected, person) && !writes)
        .then(|| access::Action::MessageCreate.refusal().to_owned());
    Ok(ConsultationView {
        description: consultation.description.clone(),
        physician: consultation.physician_id.as_ref().map(label).transpose()?,
        mine: consultation.physician_id.as_ref() == Some(&person.id),
        acknowledged,
        history,
        waiting: take_as_done(&mut expected, &waiting),
        unsure,
        actions,
        refused,
        may_write: writes,
        may_note,
        may_not_write,
        appointments: appointment_rows(vault, appointments)?,
        earlier: rows(vault, person, earlier)?,
        draft,
        words: vault.dialog_words(&consultation.id)?,
        row: row(vault, person, consultation, &BTreeMap::new())?,
    })
}

fn rows(
    vault: &Vault,
    person: &Person,
    consultations: Vec<Consultation>,
) -> Result<Vec<ConsultationRow>, VaultError> {
    let patients = patients(vault, consultations.iter().map(|consultation| &consultation.patient_id))?;
    consultations.into_iter().map(|consultation| row(vault, person, consultation, &patients)).collect()
}

fn row(
    vault: &Vault,
    person: &Person,
    consultation: Consultation,
    patients: &BTreeMap<PersonId, Patient>,
) -> Result<ConsultationRow, VaultError> {
    let pending = consultation.status == ConsultationStatus::Pending;
    let mine = in_charge(&consultation, person).then(|| person.stands_for()).flatten().cloned();
    let patient = match patients.get(&consultation.patient_id) {
        Some(patient) => Some(patient.clone()),
        None => vault.patient(&consultation.patient_id)?,
    };
    Ok(ConsultationRow {
        unread: match mine {
            Some(whose) => vault.unread(&consultation.id, &whose)?,
            None => 0,
        },
        answer_due: consultation.escalation().filter(|_| pending).map(|escalation| escalation.ack_due_at),
        summary: summary(&consultation.description),
        id: consultation.id,
        patient_id: consultation.patient_id,
        patient,
        specialty: consultation.specialty,
        urgency: consultation.urgency,
        status: consultation.status,
        created_at: consultation.created_at,
    })
}

/// The beginning of a text on one line.
fn summary(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(SUMMARY_CHARS).collect()
}

fn appointment_rows(vault: &Vault, found: Vec<Appointment>) -> Result<Vec<AppointmentRow>, VaultError> {
    let patients = patients(vault, found.iter().map(|appointment| &appointment.patient_id))?;
    let rows = found.into_iter().map(|appointment| AppointmentRow {
        patient: patients.get(&appointment.patient_id).cloned(),
        id: appointment.id,
        patient_id: appointment.patient_id,
        consultation_id: appointment.consultation_id,
        date_time: appointment.date_time,
        duration: appointment.duration,
        kind: appointment.kind,
        status: appointment.status,
        notes: appointment.notes,
    });
    Ok(rows.collect())
}

fn patients<'a>(
    vault: &Vault,
    ids: impl Iterator<Item = &'a PersonId>,
) -> Result<BTreeMap<PersonId, Patient>, VaultError> {
    let mut ids: Vec<_> = ids.cloned().collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(vault.patients(&ids)?.into_iter().map(|patient| (patient.id.clone(), patient)).collect())
}

/// The conversation, and whether reading it has left fewer messages unread.
fn conversation(
    vault: &Vault,
    me: &PersonId,
    whose: &PersonId,
    consultation_id: ConsultationId,
    limit: u32,
    tells: bool,
) -> Result<(Conversation, bool), VaultError> {
    let unread = vault.unread(&consultation_id, whose)?;
    let (stored, has_older) = vault.messages(&consultation_id, limit)?;
    if let Some(latest) = stored.last().filter(|_| unread > 0) {
        let message = &latest.message;
        if tells {
            vault.mark_read_here(&consultation_id, message.timestamp, &message.id)?;
        } else {
            vault.mark_read(&consultation_id, message.timestamp)?;
        }
    }
    let mut names: BTreeMap<PersonId, Option<_>> = BTreeMap::new();
    let mut name_of = |id: &PersonId| -> Result<_, VaultError> {
        if let Some(known) = names.get(id) {
            return Ok(Clone::clone(known));
        }
        let name = match vault.physician(id)? {
            Some(Physician { name, .. }) => Some(name),
            None => vault.patient(id)?.map(|patient| patient.name),
        };
        names.insert(id.clone(), name.clone());
        Ok(name)
    };
    let mut messages = Vec::with_capacity(stored.len());
    for StoredMessage { message, text, unreadable } in stored {
        messages.push(MessageView {
            envelope_id: message.envelope_id(),
            id: Some(message.id),
            mine: message.from_id == *me,
            from: PersonLabel { name: name_of(&message.from_id)?, id: message.from_id },
            kind: message.kind,
            body: Unsealed { text, unreadable }.into(),
            at: message.timestamp,
            delivery: Delivery::Sent,
            step: None,
            changeable: false,
            edit: None,
        });
    }
    for row in vault.outbox(Some(&consultation_id))? {
        // Between the server's event and its answer a message is in both files: it is sent.
        if messages.iter().any(|message| message.envelope_id.as_ref() == Some(&row.envelope_id)) {
            continue;
        }
        let changeable = row.may_be_changed();
        let step = step_of(row.kind);
        let OutboxRow { envelope_id, text, queued_at, state, edit, .. } = row;
        messages.push(MessageView {
            id: None,
            envelope_id: Some(envelope_id),
            mine: true,
            from: PersonLabel { name: name_of(me)?, id: me.clone() },
            kind: if step.is_some() { MessageKind::System } else { MessageKind::Text },
            body: MessageBody::Clear { text },
            at: queued_at,
            step,
            changeable,
            edit,
            delivery: match state {
                OutboxState::Queued => Delivery::Queued,
                OutboxState::Sending => Delivery::Sending,
                OutboxState::Stuck { code, detail } => {
                    Delivery::Stuck { error: ErrorReport { detail, ..ErrorReport::new(code) } }
                }
            },
        });
    }
    Ok((Conversation { consultation_id, messages, has_older }, unread > 0))
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn a_summary_is_one_line_and_never_cuts_a_letter() {
        assert_eq!(summary("  Pain\n\tsince\u{a0}Monday "), "Pain since Monday");
        assert_eq!(summary(&"ń".repeat(400)).chars().count(), 160);
    }
}
