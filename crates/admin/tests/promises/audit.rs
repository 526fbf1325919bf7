//! The log is checked, shown and handed on, and says that it was.

use std::fs;

use chatehr_audit::{Anchor, Outcome, SigningKey, sign_anchor};
use chatehr_vault::{Vault, VaultKey};
use rusqlite::Connection;

use super::support::{KEY, Place, at, entry, names};

/// The ledger, opened by somebody who has the key and takes its guards away.
fn behind_the_back(place: &Place, sql: &str) {
    let connection = Connection::open(place.dir().join("ledger.db")).unwrap();
    let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let guard: String = {
        connection
            .execute_batch(&format!("PRAGMA key = \"x'{key}'\"; PRAGMA cipher_compatibility = 4;"))
            .unwrap();
        connection
            .query_row(
                "SELECT group_concat(sql, ';\n') FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit_entry'",
                [],
                |row| row.get(0),
            )
            .unwrap()
    };
    let names: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit_entry'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for name in names {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    connection.execute_batch(sql).unwrap();
    connection.execute_batch(&guard).unwrap();
}

const VERIFY: [&str; 4] = ["audit", "verify", "{dir}", "--passphrase"];

#[test]
fn a_sound_log_says_how_far_it_goes_and_who_vouches_for_it() {
    let place = Place::with_person();
    let said = place.run(&VERIFY).well();
    assert!(said.out.contains("is what was written") && said.out.contains("5, from 1 to 5"), "{}", said.out);
    assert!(said.out.contains("vouched for  by nobody"), "{}", said.out);
    assert_eq!(place.log().len(), 5, "looking whether it is sound changes nothing");
    // By the ledger's own name, and with the other secret.
    place.run_with(&["audit", "verify", "{dir}/ledger.db", "--recovery-code"], &place.code, true).well();
}

#[test]
fn a_tampered_log_names_the_first_bad_entry_and_ends_with_1() {
    let place = Place::with_person();
    behind_the_back(&place, "DELETE FROM audit_entry WHERE seq = 3");
    let said = place.run(&VERIFY);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("NOT what was written") && said.out.contains("first bad    3"), "{}", said.out);
}

#[test]
fn an_anchor_from_the_server_shows_that_the_end_was_cut_off() {
    let place = Place::with_person();
    let server = SigningKey::from_bytes(&[9; 32]);
    let file = place.home.path().join("anchor.json");
    let vault = Vault::open(&place.dir(), &VaultKey::from_bytes(KEY)).unwrap();
    let device = vault.device().unwrap();
    let head = Anchor { device_id: device.id, count: device.head.count, head: device.head.hash };
    fs::write(&file, serde_json::to_string(&sign_anchor(&server, head, at(9))).unwrap()).unwrap();
    drop(vault);
    let asked = [&VERIFY[..], &["--anchor", "{home}/anchor.json"]].concat();
    place.run(&asked).refused("has not seen the server's key");
    let vault = Vault::open(&place.dir(), &VaultKey::from_bytes(KEY)).unwrap();
    assert!(vault.know_server(server.verifying_key().as_bytes()).unwrap());
    drop(vault);
    let said = place.run(&asked).well();
    assert!(said.out.contains("up to 5, all of it, by the server"), "{}", said.out);
    behind_the_back(&place, "DELETE FROM audit_entry WHERE seq > 4");
    assert!(place.run(&VERIFY).well().out.contains("from 1 to 4"), "by itself it hangs together");
    let said = place.run(&asked);
    assert!(said.code == 1 && said.out.contains("first bad    5"), "{said:?}");
}

#[test]
fn an_export_is_on_record_private_whole_and_checked_without_a_key() {
    let place = Place::with_person();
    let export = ["audit", "export", "{dir}", "--passphrase", "--out", "{home}/log.jsonl"];
    place.run(&export).well();
    let file = place.home.path().join("log.jsonl");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let log = place.log();
    let last = &log.last().unwrap().said;
    assert_eq!((last.action.as_str(), last.actor.as_deref()), ("audit.export", Some("os:alice")));
    assert_eq!((last.workstation.as_str(), last.at), ("desk-7", at(3600)));
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), log.len(), "it holds the entry about itself, too");

    let said = place.run(&["audit", "verify", "{home}/log.jsonl"]).well();
    assert!(said.out.contains("6, from 1 to 6") && said.out.contains("not known"), "{}", said.out);
    fs::write(&file, text.replace("patient-1", "patient-9")).unwrap();
    let said = place.run(&["audit", "verify", "{home}/log.jsonl"]);
    assert!(said.code == 1 && said.out.contains("line 1, the audit entry 1, was altered"), "{said:?}");

    place.run(&export).refused("something in that place already");
    assert_eq!(place.log().len(), 6, "what is refused at once is not tried");
}

