//! What an administrator's commands promise, each run in this process as the terminal would run it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod audit;
mod bundle;
mod doctor;
mod help;
mod right;
mod support;
mod vault;
