//! What the flow promises, from wherever a walk of taps, answers and seconds has led.

use chatehr_contract::{
    ConsultationId, EnvelopeId, ErrorCode, ErrorReport, KioskPerson, KioskReceipt, KioskRequest, KioskState,
    PersonName, SpecialtyCode, Timestamp, Urgency,
};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{Answer, Ask, Flow, House, Input, Language, Need, Readiness, Screen, Step, Trouble, step};

/// One move of a walk: onwards in the way of the screen at hand, or anything at all.
#[derive(Clone, Debug)]
enum Move {
    Onwards,
    Any(Input),
    /// An answer to the present visit.
    Now(Answer),
}

/// A flow with all that was asked of the host on the way.
struct Walk {
    flow: Flow,
    ids: u32,
}

impl Walk {
    fn new() -> Self {
        Self { flow: Flow::fresh(House::default(), 0), ids: 0 }
    }

    fn take(&mut self, input: Input) -> Option<Ask> {
        let input = match input {
            Input::Send(_) => Input::Send(self.fresh_id()),
            input => input,
        };
        let before = std::mem::replace(&mut self.flow, Flow::fresh(House::default(), 0));
        let (flow, ask) = step(before, input);
        self.flow = flow;
        ask
    }

    fn fresh_id(&mut self) -> EnvelopeId {
        self.ids += 1;
        EnvelopeId::new(format!("id-{}", self.ids))
    }

    fn input(&self, step: Move) -> Input {
        match step {
            Move::Onwards => onwards(&self.flow),
            Move::Any(input) => input,
            Move::Now(answer) => Input::Answered(self.flow.visit, answer),
        }
    }

    fn along(steps: Vec<Move>) -> Self {
        let mut walk = Self::new();
        for step in steps {
            let input = walk.input(step);
            walk.take(input);
        }
        walk
    }

    /// Straight to a screen.
    fn to(name: &str) -> Self {
        let mut walk = Self::new();
        for _ in 0..40 {
            if crate::screens::name(&walk.flow.screen) == name {
                return walk;
            }
            let input = onwards(&walk.flow);
            walk.take(input);
        }
        panic!("no way to {name}");
    }
}

fn open() -> Answer {
    Answer::Looked(Ok(KioskState { problem: None, person: None, warn_after: 60, reset_after: 20 }))
}

fn marta() -> KioskPerson {
    KioskPerson { name: PersonName { family: "Szymańska".into(), given: vec!["Marta".into()] } }
}

fn receipt() -> KioskReceipt {
    KioskReceipt {
        id: ConsultationId::new("c1"),
        received_at: Timestamp::from_millis(0),
        urgency: Urgency::Urgent,
        specialty: SpecialtyCode::Cardiology,
    }
}

fn onwards(flow: &Flow) -> Input {
    let answer = |answer| Input::Answered(flow.visit, answer);
    match &flow.screen {
        Screen::Start if flow.house.owes_finish => answer(Answer::Finished(Ok(()))),
        Screen::Start if flow.house.readiness != Readiness::Open => answer(open()),
        Screen::Start => Input::Begin,
        Screen::SignIn { waiting: true, .. } => answer(Answer::SignedIn(Ok(marta()))),
        Screen::SignIn { code, .. } if code.len() < 6 => Input::Code("482913".into()),
        Screen::SignIn { .. } => Input::SignIn,
        Screen::Menu => Input::Need(Need::Request),
        Screen::About => Input::About(SpecialtyCode::Cardiology),
        Screen::HowSoon => Input::HowSoon(Urgency::Urgent),
        Screen::Emergency => Input::ToldStaff,
        Screen::Describe { .. } if flow.draft.description.is_empty() => Input::Describe("It hurts".into()),
        Screen::Describe { .. } => Input::Review,
        Screen::Review { sending: true, .. } => answer(Answer::Sent(Ok(receipt()))),
        Screen::Review { .. } => Input::Send(EnvelopeId::new("")),
        Screen::Receipt(_) | Screen::Appointments(_) | Screen::Messages(_) => Input::Back,
    }
}

