//! Two desks, their networks and one server, and what is done at them.

use std::{collections::BTreeMap, time::Duration};

use chatehr_client::SignedIn;
use chatehr_contract::*;
use chatehr_engine::Settings;
use chatehr_network::{Fault, Link, Network, Pace, What};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    super::{support::*, world::shown},
    Act, RECORDS,
};

/// What one person wrote in one conversation, in order, and what of it was given up.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) words: Vec<String>,
    pub(super) given_up: Vec<String>,
}

/// What a person does to a record, as its history has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Accept,
    Acknowledge,
    Decline,
    HandOff,
    Note,
    Start,
    Complete,
}

/// How often it was said to be done, and how often it was tried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) said: usize,
    pub(super) tried: usize,
}

/// One of the records of a case.
pub(super) struct Record {
    pub(super) id: ConsultationId,
    /// As it was before anything was done at a desk.
    pub(super) before: Consultation,
    /// What was written or begun may be refused: it has ended.
    pub(super) ended: bool,
    /// Or it may have gone into other hands.
    pub(super) moved: bool,
}

/// What should have become of a case.
#[derive(Default)]
pub(super) struct Model {
    pub(super) records: Vec<Record>,
    pub(super) written: BTreeMap<(usize, usize), Written>,
    pub(super) steps: BTreeMap<(usize, usize, Step), Tally>,
}

impl Model {
    fn tell(&mut self, desk: usize, record: usize, step: Step, told: &Result<(), ErrorReport>) {
        let tally = self.steps.entry((desk, record, step)).or_default();
        tally.tried += 1;
        tally.said += usize::from(told.is_ok());
    }
}

pub(super) struct Place {
    code: &'static str,
    pub(super) bench: Bench,
    clock: SetClock,
    network: Network,
    settings: Settings,
    pub(super) server: SignedIn,
    pub(super) me: PersonId,
    _data: TempDir,
}

impl Place {
    /// A session that was ended behind the desk's back may show only now; a clock that was set forward has locked it.
    pub(super) async fn somebody_is_here(&self) {
        match self.bench.desk.state().await.stage {
            Stage::SignIn { .. } | Stage::Locked { .. } => drop(self.bench.desk.sign_in(self.code).await),
            // The keyring was busy: a person asks again.
            Stage::Blocked { error, .. } if error.retryable => drop(self.bench.desk.try_again().await),
            _ => {}
        }
    }

    /// What waits there, the first that is a message of words or, with `steps`, anything.
    async fn waiting(
        &self,
        id: &ConsultationId,
        steps: bool,
    ) -> Option<(EnvelopeId, String, Option<Action>)> {
        let request = ConversationRequest { id: id.clone(), limit: 100 };
        let conversation = self.bench.desk.conversation(request).await.ok()?;
        let mut messages = conversation.messages.into_iter();
        let found = messages
            .find(|message| message.delivery != Delivery::Sent && (steps || message.step.is_none()))?;
        let MessageBody::Clear { text } = found.body else { return None };
        Some((found.envelope_id?, text, found.step))
    }
}

pub(super) struct Clinics {
    pub(super) clinic: Clinic,
    pub(super) places: Vec<Place>,
    /// Sees every record, in whosever hands it is.
    pub(super) feldman: SignedIn,
    pub(super) marta: SignedIn,
    counter: usize,
    /// The server fails on purpose, whoever asks.
    fails: bool,
}

impl Clinics {
    pub(super) async fn open() -> Self {
        let clinic = Clinic::patient().await;
        let mut places = Vec::new();
        for code in [OKAFOR, LINDQVIST] {
            let network = Network::to(clinic.address, 1).await.unwrap();
            let data = TempDir::new().unwrap();
            let mut settings = settings(&url(network.address()), data.path());
            settings.timeout = Duration::from_secs(1);
            let clock = SetClock::default();
            let bench = Bench::eager(settings.clone(), &clock);
            bench.desk.start().await;
            bench.desk.sign_in(code).await.unwrap();
            bench.until_ready().await;
            bench.until_online().await;
            let (server, me) = clinic.as_person(code).await;
            places.push(Place { code, bench, clock, network, settings, server, me, _data: data });
        }
        let (feldman, _) = clinic.as_person(FELDMAN).await;
        let (marta, _) = clinic.as_person(MARTA).await;
        Self { clinic, places, feldman, marta, counter: 0, fails: false }
    }

