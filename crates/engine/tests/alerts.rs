//! An urgent request is told until somebody answers: against the real server, on one workstation and on two.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod support;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use chatehr_audit::Criteria;
use chatehr_contract::*;
use chatehr_engine::{Response, Settings};
use support::*;
use tempfile::TempDir;

/// How soon another workstation lets go of what was answered on this one.
const WITHIN: Duration = Duration::from_secs(1);

impl Bench {
    /// Until the notification of this request is on the desktop.
    async fn until_shown(&self, id: &ConsultationId) {
        let shown = |alert: &chatehr_engine::Alert| alert.consultation.as_ref() == Some(id);
        self.until("shown", |_| self.desktop.shown.lock().unwrap().iter().any(shown)).await;
    }

    async fn until_closed_within(&self, since: Instant, id: &ConsultationId) {
        while !self.desktop.has_closed(id) {
            assert!(since.elapsed() < WITHIN, "its notification stays for longer than {WITHIN:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What was written down, of this consultation or of all.
async fn on_record(bench: Bench, settings: &Settings, of: Option<&ConsultationId>) -> Vec<String> {
    let vault = files(bench, settings).await;
    let entries = vault.search_audit(&Criteria::default(), None, 1000).unwrap();
    let about = |objects: &[String]| of.is_none_or(|id| objects.contains(&id.to_string()));
    entries.into_iter().filter(|entry| about(&entry.said.objects)).map(|entry| entry.said.action).collect()
}

/// A request whose notification is about nothing else: what waits at the sign-in has been told before.
async fn asked(clinic: &Clinic, benches: &[&Bench], urgency: Urgency) -> Consultation {
    for bench in benches {
        bench.until("told what waits", |_| !bench.desktop.shown.lock().unwrap().is_empty()).await;
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let made = clinic.request(urgency, "Palpitations, canary-7321").await;
    for bench in benches {
        bench.until_shown(&made.id).await;
        bench.until_known(&made.id).await;
    }
    made
}

/// Marta writes.
async fn write_to(clinic: &Clinic, consultation: &ConsultationId, to_id: PersonId, text: &str) {
    let (marta, from) = clinic.as_person(MARTA).await;
    let material = marta.message_key(consultation).await.unwrap();
    let key = chatehr_seal::MessageKey::from_parts(&material.kid, material.key.as_slice()).unwrap();
    let envelope = EnvelopeId::new("0198c0de-0000-7000-8000-000000000001");
    let binding = chatehr_seal::Binding { consultation, envelope: &envelope, from: &from, to: &to_id };
    let content = chatehr_seal::seal(&key, &binding, text, [7; 12]).unwrap();
    let mut metadata = serde_json::Map::new();
    metadata.insert("envelopeId".to_owned(), envelope.as_str().into());
    let message = NewMessage {
        to_id,
        consultation_id: consultation.clone(),
        content,
        kind: MessageKind::Text,
        metadata,
    };
    marta.send_message(&message, envelope.as_str()).await.unwrap();
}

async fn two(clinic: &Clinic, dirs: &[TempDir; 2]) -> [Bench; 2] {
    let settings = |dir: &TempDir| clinic.settings(dir.path());
    [Bench::signed_in(settings(&dirs[0]), OKAFOR).await, Bench::signed_in(settings(&dirs[1]), OKAFOR).await]
}

/// A message that this person has read nowhere, in a consultation of theirs; and how many others there are.
async fn unread(clinic: &Clinic, here: &Bench, there: &Bench) -> (ConsultationId, u32) {
    let made = clinic.request(Urgency::Routine, "A question").await;
    here.until_known(&made.id).await;
    here.desk.accept(&made.id).await.unwrap();
    let before = there.desk.state().await.counts.unread;
    let to_id = here.desk.consultation(&made.id).await.unwrap().physician.unwrap().id;
    write_to(clinic, &made.id, to_id, "It is better now.").await;
    for bench in [here, there] {
        bench.until("unread", |state| state.counts.unread == before + 1).await;
    }
    (made.id, before)
}

fn dirs() -> [TempDir; 2] {
    [TempDir::new().unwrap(), TempDir::new().unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_at_one_workstation_is_closed_at_the_other_and_on_record() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, dirs) = (Clinic::open().await, dirs());
    let [here, there] = two(&clinic, &dirs).await;
    let made = asked(&clinic, &[&here, &there], Urgency::Urgent).await;
    assert!(here.desk.consultation(&made.id).await.unwrap().actions.contains(&Action::Acknowledge));

    let since = Instant::now();
    here.desktop.respond(&made.id, Response::Acknowledged);
    there.until_closed_within(since, &made.id).await;
    here.until_closed_within(since, &made.id).await;
    for bench in [&here, &there] {
        assert!(bench.heard(|notice| notice.answered.contains(&made.id)), "the window lets go of it too");
        let view = bench.desk.consultation(&made.id).await.unwrap();
        let seen = view.acknowledged.unwrap();
        assert!(seen.mine && seen.by.name.is_some());
        assert_eq!(view.actions, [Action::Decline, Action::Accept], "seen is not accepted");
    }
    let written = on_record(here, &clinic.settings(dirs[0].path()), Some(&made.id)).await;
    for action in ["alert.show", "alert.acknowledge.ask", "alert.acknowledge"] {
        assert!(written.iter().any(|found| found == action), "{action} is not on record: {written:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_at_one_workstation_is_closed_at_the_other_and_a_colleagues_acknowledgement_too() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, dirs) = (Clinic::open().await, dirs());
    let [here, there] = two(&clinic, &dirs).await;
    let made = asked(&clinic, &[&here, &there], Urgency::Emergency).await;
    let since = Instant::now();
    here.desk.accept(&made.id).await.unwrap();
    there.until_closed_within(since, &made.id).await;

    let made = asked(&clinic, &[&here, &there], Urgency::Emergency).await;
    let (lindqvist, _) = clinic.as_person(LINDQVIST).await;
    let since = Instant::now();
    lindqvist.acknowledge(&made.id, "seen").await.unwrap();
    here.until_closed_within(since, &made.id).await;
    there.until_closed_within(since, &made.id).await;
    let seen = here.desk.consultation(&made.id).await.unwrap().acknowledged.unwrap();
    assert!(!seen.mine);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_at_one_workstation_counts_as_read_at_the_other() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, dirs) = (Clinic::open().await, dirs());
    let [here, there] = two(&clinic, &dirs).await;
    let (id, before) = unread(&clinic, &here, &there).await;
    // Opening it is reading it.
    here.conversation_until(&id, |messages| messages.len() == 1).await;
    let since = Instant::now();
    while there.desk.state().await.counts.unread != before {
        assert!(since.elapsed() < WITHIN, "it stays unread for longer than {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_offline_is_said_after_the_next_start_of_the_program() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, dirs) = (Clinic::open().await, dirs());
    let [here, there] = two(&clinic, &dirs).await;
    let (id, before) = unread(&clinic, &here, &there).await;
    clinic.stop().await;
    here.until_offline().await;
    here.conversation_until(&id, |messages| messages.len() == 1).await;
    let settings = clinic.settings(dirs[0].path());
    here.desk.close().await;
    drop(here);
    clinic.start_again().await;
    there.until_online().await;
    assert_eq!(there.desk.state().await.counts.unread, before + 1, "nobody has said so");
    let here = Bench::new(settings, Desktop::default());
    here.desk.start().await;
    here.until_online().await;
    there.until("read", |state| state.counts.unread == before).await;
}

/// What a colleague has handed to this person, alerting at both workstations.
async fn handed(clinic: &Clinic, here: &Bench, there: &Bench) -> ConsultationId {
    let made = asked(clinic, &[here, there], Urgency::Urgent).await;
    clinic.taken_by(LINDQVIST, &made.id).await;
    let (lindqvist, _) = clinic.as_person(LINDQVIST).await;
    let (_, me) = clinic.as_person(OKAFOR).await;
    for bench in [here, there] {
        bench.until_closed_within(Instant::now(), &made.id).await;
    }
    let count = |bench: &Bench| bench.desktop.shown.lock().unwrap().len();
    let before = [count(here), count(there)];
    let handoff = Handoff { physician_id: Some(me), specialty: None, reason: "I am off duty".to_owned() };
    lindqvist.hand_off(&made.id, &handoff, None, "hand").await.unwrap();
    for (bench, before) in [here, there].into_iter().zip(before) {
        bench.until("told again", |_| count(bench) > before).await;
        bench.until_known(&made.id).await;
    }
    there.desktop.closed.lock().unwrap().clear();
    there.notices.lock().unwrap().clear();
    made.id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_colleague_hands_to_me_alerts_until_i_open_it_at_any_workstation() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, dirs) = (Clinic::open().await, dirs());
    let [here, there] = two(&clinic, &dirs).await;
    let id = handed(&clinic, &here, &there).await;
    let since = Instant::now();
    // A window asks again whenever something changes.
    for _ in 0..3 {
        here.desk.conversation(ConversationRequest { id: id.clone(), limit: 10 }).await.unwrap();
    }
    assert!(here.heard(|notice| notice.answered.contains(&id)));
    there.until_closed_within(since, &id).await;
    assert!(there.heard(|notice| notice.answered.contains(&id)));
    let (me, _) = clinic.as_person(OKAFOR).await;
    let history = me.consultation(&id).await.unwrap().history;
    assert_eq!(history.iter().filter(|entry| entry.action == "acknowledged").count(), 1);
    let [written, elsewhere] = [
        on_record(here, &clinic.settings(dirs[0].path()), Some(&id)).await,
        on_record(there, &clinic.settings(dirs[1].path()), Some(&id)).await,
    ];
    assert_eq!(written.iter().filter(|action| *action == "alert.acknowledge").count(), 1, "{written:?}");
    assert!(!elsewhere.iter().any(|action| action == "alert.acknowledge"), "nobody has opened it there");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_to_me_and_opened_offline_is_said_when_the_connection_is_back() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, dirs) = (Clinic::open().await, dirs());
    let [here, there] = two(&clinic, &dirs).await;
    let id = handed(&clinic, &here, &there).await;
    clinic.stop().await;
    here.until_offline().await;
    here.desk.conversation(ConversationRequest { id: id.clone(), limit: 10 }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!there.heard(|notice| notice.answered.contains(&id)), "nobody can have said so");
    clinic.start_again().await;
    here.until_online().await;
    there.until("answered", |_| there.heard(|notice| notice.answered.contains(&id))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_or_handed_over_while_a_desk_was_away_is_known_at_its_return() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let answered = asked(&clinic, &[&bench], Urgency::Urgent).await.id;
    let given = asked(&clinic, &[&bench], Urgency::Urgent).await.id;
    clinic.taken_by(LINDQVIST, &given).await;
    bench.until("answered", |_| bench.heard(|notice| notice.answered.contains(&given))).await;
    let (lindqvist, _) = clinic.as_person(LINDQVIST).await;
    let (_, me) = clinic.as_person(OKAFOR).await;
    bench.notices.lock().unwrap().clear();
    clinic.stop().await;
    bench.until_offline().await;
    // The pauses between its attempts grow, so that all this has happened when it comes back.
    tokio::time::sleep(Duration::from_secs(8)).await;
    clinic.start_again().await;
    lindqvist.acknowledge(&answered, "seen").await.unwrap();
    let handoff = Handoff { physician_id: Some(me), specialty: None, reason: "I am off duty".to_owned() };
    lindqvist.hand_off(&given, &handoff, None, "hand").await.unwrap();
    bench.until_online().await;
    let alerts_to =
        |notice: &ChangeNotice| notice.alert.as_ref().is_some_and(|alert| alert.consultation_id == given);
    bench.until("answered", |_| bench.heard(|notice| notice.answered.contains(&answered))).await;
    bench.until("handed over", |_| bench.heard(alerts_to)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledging_offline_is_refused_with_the_reason() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    let first = bench.queue().await.remove(0);
    clinic.stop().await;
    bench.until_offline().await;
    assert_eq!(bench.desk.acknowledge(&first.id).await.unwrap_err().code, ErrorCode::NeedsConnection);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_repeats_in_the_same_notification_and_a_click_opens_it() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let mut wishes = AlertPolicy::default();
    wishes.rules.emergency.repeat_seconds = Some(10);
    let settings = Settings { alerts: wishes, ..clinic.settings(data.path()) };
    let bench = Bench::signed_in(settings.clone(), OKAFOR).await;
    bench.until("told", |_| !bench.desktop.shown.lock().unwrap().is_empty()).await;
    let first = bench.desktop.shown.lock().unwrap()[0].clone();
    assert!(first.emergency && first.critical && first.sound);
    bench.until("told again", |_| bench.desktop.shown.lock().unwrap().len() > 1).await;
    let again = bench.desktop.shown.lock().unwrap()[1].clone();
    assert_eq!(again.number, first.number);
    assert!(again.body.starts_with("Not answered yet."), "{again:?}");
    let id = again.consultation.unwrap();
    bench.desktop.respond(&id, Response::Opened);
    assert!(bench.heard(|notice| notice.open.as_ref() == Some(&id)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let written = on_record(bench, &settings, Some(&id)).await;
    for action in ["alert.show", "alert.repeat", "alert.open"] {
        assert!(written.iter().any(|found| found == action), "{action} is not on record: {written:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_desktop_shows_nothing_the_window_sounds_and_what_waits_is_shown_when_it_is_back() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let bench = Bench::new(clinic.settings(data.path()), Desktop::default());
    bench.desktop.broken.store(true, Ordering::SeqCst);
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until("it is said", |state| state.notifications.is_some()).await;
    bench.until("the window sounds", |_| bench.heard(|notice| notice.sound)).await;
    let tried = bench.desktop.shown.lock().unwrap().len();
    bench.desktop.broken.store(false, Ordering::SeqCst);
    for _ in 0..500 {
        if bench.desktop.shown.lock().unwrap().len() > tried {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(bench.desktop.shown.lock().unwrap().len() > tried, "nobody looked whether it is back");
    bench.until("no longer said", |state| state.notifications.is_none()).await;
    let written = on_record(bench, &clinic.settings(data.path()), None).await;
    assert!(written.iter().any(|found| found == "alert.fail"), "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_service_that_dies_is_missed_at_once_and_the_next_shows_what_waits() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let settings = clinic.settings(data.path());
    let bench = Bench::signed_in(settings.clone(), OKAFOR).await;
    // Its next repeat is two minutes away.
    let made = asked(&clinic, &[&bench], Urgency::Urgent).await;
    let alerts_to = |notice: &ChangeNotice| {
        notice.alert.as_ref().is_some_and(|alert| alert.consultation_id == made.id && alert.told == 1)
    };
    bench.notices.lock().unwrap().clear();
    let since = Instant::now();
    bench.desktop.serves(false);
    bench.until("it is said", |state| state.notifications.is_some()).await;
    bench.until("the window alerts", |_| bench.heard(alerts_to) && bench.heard(|notice| notice.sound)).await;
    let count = || {
        bench
            .desktop
            .shown
            .lock()
            .unwrap()
            .iter()
            .filter(|one| one.consultation.as_ref() == Some(&made.id))
            .count()
    };
    let before = count();
    bench.desktop.serves(true);
    bench.until("shown again", |_| count() > before).await;
    bench.until("no longer said", |state| state.notifications.is_none()).await;
    assert!(since.elapsed() < Duration::from_secs(3), "nobody has waited to look: {:?}", since.elapsed());
    let written = on_record(bench, &settings, Some(&made.id)).await;
    assert_eq!(written.iter().filter(|action| *action == "alert.show").count(), 2, "{written:?}");
    assert!(written.iter().any(|action| action == "alert.sound"), "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_an_alert_is_on_record_with_where_it_was() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let settings = clinic.settings(data.path());
    let bench = Bench::signed_in(settings.clone(), OKAFOR).await;
    let made = asked(&clinic, &[&bench], Urgency::Urgent).await;
    let deeds = [AlertDeed::Shown, AlertDeed::Repeated, AlertDeed::PutOff, AlertDeed::Opened];
    for deed in deeds {
        bench.desk.note_alert(AlertNote { id: made.id.clone(), deed }).await.unwrap();
    }
    let nothing = AlertNote { id: ConsultationId::new("no such thing"), deed: AlertDeed::Shown };
    assert_eq!(bench.desk.note_alert(nothing).await.unwrap_err().code, ErrorCode::NotFound);
    // The desktop's next is not shown, so the window sounds.
    bench.desktop.broken.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let unseen = clinic.request(Urgency::Urgent, "Palpitations").await;
    bench.until("the window sounds", |_| bench.heard(|notice| notice.sound)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    let vault = files(bench, &settings).await;
    let entries = vault.search_audit(&Criteria::default(), None, 1000).unwrap();
    let of = |id: &ConsultationId| {
        let about = entries.iter().filter(|entry| entry.said.objects.contains(&id.to_string()));
        let mut told: Vec<_> = about
            .filter(|entry| entry.said.action.starts_with("alert."))
            .map(|entry| {
                format!("{} {}", entry.said.action, entry.said.reason.as_deref().unwrap_or_default())
            })
            .collect();
        told.sort();
        told
    };
    assert_eq!(
        of(&made.id),
        [
            "alert.later window",
            "alert.open window",
            "alert.repeat window",
            "alert.show desktop",
            "alert.show window"
        ]
    );
    assert_eq!(of(&unseen.id), ["alert.fail NO_NOTIFICATIONS", "alert.sound window"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_that_wants_nothing_said_gets_nothing_said() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let wishes = AlertPolicy { privacy: Some(AlertPrivacy::Nothing), ..AlertPolicy::default() };
    let settings = Settings { alerts: wishes, ..clinic.settings(data.path()) };
    let bench = Bench::signed_in(settings, OKAFOR).await;
    bench.until("told", |_| !bench.desktop.shown.lock().unwrap().is_empty()).await;
    let alert = bench.desktop.shown.lock().unwrap()[0].clone();
    assert_eq!((alert.title.as_str(), alert.body.as_str()), ("ChatEHR needs you", ""));
}
