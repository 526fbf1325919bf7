//! Reads requests: which record, which page, what body, under which conditions. Whatever is wrong is a [`Problem`] with
//! the field's name, never a parser's words about a value.

use std::collections::BTreeMap;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header},
};
use chatehr_contract::{InvalidField, Timestamp, Unique, is_reason};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    problem::Problem,
    provider::{Once, Versions},
    sealing::Seals,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const ACCEPT_ENVELOPE: HeaderName = HeaderName::from_static("accept-envelope");
const BREAK_GLASS_REASON: HeaderName = HeaderName::from_static("break-glass-reason");
/// Bytes of a body that is too large which are still read, so that its sender hears the answer and not a reset.
const MAX_DRAINED_BYTES: usize = 32 * 1024 * 1024;

/// One request, taken apart.
pub(crate) struct Asked {
    /// From the path, by name.
    path: BTreeMap<String, String>,
    pub(crate) params: Params,
    pub(crate) body: Bytes,
    pub(crate) now: Timestamp,
    /// Whether a field that we do not know is refused. The original's own clients of `/v1` send such.
    strict: bool,
}

impl Asked {
    pub(crate) fn new(
        path: BTreeMap<String, String>,
        uri: &Uri,
        body: Bytes,
        now: Timestamp,
        strict: bool,
    ) -> Result<Self, Problem> {
        Ok(Self { path, params: Params::of(uri)?, body, now, strict })
    }

    /// An id from the path.
    pub(crate) fn id(&self, name: &str) -> String {
        self.path.get(name).cloned().unwrap_or_default()
    }

    /// An id from the path where the surface has it there, else from the query, where it must be.
    pub(crate) fn id_or_param(&mut self, name: &str) -> String {
        if let Some(id) = self.path.get(name) {
            return id.clone();
        }
        let given = self.params.text(name).unwrap_or_default();
        if given.is_empty() {
            self.params.wrong(name, "is required");
        }
        given
    }

    /// The body as JSON, every field of it read.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let mut json = parse(&self.body)?;
        let Value::Object(fields) = &mut json else {
            return Err(Problem::field("body", "must be a JSON object"));
        };
        fields.values_mut().for_each(without_fraction);
        let mut track = serde_path_to_error::Track::new();
        let mut unknown = Vec::new();
        let tracked = serde_path_to_error::Deserializer::new(json, &mut track);
        let read = serde_ignored::deserialize(tracked, |path| {
            unknown.push(InvalidField::new(&path.to_string(), "is not known here"));
        });
        let value = read.map_err(|error| unreadable(&error, &track.path().to_string()))?;
        if self.strict {
            unknown.truncate(20);
            Problem::unless_empty(unknown)?;
        }
        Ok(value)
    }

    /// A body that says nothing: none, or an empty object.
    pub(crate) fn nothing(&self) -> Result<(), Problem> {
        if self.body.is_empty() {
            return Ok(());
        }
        match parse(&self.body)? {
            Value::Object(fields) if fields.is_empty() || !self.strict => Ok(()),
            Value::Object(_) => Err(Problem::field("body", "must be empty")),
            _ => Err(Problem::field("body", "must be a JSON object")),
        }
    }
}

/// 30.0 is the integer 30 (JSON Schema, section 6.1.1), and some write it so.
fn without_fraction(value: &mut Value) {
    if let Some(whole) = value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0)
        && let Ok(whole) = format!("{whole:.0}").parse::<i64>()
    {
        *value = whole.into();
    }
}

fn parse(body: &[u8]) -> Result<Value, Problem> {
    let Unique(value) = serde_json::from_slice(body)
        .map_err(|_| Problem::field("body", "must be JSON in UTF-8, with every name once"))?;
    Ok(value)
}

/// Which field does not read, without the value.
fn unreadable(error: &serde_json::Error, path: &str) -> Problem {
    let said = error.to_string();
    let missing = said.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        Some(field) if path == "." || path.is_empty() => Problem::field(field, "is required"),
        Some(field) => Problem::field(&format!("{path}.{field}"), "is required"),
        None => Problem::field(path, "has the wrong type or form"),
    }
}

/// The query of a list. Names that we do not know are passed over, as the original did.
pub(crate) struct Params {
    given: BTreeMap<String, String>,
    problems: Vec<InvalidField>,
}

