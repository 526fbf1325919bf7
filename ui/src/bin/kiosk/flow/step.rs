//! The one transition function.
//!
//! An input that has no meaning on the screen at hand changes nothing: a finger that comes down twice, an answer
//! that comes late, a key pressed under a dialog.

use chatehr_contract::{
    ErrorCode, ErrorReport, KioskRequest, KioskSignIn, KioskState, MAX_DESCRIPTION_CHARS, Urgency,
};

use super::{
    Answer, Ask, CODE_DIGITS, Draft, Flow, Input, LOOK_EVERY, Need, Notice, Readiness, Reading, Screen, Step,
    Trouble,
};

/// What the input makes of the flow, and what the host is to be asked.
pub(crate) fn step(flow: Flow, input: Input) -> (Flow, Option<Ask>) {
    let mut flow = flow;
    match input {
        Input::Passed(seconds) => return passed(flow, seconds),
        Input::Answered(visit, answer) => return answered(flow, visit, answer),
        Input::Finish if flow.screen != Screen::Start => return reset(flow),
        Input::StillHere => {
            flow.still = 0;
            return (flow, None);
        }
        // Under the warning only "I'm still here" counts, so that the touch which meant it does nothing else.
        _ if flow.warning().is_some() => return (flow, None),
        _ => flow.still = 0,
    }
    match input {
        Input::Speak(language) => flow.language = language,
        Input::Enlarge(large) => flow.large = large,
        Input::StartOverAnswered(erase) => {
            let asked = std::mem::take(&mut flow.asks_to_start_over);
            if asked && erase {
                flow = begin_again(flow);
            }
        }
        _ if flow.asks_to_start_over => {}
        Input::StartOver => flow = start_over(flow),
        Input::Back => return back(flow),
        input => return on_screen(flow, input),
    }
    (flow, None)
}

fn on_screen(mut flow: Flow, input: Input) -> (Flow, Option<Ask>) {
    let mut ask = None;
    flow.screen = match (flow.screen, input) {
        (Screen::Start, Input::Begin)
            if flow.house.readiness == Readiness::Open && !flow.house.owes_finish =>
        {
            Screen::SignIn { code: String::new(), waiting: false, notice: None }
        }
        (Screen::SignIn { waiting: false, code, notice }, input) => sign_in(code, notice, input, &mut ask),
        (Screen::Menu, Input::Need(Need::Request)) => {
            // A kiosk that has lost its connection says so before the person writes anything.
            ask = Some(Ask::Look);
            Screen::About
        }
        (Screen::Menu, Input::Need(Need::Appointments))
        | (Screen::Appointments(Reading::Failed(_)), Input::ReadAgain) => {
            ask = Some(Ask::Appointments);
            Screen::Appointments(Reading::Waiting)
        }
        (Screen::Menu, Input::Need(Need::Messages))
        | (Screen::Messages(Reading::Failed(_)), Input::ReadAgain) => {
            ask = Some(Ask::Messages);
            Screen::Messages(Reading::Waiting)
        }
        (Screen::About, Input::About(specialty)) => {
            flow.draft.change(|draft| draft.specialty = Some(specialty));
            onwards(&mut flow.draft, Screen::HowSoon)
        }
        (Screen::HowSoon, Input::HowSoon(Urgency::Emergency)) => Screen::Emergency,
        (Screen::HowSoon, Input::HowSoon(urgency)) => {
            flow.draft.change(|draft| draft.urgency = Some(urgency));
            onwards(&mut flow.draft, Screen::Describe { notice: None })
        }
        (Screen::Emergency, Input::ToldStaff) => {
            flow.draft.change(|draft| draft.urgency = Some(Urgency::Emergency));
            onwards(&mut flow.draft, Screen::Describe { notice: None })
        }
        (Screen::Describe { .. }, Input::Describe(text)) => {
            flow.draft.change(|draft| draft.description = text);
            Screen::Describe { notice: None }
        }
        (Screen::Describe { .. }, Input::Review) => review(&mut flow.draft),
        (Screen::Review { sending: false, notice }, Input::Change(step)) if !is_unsure(notice) => {
            flow.draft.changing = true;
            match step {
                Step::About => Screen::About,
                Step::HowSoon => Screen::HowSoon,
                Step::Describe => Screen::Describe { notice: None },
            }
        }
        (Screen::Review { sending: false, notice }, Input::Send(id)) => {
            flow.draft.request_id.get_or_insert(id);
            ask = request(&flow.draft, false);
            Screen::Review { sending: ask.is_some(), notice: if ask.is_some() { None } else { notice } }
        }
        (screen, _) => screen,
    };
    (flow, ask)
}

