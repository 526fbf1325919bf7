//! What a surface says of itself, in OpenAPI 3.1.
//!
//! Promises: it is made from the table that routes requests and from the types that are read and written, so that it
//! cannot name a route that is not there or leave one out. Refuses: describing what only a mock has on purpose (faults,
//! the original's quirks).

mod answers;
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chatehr_contract::{
    Escalation, InvalidField,
    access::{Access, Action, Party, Relation, decide},
};
use serde_json::Value;
use utoipa::openapi::{
    Components, ContentBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApiBuilder, Paths, Ref, RefOr,
    Required, Schema, Server,
    path::{Operation, OperationBuilder},
    request_body::RequestBodyBuilder,
    schema::AdditionalProperties,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};

use self::{
    answers::{Answers, Refused},
    parameters::{header_names, headers, parameters, takes_version},
};
use super::{
    face::Face,
    route::{ROUTES, Route, Takes, Verb},
    schema::{Schemas, model},
};

const BEARER: &str = "bearer";
/// What groups operations: the word that their actions begin with, the group's name, and what is in it.
const TAGS: &[(&str, &str, &str)] = &[
    ("consultation", "Consultations", "Asked for, answered, handed on"),
    ("message", "Messages", "Conversations of a consultation, sealed at rest"),
    ("key", "Messages", ""),
    ("attachment", "Messages", ""),
    ("appointment", "Appointments", "Made by staff, answered by the patient"),
    ("patient", "Directory", "Patients, physicians, specialties"),
    ("physician", "Directory", ""),
    ("specialty", "Directory", ""),
    ("change", "Changes", "What has changed, asked for or told as it happens"),
    ("event", "Changes", ""),
    ("kiosk_code", "Sessions", "Who a token stands for; signing in and out"),
    ("kiosk_session", "Sessions", ""),
    ("session", "Sessions", ""),
    ("account", "Sessions", ""),
    ("policy", "Oversight", "Rules for workstations, and what has been done"),
];
/// Where an action's word is not in the list: what administrators look after.
const OTHER_TAG: &str = "Oversight";
const SERVER_TAG: &str = "Server";

/// The whole description as JSON.
///
/// # Errors
/// A schema that cannot be written as JSON.
pub(crate) fn describe(face: Face) -> Result<Value, serde_json::Error> {
    let mut schemas: Schemas = Vec::new();
    // Named inside free objects, where nothing collects them.
    model::<Escalation>(&mut schemas);
    model::<InvalidField>(&mut schemas);
    let answers = Answers { face };
    let mut paths = Paths::new();
    let mut bodies = Vec::new();
    for route in ROUTES {
        let Some(path) = route.path(face) else { continue };
        let method = match route.method {
            Verb::Get => HttpMethod::Get,
            Verb::Post => HttpMethod::Post,
            Verb::Put => HttpMethod::Put,
            Verb::Delete => HttpMethod::Delete,
        };
        paths.add_path_operation(
            path,
            vec![method],
            operation(answers, route, path, &mut schemas, &mut bodies),
        );
    }
    paths.add_path_operation("/events", vec![HttpMethod::Get], events(answers));
    paths.add_path_operation("/health", vec![HttpMethod::Get], health(answers));

    let mut schemas: BTreeMap<String, RefOr<Schema>> = schemas.into_iter().collect();
    schemas.insert("Error".to_owned(), answers.error());
    if face == Face::Envelope {
        for body in &bodies {
            if let Some(RefOr::T(schema)) = schemas.get_mut(body) {
                refuse_more(schema);
            }
        }
    }
    let mut components = answers.components(Components::new());
    components.schemas = schemas;
    for (name, parameter) in headers() {
        components.parameters.insert(name.to_owned(), parameter.into());
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A person's token, a session of this server's, or a machine's key"))
        .build();
    components.security_schemes.insert(BEARER.to_owned(), SecurityScheme::Http(bearer).into());
    let document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title(match face {
                    Face::Bare => "ChatEHR upstream, /v1",
                    Face::Envelope => "ChatEHR gateway, /api/chatehr",
                })
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(about(face)))
                .license(Some(
                    LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
                )),
        )
        .servers(Some([Server::new(face.base())]))
        .paths(paths)
        .components(Some(components))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, [])]))
        .tags(Some(tags()))
        .build();
    let mut json = serde_json::to_value(document)?;
    answers::require_headers(&mut json);
    Ok(json)
}

