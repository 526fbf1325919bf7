//! What is handed on is whole, safe to open, and what its form's own rules ask for.

use chatehr_audit::{
    Criteria, Entry, ExportError, Format, NewEntry, Outcome, ReadError, Recorder, append, export,
};
use chatehr_contract::{PersonId, Role, Timestamp};
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::support::{at, empty, entry, log};

const RECORDER: Recorder<'_> =
    Recorder { observer: "gateway-1", is_workstation: false, server: "https://ehr.example" };

fn exported(connection: &Connection, criteria: &Criteria<'_>, format: Format<'_>) -> String {
    let mut out = Vec::new();
    export(connection, criteria, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn log_of(entries: &[NewEntry]) -> Connection {
    let connection = empty();
    let tx = connection.unchecked_transaction().unwrap();
    append(&tx, entries).unwrap();
    tx.commit().unwrap();
    connection
}

fn events(entries: &[NewEntry]) -> Vec<Value> {
    let lines = exported(&log_of(entries), &Criteria::default(), Format::Fhir(RECORDER));
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An entry of this action that went well, with everything in it.
fn done(action: &str) -> NewEntry {
    NewEntry {
        at: at(1),
        actor: Some("physician-1".to_owned()),
        role: Role::Physician,
        session: "s-7".to_owned(),
        workstation: "desk-2".to_owned(),
        action: action.to_owned(),
        objects: vec!["c-1".to_owned(), "c-2".to_owned()],
        patient: Some(PersonId::new("patient-123")),
        outcome: Outcome::Success,
        reason: None,
    }
}

/// Texts as people and attackers write them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[=+@\t\r-]?[a-z,\"'\r\n ]{0,8}",
        "\\PC{0,12}",
        "[\u{0}-\u{1f}\u{a0}\u{2003} ]{0,4}",
        Just("patient-123".to_owned()),
        Just("192.0.2.7".to_owned()),
    ]
}

fn any_entry() -> impl Strategy<Value = NewEntry> {
    let action =
        prop_oneof!["[a-z]{1,9}(\\.[a-z_]{1,9})?", prop::sample::select(ACTIONS).prop_map(str::to_owned)];
    let who = (prop::option::of(text()), text(), text(), text(), prop::option::of(text()));
    let what =
        (action, prop::collection::vec(text(), 0..4), prop::option::of(text()), 0..253_402_300_799_999_i64);
    (who, what, 0..3_usize).prop_map(
        |((actor, role, session, workstation, patient), (action, objects, reason, at), o)| NewEntry {
            at: Timestamp::from_millis(at),
            actor,
            role: Role::from(role),
            session,
            workstation,
            action,
            objects,
            patient: patient.map(PersonId::new),
            outcome: [Outcome::Success, Outcome::Refused, Outcome::Failed][o],
            reason,
        },
    )
}

const ACTIONS: &[&str] = &[
    "consultation.read",
    "consultation.list",
    "consultation.create",
    "consultation.accept",
    "appointment.delete",
    "message.send",
    "session.sign_in",
    "session.sign_out",
    "emergency.begin",
    "emergency.end",
    "audit.search",
    "audit.export",
    "record.export",
    "settings.change",
    "program.start",
    "program.stop",
    "workstation.enrol",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn json_lines_read_back_as_the_entries_that_were_written(
        entries in prop::collection::vec(any_entry(), 1..8),
    ) {
        let lines = exported(&log_of(&entries), &Criteria::default(), Format::JsonLines);
        let read: Vec<Entry> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert!(read.windows(2).all(|pair| pair[1].previous_hash == pair[0].hash));
        prop_assert_eq!(read.into_iter().map(|entry| entry.said).collect::<Vec<_>>(), entries);
    }

    #[test]
    fn csv_reads_back_and_no_field_begins_like_a_formula(entries in prop::collection::vec(any_entry(), 1..8)) {
        let text = exported(&log_of(&entries), &Criteria::default(), Format::Csv);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(records.len(), entries.len());
        for (record, entry) in records.iter().zip(&entries) {
            prop_assert_eq!(record.len(), 13);
            for field in record {
                prop_assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{:?}", field);
            }
            let plain = |text: &str| match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
                true => format!("'{text}"),
                false => text.to_owned(),
            };
            prop_assert_eq!(&record[4], plain(&entry.session));
            prop_assert_eq!(&record[7], plain(&entry.objects.join(" ")));
            prop_assert_eq!(&record[10], plain(entry.reason.as_deref().unwrap_or_default()));
        }
    }

    #[test]
    fn every_event_is_a_fhir_r4_audit_event_and_has_what_the_profile_it_claims_asks_for(
        entries in prop::collection::vec(any_entry(), 1..8),
    ) {
        for event in events(&entries) {
            let wrong: Vec<String> = validator().iter_errors(&event).map(|e| e.to_string()).collect();
            prop_assert!(wrong.is_empty(), "{:?}\n{:#}", wrong, event);
            check_invariants(&event);
            check_profile(&event);
        }
    }
}

