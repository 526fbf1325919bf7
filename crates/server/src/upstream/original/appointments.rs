//! Appointments of an upstream that compares their times as text and cannot be asked for one.

use axum::http::Method;
use chatehr_contract::{Appointment, AppointmentId, AppointmentStatus, Timestamp, access::Relation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Here;
use crate::{
    appointment::{AppointmentUpdate, NewAppointment},
    op::{AppointmentFilter, Outcome},
    problem::Problem,
    store::StoredAppointment,
    upstream::exchange::Fault,
    visibility::{appointment_relation, sees},
};

const PATH: &str = "appointments";
/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// An appointment as the original writes it, with what we have added to it.
#[derive(Deserialize)]
struct Written {
    #[serde(flatten)]
    record: Appointment,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    response: Option<Value>,
}

impl From<Written> for StoredAppointment {
    fn from(written: Written) -> Self {
        Self { record: written.record, version: written.version.max(1), response: written.response }
    }
}

impl Here<'_> {
    pub(super) async fn list_appointments(self, filter: &AppointmentFilter) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        Ok(Outcome::list(&self.appointments(filter).await?)?)
    }

    pub(super) async fn create_appointment(self, new: &NewAppointment) -> Result<Outcome, Problem> {
        let actor = &self.call.actor;
        let mine = actor.is(&new.physician_id) || actor.physician().is_none();
        self.allow(if mine { actor.party().closest() } else { Relation::Other })?;
        if let Some(id) = &new.consultation_id {
            let whose = match self.stored(id).await {
                Ok(record) => Some(record).filter(|record| sees(actor, record)),
                Err(Problem::NotFound) => None,
                Err(problem) => return Err(problem),
            };
            if whose.is_none_or(|record| record.patient_id != new.patient_id) {
                return Err(Problem::field("consultationId", "must be a consultation of this patient"));
            }
        }
        let _turn = self.app.locks.lock(format!("time of {}", new.physician_id)).await;
        if self.call.once.is_some()
            && let Some(before) = self.same_appointment(new).await?
        {
            return shown(201, &before);
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
        let made: Written = self.send(Method::POST, vec![PATH], &record).await?;
        shown(201, &made.into())
    }

    pub(super) async fn update_appointment(
        self,
        id: &AppointmentId,
        update: &AppointmentUpdate,
    ) -> Result<Outcome, Problem> {
        let _turn = self.app.locks.lock(format!("appointment {id}")).await;
        let everything = AppointmentFilter::default();
        let before = self
            .appointments(&everything)
            .await?
            .into_iter()
            .find(|appointment| appointment.record.id == *id)
            .ok_or(Problem::NotFound)?;
        self.allow(appointment_relation(&self.call.actor, &before))?;
        if !self.call.matches(before.version) {
            return Err(Problem::Stale { current: json!(before) });
        }
        let mut after = before.record;
        update.apply(&mut after);
        let changed = json!({
            "dateTime": after.date_time,
            "duration": after.duration,
            "type": after.kind,
            "status": after.status,
            "notes": after.notes,
            "updatedAt": self.call.now,
            "version": before.version.saturating_add(1),
        });
        let stored: Written = self.send(Method::PUT, vec![PATH, id.as_str()], &changed).await?;
        shown(200, &stored.into())
    }

    /// Those that are seen, soonest first. Asked for with a day more at both ends, because text does not compare as
    /// time does.
    async fn appointments(self, filter: &AppointmentFilter) -> Result<Vec<StoredAppointment>, Problem> {
        let actor = &self.call.actor;
        let me = |person: Option<&crate::identity::Person>| person.map(|person| person.id.to_string());
        let query = [
            ("patientId", me(actor.patient()).or_else(|| filter.patient.clone())),
            ("physicianId", actor.stands_for().map(ToString::to_string).or_else(|| filter.physician.clone())),
            ("startDate", filter.from.map(|from| day(from.plus_seconds(-DAY)))),
            ("endDate", filter.to.map(|to| day(to.plus_seconds(2 * DAY)))),
        ];
        let query = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let (rows, _, _) = self.page::<Written>(PATH, query).await?;
        let mut rows: Vec<StoredAppointment> = rows.into_iter().map(StoredAppointment::from).collect();
        rows.retain(|stored| {
            let record = &stored.record;
            (actor.oversees() || appointment_relation(actor, stored) != Relation::Other)
                && filter.patient.as_deref().is_none_or(|id| id == record.patient_id.as_str())
                && filter.physician.as_deref().is_none_or(|id| id == record.physician_id.as_str())
                && filter.from.is_none_or(|from| record.date_time >= from)
                && filter.to.is_none_or(|to| record.date_time <= to)
        });
        rows.sort_by(|a, b| {
            a.record.date_time.cmp(&b.record.date_time).then_with(|| a.record.id.cmp(&b.record.id))
        });
        Ok(rows)
    }

    /// The original keeps nothing that would name a request, so a repeat is known by what it asks for: the same two at
    /// the same time are one appointment.
    async fn same_appointment(self, new: &NewAppointment) -> Result<Option<StoredAppointment>, Problem> {
        let filter = AppointmentFilter {
            patient: Some(new.patient_id.to_string()),
            physician: Some(new.physician_id.to_string()),
            from: Some(new.date_time),
            to: Some(new.date_time),
        };
        let same = |stored: &StoredAppointment| {
            stored.record.status != AppointmentStatus::Cancelled
                && stored.record.duration == new.duration.unwrap_or(30)
                && new.notes.as_ref().is_none_or(|notes| *notes == stored.record.notes)
        };
        Ok(self.appointments(&filter).await?.into_iter().find(same))
    }
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take("2026-11-23".len()).collect()
}

fn shown(status: u16, appointment: &StoredAppointment) -> Result<Outcome, Problem> {
    let record = &appointment.record;
    if record.id.as_str().is_empty() {
        return Err(Fault::Nonsense("its record has no id").into());
    }
    let outcome = Outcome::of(status, appointment)?.version(appointment.version).about(&record.patient_id);
    Ok(if status == 201 { outcome.making(record.id.as_str()) } else { outcome })
}
