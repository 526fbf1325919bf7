//! What a physician does with a consultation, against the real server, its refusals included.

use chatehr_client::ClientError;
use chatehr_contract::{
    ConsultationId, ConsultationStatus, Decline, EscalationState, Handoff, NewKioskCode, PersonId,
    SpecialtyCode, Urgency,
};

use super::clinic::{Clinic, FELDMAN, LINDQVIST, MARTA, OKAFOR, asked, taken, to};

fn give_to(physician: &str) -> Handoff {
    Handoff {
        physician_id: Some(PersonId::new(physician)),
        specialty: None,
        reason: "On leave from tomorrow".to_owned(),
    }
}

fn give_to_pool(specialty: SpecialtyCode) -> Handoff {
    Handoff { physician_id: None, specialty: Some(specialty), reason: "Better there".to_owned() }
}

#[tokio::test]
async fn a_request_that_was_seen_says_so_and_has_more_time() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let id = asked(&marta, Urgency::Urgent, "a").await.id;
    let before = okafor.escalation(&id).await.unwrap().unwrap();
    assert_eq!(before.state, EscalationState::Waiting);
    clinic.pass(5);
    let seen = okafor.acknowledge(&id, "b").await.unwrap();
    let after = okafor.escalation(&id).await.unwrap().unwrap();
    assert_eq!(Some(&after), seen.escalation().as_ref());
    assert_eq!(after.state, EscalationState::Acknowledged);
    assert_eq!(after.acknowledged_by, Some(PersonId::new("physician-12")));
    assert_eq!(okafor.acknowledge(&id, "c").await.unwrap().version, seen.version, "once is as good as twice");

    assert_eq!(marta.acknowledge(&id, "d").await.unwrap_err(), ClientError::Forbidden);
    let nowhere = ConsultationId::new("nowhere");
    assert_eq!(okafor.acknowledge(&nowhere, "e").await.unwrap_err(), ClientError::NotFound);
    assert_eq!(okafor.escalation(&nowhere).await.unwrap_err(), ClientError::NotFound);
    taken(&okafor, &id, "f").await;
    assert_eq!(okafor.escalation(&id).await.unwrap(), None, "it waits no more");
    let ended = okafor.update_consultation(&id, &to(ConsultationStatus::Cancelled, None), "g").await.unwrap();
    let ClientError::Conflict { current: Some(current), .. } =
        okafor.acknowledge(&id, "h").await.unwrap_err()
    else {
        panic!("no conflict")
    };
    assert_eq!((current.status, current.version), (ConsultationStatus::Cancelled, ended.version));
}

#[tokio::test]
async fn who_decided_on_an_older_state_is_told_how_it_stands_now() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let feldman = clinic.sign_in(FELDMAN).await;
    let id = asked(&marta, Urgency::Routine, "a").await.id;
    let seen = taken(&okafor, &id, "b").await;
    let away = Decline { reason: "Away".to_owned() };
    let error = okafor.decline_seen(&id, &away, seen.version - 1, "z").await.unwrap_err();
    assert!(matches!(error, ClientError::PreconditionFailed { current: Some(_) }), "{error:?}");
    let start = to(ConsultationStatus::InProgress, Some("ECG ordered"));
    let now = okafor.update_consultation_seen(&id, &start, seen.version, "c").await.unwrap();
    let notes: Vec<_> = now.notes().map(|(entry, words)| (entry.action.as_str(), words)).collect();
    assert_eq!(notes, [("status", "ECG ordered")]);
    let again = okafor.update_consultation_seen(&id, &start, seen.version, "c").await.unwrap();
    assert_eq!(again, now, "a repeat gets the first answer, whatever it has seen");

    let end = to(ConsultationStatus::Completed, None);
    let late = [
        feldman.update_consultation_seen(&id, &end, seen.version, "d").await,
        okafor.hand_off(&id, &give_to("physician-13"), Some(seen.version), "e").await,
    ];
    for error in late.map(Result::unwrap_err) {
        let ClientError::PreconditionFailed { current: Some(current) } = error else { panic!("{error:?}") };
        assert_eq!((current.status, current.version), (ConsultationStatus::InProgress, now.version));
        assert_eq!(current.physician_id, Some(PersonId::new("physician-12")));
    }
    let back = to(ConsultationStatus::Pending, None);
    let error = okafor.update_consultation_seen(&id, &back, now.version, "g").await.unwrap_err();
    assert!(matches!(error, ClientError::Conflict { current: Some(_), .. }), "the rules hold all the same");
    assert!(okafor.update_consultation_seen(&id, &end, now.version, "h").await.is_ok());
}

