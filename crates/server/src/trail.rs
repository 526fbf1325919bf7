//! What goes into the audit log of a server: who asked for what, how it ended; never what stands in a record.

use chatehr_contract::{PersonId, Timestamp};

use crate::{
    identity::Actor,
    op::{Op, Outcome},
    problem::Problem,
    provider::{Call, Trace},
};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    /// By a rule: not signed in, not theirs, not from where the record stands, not as it was written.
    Refused,
    /// By a fault.
    Failed,
}

/// One line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) at: Timestamp,
    /// Nobody, for a token that is none.
    pub(crate) actor: Option<Actor>,
    pub(crate) address: String,
    pub(crate) request_id: String,
    pub(crate) action: &'static str,
    pub(crate) objects: Vec<String>,
    pub(crate) patient: Option<PersonId>,
    pub(crate) ending: Ending,
    /// A code, or the reason that somebody gave for what they otherwise may not.
    pub(crate) reason: Option<String>,
}

impl Note {
    /// Of something outside of a call.
    pub(crate) fn new(
        action: &'static str,
        actor: Option<Actor>,
        trace: &Trace,
        ending: Ending,
        now: Timestamp,
    ) -> Self {
        Self {
            at: now,
            actor,
            address: trace.address.clone(),
            request_id: trace.request_id.clone(),
            action,
            objects: Vec::new(),
            patient: None,
            ending,
            reason: None,
        }
    }

    /// Of a call and how it ended.
    pub(crate) fn of(call: &Call, result: &Result<Outcome, Problem>) -> Self {
        let mut note = Self::new(
            call.op.action().as_str(),
            Some(call.actor.clone()),
            &call.trace,
            Ending::Success,
            call.now,
        );
        note.objects = call.op.objects();
        note.patient = call.op.patient();
        note.reason.clone_from(&call.reason);
        if let Op::BreakGlass(_, new) = &call.op {
            note.reason = Some(new.reason.trim().to_owned());
        }
        match result {
            Ok(outcome) => {
                note.objects.extend(outcome.made.clone());
                note.patient = outcome.patient.clone().or(note.patient);
            }
            Err(problem) => {
                note.ending = if problem.is_fault() { Ending::Failed } else { Ending::Refused };
                note.reason = Some(problem.code().to_owned());
            }
        }
        note
    }
}
