//! The keys to a person's files: opening with a passphrase or a recovery code where the keyring does not, and looking
//! after them while the files are open.
//!
//! Promises: nothing in the keyring is written over unless a person has said so of that very thing; a code is told
//! once and kept nowhere; what is done to the keys is on record before it is done; whatever fails leaves the files open under the key that counts. Refuses: any of it without
//! open files, but for the ways past what stands between a start and them.
//!
//! Who sits at an open window may do all of this: signing in again before a key is added, removed or replaced is still
//! to come.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{
    AddPassphrase, AddRecoveryCode, BackUp, ErrorCode, ErrorReport, KeyList, KeySecret, KeySlot, KeySlotKind,
    KeySlotRef, KeyStanding, NewRecoveryCode, RestoreToKeyring, RestoredToKeyring, RotatePassphrase,
    SecretText, Session, Stage, Timestamp, WayIn, access::Action,
};
use chatehr_vault::{
    OpenError, RekeyError, SlotError, VaultKey,
    backup::backup,
    keyring::{KeyError, load_or_create_key, restore_keyring_slot},
    rekey,
    slots::{self, Passphrase, RecoveryCode, Secret, SlotId, SlotInfo, SlotKind},
};

use super::{
    Desk, KeyAtHand, Open,
    ways::{Place, ways_by},
};
use crate::report;

/// How long a re-key waits for the last question to the files to end, and how often it looks.
const CLOSED_WITHIN: (Duration, u32) = (Duration::from_millis(100), 100);

impl Desk {
    /// Opens the files with a passphrase or a recovery code, where the keyring is in the way. The stage says what came
    /// of it after that.
    ///
    /// # Errors
    /// The passphrase or code is refused, and says how; nothing of the kind is in the way.
    pub async fn unlock_records(&self, secret: KeySecret) -> Result<(), ErrorReport> {
        let workstation = self.inner.workstation()?;
        let session = {
            let state = self.inner.state();
            match (&state.stage, &state.blocked_session) {
                (Stage::Blocked { error, .. }, Some(session))
                    if report::yields_to_another_slot(error.code) =>
                {
                    session.clone()
                }
                _ => return Err(ErrorReport::new(ErrorCode::Internal)),
            }
        };
        let dir = workstation.dir_of(&session.id);
        let key = blocking(move || {
            with_secret(&secret, |secret| match secret {
                Secret::Passphrase(passphrase) => slots::unlock_with_passphrase(&dir, passphrase),
                Secret::Recovery(code) => slots::unlock_with_recovery(&dir, code),
            })
            .map_err(|error| report::slots(&error))
        })
        .await?;
        let _turn = self.inner.turn.lock().await;
        // Somebody may have signed out meanwhile.
        if self.inner.state().blocked_session.as_ref() == Some(&session) {
            self.inner.open_person(workstation, session, false, Some(KeyAtHand::new(key, false))).await;
            self.inner.has_shown();
        }
        Ok(())
    }

    /// Goes to the sign-in although the keyring, which remembers who it was, does not answer: a passphrase or a code
    /// opens the files of whoever signs in.
    ///
    /// # Errors
    /// This is no way past what is there.
    pub async fn sign_in_without_keyring(&self) -> Result<(), ErrorReport> {
        let offered =
            matches!(&self.inner.state().stage, Stage::Blocked { ways, .. } if ways.contains(&WayIn::SignIn));
        if !offered {
            return Err(ErrorReport::new(ErrorCode::Internal));
        }
        self.inner.close(Stage::SignIn { accounts: Vec::new(), error: None });
        self.inner.offer_sign_in();
        Ok(())
    }

