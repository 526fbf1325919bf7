//! The end of a session, here first: what this computer holds goes whatever the network says, and what could not be done
//! elsewhere is told.

use chatehr_token::Answer;
use reqwest::Url;

use crate::{
    error::{Code, TokenError},
    grant,
    secret::Secret,
    session::Session,
    surroundings::NotKept,
};

/// What was done and what was not.
#[derive(Debug)]
#[must_use = "it says what was not done"]
pub struct SignedOut {
    /// Whether the kept refresh token is gone from this computer.
    pub forgotten: Result<(), NotKept>,
    /// Whether the provider knows.
    pub revocation: Revocation,
    /// To be opened in the browser if the person wants to be signed out there as well (OpenID Connect RP-Initiated
    /// Logout). It names this program and not the person: an address ends up in the browser's history, so no ID token
    /// stands in it and the provider asks once more.
    pub browser: Option<Url>,
}

/// What became of the tokens at the provider (RFC 7009).
#[derive(Debug)]
pub enum Revocation {
    /// It takes them no longer.
    Done,
    /// There was none left to revoke.
    NothingToRevoke,
    /// The provider has no revocation: what there is ends by itself.
    NotOffered,
    /// Not done: the provider could not be asked or refused. Until its time is over, whoever had copied the token before
    /// could still use it.
    NotDone(TokenError),
}

impl Session {
    /// Ends the session. Afterwards every question for a token is answered with
    /// [`SessionError::Over`](crate::SessionError::Over). Never fails as a whole; waits for the network at most as long as
    /// [`Settings::timeout`](crate::Settings::timeout) for each of three requests.
    pub async fn sign_out(&self) -> SignedOut {
        let running = {
            let mut state = self.0.state();
            state.over = true;
            state.running.clone()
        };
        // A refresh on its way may bring the very token that is to be revoked.
        if let Some(running) = running {
            running.await.ok();
        }
        let (access, refresh) = {
            let mut state = self.0.state();
            (state.access.take(), state.refresh.take())
        };
        let forgotten = self.0.forget().await;
        // Revoking the refresh token takes the access tokens along (RFC 7009, section 2.1).
        let token = match (refresh, access) {
            (Some(refresh), _) => Some((refresh.token.0, "refresh_token")),
            (None, Some(access)) => Some((access.token.0, "access_token")),
            (None, None) => None,
        };
        let (revocation, browser) = self.tell(token).await;
        SignedOut { forgotten, revocation, browser }
    }

    async fn tell(&self, token: Option<(Secret, &str)>) -> (Revocation, Option<Url>) {
        let metadata = match (self.0.provider.metadata().await, &token) {
            (Ok(metadata), _) => metadata,
            (Err(_), None) => return (Revocation::NothingToRevoke, None),
            (Err(error), Some(_)) => return (Revocation::NotDone(error), None),
        };
        let client = self.0.provider.settings().client_id.as_str();
        let browser = metadata.end_session.clone().map(|mut address| {
            address.query_pairs_mut().append_pair("client_id", client);
            address
        });
        let revocation = match (token, &metadata.revocation) {
            (None, _) => Revocation::NothingToRevoke,
            (Some(_), None) => Revocation::NotOffered,
            (Some((token, kind)), Some(endpoint)) => {
                let form = [("client_id", client), ("token", token.expose()), ("token_type_hint", kind)];
                let answer = self.0.provider.channel().post(endpoint, &form).await;
                match answer.map_err(TokenError::from).and_then(grant::good) {
                    Ok(Answer { .. }) => Revocation::Done,
                    Err(TokenError::Refused(Code::UnsupportedTokenType)) => Revocation::NotOffered,
                    Err(error) => Revocation::NotDone(error),
                }
            }
        };
        (revocation, browser)
    }
}
