//! What goes with a request besides its body: ids in its path, filters in its query, headers.

use chatehr_contract::{
    MAX_ID_CHARS,
    access::{Access, Action, Party, Relation, decide},
};
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, RefOr, Required, Schema, SchemaFormat,
    path::{Parameter, ParameterBuilder, ParameterIn},
    schema::{AnyOfBuilder, Type},
};

use super::super::{
    face::Face,
    route::{Kind, Param, Route, Verb},
};

/// Those of its path, then those of its query.
pub(super) fn parameters(face: Face, route: &Route, path: &str) -> Vec<Parameter> {
    let id =
        || ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_ID_CHARS));
    let needed = |name: &str, place| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(Required::True)
            .description(Some("An id, whole and opaque"))
            .schema(Some(id()))
            .example(example_id(path).map(Into::into))
            .build()
    };
    let mut all: Vec<Parameter> = names(path).map(|name| needed(name, ParameterIn::Path)).collect();
    let query = |param: &Param| {
        ParameterBuilder::new()
            .name(param.name)
            .parameter_in(ParameterIn::Query)
            .required(if param.needed { Required::True } else { Required::False })
            .description(Some(param.about))
            .schema(Some(kind(param)))
            .build()
    };
    // What is in the path there is asked for by name here.
    let elsewhere = if face == Face::Bare { route.envelope } else { route.bare };
    let elsewhere = elsewhere.into_iter().flat_map(names).filter(|name| !path.contains(*name));
    all.extend(elsewhere.map(|name| needed(name, ParameterIn::Query)));
    all.extend(route.params.iter().map(query));
    all
}

/// An id of the demonstration's, by what a path begins with.
fn example_id(path: &str) -> Option<&'static str> {
    match path.split('/').nth(1)? {
        "consultations" | "messages" | "keys" => Some("consultation-3068"),
        "appointments" => Some("appointment-5093"),
        "patients" => Some("patient-2041"),
        "physicians" => Some("physician-12"),
        _ => None,
    }
}

/// The names in a path's braces.
pub(super) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn kind(param: &Param) -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    match param.kind {
        Kind::Text if param.needed => text().min_length(Some(1)).into(),
        Kind::Text => text().into(),
        Kind::Words(words) => text().enum_values(Some(words())).into(),
        Kind::Number { least, most, otherwise } => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(least))
            .maximum(Some(most))
            .default(Some(otherwise.into()))
            .into(),
        Kind::Moment => {
            let format = |format| text().format(Some(SchemaFormat::KnownFormat(format)));
            let either =
                AnyOfBuilder::new().item(format(KnownFormat::Date)).item(format(KnownFormat::DateTime));
            RefOr::T(Schema::from(either.build()))
        }
    }
}

/// The headers of requests that mean something to us, by the names under which operations refer to them.
pub(super) fn headers() -> Vec<(&'static str, Parameter)> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let header = |name: &str, schema: ObjectBuilder, about: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(about))
            .schema(Some(schema))
            .build()
    };
    vec![
        (
            "IdempotencyKey",
            header(
                "Idempotency-Key",
                text().min_length(Some(1)).max_length(Some(255)).pattern(Some(r"^[\t -~]*[!-~][\t -~]*$")),
                "A repeat with the same key and body gets the first answer again, for a day at least",
            ),
        ),
        (
            "IfMatch",
            header(
                "If-Match",
                text(),
                "The ETag that the change is meant for, or *; another version is a 412",
            ),
        ),
        (
            "IfNoneMatch",
            header(
                "If-None-Match",
                text(),
                "The ETag of the list as the caller has it; as it was, it is a 304",
            ),
        ),
        (
            "AcceptEnvelope",
            header(
                "Accept-Envelope",
                text().enum_values(Some(["3"])),
                "The client seals and opens messages itself; without it they come and go in clear text",
            ),
        ),
        (
            "BreakGlassReason",
            header(
                "Break-Glass-Reason",
                // Percent-encoded, a character has up to twelve.
                text().min_length(Some(8)).max_length(Some(500 * 12)),
                "Why somebody looks at what they otherwise may not, 8 to 500 characters, percent-encoded where they \
                 are not ASCII; it goes on record",
            ),
        ),
        (
            "LastEventId",
            header("Last-Event-ID", text(), "Where the listener was; what has happened since is told first"),
        ),
    ]
}

pub(super) fn header_names(action: Action, method: Verb, rows: bool) -> Vec<&'static str> {
    let mut names = Vec::new();
    if rows {
        names.push("IfNoneMatch");
    }
    if matches!(method, Verb::Post | Verb::Put) {
        names.push("IdempotencyKey");
    }
    if takes_version(action) {
        names.push("IfMatch");
    }
    if matches!(action, Action::MessageList | Action::MessageCreate | Action::ChangeList) {
        names.push("AcceptEnvelope");
    }
    if decide(action, Party::Admin, Relation::Other) == Access::WithReason {
        names.push("BreakGlassReason");
    }
    names
}

/// Whether it changes a record that has a version.
pub(super) const fn takes_version(action: Action) -> bool {
    matches!(
        action,
        Action::ConsultationUpdate
            | Action::ConsultationAcknowledge
            | Action::ConsultationDecline
            | Action::ConsultationHandoff
            | Action::AppointmentUpdate
            | Action::AppointmentRespond
    )
}
