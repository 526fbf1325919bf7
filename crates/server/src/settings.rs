//! What an administrator sets: from the environment, then a file, then the default; checked whole, so that everything
//! that is wrong is said at once.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, path::PathBuf, time::Duration};

use chatehr_contract::Policy;
use chatehr_token::ClaimNames;
use serde_json::Value;

use crate::{
    authenticate::Machine,
    escalation::EscalationPolicy,
    rate::Rate,
    serve::{Config, Mode},
};

/// Names of settings, what they mean, and what holds without them.
pub const SETTINGS: &[(&str, &str, &str)] = &[
    ("CHATEHR_LISTEN", "address and port to listen on", "127.0.0.1:3000; the mock 127.0.0.1:4000"),
    ("MOCK_CHATEHR_PORT", "the mock's port on 127.0.0.1", "4000"),
    (
        "CHATEHR_API_KEY",
        "required. The bearer key of machines: workstations' sign-in screens, kiosks, gateways. In a gateway, its key at the ChatEHR behind it. Printable ASCII without spaces",
        "",
    ),
    (
        "CHATEHR_API_KEY_FILE",
        "a file with that key and nothing else, instead of CHATEHR_API_KEY: a credential of systemd, such as %d/api-key",
        "",
    ),
    (
        "CHATEHR_MACHINES",
        "more machines with keys of their own, `name=SHA-256 of the key in hex`, separated by commas: kiosks and sign-in screens, which sign people in and do nothing else. `name:gateway=...` speaks for everybody",
        "none",
    ),
    (
        "CHATEHR_ROOT_SECRET",
        "required. At least 32 bytes, as they stand. The keys of all conversations and of signatures come from it: what was written under one is not readable under another. To make one: openssl rand -base64 48",
        "",
    ),
    (
        "CHATEHR_ROOT_SECRET_FILE",
        "a file with that secret and nothing else, instead of CHATEHR_ROOT_SECRET",
        "",
    ),
    ("CHATEHR_API_URL", "gateway: the ChatEHR behind it, such as https://chatehr.example.org/v1", ""),
    ("CHATEHR_TIMEOUT", "milliseconds that the ChatEHR behind a gateway may take", "30000"),
    (
        "CHATEHR_DATABASE",
        "the file of the store, in a gateway of its audit log",
        "in memory, forgotten at the end",
    ),
    ("CHATEHR_OIDC_ISSUER", "the OpenID provider whose tokens are believed", ""),
    ("CHATEHR_OIDC_AUDIENCE", "for whom its tokens must be; several separated by commas", ""),
    ("CHATEHR_OIDC_PERSON_CLAIM", "claim with a person's id", "sub"),
    ("CHATEHR_OIDC_ROLE_CLAIM", "claim with the role, such as realm_access.roles", "roles"),
    ("CHATEHR_OIDC_PATIENT_CLAIM", "claim with a patient's id", "patient_id"),
    ("CHATEHR_OIDC_DELEGATES_CLAIM", "claim with the physician for whom a nurse acts", "delegates_for"),
    ("CHATEHR_OIDC_SPECIALTIES_CLAIM", "claim with a physician's specialties", "specialties"),
    ("CHATEHR_TLS_CERT", "PEM file of the certificate chain; read again when it changes", "plain HTTP"),
    ("CHATEHR_TLS_KEY", "PEM file of its key", ""),
    ("CHATEHR_METRICS_LISTEN", "address and port of /metrics, /livez and /readyz", "none"),
    ("CHATEHR_TRUSTED_PROXIES", "proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8, ::1", "none"),
    (
        "CHATEHR_RATE_READ",
        "requests a minute that a person may read with, and how many at once: 1200/300",
        "1200/300",
    ),
    ("CHATEHR_RATE_WRITE", "the same for writing", "240/60"),
    ("CHATEHR_STREAMS", "event streams that one person may have open", "8"),
    (
        "CHATEHR_ESCALATION",
        "JSON: seconds to answer, {\"emergency\": 120, \"urgent\": 600, \"routine\": null, \"specialties\": {\"cardiology\": {\"emergency\": 60}}}",
        "as shown, without specialties",
    ),
    ("CHATEHR_POLICY", "JSON: the clinic's rules for workstations, see GET /policy", "see GET /policy"),
    ("CHATEHR_ENABLE_AUDIT", "must be true: there is no ChatEHR without its audit log", "true"),
    ("CHATEHR_ENABLE_ENCRYPTION", "must be true: messages rest sealed", "true"),
];

/// Those that are secrets, and leave the environment when the program starts.
pub const SECRETS: &[&str] = &["CHATEHR_API_KEY", "CHATEHR_ROOT_SECRET", "CHATEHR_CLIENT_SECRET"];

/// Names that are read elsewhere or by the original, and that may stand in the same environment.
const PASSED_OVER: &[&str] = &[
    "CHATEHR_CLIENT_ID",
    "CHATEHR_CLIENT_SECRET",
    "MOCK_CHATEHR_ENABLED",
    "CHATEHR_LOG",
    "CHATEHR_DATA_DIR",
    chatehr_start::secrets::MARK,
];

