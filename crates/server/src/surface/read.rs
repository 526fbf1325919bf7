//! From a request to what it asks: one function for each route.

use chatehr_contract::{
    AppointmentId, ConsultationId, ConsultationStatus, MessageId, SpecialtyCode, Timestamp, Urgency,
};

use super::{
    asked::{Asked, Params},
    schema::TestCode,
};
use crate::{
    op::{AppointmentFilter, ConsultationFilter, MessageFilter, Op},
    problem::Problem,
};

type Read = Result<Op, Problem>;

fn consultation(asked: &Asked) -> ConsultationId {
    ConsultationId::new(asked.id("id"))
}

pub(super) fn list_consultations(asked: &mut Asked) -> Read {
    let params = &mut asked.params;
    Ok(Op::ListConsultations(ConsultationFilter {
        patient: params.text("patientId"),
        physician: params.text("physicianId"),
        status: params.word("status", ConsultationStatus::is_known),
        specialty: params.word("specialty", SpecialtyCode::is_known),
        urgency: params.word("urgency", Urgency::is_known),
        triage: match params.given("sort").as_deref() {
            None | Some("newest") => false,
            Some("triage") => true,
            Some(_) => {
                params.wrong("sort", "must be newest or triage");
                false
            }
        },
        limit: params.number("limit", 20, 1, 100),
        offset: params.number("offset", 0, 0, u32::MAX),
    }))
}

pub(super) fn read_consultation(asked: &mut Asked) -> Read {
    Ok(Op::ReadConsultation(consultation(asked)))
}

pub(super) fn create_consultation(asked: &mut Asked) -> Read {
    let new: chatehr_contract::NewConsultation = asked.json()?;
    Problem::unless_empty(new.problems())?;
    Ok(Op::CreateConsultation(new))
}

pub(super) fn update_consultation(asked: &mut Asked) -> Read {
    let update: chatehr_contract::ConsultationUpdate = asked.json()?;
    Problem::unless_empty(update.problems())?;
    Ok(Op::UpdateConsultation(consultation(asked), update))
}

pub(super) fn acknowledge(asked: &mut Asked) -> Read {
    asked.nothing()?;
    Ok(Op::Acknowledge(consultation(asked)))
}

pub(super) fn decline(asked: &mut Asked) -> Read {
    let decline: chatehr_contract::Decline = asked.json()?;
    Problem::unless_empty(decline.problems())?;
    Ok(Op::Decline(consultation(asked), decline))
}

pub(super) fn hand_off(asked: &mut Asked) -> Read {
    let handoff: chatehr_contract::Handoff = asked.json()?;
    Problem::unless_empty(handoff.problems())?;
    Ok(Op::HandOff(consultation(asked), handoff))
}

/// The original's upstream: everything, where no range is given.
pub(super) fn list_all_appointments(asked: &mut Asked) -> Read {
    let params = &mut asked.params;
    let filter = AppointmentFilter {
        patient: params.text("patientId"),
        physician: params.text("physicianId"),
        from: bound(params, "startDate", 0),
        to: bound(params, "endDate", LAST_OF_DAY),
    };
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from > to
    {
        params.wrong("endDate", "must not be before startDate");
    }
    Ok(Op::ListAppointments(filter))
}

/// From today for thirty days, where no range is given.
pub(super) fn list_appointments(asked: &mut Asked) -> Read {
    let mut op = list_all_appointments(asked)?;
    if let Op::ListAppointments(filter) = &mut op {
        let to = filter.to.map_or(i64::MAX, Timestamp::millis);
        let today = asked.now.millis().saturating_sub(asked.now.millis().rem_euclid(DAY));
        let from = filter.from.map_or(today.min(to), Timestamp::millis);
        filter.from = Some(Timestamp::from_millis(from));
        filter
            .to
            .get_or_insert(Timestamp::from_millis(from.saturating_add(30 * DAY).saturating_add(LAST_OF_DAY)));
    }
    Ok(op)
}

/// Milliseconds from a day's first to its last: both ends of a range belong to it.
const LAST_OF_DAY: i64 = DAY - 1;
/// 9999-12-30T00:00:00Z.
const LATEST: i64 = 253_402_128_000_000;
/// Milliseconds of a day.
const DAY: i64 = 24 * 3600 * 1000;

/// A day (UTC) or an instant; `into_day` milliseconds into a day.
fn bound(params: &mut Params, name: &str, into_day: i64) -> Option<Timestamp> {
    let text = params.given(name)?;
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let day =
        (text.len() == "2026-11-23".len()).then(|| format!("{text}T00:00:00Z").parse::<Timestamp>().ok());
    // The usual way to write "for ever"; an instant cannot be written that late in every time zone.
    if text == "9999-12-31" {
        return Some(Timestamp::from_millis(LATEST));
    }
    let Some(day) = day.flatten() else {
        params.wrong(name, "must be YYYY-MM-DD or an instant with a time zone");
        return None;
    };
    Some(Timestamp::from_millis(day.millis().saturating_add(into_day)))
}

pub(super) fn add_note(asked: &mut Asked) -> Read {
    let note: chatehr_contract::NewNote = asked.json()?;
    Problem::unless_empty(note.problems())?;
    Ok(Op::AddNote(consultation(asked), note))
}

