//! Lists that are sent again only when they have changed: a weak ETag over the rows, and `If-None-Match`
//! (RFC 9110, sections 8.8.1 and 13.1.2).
//!
//! The list is made and the access written down all the same: what is saved is the way, not the record of it. The tag is
//! over what the caller may see, so it tells nobody of what they may not.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::op::{Body, Outcome};

/// The tag of a list; nothing for any other answer.
pub(super) fn tag(outcome: &Outcome) -> Option<HeaderValue> {
    let Body::Rows(rows) = &outcome.body else { return None };
    let mut digest = Sha256::new();
    if let Some(total) = outcome.listing.and_then(|listing| listing.total) {
        digest.update(total.to_be_bytes());
    }
    for row in rows {
        digest.update(row);
        // Not in JSON, so that no two lists of rows are the same text.
        digest.update([0]);
    }
    let hash = digest.finalize();
    let short = hash.get(..16).unwrap_or(&hash);
    HeaderValue::from_str(&format!("W/\"{}\"", hex::encode(short))).ok()
}

/// Whether the caller has this very list.
pub(super) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let mut known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.any(|value| value.split(',').any(|one| one.trim().as_bytes() == tag.as_bytes()))
}

/// That it is as it was.
pub(super) fn not_modified() -> Response {
    StatusCode::NOT_MODIFIED.into_response()
}
