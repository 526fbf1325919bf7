//! What a person who is signed in may ask of ChatEHR. The server decides whether they may.

use std::fmt;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use chatehr_contract::{
    Appointment, Consultation, ConsultationId, ConsultationUpdate, Decline, Message, NewConsultation,
    NewMessage, Patient, PersonId, Physician, Role, SpecialtyCode, Timestamp,
};
use reqwest::{Method, RequestBuilder, Response};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{
    bearer::Bearer,
    breaker::Errand,
    client::Client,
    error::{BadAnswer, ClientError},
    events::EventStream,
    exchange::{self, Answer, Asking, Unanswered},
    page::{self, ConsultationQuery, MAX_LIMIT, Page},
};

/// Keys travel with or without padding.
pub(crate) const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// ChatEHR, asked as one person. Cheap to clone. Every call can fail with [`ClientError::SignedOut`] once the
/// session is over.
#[derive(Clone)]
pub struct SignedIn {
    client: Client,
    bearer: Bearer,
    errand: Errand,
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WhoAmI {
    /// Opaque id.
    pub id: PersonId,
    /// What they may do.
    pub role: Role,
    /// A physician's.
    #[serde(default)]
    pub specialties: Vec<SpecialtyCode>,
    /// The physician for whom a nurse acts.
    #[serde(default, rename = "delegatesFor")]
    pub delegates_for: Option<PersonId>,
}

/// A consultation's message key, given to its participants alone.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageKeyMaterial {
    /// Which root secret it derives from.
    pub kid: String,
    /// For AES-256-GCM.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for MessageKeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageKeyMaterial").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedIn(…)")
    }
}

impl SignedIn {
    pub(crate) const fn new(client: Client, bearer: Bearer) -> Self {
        Self { client, bearer, errand: Errand::Ordinary }
    }

