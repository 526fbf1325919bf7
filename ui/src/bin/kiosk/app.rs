//! The window: hands, seconds and answers go into the flow; what the flow asks goes to the host.

use std::cell::Cell;

use chatehr_contract::command::kiosk;
use chatehr_ui::{backend::Backend, dom::Listener, time};
use gloo_timers::callback::Interval;
use yew::{html::Scope, platform::spawn_local, prelude::*};

use crate::{
    flow::{Answer, Ask, Flow, House, Input, Reading, Screen, Trouble, step},
    page, screens,
};

/// Every sign of a person's hand.
const SIGNS_OF_LIFE: [&str; 4] = ["pointerdown", "touchstart", "keydown", "wheel"];
/// What the browser would offer on a press that is held or dragged.
const NOT_FOR_PATIENTS: [&str; 2] = ["contextmenu", "dragstart"];

/// Screen, visit, whether a dialog stands over it, and what went wrong on it: when one of these is another, the focus
/// moves, and with it the page to where the news is.
type Place = (&'static str, u32, bool, Option<Trouble>);

/// The window.
pub(crate) struct App {
    flow: Flow,
    clinic: String,
    backend: Backend,
    /// What the focus was last moved for.
    focused: Option<Place>,
    /// Whether the newest message has been brought into sight; after that, the person scrolls.
    shown_newest: bool,
    _listeners: Vec<Option<Listener>>,
    _second: Interval,
}

impl Component for App {
    type Message = Input;
    type Properties = ();

    fn create(ctx: &Context<Self>) -> Self {
        #[cfg(not(feature = "fixtures"))]
        let (backend, flow) = (Backend::host(), Flow::fresh(House::default(), 0));
        #[cfg(feature = "fixtures")]
        let (backend, flow) = crate::fixtures::stage(Flow::fresh(House::default(), 0));
        let app = Self {
            flow,
            clinic: page::clinic_name(),
            backend,
            focused: None,
            shown_newest: false,
            _listeners: listeners(ctx.link()),
            _second: seconds(ctx.link()),
        };
        app.ask(Ask::Look, ctx.link());
        app
    }

    fn update(&mut self, ctx: &Context<Self>, input: Input) -> bool {
        let before = std::mem::replace(&mut self.flow, Flow::fresh(House::default(), 0));
        let (flow, ask) = step(before, input);
        self.flow = flow;
        if let Some(ask) = ask {
            self.ask(ask, ctx.link());
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        screens::draw(&self.flow, &self.clinic, &ctx.link().callback(|input| input))
    }

    fn rendered(&mut self, _: &Context<Self>, _: bool) {
        page::dress(self.flow.language.words().tag, self.flow.large);
        let over = self.flow.warning().is_some() || self.flow.asks_to_start_over;
        let place = Some((screens::name(&self.flow.screen), self.flow.visit, over, self.flow.trouble()));
        if self.focused != place {
            self.focused = place;
            page::focus_first();
        }
        let messages = matches!(&self.flow.screen, Screen::Messages(Reading::Here(_)));
        if messages && !self.shown_newest {
            page::show_newest();
        }
        self.shown_newest = messages;
    }
}

impl App {
    fn ask(&self, ask: Ask, link: &Scope<Self>) {
        let (backend, link, visit) = (self.backend.clone(), link.clone(), self.flow.visit);
        spawn_local(async move {
            let answer = match ask {
                Ask::Look => Answer::Looked(backend.call::<kiosk::State>(&()).await),
                Ask::Finish => Answer::Finished(backend.call::<kiosk::Finish>(&()).await),
                Ask::SignIn(code) => Answer::SignedIn(backend.call::<kiosk::SignIn>(&code).await),
                Ask::Send(request) => Answer::Sent(backend.call::<kiosk::Request>(&request).await),
                Ask::Appointments => Answer::Appointments(backend.call::<kiosk::Appointments>(&()).await),
                Ask::Messages => Answer::Messages(backend.call::<kiosk::Messages>(&()).await),
            };
            link.send_message(Input::Answered(visit, answer));
        });
    }
}

fn listeners(link: &Scope<App>) -> Vec<Option<Listener>> {
    let alive = SIGNS_OF_LIFE.map(|name| {
        let link = link.clone();
        Listener::on_window(name, move |_| link.send_message(Input::Touched))
    });
    let refused = NOT_FOR_PATIENTS.map(|name| Listener::on_window(name, |event| event.prevent_default()));
    alive.into_iter().chain(refused).collect()
}

/// Counts by the clock, not by the beats of the timer, so that a machine that slept wakes to a reset.
fn seconds(link: &Scope<App>) -> Interval {
    let (link, counted) = (link.clone(), Cell::new(time::now()));
    Interval::new(1_000, move || {
        let now = time::now();
        let passed = now.seconds_since(counted.get());
        match u32::try_from(passed) {
            Ok(0) => {}
            Ok(seconds) => {
                counted.set(counted.get().plus_seconds(passed));
                link.send_message(Input::Passed(seconds));
            }
            // The clock was set back; a whole hour set back must not cost an hour of counting.
            Err(_) => counted.set(now),
        }
    })
}
