//! The journey in the real windows.

#![allow(clippy::expect_used, clippy::print_stdout)]

use chatehr_journey::{Places, Session, Step, walk};

#[test]
#[ignore = "needs the built windows and a desktop session: `cargo xtask test` and `cargo xtask run --headless` walk it"]
fn an_urgent_request_reaches_the_physician_and_nothing_readable_is_left() {
    // This test is target/<profile>/deps/journey-…
    let program = std::env::current_exe().expect("this test is a file");
    let built = program.ancestors().nth(2).expect("it lies in a profile's directory");
    let profile = built.file_name().expect("the profile has a name").to_string_lossy();
    let target = built.parent().expect("the profile lies in the target directory");
    let places = Places::below(target, &profile);
    let session = Session::start(&places.session).expect("a desktop session");
    println!();
    let steps =
        walk(&session, &places, &mut |step: &Step| println!("{}", step.line())).expect("the journey begins");
    let failed: Vec<&str> = steps.iter().filter(|step| !step.passed()).map(|step| step.name).collect();
    assert!(failed.is_empty(), "not passed: {failed:?}; pictures are in {}", places.pictures.display());
}
