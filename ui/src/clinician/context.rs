//! The right pane: the consultation's facts, what happened to it, and what else there is about this patient.

use std::rc::Rc;

use chatehr_contract::{
    ConsultationRow, ConsultationStatus, ConsultationView, HistoryLine, Person, PersonId,
};
use yew::prelude::*;

use super::{
    rail::title_and_name,
    shell::{Dispatch, Step},
};
use crate::{
    icon::{Glyph, Icon},
    time, words,
};

/// What the pane is made of.
pub struct ContextProps {
    /// Whose.
    pub view: Rc<ConsultationView>,
    /// Who is signed in.
    pub person: Person,
    /// Whether it is pulled out, where the window is too narrow to show it always.
    pub shown: bool,
    /// Where its buttons go.
    pub dispatch: Dispatch,
}

/// What a line of the history says: "Accepted", "Declined: not my field".
pub fn history_words(line: &HistoryLine) -> String {
    let entry = &line.entry;
    let what = match (entry.action.as_str(), &entry.to) {
        ("created", _) => "Request made".to_owned(),
        ("declined", _) => "Declined".to_owned(),
        ("note", _) => "Note".to_owned(),
        ("status", Some(ConsultationStatus::Assigned)) => "Accepted".to_owned(),
        ("status", Some(ConsultationStatus::InProgress)) => "Started".to_owned(),
        ("status", Some(ConsultationStatus::Pending)) => "Back in the queue".to_owned(),
        ("status", Some(status)) => words::consultation_status(status),
        (other, _) => words::as_came(other),
    };
    match &entry.note {
        Some(note) if !note.is_empty() => format!("{what}: {note}"),
        _ => what,
    }
}

/// Who did it: "you", "patient", a name, or nobody for the server.
pub fn history_actor(line: &HistoryLine, me: &PersonId, patient: &PersonId) -> Option<String> {
    let actor = line.actor.as_ref()?;
    Some(if actor.id == *me {
        "you".to_owned()
    } else if actor.id == *patient {
        "patient".to_owned()
    } else {
        words::person(actor)
    })
}

/// What is still open before what is over; the order among each stays.
fn open_first(rows: &[ConsultationRow]) -> Vec<&ConsultationRow> {
    let (open, over): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.status.is_open());
    open.into_iter().chain(over).collect()
}

/// See the module.
pub fn context(props: &ContextProps) -> Html {
    let (view, row) = (&props.view, &props.view.row);
    let today = time::local(time::now());
    let asked = time::local(row.created_at);
    let others = open_first(&view.earlier);
    let with = if view.mine {
        Some(title_and_name(&props.person))
    } else {
        view.physician.as_ref().map(|physician| match physician.name {
            Some(_) => format!("Dr {}", words::person(physician)),
            None => words::person(physician),
        })
    };
    let close = {
        let dispatch = props.dispatch.clone();
        move |_| dispatch.dispatch(Step::Details(false))
    };
    html! {
        <aside class={classes!("context", props.shown.then_some("shown"))} aria-label="Details">
            <button type="button" class="button quiet small icon-only context-close" aria-label="Close details" onclick={close}>
                <Icon glyph={Glyph::Close} />
            </button>
            <section>
                <h3>{ "Consultation" }</h3>
                <dl class="facts">
                    <dt>{ "Specialty" }</dt><dd>{ words::specialty(&row.specialty) }</dd>
                    <dt>{ "Urgency" }</dt><dd>{ format!("{}, says the patient", words::urgency(&row.urgency)) }</dd>
                    <dt>{ "Status" }</dt><dd>{ words::consultation_status(&row.status) }</dd>
                    <dt>{ "Asked" }</dt><dd>{ format!("{} {}", asked.day_words(today), asked.clock()) }</dd>
                    if let Some(with) = with { <dt>{ "Physician" }</dt><dd>{ with }</dd> }
                    if let Some(language) = row.patient.as_ref().and_then(|patient| patient.language.clone()) {
                        <dt>{ "Language" }</dt><dd>{ language_words(&language) }</dd>
                    }
                </dl>
            </section>
            if !view.history.is_empty() {
                <section>
                    <h3>{ "What happened" }</h3>
                    <ol class="happened">
                        { for view.history.iter().map(|line| {
                            let at = time::local(line.entry.at);
                            let at = if at.same_day(today) { at.clock_seconds() } else { at.when(today) };
                            let actor = history_actor(line, &props.person.id, &row.patient_id);
                            html! {
                                <li>
                                    <span>{ history_words(line) }</span>
                                    <span class="hint">{ at }{ actor.map(|actor| format!(" · {actor}")).unwrap_or_default() }</span>
                                </li>
                            }
                        }) }
                    </ol>
                </section>
            }
            <section>
                <h3>{ "Appointments" }</h3>
                if view.appointments.is_empty() { <p class="hint">{ "None with you." }</p> }
                <dl class="facts">
                    { for view.appointments.iter().map(|appointment| {
                        let at = time::local(appointment.date_time);
                        html! {
                            <>
                                <dt>{ at.weekday_date(today) }</dt>
                                <dd>
                                    { format!("{} {}, ", at.clock(), words::as_came(&appointment.kind)) }
                                    { words::appointment_status(&appointment.status).to_lowercase() }
                                </dd>
                            </>
                        }
                    }) }
                </dl>
            </section>
            <section>
                <h3>{ if others.iter().any(|other| other.status.is_open()) { "Other consultations" } else { "Earlier consultations" } }</h3>
                if view.earlier.is_empty() { <p class="hint">{ "None that you may see." }</p> }
                <ul class="earlier">
                    { for others.iter().map(|earlier| {
                        let (dispatch, id) = (props.dispatch.clone(), earlier.id.clone());
                        html! {
                            <li key={earlier.id.to_string()}>
                                <button type="button" onclick={move |_| dispatch.dispatch(Step::Open(id.clone()))}>
                                    <span class="hint">{ time::local(earlier.created_at).date(today) }</span>
                                    <span>
                                        <span class="earlier-summary">{ earlier.summary.clone() }</span>
                                        if earlier.status.is_open() {
                                            <span class="tag">{ words::consultation_status(&earlier.status) }</span>
                                        } else {
                                            <span class="hint">{ words::consultation_status(&earlier.status) }</span>
                                        }
                                    </span>
                                </button>
                            </li>
                        }
                    }) }
                </ul>
            </section>
        </aside>
    }
}

