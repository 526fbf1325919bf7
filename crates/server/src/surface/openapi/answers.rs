//! What comes back, as the surface writes it ([`crate::surface::face`]): answers, refusals, and their headers.

use chatehr_contract::access::Action;
use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema,
    openapi::{
        ArrayBuilder, Components, ContentBuilder, HeaderBuilder, KnownFormat, ObjectBuilder, Ref, RefOr,
        Response, ResponseBuilder, Schema, SchemaFormat, schema::Type,
    },
};

use super::super::face::Face;
use crate::problem::Problem;

/// Writes answers as one surface does.
#[derive(Clone, Copy)]
pub(super) struct Answers {
    pub(super) face: Face,
}

/// A refusal or failure that operations share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Invalid,
    Unauthorized,
    Forbidden,
    NotFound,
    Timeout,
    Conflict,
    CursorExpired,
    Stale,
    TooLarge,
    TooMany,
    Internal,
    Upstream,
    Unavailable,
    UpstreamTimeout,
}

impl Refused {
    /// What every operation may be answered with.
    pub(super) const ALWAYS: [Self; 9] = [
        Self::Invalid,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Timeout,
        Self::TooMany,
        Self::Internal,
        Self::Upstream,
        Self::Unavailable,
        Self::UpstreamTimeout,
    ];

    const ALL: [Self; 14] = [
        Self::Invalid,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Timeout,
        Self::Conflict,
        Self::CursorExpired,
        Self::Stale,
        Self::TooLarge,
        Self::TooMany,
        Self::Internal,
        Self::Upstream,
        Self::Unavailable,
        Self::UpstreamTimeout,
    ];

    /// One of its kind, whose status, code and words are those that are sent.
    fn sample(self) -> Problem {
        match self {
            Self::Invalid => Problem::field("limit", "must be a whole number from 1 to 100"),
            Self::Unauthorized => Problem::Unauthorized,
            Self::Forbidden => Problem::Forbidden("This is not for this role."),
            Self::NotFound => Problem::NotFound,
            Self::Timeout => Problem::Timeout,
            Self::Conflict => Problem::Conflict {
                message: "The consultation does not go from where it stands to that status.",
                current: None,
            },
            Self::CursorExpired => Problem::CursorExpired,
            Self::Stale => Problem::Stale { current: json!({}) },
            Self::TooLarge => Problem::TooLarge { most: super::super::route::MAX_BODY_BYTES },
            Self::TooMany => {
                Problem::TooMany { headers: Vec::new(), message: "Too many requests; wait a little." }
            }
            Self::Internal => Problem::Internal("".into()),
            Self::Upstream => Problem::Upstream { why: "" },
            Self::Unavailable => {
                Problem::Unavailable("Sign-in cannot be checked at the moment; try again shortly.")
            }
            Self::UpstreamTimeout => Problem::UpstreamTimeout,
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Invalid => "Something in it cannot be accepted; `details` names each field",
            Self::Unauthorized => "No token, a wrong one, or one that has ended",
            Self::Forbidden => "Not this caller's to do",
            Self::NotFound => "Not there, or not to be seen",
            Self::Timeout => "It took too long",
            Self::Conflict => {
                "Not from where the record stands, which is in `current`; or an Idempotency-Key of something else"
            }
            Self::CursorExpired => "The place is not kept any more: start again from nothing",
            Self::Stale => "Another version than If-Match names; `current` is the record as it stands",
            Self::TooLarge => "More bytes than the route takes",
            Self::TooMany => "Too many requests of this caller; Retry-After says when to come back",
            Self::Internal => "A fault of the server's; its log has the cause under the request id",
            Self::Upstream => "Of a gateway: what is behind it does not answer as it should",
            Self::Unavailable => "Who may sign people in cannot be asked now",
            Self::UpstreamTimeout => "Of a gateway: what is behind it took too long",
        }
    }

    pub(super) fn status(self) -> String {
        self.sample().status().as_u16().to_string()
    }

    /// `VALIDATION_ERROR` is `ValidationError`.
    fn name(self) -> String {
        let code = self.sample().code();
        let words = code.split('_').map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .into_iter()
                .chain(letters.map(|letter| letter.to_ascii_lowercase()))
                .collect::<String>()
        });
        words.collect()
    }

    pub(super) fn reference(self) -> Ref {
        Ref::from_response_name(self.name())
    }
}

