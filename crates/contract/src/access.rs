//! Who may do what, declared once: what is asked × who asks × how they stand to the record.
//!
//! Promises: every way to ask a server has a row here, and a row decides for everybody; what is not declared is
//! refused. Refuses: conditions on a record's state (whether an accepted consultation can be declined is a matter of
//! its life cycle) and on what stands in a request. A program that shows less than the table allows asks the same table.

use crate::Role;

/// Who asks, as far as access goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Asks for consultations.
    Patient,
    /// Answers them.
    Physician,
    /// Looks after the records, without reading messages.
    Admin,
    /// A gateway, kiosk or sign-in screen with a key of its own.
    Machine,
    /// A role that has no place here.
    Nobody,
}

impl Party {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Patient, Self::Physician, Self::Admin, Self::Machine, Self::Nobody];
}

impl From<&Role> for Party {
    fn from(role: &Role) -> Self {
        match role {
            Role::Patient => Self::Patient,
            Role::Physician => Self::Physician,
            Role::Admin => Self::Admin,
            Role::Other(_) => Self::Nobody,
        }
    }
}

/// How who asks stands to the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The patient whose it is; the physician in charge; the person themselves. Also where there is no record.
    Own,
    /// Waits unassigned in a specialty of this physician.
    Pool,
    /// Somebody else's.
    Other,
}

impl Relation {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Own, Self::Pool, Self::Other];
}

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// May.
    Granted,
    /// May, with a reason that goes on record: break-glass (45 CFR 164.312(a)(2)(ii)).
    WithReason,
    /// May not, and is told so.
    Refused,
    /// May not, and is told what would be told if there were nothing.
    Hidden,
}

use Access::{Granted as Y, Hidden as H, Refused as N, WithReason as R};

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $word:literal: [$($cell:ident),+];)+) => {
        /// What can be asked of a server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$doc])* $variant,)+
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in the audit log.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            const fn row(self) -> [Access; 7] {
                match self { $(Self::$variant => [$($cell),+],)+ }
            }
        }
    };
}

actions! {
    //                                                     patient      physician        admin  machine
    //                                                     own  other   own  pool other  any    any
    /// A list of consultations, of those that may be seen.
    ConsultationList = "consultation.list":               [Y,   Y,      Y,   Y,   Y,     Y,     Y];
    /// One consultation.
    ConsultationRead = "consultation.read":               [Y,   H,      Y,   Y,   H,     Y,     Y];
    /// Ask for one. A patient asks for themselves, a physician for patients whom they treat or might.
    ConsultationCreate = "consultation.create":           [Y,   N,      Y,   Y,   N,     Y,     Y];
    /// Move it on: accept, release, start, complete, cancel.
    ConsultationUpdate = "consultation.update":           [N,   H,      Y,   Y,   H,     Y,     Y];
    /// Say that it has been seen.
    ConsultationAcknowledge = "consultation.acknowledge": [N,   H,      Y,   Y,   H,     N,     N];
    /// Say no, with a reason.
    ConsultationDecline = "consultation.decline":         [N,   H,      Y,   Y,   H,     N,     N];
    /// Give it to a colleague or another specialty, with a reason.
    ConsultationHandoff = "consultation.handoff":         [N,   H,      Y,   N,   H,     Y,     N];
    /// A list of appointments, of those that may be seen.
    AppointmentList = "appointment.list":                 [Y,   Y,      Y,   Y,   Y,     Y,     Y];
    /// Make one. A physician gives their own time, to patients whom they treat or might.
    AppointmentCreate = "appointment.create":             [N,   N,      Y,   Y,   N,     Y,     Y];
    /// Change one.
    AppointmentUpdate = "appointment.update":             [N,   H,      Y,   Y,   H,     Y,     Y];
    /// The patient's word on one.
    AppointmentRespond = "appointment.respond":           [Y,   H,      N,   N,   H,     N,     N];
    /// Read a conversation.
    MessageList = "message.list":                         [Y,   H,      Y,   N,   H,     R,     Y];
    /// Write in it.
    MessageCreate = "message.create":                     [Y,   H,      Y,   N,   H,     N,     N];
    /// Say how far one has read.
    MessageReceipt = "message.receipt":                   [Y,   H,      Y,   N,   H,     N,     N];
    /// The key that opens it.
    KeyRead = "key.read":                                 [Y,   H,      Y,   N,   H,     N,     N];
    /// Add a sealed file to it.
    AttachmentCreate = "attachment.create":               [Y,   H,      Y,   N,   H,     N,     N];
    /// Fetch one.
    AttachmentRead = "attachment.read":                   [Y,   H,      Y,   N,   H,     N,     N];
    /// A patient's name and what else the directory knows. A physician's own are those whom they treat.
    PatientRead = "patient.read":                         [Y,   H,      Y,   Y,   H,     Y,     Y];
    /// Look for patients, among those that may be seen.
    PatientSearch = "patient.search":                     [Y,   Y,      Y,   Y,   Y,     Y,     Y];
    /// Physicians and their specialties.
    PhysicianRead = "physician.read":                     [Y,   Y,      Y,   Y,   Y,     Y,     Y];
    /// Say whether one is on call.
    AvailabilityUpdate = "physician.availability":        [N,   N,      Y,   N,   N,     N,     N];
    /// The twelve specialties.
    SpecialtyList = "specialty.list":                     [Y,   Y,      Y,   Y,   Y,     Y,     Y];
    /// A code by which a patient signs in at a kiosk.
    KioskCodeCreate = "kiosk_code.create":                [N,   N,      Y,   Y,   H,     Y,     N];
    /// Sign a patient in with that code.
    KioskSessionCreate = "kiosk_session.create":          [N,   N,      N,   N,   N,     N,     Y];
    /// End one's own session.
    SessionEnd = "session.end":                           [Y,   Y,      Y,   Y,   Y,     Y,     N];
    /// Who a token stands for.
    SessionRead = "session.read":                         [Y,   Y,      Y,   Y,   Y,     Y,     Y];
    /// The clinic's rules for workstations.
    PolicyRead = "policy.read":                           [Y,   Y,      Y,   Y,   Y,     Y,     Y];
    /// Leave the head of a workstation's audit log.
    AnchorCreate = "anchor.create":                       [N,   N,      Y,   Y,   N,     Y,     Y];
    /// Hear what changes, of what may be seen.
    EventListen = "event.listen":                         [Y,   Y,      Y,   Y,   Y,     Y,     Y];
    /// What has changed, of what may be seen.
    ChangeList = "change.list":                           [Y,   Y,      Y,   Y,   Y,     Y,     Y];
    /// The test accounts of a demonstration.
    AccountList = "account.list":                         [N,   N,      N,   N,   N,     N,     Y];
    /// Sign in as one of them.
    TestSignIn = "session.test_sign_in":                  [N,   N,      N,   N,   N,     N,     Y];
}