    pub(super) async fn live(&mut self, acts: Vec<Act>) -> Result<(), String> {
        self.calm().await;
        let mut model = Model::default();
        for number in 0..RECORDS {
            let id = self.clinic.request(Urgency::Routine, "a cough").await.id;
            let known = |place: &Place| {
                let (desk, id) = (place.bench.desk.clone(), id.clone());
                async move { desk.consultation(&id).await.is_ok() }
            };
            self.until_at_each("never known", known).await?;
            // Each has one to write in; the third is for whoever is first.
            if let Some(place) = self.places.get(number) {
                let take = ConsultationUpdate {
                    status: ConsultationStatus::Assigned,
                    physician_id: None,
                    notes: None,
                };
                let taken = place.server.update_consultation(&id, &take, id.as_str()).await;
                taken.map_err(|error| error.to_string())?;
                let me = place.me.clone();
                let told = |place: &Place| {
                    let (desk, id, mine) = (place.bench.desk.clone(), id.clone(), place.me == me);
                    async move {
                        let status = desk.consultation(&id).await.ok().map(|one| one.row.status);
                        status == mine.then_some(ConsultationStatus::Assigned)
                    }
                };
                self.until_at_each("never told", told).await?;
            }
            let before = self.feldman.consultation(&id).await.map_err(|error| error.to_string())?;
            model.records.push(Record { id, before, ended: false, moved: false });
        }
        for act in acts {
            self.perform(&act, &mut model).await;
        }
        self.calm().await;
        self.agree(&model).await
    }

