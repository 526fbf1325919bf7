//! The access table, asked of the desk: who is signed in × what they do × how they stand to the record, against the real
//! server, with real files.
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
    collections::BTreeMap,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
};

use chatehr_audit::{Criteria, Outcome};
use chatehr_contract::{
    access::{Access, Action, Party, Relation, decide},
    *,
};
use chatehr_engine::HostReport;
use support::*;
use tempfile::TempDir;

const PIN: &str = "402917";
const REASON: &str = "Brought in unconscious";

/// What the table, and nothing else, refuses with.
fn refuses(error: &ErrorReport) -> bool {
    matches!(
        error.code,
        ErrorCode::RoleForbids
            | ErrorCode::PolicyForbids
            | ErrorCode::NotFound
            | ErrorCode::AlreadyTaken
            | ErrorCode::BehindGlass
    )
}

struct Scene<'a> {
    clinic: &'a Clinic,
    okafor: chatehr_client::SignedIn,
    lindqvist: chatehr_client::SignedIn,
    bench: &'a Bench,
    data: &'a TempDir,
    said: AtomicUsize,
}

impl Scene<'_> {
    /// A record to which this party stands so, known to the desk if it ever will be.
    async fn record(&self, party: Party, relation: Relation) -> ConsultationId {
        let id = self.clinic.request(Urgency::Routine, "It hurts").await.id;
        match relation {
            Relation::Pool => {}
            Relation::Other => drop(self.clinic.taken_by(LINDQVIST, &id).await),
            _ => drop(self.clinic.taken_by(OKAFOR, &id).await),
        }
        let settled = if relation == Relation::Pool {
            ConsultationStatus::Pending
        } else {
            ConsultationStatus::Assigned
        };
        for _ in 0..400 {
            let known = self.bench.desk.consultation(&id).await;
            let gone = relation == Relation::Other && party != Party::Admin;
            if gone && known.is_err() || known.is_ok_and(|known| known.row.status == settled) {
                if relation != Relation::Pool {
                    let physician = if relation == Relation::Other { "physician-13" } else { "physician-12" };
                    // Two of a length would be one message.
                    let words = "x".repeat(self.said.fetch_add(1, Ordering::Relaxed));
                    self.clinic.marta_writes(&id, physician, &words).await;
                }
                if matches!(relation, Relation::Assigned | Relation::Delegated) {
                    self.bench.conversation_until(&id, |messages| !messages.is_empty()).await;
                }
                return id;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the desk does not hear of {id}");
    }

    /// How it is done; `None` for what a desk does not do when somebody asks for it.
    fn act<'a>(&'a self, action: Action, id: &'a ConsultationId) -> Option<Doing<'a>> {
        let desk = &self.bench.desk;
        // No wildcard: a new action has to say here how it is done.
        Some(match action {
            Action::ConsultationRead => Box::pin(async { desk.consultation(id).await.map(drop) }),
            Action::MessageList => Box::pin(async {
                let read = desk.conversation(ConversationRequest { id: id.clone(), limit: 10 }).await?;
                // What is not theirs to read is empty.
                if read.messages.is_empty() { Err(ErrorReport::new(ErrorCode::NotFound)) } else { Ok(()) }
            }),
            Action::ConsultationAccept => Box::pin(desk.accept(id)),
            Action::ConsultationStart => Box::pin(desk.start_work(id)),
            Action::ConsultationComplete => Box::pin(async { desk.complete(&completing(id)).await }),
            Action::ConsultationDecline => Box::pin(async {
                desk.decline(&DeclineConsultation { id: id.clone(), reason: "Away".to_owned() }).await
            }),
            Action::ConsultationHandoff => Box::pin(async {
                let specialty = Some(SpecialtyCode::Neurology);
                let reason = "Off duty".to_owned();
                desk.hand_off(&HandOffConsultation { id: id.clone(), physician_id: None, specialty, reason })
                    .await
            }),
            Action::ConsultationNote => Box::pin(async {
                desk.add_note(&AddNote { id: id.clone(), text: "Called back".to_owned() }).await
            }),
            Action::ConsultationAcknowledge => Box::pin(desk.acknowledge(id)),
            Action::MessageCreate => Box::pin(async {
                desk.send(&SendMessage { consultation_id: id.clone(), text: "Hello".to_owned() }).await
            }),
            Action::DraftSave => Box::pin(async {
                let (consultation_id, text) = (id.clone(), "Hello".to_owned());
                desk.save_draft(SaveDraft { consultation_id, text, of: DraftOf::Message }).await
            }),
            Action::BreakGlass => Box::pin(async {
                loop {
                    let (reason, pin) = (REASON.to_owned(), SecretText::new(PIN));
                    let opened = desk.break_glass(BreakGlass { id: id.clone(), reason, pin }).await;
                    desk.close_glass().await.unwrap();
                    // A keyring that was too busy is asked again, as a person would.
                    if opened.as_ref().is_err_and(|error| error.code == ErrorCode::KeyringLocked) {
                        continue;
                    }
                    return opened;
                }
            }),
            Action::GlassList => Box::pin(async { desk.broken_glass().await.map(drop) }),
            Action::ConsultationList => Box::pin(async {
                desk.list(ConsultationList { limit: 1, ..ConsultationList::default() }).await.map(drop)
            }),
            Action::AppointmentList => Box::pin(async {
                let (from, to) = (Timestamp::from_millis(0), Timestamp::from_millis(1));
                desk.appointments(AppointmentRange { from, to }).await.map(drop)
            }),
            Action::RecordsBackUp => Box::pin(async {
                let path = self.data.path().join("backup").display().to_string();
                desk.back_up_records(BackUp { path, with_cache: false }).await
            }),
            Action::SupportExport => Box::pin(async {
                desk.support_bundle(HostReport::default()).await?;
                let file = self.data.path().join("bundle.txt").display().to_string();
                desk.save_support_bundle(SaveSupportBundle { file }).await
            }),
            // Asked of the server by the desk itself, and tried over HTTP.
            Action::MessageReceipt
            | Action::KeyRead
            | Action::AttachmentRead
            | Action::PatientRead
            | Action::PhysicianRead
            | Action::PolicyRead
            | Action::AnchorCreate
            | Action::EventListen
            | Action::ChangeList
            | Action::GlassClose
            | Action::SessionRead
            | Action::SessionEnd
            | Action::AccountList
            | Action::TestSignIn => return None,
            // No command of a desk asks for these: the server alone decides.
            Action::ConsultationCreate
            | Action::ConsultationUpdate
            | Action::AppointmentCreate
            | Action::AppointmentUpdate
            | Action::AppointmentRespond
            | Action::AttachmentCreate
            | Action::KioskCodeCreate
            | Action::KioskSessionCreate
            | Action::PatientSearch
            | Action::AvailabilityUpdate
            | Action::SpecialtyList => return None,
            // A test of its own below; printing, which the program does not do; and a command at a terminal.
            Action::DeskOpen | Action::RecordPrint | Action::AuditExport => return None,
        })
    }
}

type Doing<'a> = Pin<Box<dyn Future<Output = Result<(), ErrorReport>> + Send + 'a>>;

/// Where the table grants it, and the state of the record, or of the files, still stands in the way.
fn stands_in_the_way(action: Action, relation: Relation) -> Option<ErrorCode> {
    match (action, relation) {
        // Nothing has been begun.
        (Action::ConsultationComplete, _) => Some(ErrorCode::Conflict),
        // There is no other key in these tests, so who may is told that next.
        (Action::RecordsBackUp, _) => Some(ErrorCode::BackupNeedsKey),
        _ => None,
    }
}

/// Whether the table is declared for what concerns a record.
fn concerns_a_record(action: Action) -> bool {
    Party::ALL
        .iter()
        .any(|party| decide(action, *party, Relation::None) != decide(action, *party, Relation::Other))
}

async fn a_desk_keeps_to_the_table(code: &str, party: Party) {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
    let settings = clinic.settings(data.path());
    let bench = Bench::signed_in(settings.clone(), code).await;
    bench.desk.set_pin(SetPin { pin: SecretText::new(PIN), present: None }).await.unwrap();
    let stage = Scene {
        okafor: clinic.as_person(OKAFOR).await.0,
        lindqvist: clinic.as_person(LINDQVIST).await.0,
        clinic: &clinic,
        bench: &bench,
        data: &data,
        said: AtomicUsize::new(1),
    };
    // The clinic's rules are fetched after the start.
    bench.until("the policy is known", |state| state.may_export == (party == Party::Admin)).await;
    let relations: &[Relation] = match party {
        Party::Physician => &[Relation::Assigned, Relation::Pool, Relation::Other],
        Party::Nurse => &[Relation::Delegated, Relation::Pool, Relation::Other],
        _ => &[Relation::Other],
    };
    let (mut granted, mut refused) = (0, BTreeMap::new());
    for action in Action::ALL {
        let plain = !concerns_a_record(*action);
        for relation in if plain { &[Relation::None] } else { relations } {
            let id = ConsultationId::new("all");
            if stage.act(*action, &id).is_none() {
                continue;
            }
            let id = if plain { id } else { stage.record(party, *relation).await };
            let version = server_version(&stage, &id, plain).await;
            let done = stage.act(*action, &id).unwrap().await;
            let case = format!("{party:?} {action:?} {relation:?}: {done:?}");
            let may = match decide(*action, party, *relation) {
                Access::Granted => true,
                Access::ByPolicy(_) => party == Party::Admin,
                _ => false,
            };
            if may {
                let code = done.err().map(|error| error.code);
                assert!(code.is_none() || code == stands_in_the_way(*action, *relation), "{case}");
                granted += 1;
                continue;
            }
            // What was typed into a record that has gone is kept.
            if *action == Action::DraftSave && *relation == Relation::Other && party != Party::Admin {
                continue;
            }
            assert!(done.is_err_and(|error| refuses(&error)), "{case}");
            assert_eq!(server_version(&stage, &id, plain).await, version, "{case}");
            // Nobody is refused what waits in their own queue: of its conversation there is nothing yet.
            if !(*action == Action::MessageList && *relation == Relation::Pool) {
                refused.insert((action.as_str(), id.to_string()), case);
            }
        }
    }
    assert!(granted >= 5 && refused.len() >= 8, "{granted} {}", refused.len());
    let vault = files(bench, &settings).await;
    let entries = vault.search_audit(&Criteria::default(), None, 1000).unwrap();
    for ((action, id), case) in refused {
        let told = entries.iter().any(|entry| {
            let said = &entry.said;
            let object = id == "all" || said.objects.contains(&id);
            // Of what it asks a server, a desk has two words of its own.
            let asked = match action {
                "consultation.acknowledge" => "alert.acknowledge",
                "consultation.handoff" => "consultation.hand-off",
                same => same,
            };
            let known = said.action == action || said.action == asked;
            known && object && said.outcome == Outcome::Refused
        });
        assert!(told, "not on record: {case}");
    }
}

/// How often the record has changed, by somebody who sees it.
async fn server_version(stage: &Scene<'_>, id: &ConsultationId, plain: bool) -> u64 {
    if plain {
        return 0;
    }
    match stage.okafor.consultation(id).await {
        Ok(record) => record.version,
        Err(_) => stage.lindqvist.consultation(id).await.unwrap().version,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_physicians_desk_keeps_to_the_table() {
    a_desk_keeps_to_the_table(OKAFOR, Party::Physician).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nurses_desk_keeps_to_the_table() {
    a_desk_keeps_to_the_table(MENSAH, Party::Nurse).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_desk_keeps_to_the_table() {
    a_desk_keeps_to_the_table(FELDMAN, Party::Admin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_opens_for_those_roles_that_the_table_names() {
    if !keyring_is_here() {
        return;
    }
    let clinic = Clinic::open().await;
    for (code, party) in
        [(OKAFOR, Party::Physician), (MENSAH, Party::Nurse), (FELDMAN, Party::Admin), (MARTA, Party::Patient)]
    {
        let data = TempDir::new().unwrap();
        let bench = Bench::new(clinic.settings(data.path()), Desktop::default());
        bench.desk.start().await;
        let opened = bench.desk.sign_in(code).await;
        match decide(Action::DeskOpen, party, Relation::None) {
            Access::Granted => opened.unwrap(),
            _ => assert_eq!(opened.unwrap_err().code, ErrorCode::WrongRole, "{party:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nurse_is_shown_the_physicians_lists_and_told_what_only_the_physician_may() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
    let bench = Bench::signed_in(clinic.settings(data.path()), MENSAH).await;
    let waits = clinic.request(Urgency::Urgent, "It hurts").await;
    bench.until_known(&waits.id).await;
    let named = bench.until("for whom", |state| state.acts_for.is_some()).await;
    assert_eq!(named.acts_for.unwrap().family, "Okafor");
    let view = bench.desk.consultation(&waits.id).await.unwrap();
    assert_eq!(view.actions, [chatehr_contract::Action::Acknowledge]);
    let refused: Vec<_> = view.refused.iter().map(|refused| refused.action).collect();
    assert_eq!(refused, [chatehr_contract::Action::Decline, chatehr_contract::Action::Accept]);
    assert!(view.refused.iter().all(|refused| refused.why.starts_with("Only a physician")));

    let taken = clinic.taken_by(OKAFOR, &waits.id).await;
    clinic.marta_writes(&taken.id, "physician-12", "It is worse at night").await;
    let read = |messages: &[MessageView]| {
        messages.iter().any(
            |message| matches!(&message.body, MessageBody::Clear { text } if text == "It is worse at night"),
        )
    };
    bench.conversation_until(&taken.id, read).await;
    let view = bench.desk.consultation(&taken.id).await.unwrap();
    assert!(!view.may_write && !view.mine);
    assert!(view.may_not_write.unwrap().contains("physician in charge"));
    assert!(view.may_note);
    let draft =
        SaveDraft { consultation_id: taken.id.clone(), text: "For you".to_owned(), of: DraftOf::Message };
    bench.desk.save_draft(draft).await.unwrap();
    let note = AddNote { id: taken.id.clone(), text: "For you: please ring her before noon".to_owned() };
    bench.desk.add_note(&note).await.unwrap();
    let (okafor, _) = clinic.as_person(OKAFOR).await;
    let history = okafor.consultation(&taken.id).await.unwrap().history;
    assert_eq!(history.last().unwrap().note.as_deref(), Some("For you: please ring her before noon"));
    assert_eq!(bench.desk.consultation(&taken.id).await.unwrap().draft, "", "it is no draft any more");
    let mine = ConsultationList { scope: ListScope::Mine, limit: 100, ..ConsultationList::default() };
    let mine = bench.desk.list(mine).await.unwrap().rows;
    assert!(mine.iter().any(|row| row.id == taken.id), "the physician's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_weaker_than_the_workstation_is_kept_only_as_far_as_the_workstation_goes() {
    if !keyring_is_here() {
        return;
    }
    let lax = Policy {
        lock_after_seconds: 3600,
        shared_lock_after_seconds: 3600,
        session_hours: 1000,
        break_glass_minutes: 100_000,
        may_export: vec!["physician".to_owned()],
        ..Policy::default()
    };
    let (clinic, data, hands) =
        (Clinic::with_policy(lax).await, TempDir::new().unwrap(), SetClock::default());
    let bench = Bench::eager(clinic.settings(data.path()), &hands);
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_online().await;
    bench.until("the policy is known", |state| state.may_export).await;
    bench.desk.set_pin(SetPin { pin: SecretText::new(PIN), present: None }).await.unwrap();
    let id = clinic.request(Urgency::Routine, "It hurts").await.id;
    bench.until_known(&id).await;
    clinic.taken_by(LINDQVIST, &id).await;
    bench.until_gone(&id).await;
    let (reason, pin) = (REASON.to_owned(), SecretText::new(PIN));
    bench.desk.break_glass(BreakGlass { id, reason, pin }).await.unwrap();
    let until = bench.desk.state().await.glass.unwrap().until;
    let lasts = until.millis() - chatehr_engine::Clock::now(&hands).millis();
    assert!((14_300_000..=14_400_000).contains(&lasts), "four hours at most: {lasts}");
    hands.move_by(14 * 60);
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert!(matches!(bench.desk.state().await.stage, chatehr_contract::Stage::Ready { .. }));
    hands.move_by(61);
    bench
        .until("locked after 15 minutes", |state| {
            matches!(state.stage, chatehr_contract::Stage::Locked { .. })
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_export_by_the_signed_policy_backs_nothing_up_and_that_is_on_record() {
    if !keyring_is_here() {
        return;
    }
    let (clinic, data) = (Clinic::open().await, TempDir::new().unwrap());
    let settings = clinic.settings(data.path());
    let bench = Bench::signed_in(settings.clone(), OKAFOR).await;
    let path = data.path().join("backup.tar");
    let ask = BackUp { path: path.display().to_string(), with_cache: true };
    let refused = bench.desk.back_up_records(ask).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::PolicyForbids);
    assert!(refused.sentence().contains("policy") && !path.exists());
    assert!(!bench.desk.state().await.may_export);
    let entries = files(bench, &settings).await.search_audit(&Criteria::default(), None, 100).unwrap();
    let told = entries.iter().find(|entry| entry.said.action == "vault.backup").unwrap();
    assert_eq!((told.said.outcome, told.said.reason.as_deref()), (Outcome::Refused, Some("POLICY_FORBIDS")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nurse_whose_physician_changes_is_shown_the_other_ones_lists_without_signing_in_again() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
    let settings = clinic.settings(data.path());
    let bench = Bench::signed_in(settings.clone(), MENSAH).await;
    let hers = clinic.request(Urgency::Routine, "It hurts").await.id;
    clinic.taken_by(LINDQVIST, &hers).await;
    let former = clinic.request(Urgency::Routine, "It hurts").await.id;
    clinic.taken_by(OKAFOR, &former).await;
    bench.until_known(&former).await;
    let acts_for = |physician: &'static str| {
        move |state: &ProgramState| match &state.stage {
            Stage::Ready { person } => {
                person.delegates_for.as_ref().is_some_and(|id| id.as_str() == physician)
            }
            _ => false,
        }
    };
    assert!(acts_for("physician-12")(&bench.desk.state().await));

    clinic.stop().await;
    clinic.sessions_say("$.delegatesFor", "physician-13");
    bench.until_offline().await;
    clinic.start_again().await;
    bench.until("she acts for the other one", acts_for("physician-13")).await;
    bench.until_online().await;
    bench.until_known(&hers).await;
    let mine = ConsultationList { scope: ListScope::Mine, limit: 100, ..ConsultationList::default() };
    let mine = bench.desk.list(mine).await.unwrap().rows;
    assert!(mine.iter().any(|row| row.id == hers), "the other one's");
    assert!(mine.iter().all(|row| row.id != former), "the former one's no more");
    assert!(bench.desk.consultation(&former).await.is_err());
    let note = AddNote { id: hers, text: "Please ring her before noon".to_owned() };
    bench.desk.add_note(&note).await.unwrap();

    // The next start knows it too, and the change is on record.
    bench.desk.close().await;
    drop(bench);
    let bench = Bench::new(settings.clone(), Desktop::default());
    bench.desk.start().await;
    bench.until("still", acts_for("physician-13")).await;
    let entries = files(bench, &settings).await.search_audit(&Criteria::default(), None, 1000).unwrap();
    let changes: Vec<_> = entries.iter().filter(|entry| entry.said.action == "session.change").collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].said.reason.as_deref(), Some("nurse for physician-13"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_place_here_any_more_is_signed_out_and_told_why() {
    if !keyring_is_here() {
        return;
    }
    let (mut clinic, data) = (Clinic::patient().await, TempDir::new().unwrap());
    let settings = clinic.settings(data.path());
    let bench = Bench::signed_in(settings.clone(), MENSAH).await;
    clinic.stop().await;
    clinic.sessions_say("$.role", "patient");
    bench.until_offline().await;
    clinic.start_again().await;
    let out = |state: &ProgramState| {
        matches!(&state.stage, Stage::SignIn { error: Some(error), accounts }
            if error.code == ErrorCode::RoleGone && !accounts.is_empty())
    };
    bench.until("told why, also once the server has named its accounts", out).await;
    let entries = files(bench, &settings).await.search_audit(&Criteria::default(), None, 1000).unwrap();
    let end = entries.iter().find(|entry| entry.said.action == "session.end").unwrap();
    assert_eq!(end.said.reason.as_deref(), Some("ROLE_GONE"));
}
