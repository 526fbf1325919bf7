//! "Connection and data" in Settings: how the connection has been, and the bundle for who helps with it.

use chatehr_contract::{
    Connection, Figures, LatencyFigures, SaveSupportBundle, SupportPreview, Timestamp, TrafficFigures,
    command::clinician as command,
};
use yew::prelude::*;

use super::{
    ask::{Read, use_doing, use_reading},
    connection,
    notice::ErrorNotice,
    rail::outbox_words,
};
use crate::{
    backend::use_backend,
    dom::{self, use_clock},
    icon::{Glyph, Icon},
    time, words,
};

/// Seconds between two looks at the figures.
const EVERY: i64 = 5;

/// What the card is made of.
#[derive(PartialEq, Properties)]
pub struct DataCardProps {
    /// How the program and the server stand.
    pub connection: Connection,
}

/// See the module.
#[component]
pub fn DataCard(props: &DataCardProps) -> Html {
    let look = use_clock((), |now, ()| u32::try_from(now.millis() / 1000 / EVERY).unwrap_or_default());
    let figures = use_reading::<command::ConnectionFigures>((), look);
    let preview = use_state(|| None::<SupportPreview>);
    let today = time::local(time::now());
    let when = move |at: Timestamp| time::local(at).when(today);
    html! {
        <section class="card" data-test="data-card">
            <h2>{ "Connection and data" }</h2>
            { match &figures {
                Read::Waiting => html! { <p class="hint">{ "Reading…" }</p> },
                Read::Failed(error) => html! { <ErrorNotice error={error.clone()} /> },
                Read::Here(figures) => facts(&props.connection, figures, when),
            } }
            if let Some(shown) = &*preview {
                <Bundle shown={shown.clone()} on_back={let preview = preview.setter(); Callback::from(move |()| preview.set(None))} />
            } else {
                <MakeBundle on_made={let preview = preview.setter(); Callback::from(move |made| preview.set(Some(made)))} />
            }
        </section>
    }
}

fn facts(connection: &Connection, figures: &Figures, when: impl Fn(Timestamp) -> String) -> Html {
    let fact = |name: &'static str, value: String, test: &'static str| {
        html! { <><dt>{ name }</dt><dd data-test={test}>{ value }</dd></> }
    };
    let outbox = outbox_words(figures.outbox_waiting, figures.outbox_stuck);
    let outbox = match figures.waiting_since {
        Some(since) => format!("{outbox}, the oldest since {}", when(since)),
        None => outbox,
    };
    let server = figures.server.as_ref().map_or_else(
        || "not known yet".to_owned(),
        |server| format!("{} {}", server.service, server.version),
    );
    let since = |name: &'static str, from: Option<Timestamp>| {
        from.map_or_else(|| name.to_owned(), |from| format!("{name}, from {}", when(from)))
    };
    html! {
        <dl class="facts">
            { fact("Connection", connection::title(connection, &when), "data-connection") }
            { fact("Last in step", figures.synced_at.map_or_else(|| "not yet".to_owned(), &when), "data-synced") }
            { fact("Outbox", outbox, "data-outbox") }
            { fact("Answers", latency_words(figures.latency), "data-latency") }
            <dt>{ since("Today", figures.today_from) }</dt>
            <dd data-test="data-today">{ traffic_words(figures.today) }</dd>
            <dt>{ since("Since the start", figures.started_at) }</dt>
            <dd data-test="data-since-start">{ traffic_words(figures.since_start) }</dd>
            { fact("Your files here", words::bytes(figures.files), "data-files") }
            { fact("Program", figures.version.clone(), "data-version") }
            { fact("Server", server, "data-server") }
        </dl>
    }
}

/// "Half within 12 ms, the slowest 340 ms (last 100)".
fn latency_words(latency: Option<LatencyFigures>) -> String {
    latency.map_or_else(
        || "not measured yet".to_owned(),
        |LatencyFigures { median, worst, of }| {
            format!("half within {median} ms, the slowest {worst} ms (last {of})")
        },
    )
}

