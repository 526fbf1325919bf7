//! Who may do what, declared once: what is asked × who asks × how they stand to the record.
//!
//! Promises: every way to ask a server, and what a desk does besides, has a row here, and a row decides for everybody;
//! what is not declared is refused. The server, the desk and the window all ask this table, so that none of them offers
//! what another refuses. Refuses: conditions on a record's state (whether an accepted consultation can be declined is a
//! matter of its life cycle) and on what stands in a request.

use crate::{Policy, Role};

/// Who asks, as far as access goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Asks for consultations.
    Patient,
    /// Answers them.
    Physician,
    /// Acts for one physician: sees, triages and drafts; does not accept, and does not write as the physician.
    Nurse,
    /// Looks after the records, without reading messages.
    Admin,
    /// A gateway, kiosk or sign-in screen with a key of its own.
    Machine,
    /// A role that has no place here.
    Nobody,
}

impl Party {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Patient, Self::Physician, Self::Nurse, Self::Admin, Self::Machine, Self::Nobody];

    /// As close as this party can stand to a record, for what is decided before one is looked for.
    pub const fn closest(self) -> Relation {
        match self {
            Self::Patient => Relation::Own,
            Self::Physician => Relation::Assigned,
            Self::Nurse => Relation::Delegated,
            Self::Admin | Self::Machine | Self::Nobody => Relation::Other,
        }
    }
}

impl From<&Role> for Party {
    fn from(role: &Role) -> Self {
        match role {
            Role::Patient => Self::Patient,
            Role::Physician => Self::Physician,
            Role::Nurse => Self::Nurse,
            Role::Admin => Self::Admin,
            Role::Other(_) => Self::Nobody,
        }
    }
}

/// How who asks stands to the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The patient whose it is.
    Own,
    /// The physician in charge, or one who treats this patient or might.
    Assigned,
    /// Acts for the physician in charge.
    Delegated,
    /// Waits unassigned in a specialty of this physician, or of the one they act for.
    Pool,
    /// Somebody else's.
    Other,
    /// There is no record to stand to: a list of what may be seen, one's own session.
    None,
}

impl Relation {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Own, Self::Assigned, Self::Delegated, Self::Pool, Self::Other, Self::None];
}

/// What the clinic's policy gives to roles, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// `mayPrint`.
    Print,
    /// `mayExport`.
    Export,
}

impl Right {
    /// Whether the clinic gives it to this role.
    pub fn is_given(self, policy: &Policy, role: &Role) -> bool {
        let roles = match self {
            Self::Print => &policy.may_print,
            Self::Export => &policy.may_export,
        };
        role.is_known() && roles.iter().any(|given| Role::from(given.as_str()) == *role)
    }
}

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// May.
    Granted,
    /// May, with a reason that goes on record (45 CFR 164.312(a)(2)(ii)): given with each request, or once for all of a
    /// break-glass. Without one: FORBIDDEN.
    WithReason,
    /// May, while a break-glass of this record lasts. Without one: NOT_FOUND, as if there were nothing.
    BehindGlass,
    /// May, if the clinic's policy gives the role that right. Else FORBIDDEN.
    ByPolicy(Right),
    /// May not, and is told so: FORBIDDEN.
    Refused,
    /// May not, and is told what would be told if there were nothing: NOT_FOUND.
    Hidden,
}

use Access::{BehindGlass as G, Granted as Y, Hidden as H, Refused as N, WithReason as R};

/// By policy: printing.
const P: Access = Access::ByPolicy(Right::Print);
/// By policy: exporting.
const X: Access = Access::ByPolicy(Right::Export);

/// A row's cells.
enum Row {
    /// Of what concerns no record: patient, physician, nurse, admin, machine.
    Plain([Access; 5]),
    /// Of what concerns one: patient own and other; physician assigned, pool and other; nurse delegated, pool and other;
    /// admin; machine.
    Record([Access; 10]),
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $word:literal: $kind:ident [$($cell:ident),+];)+) => {
        /// What can be asked of a server, and what a desk does besides.
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

            const fn row(self) -> Row {
                match self { $(Self::$variant => Row::$kind([$($cell),+]),)+ }
            }
        }
    };
}

