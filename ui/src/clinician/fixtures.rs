//! A rehearsal of the host: believable people, every state of the window, in an ordinary browser.
//!
//! `?state=` chooses what to look at (queue, mine, empty, loading, error, offline, blocked, signin, long, 10000, stuck,
//! waiting, conflict, taken, unsure, unwell, alerts, repeated, unseen, tampered, and those of `fixtures_keys`,
//! `fixtures_lock`, `fixtures_standing`, `fixtures_glass` and `fixtures_sign_in`), `&open=` a consultation, `&press=` controls by
//! their `data-test` one after the other, `&then=` what it is after two seconds, `&theme=` light or dark. Compiled only with the feature `fixtures`.

use std::{cell::RefCell, future, rc::Rc};

use chatehr_contract::{
    Account, Acknowledgement, Action, AlertNotice, AppointmentId, AppointmentPage, AppointmentRange,
    AppointmentRow, AppointmentStatus, Availability, ChangeNotice, ConsultationId, ConsultationList,
    ConsultationPage, ConsultationRef, ConsultationRow, ConsultationStatus, ConsultationView, Conversation,
    ConversationRequest, Counts, DeclineConsultation, Delivery, DialogWords, DraftOf, EditMessage,
    EnvelopeId, ErrorCode, ErrorReport, HandOffConsultation, HistoryEntry, HistoryLine, KeepEdit, ListScope,
    MessageBody, MessageId, MessageKind, MessageView, OutboxRef, Patient, Person, PersonId, PersonLabel,
    PersonName, Physician, ProgramState, Role, SaveDraft, SendMessage, Sex, SpecialtyCode, Stage, Timestamp,
    Urgency,
};
use gloo_timers::callback::Timeout;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    fixtures_glass::Glass, fixtures_keys::Keys, fixtures_lock::Lock, fixtures_sign_in::Clinic,
    fixtures_standing,
};
use crate::{
    backend::{Answer, Backend, Rehearsal},
    dom, time,
};

type Heard = Rc<dyn Fn(ChangeNotice)>;

struct Theatre(Rc<RefCell<World>>);

struct World {
    scene: String,
    signed_in: bool,
    now: Timestamp,
    views: Vec<ConsultationView>,
    messages: Vec<(ConsultationId, MessageView)>,
    heard: Vec<Heard>,
    next: u32,
    keys: Keys,
    lock: Lock,
    glass: Glass,
    clinic: Clinic,
}

