//! Every refusal and failure on the wire: `{error, message}`, with `details`, `current` where they help.
//!
//! A message never repeats what was sent, and a fault of ours never shows its cause outside the log.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chatehr_contract::InvalidField;
use serde_json::{Value, json};

use crate::{life_cycle::Refusal, sealing::SealingError, sources::NoRandomness, store::StoreError};

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No token, a wrong one, or one that has ended.
    Unauthorized,
    /// The code is not a test account's.
    SignInRefused,
    /// Not this person's to do.
    Forbidden(&'static str),
    /// Not there, or not to be seen.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// Not from where the record stands.
    Conflict { message: &'static str, current: Option<Value> },
    /// `If-Match` names an older version.
    Stale { current: Value },
    /// More than [`crate::routes::MAX_BODY_BYTES`].
    TooLarge,
    /// Fields that cannot be accepted.
    Invalid(Vec<InvalidField>),
    /// It took too long, the sender's body included.
    Timeout,
    /// Ours.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl Problem {
    /// One field that cannot be accepted.
    pub(crate) fn field(path: &str, msg: impl Into<String>) -> Self {
        Self::Invalid(vec![InvalidField::new(path, msg)])
    }

    /// Nothing, or every field that cannot be accepted.
    pub(crate) fn unless_empty(problems: Vec<InvalidField>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::Invalid(problems)) }
    }

    /// What the rules refuse, with the record as the caller may see it.
    pub(crate) fn refused(refusal: Refusal, current: Value) -> Self {
        match refusal {
            Refusal::Forbidden(message) => Self::Forbidden(message),
            Refusal::Conflict(message) => Self::Conflict { message, current: Some(current) },
            Refusal::Invalid(field) => Self::Invalid(vec![field]),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<NoRandomness> for Problem {
    fn from(error: NoRandomness) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<SealingError> for Problem {
    fn from(error: SealingError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::from(StoreError::from(error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, message) = match &self {
            Self::Unauthorized => {
                (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Sign in: a valid bearer token is needed.")
            }
            Self::SignInRefused => {
                (StatusCode::FORBIDDEN, "SIGN_IN_REFUSED", "The code is not a test account's.")
            }
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, "FORBIDDEN", *message),
            Self::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing here for you."),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "This address does not take that method.",
            ),
            Self::Conflict { message, .. } => (StatusCode::CONFLICT, "CONFLICT", *message),
            Self::Stale { .. } => (
                StatusCode::PRECONDITION_FAILED,
                "PRECONDITION_FAILED",
                "The record has changed since the version in If-Match.",
            ),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "A request has at most 64 KiB.")
            }
            Self::Invalid(_) => {
                (StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "The request cannot be accepted as it is.")
            }
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "The request took too long."),
            Self::Internal(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL_ERROR",
                "The server failed; its log has the cause under the request id.",
            ),
        };
        let mut body = json!({ "error": code, "message": message });
        let extra = match self {
            Self::Conflict { current: Some(current), .. } | Self::Stale { current } => {
                Some(("current", current))
            }
            Self::Invalid(details) => Some(("details", json!(details))),
            Self::Internal(error) => {
                tracing::error!(error = %Causes(error.as_ref()), "request failed");
                None
            }
            _ => None,
        };
        if let (Some((key, value)), Value::Object(body)) = (extra, &mut body) {
            body.insert(key.to_owned(), value);
        }
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chatehr\""));
        }
        response
    }
}

/// An error and what caused it, in one line.
pub(crate) struct Causes<'a>(pub(crate) &'a (dyn std::error::Error + 'a));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
