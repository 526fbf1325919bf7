//! Appointments: made by staff, answered by the patient.

use chatehr_contract::{
    Appointment, AppointmentId, AppointmentResponse, AppointmentStatus, access::Relation,
};
use serde_json::{Value, json};

use super::Here;
use crate::{
    appointment::{AppointmentUpdate, NewAppointment},
    op::{AppointmentFilter, Body, Listing, Outcome},
    problem::Problem,
    store::StoredAppointment,
    visibility::{appointment_relation, appointments_seen_by, sees},
};

impl Here<'_> {
    pub(super) fn list_appointments(self, filter: &AppointmentFilter) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        let rows = self.tx.appointments(&appointments_seen_by(&self.call.actor), filter)?;
        let listing = Listing { total: u64::try_from(rows.len()).ok(), more: false };
        Ok(Outcome { listing: Some(listing), ..Outcome::with(200, Body::Rows(rows)) })
    }

    pub(super) fn create_appointment(self, new: &NewAppointment) -> Result<Outcome, Problem> {
        let actor = &self.call.actor;
        let mine = actor.physician().is_none()
            || actor.is(&new.physician_id) && self.may_begin_with(&new.patient_id)?;
        self.allow(if mine { actor.party().closest() } else { Relation::Other })?;
        if let Some(id) = &new.consultation_id {
            let whose = self.tx.consultation(id)?.filter(|consultation| sees(actor, consultation));
            if whose.is_none_or(|consultation| consultation.patient_id != new.patient_id) {
                return Err(Problem::field("consultationId", "must be a consultation of this patient"));
            }
        }
        let record = Appointment {
            id: AppointmentId::new(self.app.sources.id()?),
            patient_id: new.patient_id.clone(),
            physician_id: new.physician_id.clone(),
            consultation_id: new.consultation_id.clone(),
            date_time: new.date_time,
            duration: new.duration.unwrap_or(30),
            kind: new.kind.clone().unwrap_or_else(|| "consultation".to_owned()),
            status: new.status.clone().unwrap_or(AppointmentStatus::Booked),
            notes: new.notes.clone().unwrap_or_default(),
            created_at: self.call.now,
            updated_at: self.call.now,
        };
        let made = StoredAppointment { record, version: 1, response: None };
        self.tx.put_appointment(&made)?;
        Ok(shown(201, &made)?.making(made.record.id.as_str()))
    }

    pub(super) fn update_appointment(
        self,
        id: &AppointmentId,
        update: &AppointmentUpdate,
    ) -> Result<Outcome, Problem> {
        let mut appointment = self.appointment(id)?;
        update.apply(&mut appointment.record);
        self.store_appointment(appointment)
    }

    pub(super) fn respond(
        self,
        id: &AppointmentId,
        response: &AppointmentResponse,
    ) -> Result<Outcome, Problem> {
        let mut appointment = self.appointment(id)?;
        if matches!(
            appointment.record.status,
            AppointmentStatus::Cancelled | AppointmentStatus::Fulfilled | AppointmentStatus::NoShow
        ) {
            return Err(Problem::Conflict {
                message: "The appointment is over; it takes no answer any more.",
                current: Some(json!(appointment)),
            });
        }
        appointment.response = Some(said(response, self.call.now));
        self.store_appointment(appointment)
    }

    fn appointment(self, id: &AppointmentId) -> Result<StoredAppointment, Problem> {
        let appointment = self.tx.appointment(id.as_str())?.ok_or(Problem::NotFound)?;
        self.allow(appointment_relation(&self.call.actor, &appointment))?;
        if !self.call.matches(appointment.version) {
            return Err(Problem::Stale { current: json!(appointment) });
        }
        Ok(appointment)
    }

    fn store_appointment(self, mut appointment: StoredAppointment) -> Result<Outcome, Problem> {
        appointment.version = appointment.version.saturating_add(1);
        appointment.record.updated_at = self.call.now;
        self.tx.put_appointment(&appointment)?;
        shown(200, &appointment)
    }
}

fn shown(status: u16, appointment: &StoredAppointment) -> Result<Outcome, Problem> {
    let outcome = Outcome::of(status, appointment)?;
    Ok(outcome.version(appointment.version).about(&appointment.record.patient_id))
}

fn said(response: &AppointmentResponse, now: chatehr_contract::Timestamp) -> Value {
    json!({
        "participantStatus": response.participant_status,
        "comment": response.comment,
        "at": now,
    })
}