/// Reads the address and plays.
pub fn start() {
    let query = web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default();
    let wanted = |name: &str| {
        let pairs = query.trim_start_matches('?').split('&');
        pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    let scene = wanted("state").unwrap_or_else(|| "queue".to_owned());
    let world = Rc::new(RefCell::new(World::new(scene.clone())));
    super::start(Backend::rehearsal(Theatre(world.clone())));
    dom::set_theme(wanted("theme").as_deref());
    let open = wanted("open").map(ConsultationId::new);
    let told = match scene.as_str() {
        "alerts" => 1,
        "repeated" | "unseen" => 3,
        _ => 0,
    };
    let (press, then) = (wanted("press").unwrap_or_default(), wanted("then"));
    Timeout::new(300, move || {
        if let Some(id) = open {
            tell(&world, &ChangeNotice { open: Some(id), ..ChangeNotice::default() });
        }
        if told > 0 {
            for id in ["c2", "c1", "c3"] {
                let Some(row) = world.borrow().view(id).map(|view| view.row.clone()) else { continue };
                let alert = AlertNotice {
                    consultation_id: row.id,
                    urgency: row.urgency,
                    specialty: row.specialty,
                    answer_due: row.answer_due,
                    told,
                    may_acknowledge: true,
                };
                tell(&world, &ChangeNotice { alert: Some(alert), ..ChangeNotice::default() });
            }
        }
        if let Some(then) = then {
            Timeout::new(2_000, move || {
                world.borrow_mut().scene = then;
                tell(&world, &ChangeNotice { state: true, ..ChangeNotice::default() });
            })
            .forget();
        }
        for (order, test) in (1..).zip(press.split(',')) {
            let test = test.to_owned();
            Timeout::new(order * 250, move || {
                if let Some(control) = control(&test) {
                    control.click();
                }
            })
            .forget();
        }
    })
    .forget();
}

fn control(test: &str) -> Option<web_sys::HtmlElement> {
    use wasm_bindgen::JsCast;
    let selector = format!("[data-test='{test}']");
    web_sys::window()?.document()?.query_selector(&selector).ok()??.dyn_into().ok()
}

fn tell(world: &Rc<RefCell<World>>, notice: &ChangeNotice) {
    let heard = world.borrow().heard.clone();
    heard.iter().for_each(|heard| heard(notice.clone()));
}

impl Rehearsal for Theatre {
    fn answer(&self, name: &'static str, request: Value) -> Answer {
        let slow = self.0.borrow().scene == "loading" && matches!(name, "consultation_list" | "consultation");
        if slow || (self.0.borrow().scene == "starting" && name == "program_state") {
            return Box::pin(future::pending());
        }
        let answer = self.0.borrow_mut().answer(name, request);
        if matches!(name, "send_message" | "retry_message") && self.0.borrow().scene != "offline" {
            let world = self.0.clone();
            Timeout::new(900, move || {
                for (_, message) in &mut world.borrow_mut().messages {
                    if matches!(message.delivery, Delivery::Queued | Delivery::Sending) {
                        message.delivery = Delivery::Sent;
                    }
                }
                let ids = world.borrow().views.iter().map(|view| view.row.id.clone()).collect();
                tell(&world, &ChangeNotice { consultations: ids, state: true, ..ChangeNotice::default() });
            })
            .forget();
        }
        if name == "accept_consultation" && matches!(self.0.borrow().scene.as_str(), "unsure" | "taken") {
            let world = self.0.clone();
            let later = world.clone();
            let notice = move |world: &Rc<RefCell<World>>| {
                let consultations = patients().iter().map(|line| ConsultationId::new(line.0)).collect();
                let notice =
                    ChangeNotice { consultations, state: true, lists: true, ..ChangeNotice::default() };
                tell(world, &notice);
            };
            Timeout::new(20, move || notice(&world)).forget();
            Timeout::new(3_000, move || {
                later.borrow_mut().views.iter_mut().for_each(|view| view.unsure = None);
                notice(&later);
            })
            .forget();
        }
        Box::pin(future::ready(answer))
    }

    fn listen(&self, callback: Heard) {
        self.0.borrow_mut().heard.push(callback);
    }
}

pub(super) fn ask<T: DeserializeOwned>(request: Value) -> Result<T, ErrorReport> {
    serde_json::from_value(request).map_err(|_| ErrorReport::new(ErrorCode::Internal))
}

pub(super) fn say(answer: impl Serialize) -> Result<Value, ErrorReport> {
    serde_json::to_value(answer).map_err(|_| ErrorReport::new(ErrorCode::Internal))
}

fn name(family: &str, given: &str) -> PersonName {
    PersonName { family: family.into(), given: given.split(' ').map(Into::into).collect() }
}

fn me() -> Person {
    Person {
        id: PersonId::new("physician-1"),
        name: name("Okafor", "Amara"),
        role: Role::Physician,
        specialties: vec![SpecialtyCode::Cardiology, SpecialtyCode::PrimaryCare],
        delegates_for: None,
    }
}

struct Line(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Sex,
    &'static [&'static str],
    Urgency,
    i64,
    &'static str,
);

fn patients() -> Vec<Line> {
    use Sex::{Female, Male};
    use Urgency::{Emergency, Routine, Urgent};
    vec![
        Line(
            "c1",
            "Szymańska",
            "Marta",
            "1959-03-14",
            Female,
            &["Penicillin"],
            Emergency,
            66,
            "Chest pressure since 20 minutes, pain in the left arm, short of breath. It got worse on the stairs.",
        ),
        Line(
            "c2",
            "Asante-Boateng",
            "Kwabena",
            "1972-06-30",
            Male,
            &[],
            Urgent,
            149,
            "Palpitations on and off for two days, sometimes dizzy when getting up.",
        ),
        Line(
            "c3",
            "Nguyễn",
            "Thị Lan",
            "1985-01-09",
            Female,
            &["Aspirin", "Latex"],
            Urgent,
            780,
            "New murmur heard at check-up, tired more than usual.",
        ),
        Line(
            "c4",
            "Bergström",
            "Jonas",
            "1997-08-21",
            Male,
            &[],
            Routine,
            2_520,
            "Question about the dose of metoprolol: morning or evening?",
        ),
        Line(
            "c5",
            "Al-Sayed",
            "Fatima",
            "1953-02-11",
            Female,
            &["Sulfonamides"],
            Routine,
            7_300,
            "Blood pressure diary for the last two weeks, please look.",
        ),
        Line(
            "c6",
            "O’Brien",
            "Thomas",
            "1988-05-02",
            Male,
            &[],
            Routine,
            11_000,
            "Repeat prescription, no new symptoms.",
        ),
    ]
}

