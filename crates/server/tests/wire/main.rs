//! What the server promises on the wire, over real loopback HTTP, grouped by promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod authentication;
mod bad_input;
mod events;
mod idempotency;
mod messages;
mod start;
mod support;
mod transitions;
mod visibility;
