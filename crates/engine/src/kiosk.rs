//! The kiosk's side of the program: one patient, for minutes, in memory only.
//!
//! Promises: nothing touches the disk; finishing, by hand or by the idle reset, forgets the token, the keys and
//! everything read; a request is filed once however often Send is pressed. Refuses accounts that are not a
//! patient's.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chatehr_client::{Client, ClientError, SignedIn};
use chatehr_contract::{
    ConsultationStatus, ErrorCode, ErrorReport, KioskAppointment, KioskMessage, KioskPerson, KioskReceipt,
    KioskRequest, KioskState, NewConsultation, PersonId, PersonName, Role,
};
use chatehr_seal::MessageKey;
use serde_json::Map;

use crate::{Settings, SettingsError, Surroundings, report, unseal::unseal};

/// Seconds without a touch until the warning (experience, Kiosk).
const WARN_AFTER: u32 = 60;
/// Seconds from the warning to the reset; WCAG 2.2.1 asks for at least 20.
const RESET_AFTER: u32 = 20;
/// Appointments are shown so many days ahead.
const DAYS_AHEAD: i64 = 90;
/// The most consultations whose messages are shown.
const MOST_CONSULTATIONS: u32 = 20;

/// The patient's side of the program. Cheap to clone; all clones are the same kiosk.
#[derive(Clone)]
pub struct Kiosk {
    inner: Arc<Inner>,
}

struct Inner {
    client: Result<Client, ErrorReport>,
    surroundings: Surroundings,
    visitor: Mutex<Option<Visitor>>,
}

/// Who stands at the kiosk.
#[derive(Clone)]
struct Visitor {
    id: PersonId,
    name: PersonName,
    server: SignedIn,
}

impl std::fmt::Debug for Kiosk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kiosk").finish_non_exhaustive()
    }
}

impl Kiosk {
    /// A kiosk with nobody at it.
    pub fn new(settings: Result<Settings, SettingsError>, surroundings: Surroundings) -> Self {
        let client = settings
            .map_err(|error| error.to_string())
            .and_then(|settings| settings.client().map_err(|error| error.to_string()));
        let client = client.map_err(|what| ErrorReport::new(ErrorCode::BadConfiguration).with_detail(what));
        Self { inner: Arc::new(Inner { client, surroundings, visitor: Mutex::new(None) }) }
    }

    /// Whether the kiosk can be used: told before anybody types.
    pub async fn state(&self) -> KioskState {
        let problem = match &self.inner.client {
            Err(error) => Some(error.clone()),
            Ok(client) => client.health().await.err().map(|error| report::client(&error)),
        };
        let person = self.inner.visitor().as_ref().map(|visitor| KioskPerson { name: visitor.name.clone() });
        KioskState { problem, person, warn_after: WARN_AFTER, reset_after: RESET_AFTER }
    }

    /// Signs a patient in with the code from staff.
    ///
    /// # Errors
    /// The server cannot be reached or refuses; the account is not a patient's.
    pub async fn sign_in(&self, code: &str) -> Result<KioskPerson, ErrorReport> {
        self.finish();
        let client = self.inner.client.as_ref().map_err(Clone::clone)?;
        let refuse = |error: ClientError| report::client(&error);
        client.health().await.map_err(refuse)?;
        let session = client.sign_in(code.trim()).await.map_err(refuse)?;
        if session.role != Role::Patient {
            return Err(ErrorReport::new(ErrorCode::WrongRole));
        }
        let person = KioskPerson { name: session.name.clone() };
        *self.inner.visitor() =
            Some(Visitor { id: session.id, name: session.name, server: client.with_session(&session.token) });
        Ok(person)
    }