#[test]
fn the_filters_choose_and_the_forms_are_what_they_are_called() {
    let place = Place::with_person();
    let export = |form: &str, filter: &[&str]| {
        let asked = ["audit", "export", "{dir}", "--passphrase", "--format", form, "--out", "-"];
        place.run_with(&[&asked[..], filter].concat(), super::support::PASSPHRASE, false).well().out
    };
    assert_eq!(export("jsonl", &["--action", "consultation.read"]).lines().count(), 2);
    assert_eq!(export("jsonl", &["--patient", "patient-1", "--actor", "physician-1"]).lines().count(), 2);
    let (from, until) = (at(2).to_string(), at(4).to_string());
    assert_eq!(export("jsonl", &["--from", &from, "--until", &until]).lines().count(), 2);
    assert_eq!(export("jsonl", &["--until", "2026-11-24"]).lines().count(), 0);
    assert!(export("csv", &[]).starts_with("seq,"), "CSV");
    assert!(export("fhir", &[]).lines().all(|line| line.contains("\"AuditEvent\"")), "FHIR");
    let log = place.log();
    let of_patient =
        log.iter().filter(|entry| entry.said.action == "audit.export" && entry.said.patient.is_some());
    assert_eq!(of_patient.count(), 1, "an export of one patient's is on that patient's record");
    place
        .run(&["audit", "export", "{dir}", "--passphrase", "--out", "-"])
        .refused("does not go to a terminal");
}

#[test]
fn an_export_that_goes_wrong_leaves_no_file_and_says_so_in_the_log() {
    let place = Place::with_person();
    place
        .run(&["audit", "export", "{dir}", "--passphrase", "--out", "{home}/nowhere/log"])
        .refused("no such");
    assert_eq!(place.log().len(), 5, "there was no file to write to, so nothing was exported");
    // An entry that does not read stops the export in the middle.
    behind_the_back(&place, "UPDATE audit_entry SET sealed = x'00' WHERE seq = 4");
    place.run(&["audit", "export", "{dir}", "--passphrase", "--out", "{home}/log"]).refused("does not read");
    assert!(!names(place.home.path()).contains(&"log".to_owned()));
    let vault = Vault::open(&place.dir(), &VaultKey::from_bytes(KEY)).unwrap();
    let last = vault.search_audit(&chatehr_audit::Criteria::default(), None, 2).unwrap();
    assert_eq!(
        last.iter().map(|entry| entry.said.outcome).collect::<Vec<_>>(),
        [Outcome::Failed, Outcome::Success]
    );
}

#[test]
fn a_search_shows_the_newest_first_and_is_on_record() {
    let place = Place::with_person();
    let said = place.run(&["audit", "search", "{dir}", "--passphrase", "--limit", "3"]).well();
    insta::assert_snapshot!("search_table", said.out);
    let search = ["audit", "search", "{dir}", "--passphrase", "--patient", "patient-2"];
    let lines = place.run_with(&search, super::support::PASSPHRASE, false).well().out;
    let seqs: Vec<u64> =
        lines.lines().map(|line| serde_json::from_str::<chatehr_audit::Entry>(line).unwrap().seq).collect();
    assert_eq!(seqs, [5, 2]);
    let log = place.log();
    let searches: Vec<_> = log.iter().filter(|entry| entry.said.action == "audit.search").collect();
    assert_eq!(searches.len(), 2);
    assert_eq!(searches[1].said.patient.as_ref().unwrap().as_str(), "patient-2");
}

#[test]
fn an_id_that_would_move_the_cursor_is_shown_as_what_it_is() {
    let place = Place::with_person();
    let vault = Vault::open(&place.dir(), &VaultKey::from_bytes(KEY)).unwrap();
    let hostile = "c-1\u{1b}[2J\u{9b}31m\n6  forged\u{202e}";
    vault.record(&[chatehr_audit::NewEntry { objects: vec![hostile.to_owned()], ..entry(6) }]).unwrap();
    drop(vault);
    let search = ["audit", "search", "{dir}", "--passphrase", "--limit", "1"];
    for by_a_person in [true, false] {
        let out = place.run_with(&search, super::support::PASSPHRASE, by_a_person).well().out;
        assert!(!out.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{out:?}");
        assert_eq!(out.lines().count(), if by_a_person { 2 } else { 1 }, "{out}");
    }
}

#[test]
fn nothing_is_opened_that_the_window_has_open() {
    let place = Place::with_person();
    let _open = Vault::open(&place.dir(), &VaultKey::from_bytes(KEY)).unwrap();
    for command in [
        &VERIFY[..],
        &["audit", "search", "{dir}", "--passphrase"],
        &["audit", "export", "{dir}", "--passphrase", "--out", "{home}/log"],
        &["vault", "backup", "{dir}", "--passphrase", "--to", "{home}/backup"],
        &["vault", "rekey", "{dir}", "--passphrase", "--no-keyring"],
        &["vault", "recover", "{dir}", "--passphrase"],
    ] {
        place.run(command).refused("Close the ChatEHR window");
    }
    assert_eq!(names(place.home.path()), ["data"]);
}

#[test]
fn an_action_without_a_name_does_not_happen() {
    let mut place = Place::with_person();
    place.workstation.user = None;
    for command in [
        &["audit", "search", "{dir}", "--passphrase"][..],
        &["audit", "export", "{dir}", "--passphrase", "--out", "{home}/log"],
        &["vault", "backup", "{dir}", "--passphrase", "--to", "{home}/backup"],
        &["vault", "rekey", "{dir}", "--passphrase", "--no-keyring"],
        &["vault", "recover", "{dir}", "--passphrase"],
    ] {
        place.run(command).refused("does not say who runs this");
    }
    assert_eq!(names(place.home.path()), ["data"]);
    assert_eq!(place.log().len(), 5);
}
