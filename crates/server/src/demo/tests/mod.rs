mod calendar;
mod consultations;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use chatehr_contract::{
    ConsultationStatus, Decline, MessageKind, NewConsultation, NewMessage, PersonId, Role, SpecialtyCode,
    Timestamp, Urgency,
};
use serde_json::Map;

use super::{Clinic, arrival, arrivals::ARRIVALS, clinic, midnight};

const DAY: i64 = 86_400;

/// Every day of the week, both ends of a day, a leap day, the turn of a year.
const INSTANTS: &[&str] = &[
    "2026-11-23T15:13:07.250Z",
    "2026-11-23T00:00:00.000Z",
    "2026-11-24T23:59:59.999Z",
    "2026-11-25T18:59:00.000Z",
    "2026-11-27T08:15:00.000Z",
    "2026-11-28T12:00:00.000Z",
    "2026-11-29T04:10:00.000Z",
    "2028-02-29T12:30:00.000Z",
    "2026-12-31T17:45:30.000Z",
];

/// The clinic at each of them, made once for all tests.
static CLINICS: LazyLock<Vec<(Timestamp, Clinic)>> = LazyLock::new(|| {
    let instants = INSTANTS.iter().map(|instant| instant.parse().unwrap());
    instants.map(|now| (now, clinic(now))).collect()
});

fn each(check: impl Fn(Timestamp, &Clinic)) {
    for (now, clinic) in CLINICS.iter() {
        check(*now, clinic);
    }
}

fn okafor() -> PersonId {
    PersonId::new("physician-12")
}

