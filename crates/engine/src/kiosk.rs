//! The kiosk's side of the program: one patient, for minutes, in memory only.
//!
//! Promises: nothing touches the disk; finishing, by hand or by the idle reset, forgets the token, the keys and
//! everything read; a request is filed once however often it is sent: a repeat has the same key, and where the server
//! knows no such keys the patient's requests are looked through first; what may have been filed is called that. A request
//! is repeated only while whoever made it stands there. Refuses accounts that are not a patient's.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chatehr_client::{Client, ClientError, Gauges, SignedIn};
use chatehr_contract::{
    Consultation, ConsultationStatus, EnvelopeId, ErrorCode, ErrorReport, KioskAppointment, KioskMessage,
    KioskPerson, KioskReceipt, KioskRequest, KioskState, NewConsultation, PersonId, PersonName, Role,
};
use chatehr_seal::MessageKey;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

use crate::{Settings, SettingsError, Surroundings, report, unseal::unseal};

/// Seconds without a touch until the warning (experience, Kiosk).
const WARN_AFTER: u32 = 60;
/// Seconds from the warning to the reset; WCAG 2.2.1 asks for at least 20.
const RESET_AFTER: u32 = 20;
/// Appointments are shown so many days ahead.
const DAYS_AHEAD: i64 = 90;
/// The most consultations whose messages are shown.
const MOST_CONSULTATIONS: u32 = 20;

/// How long a request is repeated before the person is told; the window asks again as long as they stand there.
const GOES_ON: Duration = Duration::from_secs(15);
/// Before the first repeat; each next waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// By which a request is recognised on a server that knows no repeats.
const REQUEST_ID: &str = "requestId";

/// The patient's side of the program. Cheap to clone; all clones are the same kiosk.
#[derive(Clone)]
pub struct Kiosk {
    inner: Arc<Inner>,
}

struct Inner {
    client: Result<Client, ErrorReport>,
    surroundings: Surroundings,
    visitor: Mutex<Option<Visitor>>,
    visits: AtomicU64,
}

/// Who stands at the kiosk.
#[derive(Clone)]
struct Visitor {
    id: PersonId,
    name: PersonName,
    server: SignedIn,
    /// Tells this visit from the same person's next.
    visit: u64,
    /// Whether the server knows a repeat by its key.
    knows_repeats: bool,
    /// The request that may have been filed, and nobody knows.
    unsure: Option<EnvelopeId>,
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
            .and_then(|settings| settings.client(&Gauges::default()).map_err(|error| error.to_string()));
        let client = client.map_err(|what| ErrorReport::new(ErrorCode::BadConfiguration).with_detail(what));
        let (visitor, visits) = (Mutex::new(None), AtomicU64::new(0));
        Self { inner: Arc::new(Inner { client, surroundings, visitor, visits }) }
    }

    /// Whether the kiosk can be used: told before anybody types.
    pub async fn state(&self) -> KioskState {
        let problem = match &self.inner.client {
            Err(error) => Some(error.clone()),
            Ok(client) => {
                // Asked by a person, or by the screen that waits for one.
                client.retry_now();
                client.health().await.err().map(|error| report::client(&error))
            }
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
        // A person has pressed, so a server that was being left alone is asked all the same.
        client.retry_now();
        let health = client.health().await.map_err(refuse)?;
        let session = client.sign_in(code.trim()).await.map_err(refuse)?;
        if session.role != Role::Patient {
            return Err(ErrorReport::new(ErrorCode::WrongRole));
        }
        let person = KioskPerson { name: session.name.clone() };
        *self.inner.visitor() = Some(Visitor {
            id: session.id,
            name: session.name,
            server: client.with_session(&session.token),
            visit: self.inner.visits.fetch_add(1, Ordering::Relaxed),
            knows_repeats: health.has("idempotency"),
            unsure: None,
        });
        Ok(person)
    }

    /// Files the request, and repeats it for a while where the way to the server is bad.
    ///
    /// # Errors
    /// It cannot be accepted as typed; the server cannot be reached or refuses; nobody knows whether it was filed
    /// ([`ErrorCode::MayHaveHappened`]). What was typed stays in the window.
    pub async fn request(&self, request: KioskRequest) -> Result<KioskReceipt, ErrorReport> {
        let visitor = self.inner.present()?;
        let mut metadata = Map::new();
        metadata.insert("channel".to_owned(), "kiosk".into());
        metadata.insert(REQUEST_ID.to_owned(), request.request_id.as_str().into());
        let new = NewConsultation {
            patient_id: visitor.id.clone(),
            specialty: request.specialty,
            urgency: request.urgency,
            description: request.description.trim().to_owned(),
            physician_id: None,
            metadata,
        };
        report::problems(&new.problems())?;
        if let (Ok(client), false) = (&self.inner.client, request.by_itself) {
            client.retry_now();
        }
        let filed = self.inner.file(&visitor, &new, &request.request_id).await?;
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

    /// Asks until it is filed, refused, or too long.
    async fn file(
        &self,
        visitor: &Visitor,
        new: &NewConsultation,
        id: &EnvelopeId,
    ) -> Result<Consultation, ErrorReport> {
        let (began, mut wait) = (Instant::now(), FIRST_WAIT);
        loop {
            let error = match self.file_once(visitor, new, id).await {
                Ok(filed) => {
                    self.set_unsure(visitor, None);
                    return Ok(filed);
                }
                Err(error) => error,
            };
            if error.may_have_acted() {
                self.set_unsure(visitor, Some(id.clone()));
            } else if !error.is_transient() {
                if error.concerns_this_request() {
                    self.set_unsure(visitor, None);
                }
                return Err(self.refused(&error));
            }
            let pause = wait.max(error.retry_after().unwrap_or_default());
            if began.elapsed().saturating_add(pause) > GOES_ON {
                return Err(if self.is_unsure(visitor, id) {
                    ErrorReport::new(ErrorCode::MayHaveHappened)
                } else {
                    self.refused(&error)
                });
            }
            sleep(pause).await;
            wait = wait.saturating_mul(2);
            // Whoever has left asks for nothing any more.
            if self.present()?.visit != visitor.visit {
                return Err(ErrorReport::new(ErrorCode::SignedOut));
            }
        }
    }

    async fn file_once(
        &self,
        visitor: &Visitor,
        new: &NewConsultation,
        id: &EnvelopeId,
    ) -> Result<Consultation, ClientError> {
        if !visitor.knows_repeats && self.is_unsure(visitor, id) {
            let query = chatehr_client::ConsultationQuery { limit: MOST_CONSULTATIONS, ..Default::default() };
            let is_this = |one: &Consultation| {
                one.metadata.get(REQUEST_ID).and_then(Value::as_str) == Some(id.as_str())
            };
            if let Some(filed) = visitor.server.consultations(&query).await?.rows.into_iter().find(is_this) {
                return Ok(filed);
            }
        }
        visitor.server.create_consultation(new, id.as_str()).await
    }

    fn set_unsure(&self, visitor: &Visitor, unsure: Option<EnvelopeId>) {
        if let Some(present) = self.visitor().as_mut().filter(|present| present.visit == visitor.visit) {
            present.unsure = unsure;
        }
    }

    fn is_unsure(&self, visitor: &Visitor, id: &EnvelopeId) -> bool {
        let present = self.visitor();
        let same = present.as_ref().filter(|present| present.visit == visitor.visit);
        same.is_some_and(|present| present.unsure.as_ref() == Some(id))
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
