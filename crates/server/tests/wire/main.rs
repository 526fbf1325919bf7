//! What the server promises on the wire, over real loopback HTTP, grouped by promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod access;
mod authentication;
mod bad_input;
mod changes;
mod clinic;
mod conversation;
mod demonstration;
mod description;
mod envelope;
mod escalation;
mod events;
mod gateway;
mod glass;
mod hostile;
mod idempotency;
mod issuer;
mod kiosk;
mod messages;
mod mistakes;
mod original;
mod program;
mod quirks;
mod siege;
mod sign_in_oidc;
mod start;
mod support;
mod trail;
mod transitions;
mod visibility;
