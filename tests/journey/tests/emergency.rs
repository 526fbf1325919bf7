//! Emergency access and a nurse, in the real window.

#![allow(clippy::expect_used, clippy::print_stdout)]

use chatehr_journey::{Places, Step, emergency};

#[test]
#[ignore = "needs the built windows: `cargo xtask test` builds them and runs this"]
fn a_record_opened_in_an_emergency_is_under_a_banner_and_gone_with_it_and_a_nurse_is_told_what_they_may_not()
{
    // This test is target/<profile>/deps/emergency-…
    let program = std::env::current_exe().expect("this test is a file");
    let built = program.ancestors().nth(2).expect("it lies in a profile's directory");
    let profile = built.file_name().expect("the profile has a name").to_string_lossy();
    let target = built.parent().expect("the profile lies in the target directory");
    let places = Places { pictures: target.join("emergency"), ..Places::below(target, &profile) };
    println!();
    let steps = emergency(&places, &mut |step: &Step| println!("{}", step.line()))
        .expect("a private desktop session");
    let failed: Vec<&str> = steps.iter().filter(|step| !step.passed()).map(|step| step.name).collect();
    assert!(failed.is_empty(), "not passed: {failed:?}; pictures are in {}", places.pictures.display());
}
