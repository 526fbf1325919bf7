//! What both programs, the clinician's and the kiosk's, need of the machine: the answer to a window's question, the
//! clock, randomness, settings, notifications and the log.
//!
//! Thin on purpose: no rule lives here. A panic in a command becomes an error answer, and what differs between
//! operating systems is in `notifier`, `session_lock` and `graphics`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod alert_test;
pub mod answer;
pub mod automation;
pub mod browser;
pub mod graphics;
pub mod log;
pub mod notifier;
pub mod session_lock;
pub mod settings;
pub mod start_anew;
pub mod surroundings;
pub mod tray;
pub mod web_process;
