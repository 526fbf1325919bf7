//! An upstream of the original's kind: it stores what it is sent and hands out what it is asked for, to anybody with
//! the address. So the gateway keeps the rules: who sees what, the life of a consultation, who takes part in a
//! conversation, and that words rest sealed.
//!
//! Its known mistakes do not come through: a change never erases who is in charge or what was written before, because
//! all of it is sent with every change; a range of days has both its ends; a total is a number (wire contract, section
//! 3). What it cannot carry (names, receipts, changes, events, kiosks, files, escalation) is not there.
//!
//! Refuses: reading without end. A list that has to be put together here is read by pages of [`PAGE`], [`MAX_PAGES`] of
//! each; what lies beyond is not counted, and the list says that there is more.

mod appointments;
mod consultations;
mod locks;
mod messages;

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use chatehr_contract::{Consultation, ConsultationId, access::Relation};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{json, value::RawValue};

use self::locks::Locks;
use super::exchange::{Answer, Fault, Payload, Question, Way, page};
use crate::{
    embedded::{allow, specialties},
    escalation::EscalationPolicy,
    identity::Person,
    op::{Op, Outcome},
    policy::SignedPolicy,
    problem::Problem,
    provider::Call,
    sealing::{SealingError, Seals},
    sources::Sources,
    visibility::relation,
};

/// What the gateway itself adds to such an upstream.
pub(super) const FEATURES: &[&str] = &["keys", "decline", "acknowledge", "handoff", "policy"];
/// Records that are asked for at once.
const PAGE: u32 = 100;
/// Pages that are read of one list at most.
const MAX_PAGES: u32 = 20;

/// The original, and what the gateway needs to make up for it.
pub(super) struct Original {
    way: Arc<Way>,
    seals: Seals,
    sources: Sources,
    policy: SignedPolicy,
    /// Only for the shape of the rules: nothing here moves an escalation on, so none is begun.
    escalation: EscalationPolicy,
    locks: Locks,
}

/// One call at work.
#[derive(Clone, Copy)]
struct Here<'a> {
    app: &'a Original,
    call: &'a Call,
}

/// What was read of a list.
struct Gathered<T> {
    rows: Vec<T>,
    /// How many there are, as the upstream counts.
    total: Option<u64>,
    /// Whether the list ended before its bound.
    whole: bool,
}

impl Original {
    pub(super) fn new(way: Arc<Way>, seals: Seals, sources: Sources, policy: SignedPolicy) -> Self {
        let (escalation, locks) = (EscalationPolicy::default(), Locks::default());
        Self { way, seals, sources, policy, escalation, locks }
    }

    pub(super) async fn perform(&self, call: &Call) -> Result<Outcome, Problem> {
        let here = Here { app: self, call };
        match &call.op {
            Op::ListConsultations(filter) => here.list_consultations(filter).await,
            Op::ReadConsultation(id) => here.read_consultation(id).await,
            Op::CreateConsultation(new) => here.create_consultation(new).await,
            Op::UpdateConsultation(id, update) => here.update_consultation(id, update).await,
            Op::Acknowledge(id) => here.acknowledge(id).await,
            Op::Decline(id, decline) => here.decline(id, decline).await,
            Op::HandOff(id, handoff) => here.hand_off(id, handoff).await,
            Op::ListAppointments(filter) => here.list_appointments(filter).await,
            Op::CreateAppointment(new) => here.create_appointment(new).await,
            Op::UpdateAppointment(id, update) => here.update_appointment(id, update).await,
            Op::ListMessages(filter) => here.list_messages(filter).await,
            Op::CreateMessage(new) => here.create_message(new).await,
            Op::ReadKey(id) => here.read_key(id).await,
            Op::ListSpecialties => {
                here.allow(Relation::None)?;
                Ok(Outcome::list(&specialties())?)
            }
            Op::ReadPolicy => {
                here.allow(Relation::None)?;
                Ok(Outcome::of(200, &self.policy)?)
            }
            // Tokens are the OpenID provider's, so there is none to end here.
            Op::EndSession => {
                here.allow(Relation::None)?;
                Ok(Outcome::done())
            }
            _ => Err(Problem::NotFound),
        }
    }
}

