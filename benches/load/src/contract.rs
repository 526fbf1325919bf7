//! Whether a server does the work that is to be measured. A server that is fast because it leaves something out is
//! found here, before any time is taken.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use crate::{
    Failure,
    http::{Connection, Head, Request, find},
    identity::Provider,
    server::Server,
};

/// In every message that is written here; it must be on no disk.
pub(crate) const MESSAGE: &str = "Plainly said for the benchmark: the pressure came back on the stairs this morning, \
     not as strong as before, and went after two minutes of rest. I took the tablet at eight, as always, and slept well.";
/// In every consultation that is written here.
pub(crate) const DESCRIPTION: &str = "Benchmark request: for two weeks a pressure in the chest on the stairs that \
     goes after a rest, some short breath at night, and a dry cough in the morning. No fever, no change of tablets.";
/// Messages of the conversation that is read.
pub(crate) const MESSAGES: u64 = 50;
/// More than a page, so that a page of the newest holds the same records on both sides.
const FRESH: usize = 40;
/// An audit entry is on the disk by then.
const AUDITED: Duration = Duration::from_secs(2);

/// Asks one server and tells what was wrong by its name.
pub(crate) struct Inspector<'a> {
    provider: &'a Provider,
    connection: Connection,
}

/// What was found, for the measured requests.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    /// A conversation with at least [`MESSAGES`] messages, and its physician.
    pub(crate) conversation: String,
    pub(crate) physician: String,
    /// Records that an administrator and a physician see.
    pub(crate) totals: (u64, u64),
}

/// What a patient sends to ask for a consultation.
pub(crate) fn new_consultation(patient: &str) -> Value {
    json!({ "patientId": patient, "specialty": "cardiology", "urgency": "routine", "description": DESCRIPTION })
}

/// Checks everything, and leaves the same newest records and the same conversation on every server.
pub(crate) async fn check(server: &Server, provider: &Provider) -> Result<Findings, Failure> {
    let mut inspector = Inspector::new(server.address, provider).await?;
    inspector.who_is_not_known_is_refused().await?;
    inspector.what_is_not_valid_is_refused().await?;
    inspector.consultations_are_filed_and_seen_by_those_who_may().await?;
    let (conversation, physician) = inspector.messages_come_back_opened().await?;
    for file in server.files()? {
        if find(&std::fs::read(file)?, MESSAGE.as_bytes()).is_some() {
            return Err(Failure::new("a message lies on the disk in clear text"));
        }
    }
    inspector.a_read_leaves_an_entry(server).await?;
    let totals = inspector.fill_lists().await?;
    Ok(Findings { conversation, physician, totals })
}

