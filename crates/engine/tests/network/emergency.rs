//! A record that is opened in an emergency, while something else happens at the same moment.

use std::time::Duration;

use chatehr_audit::Criteria;
use chatehr_contract::*;
use chatehr_network::Pace;
use tokio::time::sleep;

use super::{support::*, world::World};

const PIN: &str = "402917";

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_being_opened_when_the_screen_locks_does_not_open_behind_it() {
    if !keyring_is_here() {
        return;
    }
    let world = World::open().await;
    let desk = &world.bench.desk;
    desk.set_pin(SetPin { pin: SecretText::new(PIN), present: None }).await.unwrap();
    let id = world.clinic.request(Urgency::Routine, "a cough").await.id;
    world.bench.until_known(&id).await;
    world.clinic.taken_by(LINDQVIST, &id).await;
    world.bench.until_gone(&id).await;

    world.network.set_pace(Pace { latency: Duration::from_millis(300), ..Pace::default() });
    let request =
        BreakGlass { id: id.clone(), reason: "Brought in unconscious".to_owned(), pin: SecretText::new(PIN) };
    let asking = desk.clone();
    let asked = tokio::spawn(async move { asking.break_glass(request).await });
    let (feldman, _) = world.clinic.as_person(FELDMAN).await;
    while feldman.broken_glass().await.unwrap().rows.is_empty() {
        sleep(Duration::from_millis(20)).await;
    }
    desk.lock_now().await.unwrap();
    let told = asked.await.unwrap();
    let state = desk.state().await;
    assert!(matches!(state.stage, Stage::Locked { .. }) && state.glass.is_none(), "{state:?}");
    assert_eq!(told.unwrap_err().code, ErrorCode::Locked);
    world.network.heal();
    for _ in 0..200 {
        if world.okafor.consultation(&id).await.is_err() {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert!(world.okafor.consultation(&id).await.is_err(), "the server has closed it too");
    let vault = files(world.bench, &world.settings).await;
    let entries = vault.search_audit(&Criteria::default(), None, 1000).unwrap();
    let closed = entries.iter().find(|entry| entry.said.action == "break_glass.close");
    assert_eq!(closed.unwrap().said.reason.as_deref(), Some("lock"));
}
