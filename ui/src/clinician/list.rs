//! The list pane: queue, or this person's consultations. Rows come in the order the host gives them and are asked
//! for in pages as they come into view, so that ten thousand cost what twenty do.

use std::{cell::Cell, collections::BTreeMap, ops::Range, rc::Rc};

use chatehr_contract::{
    ConsultationId, ConsultationList, ConsultationRow, Counts, ErrorReport, ListScope, Person, SpecialtyCode,
    command::clinician as command,
};
use gloo_timers::callback::Timeout;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::{
    keys::{Shortcut, shortcut},
    long_list::{self, Cursor, PAGE},
    notice::ErrorNotice,
    row::Row,
    shell::{Dispatch, Step, View},
    typing,
};
use crate::{
    backend::use_backend,
    dom::{self, Listener},
    icon::{Glyph, Icon},
    words,
};

/// What the pane is made of.
#[derive(PartialEq, Properties)]
pub struct ListProps {
    /// Queue or mine.
    pub view: View,
    /// Whose specialties may be chosen between.
    pub person: Person,
    /// For the heading.
    pub counts: Counts,
    /// The open one.
    pub selected: Option<ConsultationId>,
    /// Goes up when the list is to be read again.
    pub revision: u32,
    /// Where a press goes.
    pub dispatch: Dispatch,
}

/// Pages of one question; those of another are never mixed in.
#[derive(Clone, Default, PartialEq)]
struct Pages {
    question: Option<Question>,
    revision: u32,
    total: usize,
    pages: BTreeMap<usize, (u32, Rc<Vec<ConsultationRow>>)>,
    error: Option<ErrorReport>,
}

type Question = (ListScope, Option<SpecialtyCode>);

enum Got {
    Page(Question, u32, usize, chatehr_contract::ConsultationPage),
    Failed(Question, ErrorReport),
}

impl Reducible for Pages {
    type Action = Got;

    fn reduce(self: Rc<Self>, got: Got) -> Rc<Self> {
        let mut next = (*self).clone();
        let (Got::Page(question, ..) | Got::Failed(question, _)) = &got;
        if next.question.as_ref() != Some(question) {
            next = Self { question: Some(question.clone()), ..Self::default() };
        }
        match got {
            Got::Page(_, revision, page, answer) => {
                if next.revision != revision {
                    // Pages of before the change are kept only until the ones in view have come.
                    next.pages.retain(|_, (read_at, _)| *read_at == revision);
                    next.revision = revision;
                }
                next.error = None;
                next.total = answer.total as usize;
                next.pages.insert(page, (revision, Rc::new(answer.rows)));
            }
            Got::Failed(_, error) => next.error = Some(error),
        }
        Rc::new(next)
    }
}

impl Pages {
    fn row(&self, index: usize) -> Option<&ConsultationRow> {
        self.pages.get(&(index / PAGE))?.1.get(index % PAGE)
    }

    /// Where a row that has been read is now.
    fn place(&self, id: &ConsultationId) -> Option<usize> {
        self.pages
            .iter()
            .find_map(|(page, (_, rows))| Some(page * PAGE + rows.iter().position(|row| row.id == *id)?))
    }

    fn fresh(&self, question: &Question, revision: u32, page: usize) -> bool {
        self.question.as_ref() == Some(question)
            && self.error.is_none()
            && self.pages.get(&page).is_some_and(|(read_at, _)| *read_at == revision)
    }
}

/// See the module.
#[component]
pub fn List(props: &ListProps) -> Html {
    let specialty = use_state(|| None::<SpecialtyCode>);
    let closed = use_state(|| false);
    let scope = match (props.view, *closed) {
        (View::Mine, true) => ListScope::Closed,
        (View::Mine, false) => ListScope::Mine,
        _ => ListScope::Queue,
    };
    let question: Question = (scope, (*specialty).clone());
    let (title, about) = match props.view {
        View::Mine => ("My consultations", format!("{} open", words::figure(props.counts.mine))),
        _ if props.counts.queue_urgent > 0 => (
            "Queue",
            format!(
                "{} waiting, {} urgent",
                words::figure(props.counts.queue),
                words::figure(props.counts.queue_urgent)
            ),
        ),
        _ => ("Queue", format!("{} waiting", words::figure(props.counts.queue))),
    };
    let chip = |pressed: bool, label: String, onclick: Callback<MouseEvent>| {
        html! {
            <button type="button" class="chip" aria-pressed={pressed.to_string()} {onclick}>{ label }</button>
        }
    };
    let pick = |code: Option<SpecialtyCode>| {
        let specialty = specialty.setter();
        Callback::from(move |_| specialty.set(code.clone()))
    };
    let shut = |value: bool| {
        let closed = closed.setter();
        Callback::from(move |_| closed.set(value))
    };
    html! {
        <section class="list-pane" aria-label={title}>
            <header class="list-head">
                <div class="list-title"><h1>{ title }</h1><span class="hint">{ about }</span></div>
                if props.view == View::Mine {
                    <div class="chips" role="group" aria-label="Which">
                        { chip(!*closed, "Open".to_owned(), shut(false)) }
                        { chip(*closed, "Closed".to_owned(), shut(true)) }
                    </div>
                }
                if props.view == View::Queue && props.person.specialties.len() > 1 {
                    <div class="chips" role="group" aria-label="Specialty">
                        { chip(specialty.is_none(), "All".to_owned(), pick(None)) }
                        { for props.person.specialties.iter().map(|code| chip(
                            specialty.as_ref() == Some(code), words::specialty(code), pick(Some(code.clone())))) }
                    </div>
                }
            </header>
            <Rows key={format!("{question:?}")} question={question.clone()} selected={props.selected.clone()}
                only={only_one(&props.person.specialties)} revision={props.revision} dispatch={props.dispatch.clone()} />
        </section>
    }
}

