//! The clinic's rules for workstations, and the heads of their audit logs.

use chatehr_contract::{NewAnchor, access::Relation};

use super::Here;
use crate::{op::Outcome, problem::Problem};

impl Here<'_> {
    pub(super) fn read_policy(self) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        Ok(Outcome::of(200, &self.app.policy)?)
    }

    pub(super) fn keep_anchor(self, anchor: &NewAnchor) -> Result<Outcome, Problem> {
        self.allow(Relation::None)?;
        // Each person's log on a workstation is one of its own, and nobody moves another's.
        let device_id = format!("{}/{}", self.call.actor.key(), anchor.device_id);
        let anchor = &NewAnchor { device_id, ..anchor.clone() };
        let kept = self.tx.keep_anchor(anchor, self.app.policy.key(), self.call.now)?;
        Ok(Outcome::of(201, &kept)?)
    }
}
