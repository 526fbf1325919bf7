//! What can go wrong around the clinician's window, in the real window.

#![allow(clippy::expect_used, clippy::print_stdout)]

use chatehr_journey::{Places, Step, suffer};

#[test]
#[ignore = "needs the built windows: `cargo xtask test` builds them and runs this"]
fn every_misfortune_says_what_happened_and_what_to_do_and_no_message_is_lost() {
    // This test is target/<profile>/deps/misfortunes-…
    let program = std::env::current_exe().expect("this test is a file");
    let built = program.ancestors().nth(2).expect("it lies in a profile's directory");
    let profile = built.file_name().expect("the profile has a name").to_string_lossy();
    let target = built.parent().expect("the profile lies in the target directory");
    let places = Places { pictures: target.join("misfortunes"), ..Places::below(target, &profile) };
    println!();
    let steps =
        suffer(&places, &mut |step: &Step| println!("{}", step.line())).expect("a private desktop session");
    let failed: Vec<&str> = steps.iter().filter(|step| !step.passed()).map(|step| step.name).collect();
    assert!(failed.is_empty(), "not passed: {failed:?}; pictures are in {}", places.pictures.display());
}
