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

use std::collections::BTreeMap;

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
                return id;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the desk does not hear of {id}");
    }

    /// Does it; `None` for what a desk does not do, or not with a record that stands so.
    async fn act(&self, action: Action, id: &ConsultationId) -> Option<Result<(), ErrorReport>> {
        let desk = &self.bench.desk;
        // No wildcard: a new action has to say here how it is done.
        Some(match action {
            Action::ConsultationRead => desk.consultation(id).await.map(drop),
            Action::MessageList => {
                let read = desk.conversation(ConversationRequest { id: id.clone(), limit: 10 }).await;
                read.map(drop)
            }
            Action::ConsultationAccept => desk.accept(id).await,
            Action::ConsultationStart => desk.start_work(id).await,
            Action::ConsultationComplete => desk.complete(&completing(id)).await,
            Action::ConsultationDecline => {
                desk.decline(&DeclineConsultation { id: id.clone(), reason: "Away".to_owned() }).await
            }
            Action::ConsultationHandoff => {
                let specialty = Some(SpecialtyCode::Cardiology);
                let reason = "Off duty".to_owned();
                desk.hand_off(&HandOffConsultation { id: id.clone(), physician_id: None, specialty, reason })
                    .await
            }
            Action::ConsultationNote => {
                desk.add_note(&AddNote { id: id.clone(), text: "Called back".to_owned() }).await
            }
            Action::ConsultationAcknowledge => desk.acknowledge(id).await,
            Action::MessageCreate => {
                desk.send(&SendMessage { consultation_id: id.clone(), text: "Hello".to_owned() }).await
            }
            Action::DraftSave => {
                desk.save_draft(SaveDraft {
                    consultation_id: id.clone(),
                    text: "Hello".to_owned(),
                    of: DraftOf::Message,
                })
                .await
            }
            Action::BreakGlass => {
                let pin = SecretText::new(PIN);
                let opened =
                    desk.break_glass(BreakGlass { id: id.clone(), reason: REASON.to_owned(), pin }).await;
                desk.close_glass().await.unwrap();
                opened
            }
            Action::GlassList => desk.broken_glass().await.map(drop),
            Action::ConsultationList => {
                desk.list(ConsultationList { limit: 1, ..ConsultationList::default() }).await.map(drop)
            }
            Action::AppointmentList => {
                let (from, to) = (Timestamp::from_millis(0), Timestamp::from_millis(1));
                desk.appointments(AppointmentRange { from, to }).await.map(drop)
            }
            Action::RecordsBackUp => {
                let path = self.data.path().join("backup").display().to_string();
                let written = desk.back_up_records(BackUp { path, with_cache: false }).await;
                // There is no other key in these tests, so who may is told that next.
                match written {
                    Err(error) if error.code == ErrorCode::BackupNeedsKey => Ok(()),
                    written => written,
                }
            }
            Action::SupportExport => match desk.support_bundle(HostReport::default()).await {
                Err(error) => Err(error),
                Ok(_) => {
                    let file = self.data.path().join("bundle.txt").display().to_string();
                    desk.save_support_bundle(SaveSupportBundle { file }).await
                }
            },
            // Asked of the server by the desk itself, at a terminal, or not at a desk at all.
            Action::ConsultationCreate
            | Action::ConsultationUpdate
            | Action::AppointmentCreate
            | Action::AppointmentUpdate
            | Action::AppointmentRespond
            | Action::MessageReceipt
            | Action::KeyRead
            | Action::AttachmentCreate
            | Action::AttachmentRead
            | Action::PatientRead
            | Action::KioskCodeCreate
            | Action::PatientSearch
            | Action::PhysicianRead
            | Action::AvailabilityUpdate
            | Action::SpecialtyList
            | Action::GlassClose
            | Action::KioskSessionCreate
            | Action::SessionEnd
            | Action::SessionRead
            | Action::PolicyRead
            | Action::AnchorCreate
            | Action::EventListen
            | Action::ChangeList
            | Action::AccountList
            | Action::TestSignIn
            | Action::DeskOpen
            | Action::RecordPrint
            | Action::AuditExport => return None,
        })
    }
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
        let plain = decide(*action, Party::Machine, Relation::None) != Access::Refused
            || matches!(action, Action::GlassList | Action::RecordsBackUp | Action::SupportExport);
        for relation in if plain { &[Relation::None] } else { relations } {
            // What nothing is done with needs no record.
            if stage.act_is_none(*action) {
                continue;
            }
            let id = if plain { ConsultationId::new("all") } else { stage.record(party, *relation).await };
            let version = server_version(&stage, &id, plain).await;
            let done = stage.act(*action, &id).await.unwrap();
            let case = format!("{party:?} {action:?} {relation:?}: {done:?}");
            let may = match decide(*action, party, *relation) {
                Access::Granted => true,
                Access::ByPolicy(_) => party == Party::Admin,
                _ => false,
            };
            if may {
                assert!(!done.is_err_and(|error| refuses(&error)), "{case}");
                granted += 1;
                continue;
            }
            // An empty conversation is what a desk has of one that is not its person's.
            let empty = *action == Action::MessageList && party != Party::Admin;
            if empty {
                let read = ConversationRequest { id: id.clone(), limit: 10 };
                assert!(bench.desk.conversation(read).await.unwrap().messages.is_empty(), "{case}");
            }
            // What was typed into a record that has gone is kept.
            let kept = *action == Action::DraftSave && *relation == Relation::Other && party != Party::Admin;
            if empty || kept {
                continue;
            }
            assert!(done.is_err_and(|error| refuses(&error)), "{case}");
            assert_eq!(server_version(&stage, &id, plain).await, version, "{case}");
            let reads = matches!(action, Action::ConsultationRead | Action::MessageList);
            if !(reads && party != Party::Admin) {
                refused.insert((action.as_str(), id.to_string()), case);
            }
        }
    }
    assert!(granted >= 5, "{granted}");
    let vault = files(bench, &settings).await;
    let entries = vault.search_audit(&Criteria::default(), None, 1000).unwrap();
    for ((action, id), case) in refused {
        let told = entries.iter().any(|entry| {
            let said = &entry.said;
            let object = id == "all" || said.objects.contains(&id);
            (said.action == action || said.action == "alert.acknowledge")
                && object
                && said.outcome == Outcome::Refused
        });
        assert!(told, "not on record: {case}");
    }
}

impl Scene<'_> {
    fn act_is_none(&self, action: Action) -> bool {
        let acts = [
            Action::ConsultationRead,
            Action::MessageList,
            Action::ConsultationAccept,
            Action::ConsultationStart,
            Action::ConsultationComplete,
            Action::ConsultationDecline,
            Action::ConsultationAcknowledge,
            Action::ConsultationNote,
            Action::MessageCreate,
            Action::DraftSave,
            Action::BreakGlass,
            Action::GlassList,
            Action::ConsultationList,
            Action::AppointmentList,
            Action::RecordsBackUp,
            Action::SupportExport,
        ];
        !acts.contains(&action)
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
