//! The rehearsal's scenes of who may do what: `glass` (a record is open in an emergency), `nurse`, `admin`, `admin-news`
//! (an administrator who has not looked at the list yet), `noexport`.

use chatehr_contract::{
    Action, BreakGlass, BrokenGlass, ConsultationId, ConsultationStatus, ConsultationView, ErrorCode,
    ErrorReport, OpenGlass, Person, PersonId, PersonLabel, PersonName, RefusedAction, Role, Timestamp,
    is_reason,
};
use serde_json::Value;

use super::fixtures::{ask, say};

const REASON: &str =
    "Brought in unconscious, no relatives; need to know what has been prescribed since Tuesday";

pub(super) struct Glass {
    scene: String,
    open: Option<OpenGlass>,
    seen: bool,
}

impl Glass {
    pub(super) fn new(scene: &str, now: Timestamp) -> Self {
        let open = (scene == "glass" || scene == "glass-long").then(|| OpenGlass {
            id: ConsultationId::new("c4"),
            reason: if scene == "glass" { REASON.to_owned() } else { format!("{REASON}. ").repeat(6) },
            until: now.plus_seconds(28 * 60 + 31),
        });
        let (scene, seen) = match scene {
            "admin-news" => ("admin", false),
            scene => (scene, true),
        };
        Self { scene: scene.to_owned(), open, seen }
    }

    pub(super) fn news(&self) -> bool {
        !self.seen
    }

    pub(super) fn open(&self) -> Option<OpenGlass> {
        self.open.clone()
    }

    pub(super) fn may_export(&self) -> bool {
        self.scene != "noexport"
    }

    /// Who is signed in, in a scene that is not a physician's.
    pub(super) fn person(&self, physician: Person) -> Person {
        let named =
            |family: &str, given: &str| PersonName { family: family.into(), given: vec![given.into()] };
        match self.scene.as_str() {
            "nurse" => Person {
                id: PersonId::new("nurse-3"),
                name: named("Mensah", "Abena"),
                role: Role::Nurse,
                delegates_for: Some(physician.id.clone()),
                ..physician
            },
            "admin" => Person {
                id: PersonId::new("admin-1"),
                name: named("Feldman", "Ruth"),
                role: Role::Admin,
                specialties: Vec::new(),
                delegates_for: None,
            },
            _ => physician,
        }
    }

    /// The record as the table leaves it.
    pub(super) fn seen(&self, mut view: ConsultationView) -> ConsultationView {
        if self.open.as_ref().is_some_and(|glass| glass.id == view.row.id) {
            view.row.status = ConsultationStatus::InProgress;
            view.physician = Some(PersonLabel {
                id: PersonId::new("physician-2"),
                name: Some(PersonName { family: "Lindqvist".into(), given: vec!["Erik".into()] }),
            });
            (view.mine, view.actions, view.may_write) = (false, Vec::new(), false);
            view.may_not_write = Some(
                "This record is open in an emergency: it can be read, and nothing is written in it.".into(),
            );
        }
        if self.scene == "admin" {
            (view.mine, view.actions, view.may_write) = (false, Vec::new(), false);
        }
        if self.scene == "nurse" {
            view.may_note = view.row.status.is_open();
            view.mine = false;
            let (may, not) =
                view.actions.into_iter().partition(|action| matches!(action, Action::Acknowledge));
            view.actions = may;
            let not: Vec<Action> = not;
            view.refused = not
                .into_iter()
                .map(|action| RefusedAction { action, why: action.row().refusal().to_owned() })
                .collect();
            if view.may_write {
                view.may_write = false;
                view.may_not_write =
                    Some(chatehr_contract::access::Action::MessageCreate.refusal().to_owned());
            }
        }
        view
    }

    pub(super) fn answer(
        &mut self,
        name: &str,
        request: Value,
        now: Timestamp,
    ) -> Option<Result<Value, ErrorReport>> {
        Some(match name {
            "conversation" if self.scene == "admin" => Err(ErrorReport::new(ErrorCode::BehindGlass)),
            "break_glass" => match ask::<BreakGlass>(request) {
                Err(error) => Err(error),
                Ok(asked) if !is_reason(&asked.reason) => Err(ErrorReport::new(ErrorCode::NeedsReason)),
                Ok(asked) if asked.pin.expose() != "402917" => {
                    Err(ErrorReport::new(ErrorCode::WrongPin).with_detail("4 more tries"))
                }
                Ok(asked) => {
                    let until = now.plus_seconds(30 * 60);
                    self.open = Some(OpenGlass { id: asked.id, reason: asked.reason, until });
                    say(())
                }
            },
            "close_glass" => {
                self.open = None;
                say(())
            }
            "broken_glass" => {
                self.seen = true;
                say([
                    ("physician-1", REASON, 12 * 60),
                    ("physician-3", "Seizure on the ward, physician in charge not reachable", 26 * 3600),
                ]
                .map(|(who, why, ago)| BrokenGlass {
                    consultation_id: ConsultationId::new("019abcde-3068-7000-8000-4f2a5f9f2f01"),
                    patient_id: PersonId::new("patient-2044"),
                    person_id: PersonId::new(who),
                    reason: why.to_owned(),
                    at: now.plus_seconds(-ago),
                    until: now.plus_seconds(-ago + 1800),
                }))
            }
            _ => return None,
        })
    }
}