impl World {
    fn new(scene: String) -> Self {
        let now = time::now();
        let mut views: Vec<_> = patients().into_iter().map(|line| view(now, line)).collect();
        if scene == "long" {
            for view in &mut views {
                let patient = view.row.patient.iter_mut();
                patient.for_each(|patient| {
                    patient.name = name(
                        "Wolfeschlegelsteinhausenbergerdorff-Papadimitriou",
                        "Maximiliane Hubertine Anastasia Konstantina",
                    );
                    patient.allergies = [
                        "Penicillin",
                        "Cefuroxime",
                        "Iodinated contrast media",
                        "Latex",
                        "Trimethoprim with sulfamethoxazole",
                    ]
                    .map(Into::into)
                    .into();
                });
                view.description = view.description.repeat(14);
                view.row.summary = view.description.chars().take(240).collect();
                view.row.unread = 128;
            }
            if let Some(view) = views.get_mut(1) {
                view.row.patient = None;
            }
        }
        let mut world = Self {
            keys: Keys::new(&scene, now),
            lock: Lock::new(&scene, now),
            signed_in: !matches!(scene.as_str(), "signin" | "signin-error" | "signed-out")
                && !scene.starts_with("clinic"),
            glass: Glass::new(&scene, now),
            clinic: Clinic::new(&scene, now),
            scene,
            now,
            views,
            messages: vec![],
            heard: vec![],
            next: 0,
        };
        for (id, status) in [("c4", ConsultationStatus::InProgress), ("c5", ConsultationStatus::Assigned)] {
            if matches!(world.scene.as_str(), "stuck" | "mine" | "offline" | "long" | "waiting" | "conflict")
                || id == "c5"
            {
                world.take(id, status);
            }
        }
        world.converse();
        world
    }

    fn view(&self, id: &str) -> Option<&ConsultationView> {
        self.views.iter().find(|view| view.row.id.as_str() == id)
    }

    fn take(&mut self, id: &str, status: ConsultationStatus) {
        let now = self.now;
        let Some(view) = self.views.iter_mut().find(|view| view.row.id.as_str() == id) else { return };
        view.mine = true;
        view.physician = Some(PersonLabel { id: me().id, name: Some(me().name) });
        view.may_write = status.is_open();
        view.row.answer_due = None;
        view.actions = match status {
            ConsultationStatus::Assigned => vec![Action::HandOff, Action::Start],
            ConsultationStatus::InProgress => vec![Action::HandOff, Action::Complete],
            _ => vec![],
        };
        view.history.push(happened(
            now.plus_seconds(-40),
            "status",
            Some(status.clone()),
            None,
            Some(&me().id),
        ));
        view.row.status = status;
    }

