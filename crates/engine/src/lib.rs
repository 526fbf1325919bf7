//! What the program does, without a window: opens a person's files, keeps them in step with ChatEHR, sends what
//! waits, and makes sure that an urgent request is noticed.
//!
//! Promises: nothing waits for the network to draw, because every view is read from the encrypted files; nothing
//! is shown as sent before the server has said so; responsibility for a patient changes hands only with the
//! server's word; an error reaching the window is an [`ErrorReport`](chatehr_contract::ErrorReport).
//! Refuses: to know about windows. The host passes in the clock, randomness, the notifier and a listener.

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

mod alert;
mod desk;
mod kiosk;
pub mod memory;
mod report;
mod session_clock;
mod settings;
pub mod support;
mod surroundings;
mod unseal;

pub use alert::{Alert, Claim, Effect, Moment, Notification, Occasion, Watch};
pub use chatehr_sign_in::{Browser, NoBrowser, Settings as SignInSettings};
pub use desk::{Desk, HostReport, directory_name, kept_policy};
pub use kiosk::Kiosk;
pub use settings::{Settings, SettingsError};
pub use surroundings::{
    Clock, Listener, Notifier, NotifyError, OnResponse, OnService, Random, Response, Showing, Shown,
    Surroundings,
};
