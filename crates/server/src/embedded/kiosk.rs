//! Kiosk codes: how a patient without an account signs in, for minutes, with a code from staff.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::{KioskCode, NewKioskCode, NewKioskSession, Role, Session, access::Relation};

use super::Here;
use crate::{
    identity::{Person, digest},
    op::Outcome,
    problem::Problem,
    visibility::patients_seen_by,
};

/// Seconds that a code can be used.
const CODE_SECONDS: i64 = 15 * 60;
/// Seconds that its session lasts.
const SESSION_SECONDS: i64 = 15 * 60;
/// Draws until a code is free. With a thousand codes in use, ten fail once in 10^30.
const DRAWS: u32 = 10;

impl Here<'_> {
    pub(super) fn create_kiosk_code(self, new: &NewKioskCode) -> Result<Outcome, Problem> {
        self.allow(self.call.actor.party().closest())?;
        let seen = patients_seen_by(&self.call.actor);
        if self.tx.patients(&seen, Some(new.patient_id.as_str()), None, 1)?.is_empty() {
            return Err(Problem::NotFound);
        }
        let expires_at = self.call.now.plus_seconds(CODE_SECONDS);
        for _ in 0..DRAWS {
            let code = format!("{:06}", self.app.sources.between(0, 999_999)?);
            if self.tx.add_kiosk_code(&self.fingerprint(&code), &new.patient_id, self.call.now, expires_at)? {
                return Ok(Outcome::of(201, &KioskCode { code, expires_at })?);
            }
        }
        Err(Problem::Conflict { message: "Too many codes are in use; try again in a minute.", current: None })
    }

    /// A wrong code, a code that has run out and a wrong date of birth answer alike.
    pub(super) fn create_kiosk_session(self, new: &NewKioskSession) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        let fingerprint = self.fingerprint(new.code.trim());
        let patient = self.tx.kiosk_code(&fingerprint, self.call.now)?.ok_or(Problem::SignInRefused)?;
        let everybody = patients_seen_by(&self.call.actor);
        let patient = self.tx.patients(&everybody, Some(patient.as_str()), None, 1)?.into_iter().next();
        let Some(patient) = patient.filter(|patient| patient.birth_date == new.birth_date.trim()) else {
            return Err(Problem::WrongBirthDate(fingerprint));
        };
        self.tx.use_kiosk_code(&fingerprint)?;
        let token = BASE64_URL_SAFE_NO_PAD.encode(self.app.sources.bytes::<32>()?);
        let expires_at = self.call.now.plus_seconds(SESSION_SECONDS);
        let person = Person {
            id: patient.id.clone(),
            role: Role::Patient,
            specialties: Vec::new(),
            delegates_for: None,
            session: Some(self.app.sources.id()?),
            via: None,
        };
        self.tx.add_session(&digest(&token), &person, expires_at)?;
        let session = Session {
            token,
            expires_at,
            id: patient.id.clone(),
            role: Role::Patient,
            name: patient.name,
            specialties: Vec::new(),
            delegates_for: None,
        };
        Ok(Outcome::of(201, &session)?.about(&patient.id))
    }

    fn fingerprint(self, code: &str) -> [u8; 32] {
        self.app.seals.fingerprint(&[b"kiosk code", code.as_bytes()])
    }
}
