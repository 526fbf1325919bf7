//! One row of a list: everything a glance of two seconds needs.

use chatehr_contract::{ConsultationId, ConsultationRow, SpecialtyCode};
use yew::prelude::*;

use super::due::{Ring, Wait, urgency_class};
use crate::{
    icon::{Glyph, Icon},
    time, words,
};

/// What a row is made of.
#[derive(PartialEq, Properties)]
pub struct RowProps {
    /// Whose.
    pub row: ConsultationRow,
    /// Its place in the list, from 0.
    pub index: usize,
    /// How many there are.
    pub total: usize,
    /// The person's one specialty, if they have just one: its name in each row says nothing.
    pub only: Option<SpecialtyCode>,
    /// Whether it is the open one.
    pub selected: bool,
    /// A press.
    pub on_open: Callback<ConsultationId>,
    /// It has the keyboard's focus.
    pub on_focus: Callback<(ConsultationId, usize)>,
}

/// "Marta Szymańska, 67"; the id alone where the server has no directory.
pub fn who(row: &ConsultationRow, today: time::Local) -> String {
    let Some(patient) = &row.patient else { return row.patient_id.to_string() };
    let name = patient.name.spoken();
    match time::age(&patient.birth_date, today) {
        Some(age) => format!("{}, {age}", words::apart(&name)),
        None => name,
    }
}

/// The tag with sign and word.
pub fn urgency_tag(row: &ConsultationRow) -> Html {
    html! {
        <span class={classes!("tag", urgency_class(&row.urgency))}>
            if row.urgency.alerts() { <Icon glyph={Glyph::of(&row.urgency)} /> }
            { words::urgency(&row.urgency) }
        </span>
    }
}

/// See the module.
#[component]
pub fn Row(props: &RowProps) -> Html {
    let RowProps { row, index, total, only, selected, on_open, on_focus } = props;
    let today = time::local(time::now());
    let pending = row.status == chatehr_contract::ConsultationStatus::Pending;
    let named = only.as_ref() != Some(&row.specialty);
    let onclick = {
        let (on_open, id) = (on_open.clone(), row.id.clone());
        move |_| on_open.emit(id.clone())
    };
    let onfocus = {
        let (on_focus, id, index) = (on_focus.clone(), row.id.clone(), *index);
        move |_| on_focus.emit((id.clone(), index))
    };
    html! {
        <li class="queue-item" aria-posinset={(index + 1).to_string()} aria-setsize={total.to_string()}>
            <button type="button" class={classes!("queue-row", urgency_class(&row.urgency), (!pending).then_some("settled"))}
                aria-current={selected.then_some("true")} data-test="queue-row" data-id={row.id.to_string()}
                data-index={index.to_string()} data-urgency={row.urgency.to_string()} {onclick} {onfocus}>
                if pending { <Ring asked={row.created_at} due={row.answer_due} /> }
                <span class="queue-words">
                    <span class="queue-line">
                        { urgency_tag(row) }
                        <span class="queue-specialty">
                            if !pending { { words::consultation_status(&row.status) } }
                            if !pending && named { { " · " } }
                            if pending || named { { words::specialty(&row.specialty) } }
                        </span>
                        <Wait asked={row.created_at} due={row.answer_due} />
                    </span>
                    <span class="queue-line">
                        <strong>{ who(row, today) }</strong>
                        if row.unread > 0 {
                            <span class="badge unread">
                                { row.unread }<span class="visually-hidden">{ " unread" }</span>
                            </span>
                        }
                    </span>
                    <span class="queue-summary">{ row.summary.clone() }</span>
                </span>
            </button>
        </li>
    }
}
