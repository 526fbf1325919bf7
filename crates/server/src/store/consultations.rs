//! Consultations in the store.

use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, EscalationState, EventKind, PersonId, SpecialtyCode,
    Timestamp, Urgency,
};
use rusqlite::{ToSql, params};

use super::{StoreError, Tx};
use crate::{
    op::ConsultationFilter,
    visibility::{Audience, Part},
};

impl Tx<'_> {
    pub(crate) fn consultation(&self, id: &ConsultationId) -> Result<Option<Consultation>, StoreError> {
        self.record("SELECT record FROM consultations WHERE id = ?1", [id.as_str()])
    }

    /// A page and the number of all that match.
    pub(crate) fn consultations(
        &self,
        seen: &[Part],
        filter: &ConsultationFilter,
    ) -> Result<(Vec<String>, u64), StoreError> {
        let mut query = Query::of(seen);
        query.only("status", filter.status.as_ref().map(ConsultationStatus::as_str));
        query.only("specialty", filter.specialty.as_ref().map(SpecialtyCode::as_str));
        query.only("urgency", filter.urgency.as_ref().map(Urgency::as_str));
        query.only("patient_id", filter.patient.as_deref());
        query.only("physician_id", filter.physician.as_deref());
        let total = self.count(&query.count(), query.parameters().as_slice())?;
        let order = if filter.triage { "rank, created_at, id" } else { "created_at DESC, id DESC" };
        let page = query.page(order, filter.limit, filter.offset);
        Ok((self.texts(&page, query.parameters().as_slice())?, total))
    }

    /// A page by id, for who starts from nothing.
    pub(crate) fn consultations_from(
        &self,
        seen: &[Part],
        after: &str,
        limit: u32,
    ) -> Result<Vec<Consultation>, StoreError> {
        let mut query = Query::of(seen);
        query.after(after);
        self.records(&query.page("id", limit, 0), query.parameters().as_slice())
    }

    /// Those whose next step is due, the longest overdue first.
    pub(crate) fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Consultation>, StoreError> {
        self.records(
            "SELECT record FROM consultations WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at, id LIMIT ?2",
            (now.to_string(), limit),
        )
    }

    /// How many wait for a step, and how many of those for one that is due.
    pub(crate) fn waiting(&self, now: Timestamp) -> Result<(u64, u64), StoreError> {
        Ok((
            self.count("SELECT count(*) FROM consultations WHERE due_at IS NOT NULL", [])?,
            self.count("SELECT count(*) FROM consultations WHERE due_at <= ?1", [now.to_string()])?,
        ))
    }

    /// Stores it as it is now and tells those who see it, and those who saw it `before`.
    pub(crate) fn put_consultation(
        &self,
        before: Option<&Consultation>,
        after: &Consultation,
    ) -> Result<(), StoreError> {
        self.seed_consultation(after)?;
        let stayed = before.is_some_and(|before| {
            (&before.status, &before.physician_id, &before.specialty)
                == (&after.status, &after.physician_id, &after.specialty)
                && before.metadata.get("escalation") != after.metadata.get("escalation")
        });
        let (consultation_id, version, urgency) = (after.id.clone(), after.version, after.urgency.clone());
        let kind = if stayed {
            EventKind::EscalationChanged { consultation_id, version, urgency }
        } else {
            EventKind::ConsultationChanged { consultation_id, version, urgency }
        };
        self.tell(kind, Audience::of_change(before, after))
    }

    /// Stores it and tells nobody. The columns are what the record says, and nothing else writes them.
    pub(crate) fn seed_consultation(&self, consultation: &Consultation) -> Result<(), StoreError> {
        let due_at = consultation
            .escalation()
            .filter(|escalation| {
                consultation.status == ConsultationStatus::Pending
                    && escalation.state != EscalationState::NoRecipients
            })
            .map(|escalation| escalation.ack_due_at.to_string());
        self.sql
            .prepare_cached(
                "INSERT OR REPLACE INTO consultations (id, record, patient_id, physician_id, specialty, status, \
                 urgency, created_at, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                consultation.id.as_str(),
                serde_json::to_string(consultation)?,
                consultation.patient_id.as_str(),
                consultation.physician_id.as_ref().map(PersonId::as_str),
                consultation.specialty.as_str(),
                consultation.status.as_str(),
                consultation.urgency.as_str(),
                consultation.created_at.to_string(),
                due_at,
            ])?;
        Ok(())
    }
}

