//! The clinician's commands, each a line to the desk. The table in the contract says which there are.

use chatehr_contract::{
    AddNote, AddPassphrase, AddRecoveryCode, AlertNote, AppointmentPage, AppointmentRange, BackUp,
    BeginSignIn, BreakGlass, BrokenGlass, ColleaguesOf, CompleteConsultation, ConsultationList,
    ConsultationPage, ConsultationRef, ConsultationView, Conversation, ConversationRequest,
    DeclineConsultation, EditMessage, ErrorReport, Figures, HandOffConsultation, KeepEdit, KeyList,
    KeySecret, KeySlotRef, NewRecoveryCode, OutboxRef, Physician, ProgramState, RemovePin, RestoreToKeyring,
    RestoredToKeyring, RotatePassphrase, SaveDraft, SaveSupportBundle, SendMessage, SetPin, SignIn,
    SupportPreview, UnlockWithPin, command::clinician,
};
use chatehr_desktop::answer::answer;
use chatehr_engine::Desk;
use tauri::{Wry, ipc::Invoke};

use crate::administration;

macro_rules! register {
    ($($(#[doc = $doc:literal])* $name:ident => $marker:ident ($request:ty) -> $response:ty;)+) => {
        /// The names that the handler answers.
        #[cfg(test)]
        const REGISTERED: &[&str] = &[$(stringify!($name)),+];

        /// Answers every command of the table.
        pub(crate) fn handler(desk: Desk) -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
            move |invoke| {
                let desk = desk.clone();
                match invoke.message.command() {
                    $(stringify!($name) => answer::<clinician::$marker, _, _, _>(invoke, move |request| async move {
                        $name(&desk, request).await
                    }),)+
                    _ => return false,
                }
                true
            }
        }
    };
}

chatehr_contract::clinician_commands!(register);

type Answer<T> = Result<T, ErrorReport>;

async fn program_state(desk: &Desk, (): ()) -> Answer<ProgramState> {
    Ok(desk.state().await)
}

async fn sign_in(desk: &Desk, request: SignIn) -> Answer<()> {
    desk.sign_in(&request.code).await
}

async fn begin_sign_in(desk: &Desk, request: BeginSignIn) -> Answer<()> {
    desk.begin_sign_in(request)
}

async fn cancel_sign_in(desk: &Desk, (): ()) -> Answer<()> {
    desk.cancel_sign_in();
    Ok(())
}

async fn sign_out(desk: &Desk, (): ()) -> Answer<()> {
    desk.sign_out().await
}

async fn still_here(desk: &Desk, (): ()) -> Answer<()> {
    desk.still_here();
    Ok(())
}

async fn lock_now(desk: &Desk, (): ()) -> Answer<()> {
    desk.lock_now().await
}

async fn unlock_with_pin(desk: &Desk, request: UnlockWithPin) -> Answer<()> {
    desk.unlock_with_pin(request).await
}

async fn set_pin(desk: &Desk, request: SetPin) -> Answer<()> {
    desk.set_pin(request).await
}

async fn remove_pin(desk: &Desk, request: RemovePin) -> Answer<()> {
    desk.remove_pin(request).await
}

async fn try_again(desk: &Desk, (): ()) -> Answer<()> {
    desk.try_again().await
}

async fn rebuild_cache(desk: &Desk, (): ()) -> Answer<()> {
    desk.rebuild_cache().await
}

async fn unlock_records(desk: &Desk, request: KeySecret) -> Answer<()> {
    desk.unlock_records(request).await
}

async fn sign_in_without_keyring(desk: &Desk, (): ()) -> Answer<()> {
    desk.sign_in_without_keyring().await
}

async fn key_slots(desk: &Desk, (): ()) -> Answer<KeyList> {
    desk.key_slots().await
}

async fn add_passphrase(desk: &Desk, request: AddPassphrase) -> Answer<()> {
    desk.add_passphrase(request).await
}

async fn add_recovery_code(desk: &Desk, request: AddRecoveryCode) -> Answer<NewRecoveryCode> {
    desk.add_recovery_code(request).await
}

async fn test_key_slot(desk: &Desk, request: KeySecret) -> Answer<KeySlotRef> {
    desk.test_key_slot(request).await
}

async fn rotate_passphrase(desk: &Desk, request: RotatePassphrase) -> Answer<()> {
    desk.rotate_passphrase(request).await
}

async fn rotate_recovery_code(desk: &Desk, request: KeySlotRef) -> Answer<NewRecoveryCode> {
    desk.rotate_recovery_code(request).await
}

async fn remove_key_slot(desk: &Desk, request: KeySlotRef) -> Answer<()> {
    desk.remove_key_slot(request).await
}

async fn restore_to_keyring(desk: &Desk, request: RestoreToKeyring) -> Answer<RestoredToKeyring> {
    desk.restore_to_keyring(request).await
}

async fn start_key_file_anew(desk: &Desk, (): ()) -> Answer<Option<NewRecoveryCode>> {
    desk.start_key_file_anew().await
}

async fn replace_records_key(desk: &Desk, (): ()) -> Answer<()> {
    desk.replace_records_key().await
}

async fn back_up_records(desk: &Desk, request: BackUp) -> Answer<()> {
    desk.back_up_records(request).await
}

async fn consultation_list(desk: &Desk, request: ConsultationList) -> Answer<ConsultationPage> {
    desk.list(request).await
}

async fn consultation(desk: &Desk, request: ConsultationRef) -> Answer<ConsultationView> {
    desk.consultation(&request.id).await
}

async fn conversation(desk: &Desk, request: ConversationRequest) -> Answer<Conversation> {
    desk.conversation(request).await
}

async fn accept_consultation(desk: &Desk, request: ConsultationRef) -> Answer<()> {
    desk.accept(&request.id).await
}

async fn acknowledge_consultation(desk: &Desk, request: ConsultationRef) -> Answer<()> {
    desk.acknowledge(&request.id).await
}

async fn decline_consultation(desk: &Desk, request: DeclineConsultation) -> Answer<()> {
    desk.decline(&request).await
}

async fn start_consultation(desk: &Desk, request: ConsultationRef) -> Answer<()> {
    desk.start_work(&request.id).await
}

async fn complete_consultation(desk: &Desk, request: CompleteConsultation) -> Answer<()> {
    desk.complete(&request).await
}

async fn send_message(desk: &Desk, request: SendMessage) -> Answer<()> {
    desk.send(&request).await
}

async fn retry_message(desk: &Desk, request: OutboxRef) -> Answer<()> {
    desk.retry_message(&request.envelope_id).await
}

async fn colleagues(desk: &Desk, request: ColleaguesOf) -> Answer<Vec<Physician>> {
    desk.colleagues(&request.specialty).await
}

async fn hand_off_consultation(desk: &Desk, request: HandOffConsultation) -> Answer<()> {
    desk.hand_off(&request).await
}

async fn keep_edit(desk: &Desk, request: KeepEdit) -> Answer<()> {
    desk.keep_edit(request).await
}

async fn edit_message(desk: &Desk, request: EditMessage) -> Answer<()> {
    desk.edit_message(&request).await
}

async fn discard_message(desk: &Desk, request: OutboxRef) -> Answer<()> {
    desk.discard_message(&request.envelope_id).await
}

async fn save_draft(desk: &Desk, request: SaveDraft) -> Answer<()> {
    desk.save_draft(request).await
}

async fn appointments(desk: &Desk, request: AppointmentRange) -> Answer<AppointmentPage> {
    desk.appointments(request).await
}

async fn connection_figures(desk: &Desk, (): ()) -> Answer<Figures> {
    desk.figures().await
}

async fn support_bundle(desk: &Desk, (): ()) -> Answer<SupportPreview> {
    // The doctor has a runtime of its own to ask with, which no other may stand around.
    let (done, report) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || done.send(administration::host_report()));
    desk.support_bundle(report.await.unwrap_or_default()).await
}