#[rustfmt::skip] // a table
actions! {
    //                                                            patient      physician             nurse                 admin machine
    //                                                            own  other   assigned pool other   delegated pool other
    /// One consultation.
    ConsultationRead = "consultation.read":               Record [Y,   H,      Y,       Y,   G,      Y,        Y,   H,     Y,    Y];
    /// Ask for one. A patient asks for themselves, a physician for patients whom they treat or might.
    ConsultationCreate = "consultation.create":           Record [Y,   N,      Y,       Y,   N,      N,        N,   N,     Y,    Y];
    /// Move it on: accept, release, start, complete, cancel.
    ConsultationUpdate = "consultation.update":           Record [N,   H,      Y,       Y,   H,      N,        N,   H,     Y,    Y];
    /// Say that it has been seen.
    ConsultationAcknowledge = "consultation.acknowledge": Record [N,   H,      Y,       Y,   H,      Y,        Y,   H,     N,    N];
    /// Say no, with a reason.
    ConsultationDecline = "consultation.decline":         Record [N,   H,      Y,       Y,   H,      N,        N,   H,     N,    N];
    /// Give it to a colleague or another specialty, with a reason.
    ConsultationHandoff = "consultation.handoff":         Record [N,   H,      Y,       N,   H,      N,        N,   H,     Y,    N];
    /// Add words for colleagues to its history; the patient reads none of them.
    ConsultationNote = "consultation.note":               Record [N,   H,      Y,       Y,   H,      Y,        Y,   H,     N,    N];
    /// Open one that is somebody else's in an emergency, with a reason and for a limited time.
    BreakGlass = "break_glass.open":                      Record [N,   H,      N,       N,   Y,      N,        N,   H,     Y,    N];
    /// Make an appointment. A physician gives their own time, to patients whom they treat or might.
    AppointmentCreate = "appointment.create":             Record [N,   N,      Y,       Y,   N,      N,        N,   N,     Y,    Y];
    /// Change one.
    AppointmentUpdate = "appointment.update":             Record [N,   H,      Y,       Y,   H,      N,        N,   H,     Y,    Y];
    /// The patient's word on one.
    AppointmentRespond = "appointment.respond":           Record [Y,   H,      N,       N,   H,      N,        N,   H,     N,    N];
    /// Read a conversation.
    MessageList = "message.list":                         Record [Y,   H,      Y,       N,   G,      Y,        N,   H,     R,    Y];
    /// Write in it.
    MessageCreate = "message.create":                     Record [Y,   H,      Y,       N,   H,      N,        N,   H,     N,    N];
    /// Say how far one has read.
    MessageReceipt = "message.receipt":                   Record [Y,   H,      Y,       N,   H,      N,        N,   H,     N,    N];
    /// The key that opens it.
    KeyRead = "key.read":                                 Record [Y,   H,      Y,       N,   H,      Y,        N,   H,     N,    N];
    /// Add a sealed file to it.
    AttachmentCreate = "attachment.create":               Record [Y,   H,      Y,       N,   H,      N,        N,   H,     N,    N];
    /// Fetch one.
    AttachmentRead = "attachment.read":                   Record [Y,   H,      Y,       N,   H,      Y,        N,   H,     N,    N];
    /// A patient's name and what else the directory knows. A physician's own are those whom they treat.
    PatientRead = "patient.read":                         Record [Y,   H,      Y,       Y,   G,      Y,        Y,   H,     Y,    Y];
    /// A code by which a patient signs in at a kiosk.
    KioskCodeCreate = "kiosk_code.create":                Record [N,   N,      Y,       Y,   H,      Y,        Y,   H,     Y,    N];

    // What a desk does with a record, beyond what it asks of a server in the same words.
    /// Take responsibility.
    ConsultationAccept = "consultation.accept":           Record [N,   H,      Y,       Y,   H,      N,        N,   H,     N,    N];
    /// Begin work.
    ConsultationStart = "consultation.start":             Record [N,   H,      Y,       N,   H,      N,        N,   H,     N,    N];
    /// Finish it.
    ConsultationComplete = "consultation.complete":       Record [N,   H,      Y,       N,   H,      N,        N,   H,     N,    N];
    /// Keep words that are not sent.
    DraftSave = "draft.save":                             Record [N,   H,      Y,       Y,   H,      Y,        Y,   H,     N,    N];

    //                                                           patient physician nurse admin machine
    /// A list of consultations, of those that may be seen.
    ConsultationList = "consultation.list":               Plain [Y,      Y,        Y,    Y,    Y];
    /// A list of appointments, of those that may be seen.
    AppointmentList = "appointment.list":                 Plain [Y,      Y,        Y,    Y,    Y];
    /// Look for patients, among those that may be seen.
    PatientSearch = "patient.search":                     Plain [Y,      Y,        Y,    Y,    Y];
    /// Physicians and their specialties.
    PhysicianRead = "physician.read":                     Plain [Y,      Y,        Y,    Y,    Y];
    /// Say whether one is on call.
    AvailabilityUpdate = "physician.availability":        Plain [N,      Y,        N,    N,    N];
    /// The twelve specialties.
    SpecialtyList = "specialty.list":                     Plain [Y,      Y,        Y,    Y,    Y];
    /// Close what one has opened in an emergency.
    GlassClose = "break_glass.close":                     Plain [N,      Y,        N,    Y,    N];
    /// Who has opened what in an emergency, and why.
    GlassList = "break_glass.list":                       Plain [N,      N,        N,    Y,    N];
    /// Sign a patient in with a code.
    KioskSessionCreate = "kiosk_session.create":          Plain [N,      N,        N,    N,    Y];
    /// End one's own session.
    SessionEnd = "session.end":                           Plain [Y,      Y,        Y,    Y,    N];
    /// Who a token stands for.
    SessionRead = "session.read":                         Plain [Y,      Y,        Y,    Y,    Y];
    /// The clinic's rules for workstations.
    PolicyRead = "policy.read":                           Plain [Y,      Y,        Y,    Y,    Y];
    /// Leave the head of a workstation's audit log.
    AnchorCreate = "anchor.create":                       Plain [N,      Y,        Y,    Y,    Y];
    /// Hear what changes, of what may be seen.
    EventListen = "event.listen":                         Plain [Y,      Y,        Y,    Y,    Y];
    /// What has changed, of what may be seen.
    ChangeList = "change.list":                           Plain [Y,      Y,        Y,    Y,    Y];
    /// The test accounts of a demonstration.
    AccountList = "account.list":                         Plain [N,      N,        N,    N,    Y];
    /// Sign in as one of them.
    TestSignIn = "session.test_sign_in":                  Plain [N,      N,        N,    N,    Y];

    // What a desk does without a record.
    /// Sign in at a clinician's desk.
    DeskOpen = "session.sign-in":                         Plain [N,      Y,        Y,    Y,    N];
    /// Print what holds a patient's data. No program does: the row is what one would have to ask.
    RecordPrint = "record.print":                         Plain [N,      P,        P,    P,    N];
    /// Take the record of actions away in a file.
    AuditExport = "audit.export":                         Plain [N,      X,        X,    X,    N];
    /// Take the saved records away in a file.
    RecordsBackUp = "vault.backup":                        Plain [N,      X,        X,    X,    N];
    /// Put together and save what is handed to who helps. No patient's data is in it, so no policy is asked.
    SupportExport = "support.export":                      Plain [N,      Y,        Y,    Y,    N];
}

