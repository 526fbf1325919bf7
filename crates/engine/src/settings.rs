//! Where the server is and where files go: environment, then the settings file, then the default.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use chatehr_client::{Client, Config, ConfigError, Gauges};
use chatehr_contract::AlertPolicy;

use crate::support::in_columns;

/// The longest that a request may take when nothing else is said (wire contract, section 5).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// What an identity provider knows this program as, unless it is told otherwise.
const CLIENT: &str = "chatehr-desktop";

/// What an administrator decides for a workstation.
#[derive(Clone)]
pub struct Settings {
    /// CHATEHR_API_URL.
    pub api_url: String,
    /// CHATEHR_API_KEY, which admits this workstation to the test sign-in.
    pub api_key: Option<String>,
    /// CHATEHR_CLIENT_SECRET, for reading what the original integration sealed; nothing is ever written with it.
    pub legacy_secret: Option<String>,
    /// CHATEHR_TIMEOUT.
    pub timeout: Duration,
    /// CHATEHR_DATA_DIR: the encrypted files.
    pub data_dir: PathBuf,
    /// CHATEHR_WORKSTATION: what this machine is called in the audit log.
    pub workstation: String,
    /// CHATEHR_SHARED=1: several people use this machine, so it locks sooner.
    pub shared: bool,
    /// CHATEHR_STAY_SIGNED_IN=0: whoever signs in here is asked again at the next start, whatever the clinic's policy says.
    pub stay_signed_in: bool,
    /// Where backups go unless the person says otherwise: CHATEHR_BACKUP_DIR, or the person's own folder.
    pub backup_dir: Option<PathBuf>,
    /// CHATEHR_ALERTS: what this workstation wants louder, or in fewer words, than the clinic asks for.
    pub alerts: AlertPolicy,
    /// CHATEHR_OIDC_ISSUER, CHATEHR_OIDC_CLIENT_ID, CHATEHR_OIDC_SCOPES, CHATEHR_OIDC_RESOURCE: where people sign in
    /// with their clinic account.
    pub oidc: Option<chatehr_sign_in::Settings>,
    /// Namespace in the keyring, one for each build channel, so that a development build never touches the keys
    /// of a released one.
    pub keyring_service: String,
}

impl Settings {
    /// The client that these settings describe; its figures go to `gauges`.
    pub(crate) fn client(&self, gauges: &Gauges) -> Result<Client, ConfigError> {
        let mut config = Config::new(&self.api_url);
        config.gauges = gauges.clone();
        config.api_key.clone_from(&self.api_key);
        config.timeout = self.timeout;
        Client::new(config)
    }
}

impl Settings {
    /// Each by its name, and of a secret no more than whether there is one.
    pub fn in_words(&self) -> String {
        let there = |secret: &Option<String>| if secret.is_some() { "set" } else { "not set" }.to_owned();
        let place = |place: &Option<PathBuf>| {
            place.as_ref().map_or_else(String::new, |dir| dir.display().to_string())
        };
        let alerts = serde_json::to_string(&self.alerts).unwrap_or_default();
        in_columns(&[
            ("CHATEHR_API_URL", self.api_url.clone()),
            ("CHATEHR_API_KEY", there(&self.api_key)),
            ("CHATEHR_CLIENT_SECRET", there(&self.legacy_secret)),
            ("CHATEHR_TIMEOUT", format!("{} ms", self.timeout.as_millis())),
            ("CHATEHR_DATA_DIR", self.data_dir.display().to_string()),
            ("CHATEHR_BACKUP_DIR", place(&self.backup_dir)),
            ("CHATEHR_WORKSTATION", self.workstation.clone()),
            ("CHATEHR_SHARED", if self.shared { "1" } else { "0" }.to_owned()),
            ("CHATEHR_STAY_SIGNED_IN", if self.stay_signed_in { "1" } else { "0" }.to_owned()),
            ("CHATEHR_ALERTS", alerts),
        ])
    }

    /// What must not stand in anything that leaves the workstation.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        [&self.api_key, &self.legacy_secret].into_iter().flatten().map(String::as_str)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

/// A setting that cannot be used. Names the setting, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A setting without which nothing works.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// A setting that cannot be read.
    #[error("{0} {1}")]
    Unusable(&'static str, &'static str),
}

