//! People in the store.

use chatehr_contract::{Account, Availability, Patient, PersonId, Physician, SpecialtyCode};
use rusqlite::params;

use super::{StoreError, Tx};
use crate::visibility::Condition;

impl Tx<'_> {
    /// Patients within what the reader sees: one by id, or those whose name or id contains the words.
    pub(crate) fn patients(
        &self,
        seen: &Condition,
        id: Option<&str>,
        words: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Patient>, StoreError> {
        let mut parameters = seen.parameters();
        let mut query = format!("SELECT record FROM patients WHERE ({})", seen.sql);
        if id.is_some() {
            query.push_str(" AND id = :id");
            parameters.push((":id", &id));
        }
        query.push_str(" ORDER BY record ->> '$.name.family', record ->> '$.name.given', id");
        let mut found: Vec<Patient> = self.records(&query, parameters.as_slice())?;
        if let Some(words) = words {
            // Here and not in SQL: its LIKE folds the case of ASCII alone, and names are not ASCII.
            let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
            found.retain(|patient| {
                let text = format!("{} {}", patient.name.spoken(), patient.id).to_lowercase();
                words.iter().all(|word| text.contains(word))
            });
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// Whether the directory has anybody.
    pub(crate) fn knows_patients(&self) -> Result<bool, StoreError> {
        Ok(self.count("SELECT EXISTS (SELECT 1 FROM patients)", [])? > 0)
    }

    pub(crate) fn physician(&self, id: &str) -> Result<Option<Physician>, StoreError> {
        self.record("SELECT record FROM physicians WHERE id = ?1", [id])
    }

    /// All of them, or those of one specialty, by name.
    pub(crate) fn physicians(&self, specialty: Option<&str>) -> Result<Vec<Physician>, StoreError> {
        self.records(
            "SELECT record FROM physicians WHERE ?1 IS NULL \
             OR EXISTS (SELECT 1 FROM json_each(record, '$.specialties') WHERE value = ?1) \
             ORDER BY record ->> '$.name.family', record ->> '$.name.given', id",
            [specialty],
        )
    }

    /// Those of the specialty whom an urgent request is offered to first, in the order in which they are asked: round
    /// the list, from a place that `turn` gives, so that not everything falls to the first.
    pub(crate) fn on_call(&self, specialty: &SpecialtyCode, turn: &str) -> Result<Vec<PersonId>, StoreError> {
        let mut on_call: Vec<PersonId> = self
            .physicians(Some(specialty.as_str()))?
            .into_iter()
            .filter(|physician| physician.on_call && physician.availability != Availability::Away)
            .map(|physician| physician.id)
            .collect();
        on_call.sort();
        let count = on_call.len();
        if count > 0 {
            let turn = turn.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            on_call.rotate_left(turn % count);
        }
        Ok(on_call)
    }

    pub(crate) fn put_physician(&self, physician: &Physician) -> Result<(), StoreError> {
        self.put(
            "INSERT INTO physicians VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            physician.id.as_str(),
            physician,
        )
    }

    pub(crate) fn account(&self, code: &str) -> Result<Option<Account>, StoreError> {
        self.record("SELECT record FROM accounts WHERE code = ?1", [code])
    }

    /// In the seed's order.
    pub(crate) fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.records("SELECT record FROM accounts ORDER BY place", [])
    }

    pub(crate) fn seed_people(
        &self,
        patients: &[Patient],
        physicians: &[Physician],
        accounts: &[Account],
    ) -> Result<(), StoreError> {
        for patient in patients {
            self.put("INSERT INTO patients VALUES (?1, ?2)", patient.id.as_str(), patient)?;
        }
        for physician in physicians {
            self.put("INSERT INTO physicians VALUES (?1, ?2)", physician.id.as_str(), physician)?;
        }
        for (place, account) in (0_i64..).zip(accounts) {
            self.sql.execute(
                "INSERT INTO accounts VALUES (?1, ?2, ?3)",
                params![account.code, place, serde_json::to_string(account)?],
            )?;
        }
        Ok(())
    }
}
