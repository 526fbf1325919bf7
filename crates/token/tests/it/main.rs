//! What the check of tokens promises, against a provider on loopback, grouped by promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod claims;
mod forgery;
mod keys;
mod outage;
mod real_provider;
mod support;