fn only_one(specialties: &[SpecialtyCode]) -> Option<SpecialtyCode> {
    match specialties {
        [one] => Some(one.clone()),
        _ => None,
    }
}

#[derive(PartialEq, Properties)]
struct RowsProps {
    question: Question,
    only: Option<SpecialtyCode>,
    selected: Option<ConsultationId>,
    revision: u32,
    dispatch: Dispatch,
}

#[component]
fn Rows(props: &RowsProps) -> Html {
    let backend = use_backend();
    let pages = use_reducer(Pages::default);
    let scroller = use_node_ref();
    let (above, below) = (use_node_ref(), use_node_ref());
    let row_height = use_state(|| 84.0_f64);
    let rows = use_state(|| 0..20_usize);
    let cursor = use_mut_ref(|| None::<Cursor<ConsultationId>>);
    let latest = use_mut_ref(|| pages.clone());
    latest.replace(pages.clone());
    let again = use_state(|| 0_u32);

    let total = pages.total;
    let shown: Range<usize> = rows.start.min(total)..rows.end.min(total);
    let wanted = long_list::pages(&shown);

    {
        let pages = pages.clone();
        let deps = (props.question.clone(), props.revision, wanted, *again);
        use_effect_with(deps, move |(question, revision, wanted, _)| {
            let live = Rc::new(Cell::new(true));
            let (question, revision, wanted) = (question.clone(), *revision, wanted.clone());
            spawn_local({
                let live = live.clone();
                async move {
                    for page in wanted {
                        if pages.fresh(&question, revision, page) {
                            continue;
                        }
                        let ask = ConsultationList {
                            scope: question.0,
                            specialty: question.1.clone(),
                            offset: (page * PAGE) as u32,
                            limit: PAGE as u32,
                        };
                        let answer = backend.call::<command::ConsultationList>(&ask).await;
                        if !live.get() {
                            return;
                        }
                        pages.dispatch(match answer {
                            Ok(answer) => Got::Page(question.clone(), revision, page, answer),
                            Err(error) => Got::Failed(question.clone(), error),
                        });
                    }
                }
            });
            move || live.set(false)
        });
    }

    let measure = {
        let (scroller, rows, height) = (scroller.clone(), rows.clone(), *row_height);
        move || {
            if let Some(element) = scroller.cast::<web_sys::Element>() {
                let now = long_list::visible(
                    f64::from(element.scroll_top()),
                    f64::from(element.client_height()),
                    height,
                    total,
                );
                if now != *rows {
                    rows.set(now);
                }
            }
        }
    };
    let onscroll = {
        let measure = measure.clone();
        move |_: Event| measure()
    };
    {
        let measure = measure.clone();
        use_effect_with((total, *row_height, (*rows).clone()), move |_| {
            measure();
            let resized = Listener::on_window("resize", move |_| measure());
            move || drop(resized)
        });
    }
    {
        let (scroller, row_height) = (scroller.clone(), row_height.clone());
        let spacers = (above.clone(), below.clone());
        use_effect_with((shown.clone(), total, *row_height), move |(shown, total, height)| {
            let pixels = |count: usize| format!("{}px", count as f64 * height);
            dom::place(&spacers.0, "height", &pixels(shown.start));
            dom::place(&spacers.1, "height", &pixels(total - shown.end));
            let first =
                scroller.cast::<web_sys::Element>().and_then(|e| e.query_selector(".queue-item").ok()?);
            let real = first.map(|row| row.get_bounding_client_rect().height());
            if let Some(real) = real.filter(|real| *real > 1.0 && (real - height).abs() > 0.5) {
                row_height.set(real);
            }
        });
    }
    {
        let (scroller, cursor, height) = (scroller.clone(), cursor.clone(), *row_height);
        use_effect_with((total, height), move |(total, height)| {
            let (total, height) = (*total, *height);
            let heard = Listener::on_window("keydown", move |event| {
                let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
                if typing(event) {
                    return;
                }
                let Some(Shortcut::Move(by)) = shortcut(&event.key(), false) else { return };
                let pages = latest.borrow().clone();
                let next = long_list::move_on(
                    cursor.borrow().as_ref(),
                    by,
                    total,
                    |id| pages.place(id),
                    |index| pages.row(index).is_some(),
                );
                let Some(next) = next else { return };
                let id = pages.row(next).map(|row| row.id.clone());
                cursor.replace(Some(Cursor { id, index: next }));
                let Some(element) = scroller.cast::<web_sys::Element>() else { return };
                let (top, viewport) = (f64::from(element.scroll_top()), f64::from(element.client_height()));
                let moved = long_list::reveal(next, top, viewport, height);
                if let Some(top) = moved {
                    element.set_scroll_top(top.ceil() as i32);
                }
                // A row scrolled into view exists only after the next drawing.
                let focus = move || {
                    let row = element.query_selector(&format!("[data-index='{next}']")).ok().flatten();
                    if let Some(row) = row.and_then(|row| row.dyn_into::<web_sys::HtmlElement>().ok()) {
                        drop(row.focus());
                    }
                };
                if moved.is_some() {
                    Timeout::new(40, focus).forget();
                } else {
                    focus();
                }
            });
            move || drop(heard)
        });
    }

    let on_open = {
        let dispatch = props.dispatch.clone();
        use_callback((), move |id, ()| dispatch.dispatch(Step::Open(id)))
    };
    let on_focus = {
        let cursor = cursor.clone();
        use_callback((), move |(id, index): (ConsultationId, usize), ()| {
            cursor.replace(Some(Cursor { id: Some(id), index }));
        })
    };
    let on_again = {
        let again = again.clone();
        Callback::from(move |()| again.set(again.wrapping_add(1)))
    };

    if pages.question.is_none() {
        return skeleton(props.question.0);
    }
    html! {
        <>
            if let Some(error) = &pages.error {
                <div class="list-notice"><ErrorNotice error={error.clone()} {on_again} /></div>
            } else if total == 0 {
                { empty(props.question.0) }
            }
            <div class="list-scroll" ref={scroller} {onscroll} tabindex="-1">
                <ul class="queue">
                    <li key="above" ref={above} role="presentation" aria-hidden="true" />
                    { for shown.map(|index| match pages.row(index) {
                        Some(row) => html! {
                            <Row key={row.id.to_string()} row={row.clone()} {index} {total} only={props.only.clone()}
                                selected={props.selected.as_ref() == Some(&row.id)}
                                on_open={on_open.clone()} on_focus={on_focus.clone()} />
                        },
                        None => html! { <li key={format!("#{index}")} class="queue-item">{ blank_row(props.question.0) }</li> },
                    }) }
                    <li key="below" ref={below} role="presentation" aria-hidden="true" />
                </ul>
            </div>
        </>
    }
}