impl Settings {
    /// Reads the settings. `environment` answers for a variable, `file` holds the settings file's entries under
    /// the same names; `host_name` is what the machine calls itself.
    ///
    /// # Errors
    /// The first setting that is missing or cannot be used.
    pub fn gather(
        environment: impl Fn(&str) -> Option<String>,
        file: &BTreeMap<String, String>,
        default_data_dir: Option<PathBuf>,
        host_name: &str,
        keyring_service: &str,
    ) -> Result<Self, SettingsError> {
        let read = |name: &str| {
            environment(name).or_else(|| file.get(name).cloned()).filter(|value| !value.trim().is_empty())
        };
        let timeout = match read("CHATEHR_TIMEOUT") {
            None => DEFAULT_TIMEOUT,
            Some(text) => match text.trim().parse::<u64>() {
                Ok(millis @ 1_000..=600_000) => Duration::from_millis(millis),
                _ => {
                    return Err(SettingsError::Unusable(
                        "CHATEHR_TIMEOUT",
                        "must be milliseconds from 1000 to 600000",
                    ));
                }
            },
        };
        Ok(Self {
            api_url: read("CHATEHR_API_URL").ok_or(SettingsError::Missing("CHATEHR_API_URL"))?,
            api_key: read("CHATEHR_API_KEY"),
            legacy_secret: read("CHATEHR_CLIENT_SECRET"),
            timeout,
            data_dir: read("CHATEHR_DATA_DIR")
                .map(PathBuf::from)
                .or(default_data_dir)
                .ok_or(SettingsError::Missing("CHATEHR_DATA_DIR"))?,
            alerts: match read("CHATEHR_ALERTS") {
                None => AlertPolicy::default(),
                Some(text) => serde_json::from_str(&text).map_err(|_| {
                    SettingsError::Unusable("CHATEHR_ALERTS", "must be rules for alerts, a JSON object")
                })?,
            },
            workstation: read("CHATEHR_WORKSTATION").unwrap_or_else(|| host_name.to_owned()),
            shared: read("CHATEHR_SHARED").is_some_and(|value| value.trim() == "1"),
            stay_signed_in: read("CHATEHR_STAY_SIGNED_IN").is_none_or(|value| value.trim() != "0"),
            backup_dir: read("CHATEHR_BACKUP_DIR")
                .or_else(|| environment("HOME"))
                .or_else(|| environment("USERPROFILE"))
                .map(PathBuf::from),
            oidc: read("CHATEHR_OIDC_ISSUER").map(|issuer| {
                let client = read("CHATEHR_OIDC_CLIENT_ID").unwrap_or_else(|| CLIENT.to_owned());
                let mut oidc = chatehr_sign_in::Settings::new(issuer.trim(), client.trim());
                let scopes = read("CHATEHR_OIDC_SCOPES").unwrap_or_else(|| "profile".to_owned());
                oidc.scopes = scopes.split_whitespace().map(str::to_owned).collect();
                oidc.resource = read("CHATEHR_OIDC_RESOURCE").map(|resource| resource.trim().to_owned());
                oidc
            }),
            keyring_service: keyring_service.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let file = BTreeMap::from([("CHATEHR_API_URL".to_owned(), "https://file.example/v1".to_owned())]);
        let environment = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::gather(environment, &file, Some(PathBuf::from("/data")), "desk-1", "chatehr-test")
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
        let settings = gather(&[("CHATEHR_DATA_DIR", "/elsewhere")]).unwrap();
        assert_eq!(settings.api_url, "https://file.example/v1");
        assert_eq!(settings.data_dir, PathBuf::from("/elsewhere"));
        assert_eq!(settings.timeout, DEFAULT_TIMEOUT);
        assert_eq!(settings.workstation, "desk-1");
        let settings = gather(&[("CHATEHR_API_URL", "https://env.example/v1")]).unwrap();
        assert_eq!(settings.api_url, "https://env.example/v1");
    }

    #[test]
    fn a_timeout_that_is_no_number_is_named() {
        let error = gather(&[("CHATEHR_TIMEOUT", "soon")]).unwrap_err();
        assert!(error.to_string().starts_with("CHATEHR_TIMEOUT"), "{error}");
    }

    #[test]
    fn a_backup_goes_where_the_administrator_says_and_else_to_the_persons_own_folder() {
        let home = ("HOME", "/home/okafor");
        assert_eq!(gather(&[home]).unwrap().backup_dir, Some(PathBuf::from("/home/okafor")));
        let settings = gather(&[home, ("CHATEHR_BACKUP_DIR", "/mnt/backups")]).unwrap();
        assert_eq!(settings.backup_dir, Some(PathBuf::from("/mnt/backups")));
    }

    #[test]
    fn wishes_for_alerts_that_cannot_be_read_are_named() {
        let settings = gather(&[("CHATEHR_ALERTS", r#"{"urgent": {"repeatSeconds": 30}}"#)]).unwrap();
        assert_eq!(settings.alerts.rules.urgent.repeat_seconds, Some(30));
        let error = gather(&[("CHATEHR_ALERTS", "loud")]).unwrap_err();
        assert!(error.to_string().starts_with("CHATEHR_ALERTS"), "{error}");
    }

    #[test]
    fn people_sign_in_where_the_administrator_says() {
        assert!(gather(&[]).unwrap().oidc.is_none());
        let issuer = ("CHATEHR_OIDC_ISSUER", "https://login.example/realms/clinic");
        let oidc = gather(&[issuer]).unwrap().oidc.unwrap();
        assert_eq!((oidc.issuer.as_str(), oidc.client_id.as_str()), (issuer.1, "chatehr-desktop"));
        assert_eq!((oidc.scopes, oidc.resource), (vec!["profile".to_owned()], None));
        let more = [
            issuer,
            ("CHATEHR_OIDC_CLIENT_ID", "desk"),
            ("CHATEHR_OIDC_SCOPES", "profile  records"),
            ("CHATEHR_OIDC_RESOURCE", "https://api.example"),
        ];
        let oidc = gather(&more).unwrap().oidc.unwrap();
        assert_eq!((oidc.client_id.as_str(), oidc.scopes.len()), ("desk", 2));
        assert_eq!(oidc.resource.as_deref(), Some("https://api.example"));
    }

    #[test]
    fn people_stay_signed_in_unless_the_administrator_says_no() {
        assert!(gather(&[]).unwrap().stay_signed_in);
        assert!(gather(&[("CHATEHR_STAY_SIGNED_IN", "1")]).unwrap().stay_signed_in);
        assert!(!gather(&[("CHATEHR_STAY_SIGNED_IN", "0")]).unwrap().stay_signed_in);
    }

    #[test]
    fn no_secret_shows_in_debug() {
        let settings = gather(&[("CHATEHR_API_KEY", "canary-key")]).unwrap();
        assert!(!format!("{settings:?}").contains("canary"));
    }
}