    /// The ways to the key, and where a backup would go.
    ///
    /// # Errors
    /// Nobody is signed in; the key file does not read.
    pub async fn key_slots(&self) -> Result<KeyList, ErrorReport> {
        let (_, place) = self.at_open_files()?;
        let (folder, now) = (self.inner.workstation()?.settings.backup_dir.clone(), self.inner.now());
        blocking(move || {
            let slots = slots::list(&place.dir).map_err(|error| report::slots(&error))?;
            let backup_path = backup_path(folder.as_deref(), now);
            Ok(KeyList { slots: slots.into_iter().map(shown).collect(), backup_path })
        })
        .await
    }

    /// Sets a passphrase.
    ///
    /// # Errors
    /// It is too short, the label too long, there are eight already; the key file cannot be written.
    pub async fn add_passphrase(&self, request: AddPassphrase) -> Result<(), ErrorReport> {
        self.change_slots("keys.add-passphrase", move |dir, key, now, random| {
            let passphrase = Passphrase::new(request.passphrase.expose());
            slots::add_passphrase(dir, key, &passphrase, request.label.trim(), now, random).map(drop)
        })
        .await
    }

    /// Makes a recovery code. It is told this once.
    ///
    /// # Errors
    /// The label is too long, there are eight already; the key file cannot be written.
    pub async fn add_recovery_code(&self, request: AddRecoveryCode) -> Result<NewRecoveryCode, ErrorReport> {
        self.change_slots("keys.add-code", move |dir, key, now, random| {
            slots::add_recovery(dir, key, request.label.trim(), now, random).map(|code| told(&code))
        })
        .await
    }

    /// Which way it is that a passphrase or a code opens.
    ///
    /// # Errors
    /// It opens none, and says why.
    pub async fn test_key_slot(&self, secret: KeySecret) -> Result<KeySlotRef, ErrorReport> {
        let (open, place) = self.at_open_files()?;
        let test = blocking(move || {
            with_secret(&secret, |secret| slots::test(&place.dir, secret))
                .map(|id| KeySlotRef { id: id.to_string() })
                .map_err(|error| report::slots(&error))
        });
        self.on_record(&open, "keys.test", test).await
    }

    /// Puts another passphrase in the place of one.
    ///
    /// # Errors
    /// It is too short; there is no such passphrase; the key file cannot be written.
    pub async fn rotate_passphrase(&self, request: RotatePassphrase) -> Result<(), ErrorReport> {
        self.change_slots("keys.replace-passphrase", move |dir, key, now, random| {
            let passphrase = Passphrase::new(request.passphrase.expose());
            slots::rotate_passphrase(dir, key, &SlotId::new(&request.id), &passphrase, now, random).map(drop)
        })
        .await
    }

    /// Puts another recovery code in the place of one. It is told this once.
    ///
    /// # Errors
    /// There is no such code; the key file cannot be written.
    pub async fn rotate_recovery_code(&self, request: KeySlotRef) -> Result<NewRecoveryCode, ErrorReport> {
        self.change_slots("keys.replace-code", move |dir, key, now, random| {
            slots::rotate_recovery(dir, key, &SlotId::new(&request.id), now, random).map(|code| told(&code))
        })
        .await
    }

    /// Takes a way to the key away.
    ///
    /// # Errors
    /// It is the last one, or there is no such one; the key file cannot be written.
    pub async fn remove_key_slot(&self, request: KeySlotRef) -> Result<(), ErrorReport> {
        self.change_slots("keys.remove", move |dir, key, _, _| {
            slots::remove(dir, key, &SlotId::new(&request.id))
        })
        .await
    }

