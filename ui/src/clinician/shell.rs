//! What the window is showing: which view, which consultation, which alerts, and what must be read again.
//!
//! A reducer without a browser in it, so that the answer to "what does a click on a notification do while the
//! appointments are open?" is a test.

use std::rc::Rc;

use chatehr_contract::{AlertNotice, ChangeNotice, ConsultationId};
use yew::prelude::*;

/// What the rail chooses between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// What waits.
    #[default]
    Queue,
    /// What this person has taken.
    Mine,
    /// Days and weeks.
    Appointments,
    /// This workstation.
    Settings,
    /// The recovery code of a first sign-in; not in the rail.
    Enrol,
}

impl View {
    /// Whether it is a list with a conversation beside it.
    pub const fn has_list(self) -> bool {
        matches!(self, Self::Queue | Self::Mine)
    }
}

/// Counters that go up when something is to be read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revisions {
    /// The program's state.
    pub program: u32,
    /// Lists of consultations.
    pub lists: u32,
    /// The open consultation.
    pub consultation: u32,
    /// Appointments.
    pub appointments: u32,
    /// What was opened in an emergency.
    pub glass: u32,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shell {
    /// Which view.
    pub view: View,
    /// Which consultation is open.
    pub selected: Option<ConsultationId>,
    /// Urgent requests that nobody here has opened, most pressing first.
    pub alerts: Vec<AlertNotice>,
    /// What is to be read again.
    pub revisions: Revisions,
    /// Whether the folded context pane is pulled out.
    pub details: bool,
    /// Whether the list of keys is shown.
    pub help: bool,
    /// Asked which record to open in an emergency; with its number, if that is known.
    pub emergency: Option<String>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Step {
    /// The host says that something changed.
    Notice(ChangeNotice),
    /// The rail, or a key.
    Go(View),
    /// A row, an alert, an appointment.
    Open(ConsultationId),
    /// Back to the list, or nothing left to show.
    CloseConsultation,
    /// An alert was put off: it comes again if nobody answers.
    DropAlert(ConsultationId),
    /// This window did something to the open consultation.
    Did,
    /// Try everything again.
    ReadAll,
    /// Nobody is signed in any more: forget what was open.
    Forget,
    /// Show or fold the context pane.
    Details(bool),
    /// Show or hide the list of keys.
    Help(bool),
    /// Ask which record to open in an emergency, or no more.
    Emergency(Option<String>),
}

/// Sends steps.
pub type Dispatch = UseReducerDispatcher<Shell>;

impl Shell {
    fn open(&mut self, id: ConsultationId) {
        if !self.view.has_list() {
            self.view = View::Queue;
        }
        self.alerts.retain(|alert| alert.consultation_id != id);
        self.details = false;
        self.selected = Some(id);
    }

    fn alert(&mut self, alert: AlertNotice) {
        if self.view.has_list() && self.selected.as_ref() == Some(&alert.consultation_id) {
            return;
        }
        self.alerts.retain(|known| known.consultation_id != alert.consultation_id);
        self.alerts.push(alert);
        self.alerts.sort_by_key(|alert| (alert.urgency.triage_rank(), alert.answer_due));
    }

    /// The state after `step`.
    #[must_use]
    pub fn after(&self, step: Step) -> Self {
        let mut next = self.clone();
        let revisions = &mut next.revisions;
        match step {
            Step::Notice(notice) => {
                let touched =
                    next.selected.as_ref().is_some_and(|selected| notice.consultations.contains(selected));
                revisions.program += u32::from(notice.state);
                revisions.lists += u32::from(notice.lists);
                revisions.appointments += u32::from(notice.appointments);
                revisions.consultation += u32::from(touched);
                revisions.glass += u32::from(notice.glass_broken);
                next.alerts.retain(|alert| !notice.answered.contains(&alert.consultation_id));
                if let Some(alert) = notice.alert {
                    next.alert(alert);
                }
                if let Some(id) = notice.open {
                    next.open(id);
                }
            }
            Step::Go(view) => {
                if next.view != view && view.has_list() {
                    next.selected = None;
                }
                next.view = view;
                next.details = false;
            }
            Step::Open(id) => next.open(id),
            Step::CloseConsultation => next.selected = None,
            Step::DropAlert(id) => next.alerts.retain(|alert| alert.consultation_id != id),
            Step::Did => {
                revisions.program += 1;
                revisions.lists += 1;
                revisions.consultation += 1;
            }
            Step::ReadAll => {
                revisions.program += 1;
                revisions.lists += 1;
                revisions.consultation += 1;
                revisions.appointments += 1;
            }
            Step::Forget => next = Self { revisions: self.revisions, ..Self::default() },
            Step::Details(shown) => next.details = shown,
            Step::Help(shown) => next.help = shown,
            Step::Emergency(asked) => next.emergency = asked,
        }
        next
    }
}

impl Reducible for Shell {
    type Action = Step;

    fn reduce(self: Rc<Self>, step: Step) -> Rc<Self> {
        Rc::new(self.after(step))
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{AlertNotice, ChangeNotice, ConsultationId, SpecialtyCode, Timestamp, Urgency};

    use super::{Shell, Step, View};

    fn id(text: &str) -> ConsultationId {
        ConsultationId::new(text)
    }

    fn alert(consultation: &str, urgency: Urgency, due: i64) -> Step {
        Step::Notice(ChangeNotice {
            alert: Some(AlertNotice {
                consultation_id: id(consultation),
                urgency,
                specialty: SpecialtyCode::Cardiology,
                answer_due: Some(Timestamp::from_millis(due)),
                told: 1,
                may_acknowledge: true,
            }),
            ..ChangeNotice::default()
        })
    }

    #[test]
    fn a_clicked_notification_shows_its_consultation_whatever_was_open() {
        let shell = Shell::default()
            .after(Step::Go(View::Appointments))
            .after(Step::Notice(ChangeNotice { open: Some(id("c1")), ..ChangeNotice::default() }));
        assert_eq!((shell.view, shell.selected), (View::Queue, Some(id("c1"))));
    }

    #[test]
    fn the_most_pressing_alert_stands_first_and_a_repeat_does_not_stack() {
        let shell = Shell::default()
            .after(alert("routine-ish", Urgency::Urgent, 5))
            .after(alert("later", Urgency::Emergency, 9))
            .after(alert("sooner", Urgency::Emergency, 3))
            .after(alert("later", Urgency::Emergency, 9));
        let order: Vec<_> = shell.alerts.iter().map(|alert| alert.consultation_id.as_str()).collect();
        assert_eq!(order, ["sooner", "later", "routine-ish"]);
    }

    #[test]
    fn opening_a_consultation_takes_its_alert_away_and_no_other() {
        let shell = Shell::default()
            .after(alert("a", Urgency::Emergency, 1))
            .after(alert("b", Urgency::Urgent, 2))
            .after(Step::Open(id("a")));
        assert_eq!(shell.alerts.len(), 1);
        assert_eq!(shell.alerts[0].consultation_id, id("b"));
    }

    #[test]
    fn what_was_answered_anywhere_leaves_the_top_of_the_window() {
        let shell = Shell::default()
            .after(alert("a", Urgency::Emergency, 1))
            .after(alert("b", Urgency::Urgent, 2))
            .after(Step::Notice(ChangeNotice { answered: vec![id("a")], ..ChangeNotice::default() }));
        let left: Vec<_> = shell.alerts.iter().map(|alert| alert.consultation_id.as_str()).collect();
        assert_eq!(left, ["b"]);
    }

    #[test]
    fn what_is_already_on_the_screen_does_not_alert() {
        let shell = Shell::default().after(Step::Open(id("a"))).after(alert("a", Urgency::Emergency, 1));
        assert!(shell.alerts.is_empty());
        let away = shell.after(Step::Go(View::Settings)).after(alert("a", Urgency::Emergency, 1));
        assert_eq!(away.alerts.len(), 1);
    }

    #[test]
    fn a_change_elsewhere_does_not_read_the_open_consultation_again() {
        let shell = Shell::default().after(Step::Open(id("a")));
        let notice = |which: &str| {
            Step::Notice(ChangeNotice { consultations: vec![id(which)], ..ChangeNotice::default() })
        };
        assert_eq!(shell.after(notice("b")).revisions.consultation, 0);
        assert_eq!(shell.after(notice("a")).revisions.consultation, 1);
    }

    #[test]
    fn after_sign_out_nothing_of_the_last_person_is_left() {
        let shell = Shell::default().after(Step::Open(id("a"))).after(alert("b", Urgency::Urgent, 1));
        let left = shell.after(Step::Did).after(Step::Forget);
        assert_eq!(Shell { revisions: left.revisions, ..Shell::default() }, left);
        assert_eq!(left.revisions.lists, 1);
    }

    #[test]
    fn another_list_closes_the_consultation_of_the_last_one() {
        let shell = Shell::default().after(Step::Open(id("a")));
        assert_eq!(shell.after(Step::Go(View::Queue)).selected, Some(id("a")));
        assert_eq!(shell.after(Step::Go(View::Mine)).selected, None);
        let looked_up = shell.after(Step::Go(View::Appointments)).after(Step::Go(View::Appointments));
        assert_eq!(looked_up.selected, Some(id("a")));
    }
}