fn validator() -> jsonschema::Validator {
    let schema = serde_json::from_str(include_str!("../schema/audit_event.r4.schema.json")).unwrap();
    jsonschema::draft6::new(&schema).unwrap()
}

#[test]
fn the_schema_refuses_what_is_no_audit_event() {
    let event = events(&[done("consultation.read")]).remove(0);
    assert!(validator().is_valid(&event));
    for (place, value) in [
        ("/recorded", json!("2026-11-25")),
        ("/action", json!("read")),
        ("/outcome", json!(0)),
        ("/agent/0/requestor", json!("yes")),
        ("/resourceType", json!("Patient")),
        ("/id", json!("with a space")),
        ("/source/observer", json!({ "name": "gateway-1" })),
    ] {
        let mut changed = event.clone();
        *changed.pointer_mut(place).unwrap() = value;
        assert!(!validator().is_valid(&changed), "{place}");
    }
    let mut more = event;
    more["what"] = json!(1);
    assert!(!validator().is_valid(&more));
}

fn codes<'a>(values: &'a Value, path: &str) -> Vec<&'a str> {
    values.as_array().unwrap().iter().filter_map(|value| value.pointer(path)?.as_str()).collect()
}

/// What R4 says beyond its schema: one requestor at the most, a name or a query, something in each reference.
fn check_invariants(event: &Value) {
    let agents = event["agent"].as_array().unwrap();
    assert_eq!(agents.iter().filter(|agent| agent["requestor"] == true).count(), 1);
    for entity in event["entity"].as_array().unwrap() {
        assert!(entity.get("name").is_none() || entity.get("query").is_none());
    }
}

/// The rules of BALP 1.1.3, as its profiles write them down.
fn check_profile(event: &Value) {
    let Some(profile) = event.pointer("/meta/profile/0").and_then(Value::as_str) else {
        return;
    };
    let name = profile
        .strip_prefix("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.")
        .unwrap();
    let (of_patient, name) = name.strip_prefix("Patient").map_or((false, name), |rest| (true, rest));
    let (subtype, action, client, server, users): (_, _, _, _, &[&str]) = match name {
        "Read" => ("read", "R", "110152", "110153", &["IRCP"]),
        "Query" => ("search", "E", "110153", "110152", &["IRCP"]),
        "Create" => ("create", "C", "110153", "110152", &["AUT", "INF", "CST"]),
        "Update" => ("update", "U", "110153", "110152", &["AUT", "INF", "CST"]),
        "Delete" => ("delete", "D", "110150", "custodian", &["AUT", "INF", "CST"]),
        other => panic!("{other} is no profile of ours"),
    };
    assert_eq!(
        (&event["type"]["code"], &event["outcome"], &event["action"]),
        (&json!("rest"), &json!("0"), &json!(action))
    );
    assert_eq!(codes(&event["subtype"], "/code"), [subtype]);
    let agents = event["agent"].as_array().unwrap();
    let is_of = |agent: &&Value, kinds: &[&str]| {
        agent.pointer("/type/coding/0/code").and_then(Value::as_str).is_some_and(|code| kinds.contains(&code))
    };
    for kind in [client, server] {
        let [agent] = agents.iter().filter(|a| is_of(a, &[kind])).collect::<Vec<_>>()[..] else {
            panic!("one {kind}")
        };
        assert!(agent.get("who").is_some() && agent.get("network").is_some() && agent.get("media").is_none());
    }
    let people: Vec<&Value> = agents.iter().filter(|agent| is_of(agent, users)).collect();
    assert!(people.len() <= 1);
    for user in people {
        assert!(user["requestor"] == true && user.get("who").is_some() && user.get("network").is_none());
    }
    let entities = event["entity"].as_array().unwrap();
    let [data] = entities.iter().filter(|e| e["type"]["code"] == "2").collect::<Vec<_>>()[..] else {
        panic!("one object")
    };
    if name == "Query" {
        assert_eq!(data["role"]["code"], "24");
        assert!(data.get("query").is_some() && data.get("what").is_none() && data.get("detail").is_none());
    } else {
        assert!(data.get("what").is_some() && data["role"]["code"] == "4");
    }
    let patients: Vec<&Value> = entities.iter().filter(|e| e["type"]["code"] == "1").collect();
    assert_eq!(patients.len(), usize::from(of_patient));
    for patient in patients {
        assert!(patient["role"]["code"] == "1" && patient.get("what").is_some());
    }
}

