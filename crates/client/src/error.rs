//! What can go wrong between a request and its answer.
//!
//! No error holds a URL, a token, a body or a source that could: the sources here are our own, made of kinds and
//! positions, because those of the HTTP and JSON libraries quote addresses and values. What a server said in words
//! is kept apart from `Display` and `Debug`.

use std::{fmt, io, time::Duration};

use chatehr_contract::{
    Consultation, ConsultationStatus, ErrorCode, HistoryEntry, InvalidField, PersonId, Timestamp,
};

/// Why a request has no good answer.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No connection, or it broke before the answer was whole. Whether the server acted is not known.
    #[error("the server cannot be reached")]
    Unreachable(#[source] ConnectionFault),
    /// No answer in time. Whether the server acted is not known.
    #[error("the server took too long to answer")]
    Timeout,
    /// The address belongs to something else, or something stands in between, such as a proxy's sign-in page.
    #[error("not a ChatEHR server: {reason}")]
    NotChatEhr {
        /// What gave it away.
        reason: &'static str,
    },
    /// The workstation's key is wrong.
    #[error("the workstation's key was refused")]
    ApiKeyRefused,
    /// The code is nobody's.
    #[error("the sign-in was refused")]
    SignInRefused,
    /// The session's token is no longer good.
    #[error("the session has ended")]
    SignedOut,
    /// The session lasts, and no token for it can be had now.
    #[error("the sign-in service cannot be reached")]
    SignInUnavailable,
    /// Not this person's to do.
    #[error("forbidden")]
    Forbidden,
    /// Not there, or not visible to this person.
    #[error("not found")]
    NotFound,
    /// The record is no longer in the state that the request needs.
    #[error("the record has changed in the meantime")]
    Conflict {
        /// How it stands now, where the server says so.
        current: Option<Box<ConflictState>>,
        /// The server's words: for nobody's eyes but a decision's, never shown or logged.
        message: String,
    },
    /// The version asked for is not the present one.
    #[error("the record has another version by now")]
    PreconditionFailed {
        /// How it stands now, where the server says so.
        current: Option<Box<ConflictState>>,
    },
    /// The request cannot be accepted as it is.
    #[error("the request is not acceptable ({} fields)", fields.len())]
    Invalid {
        /// Which fields and why; empty where the server does not say. The words are the server's.
        fields: Vec<InvalidField>,
    },
    /// The request is too large for the server.
    #[error("the request is too large")]
    TooLarge,
    /// Too many requests.
    #[error("too many requests")]
    RateLimited {
        /// Not before.
        retry_after: Option<Duration>,
    },
    /// The server failed.
    #[error("the server failed with status {status}")]
    ServerFault {
        /// Of HTTP; 5xx or 425.
        status: u16,
        /// Not before.
        retry_after: Option<Duration>,
    },
    /// Not sent: the server has failed again and again, and is given time.
    #[error("the server has failed again and again and is not asked for a while")]
    Paused {
        /// Until it is asked again.
        retry_in: Duration,
    },
    /// A refusal that has no meaning in the contract.
    #[error("the server refused with status {status}")]
    Refused {
        /// Of HTTP.
        status: u16,
    },
    /// The answer is not what the contract says.
    #[error("the answer is not what the contract says")]
    Malformed(#[source] BadAnswer),
}

/// A record that stood in the way, as far as the refusal told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictState {
    /// Where it stands.
    pub status: ConsultationStatus,
    /// Who has it.
    pub physician_id: Option<PersonId>,
    /// Its version; 0 where the server counts none.
    pub version: u64,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// What was done last; only where this person may see the record.
    pub last: Option<HistoryEntry>,
    /// The whole of it, where the refusal has it.
    pub record: Option<Consultation>,
}

/// How a connection failed, without its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionFault {
    /// It was never made.
    #[error("no connection{}", kind(*.0))]
    NotMade(Option<io::ErrorKind>),
    /// The server's certificate or its way of speaking TLS was not accepted.
    #[error("no secure connection")]
    NotSecure,
    /// It broke, half an answer included.
    #[error("the connection broke{}", kind(*.0))]
    Broken(Option<io::ErrorKind>),
    /// The server ended an event stream.
    #[error("the server closed the stream")]
    Closed,
}

fn kind(kind: Option<io::ErrorKind>) -> String {
    kind.map(|kind| format!(" ({kind})")).unwrap_or_default()
}

