//! Which provider is believed, and what its words mean.
//!
//! Refuses a provider whose keys could be exchanged on the way: plain HTTP is for this machine alone.

use std::{net::IpAddr, time::Duration};

use reqwest::Url;

/// Whose tokens are accepted, and how they are read. Change the fields after [`Settings::new`] as needed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The provider, exactly as its tokens spell it in `iss`; a trailing slash makes another issuer.
    pub issuer: String,
    /// What this API is called in `aud`; one of them is enough. Never the id of a client: see the crate's page.
    pub audiences: Vec<String>,
    /// Where a token says what.
    pub claims: ClaimNames,
    /// How far the provider's clock may be from ours. 60 s.
    pub skew: Duration,
    /// The longest that a token may be valid. 24 h.
    pub max_lifetime: Duration,
    /// For each of the two requests that fetch the keys, from the first byte sent to the last received. 5 s.
    pub timeout: Duration,
    /// For reaching the provider at all. 2 s.
    pub connect_timeout: Duration,
    /// How long fetched keys are used without asking again. 10 min.
    pub keys_max_age: Duration,
    /// How long they are used when asking fails. 24 h.
    pub keys_max_stale: Duration,
    /// The least time between two fetches, whatever tokens come in. 10 s.
    pub fetch_pause: Duration,
    /// How many accepted tokens are remembered. 10,000.
    pub remembered: usize,
}

/// The claims that are ours to name. Each is the name of a claim or, where there is none of that name, a path through
/// objects with dots between, such as `realm_access.roles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The id of a physician or administrator. `sub`.
    pub person: String,
    /// The role: a word or an array of words. `roles`.
    pub role: String,
    /// The id of a patient, who is known here under the record's number and not under the account's. `patient_id`.
    pub patient: String,
    /// A physician's specialties: a code or an array of codes. `specialties`.
    pub specialties: String,
    /// The physician for whom a nurse acts, by the id that physicians have here. `delegates_for`.
    pub delegates_for: String,
    /// The session at the provider. `sid`.
    pub session: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            person: "sub".to_owned(),
            role: "roles".to_owned(),
            patient: "patient_id".to_owned(),
            specialties: "specialties".to_owned(),
            delegates_for: "delegates_for".to_owned(),
            session: "sid".to_owned(),
        }
    }
}

impl Settings {
    /// The defaults for this provider and these audiences. Checked by [`Verifier::new`](crate::Verifier::new).
    pub fn new<A: Into<String>>(issuer: impl Into<String>, audiences: impl IntoIterator<Item = A>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: audiences.into_iter().map(Into::into).collect(),
            claims: ClaimNames::default(),
            skew: Duration::from_mins(1),
            max_lifetime: Duration::from_hours(24),
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            keys_max_age: Duration::from_mins(10),
            keys_max_stale: Duration::from_hours(24),
            fetch_pause: Duration::from_secs(10),
            remembered: 10_000,
        }
    }

    /// The issuer as an address, after a look at all settings.
    pub(crate) fn check(&self) -> Result<Url, SettingsError> {
        let url: Url = self.issuer.parse().map_err(|_| SettingsError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(SettingsError::NotAUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SettingsError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(SettingsError::QueryOrFragment);
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(SettingsError::PlainHttp);
        }
        if self.audiences.is_empty() || self.audiences.iter().any(|audience| audience.trim().is_empty()) {
            return Err(SettingsError::Audience);
        }
        let ClaimNames { person, role, patient, specialties, delegates_for, session } = &self.claims;
        if [person, role, patient, specialties, delegates_for, session]
            .iter()
            .any(|name| name.trim().is_empty())
        {
            return Err(SettingsError::ClaimName);
        }
        if [self.timeout, self.connect_timeout].contains(&Duration::ZERO) {
            return Err(SettingsError::Timeout);
        }
        Ok(url)
    }
}

/// What is wrong with a setting.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an address.
    #[error("the issuer is not a URL such as https://login.example.org")]
    NotAUrl,
    /// Whoever sits on the way could put in keys of their own.
    #[error("the issuer must begin with https:// unless it runs on this computer")]
    PlainHttp,
    /// A secret in the wrong place.
    #[error("the issuer must not hold a user name or password")]
    Credentials,
    /// OpenID Connect Discovery, section 2, allows none.
    #[error("the issuer must not hold a question mark or a hash sign")]
    QueryOrFragment,
    /// Without one every token of the provider would do, whoever it is for.
    #[error("at least one audience is needed, and none may be empty")]
    Audience,
    /// Nothing could be read from it.
    #[error("the name of a claim must not be empty")]
    ClaimName,
    /// Nothing could ever be answered in time.
    #[error("the timeouts must be more than zero")]
    Timeout,
    /// This computer cannot make secure connections, for instance because it has no root certificates.
    #[error("this computer cannot make secure connections")]
    Tls(#[source] reqwest::Error),
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(issuer: &str) -> Result<(), SettingsError> {
        Settings::new(issuer, ["api"]).check().map(drop)
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for issuer in
            ["http://127.0.0.1:4000", "http://[::1]/realms/a", "http://localhost:1/", "https://login.example"]
        {
            assert!(verdict(issuer).is_ok(), "{issuer}");
        }
        for issuer in [
            "http://login.example",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://127.0.0.1.example",
        ] {
            assert!(matches!(verdict(issuer), Err(SettingsError::PlainHttp)), "{issuer}");
        }
    }

    #[test]
    fn an_issuer_is_an_address_and_nothing_more() {
        for issuer in ["", "login.example", "ftp://login.example", "file:///etc", "https://"] {
            assert!(matches!(verdict(issuer), Err(SettingsError::NotAUrl)), "{issuer}");
        }
        assert!(matches!(verdict("https://me:secret@login.example"), Err(SettingsError::Credentials)));
        for issuer in ["https://login.example?a=b", "https://login.example#a"] {
            assert!(matches!(verdict(issuer), Err(SettingsError::QueryOrFragment)), "{issuer}");
        }
    }

    #[test]
    fn settings_that_would_let_everybody_in_are_refused() {
        for audiences in [vec![], vec![""], vec!["api", " "]] {
            let settings = Settings::new("https://login.example", audiences);
            assert!(matches!(settings.check(), Err(SettingsError::Audience)));
        }
        let mut settings = Settings::new("https://login.example", ["api"]);
        settings.claims.patient = String::new();
        assert!(matches!(settings.check(), Err(SettingsError::ClaimName)));
    }
}
