//! Appointments in the store.

use chatehr_contract::{Appointment, EventKind};
use rusqlite::ToSql;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{StoreError, Tx};
use crate::{
    op::AppointmentFilter,
    visibility::{Audience, Condition},
};

/// An appointment and how often it has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AppointmentWithAnswer)]
pub(crate) struct StoredAppointment {
    #[serde(flatten)]
    pub(crate) record: Appointment,
    /// How often it has changed.
    pub(crate) version: u64,
    /// The patient's word on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = answer)]
    pub(crate) response: Option<Value>,
}

/// `response` as [`StoredAppointment`] keeps it.
fn answer() -> utoipa::openapi::Object {
    use utoipa::{
        PartialSchema,
        openapi::{
            ObjectBuilder,
            schema::{SchemaType, Type},
        },
    };
    let comment = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    ObjectBuilder::new()
        .property("participantStatus", chatehr_contract::ParticipantStatus::schema())
        .property("comment", comment)
        .property("at", chatehr_contract::Timestamp::schema())
        .required("participantStatus")
        .required("comment")
        .required("at")
        .build()
}

impl Tx<'_> {
    pub(crate) fn appointment(&self, id: &str) -> Result<Option<StoredAppointment>, StoreError> {
        self.record("SELECT record FROM appointments WHERE id = ?1", [id])
    }

    /// All that match, soonest first.
    pub(crate) fn appointments(
        &self,
        seen: &Condition,
        filter: &AppointmentFilter,
    ) -> Result<Vec<String>, StoreError> {
        let mut query = format!("SELECT record FROM appointments WHERE ({})", seen.sql);
        let mut parameters: Vec<(&str, &dyn ToSql)> = seen.parameters();
        let from = filter.from.map(|at| at.to_string());
        let to = filter.to.map(|at| at.to_string());
        for (condition, name, value) in [
            (" AND patient_id = :patient", ":patient", &filter.patient),
            (" AND physician_id = :physician", ":physician", &filter.physician),
            (" AND date_time >= :from", ":from", &from),
            (" AND date_time <= :to", ":to", &to),
        ] {
            if value.is_some() {
                query.push_str(condition);
                parameters.push((name, value));
            }
        }
        query.push_str(" ORDER BY date_time, id");
        self.texts(&query, parameters.as_slice())
    }

    /// A page by id, for who starts from nothing.
    pub(crate) fn appointments_from(
        &self,
        seen: &Condition,
        after: &str,
        limit: u32,
    ) -> Result<Vec<StoredAppointment>, StoreError> {
        let mut parameters = seen.parameters();
        parameters.push((":after", &after));
        self.records(
            &format!(
                "SELECT record FROM appointments WHERE ({}) AND id > :after ORDER BY id LIMIT {limit}",
                seen.sql
            ),
            parameters.as_slice(),
        )
    }

    /// Stores it as it is now and tells the two whose it is.
    pub(crate) fn put_appointment(&self, after: &StoredAppointment) -> Result<(), StoreError> {
        self.seed_appointment(after)?;
        let kind = EventKind::AppointmentChanged { appointment_id: after.record.id.clone() };
        let audience = Audience {
            patients: vec![after.record.patient_id.clone()],
            physicians: vec![after.record.physician_id.clone()],
            pools: Vec::new(),
            admins: true,
        };
        self.tell(kind, audience)
    }

    /// Stores it and tells nobody.
    pub(crate) fn seed_appointment(&self, appointment: &StoredAppointment) -> Result<(), StoreError> {
        self.put(
            "INSERT INTO appointments (id, record) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            appointment.record.id.as_str(),
            appointment,
        )
    }
}