fn sign_in(mut code: String, notice: Option<Notice>, input: Input, ask: &mut Option<Ask>) -> Screen {
    match input {
        Input::Code(text) => {
            let code = text.chars().filter(char::is_ascii_digit).take(CODE_DIGITS).collect();
            Screen::SignIn { code, waiting: false, notice: None }
        }
        Input::Digit(digit) => {
            if digit.is_ascii_digit() && code.len() < CODE_DIGITS {
                code.push(digit);
            }
            Screen::SignIn { code, waiting: false, notice: None }
        }
        Input::Rub => {
            code.pop();
            Screen::SignIn { code, waiting: false, notice: None }
        }
        Input::SignIn if code.len() < CODE_DIGITS => {
            let notice = Notice { trouble: Trouble::ShortCode, code: ErrorCode::Invalid };
            Screen::SignIn { code, waiting: false, notice: Some(notice) }
        }
        Input::SignIn => {
            *ask = Some(Ask::SignIn(KioskSignIn { code: code.clone() }));
            Screen::SignIn { code, waiting: true, notice: None }
        }
        _ => Screen::SignIn { code, waiting: false, notice },
    }
}

/// What is reviewed, under the name that it has.
fn request(draft: &Draft, by_itself: bool) -> Option<Ask> {
    let (specialty, urgency, description) = draft.answers()?;
    Some(Ask::Send(KioskRequest {
        request_id: draft.request_id.clone()?,
        by_itself,
        specialty: specialty.clone(),
        urgency: urgency.clone(),
        description: description.to_owned(),
    }))
}

/// Whether it may have been filed: then it is not changed into another, which would be a second one.
fn is_unsure(notice: Option<Notice>) -> bool {
    notice.is_some_and(|notice| notice.trouble == Trouble::Unsure)
}

/// The next step, or the review again when one answer was being changed.
fn onwards(draft: &mut Draft, next: Screen) -> Screen {
    if draft.changing && draft.answers().is_some() { review(draft) } else { next }
}

fn review(draft: &mut Draft) -> Screen {
    if draft.answers().is_some() {
        draft.changing = false;
        return Screen::Review { sending: false, notice: None };
    }
    let length = draft.description.trim().chars().count();
    let trouble = if length > MAX_DESCRIPTION_CHARS { Trouble::TooLong } else { Trouble::NothingWritten };
    Screen::Describe { notice: Some(Notice { trouble, code: ErrorCode::Invalid }) }
}

fn back(mut flow: Flow) -> (Flow, Option<Ask>) {
    let to_review = flow.draft.changing && flow.draft.answers().is_some();
    flow.screen = match flow.screen {
        Screen::SignIn { .. } => {
            // A sign-in may be under way, so this is a reset; but the person is still here, with their language.
            let (language, large) = (flow.language, flow.large);
            let (fresh, ask) = reset(flow);
            return (Flow { language, large, ..fresh }, ask);
        }
        Screen::About | Screen::HowSoon | Screen::Describe { .. } if to_review => review(&mut flow.draft),
        Screen::About | Screen::Appointments(_) | Screen::Messages(_) | Screen::Receipt(_) => Screen::Menu,
        Screen::HowSoon => Screen::About,
        Screen::Emergency | Screen::Describe { .. } => Screen::HowSoon,
        Screen::Review { sending: false, notice } if !is_unsure(notice) => Screen::Describe { notice: None },
        screen => screen,
    };
    (flow, None)
}

/// Once something is written, erasing it is asked first.
fn start_over(mut flow: Flow) -> Flow {
    match flow.screen {
        Screen::Review { sending: true, .. } => flow,
        _ if flow.progress().is_none() => flow,
        _ if flow.draft.description.trim().is_empty() => begin_again(flow),
        _ => {
            flow.asks_to_start_over = true;
            flow
        }
    }
}

/// The person stays signed in: their code from staff may work only once.
fn begin_again(mut flow: Flow) -> Flow {
    flow.draft = Draft::default();
    flow.screen = Screen::Menu;
    flow
}

/// Forget the person, here and in the host.
fn reset(flow: Flow) -> (Flow, Option<Ask>) {
    let mut house = flow.house;
    house.owes_finish = true;
    (Flow::fresh(house, flow.visit.wrapping_add(1)), Some(Ask::Finish))
}

fn passed(mut flow: Flow, seconds: u32) -> (Flow, Option<Ask>) {
    flow.still = flow.still.saturating_add(seconds);
    if flow.warning() == Some(0) {
        return reset(flow);
    }
    if flow.screen == Screen::Start && flow.still >= flow.house.warn_after {
        // Whoever chose a language or a text size has left.
        flow = Flow::fresh(flow.house, flow.visit);
    }
    flow.house.since_look = flow.house.since_look.saturating_add(seconds);
    if flow.house.since_look < LOOK_EVERY {
        return (flow, None);
    }
    flow.house.since_look = 0;
    let ask = if flow.house.owes_finish { Ask::Finish } else { Ask::Look };
    (flow, Some(ask))
}