    /// Puts the key back into the keyring, and the session with it.
    ///
    /// # Errors
    /// The keyring does not take it; the key file cannot be written.
    pub async fn restore_to_keyring(
        &self,
        request: RestoreToKeyring,
    ) -> Result<RestoredToKeyring, ErrorReport> {
        let (open, place) = self.at_open_files()?;
        let (key, now) = (open.key.key.clone(), self.inner.now());
        let session = serde_json::to_string(&open.session).map_err(|error| report::internal(&error))?;
        let stays = self.inner.stays_signed_in();
        let restoring = blocking(move || {
            let replacing = request.replacing.as_deref();
            match restore_keyring_slot(&place.keyring, &place.entry, &place.dir, &key, replacing, now) {
                Ok(()) => {
                    if stays && let Err(error) = place.keyring.set(&place.session_entry, &session) {
                        tracing::warn!(%error, "The keyring took the key and not the session.");
                    }
                    Ok(RestoredToKeyring::Done)
                }
                Err(KeyError::Occupied { check }) => Ok(RestoredToKeyring::Occupied { check }),
                Err(error) => Err(report::key(&error)),
            }
        });
        let outcome = self.on_record(&open, "keys.restore-to-keyring", restoring).await?;
        if outcome == RestoredToKeyring::Done {
            open.key.in_keyring.store(true, Ordering::Relaxed);
            self.inner.settle(&open.session, true).await;
            self.inner.tell_state();
        }
        Ok(outcome)
    }

    /// Puts a damaged key file, or one that belongs to other records, aside and begins a new one. The keyring's way is
    /// made anew with it; where the keyring does not have the key, a recovery code is, and is told this once.
    ///
    /// # Errors
    /// Nothing is wrong with it; it cannot be written.
    pub async fn start_key_file_anew(&self) -> Result<Option<NewRecoveryCode>, ErrorReport> {
        if let Ok((open, place)) = self.at_open_files() {
            let (key, now, random) = (open.key.key.clone(), self.inner.now(), self.inner.random()?);
            let beginning = blocking(move || begin_anew(&place, &key, now, random));
            let code = self.on_record(&open, "keys.begin-anew", beginning).await?;
            open.key.in_keyring.store(code.is_none(), Ordering::Relaxed);
            self.inner.tell_state();
            return Ok(code);
        }
        let workstation = self.inner.workstation()?;
        let _turn = self.inner.turn.lock().await;
        let session = self.blocked_by(ErrorCode::HeaderForeign)?;
        let (place, now) = (workstation.place_of(&session.id), self.inner.now());
        let (new_key, random) = (self.inner.new_key()?, self.inner.random()?);
        let code = blocking(move || {
            let key = load_or_create_key(&place.keyring, &place.entry, &place.dir, new_key, now)
                .map_err(|error| report::key(&error))?;
            begin_anew(&place, &key, now, random)
        })
        .await?;
        self.inner.open_person(workstation, session, true, None).await;
        Ok(code)
    }

    /// Gives the files another key; every passphrase and code goes on working. The files close and open meanwhile.
    ///
    /// # Errors
    /// There is no room for the copies, a file is damaged, the keyring does not take the new key; the desk is then
    /// open, or blocked, under the key that counts.
    pub async fn replace_records_key(&self) -> Result<(), ErrorReport> {
        let workstation = self.inner.workstation()?;
        // A desktop that locks meanwhile, or a person who leaves, waits for the files.
        let _turn = self.inner.turn.lock().await;
        let (open, place) = self.at_open_files()?;
        let (session, old) = (open.session.clone(), open.key.clone());
        let in_keyring = old.in_keyring.load(Ordering::Relaxed);
        let new = KeyAtHand::new(self.inner.new_key()?, in_keyring);
        let (now, random) = (self.inner.now(), self.inner.random()?);
        open.record(vec![open.entry("vault.rekey", now)]).await?;
        // Whoever waits for the browser holds the files.
        self.inner.give_up_attempt();
        drop(open);
        let tasks = std::mem::take(&mut self.inner.state().tasks);
        self.inner.close(Stage::Starting);
        for task in tasks {
            task.abort();
            // An aborted task's error says just that.
            drop(task.await);
        }
        let (before, after) = (old.key.clone(), new.key.clone());
        let outcome = tokio::task::spawn_blocking(move || {
            let keyring = in_keyring.then_some((&place.keyring, place.entry.as_str()));
            let (pause, most) = CLOSED_WITHIN;
            let mut tried = 0;
            loop {
                tried += 1;
                match rekey(&place.dir, &before, &after, keyring, now, random) {
                    // A question that was asked before the desk closed may still be at the files.
                    Err(RekeyError::Files(OpenError::InUse)) if tried < most => std::thread::sleep(pause),
                    outcome => return outcome,
                }
            }
        });
        let (key, outcome) = match outcome.await {
            Ok(Ok(())) => (Some(new), Ok(())),
            Ok(Err(error @ RekeyError::Unfinished(_))) => (Some(new), Err(report::rekey(&error))),
            Ok(Err(error)) => (Some(old), Err(report::rekey(&error))),
            Err(error) => (None, Err(report::internal(&error))),
        };
        self.inner.open_person(workstation, session, false, key).await;
        outcome
    }