    fn converse(&mut self) {
        let id = ConsultationId::new("c4");
        let jonas =
            PersonLabel { id: PersonId::new("patient-2044"), name: Some(name("Bergström", "Jonas")) };
        let mine = PersonLabel { id: me().id, name: Some(me().name) };
        let now = self.now;
        let clear = |text: &str| MessageBody::Clear { text: text.into() };
        let mut add =
            |key: &str, from: &PersonLabel, mine: bool, body: MessageBody, ago: i64, delivery: Delivery| {
                self.messages.push((
                    id.clone(),
                    MessageView {
                        id: Some(MessageId::new(key)),
                        envelope_id: Some(EnvelopeId::new(key)),
                        mine,
                        from: from.clone(),
                        kind: MessageKind::Text,
                        body,
                        at: now.plus_seconds(-ago),
                        changeable: !matches!(delivery, Delivery::Sent | Delivery::Sending),
                        delivery,
                        step: None,
                        edit: None,
                    },
                ));
            };
        add(
            "m1",
            &mine,
            true,
            clear("Good morning. Take it in the evening, with food. Have you noticed a slow pulse?"),
            1_900,
            Delivery::Sent,
        );
        add(
            "m2",
            &jonas,
            false,
            clear("Sometimes 52 at rest, no dizziness.\nIs that too low?"),
            1_700,
            Delivery::Sent,
        );
        add("m3", &jonas, false, MessageBody::Sealed, 1_500, Delivery::Sent);
        add("m4", &jonas, false, MessageBody::Unreadable, 1_450, Delivery::Sent);
        add(
            "m5",
            &mine,
            true,
            clear("52 is fine without symptoms. Measure once a day and tell me on Friday."),
            1_200,
            Delivery::Sent,
        );
        if self.scene == "stuck" {
            let error = ErrorReport::new(ErrorCode::Forbidden);
            add(
                "m6",
                &mine,
                true,
                clear("I have asked the pharmacy to prepare it."),
                120,
                Delivery::Stuck { error },
            );
        }
        if self.scene == "waiting" {
            add("m7", &mine, true, clear("I have asked the pharmacy to prepare it."), 60, Delivery::Queued);
            add("m8", &mine, true, clear("You can fetch it after 15:00."), 50, Delivery::Queued);
            add("m9", &mine, true, clear("Take it in the evning."), 40, Delivery::Queued);
            add("m10", &mine, true, clear("Seen again on Friday."), 30, Delivery::Queued);
            for (id, message) in &mut self.messages {
                match message.envelope_id.as_ref().map(EnvelopeId::as_str) {
                    Some("m7") => message.changeable = false,
                    Some("m9") => message.edit = Some("Take it in the evening.".into()),
                    Some("m10") => message.step = Some(Action::Complete),
                    _ => {}
                }
                if let Some(view) = self.views.iter_mut().find(|view| view.row.id == *id) {
                    view.waiting = vec![Action::Complete];
                    view.actions.clear();
                    view.may_write = false;
                }
            }
            return;
        }
        if self.scene == "conflict" {
            let error =
                ErrorReport::new(ErrorCode::Conflict).with_detail("Dr Lindqvist completed this at 09:42");
            add("m6", &mine, true, clear("Seen again on Friday."), 120, Delivery::Stuck { error });
            if let Some((_, message)) = self.messages.last_mut() {
                message.step = Some(Action::Complete);
            }
            return;
        }
        if self.scene == "offline" {
            add("m7", &mine, true, clear("I have asked the pharmacy to prepare it."), 60, Delivery::Queued);
            add("m8", &mine, true, clear("You can fetch it after 15:00."), 30, Delivery::Queued);
        }
    }

