//! Whose request it is: the token that goes along, and what is done about one that is refused.
//!
//! Promises: a request that was refused for its token is sent once more with the next one and not a third time; a token
//! goes nowhere but into the header. Who gives the tokens sees to it that many refusals at once make one renewal.

use futures_util::future::BoxFuture;
use reqwest::{
    RequestBuilder,
    header::{AUTHORIZATION, HeaderValue},
};
use zeroize::Zeroizing;

use crate::{
    config,
    error::ClientError,
    exchange::{Asking, Unanswered},
};

/// Gives a person's access tokens for as long as their session lasts.
pub trait Tokens: Send + Sync {
    /// One that should be good now; with `refused`, one in its place.
    fn token<'a>(&'a self, refused: Option<&'a str>) -> BoxFuture<'a, Result<Zeroizing<String>, NoToken>>;
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// The session has ended; only a new sign-in helps.
    #[error("the session has ended")]
    Over,
    /// It cannot be had now; the session goes on.
    #[error("no token can be had now")]
    Unavailable,
}

impl From<NoToken> for ClientError {
    fn from(none: NoToken) -> Self {
        match none {
            NoToken::Over => Self::SignedOut,
            NoToken::Unavailable => Self::SignInUnavailable,
        }
    }
}

/// Where a person's token comes from.
#[derive(Clone)]
pub(crate) enum Bearer {
    /// One for the whole session. None for a token that no header can carry: no server can have given it.
    Fixed(Option<HeaderValue>),
    /// One after the other.
    Renewed(std::sync::Arc<dyn Tokens>),
}

impl Bearer {
    /// Sends the request with a token, and once more with the next where that one is refused.
    pub(crate) async fn send<T, F: Future<Output = Result<T, Unanswered>>>(
        &self,
        request: RequestBuilder,
        send: impl Fn(RequestBuilder) -> F,
    ) -> Result<T, Unanswered> {
        let tokens = match self {
            Self::Fixed(token) => {
                let token = token.clone().ok_or(ClientError::SignedOut)?;
                return send(request.header(AUTHORIZATION, token)).await;
            }
            Self::Renewed(tokens) => tokens,
        };
        let header = |token: &str| config::bearer(token).ok_or(ClientError::SignedOut);
        let token = tokens.token(None).await.map_err(ClientError::from)?;
        // Every body here is whole in memory, so there is always a second one.
        let again = request.try_clone();
        let answer = send(request.header(AUTHORIZATION, header(&token)?)).await;
        match (answer, again) {
            (Err(told), Some(again)) if told.is_about_the_token() => {
                let next = tokens.token(Some(&token)).await.map_err(ClientError::from)?;
                send(again.header(AUTHORIZATION, header(&next)?)).await
            }
            (answer, _) => answer,
        }
    }
}

impl Unanswered {
    fn is_about_the_token(&self) -> bool {
        match self {
            Self::Failed(error) => *error == ClientError::SignedOut,
            Self::Refused(refusal) => refusal.read(Asking::Session) == ClientError::SignedOut,
        }
    }
}
