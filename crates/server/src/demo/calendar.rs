//! Appointments: thirty days back, today, thirty days on.
//!
//! Dr Okafor's day of today is told by hand and laid around now, so that whoever looks finds a morning behind
//! her, somebody with her and somebody to come. Everything else keeps to 08:00-17:00 UTC on weekdays.

use std::collections::{BTreeMap, BTreeSet};

use chatehr_contract::{
    Appointment, AppointmentId,
    AppointmentStatus::{self, Arrived, Booked, Cancelled, Fulfilled, NoShow, Proposed},
    Consultation, ConsultationStatus, PersonId,
    SpecialtyCode::{self, *},
    Timestamp,
};

use super::{
    midnight,
    people::{
        self, ADEYEMI, BRANDT, CASTILLO, CHILDREN, HADDAD, IYER, KOWALCZYK, LINDQVIST, NGUYEN, OKAFOR,
        OSULLIVAN, RAHMAN, TANAKA, WEISS, WHITFIELD, patient_id, physician_id,
    },
};

const COUNT: usize = 150;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Days before and after today.
const REACH: i64 = 30;
/// A working day is twelve slots of 45 minutes from 08:00.
const SLOT: i64 = 45 * MINUTE;
const SLOTS: i64 = 12;

const ROUND: [u32; 14] = [
    LINDQVIST, CASTILLO, HADDAD, NGUYEN, TANAKA, RAHMAN, OKAFOR, WHITFIELD, KOWALCZYK, ADEYEMI, BRANDT,
    WEISS, OSULLIVAN, IYER,
];

/// Dr Okafor's today: minutes from the half hour that now is in, patient, minutes long, how it went if it is over,
/// how it stands if it is to come, notes.
const TODAY: &[(i64, u32, u32, AppointmentStatus, AppointmentStatus, &str)] = &[
    (-210, 2074, 30, Fulfilled, Booked, "Blood pressure check after hernia repair. Discuss home sleep test."),
    (-165, 2071, 30, Fulfilled, Booked, "Three-month visit after infarction. Bring the medication list."),
    (-120, 2046, 30, NoShow, Booked, "Lipid results. Mail carrier, prefers early times."),
    (
        -60,
        2080,
        45,
        Fulfilled,
        Booked,
        "Wound check and first pacemaker interrogation with the device nurse.",
    ),
    (0, 2042, 30, Fulfilled, Booked, "Heart failure review: weight diary, orthostatic blood pressure."),
    (60, 2041, 30, Fulfilled, Booked, "Palpitations: read today's ECG together, fit a 48-hour Holter."),
    (120, 2057, 45, Fulfilled, Booked, "Blood pressure plan, metabolic panel, ankles."),
    (
        195,
        2055,
        30,
        Fulfilled,
        Proposed,
        "After tooth extraction: antiplatelet plan, refill. Waiting for his answer.",
    ),
];

/// What a front desk writes beside a time.
const fn notes(specialty: &SpecialtyCode) -> &'static [&'static str] {
    match specialty {
        Cardiology => &[
            "ECG ten minutes before.",
            "Bring home blood pressure readings.",
            "",
            "Echocardiogram first, room 214.",
            "Bring all medication bottles.",
            "Returns the 24-hour blood pressure monitor.",
            "Wheelchair, ground floor entrance.",
        ],
        Dermatology => &["Full skin check, please no make-up.", "Stitches out."],
        Endocrinology => &["Bring the meter and the diary.", "Blood test two days before."],
        Gastroenterology => &["Results and next steps.", "Dietitian joins for the last 15 minutes."],
        Neurology => &["Bring the diary.", "A relative comes along."],
        Oncology => &["Blood count an hour before.", "Infusion room afterwards."],
        Orthopedics => &["Walks with crutches, ground floor room.", "Physical therapy report attached."],
        Pediatrics => &["Growth and vaccines.", "Weigh on arrival.", "A parent comes along."],
        Psychiatry => &["Video visit.", "Please allow for a late start: works nights."],
        Pulmonology => &["Spirometry first, no inhaler for six hours.", "Bring the inhalers."],
        Radiology => &["No metal. Arrive 20 minutes early.", "Ultrasound, fasting."],
        PrimaryCare => &[
            "Annual check, fasting blood test.",
            "Blood pressure and medication review.",
            "",
            "Interpreter requested.",
            "Vaccination.",
        ],
        SpecialtyCode::Other(_) => &[""],
    }
}