    /// Writes a backup that a passphrase or a code opens.
    ///
    /// # Errors
    /// The clinic's policy does not let this role export; there is neither; something is in its place; the place cannot be written to.
    pub async fn back_up_records(&self, request: BackUp) -> Result<(), ErrorReport> {
        let (open, place) = self.at_open_files()?;
        self.inner.may_by_policy(&open, Action::RecordsBackUp).await?;
        self.shown_for(&open, "vault.backup").await?;
        let (key, now) = (open.key.key.clone(), self.inner.now());
        let to = PathBuf::from(request.path.trim());
        if !to.is_absolute() || to.file_name().is_none() {
            return Err(ErrorReport::new(ErrorCode::BackupPlaceUnfit));
        }
        let writing = blocking(move || {
            backup(&place.dir, &key, &to, request.with_cache, now).map_err(|error| report::backup(&error))
        });
        self.on_record(&open, "vault.backup", writing).await
    }

    /// How the keys stand, for what the window reminds of.
    pub(super) async fn key_standing(&self, open: &Open) -> KeyStanding {
        let Ok(place) = self.inner.workstation().map(|here| here.place_of(&open.person.id)) else {
            return KeyStanding::default();
        };
        let listed = tokio::task::spawn_blocking(move || slots::list(&place.dir)).await;
        let only_keyring = matches!(&listed, Ok(Ok(slots)) if ways_by(slots).is_empty());
        KeyStanding {
            first: open.first && only_keyring,
            only_keyring,
            not_in_keyring: !open.key.in_keyring.load(Ordering::Relaxed),
            header_damaged: matches!(listed, Ok(Err(SlotError::HeaderDamaged))),
        }
    }

    fn at_open_files(&self) -> Result<(Arc<Open>, Place), ErrorReport> {
        let open = self.inner.open()?;
        let place = self.inner.workstation()?.place_of(&open.person.id);
        Ok((open, place))
    }

    fn blocked_by(&self, code: ErrorCode) -> Result<Session, ErrorReport> {
        let state = self.inner.state();
        match (&state.stage, &state.blocked_session) {
            (Stage::Blocked { error, .. }, Some(session)) if error.code == code => Ok(session.clone()),
            _ => Err(ErrorReport::new(ErrorCode::Internal)),
        }
    }

    async fn change_slots<T: Send + 'static>(
        &self,
        action: &'static str,
        change: impl FnOnce(&Path, &VaultKey, Timestamp, [u8; 32]) -> Result<T, SlotError> + Send + 'static,
    ) -> Result<T, ErrorReport> {
        let (open, place) = self.at_open_files()?;
        self.shown_for(&open, action).await?;
        let (key, now, random) = (open.key.key.clone(), self.inner.now(), self.inner.random()?);
        let change =
            blocking(move || change(&place.dir, &key, now, random).map_err(|error| report::slots(&error)));
        let changed = self.on_record(&open, action, change).await?;
        self.inner.tell_state();
        Ok(changed)
    }
}

