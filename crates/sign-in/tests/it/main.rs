//! What signing in promises, against a provider on loopback whose every misbehaviour can be asked for, and against one
//! that is not ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod agent;
mod device;
mod identity;
mod life;
mod mix_up;
mod port;
mod real_provider;
mod refresh;
mod sign_out;
mod stage;
mod step_up;
mod surroundings;
