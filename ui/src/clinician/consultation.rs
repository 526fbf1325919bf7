//! The centre and the context pane: one consultation, drawn from one value, so that banner, conversation and facts
//! change together or not at all.

use std::{cell::Cell, rc::Rc};

use chatehr_contract::{
    ConsultationId, ConsultationRef, ConsultationView, Conversation, ConversationRequest, ErrorCode,
    ErrorReport, Person, Role, command::clinician as command,
};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::{
    actions::Actions,
    banner::{BannerProps, patient_banner},
    composer::Composer,
    context::{ContextProps, context},
    conversation::{ConversationPane, cannot_write},
    glass,
    notice::ErrorNotice,
    shell::{Dispatch, Step},
};
use crate::{
    backend::{Backend, use_backend},
    icon::{Glyph, Icon},
    words,
};

/// What the panes are made of.
pub struct ConsultationProps {
    /// Which; none when nothing is open.
    pub id: Option<ConsultationId>,
    /// Who is signed in.
    pub person: Person,
    /// Goes up when it is to be read again.
    pub revision: u32,
    /// Whether the connection is lost.
    pub offline: bool,
    /// Whether the folded context pane is pulled out.
    pub details: bool,
    /// Where buttons go.
    pub dispatch: Dispatch,
}

/// Everything about one consultation, read together.
#[derive(Clone, PartialEq)]
struct Whole {
    view: Rc<ConsultationView>,
    conversation: Rc<Conversation>,
    /// Why there is none, where it is not for this person.
    closed: Option<ErrorReport>,
}

async fn read(backend: &Backend, id: &ConsultationId, limit: u32) -> Result<Whole, ErrorReport> {
    let view = backend.call::<command::Consultation>(&ConsultationRef { id: id.clone() }).await?;
    let ask = ConversationRequest { id: id.clone(), limit };
    let (conversation, closed) = match backend.call::<command::Conversation>(&ask).await {
        Ok(conversation) => (conversation, None),
        // The record is; what was said in it is not.
        Err(error) if error.code == ErrorCode::BehindGlass => {
            let none = Conversation { consultation_id: id.clone(), messages: Vec::new(), has_older: false };
            (none, Some(error))
        }
        Err(error) => return Err(error),
    };
    Ok(Whole { view: Rc::new(view), conversation: Rc::new(conversation), closed })
}

/// How many messages are shown at first, and how many more each time.
const SOME: u32 = 100;

/// See the module.
pub fn consultation(props: &ConsultationProps) -> Html {
    let Some(id) = props.id.clone() else { return nothing_open() };
    html! {
        <Open key={id.to_string()} id={id.clone()} person={props.person.clone()} revision={props.revision}
            offline={props.offline} details={props.details} dispatch={props.dispatch.clone()} />
    }
}

#[derive(PartialEq, Properties)]
struct OpenProps {
    id: ConsultationId,
    person: Person,
    revision: u32,
    offline: bool,
    details: bool,
    dispatch: Dispatch,
}

