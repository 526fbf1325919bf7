//! Whether the clinic's policy lets records leave the files. Whoever has a terminal here counts as an administrator: the
//! operating system knows them, ChatEHR does not.

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{
    Role,
    access::{Access, Action, Party, Relation, decide},
};
use chatehr_engine::kept_policy;
use chatehr_vault::Vault;

use crate::fault::Fault;

/// By the policy that was last signed for these files, or by default. A refusal is written down.
pub(crate) fn may(vault: &Vault, action: Action, tried: &NewEntry) -> Result<(), Fault> {
    let policy = kept_policy(&vault.device()?).unwrap_or_default();
    let may = match decide(action, Party::Admin, Relation::None) {
        Access::Granted => true,
        Access::ByPolicy(right) => right.is_given(&policy, &Role::Admin),
        _ => false,
    };
    if may {
        return Ok(());
    }
    let reason = Some("POLICY_FORBIDS".to_owned());
    vault.record(&[NewEntry { outcome: Outcome::Refused, reason, ..tried.clone() }])?;
    Err(Fault::new(
        "The clinic's policy lets no administrator export.",
        "Whoever keeps the policy at the server adds `admin` to mayExport; the window fetches it when somebody signs in.",
    ))
}
