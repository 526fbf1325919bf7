//! A system administrator can work from `--help`, and is told what was not understood.

use super::support::Place;

#[test]
fn the_help_of_every_command_is_a_promise() {
    let place = Place::empty();
    let commands: [&[&str]; 13] = [
        &[],
        &["doctor"],
        &["support-bundle"],
        &["audit"],
        &["audit", "verify"],
        &["audit", "export"],
        &["audit", "search"],
        &["vault"],
        &["vault", "list"],
        &["vault", "backup"],
        &["vault", "restore"],
        &["vault", "rekey"],
        &["vault", "recover"],
    ];
    let mut all = String::new();
    for command in commands {
        let arguments = [command, &["--help"]].concat();
        let said = place.run(&arguments).well();
        all.push_str(&format!("$ chatehr-desktop {}\n{}\n", arguments.join(" "), said.out));
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn what_is_not_understood_ends_with_2_and_does_nothing() {
    let place = Place::with_person();
    for wrong in [
        &["--frobnicate"][..],
        &["doctors"],
        &["audit"],
        &["vault", "restore", "file", "--into", "a", "--data-dir", "b", "--passphrase"],
        &["vault", "recover", "{dir}"],
        &["vault", "backup", "{dir}", "--to", "f", "--passphrase", "--recovery-code"],
        &["vault", "recover", "{dir}", "--passphrase=typed here"],
        &["audit", "search", "{dir}", "--from", "yesterday"],
    ] {
        let said = place.run(wrong);
        assert!(said.code == 2 && said.out.is_empty() && !said.err.is_empty(), "{wrong:?} {said:?}");
    }
    assert_eq!(place.log().len(), 5);
    let version = place.run(&["--version"]).well();
    assert_eq!(version.out.trim(), concat!("chatehr-desktop ", env!("CARGO_PKG_VERSION")));
}
