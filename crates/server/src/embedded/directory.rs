//! The directory: specialties, patients, physicians.

use chatehr_contract::{
    AvailabilityUpdate, PersonId, SPECIALTIES, Specialty, SpecialtyCode,
    access::{Access, Relation, decide},
};

use super::Here;
use crate::{op::Outcome, problem::Problem, visibility::patients_seen_by};

impl Here<'_> {
    pub(super) fn list_specialties(self) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        Ok(Outcome::list(&specialties())?)
    }

    pub(super) fn search_patients(self, words: Option<&str>, limit: u32) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        let found = self.tx.patients(&patients_seen_by(&self.call.actor), None, words, limit)?;
        Ok(Outcome::list(&found)?)
    }

    pub(super) fn read_patient(self, id: &str) -> Result<Outcome, Problem> {
        let seen = patients_seen_by(&self.call.actor);
        let found = self.tx.patients(&seen, Some(id), None, 1)?.into_iter().next();
        // The condition already holds the table's own and pool: what it does not find is somebody else's, or nothing.
        let access =
            decide(self.call.op.action(), self.call.actor.party(), self.call.actor.party().closest());
        match found {
            Some(patient) if access == Access::Granted => {
                Ok(Outcome::of(200, &patient)?.about(&PersonId::new(id)))
            }
            _ => match self.patient_open_by_glass(&PersonId::new(id))? {
                Some(patient) => Ok(Outcome::of(200, &patient)?.about(&patient.id)),
                None => {
                    self.allow(Relation::Other)?;
                    Err(Problem::NotFound)
                }
            },
        }
    }

    pub(super) fn list_physicians(self, specialty: Option<&SpecialtyCode>) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        Ok(Outcome::list(&self.tx.physicians(specialty.map(SpecialtyCode::as_str))?)?)
    }

    pub(super) fn read_physician(self, id: &str) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        let physician = self.tx.physician(id)?.ok_or(Problem::NotFound)?;
        Ok(Outcome::of(200, &physician)?)
    }

    pub(super) fn update_availability(self, update: &AvailabilityUpdate) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        let me = self.call.actor.id().map(PersonId::as_str).unwrap_or_default();
        let mut physician = self.tx.physician(me)?.ok_or(Problem::NotFound)?;
        physician.on_call = update.on_call;
        physician.availability = update.availability;
        self.tx.put_physician(&physician)?;
        Ok(Outcome::of(200, &physician)?)
    }
}

/// The twelve.
pub(crate) fn specialties() -> Vec<Specialty> {
    SPECIALTIES
        .iter()
        .map(|(code, name, description)| Specialty {
            code: code.clone(),
            name: (*name).to_owned(),
            description: (*description).to_owned(),
        })
        .collect()
}
