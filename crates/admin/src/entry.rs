//! What an administrator's action leaves in the audit log: an action whose entry cannot be written does not happen.

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::Role;
use chatehr_vault::Vault;

use crate::{fault::Fault, workstation::Workstation};

/// The role of somebody whom the operating system knows and ChatEHR does not.
const ROLE: &str = "os-user";

/// An entry of this action, by whoever the operating system says that it is.
pub(crate) fn entry(workstation: &Workstation, action: &str, objects: &[&str]) -> Result<NewEntry, Fault> {
    let user = workstation.user.as_deref().ok_or_else(|| {
        Fault::new(
            "The operating system does not say who runs this command.",
            "Run it as a user that has a name here: an action without one is not done.",
        )
    })?;
    Ok(NewEntry {
        at: workstation.clock.now(),
        actor: Some(format!("os:{user}")),
        role: Role::from(ROLE),
        session: "command-line".to_owned(),
        workstation: workstation.name.clone(),
        action: action.to_owned(),
        objects: objects.iter().map(|object| (*object).to_owned()).collect(),
        patient: None,
        outcome: Outcome::Success,
        reason: None,
    })
}

/// Says also that an action which was written down before it began went wrong. The first entry tells at least that it
/// was tried, so nothing depends on this one.
pub(crate) fn went_wrong(vault: &Vault, tried: &NewEntry, why: &Fault) {
    let entry = NewEntry { outcome: Outcome::Failed, reason: Some(why.says.clone()), ..tried.clone() };
    drop(vault.record(&[entry]));
}
