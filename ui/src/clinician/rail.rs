//! The left rail: who is signed in, where one can go, and at its foot how things stand with the server.

use chatehr_contract::{Connection, Person, ProgramState, Role};
use yew::prelude::*;

use super::{
    connection, glass,
    shell::{Dispatch, Step, View},
};
use crate::{
    icon::{Glyph, Icon},
    time, words,
};

/// What the rail is made of. A plain function, as all drawings without a state of their own: a component costs 10 kB.
pub struct RailProps {
    /// Connection and figures.
    pub state: std::rc::Rc<ProgramState>,
    /// Who is signed in.
    pub person: Person,
    /// Where we are.
    pub view: View,
    /// Where a press goes.
    pub dispatch: Dispatch,
    /// Lock the screen.
    pub on_lock: Callback<MouseEvent>,
}

/// "Dr Amara Okafor".
pub fn title_and_name(person: &Person) -> String {
    let name = person.name.spoken();
    if person.role == Role::Physician { format!("Dr {name}") } else { name }
}

/// "Cardiology, Primary care".
pub fn what_they_do(person: &Person) -> String {
    if person.specialties.is_empty() {
        return words::as_came(person.role.as_str());
    }
    let specialties = person.specialties.iter().map(words::specialty).collect::<Vec<_>>().join(", ");
    if person.role == Role::Nurse { format!("Nurse, {specialties}") } else { specialties }
}

/// "for Dr Amara Okafor".
pub fn for_whom(state: &ProgramState) -> Option<String> {
    state.acts_for.as_ref().map(|physician| format!("for Dr {}", physician.spoken()))
}

/// "AO".
pub fn initials(name: &chatehr_contract::PersonName) -> String {
    let first = name.given.first().and_then(|given| given.chars().next());
    first.into_iter().chain(name.family.chars().next()).flat_map(char::to_uppercase).collect()
}

/// What the outbox's figures mean.
pub fn outbox_words(waiting: u32, stuck: u32) -> String {
    match (waiting, stuck) {
        (0, 0) => "Nothing waiting to be sent".to_owned(),
        (waiting, 0) => format!("{waiting} waiting to be sent"),
        (0, 1) => "1 unsent, needs you".to_owned(),
        (0, stuck) => format!("{stuck} unsent, need you"),
        (waiting, 1) => format!("{waiting} waiting, 1 needs you"),
        (waiting, stuck) => format!("{waiting} waiting, {stuck} need you"),
    }
}

