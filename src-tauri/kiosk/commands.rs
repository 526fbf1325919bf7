//! The kiosk's commands, each a line to the kiosk of the engine.

use chatehr_contract::{
    ErrorReport, KioskAppointment, KioskMessage, KioskPerson, KioskReceipt, KioskRequest, KioskSignIn,
    KioskState, command::kiosk,
};
use chatehr_desktop::answer::answer;
use chatehr_engine::Kiosk;
use tauri::{Wry, ipc::Invoke};

macro_rules! register {
    ($($(#[doc = $doc:literal])* $name:ident => $marker:ident ($request:ty) -> $response:ty;)+) => {
        /// The names that the handler answers.
        #[cfg(test)]
        const REGISTERED: &[&str] = &[$(stringify!($name)),+];

        /// Answers every command of the table.
        pub(crate) fn handler(kiosk: Kiosk) -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
            move |invoke| {
                let kiosk = kiosk.clone();
                match invoke.message.command() {
                    $(stringify!($name) => answer::<kiosk::$marker, _, _, _>(invoke, move |request| async move {
                        $name(&kiosk, request).await
                    }),)+
                    _ => return false,
                }
                true
            }
        }
    };
}

chatehr_contract::kiosk_commands!(register);

type Answer<T> = Result<T, ErrorReport>;

async fn kiosk_state(kiosk: &Kiosk, (): ()) -> Answer<KioskState> {
    Ok(kiosk.state().await)
}

async fn kiosk_sign_in(kiosk: &Kiosk, request: KioskSignIn) -> Answer<KioskPerson> {
    kiosk.sign_in(&request.code).await
}

async fn kiosk_request(kiosk: &Kiosk, request: KioskRequest) -> Answer<KioskReceipt> {
    kiosk.request(request).await
}

async fn kiosk_appointments(kiosk: &Kiosk, (): ()) -> Answer<Vec<KioskAppointment>> {
    kiosk.appointments().await
}

async fn kiosk_messages(kiosk: &Kiosk, (): ()) -> Answer<Vec<KioskMessage>> {
    kiosk.messages().await
}

async fn kiosk_finish(kiosk: &Kiosk, (): ()) -> Answer<()> {
    kiosk.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_registration_and_permissions_are_the_same_list() {
        assert_eq!(REGISTERED, kiosk::NAMES);
        let capability: serde_json::Value =
            serde_json::from_str(include_str!("../capabilities/kiosk.json")).unwrap();
        let permitted: Vec<_> = capability["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|permission| permission.as_str().unwrap().strip_prefix("allow-").unwrap().replace('-', "_"))
            .collect();
        assert_eq!(permitted, kiosk::NAMES);
    }
}
