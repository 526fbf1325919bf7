//! Time that runs: how long somebody has waited, how long there is to answer. Each clock redraws itself alone.

use chatehr_contract::{ConsultationRow, Timestamp, Urgency};
use yew::prelude::*;

use crate::{dom::use_server_clock, time};

/// Time left to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// "0:54", and how many of a hundred parts of the time are left.
    In(String, u32),
    /// "3 min".
    Overdue(String),
}

/// How much of the time from `asked` to `due` is left at `now`.
pub fn due(now: Timestamp, asked: Timestamp, due: Timestamp) -> Due {
    let left = due.seconds_since(now);
    if left < 0 {
        return Due::Overdue(time::span_words(-left));
    }
    let whole = due.seconds_since(asked).max(1);
    let percent = u32::try_from((left.saturating_mul(100) / whole).clamp(0, 100)).unwrap_or(0);
    Due::In(time::countdown(left), percent)
}

/// The sentence of the action bar: "Emergency, 0:54 to answer".
pub fn pressing(now: Timestamp, row: &ConsultationRow) -> String {
    let urgency = crate::words::urgency(&row.urgency);
    match row.answer_due.map(|until| due(now, row.created_at, until)) {
        Some(Due::In(left, _)) => format!("{urgency}, {left} to answer"),
        Some(Due::Overdue(by)) => format!("{urgency}, answer overdue {by}"),
        None => format!("{urgency}, waiting {}", time::span_words(now.seconds_since(row.created_at))),
    }
}

/// Whether the answer should have been given before `now`.
pub fn overdue(now: Timestamp, row: &ConsultationRow) -> bool {
    row.answer_due.is_some_and(|until| until.seconds_since(now) < 0)
}

/// The class that colours an urgency.
pub const fn urgency_class(urgency: &Urgency) -> &'static str {
    match urgency {
        Urgency::Emergency => "emergency",
        Urgency::Urgent | Urgency::Other(_) => "urgent",
        Urgency::Routine => "routine",
    }
}

/// Whose time runs.
#[derive(PartialEq, Properties)]
pub struct RunningProps {
    /// When it was asked for.
    pub asked: Timestamp,
    /// Until when somebody should answer.
    #[prop_or_default]
    pub due: Option<Timestamp>,
}

/// The ring with its figure; an empty place where nothing is due, so that the rows stay in line.
#[component]
pub fn Ring(props: &RunningProps) -> Html {
    let shown = use_server_clock((props.asked, props.due), |now, (asked, until)| {
        until.map(|until| due(now, *asked, until))
    });
    let Some(shown) = shown else { return html! { <span class="ring" /> } };
    let overdue = matches!(shown, Due::Overdue(_));
    let (figure, percent, label) = match shown {
        Due::In(left, percent) => (left.clone(), percent, format!("{left} to answer")),
        Due::Overdue(by) => ("late".to_owned(), 100, format!("answer overdue {by}")),
    };
    html! {
        <span class={classes!("ring", overdue.then_some("late"))} role="timer" aria-label={label}>
            <svg viewBox="0 0 44 44" aria-hidden="true">
                <circle class="ring-track" cx="22" cy="22" r="19" />
                <circle class="ring-left" cx="22" cy="22" r="19" pathLength="100"
                    stroke-dasharray={format!("{percent} 100")} transform="rotate(-90 22 22)" />
            </svg>
            <span aria-hidden="true" class={classes!((figure.len() > 4).then_some("long"))}>{ figure }</span>
        </span>
    }
}

/// "3 min", or "overdue 3 min" once the answer is.
#[component]
pub fn Wait(props: &RunningProps) -> Html {
    let (overdue, words) = use_server_clock((props.asked, props.due), |now, (asked, until)| {
        match until.map(|until| due(now, *asked, until)) {
            Some(Due::Overdue(by)) => (true, format!("overdue {by}")),
            _ => (false, time::wait_words(now.seconds_since(*asked))),
        }
    });
    html! { <span class={classes!("wait", overdue.then_some("overdue"))}>{ words }</span> }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::Timestamp;

    use super::{Due, due};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_ring_runs_from_whole_to_empty() {
        assert_eq!(due(at(0), at(0), at(120)), Due::In("2:00".into(), 100));
        assert_eq!(due(at(66), at(0), at(120)), Due::In("0:54".into(), 45));
        assert_eq!(due(at(120), at(0), at(120)), Due::In("0:00".into(), 0));
    }

    #[test]
    fn past_its_time_it_says_by_how_much() {
        assert_eq!(due(at(300), at(0), at(120)), Due::Overdue("3 min".into()));
        assert_eq!(due(at(121), at(0), at(120)), Due::Overdue("1 s".into()));
    }

    #[test]
    fn a_due_time_before_the_request_breaks_nothing() {
        assert_eq!(due(at(0), at(50), at(20)), Due::In("0:20".into(), 100));
    }
}
