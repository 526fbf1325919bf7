//! The directory: specialties, patients, physicians.

use axum::{Json, extract::State};
use chatehr_contract::{Patient, Physician, SPECIALTIES, Specialty, SpecialtyCode};

use super::{
    App,
    request::{Id, Params},
};
use crate::{identity::Actor, problem::Problem, visibility::patients_seen_by};

pub(super) async fn specialties(_: Actor) -> Json<Vec<Specialty>> {
    let all = SPECIALTIES.iter().map(|(code, name, description)| Specialty {
        code: code.clone(),
        name: (*name).to_owned(),
        description: (*description).to_owned(),
    });
    Json(all.collect())
}

pub(super) async fn patients(
    State(app): State<App>,
    actor: Actor,
    mut params: Params,
) -> Result<Json<Vec<Patient>>, Problem> {
    let words = params.text("query");
    let limit = params.number("limit", 20, 1, 100);
    params.check()?;
    app.store
        .run(move |tx| Ok(Json(tx.patients(&patients_seen_by(&actor), None, words.as_deref(), limit)?)))
        .await
}

pub(super) async fn patient(
    State(app): State<App>,
    actor: Actor,
    Id(id): Id,
) -> Result<Json<Patient>, Problem> {
    app.store
        .run(move |tx| {
            let found = tx.patients(&patients_seen_by(&actor), Some(&id), None, 1)?;
            found.into_iter().next().map(Json).ok_or(Problem::NotFound)
        })
        .await
}

pub(super) async fn physicians(
    State(app): State<App>,
    _: Actor,
    mut params: Params,
) -> Result<Json<Vec<Physician>>, Problem> {
    let specialty = params.word("specialty", SpecialtyCode::is_known);
    params.check()?;
    app.store.run(move |tx| Ok(Json(tx.physicians(specialty.as_ref().map(SpecialtyCode::as_str))?))).await
}

pub(super) async fn physician(
    State(app): State<App>,
    _: Actor,
    Id(id): Id,
) -> Result<Json<Physician>, Problem> {
    app.store.run(move |tx| tx.physician(&id)?.map(Json).ok_or(Problem::NotFound)).await
}
