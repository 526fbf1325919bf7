//! What the audit log promises, grouped by promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod anchors;
mod export;
mod format;
mod guards;
mod lines;
mod retention;
mod search;
mod support;
mod tampering;
mod writing;
