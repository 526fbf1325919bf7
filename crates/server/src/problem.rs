//! Every refusal and failure: which status and code, in which words, with what beside it. How it is written down is the
//! surface's ([`crate::surface::face`]).
//!
//! A message never repeats what was sent, and a fault of ours never shows its cause outside the log.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use chatehr_contract::InvalidField;
use serde_json::Value;

use crate::{life_cycle::Refusal, sealing::SealingError, sources::NoRandomness, store::StoreError};

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No token, a wrong one, or one that has ended.
    Unauthorized,
    /// The code is nobody's, or no longer.
    SignInRefused,
    /// A kiosk code with another date of birth; this fingerprint is to be counted against.
    WrongBirthDate([u8; 32]),
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
    /// A place in the stream of events that is not kept any more, or another server's.
    CursorExpired,
    /// More than the route takes, in bytes.
    TooLarge { most: usize },
    /// Fields that cannot be accepted.
    Invalid(Vec<InvalidField>),
    /// It took too long, the sender's body included.
    Timeout,
    /// Too much of it.
    TooMany { headers: Vec<(HeaderName, HeaderValue)>, message: &'static str },
    /// The ChatEHR behind us answered nonsense, or not at all.
    Upstream { why: &'static str },
    /// The ChatEHR behind us took too long.
    UpstreamTimeout,
    /// What the ChatEHR behind us refused, as it put it.
    Relayed(Box<Relayed>),
    /// Who may sign people in cannot be asked now.
    Unavailable(&'static str),
    /// Ours.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

/// A refusal of the ChatEHR behind us.
#[derive(Debug)]
pub(crate) struct Relayed {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Vec<InvalidField>,
    pub(crate) current: Option<Value>,
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

    /// Whether it is a fault and no rule.
    pub(crate) const fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::Internal(_) | Self::Upstream { .. } | Self::UpstreamTimeout | Self::Unavailable(_)
        )
    }

    /// Whether it is that the audit log takes no entry.
    pub(crate) fn is_unrecorded(&self) -> bool {
        let Self::Internal(error) = self else { return false };
        matches!(error.downcast_ref(), Some(StoreError::Audit(_)))
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::SignInRefused | Self::WrongBirthDate(_) | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            Self::CursorExpired => StatusCode::GONE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Upstream { .. } => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Relayed(relayed) => relayed.status,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::SignInRefused | Self::WrongBirthDate(_) => "SIGN_IN_REFUSED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::Conflict { .. } => "CONFLICT",
            Self::Stale { .. } => "PRECONDITION_FAILED",
            Self::CursorExpired => "CURSOR_EXPIRED",
            Self::TooLarge { .. } => "PAYLOAD_TOO_LARGE",
            Self::Invalid(_) => "VALIDATION_ERROR",
            Self::Timeout => "REQUEST_TIMEOUT",
            Self::TooMany { .. } => "RATE_LIMIT_EXCEEDED",
            Self::Upstream { .. } => "UPSTREAM_ERROR",
            Self::UpstreamTimeout => "UPSTREAM_TIMEOUT",
            Self::Relayed(relayed) => relayed.code,
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::Internal(_) => "INTERNAL_ERROR",
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Unauthorized => "Sign in: a valid bearer token is needed.",
            Self::SignInRefused | Self::WrongBirthDate(_) => "The code is not accepted.",
            Self::Forbidden(message) | Self::Conflict { message, .. } | Self::TooMany { message, .. } => {
                message
            }
            Self::NotFound => "There is nothing here for you.",
            Self::MethodNotAllowed => "This address does not take that method.",
            Self::Stale { .. } => "The record has changed since the version in If-Match.",
            Self::CursorExpired => {
                "From here on it cannot be told what has changed: start again from nothing."
            }
            Self::TooLarge { most } => return format!("A request here has at most {most} bytes."),
            Self::Invalid(_) => "The request cannot be accepted as it is.",
            Self::Timeout => "The request took too long.",
            Self::Upstream { .. } => "ChatEHR behind this gateway does not answer as it should.",
            Self::UpstreamTimeout => "ChatEHR behind this gateway took too long.",
            Self::Relayed(relayed) => return relayed.message.clone(),
            Self::Unavailable(message) => message,
            Self::Internal(_) => "The server failed; its log has the cause under the request id.",
        }
        .to_owned()
    }

    /// The fields that cannot be accepted.
    pub(crate) fn details(&self) -> &[InvalidField] {
        match self {
            Self::Invalid(details) => details,
            Self::Relayed(relayed) => &relayed.details,
            _ => &[],
        }
    }

    /// The record as it stands, where that is why.
    pub(crate) fn current(&self) -> Option<&Value> {
        match self {
            Self::Conflict { current, .. } => current.as_ref(),
            Self::Stale { current } => Some(current),
            Self::Relayed(relayed) => relayed.current.as_ref(),
            _ => None,
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