/// What a machine may that signs people in and nothing else: a kiosk, a sign-in screen. All other machines speak for
/// everybody, as a gateway does.
pub const fn signs_in_only(action: Action) -> bool {
    matches!(
        action,
        Action::KioskSessionCreate
            | Action::SessionRead
            | Action::SpecialtyList
            | Action::PolicyRead
            | Action::AccountList
            | Action::TestSignIn
    )
}

/// Whether `party` may do `action` to a record that it stands in `relation` to.
///
/// A role that has no place here is told nothing of records, and refused what concerns none.
pub const fn decide(action: Action, party: Party, relation: Relation) -> Access {
    let [patient_own, patient_other, own, pool, other, admin, machine] = action.row();
    match (party, relation) {
        (Party::Patient, Relation::Own) => patient_own,
        (Party::Patient, Relation::Pool | Relation::Other) => patient_other,
        (Party::Physician, Relation::Own) => own,
        (Party::Physician, Relation::Pool) => pool,
        (Party::Physician, Relation::Other) => other,
        (Party::Admin, _) => admin,
        (Party::Machine, _) => machine,
        (Party::Nobody, Relation::Own) => Access::Refused,
        (Party::Nobody, Relation::Pool | Relation::Other) => Access::Hidden,
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Action, Party, Relation, decide};

    #[test]
    fn the_table_is_a_promise() {
        let rows: Vec<String> = Action::ALL
            .iter()
            .map(|action| {
                let cells: Vec<String> = Party::ALL
                    .iter()
                    .flat_map(|party| Relation::ALL.iter().map(move |relation| (party, relation)))
                    .map(|(party, relation)| format!("{:?}", decide(*action, *party, *relation)))
                    .collect();
                format!("{}: {}", action.as_str(), cells.join(" "))
            })
            .collect();
        insta::assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn a_role_without_a_place_may_nothing() {
        for action in Action::ALL {
            for relation in Relation::ALL {
                let access = decide(*action, Party::Nobody, *relation);
                assert!(matches!(access, Access::Refused | Access::Hidden), "{action:?}");
            }
        }
    }

    #[test]
    fn nobody_but_those_two_reads_or_writes_a_conversation_without_a_trace() {
        use Action::{AttachmentCreate, AttachmentRead, KeyRead, MessageCreate, MessageReceipt};
        for action in [MessageCreate, MessageReceipt, KeyRead, AttachmentCreate, AttachmentRead] {
            for party in [Party::Admin, Party::Machine, Party::Nobody] {
                for relation in Relation::ALL {
                    assert_ne!(decide(action, party, *relation), Access::Granted, "{action:?} {party:?}");
                }
            }
        }
        assert_eq!(decide(Action::MessageList, Party::Admin, Relation::Other), Access::WithReason);
    }
}
