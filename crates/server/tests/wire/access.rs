//! The table of access, asked of the server itself: every party, every route, every relation; straight, with tokens of the
//! clinic's provider, and through a gateway. Every decision is on record where it was made.

use std::{
    cell::{Cell, OnceCell},
    collections::BTreeMap,
    path::PathBuf,
};

use chatehr_audit::{Criteria, Entry, NewEntry, Outcome, search};
use chatehr_contract::access::{Access, Action, Party, Relation, decide};
use chatehr_server::{Place, routes};
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    gateway::{WARD_KEY, bare, gateway_to},
    issuer::{API, Issuer, Key},
    support::{API_KEY, Caller, Clinic, FELDMAN, LINDQVIST, LUCIA, MARTA, MENSAH, OKAFOR},
};

/// How who asks stands to what they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Own,
    Pool,
    Other,
    /// An id that nothing has.
    Unknown,
}

impl To {
    const ALL: [Self; 4] = [Self::Own, Self::Pool, Self::Other, Self::Unknown];

    const fn relation(self, party: Party) -> Relation {
        match self {
            Self::Own => party.closest(),
            Self::Pool => Relation::Pool,
            Self::Other | Self::Unknown => Relation::Other,
        }
    }
}

enum Content {
    None,
    Json(Value),
    Bytes(&'static [u8]),
}

/// One request.
struct Ask {
    path: String,
    content: Content,
}

/// A consultation with a message and a file in it.
#[derive(Clone)]
struct Room {
    id: String,
    message: String,
    attachment: String,
}

/// How people come to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Straight,
    /// With tokens of the clinic's provider.
    Provider,
    Gateway,
}

struct Cast {
    way: Way,
    clinic: Clinic,
    gateway: Option<Clinic>,
    provider: (Key, Issuer),
    /// Where decisions are written down, and up to where it was read.
    log: PathBuf,
    opened: OnceCell<Connection>,
    read: Cell<u64>,
    _files: TempDir,
    marta: Caller,
    lucia: Caller,
    okafor: Caller,
    lindqvist: Caller,
    weiss: Caller,
    feldman: Caller,
    machine: Caller,
    /// A patient whom Okafor does not treat.
    stranger: String,
    /// For what changes nothing: by reading, or because it is refused.
    kept: Vec<Room>,
}

impl Cast {
    async fn gather(way: Way) -> Self {
        // Thousands of entries, each of which waits for the disk: in memory where the system has files there.
        let files = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let (store, log) = (files.path().join("store.db"), files.path().join("gateway.db"));
        let key = Key::new("a");
        let issuer = Issuer::open(&[&key]).await;
        let oidc = chatehr_token::Settings::new(issuer.url.clone(), [API]);
        let clinic = Clinic::standalone(|config| {
            (config.seed, config.oidc) = (chatehr_server::Seed::Demo, Some(oidc));
            config.database = Some(store.clone());
        })
        .await;
        let gateway = if way == Way::Gateway {
            Some(gateway_to(bare(&clinic), |config| config.database = Some(log.clone())).await)
        } else {
            None
        };
        let log = if gateway.is_some() { log } else { store };
        let machine = clinic.machine();
        let (okafor, feldman) = (clinic.sign_in(OKAFOR).await, clinic.sign_in(FELDMAN).await);
        let lucia = clinic.sign_in(LUCIA).await;
        lucia.ask("cardiology", "routine").await;
        let treated = okafor.get("/patients?limit=100").await;
        let all = feldman.get("/patients?limit=100").await;
        let stranger = all.ids().into_iter().find(|id| !treated.ids().contains(id)).unwrap().to_owned();
        let mut cast = Self {
            way,
            gateway,
            provider: (key, issuer),
            log,
            opened: OnceCell::new(),
            read: Cell::new(0),
            _files: files,
            marta: clinic.sign_in(MARTA).await,
            lindqvist: clinic.sign_in(LINDQVIST).await,
            weiss: machine.on_behalf_of("physician-17", "physician", &["dermatology"]),
            lucia,
            okafor,
            feldman,
            machine,
            stranger,
            clinic,
            kept: Vec::new(),
        };
        for to in [To::Own, To::Pool, To::Other] {
            let room = cast.furnish(to).await;
            cast.kept.push(room);
        }
        cast
    }

