//! What is spelled here is read back by the surface that it is spelled for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chatehr_contract::{
    AppointmentId, AppointmentResponse, AppointmentStatus, Availability, AvailabilityUpdate, ConsultationId,
    ConsultationStatus, ConsultationUpdate, Decline, Handoff, MessageId, MessageKind, NewAnchor,
    NewConsultation, NewKioskCode, NewKioskSession, NewMessage, ParticipantStatus, ReadUpTo, Role,
    SpecialtyCode, Urgency, access::Action,
};
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::{
    address::TrustedProxies,
    appointment::{AppointmentUpdate, NewAppointment},
    authenticate::{Gate, Machine},
    events::Listening,
    identity::digest,
    metrics::Metrics,
    op::{AppointmentFilter, ConsultationFilter, MessageFilter},
    provider::{Condition, Once, Provider, Token, Trace},
    rate::{ClassRates, Rate, RateSettings, Rates, Streams},
    sealing::Seals,
    sources::Sources,
    surface,
    trail::Note,
};

const KEY: &str = "a-gateways-key";

/// Hears every call and does nothing.
#[derive(Default)]
struct Recorder(Mutex<Vec<Call>>);

#[async_trait]
impl Provider for Recorder {
    async fn perform(&self, call: Call) -> Result<Outcome, Problem> {
        self.0.lock().unwrap().push(call);
        Ok(Outcome::done())
    }

    async fn session(&self, _: &str, _: Timestamp) -> Result<Option<(Person, Timestamp)>, Problem> {
        Ok(None)
    }

    async fn listen(&self, _: Option<&str>) -> Result<Listening, Problem> {
        Err(Problem::NotFound)
    }

    async fn note(&self, _: Note) -> Result<(), Problem> {
        Ok(())
    }

    async fn condition(&self) -> Condition {
        Condition::default()
    }
}

