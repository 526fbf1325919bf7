//! How each route is asked, and how often what it does has happened, by the server's own records.

use chatehr_client::{ConsultationQuery, Page};
use chatehr_contract::{
    ConsultationStatus, Decline, Handoff, NewAnchor, NewBreakGlass, NewKioskCode, NewNote, PersonId,
    Timestamp,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::clinic::{OKAFOR, to},
    scene::{Asker, Failed, Ground, Scene, Who, request},
};

pub(super) fn is_read(route: &str) -> bool {
    route.starts_with("GET ")
}

/// Whose business it is.
pub(super) fn who(route: &str) -> Who {
    match route {
        "POST /consultations" => Who::Lucia,
        "POST /appointments/{id}/response" => Who::Marta,
        "POST /consultations/{id}/break-glass"
        | "DELETE /consultations/{id}/break-glass"
        | "PUT /physicians/me/availability" => Who::Lindqvist,
        "GET /break-glass" | "POST /kiosk-codes" => Who::Feldman,
        "POST /kiosk-sessions" | "GET /test/accounts" | "POST /test/sign-in" => Who::Machine,
        _ => Who::Okafor,
    }
}

fn made(record: impl Serialize) -> Value {
    serde_json::to_value(record).unwrap()
}

fn rows<T: Serialize>(page: Page<T>) -> Value {
    json!({ "rows": page.rows, "total": page.total, "skipped": page.skipped })
}

fn span() -> (Timestamp, Timestamp) {
    ("2026-12-02T08:00:00Z".parse().unwrap(), "2026-12-02T10:00:00Z".parse().unwrap())
}

fn reason() -> String {
    "Away today".to_owned()
}