impl<'a> Inspector<'a> {
    async fn new(address: SocketAddr, provider: &'a Provider) -> Result<Self, Failure> {
        Ok(Self { provider, connection: Connection::open(address).await? })
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<(Head, Value), Failure> {
        let answer = self.connection.ask(&Request::new(method, path, token, body)).await?;
        let json = answer.json();
        Ok((answer.head, json))
    }

    async fn expect(
        &mut self,
        status: u16,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let (head, json) = self.ask(method, path, token, body).await?;
        let code = match status {
            400 => Some("VALIDATION_ERROR"),
            401 => Some("UNAUTHORIZED"),
            403 => Some("FORBIDDEN"),
            404 => Some("NOT_FOUND"),
            _ => None,
        };
        let shape = match code {
            None => json.pointer("/success") == Some(&json!(true)),
            Some(code) => {
                json.pointer("/success") == Some(&json!(false))
                    && json.pointer("/error/code") == Some(&json!(code))
                    && json.pointer("/error/requestId").is_some_and(Value::is_string)
            }
        };
        let headers = path == "/health"
            || status == 401 && head.header("www-authenticate").is_some()
            || head.header("ratelimit-limit").is_some() && head.header("ratelimit-remaining").is_some();
        if head.status == status && shape && headers {
            return Ok(json);
        }
        Err(Failure::new(format!(
            "{method} {path} should answer {status} as the contract says, but: {}{} {json}",
            head.status,
            if headers { "" } else { ", headers missing," },
        )))
    }

    async fn who_is_not_known_is_refused(&mut self) -> Result<(), Failure> {
        self.expect(200, "GET", "/health", None, None).await?;
        let good = self.provider.admin(1)?;
        let (rest, signature) =
            good.rsplit_once('.').ok_or_else(|| Failure::new("a token has a signature"))?;
        let forged = format!("{rest}.{}", signature.chars().rev().collect::<String>());
        let expired = self.provider.expired()?;
        self.expect(200, "GET", "/consultations", Some(&good), None).await?;
        for token in [None, Some("x"), Some(forged.as_str()), Some(expired.as_str())] {
            self.expect(401, "GET", "/consultations", token, None).await?;
        }
        Ok(())
    }

    async fn what_is_not_valid_is_refused(&mut self) -> Result<(), Failure> {
        let patient = self.provider.patient("patient-1")?;
        let good = new_consultation("patient-1");
        for (field, value) in [
            ("specialty", json!("astrology")),
            ("description", json!("   ")),
            ("description", json!("x".repeat(5001))),
            ("urgency", json!("whenever")),
            ("metadata", json!({ "text": "x".repeat(4096) })),
            ("metadata", json!("none")),
        ] {
            let mut bad = good.clone();
            if let Some(fields) = bad.as_object_mut() {
                fields.insert(field.to_owned(), value);
            }
            self.expect(400, "POST", "/consultations", Some(&patient), Some(&bad)).await?;
        }
        self.expect(400, "GET", "/consultations?limit=101", Some(&patient), None).await?;
        let other = new_consultation("patient-2");
        self.expect(403, "POST", "/consultations", Some(&patient), Some(&other)).await?;
        Ok(())
    }

    async fn consultations_are_filed_and_seen_by_those_who_may(&mut self) -> Result<(), Failure> {
        let (patient, stranger) = (self.provider.patient("patient-1")?, self.provider.patient("patient-2")?);
        let (admin, physician) = (self.provider.admin(1)?, self.provider.physician("physician-1")?);
        let total = |list: &Value| list.pointer("/metadata/total").and_then(Value::as_u64);
        let before = self.expect(200, "GET", "/consultations", Some(&admin), None).await?;
        let body = new_consultation("patient-1");
        let filed = self.expect(201, "POST", "/consultations", Some(&patient), Some(&body)).await?;
        let id = text(&filed, "/data/id")?;
        let said = filed.pointer("/data/status") == Some(&json!("pending"))
            && filed.pointer("/data/description") == Some(&json!(DESCRIPTION))
            && filed.pointer("/metadata/requestId").is_some()
            && filed.pointer("/metadata/timestamp").is_some();
        if !said {
            return Err(Failure::new(format!("a filed consultation comes back as {filed}")));
        }
        for (token, sees) in [(&admin, true), (&physician, true), (&patient, true), (&stranger, false)] {
            let list = self.expect(200, "GET", "/consultations?limit=20", Some(token), None).await?;
            let rows = list.pointer("/data").and_then(Value::as_array).cloned().unwrap_or_default();
            let times: Vec<&str> =
                rows.iter().filter_map(|row| row.pointer("/createdAt")?.as_str()).collect();
            let count = list.pointer("/metadata/count").and_then(Value::as_u64);
            let first = rows.first().and_then(|row| row.pointer("/id")?.as_str());
            let there = rows.iter().any(|row| row.pointer("/id") == Some(&json!(id)));
            if !times.is_sorted_by(|newer, older| newer >= older)
                || count != u64::try_from(rows.len()).ok()
                || there != sees
                || sees && first != Some(id.as_str())
            {
                return Err(Failure::new(
                    "a list is not newest first, not counted, or not what its reader sees",
                ));
            }
        }
        let after = self.expect(200, "GET", "/consultations", Some(&admin), None).await?;
        if total(&after) != total(&before).map(|total| total + 1) {
            return Err(Failure::new("the total of a list does not count what was filed"));
        }
        Ok(())
    }

    /// Writes to the least used open conversation of a physician until it has the messages that are read.
    async fn messages_come_back_opened(&mut self) -> Result<(String, String), Failure> {
        let mut found: Option<(u64, String, String, String)> = None;
        for n in 1..=50 {
            let physician = format!("physician-{n}");
            let token = self.provider.physician(&physician)?;
            for status in ["in_progress", "assigned"] {
                let path = format!("/consultations?status={status}&limit=5");
                let list = self.expect(200, "GET", &path, Some(&token), None).await?;
                for row in list.pointer("/data").and_then(Value::as_array).into_iter().flatten() {
                    let (id, patient) = (text(row, "/id")?, text(row, "/patientId")?);
                    let path = format!("/messages/{id}?limit=1");
                    let page = self.expect(200, "GET", &path, Some(&token), None).await?;
                    let total = page.pointer("/metadata/total").and_then(Value::as_u64).unwrap_or(u64::MAX);
                    if found.as_ref().is_none_or(|(least, ..)| total < *least) {
                        found = Some((total, id, patient, physician.clone()));
                    }
                }
            }
            if found.as_ref().is_some_and(|(least, ..)| *least < 10) {
                break;
            }
        }
        let (total, id, patient, physician) =
            found.ok_or_else(|| Failure::new("no physician has an open consultation"))?;
        let (from_patient, from_physician) =
            (self.provider.patient(&patient)?, self.provider.physician(&physician)?);
        for n in total..MESSAGES.max(total + 2) {
            let (token, to) =
                if n % 2 == 0 { (&from_patient, &physician) } else { (&from_physician, &patient) };
            let body = json!({ "toId": to, "content": MESSAGE, "consultationId": id });
            let sent = self.expect(201, "POST", "/messages", Some(token), Some(&body)).await?;
            if sent.pointer("/data/content") != Some(&json!(MESSAGE)) {
                return Err(Failure::new("a message does not come back as it was sent"));
            }
        }
        let path = format!("/messages/{id}");
        let page = self.expect(200, "GET", &path, Some(&from_physician), None).await?;
        let rows = page.pointer("/data").and_then(Value::as_array).cloned().unwrap_or_default();
        let opened = rows.iter().filter(|row| row.pointer("/content") == Some(&json!(MESSAGE))).count();
        if u64::try_from(rows.len()).ok() != Some(MESSAGES) || opened < 40 && total < 10 {
            return Err(Failure::new(format!(
                "{} messages of {MESSAGES}, {opened} of them opened",
                rows.len()
            )));
        }
        let stranger = self.provider.patient("patient-nobody")?;
        self.expect(404, "GET", &path, Some(&stranger), None).await?;
        Ok((id, physician))
    }

    /// Every access is audited: a read alone must write something.
    async fn a_read_leaves_an_entry(&mut self, server: &Server) -> Result<(), Failure> {
        let admin = self.provider.admin(1)?;
        // The kernel's clock for files has steps of some milliseconds.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let before = server.state_of_files()?;
        self.expect(200, "GET", "/consultations", Some(&admin), None).await?;
        let asked = std::time::Instant::now();
        while server.state_of_files()? == before {
            if asked.elapsed() > AUDITED {
                return Err(Failure::new("a read left no audit entry"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn fill_lists(&mut self) -> Result<(u64, u64), Failure> {
        for n in 1..=FRESH {
            let patient = format!("patient-{n}");
            let token = self.provider.patient(&patient)?;
            let body = new_consultation(&patient);
            self.expect(201, "POST", "/consultations", Some(&token), Some(&body)).await?;
        }
        let mut totals = Vec::new();
        for token in [self.provider.admin(1)?, self.provider.physician("physician-1")?] {
            let list = self.expect(200, "GET", "/consultations?limit=20", Some(&token), None).await?;
            let rows = list.pointer("/data").and_then(Value::as_array).cloned().unwrap_or_default();
            let ours =
                rows.iter().filter(|row| row.pointer("/description") == Some(&json!(DESCRIPTION))).count();
            if (rows.len(), ours) != (20, 20) {
                return Err(Failure::new("the newest page does not show the newest"));
            }
            totals.push(list.pointer("/metadata/total").and_then(Value::as_u64).unwrap_or(0));
        }
        match *totals.as_slice() {
            [admin, physician] => Ok((admin, physician)),
            _ => Err(Failure::new("two lists were asked for")),
        }
    }
}

fn text(json: &Value, pointer: &str) -> Result<String, Failure> {
    json.pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("{pointer} is missing in an answer")))
}
