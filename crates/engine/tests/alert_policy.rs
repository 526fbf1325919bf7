//! What the clinic has signed about alerts is what a workstation goes by: against the real server, over a restart, and
//! never below the least.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod support;

use std::time::Duration;

use chatehr_contract::*;
use chatehr_engine::{Alert, Settings};
use serde_json::{Value, json};
use support::*;
use tempfile::TempDir;

/// The look at the policy after a start, and then some.
const LOOKED: Duration = Duration::from_secs(5);

fn rules(alerts: Value) -> Policy {
    // As an administrator writes them: what would not be kept is refused.
    Policy::parse(&json!({ "alerts": alerts }).to_string()).unwrap()
}

async fn desk(clinic: &Clinic, data: &TempDir) -> Bench {
    let bench = Bench::signed_in(clinic.settings(data.path()), OKAFOR).await;
    tokio::time::sleep(LOOKED).await;
    bench
}

impl Bench {
    fn shown_of(&self, id: &ConsultationId) -> Vec<Alert> {
        let shown = self.desktop.shown.lock().unwrap();
        shown.iter().filter(|alert| alert.consultation.as_ref() == Some(id)).cloned().collect()
    }

    async fn first_of(&self, id: &ConsultationId) -> Alert {
        self.until("shown", |_| !self.shown_of(id).is_empty()).await;
        self.shown_of(id).remove(0)
    }

    /// The first after the start, about whatever waits.
    async fn first(&self) -> Alert {
        self.until("shown", |_| !self.desktop.shown.lock().unwrap().is_empty()).await;
        self.desktop.shown.lock().unwrap()[0].clone()
    }
}

/// The window's alert to it, for the second time.
fn told_twice(id: &ConsultationId) -> impl Fn(&ChangeNotice) -> bool {
    move |notice| notice.alert.as_ref().is_some_and(|alert| alert.consultation_id == *id && alert.told == 2)
}

/// An hour before now until an hour after it, by the clock of these workstations.
fn hours_around_now() -> Value {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let minute = since.as_secs() / 60 % 1440;
    let text = |minute: u64| format!("{:02}:{:02}", minute % 1440 / 60, minute % 60);
    json!({ "from": text(minute + 1380), "to": text(minute + 60) })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clinics_signed_rules_say_which_specialty_alerts_how_often_and_in_which_words() {
    if !keyring_is_here() {
        return;
    }
    let policy = rules(json!({
        "privacy": "urgency",
        "urgent": { "repeatSeconds": 10, "frontAfterSeconds": 5 },
        "specialties": { "cardiology": { "routine": { "pool": true, "sound": true } } },
    }));
    let (clinic, data) = (Clinic::with_policy(policy).await, TempDir::new().unwrap());
    let bench = desk(&clinic, &data).await;
    let routine = clinic.request(Urgency::Routine, "A question").await;
    let shown = bench.first_of(&routine.id).await;
    assert!(shown.sound && !shown.critical, "a specialty's own rule: {shown:?}");
    assert_eq!(shown.title, "Routine consultation", "privacy");
    tokio::time::sleep(Duration::from_millis(1100)).await;

    bench.notices.lock().unwrap().clear();
    let urgent = clinic.request(Urgency::Urgent, "Palpitations").await;
    bench.first_of(&urgent.id).await;
    bench.until("the window comes forward", |_| bench.heard(|notice| notice.front)).await;
    let began = std::time::Instant::now();
    bench.until("it repeats", |_| bench.heard(told_twice(&urgent.id))).await;
    assert!(began.elapsed() < Duration::from_secs(11), "by default it would be two minutes");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_clinics_quiet_hours_routine_requests_wait_and_urgent_ones_do_not() {
    if !keyring_is_here() {
        return;
    }
    let quiet = hours_around_now();
    let policy = rules(json!({ "privacy": "urgency", "routine": { "pool": true }, "quietHours": quiet }));
    let (clinic, data) = (Clinic::with_policy(policy).await, TempDir::new().unwrap());
    let bench = desk(&clinic, &data).await;
    let routine = clinic.request(Urgency::Routine, "A question").await;
    let urgent = clinic.request(Urgency::Urgent, "Palpitations").await;
    assert_eq!(bench.first_of(&urgent.id).await.title, "Urgent consultation", "these rules are in force");
    bench.until_known(&routine.id).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(bench.shown_of(&routine.id).is_empty(), "it waits for the morning");
    assert!(
        !bench.heard(|notice| notice.alert.as_ref().is_some_and(|one| one.consultation_id == routine.id))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_that_were_kept_hold_from_the_first_alert_after_a_restart() {
    if !keyring_is_here() {
        return;
    }
    let policy = rules(json!({ "privacy": "nothing" }));
    let (clinic, data) = (Clinic::with_policy(policy).await, TempDir::new().unwrap());
    let bench = desk(&clinic, &data).await;
    bench.desk.close().await;
    drop(bench);
    // Signed and kept: what the server says meanwhile is not asked before the first alert.
    let bench = Bench::new(clinic.settings(data.path()), Desktop::default());
    bench.desk.start().await;
    let first = bench.first().await;
    assert_eq!((first.title.as_str(), first.body.as_str()), ("ChatEHR needs you", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_that_was_offline_at_its_start_goes_by_the_rules_as_soon_as_it_is_back() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let settings = clinic.settings(data.path());
    Bench::signed_in(settings.clone(), OKAFOR).await.desk.close().await;
    clinic.stop().await;
    let bench = Bench::new(settings, Desktop::default());
    bench.desk.start().await;
    bench.until_offline().await;
    tokio::time::sleep(LOOKED).await;
    clinic.policy = rules(json!({ "privacy": "nothing" }));
    clinic.start_again().await;
    bench.until_online().await;
    tokio::time::sleep(LOOKED).await;
    let urgent = clinic.request(Urgency::Urgent, "Palpitations").await;
    assert_eq!(bench.first_of(&urgent.id).await.title, "ChatEHR needs you");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_signature_makes_an_emergency_silent_and_no_workstation_is_quieter_than_its_clinic() {
    if !keyring_is_here() {
        return;
    }
    // No administrator can write this; a server that is not ours might sign it.
    let never = json!({ "own": false, "pool": false, "sound": false, "repeatSeconds": 3600, "atMost": 0 });
    let alerts = json!({ "emergency": never, "urgent": { "sound": true, "pool": true } });
    let policy = Policy { alerts, ..Policy::default() };
    let (clinic, data) = (Clinic::with_policy(policy).await, TempDir::new().unwrap());
    let mut wishes = AlertPolicy::default();
    wishes.rules.urgent.sound = Some(false);
    wishes.rules.urgent.pool = Some(false);
    wishes.rules.emergency.repeat_seconds = Some(10);
    let settings = Settings { alerts: wishes, ..clinic.settings(data.path()) };
    let bench = Bench::signed_in(settings, OKAFOR).await;
    tokio::time::sleep(LOOKED).await;
    let urgent = clinic.request(Urgency::Urgent, "Palpitations").await;
    assert!(bench.first_of(&urgent.id).await.sound);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let emergency = clinic.request(Urgency::Emergency, "Chest pain").await;
    assert!(bench.first_of(&emergency.id).await.sound);
    bench.until("it repeats", |_| bench.heard(told_twice(&emergency.id))).await;
}
