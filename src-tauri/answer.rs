//! Answers a window's question: reads the request, acts, and turns whatever happens into an answer.
//!
//! A request that cannot be read and a panic inside a command are errors like any other; neither leaves the window
//! waiting. Words leave without the two characters that override the direction of writing (Unicode UAX 9): they
//! would let a text show "10 mg" where "01 mg" is meant, and no language needs them.

use std::{any::Any, panic::AssertUnwindSafe};

use chatehr_contract::{ErrorCode, ErrorReport, command::Command};
use futures_util::FutureExt;
use serde_json::Value;
use tauri::{
    Runtime,
    ipc::{Invoke, InvokeBody, InvokeError},
};

/// Reads the request of command `C`, runs `act` on it and sends the answer.
pub fn answer<C, R, F, A>(invoke: Invoke<R>, act: A)
where
    C: Command,
    C::Request: Send + 'static,
    C::Response: Send + 'static,
    R: Runtime,
    F: Future<Output = Result<C::Response, ErrorReport>> + Send,
    A: FnOnce(C::Request) -> F + Send + 'static,
{
    let Invoke { message, resolver, .. } = invoke;
    let request = read::<C>(message.payload());
    resolver.respond_async(async move {
        let outcome = match request {
            Ok(request) => AssertUnwindSafe(async { act(request).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|panic| Err(panicked::<C>(panic.as_ref()))),
            Err(report) => Err(report),
        };
        let value = outcome.map_err(InvokeError::from)?;
        let mut value = serde_json::to_value(value).map_err(|error| {
            tracing::error!(command = C::NAME, %error, "An answer could not be written.");
            InvokeError::from(ErrorReport::new(ErrorCode::Internal))
        })?;
        set_upright(&mut value);
        Ok(value)
    });
}

/// Takes the overrides out of every text.
fn set_upright(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|sign| !matches!(sign, '\u{202d}' | '\u{202e}')),
        Value::Array(all) => all.iter_mut().for_each(set_upright),
        Value::Object(all) => all.values_mut().for_each(set_upright),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn read<C: Command>(payload: &InvokeBody) -> Result<C::Request, ErrorReport> {
    let request = match payload {
        InvokeBody::Json(Value::Object(arguments)) => {
            arguments.get("request").cloned().unwrap_or(Value::Null)
        }
        _ => Value::Null,
    };
    serde_json::from_value(request).map_err(|error| {
        // The category alone: the message could repeat what was typed.
        tracing::error!(command = C::NAME, category = ?error.classify(), "A window's request cannot be read.");
        ErrorReport::new(ErrorCode::Internal)
    })
}

fn panicked<C: Command>(panic: &(dyn Any + Send)) -> ErrorReport {
    let what = panic.downcast_ref::<&str>().copied().unwrap_or("see the panic above");
    tracing::error!(command = C::NAME, what, "A command panicked.");
    ErrorReport::new(ErrorCode::Internal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn no_text_reaches_a_window_turned_around() {
        let mut answer =
            json!({"rows": [{"summary": "take \u{202e}01\u{202c} mg", "unread": 1}], "draft": "\u{202d}x"});
        super::set_upright(&mut answer);
        assert_eq!(answer, json!({"rows": [{"summary": "take 01\u{202c} mg", "unread": 1}], "draft": "x"}));
    }

    #[test]
    fn what_languages_written_from_right_to_left_need_stays() {
        let mut answer = json!("\u{200f}ليلى\u{2067}الخطيب\u{2069}");
        super::set_upright(&mut answer);
        assert_eq!(answer, json!("\u{200f}ليلى\u{2067}الخطيب\u{2069}"));
    }
}
