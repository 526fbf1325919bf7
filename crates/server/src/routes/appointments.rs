//! /v1/appointments.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use chatehr_contract::{
    Appointment, AppointmentId, AppointmentStatus, ConsultationId, InvalidField, MAX_DESCRIPTION_CHARS,
    PersonId, Timestamp,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    App,
    request::{Id, Input, Params, matches, record},
};
use crate::{
    identity::Actor,
    problem::Problem,
    store::{Answer, AppointmentFilter, StoredAppointment},
    visibility::{appointments_seen_by, sees, sees_appointment},
};

/// The longest appointment: a day, in minutes.
const MAX_MINUTES: u32 = 24 * 60;
/// Longest word for the kind of an appointment.
const MAX_KIND_CHARS: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewAppointment {
    patient_id: PersonId,
    physician_id: PersonId,
    #[serde(default)]
    consultation_id: Option<ConsultationId>,
    date_time: Timestamp,
    #[serde(flatten)]
    rest: Change,
}

/// What may be changed later. Whose it is may not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    #[serde(default)]
    duration: Option<u32>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    status: Option<AppointmentStatus>,
    #[serde(default)]
    notes: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppointmentUpdate {
    #[serde(default)]
    date_time: Option<Timestamp>,
    #[serde(flatten)]
    rest: Change,
}

impl Change {
    fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        if self.duration.is_some_and(|minutes| !(1..=MAX_MINUTES).contains(&minutes)) {
            problems.push(InvalidField::new("duration", "must be 1 to 1440 minutes"));
        }
        if self.kind.as_ref().is_some_and(|kind| kind.is_empty() || kind.chars().count() > MAX_KIND_CHARS) {
            problems.push(InvalidField::new("type", "must be 1 to 100 characters"));
        }
        if self.status.as_ref().is_some_and(|status| !status.is_known()) {
            problems.push(InvalidField::new("status", "is not a word of the contract"));
        }
        if self.notes.as_ref().is_some_and(|notes| notes.chars().count() > MAX_DESCRIPTION_CHARS) {
            problems.push(InvalidField::new("notes", "must be at most 5000 characters"));
        }
        problems
    }

    fn apply(self, to: &mut Appointment) {
        if let Some(duration) = self.duration {
            to.duration = duration;
        }
        if let Some(kind) = self.kind {
            to.kind = kind;
        }
        if let Some(status) = self.status {
            to.status = status;
        }
        if let Some(notes) = self.notes {
            to.notes = notes;
        }
    }
}

pub(super) async fn list(
    State(app): State<App>,
    actor: Actor,
    mut params: Params,
) -> Result<Response, Problem> {
    let filter = AppointmentFilter {
        patient: params.text("patientId"),
        physician: params.text("physicianId"),
        from: bound(&mut params, "startDate", 0),
        // The day's last millisecond: both ends of the range belong to it.
        to: bound(&mut params, "endDate", 24 * 3600 * 1000 - 1),
    };
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from > to
    {
        params.wrong("endDate", "must not be before startDate");
    }
    params.check()?;
    app.store
        .run(move |tx| Ok(Json(tx.appointments(&appointments_seen_by(&actor), &filter)?).into_response()))
        .await
}

/// A day (UTC) or an instant; `into_day` milliseconds into a day.
fn bound(params: &mut Params, name: &str, into_day: i64) -> Option<Timestamp> {
    let text = params.text(name)?;
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let day =
        (text.len() == "2026-11-23".len()).then(|| format!("{text}T00:00:00Z").parse::<Timestamp>().ok());
    let Some(day) = day.flatten() else {
        params.wrong(name, "must be YYYY-MM-DD or an instant with a time zone");
        return None;
    };
    Some(Timestamp::from_millis(day.millis().saturating_add(into_day)))
}

pub(super) async fn create(
    State(app): State<App>,
    actor: Actor,
    Input { value, once }: Input<NewAppointment>,
) -> Result<Response, Problem> {
    let request: NewAppointment = value;
    may_write(&actor, Some(&request.physician_id))?;
    let mut problems = request.rest.problems();
    for (path, id) in [("patientId", &request.patient_id), ("physicianId", &request.physician_id)] {
        if id.as_str().trim().is_empty() {
            problems.push(InvalidField::new(path, "must not be empty"));
        }
    }
    Problem::unless_empty(problems)?;
    let id = AppointmentId::new(app.sources.id()?);
    let now = app.sources.now();
    let answer = app
        .store
        .run(move |tx| {
            tx.once(once.as_ref(), |tx| {
                if let Some(id) = &request.consultation_id {
                    let whose = tx.consultation(id)?.filter(|consultation| sees(&actor, consultation));
                    if whose.is_none_or(|consultation| consultation.patient_id != request.patient_id) {
                        return Err(Problem::field(
                            "consultationId",
                            "must be a consultation of this patient",
                        ));
                    }
                }
                let mut made = Appointment {
                    id,
                    patient_id: request.patient_id,
                    physician_id: request.physician_id,
                    consultation_id: request.consultation_id,
                    date_time: request.date_time,
                    duration: 30,
                    kind: "consultation".to_owned(),
                    status: AppointmentStatus::Booked,
                    notes: String::new(),
                    created_at: now,
                    updated_at: now,
                };
                request.rest.apply(&mut made);
                let made = StoredAppointment { record: made, version: 1 };
                tx.put_appointment(&made)?;
                Ok(Answer { status: 201, body: serde_json::to_value(made)? })
            })
        })
        .await?;
    Ok(record(answer))
}

pub(super) async fn update(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id,
    headers: HeaderMap,
    Input { value, once }: Input<AppointmentUpdate>,
) -> Result<Response, Problem> {
    let update: AppointmentUpdate = value;
    Problem::unless_empty(update.rest.problems())?;
    let now = app.sources.now();
    let answer = app
        .store
        .run(move |tx| {
            tx.once(once.as_ref(), |tx| {
                let mut appointment = tx
                    .appointment(&id)?
                    .filter(|appointment| sees_appointment(&actor, appointment))
                    .ok_or(Problem::NotFound)?;
                may_write(&actor, None)?;
                if !matches(&headers, appointment.version) {
                    return Err(Problem::Stale { current: json!(appointment) });
                }
                appointment.version = appointment.version.saturating_add(1);
                appointment.record.updated_at = now;
                if let Some(date_time) = update.date_time {
                    appointment.record.date_time = date_time;
                }
                update.rest.apply(&mut appointment.record);
                tx.put_appointment(&appointment)?;
                Ok(Answer { status: 200, body: serde_json::to_value(appointment)? })
            })
        })
        .await?;
    Ok(record(answer))
}

/// Appointments are made by staff; a physician makes their own.
fn may_write(actor: &Actor, physician: Option<&PersonId>) -> Result<(), Problem> {
    if actor.oversees() || actor.physician().is_some_and(|me| physician.is_none_or(|id| *id == me.id)) {
        Ok(())
    } else {
        Err(Problem::Forbidden("Appointments are made by the physician whose time it is, or by staff."))
    }
}