/// Asks it once. There is no route without a case: a new one has to say here how it is asked.
pub(super) async fn ask(by: &Asker, route: &str, on: &Ground) -> Result<Value, Failed> {
    let (me, key, id) = (&by.me, on.key.as_str(), &on.consultation.id);
    Ok(match route {
        "GET /consultations" => {
            let few = ConsultationQuery { limit: 2, ..ConsultationQuery::default() };
            rows(me.consultations(&few).await?)
        }
        "POST /consultations" => made(me.create_consultation(&request(key), key).await?),
        "GET /consultations/{id}" => made(me.consultation(id).await?),
        "PUT /consultations/{id} to accept" => {
            made(me.update_consultation(id, &to(ConsultationStatus::Assigned, None), key).await?)
        }
        "PUT /consultations/{id} to begin" => {
            let begin = to(ConsultationStatus::InProgress, Some("ECG ordered"));
            made(me.update_consultation(id, &begin, key).await?)
        }
        "PUT /consultations/{id} to finish" => {
            made(me.update_consultation(id, &to(ConsultationStatus::Completed, None), key).await?)
        }
        "POST /consultations/{id}/acknowledge" => made(me.acknowledge(id, key).await?),
        "POST /consultations/{id}/decline" => made(me.decline(id, &Decline { reason: reason() }, key).await?),
        "POST /consultations/{id}/handoff" => {
            let physician_id = Some(PersonId::new("physician-13"));
            let handoff = Handoff { physician_id, specialty: None, reason: reason() };
            made(me.hand_off(id, &handoff, None, key).await?)
        }
        "POST /consultations/{id}/notes" => {
            made(me.add_note(id, &NewNote { text: "Called back".to_owned() }, key).await?)
        }
        "POST /consultations/{id}/break-glass" => {
            made(me.break_glass(id, &NewBreakGlass { reason: reason(), minutes: Some(5) }, key).await?)
        }
        "DELETE /consultations/{id}/break-glass" => match me.close_glass(id).await {
            // Closed is closed.
            Ok(()) | Err(chatehr_client::ClientError::NotFound) => Value::Null,
            Err(error) => return Err(error.into()),
        },
        "GET /break-glass" => rows(me.broken_glass().await?),
        "GET /appointments" => {
            let (from, to) = span();
            rows(me.appointments(from, to).await?)
        }
        "POST /appointments" => {
            let new = json!({
                "patientId": "patient-2041", "physicianId": "physician-12", "dateTime": "2026-12-02T09:00:00Z",
                "notes": key,
            });
            by.plain("POST", "/appointments", key, Some(new)).await?
        }
        "PUT /appointments/{id}" => {
            by.plain("PUT", &format!("/appointments/{}", on.other), key, Some(json!({ "notes": key })))
                .await?
        }
        "POST /appointments/{id}/response" => {
            let word = json!({ "participantStatus": "accepted" });
            by.plain("POST", &format!("/appointments/{}/response", on.other), key, Some(word)).await?
        }
        "GET /messages" => rows(me.messages(id, 2, 0).await?),
        "POST /messages" => made(me.send_message(&on.letter, key).await?),
        "POST /messages/{consultationId}/read" => made(me.mark_read(id, on.message.as_ref().unwrap()).await?),
        "GET /keys/{consultationId}" => {
            let material = me.message_key(id).await?;
            json!({ "kid": material.kid, "key": material.key.as_slice() })
        }
        "POST /attachments" => {
            let path = format!("/attachments?consultationId={id}");
            by.plain("POST", &path, key, Some(format!("sealed {key}").into())).await?
        }
        "GET /attachments/{id}" => by.plain("GET", &format!("/attachments/{}", on.other), "", None).await?,
        "GET /patients" => by.plain("GET", "/patients?limit=2", "", None).await?,
        "GET /patients/{id}" => made(me.patient(&on.consultation.patient_id).await?),
        "GET /physicians" => rows(me.physicians().await?),
        "GET /physicians/{id}" => by.plain("GET", "/physicians/physician-13", "", None).await?,
        "PUT /physicians/me/availability" => {
            let availability = if on.number.is_multiple_of(2) { "busy" } else { "available" };
            let word = json!({ "onCall": true, "availability": availability });
            by.plain("PUT", "/physicians/me/availability", key, Some(word)).await?
        }
        "GET /specialties" => by.plain("GET", "/specialties", "", None).await?,
        "POST /kiosk-codes" => {
            made(me.kiosk_code(&NewKioskCode { patient_id: PersonId::new("patient-2044") }).await?)
        }
        "POST /kiosk-sessions" => {
            let who = json!({ "code": on.other, "birthDate": "1959-03-14" });
            by.plain("POST", "/kiosk-sessions", "", Some(who)).await?
        }
        "GET /session" => {
            let who = me.whoami().await?;
            json!({ "id": who.id, "role": who.role, "specialties": who.specialties, "for": who.delegates_for })
        }
        "DELETE /session" => made(by.client.with_session(&on.other).end_session().await?),
        "GET /policy" => made(me.policy(None).await?.signed),
        "POST /audit/anchors" => {
            let head = format!("{:064x}", on.number);
            made(me.keep_anchor(&NewAnchor { device_id: "ward-3".to_owned(), count: on.number, head }).await?)
        }
        "GET /changes" => {
            let page = me.changes(None, 2).await?;
            json!({ "rows": page.changes, "next": page.next_cursor, "more": page.has_more, "skipped": page.skipped })
        }
        "GET /test/accounts" => made(by.client.accounts().await?),
        "POST /test/sign-in" => made(by.client.sign_in(OKAFOR).await?),
        other => panic!("nobody has said how {other} is asked"),
    })
}

