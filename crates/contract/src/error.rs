//! What goes wrong, in words that a clinician understands, and what to do next.
//!
//! An error reaching the window is a code with a sentence and a next step, never a server's text, SQL or a URL.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $sentence:literal, $next:literal;)+) => {
        /// Every error that the window can be told. The window branches on these and on nothing else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }

        impl ErrorCode {
            /// All of them, for tests and documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable word for logs, support and the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What happened. `{detail}` stands for [`ErrorReport::detail`].
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)+ }
            }

            /// What to do next.
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$variant => $next,)+ }
            }
        }
    };
}

error_codes! {
    /// The server does not answer.
    ServerUnreachable = "SERVER_UNREACHABLE", "ChatEHR cannot be reached.", "What was loaded before stays readable. We keep trying; call the patient if it cannot wait.";
    /// It answered too late.
    ServerTimeout = "SERVER_TIMEOUT", "ChatEHR took too long to answer.", "Try again in a moment.";
    /// The address belongs to something else.
    NotChatEhr = "NOT_CHATEHR", "The configured address is not a ChatEHR server. No key and no patient data was sent to it.", "Ask your administrator to check CHATEHR_API_URL on this workstation.";
    /// A server that answers nonsense.
    ServerFault = "SERVER_FAULT", "ChatEHR reported a fault of its own.", "Try again in a moment; if it stays, tell your administrator.";
    /// The workstation's key was refused.
    ApiKeyRefused = "API_KEY_REFUSED", "ChatEHR refused this workstation's access key.", "Ask your administrator to check CHATEHR_API_KEY on this workstation.";
    /// The configuration cannot be used.
    BadConfiguration = "BAD_CONFIGURATION", "This workstation's settings cannot be used: {detail}.", "Ask your administrator to correct the setting, then start the program again.";
    /// The code is not a test account's.
    SignInRefused = "SIGN_IN_REFUSED", "That sign-in was not accepted.", "Check the code and try again.";
    /// The identity provider does not answer.
    SignInUnavailable = "SIGN_IN_UNAVAILABLE", "Your clinic’s sign-in service cannot be reached.", "We keep trying where you are signed in already. If it stays, tell your administrator.";
    /// No browser started.
    NoBrowser = "NO_BROWSER", "No web browser could be opened on this workstation.", "Choose “Use a code on another device”: your telephone will do.";
    /// The provider has no sign-in by code.
    NoDeviceSignIn = "NO_DEVICE_SIGN_IN", "Your clinic’s sign-in service offers no codes for another device.", "Sign in with the browser of this workstation.";
    /// Nobody came back from the browser.
    SignInTimedOut = "SIGN_IN_TIMED_OUT", "The sign-in was not finished in time.", "Start again. A browser window that is still open from before can be closed.";
    /// Somebody said no.
    SignInDeclined = "SIGN_IN_DECLINED", "The sign-in was declined.", "Start again and allow it, or ask your administrator whether your account may use this program.";
    /// The provider's word is not to be believed.
    SignInNotTrusted = "SIGN_IN_NOT_TRUSTED", "The answer of your clinic’s sign-in service could not be believed, so nobody was signed in.", "Check this workstation’s clock and start again; if it stays, tell your administrator.";
    /// The provider did not ask again.
    NotShownAgain = "NOT_SHOWN_AGAIN", "The sign-in service did not ask for your password or card again, and this needs it.", "Start again. If it is not asked for, tell your administrator.";
    /// A code on another device, of which the provider does not say when it asked.
    NotShownByCode = "NOT_SHOWN_BY_CODE", "Your clinic’s sign-in service does not say whether it asked for your password or card on the other device, and unlocking needs that.", "Sign in with the browser of this workstation, or enter your PIN.";
    /// Known to the provider and not to ChatEHR.
    AccountNotLinked = "ACCOUNT_NOT_LINKED", "Your clinic account is not set up for ChatEHR.", "Ask your administrator to give it a role and an id in ChatEHR.";
    /// Another person than the one who is signed in.
    OtherPerson = "OTHER_PERSON", "Somebody else than the person at this window has signed in.", "Nothing was done. The person whose name is shown has to sign in.";
    /// The session is over.
    SignedOut = "SIGNED_OUT", "Your session has ended.", "Sign in again. Messages, notes and reasons that you typed are kept.";
    /// The records are closed.
    Locked = "LOCKED", "This screen is locked.", "Enter your PIN or sign in again. Messages, notes and reasons that you typed are kept.";
    /// The sign-in service takes back what the session lives on: ended elsewhere, too old, or used a second time
    /// (RFC 9700, section 4.14.2). It does not say which.
    SignInTakenBack = "SIGN_IN_TAKEN_BACK", "Your clinic's sign-in service has ended this session.", "Sign in again; messages, notes and reasons that you typed are kept. If you did not sign out elsewhere, tell your administrator: somebody may have used a copy of your sign-in.";
    /// The session has lasted as long as the clinic lets it.
    SessionOver = "SESSION_OVER", "You were signed in for as long as your clinic allows.", "Sign in again. Messages, notes and reasons that you typed are kept.";
    /// Not the PIN.
    WrongPin = "WRONG_PIN", "This is not the PIN: {detail}.", "Type it again, or sign in again.";
    /// No PIN will do any more.
    PinSpent = "PIN_SPENT", "The PIN was wrong five times.", "Sign in again; the PIN works after that.";
    /// There is none.
    NoPin = "NO_PIN", "There is no PIN for this screen.", "Sign in again. A PIN is set in Settings.";
    /// A PIN is set or removed without proof of who sits there.
    SignInForPin = "SIGN_IN_FOR_PIN", "Sign in again to set or remove a PIN: it has to be certain that it is you.", "Lock the screen, sign in instead of typing a PIN, and come back here within five minutes.";
    /// A backup or another key, by somebody who has not shown lately who they are.
    ShowWhoYouAre = "SHOW_WHO_YOU_ARE", "Keys and backups are only for the person who is signed in: it has to be certain that it is you.", "Lock the screen (Ctrl L), open it with your PIN or by signing in, and do this again within five minutes.";
    /// Too easy to guess, or no PIN at all.
    PinUnfit = "PIN_UNFIT", "A PIN is 6 to 12 digits, and not ones that are easy to guess.", "Choose others: not one digit over and over, nor digits that count up or down.";
    /// A role that has no place here.
    WrongRole = "WRONG_ROLE", "This account cannot use this program.", "Sign in with an account for this program, or use the kiosk.";
    /// The role that somebody signed in with is not theirs any more.
    RoleGone = "ROLE_GONE", "Your account may not use this program any more, so you were signed out.", "Ask your administrator if this is a mistake. Nothing you typed is lost.";
    /// Not this person's to do.
    Forbidden = "FORBIDDEN", "You may not do this for this consultation.", "Ask the physician in charge, or your administrator.";
    /// Not for this role.
    RoleForbids = "ROLE_FORBIDS", "{detail}", "Ask the physician in charge, or your administrator.";
    /// Not by the clinic's policy.
    PolicyForbids = "POLICY_FORBIDS", "{detail}", "Ask your administrator: the clinic’s policy says who may.";
    /// Somebody else's conversation.
    BehindGlass = "BEHIND_GLASS", "This conversation is for the patient and the physician in charge.", "If it cannot wait, open the record in an emergency, with a reason.";
    /// No reason for opening somebody else's record.
    NeedsReason = "NEEDS_REASON", "A record is opened in an emergency with a reason, in words.", "Write why it cannot wait, in 8 to 500 characters. It goes on record.";
    /// Emergency access without a PIN.
    GlassNeedsPin = "GLASS_NEEDS_PIN", "Opening a record in an emergency asks for your PIN, and none is set here.", "Set a PIN in Settings, then try again. If it cannot wait, call the physician in charge.";
    /// A server that has no such thing.
    NoBreakGlass = "NO_BREAK_GLASS", "This ChatEHR does not open records in an emergency.", "Call the physician in charge, or your administrator.";
    /// There is no such record for this.
    NoSuchRecord = "NO_SUCH_RECORD", "There is no record of this number.", "Compare the number with where you have it from, then type it again.";
    /// Gone, or not visible.
    NotFound = "NOT_FOUND", "This consultation is no longer in your list.", "It may have been taken or closed; go back to the queue.";
    /// Somebody was first.
    AlreadyTaken = "ALREADY_TAKEN", "{detail}.", "Nothing more is needed from you. Choose the next one in the queue.";
    /// The state has moved on.
    Conflict = "CONFLICT", "This consultation has changed in the meantime: {detail}.", "Look at its present state and decide again.";
    /// The server was asked and its answer was lost, twice.
    MayHaveHappened = "MAY_HAVE_HAPPENED", "The connection broke before ChatEHR answered, so this may have happened or not.", "It is asked again by itself, and shown here as soon as it is known. If it cannot wait, call the clinic’s desk.";
    /// A step is to be taken back that another needs.
    StepFollows = "STEP_FOLLOWS", "Finishing waits behind this, and cannot be done without it.", "Take back the finishing first, or leave both as they are.";
    /// A person wants to change what is just being sent.
    OnItsWay = "ON_ITS_WAY", "This is being sent at this moment, so it stays as it is.", "In a moment it is either sent or waits here again.";
    /// A person wants to change what the server may have.
    MayHaveArrived = "MAY_HAVE_ARRIVED", "This may have reached ChatEHR already: the answer to the last attempt was lost. So it stays as it is.", "It is asked again by itself. If something has to be put right, write it in a new message.";
    /// A person wants to change what does not wait any more.
    NotWaiting = "NOT_WAITING", "This does not wait any more: it has been sent, or taken back.", "If something has to be put right, write it in a new message.";
    /// Something cannot be accepted as typed.
    Invalid = "INVALID", "This cannot be sent: {detail}.", "Correct it and send again. What you typed is kept.";
    /// Too many requests.
    RateLimited = "RATE_LIMITED", "ChatEHR asks us to slow down.", "We try again by ourselves shortly.";
    /// An action that needs the server's word.
    NeedsConnection = "NEEDS_CONNECTION", "This needs a connection to ChatEHR, because responsibility for a patient changes hands.", "Wait until the connection is back, or call the clinic's desk.";
    /// No keyring.
    KeyringMissing = "KEYRING_MISSING", "This workstation has no keyring, so patient data cannot be kept safely on it.", "Start a keyring (GNOME Keyring or KWallet), then choose Try again. Nothing was written.";
    /// A locked keyring.
    KeyringLocked = "KEYRING_LOCKED", "The keyring of this workstation is locked or does not answer.", "Unlock it, then choose Try again. Nothing was changed.";
    /// A keyring that answers with errors.
    KeyringFailed = "KEYRING_FAILED", "The keyring of this workstation is there, but it fails.", "Log out of this computer and in again, which starts it anew, then choose Try again. Nothing was changed.";
    /// Another keyring than the one that has the key.
    KeyringChanged = "KEYRING_CHANGED", "Another keyring answers than the one that has the key to your records: {detail}.", "Your key is not lost. Go back to the former keyring and choose Try again. The files are left as they are.";
    /// Files without their key.
    KeyMissing = "KEY_MISSING", "The key to this workstation's saved records is not in the keyring.", "If the keyring was reset, restore it and choose Try again. The files are left as they are.";
    /// The wrong key.
    WrongKey = "WRONG_KEY", "The key in the keyring does not open this workstation's saved records.", "Restore the keyring that belongs to them and choose Try again. The files are left as they are.";
    /// A header that belongs to other files.
    HeaderForeign = "HEADER_FOREIGN", "The key file beside your saved records belongs to other records.", "If files were copied back by hand, copy back all that belong together and choose Try again. Nothing was changed.";
    /// A header that does not read.
    HeaderDamaged = "HEADER_DAMAGED", "The key file beside your saved records is damaged.", "Start it anew in Settings, then print a new recovery code. Your records are not affected.";
    /// Files that another program has open.
    FilesInUse = "FILES_IN_USE", "Your saved records are open in another window of this program.", "Close the other window, or wait until it has finished, then choose Try again.";
    /// A damaged cache.
    CacheDamaged = "CACHE_DAMAGED", "The saved copy of your records is damaged.", "Choose Rebuild: the damaged file is put aside and everything is fetched from ChatEHR again. Nothing unsent is touched.";
    /// A damaged ledger.
    LedgerDamaged = "LEDGER_DAMAGED", "The file with your unsent messages is damaged. It is left as it is.", "Do not delete anything. Tell your administrator; the file may be rescued.";
    /// A file of a newer program.
    FromNewerVersion = "FROM_NEWER_VERSION", "The saved records were written by a newer version of this program.", "Update this program, then start it again. Nothing was changed.";
    /// No room.
    DiskFull = "DISK_FULL", "The disk of this workstation is full.", "Free some space; what you typed stays here meanwhile.";
    /// No permission to write.
    ReadOnly = "READ_ONLY", "The program may not write to its folder on this workstation.", "Ask your administrator to correct the folder's permissions, then choose Try again.";
    /// Storage failed in another way.
    StorageFault = "STORAGE_FAULT", "This workstation could not read or write its saved records.", "Choose Try again; if it stays, tell your administrator.";
    /// No slot opens by this passphrase.
    WrongPassphrase = "WRONG_PASSPHRASE", "This passphrase does not open your records.", "Check capitals and the keyboard's language, then type it again.";
    /// A sound code of other files.
    WrongCode = "WRONG_CODE", "This recovery code is well typed but does not belong to these records.", "Look for the latest printed code: one that was replaced no longer works.";
    /// What was typed is no recovery code.
    CodeMistyped = "CODE_MISTYPED", "This is not quite the code: {detail}.", "Compare it with the printed one, then correct it.";
    /// Too easy to guess.
    PassphraseTooShort = "PASSPHRASE_TOO_SHORT", "A passphrase needs at least 12 characters.", "Several words together are easy to remember and hard to guess.";
    /// A name that cannot be kept.
    LabelUnfit = "LABEL_UNFIT", "This name is too long.", "Use at most 100 characters on one line.";
    /// No more room for slots.
    TooManyKeys = "TOO_MANY_KEYS", "There are eight keys to your records already, and that is the most.", "Remove one that is no longer used, then add the new one.";
    /// The last one stays.
    LastKey = "LAST_KEY", "This is the only key to your records that is left, so it stays.", "Add a passphrase or print a recovery code first.";
    /// The list on the screen is older than the files.
    NoSuchKey = "NO_SUCH_KEY", "There is no such key to your records.", "Look at the list again: it may have been replaced or removed.";
    /// The keyring holds something else in the key's place.
    KeyringOccupied = "KEYRING_OCCUPIED", "The keyring holds something else in the place of your key. It was left as it is.", "Decide in Settings whether it may be replaced.";
    /// A backup would overwrite something.
    BackupOccupied = "BACKUP_OCCUPIED", "There is a file of this name already. It was left as it is.", "Choose another name or folder.";
    /// Nothing would open a backup elsewhere.
    BackupNeedsKey = "BACKUP_NEEDS_KEY", "Only the keyring of this workstation would open such a backup.", "Print a recovery code or add a passphrase first, then back up.";
    /// A place that cannot be written to.
    BackupPlaceUnfit = "BACKUP_PLACE_UNFIT", "The backup could not be written to this place.", "Give the whole path of a file in a folder that exists and that you may write to.";
    /// No key for this conversation.
    NoMessageKey = "NO_MESSAGE_KEY", "The key to this conversation is not here, so nothing can be sealed.", "It is fetched when the connection is back; your text is kept.";
    /// No notification daemon.
    NoNotifications = "NO_NOTIFICATIONS", "This desktop shows no notifications.", "Keep this window in sight: urgent requests appear at its top. Tell your administrator.";
    /// The audit log was tampered with.
    AuditAltered = "AUDIT_ALTERED", "The record of actions on this workstation is not as it was written.", "Go on with your patients. Tell your administrator at once, and delete nothing.";
    /// The server has seen more of the audit log than there is.
    AuditBehind = "AUDIT_BEHIND", "ChatEHR has seen more of this workstation’s record of actions than is here: an older copy was put in its place, or its end was cut off.", "Go on with your patients. Tell your administrator at once, and delete nothing.";
    /// The server signs with another key than it did.
    ServerKeyChanged = "SERVER_KEY_CHANGED", "ChatEHR signs with another key than before. It may not be the same server.", "Tell your administrator before you enter anything new.";
    /// A place that cannot be written to.
    PlaceUnfit = "PLACE_UNFIT", "This file could not be written to this place.", "Give the whole path of a file in a folder that exists and that you may write to.";
    /// A server that answers what the contract does not know.
    ServerUnsuited = "SERVER_UNSUITED", "ChatEHR answers in a way that this program does not understand. One of the two may be too old.", "We keep trying. If it stays, tell your administrator the version of this program, which stands in Settings.";
    /// A server whose certificate is not accepted.
    ServerNotTrusted = "SERVER_NOT_TRUSTED", "ChatEHR could not prove that it is ChatEHR, so nothing was sent to it.", "We keep trying. Ask your administrator to check the server’s certificate, and the date and time of this workstation.";
    /// The workstation's clock and the server's are apart.
    ClockOff = "CLOCK_OFF", "This workstation’s clock is {detail}, by ChatEHR’s.", "Times to answer are counted by ChatEHR’s clock all the same. Ask your administrator to set the date and time of this workstation.";
    /// Ours.
    Internal = "INTERNAL", "Something went wrong inside the program. Nothing you typed is lost.", "Try again; if it happens again, tell your administrator the reference.";
}

