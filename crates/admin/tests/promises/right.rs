//! What leaves the files by the clinic's policy.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_audit::Outcome;
use chatehr_contract::{POLICY_DOMAIN, Policy, SignedPolicy};
use chatehr_vault::{Vault, VaultKey};
use ed25519_dalek::{Signer, SigningKey};

use crate::support::{KEY, Place, names};

/// A person's files that have heard of this policy, signed by the clinic's server or by somebody else.
fn place(may_export: &[&str], signed_by: u8) -> Place {
    let place = Place::with_person();
    let vault = Vault::open(&place.dir(), &VaultKey::from_bytes(KEY)).unwrap();
    let roles = may_export.iter().map(|&role| role.to_owned()).collect();
    let policy = Policy { may_export: roles, ..Policy::default() };
    let (server, key) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[signed_by; 32]));
    let signed = serde_json::to_string(&policy).unwrap();
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let policy = SignedPolicy {
        policy,
        signature: encode(&key.sign(format!("{POLICY_DOMAIN}{signed}").as_bytes()).to_bytes()),
        public_key: encode(key.verifying_key().as_bytes()),
        signed,
    };
    assert!(vault.know_server(server.verifying_key().as_bytes()).unwrap());
    vault.keep_policy(&serde_json::to_string(&policy).unwrap()).unwrap();
    drop(vault);
    place
}

const EXPORT: [&str; 6] = ["audit", "export", "{dir}", "--passphrase", "--out", "{home}/log.jsonl"];
const BACKUP: [&str; 6] = ["vault", "backup", "{dir}", "--passphrase", "--to", "{home}/backup"];

#[test]
fn a_policy_that_gives_nobody_the_right_keeps_the_log_and_the_records_in_and_says_so_on_record() {
    for (command, action) in [(EXPORT, "audit.export"), (BACKUP, "vault.backup")] {
        let place = place(&["physician"], 7);
        place.run(&command).refused("policy");
        assert_eq!(names(place.home.path()), ["data"], "nothing was written");
        let log = place.log();
        let last = &log.last().unwrap().said;
        assert_eq!((last.action.as_str(), last.outcome), (action, Outcome::Refused));
        assert_eq!(last.reason.as_deref(), Some("POLICY_FORBIDS"));
    }
}

#[test]
fn a_policy_that_gives_administrators_the_right_lets_both_out() {
    for command in [EXPORT, BACKUP] {
        place(&["admin"], 7).run(&command).well();
    }
}

#[test]
fn a_policy_of_somebody_else_gives_and_takes_nothing() {
    // By default administrators export.
    place(&[], 8).run(&EXPORT).well();
}
