//! Where ChatEHR is and how long to wait for it.
//!
//! Refuses an address over which a key or a patient's words would travel readable: plain HTTP is for this machine
//! alone, and a password never stands in an address, because addresses end up in logs.

use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    net::IpAddr,
    time::Duration,
};

use reqwest::{Url, header::HeaderValue};

use crate::gauges::Gauges;

/// How to reach ChatEHR. Change the public fields after [`Config::new`] as needed.
#[derive(Clone)]
pub struct Config {
    /// `CHATEHR_API_URL`, such as `http://127.0.0.1:4000/v1`; a trailing slash makes no difference.
    pub base_url: String,
    /// `CHATEHR_API_KEY`, this workstation's key; empty counts as none.
    pub api_key: Option<String>,
    /// `CHATEHR_TIMEOUT`: for a whole request, from the first byte sent to the last received. 30 s.
    pub timeout: Duration,
    /// For reaching the server at all. 5 s.
    pub connect_timeout: Duration,
    /// How long an event stream may be silent before it counts as dead: two of the server's heartbeats. 30 s.
    pub idle_timeout: Duration,
    /// What failures in a row may take together, from the second on, before the server is given time. 45 s.
    pub failure_budget: Duration,
    /// Where this client's figures go: those of a workstation share one.
    pub gauges: Gauges,
    /// Spreads the reconnections of many workstations; from the system's randomness unless set.
    pub jitter_seed: u64,
}

impl Config {
    /// The defaults for this address, without a key. Checked by [`Client::new`](crate::Client::new).
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            api_key: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            failure_budget: Duration::from_secs(45),
            gauges: Gauges::default(),
            jitter_seed: RandomState::new().build_hasher().finish(),
        }
    }

    /// The checked address, without a trailing slash.
    pub(crate) fn base(&self) -> Result<Url, ConfigError> {
        let mut url: Url = self.base_url.trim().parse().map_err(|_| ConfigError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(ConfigError::NotAUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConfigError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ConfigError::QueryOrFragment);
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(ConfigError::PlainHttp);
        }
        url.path_segments_mut().map_err(|()| ConfigError::NotAUrl)?.pop_if_empty();
        Ok(url)
    }

    /// The key as a header that no log shows.
    pub(crate) fn authorization(&self) -> Result<Option<HeaderValue>, ConfigError> {
        let Some(key) = self.api_key.as_deref().map(str::trim).filter(|key| !key.is_empty()) else {
            return Ok(None);
        };
        bearer(key).map(Some).ok_or(ConfigError::ApiKey)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a setting. Never shows its value, which may hold a secret in the wrong place.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not an address of a web server.
    #[error("CHATEHR_API_URL is not a URL such as https://chatehr.example/v1")]
    NotAUrl,
    /// It would send keys and patient data readable through a network.
    #[error("CHATEHR_API_URL must begin with https:// unless the server runs on this computer")]
    PlainHttp,
    /// A secret in the wrong place.
    #[error("CHATEHR_API_URL must not hold a user name or password")]
    Credentials,
    /// Paths are appended to it.
    #[error("CHATEHR_API_URL must not hold a question mark or a hash sign")]
    QueryOrFragment,
    /// It cannot travel in a header.
    #[error("CHATEHR_API_KEY holds a character that no key can have")]
    ApiKey,
    /// Nothing could ever be answered in time.
    #[error("CHATEHR_TIMEOUT must be more than zero")]
    Timeout,
    /// This computer cannot make secure connections, for instance because it has no root certificates.
    #[error("this computer cannot make secure connections")]
    Tls(#[source] reqwest::Error),
}

impl ConfigError {
    /// The setting's name, for `BAD_CONFIGURATION`; none when it is the computer that is wrong.
    pub const fn setting(&self) -> Option<&'static str> {
        match self {
            Self::NotAUrl | Self::PlainHttp | Self::Credentials | Self::QueryOrFragment => {
                Some("CHATEHR_API_URL")
            }
            Self::ApiKey => Some("CHATEHR_API_KEY"),
            Self::Timeout => Some("CHATEHR_TIMEOUT"),
            Self::Tls(_) => None,
        }
    }
}

/// `Bearer …`, or none where the secret holds what a header cannot carry.
pub(crate) fn bearer(secret: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(url: &str) -> Result<String, ConfigError> {
        Config::new(url).base().map(String::from)
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for url in [
            "http://127.0.0.1:4000/v1",
            "http://127.9.9.9/v1",
            "http://[::1]:4000/v1",
            "http://localhost:4000/v1",
            "http://LOCALHOST/v1",
            "https://chatehr.example/v1",
        ] {
            assert!(verdict(url).is_ok(), "{url}");
        }
        for url in [
            "http://chatehr.example/v1",
            "http://10.0.0.1/v1",
            "http://localhost.example/v1",
            "http://evil.localhost/v1",
            "http://127.0.0.1.example/v1",
            "http://0.0.0.0:4000/v1",
            "http://[::ffff:127.0.0.1]/v1",
        ] {
            assert!(matches!(verdict(url), Err(ConfigError::PlainHttp)), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for url in
            ["", "chatehr", "127.0.0.1:4000", "ftp://127.0.0.1", "file:///etc/passwd", "data:,x", "http://"]
        {
            assert!(matches!(verdict(url), Err(ConfigError::NotAUrl)), "{url}");
        }
        assert!(matches!(verdict("http://127.0.0.1/v1?a=b"), Err(ConfigError::QueryOrFragment)));
        assert!(matches!(verdict("http://127.0.0.1/v1#a"), Err(ConfigError::QueryOrFragment)));
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        let error = verdict("https://nurse:hunter2@chatehr.example/v1").unwrap_err();
        assert!(matches!(error, ConfigError::Credentials));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert_eq!(error.setting(), Some("CHATEHR_API_URL"));
    }

    #[test]
    fn a_trailing_slash_makes_no_difference() {
        assert_eq!(
            verdict("http://127.0.0.1:4000/v1/").unwrap(),
            verdict("http://127.0.0.1:4000/v1").unwrap()
        );
    }

    #[test]
    fn a_key_that_would_break_a_header_is_refused_and_never_shown() {
        let mut config = Config::new("http://127.0.0.1/v1");
        config.api_key = Some("sekrit\r\nX: y".to_owned());
        let error = config.authorization().unwrap_err();
        assert!(matches!(error, ConfigError::ApiKey));
        assert!(!format!("{config:?} {error} {error:?}").contains("sekrit"));
        config.api_key = Some("sekrit".to_owned());
        assert!(!format!("{config:?} {:?}", config.authorization().unwrap()).contains("sekrit"));
        config.api_key = Some(" ".to_owned());
        assert!(config.authorization().unwrap().is_none());
    }
}
