//! A workstation's support bundle: read before it is written, nothing of anybody in it, and on record.

use std::fs;

use chatehr_audit::Criteria;
use chatehr_client::Config;
use chatehr_vault::{Vault, VaultKey};

use super::support::{KEY, Place};

#[test]
fn what_is_written_is_what_is_shown_for_the_owner_alone() {
    let mut place = Place::empty();
    place.workstation.data_dir = None;
    place.workstation.server = Err("CHATEHR_API_URL is not set".to_owned());
    let shown = place.run(&["support-bundle", "{home}/bundle.txt", "--show"]).well().out;
    let file = place.home.path().join("bundle.txt");
    assert!(!file.exists());
    place.run(&["support-bundle", "{home}/bundle.txt"]).well();
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written.trim_end(), shown.trim_end());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_ne!(place.run(&["support-bundle", "{home}/bundle.txt"]).code, 0, "nothing is written over");
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn a_key_a_home_and_a_person_are_not_in_it() {
    let mut place = Place::with_person();
    let mut config = Config::new("http://127.0.0.1:9/v1");
    config.api_key = Some("canary-of-a-key".to_owned());
    place.workstation.settings = "CHATEHR_API_KEY  canary-of-a-key".to_owned();
    place.workstation.server = Ok(config);
    let text = place.run(&["support-bundle", "{home}/bundle.txt", "--show"]).well().out;
    let home = place.home.path().display().to_string();
    for canary in ["canary", home.as_str(), "alice", "patient", "physician"] {
        let found = text.replace("no patient’s data", "").contains(canary);
        assert!(!found, "{canary} is in\n{text}");
    }
    assert!(text.contains("~/data") && text.contains("Records of actions"), "{text}");
}

#[test]
fn that_it_was_written_stands_in_the_log_of_files_that_the_keyring_opens() {
    if std::env::var_os("CHATEHR_TEST_KEYRING").is_none() {
        return;
    }
    let place = Place::with_person();
    let (dir, key) = (place.dir(), VaultKey::from_bytes(KEY));
    let entry = format!("vault:{}", dir.file_name().unwrap().display());
    chatehr_vault::keyring::restore_keyring_slot(
        &place.workstation.keyring,
        &entry,
        &dir,
        &key,
        None,
        super::support::at(0),
    )
    .unwrap();
    let text = place.run(&["support-bundle", "{home}/shown.txt", "--show"]).well().out;
    assert!(text.contains("5 entries, head "), "{text}");
    place.run(&["support-bundle", "{home}/bundle.txt"]).well();
    let vault = Vault::open(&dir, &key).unwrap();
    let found = vault.search_audit(&Criteria::default(), None, 10).unwrap();
    assert_eq!(found[0].said.action, "support.export");
    assert_eq!(found.len(), 6, "a look that is only shown is not an export");
}
