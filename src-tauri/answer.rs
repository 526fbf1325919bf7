//! Answers a window's question: reads the request, acts, and turns whatever happens into an answer.
//!
//! A request that cannot be read and a panic inside a command are errors like any other; neither leaves the window
//! waiting.

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
        serde_json::to_value(value).map_err(|error| {
            tracing::error!(command = C::NAME, %error, "An answer could not be written.");
            InvokeError::from(ErrorReport::new(ErrorCode::Internal))
        })
    });
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