/// An error as the window receives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorReport {
    /// Which.
    pub code: ErrorCode,
    /// Fills the sentence's `{detail}`: a physician's name, a setting's name, a field; never a patient's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether trying the same again may help.
    pub retryable: bool,
    /// What the log calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl ErrorReport {
    /// A report with nothing but its code.
    pub const fn new(code: ErrorCode) -> Self {
        use ErrorCode as C;
        let retryable = matches!(
            code,
            C::ServerUnreachable
                | C::ServerTimeout
                | C::ServerFault
                | C::ServerUnsuited
                | C::ServerNotTrusted
                | C::RateLimited
                | C::SignInUnavailable
                | C::SignInTimedOut
                | C::NeedsConnection
                | C::KeyringMissing
                | C::KeyringLocked
                | C::KeyringFailed
                | C::KeyringChanged
                | C::KeyMissing
                | C::WrongKey
                | C::HeaderForeign
                | C::FilesInUse
                | C::DiskFull
                | C::ReadOnly
                | C::StorageFault
                | C::NoMessageKey
                | C::OnItsWay
                | C::Internal
        );
        Self { code, detail: None, retryable, correlation_id: None }
    }

    /// The same, with what fills the sentence.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What happened, in words.
    pub fn sentence(&self) -> String {
        let nobody_named = match self.code {
            ErrorCode::AlreadyTaken => "A colleague has accepted this already",
            ErrorCode::Conflict => "look at it again",
            _ => "somebody else",
        };
        self.code.sentence().replace("{detail}", self.detail.as_deref().unwrap_or(nobody_named))
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorCode, ErrorReport};

    #[test]
    fn every_error_says_what_happened_and_what_to_do() {
        for code in ErrorCode::ALL {
            assert!(code.sentence().ends_with('.') || code.sentence() == "{detail}", "{code:?}");
            assert!(code.next_step().ends_with('.'), "{code:?}");
        }
    }

    #[test]
    fn the_list_of_codes_is_a_promise() {
        let list: Vec<_> =
            ErrorCode::ALL.iter().map(|code| (code.as_str(), ErrorReport::new(*code).retryable)).collect();
        insta::assert_debug_snapshot!(list);
    }

    #[test]
    fn the_sentence_names_who_was_first() {
        let report = ErrorReport::new(ErrorCode::AlreadyTaken);
        assert_eq!(report.sentence(), "A colleague has accepted this already.");
        let report = report.with_detail("Dr Lindqvist accepted this at 09:42");
        assert_eq!(report.sentence(), "Dr Lindqvist accepted this at 09:42.");
    }
}