/// "132 kB received, 18 kB sent, 82 requests".
fn traffic_words(of: TrafficFigures) -> String {
    let requests = u32::try_from(of.requests).map_or_else(|_| of.requests.to_string(), words::figure);
    format!("{} received, {} sent, {requests} requests", words::bytes(of.received), words::bytes(of.sent))
}

#[derive(PartialEq, Properties)]
struct MakeProps {
    on_made: Callback<SupportPreview>,
}

#[component]
fn MakeBundle(props: &MakeProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let onclick = {
        let (doing, on_made) = (doing.clone(), props.on_made.clone());
        move |_: MouseEvent| {
            let (backend, on_made) = (backend.clone(), on_made.clone());
            let work = async move { backend.call::<command::SupportBundle>(&()).await };
            doing.run(work, move |made| on_made.emit(made));
        }
    };
    html! {
        <>
            <p class="hint">
                { "For your administrator: versions, settings, figures and the last lines of the log in one text. No patient, no name, no message and no key. You see all of it before it is saved." }
            </p>
            if let Some(error) = doing.error() { <ErrorNotice {error} /> }
            <div class="card-line">
                <button type="button" class="button" disabled={doing.busy()} {onclick} data-test="support-bundle">
                    if doing.busy() { <span class="spinner" /> }
                    { if doing.busy() { "Looking at this workstation…" } else { "Save a support bundle…" } }
                </button>
            </div>
        </>
    }
}

#[derive(PartialEq, Properties)]
struct BundleProps {
    shown: SupportPreview,
    on_back: Callback<()>,
}

/// All of it, and where it goes.
#[component]
fn Bundle(props: &BundleProps) -> Html {
    let backend = use_backend();
    let doing = use_doing();
    let saved = use_state(|| None::<String>);
    let place = use_node_ref();
    use_effect_with(place.clone(), dom::focus);
    let onsubmit = {
        let (doing, saved, place) = (doing.clone(), saved.setter(), place.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            saved.set(None);
            let file =
                place.cast::<web_sys::HtmlInputElement>().map(|input| input.value()).unwrap_or_default();
            let (backend, saved, to) = (backend.clone(), saved.clone(), file.clone());
            let work =
                async move { backend.call::<command::SaveSupportBundle>(&SaveSupportBundle { file }).await };
            doing.run(work, move |()| saved.set(Some(to)));
        }
    };
    html! {
        <form class="secret-form" {onsubmit}>
            <p class="label" id="support-text">{ "This is all that will be saved" }</p>
            <pre class="support-text" tabindex="0" aria-labelledby="support-text" data-test="support-text">{ props.shown.text.clone() }</pre>
            <label class="label" for="support-file">{ "Save to this file" }</label>
            <input ref={place} id="support-file" class="field" required=true autocomplete="off" spellcheck="false"
                value={props.shown.file.clone()} aria-describedby="support-hint" data-test="support-file" />
            <p id="support-hint" class="hint">{ "The whole path; nothing is written over. That you saved it goes on record." }</p>
            if let Some(error) = doing.error() { <ErrorNotice {error} /> }
            if let Some(file) = &*saved {
                <p class="good" role="status" data-test="support-saved"><Icon glyph={Glyph::Check} />{ format!(" Saved to {file}") }</p>
            }
            <div class="gate-actions">
                <button type="submit" class="button primary" disabled={doing.busy()} data-test="support-save">
                    if doing.busy() { <span class="spinner" /> }
                    { "Save" }
                </button>
                <button type="button" class="button quiet" onclick={props.on_back.reform(|_: MouseEvent| ())}>{ "Back" }</button>
            </div>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{LatencyFigures, TrafficFigures};

    use super::{latency_words, traffic_words};

    #[test]
    fn figures_read_as_a_person_would_say_them() {
        let latency = LatencyFigures { median: 12, worst: 340, of: 100 };
        assert_eq!(latency_words(Some(latency)), "half within 12 ms, the slowest 340 ms (last 100)");
        assert_eq!(latency_words(None), "not measured yet");
        let traffic = TrafficFigures { requests: 1_082, sent: 18_400, received: 1_320_570 };
        assert_eq!(traffic_words(traffic), "1.3 MB received, 18 kB sent, 1,082 requests");
    }
}
