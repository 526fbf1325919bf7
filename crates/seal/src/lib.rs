//! Message envelopes and the keys they are sealed with (wire contract, section 4).
//!
//! Promises: an envelope opens only under its own key and in its own place (consultation, sender, recipient,
//! envelope id), unaltered; keys leave memory when they are dropped and never show in `Debug`.
//! Refuses: I/O, clocks and randomness (the nonce is passed in), writing any older format, and guessing: what does
//! not open says why, and is never handed out as if it were plain text.
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

mod content;
mod envelope;
mod key;
pub mod legacy;
mod stack;

pub use content::{Content, classify};
pub use envelope::{Binding, OpenError, SealError, open, seal};
pub use key::{KeyError, MessageKey, RootSecret};