fn error() -> impl Strategy<Value = ErrorReport> {
    select(ErrorCode::ALL).prop_map(ErrorReport::new)
}

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(open()),
        error().prop_map(|error| Answer::Looked(Err(error))),
        Just(Answer::Looked(Ok(KioskState {
            problem: None,
            person: Some(marta()),
            warn_after: 60,
            reset_after: 20
        }))),
        Just(Answer::Finished(Ok(()))),
        error().prop_map(|error| Answer::Finished(Err(error))),
        Just(Answer::SignedIn(Ok(marta()))),
        error().prop_map(|error| Answer::SignedIn(Err(error))),
        Just(Answer::Sent(Ok(receipt()))),
        error().prop_map(|error| Answer::Sent(Err(error))),
        Just(Answer::Appointments(Ok(vec![]))),
        error().prop_map(|error| Answer::Messages(Err(error))),
    ]
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        Just(Input::Begin),
        Just(Input::Speak(Language::Spanish)),
        Just(Input::Enlarge(true)),
        "[0-9a-z]{0,8}".prop_map(Input::Code),
        Just(Input::Digit('7')),
        Just(Input::Rub),
        Just(Input::SignIn),
        select(vec![Need::Request, Need::Appointments, Need::Messages]).prop_map(Input::Need),
        select(SpecialtyCode::ALL).prop_map(Input::About),
        select(Urgency::ALL).prop_map(Input::HowSoon),
        Just(Input::HowSoon(Urgency::Emergency)),
        Just(Input::ToldStaff),
        ".{0,20}".prop_map(Input::Describe),
        Just(Input::Describe("x".repeat(5_001))),
        Just(Input::Review),
        select(vec![Step::About, Step::HowSoon, Step::Describe]).prop_map(Input::Change),
        Just(Input::Send(EnvelopeId::new(""))),
        Just(Input::ReadAgain),
        Just(Input::Back),
        Just(Input::StartOver),
        any::<bool>().prop_map(Input::StartOverAnswered),
        Just(Input::Finish),
        Just(Input::Touched),
        Just(Input::StillHere),
        (0u32..30).prop_map(Input::Passed),
        (0u32..4, answers()).prop_map(|(visit, answer)| Input::Answered(visit, answer)),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    vec(
        prop_oneof![
            6 => Just(Move::Onwards),
            3 => inputs().prop_map(Move::Any),
            1 => answers().prop_map(Move::Now),
        ],
        0..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_reset_leaves_nothing_of_the_person(steps in moves()) {
        let mut walk = Walk::along(steps);
        prop_assume!(walk.flow.screen != Screen::Start);
        let house = House { owes_finish: true, ..walk.flow.house.clone() };
        let visit = walk.flow.visit.wrapping_add(1);
        let ask = walk.take(Input::Finish);
        prop_assert!(walk.flow == Flow::fresh(house, visit));
        prop_assert!(ask == Some(Ask::Finish));
    }

    #[test]
    fn whoever_goes_away_is_forgotten_after_the_warning(steps in moves()) {
        let mut walk = Walk::along(steps);
        prop_assume!(walk.flow.screen != Screen::Start);
        walk.take(Input::StillHere);
        let (warn, reset) = (walk.flow.house.warn_after, walk.flow.house.reset_after);
        let visit = walk.flow.visit;
        walk.take(Input::Passed(warn - 1));
        prop_assert!(walk.flow.warning().is_none());
        for second in 0..reset {
            walk.take(Input::Passed(1));
            // A touch that is not "I'm still here" does not keep the screen.
            walk.take(Input::Touched);
            prop_assert_eq!(walk.flow.warning(), Some(reset - second));
        }
        let ask = walk.take(Input::Passed(1));
        prop_assert!(ask == Some(Ask::Finish));
        prop_assert!(walk.flow == Flow::fresh(walk.flow.house.clone(), visit.wrapping_add(1)));
    }

    #[test]
    fn a_sleeping_machine_wakes_to_a_reset(steps in moves()) {
        let mut walk = Walk::along(steps);
        walk.take(Input::Passed(100_000));
        prop_assert!(walk.flow == Flow::fresh(walk.flow.house.clone(), walk.flow.visit));
    }

    #[test]
    fn only_what_was_reviewed_is_sent_and_an_emergency_was_warned(steps in moves()) {
        let mut walk = Walk::new();
        let (mut reviewed, mut warned, mut told) = (None, false, false);
        for step in steps {
            let visit = walk.flow.visit;
            let input = walk.input(step);
            let tells = matches!((&walk.flow.screen, &input), (Screen::Emergency, Input::ToldStaff));
            let ask = walk.take(input);
            if walk.flow.visit != visit {
                (reviewed, warned, told) = (None, false, false);
            }
            if let Some(Ask::Send(request)) = ask {
                prop_assert!(reviewed == Some((request.specialty, request.urgency.clone(), request.description)));
                prop_assert!(request.urgency != Urgency::Emergency || (warned && told));
            }
            warned |= walk.flow.screen == Screen::Emergency;
            told |= tells;
            reviewed = matches!(walk.flow.screen, Screen::Review { .. })
                .then(|| walk.flow.draft.answers().map(|(s, u, d)| (s.clone(), u.clone(), d.to_owned())))
                .flatten();
        }
    }

    #[test]
    fn the_same_request_keeps_its_name_and_another_gets_its_own(steps in moves()) {
        let mut walk = Walk::new();
        let mut sent: Vec<KioskRequest> = Vec::new();
        for step in steps {
            let input = walk.input(step);
            let before = walk.flow.screen.clone();
            if let Some(Ask::Send(request)) = walk.take(input) {
                let reviewed = matches!(before, Screen::Review { sending: false, .. });
                prop_assert!(reviewed);
                for earlier in &sent {
                    let same_name = earlier.request_id == request.request_id;
                    let same = KioskRequest { by_itself: request.by_itself, ..earlier.clone() } == request;
                    prop_assert!(!same_name || same, "one name, two requests");
                }
                sent.push(request);
            }
        }
    }

    #[test]
    fn nothing_of_anybody_is_shown_before_a_sign_in(steps in moves()) {
        let flow = Walk::along(steps).flow;
        let outside = matches!(flow.screen, Screen::Start | Screen::SignIn { .. });
        prop_assert_eq!(outside, flow.person.is_none());
        if outside {
            prop_assert!(flow.draft == super::Draft::default());
        }
    }

    #[test]
    fn an_answer_to_an_earlier_visit_changes_nothing(steps in moves(), answer in answers()) {
        let mut walk = Walk::along(steps);
        let before = walk.flow.clone();
        let late = before.visit.wrapping_sub(1);
        prop_assume!(!matches!(answer, Answer::Looked(_) | Answer::Finished(_)));
        let signed_in_late = matches!(answer, Answer::SignedIn(Ok(_)));
        let ask = walk.take(Input::Answered(late, answer));
        if signed_in_late {
            // The host holds a session of somebody who left: it is given up, with whatever stands here.
            prop_assert!(ask == Some(Ask::Finish) && walk.flow.screen == Screen::Start);
        } else {
            prop_assert!(ask.is_none() && walk.flow == before);
        }
    }
}