impl Action {
    /// The one of this name in the audit log.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == word)
    }

    /// What a desk asks of a server for it; `None` for what it does by itself, and itself for what is asked in the same
    /// words.
    pub const fn on_wire(self) -> Option<Self> {
        match self {
            Self::ConsultationAccept | Self::ConsultationStart | Self::ConsultationComplete => {
                Some(Self::ConsultationUpdate)
            }
            Self::DraftSave
            | Self::DeskOpen
            | Self::RecordPrint
            | Self::AuditExport
            | Self::RecordsBackUp
            | Self::SupportExport => None,
            itself => Some(itself),
        }
    }

    /// Why it is refused, in words for whoever asked.
    pub const fn refusal(self) -> &'static str {
        match self {
            Self::ConsultationCreate => {
                "A patient asks for themselves, a physician for patients whom they treat or might."
            }
            Self::ConsultationAccept => "Only a physician may accept a consultation.",
            Self::ConsultationStart | Self::ConsultationComplete => {
                "Only the physician in charge may begin or finish a consultation."
            }
            Self::ConsultationUpdate => "Only a physician may change a consultation.",
            Self::ConsultationAcknowledge => {
                "Only a physician, or a nurse who acts for one, may acknowledge a request."
            }
            Self::ConsultationNote => {
                "Notes are written by the physician in charge, or a nurse who acts for them."
            }
            Self::ConsultationDecline => "Only a physician may decline.",
            Self::ConsultationHandoff => "Only the physician in charge may hand a consultation off.",
            Self::BreakGlass | Self::GlassClose => {
                "Only an administrator, or a physician who is not in charge of it, opens a record in an emergency."
            }
            Self::GlassList => "Only an administrator may see who has opened what in an emergency.",
            Self::AppointmentCreate | Self::AppointmentUpdate => {
                "Appointments are made by the physician whose time it is, or by staff."
            }
            Self::AppointmentRespond => "Only the patient answers for the patient.",
            Self::MessageCreate | Self::MessageReceipt | Self::AttachmentCreate => {
                "Only the patient and the physician in charge write in this conversation."
            }
            Self::MessageList | Self::KeyRead | Self::AttachmentRead => {
                "Only the patient and the physician in charge take part in this conversation."
            }
            Self::KioskCodeCreate => "A kiosk code is made by staff.",
            Self::KioskSessionCreate | Self::AccountList | Self::TestSignIn => {
                "Sign-in needs the API key of a machine."
            }
            Self::AnchorCreate => "A workstation's log is anchored by staff.",
            Self::RecordPrint => "Your clinic's policy does not let your role print.",
            Self::AuditExport | Self::RecordsBackUp => "Your clinic's policy does not let your role export.",
            Self::SupportExport => "A support bundle is put together by staff.",
            _ => "This is not for this role.",
        }
    }
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
/// What concerns a record is refused where there is none. A role that has no place here is told nothing of records, and
/// refused what concerns none.
pub const fn decide(action: Action, party: Party, relation: Relation) -> Access {
    match action.row() {
        Row::Plain([patient, physician, nurse, admin, machine]) => match party {
            Party::Patient => patient,
            Party::Physician => physician,
            Party::Nurse => nurse,
            Party::Admin => admin,
            Party::Machine => machine,
            Party::Nobody => N,
        },
        Row::Record(
            [own, foreign, assigned, pool, other, delegated, nurse_pool, nurse_other, admin, machine],
        ) => match (party, relation) {
            (_, Relation::None) => N,
            (Party::Patient, Relation::Own) => own,
            (Party::Patient, _) => foreign,
            (Party::Physician, Relation::Assigned) => assigned,
            (Party::Physician, Relation::Pool) => pool,
            (Party::Physician, _) => other,
            (Party::Nurse, Relation::Delegated) => delegated,
            (Party::Nurse, Relation::Pool) => nurse_pool,
            (Party::Nurse, _) => nurse_other,
            (Party::Admin, _) => admin,
            (Party::Machine, _) => machine,
            (Party::Nobody, _) => H,
        },
    }
}

