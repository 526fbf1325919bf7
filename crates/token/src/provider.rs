//! The provider over HTTP: its discovery document, and the keys at the address that stands in it.
//!
//! Refuses redirects, answers that do not end, a document that speaks for another issuer, and keys that travel over
//! plain HTTP beyond this machine.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::{StatusCode, Url, header::ACCEPT, redirect};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::FetchError,
    key_set::{Document, KeySet},
    settings::{Settings, SettingsError, is_loopback},
};

/// Most bytes of an answer.
const MAX_BYTES: usize = 256 * 1024;

pub(crate) struct Provider {
    http: reqwest::Client,
    issuer: String,
    /// Whether plain HTTP will do: the provider runs on this machine.
    local: bool,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Provider {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let issuer = settings.check()?;
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("chatehr-server/", env!("CARGO_PKG_VERSION")))
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

    /// Both documents, anew: the keys' address may change as well as the keys.
    pub(crate) async fn keys(&self) -> Result<KeySet, FetchError> {
        // A slash at the end of the issuer is not doubled (OpenID Connect Discovery, section 4.1).
        let base = self.issuer.strip_suffix('/').unwrap_or(&self.issuer);
        let discovery: Discovery = self.get(&format!("{base}/.well-known/openid-configuration")).await?;
        if discovery.issuer != self.issuer {
            return Err(FetchError::OtherIssuer);
        }
        let address: Url = discovery.jwks_uri.parse().map_err(|_| FetchError::KeysAddress)?;
        let plain = self.local && address.scheme() == "http" && is_loopback(&address);
        if address.scheme() != "https" && !plain {
            return Err(FetchError::KeysAddress);
        }
        Ok(KeySet::read(self.get::<Document>(address.as_str()).await?))
    }

    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, FetchError> {
        let unreachable = |error: reqwest::Error| FetchError::Unreachable(error.without_url());
        let request = self.http.get(address).header(ACCEPT, "application/json");
        let mut response = request.send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(FetchError::NotTheDocument)
    }
}