fn answered(mut flow: Flow, visit: u32, answer: Answer) -> (Flow, Option<Ask>) {
    match answer {
        Answer::Looked(answer) => return looked(flow, answer),
        Answer::Finished(answer) => return finished(flow, answer),
        // The host has just signed in somebody who has left; whoever is here now must not act in their name.
        Answer::SignedIn(Ok(_)) if visit != flow.visit => return reset(flow),
        _ if visit != flow.visit => return (flow, None),
        _ => {}
    }
    flow.screen = match (flow.screen, answer) {
        (Screen::SignIn { waiting: true, .. }, Answer::SignedIn(Ok(person))) => {
            flow.person = Some(person);
            Screen::Menu
        }
        (Screen::SignIn { waiting: true, code, .. }, Answer::SignedIn(Err(error))) => {
            let notice = sign_in_notice(&error);
            // A wrong code is typed anew; for anything else it is still the right one.
            let code = if notice.trouble == Trouble::WrongCode { String::new() } else { code };
            Screen::SignIn { code, waiting: false, notice: Some(notice) }
        }
        (Screen::Review { sending: true, .. }, Answer::Sent(Ok(receipt))) => {
            flow.draft = Draft::default();
            Screen::Receipt(receipt)
        }
        (Screen::Review { sending: true, .. }, Answer::Sent(Err(error))) => {
            Screen::Review { sending: false, notice: Some(Notice::of(&error)) }
        }
        (Screen::Appointments(_), Answer::Appointments(answer)) => Screen::Appointments(Reading::of(answer)),
        (Screen::Messages(_), Answer::Messages(answer)) => Screen::Messages(Reading::of(answer)),
        (screen, _) => screen,
    };
    (flow, None)
}

/// An account of another kind, or a code of the wrong form, is to a patient a code that does not work.
fn sign_in_notice(error: &ErrorReport) -> Notice {
    use ErrorCode as C;
    match error.code {
        C::WrongRole | C::Invalid | C::NotFound | C::Forbidden | C::SignedOut => {
            Notice { trouble: Trouble::WrongCode, code: error.code }
        }
        _ => Notice::of(error),
    }
}

fn looked(mut flow: Flow, answer: Result<KioskState, ErrorReport>) -> (Flow, Option<Ask>) {
    flow.house.since_look = 0;
    let state = match answer {
        Ok(state) => state,
        Err(error) => {
            flow.house.readiness = Readiness::Closed(error.code);
            return (flow, None);
        }
    };
    flow.house.readiness = match state.problem {
        Some(problem) => Readiness::Closed(problem.code),
        None => Readiness::Open,
    };
    // A warning of no length would be no warning.
    flow.house.warn_after = state.warn_after.max(1);
    flow.house.reset_after = state.reset_after.max(1);
    if state.person.is_some() && flow.screen == Screen::Start {
        // The page was loaded anew over somebody's session: they are not known here, so they are not kept there.
        return reset(flow);
    }
    // What was sent and not taken goes again as soon as somebody answers, for as long as the person stands here.
    if let Screen::Review { sending: false, notice: Some(notice) } = &flow.screen
        && notice.trouble.may_pass()
        && flow.house.readiness == Readiness::Open
        && !flow.asks_to_start_over
        && let Some(ask) = request(&flow.draft, true)
    {
        flow.screen = Screen::Review { sending: true, notice: Some(*notice) };
        return (flow, Some(ask));
    }
    (flow, None)
}

fn finished(mut flow: Flow, answer: Result<(), ErrorReport>) -> (Flow, Option<Ask>) {
    match answer {
        Ok(()) => {
            flow.house.owes_finish = false;
            (flow, Some(Ask::Look))
        }
        Err(error) => {
            flow.house.readiness = Readiness::Closed(error.code);
            (flow, None)
        }
    }
}

impl Draft {
    /// Changes an answer; other content is another request, with a name of its own.
    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        let before = (self.specialty.clone(), self.urgency.clone(), self.description.clone());
        change(self);
        if before != (self.specialty.clone(), self.urgency.clone(), self.description.clone()) {
            self.request_id = None;
        }
    }
}

impl<T> Reading<T> {
    fn of(answer: Result<T, ErrorReport>) -> Self {
        match answer {
            Ok(content) => Self::Here(content),
            Err(error) => Self::Failed(Notice::of(&error)),
        }
    }
}
