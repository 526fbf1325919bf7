//! Break-glass: a record that is somebody else's, opened in an emergency.
//!
//! Promises: who opens one says why, for no longer than the clinic's policy allows, and the administrators are told in
//! the transaction that opens it; it ends by itself. What is opened is one consultation, its conversation and its
//! patient's name, to be read: nothing is written through the glass, and no key is given out.

use chatehr_contract::{
    BrokenGlass, Consultation, ConsultationId, NewBreakGlass, Patient, PersonId,
    access::{Access, Relation, decide},
};

use super::Here;
use crate::{
    op::Outcome,
    problem::Problem,
    visibility::{everybody, relation},
};

/// Openings that a list shows.
const LISTED: u32 = 200;

impl Here<'_> {
    pub(super) fn break_glass(self, id: &ConsultationId, new: &NewBreakGlass) -> Result<Outcome, Problem> {
        let record = self.tx.consultation(id)?.ok_or(Problem::NotFound)?;
        self.allow(relation(&self.call.actor, &record))?;
        let minutes = new.allowed_minutes(self.app.policy.break_glass_minutes());
        let glass = BrokenGlass {
            consultation_id: record.id,
            patient_id: record.patient_id,
            person_id: self.person()?.clone(),
            reason: new.reason.trim().to_owned(),
            at: self.call.now,
            until: self.call.now.plus_seconds(i64::from(minutes) * 60),
        };
        self.tx.break_glass(&glass)?;
        Ok(Outcome::of(201, &glass)?.about(&glass.patient_id))
    }

    pub(super) fn close_glass(self, id: &ConsultationId) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        if self.tx.close_glass(self.person()?, id, self.call.now)? {
            Ok(Outcome::done())
        } else {
            Err(Problem::NotFound)
        }
    }

    pub(super) fn list_glass(self) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        Ok(Outcome::list(&self.tx.broken_glass(LISTED)?)?)
    }

    /// Whether the access table lets a break-glass through to this record, and who asks has one that lasts.
    pub(super) fn is_open_by_glass(self, record: &Consultation, relation: Relation) -> Result<bool, Problem> {
        match self.call.actor.id() {
            Some(me) if self.wants_glass(relation) => {
                Ok(self.tx.has_opened(me, &record.id, self.call.now)?)
            }
            _ => Ok(false),
        }
    }

    /// A patient of a record that is open so.
    pub(super) fn patient_open_by_glass(self, id: &PersonId) -> Result<Option<Patient>, Problem> {
        match self.call.actor.id() {
            Some(me)
                if self.wants_glass(Relation::Other) && self.tx.has_opened_of(me, id, self.call.now)? =>
            {
                Ok(self.tx.patients(&everybody(), Some(id.as_str()), None, 1)?.into_iter().next())
            }
            _ => Ok(None),
        }
    }

    fn wants_glass(self, relation: Relation) -> bool {
        let access = decide(self.call.op.action(), self.call.actor.party(), relation);
        matches!(access, Access::BehindGlass | Access::WithReason)
    }

    fn person(&self) -> Result<&PersonId, Problem> {
        self.call.actor.id().ok_or(Problem::Forbidden("Only a person does this."))
    }
}
