//! What each surface says of itself is a promise; and it must be a description of what is there.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{describe, parameters::names};
use crate::surface::{face::Face, route::ROUTES};

fn walk(value: &Value, each: &mut dyn FnMut(&Value)) {
    each(value);
    match value {
        Value::Object(fields) => fields.values().for_each(|field| walk(field, each)),
        Value::Array(items) => items.iter().for_each(|item| walk(item, each)),
        _ => {}
    }
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (path.clone(), method.clone(), operation))
    });
    each.collect()
}

#[test]
fn what_v1_says_of_itself_is_a_promise() {
    insta::assert_json_snapshot!(describe(Face::Bare).unwrap());
}

#[test]
fn what_the_gateway_says_of_itself_is_a_promise() {
    insta::assert_json_snapshot!(describe(Face::Envelope).unwrap());
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_described_in_vain() {
    for face in [Face::Bare, Face::Envelope] {
        let document = describe(face).unwrap();
        let mut used = BTreeSet::new();
        walk(&document, &mut |value| {
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{face:?}: {target}");
                used.insert(target.to_owned());
            }
        });
        for kind in ["schemas", "responses", "headers", "parameters"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                assert!(used.contains(&format!("#/components/{kind}/{name}")), "{face:?}: {kind} {name}");
            }
        }
    }
}

#[test]
fn every_route_is_described_on_each_surface_that_has_it() {
    for face in [Face::Bare, Face::Envelope] {
        let document = describe(face).unwrap();
        for route in ROUTES {
            let Some(path) = route.path(face) else { continue };
            let operation = &document["paths"][path][route.method.as_str().to_lowercase()];
            assert_eq!(operation["summary"], route.about, "{face:?} {path}");
        }
        let here = ROUTES.iter().filter(|route| route.path(face).is_some()).count();
        assert_eq!(operations(&document).len(), here + 2, "with /events and /health");
    }
}

#[test]
fn operations_are_told_apart_and_their_parameters_are_those_of_their_paths() {
    for face in [Face::Bare, Face::Envelope] {
        let document = describe(face).unwrap();
        let tags: BTreeSet<&str> =
            document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
        let mut ids = BTreeSet::new();
        for (path, method, operation) in operations(&document) {
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
                "{face:?} {method} {path}"
            );
            assert!(
                operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(tag.as_str().unwrap()))
            );
            let in_path: Vec<&str> = names(&path).collect();
            let none = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&none);
            let described: Vec<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(described, in_path, "{face:?} {method} {path}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{face:?} {method} {path}");
        }
    }
}

#[test]
fn only_the_gateway_refuses_names_that_it_does_not_know() {
    for (face, refuses) in [(Face::Bare, false), (Face::Envelope, true)] {
        let document = describe(face).unwrap();
        for (path, method, operation) in operations(&document) {
            let Some(body) = operation.pointer("/requestBody/content/application~1json/schema/$ref") else {
                continue;
            };
            let schema = document.pointer(body.as_str().unwrap().trim_start_matches('#')).unwrap();
            let alternatives = match schema["oneOf"].as_array() {
                Some(alternatives) => alternatives.iter().collect(),
                None => vec![schema],
            };
            for schema in alternatives {
                assert_eq!(schema["additionalProperties"] == false, refuses, "{face:?} {method} {path}");
            }
        }
    }
}

#[test]
fn every_example_has_every_field_that_is_required_and_no_other() {
    let document = describe(Face::Envelope).unwrap();
    for (path, method, operation) in operations(&document) {
        let content = &operation["requestBody"]["content"]["application/json"];
        let (Some(example), Some(body)) =
            (content["example"].as_object(), content["schema"]["$ref"].as_str())
        else {
            continue;
        };
        let schema = document.pointer(body.trim_start_matches('#')).unwrap();
        let alternatives = match schema["oneOf"].as_array() {
            Some(alternatives) => alternatives.iter().collect(),
            None => vec![schema],
        };
        let fits = alternatives.iter().any(|schema| {
            let none = Vec::new();
            let required = schema["required"].as_array().unwrap_or(&none);
            required.iter().all(|name| example.contains_key(name.as_str().unwrap()))
                && example.keys().all(|name| schema["properties"].get(name).is_some())
        });
        assert!(fits, "{method} {path}");
    }
}
