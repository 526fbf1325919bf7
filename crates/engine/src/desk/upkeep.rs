//! What goes on in the background while a desk is open: the files are read through, the clinic's policy is kept, the
//! server vouches for the audit log, and what is past its time goes.
//!
//! Promises: none of it holds up the person; what it removes is on record; a record of actions that is not what was
//! written, or that the server has seen longer, is said at the window's top and stays said. Refuses to repair either: it
//! is evidence.

use std::{sync::Arc, time::Duration};

use chatehr_audit::{Expectations, NewEntry, Outcome, PruneError, SignedAnchor};
use chatehr_client::{AnchorError, PolicyError, ServerKey, VerifiedPolicy, verify_policy};
use chatehr_contract::{ErrorCode, ErrorReport, NewAnchor, Policy, SignedPolicy, Timestamp};
use chatehr_vault::{Device, PruneAuditError, VaultError, VerifyAuditError};
use tokio::time;

use super::{Inner, Open};
use crate::report;

/// How often the server is asked to vouch, where something was written since.
const VOUCH: Duration = Duration::from_secs(60);
/// Rounds of the above between two questions whose session it is: five minutes.
const WHOSE: u32 = 5;
/// Rounds of the above between two looks at the policy and at what is past its time: an hour.
const ROUNDS: u32 = 60;
const DAY: i64 = 24 * 60 * 60;

impl Inner {
    /// Runs as long as the desk is open.
    pub(super) async fn keep_up(self: Arc<Self>, open: Arc<Open>) {
        // The start has its own work for the files first.
        time::sleep(Duration::from_secs(2)).await;
        self.read_through(&open).await;
        let (mut round, mut heard) = (0u32, false);
        loop {
            let due = round.is_multiple_of(ROUNDS);
            // A workstation that was without the server asks as soon as it is not.
            if due || !heard {
                heard = self.keep_policy(&open).await;
            }
            if due {
                self.let_go(&open).await;
            }
            if round.is_multiple_of(WHOSE) && round > 0 && self.is_online() {
                self.ask_whose_it_is(&open);
            }
            self.have_vouched(&open).await;
            round = round.wrapping_add(1);
            self.say_what_was_opened();
            // What could not be asked or said is as soon as the server is back.
            let _back = time::timeout(VOUCH, self.back_online.notified()).await;
        }
    }

    /// Reads every page of the files, and the whole audit log.
    async fn read_through(&self, open: &Arc<Open>) {
        // Damage has put the desk into another stage.
        if open.vault(|vault| vault.check()).await.is_err() {
            return;
        }
        let verified = open.vault(|vault| match vault.verify_audit(&Expectations::default()) {
            Ok(_) => Ok(None),
            Err(VerifyAuditError::Files(error)) => Err(error),
            Err(VerifyAuditError::Log(error)) => Ok(Some(error)),
        });
        if let Ok(Some(error)) = verified.await {
            tracing::error!(%error, "The audit log is not what was written.");
            self.alarm(open, ErrorCode::AuditAltered, "audit.verify").await;
        }
    }