    /// Files the request.
    ///
    /// # Errors
    /// It cannot be accepted as typed; the server cannot be reached or refuses. What was typed stays in the window.
    pub async fn request(&self, request: KioskRequest) -> Result<KioskReceipt, ErrorReport> {
        let visitor = self.inner.present()?;
        let mut metadata = Map::new();
        metadata.insert("channel".to_owned(), "kiosk".into());
        let new = NewConsultation {
            patient_id: visitor.id.clone(),
            specialty: request.specialty,
            urgency: request.urgency,
            description: request.description.trim().to_owned(),
            physician_id: None,
            metadata,
        };
        report::problems(&new.problems())?;
        let filed = visitor.server.create_consultation(&new, request.request_id.as_str()).await;
        let filed = filed.map_err(|error| self.inner.refused(&error))?;
        Ok(KioskReceipt {
            id: filed.id,
            received_at: filed.created_at,
            urgency: filed.urgency,
            specialty: filed.specialty,
        })
    }

    /// The patient's coming appointments, soonest first.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn appointments(&self) -> Result<Vec<KioskAppointment>, ErrorReport> {
        let visitor = self.inner.present()?;
        let now = self.inner.surroundings.clock.now();
        // From an hour ago: somebody who has just arrived for one looks for it.
        let found =
            visitor.server.appointments(now.plus_seconds(-3600), now.plus_seconds(DAYS_AHEAD * 86_400));
        let found = found.await.map_err(|error| self.inner.refused(&error))?.rows;
        let physicians = self.inner.physicians(&visitor).await;
        let rows = found.into_iter().map(|appointment| KioskAppointment {
            date_time: appointment.date_time,
            duration: appointment.duration,
            physician: physicians.get(&appointment.physician_id).cloned(),
            status: appointment.status,
        });
        Ok(rows.collect())
    }

    /// The patient's messages, latest consultation first, oldest message first.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn messages(&self) -> Result<Vec<KioskMessage>, ErrorReport> {
        let visitor = self.inner.present()?;
        let refuse = |error: ClientError| self.inner.refused(&error);
        let query = chatehr_client::ConsultationQuery { limit: MOST_CONSULTATIONS, ..Default::default() };
        let consultations = visitor.server.consultations(&query).await.map_err(refuse)?.rows;
        let physicians = self.inner.physicians(&visitor).await;
        let mut rows = Vec::new();
        for consultation in consultations {
            if consultation.status == ConsultationStatus::Pending {
                continue;
            }
            let key = match visitor.server.message_key(&consultation.id).await {
                Ok(material) => MessageKey::from_parts(&material.kid, material.key.as_slice()).ok(),
                Err(ClientError::NotFound | ClientError::Forbidden) => None,
                Err(error) => return Err(refuse(error)),
            };
            let messages = visitor.server.all_messages(&consultation.id).await.map_err(refuse)?.rows;
            rows.extend(messages.into_iter().map(|message| KioskMessage {
                consultation_id: consultation.id.clone(),
                specialty: consultation.specialty.clone(),
                status: consultation.status.clone(),
                mine: message.from_id == visitor.id,
                from: physicians.get(&message.from_id).cloned(),
                body: unseal(&message, key.as_ref(), None).into(),
                at: message.timestamp,
            }));
        }
        Ok(rows)
    }

    /// Forgets the person.
    pub fn finish(&self) {
        *self.inner.visitor() = None;
    }
}

impl Inner {
    fn visitor(&self) -> MutexGuard<'_, Option<Visitor>> {
        self.visitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn present(&self) -> Result<Visitor, ErrorReport> {
        self.visitor().clone().ok_or_else(|| ErrorReport::new(ErrorCode::SignedOut))
    }

    fn refused(&self, error: &ClientError) -> ErrorReport {
        if matches!(error, ClientError::SignedOut) {
            *self.visitor() = None;
        }
        report::client(error)
    }

    /// Names, where the server has a directory; a screen without them is still of use.
    async fn physicians(&self, visitor: &Visitor) -> BTreeMap<PersonId, PersonName> {
        let found = visitor.server.physicians().await.map(|page| page.rows).unwrap_or_default();
        found.into_iter().map(|physician| (physician.id, physician.name)).collect()
    }
}