    fn state(&self) -> ProgramState {
        let pending = |view: &&ConsultationView| view.row.status == ConsultationStatus::Pending;
        let queue: Vec<_> = self.views.iter().filter(pending).collect();
        let mine = self.views.iter().filter(|view| view.mine && view.row.status.is_open()).count();
        let waiting = self
            .messages
            .iter()
            .filter(|(_, message)| matches!(message.delivery, Delivery::Queued | Delivery::Sending));
        let stuck =
            self.messages.iter().filter(|(_, message)| matches!(message.delivery, Delivery::Stuck { .. }));
        let blocked = |code| Stage::Blocked {
            error: ErrorReport { correlation_id: Some("7f3a-11".into()), ..ErrorReport::new(code) },
            ways: Vec::new(),
        };
        let stage = match self.scene.as_str() {
            _ if self.lock.stage(&me().name).is_some() => {
                self.lock.stage(&me().name).unwrap_or(Stage::Starting)
            }
            _ if self.keys.stage().is_some() => self.keys.stage().unwrap_or(Stage::Starting),
            "blocked" => blocked(ErrorCode::KeyringLocked),
            "damaged" => blocked(ErrorCode::CacheDamaged),
            "signin-error" if !self.signed_in => Stage::SignIn {
                accounts: vec![],
                error: Some(ErrorReport::new(ErrorCode::ServerUnreachable)),
            },
            "signed-out" if !self.signed_in => {
                Stage::SignIn { accounts: accounts(), error: Some(ErrorReport::new(ErrorCode::SignedOut)) }
            }
            _ if !self.signed_in => Stage::SignIn { accounts: accounts(), error: None },
            _ => Stage::Ready { person: self.glass.person(me()) },
        };
        let empty = self.scene == "empty";
        let (locks_at, session_ends_at, pin_set) = self.lock.standing(time::now());
        ProgramState {
            stage,
            connection: fixtures_standing::connection(&self.scene, self.now),
            synced_at: Some(self.now.plus_seconds(-97)),
            outbox_waiting: waiting.count() as u32,
            outbox_stuck: stuck.count() as u32,
            counts: Counts {
                queue: if empty {
                    0
                } else if self.scene == "10000" {
                    10_000
                } else {
                    queue.len() as u32
                },
                queue_urgent: if empty {
                    0
                } else {
                    queue.iter().filter(|view| view.row.urgency.alerts()).count() as u32
                },
                mine: if empty { 0 } else { mine as u32 },
                unread: if empty { 0 } else { self.views.iter().map(|view| view.row.unread).sum() },
            },
            integrity: (self.scene == "tampered").then(|| ErrorReport::new(ErrorCode::AuditBehind)),
            notifications: matches!(self.scene.as_str(), "error" | "unseen")
                .then(|| ErrorReport::new(ErrorCode::NoNotifications)),
            server: "Riverside Clinic".into(),
            keys: self.keys.standing(),
            locks_at,
            session_ends_at,
            pin_set,
            clock: fixtures_standing::clock(&self.scene),
            loading: fixtures_standing::loading(&self.scene),
            glass: self.glass.open(),
            glass_news: self.glass.news(),
            may_export: self.glass.may_export(),
            clinic_sign_in: self.clinic.state(),
            acts_for: (self.scene == "nurse").then(|| me().name),
        }
    }

    fn list(&self, ask: &ConsultationList) -> ConsultationPage {
        if self.scene == "empty" {
            return ConsultationPage::default();
        }
        if self.scene == "10000" {
            let rows = (ask.offset..(ask.offset + ask.limit).min(10_000)).filter_map(|index| {
                let mut row = self.views.get(index as usize % self.views.len())?.row.clone();
                row.id = ConsultationId::new(format!("many-{index}"));
                row.summary = format!("{} {}", index + 1, row.summary);
                Some(row)
            });
            return ConsultationPage { rows: rows.collect(), total: 10_000 };
        }
        let wanted = |view: &&ConsultationView| {
            ask.specialty.as_ref().is_none_or(|code| *code == view.row.specialty)
                && match ask.scope {
                    ListScope::Queue => {
                        view.row.status == ConsultationStatus::Pending && !view.actions.is_empty()
                    }
                    ListScope::Mine => view.mine && view.row.status.is_open(),
                    ListScope::Closed => view.mine && !view.row.status.is_open(),
                }
        };
        let rows: Vec<_> = self.views.iter().filter(wanted).map(|view| view.row.clone()).collect();
        ConsultationPage { total: rows.len() as u32, rows }
    }

