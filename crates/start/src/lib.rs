//! What a program does before it begins, so that what it keeps to itself stays with it: secrets leave its environment,
//! and a crash leaves no image of its memory.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod core_image;
pub mod secrets;

pub use secrets::Secrets;