const fn about(face: Face) -> &'static str {
    match face {
        Face::Bare => {
            "Bare objects and arrays. What every client of the original understands, with what is added to it: \
             GET /health lists that under `features`. Names in a query or body that are not known are passed over. \
             A gateway names the person that it asks for in X-ChatEHR-On-Behalf-Of."
        }
        Face::Envelope => {
            "Every answer is `{success, data, metadata}` or `{success, error}`. What every client of the original \
             understands, with what is added to it: GET /health lists that under `features`. A name in a body that \
             is not known is refused; one in a query is passed over."
        }
    }
}

fn tags() -> Vec<utoipa::openapi::Tag> {
    let tag = |name: &str, about: &str| TagBuilder::new().name(name).description(Some(about)).build();
    let mut tags: Vec<_> = TAGS
        .iter()
        .filter(|(.., about)| !about.is_empty())
        .map(|(_, name, about)| tag(name, about))
        .collect();
    tags.push(tag(SERVER_TAG, "Whether it works, and what it can do"));
    tags
}

fn tag(action: Action) -> &'static str {
    let word = action.as_str().split('.').next().unwrap_or_default();
    TAGS.iter().find(|(first, ..)| *first == word).map_or(OTHER_TAG, |(_, name, _)| name)
}

/// `consultation.list` is `consultationList`; a list that has its rows' own action is told from reading one of them.
fn operation_id(action: Action, rows: bool) -> String {
    let mut id = String::new();
    for part in action.as_str().split(['.', '_']) {
        let part = if rows && part == "read" { "list" } else { part };
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if !id.is_empty() => id.extend(first.to_uppercase()),
            Some(first) => id.push(first),
            None => {}
        }
        id.extend(letters);
    }
    id
}

fn operation(
    answers: Answers,
    route: &Route,
    path: &str,
    schemas: &mut Schemas,
    bodies: &mut Vec<String>,
) -> Operation {
    let action = route.action;
    let gives = (route.gives)(schemas);
    let rows = matches!(gives, RefOr::T(Schema::Array(_)));
    let mut operation = OperationBuilder::new()
        .tag(tag(action))
        .operation_id(Some(operation_id(action, rows)))
        .summary(Some(route.about))
        .description(Some(who_may(action)));
    for parameter in parameters(answers.face, route, path) {
        operation = operation.parameter(parameter);
    }
    for name in header_names(action, route.method, rows) {
        operation = operation.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
    }
    let example = route.example.and_then(|text| serde_json::from_str(text).ok());
    let body = match route.takes {
        Takes::Nothing => None,
        Takes::Json(model) => {
            let schema = model(schemas);
            if let RefOr::Ref(named) = &schema {
                bodies.extend(named.ref_location.rsplit('/').next().map(str::to_owned));
            }
            Some(("application/json", schema))
        }
        Takes::Bytes => Some(("application/octet-stream", answers::file(1))),
    };
    let body = body.map(|(kind, schema)| {
        let content = ContentBuilder::new().schema(Some(schema)).example(example).build();
        RequestBodyBuilder::new().content(kind, content).required(Some(Required::True)).build()
    });
    let success = answers.success(action, route.status, gives, rows);
    let mut operation = operation.request_body(body).response(success.0, success.1);
    if rows {
        let (status, response) = answers::as_it_was();
        operation = operation.response(status, response);
    }
    for refused in refusals(action, route.method, path) {
        operation = operation.response(refused.status(), refused.reference());
    }
    operation.build()
}