    async fn room(&self, place: Place, party: Party, to: To) -> Room {
        let kept = match to {
            To::Own => self.kept.first(),
            To::Pool => self.kept.get(1),
            To::Other => self.kept.get(2),
            To::Unknown => None,
        };
        match kept {
            Some(room) if place.method == "GET" || expected(place.action, party, to).0 != 200 => room.clone(),
            _ => self.furnish(to).await,
        }
    }

    /// Marta's with Okafor; Lucía's back in cardiology's pool; Lucía's with a dermatologist.
    async fn furnish(&self, to: To) -> Room {
        let (patient, physician, specialty) = match to {
            To::Own => (&self.marta, &self.okafor, "cardiology"),
            To::Pool => (&self.lucia, &self.lindqvist, "cardiology"),
            To::Other => (&self.lucia, &self.weiss, "dermatology"),
            To::Unknown => {
                let none = || "none".to_owned();
                return Room { id: none(), message: none(), attachment: none() };
            }
        };
        let id = patient.ask(specialty, "routine").await;
        assert_eq!(physician.to(&id, "assigned").await.status, 200);
        let message = physician.say(&id, &patient.id, "Hello").await.json["id"].as_str().unwrap().to_owned();
        let path = format!("/attachments?consultationId={id}");
        let file = crate::support::send(patient.request(Method::POST, &path).body("sealed")).await;
        let attachment = file.json["id"].as_str().unwrap().to_owned();
        if to == To::Pool {
            assert_eq!(physician.to(&id, "pending").await.status, 200);
        }
        Room { id, message, attachment }
    }

    async fn appointment(&self, to: To) -> String {
        let (patient, physician) = match to {
            To::Own => ("patient-2041", "physician-12"),
            _ => ("patient-2044", "physician-13"),
        };
        let body =
            json!({ "patientId": patient, "physicianId": physician, "dateTime": "2031-01-02T09:00:00Z" });
        self.feldman.post("/appointments", body).await.json["id"].as_str().unwrap().to_owned()
    }

    fn patient(&self, to: To) -> &str {
        match to {
            To::Own => "patient-2041",
            To::Pool => "patient-2044",
            To::Other => &self.stranger,
            To::Unknown => "none",
        }
    }

    /// Somebody of this party, with a session that may end.
    async fn caller(&self, party: Party) -> Caller {
        let (code, role, claims) = match party {
            Party::Patient => (MARTA, "patient", json!({ "patient_id": "patient-2041" })),
            Party::Physician => (OKAFOR, "provider", json!({ "specialties": "cardiology" })),
            Party::Nurse => (MENSAH, "nurse", json!({ "delegates_for": "physician-12" })),
            Party::Admin => (FELDMAN, "admin", json!({})),
            // A gateway's own key opens nothing at itself.
            Party::Machine if self.way == Way::Gateway => {
                return self.before(self.clinic.caller("", WARD_KEY));
            }
            Party::Machine => return self.machine.clone(),
            Party::Nobody => return self.before(self.clinic.caller("", "forged")),
        };
        let person = self.clinic.sign_in(code).await;
        if self.way != Way::Provider {
            return self.before(person);
        }
        let (key, issuer) = &self.provider;
        self.clinic.caller(&person.id, &key.sign(&issuer.claims(&person.id, role, claims)))
    }

    /// At the gateway, where there is one.
    fn before(&self, caller: Caller) -> Caller {
        self.gateway.as_ref().map_or_else(|| caller.clone(), |gateway| caller.at(&bare(gateway)))
    }

    /// So many of what was written down since this was last asked, latest first.
    fn decided(&self, limit: u32) -> Vec<Entry> {
        let log = self.opened.get_or_init(|| Connection::open(&self.log).unwrap());
        let mut entries = search(log, &Criteria::default(), None, limit).unwrap();
        entries.retain(|entry| entry.seq > self.read.get());
        self.read.set(entries.first().map_or(self.read.get(), |entry| entry.seq));
        entries
    }