/// How often it has happened.
pub(super) async fn times(scene: &Scene, route: &str, on: &Ground, said: &Value) -> usize {
    let (marta, okafor) = (scene.person(Who::Marta), scene.person(Who::Okafor));
    let feldman = scene.person(Who::Feldman);
    let id = &on.consultation.id;
    match route {
        "POST /consultations" => {
            let all = scene.person(Who::Lucia).all_consultations().await.unwrap().rows;
            all.iter().filter(|one| one.description == on.key).count()
        }
        "PUT /consultations/{id} to accept"
        | "PUT /consultations/{id} to begin"
        | "PUT /consultations/{id} to finish"
        | "POST /consultations/{id}/acknowledge"
        | "POST /consultations/{id}/decline"
        | "POST /consultations/{id}/handoff"
        | "POST /consultations/{id}/notes" => {
            let now = marta.consultation(id).await.unwrap();
            assert_eq!(now.version, on.consultation.version + 1, "one step, and no other");
            let now = feldman.consultation(id).await.unwrap();
            let new = now.history.iter().skip(on.consultation.history.len());
            // Who declines is followed by whoever is asked next, in the same step.
            new.filter(|entry| entry.action != "escalated").count()
        }
        "POST /consultations/{id}/break-glass" => {
            let all = feldman.broken_glass().await.unwrap().rows;
            all.iter().filter(|glass| glass.consultation_id == *id).count()
        }
        "DELETE /consultations/{id}/break-glass" => {
            let open = scene.person(Who::Lindqvist).consultation(id).await.is_ok();
            usize::from(!open)
        }
        "POST /appointments" => {
            let (from, to) = span();
            let all = marta.appointments(from, to).await.unwrap().rows;
            all.iter().filter(|one| one.notes == on.key).count()
        }
        "PUT /appointments/{id}" | "POST /appointments/{id}/response" => {
            // Made once, and changed so often.
            let (from, to) =
                ("2031-01-01T00:00:00Z".parse().unwrap(), "2031-01-03T00:00:00Z".parse().unwrap());
            let all = marta.appointments(from, to).await.unwrap().rows;
            assert!(all.iter().any(|one| one.id.as_str() == on.other));
            usize::try_from(said["version"].as_u64().unwrap() - 1).unwrap()
        }
        "POST /messages" => {
            let all = marta.all_messages(id).await.unwrap().rows;
            assert!(
                all.iter().all(|one| one.metadata["envelopeId"] == on.key && said["id"] == one.id.as_str())
            );
            all.len()
        }
        "POST /messages/{consultationId}/read" => {
            let all = marta.all_messages(id).await.unwrap().rows;
            all.iter().filter(|one| one.read_at().is_some()).count()
        }
        "POST /attachments" => {
            let path = format!("/attachments/{}", said["id"].as_str().unwrap());
            let kept = scene.people[&Who::Okafor].plain("GET", &path, "", None).await.unwrap();
            usize::from(kept == Value::String(format!("sealed {}", on.key)))
        }
        "PUT /physicians/me/availability" => {
            let kept =
                scene.people[&Who::Okafor].plain("GET", "/physicians/physician-13", "", None).await.unwrap();
            usize::from(kept["availability"] == said["availability"])
        }
        "POST /kiosk-codes" => {
            // The one that was said last is good, once.
            let birth_date = feldman.patient(&PersonId::new("patient-2044")).await.unwrap().birth_date;
            let who = json!({ "code": said["code"], "birthDate": birth_date });
            let mut sessions = 0;
            for _ in 0..2 {
                let told =
                    scene.people[&Who::Machine].plain("POST", "/kiosk-sessions", "", Some(who.clone())).await;
                sessions += usize::from(told.is_ok());
            }
            sessions
        }
        "POST /kiosk-sessions" => {
            let who = json!({ "code": on.other, "birthDate": "1959-03-14" });
            let used =
                scene.people[&Who::Machine].plain("POST", "/kiosk-sessions", "", Some(who)).await.is_err();
            if let Some(token) = said["token"].as_str() {
                let me = scene.people[&Who::Machine].client.with_session(token).whoami().await.unwrap();
                assert_eq!(me.id.as_str(), "patient-2041");
            }
            usize::from(used)
        }
        "POST /test/sign-in" => {
            let token = said["token"].as_str().unwrap();
            let me = scene.people[&Who::Machine].client.with_session(token).whoami().await.unwrap();
            usize::from(me.id.as_str() == "physician-12")
        }
        "DELETE /session" => {
            let over = scene.people[&Who::Machine].client.with_session(&on.other).whoami().await;
            usize::from(over == Err(chatehr_client::ClientError::SignedOut))
        }
        "POST /audit/anchors" => {
            // A log goes on from what was kept, and not back.
            let earlier = NewAnchor { device_id: "ward-3".to_owned(), count: 0, head: "0".repeat(64) };
            let told = okafor.keep_anchor(&earlier).await.unwrap_err();
            usize::from(told == chatehr_client::AnchorError::GoesBack { kept: on.number })
        }
        other => panic!("nobody has said what {other} leaves behind"),
    }
}