impl<'a> Here<'a> {
    /// What the access table says of this call to a record in this relation.
    fn allow(self, relation: Relation) -> Result<(), Problem> {
        allow(self.call, relation)
    }

    async fn read_key(self, id: &ConsultationId) -> Result<Outcome, Problem> {
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        let place = self.consultation(id).await?;
        let key = self.app.seals.key(&place.id).map_err(SealingError::from)?;
        let body = json!({ "kid": key.kid(), "key": BASE64_URL_SAFE_NO_PAD.encode(key.expose()) });
        Ok(Outcome::of(200, &body)?.about(&place.patient_id))
    }

    /// The record, if the call may have it.
    async fn consultation(self, id: &ConsultationId) -> Result<Consultation, Problem> {
        let record = self.stored(id).await?;
        self.allow(relation(&self.call.actor, &record))?;
        Ok(record)
    }

    /// Who asks, a physician or somebody who acts for one: the access table lets nobody else come so far.
    fn clinician(self) -> Result<&'a Person, Problem> {
        self.call
            .actor
            .person()
            .filter(|me| me.stands_for().is_some())
            .ok_or(Problem::Forbidden("Only a physician may do this."))
    }

    /// Asks; nothing where there is nothing.
    async fn ask(self, question: Question<'_>) -> Result<Option<Answer>, Problem> {
        let answer = self.app.way.ask(&question).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::TOO_MANY_REQUESTS => Err(answer.too_many()),
            _ => Err(Fault::Nonsense("it refuses what ChatEHR takes").into()),
        }
    }

    async fn send<T: DeserializeOwned>(
        self,
        method: Method,
        path: Vec<&str>,
        body: &impl Serialize,
    ) -> Result<T, Problem> {
        let question =
            Question { method, payload: Payload::Json(serde_json::to_string(body)?), ..self.question(path) };
        Ok(self.ask(question).await?.ok_or(Problem::NotFound)?.json()?)
    }

    /// A page of a list. A record that does not read is passed over and told in the log: better one missing than all.
    async fn page<T: DeserializeOwned>(
        self,
        path: &'static str,
        query: Vec<(&'static str, String)>,
    ) -> Result<(Vec<T>, usize, Option<u64>), Problem> {
        let question = Question { query, most: page(PAGE), ..self.question(vec![path]) };
        let answer =
            self.ask(question).await?.ok_or(Fault::Nonsense("it does not have the lists of ChatEHR"))?;
        let came: Vec<&RawValue> = serde_json::from_slice(&answer.body)
            .map_err(|_| Fault::Nonsense("its answer is not the list that was asked for"))?;
        let rows: Vec<T> = came.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect();
        if rows.len() < came.len() {
            tracing::error!(path, records = came.len() - rows.len(), "records of the upstream do not read");
        }
        Ok((rows, came.len(), answer.total()))
    }

    /// What is kept of a list, until there is enough and the upstream has counted the rest.
    async fn gather<T: DeserializeOwned>(
        self,
        path: &'static str,
        query: &[(&'static str, String)],
        enough: Option<usize>,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Gathered<T>, Problem> {
        let mut rows = Vec::new();
        let mut total = None;
        for page in 0..MAX_PAGES {
            let mut query = query.to_vec();
            query.push(("limit", PAGE.to_string()));
            query.push(("offset", page.saturating_mul(PAGE).to_string()));
            let (read, came, counted) = self.page(path, query).await?;
            rows.extend(read.into_iter().filter(|row| keep(row)));
            total = counted;
            let whole = u32::try_from(came).unwrap_or(u32::MAX) < PAGE;
            if whole || total.is_some() && enough.is_some_and(|enough| rows.len() >= enough) {
                return Ok(Gathered { rows, total, whole });
            }
        }
        tracing::warn!(path, "a list of the upstream is longer than is read");
        Ok(Gathered { rows, total, whole: false })
    }

    fn question<'p>(self, path: Vec<&'p str>) -> Question<'p> {
        Question::get(self.call.op.action().as_str(), path)
    }
}
