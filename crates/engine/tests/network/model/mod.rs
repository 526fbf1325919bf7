//! Whatever two people do while their networks, the server, their clocks and their sessions come and go: what they did
//! is at the server once and in order, and both desks come to show what the server has.
//!
//! A case that fails is kept in `proptest-regressions/network_model.txt` and tried first from then on.

mod agree;
mod clinics;

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use chatehr_network::{Fault, Link, What};
use proptest::{
    prelude::*,
    test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner},
};
use tokio::runtime::Runtime;

use self::clinics::Clinics;
use super::support::*;

/// Consultations in one case.
const RECORDS: usize = 3;
/// How long the test command goes on with new cases; `CHATEHR_NETWORK_CASES` asks for so many instead, and
/// `CHATEHR_NETWORK_SHORTER` for so many attempts at making one that fails shorter.
const LASTING: Duration = Duration::from_secs(80);
/// More than fit.
const MOST: u32 = 1_000;

#[derive(Clone, Debug)]
enum Act {
    Write(usize, usize),
    Accept(usize, usize),
    Acknowledge(usize, usize),
    Decline(usize, usize),
    HandOff(usize, usize),
    Note(usize, usize),
    Start(usize, usize),
    Complete(usize, usize),
    Read(usize, usize),
    Discard(usize, usize),
    Change(usize, usize),
    /// The patient writes to whoever is in charge.
    Reply(usize),
    Down(usize, Link),
    Slow(usize),
    Heal(usize),
    Reset(usize),
    Break(usize, Fault),
    Restart,
    /// The server ends between having done what a desk asked and saying so.
    RestartUnheard(usize, usize),
    /// The server itself fails so.
    Faults(&'static str),
    Clock(usize, i64),
    SignOut(usize),
    EndSession(usize),
    SignIn(usize),
    Reopen(usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let (desk, record) = (0..2usize, 0..RECORDS);
    let slow = What::SlowClose(Duration::from_millis(50));
    let what = || prop_oneof![3 => Just(What::Cut), 3 => Just(What::Reset), 1 => Just(What::Silence), 1 => Just(slow)];
    let answered = prop_oneof![4 => what(), 1 => Just(What::Garbage(7))];
    let fault = prop_oneof![
        (0..900usize, what()).prop_map(|(after, what)| Fault::in_request(after, what)),
        (0..900usize, answered).prop_map(|(after, what)| Fault::in_answer(after, what)),
    ];
    let link = prop_oneof![Just(Link::Refusing), Just(Link::Stalled), Just(Link::BlackHole)];
    let faults = prop_oneof![
        Just(r#"{"errorRate":0.5}"#),
        Just(r#"{"storm":true}"#),
        Just(r#"{"dropRate":0.4,"latency":30}"#),
        Just("{}"),
    ];
    let on = (desk.clone(), record.clone());
    let of_people = prop_oneof![
        8 => on.clone().prop_map(|(desk, record)| Act::Write(desk, record)),
        3 => on.clone().prop_map(|(desk, record)| Act::Accept(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Acknowledge(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Decline(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::HandOff(desk, record)),
        2 => on.clone().prop_map(|(desk, record)| Act::Note(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Start(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Complete(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Read(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Discard(desk, record)),
        2 => on.clone().prop_map(|(desk, record)| Act::Change(desk, record)),
        1 => record.prop_map(Act::Reply),
    ];
    let of_the_world = prop_oneof![
        2 => (desk.clone(), link).prop_map(|(desk, link)| Act::Down(desk, link)),
        1 => desk.clone().prop_map(Act::Slow),
        4 => desk.clone().prop_map(Act::Heal),
        2 => desk.clone().prop_map(Act::Reset),
        4 => (desk.clone(), fault).prop_map(|(desk, fault)| Act::Break(desk, fault)),
        1 => Just(Act::Restart),
        1 => on.prop_map(|(desk, record)| Act::RestartUnheard(desk, record)),
        2 => faults.prop_map(Act::Faults),
        1 => (desk.clone(), prop_oneof![Just(-3600), Just(3600)]).prop_map(|(desk, by)| Act::Clock(desk, by)),
        1 => desk.clone().prop_map(Act::SignOut),
        1 => desk.clone().prop_map(Act::EndSession),
        2 => desk.clone().prop_map(Act::SignIn),
        1 => desk.prop_map(Act::Reopen),
        2 => (0..300u64).prop_map(Act::Wait),
    ];
    prop_oneof![of_people, of_the_world]
}

#[test]
fn whatever_happens_on_the_way_both_desks_come_to_show_what_the_server_has_and_nothing_is_lost_or_doubled() {
    if !keyring_is_here() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let clinics = runtime.block_on(Clinics::open());
    let clinics = std::sync::Mutex::new(clinics);
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let asked = number("CHATEHR_NETWORK_CASES");
    let config = Config {
        cases: asked.unwrap_or(MOST),
        // Each takes as long as is waited for two desks to agree: a minute.
        max_shrink_iters: number("CHATEHR_NETWORK_SHORTER").unwrap_or(0),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "proptest-regressions/network_model.txt",
        ))),
        ..Config::default()
    };
    let (began, lived) = (Instant::now(), Cell::new(0));
    let acts = proptest::collection::vec(act(), 4..24);
    let outcome = TestRunner::new(config).run(&acts, |acts| {
        if asked.is_none() && began.elapsed() > LASTING {
            return Ok(());
        }
        lived.set(lived.get() + 1);
        if std::env::var_os("CHATEHR_NETWORK_TELL").is_some() {
            println!("{:.0} s, case {}: {acts:?}", began.elapsed().as_secs_f64(), lived.get());
        }
        let mut clinics = clinics.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        runtime.block_on(clinics.live(acts)).map_err(|why| {
            println!("case {}: {why}", lived.get());
            TestCaseError::fail(why)
        })
    });
    println!("model: {} cases in {:.0} s", lived.get(), began.elapsed().as_secs_f64());
    outcome.unwrap();
}
