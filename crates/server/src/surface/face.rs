//! How answers are written: bare on `/v1`, in an envelope on `/api/chatehr` (wire contract, sections 2 and 3).

use axum::{
    body::Body as HttpBody,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chatehr_contract::{Timestamp, access::Action};
use serde_json::{Map, Value, json};

use crate::{
    op::{Body, Outcome},
    problem::{Causes, Problem},
};

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// One of the two surfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// `/v1`: bare objects and arrays.
    Bare,
    /// `/api/chatehr`: `{success, data, metadata}`.
    Envelope,
}

impl Face {
    /// What its paths begin with.
    pub(crate) const fn base(self) -> &'static str {
        match self {
            Self::Bare => "/v1",
            Self::Envelope => "/api/chatehr",
        }
    }

    /// An answer.
    pub(crate) fn write(
        self,
        action: Action,
        outcome: Outcome,
        request_id: &str,
        now: Timestamp,
    ) -> Response {
        let mut status = StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::OK);
        let listing = outcome.listing;
        let body = match outcome.body {
            Body::Bytes(bytes) => {
                return (status, [(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response();
            }
            Body::Nothing => {
                if self == Self::Bare {
                    return status.into_response();
                }
                status = StatusCode::OK;
                "null".to_owned()
            }
            Body::Json(json) => json,
            Body::Rows(rows) => {
                let mut text = String::with_capacity(rows.iter().map(|row| row.len() + 1).sum::<usize>() + 2);
                text.push('[');
                for (place, row) in rows.iter().enumerate() {
                    if place > 0 {
                        text.push(',');
                    }
                    text.push_str(row);
                }
                text.push(']');
                if self == Self::Envelope {
                    return envelope(
                        status,
                        &text,
                        &metadata(action, rows.len(), listing, request_id, now),
                        None,
                    );
                }
                text
            }
        };
        let tag = outcome.version.and_then(|version| HeaderValue::from_str(&format!("\"{version}\"")).ok());
        match self {
            Self::Envelope => {
                envelope(status, &body, &json!({ "requestId": request_id, "timestamp": now }), tag)
            }
            Self::Bare => {
                let mut response = json_response(status, body, tag);
                if let Some(total) = listing.and_then(|listing| listing.total) {
                    response.headers_mut().insert(TOTAL_COUNT, HeaderValue::from(total));
                }
                response
            }
        }
    }

    /// A refusal or failure.
    pub(crate) fn refuse(self, problem: Problem, request_id: &str) -> Response {
        if let Problem::Internal(error) = &problem {
            tracing::error!(error = %Causes(error.as_ref()), "request failed");
        }
        if let Problem::Upstream { why } = &problem {
            tracing::error!(why, "ChatEHR behind this gateway failed");
        }
        let status = problem.status();
        let mut extra = Map::new();
        if !problem.details().is_empty() {
            extra.insert("details".to_owned(), json!(problem.details()));
        }
        if let Some(current) = problem.current() {
            extra.insert("current".to_owned(), current.clone());
        }
        let body = match self {
            Self::Bare => {
                let mut body = Map::new();
                body.insert("error".to_owned(), problem.code().into());
                body.insert("message".to_owned(), problem.message().into());
                body.extend(extra);
                Value::Object(body)
            }
            Self::Envelope => {
                let mut error = Map::new();
                error.insert("code".to_owned(), problem.code().into());
                error.insert("message".to_owned(), problem.message().into());
                error.extend(extra);
                error.insert("requestId".to_owned(), request_id.into());
                json!({ "success": false, "error": error })
            }
        };
        let mut response = json_response(status, body.to_string(), None);
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chatehr\""));
        }
        if let Problem::TooMany { headers, .. } = problem {
            response.headers_mut().extend(headers);
        }
        response
    }
}

fn metadata(
    action: Action,
    count: usize,
    listing: Option<crate::op::Listing>,
    request_id: &str,
    now: Timestamp,
) -> Value {
    let mut metadata = json!({ "count": count, "requestId": request_id, "timestamp": now });
    if let (Value::Object(metadata), Some(listing)) = (&mut metadata, listing) {
        if let Some(total) = listing.total {
            metadata.insert("total".to_owned(), total.into());
        }
        metadata.insert("hasMore".to_owned(), listing.more.into());
        if action == Action::AppointmentList {
            metadata.insert("syncedAt".to_owned(), json!(now));
        }
    }
    metadata
}

fn envelope(status: StatusCode, data: &str, metadata: &Value, tag: Option<HeaderValue>) -> Response {
    json_response(status, format!("{{\"success\":true,\"data\":{data},\"metadata\":{metadata}}}"), tag)
}

fn json_response(status: StatusCode, body: String, tag: Option<HeaderValue>) -> Response {
    let mut response = Response::new(HttpBody::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
