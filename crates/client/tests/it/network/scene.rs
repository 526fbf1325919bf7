//! A server that may be asked without end, its people, and what a case begins with.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use chatehr_client::{AnchorError, ChangesError, Client, ClientError, Config, PolicyError, SignedIn};
use chatehr_contract::{
    Consultation, ConsultationStatus, MessageId, MessageKind, NewBreakGlass, NewConsultation, NewKioskCode,
    NewMessage, PersonId, SpecialtyCode, Urgency,
};
use chatehr_server::{ClassRates, Rate, RateSettings};
use serde_json::{Map, Value, json};

use super::{
    super::{
        KEY,
        clinic::{Clinic, FELDMAN, LINDQVIST, MARTA, OKAFOR, asked, taken, to},
    },
    PATIENCE,
};

const LUCIA: &str = "730442";

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Marta,
    Lucia,
    Okafor,
    Lindqvist,
    Feldman,
    Machine,
}

/// Somebody who asks, through the client or, for what it has no words for, in plain HTTP.
pub(super) struct Asker {
    pub(super) client: Client,
    pub(super) me: SignedIn,
    http: reqwest::Client,
    base: String,
    token: String,
}

/// Why there is no good answer.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) is_transient: bool,
    /// Where a refusal came in plain HTTP.
    pub(super) status: Option<u16>,
    /// Read by whoever reads a failed test.
    #[expect(dead_code, reason = "in its Debug alone")]
    why: String,
}

impl From<ClientError> for Failed {
    fn from(error: ClientError) -> Self {
        Self { is_transient: error.is_transient(), status: None, why: format!("{error:?}") }
    }
}

impl From<ChangesError> for Failed {
    fn from(error: ChangesError) -> Self {
        match error {
            ChangesError::Client(error) => error.into(),
            other => Self { is_transient: false, status: None, why: format!("{other:?}") },
        }
    }
}

impl From<PolicyError> for Failed {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Client(error) => error.into(),
            other => Self { is_transient: false, status: None, why: format!("{other:?}") },
        }
    }
}

impl From<AnchorError> for Failed {
    fn from(error: AnchorError) -> Self {
        match error {
            AnchorError::Client(error) => error.into(),
            other => Self { is_transient: false, status: None, why: format!("{other:?}") },
        }
    }
}

impl From<reqwest::Error> for Failed {
    fn from(error: reqwest::Error) -> Self {
        Self { is_transient: !error.is_builder(), status: None, why: format!("{error:?}") }
    }
}

impl Asker {
    /// Asks in plain HTTP. An attachment is given as text.
    pub(super) async fn plain(
        &self,
        method: &str,
        path: &str,
        key: &str,
        body: Option<Value>,
    ) -> Result<Value, Failed> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        request = match body {
            // An attachment.
            Some(Value::String(text)) => request.body(text),
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        if !(200..300).contains(&status) {
            let is_transient = status >= 500 || status == 429;
            return Err(Failed {
                is_transient,
                status: Some(status),
                why: String::from_utf8_lossy(&bytes).into(),
            });
        }
        if path.starts_with("/attachments/") {
            return Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        }
        serde_json::from_slice(&bytes).map_err(|error| Failed {
            is_transient: false,
            status: None,
            why: error.to_string(),
        })
    }
}

/// What a case begins with: a record in the state in which this can be done to it, and what else is needed.
pub(super) struct Ground {
    /// Under which it is asked, and what it can be known by.
    pub(super) key: String,
    pub(super) number: u64,
    pub(super) consultation: Consultation,
    pub(super) message: Option<MessageId>,
    /// What is written in it.
    pub(super) letter: NewMessage,
    /// An appointment, an attachment, a kiosk code or a session's token.
    pub(super) other: String,
}

pub(super) struct Scene {
    pub(super) address: SocketAddr,
    _clinic: Clinic,
    tokens: BTreeMap<Who, String>,
    pub(super) people: BTreeMap<Who, Asker>,
    /// The name of the root of all message keys.
    kid: String,
    cases: AtomicUsize,
    /// For what is only read.
    kept: Consultation,
    kept_attachment: String,
}

impl Scene {
    pub(super) async fn open() -> Self {
        // More than anybody asks in so short a time.
        let plenty = Rate::new(1_000_000, 1_000_000);
        let all = ClassRates { person: plenty, machine: plenty, address: plenty };
        let rates = RateSettings { read: all, write: all, sign_in: all, stream: all };
        let clinic = Clinic::with(|config| config.rates = rates).await;
        let address = clinic.running.address;
        let mut tokens = BTreeMap::from([(Who::Machine, KEY.to_owned())]);
        for (who, code) in [
            (Who::Marta, MARTA),
            (Who::Lucia, LUCIA),
            (Who::Okafor, OKAFOR),
            (Who::Lindqvist, LINDQVIST),
            (Who::Feldman, FELDMAN),
        ] {
            tokens.insert(who, clinic.client().sign_in(code).await.unwrap().token);
        }
        let people: BTreeMap<_, _> = tokens
            .iter()
            .map(|(who, token)| (*who, asker(token, address, Duration::from_secs(30))))
            .collect();
        let (marta, okafor) = (&people[&Who::Marta], &people[&Who::Okafor]);
        let kept = taken(&okafor.me, &asked(&marta.me, Urgency::Routine, "first").await.id, "second").await;
        let kid = okafor.me.message_key(&kept.id).await.unwrap().kid;
        for envelope in ["envelope-1", "envelope-2"] {
            marta.me.send_message(&letter(&kid, &kept, true, envelope), envelope).await.unwrap();
        }
        let path = format!("/attachments?consultationId={}", kept.id);
        let file = okafor.plain("POST", &path, "file", Some("sealed ".repeat(90).into())).await.unwrap();
        let kept_attachment = file["id"].as_str().unwrap().to_owned();
        let reason = NewBreakGlass { reason: "Brought in unconscious".to_owned(), minutes: None };
        people[&Who::Lindqvist].me.break_glass(&kept.id, &reason, "glass").await.unwrap();
        let cases = AtomicUsize::new(0);
        Self { address, _clinic: clinic, tokens, people, kid, cases, kept, kept_attachment }
    }

