//! The doctor says of each thing how it stands and what to do, and opens nothing.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use chatehr_admin::Desktop;
use chatehr_client::Config;
use chatehr_contract::Timestamp;
use chatehr_vault::{Vault, VaultKey};

use super::support::{KEY, Place, at, without_a_keyring};

/// A server that says who it is, with this clock; its address.
fn server(clock: Timestamp) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let read = connection.read(&mut [0; 4096]).unwrap();
            let body = format!(
                r#"{{"status":"ok","service":"chatehr-server","version":"0.1.0","timestamp":"{clock}","features":[]}}"#
            );
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            if read > 0 {
                connection.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    address
}

fn told(place: &Place, arguments: &[&str]) -> (u8, String) {
    let said = place.run(arguments);
    assert_eq!(said.err, "");
    let out = match &place.workstation.server {
        Ok(config) => said.out.replace(&config.base_url, "{server}"),
        Err(_) => said.out,
    };
    (said.code, out)
}

#[test]
fn a_sick_workstation_is_told_line_by_line_with_what_to_do() {
    if without_a_keyring("doctor::a_sick_workstation_is_told_line_by_line_with_what_to_do").is_some() {
        return;
    }
    let mut place = Place::with_person();
    place.workstation.server = Ok(Config::new(server(at(3600 + 420))));
    place.workstation.room = |_| Ok(640_000_000);
    place.workstation.desktop = Box::new(|| Desktop {
        display: Err("there is none in this session".to_owned()),
        web_view: Ok("2.50.1".to_owned()),
        notifications: Err("the desktop shows no notifications".to_owned()),
        tray: Err("there is none in this session".to_owned()),
    });
    let (code, text) = told(&place, &["doctor"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!("doctor_sick", text);
    let (code, json) = told(&place, &["doctor", "--json"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!("doctor_sick_json", json);
    assert_eq!(place.log().len(), 5, "it was only looked at");
}

#[test]
fn without_settings_the_doctor_still_says_what_is_missing() {
    let mut place = Place::empty();
    place.workstation.server = Err("CHATEHR_API_URL is not set".to_owned());
    place.workstation.data_dir = None;
    let (code, text) = told(&place, &["doctor"]);
    assert_eq!(code, 1);
    assert!(
        text.contains("CHATEHR_API_URL is not set") && text.contains("/etc/chatehr/settings.json"),
        "{text}"
    );
    assert!(text.contains("Set CHATEHR_DATA_DIR"), "{text}");
}

#[test]
fn files_that_the_window_has_open_are_looked_at_and_left_alone() {
    let place = Place::with_person();
    let vault = Vault::open(&place.dir(), &VaultKey::from_bytes(KEY)).unwrap();
    let (_, text) = told(&place, &["doctor"]);
    assert!(text.contains("open in a program now"), "{text}");
    drop(vault);
}

#[test]
fn a_server_that_is_away_or_somebody_else_is_told_apart() {
    let mut place = Place::empty();
    place.workstation.server = Ok(Config::new("http://127.0.0.1:9/v1"));
    let (code, text) = told(&place, &["doctor"]);
    assert!(code == 1 && text.contains("the server cannot be reached"), "{text}");
    place.workstation.server = Ok(Config::new("http://chatehr.example/v1"));
    let (_, text) = told(&place, &["doctor"]);
    assert!(text.contains("must begin with https://"), "{text}");
    place.workstation.server = Ok(Config::new("https://nurse:hunter2@chatehr.example/v1"));
    let (_, text) = told(&place, &["doctor"]);
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn clocks_apart_are_a_warning_and_far_apart_a_fault() {
    let mut place = Place::empty();
    for (apart, word) in
        [(0, "as the server's"), (-30, "30 s ahead of the server's"), (90, "90 s behind the server's")]
    {
        place.workstation.server = Ok(Config::new(server(at(3600 + apart))));
        let (_, text) = told(&place, &["doctor"]);
        let line = text.lines().find(|line| line.contains("clock")).unwrap();
        assert!(line.contains(word) && line.starts_with("warning") == (apart == 90), "{line}");
    }
}
