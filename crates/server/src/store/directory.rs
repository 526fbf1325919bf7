//! People in the store.

use chatehr_contract::{Account, Patient, Physician};
use rusqlite::{named_params, params};

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
        let query = format!(
            "SELECT record FROM patients WHERE ({}) AND (:pools IS NOT NULL AND :me IS NOT NULL) \
             AND (:id IS NULL OR id = :id) \
             ORDER BY record ->> '$.name.family', record ->> '$.name.given', id",
            seen.sql
        );
        let mut found: Vec<Patient> =
            self.records(&query, named_params! { ":me": seen.me, ":pools": seen.pools, ":id": id })?;
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
