//! How things stand with the server, in words: what is, since when, and what comes next.

use chatehr_contract::{Connection, Lapse, Loading, LoadingPart, Timestamp, command::clinician as command};
use yew::prelude::*;

use super::ask::use_doing;
use crate::{
    backend::use_backend,
    dom::use_clock,
    icon::{Glyph, Icon},
    time, words,
};

/// Its word for the style sheet and for tests.
pub const fn kind(connection: &Connection) -> &'static str {
    match connection {
        Connection::Connecting => "connecting",
        Connection::Online { .. } => "online",
        Connection::SignedOut { .. } => "signed-out",
        Connection::Offline { lapse: Lapse::Reconnecting, .. } => "reconnecting",
        Connection::Offline { lapse: Lapse::Offline, .. } => "offline",
        Connection::Offline { lapse: Lapse::Unfit, .. } => "unfit",
    }
}

/// "Offline since 10:42".
pub fn title(connection: &Connection, when: impl Fn(Timestamp) -> String) -> String {
    match connection {
        Connection::Connecting => "Connecting…".to_owned(),
        Connection::Online { .. } => "Connected".to_owned(),
        Connection::SignedOut { since } => format!("Signed out since {}", when(*since)),
        Connection::Offline { since, lapse, .. } => {
            let what = match lapse {
                Lapse::Reconnecting => "Reconnecting",
                Lapse::Offline => "Offline",
                Lapse::Unfit => "ChatEHR cannot be used",
            };
            format!("{what} since {}", when(*since))
        }
    }
}

/// When the next attempt is made, if one is to be.
pub const fn retry_at(connection: &Connection) -> Option<Timestamp> {
    match connection {
        Connection::Offline { retry_at, .. } => *retry_at,
        _ => None,
    }
}

/// What becomes of what one writes meanwhile, and who mends it.
const fn meanwhile(lapse: Lapse) -> &'static str {
    match lapse {
        Lapse::Reconnecting | Lapse::Offline => "What you write is kept and sent when ChatEHR is back.",
        Lapse::Unfit => "What you write is kept, and nothing is sent to it.",
    }
}

fn next(now: Timestamp, retry_at: Option<Timestamp>) -> String {
    retry_at.map_or_else(
        || "Trying again by itself.".to_owned(),
        |at| match at.seconds_since(now) {
            ..=0 => "Trying again now.".to_owned(),
            left => format!("Trying again in {}.", time::span_words(left)),
        },
    )
}

/// What the running words are made of.
#[derive(PartialEq, Properties)]
pub struct RetryProps {
    /// When the next attempt is made.
    pub at: Option<Timestamp>,
}

/// "Trying again in 8 s."
#[component]
pub fn Retry(props: &RetryProps) -> Html {
    let words = use_clock(props.at, |now, at| next(now, *at));
    html! { <span aria-live="off">{ words }</span> }
}

/// What the banner is made of.
#[derive(PartialEq, Properties)]
pub struct BannerProps {
    /// How the program and the server stand.
    pub connection: Connection,
    /// When everything was last in step.
    pub synced_at: Option<Timestamp>,
}

/// "Offline since 10:42. What you see was in step at 10:41. Trying again in 8 s."
#[component]
pub fn ConnectionBanner(props: &BannerProps) -> Html {
    let backend = use_backend();
    let trying = use_doing();
    let Connection::Offline { error, lapse, .. } = &props.connection else { return Html::default() };
    let today = time::local(time::now());
    let when = |at| time::local(at).when(today);
    let known = props.synced_at.map_or_else(
        || "Nothing has been loaded yet.".to_owned(),
        |at| format!("What you see was in step at {}.", when(at)),
    );
    let onclick = {
        let trying = trying.clone();
        move |_| {
            let backend = backend.clone();
            trying.run(async move { backend.call::<command::TryAgain>(&()).await }, drop);
        }
    };
    html! {
        <div class={classes!("offline-banner", kind(&props.connection))} role="status" data-test="offline-banner"
            data-code={error.code.as_str()} data-kind={kind(&props.connection)}>
            <Icon glyph={if *lapse == Lapse::Unfit { Glyph::Warning } else { Glyph::Offline }} />
            <p>
                <strong>{ format!("{}. ", title(&props.connection, when)) }</strong>
                { error.sentence() }{ " " }
                if *lapse == Lapse::Unfit { { error.code.next_step() }{ " " } }
                { known }{ " " }{ meanwhile(*lapse) }{ " " }
                <Retry at={retry_at(&props.connection)} />
            </p>
            <button type="button" class="button small" disabled={trying.busy()} {onclick} data-test="try-now">
                { if trying.busy() { "Trying…" } else { "Try again" } }
            </button>
        </div>
    }
}

/// How far the first load has come; what waits is on the screen by then.
pub fn first_load(loading: Option<Loading>) -> Html {
    let Some(loading) = loading else { return Html::default() };
    let words = loading_words(loading);
    html! {
        <div class="loading-strip" data-test="first-load">
            <p role="status" aria-live="off">{ words.clone() }</p>
            if loading.of > 0 {
                <progress max={loading.of.to_string()} value={loading.done.min(loading.of).to_string()} aria-label={words} />
            } else {
                <progress aria-label={words} />
            }
        </div>
    }
}

fn loading_words(Loading { part, done, of }: Loading) -> String {
    let what = match part {
        LoadingPart::First => {
            return "First time here: loading what waits, what is yours, and today.".to_owned();
        }
        LoadingPart::Consultations => "consultations",
        LoadingPart::Names => "names",
        LoadingPart::Conversations => "conversations",
    };
    let far = if of > 0 {
        format!("{} of {}", words::figure(done), words::figure(of))
    } else {
        words::figure(done)
    };
    format!("What waits is here. Loading the rest: {far} {what}.")
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{Connection, ErrorCode, ErrorReport, Lapse, Loading, LoadingPart, Timestamp};

    use super::{kind, next, title};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn each_state_has_a_word_of_its_own_and_says_since_when() {
        let lost = |lapse| Connection::Offline {
            since: at(42),
            retry_at: None,
            error: ErrorReport::new(ErrorCode::ServerUnreachable),
            lapse,
        };
        let all = [
            Connection::Connecting,
            Connection::Online { since: at(42) },
            lost(Lapse::Reconnecting),
            lost(Lapse::Offline),
            lost(Lapse::Unfit),
            Connection::SignedOut { since: at(42) },
        ];
        let said: Vec<_> =
            all.iter().map(|one| (kind(one), title(one, |at| at.millis().to_string()))).collect();
        let said: Vec<_> = said.iter().map(|(kind, title)| (*kind, title.as_str())).collect();
        assert_eq!(
            said,
            [
                ("connecting", "Connecting…"),
                ("online", "Connected"),
                ("reconnecting", "Reconnecting since 42000"),
                ("offline", "Offline since 42000"),
                ("unfit", "ChatEHR cannot be used since 42000"),
                ("signed-out", "Signed out since 42000"),
            ]
        );
    }

    #[test]
    fn a_first_load_says_how_far_it_has_come() {
        let words = super::loading_words(Loading { part: LoadingPart::Names, done: 1_200, of: 2_900 });
        assert_eq!(words, "What waits is here. Loading the rest: 1,200 of 2,900 names.");
    }

    #[test]
    fn what_comes_next_is_counted_down() {
        assert_eq!(next(at(0), Some(at(8))), "Trying again in 8 s.");
        assert_eq!(next(at(9), Some(at(8))), "Trying again now.");
        assert_eq!(next(at(9), None), "Trying again by itself.");
    }
}
