//! Each effect happens once through a network that breaks at any byte of it.

use chatehr_client::{Client, ClientError, Config, SignedIn};
use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, Decline, Message, MessageId, MessageKind, NewMessage,
    PersonId, Receipt, Urgency,
};
use chatehr_network::{Fault, Network, What};
use chatehr_server::{ClassRates, Rate, RateSettings};
use serde_json::json;

use super::clinic::{Clinic, MARTA, OKAFOR, asked, taken, to};

/// Between two places where it breaks.
const STEP: usize = 64;
/// Nothing that is asked or answered here is longer.
const LONGEST: usize = 64 * 1024;

/// What has an effect on the server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Effect {
    Ask,
    Acknowledge,
    Accept,
    Start,
    Complete,
    Decline,
    HandOff,
    Message,
    Read,
}

const ALL: [Effect; 9] = [
    Effect::Ask,
    Effect::Acknowledge,
    Effect::Accept,
    Effect::Start,
    Effect::Complete,
    Effect::Decline,
    Effect::HandOff,
    Effect::Message,
    Effect::Read,
];

/// What the server said.
#[derive(Debug, PartialEq)]
enum Said {
    Consultation(Box<Consultation>),
    Message(Box<Message>),
    Receipt(Box<Receipt>),
}

/// Two people, asked directly, and their records.
struct Scene {
    clinic: Clinic,
    marta: SignedIn,
    okafor: SignedIn,
    /// The name of the root of all message keys.
    kid: String,
    cases: u32,
}

impl Scene {
    fn key(&self, word: &str) -> String {
        format!("{word}-{}", self.cases)
    }

    fn letter(&self, id: &ConsultationId, from_marta: bool, envelope: &str) -> NewMessage {
        NewMessage {
            to_id: PersonId::new(if from_marta { "physician-12" } else { "patient-2041" }),
            consultation_id: id.clone(),
            content: format!("chatehr.3.{}.{}", self.kid, "A".repeat(240)),
            kind: MessageKind::Text,
            metadata: json!({ "envelopeId": envelope }).as_object().unwrap().clone(),
        }
    }

    /// A record in the state in which this can be done to it, and a message in it where one is needed.
    async fn prepare(&self, effect: Effect) -> (Consultation, Option<MessageId>) {
        let fresh = asked(&self.marta, Urgency::Urgent, &self.key("ask")).await;
        if matches!(effect, Effect::Ask | Effect::Acknowledge | Effect::Accept | Effect::Decline) {
            return (fresh, None);
        }
        let mine = taken(&self.okafor, &fresh.id, &self.key("take")).await;
        match effect {
            Effect::Complete => {
                let begin = to(ConsultationStatus::InProgress, None);
                let begun =
                    self.okafor.update_consultation(&mine.id, &begin, &self.key("begin")).await.unwrap();
                (begun, None)
            }
            Effect::Read => {
                let letter = self.letter(&mine.id, true, &self.key("envelope"));
                let message = self.marta.send_message(&letter, &self.key("letter")).await.unwrap();
                (mine, Some(message.id))
            }
            _ => (mine, None),
        }
    }

    async fn perform(
        &self,
        by: &SignedIn,
        effect: Effect,
        on: &Consultation,
        message: Option<&MessageId>,
    ) -> Result<Said, ClientError> {
        let (id, key) = (&on.id, self.key("effect"));
        let reason = || "Away today".to_owned();
        let consultation = |said: Consultation| Said::Consultation(Box::new(said));
        match effect {
            Effect::Ask => {
                let mut new = serde_json::from_value::<chatehr_contract::NewConsultation>(json!({
                    "patientId": on.patient_id, "specialty": "cardiology", "urgency": "routine",
                    "description": self.key("It hurts again"),
                }))
                .unwrap();
                new.metadata = serde_json::Map::new();
                by.create_consultation(&new, &key).await.map(consultation)
            }
            Effect::Acknowledge => by.acknowledge(id, &key).await.map(consultation),
            Effect::Accept => by
                .update_consultation(id, &to(ConsultationStatus::Assigned, None), &key)
                .await
                .map(consultation),
            Effect::Start => {
                let update = to(ConsultationStatus::InProgress, Some("ECG ordered"));
                by.update_consultation(id, &update, &key).await.map(consultation)
            }
            Effect::Complete => by
                .update_consultation(id, &to(ConsultationStatus::Completed, None), &key)
                .await
                .map(consultation),
            Effect::Decline => by.decline(id, &Decline { reason: reason() }, &key).await.map(consultation),
            Effect::HandOff => {
                let to = chatehr_contract::Handoff {
                    physician_id: Some(PersonId::new("physician-13")),
                    specialty: None,
                    reason: reason(),
                };
                by.hand_off(id, &to, None, &key).await.map(consultation)
            }
            Effect::Message => {
                let letter = self.letter(id, false, &key);
                by.send_message(&letter, &key).await.map(Box::new).map(Said::Message)
            }
            Effect::Read => {
                let said = by.mark_read(id, message.unwrap()).await;
                said.map(Box::new).map(Said::Receipt)
            }
        }
    }

