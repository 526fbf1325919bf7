use chatehr_contract::{AppointmentStatus, SpecialtyCode, Timestamp};

use super::{DAY, count, each, okafor};
use crate::demo::{clinic, midnight, people::CHILDREN};

#[test]
fn nobody_is_in_two_places_at_once() {
    each(|_, clinic| {
        for (i, a) in clinic.appointments.iter().enumerate() {
            let end = a.date_time.plus_seconds(i64::from(a.duration) * 60);
            for b in clinic.appointments.iter().skip(i + 1).filter(|b| b.date_time < end) {
                assert!(a.physician_id != b.physician_id && a.patient_id != b.patient_id, "{a:?} {b:?}");
            }
        }
    });
}

#[test]
fn the_calendar_agrees_with_the_clock() {
    each(|now, clinic| {
        for one in &clinic.appointments {
            let end = one.date_time.plus_seconds(i64::from(one.duration) * 60);
            let fits = match one.status {
                AppointmentStatus::Fulfilled | AppointmentStatus::NoShow => end <= now,
                AppointmentStatus::Arrived => one.date_time <= now && now < end,
                AppointmentStatus::Booked | AppointmentStatus::Proposed => one.date_time > now,
                AppointmentStatus::Cancelled => true,
                _ => false,
            };
            assert!(fits, "{one:?}");
            assert!(one.created_at <= one.updated_at && one.updated_at <= now, "{one:?}");
            assert!(one.created_at < one.date_time, "{one:?}");
            let day = midnight(one.date_time).seconds_since(midnight(now)) / DAY;
            assert!((-30..=30).contains(&day));
            if !(day == 0 && one.physician_id == okafor()) {
                let into = one.date_time.seconds_since(midnight(one.date_time));
                assert!(into >= 8 * 3600 && into + i64::from(one.duration) * 60 <= 17 * 3600, "{one:?}");
            }
        }
        let statuses = count(clinic.appointments.iter().map(|one| &one.status));
        for status in ["fulfilled", "noshow", "cancelled", "booked", "proposed"] {
            assert!(
                statuses.get(&AppointmentStatus::from(status)).is_some_and(|n| *n >= 2),
                "{status}: {statuses:?}"
            );
        }
        let of_physician = count(clinic.appointments.iter().map(|one| &one.physician_id));
        assert_eq!(of_physician.len(), 14);
        assert!(of_physician.values().all(|n| *n >= 3), "{of_physician:?}");
    });
}

#[test]
fn dr_okafors_day_lies_around_now_and_her_week_is_filled() {
    each(|now, clinic| {
        let on = |day: i64| {
            let begin = midnight(now).plus_seconds(day * DAY);
            clinic
                .appointments
                .iter()
                .filter(move |one| one.physician_id == okafor() && midnight(one.date_time) == begin)
        };
        assert!((6..=9).contains(&on(0).count()));
        let monday = -(midnight(now).millis() / 86_400_000 + 3).rem_euclid(7);
        for day in (monday..monday + 5).filter(|day| *day != 0) {
            assert!(on(day).count() >= 3, "day {day}: {}", on(day).count());
        }
    });
    let now: Timestamp = "2026-11-23T15:13:07.250Z".parse().unwrap();
    let clinic = clinic(now);
    let today = || {
        clinic
            .appointments
            .iter()
            .filter(|one| one.physician_id == okafor() && midnight(one.date_time) == midnight(now))
    };
    assert!(today().filter(|one| one.date_time > now).count() >= 3);
    assert!(today().filter(|one| one.status == AppointmentStatus::Fulfilled).count() >= 3);
    assert_eq!(today().filter(|one| one.status == AppointmentStatus::Arrived).count(), 1);
}

#[test]
fn nobody_comes_to_the_clinic_every_day() {
    each(|_, clinic| {
        let visits = count(clinic.appointments.iter().map(|one| &one.patient_id));
        assert!(visits.values().all(|n| *n <= 7), "{visits:?}");
        assert!(visits.len() >= 50);
        for (i, a) in clinic.appointments.iter().enumerate() {
            let again = clinic.appointments.iter().skip(i + 1).find(|b| b.patient_id == a.patient_id);
            if let Some(b) = again {
                assert!(midnight(b.date_time).seconds_since(midnight(a.date_time)) > 2 * DAY, "{a:?} {b:?}");
            }
        }
    });
}

#[test]
fn children_see_the_childrens_physicians() {
    each(|_, clinic| {
        for one in &clinic.appointments {
            let child = CHILDREN.map(crate::demo::people::patient_id).any(|id| id == one.patient_id);
            let pediatric = clinic
                .physicians
                .iter()
                .any(|p| p.id == one.physician_id && p.specialties.contains(&SpecialtyCode::Pediatrics));
            assert_eq!(child, pediatric, "{one:?}");
        }
    });
}