#[test]
fn a_straight_walk_ends_with_a_receipt() {
    let walk = Walk::to("receipt");
    assert!(walk.flow.draft == super::Draft::default());
    assert!(walk.flow.person.is_some());
}

#[test]
fn nobody_starts_at_a_kiosk_that_cannot_take_requests() {
    let mut walk = Walk::new();
    let problem = Some(ErrorReport::new(ErrorCode::ServerUnreachable));
    let state = KioskState { problem, person: None, warn_after: 60, reset_after: 20 };
    walk.take(Input::Answered(0, Answer::Looked(Ok(state))));
    walk.take(Input::Begin);
    assert!(walk.flow.screen == Screen::Start);
    assert_eq!(walk.flow.house.readiness, Readiness::Closed(ErrorCode::ServerUnreachable));
}

#[test]
fn nobody_starts_before_the_host_has_forgotten_the_last_person() {
    let mut walk = Walk::to("menu");
    walk.take(Input::Finish);
    let visit = walk.flow.visit;
    walk.take(Input::Begin);
    assert!(walk.flow.screen == Screen::Start);
    // It is asked again until it says so.
    let fault = Err(ErrorReport::new(ErrorCode::Internal));
    walk.take(Input::Answered(visit, Answer::Finished(fault)));
    assert!(walk.take(Input::Passed(10)) == Some(Ask::Finish));
    assert!(walk.take(Input::Answered(visit, Answer::Finished(Ok(())))) == Some(Ask::Look));
    walk.take(Input::Answered(visit, open()));
    walk.take(Input::Begin);
    assert!(matches!(walk.flow.screen, Screen::SignIn { .. }));
}

