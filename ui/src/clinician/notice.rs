//! What stands in the way, in words and with a next step; the alerts at the window's top.

use chatehr_contract::{
    AlertDeed, AlertNote, AlertNotice, ConsultationId, ConsultationRef, ErrorReport, Timestamp,
    command::clinician as command,
};
use gloo_timers::callback::Timeout;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::{
    ask::use_doing,
    due::urgency_class,
    shell::{Dispatch, Step},
};
use crate::{
    backend::{Backend, use_backend},
    dom::use_server_clock,
    icon::{Glyph, Icon},
    time, words,
};

/// What an error notice is made of.
#[derive(PartialEq, Properties)]
pub struct ErrorNoticeProps {
    /// What is in the way.
    pub error: ErrorReport,
    /// What to do, where the place knows it better than the code does.
    #[prop_or_default]
    pub next: Option<&'static str>,
    /// It is to be known rather than mended at once.
    #[prop_or_default]
    pub caution: bool,
    /// Takes the notice away.
    #[prop_or_default]
    pub on_dismiss: Option<Callback<()>>,
    /// Tries the same again.
    #[prop_or_default]
    pub on_again: Option<Callback<()>>,
}

/// What happened and what to do, where it happened.
#[component]
pub fn ErrorNotice(props: &ErrorNoticeProps) -> Html {
    let error = &props.error;
    html! {
        <div class={classes!("notice", if props.caution { "caution" } else { "error" })} role="alert" data-test="error-notice" data-code={error.code.as_str()}>
            <Icon glyph={Glyph::Warning} />
            <p class="words">
                <strong>{ error.sentence() }</strong>
                <span>{ props.next.unwrap_or(error.code.next_step()) }</span>
                if let Some(reference) = &error.correlation_id {
                    <span class="reference">{ format!(" Reference {reference}.") }</span>
                }
            </p>
            if let Some(again) = props.on_again.clone() {
                <button type="button" class="button small" onclick={move |_| again.emit(())}>{ "Try again" }</button>
            }
            if let Some(dismiss) = props.on_dismiss.clone() {
                <button type="button" class="button quiet small icon-only" aria-label="Close this notice"
                    onclick={move |_| dismiss.emit(())}><Icon glyph={Glyph::Close} /></button>
            }
        </div>
    }
}

/// What the alert banner is made of.
#[derive(PartialEq, Properties)]
pub struct AlertsProps {
    /// Most pressing first.
    pub alerts: Vec<AlertNotice>,
    /// The connection is lost, so nothing can be acknowledged.
    pub offline: bool,
    /// The desktop shows no notifications: this banner is all there is.
    pub alone: bool,
    /// Where "Open" and "Later" go.
    pub dispatch: Dispatch,
}

/// "Urgent cardiology consultation, 8 min to answer". No patient's data.
pub fn alert_words(now: Timestamp, alert: &AlertNotice) -> String {
    let urgency = words::urgency(&alert.urgency);
    let specialty = words::specialty(&alert.specialty).to_lowercase();
    match alert.answer_due.map(|until| until.seconds_since(now)) {
        Some(left @ 0..) => {
            format!("{urgency} {specialty} consultation, {} to answer", time::span_words(left))
        }
        Some(over) => {
            format!("{urgency} {specialty} consultation, answer overdue {}", time::span_words(-over))
        }
        None => format!("{urgency} {specialty} consultation"),
    }
}

/// "Not answered yet, told 3 times." or how many others wait.
fn beside(alert: &AlertNotice, others: usize, alone: bool) -> String {
    let mut said = Vec::new();
    if others > 0 {
        said.push(format!("and {others} more"));
    }
    if alert.told > 1 {
        said.push(format!("told {} times, not answered yet", alert.told));
    }
    if alone {
        said.push("no desktop notifications: watch this window".to_owned());
    }
    said.join(" · ")
}

/// Has it put on record. Nobody waits for that, and the log that takes nothing says so by itself.
fn note(backend: &Backend, id: ConsultationId, deed: AlertDeed) {
    let backend = backend.clone();
    spawn_local(async move { drop(backend.call::<command::NoteAlert>(&AlertNote { id, deed }).await) });
}

/// What stands at the window's top is on record, and each time that it has alerted anew.
#[hook]
fn use_noting_what_is_shown(backend: Backend, first: Option<&AlertNotice>) {
    let shown = first.map(|alert| (alert.consultation_id.clone(), alert.told));
    use_effect_with(shown, move |shown| {
        if let Some((id, told)) = shown.clone() {
            note(&backend, id, if told > 1 { AlertDeed::Repeated } else { AlertDeed::Shown });
        }
    });
}

