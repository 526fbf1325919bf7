//! Asking the host from a component: reading something that is read again when told, and doing something once.
//!
//! Promises: an answer to an older question is never shown under a newer one; a button pressed twice acts once.

use std::{cell::Cell, future::Future, rc::Rc};

use chatehr_contract::{ErrorReport, command::Command};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::backend::use_backend;

/// How far a reading has come.
#[derive(Clone, PartialEq)]
pub enum Read<A> {
    /// Asked, not answered.
    Waiting,
    /// The answer to the present question.
    Here(Rc<A>),
    /// It could not be answered.
    Failed(ErrorReport),
}

/// Reads `request`, and again whenever it or `revision` changes. While the same question is read again its last
/// answer stays.
#[hook]
pub fn use_reading<C>(request: C::Request, revision: u32) -> Read<C::Response>
where
    C: Command + 'static,
    C::Request: Clone + PartialEq + 'static,
    C::Response: 'static,
{
    let backend = use_backend();
    let answer = use_state(|| None::<(C::Request, Result<Rc<C::Response>, ErrorReport>)>);
    {
        let answer = answer.setter();
        use_effect_with((request.clone(), revision), move |(request, _)| {
            let live = Rc::new(Cell::new(true));
            spawn_local({
                let (live, request) = (live.clone(), request.clone());
                async move {
                    let result = backend.call::<C>(&request).await.map(Rc::new);
                    if live.get() {
                        answer.set(Some((request, result)));
                    }
                }
            });
            move || live.set(false)
        });
    }
    match &*answer {
        Some((asked, Ok(here))) if *asked == request => Read::Here(here.clone()),
        Some((asked, Err(error))) if *asked == request => Read::Failed(error.clone()),
        _ => Read::Waiting,
    }
}

/// One thing a person can set going, and how it ended.
#[derive(Clone, PartialEq)]
pub struct Doing {
    running: Rc<Cell<bool>>,
    busy: UseStateHandle<bool>,
    error: UseStateHandle<Option<ErrorReport>>,
}

/// See [`Doing`].
#[hook]
pub fn use_doing() -> Doing {
    let running = use_memo((), |()| Cell::new(false));
    Doing { running, busy: use_state(|| false), error: use_state(|| None) }
}

impl Doing {
    /// Whether it is under way.
    pub fn busy(&self) -> bool {
        *self.busy
    }

    /// Why it failed the last time.
    pub fn error(&self) -> Option<ErrorReport> {
        (*self.error).clone()
    }

    /// Takes the error away once it has been read.
    pub fn dismiss(&self) {
        self.error.set(None);
    }

    /// Sets it going unless it is under way; `done` runs only when it succeeds.
    pub fn run<T>(
        &self,
        work: impl Future<Output = Result<T, ErrorReport>> + 'static,
        done: impl FnOnce(T) + 'static,
    ) {
        if self.running.replace(true) {
            return;
        }
        self.busy.set(true);
        self.error.set(None);
        let doing = self.clone();
        spawn_local(async move {
            let result = work.await;
            doing.running.set(false);
            doing.busy.set(false);
            match result {
                Ok(value) => done(value),
                Err(error) => doing.error.set(Some(error)),
            }
        });
    }
}