#[test]
fn a_page_loaded_over_somebodys_session_ends_that_session() {
    let mut walk = Walk::new();
    let state = KioskState { problem: None, person: Some(marta()), warn_after: 60, reset_after: 20 };
    let ask = walk.take(Input::Answered(0, Answer::Looked(Ok(state))));
    assert!(ask == Some(Ask::Finish) && walk.flow.person.is_none() && !walk.flow.is_ready());
}

#[test]
fn send_pressed_twice_asks_once_and_pressed_again_after_a_failure_keeps_its_name() {
    let mut walk = Walk::to("review");
    let Some(Ask::Send(first)) = walk.take(Input::Send(EnvelopeId::new(""))) else { panic!("not sent") };
    assert!(walk.take(Input::Send(EnvelopeId::new(""))).is_none());
    let visit = walk.flow.visit;
    let failure = Err(ErrorReport::new(ErrorCode::ServerTimeout));
    walk.take(Input::Answered(visit, Answer::Sent(failure)));
    assert_eq!(walk.flow.draft.description, "It hurts");
    let Some(Ask::Send(second)) = walk.take(Input::Send(EnvelopeId::new(""))) else {
        panic!("not sent again")
    };
    assert!(first == second);
}

#[test]
fn what_was_not_taken_goes_again_under_its_name_as_soon_as_the_clinic_answers() {
    for code in [ErrorCode::ServerUnreachable, ErrorCode::ServerTimeout, ErrorCode::MayHaveHappened] {
        let mut walk = Walk::to("review");
        let Some(Ask::Send(first)) = walk.take(Input::Send(EnvelopeId::new(""))) else { panic!("not sent") };
        let visit = walk.flow.visit;
        walk.take(Input::Answered(visit, Answer::Sent(Err(ErrorReport::new(code)))));
        // Nothing is asked of a server that does not answer.
        let away = Answer::Looked(Ok(KioskState {
            problem: Some(ErrorReport::new(ErrorCode::ServerUnreachable)),
            person: Some(marta()),
            warn_after: 60,
            reset_after: 20,
        }));
        assert!(walk.take(Input::Answered(visit, away)).is_none());
        let back = Answer::Looked(Ok(KioskState {
            problem: None,
            person: Some(marta()),
            warn_after: 60,
            reset_after: 20,
        }));
        let Some(Ask::Send(again)) = walk.take(Input::Answered(visit, back.clone())) else {
            panic!("{code:?}: not sent again")
        };
        assert!(again.by_itself && again == KioskRequest { by_itself: true, ..first });
        assert!(walk.take(Input::Answered(visit, back)).is_none(), "one at a time");
    }
}

#[test]
fn what_may_have_been_filed_is_not_changed_into_another() {
    let mut walk = Walk::to("review");
    walk.take(Input::Send(EnvelopeId::new("")));
    let visit = walk.flow.visit;
    walk.take(Input::Answered(visit, Answer::Sent(Err(ErrorReport::new(ErrorCode::MayHaveHappened)))));
    walk.take(Input::Change(Step::Describe));
    walk.take(Input::Back);
    assert!(matches!(walk.flow.screen, Screen::Review { sending: false, .. }));
    assert!(walk.flow.trouble() == Some(super::Trouble::Unsure));
}

#[test]
fn a_request_that_was_changed_has_a_new_name() {
    let mut walk = Walk::to("review");
    let Some(Ask::Send(first)) = walk.take(Input::Send(EnvelopeId::new(""))) else { panic!("not sent") };
    let visit = walk.flow.visit;
    walk.take(Input::Answered(visit, Answer::Sent(Err(ErrorReport::new(ErrorCode::ServerTimeout)))));
    walk.take(Input::Change(Step::Describe));
    walk.take(Input::Describe("It hurts more".into()));
    walk.take(Input::Review);
    let Some(Ask::Send(second)) = walk.take(Input::Send(EnvelopeId::new(""))) else {
        panic!("not sent again")
    };
    assert_ne!(first.request_id, second.request_id);
}

#[test]
fn emergency_goes_through_the_warning_and_back_from_it_decides_nothing() {
    let mut walk = Walk::to("how-soon");
    walk.take(Input::HowSoon(Urgency::Emergency));
    assert!(walk.flow.screen == Screen::Emergency && walk.flow.draft.urgency.is_none());
    walk.take(Input::Back);
    assert!(walk.flow.screen == Screen::HowSoon && walk.flow.draft.urgency.is_none());
    walk.take(Input::HowSoon(Urgency::Emergency));
    walk.take(Input::ToldStaff);
    assert!(walk.flow.draft.urgency == Some(Urgency::Emergency));
}