/// The same by the action's word; one that is not declared is refused to everybody.
pub fn decide_named(word: &str, party: Party, relation: Relation) -> Access {
    Action::named(word).map_or(N, |action| decide(action, party, relation))
}

#[cfg(test)]
mod tests {
    use super::{Access, Action, Party, Relation, Right, Row, decide, decide_named};
    use crate::{Policy, Role};

    #[test]
    fn the_table_is_a_promise() {
        let rows: Vec<String> = Action::ALL
            .iter()
            .map(|action| {
                let plain = matches!(action.row(), Row::Plain(_));
                let relations = if plain { &[Relation::None] } else { Relation::ALL };
                let cells: Vec<String> = Party::ALL
                    .iter()
                    .map(|party| {
                        let cells: Vec<String> = relations
                            .iter()
                            .map(|relation| format!("{:?}", decide(*action, *party, *relation)))
                            .collect();
                        format!("{party:?}({})", cells.join(" "))
                    })
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
    fn an_action_that_is_not_declared_is_refused_to_everybody() {
        for word in ["consultation.delete", "consultation.Read", "", "message.list "] {
            for party in Party::ALL {
                for relation in Relation::ALL {
                    assert_eq!(decide_named(word, *party, *relation), Access::Refused, "{word} {party:?}");
                }
            }
        }
        for action in Action::ALL {
            assert_eq!(Action::named(action.as_str()), Some(*action), "two actions of one name");
        }
    }

    #[test]
    fn nobody_but_those_who_take_part_reads_or_writes_a_conversation_without_a_trace() {
        use Action::{AttachmentCreate, AttachmentRead, KeyRead, MessageCreate, MessageReceipt};
        for action in [MessageCreate, MessageReceipt, KeyRead, AttachmentCreate, AttachmentRead] {
            for party in [Party::Admin, Party::Machine, Party::Nobody] {
                for relation in Relation::ALL {
                    assert_ne!(decide(action, party, *relation), Access::Granted, "{action:?} {party:?}");
                }
            }
        }
        assert_eq!(decide(Action::MessageList, Party::Admin, Relation::Other), Access::WithReason);
        assert_eq!(decide(Action::MessageList, Party::Physician, Relation::Other), Access::BehindGlass);
    }

    #[test]
    fn a_nurse_sees_and_acknowledges_and_drafts_and_neither_accepts_nor_writes() {
        let may = |action, relation| decide(action, Party::Nurse, relation) == Access::Granted;
        use Action::*;
        for relation in [Relation::Delegated, Relation::Pool] {
            for action in
                [ConsultationRead, ConsultationAcknowledge, ConsultationNote, DraftSave, PatientRead]
            {
                assert!(may(action, relation), "{action:?}");
            }
            for action in [
                ConsultationAccept,
                ConsultationStart,
                ConsultationComplete,
                ConsultationUpdate,
                ConsultationDecline,
                ConsultationHandoff,
                MessageCreate,
                MessageReceipt,
                BreakGlass,
            ] {
                assert!(!may(action, relation), "{action:?}");
            }
        }
        assert!(may(MessageList, Relation::Delegated) && !may(MessageList, Relation::Pool));
    }

    #[test]
    fn a_desk_offers_nothing_that_the_server_refuses() {
        for action in Action::ALL {
            let Some(asked) = action.on_wire() else { continue };
            for party in Party::ALL {
                for relation in Relation::ALL {
                    if decide(*action, *party, *relation) == Access::Granted {
                        assert_eq!(decide(asked, *party, *relation), Access::Granted, "{action:?} {party:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_right_is_given_to_the_roles_that_the_policy_names_and_to_no_other() {
        let policy = Policy {
            may_export: vec!["admin".to_owned(), "provider".to_owned(), "porter".to_owned()],
            may_print: Vec::new(),
            ..Policy::default()
        };
        let given = |right: Right, role: &str| right.is_given(&policy, &Role::from(role));
        assert!(given(Right::Export, "admin") && given(Right::Export, "physician"));
        assert!(!given(Right::Export, "nurse") && !given(Right::Export, "patient"));
        assert!(!given(Right::Export, "porter"), "a role that has no place here has no right either");
        assert!(!given(Right::Print, "physician"));
    }
}
