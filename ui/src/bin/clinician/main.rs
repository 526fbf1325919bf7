//! The clinician's front end.

#[cfg(not(feature = "fixtures"))]
fn main() {
    chatehr_ui::clinician::start(chatehr_ui::backend::Backend::host());
}

#[cfg(feature = "fixtures")]
fn main() {
    chatehr_ui::clinician::fixtures::start();
}
