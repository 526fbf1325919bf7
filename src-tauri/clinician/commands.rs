//! The clinician's commands, each a line to the desk. The table in the contract says which there are.

use chatehr_contract::{
    AppointmentPage, AppointmentRange, ConsultationList, ConsultationPage, ConsultationRef, ConsultationView,
    Conversation, ConversationRequest, DeclineConsultation, ErrorReport, OutboxRef, ProgramState, SaveDraft,
    SendMessage, SignIn, command::clinician,
};
use chatehr_desktop::answer::answer;
use chatehr_engine::Desk;
use tauri::{Wry, ipc::Invoke};

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

async fn sign_out(desk: &Desk, (): ()) -> Answer<()> {
    desk.sign_out().await
}

async fn try_again(desk: &Desk, (): ()) -> Answer<()> {
    desk.try_again().await
}

async fn rebuild_cache(desk: &Desk, (): ()) -> Answer<()> {
    desk.rebuild_cache().await
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

async fn decline_consultation(desk: &Desk, request: DeclineConsultation) -> Answer<()> {
    desk.decline(&request).await
}

async fn start_consultation(desk: &Desk, request: ConsultationRef) -> Answer<()> {
    desk.start_work(&request.id).await
}

async fn complete_consultation(desk: &Desk, request: ConsultationRef) -> Answer<()> {
    desk.complete(&request.id).await
}

async fn send_message(desk: &Desk, request: SendMessage) -> Answer<()> {
    desk.send(&request).await
}

async fn retry_message(desk: &Desk, request: OutboxRef) -> Answer<()> {
    desk.retry_message(&request.envelope_id).await
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