    /// How often it has happened, by the server's own records.
    async fn times(&self, effect: Effect, on: &Consultation, said: &Said) -> usize {
        match (effect, said) {
            (Effect::Ask, Said::Consultation(made)) => {
                let all = self.marta.all_consultations().await.unwrap().rows;
                all.iter().filter(|one| one.description == made.description).count()
            }
            (Effect::Message, Said::Message(sent)) => {
                let all = self.marta.all_messages(&on.id).await.unwrap().rows;
                assert!(
                    all.iter()
                        .all(|one| one.metadata["envelopeId"] == self.key("effect") && one.id == sent.id)
                );
                all.len()
            }
            (Effect::Read, Said::Receipt(_)) => {
                let all = self.marta.all_messages(&on.id).await.unwrap().rows;
                all.iter().filter(|one| one.read_at().is_some()).count()
            }
            (_, Said::Consultation(_)) => {
                let now = self.marta.consultation(&on.id).await.unwrap();
                assert_eq!(now.version, on.version + 1, "one step, and no other");
                let new = now.history.iter().skip(on.history.len());
                // Who declines is followed by whoever is asked next, in the same step.
                new.filter(|entry| entry.action != "escalated").count()
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Breaks the request, then the answer, after every so many bytes, and repeats under the same key until it is answered.
/// How many places there were.
async fn breaks_everywhere(scene: &mut Scene, effect: Effect, what: What) -> (usize, usize) {
    let verb = match effect {
        Effect::Ask => "POST /v1/consultations HTTP",
        Effect::Accept | Effect::Start | Effect::Complete => "PUT /v1/consultations/",
        Effect::Acknowledge | Effect::Decline | Effect::HandOff => "POST /v1/consultations/",
        Effect::Message | Effect::Read => "POST /v1/messages",
    };
    let network = Network::to(scene.clinic.running.address, 1).await.unwrap();
    let mut config = Config::new(format!("http://{}/v1", network.address()));
    config.api_key = Some(super::KEY.to_owned());
    let client = Client::new(config).unwrap();
    let session = client.sign_in(OKAFOR).await.unwrap();
    let okafor = client.with_session(&session.token);
    let mut places = Vec::new();
    for side in [Fault::in_request, Fault::in_answer] {
        let mut count = 0;
        for after in (0..LONGEST).step_by(STEP) {
            scene.cases += 1;
            let (on, message) = scene.prepare(effect).await;
            network.plan(verb, side(after, what));
            let mut failures = 0;
            let said = loop {
                match scene.perform(&okafor, effect, &on, message.as_ref()).await {
                    Ok(said) => break said,
                    Err(error) => {
                        assert!(error.is_transient(), "{effect:?} {after}: {error:?}");
                        failures += 1;
                        assert!(failures < 5, "{effect:?} {after}: {error:?}");
                    }
                }
            };
            assert_eq!(scene.times(effect, &on, &said).await, 1, "{effect:?} {what:?} after {after}");
            // Said once more, it is still the same.
            let again = scene.perform(&okafor, effect, &on, message.as_ref()).await.unwrap();
            if effect != Effect::Read {
                assert_eq!(again, said);
            }
            if network.take().faults == 0 {
                network.heal();
                break;
            }
            count += 1;
        }
        places.push(count);
    }
    (places[0], places[1])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_effect_happens_once_wherever_the_connection_breaks() {
    // More than anybody asks in so short a time.
    let plenty = Rate::new(1_000_000, 1_000_000);
    let all = ClassRates { person: plenty, machine: plenty, address: plenty };
    let rates = RateSettings { read: all, write: all, sign_in: all, stream: all };
    let clinic = Clinic::with(|config| config.rates = rates).await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let mine = taken(&okafor, &asked(&marta, Urgency::Routine, "first").await.id, "second").await;
    let kid = okafor.message_key(&mine.id).await.unwrap().kid;
    let mut scene = Scene { clinic, marta, okafor, kid, cases: 0 };
    for effect in ALL {
        for what in [What::Cut, What::Reset] {
            let (request, answer) = breaks_everywhere(&mut scene, effect, what).await;
            println!("{effect:?} {what:?}: {request} places in the request, {answer} in the answer");
            assert!(request >= 4 && answer >= 2, "{effect:?} {what:?}: {request}, {answer}");
        }
    }
}
