//! The token endpoint (RFC 6749, sections 3.2 and 5), asked as a public client.

use std::time::Duration;

use chatehr_token::{Answer, Channel, FetchError};
use reqwest::Url;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::{Code, TokenError},
    secret::{AccessToken, RefreshToken, Secret},
};

/// Most bytes of a token: it travels in a header.
const MAX_TOKEN: usize = 16 * 1024;
/// Longer than any session of ours lasts.
const MAX_LIFE: Duration = Duration::from_hours(24);

/// What a grant brought.
pub(crate) struct Tokens {
    pub(crate) access: AccessToken,
    /// How long the access token lasts, where the provider tells.
    pub(crate) life: Option<Duration>,
    pub(crate) refresh: Option<RefreshToken>,
    pub(crate) id_token: Option<Secret>,
}

#[derive(Deserialize)]
struct Document {
    access_token: Secret,
    token_type: String,
    expires_in: Option<u64>,
    refresh_token: Option<Secret>,
    id_token: Option<Secret>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Code,
}

/// Asks for tokens.
pub(crate) async fn ask(
    channel: &Channel,
    endpoint: &Url,
    form: &[(&str, &str)],
) -> Result<Tokens, TokenError> {
    let document: Document = post(channel, endpoint, form).await?;
    if !document.token_type.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::BadAnswer("the access token is not a bearer's"));
    }
    let token = document.access_token.expose();
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::BadAnswer("the access token cannot travel in a header"));
    }
    if document.refresh_token.as_ref().is_some_and(|token| token.expose().is_empty()) {
        return Err(TokenError::BadAnswer("the refresh token is empty"));
    }
    Ok(Tokens {
        access: AccessToken(document.access_token),
        life: document.expires_in.map(|seconds| Duration::from_secs(seconds).min(MAX_LIFE)),
        refresh: document.refresh_token.map(RefreshToken),
        id_token: document.id_token,
    })
}

/// Posts a form and reads what a 200 brings.
pub(crate) async fn post<T: DeserializeOwned>(
    channel: &Channel,
    endpoint: &Url,
    form: &[(&str, &str)],
) -> Result<T, TokenError> {
    let answer = good(channel.post(endpoint, form).await?)?;
    serde_json::from_slice(&answer.body)
        .map_err(|_| TokenError::BadAnswer("it is not the document asked for"))
}

/// The answer, unless it refuses. Only the statuses of RFC 6749, section 5.2, and 403 (which some providers choose) are
/// believed to be a refusal: a proxy's error page ends no session.
pub(crate) fn good(answer: Answer) -> Result<Answer, TokenError> {
    match answer.status {
        200 => Ok(answer),
        status @ (400 | 401 | 403) => {
            let refusal = serde_json::from_slice(&answer.body).map(|Refusal { error }| error);
            Err(refusal.map_or_else(|_| FetchError::Status(status).into(), TokenError::Refused))
        }
        status => Err(FetchError::Status(status).into()),
    }
}