    /// What is asked at this place of a record in that relation; nothing where there is no such relation.
    async fn ask(&self, place: Place, path: &str, party: Party, to: To) -> Option<Ask> {
        let plain = |path: &str| Ask { path: path.to_owned(), content: Content::None };
        let at = |id: &str| {
            let (before, after) = path.split_once('{')?;
            let (_, after) = after.split_once('}')?;
            Some(format!("{before}{id}{after}"))
        };
        let with = |id: &str, body: Value| Ask { path: at(id).unwrap(), content: Content::Json(body) };
        let json_to = |body: Value| Ask { path: path.to_owned(), content: Content::Json(body) };
        let only_own = to == To::Own;
        // No wildcard: a new action has to say here how it is asked.
        Some(match place.action {
            Action::ConsultationList
            | Action::AppointmentList
            | Action::PatientSearch
            | Action::SpecialtyList
            | Action::SessionRead
            | Action::SessionEnd
            | Action::PolicyRead
            | Action::EventListen
            | Action::ChangeList
            | Action::GlassList
            | Action::AccountList => plain(only_own.then_some(path)?),
            Action::ConsultationNote => {
                with(&self.room(place, party, to).await.id, json!({ "text": "Called back" }))
            }
            Action::BreakGlass => with(
                &self.room(place, party, to).await.id,
                json!({ "reason": "Brought in unconscious", "minutes": 5 }),
            ),
            // What was opened before.
            Action::GlassClose => match to {
                To::Own => {
                    let id = self.furnish(To::Other).await.id;
                    let path = format!("/consultations/{id}/break-glass");
                    let physician = matches!(party, Party::Physician);
                    let whose = if physician { &self.okafor } else { &self.feldman };
                    whose.post(&path, json!({ "reason": "Brought in unconscious" })).await;
                    plain(&at(&id)?)
                }
                To::Unknown => plain(&at("none")?),
                To::Pool | To::Other => return None,
            },
            // A desk's own: there is nothing to ask a server.
            Action::ConsultationAccept
            | Action::ConsultationStart
            | Action::ConsultationComplete
            | Action::DraftSave
            | Action::DeskOpen
            | Action::RecordPrint
            | Action::AuditExport
            | Action::RecordsBackUp
            | Action::SupportExport => return None,
            Action::PhysicianRead => match at(if only_own { "physician-13" } else { "none" }) {
                Some(path) => plain((only_own || to == To::Unknown).then_some(&path)?),
                None => plain(only_own.then_some(path)?),
            },
            Action::ConsultationRead => plain(&at(&self.room(place, party, to).await.id)?),
            Action::ConsultationCreate => {
                let patient = match to {
                    To::Own => "patient-2041",
                    To::Other => "patient-0000",
                    To::Pool | To::Unknown => return None,
                };
                json_to(json!({ "patientId": patient, "specialty": "cardiology", "description": "x" }))
            }
            Action::ConsultationUpdate => {
                let body = match to {
                    To::Pool => json!({ "status": "assigned", "physicianId": "physician-12" }),
                    _ => json!({ "status": "in_progress" }),
                };
                with(&self.room(place, party, to).await.id, body)
            }
            Action::ConsultationAcknowledge => plain(&at(&self.room(place, party, to).await.id)?),
            Action::ConsultationDecline => {
                with(&self.room(place, party, to).await.id, json!({ "reason": "Away" }))
            }
            Action::ConsultationHandoff => with(
                &self.room(place, party, to).await.id,
                json!({ "specialty": "neurology", "reason": "Not the heart" }),
            ),
            Action::AppointmentCreate => {
                let physician = match to {
                    To::Own => "physician-12",
                    To::Other => "physician-13",
                    To::Pool | To::Unknown => return None,
                };
                json_to(json!({
                    "patientId": "patient-2041", "physicianId": physician, "dateTime": "2031-01-02T09:00:00Z",
                }))
            }
            Action::AppointmentUpdate | Action::AppointmentRespond => {
                let body = if place.action == Action::AppointmentUpdate {
                    json!({ "notes": "Fasting" })
                } else {
                    json!({ "participantStatus": "accepted" })
                };
                match to {
                    To::Pool => return None,
                    To::Unknown => with("none", body),
                    To::Own | To::Other => with(&self.appointment(to).await, body),
                }
            }
            Action::MessageList => {
                let id = self.room(place, party, to).await.id;
                plain(&at(&id).unwrap_or_else(|| format!("{path}?consultationId={id}")))
            }
            Action::MessageCreate => {
                let id = self.room(place, party, to).await.id;
                // Marta and Okafor write to each other; who else asks is refused whomever they name.
                json_to(json!({ "consultationId": id, "toId": "WHO", "content": "x" }))
            }
            Action::MessageReceipt => {
                let room = self.room(place, party, to).await;
                with(&room.id, json!({ "upTo": room.message }))
            }
            Action::KeyRead => plain(&at(&self.room(place, party, to).await.id)?),
            Action::AttachmentCreate => Ask {
                path: format!("{path}?consultationId={}", self.room(place, party, to).await.id),
                content: Content::Bytes(b"sealed"),
            },
            Action::AttachmentRead => plain(&at(&self.room(place, party, to).await.attachment)?),
            Action::PatientRead => plain(&at(self.patient(to))?),
            Action::KioskCodeCreate => json_to(json!({ "patientId": self.patient(to) })),
            Action::KioskSessionCreate => {
                let code = self.feldman.post("/kiosk-codes", json!({ "patientId": "patient-2041" })).await;
                only_own.then(|| json_to(json!({ "code": code.json["code"], "birthDate": "1959-03-14" })))?
            }
            Action::AvailabilityUpdate => {
                only_own.then(|| json_to(json!({ "onCall": true, "availability": "busy" })))?
            }
            Action::AnchorCreate => only_own
                .then(|| json_to(json!({ "deviceId": "ward-3", "count": 1, "head": "0".repeat(64) })))?,
            Action::TestSignIn => only_own.then(|| json_to(json!({ "code": MARTA })))?,
        })
    }