    /// A page of the consultations that this person may see, newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn consultations(&self, query: &ConsultationQuery) -> Result<Page<Consultation>, ClientError> {
        self.list(&["consultations"], &query.pairs()).await
    }

    /// All of them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn all_consultations(&self) -> Result<Page<Consultation>, ClientError> {
        self.all_consultations_telling(|_, _| ()).await
    }

    /// The same, told after each page: how many are here, and of how many, where the server says so.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn all_consultations_telling(
        &self,
        tell: impl Fn(usize, Option<u64>),
    ) -> Result<Page<Consultation>, ClientError> {
        let tell = &tell;
        page::read_all(
            |row: &Consultation| row.id.to_string(),
            |offset| async move {
                let query = ConsultationQuery { offset, ..ConsultationQuery::default() };
                let page = self.consultations(&query).await?;
                tell((offset as usize).saturating_add(page.rows.len()), page.total);
                Ok(page)
            },
        )
        .await
    }

    /// One consultation.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] also for one that this person may not see.
    pub async fn consultation(&self, id: &ConsultationId) -> Result<Consultation, ClientError> {
        self.get(&["consultations", id.as_str()]).await
    }

    /// Asks for a consultation. The same key asks once, however often it is sent.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] names the fields; see [`ClientError`].
    pub async fn create_consultation(
        &self,
        new: &NewConsultation,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        self.change(Method::POST, &["consultations"], new, idempotency_key).await
    }

    /// Moves a consultation on.
    ///
    /// # Errors
    /// [`ClientError::Conflict`] when it has moved already; see [`ClientError`].
    pub async fn update_consultation(
        &self,
        id: &ConsultationId,
        update: &ConsultationUpdate,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        self.change(Method::PUT, &["consultations", id.as_str()], update, idempotency_key).await
    }

    /// Says no to a consultation, with a reason.
    ///
    /// # Errors
    /// [`ClientError::Conflict`] when it has moved already; see [`ClientError`].
    pub async fn decline(
        &self,
        id: &ConsultationId,
        decline: &Decline,
        idempotency_key: &str,
    ) -> Result<Consultation, ClientError> {
        self.change(Method::POST, &["consultations", id.as_str(), "decline"], decline, idempotency_key).await
    }

    /// A page of a consultation's messages, oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn messages(
        &self,
        consultation: &ConsultationId,
        limit: u32,
        offset: u32,
    ) -> Result<Page<Message>, ClientError> {
        self.list(&["messages"], &message_pairs(consultation, limit, offset)).await
    }

    /// All of them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn all_messages(&self, consultation: &ConsultationId) -> Result<Page<Message>, ClientError> {
        page::read_all(
            |row: &Message| row.id.to_string(),
            |offset| self.messages(consultation, MAX_LIMIT, offset),
        )
        .await
    }

    /// Sends a message. The same key sends once, however often it is sent.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::concerns_this_request`] tells a bad message from a bad connection.
    pub async fn send_message(
        &self,
        new: &NewMessage,
        idempotency_key: &str,
    ) -> Result<Message, ClientError> {
        self.change(Method::POST, &["messages"], new, idempotency_key).await
    }

    /// This person's appointments from one instant to another, both included.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn appointments(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Page<Appointment>, ClientError> {
        self.list(&["appointments"], &appointment_pairs(from, to)).await
    }

    /// Whose token it is, as the server sees it.
    ///
    /// # Errors
    /// [`ClientError::SignedOut`] also for a token that names nobody or no role; see [`ClientError`].
    pub async fn whoami(&self) -> Result<WhoAmI, ClientError> {
        self.get(&["session"]).await
    }

    /// A patient's name and what else the directory knows.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn patient(&self, id: &PersonId) -> Result<Patient, ClientError> {
        self.get(&["patients", id.as_str()]).await
    }

    /// The physicians of the directory.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn physicians(&self) -> Result<Page<Physician>, ClientError> {
        self.list(&["physicians"], &[]).await
    }

    /// The key that seals and opens a consultation's messages.
    ///
    /// # Errors
    /// [`ClientError::Forbidden`] or [`ClientError::NotFound`] for all but its participants.
    pub async fn message_key(
        &self,
        consultation: &ConsultationId,
    ) -> Result<MessageKeyMaterial, ClientError> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            kid: String,
            // Borrowed, so that the key is copied nowhere on its way. Its alphabet needs no escapes.
            key: &'a str,
        }
        let request = self.request(Method::GET, &["keys", consultation.as_str()])?;
        let body = Zeroizing::new(self.ask(request).await?.body);
        let wire: Wire<'_> = serde_json::from_slice(&body)?;
        let unusable = |_| ClientError::Malformed(BadAnswer::Field("key"));
        let key = Zeroizing::new(BASE64URL.decode(wire.key.as_bytes()).map_err(|_| unusable(()))?);
        if key.len() != 32 {
            return Err(unusable(()));
        }
        Ok(MessageKeyMaterial { kid: wire.kid, key })
    }

    /// What happens from here on, or from after this event. Nothing is sent before the first
    /// [`EventStream::next`].
    pub fn events(&self, last_event_id: Option<String>) -> EventStream {
        EventStream::new(self.clone(), last_event_id, self.client.idle_timeout(), self.client.jitter_seed())
    }

    /// The same, for what the person has just asked for: it goes out also while the server wants to be left alone.
    #[must_use]
    pub fn for_the_person(&self) -> Self {
        Self { errand: Errand::Person, ..self.clone() }
    }

    /// Asks whether the server is there, also while it is given time: an answer ends that.
    ///
    /// # Errors
    /// See [`Client::health`].
    pub async fn is_there(&self) -> Result<(), ClientError> {
        self.client.health().await.map(drop)
    }

    /// What has had no answer for a while hangs in connections that are dead by now, for instance because the workstation has
    /// slept: it ends as one that took too long, and whoever asked repeats it on a new one.
    pub fn give_up_what_hangs(&self) {
        self.client().give_up_what_hangs();
    }

    /// See [`Client::retry_now`].
    pub fn retry_now(&self) {
        self.client().retry_now();
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// A request that gets this person's token on its way. The envelopes are opened here, so the server must not.
    pub(crate) fn request(&self, method: Method, segments: &[&str]) -> Result<RequestBuilder, ClientError> {
        Ok(self.request_opened(method, segments)?.header("accept-envelope", "3"))
    }

    /// The same for what the server is to open.
    pub(crate) fn request_opened(
        &self,
        method: Method,
        segments: &[&str],
    ) -> Result<RequestBuilder, ClientError> {
        self.client.request(method, segments)
    }

    /// Sends as this person and reads the answer.
    pub(crate) async fn ask(&self, request: RequestBuilder) -> Result<Answer, ClientError> {
        self.ask_closely(request).await.map_err(|told| told.read(Asking::Session))
    }

    /// The same for who reads more of a refusal than every refusal has.
    pub(crate) async fn ask_closely(&self, request: RequestBuilder) -> Result<Answer, Unanswered> {
        self.bearer
            .send(request, |request| self.client.ask_closely(request, Asking::Session, self.errand))
            .await
    }

    /// Sends as this person; the body is a stream without an end.
    pub(crate) async fn open(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let opened = self.bearer.send(request, |request| self.client.open(request)).await;
        opened.map_err(|told| told.read(Asking::Session))
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, ClientError> {
        let request = self.request(Method::GET, segments)?;
        self.ask(request).await?.json()
    }

    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        pairs: &[(&'static str, String)],
    ) -> Result<Page<T>, ClientError> {
        let request = self.request(Method::GET, segments)?.query(pairs);
        page::read(&self.ask(request).await?)
    }

    pub(crate) async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        segments: &[&str],
        body: &impl Serialize,
        idempotency_key: &str,
    ) -> Result<T, ClientError> {
        let request = self
            .request(method, segments)?
            .header("idempotency-key", exchange::idempotency(idempotency_key)?)
            .json(body);
        self.ask(request).await?.json()
    }
}

pub(crate) fn message_pairs(
    consultation: &ConsultationId,
    limit: u32,
    offset: u32,
) -> [(&'static str, String); 3] {
    [
        ("consultationId", consultation.to_string()),
        ("limit", limit.to_string()),
        ("offset", offset.to_string()),
    ]
}

pub(crate) fn appointment_pairs(from: Timestamp, to: Timestamp) -> [(&'static str, String); 2] {
    [("startDate", from.to_string()), ("endDate", to.to_string())]
}
