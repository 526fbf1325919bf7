//! A sign-in on a second device (RFC 8628): this screen shows a code, the person's telephone does the rest.

use std::{fmt, sync::Arc, time::Duration};

use chatehr_contract::Timestamp;
use reqwest::Url;
use serde::Deserialize;

use crate::{
    error::{Code, SignInError, TokenError},
    grant,
    metadata::Metadata,
    provider::Provider,
    secret::Secret,
    session::Session,
    surroundings::Keep,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Longest code that a person could be asked to type.
const MAX_USER_CODE: usize = 64;
/// However long the provider would wait.
const MAX_LIFE: Duration = Duration::from_mins(30);
/// Between two questions: where the provider does not say, and at most.
const INTERVAL: Duration = Duration::from_secs(5);
const MAX_INTERVAL: Duration = Duration::from_mins(5);

#[derive(Deserialize)]
struct Document {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// What the screen shows, and what waits for the answer.
pub struct DeviceSignIn {
    /// To be typed in.
    pub user_code: String,
    /// Where. https, or this machine's where the provider is.
    pub verification_uri: Url,
    /// The same with the code in it, for a picture that a telephone reads.
    pub verification_uri_complete: Option<Url>,
    /// When the code ends, by our clock.
    pub expires_at: Timestamp,
    interval: Duration,
    code: Secret,
    provider: Provider,
    metadata: Arc<Metadata>,
    keep: Option<Arc<dyn Keep>>,
    /// The person has to show who they are after this.
    since: Option<Timestamp>,
}

impl DeviceSignIn {
    pub(crate) async fn begin(
        provider: Provider,
        metadata: Arc<Metadata>,
        keep: Option<Arc<dyn Keep>>,
        since: Option<Timestamp>,
    ) -> Result<Self, SignInError> {
        let endpoint = metadata.device_authorization.as_ref().ok_or(SignInError::NoDeviceCodes)?;
        let scope = provider.scope(keep.is_some());
        let mut form = vec![("client_id", provider.settings().client_id.as_str()), ("scope", &scope)];
        form.extend(provider.settings().resource.as_deref().map(|resource| ("resource", resource)));
        if since.is_some() {
            form.extend([("prompt", "login"), ("max_age", "0")]);
        }
        let began = provider.now();
        let document: Document = grant::post(provider.channel(), endpoint, &form).await?;
        let code = &document.user_code;
        if code.is_empty() || code.len() > MAX_USER_CODE || code.contains(char::is_control) {
            return Err(TokenError::BadAnswer("the code is none that a person could type").into());
        }
        let address = |address: &str| provider.channel().endpoint(address).map_err(TokenError::from);
        let life = Duration::from_secs(document.expires_in).min(MAX_LIFE);
        let millis = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        Ok(Self {
            verification_uri: address(&document.verification_uri)?,
            verification_uri_complete: document
                .verification_uri_complete
                .as_deref()
                .map(address)
                .transpose()?,
            expires_at: Timestamp::from_millis(began.millis().saturating_add(millis)),
            interval: document
                .interval
                .map_or(INTERVAL, |seconds| Duration::from_secs(seconds.max(1)).min(MAX_INTERVAL)),
            user_code: document.user_code,
            code: document.device_code,
            provider,
            metadata,
            keep,
            since,
        })
    }

    /// Waits for the person, asking no more often than the provider wants. Drop the future to cancel.
    ///
    /// # Errors
    /// [`SignInError::Denied`], [`SignInError::TimedOut`] when the code has ended, or what the provider refused with. A
    /// network that is away for a while is waited for.
    pub async fn wait(mut self) -> Result<Session, SignInError> {
        let code = self.code.clone();
        let form = [("grant_type", GRANT), ("device_code", code.expose())];
        loop {
            self.provider.sleep(self.interval).await;
            if self.provider.now() >= self.expires_at {
                return Err(SignInError::TimedOut);
            }
            let slower = match self.provider.grant(&self.metadata, &form).await {
                Ok(tokens) => {
                    return Session::begin(self.provider, tokens, None, self.keep, self.since).await;
                }
                Err(TokenError::Refused(Code::AuthorizationPending)) => self.interval,
                Err(TokenError::Refused(Code::SlowDown)) => self.interval + Duration::from_secs(5),
                Err(TokenError::Refused(Code::AccessDenied)) => return Err(SignInError::Denied),
                Err(TokenError::Refused(Code::ExpiredToken)) => return Err(SignInError::TimedOut),
                // RFC 8628, section 3.5: ever more slowly while there is no answer.
                Err(TokenError::Unavailable(_)) => self.interval * 2,
                Err(error) => return Err(error.into()),
            };
            self.interval = slower.min(MAX_INTERVAL);
        }
    }
}

impl fmt::Debug for DeviceSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceSignIn").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
