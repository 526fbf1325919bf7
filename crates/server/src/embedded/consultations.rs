//! Consultations: asked for, answered, handed on.

use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, ConsultationUpdate, Decline, Handoff, NewConsultation,
    NewNote, PersonId, SpecialtyCode, Urgency,
    access::{Access, Relation, decide},
};
use serde_json::{Value, json};

use super::Here;
use crate::{
    escalation::Callable,
    identity::{Actor, Person},
    life_cycle,
    op::{ConsultationFilter, Outcome},
    problem::Problem,
    visibility::{consultations_seen_by, could_have_taken, patients_seen_by, relation, sees},
};

impl Here<'_> {
    pub(super) fn list_consultations(self, filter: &ConsultationFilter) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        let (mut rows, total) = self.tx.consultations(&consultations_seen_by(&self.call.actor), filter)?;
        if self.call.actor.patient().is_some() {
            for row in &mut rows {
                *row = serde_json::to_string(&life_cycle::for_the_patient(serde_json::from_str(row)?))?;
            }
        }
        Ok(Outcome::page(rows, total, filter.offset))
    }

    pub(super) fn read_consultation(self, id: &ConsultationId) -> Result<Outcome, Problem> {
        let record = self.consultation(id)?;
        self.shown(200, record)
    }

    pub(super) fn create_consultation(self, new: &NewConsultation) -> Result<Outcome, Problem> {
        let actor = &self.call.actor;
        let whose = match (actor.patient(), actor.physician()) {
            (Some(me), _) if me.id != new.patient_id => Relation::Other,
            (_, Some(_)) if !self.may_begin_with(&new.patient_id)? => Relation::Other,
            _ => actor.party().closest(),
        };
        self.allow(whose)?;
        if let Some(wish) = &new.physician_id {
            self.may_answer(wish, &new.specialty)?;
        }
        let id = ConsultationId::new(self.app.sources.id()?);
        let on_call = self.on_call(&new.urgency, &new.specialty, &id)?;
        let callable = Callable { policy: &self.app.escalation, on_call: &on_call };
        let record = life_cycle::create(new.clone(), &self.call.actor, id, callable, self.call.now);
        self.tx.put_consultation(None, &record)?;
        self.shown(201, record)
    }

    pub(super) fn update_consultation(
        self,
        id: &ConsultationId,
        update: &ConsultationUpdate,
    ) -> Result<Outcome, Problem> {
        let takes = update.status == ConsultationStatus::Assigned;
        let before = self.consultation_or_taken(id, takes)?;
        let on_call = self.on_call(&before.urgency, &before.specialty, &before.id)?;
        let callable = Callable { policy: &self.app.escalation, on_call: &on_call };
        let after = life_cycle::update(&before, update, &self.call.actor, callable, self.call.now)
            .map_err(|refusal| Problem::refused(refusal, as_seen(&self.call.actor, &before)))?;
        self.matched(&before)?;
        if let (Some(owner), true) = (&after.physician_id, after.physician_id != before.physician_id) {
            self.may_answer(owner, &after.specialty)?;
        }
        self.tx.put_consultation(Some(&before), &after)?;
        self.shown(200, after)
    }

    pub(super) fn acknowledge(self, id: &ConsultationId) -> Result<Outcome, Problem> {
        let before = self.consultation_or_taken(id, true)?;
        let me = self.me()?;
        let on_call = self.on_call(&before.urgency, &before.specialty, &before.id)?;
        let callable = Callable { policy: &self.app.escalation, on_call: &on_call };
        let after = life_cycle::acknowledge(&before, me, callable, self.call.now)
            .map_err(|refusal| Problem::refused(refusal, as_seen(&self.call.actor, &before)))?;
        self.matched(&before)?;
        self.changed(before, after)
    }

    pub(super) fn decline(self, id: &ConsultationId, decline: &Decline) -> Result<Outcome, Problem> {
        let before = self.consultation_or_taken(id, true)?;
        let me = self.me()?;
        let on_call = self.on_call(&before.urgency, &before.specialty, &before.id)?;
        let callable = Callable { policy: &self.app.escalation, on_call: &on_call };
        let after = life_cycle::decline(&before, decline.reason.trim(), me, callable, self.call.now)
            .map_err(|refusal| Problem::refused(refusal, as_seen(&self.call.actor, &before)))?;
        self.matched(&before)?;
        self.changed(before, after)
    }

    pub(super) fn hand_off(self, id: &ConsultationId, handoff: &Handoff) -> Result<Outcome, Problem> {
        let before = self.consultation(id)?;
        let specialty = handoff.specialty.as_ref().unwrap_or(&before.specialty);
        let on_call = self.on_call(&before.urgency, specialty, &before.id)?;
        let callable = Callable { policy: &self.app.escalation, on_call: &on_call };
        let after = life_cycle::hand_off(&before, handoff, &self.call.actor, callable, self.call.now)
            .map_err(|refusal| Problem::refused(refusal, as_seen(&self.call.actor, &before)))?;
        self.matched(&before)?;
        if let Some(colleague) = &handoff.physician_id {
            self.may_answer(colleague, &after.specialty)?;
        }
        self.changed(before, Some(after))
    }

    pub(super) fn add_note(self, id: &ConsultationId, note: &NewNote) -> Result<Outcome, Problem> {
        let before = self.consultation(id)?;
        let after = life_cycle::note(&before, note.text.trim(), self.me()?, self.call.now)
            .map_err(|refusal| Problem::refused(refusal, as_seen(&self.call.actor, &before)))?;
        self.changed(before, Some(after))
    }

    /// The record, if the call may have it.
    pub(super) fn consultation(self, id: &ConsultationId) -> Result<Consultation, Problem> {
        let record = self.tx.consultation(id)?.ok_or(Problem::NotFound)?;
        let relation = relation(&self.call.actor, &record);
        if !self.is_open_by_glass(&record, relation)? {
            self.allow(relation)?;
        }
        Ok(record)
    }

    /// The same; and who wants to answer what a colleague has just taken hears that, and not that there was nothing.
    fn consultation_or_taken(self, id: &ConsultationId, takes: bool) -> Result<Consultation, Problem> {
        let record = self.tx.consultation(id)?.ok_or(Problem::NotFound)?;
        let actor = &self.call.actor;
        let relation = relation(actor, &record);
        let hidden = decide(self.call.op.action(), actor.party(), relation) == Access::Hidden;
        if hidden && takes && could_have_taken(actor, &record) {
            return Err(Problem::Conflict {
                message: "A colleague has answered this consultation in the meantime.",
                current: Some(as_seen(actor, &record)),
            });
        }
        self.allow(relation)?;
        Ok(record)
    }

    /// Who asks, a physician or somebody who acts for one: the access table lets nobody else come so far.
    fn me(&self) -> Result<&Person, Problem> {
        let me = self.call.actor.person().filter(|me| me.stands_for().is_some());
        me.ok_or(Problem::Forbidden("Only a physician may do this."))
    }

    /// Whether a physician treats this patient or might: making a record of a stranger would open everything else of
    /// theirs. A directory without anybody knows nothing to say.
    pub(super) fn may_begin_with(self, patient: &PersonId) -> Result<bool, Problem> {
        let seen = patients_seen_by(&self.call.actor);
        Ok(!self.tx.patients(&seen, Some(patient.as_str()), None, 1)?.is_empty()
            || !self.tx.knows_patients()?)
    }

    /// Whom the rules may ask, where they will ask somebody at all.
    fn on_call(
        self,
        urgency: &Urgency,
        specialty: &SpecialtyCode,
        id: &ConsultationId,
    ) -> Result<Vec<PersonId>, Problem> {
        match self.app.escalation.seconds(urgency, specialty) {
            Some(_) => Ok(self.tx.on_call(specialty, id.as_str())?),
            None => Ok(Vec::new()),
        }
    }

    fn matched(self, before: &Consultation) -> Result<(), Problem> {
        if self.call.matches(before.version) {
            Ok(())
        } else {
            Err(Problem::Stale { current: as_seen(&self.call.actor, before) })
        }
    }

    /// Stores what has changed, if anything has.
    fn changed(self, before: Consultation, after: Option<Consultation>) -> Result<Outcome, Problem> {
        let Some(after) = after else { return self.shown(200, before) };
        self.tx.put_consultation(Some(&before), &after)?;
        self.shown(200, after)
    }

    /// As the caller may read it.
    fn shown(self, status: u16, record: Consultation) -> Result<Outcome, Problem> {
        let record =
            if self.call.actor.patient().is_some() { life_cycle::for_the_patient(record) } else { record };
        let outcome = Outcome::of(status, &record)?.version(record.version).about(&record.patient_id);
        Ok(if status == 201 { outcome.making(record.id.as_str()) } else { outcome })
    }

    /// Whether the directory has this physician under that specialty. A directory without anybody knows nothing to say.
    fn may_answer(self, physician: &PersonId, specialty: &SpecialtyCode) -> Result<(), Problem> {
        let known = match self.tx.physician(physician.as_str())? {
            Some(physician) => physician.specialties.contains(specialty),
            None => self.tx.physicians(None)?.is_empty(),
        };
        if known {
            Ok(())
        } else {
            Err(Problem::field("physicianId", "must be a physician of the consultation's specialty"))
        }
    }
}

/// The record for a refusal: whole, or only who has it and where it stands.
pub(crate) fn as_seen(actor: &Actor, record: &Consultation) -> Value {
    if !sees(actor, record) {
        return json!({
            "id": record.id,
            "status": record.status,
            "physicianId": record.physician_id,
            "version": record.version,
            "updatedAt": record.updated_at,
        });
    }
    if actor.patient().is_some() { json!(life_cycle::for_the_patient(record.clone())) } else { json!(record) }
}
