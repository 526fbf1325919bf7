//! Who sees what (wire contract, section 2, "Visible"), for one record and as a condition for lists.
//!
//! Both forms say the same; a test holds them to it. A role that has no rule sees nothing.

use std::collections::BTreeSet;

use chatehr_contract::{
    Consultation, ConsultationStatus, PersonId, Role, SpecialtyCode,
    access::{Access, Action, Relation, decide},
};
use rusqlite::ToSql;
use serde::{Deserialize, Serialize};

use crate::{
    identity::{Actor, Person},
    store::StoredAppointment,
};

/// A condition for the `WHERE` of a list and the parameters that it names.
pub(crate) struct Condition {
    pub(crate) sql: &'static str,
    /// `:me`
    me: String,
    /// `:pools`, a JSON array of specialties.
    pools: String,
}

impl Condition {
    /// Those that the condition names, to be bound.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, &dyn ToSql)> {
        let all: [(&str, &dyn ToSql); 2] = [(":me", &self.me), (":pools", &self.pools)];
        all.into_iter().filter(|(name, _)| self.sql.contains(name)).collect()
    }
}

/// How who asks stands to a consultation.
pub(crate) fn relation(actor: &Actor, consultation: &Consultation) -> Relation {
    if actor.patient().is_some_and(|person| person.id == consultation.patient_id) {
        return Relation::Own;
    }
    let Some(physician) = actor.stands_for() else { return Relation::Other };
    if consultation.physician_id.as_ref() == Some(physician) {
        return actor.party().closest();
    }
    let pools = actor.person().map(|me| me.specialties.as_slice()).unwrap_or_default();
    if pool(consultation).is_some_and(|pool| pools.contains(pool)) { Relation::Pool } else { Relation::Other }
}

/// How who asks stands to an appointment.
pub(crate) fn appointment_relation(actor: &Actor, appointment: &StoredAppointment) -> Relation {
    let record = &appointment.record;
    let mine = actor.patient().is_some_and(|person| person.id == record.patient_id)
        || actor.stands_for() == Some(&record.physician_id);
    if mine { actor.party().closest() } else { Relation::Other }
}

/// Whether the record may be seen.
pub(crate) fn sees(actor: &Actor, consultation: &Consultation) -> bool {
    decide(Action::ConsultationRead, actor.party(), relation(actor, consultation)) == Access::Granted
}

/// One part of the consultations that somebody sees. No two parts of one person share a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Every one.
    All,
    /// A patient's own.
    OfPatient(PersonId),
    /// Those that a physician is in charge of.
    OfPhysician(PersonId),
    /// Those that wait unassigned in a specialty.
    Pool(SpecialtyCode),
}

/// The same for lists, part by part.
pub(crate) fn consultations_seen_by(actor: &Actor) -> Vec<Part> {
    let Actor::Person(Person { id, role, specialties, .. }) = actor else { return vec![Part::All] };
    match role {
        Role::Admin => vec![Part::All],
        Role::Patient => vec![Part::OfPatient(id.clone())],
        Role::Physician | Role::Nurse => {
            let Some(physician) = actor.stands_for() else { return Vec::new() };
            let pools: BTreeSet<&SpecialtyCode> = specialties.iter().collect();
            let pools = pools.into_iter().cloned().map(Part::Pool);
            std::iter::once(Part::OfPhysician(physician.clone())).chain(pools).collect()
        }
        Role::Other(_) => Vec::new(),
    }
}

/// Appointments that are seen, as a condition over their table.
pub(crate) fn appointments_seen_by(actor: &Actor) -> Condition {
    condition(actor, "patient_id = :me", "physician_id = :me")
}

/// A condition over the table of patients: themselves; those whom a physician treats or might; all.
pub(crate) fn patients_seen_by(actor: &Actor) -> Condition {
    condition(
        actor,
        "id = :me",
        "(id IN (SELECT patient_id FROM consultations WHERE physician_id = :me \
                 OR (status = 'pending' AND physician_id IS NULL \
                     AND specialty IN (SELECT value FROM json_each(:pools)))) \
          OR id IN (SELECT patient_id FROM appointments WHERE physician_id = :me))",
    )
}

