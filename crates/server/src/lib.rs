//! The ChatEHR that tests and demonstrations run against: the `/v1` surface over an embedded store.
//!
//! Promises: who asks is decided by the bearer token alone; what may not be seen answers like what does not exist;
//! a change happens whole and once, or not at all; message content rests sealed.
//! Refuses: starting without its secrets, and content that claims to be sealed and is not.
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

mod address;
pub mod demo;
mod identity;
mod life_cycle;
mod listen;
mod live;
mod metrics;
pub mod mock;
mod problem;
mod rate;
mod routes;
mod sealing;
mod sources;
mod store;
mod visibility;

pub use sources::Sources;