    /// Somebody who asks there, and does not wait long.
    pub(super) fn asker(&self, who: Who, at: SocketAddr) -> Asker {
        asker(&self.tokens[&who], at, PATIENCE)
    }

    pub(super) fn person(&self, who: Who) -> &SignedIn {
        &self.people[&who].me
    }

    /// What this route needs.
    pub(super) async fn prepare(&self, route: &str) -> Ground {
        let number = self.cases.fetch_add(1, Ordering::SeqCst);
        let key = format!("case-{number}");
        let mut ground = Ground {
            key: key.clone(),
            number: number as u64 + 1,
            consultation: self.kept.clone(),
            message: None,
            letter: letter(&self.kid, &self.kept, false, &key),
            other: String::new(),
        };
        let (marta, okafor) = (self.person(Who::Marta), self.person(Who::Okafor));
        let feldman = &self.people[&Who::Feldman];
        let fresh = async |urgency| asked(marta, urgency, &format!("{key} asks")).await;
        let mine = async || {
            let id = fresh(Urgency::Routine).await.id;
            taken(okafor, &id, &format!("{key} takes")).await
        };
        match route {
            "GET /attachments/{id}" => ground.other.clone_from(&self.kept_attachment),
            "PUT /consultations/{id} to accept"
            | "POST /consultations/{id}/acknowledge"
            | "POST /consultations/{id}/decline" => ground.consultation = fresh(Urgency::Urgent).await,
            "PUT /consultations/{id} to finish" => {
                let id = mine().await.id;
                let begin = to(ConsultationStatus::InProgress, None);
                ground.consultation =
                    okafor.update_consultation(&id, &begin, &format!("{key} begins")).await.unwrap();
            }
            "PUT /consultations/{id} to begin"
            | "POST /consultations/{id}/handoff"
            | "POST /consultations/{id}/notes"
            | "POST /consultations/{id}/break-glass"
            | "POST /messages" => ground.consultation = mine().await,
            "DELETE /consultations/{id}/break-glass" => {
                ground.consultation = mine().await;
                let reason = NewBreakGlass { reason: "Brought in unconscious".to_owned(), minutes: None };
                let opened = self.person(Who::Lindqvist).break_glass(&ground.consultation.id, &reason, &key);
                opened.await.unwrap();
            }
            "POST /messages/{consultationId}/read" => {
                ground.consultation = mine().await;
                let letter = letter(&self.kid, &ground.consultation, true, &key);
                ground.message = Some(marta.send_message(&letter, &key).await.unwrap().id);
            }
            "PUT /appointments/{id}" | "POST /appointments/{id}/response" => {
                let new = json!({
                    "patientId": "patient-2041", "physicianId": "physician-12",
                    "dateTime": "2031-01-02T09:00:00Z",
                });
                let made = feldman.plain("POST", "/appointments", &key, Some(new)).await.unwrap();
                made["id"].as_str().unwrap().clone_into(&mut ground.other);
            }
            "POST /kiosk-sessions" => {
                let patient_id = PersonId::new("patient-2041");
                ground.other = feldman.me.kiosk_code(&NewKioskCode { patient_id }).await.unwrap().code;
            }
            "DELETE /session" => {
                ground.other = self.people[&Who::Machine].client.sign_in(OKAFOR).await.unwrap().token;
            }
            _ => {}
        }
        ground.letter.consultation_id = ground.consultation.id.clone();
        ground
    }
}

fn asker(token: &str, at: SocketAddr, patience: Duration) -> Asker {
    let base = format!("http://{at}/v1");
    let mut config = Config::new(&base);
    config.api_key = Some(KEY.to_owned());
    config.timeout = patience;
    let client = Client::new(config).unwrap();
    let http = reqwest::Client::builder().no_proxy().timeout(patience).build().unwrap();
    Asker { me: client.with_session(token), client, http, base, token: token.to_owned() }
}

fn letter(kid: &str, to: &Consultation, from_marta: bool, envelope: &str) -> NewMessage {
    NewMessage {
        to_id: PersonId::new(if from_marta { "physician-12" } else { "patient-2041" }),
        consultation_id: to.id.clone(),
        content: format!("chatehr.3.{kid}.{}", "A".repeat(240)),
        kind: MessageKind::Text,
        metadata: json!({ "envelopeId": envelope }).as_object().unwrap().clone(),
    }
}

/// A request of Lucía's own.
pub(super) fn request(description: &str) -> NewConsultation {
    NewConsultation {
        patient_id: PersonId::new("patient-2044"),
        specialty: SpecialtyCode::Cardiology,
        urgency: Urgency::Routine,
        description: description.to_owned(),
        physician_id: None,
        metadata: Map::new(),
    }
}