/// Keyed by the id: nothing of one consultation lives on in the next, and an answer that comes late finds nobody.
#[component]
fn Open(props: &OpenProps) -> Html {
    let id = props.id.clone();
    let backend = use_backend();
    let whole = use_state(|| None::<Whole>);
    let error = use_state(|| None::<ErrorReport>);
    let limit = use_state(|| SOME);
    let again = use_state(|| 0_u32);
    {
        let (whole, error) = (whole.setter(), error.setter());
        use_effect_with((props.id.clone(), props.revision, *limit, *again), move |(id, _, limit, _)| {
            let live = Rc::new(Cell::new(true));
            let (id, limit) = (id.clone(), *limit);
            spawn_local({
                let live = live.clone();
                async move {
                    let answer = read(&backend, &id, limit).await;
                    if !live.get() {
                        return;
                    }
                    match answer {
                        Ok(read) if read.view.row.id == id && read.conversation.consultation_id == id => {
                            whole.set(Some(read));
                            error.set(None);
                        }
                        Ok(_) => {}
                        Err(report) => error.set(Some(report)),
                    }
                }
            });
            move || live.set(false)
        });
    }
    let on_again = {
        let again = again.clone();
        Callback::from(move |()| again.set(again.wrapping_add(1)))
    };
    let on_older = {
        let limit = limit.clone();
        Callback::from(move |()| limit.set((*limit + SOME).min(500)))
    };
    let back = {
        let dispatch = props.dispatch.clone();
        move |_| dispatch.dispatch(Step::CloseConsultation)
    };
    let left = error.as_ref().is_some_and(|error| error.code == ErrorCode::NotFound);
    let notice = (*error).clone().map(|error| {
        // What has left does not come back by asking again.
        let on_again = (!left).then_some(on_again);
        html! {
            <div class="centre-notice">
                <ErrorNotice {error} {on_again} />
                if left && glass::may_break(&props.person) { { glass::way_in(None, &id, &props.dispatch) } }
            </div>
        }
    });
    let Some(Whole { view, conversation, closed }) = (*whole).clone() else {
        return html! {
            <>
                <main class="centre" aria-label="Consultation" aria-busy={error.is_none().to_string()}>
                    <header class="patient-banner">
                        <button type="button" class="button quiet small icon-only back" aria-label="Back to the list" onclick={back}>
                            <Icon glyph={Glyph::Back} />
                        </button>
                        if error.is_none() { <span class="blank-line" /> }
                    </header>
                    { notice }
                </main>
                <aside class="context" />
            </>
        };
    };
    let to = view
        .row
        .patient
        .as_ref()
        .map_or_else(|| view.row.patient_id.to_string(), |patient| patient.name.spoken());
    html! {
        <>
            <main class="centre" aria-label="Consultation">
                { patient_banner(&BannerProps { view: view.clone(), details: props.details, dispatch: props.dispatch.clone() }) }
                <div class="centre-top">
                    <Actions view={view.clone()} offline={props.offline} {left} {notice} me={props.person.id.clone()}
                        dispatch={props.dispatch.clone()} />
                </div>
                if let Some(error) = closed {
                    <div class="centre-top centre-notice">
                        <ErrorNotice {error} />
                        if glass::may_break(&props.person) { { glass::way_in(Some(&view.row), &id, &props.dispatch) } }
                    </div>
                }
                <ConversationPane view={view.clone()} {conversation} person={props.person.clone()} {on_older}
                    dispatch={props.dispatch.clone()} />
                if view.may_write && !left {
                    <Composer id={view.row.id.clone()} {to} draft={view.draft.clone()} offline={props.offline}
                        dispatch={props.dispatch.clone()} />
                } else if view.may_note && props.person.role == Role::Nurse && !left {
                    <Composer id={view.row.id.clone()} to={for_whom(&view)} draft={view.draft.clone()} offline={props.offline}
                        note=true dispatch={props.dispatch.clone()} />
                } else {
                    <div class="composer-dock">
                        <p class="cannot-write" data-test="cannot-write">
                            <Icon glyph={Glyph::Lock} />
                            { if left { "It is no longer in your list, so nothing can be written here.".into() } else { cannot_write(&view) } }
                        </p>
                        if !view.draft.is_empty() {
                            <p class="hint kept-draft">{ format!("Your draft is kept: “{}”", view.draft) }</p>
                        }
                    </div>
                }
            </main>
            { context(&ContextProps { view, person: props.person.clone(), shown: props.details, dispatch: props.dispatch.clone() }) }
        </>
    }
}

/// "Dr Amara Okafor", or whoever takes it.
fn for_whom(view: &ConsultationView) -> String {
    match &view.physician {
        Some(physician) if physician.name.is_some() => format!("Dr {}", words::person(physician)),
        Some(physician) => words::person(physician),
        None => "the physician who takes it".to_owned(),
    }
}

fn nothing_open() -> Html {
    html! {
            <main class="centre nothing" aria-label="Consultation">
                <div class="empty">
                    <Icon glyph={Glyph::Chat} />
                    <strong>{ "No consultation open" }</strong>
                    <p>{ "Choose one from the list. Press " }<kbd class="key">{ "?" }</kbd>{ " for all keys." }</p>
                </div>
            </main>
    }
}