    /// Fetches the clinic's policy. The one that was kept holds since the files were opened. Whether the server was heard.
    async fn keep_policy(&self, open: &Arc<Open>) -> bool {
        let Ok(device) = open.vault(chatehr_vault::Vault::device).await else { return false };
        let (pinned, before) = (pinned_key(&device), kept_word(&device));
        if !self.is_online() {
            return false;
        }
        if !self.server_has("policy").await {
            return true;
        }
        match open.server.policy(pinned).await {
            Ok(verified) if before.as_ref().is_some_and(|before| !verified.may_replace(before)) => {
                // Another server of the same clinic may have started earlier with the same rules.
                if before.is_some_and(|before| before.policy != verified.policy) {
                    tracing::warn!("The server gave out an older policy; the later one stays.");
                    let entry = open.entry("policy.read", self.now());
                    let reason = Some("POLICY_OLDER".to_owned());
                    self.note(open, NewEntry { outcome: Outcome::Refused, reason, ..entry }).await;
                }
                true
            }
            Ok(verified) => {
                let Ok(text) = serde_json::to_string(&verified.signed) else { return true };
                let key = verified.key.to_bytes();
                let kept = open.vault(move |vault| {
                    if vault.know_server(&key)? {
                        vault.keep_policy(&text)?;
                    }
                    Ok(())
                });
                if kept.await.is_ok() {
                    self.heed_staying(&verified.policy).await;
                    open.set_policy(verified.policy);
                }
                true
            }
            Err(PolicyError::KeyChanged { .. }) => {
                self.alarm(open, ErrorCode::ServerKeyChanged, "policy.read").await;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "The policy stays as it was.");
                false
            }
        }
    }

    /// Has the server counter-sign the head of the audit log.
    async fn have_vouched(&self, open: &Arc<Open>) {
        let Ok(device) = open.vault(chatehr_vault::Vault::device).await else { return };
        let news = device.head.count > device.anchored;
        if !news || device.server_key.is_none() || !self.is_online() || !self.server_has("anchors").await {
            return;
        }
        let anchor =
            NewAnchor { device_id: device.id, count: device.head.count, head: device.head.hash.to_string() };
        let kept = match open.server.keep_anchor(&anchor).await {
            Ok(kept) => kept,
            Err(AnchorError::GoesBack { .. } | AnchorError::OtherHead { .. }) => {
                return self.alarm(open, ErrorCode::AuditBehind, "audit.anchor").await;
            }
            Err(error) => return tracing::warn!(%error, "The server vouches for the audit log later."),
        };
        // Both are the same words on the wire.
        let signed = serde_json::to_value(kept).and_then(serde_json::from_value::<SignedAnchor>);
        let Ok(signed) = signed else { return };
        let remembered = open.vault(move |vault| match vault.remember_anchor(&signed) {
            Ok(()) => Ok(true),
            Err(chatehr_vault::AnchorError::Files(error)) => Err(error),
            Err(chatehr_vault::AnchorError::Anchor(error)) => {
                tracing::error!(%error, "What the server has counter-signed is not kept.");
                Ok(false)
            }
        });
        if let Ok(false) = remembered.await {
            self.alarm(open, ErrorCode::ServerKeyChanged, "audit.anchor").await;
        }
    }

    /// Lets go of records and entries that are past their time.
    async fn let_go(&self, open: &Arc<Open>) {
        let (policy, now) = (open.policy(), self.now());
        let mut seed = [0; 32];
        if self.surroundings.random.fill(&mut seed).is_err() {
            return;
        }
        let (person, entry) = (open.person.id.clone(), open.entry("records.forget", now));
        let before = oldest_kept(&policy, now);
        let forgotten = open.vault(move |vault| {
            let gone = vault.forget_closed(before, &person)?;
            if gone.is_nothing() {
                return Ok(());
            }
            let count = |count: u32, what: &str| format!("{count} {what}");
            let objects = vec![
                count(gone.consultations, "consultations"),
                count(gone.messages, "messages"),
                count(gone.appointments, "appointments"),
                count(gone.patients, "patients"),
            ];
            vault.record(&[NewEntry { objects, ..entry }])
        });
        if let Err(error) = forgotten.await {
            tracing::warn!(code = error.code.as_str(), "What is past its time goes later.");
        }
        let (entry, before) = (open.entry("audit.prune", now), now.plus_seconds(-audit_days(&policy) * DAY));
        let pruned = open.vault(move |vault| match vault.prune_audit(before, &entry, seed) {
            Ok(_) => Ok(true),
            Err(PruneAuditError::Files(error)) => Err(error),
            Err(PruneAuditError::Log(PruneError::Unsound(_))) => Ok(false),
            Err(PruneAuditError::Log(error)) => Err(VaultError::Other(Box::new(error))),
        });
        if let Ok(false) = pruned.await {
            self.alarm(open, ErrorCode::AuditAltered, "audit.prune").await;
        }
    }

    /// Says it at the window's top, and writes it down once.
    async fn alarm(&self, open: &Arc<Open>, code: ErrorCode, action: &'static str) {
        let report = ErrorReport::new(code);
        {
            let mut state = self.state();
            if state.integrity.as_ref() == Some(&report) {
                return;
            }
            state.integrity = Some(report);
        }
        let entry = open.entry(action, self.now());
        let reason = Some(code.as_str().to_owned());
        self.note(open, NewEntry { outcome: Outcome::Failed, reason, ..entry }).await;
        self.tell_state();
    }

    pub(super) async fn server_has(&self, feature: &str) -> bool {
        // It says so whenever a connection is made.
        if let Some(has) = self.since.server_has(feature) {
            return has;
        }
        let Some(workstation) = &self.workstation else { return false };
        match workstation.client.health().await {
            Ok(health) => health.has(feature),
            Err(error) => {
                report::client(&error);
                false
            }
        }
    }
}

/// The policy as it was last signed, if it still reads and its signature still holds.
pub fn kept_policy(device: &Device) -> Option<Policy> {
    kept_word(device).map(|verified| verified.policy)
}

fn kept_word(device: &Device) -> Option<VerifiedPolicy> {
    let signed: SignedPolicy = serde_json::from_str(device.policy.as_deref()?).ok()?;
    verify_policy(signed, Some(pinned_key(device)?)).ok()
}

fn pinned_key(device: &Device) -> Option<ServerKey> {
    device.server_key.and_then(|key| ServerKey::from_bytes(&key).ok())
}

/// What was closed before this goes from the workstation: a day at least stays.
pub(super) fn oldest_kept(policy: &Policy, now: Timestamp) -> Timestamp {
    now.plus_seconds(-i64::from(policy.keep_records_days.clamp(1, 3650)) * DAY)
}

/// Six years at least, whatever the policy says: 45 CFR 164.316(b)(2)(i).
fn audit_days(policy: &Policy) -> i64 {
    i64::from(policy.keep_audit_days.clamp(2190, 36_500))
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{Policy, Timestamp};

    use super::{DAY, audit_days, oldest_kept};

    #[test]
    fn no_policy_makes_a_workstation_keep_less_than_its_own_minimum() {
        let none = Policy { keep_audit_days: 0, keep_records_days: 0, ..Policy::default() };
        assert_eq!(audit_days(&none), 2190);
        let now = Timestamp::from_millis(0).plus_seconds(100 * DAY);
        assert_eq!(oldest_kept(&none, now), now.plus_seconds(-DAY));
        assert_eq!(oldest_kept(&Policy::default(), now), now.plus_seconds(-90 * DAY));
    }
}
