//! What this person may do, by the access table, before a server is asked.
//!
//! Promises: what the table refuses does not happen, is said in a sentence, and stands in the audit log as refused. Of a
//! record that is not in the files only the role is asked: the server knows how somebody stands to it. Refuses nothing
//! for a record's state; that is a matter of its life cycle.

use std::sync::Arc;

use chatehr_audit::{NewEntry, Outcome};
use chatehr_contract::{
    Consultation, ConsultationId, ErrorCode, ErrorReport, PersonId, Role, SpecialtyCode,
    access::{Access, Action, Party, Relation, decide},
};

use super::{Inner, Open};

/// The table's sentence.
pub(super) fn role_forbids(action: Action) -> ErrorReport {
    ErrorReport::new(ErrorCode::RoleForbids).with_detail(action.refusal())
}

impl Open {
    pub(super) fn party(&self) -> Party {
        Party::from(&self.person.role)
    }

    /// What the table says of this person and this record.
    pub(super) fn access(&self, action: Action, consultation: &Consultation) -> Access {
        decide(action, self.party(), self.person.relation_to(consultation))
    }

    /// Whether the conversation belongs into this person's files.
    pub(super) fn reads_conversation_of(&self, consultation: &Consultation) -> bool {
        self.access(Action::MessageList, consultation) == Access::Granted
    }

    /// Whose lists are shown: a nurse's are their physician's.
    pub(super) fn whose_lists(&self) -> PersonId {
        self.person.stands_for().unwrap_or(&self.person.id).clone()
    }

    /// Which pools the lists show: an administrator looks after all of them.
    pub(super) fn pools(&self) -> Vec<SpecialtyCode> {
        if self.person.role == Role::Admin {
            SpecialtyCode::ALL.to_vec()
        } else {
            self.person.specialties.clone()
        }
    }

    /// Whether the clinic's policy, as far as it is known, lets this person export.
    pub(super) fn may_export(&self) -> bool {
        self.has_right(Action::RecordsBackUp)
    }

    fn has_right(&self, action: Action) -> bool {
        match decide(action, self.party(), Relation::None) {
            Access::Granted => true,
            Access::ByPolicy(right) => right.is_given(&self.policy(), &self.person.role),
            _ => false,
        }
    }
}

impl Inner {
    /// Whether this person may do this to a record.
    pub(super) async fn may(&self, action: Action, id: &ConsultationId) -> Result<(), ErrorReport> {
        let open = self.open()?;
        let asked = id.clone();
        let held = open.vault(move |vault| vault.consultation(&asked)).await?;
        let (access, holder) = match &held {
            Some(held) => (open.access(action, held), held.physician_id.clone()),
            None => (by_role(action, open.party()), None),
        };
        if access == Access::Granted {
            return Ok(());
        }
        let by_role = by_role(action, open.party());
        let report = match (access, holder) {
            // The role might; this record is a colleague's by now.
            (Access::Hidden | Access::BehindGlass, Some(holder)) if by_role == Access::Granted => {
                self.held_by(&open, &holder).await
            }
            (Access::Hidden | Access::BehindGlass, _) if by_role == Access::Granted => {
                ErrorReport::new(ErrorCode::NotFound)
            }
            _ => role_forbids(action),
        };
        Err(self.refused(&open, action, id, report).await)
    }

    /// Whether this person may look at a record. What a window asks by itself over and over is refused without an entry
    /// for each.
    pub(super) async fn may_look(
        &self,
        open: &Arc<Open>,
        action: Action,
        id: &ConsultationId,
    ) -> Result<(), ErrorReport> {
        let asked = id.clone();
        let held = open.vault(move |vault| vault.consultation(&asked)).await?;
        let report = match held.map(|held| open.access(action, &held)) {
            Some(Access::Granted) => return Ok(()),
            // It waits in their own queue, where nothing of its conversation is held: an empty one is the truth.
            Some(Access::Refused) if action == Action::MessageList => return Ok(()),
            Some(Access::WithReason) => Some(ErrorReport::new(ErrorCode::BehindGlass)),
            // Of one that is not theirs (any longer) nothing is held either.
            None if action == Action::MessageList => None,
            _ => Some(ErrorReport::new(ErrorCode::NotFound)),
        };
        let (looker, object, now) = (open.clone(), id.to_string(), self.now());
        let noted = open.vault(move |vault| looker.look_refused(vault, action.as_str(), &object, now));
        noted.await?;
        report.map_or(Ok(()), Err)
    }

    /// Whether the clinic's policy gives this person's role what the action needs.
    pub(super) async fn may_by_policy(&self, open: &Arc<Open>, action: Action) -> Result<(), ErrorReport> {
        if open.has_right(action) {
            return Ok(());
        }
        let report = ErrorReport::new(ErrorCode::PolicyForbids).with_detail(action.refusal());
        self.note_refused(open, action, Vec::new(), &report).await;
        Err(report)
    }

    /// Whether the role may do what concerns no record.
    pub(super) async fn may_at_all(&self, open: &Arc<Open>, action: Action) -> Result<(), ErrorReport> {
        if open.has_right(action) {
            return Ok(());
        }
        let report = role_forbids(action);
        self.note_refused(open, action, Vec::new(), &report).await;
        Err(report)
    }

    /// Writes a refusal down, and gives it back.
    pub(super) async fn refused(
        &self,
        open: &Arc<Open>,
        action: Action,
        id: &ConsultationId,
        report: ErrorReport,
    ) -> ErrorReport {
        self.note_refused(open, action, vec![id.to_string()], &report).await;
        report
    }

    async fn note_refused(
        &self,
        open: &Arc<Open>,
        action: Action,
        objects: Vec<String>,
        report: &ErrorReport,
    ) {
        let entry = open.entry(action.as_str(), self.now());
        let reason = Some(report.code.as_str().to_owned());
        self.note(open, NewEntry { objects, outcome: Outcome::Refused, reason, ..entry }).await;
    }
}

/// What the table gives to the role where it stands best.
fn by_role(action: Action, party: Party) -> Access {
    let all = Relation::ALL.iter().map(|relation| decide(action, party, *relation));
    all.into_iter().find(|access| *access == Access::Granted).unwrap_or(Access::Refused)
}
