//! What the provider says of itself: where to ask what (OpenID Connect Discovery, section 3; RFC 8414, section 2).

use chatehr_token::{Channel, FetchError};
use reqwest::Url;
use serde::Deserialize;

#[derive(Deserialize)]
struct Document {
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Addresses that may be asked or opened.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) authorization: Url,
    pub(crate) token: Url,
    pub(crate) revocation: Option<Url>,
    pub(crate) end_session: Option<Url>,
    pub(crate) device_authorization: Option<Url>,
    /// S256 is accepted, or the provider does not say; some large ones do not.
    pub(crate) s256: bool,
    /// Whether every answer to a sign-in names its issuer (RFC 9207, section 3).
    pub(crate) names_issuer: bool,
}

impl Metadata {
    pub(crate) async fn fetch(channel: &Channel) -> Result<Self, FetchError> {
        let document: Document = channel.discover().await?;
        let endpoint = |address: &String| channel.endpoint(address);
        let optional = |address: &Option<String>| address.as_ref().map(endpoint).transpose();
        Ok(Self {
            authorization: endpoint(&document.authorization_endpoint)?,
            token: endpoint(&document.token_endpoint)?,
            revocation: optional(&document.revocation_endpoint)?,
            end_session: optional(&document.end_session_endpoint)?,
            device_authorization: optional(&document.device_authorization_endpoint)?,
            s256: document
                .code_challenge_methods_supported
                .is_none_or(|methods| methods.iter().any(|method| method == "S256")),
            names_issuer: document.authorization_response_iss_parameter_supported,
        })
    }
}
