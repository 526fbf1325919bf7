//! Consultations of an upstream that has no rules for them.

use std::collections::BTreeSet;

use axum::http::Method;
use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, ConsultationUpdate, Decline, Handoff, HistoryEntry,
    NewConsultation, PersonId,
    access::{Access, Relation, decide},
};
use futures_util::future::try_join_all;
use serde_json::json;

use super::{Gathered, Here};
use crate::{
    embedded::as_seen,
    escalation::Callable,
    life_cycle::{self, Refusal},
    op::{Body, ConsultationFilter, Listing, Outcome},
    problem::Problem,
    provider::Once,
    upstream::exchange::Fault,
    visibility::{could_have_taken, relation, sees},
};

const PATH: &str = "consultations";
/// Under this name a record keeps the key of the request that made it.
const MADE_BY: &str = "clientRequestId";
/// Under this name it keeps whose request changed it last, and the key.
const CHANGED_BY: &str = "changeRequestId";

/// One list to be asked for, and whether the upstream counts in it exactly what is shown.
struct Query {
    query: Vec<(&'static str, String)>,
    exact: bool,
}

impl<'a> Here<'a> {
    pub(super) async fn list_consultations(self, filter: &ConsultationFilter) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        let queries = self.queries(filter);
        if let ([Query { query, exact: true }], false) = (queries.as_slice(), filter.triage) {
            let mut query = query.clone();
            query.push(("limit", filter.limit.to_string()));
            query.push(("offset", filter.offset.to_string()));
            let (mut rows, came, total) = self.page::<Consultation>(PATH, query).await?;
            rows.retain(|record| self.is_shown(record, filter));
            let more = u32::try_from(came).unwrap_or(u32::MAX) >= filter.limit;
            return self.listed(rows, total, more, filter.offset);
        }
        let (limit, offset) = (to_usize(filter.limit), to_usize(filter.offset));
        let enough = (!filter.triage).then_some(limit.saturating_add(offset));
        let gathered = try_join_all(queries.iter().map(|query| {
            let enough = enough.filter(|_| query.exact);
            self.gather(PATH, &query.query, enough, |record| self.is_shown(record, filter))
        }))
        .await?;
        // What was not read to its end is counted by the upstream, where it can.
        let mut beyond = Some(0_u64);
        let mut all: Vec<Consultation> = Vec::new();
        for (Gathered { rows, total, whole }, query) in gathered.into_iter().zip(&queries) {
            let read = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            let left = if whole {
                Some(0)
            } else {
                total.filter(|_| query.exact).map(|total| total.saturating_sub(read))
            };
            beyond = beyond.zip(left).map(|(a, b)| a.saturating_add(b));
            all.extend(rows);
        }
        if filter.triage {
            all.sort_by(|a, b| {
                let key = |record: &Consultation| (record.urgency.triage_rank(), record.created_at);
                key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
            });
        } else {
            all.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)));
        }
        // A list that changes while it is read may give a record twice.
        all.dedup_by(|a, b| a.id == b.id);
        let total = beyond.and_then(|beyond| Some(beyond.saturating_add(u64::try_from(all.len()).ok()?)));
        let more = total.is_none();
        let rows = all.into_iter().skip(offset).take(limit).collect();
        self.listed(rows, total, more, filter.offset)
    }

    pub(super) async fn read_consultation(self, id: &ConsultationId) -> Result<Outcome, Problem> {
        let record = self.consultation(id).await?;
        self.shown(200, record)
    }

    pub(super) async fn create_consultation(self, new: &NewConsultation) -> Result<Outcome, Problem> {
        let whose = match self.call.actor.patient() {
            Some(me) if me.id != new.patient_id => Relation::Other,
            _ => self.call.actor.party().closest(),
        };
        self.allow(whose)?;
        let _turn = self.app.locks.lock(format!("patient {}", new.patient_id)).await;
        if let Some(once) = &self.call.once
            && let Some(before) = self.same_request(new, once).await?
        {
            return self.shown(201, before);
        }
        let id = ConsultationId::new(self.app.sources.id()?);
        let mut record =
            life_cycle::create(new.clone(), &self.call.actor, id, self.callable(), self.call.now);
        record.metadata.remove("escalation");
        if let Some(once) = &self.call.once {
            record.metadata.insert(MADE_BY.to_owned(), once.key.as_str().into());
        }
        let made: Consultation = self.send(Method::POST, vec![PATH], &record).await?;
        self.shown(201, whole(made))
    }

    pub(super) async fn update_consultation(
        self,
        id: &ConsultationId,
        update: &ConsultationUpdate,
    ) -> Result<Outcome, Problem> {
        let takes = update.status == ConsultationStatus::Assigned;
        self.change(id, takes, |before, callable| {
            life_cycle::update(before, update, &self.call.actor, callable, self.call.now).map(Some)
        })
        .await
    }

    pub(super) async fn acknowledge(self, id: &ConsultationId) -> Result<Outcome, Problem> {
        self.change(id, true, |before, callable| {
            life_cycle::acknowledge(before, self.me()?, callable, self.call.now)
        })
        .await
    }

    pub(super) async fn decline(self, id: &ConsultationId, decline: &Decline) -> Result<Outcome, Problem> {
        self.change(id, true, |before, callable| {
            life_cycle::decline(before, decline.reason.trim(), self.me()?, callable, self.call.now)
        })
        .await
    }

    pub(super) async fn hand_off(self, id: &ConsultationId, handoff: &Handoff) -> Result<Outcome, Problem> {
        self.change(id, false, |before, callable| {
            life_cycle::hand_off(before, handoff, &self.call.actor, callable, self.call.now).map(Some)
        })
        .await
    }

    /// The record as it is stored, whoever asks.
    pub(super) async fn stored(self, id: &ConsultationId) -> Result<Consultation, Problem> {
        let answer = self.ask(self.question(vec![PATH, id.as_str()])).await?.ok_or(Problem::NotFound)?;
        let record: Consultation = answer.json()?;
        if record.id == *id {
            Ok(whole(record))
        } else {
            Err(Fault::Nonsense("it answers with another record").into())
        }
    }

    /// Reads, decides, writes back all that may change, and where somebody took it looks who has it now: another
    /// gateway may have written in between, and the upstream keeps whatever came last.
    async fn change(
        self,
        id: &ConsultationId,
        takes: bool,
        rule: impl Fn(&Consultation, Callable<'_>) -> Result<Option<Consultation>, Refusal>,
    ) -> Result<Outcome, Problem> {
        let _turn = self.app.locks.lock(format!("consultation {id}")).await;
        let before = self.stored(id).await?;
        let actor = &self.call.actor;
        let related = relation(actor, &before);
        let hidden = decide(self.call.op.action(), actor.party(), related) == Access::Hidden;
        if hidden && takes && could_have_taken(actor, &before) {
            return Err(self.taken(&before));
        }
        self.allow(related)?;
        let name = self.call.once.as_ref().map(|once| format!("{} {}", actor.key(), once.key));
        if name.is_some() && before.metadata.get(CHANGED_BY).and_then(|name| name.as_str()) == name.as_deref()
        {
            return self.shown(200, before);
        }
        let after = rule(&before, self.callable())
            .map_err(|refusal| Problem::refused(refusal, as_seen(actor, &before)))?;
        if !self.call.matches(before.version) {
            return Err(Problem::Stale { current: as_seen(actor, &before) });
        }
        let Some(mut after) = after else { return self.shown(200, before) };
        after.metadata.remove("escalation");
        match name {
            Some(name) => drop(after.metadata.insert(CHANGED_BY.to_owned(), name.into())),
            None => drop(after.metadata.remove(CHANGED_BY)),
        }
        let changed = json!({
            "status": after.status,
            "physicianId": after.physician_id,
            "specialty": after.specialty,
            "updatedAt": after.updated_at,
            "metadata": after.metadata,
            "history": after.history,
            "version": after.version,
        });
        let stored: Consultation = self.send(Method::PUT, vec![PATH, id.as_str()], &changed).await?;
        if after.physician_id.is_some() && after.physician_id != before.physician_id {
            let now = self.stored(id).await?;
            if now.physician_id != after.physician_id {
                return Err(self.taken(&now));
            }
        }
        self.shown(200, whole(stored))
    }

    fn taken(self, record: &Consultation) -> Problem {
        Problem::Conflict {
            message: "A colleague has answered this consultation in the meantime.",
            current: Some(as_seen(&self.call.actor, record)),
        }
    }

    fn me(self) -> Result<&'a crate::identity::Person, Refusal> {
        self.clinician().map_err(|_| Refusal::Forbidden("Only a physician may do this."))
    }

    const fn callable(self) -> Callable<'a> {
        Callable { policy: &self.app.escalation, on_call: &[] }
    }

    /// The record that the same request made before. The same key with other words is a mistake of the caller's.
    async fn same_request(self, new: &NewConsultation, once: &Once) -> Result<Option<Consultation>, Problem> {
        let query = vec![("patientId", new.patient_id.to_string()), ("limit", super::PAGE.to_string())];
        let (latest, _, _) = self.page::<Consultation>(PATH, query).await?;
        let by = self.call.actor.id().map(PersonId::as_str);
        let text = |record: &Consultation, name: &str| {
            record.metadata.get(name).and_then(|value| value.as_str()).map(str::to_owned)
        };
        let before = latest.into_iter().find(|record| {
            text(record, MADE_BY).as_deref() == Some(once.key.as_str())
                && text(record, "createdBy").as_deref() == by
                && record.patient_id == new.patient_id
        });
        let same = |before: &Consultation| {
            before.specialty == new.specialty
                && before.urgency == new.urgency
                && before.description == new.description
        };
        match before {
            Some(before) if !same(&before) => Err(Problem::Conflict {
                message: "This Idempotency-Key was used for another request.",
                current: None,
            }),
            before => Ok(before.map(whole)),
        }
    }

    /// The lists that hold what is seen: all, a patient's own, or a physician's own and the pools.
    fn queries(self, filter: &ConsultationFilter) -> Vec<Query> {
        let build = |patient: Option<&str>,
                     physician: Option<&str>,
                     status: Option<&str>,
                     specialty: Option<&str>| {
            [("patientId", patient), ("physicianId", physician), ("status", status), ("specialty", specialty)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?.to_owned())))
                .collect()
        };
        let exact = filter.urgency.is_none();
        let patient = filter.patient.as_deref();
        let physician = filter.physician.as_deref();
        let status = filter.status.as_ref().map(ConsultationStatus::as_str);
        let specialty = filter.specialty.as_ref().map(|specialty| specialty.as_str());
        let actor = &self.call.actor;
        if actor.oversees() {
            return vec![Query { query: build(patient, physician, status, specialty), exact }];
        }
        if let Some(me) = actor.patient() {
            let mine = patient.is_none_or(|patient| patient == me.id.as_str());
            let query = build(Some(me.id.as_str()), physician, status, specialty);
            return mine.then_some(Query { query, exact }).into_iter().collect();
        }
        let (Some(me), Some(physician_id)) = (actor.person(), actor.stands_for()) else { return Vec::new() };
        let mut queries = Vec::new();
        if physician.is_none_or(|physician| physician == physician_id.as_str()) {
            let query = build(patient, Some(physician_id.as_str()), status, specialty);
            queries.push(Query { query, exact });
        }
        let pending = ConsultationStatus::Pending.as_str();
        if physician.is_none() && status.is_none_or(|status| status == pending) {
            let pools: BTreeSet<_> = me.specialties.iter().collect();
            for pool in
                pools.into_iter().filter(|pool| filter.specialty.as_ref().is_none_or(|only| only == *pool))
            {
                let query = build(patient, None, Some(pending), Some(pool.as_str()));
                queries.push(Query { query, exact: false });
            }
        }
        queries
    }

    /// Whatever the upstream made of the filter.
    fn is_shown(self, record: &Consultation, filter: &ConsultationFilter) -> bool {
        let is = |wanted: &Option<String>, id: Option<&PersonId>| {
            wanted.as_deref().is_none_or(|wanted| id.map(PersonId::as_str) == Some(wanted))
        };
        sees(&self.call.actor, record)
            && is(&filter.patient, Some(&record.patient_id))
            && is(&filter.physician, record.physician_id.as_ref())
            && filter.status.as_ref().is_none_or(|status| *status == record.status)
            && filter.specialty.as_ref().is_none_or(|specialty| *specialty == record.specialty)
            && filter.urgency.as_ref().is_none_or(|urgency| *urgency == record.urgency)
    }

    fn listed(
        self,
        records: Vec<Consultation>,
        total: Option<u64>,
        more: bool,
        offset: u32,
    ) -> Result<Outcome, Problem> {
        let rows = records
            .into_iter()
            .map(|record| serde_json::to_string(&self.as_read(whole(record))))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(match total {
            Some(total) => Outcome::page(rows, total, offset),
            None => {
                Outcome { listing: Some(Listing { total, more }), ..Outcome::with(200, Body::Rows(rows)) }
            }
        })
    }

    /// As the caller may read it.
    fn as_read(self, record: Consultation) -> Consultation {
        if self.call.actor.patient().is_some() { life_cycle::for_the_patient(record) } else { record }
    }

    fn shown(self, status: u16, record: Consultation) -> Result<Outcome, Problem> {
        let record = self.as_read(record);
        let outcome = Outcome::of(status, &record)?.version(record.version).about(&record.patient_id);
        Ok(if status == 201 { outcome.making(record.id.as_str()) } else { outcome })
    }
}

/// A record with what the original does not write: its first version, and how it began.
fn whole(mut record: Consultation) -> Consultation {
    record.version = record.version.max(1);
    if record.history.is_empty() {
        record.history.push(HistoryEntry {
            at: record.created_at,
            actor_id: record.metadata.get("createdBy").and_then(|by| by.as_str()).map(PersonId::new),
            action: "created".to_owned(),
            from: None,
            to: Some(ConsultationStatus::Pending),
            note: None,
        });
    }
    record
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