/// The languages spoken in most clinics by name, the tag for the others.
fn language_words(tag: &str) -> String {
    let primary = tag.split('-').next().unwrap_or(tag);
    match primary {
        "ar" => "Arabic",
        "de" => "German",
        "en" => "English",
        "es" => "Spanish",
        "fr" => "French",
        "hi" => "Hindi",
        "it" => "Italian",
        "ko" => "Korean",
        "pl" => "Polish",
        "pt" => "Portuguese",
        "ru" => "Russian",
        "sv" => "Swedish",
        "tl" => "Tagalog",
        "uk" => "Ukrainian",
        "vi" => "Vietnamese",
        "zh" => "Chinese",
        _ => tag,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{
        ConsultationRow, ConsultationStatus, HistoryEntry, HistoryLine, PersonId, PersonLabel, Timestamp,
    };

    fn line(
        action: &str,
        to: Option<ConsultationStatus>,
        note: Option<&str>,
        actor: Option<&str>,
    ) -> HistoryLine {
        HistoryLine {
            entry: HistoryEntry {
                at: Timestamp::from_millis(0),
                actor_id: actor.map(PersonId::new),
                action: action.into(),
                from: None,
                to,
                note: note.map(Into::into),
            },
            actor: actor.map(|id| PersonLabel { id: PersonId::new(id), name: None }),
        }
    }

    #[test]
    fn history_reads_as_deeds() {
        let words = |line| super::history_words(&line);
        assert_eq!(words(line("created", None, None, None)), "Request made");
        assert_eq!(words(line("status", Some(ConsultationStatus::Assigned), None, None)), "Accepted");
        assert_eq!(words(line("declined", None, Some("Off duty"), None)), "Declined: Off duty");
        assert_eq!(words(line("triage_changed", None, None, None)), "Triage changed");
    }

    #[test]
    fn what_is_still_open_stands_before_what_is_over() {
        let row = |id: &str, status| ConsultationRow {
            id: chatehr_contract::ConsultationId::new(id),
            patient_id: PersonId::new("p"),
            patient: None,
            specialty: "cardiology".into(),
            urgency: "routine".into(),
            status,
            summary: String::new(),
            created_at: Timestamp::from_millis(0),
            answer_due: None,
            unread: 0,
        };
        let rows = [
            row("a", ConsultationStatus::Completed),
            row("b", ConsultationStatus::InProgress),
            row("c", ConsultationStatus::Cancelled),
            row("d", ConsultationStatus::Pending),
        ];
        let order: Vec<_> = super::open_first(&rows).into_iter().map(|row| row.id.as_str()).collect();
        assert_eq!(order, ["b", "d", "a", "c"]);
    }

    #[test]
    fn the_person_signed_in_is_you() {
        let (me, patient) = (PersonId::new("me"), PersonId::new("p"));
        let who = |id| super::history_actor(&line("created", None, None, id), &me, &patient);
        assert_eq!(who(Some("me")).as_deref(), Some("you"));
        assert_eq!(who(Some("p")).as_deref(), Some("patient"));
        assert_eq!(who(Some("physician-9")).as_deref(), Some("physician-9"));
        assert_eq!(who(None), None);
    }
}