/// How an answer differs from the contract, without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// More bytes than any answer may have.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// Not the JSON of this record or list.
    #[error("JSON that does not fit at line {line}, column {column}")]
    Json {
        /// From 1; 0 where the text is sound and the record is not.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A field that reads as JSON and cannot be used.
    #[error("the field {0} cannot be used")]
    Field(&'static str),
    /// Not a stream of events.
    #[error("not an event stream")]
    NotEvents,
}

impl From<serde_json::Error> for ClientError {
    /// Keeps the place alone: the library's own words quote values.
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(BadAnswer::Json { line: error.line(), column: error.column() })
    }
}

impl ClientError {
    /// Whether the same request may succeed later without anybody changing anything. The one place that decides.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Timeout
            | Self::RateLimited { .. }
            | Self::ServerFault { .. }
            | Self::Paused { .. }
            | Self::SignInUnavailable => true,
            Self::NotChatEhr { .. }
            | Self::ApiKeyRefused
            | Self::SignInRefused
            | Self::SignedOut
            | Self::Forbidden
            | Self::NotFound
            | Self::Conflict { .. }
            | Self::PreconditionFailed { .. }
            | Self::Invalid { .. }
            | Self::TooLarge
            | Self::Refused { .. }
            | Self::Malformed(_) => false,
        }
    }

    /// Whether it is this one request that cannot succeed. When false, the connection, the key or the session is
    /// at fault, and whatever waits in an outbox should go on waiting.
    pub const fn concerns_this_request(&self) -> bool {
        !self.is_transient()
            && !matches!(
                self,
                Self::NotChatEhr { .. } | Self::ApiKeyRefused | Self::SignInRefused | Self::SignedOut
            )
    }

    /// Whether the server may have done what it was asked, although it did not say so. Only what surely never
    /// reached it, or what it refused, it has not done.
    pub const fn may_have_acted(&self) -> bool {
        match self {
            Self::Unreachable(ConnectionFault::Broken(_) | ConnectionFault::Closed)
            | Self::Timeout
            | Self::NotChatEhr { .. }
            | Self::ServerFault { .. }
            | Self::Malformed(_) => true,
            Self::Unreachable(ConnectionFault::NotMade(_) | ConnectionFault::NotSecure)
            | Self::ApiKeyRefused
            | Self::SignInRefused
            | Self::SignInUnavailable
            | Self::SignedOut
            | Self::Forbidden
            | Self::NotFound
            | Self::Conflict { .. }
            | Self::PreconditionFailed { .. }
            | Self::Invalid { .. }
            | Self::TooLarge
            | Self::RateLimited { .. }
            | Self::Paused { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// How the record stands that was in the way, where the refusal told.
    pub fn current(&self) -> Option<&ConflictState> {
        match self {
            Self::Conflict { current, .. } | Self::PreconditionFailed { current } => current.as_deref(),
            _ => None,
        }
    }

    /// The whole record that was in the way, where the refusal has it.
    pub fn record(&self) -> Option<&Consultation> {
        self.current()?.record.as_ref()
    }

    /// How long to wait before the same is asked again, where that is known.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::ServerFault { retry_after, .. } => *retry_after,
            Self::Paused { retry_in } => Some(*retry_in),
            _ => None,
        }
    }

    /// What the window is told. The caller fills in the detail, such as the physician's name, and decides whether
    /// a record that somebody has taken was taken by this very person.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unreachable(ConnectionFault::NotSecure) => ErrorCode::ServerNotTrusted,
            Self::Unreachable(_) | Self::Paused { .. } => ErrorCode::ServerUnreachable,
            Self::Timeout => ErrorCode::ServerTimeout,
            Self::NotChatEhr { .. } => ErrorCode::NotChatEhr,
            Self::ApiKeyRefused => ErrorCode::ApiKeyRefused,
            Self::SignInRefused => ErrorCode::SignInRefused,
            Self::SignedOut => ErrorCode::SignedOut,
            Self::SignInUnavailable => ErrorCode::SignInUnavailable,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::NotFound => ErrorCode::NotFound,
            Self::Conflict { current: Some(current), .. } if current.is_taken() => ErrorCode::AlreadyTaken,
            Self::Conflict { .. } | Self::PreconditionFailed { .. } => ErrorCode::Conflict,
            Self::Invalid { .. } | Self::TooLarge => ErrorCode::Invalid,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::ServerFault { .. } => ErrorCode::ServerFault,
            Self::Malformed(_) => ErrorCode::ServerUnsuited,
            Self::Refused { .. } => ErrorCode::Internal,
        }
    }
}

