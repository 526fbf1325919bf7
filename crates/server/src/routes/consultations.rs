//! /v1/consultations.

use axum::{extract::State, http::HeaderMap, response::Response};
use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, ConsultationUpdate, Decline, NewConsultation, Role,
    SpecialtyCode, Urgency,
};
use serde_json::{Value, json};

use super::{
    App,
    request::{Id, Input, Params, in_person, matches, page, record},
};
use crate::{
    identity::Actor,
    life_cycle,
    problem::Problem,
    store::{Answer, ConsultationFilter, Tx},
    visibility::{consultations_seen_by, could_have_taken, sees},
};

pub(super) async fn list(
    State(app): State<App>,
    actor: Actor,
    mut params: Params,
) -> Result<Response, Problem> {
    let filter = ConsultationFilter {
        patient: params.text("patientId"),
        physician: params.text("physicianId"),
        status: params.word("status", ConsultationStatus::is_known),
        specialty: params.word("specialty", SpecialtyCode::is_known),
        urgency: params.word("urgency", Urgency::is_known),
        triage: match params.text("sort").as_deref() {
            None | Some("newest") => false,
            Some("triage") => true,
            Some(_) => {
                params.wrong("sort", "must be newest or triage");
                false
            }
        },
        limit: params.number("limit", 20, 1, 100),
        offset: params.number("offset", 0, 0, u32::MAX),
    };
    params.check()?;
    app.store
        .run(move |tx| {
            let (rows, total) = tx.consultations(&consultations_seen_by(&actor), &filter)?;
            Ok(page(rows, total))
        })
        .await
}

pub(super) async fn one(State(app): State<App>, actor: Actor, Id(id): Id) -> Result<Response, Problem> {
    app.store.run(move |tx| Ok(record(Answer { status: 200, body: json!(seen(tx, &actor, id)?) }))).await
}

pub(super) async fn create(
    State(app): State<App>,
    actor: Actor,
    Input { value, once }: Input<NewConsultation>,
) -> Result<Response, Problem> {
    let request: NewConsultation = value;
    match actor.person().map(|person| &person.role) {
        Some(Role::Patient) if !actor.is(&request.patient_id) => {
            return Err(Problem::Forbidden("A patient may ask for themselves alone."));
        }
        Some(Role::Other(_)) => return Err(Problem::Forbidden("This role may not ask for a consultation.")),
        _ => {}
    }
    Problem::unless_empty(request.problems())?;
    let id = ConsultationId::new(app.sources.id()?);
    let now = app.sources.now();
    let answer = app
        .store
        .run(move |tx| {
            tx.once(once.as_ref(), |tx| {
                if let Some(wish) = &request.physician_id {
                    may_answer(tx, wish.as_str(), &request.specialty)?;
                }
                let consultation = life_cycle::create(request, &actor, id, now);
                tx.put_consultation(None, &consultation)?;
                Ok(Answer { status: 201, body: serde_json::to_value(consultation)? })
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
    Input { value, once }: Input<ConsultationUpdate>,
) -> Result<Response, Problem> {
    let update: ConsultationUpdate = value;
    Problem::unless_empty(update.problems())?;
    let now = app.sources.now();
    let answer = app
        .store
        .run(move |tx| {
            tx.once(once.as_ref(), |tx| {
                let takes = update.status == ConsultationStatus::Assigned;
                let before = seen_or_taken(tx, &actor, id, takes)?;
                let after = life_cycle::update(&before, &update, &actor, now)
                    .map_err(|refusal| Problem::refused(refusal, as_seen(&actor, &before)))?;
                if !matches(&headers, before.version) {
                    return Err(Problem::Stale { current: as_seen(&actor, &before) });
                }
                if let (Some(owner), true) = (&after.physician_id, after.physician_id != before.physician_id)
                {
                    may_answer(tx, owner.as_str(), &after.specialty)?;
                }
                tx.put_consultation(Some(&before), &after)?;
                Ok(Answer { status: 200, body: serde_json::to_value(after)? })
            })
        })
        .await?;
    Ok(record(answer))
}

pub(super) async fn decline(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id,
    Input { value, once }: Input<Decline>,
) -> Result<Response, Problem> {
    let decline: Decline = value;
    Problem::unless_empty(decline.problems())?;
    let now = app.sources.now();
    let answer = app
        .store
        .run(move |tx| {
            tx.once(once.as_ref(), |tx| {
                in_person(&actor)?;
                let before = seen_or_taken(tx, &actor, id, true)?;
                let Some(me) = actor.physician() else {
                    return Err(Problem::Forbidden("Only a physician may decline."));
                };
                let after = life_cycle::decline(&before, decline.reason.trim(), me, now)
                    .map_err(|refusal| Problem::refused(refusal, as_seen(&actor, &before)))?;
                let Some(after) = after else {
                    return Ok(Answer { status: 200, body: serde_json::to_value(before)? });
                };
                tx.put_consultation(Some(&before), &after)?;
                Ok(Answer { status: 200, body: serde_json::to_value(after)? })
            })
        })
        .await?;
    Ok(record(answer))
}

/// The record, if it may be seen.
pub(super) fn seen(tx: &Tx<'_>, actor: &Actor, id: String) -> Result<Consultation, Problem> {
    tx.consultation(&ConsultationId::new(id))?.filter(|record| sees(actor, record)).ok_or(Problem::NotFound)
}

/// The record, if it may be seen, or if the caller wants to take what somebody else has just taken: they must hear
/// that, and not that there was nothing.
fn seen_or_taken(tx: &Tx<'_>, actor: &Actor, id: String, takes: bool) -> Result<Consultation, Problem> {
    tx.consultation(&ConsultationId::new(id))?
        .filter(|record| sees(actor, record) || takes && could_have_taken(actor, record))
        .ok_or(Problem::NotFound)
}

/// The record for a refusal: whole, or only who has it and where it stands.
fn as_seen(actor: &Actor, consultation: &Consultation) -> Value {
    if sees(actor, consultation) {
        return json!(consultation);
    }
    json!({
        "id": consultation.id,
        "status": consultation.status,
        "physicianId": consultation.physician_id,
        "version": consultation.version,
        "updatedAt": consultation.updated_at,
    })
}

/// Whether the directory has this physician under that specialty. A directory without anybody knows nothing to say.
fn may_answer(tx: &Tx<'_>, physician: &str, specialty: &SpecialtyCode) -> Result<(), Problem> {
    let known = match tx.physician(physician)? {
        Some(physician) => physician.specialties.contains(specialty),
        None => tx.physicians(None)?.is_empty(),
    };
    if known {
        Ok(())
    } else {
        Err(Problem::field("physicianId", "must be a physician of the consultation's specialty"))
    }
}
