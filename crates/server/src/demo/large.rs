//! A clinic of any size, for measuring: the same number gives the same people, requests and conversations.

use chatehr_contract::{
    Appointment, AppointmentId, AppointmentStatus, Availability, Consultation, ConsultationId,
    ConsultationStatus, HistoryEntry, MessageId, Patient, PersonId, PersonName, Physician, Sex,
    SpecialtyCode, Timestamp, Urgency,
};
use serde_json::Map;

use super::DemoMessage;

/// Physicians, whatever the number of consultations.
const PHYSICIANS: u32 = 50;
/// Every so-many-th consultation has a long conversation.
const LONG_EVERY: u32 = 50;
/// Messages of a long conversation, and of another that was taken.
const LONG: u32 = 80;
const SHORT: u32 = 2;
/// Seconds between two requests.
const APART: i64 = 37;

/// `physician-1` to `physician-50`, over all specialties.
pub(crate) fn physicians() -> Vec<Physician> {
    (1..=PHYSICIANS)
        .map(|n| Physician {
            id: PersonId::new(format!("physician-{n}")),
            name: PersonName { family: format!("Physician {n}"), given: vec!["Sam".to_owned()] },
            specialties: vec![specialty(n)],
            on_call: n <= 12,
            availability: Availability::Available,
        })
        .collect()
}

/// One for every four consultations.
pub(crate) fn patients(consultations: u32) -> Vec<Patient> {
    (1..=consultations.div_ceil(4))
        .map(|n| Patient {
            id: PersonId::new(format!("patient-{n}")),
            name: PersonName { family: format!("Patient {n}"), given: vec!["Alex".to_owned()] },
            birth_date: format!("19{:02}-{:02}-{:02}", 30 + n % 70, 1 + n % 12, 1 + n % 28),
            sex: Sex::Unknown,
            language: Some("en".to_owned()),
            allergies: Vec::new(),
        })
        .collect()
}

/// The n-th of so many: the oldest first, the last just now.
pub(crate) fn case(n: u32, of: u32, now: Timestamp) -> (Consultation, Vec<DemoMessage>, Option<Appointment>) {
    let created = now.plus_seconds(-APART * i64::from(of - n));
    let long = n.is_multiple_of(LONG_EVERY);
    let status = match n % 10 {
        0 => ConsultationStatus::InProgress,
        1 | 2 => ConsultationStatus::Pending,
        3 | 4 => ConsultationStatus::Assigned,
        5 => ConsultationStatus::Cancelled,
        _ => ConsultationStatus::Completed,
    };
    let taken = matches!(
        status,
        ConsultationStatus::Assigned | ConsultationStatus::InProgress | ConsultationStatus::Completed
    );
    let patient = PersonId::new(format!("patient-{}", 1 + (n - 1) % of.div_ceil(4)));
    let physician = PersonId::new(format!("physician-{}", 1 + n % PHYSICIANS));
    let consultation = Consultation {
        id: ConsultationId::new(format!("consultation-{n}")),
        patient_id: patient.clone(),
        physician_id: taken.then(|| physician.clone()),
        specialty: specialty(1 + n % PHYSICIANS),
        urgency: if n.is_multiple_of(7) { Urgency::Urgent } else { Urgency::Routine },
        description: format!("Request {n}: the pain in my left knee has come back after the walk on Sunday."),
        status,
        created_at: created,
        updated_at: created,
        version: 1,
        history: vec![HistoryEntry {
            at: created,
            actor_id: Some(patient.clone()),
            action: "created".to_owned(),
            from: None,
            to: Some(ConsultationStatus::Pending),
            note: None,
        }],
        metadata: Map::new(),
    };
    let count = match (taken, long) {
        (true, true) => LONG,
        (true, false) => SHORT,
        (false, _) => 0,
    };
    let messages = (0..count)
        .map(|place| {
            let (from, to) = if place % 2 == 0 { (&physician, &patient) } else { (&patient, &physician) };
            DemoMessage {
                id: MessageId::new(format!("message-{n}-{place}")),
                consultation_id: consultation.id.clone(),
                from_id: from.clone(),
                to_id: to.clone(),
                text: format!("Message {place} of request {n}: it is better when I rest, worse on stairs."),
                at: created.plus_seconds(60 + i64::from(place)),
            }
        })
        .collect();
    let appointment = (taken && n.is_multiple_of(5)).then(|| Appointment {
        id: AppointmentId::new(format!("appointment-{n}")),
        patient_id: patient.clone(),
        physician_id: physician.clone(),
        consultation_id: Some(consultation.id.clone()),
        date_time: now.plus_seconds(3600 * i64::from(n % 720)),
        duration: 30,
        kind: "consultation".to_owned(),
        status: AppointmentStatus::Booked,
        notes: String::new(),
        created_at: created,
        updated_at: created,
    });
    (consultation, messages, appointment)
}

fn specialty(n: u32) -> SpecialtyCode {
    let all = SpecialtyCode::ALL;
    let place = usize::try_from(n).unwrap_or_default() % all.len();
    all.get(place).cloned().unwrap_or(SpecialtyCode::PrimaryCare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_a_case_is_a_physician_of_its_specialty() {
        let physicians = physicians();
        for n in 1..=500 {
            let (consultation, messages, _) = case(n, 500, Timestamp::from_millis(0));
            assert_eq!(consultation.physician_id.is_some(), !messages.is_empty());
            let Some(owner) = consultation.physician_id else { continue };
            let owner = physicians.iter().find(|physician| physician.id == owner).unwrap();
            assert!(owner.specialties.contains(&consultation.specialty));
        }
        assert_eq!(case(50, 500, Timestamp::from_millis(0)).1.len(), 80);
    }
}