#[test]
fn a_change_from_the_review_comes_back_to_the_review() {
    let mut walk = Walk::to("review");
    walk.take(Input::Change(Step::HowSoon));
    walk.take(Input::HowSoon(Urgency::Routine));
    assert!(matches!(walk.flow.screen, Screen::Review { .. }));
    assert!(walk.flow.draft.urgency == Some(Urgency::Routine));
}

#[test]
fn start_over_asks_before_it_erases_and_keeps_the_person_signed_in() {
    let mut walk = Walk::to("review");
    walk.take(Input::StartOver);
    walk.take(Input::StartOverAnswered(false));
    assert_eq!(walk.flow.draft.description, "It hurts");
    walk.take(Input::StartOver);
    walk.take(Input::StartOverAnswered(true));
    assert!(walk.flow.screen == Screen::Menu && walk.flow.draft == super::Draft::default());
    assert!(walk.flow.person.is_some());
}

#[test]
fn nothing_moves_while_the_request_is_on_its_way() {
    let mut walk = Walk::to("review");
    walk.take(Input::Send(EnvelopeId::new("")));
    for input in [Input::Back, Input::StartOver, Input::Change(Step::About)] {
        walk.take(input);
        assert!(matches!(walk.flow.screen, Screen::Review { sending: true, .. }));
        assert!(!walk.flow.asks_to_start_over);
    }
}

#[test]
fn a_wrong_code_is_typed_anew_and_a_lost_connection_keeps_it() {
    let mut walk = Walk::to("sign-in");
    walk.take(Input::Code("48-29 13 and more 7".into()));
    walk.take(Input::SignIn);
    let visit = walk.flow.visit;
    let answer = |code| Input::Answered(visit, Answer::SignedIn(Err(ErrorReport::new(code))));
    walk.take(answer(ErrorCode::ServerUnreachable));
    let Screen::SignIn { code, notice: Some(notice), .. } = &walk.flow.screen else { panic!("elsewhere") };
    assert_eq!((code.as_str(), notice.trouble), ("482913", Trouble::NoConnection));
    walk.take(Input::SignIn);
    walk.take(answer(ErrorCode::SignInRefused));
    let Screen::SignIn { code, notice: Some(notice), .. } = &walk.flow.screen else { panic!("elsewhere") };
    assert_eq!((code.as_str(), notice.trouble), ("", Trouble::WrongCode));
}

#[test]
fn an_incomplete_code_is_not_sent() {
    let mut walk = Walk::to("sign-in");
    walk.take(Input::Digit('4'));
    walk.take(Input::Digit('2'));
    walk.take(Input::Rub);
    assert!(walk.take(Input::SignIn).is_none());
    let Screen::SignIn { code, notice: Some(notice), .. } = &walk.flow.screen else { panic!("elsewhere") };
    assert_eq!((code.as_str(), notice.trouble), ("4", Trouble::ShortCode));
}

#[test]
fn what_is_empty_or_too_long_does_not_reach_the_review() {
    let mut walk = Walk::to("describe");
    for (text, trouble) in
        [(" \n ".to_owned(), Trouble::NothingWritten), ("é".repeat(5_001), Trouble::TooLong)]
    {
        walk.take(Input::Describe(text));
        walk.take(Input::Review);
        let Screen::Describe { notice: Some(notice) } = &walk.flow.screen else { panic!("elsewhere") };
        assert_eq!(notice.trouble, trouble);
    }
    walk.take(Input::Describe("é".repeat(5_000)));
    walk.take(Input::Review);
    assert!(matches!(walk.flow.screen, Screen::Review { .. }));
}

#[test]
fn a_language_left_by_a_passer_by_goes_back_to_the_first() {
    let mut walk = Walk::new();
    walk.take(Input::Answered(0, open()));
    walk.take(Input::Speak(Language::Spanish));
    walk.take(Input::Enlarge(true));
    walk.take(Input::Passed(60));
    assert!(walk.flow.language == Language::English && !walk.flow.large && walk.flow.is_ready());
}