fn count<'a, T: Ord + 'a>(items: impl Iterator<Item = &'a T>) -> BTreeMap<&'a T, usize> {
    items.fold(BTreeMap::new(), |mut counts, item| {
        *counts.entry(item).or_default() += 1;
        counts
    })
}

#[test]
fn the_clinic_has_the_size_it_promises() {
    each(|_, clinic| {
        assert_eq!(clinic.patients.len(), 60);
        assert_eq!(clinic.physicians.len(), 14);
        assert_eq!(clinic.accounts.len(), 6);
        assert_eq!(clinic.consultations.len(), 80);
        assert_eq!(clinic.appointments.len(), 150);
        assert_eq!(clinic.messages.len(), 400);
        let statuses = count(clinic.consultations.iter().map(|consultation| &consultation.status));
        let expected = [
            (ConsultationStatus::Pending, 18),
            (ConsultationStatus::Assigned, 14),
            (ConsultationStatus::InProgress, 14),
            (ConsultationStatus::Completed, 26),
            (ConsultationStatus::Cancelled, 8),
        ];
        assert_eq!(statuses, expected.iter().map(|(status, n)| (status, *n)).collect());
    });
}

#[test]
fn every_specialty_has_a_physician_and_a_consultation() {
    each(|_, clinic| {
        for specialty in SpecialtyCode::ALL {
            assert!(
                clinic.physicians.iter().any(|physician| physician.specialties.contains(specialty)),
                "{specialty}"
            );
            assert!(
                clinic.consultations.iter().any(|consultation| consultation.specialty == *specialty),
                "{specialty}"
            );
        }
        assert!(clinic.physicians.iter().filter(|physician| physician.specialties.len() > 1).count() >= 3);
    });
}

#[test]
fn the_sign_in_screen_offers_six_people_of_the_clinic() {
    each(|_, clinic| {
        let codes: Vec<_> = clinic
            .accounts
            .iter()
            .map(|account| (account.code.as_str(), account.role.as_str(), account.name.spoken()))
            .collect();
        let expected = [
            ("482913", "physician", "Amara Okafor"),
            ("615208", "physician", "Elin Lindqvist"),
            ("205117", "patient", "Marta Szymańska"),
            ("730442", "patient", "Lucía García Márquez"),
            ("918364", "admin", "Ruth Feldman"),
            ("537064", "nurse", "Abena Mensah"),
        ];
        assert_eq!(codes, expected.map(|(code, role, name)| (code, role, name.to_owned())));
        let marta =
            clinic.patients.iter().find(|patient| patient.id == PersonId::new("patient-2041")).unwrap();
        assert_eq!(
            (marta.birth_date.as_str(), marta.allergies.as_slice()),
            ("1959-03-14", &["penicillin".to_owned()][..])
        );
        for account in &clinic.accounts {
            let known = match account.role {
                Role::Patient => clinic.patients.iter().any(|patient| patient.id == account.id),
                Role::Physician => clinic.physicians.iter().any(|physician| {
                    physician.id == account.id && physician.specialties == account.specialties
                }),
                Role::Nurse => clinic
                    .physicians
                    .iter()
                    .any(|physician| account.delegates_for.as_ref() == Some(&physician.id)),
                _ => true,
            };
            assert!(known, "{}", account.id);
        }
    });
}

#[test]
fn patients_are_of_every_age_and_a_third_has_allergies() {
    each(|now, clinic| {
        let ages: Vec<i64> = clinic
            .patients
            .iter()
            .map(|patient| {
                let born: Timestamp = format!("{}T00:00:00Z", patient.birth_date).parse().unwrap();
                now.seconds_since(born) / DAY
            })
            .collect();
        assert!(ages.iter().all(|days| (180..=97 * 366).contains(days)));
        assert!(ages.iter().any(|days| *days < 220) && ages.iter().any(|days| *days > 96 * 365));
        assert!(ages.iter().filter(|days| **days < 18 * 365).count() >= 10);
        assert!(
            (18..=22)
                .contains(&clinic.patients.iter().filter(|patient| !patient.allergies.is_empty()).count())
        );
        assert!(clinic.patients.iter().any(|patient| patient.name.family.is_empty()));
        assert!(clinic.patients.iter().any(|patient| patient.name.spoken().chars().count() > 60));
    });
}

#[test]
fn children_are_seen_for_childrens_complaints_alone() {
    each(|now, clinic| {
        let grown = midnight(now).plus_seconds(-18 * 366 * DAY).to_string();
        for consultation in
            clinic.consultations.iter().filter(|one| one.specialty == SpecialtyCode::Pediatrics)
        {
            let patient =
                clinic.patients.iter().find(|patient| patient.id == consultation.patient_id).unwrap();
            assert!(patient.birth_date > grown, "{}", patient.id);
        }
    });
}

#[test]
fn every_id_is_used_once_and_points_at_somebody() {
    each(|_, clinic| {
        let patients: BTreeSet<_> = clinic.patients.iter().map(|patient| &patient.id).collect();
        let physicians: BTreeMap<_, _> =
            clinic.physicians.iter().map(|one| (&one.id, &one.specialties)).collect();
        let consultations: BTreeMap<_, _> = clinic.consultations.iter().map(|one| (&one.id, one)).collect();
        assert_eq!(patients.len(), 60);
        assert_eq!(physicians.len(), 14);
        assert_eq!(consultations.len(), 80);
        assert_eq!(clinic.appointments.iter().map(|one| &one.id).collect::<BTreeSet<_>>().len(), 150);
        assert_eq!(clinic.messages.iter().map(|one| &one.id).collect::<BTreeSet<_>>().len(), 400);
        for consultation in &clinic.consultations {
            assert!(patients.contains(&consultation.patient_id), "{}", consultation.patient_id);
            if let Some(physician) = &consultation.physician_id {
                assert!(physicians[physician].contains(&consultation.specialty), "{}", consultation.id);
            }
        }
        for appointment in &clinic.appointments {
            assert!(patients.contains(&appointment.patient_id));
            assert!(physicians.contains_key(&appointment.physician_id));
            if let Some(id) = &appointment.consultation_id {
                let consultation = consultations[id];
                assert_eq!(consultation.patient_id, appointment.patient_id);
                assert_eq!(consultation.physician_id.as_ref(), Some(&appointment.physician_id));
                assert!(consultation.created_at < appointment.date_time);
                assert!(consultation.created_at <= appointment.created_at);
            }
        }
        for arrival in (0..26).map(arrival) {
            assert!(patients.contains(&arrival.patient_id));
        }
    });
}

#[test]
fn every_text_is_one_that_the_server_would_take() {
    each(|_, clinic| {
        for consultation in &clinic.consultations {
            let request = NewConsultation {
                patient_id: consultation.patient_id.clone(),
                specialty: consultation.specialty.clone(),
                urgency: consultation.urgency.clone(),
                description: consultation.description.clone(),
                physician_id: None,
                metadata: Map::new(),
            };
            assert_eq!(request.problems(), []);
            for reason in consultation.history.iter().filter_map(|entry| entry.note.clone()) {
                assert_eq!(Decline { reason }.problems(), []);
            }
        }
        for message in &clinic.messages {
            let request = NewMessage {
                to_id: message.to_id.clone(),
                consultation_id: message.consultation_id.clone(),
                content: message.text.clone(),
                kind: MessageKind::Text,
                metadata: Map::new(),
            };
            assert_eq!(request.problems(), []);
        }
    });
}

fn bytes(clinic: &Clinic) -> String {
    let messages: Vec<_> = clinic
        .messages
        .iter()
        .map(|one| (&one.id, &one.consultation_id, &one.from_id, &one.to_id, &one.text, one.at))
        .collect();
    serde_json::to_string(&(
        (&clinic.patients, &clinic.physicians, &clinic.accounts),
        (&clinic.consultations, &clinic.appointments, messages),
    ))
    .unwrap()
}

#[test]
fn the_same_instant_gives_the_same_clinic_to_the_byte() {
    each(|now, one| assert_eq!(bytes(one), bytes(&clinic(now))));
    let [a, b] = ["2026-11-23T15:13:07.250Z", "2026-11-23T15:13:08.250Z"]
        .map(|now| bytes(&clinic(now.parse().unwrap())));
    assert_ne!(a, b);
}

#[test]
fn live_mode_begins_with_an_urgent_heart_and_goes_round() {
    let first = arrival(0);
    assert_eq!((first.specialty, first.urgency), (SpecialtyCode::Cardiology, Urgency::Urgent));
    let round = u32::try_from(ARRIVALS.len()).unwrap();
    assert!(round >= 24);
    assert_eq!(arrival(round).description, first.description);
    assert_ne!(arrival(1).description, first.description);
    let emergencies = ARRIVALS.iter().filter(|row| row.2 == Urgency::Emergency).count();
    assert!((2..=4).contains(&emergencies));
    let mostly = ARRIVALS
        .iter()
        .filter(|row| matches!(row.1, SpecialtyCode::Cardiology | SpecialtyCode::PrimaryCare))
        .count();
    assert!(mostly * 4 >= ARRIVALS.len() * 3);
    for arrival in (0..round).map(arrival) {
        let request = NewConsultation {
            patient_id: arrival.patient_id,
            specialty: arrival.specialty,
            urgency: arrival.urgency,
            description: arrival.description,
            physician_id: None,
            metadata: Map::new(),
        };
        assert_eq!(request.problems(), []);
    }
}