    async fn until_at_each<F: Future<Output = bool>>(
        &self,
        why: &str,
        holds: impl Fn(&Place) -> F,
    ) -> Result<(), String> {
        for place in &self.places {
            let began = Instant::now();
            while !holds(place).await {
                if began.elapsed() > Duration::from_secs(45) {
                    return Err(format!("{why}: {:?}", place.bench.desk.state().await));
                }
                place.somebody_is_here().await;
                sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    async fn perform(&mut self, act: &Act, model: &mut Model) {
        match *act {
            Act::Write(desk, record) => self.write(desk, record, model).await,
            Act::Accept(desk, record) => {
                let told = self.places[desk].bench.desk.accept(&model.records[record].id).await;
                model.tell(desk, record, Step::Accept, &told);
            }
            Act::Acknowledge(desk, record) => {
                let told = self.places[desk].bench.desk.acknowledge(&model.records[record].id).await;
                model.tell(desk, record, Step::Acknowledge, &told);
            }
            Act::Decline(desk, record) => {
                model.records[record].moved = true;
                let reason = self.words("reason");
                let decline = DeclineConsultation { id: model.records[record].id.clone(), reason };
                let told = self.places[desk].bench.desk.decline(&decline).await;
                model.tell(desk, record, Step::Decline, &told);
            }
            Act::HandOff(desk, record) => {
                model.records[record].moved = true;
                let hand_off = HandOffConsultation {
                    id: model.records[record].id.clone(),
                    physician_id: Some(self.places[1 - desk].me.clone()),
                    specialty: None,
                    reason: self.words("reason"),
                };
                let told = self.places[desk].bench.desk.hand_off(&hand_off).await;
                model.tell(desk, record, Step::HandOff, &told);
            }
            Act::Note(desk, record) => {
                let note = AddNote { id: model.records[record].id.clone(), text: self.words("note") };
                let told = self.places[desk].bench.desk.add_note(&note).await;
                model.tell(desk, record, Step::Note, &told);
            }
            // What waits until the server has it is said to be done here.
            Act::Start(desk, record) => {
                let told = self.places[desk].bench.desk.start_work(&model.records[record].id).await;
                model.tell(desk, record, Step::Start, &told);
            }
            Act::Complete(desk, record) => {
                model.records[record].ended = true;
                let complete = completing(&model.records[record].id);
                let told = self.places[desk].bench.desk.complete(&complete).await;
                model.tell(desk, record, Step::Complete, &told);
            }
            Act::Read(desk, record) => drop(shown(&self.places[desk].bench, &model.records[record].id).await),
            Act::Discard(desk, record) => self.discard(desk, record, model).await,
            Act::Change(desk, record) => self.change(desk, record, model).await,
            Act::Reply(record) => self.reply(&model.records[record].id).await,
            Act::Down(desk, link) => self.places[desk].network.set_link(link),
            Act::Slow(desk) => self.places[desk].network.set_pace(Pace {
                latency: Duration::from_millis(60),
                jitter: Duration::from_millis(120),
                bandwidth: Some(40_000),
            }),
            Act::Heal(desk) => self.places[desk].network.heal(),
            Act::Reset(desk) => self.places[desk].network.reset_all(),
            Act::Break(desk, fault) => self.places[desk].network.plan("P", fault),
            Act::Restart => self.restart().await,
            Act::RestartUnheard(desk, record) => {
                let network = &self.places[desk].network;
                network.set_link(Link::Up);
                network.take();
                network.plan("P", Fault::in_answer(0, What::Silence));
                self.write(desk, record, model).await;
                let began = Instant::now();
                while self.places[desk].network.traffic().faults == 0
                    && began.elapsed() < Duration::from_millis(800)
                {
                    sleep(Duration::from_millis(1)).await;
                }
                self.restart().await;
            }
            Act::Faults(json) => {
                self.fails = json != "{}";
                self.clinic.set_faults(json).await;
            }
            Act::Clock(desk, seconds) => self.places[desk].clock.move_by(seconds),
            // The keyring lets go of the session, or nobody is signed in all the same.
            Act::SignOut(desk) => drop(self.places[desk].bench.desk.sign_out().await),
            Act::EndSession(desk) => {
                let place = &self.places[desk];
                if matches!(place.bench.desk.state().await.stage, Stage::Ready { .. }) {
                    super::super::end_sessions(&self.clinic, &place.settings).await;
                }
            }
            Act::SignIn(desk) => {
                let place = &self.places[desk];
                if !matches!(place.bench.desk.state().await.stage, Stage::Ready { .. }) {
                    drop(place.bench.desk.sign_in(place.code).await);
                }
            }
            Act::Reopen(desk) => {
                let place = &mut self.places[desk];
                place.bench.desk.close().await;
                place.bench = Bench::eager(place.settings.clone(), &place.clock);
                place.bench.desk.start().await;
            }
            Act::Wait(millis) => sleep(Duration::from_millis(millis)).await,
        }
    }

    fn words(&mut self, kind: &str) -> String {
        self.counter += 1;
        format!("{kind} {}", self.counter)
    }

    async fn write(&mut self, desk: usize, record: usize, model: &mut Model) {
        let text = self.words("word");
        let send = SendMessage { consultation_id: model.records[record].id.clone(), text: text.clone() };
        if self.places[desk].bench.desk.send(&send).await.is_ok() {
            model.written.entry((desk, record)).or_default().words.push(text);
        }
    }

    async fn discard(&self, desk: usize, record: usize, model: &mut Model) {
        let place = &self.places[desk];
        let Some((envelope, text, step)) = place.waiting(&model.records[record].id, true).await else {
            return;
        };
        if place.bench.desk.discard_message(&envelope).await.is_err() {
            return;
        }
        let step = match step {
            None => return model.written.entry((desk, record)).or_default().given_up.push(text),
            Some(Action::Start) => Step::Start,
            Some(_) => Step::Complete,
        };
        model.steps.entry((desk, record, step)).or_default().said -= 1;
    }

    async fn change(&mut self, desk: usize, record: usize, model: &mut Model) {
        let new = self.words("word");
        let place = &self.places[desk];
        let Some((envelope_id, old, _)) = place.waiting(&model.records[record].id, false).await else {
            return;
        };
        let change = EditMessage { envelope_id, text: new.clone() };
        if place.bench.desk.edit_message(&change).await.is_ok() {
            let written = model.written.entry((desk, record)).or_default();
            let changed = written.words.iter_mut().filter(|word| **word == old);
            changed.for_each(|word| word.clone_from(&new));
        }
    }

    async fn reply(&mut self, id: &ConsultationId) {
        if self.fails {
            return;
        }
        let text = self.words("reply");
        if let Ok(Consultation { physician_id: Some(physician), .. }) = self.marta.consultation(id).await {
            // It may have ended, or gone into other hands, this very moment.
            drop(self.clinic.marta_says(id, physician.as_str(), &text).await);
        }
    }

    async fn restart(&mut self) {
        self.clinic.stop().await;
        self.clinic.start_again().await;
        self.fails = false;
    }

    /// Everything works and everybody is signed in.
    async fn calm(&mut self) {
        self.clinic.set_faults("{}").await;
        self.fails = false;
        for place in &self.places {
            place.network.heal();
            let began = Instant::now();
            while !matches!(place.bench.desk.state().await.stage, Stage::Ready { .. }) {
                place.somebody_is_here().await;
                assert!(began.elapsed() < Duration::from_secs(30), "{:?}", place.bench.desk.state().await);
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
