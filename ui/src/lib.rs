//! The two front ends, clinician and kiosk.
//!
//! Promises: shows what the host knows and asks the host for every action, through one [`backend::Backend`].
//! Refuses: rules of its own, storage and network. What is pure here (words for times, keys, the window on a long
//! list) is plain functions with tests; the rest is drawing.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

pub mod backend;
pub mod clinician;
pub mod dom;
pub mod icon;
pub mod sound;
pub mod time;
pub mod words;

#[cfg(test)]
mod contrast;