    fn answer(&mut self, name: &str, request: Value) -> Result<Value, ErrorReport> {
        if let Some(answer) = self.keys.answer(name, request.clone(), time::now()) {
            return answer;
        }
        if let Some(answer) = self.lock.answer(name, request.clone(), time::now()) {
            return answer;
        }
        if let Some(answer) = self.glass.answer(name, request.clone(), time::now()) {
            return answer;
        }
        if let Some(answer) = self.clinic.answer(name, request.clone(), time::now()) {
            return answer;
        }
        match name {
            "program_state" => say(self.state()),
            "sign_in" if request.get("code").and_then(Value::as_str) == Some("000000") => {
                Err(ErrorReport::new(ErrorCode::SignInRefused))
            }
            "sign_in" | "sign_out" => {
                self.signed_in = name == "sign_in";
                say(())
            }
            "consultation_list" if self.scene == "error" => Err(ErrorReport::new(ErrorCode::StorageFault)),
            "consultation_list" => say(self.list(&ask(request)?)),
            "consultation" => {
                let which: ConsultationRef = ask(request)?;
                self.view(which.id.as_str()).map_or_else(
                    || Err(ErrorReport::new(ErrorCode::NotFound)),
                    |view| say(self.glass.seen(view.clone())),
                )
            }
            "conversation" => {
                let which: ConversationRequest = ask(request)?;
                let messages = self
                    .messages
                    .iter()
                    .filter(|(id, _)| *id == which.id)
                    .map(|(_, message)| message.clone())
                    .collect();
                say(Conversation { consultation_id: which.id, messages, has_older: false })
            }
            "accept_consultation" if self.scene == "taken" => {
                let which: ConsultationRef = ask(request)?;
                self.views.retain(|view| view.row.id != which.id);
                Err(ErrorReport::new(ErrorCode::AlreadyTaken)
                    .with_detail("Dr Lindqvist accepted this at 09:42"))
            }
            "accept_consultation" if self.scene == "unsure" => {
                let which: ConsultationRef = ask(request)?;
                if let Some(view) = self.views.iter_mut().find(|view| view.row.id == which.id) {
                    view.unsure = Some(Action::Accept);
                }
                Err(ErrorReport::new(ErrorCode::MayHaveHappened))
            }
            // Dialogs of which nothing comes.
            "colleagues" if self.scene == "unwell" => Err(ErrorReport::new(ErrorCode::ServerFault)),
            "hand_off_consultation" if self.scene == "unwell" => {
                Err(ErrorReport::new(ErrorCode::ServerFault))
            }
            "complete_consultation" if self.scene == "unwell" => Err(ErrorReport::new(ErrorCode::DiskFull)),
            "colleagues" => say([("Lindqvist", "Maja", true), ("Haddad", "Samir", false)].map(
                |(family, given, on_call)| Physician {
                    id: PersonId::new(family),
                    name: PersonName { family: family.into(), given: vec![given.into()] },
                    specialties: vec![SpecialtyCode::Cardiology],
                    on_call,
                    availability: Availability::Available,
                },
            )),
            "hand_off_consultation" => {
                let which: HandOffConsultation = ask(request)?;
                self.views.retain(|view| view.row.id != which.id);
                say(())
            }
            "keep_edit" => {
                let kept: KeepEdit = ask(request)?;
                for (_, message) in &mut self.messages {
                    if message.envelope_id.as_ref() == Some(&kept.envelope_id) {
                        message.edit.clone_from(&kept.text);
                    }
                }
                say(())
            }
            "edit_message" => {
                let changed: EditMessage = ask(request)?;
                for (_, message) in &mut self.messages {
                    if message.envelope_id.as_ref() == Some(&changed.envelope_id) {
                        message.edit = None;
                        message.body = MessageBody::Clear { text: changed.text.clone() };
                        message.delivery = Delivery::Queued;
                    }
                }
                say(())
            }
            "acknowledge_consultation" if self.scene == "offline" => {
                Err(ErrorReport::new(ErrorCode::NeedsConnection))
            }
            "acknowledge_consultation" => {
                let which: ConsultationRef = ask(request)?;
                let now = time::now();
                self.now = now;
                let found = self.views.iter_mut().find(|view| view.row.id == which.id);
                if let Some(view) = found {
                    view.actions.retain(|action| *action != Action::Acknowledge);
                    let by = PersonLabel { id: me().id, name: Some(me().name) };
                    view.acknowledged = Some(Acknowledgement { by, mine: true, at: now });
                    view.history.push(happened(now, "acknowledged", None, None, Some(&me().id)));
                }
                say(())
            }
            "accept_consultation" | "start_consultation" | "complete_consultation" => {
                let which: ConsultationRef = ask(request)?;
                let status = match name {
                    "accept_consultation" => ConsultationStatus::Assigned,
                    "start_consultation" => ConsultationStatus::InProgress,
                    _ => ConsultationStatus::Completed,
                };
                self.now = time::now();
                self.take(which.id.as_str(), status);
                say(())
            }
            "decline_consultation" => {
                let which: DeclineConsultation = ask(request)?;
                let now = time::now();
                if let Some(view) = self.views.iter_mut().find(|view| view.row.id == which.id) {
                    view.actions.clear();
                    view.history.push(happened(now, "declined", None, Some(&which.reason), Some(&me().id)));
                }
                say(())
            }
            "send_message" => {
                let message: SendMessage = ask(request)?;
                self.next += 1;
                self.messages.push((
                    message.consultation_id,
                    MessageView {
                        id: None,
                        envelope_id: Some(EnvelopeId::new(format!("new-{}", self.next))),
                        mine: true,
                        from: PersonLabel { id: me().id, name: Some(me().name) },
                        kind: MessageKind::Text,
                        body: MessageBody::Clear { text: message.text },
                        at: time::now(),
                        delivery: if self.scene == "offline" { Delivery::Queued } else { Delivery::Sending },
                        step: None,
                        changeable: self.scene == "offline",
                        edit: None,
                    },
                ));
                say(())
            }
            "retry_message" | "discard_message" => {
                let which: OutboxRef = ask(request)?;
                if name == "discard_message" {
                    self.messages
                        .retain(|(_, message)| message.envelope_id.as_ref() != Some(&which.envelope_id));
                }
                for (_, message) in &mut self.messages {
                    if message.envelope_id.as_ref() == Some(&which.envelope_id) {
                        message.delivery = Delivery::Sending;
                    }
                }
                say(())
            }
            "save_draft" => {
                let draft: SaveDraft = ask(request)?;
                if let Some(view) = self.views.iter_mut().find(|view| view.row.id == draft.consultation_id) {
                    let place = match draft.of {
                        DraftOf::Message => &mut view.draft,
                        DraftOf::Decline => &mut view.words.decline,
                        DraftOf::HandOff => &mut view.words.hand_off,
                        DraftOf::Complete => &mut view.words.complete,
                    };
                    *place = draft.text;
                }
                say(())
            }
            "appointments" => say(self.appointments(ask(request)?)),
            "connection_figures" => say(fixtures_standing::figures(self.now)),
            "support_bundle" => say(fixtures_standing::bundle()),
            "test_alert" if self.scene == "error" => Err(ErrorReport::new(ErrorCode::NoNotifications)),
            _ => say(()),
        }
    }

