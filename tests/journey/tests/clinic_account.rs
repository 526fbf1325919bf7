//! Signing in with a clinic account, in the real window.

#![allow(clippy::expect_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use chatehr_journey::{Places, Session, Step, sign_in_at_clinic};

#[test]
#[ignore = "needs the built windows, a desktop session and the provider's packages: `cargo xtask test` walks it"]
fn a_physician_signs_in_locks_unlocks_gives_way_and_signs_out() {
    let installed =
        std::env::var_os("CHATEHR_TEST_OIDC").map(PathBuf::from).expect("CHATEHR_TEST_OIDC is set");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oidc-provider/provider.mjs");
    // This test is target/<profile>/deps/clinic_account-…
    let program = std::env::current_exe().expect("this test is a file");
    let built = program.ancestors().nth(2).expect("it lies in a profile's directory");
    let profile = built.file_name().expect("the profile has a name").to_string_lossy();
    let target = built.parent().expect("the profile lies in the target directory");
    let places = Places { pictures: target.join("clinic-account"), ..Places::below(target, &profile) };
    let session = Session::start(&places.session).expect("a desktop session");
    println!();
    let steps = sign_in_at_clinic(&session, &places, &installed, &script, &mut |step: &Step| {
        println!("{}", step.line());
    })
    .expect("the walk begins");
    let failed: Vec<&str> = steps.iter().filter(|step| !step.passed()).map(|step| step.name).collect();
    assert!(failed.is_empty(), "not passed: {failed:?}; pictures are in {}", places.pictures.display());
}