async fn save_support_bundle(desk: &Desk, request: SaveSupportBundle) -> Answer<()> {
    desk.save_support_bundle(request).await
}

async fn add_note(desk: &Desk, request: AddNote) -> Answer<()> {
    desk.add_note(&request).await
}

async fn break_glass(desk: &Desk, request: BreakGlass) -> Answer<()> {
    desk.break_glass(request).await
}

async fn close_glass(desk: &Desk, (): ()) -> Answer<()> {
    desk.close_glass().await
}

async fn broken_glass(desk: &Desk, (): ()) -> Answer<Vec<BrokenGlass>> {
    desk.broken_glass().await
}

async fn note_alert(desk: &Desk, note: AlertNote) -> Answer<()> {
    desk.note_alert(note).await
}

async fn test_alert(desk: &Desk, (): ()) -> Answer<()> {
    desk.test_alert().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_registration_and_permissions_are_the_same_list() {
        assert_eq!(REGISTERED, clinician::NAMES);
        let capability: serde_json::Value =
            serde_json::from_str(include_str!("../capabilities/clinician.json")).unwrap();
        let permitted: Vec<_> = capability["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|permission| permission.as_str()?.strip_prefix("allow-"))
            .map(|name| name.replace('-', "_"))
            .collect();
        assert_eq!(permitted, clinician::NAMES);
    }
}