/// A question over the parts that somebody sees. Each part is asked by itself, in the order of its own index, and SQLite
/// merges them; a condition with OR over all of them would read every record there is.
struct Query {
    parts: Vec<String>,
    values: Vec<String>,
    rest: String,
}

impl Query {
    fn of(seen: &[Part]) -> Self {
        let mut query = Self { parts: Vec::new(), values: Vec::new(), rest: String::new() };
        for part in seen {
            let condition = match part {
                Part::All => "1".to_owned(),
                Part::OfPatient(id) => format!("patient_id = {}", query.value(id.as_str())),
                Part::OfPhysician(id) => format!("physician_id = {}", query.value(id.as_str())),
                Part::Pool(specialty) => format!(
                    "status = 'pending' AND physician_id IS NULL AND specialty = {}",
                    query.value(specialty.as_str())
                ),
            };
            query.parts.push(condition);
        }
        if query.parts.is_empty() {
            query.parts.push("0".to_owned());
        }
        query
    }

    /// Binds a value and says under which name.
    fn value(&mut self, value: &str) -> String {
        self.values.push(value.to_owned());
        format!("?{}", self.values.len())
    }

    fn only(&mut self, column: &str, value: Option<&str>) {
        if let Some(value) = value {
            let name = self.value(value);
            self.rest.push_str(&format!(" AND {column} = {name}"));
        }
    }

    fn after(&mut self, id: &str) {
        let name = self.value(id);
        self.rest.push_str(&format!(" AND id > {name}"));
    }

    fn count(&self) -> String {
        if self.parts == ["1"] && self.rest.is_empty() {
            // Without any condition SQLite counts pages and not rows.
            return "SELECT count(*) FROM consultations".to_owned();
        }
        let counts: Vec<String> = self
            .parts
            .iter()
            .map(|part| format!("(SELECT count(*) FROM consultations WHERE {part}{})", self.rest))
            .collect();
        format!("SELECT {}", counts.join(" + "))
    }

    /// Finds a page in the indices, and reads its records only then.
    fn page(&self, order: &str, limit: u32, offset: u32) -> String {
        let columns =
            "id, created_at, CASE urgency WHEN 'emergency' THEN 0 WHEN 'routine' THEN 2 ELSE 1 END AS rank";
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| format!("SELECT {columns} FROM consultations WHERE {part}{}", self.rest))
            .collect();
        let outer: Vec<String> = order.split(", ").map(|term| format!("page.{term}")).collect();
        format!(
            "SELECT record FROM ({} ORDER BY {order} LIMIT {limit} OFFSET {offset}) AS page \
             JOIN consultations ON consultations.id = page.id ORDER BY {}",
            parts.join(" UNION ALL "),
            outer.join(", ")
        )
    }

    fn parameters(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(|value| value as &dyn ToSql).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sources, store::Store};

    fn plan(query: &str, values: usize) -> String {
        let store = Store::open(None, &Sources::system(), 10, 1).unwrap();
        store
            .run_now::<_, StoreError, _>(|tx| {
                let mut statement = tx.sql.prepare(&format!("EXPLAIN QUERY PLAN {query}"))?;
                let none = vec![rusqlite::types::Null; values];
                let rows = statement
                    .query_map(rusqlite::params_from_iter(none), |row| row.get::<_, String>(3))?
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(rows.join("\n"))
            })
            .unwrap()
    }

    #[test]
    fn a_list_reads_its_indices_in_order_and_no_record_that_it_does_not_show() {
        let physician = vec![
            Part::OfPhysician(PersonId::new("d-1")),
            Part::Pool(SpecialtyCode::Cardiology),
            Part::Pool(SpecialtyCode::Neurology),
        ];
        let mut plans = Vec::new();
        for seen in [vec![Part::All], vec![Part::OfPatient(PersonId::new("p-1"))], physician] {
            let mut query = Query::of(&seen);
            plans.push(plan(&query.count(), query.values.len()));
            plans.push(plan(&query.page("created_at DESC, id DESC", 20, 0), query.values.len()));
            query.only("status", Some("pending"));
            plans.push(plan(&query.count(), query.values.len()));
        }
        let plans = plans.join("\n\n");
        let unindexed = |line: &&str| line.contains("consultations") && !line.contains("INDEX");
        assert_eq!(plans.lines().find(unindexed), None, "{plans}");
        insta::assert_snapshot!(plans);
    }
}