/// Settings by name, and what is wrong with them so far.
#[derive(Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
    problems: Vec<String>,
    strangers: Vec<String>,
}

impl Settings {
    /// From these variables, then from a file: a JSON object of the same names. A name in the file that nobody knows is
    /// a mistake. One in the environment may be another program's, or a mistake that would go unnoticed: it is told
    /// ([`strangers`](Self::strangers)) and stops nothing.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>, file: Option<&Path>) -> Self {
        let mut settings = Self::default();
        if let Some(file) = file {
            settings.read_file(file);
        }
        for (name, value) in variables {
            let ours = name.starts_with("CHATEHR_") || name.starts_with("MOCK_CHATEHR_");
            if !ours || PASSED_OVER.contains(&name.as_str()) || name.starts_with("CHATEHR_TEST_") {
                continue;
            }
            if !is_known(&name) {
                settings.strangers.push(format!("{name} is not a setting of this program"));
            } else if !value.is_empty() {
                settings.values.insert(name, value);
            }
        }
        settings
    }

    fn read_file(&mut self, file: &Path) {
        let name = file.display();
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return self.problems.push(format!("{name} cannot be read: {error}")),
        };
        match serde_json::from_str::<BTreeMap<String, Value>>(&text) {
            Ok(values) => {
                for (key, value) in values {
                    let text = match value {
                        Value::String(text) => text,
                        Value::Null => String::new(),
                        other => other.to_string(),
                    };
                    if !is_known(&key) {
                        self.problems.push(format!("{key} in {name} is not a setting"));
                    } else if !text.is_empty() {
                        self.values.insert(key, text);
                    }
                }
            }
            Err(error) => self.problems.push(format!("{name} is not a JSON object: {error}")),
        }
    }

    /// Names in the environment that look like settings and are none.
    pub fn strangers(&self) -> &[String] {
        &self.strangers
    }

    /// A configuration of these settings, or everything that is wrong with them.
    ///
    /// # Errors
    /// A line for each mistake, with the setting's name.
    pub fn config(
        mut self,
        mode: Mode,
        change: impl FnOnce(&mut Config, &mut Vec<String>),
    ) -> Result<Config, Vec<String>> {
        let port = self.parsed("MOCK_CHATEHR_PORT", "must be a port, 0 to 65535").unwrap_or(4000);
        let default = SocketAddr::from(([127, 0, 0, 1], if mode == Mode::Mock { port } else { 3000 }));
        let listen = self.parsed("CHATEHR_LISTEN", "must be an address and port").unwrap_or(default);
        let key = self.secret("CHATEHR_API_KEY", "CHATEHR_API_KEY_FILE");
        let root = self.secret("CHATEHR_ROOT_SECRET", "CHATEHR_ROOT_SECRET_FILE");
        let mut config = Config::new(listen, key, root.into_bytes());
        config.mode = mode;
        if mode != Mode::Mock {
            config.seed = crate::Seed::Empty;
            config.keep_events = 100_000;
        }
        config.upstream = self.take("CHATEHR_API_URL");
        if let Some(millis) = self.parsed::<u64>("CHATEHR_TIMEOUT", "must be milliseconds") {
            config.upstream_timeout = Duration::from_millis(millis.max(1));
        }
        config.database = self.take("CHATEHR_DATABASE").map(PathBuf::from);
        config.metrics = self.parsed("CHATEHR_METRICS_LISTEN", "must be an address and port");
        config.trusted_proxies = self.text("CHATEHR_TRUSTED_PROXIES");
        if let Some(streams) = self.parsed("CHATEHR_STREAMS", "must be a number") {
            config.streams_per_person = streams;
            if streams == 0 {
                self.problems.push("CHATEHR_STREAMS must be at least 1".to_owned());
            }
        }
        if let Some(rate) = self.rate("CHATEHR_RATE_READ") {
            config.rates.read.person = rate;
        }
        if let Some(rate) = self.rate("CHATEHR_RATE_WRITE") {
            config.rates.write.person = rate;
        }
        config.tls = match (self.take("CHATEHR_TLS_CERT"), self.take("CHATEHR_TLS_KEY")) {
            (Some(chain), Some(key)) => Some((chain.into(), key.into())),
            (None, None) => None,
            _ => {
                self.problems.push("CHATEHR_TLS_CERT and CHATEHR_TLS_KEY belong together".to_owned());
                None
            }
        };
        config.machines = self.machines();
        config.oidc = self.oidc();
        if let Some(text) = self.take("CHATEHR_ESCALATION") {
            match EscalationPolicy::parse(&text) {
                Ok(policy) => config.escalation = policy,
                Err(why) => self.problems.push(format!("CHATEHR_ESCALATION {why}")),
            }
        }
        if let Some(text) = self.take("CHATEHR_POLICY") {
            match Policy::parse(&text) {
                Ok(policy) => config.policy = policy,
                Err(why) => self.problems.push(format!("CHATEHR_POLICY {why}")),
            }
        }
        change(&mut config, &mut self.problems);
        self.switches(config.listen.ip().is_loopback() && mode == Mode::Mock);
        let mut problems = self.problems;
        problems.extend(config.problems());
        if problems.is_empty() {
            return Ok(config);
        }
        // Perhaps what is missing is there under a name that was mistyped.
        problems.extend(self.strangers);
        Err(problems)
    }

    /// The original's switches. Accepted on a loopback mock, and without effect: it keeps both as well.
    fn switches(&mut self, loopback_mock: bool) {
        for name in ["CHATEHR_ENABLE_AUDIT", "CHATEHR_ENABLE_ENCRYPTION"] {
            match self.take(name).as_deref() {
                None | Some("true") => {}
                Some("false") if loopback_mock => {}
                Some("false") => self.problems.push(format!("{name} may be false on a loopback mock alone")),
                Some(_) => self.problems.push(format!("{name} must be true or false")),
            }
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    fn text(&mut self, name: &str) -> String {
        self.take(name).unwrap_or_default()
    }

    /// One that stands in a setting, or in the file that another names; what editors put at a file's end is no part of it.
    fn secret(&mut self, name: &str, file_name: &str) -> String {
        let (given, file) = (self.text(name), self.take(file_name));
        let Some(file) = file else { return given };
        if !given.is_empty() {
            self.problems.push(format!("{name} and {file_name} are both set: which one counts?"));
            return given;
        }
        match fs::read_to_string(&file) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                text.strip_suffix('\r').unwrap_or(text).to_owned()
            }
            Err(error) => {
                self.problems.push(format!("{file_name}: {file} cannot be read: {error}"));
                String::new()
            }
        }
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &str, must: &str) -> Option<T> {
        let parsed = self.take(name)?.trim().parse().ok();
        if parsed.is_none() {
            self.problems.push(format!("{name} {must}"));
        }
        parsed
    }

    fn rate(&mut self, name: &str) -> Option<Rate> {
        let text = self.take(name)?;
        let rate = text
            .split_once('/')
            .and_then(|(minute, burst)| Some((minute.trim().parse().ok()?, burst.trim().parse().ok()?)))
            .filter(|(minute, burst): &(u32, u32)| *minute > 0 && *burst > 0)
            .map(|(minute, burst)| Rate::new(minute, burst));
        if rate.is_none() {
            self.problems.push(format!("{name} must be requests a minute and at once, such as 1200/300"));
        }
        rate
    }

    fn machines(&mut self) -> Vec<Machine> {
        let Some(text) = self.take("CHATEHR_MACHINES") else { return Vec::new() };
        let mut machines: Vec<Machine> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let machine = part.split_once('=').and_then(|(name, hash)| {
                let hash: [u8; 32] = hex::decode(hash.trim()).ok()?.try_into().ok()?;
                let (name, gateway) = match name.trim().strip_suffix(":gateway") {
                    Some(name) => (name, true),
                    None => (name.trim(), false),
                };
                (!name.is_empty()
                    && name.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(sign)))
                .then(|| Machine { name: name.to_owned(), key: hash, gateway })
            });
            match machine {
                Some(Machine { name, .. })
                    if name == "workstation" || machines.iter().any(|other| other.name == name) =>
                {
                    self.problems.push(format!("CHATEHR_MACHINES has the name {name} twice"));
                }
                Some(machine) => machines.push(machine),
                None => self.problems.push(
                    "CHATEHR_MACHINES must be name=SHA-256 of the key in hex, separated by commas".to_owned(),
                ),
            }
        }
        machines
    }

    fn oidc(&mut self) -> Option<chatehr_token::Settings> {
        let issuer = self.take("CHATEHR_OIDC_ISSUER");
        let audience = self.take("CHATEHR_OIDC_AUDIENCE");
        let mut claims = ClaimNames::default();
        for (name, claim) in [
            ("CHATEHR_OIDC_PERSON_CLAIM", &mut claims.person),
            ("CHATEHR_OIDC_ROLE_CLAIM", &mut claims.role),
            ("CHATEHR_OIDC_PATIENT_CLAIM", &mut claims.patient),
            ("CHATEHR_OIDC_SPECIALTIES_CLAIM", &mut claims.specialties),
            ("CHATEHR_OIDC_DELEGATES_CLAIM", &mut claims.delegates_for),
        ] {
            if let Some(value) = self.values.remove(name) {
                *claim = value;
            }
        }
        match (issuer, audience) {
            (Some(issuer), Some(audience)) => {
                let audiences: Vec<&str> =
                    audience.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
                let mut settings = chatehr_token::Settings::new(issuer, audiences);
                settings.claims = claims;
                Some(settings)
            }
            (Some(_), None) => {
                self.problems.push(
                    "CHATEHR_OIDC_AUDIENCE is not set: without it a token for any other service would be believed"
                        .to_owned(),
                );
                None
            }
            (None, Some(_)) => {
                self.problems.push("CHATEHR_OIDC_AUDIENCE needs CHATEHR_OIDC_ISSUER".to_owned());
                None
            }
            (None, None) => None,
        }
    }
}

fn is_known(name: &str) -> bool {
    SETTINGS.iter().any(|(known, _, _)| *known == name)
}