    /// All that has been written, as one text: where the events stand, and what is written without an event.
    async fn written(&self, cursor: &mut String) -> String {
        loop {
            let page = self.machine.get(&format!("/changes?limit=500&since={cursor}")).await.json;
            *cursor = page["nextCursor"].as_str().unwrap().to_owned();
            if page["hasMore"] == json!(false) {
                break;
            }
        }
        let physicians = self.machine.get("/physicians").await.json;
        format!("{cursor} {physicians}")
    }
}

/// An answer, without what no two have in common.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Value,
}

async fn answer(caller: &Caller, place: Place, ask: &Ask, reason: bool) -> Answer {
    let method = Method::from_bytes(place.method.as_bytes()).unwrap();
    let mut request = caller.request(method, &ask.path);
    if reason {
        request = request.header("Break-Glass-Reason", "The patient is unconscious");
    }
    request = match &ask.content {
        Content::None => request,
        Content::Json(body) => {
            let to = if caller.id == "patient-2041" { "physician-12" } else { "patient-2041" };
            let body = body.to_string().replace("WHO", to);
            request.header("Content-Type", "application/json").body(body)
        }
        Content::Bytes(bytes) => request.body(*bytes),
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .filter(|(name, _)| {
            !["date", "x-request-id"].contains(&name.as_str()) && !name.as_str().starts_with("ratelimit")
        })
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    // A stream has no end to wait for.
    let streams = place.action == Action::EventListen && status == 200;
    let text = if streams { String::new() } else { response.text().await.unwrap() };
    let mut body: Value = serde_json::from_str(&text).unwrap_or_default();
    if let Some(error) = body.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("requestId");
    }
    Answer { status, headers, body }
}