    fn appointments(&self, range: AppointmentRange) -> AppointmentPage {
        let mut rows = Vec::new();
        if self.scene != "empty" {
            for day in -7..14 {
                let midnight = time::midnight(self.now, day);
                if matches!(time::local(midnight).weekday, 0 | 6) {
                    continue;
                }
                rows.extend(day_of(midnight, day));
            }
        }
        rows.retain(|row| range.from <= row.date_time && row.date_time < range.to);
        let ago = if self.scene == "offline" { 3_700 } else { 60 };
        AppointmentPage { rows, synced_at: Some(self.now.plus_seconds(-ago)) }
    }
}

fn day_of(midnight: Timestamp, day: i32) -> Vec<AppointmentRow> {
    use AppointmentStatus::{Arrived, Booked, Cancelled, Fulfilled, NoShow, Pending};
    let past = day < 0;
    [
        ("Bergström", "Jonas", 8 * 60 + 30, 30, "follow_up", if past { Fulfilled } else { Booked }),
        ("Szymańska", "Marta", 9 * 60 + 20, 40, "echocardiogram", if past { NoShow } else { Arrived }),
        ("Al-Sayed", "Fatima", 9 * 60 + 30, 60, "consultation", if past { Fulfilled } else { Booked }),
        ("Nguyễn", "Thị Lan", 11 * 60, 45, "consultation", Cancelled),
        ("O’Brien", "Thomas", 13 * 60, 20, "consultation", Pending),
        ("Asante-Boateng", "Kwabena", 15 * 60 + 15, 90, "stress_test", if past { Fulfilled } else { Booked }),
    ]
    .into_iter()
    .enumerate()
    .filter(|(index, _)| (day + *index as i32) % 3 != 1 || day == 0)
    .map(|(index, (family, given, minute, duration, kind, status))| AppointmentRow {
        id: AppointmentId::new(format!("a{day}-{index}")),
        patient_id: PersonId::new("patient-2041"),
        patient: Some(patient("patient-2041", family, given, "1959-03-14", Sex::Unknown, &[])),
        consultation_id: (index % 2 == 0).then(|| ConsultationId::new("c1")),
        date_time: midnight.plus_seconds(minute * 60),
        duration,
        kind: kind.into(),
        status,
        notes: String::new(),
    })
    .collect()
}