/// How long another request stands at the top before it can be pressed: whoever presses meant the one before.
const SETTLES: u32 = 700;

/// Whether what stands there has stood there long enough to be meant.
#[hook]
fn use_settled(first: Option<ConsultationId>) -> bool {
    let settled = use_state(|| None::<ConsultationId>);
    let set = settled.setter();
    use_effect_with(first.clone(), move |first| {
        let first = first.clone();
        let timer = Timeout::new(SETTLES, move || set.set(first));
        move || drop(timer)
    });
    *settled == first
}

/// The alerts at the window's top, the most pressing in words, the others counted.
#[component]
pub fn AlertBanner(props: &AlertsProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    // Of which request the last attempt went wrong: its error stands under no other.
    let asked = use_state(|| None::<ConsultationId>);
    let first = props.alerts.first().cloned();
    let words =
        use_server_clock(first.clone(), |now, alert| alert.as_ref().map(|alert| alert_words(now, alert)));
    use_noting_what_is_shown(backend.clone(), first.as_ref());
    let settled = use_settled(first.as_ref().map(|alert| alert.consultation_id.clone()));
    let (Some(first), Some(words)) = (first, words) else { return Html::default() };
    let send = |step: fn(ConsultationId) -> Step, deed| {
        let (dispatch, backend, id) =
            (props.dispatch.clone(), backend.clone(), first.consultation_id.clone());
        Callback::from(move |_: MouseEvent| {
            note(&backend, id.clone(), deed);
            dispatch.dispatch(step(id.clone()));
        })
    };
    let acknowledge = {
        let (doing, backend, asked) = (doing.clone(), backend.clone(), asked.setter());
        let (dispatch, id) = (props.dispatch.clone(), first.consultation_id.clone());
        move |_| {
            asked.set(Some(id.clone()));
            let (backend, dispatch, gone) = (backend.clone(), dispatch.clone(), id.clone());
            let ask = ConsultationRef { id: id.clone() };
            doing.run(async move { backend.call::<command::Acknowledge>(&ask).await }, move |()| {
                dispatch.dispatch(Step::DropAlert(gone));
                dispatch.dispatch(Step::Did);
            });
        }
    };
    let beside = beside(&first, props.alerts.len() - 1, props.alone);
    let error = doing.error().filter(|_| asked.as_ref() == Some(&first.consultation_id));
    html! {
        <>
            <section class={classes!("alert-banner", urgency_class(&first.urgency))} role="alert" aria-label="Alert"
                data-test="alert-banner" data-id={first.consultation_id.to_string()}>
                <Icon glyph={Glyph::of(&first.urgency)} />
                <p>
                    <strong aria-live="off">{ words }</strong>
                    if !beside.is_empty() { <span class="alert-beside">{ beside }</span> }
                </p>
                <button type="button" class="button small" disabled={!settled} onclick={send(Step::DropAlert, AlertDeed::PutOff)} data-test="alert-later">
                    { "Later" }
                </button>
                if first.may_acknowledge {
                    <button type="button" class="button small" onclick={acknowledge} data-test="alert-acknowledge"
                        disabled={doing.busy() || props.offline || !settled}
                        title={if props.offline { "Needs the connection" } else { "Say that you have seen it; nobody else is asked meanwhile" }}>
                        if doing.busy() { <span class="spinner" /> }
                        { "Acknowledge" }
                    </button>
                }
                <button type="button" class="button small primary" disabled={!settled} onclick={send(Step::Open, AlertDeed::Opened)} data-test="alert-open">
                    { "Open" }
                </button>
            </section>
            if let Some(error) = error {
                <ErrorNotice {error} on_dismiss={let doing = doing.clone(); Callback::from(move |()| doing.dismiss())} />
            }
        </>
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{AlertNotice, ConsultationId, SpecialtyCode, Timestamp, Urgency};

    #[test]
    fn an_alert_says_how_soon_and_which_pool() {
        let alert = AlertNotice {
            consultation_id: ConsultationId::new("c"),
            urgency: Urgency::Urgent,
            specialty: SpecialtyCode::PrimaryCare,
            answer_due: Some(Timestamp::from_millis(480_000)),
            told: 3,
            may_acknowledge: true,
        };
        assert_eq!(super::beside(&alert, 0, false), "told 3 times, not answered yet");
        assert_eq!(
            super::beside(&AlertNotice { told: 1, ..alert.clone() }, 2, true),
            "and 2 more · no desktop notifications: watch this window"
        );
        let words = super::alert_words(Timestamp::from_millis(0), &alert);
        assert_eq!(words, "Urgent primary care consultation, 8 min to answer");
    }
}