fn empty(scope: ListScope) -> Html {
    let (title, text) = match scope {
        ListScope::Queue => {
            ("Nobody is waiting", "New requests appear here by themselves. Urgent ones also alert you.")
        }
        ListScope::Mine => ("Nothing open", "Consultations that you accept from the queue appear here."),
        ListScope::Closed => ("Nothing closed yet", "Consultations that you complete stay readable here."),
    };
    html! {
        <div class="empty" data-test="list-empty">
            <Icon glyph={if scope == ListScope::Queue { Glyph::Check } else { Glyph::Consultations }} />
            <strong>{ title }</strong>
            <p>{ text }</p>
        </div>
    }
}

fn blank_row(scope: ListScope) -> Html {
    let waiting = scope == ListScope::Queue;
    html! {
        <div class={classes!("queue-row", "blank", (!waiting).then_some("settled"))} aria-hidden="true">
            if waiting { <span class="ring" /> }<span class="queue-words"><i /><i /><i /></span>
        </div>
    }
}

/// Rows to come, in their real size, so that nothing jumps when they arrive.
pub fn skeleton(scope: ListScope) -> Html {
    html! {
        <div class="list-scroll" aria-busy="true" aria-label="Loading">
            { for (0..6).map(|_| html! { <div class="queue-item">{ blank_row(scope) }</div> }) }
        </div>
    }
}