/// Every header of an answer: its name in the description, its name on the wire, its schema, what it says, and whether
/// it is always there where it is named.
fn headers() -> Vec<(&'static str, &'static str, ObjectBuilder, &'static str, bool)> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let count = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    vec![
        (
            "RequestId",
            "X-Request-Id",
            text(),
            "The id under which the server's log speaks of this request",
            true,
        ),
        ("RateLimitLimit", "RateLimit-Limit", count(), "Requests that a full allowance holds", true),
        ("RateLimitRemaining", "RateLimit-Remaining", count(), "Requests that are left of it", true),
        ("RateLimitReset", "RateLimit-Reset", count(), "Seconds until it is full again", true),
        (
            "RateLimitPolicy",
            "RateLimit-Policy",
            text(),
            "The limit and its window in seconds: 300;w=15",
            true,
        ),
        ("RetryAfter", "Retry-After", count(), "Seconds to wait", true),
        ("WwwAuthenticate", "WWW-Authenticate", text(), "Bearer", true),
        ("ETag", "ETag", text().pattern(Some("^\"[0-9]+\"$")), "The record's version, for If-Match", false),
        (
            "ListTag",
            "ETag",
            text().pattern(Some("^W/\"[0-9a-f]{32}\"$")),
            "The list's name as it is now, for If-None-Match",
            true,
        ),
        ("TotalCount", "X-Total-Count", count(), "Rows in all, of which these are a page", false),
    ]
}

const RATE: [&str; 4] = ["RateLimitLimit", "RateLimitRemaining", "RateLimitReset", "RateLimitPolicy"];

/// Says of the headers that are always there that they are, for which the builder has no word.
pub(super) fn require_headers(document: &mut Value) {
    for (name, .., always) in headers() {
        if let Some(Value::Object(header)) = document.pointer_mut(&format!("/components/headers/{name}")) {
            header.insert("required".to_owned(), always.into());
        }
    }
}

/// Bytes, at least so many.
pub(super) fn file(least: usize) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .min_length(Some(least))
        .into()
}

fn text(about: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(about))
}

fn count(about: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).description(Some(about))
}

fn succeeded(yes: bool) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([yes]))
}

fn with_headers(response: ResponseBuilder, names: &[&str]) -> ResponseBuilder {
    let all = headers();
    names.iter().fold(response, |response, name| {
        let wire = all.iter().find(|(known, ..)| known == name).map_or(*name, |(_, wire, ..)| wire);
        response.header_ref(wire, Ref::new(format!("#/components/headers/{name}")))
    })
}

/// A list that has not changed.
pub(super) fn as_it_was() -> (&'static str, Response) {
    let response =
        ResponseBuilder::new().description("As it was when the caller got its ETag; there is no body");
    let names: Vec<_> = ["RequestId", "ListTag"].into_iter().chain(RATE).collect();
    ("304", with_headers(response, &names).build())
}

impl Answers {
    /// Refusals and headers, which operations refer to.
    pub(super) fn components(self, mut components: Components) -> Components {
        for (name, _, schema, about, _) in headers() {
            if name == "TotalCount" && self.face == Face::Envelope {
                continue;
            }
            let header = HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build();
            components.headers.insert(name.to_owned(), header.into());
        }
        for refused in Refused::ALL {
            components.responses.insert(refused.name(), self.refusal(refused).into());
        }
        components
    }