fn patient(id: &str, family: &str, given: &str, born: &str, sex: Sex, allergies: &[&str]) -> Patient {
    Patient {
        id: PersonId::new(id),
        name: name(family, given),
        birth_date: born.into(),
        sex,
        language: Some("en".into()),
        allergies: allergies.iter().map(|word| (*word).to_owned()).collect(),
    }
}

fn happened(
    at: Timestamp,
    action: &str,
    to: Option<ConsultationStatus>,
    note: Option<&str>,
    who: Option<&PersonId>,
) -> HistoryLine {
    HistoryLine {
        entry: HistoryEntry {
            at,
            actor_id: who.cloned(),
            action: action.into(),
            from: None,
            to,
            note: note.map(Into::into),
        },
        actor: who.map(|id| PersonLabel { id: id.clone(), name: None }),
    }
}

fn view(now: Timestamp, line: Line) -> ConsultationView {
    let Line(id, family, given, born, sex, allergies, urgency, ago, words) = line;
    let number = id.trim_start_matches('c');
    let patient_id = format!("patient-204{number}");
    let created_at = now.plus_seconds(-ago);
    let specialty = if id == "c6" { SpecialtyCode::PrimaryCare } else { SpecialtyCode::Cardiology };
    let row = ConsultationRow {
        id: ConsultationId::new(id),
        patient_id: PersonId::new(&patient_id),
        patient: Some(patient(&patient_id, family, given, born, sex, allergies)),
        specialty,
        answer_due: urgency.answer_within().map(|seconds| created_at.plus_seconds(seconds)),
        urgency,
        status: ConsultationStatus::Pending,
        summary: words.into(),
        created_at,
        unread: u32::from(id == "c5"),
    };
    let earlier = |days: i64, words: &str| ConsultationRow {
        id: ConsultationId::new(format!("{id}-{days}")),
        created_at: now.plus_seconds(-86_400 * days),
        summary: words.into(),
        status: ConsultationStatus::Completed,
        urgency: Urgency::Routine,
        answer_due: None,
        ..row.clone()
    };
    let echo = AppointmentRow {
        id: AppointmentId::new("a1"),
        patient_id: row.patient_id.clone(),
        patient: row.patient.clone(),
        consultation_id: None,
        date_time: time::midnight(now, 1).plus_seconds(9 * 3_600 + 1_200),
        duration: 40,
        kind: "echocardiogram".into(),
        status: AppointmentStatus::Booked,
        notes: String::new(),
    };
    let urgency_alerts = row.urgency.alerts();
    ConsultationView {
        description: words.into(),
        physician: None,
        mine: false,
        waiting: vec![],
        unsure: None,
        history: vec![happened(created_at, "created", None, None, Some(&row.patient_id))],
        actions: match urgency_alerts {
            true => vec![Action::Decline, Action::Acknowledge, Action::Accept],
            false => vec![Action::Decline, Action::Accept],
        },
        acknowledged: None,
        refused: Vec::new(),
        may_write: false,
        may_note: false,
        may_not_write: None,
        appointments: if id == "c1" { vec![echo] } else { vec![] },
        earlier: if id == "c1" {
            let open = ConsultationRow {
                status: ConsultationStatus::InProgress,
                created_at: now.plus_seconds(-9_000),
                ..earlier(0, "Swollen ankles in the evening")
            };
            vec![earlier(51, "Palpitations at night"), open, earlier(278, "Medication")]
        } else {
            vec![]
        },
        draft: String::new(),
        words: DialogWords::default(),
        row,
    }
}

fn accounts() -> Vec<Account> {
    let account = |code: &str, id: &str, family: &str, given: &str, specialties: &[SpecialtyCode]| Account {
        code: code.into(),
        id: PersonId::new(id),
        role: Role::Physician,
        name: name(family, given),
        specialties: specialties.to_vec(),
        delegates_for: None,
    };
    vec![
        account(
            "111111",
            "physician-1",
            "Okafor",
            "Amara",
            &[SpecialtyCode::Cardiology, SpecialtyCode::PrimaryCare],
        ),
        account("222222", "physician-2", "Lindqvist", "Erik", &[SpecialtyCode::Cardiology]),
        account("333333", "physician-3", "Tanaka", "Yui", &[SpecialtyCode::Neurology]),
    ]
}