impl Desk {
    /// A window that was found open is no reason to copy the files or to give them another key. A refusal is on record.
    async fn shown_for(&self, open: &Open, action: &'static str) -> Result<(), ErrorReport> {
        let Err(error) = self.inner.has_lately_shown() else { return Ok(()) };
        let reason = Some(error.code.as_str().to_owned());
        let entry = open.entry(action, self.inner.now());
        self.inner.note(open, NewEntry { outcome: Outcome::Refused, reason, ..entry }).await;
        Err(error)
    }

    /// Writes down that it is about to be done, does it, and writes down if it failed.
    pub(super) async fn on_record<T>(
        &self,
        open: &Open,
        action: &'static str,
        work: impl Future<Output = Result<T, ErrorReport>>,
    ) -> Result<T, ErrorReport> {
        let entry = open.entry(action, self.inner.now());
        open.record(vec![entry.clone()]).await?;
        let done = work.await;
        if let Err(error) = &done {
            let reason = Some(error.code.as_str().to_owned());
            self.inner.note(open, NewEntry { outcome: Outcome::Failed, reason, ..entry }).await;
        }
        done
    }
}

fn begin_anew(
    place: &Place,
    key: &VaultKey,
    now: Timestamp,
    random: [u8; 32],
) -> Result<Option<NewRecoveryCode>, ErrorReport> {
    // The keyring first: once the old header is aside, something must open the files.
    let text = key.to_text();
    let has_it = match place.keyring.get(&place.entry) {
        Ok(Some(held)) => *held == *text,
        Ok(None) => place.keyring.set(&place.entry, &text).is_ok(),
        Err(_) => false,
    };
    match slots::replace_header(&place.dir, key, now) {
        Err(SlotError::NothingToReplace) => return Ok(None),
        outcome => outcome.map_err(|error| report::slots(&error))?,
    }
    if has_it && restore_keyring_slot(&place.keyring, &place.entry, &place.dir, key, None, now).is_ok() {
        return Ok(None);
    }
    let code = slots::add_recovery(&place.dir, key, "", now, random);
    code.map(|code| Some(told(&code))).map_err(|error| report::slots(&error))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ErrorReport> + Send + 'static,
) -> Result<T, ErrorReport> {
    tokio::task::spawn_blocking(work).await.map_err(|error| report::internal(&error))?
}

fn with_secret<T>(
    secret: &KeySecret,
    work: impl FnOnce(Secret<'_>) -> Result<T, SlotError>,
) -> Result<T, SlotError> {
    match secret {
        KeySecret::Passphrase { passphrase } => {
            work(Secret::Passphrase(&Passphrase::new(passphrase.expose())))
        }
        KeySecret::RecoveryCode { code } => work(Secret::Recovery(&RecoveryCode::parse(code.expose())?)),
    }
}

fn told(code: &RecoveryCode) -> NewRecoveryCode {
    NewRecoveryCode { code: SecretText::new(code.to_text().as_str()) }
}

fn shown(slot: SlotInfo) -> KeySlot {
    KeySlot {
        id: slot.id.to_string(),
        kind: match slot.kind {
            SlotKind::Keyring => KeySlotKind::Keyring,
            SlotKind::Passphrase => KeySlotKind::Passphrase,
            SlotKind::Recovery => KeySlotKind::RecoveryCode,
        },
        label: slot.label,
        created_at: Some(slot.created_at).filter(|at| at.millis() != 0),
        keyring: slot.backend.as_deref().map(report::keyring_name),
    }
}

/// A file that is named by the day, in the person's documents where there is such a folder.
fn backup_path(folder: Option<&Path>, now: Timestamp) -> String {
    let Some(folder) = folder else { return String::new() };
    let documents = folder.join("Documents");
    let folder = if documents.is_dir() { &documents } else { folder };
    let day: String = now.to_string().chars().take(10).collect();
    folder.join(format!("chatehr-records-{day}.tar")).display().to_string()
}