impl Params {
    fn of(uri: &Uri) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(uri.query().unwrap_or_default())
            .map_err(|_| Problem::field("query", "cannot be read"))?;
        let mut problems = Vec::new();
        let mut given = BTreeMap::new();
        for (name, value) in pairs {
            if given.contains_key(&name) {
                // Two values for one filter would leave it to chance what is shown.
                problems.push(InvalidField::new(&name, "must be given once"));
            }
            given.insert(name, value);
        }
        Ok(Self { given, problems })
    }

    /// As it stands, which may be nothing.
    pub(crate) fn given(&mut self, name: &str) -> Option<String> {
        self.given.remove(name)
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.given.remove(name).filter(|value| !value.is_empty())
    }

    /// A word of a closed list.
    pub(crate) fn word<T: for<'a> From<&'a str>>(
        &mut self,
        name: &str,
        known: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let word = T::from(self.given.remove(name)?.as_str());
        if known(&word) {
            return Some(word);
        }
        self.wrong(name, "is not a word of the contract");
        None
    }

    /// A whole number within bounds.
    pub(crate) fn number(&mut self, name: &str, otherwise: u32, least: u32, most: u32) -> u32 {
        let Some(text) = self.given.remove(name) else { return otherwise };
        match text.parse() {
            Ok(number)
                if (least..=most).contains(&number) && text.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                number
            }
            _ => {
                self.wrong(name, &format!("must be a whole number from {least} to {most}"));
                otherwise
            }
        }
    }

    pub(crate) fn wrong(&mut self, name: &str, msg: &str) {
        self.problems.push(InvalidField::new(name, msg));
    }

    /// Everything that was wrong, at once.
    pub(crate) fn check(self) -> Result<(), Problem> {
        Problem::unless_empty(self.problems)
    }
}

/// Reads a body of at most so many bytes.
pub(crate) async fn read(body: Body, most: usize) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let mut read = Vec::new();
    let mut drained = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::field("body", "ended early"))?;
        drained = drained.saturating_add(chunk.len());
        if drained <= most {
            read.extend_from_slice(&chunk);
        } else if drained > MAX_DRAINED_BYTES {
            break;
        }
    }
    if drained > most { Err(Problem::TooLarge { most }) } else { Ok(read.into()) }
}

/// What makes a repeat recognisable: the key, and a digest of what was asked under it.
pub(crate) fn once(
    headers: &HeaderMap,
    method: &str,
    uri: &Uri,
    body: &[u8],
    seals: &Seals,
) -> Result<Option<Once>, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=255).contains(&key.len()))
        .ok_or_else(|| Problem::field("Idempotency-Key", "must be 1 to 255 ASCII characters"))?;
    // The parsed body, so that a repeat written with other spaces or order is still the same.
    let body = match serde_json::from_slice::<Value>(body) {
        Ok(json) => serde_json::to_vec(&json)?,
        Err(_) => body.to_vec(),
    };
    // The query too: it says to which conversation a file belongs.
    let place = uri.path_and_query().map_or(uri.path(), |place| place.as_str());
    Ok(Some(Once {
        key: key.to_owned(),
        digest: seals.fingerprint(&[method.as_bytes(), place.as_bytes(), &body]),
    }))
}

/// Whether the client opens envelopes itself. A version that we do not speak is refused, so that nobody mistakes
/// clear text for sealed.
pub(crate) fn opens_envelopes(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(ACCEPT_ENVELOPE).map(HeaderValue::as_bytes) {
        None => Ok(false),
        Some(b"3") => Ok(true),
        Some(_) => Err(Problem::field("Accept-Envelope", "must be 3")),
    }
}

/// The versions that `If-Match` names; one that is no version of ours matches none.
pub(crate) fn if_match(headers: &HeaderMap) -> Option<Versions> {
    let mut versions = Vec::new();
    let mut given = false;
    for value in headers.get_all(header::IF_MATCH) {
        given = true;
        for tag in value.to_str().unwrap_or_default().split(',').map(str::trim) {
            if tag == "*" {
                return Some(Versions::Any);
            }
            versions.extend(
                tag.strip_prefix('"')
                    .and_then(|tag| tag.strip_suffix('"'))
                    .and_then(|tag| tag.parse::<u64>().ok()),
            );
        }
    }
    given.then_some(Versions::Of(versions))
}

/// Why somebody looks at what they otherwise may not. It is percent-encoded where it is not ASCII.
pub(crate) fn reason(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(BREAK_GLASS_REASON) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Problem::field("Break-Glass-Reason", "must be ASCII"))?;
    let text = percent_encoding::percent_decode_str(text.trim()).decode_utf8_lossy();
    if is_reason(&text) {
        Ok(Some(text.into_owned()))
    } else {
        Err(Problem::field("Break-Glass-Reason", "must be 8 to 500 characters"))
    }
}