fn condition(actor: &Actor, patient: &'static str, physician: &'static str) -> Condition {
    let Actor::Person(Person { id, role, specialties, .. }) = actor else {
        return everybody();
    };
    let (sql, me) = match role {
        Role::Admin => ("1", id),
        Role::Patient => (patient, id),
        Role::Physician | Role::Nurse => match actor.stands_for() {
            Some(me) => (physician, me),
            None => ("0", id),
        },
        Role::Other(_) => ("0", id),
    };
    let pools = serde_json::to_string(specialties).unwrap_or_else(|_| "[]".to_owned());
    Condition { sql, me: me.as_str().to_owned(), pools }
}

/// Every patient, for a record that is open by break-glass.
pub(crate) fn everybody() -> Condition {
    Condition { sql: "1", me: String::new(), pools: "[]".to_owned() }
}

/// Whether the conversation is open to who asks, without a reason.
pub(crate) fn reads_conversation(actor: &Actor, consultation: &Consultation) -> bool {
    decide(Action::MessageList, actor.party(), relation(actor, consultation)) == Access::Granted
}

/// Whether the person takes part in the conversation: the patient and the physician in charge.
pub(crate) fn takes_part(actor: &Actor, consultation: &Consultation) -> bool {
    actor.patient().is_some_and(|person| person.id == consultation.patient_id)
        || actor.physician().is_some_and(|person| consultation.physician_id.as_ref() == Some(&person.id))
}

/// Whether a physician who does not see the record (any more) may be told that it was taken: only one who could
/// have taken it.
pub(crate) fn could_have_taken(actor: &Actor, consultation: &Consultation) -> bool {
    actor.physician().is_some_and(|person| person.specialties.contains(&consultation.specialty))
        && consultation.status != ConsultationStatus::Pending
}

/// The pool in which an unassigned request waits.
pub(crate) fn pool(consultation: &Consultation) -> Option<&SpecialtyCode> {
    (consultation.status == ConsultationStatus::Pending && consultation.physician_id.is_none())
        .then_some(&consultation.specialty)
}

/// Who hears of an event. Fixed when it happens, so that a replay tells each the same as the live stream did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audience {
    pub(crate) patients: Vec<PersonId>,
    pub(crate) physicians: Vec<PersonId>,
    pub(crate) pools: Vec<SpecialtyCode>,
    /// Whether administrators hear of it: of records, not of messages.
    pub(crate) admins: bool,
}

impl Audience {
    /// Those who see the consultation, and those who saw it before this change: their last word of it.
    pub(crate) fn of_change(before: Option<&Consultation>, after: &Consultation) -> Self {
        let mut audience = Self { admins: true, ..Self::default() };
        for record in before.into_iter().chain([after]) {
            audience.patients.push(record.patient_id.clone());
            audience.physicians.extend(record.physician_id.clone());
            audience.pools.extend(pool(record).cloned());
        }
        audience.patients.dedup();
        audience.physicians.dedup();
        audience.pools.dedup();
        audience
    }

    /// The two who take part.
    pub(crate) fn of_conversation(place: &Consultation) -> Self {
        Self {
            patients: vec![place.patient_id.clone()],
            physicians: place.physician_id.iter().cloned().collect(),
            ..Self::default()
        }
    }

