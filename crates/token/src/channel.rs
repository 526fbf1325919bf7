//! The way to one provider over HTTP.
//!
//! Refuses redirects, answers that do not end, a discovery document that speaks for another issuer, and addresses that
//! would be asked over plain HTTP beyond this machine.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::{
    RequestBuilder, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE},
    redirect,
};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{
    error::FetchError,
    settings::{Settings, SettingsError, is_loopback},
};

/// Most bytes of an answer.
const MAX_BYTES: usize = 256 * 1024;

/// Asks one provider.
pub struct Channel {
    http: reqwest::Client,
    issuer: String,
    /// Whether plain HTTP will do: the provider runs on this machine.
    local: bool,
}

/// What came back, whatever the status. The body may hold tokens.
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// At most 256 KiB.
    pub body: Zeroizing<Vec<u8>>,
}

impl Channel {
    /// Checks the settings. Nothing is sent yet.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let issuer = settings.check()?;
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("chatehr/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout);
        if is_loopback(&issuer) {
            // A proxy from the environment, or a name server with its own localhost, would bring others' keys.
            http = http.no_proxy().resolve_to_addrs(
                "localhost",
                &[SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))],
            );
        }
        let local = issuer.scheme() == "http";
        if !local {
            http = http.https_only(true);
        }
        Ok(Self {
            http: http.build().map_err(|error| SettingsError::Tls(error.without_url()))?,
            issuer: settings.issuer.clone(),
            local,
        })
    }

    /// What the provider says of itself (OpenID Connect Discovery, section 4); `T` reads what is wanted of it.
    ///
    /// # Errors
    /// [`FetchError::OtherIssuer`] for a document that does not name our issuer to the letter.
    pub async fn discover<T: DeserializeOwned>(&self) -> Result<T, FetchError> {
        // A slash at the end of the issuer is not doubled (OpenID Connect Discovery, section 4.1).
        let base = self.issuer.strip_suffix('/').unwrap_or(&self.issuer);
        let document: serde_json::Value =
            self.get(&format!("{base}/.well-known/openid-configuration")).await?;
        match document.get("issuer") {
            Some(serde_json::Value::String(issuer)) if *issuer == self.issuer => {}
            Some(serde_json::Value::String(_)) => return Err(FetchError::OtherIssuer),
            _ => return Err(FetchError::NotTheDocument(serde::de::Error::missing_field("issuer"))),
        }
        serde_json::from_value(document).map_err(FetchError::NotTheDocument)
    }

    /// An address that stands in the discovery document, if it may be asked: https, or this machine's where the
    /// provider itself is.
    ///
    /// # Errors
    /// [`FetchError::Address`].
    pub fn endpoint(&self, address: &str) -> Result<Url, FetchError> {
        let address: Url = address.parse().map_err(|_| FetchError::Address)?;
        let plain = self.local && address.scheme() == "http" && is_loopback(&address);
        let bare = address.username().is_empty() && address.password().is_none();
        if (address.scheme() == "https" || plain) && bare && address.fragment().is_none() {
            Ok(address)
        } else {
            Err(FetchError::Address)
        }
    }

    /// Posts a form.
    ///
    /// # Errors
    /// No answer, or one that is too large. A refusal is an answer.
    pub async fn post(&self, address: &Url, form: &[(&str, &str)]) -> Result<Answer, FetchError> {
        let body = serde_urlencoded::to_string(form).unwrap_or_default();
        let request = self.http.post(address.clone()).body(body);
        exchange(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, FetchError> {
        let answer = exchange(self.http.get(address)).await?;
        if answer.status != StatusCode::OK {
            return Err(FetchError::Status(answer.status));
        }
        serde_json::from_slice(&answer.body).map_err(FetchError::NotTheDocument)
    }
}

async fn exchange(request: RequestBuilder) -> Result<Answer, FetchError> {
    let unreachable = |error: reqwest::Error| FetchError::Unreachable(error.without_url());
    let mut response = request.header(ACCEPT, "application/json").send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}