/// A surface over the recorder, and the way to it.
async fn upstream() -> (Arc<Recorder>, Way, watch::Sender<bool>) {
    let recorder = Arc::new(Recorder::default());
    let plenty = Rate::new(1_000_000, 1_000_000);
    let plenty = ClassRates { person: plenty, machine: plenty, address: plenty };
    let (stop, stopping) = watch::channel(false);
    let routes = surface::router(surface::Parts {
        provider: Arc::<Recorder>::clone(&recorder),
        gate: Gate::new(vec![Machine { name: "gateway".to_owned(), key: digest(KEY), gateway: true }], None),
        rates: Arc::new(Rates::new(&RateSettings {
            read: plenty,
            write: plenty,
            sign_in: plenty,
            stream: plenty,
        })),
        streams: Streams::new(1),
        proxies: TrustedProxies::parse("127.0.0.1").unwrap(),
        metrics: Metrics::new(),
        seals: Seals::new(&[7; 32]).unwrap(),
        sources: Sources::system(),
        name: "ChatEHR",
        heartbeat: Duration::from_secs(15),
        request_timeout: Duration::from_secs(30),
        stopping,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
    let routes = routes.into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let way = Way::new(url, KEY, Duration::from_secs(10), Metrics::new()).unwrap();
    (recorder, way, stop)
}

fn call(op: Op) -> Call {
    let person = Person {
        id: "physician-12 ż".into_id(),
        role: Role::Physician,
        delegates_for: None,
        specialties: vec![SpecialtyCode::Cardiology, SpecialtyCode::PrimaryCare],
        session: Some("session-1".to_owned()),
        via: None,
    };
    let once = op.writes().then(|| Once { key: "key 1".to_owned(), digest: [0; 32] });
    Call {
        actor: Actor::Person(person),
        op,
        once,
        if_match: Some(Versions::Of(vec![3, 4])),
        sealed: true,
        reason: Some("Nachfrage der Klinik: 50 % größer, \"dringend\"".to_owned()),
        trace: Trace {
            request_id: "request-1".to_owned(),
            address: "203.0.113.7".to_owned(),
            token: Some(Token("session-token".into())),
            token_end: None,
        },
        now: Timestamp::from_millis(1_795_426_920_000),
    }
}

trait IntoId {
    fn into_id(self) -> PersonId;
}

impl IntoId for &str {
    fn into_id(self) -> PersonId {
        PersonId::new(self)
    }
}

fn odd(kind: &str) -> String {
    format!("{kind}/../7?x=ż&y=% #+;")
}

fn metadata() -> serde_json::Map<String, Value> {
    json!({ "envelopeId": "e-1", "deep": [1, { "x": null }] }).as_object().unwrap().clone()
}

/// One of each, with every field set.
fn all() -> Vec<Op> {
    let consultation = || ConsultationId::new(odd("consultation"));
    let appointment = || AppointmentId::new(odd("appointment"));
    let at = |millis| Some(Timestamp::from_millis(millis));
    vec![
        Op::ListConsultations(ConsultationFilter {
            patient: Some(odd("patient")),
            physician: Some(odd("physician")),
            status: Some(ConsultationStatus::InProgress),
            specialty: Some(SpecialtyCode::PrimaryCare),
            urgency: Some(Urgency::Emergency),
            triage: true,
            limit: 37,
            offset: 41,
        }),
        Op::ListConsultations(ConsultationFilter { limit: 20, ..ConsultationFilter::default() }),
        Op::ReadConsultation(consultation()),
        Op::CreateConsultation(NewConsultation {
            patient_id: odd("patient").as_str().into_id(),
            specialty: SpecialtyCode::Neurology,
            urgency: Urgency::Urgent,
            description: "Es tut weh.\n\"Sehr\" \u{1F915}".to_owned(),
            physician_id: Some("physician-9".into_id()),
            metadata: metadata(),
        }),
        Op::UpdateConsultation(
            consultation(),
            ConsultationUpdate {
                status: ConsultationStatus::Assigned,
                physician_id: Some("physician-9".into_id()),
                notes: Some("Notiz".to_owned()),
            },
        ),
        Op::Acknowledge(consultation()),
        Op::Decline(consultation(), Decline { reason: "Called away".to_owned() }),
        Op::HandOff(
            consultation(),
            Handoff {
                physician_id: None,
                specialty: Some(SpecialtyCode::Oncology),
                reason: "Better there".to_owned(),
            },
        ),
        Op::ListAppointments(AppointmentFilter {
            patient: Some(odd("patient")),
            physician: Some(odd("physician")),
            from: at(1_795_426_920_001),
            to: at(1_795_526_920_999),
        }),
        Op::CreateAppointment(NewAppointment {
            patient_id: "patient-1".into_id(),
            physician_id: "physician-9".into_id(),
            consultation_id: Some(consultation()),
            date_time: Timestamp::from_millis(1_795_426_920_000),
            duration: Some(45),
            kind: Some("follow-up".to_owned()),
            status: Some(AppointmentStatus::Proposed),
            notes: Some("Nüchtern".to_owned()),
        }),
        Op::UpdateAppointment(
            appointment(),
            AppointmentUpdate {
                date_time: at(1_795_426_920_000),
                duration: Some(15),
                kind: Some("visit".to_owned()),
                status: Some(AppointmentStatus::Arrived),
                notes: Some(String::new()),
            },
        ),
        Op::Respond(
            appointment(),
            AppointmentResponse {
                participant_status: ParticipantStatus::Tentative,
                comment: Some("Vielleicht".to_owned()),
            },
        ),
        Op::ListMessages(MessageFilter {
            consultation: consultation(),
            person: Some(odd("patient")),
            before: Some(MessageId::new(odd("message"))),
            limit: 99,
            offset: 7,
        }),
        Op::CreateMessage(NewMessage {
            to_id: "patient-1".into_id(),
            consultation_id: consultation(),
            content: "BP 120:80".to_owned(),
            kind: MessageKind::Attachment,
            metadata: metadata(),
        }),
        Op::AddNote(consultation(), chatehr_contract::NewNote { text: odd("Called back") }),
        Op::BreakGlass(
            consultation(),
            chatehr_contract::NewBreakGlass {
                reason: "Brought in unconscious".to_owned(),
                minutes: Some(10),
            },
        ),
        Op::CloseGlass(consultation()),
        Op::ListGlass,
        Op::MarkRead(consultation(), ReadUpTo { up_to: MessageId::new("message-3") }),
        Op::ReadKey(consultation()),
        Op::CreateAttachment(consultation(), (0..=255).collect()),
        Op::ReadAttachment(odd("attachment")),
        Op::SearchPatients { words: Some("Müller & Söhne".to_owned()), limit: 5 },
        Op::ReadPatient(odd("patient")),
        Op::ListPhysicians(Some(SpecialtyCode::Radiology)),
        Op::ReadPhysician(odd("physician")),
        Op::UpdateAvailability(AvailabilityUpdate { on_call: true, availability: Availability::Busy }),
        Op::ListSpecialties,
        Op::CreateKioskCode(NewKioskCode { patient_id: "patient-1".into_id() }),
        Op::CreateKioskSession(NewKioskSession {
            code: "402913".to_owned(),
            birth_date: "1959-03-14".to_owned(),
        }),
        Op::ReadSession,
        Op::EndSession,
        Op::ReadPolicy,
        Op::KeepAnchor(NewAnchor { device_id: odd("ward"), count: 12, head: "0".repeat(64) }),
        Op::ListChanges { since: Some("e-7~message~x".to_owned()), limit: 500 },
        Op::ListAccounts,
        Op::TestSignIn { code: "482913".to_owned() },
    ]
}

#[tokio::test]
async fn every_call_arrives_as_it_was_made() {
    let (recorder, way, _stop) = upstream().await;
    let covered: BTreeSet<Action> = all().iter().map(Op::action).collect();
    let missing: Vec<_> = Action::ALL
        .iter()
        .filter(|action| action.on_wire() == Some(**action))
        .filter(|action| !covered.contains(action) && **action != Action::EventListen)
        .collect();
    assert_eq!(missing, Vec::<&Action>::new(), "every row of the access table has a call here");
    for op in all() {
        let sent = call(op);
        let outcome = perform(&way, &sent).await;
        if matches!(sent.op, Op::EndSession) {
            // Sent with the session's own token, which nobody knows here.
            assert!(outcome.is_ok() && recorder.0.lock().unwrap().is_empty());
            continue;
        }
        assert!(outcome.is_ok(), "{:?}: {outcome:?}", sent.op);
        let came = recorder.0.lock().unwrap().pop().expect("it has arrived");
        assert_eq!(came.op, sent.op);
        let mut vouched = sent.actor.clone();
        if let Actor::Person(person) = &mut vouched {
            person.via = Some("gateway".to_owned());
        }
        assert_eq!(came.actor, vouched);
        assert_eq!(came.once.map(|once| once.key), sent.once.map(|once| once.key));
        assert_eq!((came.if_match, came.sealed, came.reason), (sent.if_match, sent.sealed, sent.reason));
        assert_eq!(came.trace.address, "203.0.113.7");
    }
}

#[tokio::test]
async fn a_machine_and_a_plain_caller_arrive_as_such() {
    let (recorder, way, _stop) = upstream().await;
    for if_match in [None, Some(Versions::Any), Some(Versions::Of(Vec::new()))] {
        let mut sent = call(Op::ListSpecialties);
        (sent.actor, sent.if_match) = (Actor::Machine("ward".to_owned()), if_match);
        (sent.sealed, sent.reason) = (false, None);
        perform(&way, &sent).await.unwrap();
        let came = recorder.0.lock().unwrap().pop().unwrap();
        assert_eq!(came.actor, Actor::Machine("gateway".to_owned()), "as the machine that this gateway is");
        assert_eq!((came.if_match, came.sealed, came.reason), (sent.if_match, false, None));
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: body.into() }
}

fn read(op: Op, status: u16, body: &str) -> Result<Outcome, Problem> {
    outcome(&call(op), answer(status, body))
}

#[test]
fn rows_are_passed_on_as_they_came() {
    let listed = read(Op::ListSpecialties, 200, r#"[ {"a" : 1.0},{"b":"]"} ]"#).unwrap();
    assert_eq!(listed.body, Body::Rows(vec![r#"{"a" : 1.0}"#.to_owned(), r#"{"b":"]"}"#.to_owned()]));
}

#[test]
fn an_answer_that_is_none_is_a_fault() {
    let id = || ConsultationId::new("c");
    for (op, status, body) in [
        (Op::ListSpecialties, 200, r#"{"not":"a list"}"#),
        (Op::ListSpecialties, 200, r#"[{"cut":"#),
        (Op::ListSpecialties, 201, "[]"),
        (Op::ReadConsultation(id()), 200, "[]"),
        (Op::ReadConsultation(id()), 200, ""),
        (Op::ReadConsultation(id()), 200, r#"{"id":7}"#),
        (Op::ReadConsultation(id()), 202, "{}"),
        (Op::ReadConsultation(id()), 401, "{}"),
        (Op::ReadConsultation(id()), 418, "{}"),
        (Op::ReadAttachment("a".to_owned()), 201, "x"),
    ] {
        let result = read(op, status, body);
        assert!(matches!(result, Err(Problem::Upstream { .. })), "{status} {body}: {result:?}");
    }
}

#[test]
fn a_refusal_is_told_as_it_was_put_and_bounded() {
    let update = ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
    let update = || Op::UpdateConsultation(ConsultationId::new("c"), update.clone());
    let body = json!({
        "error": "CONFLICT", "message": format!("Taken.\u{7}{}", "x".repeat(1000)), "current": { "status": "assigned" },
    });
    match read(update(), 409, &body.to_string()) {
        Err(Problem::Relayed(relayed)) => {
            assert_eq!((relayed.status, relayed.code), (StatusCode::CONFLICT, "CONFLICT"));
            assert_eq!(relayed.message.chars().count(), MAX_SENTENCE);
            assert!(relayed.message.starts_with("Taken.x"));
            assert_eq!(relayed.current, Some(json!({ "status": "assigned" })));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(read(update(), 404, "<"), Err(Problem::NotFound)));
    assert!(matches!(read(update(), 410, "{}"), Err(Problem::CursorExpired)));
    assert!(matches!(read(update(), 429, "{}"), Err(Problem::TooMany { .. })));
    assert!(matches!(read(update(), 403, r#"{"error":"SIGN_IN_REFUSED"}"#), Err(Problem::SignInRefused)));
    assert!(matches!(read(update(), 400, "nonsense"), Err(Problem::Relayed(_))));
}