    pub(crate) fn includes(&self, actor: &Actor) -> bool {
        let Actor::Person(person) = actor else { return true };
        match person.role {
            Role::Admin => self.admins,
            Role::Patient => self.patients.contains(&person.id),
            Role::Physician | Role::Nurse => person.stands_for().is_some_and(|physician| {
                self.physicians.contains(physician)
                    || self.pools.iter().any(|pool| person.specialties.contains(pool))
            }),
            Role::Other(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{ConsultationId, Timestamp, Urgency};
    use proptest::{collection::vec, prelude::*, sample::select};
    use serde_json::Map;

    use super::*;
    use crate::{
        Sources,
        op::ConsultationFilter,
        store::{Store, StoreError},
    };

    fn actor() -> impl Strategy<Value = Actor> {
        let role =
            select(vec![Role::Patient, Role::Physician, Role::Admin, Role::Nurse, Role::from("auditor")]);
        let pools = vec(select(SpecialtyCode::ALL), 0..3);
        prop_oneof![
            1 => Just(Actor::Machine("gateway".to_owned())),
            8 => (select(vec!["x-1", "x-2", ""]), role, pools, select(vec![None, Some("x-1"), Some("x-3")])).prop_map(|(id, role, specialties, physician)| {
                let delegates_for = physician.map(PersonId::new);
                Actor::Person(Person { id: PersonId::new(id), role, specialties, delegates_for, session: None, via: None })
            }),
        ]
    }

    fn consultation() -> impl Strategy<Value = Consultation> {
        let person = select(vec!["x-1", "x-2", "x-3"]);
        let owner = prop_oneof![Just(None), person.clone().prop_map(Some)];
        (person, owner, select(SpecialtyCode::ALL), select(ConsultationStatus::ALL)).prop_map(
            |(patient, owner, specialty, status)| Consultation {
                id: ConsultationId::new(""),
                patient_id: PersonId::new(patient),
                physician_id: owner.map(PersonId::new),
                specialty,
                urgency: Urgency::Routine,
                description: String::new(),
                status,
                created_at: Timestamp::from_millis(0),
                updated_at: Timestamp::from_millis(0),
                version: 1,
                history: Vec::new(),
                metadata: Map::new(),
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_list_shows_exactly_what_may_be_seen_one_by_one(actor in actor(), mut records in vec(consultation(), 1..30)) {
            let store = Store::open(None, &Sources::system(), 100, 1).unwrap();
            for (n, record) in records.iter_mut().enumerate() {
                record.id = ConsultationId::new(format!("c-{n:02}"));
            }
            let expected: Vec<_> = records.iter().filter(|record| sees(&actor, record)).map(|record| record.id.clone()).collect();
            let filter = ConsultationFilter { limit: 100, ..ConsultationFilter::default() };
            let (listed, total) = store.run_now::<_, StoreError, _>(|tx| {
                for record in &records {
                    tx.seed_consultation(record)?;
                }
                tx.consultations(&consultations_seen_by(&actor), &filter)
            }).unwrap();
            let mut listed: Vec<Consultation> = listed.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            listed.sort_by(|a, b| a.id.cmp(&b.id));
            prop_assert_eq!(usize::try_from(total).unwrap(), expected.len());
            prop_assert_eq!(listed.into_iter().map(|record| record.id).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn who_sees_a_record_before_or_after_hears_of_its_change(
            actor in actor(), before in consultation(), after in consultation(),
        ) {
            let after = Consultation { patient_id: before.patient_id.clone(), ..after };
            let heard = Audience::of_change(Some(&before), &after).includes(&actor);
            prop_assert_eq!(heard, sees(&actor, &before) || sees(&actor, &after));
        }
    }

    #[test]
    fn a_token_that_lacks_a_field_sees_less_and_never_everything() {
        for role in ["physician", "patient", "", "nurse"] {
            let person = Person {
                id: PersonId::new(""),
                role: Role::from(role),
                specialties: vec![SpecialtyCode::Cardiology],
                delegates_for: None,
                session: None,
                via: None,
            };
            let actor = Actor::Person(person);
            assert!(!actor.oversees());
            assert!(!consultations_seen_by(&actor).contains(&Part::All), "{role}");
            assert_ne!(appointments_seen_by(&actor).sql, "1", "{role}");
            assert_ne!(patients_seen_by(&actor).sql, "1", "{role}");
        }
    }
}