#[test]
fn what_happened_to_records_claims_its_profile_and_nothing_else_does() {
    let claims = |entry: NewEntry| {
        let event = events(&[entry]).remove(0);
        event
            .pointer("/meta/profile/0")
            .map(|profile| profile.as_str().unwrap().rsplit('.').next().unwrap().to_owned())
    };
    for (action, profile) in [
        ("consultation.read", Some("PatientRead")),
        ("consultation.list", Some("PatientQuery")),
        ("message.send", Some("PatientCreate")),
        ("consultation.accept", Some("PatientUpdate")),
        ("appointment.delete", Some("PatientDelete")),
        ("session.sign_in", None),
        ("emergency.begin", None),
        ("workstation.enrol", None),
    ] {
        assert_eq!(claims(done(action)).as_deref(), profile, "{action}");
    }
    let none = NewEntry { patient: None, ..done("consultation.read") };
    assert_eq!(claims(none).as_deref(), Some("Read"));
    for outcome in [Outcome::Refused, Outcome::Failed] {
        assert_eq!(claims(NewEntry { outcome, ..done("consultation.read") }), None);
    }
    assert_eq!(claims(NewEntry { workstation: String::new(), ..done("consultation.read") }), None);
}

#[test]
fn the_forms_never_change_unnoticed() {
    let fhir: Vec<String> = ACTIONS
        .iter()
        .map(|action| {
            let event = events(&[done(action)]).remove(0);
            let subtype = event.get("subtype").map_or("-", |subtype| codes(subtype, "/code")[0]);
            format!("{action}: {} {subtype} {}", event["type"]["code"], event["action"])
        })
        .collect();
    insta::assert_snapshot!("fhir_codes", fhir.join("\n"));
    insta::assert_snapshot!(
        "fhir_read",
        serde_json::to_string_pretty(&events(&[done("consultation.read")])).unwrap()
    );
    let refused = NewEntry {
        actor: None,
        outcome: Outcome::Refused,
        reason: Some("no session".to_owned()),
        objects: Vec::new(),
        workstation: "192.0.2.7".to_owned(),
        ..done("consultation.list")
    };
    insta::assert_snapshot!("fhir_refused", serde_json::to_string_pretty(&events(&[refused])).unwrap());
    insta::assert_snapshot!("csv", exported(&log(4), &Criteria::default(), Format::Csv));
    insta::assert_snapshot!("json_lines", exported(&log(2), &Criteria::default(), Format::JsonLines));
}

#[test]
fn a_part_of_the_log_goes_out_in_its_order() {
    let connection = log(40);
    let patient = PersonId::new("patient-3");
    let criteria = Criteria { patient: Some(&patient), from: Some(at(10)), ..Criteria::default() };
    let mut out = Vec::new();
    let count = export(&connection, &criteria, Format::JsonLines, &mut out).unwrap();
    let read: Vec<Entry> =
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected: Vec<u64> =
        (10..=40).filter(|second| entry(*second).patient.as_ref() == Some(&patient)).collect();
    assert_eq!(read.iter().map(|entry| entry.seq).collect::<Vec<_>>(), expected);
    assert_eq!(count, u64::try_from(expected.len()).unwrap());
    assert!(count > 1);
}

#[test]
fn an_empty_log_goes_out_as_a_header_or_nothing() {
    let out = |format| exported(&empty(), &Criteria::default(), format);
    assert_eq!(out(Format::Csv).lines().count(), 1);
    assert_eq!(out(Format::JsonLines), "");
    let none = Connection::open_in_memory().unwrap();
    none.execute_batch(chatehr_audit::SCHEMA).unwrap();
    let result = export(&none, &Criteria::default(), Format::Csv, &mut Vec::new());
    assert!(matches!(result, Err(ExportError::Read(ReadError::NoLog))));
}

/// Takes nothing.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_export_that_cannot_be_written_says_so() {
    let result = export(&log(3), &Criteria::default(), Format::JsonLines, &mut Full);
    assert!(matches!(result, Err(ExportError::Write(_))));
}