/// The appointments, ascending.
pub(super) fn all(now: Timestamp, consultations: &[Consultation]) -> Vec<Appointment> {
    let known = consultations
        .iter()
        .filter_map(|one| Some((one.patient_id.clone(), one.physician_id.clone()?)))
        .collect();
    let (busy, visits, made) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
    let mut book = Book { now, consultations, known, busy, visits, made };
    book.okafors_today();
    book.okafors_weeks();
    for turn in 0i64..10_000 {
        if book.made.len() >= COUNT {
            break;
        }
        let day = turn * 17 % (2 * REACH + 1) - REACH;
        let round = ROUND.iter().cycle().nth(usize::try_from(turn).unwrap_or_default() % ROUND.len());
        book.offer(turn, day, turn * 5 % SLOTS, round.copied().unwrap_or(LINDQVIST));
    }
    let mut made = book.made;
    made.sort_by(|a, b| (a.date_time, &a.physician_id).cmp(&(b.date_time, &b.physician_id)));
    for (number, appointment) in (5001..).zip(&mut made) {
        appointment.id = AppointmentId::new(format!("appointment-{number}"));
    }
    made
}

struct Book<'a> {
    now: Timestamp,
    consultations: &'a [Consultation],
    /// A patient and a physician who have met.
    known: BTreeSet<(PersonId, PersonId)>,
    /// A physician's slot, or a patient's whole day.
    busy: BTreeSet<(PersonId, i64, i64)>,
    /// How many each patient has.
    visits: BTreeMap<PersonId, usize>,
    made: Vec<Appointment>,
}