    fn refusal(self, refused: Refused) -> Response {
        let problem = refused.sample();
        let mut error = Map::new();
        error.insert("message".to_owned(), problem.message().into());
        if !problem.details().is_empty() {
            error.insert("details".to_owned(), json!(problem.details()));
        }
        let example = match self.face {
            Face::Bare => {
                error.insert("error".to_owned(), problem.code().into());
                Value::Object(error)
            }
            Face::Envelope => {
                error.insert("code".to_owned(), problem.code().into());
                error.insert("requestId".to_owned(), "019aac30-7d14-7c42-a3c2-6b0f5f9f2f01".into());
                json!({ "success": false, "error": error })
            }
        };
        let content =
            ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).example(Some(example)).build();
        let mut names = vec!["RequestId"];
        match refused {
            Refused::Unauthorized => names.push("WwwAuthenticate"),
            Refused::TooMany => names.extend(RATE.iter().copied().chain(["RetryAfter"])),
            _ => {}
        }
        let response =
            ResponseBuilder::new().description(refused.about()).content("application/json", content);
        with_headers(response, &names).build()
    }

    /// The one shape of every refusal.
    pub(super) fn error(self) -> RefOr<Schema> {
        let code = || {
            text("Which, for programs: VALIDATION_ERROR, NOT_FOUND and so on").pattern(Some("^[A-Z][A-Z_]*$"))
        };
        let common = |object: ObjectBuilder| {
            object
                .property("message", text("What is wrong, for people; never what was sent"))
                .property("details", ArrayBuilder::new().items(Ref::from_schema_name("InvalidField")))
                .property(
                    "current",
                    ObjectBuilder::new()
                        .description(Some("The record as it stands, as far as the caller may see it")),
                )
                .required("message")
        };
        match self.face {
            Face::Bare => common(ObjectBuilder::new().property("error", code()).required("error")).into(),
            Face::Envelope => {
                let error = common(ObjectBuilder::new().property("code", code()).required("code"))
                    .property("requestId", text("As in X-Request-Id"))
                    .required("requestId");
                ObjectBuilder::new()
                    .property("success", succeeded(false))
                    .property("error", error)
                    .required("success")
                    .required("error")
                    .into()
            }
        }
    }

    /// What comes when it is done: the status and the answer.
    pub(super) fn success(
        self,
        action: Action,
        status: u16,
        gives: RefOr<Schema>,
        rows: bool,
    ) -> (String, Response) {
        let mut names = vec!["RequestId"];
        names.extend(RATE);
        let word = action.as_str();
        if !rows && (word.starts_with("consultation.") || word.starts_with("appointment.")) {
            names.push("ETag");
        }
        if rows {
            names.push("ListTag");
        }
        if rows && self.face == Face::Bare {
            names.push("TotalCount");
        }
        let response = ResponseBuilder::new().description(if status == 201 { "Made" } else { "Done" });
        let response = with_headers(response, &names);
        let nothing = matches!(action, Action::SessionEnd | Action::GlassClose);
        if action == Action::AttachmentRead {
            let content = ContentBuilder::new().schema(Some(file(0))).build();
            return ("200".to_owned(), response.content("application/octet-stream", content).build());
        }
        if nothing && self.face == Face::Bare {
            return ("204".to_owned(), response.build());
        }
        let gives = if nothing { ObjectBuilder::new().schema_type(Type::Null).into() } else { gives };
        let schema = self.written(gives, rows.then_some(action));
        let content = ContentBuilder::new().schema(Some(schema)).build();
        (status.to_string(), response.content("application/json", content).build())
    }

    /// As the surface writes it; `list` says of what it is a list.
    fn written(self, data: RefOr<Schema>, list: Option<Action>) -> RefOr<Schema> {
        if self.face == Face::Bare {
            return data;
        }
        let mut metadata = ObjectBuilder::new()
            .property("requestId", text("As in X-Request-Id"))
            .property("timestamp", chatehr_contract::Timestamp::schema())
            .required("requestId")
            .required("timestamp");
        if let Some(action) = list {
            metadata = metadata
                .property("count", count("Rows here"))
                .property("total", count("Rows in all"))
                .property("hasMore", ObjectBuilder::new().schema_type(Type::Boolean))
                .required("count");
            if action == Action::AppointmentList {
                metadata = metadata.property("syncedAt", chatehr_contract::Timestamp::schema());
            }
        }
        ObjectBuilder::new()
            .property("success", succeeded(true))
            .property("data", data)
            .property("metadata", metadata)
            .required("success")
            .required("data")
            .required("metadata")
            .into()
    }

    /// GET /events.
    pub(super) fn stream(self) -> (String, Response) {
        let content = ContentBuilder::new()
            .schema(Some(text("One event after the other (HTML, section 9.2), without end")))
            .example(Some(
                "id: 7f3a-12\nevent: message.created\ndata: {\"kind\": \"message.created\", \"consultationId\": \
                 \"consultation-3080\", \"messageId\": \"message-7001\"}\n\n"
                    .into(),
            ))
            .build();
        let response = ResponseBuilder::new().description("Events").content("text/event-stream", content);
        ("200".to_owned(), with_headers(response, &["RequestId"]).build())
    }

    /// GET /health.
    pub(super) fn health(self, about: &str) -> Response {
        let status =
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["healthy", "unhealthy"]));
        let mut body = ObjectBuilder::new()
            .property("status", status)
            .property("service", text("What this is"))
            .property("version", text("Of the program"))
            .property("timestamp", chatehr_contract::Timestamp::schema())
            .property("features", ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String)));
        for name in ["status", "service", "version", "timestamp", "features"] {
            body = body.required(name);
        }
        if self.face == Face::Envelope {
            body =
                body.property("success", ObjectBuilder::new().schema_type(Type::Boolean)).required("success");
        }
        let content = ContentBuilder::new().schema(Some(body)).build();
        ResponseBuilder::new().description(about).content("application/json", content).build()
    }
}