/// Where it is said why a record that may be asked for still has no success.
const fn expected(action: Action, party: Party, to: To) -> (u16, &'static str) {
    if matches!(party, Party::Nobody) {
        return (401, "UNAUTHORIZED");
    }
    // For these, what the role may is decided before anything is looked for.
    let role_first = matches!(action, Action::KioskCodeCreate | Action::GlassClose);
    if matches!(to, To::Unknown) {
        return match decide(action, party, party.closest()) {
            Access::Refused if role_first => (403, "FORBIDDEN"),
            _ => (404, "NOT_FOUND"),
        };
    }
    match decide(action, party, to.relation(party)) {
        Access::Granted => (200, ""),
        Access::WithReason | Access::ByPolicy(_) | Access::Refused => (403, "FORBIDDEN"),
        Access::BehindGlass | Access::Hidden => (404, "NOT_FOUND"),
    }
}

/// Whether this is what is to be written down: who asked for what, and how it was decided.
fn on_record(said: &NewEntry, action: Action, caller: &Caller, code: &str) -> bool {
    let (outcome, reason) = if code.is_empty() {
        (Outcome::Success, said.reason.as_deref())
    } else {
        (Outcome::Refused, Some(code))
    };
    let action = if code == "UNAUTHORIZED" { "session.check" } else { action.as_str() };
    // A machine has a name and no id.
    let who = caller.id.is_empty() || said.actor.as_deref() == Some(&caller.id);
    said.action == action && said.outcome == outcome && said.reason.as_deref() == reason && who
}

#[tokio::test]
async fn everybody_may_what_the_table_says_and_nothing_else() {
    the_table_holds(Way::Straight).await;
}

#[tokio::test]
async fn everybody_may_what_the_table_says_with_tokens_of_the_clinics_provider() {
    the_table_holds(Way::Provider).await;
}

#[tokio::test]
async fn everybody_may_what_the_table_says_through_a_gateway() {
    the_table_holds(Way::Gateway).await;
}

async fn the_table_holds(way: Way) {
    let cast = Cast::gather(way).await;
    let mut cursor = walked(&cast).await;
    let (mut asked, mut glasses) = (0, 0);
    for place in routes() {
        for (bare, path) in [(true, place.bare), (false, place.envelope)] {
            let Some(path) = path else { continue };
            for party in Party::ALL {
                let caller = cast.caller(*party).await;
                let caller = if bare { caller } else { caller.api() };
                let mut hidden = Vec::new();
                for to in To::ALL {
                    let Some(ask) = cast.ask(place, path, *party, to).await else { continue };
                    let writes = place.method != "GET" && expected(place.action, *party, to).0 != 200;
                    let before = if writes { cast.written(&mut cursor).await } else { String::new() };
                    cast.decided(1);
                    let got = answer(&caller, place, &ask, false).await;
                    let case = format!("{party:?} {} {path} {to:?}, bare {bare}: {got:?}", place.method);
                    asked += 1;
                    let (status, code) = expected(place.action, *party, to);
                    let entries = cast.decided(20);
                    let on_record = |entry: &Entry| on_record(&entry.said, place.action, &caller, code);
                    assert!(entries.iter().any(on_record), "not on record: {case} {entries:?}");
                    if status == 200 {
                        assert!((200..300).contains(&got.status), "{case}");
                        continue;
                    }
                    assert_eq!(got.status, status, "{case}");
                    let told = if bare { &got.body["error"] } else { &got.body["error"]["code"] };
                    assert_eq!(told, code, "{case}");
                    if writes {
                        assert_eq!(cast.written(&mut cursor).await, before, "written by a refusal: {case}");
                    }
                    let access = decide(place.action, *party, to.relation(*party));
                    if *party != Party::Nobody && to != To::Unknown && access == Access::WithReason {
                        assert_eq!(
                            answer(&caller, place, &ask, true).await.status,
                            200,
                            "with a reason: {case}"
                        );
                    }
                    // A patient is opened with a consultation of theirs, of which this one has none that is hidden.
                    let opens = matches!(access, Access::WithReason | Access::BehindGlass)
                        && place.action != Action::PatientRead;
                    if *party != Party::Nobody && to == To::Other && opens {
                        let glass =
                            format!("/consultations/{}/break-glass", cast.room(place, *party, to).await.id);
                        let opened = caller.post(&glass, json!({ "reason": "Brought in unconscious" })).await;
                        assert_eq!(opened.status, 201, "{case}: {opened:?}");
                        assert_eq!(answer(&caller, place, &ask, false).await.status, 200, "opened: {case}");
                        caller.delete(&glass).await;
                        assert_eq!(answer(&caller, place, &ask, false).await, got, "closed: {case}");
                        glasses += 1;
                    }
                    if status == 404 {
                        hidden.push(got);
                    }
                }
                for other in hidden.iter().skip(1) {
                    assert_eq!(
                        *other, hidden[0],
                        "{party:?} {path}: what is hidden is told from what is not there"
                    );
                }
            }
        }
    }
    assert!(asked > 600, "{asked}");
    assert!(glasses >= 6, "{glasses}");
}