pub(super) fn break_glass(asked: &mut Asked) -> Read {
    let new: chatehr_contract::NewBreakGlass = asked.json()?;
    Problem::unless_empty(new.problems())?;
    Ok(Op::BreakGlass(ConsultationId::new(asked.id("id")), new))
}

pub(super) fn close_glass(asked: &mut Asked) -> Read {
    Ok(Op::CloseGlass(ConsultationId::new(asked.id("id"))))
}

pub(super) fn list_glass(_: &mut Asked) -> Read {
    Ok(Op::ListGlass)
}

pub(super) fn create_appointment(asked: &mut Asked) -> Read {
    let new: crate::appointment::NewAppointment = asked.json()?;
    Problem::unless_empty(new.problems())?;
    Ok(Op::CreateAppointment(new))
}

pub(super) fn update_appointment(asked: &mut Asked) -> Read {
    let update: crate::appointment::AppointmentUpdate = asked.json()?;
    Problem::unless_empty(update.problems())?;
    Ok(Op::UpdateAppointment(AppointmentId::new(asked.id("id")), update))
}

pub(super) fn respond(asked: &mut Asked) -> Read {
    let response: chatehr_contract::AppointmentResponse = asked.json()?;
    Problem::unless_empty(response.problems())?;
    Ok(Op::Respond(AppointmentId::new(asked.id("id")), response))
}

pub(super) fn list_messages(asked: &mut Asked) -> Read {
    let consultation = ConsultationId::new(asked.id_or_param("consultationId"));
    let params = &mut asked.params;
    Ok(Op::ListMessages(MessageFilter {
        consultation,
        person: params.text("userId"),
        before: params.text("before").map(MessageId::new),
        limit: params.number("limit", 50, 1, 100),
        offset: params.number("offset", 0, 0, u32::MAX),
    }))
}

pub(super) fn create_message(asked: &mut Asked) -> Read {
    let new: chatehr_contract::NewMessage = asked.json()?;
    Problem::unless_empty(new.problems())?;
    Ok(Op::CreateMessage(new))
}

pub(super) fn mark_read(asked: &mut Asked) -> Read {
    Ok(Op::MarkRead(ConsultationId::new(asked.id("consultationId")), asked.json()?))
}

pub(super) fn read_key(asked: &mut Asked) -> Read {
    Ok(Op::ReadKey(ConsultationId::new(asked.id("consultationId"))))
}

pub(super) fn create_attachment(asked: &mut Asked) -> Read {
    let consultation = ConsultationId::new(asked.id_or_param("consultationId"));
    if asked.body.is_empty() {
        return Err(Problem::field("body", "must not be empty"));
    }
    Ok(Op::CreateAttachment(consultation, asked.body.to_vec()))
}

pub(super) fn read_attachment(asked: &mut Asked) -> Read {
    Ok(Op::ReadAttachment(asked.id("id")))
}

pub(super) fn search_patients(asked: &mut Asked) -> Read {
    let params = &mut asked.params;
    Ok(Op::SearchPatients { words: params.text("query"), limit: params.number("limit", 20, 1, 100) })
}

pub(super) fn read_patient(asked: &mut Asked) -> Read {
    Ok(Op::ReadPatient(asked.id("id")))
}

pub(super) fn list_physicians(asked: &mut Asked) -> Read {
    Ok(Op::ListPhysicians(asked.params.word("specialty", SpecialtyCode::is_known)))
}

pub(super) fn read_physician(asked: &mut Asked) -> Read {
    Ok(Op::ReadPhysician(asked.id("id")))
}

pub(super) fn update_availability(asked: &mut Asked) -> Read {
    Ok(Op::UpdateAvailability(asked.json()?))
}

pub(super) fn list_specialties(_: &mut Asked) -> Read {
    Ok(Op::ListSpecialties)
}

pub(super) fn create_kiosk_code(asked: &mut Asked) -> Read {
    Ok(Op::CreateKioskCode(asked.json()?))
}

pub(super) fn create_kiosk_session(asked: &mut Asked) -> Read {
    Ok(Op::CreateKioskSession(asked.json()?))
}

pub(super) fn read_session(_: &mut Asked) -> Read {
    Ok(Op::ReadSession)
}

pub(super) fn end_session(_: &mut Asked) -> Read {
    Ok(Op::EndSession)
}

pub(super) fn read_policy(_: &mut Asked) -> Read {
    Ok(Op::ReadPolicy)
}

pub(super) fn keep_anchor(asked: &mut Asked) -> Read {
    let anchor: chatehr_contract::NewAnchor = asked.json()?;
    Problem::unless_empty(anchor.problems())?;
    Ok(Op::KeepAnchor(anchor))
}

pub(super) fn list_changes(asked: &mut Asked) -> Read {
    let params = &mut asked.params;
    Ok(Op::ListChanges { since: params.text("since"), limit: params.number("limit", 100, 1, 500) })
}

pub(super) fn list_accounts(_: &mut Asked) -> Read {
    Ok(Op::ListAccounts)
}

pub(super) fn test_sign_in(asked: &mut Asked) -> Read {
    let TestCode { code } = asked.json()?;
    Ok(Op::TestSignIn { code })
}
