//! The one door to the host.
//!
//! Promises: a typed answer or an [`ErrorReport`] for every command, and every change notice. Nothing else in the
//! front end touches `window.__TAURI_INTERNALS__`, so that is also the only place to look at when asking what the
//! window can reach. With the feature `fixtures` a [`Rehearsal`] answers instead of the host.

#[cfg(feature = "fixtures")]
use std::rc::Rc;

use chatehr_contract::{
    ChangeNotice, ErrorCode, ErrorReport,
    command::{CHANGED_EVENT, Command},
};
use js_sys::{Array, Function, JSON, Object, Promise, Reflect};
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use yew::prelude::*;

/// What answers the window's questions. Cheap to clone; travels in a Yew context, see [`use_backend`].
#[derive(Clone)]
pub struct Backend(Inner);

#[derive(Clone)]
enum Inner {
    Host,
    #[cfg(feature = "fixtures")]
    Rehearsal(Rc<dyn Rehearsal>),
}

impl PartialEq for Backend {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Inner::Host, Inner::Host) => true,
            #[cfg(feature = "fixtures")]
            (Inner::Rehearsal(one), Inner::Rehearsal(two)) => Rc::ptr_eq(one, two),
            #[cfg(feature = "fixtures")]
            _ => false,
        }
    }
}

/// An answer that is still being made, in the words of the wire.
#[cfg(feature = "fixtures")]
pub type Answer = std::pin::Pin<Box<dyn Future<Output = Result<serde_json::Value, ErrorReport>>>>;

/// Plays the host in memory, so that a window can be looked at in an ordinary browser.
#[cfg(feature = "fixtures")]
pub trait Rehearsal {
    /// Answers the command `name`.
    fn answer(&self, name: &'static str, request: serde_json::Value) -> Answer;
    /// Keeps `callback` and calls it with each change.
    fn listen(&self, callback: Rc<dyn Fn(ChangeNotice)>);
}

impl Backend {
    /// The real host.
    pub const fn host() -> Self {
        Self(Inner::Host)
    }

    /// A rehearsal.
    #[cfg(feature = "fixtures")]
    pub fn rehearsal(play: impl Rehearsal + 'static) -> Self {
        Self(Inner::Rehearsal(Rc::new(play)))
    }

    /// Asks one command of the tables.
    pub async fn call<C: Command>(&self, request: &C::Request) -> Result<C::Response, ErrorReport> {
        match &self.0 {
            Inner::Host => {
                let text = serde_json::to_string(request).map_err(|_| internal())?;
                let arguments = Object::new();
                set(&arguments, "request", &JSON::parse(&text).map_err(|_| internal())?)?;
                let promise = invoke(C::NAME, &arguments)?;
                match JsFuture::from(promise).await {
                    Ok(value) => read(&value).ok_or_else(internal),
                    Err(value) => Err(read(&value).unwrap_or_else(internal)),
                }
            }
            #[cfg(feature = "fixtures")]
            Inner::Rehearsal(play) => {
                let request = serde_json::to_value(request).map_err(|_| internal())?;
                let value = play.answer(C::NAME, request).await?;
                serde_json::from_value(value).map_err(|_| internal())
            }
        }
    }

    /// Calls `callback` with every change notice for as long as the window lives; call it once per window.
    pub async fn listen(&self, callback: impl Fn(ChangeNotice) + 'static) -> Result<(), ErrorReport> {
        match &self.0 {
            Inner::Host => {
                let heard = move |event: JsValue| {
                    let payload = Reflect::get(&event, &"payload".into()).unwrap_or(JsValue::NULL);
                    if let Some(notice) = read(&payload) {
                        callback(notice);
                    }
                };
                let heard = Closure::<dyn Fn(JsValue)>::new(heard).into_js_value();
                let handler = member("transformCallback")?
                    .call2(&internals()?, &heard, &JsValue::FALSE)
                    .map_err(|_| internal())?;
                let target = Object::new();
                set(&target, "kind", &"Any".into())?;
                let arguments = Object::new();
                set(&arguments, "event", &CHANGED_EVENT.into())?;
                set(&arguments, "target", &target)?;
                set(&arguments, "handler", &handler)?;
                let promise = invoke("plugin:event|listen", &arguments)?;
                JsFuture::from(promise).await.map(drop).map_err(|value| read(&value).unwrap_or_else(internal))
            }
            #[cfg(feature = "fixtures")]
            Inner::Rehearsal(play) => {
                play.listen(Rc::new(callback));
                Ok(())
            }
        }
    }
}

/// The backend of this window; the host where none was provided.
#[hook]
pub fn use_backend() -> Backend {
    use_context::<Backend>().unwrap_or_else(Backend::host)
}

fn internal() -> ErrorReport {
    ErrorReport::new(ErrorCode::Internal)
}

fn internals() -> Result<JsValue, ErrorReport> {
    let window = web_sys::window().ok_or_else(internal)?;
    Reflect::get(&window, &"__TAURI_INTERNALS__".into()).map_err(|_| internal())
}

fn member(name: &str) -> Result<Function, ErrorReport> {
    let value = Reflect::get(&internals()?, &name.into()).map_err(|_| internal())?;
    value.dyn_into().map_err(|_| internal())
}

fn invoke(name: &str, arguments: &Object) -> Result<Promise, ErrorReport> {
    let list = Array::of2(&name.into(), arguments);
    let value = member("invoke")?.apply(&internals()?, &list).map_err(|_| internal())?;
    value.dyn_into().map_err(|_| internal())
}

fn set(object: &Object, key: &str, value: &JsValue) -> Result<(), ErrorReport> {
    Reflect::set(object, &key.into(), value).map(drop).map_err(|_| internal())
}

/// Through JSON text: the wire is JSON anyway, and one reader for both backends keeps the bundle small.
fn read<T: DeserializeOwned>(value: &JsValue) -> Option<T> {
    if value.is_undefined() {
        return serde_json::from_str("null").ok();
    }
    let text: String = JSON::stringify(value).ok()?.into();
    serde_json::from_str(&text).ok()
}