#[test]
fn everything_that_a_server_can_be_asked_for_has_a_place() {
    let places: Vec<Action> = routes().map(|place| place.action).collect();
    for action in Action::ALL {
        let asked = action.on_wire() == Some(*action);
        assert_eq!(places.contains(action), asked, "{action:?}");
    }
}

#[tokio::test]
async fn what_is_not_declared_can_be_asked_by_nobody() {
    let cast = Cast::gather(Way::Straight).await;
    let id = &cast.kept[0].id;
    for caller in [&cast.marta, &cast.okafor, &cast.feldman, &cast.machine] {
        for (method, path) in [
            (Method::DELETE, format!("/consultations/{id}")),
            (Method::POST, format!("/consultations/{id}/delete")),
            (Method::GET, format!("/consultations/{id}/messages")),
            (Method::PUT, format!("/consultations/{id}/break-glass")),
        ] {
            for caller in [caller.clone(), caller.api()] {
                let status = crate::support::send(caller.request(method.clone(), &path)).await.status;
                assert!(matches!(status, 404 | 405), "{method} {path}: {status}");
            }
        }
        assert!(matches!(caller.get(&format!("/consultations/{id}")).await.status, 200));
    }
}

/// The place after everything that there is.
async fn walked(cast: &Cast) -> String {
    let mut query = "/changes?limit=500".to_owned();
    loop {
        let page = cast.machine.get(&query).await.json;
        let cursor = page["nextCursor"].as_str().unwrap().to_owned();
        if page["hasMore"] == json!(false) {
            return cursor;
        }
        query = format!("/changes?limit=500&since={cursor}");
    }
}

#[tokio::test]
async fn a_key_that_is_nearly_right_is_no_key() {
    let cast = Cast::gather(Way::Straight).await;
    let whole = cast.okafor.token.clone();
    let forged = [
        String::new(),
        format!("{API_KEY}x"),
        API_KEY[1..].to_owned(),
        whole[..whole.len() - 1].to_owned(),
        format!("{whole}A"),
        whole.to_uppercase(),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwaHlzaWNpYW4tMTIiLCJyb2xlcyI6InBoeXNpY2lhbiJ9.".to_owned(),
    ];
    for token in forged {
        for caller in [cast.clinic.caller("", &token), cast.clinic.caller("", &token).api()] {
            let reply = caller.get("/consultations").await;
            assert_eq!(reply.status, 401, "{token}");
            assert!(reply.headers.contains_key("www-authenticate"));
        }
    }
}

#[tokio::test]
async fn a_person_speaks_for_nobody_else() {
    let cast = Cast::gather(Way::Straight).await;
    for caller in [&cast.marta, &cast.okafor, &cast.feldman] {
        let posing = caller.on_behalf_of("physician-13", "physician", &["cardiology"]);
        let session = posing.get("/session").await.json;
        assert_eq!(session["id"], json!(caller.id), "the header is a machine's alone");
    }
    let machine = cast.machine.on_behalf_of("physician-13", "physician", &["cardiology"]);
    assert_eq!(machine.get("/session").await.json["id"], "physician-13");
    for person in
        [json!({}), json!({ "id": "", "role": "admin" }), json!({ "id": "x", "role": "root" }), json!(7)]
    {
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        let person = BASE64_URL_SAFE_NO_PAD.encode(person.to_string());
        let request = cast.machine.request(Method::GET, "/session").header("X-ChatEHR-On-Behalf-Of", person);
        assert_eq!(crate::support::send(request).await.status, 401);
    }
}