/// The access table in a line.
fn who_may(action: Action) -> String {
    let mut who = Vec::new();
    for (party, word) in [
        (Party::Patient, "patient"),
        (Party::Physician, "physician"),
        (Party::Nurse, "nurse"),
        (Party::Admin, "administrator"),
        (Party::Machine, "machine"),
    ] {
        let may = |relation| decide(action, party, relation);
        if may(Relation::None) == Access::Granted {
            who.push(word.to_owned());
            continue;
        }
        let records = match (may(party.closest()), may(Relation::Pool), may(Relation::Other)) {
            (Access::Granted, Access::Granted, Access::Granted) => "",
            (_, _, Access::WithReason) => ", with a reason",
            (Access::Granted, Access::Granted, Access::BehindGlass) => {
                " (their own, their specialties' pool, and others by break-glass)"
            }
            (Access::Granted, _, Access::BehindGlass) => " (their own, and others by break-glass)",
            (Access::Granted, Access::Granted, _) if party == Party::Nurse => {
                " (their physician's own, and the specialties' pool)"
            }
            (Access::Granted, Access::Granted, _) if party == Party::Physician => {
                " (their own, and their specialties' pool)"
            }
            (Access::Granted, ..) if party == Party::Nurse => " (their physician's own)",
            (Access::Granted, ..) => " (their own)",
            (_, _, Access::Granted) => " (not their own)",
            _ => continue,
        };
        who.push(format!("{word}{records}"));
    }
    format!("May ask: {}.", who.join("; "))
}

/// What can be refused, by what is asked.
fn refusals(action: Action, method: Verb, path: &str) -> Vec<Refused> {
    let parties = [Party::Patient, Party::Physician, Party::Nurse, Party::Admin, Party::Machine];
    let hides = |access| matches!(access, Access::Hidden | Access::BehindGlass);
    let hidden = parties
        .iter()
        .any(|party| Relation::ALL.iter().any(|relation| hides(decide(action, *party, *relation))));
    let unknown = matches!(
        action,
        Action::KioskCodeCreate | Action::AvailabilityUpdate | Action::AccountList | Action::TestSignIn
    );
    let changes = method != Verb::Get;
    let conditional = [
        (hidden || unknown || path.contains('{'), Refused::NotFound),
        (changes, Refused::Conflict),
        (action == Action::ChangeList, Refused::CursorExpired),
        (takes_version(action), Refused::Stale),
        (changes, Refused::TooLarge),
    ];
    let mut all = Refused::ALWAYS.to_vec();
    all.extend(conditional.into_iter().filter(|(may, _)| *may).map(|(_, refused)| refused));
    all
}

fn events(answers: Answers) -> Operation {
    let (status, response) = answers.stream();
    let mut operation = OperationBuilder::new()
        .tag(tag(Action::EventListen))
        .operation_id(Some("eventListen"))
        .summary(Some("What happens, as it happens: ids and urgency, no free text"))
        .description(Some(
            "Server-sent events: consultation.changed, message.created, message.read, appointment.changed, \
             escalation.changed, break_glass.opened (to administrators), and reset where the place in Last-Event-ID is not kept any more.",
        ))
        .parameter_ref(Ref::new("#/components/parameters/LastEventId"))
        .response(status, response);
    for refused in Refused::ALWAYS {
        operation = operation.response(refused.status(), refused.reference());
    }
    operation.build()
}

fn health(answers: Answers) -> Operation {
    OperationBuilder::new()
        .tag(SERVER_TAG)
        .operation_id(Some("health"))
        .summary(Some("Whether this is ChatEHR, whether it works, and what it can do"))
        .securities(Some([SecurityRequirement::default()]))
        .response("200", answers.health("It works"))
        .response("503", answers.health("It does not"))
        .build()
}

/// A body with a name that is not in its schema is refused.
fn refuse_more(schema: &mut Schema) {
    match schema {
        Schema::Object(object) => {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        Schema::OneOf(one_of) => {
            for item in &mut one_of.items {
                if let RefOr::T(schema) = item {
                    refuse_more(schema);
                }
            }
        }
        _ => {}
    }
}
