//! The command tables: every question that a window may ask its host, declared once.
//!
//! From each table come the typed caller in the window ([`Command`]), the registration in the host (the table's
//! macro hands all rows to another macro) and the list of permissions ([`clinician::NAMES`], [`kiosk::NAMES`]); a
//! test of the host holds the three equal. The kiosk has a table of its own, so it cannot even name a clinician's
//! command.

use serde::{Serialize, de::DeserializeOwned};

/// One row of a table: the name on the wire and the types of question and answer.
pub trait Command {
    /// As the host registers it.
    const NAME: &'static str;
    /// What is asked.
    type Request: Serialize + DeserializeOwned;
    /// What is answered; every command may instead answer with an [`ErrorReport`](crate::ErrorReport).
    type Response: Serialize + DeserializeOwned;
}

/// The event by which the host tells a window what changed; its payload is a [`ChangeNotice`](crate::ChangeNotice).
pub const CHANGED_EVENT: &str = "changed";

/// Turns a table's rows into marker types and the list of names.
#[macro_export]
#[doc(hidden)]
macro_rules! __declare_commands {
    ($($(#[doc = $doc:literal])* $name:ident => $marker:ident ($request:ty) -> $response:ty;)+) => {
        /// The names, in the table's order.
        pub const NAMES: &[&str] = &[$(stringify!($name)),+];
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $marker;

            impl $crate::command::Command for $marker {
                const NAME: &'static str = stringify!($name);
                type Request = $request;
                type Response = $response;
            }
        )+
    };
}

/// Hands the rows of the clinician's table to `$callback!`.
#[macro_export]
macro_rules! clinician_commands {
    ($callback:path) => {
        $callback! {
            /// Which screen, the connection, the figures.
            program_state => State(()) -> $crate::ProgramState;
            /// Sign in with a test account's code.
            sign_in => SignIn($crate::SignIn) -> ();
            /// Begin to sign in with a clinic account. What is waited for stands in the state.
            begin_sign_in => BeginSignIn($crate::BeginSignIn) -> ();
            /// Wait for it no longer.
            cancel_sign_in => CancelSignIn(()) -> ();
            /// End the session on this workstation. What waits in the outbox stays.
            sign_out => SignOut(()) -> ();
            /// The person at the window has pressed, typed or moved something.
            still_here => StillHere(()) -> ();
            /// Close the records at once.
            lock_now => LockNow(()) -> ();
            /// Open them again.
            unlock_with_pin => UnlockWithPin($crate::UnlockWithPin) -> ();
            /// Set a PIN, or another in its place. Asks who sits there.
            set_pin => SetPin($crate::SetPin) -> ();
            /// Take the PIN away. Asks who sits there.
            remove_pin => RemovePin($crate::RemovePin) -> ();
            /// Try again what stands in the way: the keyring, the files, the server.
            try_again => TryAgain(()) -> ();
            /// Put a damaged cache aside and fetch everything anew.
            rebuild_cache => RebuildCache(()) -> ();
            /// Open the files with a passphrase or a recovery code, where the keyring does not.
            unlock_records => UnlockRecords($crate::KeySecret) -> ();
            /// Sign in although the keyring does not answer: a passphrase or a code opens the files then.
            sign_in_without_keyring => SignInWithoutKeyring(()) -> ();
            /// The ways to the key of the open files.
            key_slots => KeySlots(()) -> $crate::KeyList;
            /// Set a passphrase.
            add_passphrase => AddPassphrase($crate::AddPassphrase) -> ();
            /// Make a recovery code; the answer is the one time that it is told.
            add_recovery_code => AddRecoveryCode($crate::AddRecoveryCode) -> $crate::NewRecoveryCode;
            /// Whether a passphrase or a code opens the files, and which way it is.
            test_key_slot => TestKeySlot($crate::KeySecret) -> $crate::KeySlotRef;
            /// Put another passphrase in the place of one.
            rotate_passphrase => RotatePassphrase($crate::RotatePassphrase) -> ();
            /// Put another recovery code in the place of one.
            rotate_recovery_code => RotateRecoveryCode($crate::KeySlotRef) -> $crate::NewRecoveryCode;
            /// Take a passphrase or a code away; the last one stays.
            remove_key_slot => RemoveKeySlot($crate::KeySlotRef) -> ();
            /// Put the key back into the keyring.
            restore_to_keyring => RestoreToKeyring($crate::RestoreToKeyring) -> $crate::RestoredToKeyring;
            /// Put a damaged or foreign key file aside and begin a new one; a recovery code is the answer where the
            /// keyring does not have the key. Asked twice.
            start_key_file_anew => StartKeyFileAnew(()) -> Option<$crate::NewRecoveryCode>;
            /// Give the files another key. They close and open meanwhile.
            replace_records_key => ReplaceRecordsKey(()) -> ();
            /// Write a backup.
            back_up_records => BackUpRecords($crate::BackUp) -> ();
            /// A page of consultations.
            consultation_list => ConsultationList($crate::ConsultationList) -> $crate::ConsultationPage;
            /// One consultation with all around it.
            consultation => Consultation($crate::ConsultationRef) -> $crate::ConsultationView;
            /// Its conversation; opening it marks it as read on this workstation.
            conversation => Conversation($crate::ConversationRequest) -> $crate::Conversation;
            /// Take responsibility. Needs the server's word.
            accept_consultation => Accept($crate::ConsultationRef) -> ();
            /// Say that a request has been seen, which gives its answer more time. Needs the server's word.
            acknowledge_consultation => Acknowledge($crate::ConsultationRef) -> ();
            /// Say no, with a reason. Needs the server's word.
            decline_consultation => Decline($crate::DeclineConsultation) -> ();
            /// The other physicians of a specialty, those on call first.
            colleagues => Colleagues($crate::ColleaguesOf) -> Vec<$crate::Physician>;
            /// Give it to a colleague, or back to a pool, with a reason. Needs the server's word.
            hand_off_consultation => HandOff($crate::HandOffConsultation) -> ();
            /// Begin work. It waits in the outbox until the server has it.
            start_consultation => Start($crate::ConsultationRef) -> ();
            /// Finish work, with a closing note or without. It waits in the outbox until the server has it.
            complete_consultation => Complete($crate::CompleteConsultation) -> ();
            /// Put words into the outbox; they are sealed and sent from there.
            send_message => Send($crate::SendMessage) -> ();
            /// Send a stuck message again.
            retry_message => RetryMessage($crate::OutboxRef) -> ();
            /// Take back what was not sent: a message or a step.
            discard_message => DiscardMessage($crate::OutboxRef) -> ();
            /// Keep a waiting message's words while they are being changed, or leave it as it was. It is not sent
            /// meanwhile.
            keep_edit => KeepEdit($crate::KeepEdit) -> ();
            /// Put other words in the place of a waiting message's.
            edit_message => EditMessage($crate::EditMessage) -> ();
            /// Keep what is being typed.
            save_draft => SaveDraft($crate::SaveDraft) -> ();
            /// Appointments of some days.
            appointments => Appointments($crate::AppointmentRange) -> $crate::AppointmentPage;
            /// How the connection has been, and how much there is.
            connection_figures => ConnectionFigures(()) -> $crate::Figures;
            /// What a support bundle would hold.
            support_bundle => SupportBundle(()) -> $crate::SupportPreview;
            /// Save it as it was shown.
            save_support_bundle => SaveSupportBundle($crate::SaveSupportBundle) -> ();
            /// Leave a note for colleagues. Needs the server's word.
            add_note => AddNote($crate::AddNote) -> ();
            /// Open somebody else's record in an emergency, with a reason and for a limited time.
            break_glass => BreakGlass($crate::BreakGlass) -> ();
            /// Close it before its time.
            close_glass => CloseGlass(()) -> ();
            /// Who has opened what in an emergency; for administrators.
            broken_glass => BrokenGlass(()) -> Vec<$crate::BrokenGlass>;
            /// Put on record what became of an alert at the window's top.
            note_alert => NoteAlert($crate::AlertNote) -> ();
            /// Show a test notification; an error says that the desktop showed none.
            test_alert => TestAlert(()) -> ();
        }
    };
}

/// Hands the rows of the kiosk's table to `$callback!`.
#[macro_export]
macro_rules! kiosk_commands {
    ($callback:path) => {
        $callback! {
            /// Whether the kiosk can be used.
            kiosk_state => State(()) -> $crate::KioskState;
            /// Sign in with the code from staff.
            kiosk_sign_in => SignIn($crate::KioskSignIn) -> $crate::KioskPerson;
            /// Ask for a consultation.
            kiosk_request => Request($crate::KioskRequest) -> $crate::KioskReceipt;
            /// The patient's coming appointments.
            kiosk_appointments => Appointments(()) -> Vec<$crate::KioskAppointment>;
            /// The patient's messages, latest consultation first.
            kiosk_messages => Messages(()) -> Vec<$crate::KioskMessage>;
            /// Forget the person: token, keys and everything read.
            kiosk_finish => Finish(()) -> ();
        }
    };
}

/// The clinician's table as types.
pub mod clinician {
    crate::clinician_commands!(crate::__declare_commands);
}

/// The kiosk's table as types.
pub mod kiosk {
    crate::kiosk_commands!(crate::__declare_commands);
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kiosk_shares_no_command_with_the_clinician() {
        for name in super::kiosk::NAMES {
            assert!(!super::clinician::NAMES.contains(name), "{name}");
        }
    }

    #[test]
    fn the_tables_are_a_promise() {
        insta::assert_debug_snapshot!((super::clinician::NAMES, super::kiosk::NAMES));
    }
}
