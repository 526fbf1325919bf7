//! Whatever two people do while their networks, the server and their sessions come and go: what they wrote is at the
//! server once and in order, and both desks come to show what the server has.

use std::{collections::BTreeMap, time::Duration};

use chatehr_client::SignedIn;
use chatehr_contract::*;
use chatehr_engine::Settings;
use chatehr_network::{Fault, Link, Network, What};
use proptest::{
    prelude::*,
    test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner},
};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    time::{Instant, sleep},
};

use super::{
    support::*,
    world::{shown, words},
};

/// Consultations in one case.
const RECORDS: usize = 3;
/// Cases in the test command; `CHATEHR_NETWORK_CASES` asks for more.
const CASES: u32 = 6;

#[derive(Clone, Debug)]
enum Act {
    Write(usize, usize),
    Accept(usize, usize),
    Start(usize, usize),
    Complete(usize, usize),
    Read(usize, usize),
    Discard(usize, usize),
    Change(usize, usize),
    Down(usize, Link),
    Heal(usize),
    Reset(usize),
    Break(usize, Fault),
    Restart,
    SignOut(usize),
    EndSession(usize),
    SignIn(usize),
    Reopen(usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let (desk, record) = (0..2usize, 0..RECORDS);
    let what = prop_oneof![Just(What::Cut), Just(What::Reset), Just(What::Garbage(7))];
    let request = (0..900usize, prop_oneof![Just(What::Cut), Just(What::Reset)]);
    let fault = prop_oneof![
        request.prop_map(|(after, what)| Fault::in_request(after, what)),
        (0..900usize, what).prop_map(|(after, what)| Fault::in_answer(after, what)),
    ];
    let link = prop_oneof![Just(Link::Refusing), Just(Link::Stalled)];
    let on = (desk.clone(), record);
    prop_oneof![
        8 => on.clone().prop_map(|(desk, record)| Act::Write(desk, record)),
        3 => on.clone().prop_map(|(desk, record)| Act::Accept(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Start(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Complete(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Read(desk, record)),
        1 => on.clone().prop_map(|(desk, record)| Act::Discard(desk, record)),
        2 => on.prop_map(|(desk, record)| Act::Change(desk, record)),
        2 => (desk.clone(), link).prop_map(|(desk, link)| Act::Down(desk, link)),
        3 => desk.clone().prop_map(Act::Heal),
        2 => desk.clone().prop_map(Act::Reset),
        4 => (desk.clone(), fault).prop_map(|(desk, fault)| Act::Break(desk, fault)),
        1 => Just(Act::Restart),
        1 => desk.clone().prop_map(Act::SignOut),
        1 => desk.clone().prop_map(Act::EndSession),
        2 => desk.clone().prop_map(Act::SignIn),
        1 => desk.prop_map(Act::Reopen),
        2 => (0..300u64).prop_map(Act::Wait),
    ]
}

/// What one person wrote in one conversation, in order, and what of it was given up.
#[derive(Debug, Default)]
struct Written {
    words: Vec<String>,
    given_up: Vec<String>,
}

struct Place {
    code: &'static str,
    bench: Bench,
    network: Network,
    settings: Settings,
    server: SignedIn,
    me: PersonId,
    _data: TempDir,
}

struct Clinics {
    clinic: Clinic,
    places: Vec<Place>,
    counter: usize,
}

impl Clinics {
    async fn open() -> Self {
        let clinic = Clinic::patient().await;
        let mut places = Vec::new();
        for code in [OKAFOR, LINDQVIST] {
            let network = Network::to(clinic.address, 1).await.unwrap();
            let data = TempDir::new().unwrap();
            let mut settings = settings(&url(network.address()), data.path());
            settings.timeout = Duration::from_secs(1);
            let bench = Bench::eager(settings.clone(), &SetClock::default());
            bench.desk.start().await;
            bench.desk.sign_in(code).await.unwrap();
            bench.until_ready().await;
            bench.until_online().await;
            let (server, me) = clinic.as_person(code).await;
            places.push(Place { code, bench, network, settings, server, me, _data: data });
        }
        Self { clinic, places, counter: 0 }
    }

    async fn live(&mut self, acts: Vec<Act>) -> Result<(), String> {
        self.calm().await;
        let mut records = Vec::new();
        for _ in 0..RECORDS {
            let id = self.clinic.request(Urgency::Routine, "a cough").await.id;
            for place in &self.places {
                let began = Instant::now();
                while place.bench.desk.consultation(&id).await.is_err() {
                    if began.elapsed() > Duration::from_secs(45) {
                        return Err(format!("never known: {:?}", place.bench.desk.state().await));
                    }
                    // A session that was ended behind the desk's back may show only now.
                    if matches!(place.bench.desk.state().await.stage, Stage::SignIn { .. }) {
                        drop(place.bench.desk.sign_in(place.code).await);
                    }
                    sleep(Duration::from_millis(20)).await;
                }
            }
            records.push(id);
        }
        // Each has one to write in; the third is for whoever is first.
        for (place, id) in self.places.iter().zip(&records) {
            let take =
                ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
            place
                .server
                .update_consultation(id, &take, id.as_str())
                .await
                .map_err(|error| error.to_string())?;
        }
        for (place, id) in self.places.iter().zip(&records) {
            let began = Instant::now();
            while place.bench.desk.consultation(id).await.ok().map(|one| one.row.status)
                != Some(ConsultationStatus::Assigned)
            {
                if began.elapsed() > Duration::from_secs(45) {
                    return Err(format!("never told: {:?}", place.bench.desk.state().await));
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
        let mut model: BTreeMap<(usize, usize), Written> = BTreeMap::new();
        let mut ended = [false; RECORDS];
        for act in acts {
            self.perform(&act, &records, &mut model, &mut ended)
                .await
                .map_err(|why| format!("{act:?}: {why}"))?;
        }
        self.calm().await;
        self.agree(&records, &model, &ended).await
    }

    async fn perform(
        &mut self,
        act: &Act,
        records: &[ConsultationId],
        model: &mut BTreeMap<(usize, usize), Written>,
        ended: &mut [bool; RECORDS],
    ) -> Result<(), String> {
        match *act {
            Act::Write(desk, record) => {
                self.counter += 1;
                let text = format!("word {}", self.counter);
                let send = SendMessage { consultation_id: records[record].clone(), text: text.clone() };
                if self.places[desk].bench.desk.send(&send).await.is_ok() {
                    model.entry((desk, record)).or_default().words.push(text);
                }
            }
            Act::Accept(desk, record) => {
                let told = self.places[desk].bench.desk.accept(&records[record]).await;
                self.done(told, desk, &records[record], |now| now.status != ConsultationStatus::Pending)
                    .await?;
            }
            Act::Start(desk, record) => {
                // It waits until the server has it.
                drop(self.places[desk].bench.desk.start_work(&records[record]).await);
            }
            Act::Complete(desk, record) => {
                // What is written in a conversation that has ended may be refused.
                ended[record] = true;
                drop(self.places[desk].bench.desk.complete(&completing(&records[record])).await);
            }
            Act::Read(desk, record) => {
                shown(&self.places[desk].bench, &records[record]).await;
            }
            Act::Discard(desk, record) => {
                let desk_of = &self.places[desk].bench.desk;
                let request = ConversationRequest { id: records[record].clone(), limit: 100 };
                let Ok(conversation) = desk_of.conversation(request).await else { return Ok(()) };
                let waits = |message: &&MessageView| message.delivery != Delivery::Sent;
                let waiting = conversation.messages.iter().find(|message| waits(message));
                let Some(MessageView {
                    envelope_id: Some(envelope),
                    body: MessageBody::Clear { text },
                    step,
                    ..
                }) = waiting
                else {
                    return Ok(());
                };
                if desk_of.discard_message(envelope).await.is_ok() && step.is_none() {
                    model.entry((desk, record)).or_default().given_up.push(text.clone());
                }
            }
            Act::Change(desk, record) => {
                let desk_of = &self.places[desk].bench.desk;
                let request = ConversationRequest { id: records[record].clone(), limit: 100 };
                let Ok(conversation) = desk_of.conversation(request).await else { return Ok(()) };
                let waits =
                    |message: &&MessageView| message.delivery != Delivery::Sent && message.step.is_none();
                let Some(MessageView {
                    envelope_id: Some(envelope_id),
                    body: MessageBody::Clear { text: old },
                    ..
                }) = conversation.messages.iter().find(waits).cloned()
                else {
                    return Ok(());
                };
                self.counter += 1;
                let text = format!("word {}", self.counter);
                let change = EditMessage { envelope_id, text: text.clone() };
                if desk_of.edit_message(&change).await.is_ok() {
                    let written = model.entry((desk, record)).or_default();
                    written
                        .words
                        .iter_mut()
                        .filter(|word| **word == old)
                        .for_each(|word| word.clone_from(&text));
                }
            }
            Act::Down(desk, link) => self.places[desk].network.set_link(link),
            Act::Heal(desk) => self.places[desk].network.heal(),
            Act::Reset(desk) => self.places[desk].network.reset_all(),
            Act::Break(desk, fault) => self.places[desk].network.plan("P", fault),
            Act::Restart => {
                self.clinic.stop().await;
                self.clinic.start_again().await;
            }
            // The keyring lets go of the session, or nobody is signed in all the same.
            Act::SignOut(desk) => drop(self.places[desk].bench.desk.sign_out().await),
            Act::EndSession(desk) => {
                let place = &self.places[desk];
                if matches!(place.bench.desk.state().await.stage, Stage::Ready { .. }) {
                    super::end_sessions(&self.clinic, &place.settings).await;
                }
            }
            Act::SignIn(desk) => {
                let place = &self.places[desk];
                if matches!(place.bench.desk.state().await.stage, Stage::SignIn { .. }) {
                    drop(place.bench.desk.sign_in(place.code).await);
                }
            }
            Act::Reopen(desk) => {
                let place = &mut self.places[desk];
                place.bench.desk.close().await;
                place.bench = Bench::eager(place.settings.clone(), &SetClock::default());
                place.bench.desk.start().await;
            }
            Act::Wait(millis) => sleep(Duration::from_millis(millis)).await,
        }
        Ok(())
    }

    /// What is said to be done, the server has done, for this person.
    async fn done(
        &self,
        told: Result<(), ErrorReport>,
        desk: usize,
        id: &ConsultationId,
        holds: impl Fn(&Consultation) -> bool,
    ) -> Result<(), String> {
        if told.is_ok() {
            let place = &self.places[desk];
            let now = place.server.consultation(id).await.map_err(|error| error.to_string())?;
            if now.physician_id.as_ref() != Some(&place.me) || !holds(&now) {
                return Err(format!("said to be done, and is {now:?}"));
            }
        }
        Ok(())
    }

    /// Everything works and everybody is signed in.
    async fn calm(&mut self) {
        if self.clinic.running.is_none() {
            self.clinic.start_again().await;
        }
        for place in &self.places {
            place.network.heal();
            let began = Instant::now();
            loop {
                match place.bench.desk.state().await.stage {
                    Stage::Ready { .. } => break,
                    Stage::SignIn { .. } => drop(place.bench.desk.sign_in(place.code).await),
                    // The keyring was busy: a person asks again.
                    Stage::Blocked { error, .. } if error.retryable => {
                        drop(place.bench.desk.try_again().await);
                    }
                    ref other => assert!(began.elapsed() < Duration::from_secs(30), "{other:?}"),
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn agree(
        &self,
        records: &[ConsultationId],
        model: &BTreeMap<(usize, usize), Written>,
        ended: &[bool; RECORDS],
    ) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let mut wrong = None;
            for (desk, place) in self.places.iter().enumerate() {
                let state = place.bench.desk.state().await;
                if !matches!(state.connection, Connection::Online { .. }) {
                    // A session that was ended behind the desk's back shows only now.
                    if matches!(state.stage, Stage::SignIn { .. }) {
                        drop(place.bench.desk.sign_in(place.code).await);
                    }
                    wrong = Some(format!("desk {desk} is not online: {state:?}"));
                    continue;
                }
                for (record, id) in records.iter().enumerate() {
                    let written = model.get(&(desk, record));
                    wrong = wrong.or(self.differs(place, id, written, ended[record]).await);
                }
            }
            match wrong {
                None => return Ok(()),
                Some(why) if began.elapsed() > Duration::from_secs(45) => return Err(why),
                Some(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// How a desk differs from the server and from what was written at it.
    async fn differs(
        &self,
        place: &Place,
        id: &ConsultationId,
        written: Option<&Written>,
        ended: bool,
    ) -> Option<String> {
        let there = place.server.consultation(id).await.ok();
        let here = place.bench.desk.consultation(id).await.ok();
        if there.as_ref().map(|there| &there.status) != here.as_ref().map(|here| &here.row.status) {
            return Some(format!("{id}: {there:?} is shown as {here:?}"));
        }
        let mine = there.is_some_and(|there| there.physician_id.as_ref() == Some(&place.me));
        if !mine {
            let nothing = written.is_none_or(|written| written.words.is_empty());
            return (!nothing).then(|| format!("{id}: words were taken for somebody else's conversation"));
        }
        let at_server = words(&place.server, id).await;
        let shown = shown(&place.bench, id).await;
        let is_sent = |delivery: &Delivery| *delivery == Delivery::Sent;
        let sent: Vec<_> =
            shown.iter().filter(|(_, delivery)| is_sent(delivery)).map(|(text, _)| text.clone()).collect();
        if sent != at_server {
            return Some(format!("{id}: {at_server:?} is shown as {shown:?}"));
        }
        let none = Written::default();
        let Written { words: all, given_up } = written.unwrap_or(&none);
        // What was stuck after an answer got lost may be there although it was given up, and then it is shown.
        let meant: Vec<_> =
            all.iter().filter(|text| !given_up.contains(text) || at_server.contains(text)).cloned().collect();
        let steps = here.map(|here| here.waiting).unwrap_or_default();
        if !steps.is_empty() {
            return Some(format!("{id}: {steps:?} still wait"));
        }
        let held: Vec<_> = shown.iter().map(|(text, _)| text.clone()).collect();
        if held != meant {
            return Some(format!("{id}: of {meant:?}, {shown:?} are left"));
        }
        let first = shown.iter().find(|(_, delivery)| !is_sent(delivery));
        match first {
            None => None,
            // Refused, and shown as refused.
            Some((_, Delivery::Stuck { .. })) if ended => None,
            Some(waiting) => Some(format!("{id}: {waiting:?}")),
        }
    }
}

#[test]
fn whatever_happens_on_the_way_both_desks_come_to_show_what_the_server_has_and_nothing_is_lost_or_doubled() {
    if !keyring_is_here() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let clinics = runtime.block_on(Clinics::open());
    let clinics = std::sync::Mutex::new(clinics);
    let cases = std::env::var("CHATEHR_NETWORK_CASES").ok().and_then(|text| text.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(CASES),
        max_shrink_iters: 40,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "proptest-regressions/network_model.txt",
        ))),
        ..Config::default()
    };
    let began = Instant::now();
    let acts = proptest::collection::vec(act(), 4..24);
    let outcome = TestRunner::new(config).run(&acts, |acts| {
        if std::env::var_os("CHATEHR_NETWORK_TELL").is_some() {
            println!("{acts:?}");
        }
        let mut clinics = clinics.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        runtime.block_on(clinics.live(acts)).map_err(TestCaseError::fail)
    });
    println!("model: {} cases in {:.0} s", cases.unwrap_or(CASES), began.elapsed().as_secs_f64());
    outcome.unwrap();
}