/// See the module.
pub fn rail(props: &RailProps) -> Html {
    let RailProps { state, person, view, dispatch, on_lock } = props;
    // A nurse's are their physician's.
    let mine = if person.role == Role::Nurse { "Consultations" } else { "My consultations" };
    let counts = state.counts;
    let entry = |to: View, glyph: Glyph, label: &'static str, test: &'static str, badge: Html| {
        let dispatch = dispatch.clone();
        html! {
            <li>
                <button type="button" class="rail-entry" data-test={test} title={label}
                    aria-current={(*view == to).then_some("page")}
                    onclick={move |_| dispatch.dispatch(Step::Go(to))}>
                    <Icon glyph={glyph} /><span class="rail-word">{ label }</span>{ badge }
                </button>
            </li>
        }
    };
    let queue_badge = if counts.queue_urgent > 0 {
        html! {
            <span class="badge loud">{ words::figure(counts.queue_urgent) }<span class="visually-hidden">{ " urgent" }</span></span>
        }
    } else if counts.queue > 0 {
        html! { <span class="badge">{ words::figure(counts.queue) }<span class="visually-hidden">{ " waiting" }</span></span> }
    } else {
        Html::default()
    };
    let mine_badge = html! {
        <>
            if counts.unread > 0 {
                <span class="badge bright" title={format!("{} unread", words::figure(counts.unread))}>
                    // Wider, it would cover what it stands beside.
                    { if counts.unread > 99 { "99+".to_owned() } else { words::figure(counts.unread) } }
                    <span class="visually-hidden">{ " unread" }</span>
                </span>
            }
            if counts.mine > 0 {
                <span class="badge">{ words::figure(counts.mine) }<span class="visually-hidden">{ " open" }</span></span>
            }
        </>
    };
    html! {
        <nav class="rail" aria-label="Main">
            <div class="rail-person" data-test="rail-person">
                <span class="avatar" aria-hidden="true">{ initials(&person.name) }</span>
                // Never hidden, however narrow the window is: who is signed in is told by it alone.
                <span class="rail-who">
                    <strong>{ title_and_name(person) }</strong>
                    if let Some(physician) = for_whom(state) { <span data-test="acts-for">{ physician }</span> }
                    <span class="rail-does">{ what_they_do(person) }</span>
                </span>
            </div>
            <ul>
                { entry(View::Queue, Glyph::Queue, "Queue", "nav-queue", queue_badge) }
                { entry(View::Mine, Glyph::Consultations, mine, "nav-mine", mine_badge) }
                { entry(View::Appointments, Glyph::Calendar, "Appointments", "nav-appointments", Html::default()) }
                { entry(View::Settings, Glyph::Settings, "Settings", "nav-settings", Html::default()) }
            </ul>
            if glass::may_break(person) {
                <button type="button" class="rail-entry rail-lock" data-test="emergency" title="Open a record in an emergency"
                    onclick={let dispatch = dispatch.clone(); move |_| dispatch.dispatch(Step::Emergency(Some(String::new())))}>
                    <Icon glyph={Glyph::Warning} /><span class="rail-word">{ "Emergency access" }</span>
                </button>
            }
            <button type="button" class="rail-entry rail-lock" data-test="lock-now" title="Lock (Ctrl+L)" onclick={on_lock.clone()}>
                <Icon glyph={Glyph::Lock} /><span class="rail-word">{ "Lock" }</span>
                <kbd class="key rail-word" aria-hidden="true">{ "Ctrl L" }</kbd>
            </button>
            { standing(state) }
        </nav>
    }
}

fn standing(state: &ProgramState) -> Html {
    let today = time::local(time::now());
    let kind = connection::kind(&state.connection);
    let word = connection::title(&state.connection, |at| time::local(at).when(today));
    let step = state.synced_at.map(time::local).map(|at| {
        let at = if at.same_day(today) { at.clock_seconds() } else { at.when(today) };
        if kind == "online" { format!("In step at {at}") } else { format!("Last in step {at}") }
    });
    let outbox = outbox_words(state.outbox_waiting, state.outbox_stuck);
    html! {
        <div class="standing" role="status" title={format!("{word}. {outbox}.")}>
            <p class="connection" data-test="connection" data-kind={kind}>
                <span class="dot" aria-hidden="true" /><span class="rail-word">{ word }</span>
            </p>
            if matches!(state.connection, Connection::Offline { .. }) {
                <p class="rail-word"><connection::Retry at={connection::retry_at(&state.connection)} /></p>
            }
            if let Some(step) = step { <p class="rail-word">{ step }</p> }
            <p class={classes!("rail-word", (state.outbox_stuck > 0).then_some("needs"))} data-test="outbox">
                { outbox }
            </p>
            if state.notifications.is_some() {
                <p class="rail-word needs">{ "No desktop notifications" }</p>
            }
        </div>
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::PersonName;

    #[test]
    fn the_outbox_says_what_it_needs() {
        let words = [(0, 0), (2, 0), (0, 1), (1, 1), (3, 2)].map(|(w, s)| super::outbox_words(w, s));
        assert_eq!(
            words,
            [
                "Nothing waiting to be sent",
                "2 waiting to be sent",
                "1 unsent, needs you",
                "1 waiting, 1 needs you",
                "3 waiting, 2 need you"
            ]
        );
    }

    #[test]
    fn initials_survive_any_alphabet() {
        let name = |family: &str, given: &[&str]| PersonName {
            family: family.into(),
            given: given.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(super::initials(&name("Østergård", &["Åse"])), "ÅØ");
        assert_eq!(super::initials(&name("", &[])), "");
    }
}