#[tokio::test]
async fn a_consultation_goes_to_a_colleague_or_to_a_pool_with_a_reason() {
    let clinic = Clinic::open().await;
    let (marta, okafor) = (clinic.sign_in(MARTA).await, clinic.sign_in(OKAFOR).await);
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    let id = asked(&marta, Urgency::Routine, "a").await.id;
    assert_eq!(
        okafor.hand_off(&id, &give_to("physician-13"), None, "b").await.unwrap_err(),
        ClientError::Forbidden,
        "what nobody has taken is nobody's to give"
    );
    let seen = taken(&okafor, &id, "c").await;
    for (wrong, field) in [
        (Handoff { specialty: Some(SpecialtyCode::Neurology), ..give_to("physician-13") }, "physicianId"),
        (Handoff { reason: " ".to_owned(), ..give_to("physician-13") }, "reason"),
        (give_to("physician-12"), "physicianId"),
        (give_to("nobody"), "physicianId"),
        (give_to_pool(SpecialtyCode::from("alchemy")), "specialty"),
    ] {
        let error = okafor.hand_off(&id, &wrong, None, "d").await.unwrap_err();
        let ClientError::Invalid { fields } = error else { panic!("{error:?}") };
        assert_eq!(fields[0].path, field);
    }
    let given = okafor.hand_off(&id, &give_to("physician-13"), Some(seen.version), "e").await.unwrap();
    assert_eq!(given.physician_id, Some(PersonId::new("physician-13")));
    assert_eq!(given.notes().last().unwrap().1, "On leave from tomorrow");
    assert_eq!(
        okafor.consultation(&id).await.unwrap_err(),
        ClientError::NotFound,
        "it is not theirs any more"
    );
    assert_eq!(
        okafor.hand_off(&id, &give_to("physician-14"), None, "f").await.unwrap_err(),
        ClientError::NotFound
    );
    let pooled = lindqvist.hand_off(&id, &give_to_pool(SpecialtyCode::Neurology), None, "g").await.unwrap();
    assert_eq!(
        (pooled.status, pooled.specialty, pooled.physician_id),
        (ConsultationStatus::Pending, SpecialtyCode::Neurology, None)
    );
}

#[tokio::test]
async fn how_far_a_conversation_was_read_is_said_once_for_all_that_came_before() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let me = PersonId::new("physician-12");
    let mut talked = Vec::new();
    for place in okafor.all_consultations().await.unwrap() {
        if place.physician_id.as_ref() != Some(&me) {
            continue;
        }
        let said = okafor.all_messages(&place.id).await.unwrap().rows;
        if said.iter().any(|message| message.to_id == me) {
            talked.push((place.id, said.last().unwrap().id.clone()));
        }
    }
    let [first, second, ..] = talked.as_slice() else {
        panic!("the demonstration has too few conversations")
    };
    let receipt = okafor.mark_read(&first.0, &first.1).await.unwrap();
    assert_eq!((&receipt.consultation_id, &receipt.up_to, &receipt.person_id), (&first.0, &first.1, &me));
    for message in okafor.all_messages(&first.0).await.unwrap().rows.iter().filter(|said| said.to_id == me) {
        assert!(message.delivered_at() <= message.read_at() && message.read_at().is_some(), "{message:?}");
    }

    let nowhere = (ConsultationId::new("nowhere"), first.1.clone());
    let elsewhere = (first.0.clone(), second.1.clone());
    let answers = okafor.mark_all_read(&[nowhere, elsewhere, second.clone()]).await;
    let [Err(ClientError::NotFound), Err(ClientError::Invalid { fields }), Ok(receipt)] = answers.as_slice()
    else {
        panic!("{answers:?}")
    };
    assert_eq!((fields[0].path.as_str(), &receipt.up_to), ("upTo", &second.1));
    let lindqvist = clinic.sign_in(LINDQVIST).await;
    assert_eq!(lindqvist.mark_read(&first.0, &first.1).await.unwrap_err(), ClientError::NotFound);
    okafor.end_session().await.unwrap();
    assert_eq!(okafor.mark_all_read(&talked).await, [Err(ClientError::SignedOut)], "the rest is not asked");
}

#[tokio::test]
async fn staff_make_a_kiosk_code_and_patients_do_not() {
    let clinic = Clinic::open().await;
    let okafor = clinic.sign_in(OKAFOR).await;
    let code_for = |id: &str| NewKioskCode { patient_id: PersonId::new(id) };
    let code = okafor.kiosk_code(&code_for("patient-2041")).await.unwrap();
    assert!(code.code.len() == 6 && !format!("{code:?}").contains(&code.code));
    assert_eq!(code.expires_at.to_string(), "2026-11-23T09:57:00.000Z");
    assert_eq!(okafor.kiosk_code(&code_for("nobody")).await.unwrap_err(), ClientError::NotFound);
    let marta = clinic.sign_in(MARTA).await;
    assert_eq!(marta.kiosk_code(&code_for("patient-2041")).await.unwrap_err(), ClientError::Forbidden);
}

#[tokio::test]
async fn a_session_that_is_ended_is_over_and_may_be_ended_again() {
    let clinic = Clinic::open().await;
    let (first, second) = (clinic.sign_in(OKAFOR).await, clinic.sign_in(OKAFOR).await);
    first.end_session().await.unwrap();
    assert_eq!(first.physicians().await.unwrap_err(), ClientError::SignedOut);
    first.end_session().await.unwrap();
    assert!(second.physicians().await.is_ok(), "no other is");
}
