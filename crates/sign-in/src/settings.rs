//! Which provider a person signs in at, and as whose user.

use std::time::Duration;

pub use chatehr_token::SettingsError;

/// The provider and what is asked of it. Change the fields after [`Settings::new`] as needed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The provider, exactly as its documents and tokens spell it; a trailing slash makes another issuer.
    pub issuer: String,
    /// What the provider knows this program as: a public client without a secret (RFC 8252, section 8.5).
    pub client_id: String,
    /// Asked for beside `openid`. `offline_access` has no place here: it comes with a [`Keep`](crate::Keep).
    pub scopes: Vec<String>,
    /// What the access token is for (RFC 8707), where the provider has to be told.
    pub resource: Option<String>,
    /// For each request to the provider. Not shorter than a slow answer takes: a refresh whose answer is not waited
    /// for has used up its token all the same. 30 s.
    pub timeout: Duration,
    /// For reaching the provider at all. 5 s.
    pub connect_timeout: Duration,
    /// How long the browser may take. 5 min.
    pub patience: Duration,
}

impl Settings {
    /// The defaults for this provider and client. Checked by [`Provider::new`](crate::Provider::new).
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            scopes: Vec::new(),
            resource: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            patience: Duration::from_mins(5),
        }
    }

    /// The same in the words of those who check tokens.
    pub(crate) fn for_tokens(&self) -> chatehr_token::Settings {
        let mut settings = chatehr_token::Settings::new(&self.issuer, [&self.client_id]);
        settings.timeout = self.timeout;
        settings.connect_timeout = self.connect_timeout;
        settings
    }
}