impl ConflictState {
    /// Whether a physician has it and has not finished.
    pub fn is_taken(&self) -> bool {
        self.physician_id.is_some()
            && matches!(self.status, ConsultationStatus::Assigned | ConsultationStatus::InProgress)
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::error::Error::source(self) {
            Some(source) => write!(f, "{self}: {source}"),
            None => fmt::Display::fmt(self, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(status: ConsultationStatus, by: Option<&str>) -> ClientError {
        let physician_id = by.map(PersonId::new);
        let current =
            ConflictState { status, physician_id, version: 3, updated_at: None, last: None, record: None };
        ClientError::Conflict { current: Some(Box::new(current)), message: "SECRET".to_owned() }
    }

    #[test]
    fn one_table_decides_what_time_may_heal_and_what_the_window_is_told() {
        use ErrorCode as C;
        let wait = Some(Duration::from_secs(7));
        let broken = ClientError::Unreachable(ConnectionFault::Broken(None));
        let may_have_acted = |error: &ClientError| {
            matches!(
                error,
                ClientError::Unreachable(ConnectionFault::Broken(_) | ConnectionFault::Closed)
                    | ClientError::Timeout
                    | ClientError::ServerFault { .. }
                    | ClientError::NotChatEhr { .. }
                    | ClientError::Malformed(_)
            )
        };
        // error, transient, this request's own fault, what the window is told
        let table = [
            (ClientError::Unreachable(ConnectionFault::NotMade(None)), true, false, C::ServerUnreachable),
            (broken, true, false, C::ServerUnreachable),
            (ClientError::Unreachable(ConnectionFault::NotSecure), true, false, C::ServerNotTrusted),
            (ClientError::Timeout, true, false, C::ServerTimeout),
            (ClientError::RateLimited { retry_after: wait }, true, false, C::RateLimited),
            (ClientError::ServerFault { status: 503, retry_after: wait }, true, false, C::ServerFault),
            (ClientError::Paused { retry_in: Duration::from_secs(7) }, true, false, C::ServerUnreachable),
            (ClientError::NotChatEhr { reason: "x" }, false, false, C::NotChatEhr),
            (ClientError::ApiKeyRefused, false, false, C::ApiKeyRefused),
            (ClientError::SignInRefused, false, false, C::SignInRefused),
            (ClientError::SignedOut, false, false, C::SignedOut),
            (ClientError::SignInUnavailable, true, false, C::SignInUnavailable),
            (ClientError::Forbidden, false, true, C::Forbidden),
            (ClientError::NotFound, false, true, C::NotFound),
            (taken(ConsultationStatus::Assigned, Some("p")), false, true, C::AlreadyTaken),
            (taken(ConsultationStatus::InProgress, Some("p")), false, true, C::AlreadyTaken),
            (taken(ConsultationStatus::Cancelled, Some("p")), false, true, C::Conflict),
            (taken(ConsultationStatus::Pending, None), false, true, C::Conflict),
            (ClientError::Conflict { current: None, message: String::new() }, false, true, C::Conflict),
            (ClientError::PreconditionFailed { current: None }, false, true, C::Conflict),
            (ClientError::Invalid { fields: Vec::new() }, false, true, C::Invalid),
            (ClientError::TooLarge, false, true, C::Invalid),
            (ClientError::Refused { status: 405 }, false, true, C::Internal),
            (ClientError::Malformed(BadAnswer::NotEvents), false, true, C::ServerUnsuited),
        ];
        for (error, transient, own, code) in table {
            assert_eq!(error.is_transient(), transient, "{error:?}");
            assert_eq!(error.concerns_this_request(), own, "{error:?}");
            assert_eq!(error.code(), code, "{error:?}");
            assert_eq!(error.may_have_acted(), may_have_acted(&error), "{error:?}");
            let waits = matches!(
                error,
                ClientError::RateLimited { .. }
                    | ClientError::ServerFault { .. }
                    | ClientError::Paused { .. }
            )
            .then_some(7);
            assert_eq!(error.retry_after().map(|wait| wait.as_secs()), waits, "{error:?}");
        }
    }

    #[test]
    fn what_a_server_said_in_words_is_not_shown() {
        let invalid = ClientError::Invalid { fields: vec![InvalidField::new("SECRET", "SECRET")] };
        for error in [taken(ConsultationStatus::Assigned, None), invalid] {
            assert!(!format!("{error} {error:?} {error:#?}").contains("SECRET"));
        }
    }

    #[test]
    fn a_json_error_does_not_quote_the_value_that_it_is_about() {
        let error = serde_json::from_str::<Vec<u8>>("[\n \"SECRET\"]").unwrap_err();
        assert!(error.to_string().contains("SECRET"));
        let error = ClientError::from(error);
        assert_eq!(error, ClientError::Malformed(BadAnswer::Json { line: 2, column: 9 }));
        assert!(!format!("{error} {error:?}").contains("SECRET"));
    }
}