impl Book<'_> {
    fn okafors_today(&mut self) {
        let today = midnight(self.now);
        let into = self.now.seconds_since(today);
        // All of it stays within today.
        let anchor = (into - into % (30 * MINUTE)).clamp(210 * MINUTE, DAY - 225 * MINUTE);
        for (offset, patient, minutes, over, ahead, note) in TODAY {
            let start = today.plus_seconds(anchor + offset * MINUTE);
            let end = start.plus_seconds(i64::from(*minutes) * MINUTE);
            let status = match () {
                () if end <= self.now => over,
                () if start <= self.now => &Arrived,
                () => ahead,
            };
            let patient = patient_id(*patient);
            self.busy.insert((patient.clone(), 0, 0));
            self.make(start, *minutes, &patient, &physician_id(OKAFOR), status.clone(), note);
        }
    }

    /// Four on each other weekday of this week, three on each of the next.
    fn okafors_weeks(&mut self) {
        let monday = -weekday(self.now, 0);
        for day in monday..monday + 14 {
            let slots: &[i64] = if day < monday + 7 { &[1, 4, 6, 9] } else { &[2, 5, 8] };
            for slot in slots {
                self.offer(day * 7 + slot * 3 + 300, day, *slot, OKAFOR);
            }
        }
    }

    /// Makes an appointment if the day is worked and both are free.
    fn offer(&mut self, turn: i64, day: i64, slot: i64, physician: u32) {
        let free_day = weekday(self.now, day) >= 5 || (physician == OKAFOR && day == 0);
        let physician = physician_id(physician);
        if free_day || self.busy.contains(&(physician.clone(), day, slot)) {
            return;
        }
        let Some(patient) = self.who(turn, day, &physician) else {
            return;
        };
        let specialty = people::physicians()
            .into_iter()
            .find(|one| one.id == physician)
            .and_then(|one| one.specialties.into_iter().next())
            .unwrap_or(PrimaryCare);
        let note = notes(&specialty).iter().cycle().nth(self.made.len());
        let note = note.copied().unwrap_or_default();
        let minutes: u32 = match turn % 4 {
            0 => 45,
            1 => 15,
            _ => 30,
        };
        let start = midnight(self.now).plus_seconds(day * DAY + 8 * HOUR + slot * SLOT);
        let over = start.plus_seconds(i64::from(minutes) * MINUTE) <= self.now;
        // Counted by what is already in the book, so that each way an appointment can go is seen.
        let status = match (over, start <= self.now, self.made.len() % 13) {
            (true, _, 4 | 7) => NoShow,
            (true, _, 9) | (false, false, 9) => Cancelled,
            (true, ..) => Fulfilled,
            (false, true, _) => Arrived,
            (false, false, 3 | 11) => Proposed,
            (false, false, _) => Booked,
        };
        self.busy.insert((physician.clone(), day, slot));
        self.busy.insert((patient.clone(), day, 0));
        self.make(start, minutes, &patient, &physician, status, note);
    }

    /// Whoever has the fewest visits and none within two days, rather somebody that the physician knows.
    fn who(&self, turn: i64, day: i64, physician: &PersonId) -> Option<PersonId> {
        let children = *physician == physician_id(HADDAD) || *physician == physician_id(WHITFIELD);
        let free = |patient: &PersonId| {
            (day - 2..=day + 2).all(|near| !self.busy.contains(&(patient.clone(), near, 0)))
        };
        (2041..=2100)
            .filter(|number| CHILDREN.contains(number) == children)
            .map(|number| (number, patient_id(number)))
            .filter(|(_, patient)| free(patient))
            .min_by_key(|(number, patient)| {
                let visits = self.visits.get(patient).copied().unwrap_or_default();
                let known = self.known.contains(&(patient.clone(), physician.clone()));
                (2 * visits + if known { 0 } else { 3 }, (i64::from(*number) * 7 + turn) % 60)
            })
            .map(|(_, patient)| patient)
    }

    fn make(
        &mut self,
        start: Timestamp,
        minutes: u32,
        patient: &PersonId,
        physician: &PersonId,
        status: AppointmentStatus,
        notes: &str,
    ) {
        let end = start.plus_seconds(i64::from(minutes) * MINUTE);
        // The latest that was already being dealt with; a withdrawn one leads to no appointment.
        let follows = self.consultations.iter().rfind(|consultation| {
            consultation.patient_id == *patient
                && consultation.physician_id.as_ref() == Some(physician)
                && consultation.status != ConsultationStatus::Cancelled
                && consultation.created_at < start
        });
        let lead = 4 * DAY + (start.millis() / 1000 / HOUR % 9) * DAY + 2 * HOUR + 11 * MINUTE;
        let created = start.plus_seconds(-lead).min(self.now.plus_seconds(-90 * MINUTE));
        let created = follows.map_or(created, |consultation| created.max(consultation.created_at));
        let updated = match status {
            Fulfilled => end,
            NoShow => start.plus_seconds(15 * MINUTE),
            Arrived => created.max(start.plus_seconds(-6 * MINUTE)),
            Cancelled => created.plus_seconds(start.min(self.now).seconds_since(created) / 2),
            _ => created,
        };
        *self.visits.entry(patient.clone()).or_default() += 1;
        self.made.push(Appointment {
            id: AppointmentId::new(""), // numbered once all are in order
            patient_id: patient.clone(),
            physician_id: physician.clone(),
            consultation_id: follows.map(|consultation| consultation.id.clone()),
            date_time: start,
            duration: minutes,
            kind: if follows.is_some() { "follow-up" } else { "consultation" }.to_owned(),
            status,
            notes: notes.to_owned(),
            created_at: created,
            updated_at: updated,
        });
    }
}

/// Days since Monday of the day that lies so many days from today.
fn weekday(now: Timestamp, day: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (midnight(now).millis() / 1000 / DAY + day + 3).rem_euclid(7)
}
