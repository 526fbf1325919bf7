//! The kiosk's window: one patient, for minutes.
//!
//! Promises: everything the person does goes through [`flow::step`], every question to the host is a command of the
//! kiosk's own table, and when the visit ends nothing of it stays in the window. Refuses: storage, links out, and
//! every command and screen of the clinician.

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

mod app;
#[cfg(feature = "fixtures")]
mod fixtures;
mod flow;
mod page;
mod screens;
mod words;

fn main() {
    yew::Renderer::<app::App>::new().render();
}
