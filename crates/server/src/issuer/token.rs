//! What the program asks for: tokens for a code, new ones, and their end (RFC 6749, sections 5 and 6; RFC 7009; OpenID
//! Connect Core, section 2; RFC 9068).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chatehr_contract::Role;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{AUDIENCE, Asked, CLIENT, Code, Issuer, Who, key::NoKey, read, refuse, say, value};
use crate::{identity::SESSION_HOURS, sources::NoRandomness};

/// Seconds that an access token lasts: little, so that a demonstration renews it.
const TOKEN_SECONDS: i64 = 300;

/// Somebody's session; under its name.
pub(super) struct Session {
    who: Who,
    /// The one refresh token that is good.
    refresh: String,
}

/// Why an answer could not be made.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    Key(#[from] NoKey),
}

/// What it says of itself.
pub(super) async fn discovery(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let url = issuer.url();
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "revocation_endpoint": format!("{url}/revoke"),
        "end_session_endpoint": format!("{url}/end"),
        "device_authorization_endpoint": format!("{url}/device-authorization"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "offline_access"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

/// Its keys.
pub(super) async fn keys(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    Json(json!({ "keys": [issuer.key.jwk()] }))
}

/// Gives tokens.
pub(super) async fn grant(State(issuer): State<Arc<Issuer>>, body: String) -> Response {
    let asked = read(&body);
    if value(&asked, "client_id") != CLIENT {
        return refuse("invalid_client");
    }
    let found = match value(&asked, "grant_type") {
        "authorization_code" => issuer.redeem(&asked).map(|(who, nonce)| (who, nonce, None)),
        "refresh_token" => issuer.renew(&asked).map(|(who, name)| (who, None, Some(name))),
        "urn:ietf:params:oauth:grant-type:device_code" => {
            issuer.device_answer(value(&asked, "device_code")).map(|who| (who, None, None))
        }
        _ => Err("unsupported_grant_type"),
    };
    match found.map(|(who, nonce, session)| issuer.tokens(&who, nonce.as_deref(), session)) {
        Ok(Ok(answer)) => say(answer),
        Ok(Err(fault)) => {
            tracing::error!(%fault, "a demonstration's token could not be made");
            refuse("server_error")
        }
        Err(error) => refuse(error),
    }
}

/// Ends the session of a refresh token. One that is not known is as good as ended.
pub(super) async fn revoke(State(issuer): State<Arc<Issuer>>, body: String) -> Response {
    let asked = read(&body);
    let (name, _) = value(&asked, "token").split_once('.').unwrap_or_default();
    issuer.state().sessions.take(name, issuer.now());
    StatusCode::OK.into_response()
}

impl Issuer {
    fn redeem(&self, asked: &Asked) -> Result<(Who, Option<String>), &'static str> {
        let code = self.state().codes.take(value(asked, "code"), self.now());
        let Code { asked: began, who } = code.ok_or("invalid_grant")?;
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(value(asked, "code_verifier")));
        let same = challenge == value(&began, "code_challenge")
            && value(asked, "redirect_uri") == value(&began, "redirect_uri");
        if same { Ok((who, began.get("nonce").cloned())) } else { Err("invalid_grant") }
    }

    /// Whose it is. A refresh token that was used before has been copied: the session ends (RFC 9700, section 4.14.2).
    fn renew(&self, asked: &Asked) -> Result<(Who, String), &'static str> {
        let token = value(asked, "refresh_token");
        let (name, _) = token.split_once('.').ok_or("invalid_grant")?;
        let session = self.state().sessions.take(name, self.now()).ok_or("invalid_grant")?;
        if session.refresh == token { Ok((session.who, name.to_owned())) } else { Err("invalid_grant") }
    }

    fn tokens(&self, who: &Who, nonce: Option<&str>, session: Option<String>) -> Result<Value, Fault> {
        let now = self.now();
        let seconds = now.millis().div_euclid(1000);
        let shown = who.at.millis().div_euclid(1000);
        let name = match session {
            Some(name) => name,
            None => self.secret()?,
        };
        let refresh = format!("{name}.{}", self.secret()?);
        let account = self.account(who.account.as_str());
        let role = account.map(|account| account.role.clone());
        let access = self.key.sign(
            "at+jwt",
            &json!({
                "iss": self.url(),
                "aud": AUDIENCE,
                "sub": who.account,
                "client_id": CLIENT,
                "roles": role.iter().map(Role::as_str).collect::<Vec<_>>(),
                "patient_id": (role == Some(Role::Patient)).then_some(&who.account),
                "specialties": account.map(|account| &account.specialties),
                "delegates_for": account.and_then(|account| account.delegates_for.as_ref()),
                "sid": digest(&name),
                "auth_time": shown,
                "iat": seconds,
                "exp": seconds + TOKEN_SECONDS,
                "jti": self.sources.id()?,
            }),
        )?;
        let hash = Sha256::digest(&access);
        let mut id = json!({
            "iss": self.url(),
            "aud": CLIENT,
            "sub": who.account,
            "name": account.map(|account| account.name.spoken()),
            "at_hash": hash.get(..16).map(|half| BASE64_URL_SAFE_NO_PAD.encode(half)),
            "auth_time": shown,
            "iat": seconds,
            "exp": seconds + TOKEN_SECONDS,
        });
        if let (Some(nonce), Some(claims)) = (nonce, id.as_object_mut()) {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        let session = Session { who: who.clone(), refresh: refresh.clone() };
        self.state().sessions.put(name, now.plus_seconds(SESSION_HOURS * 3600), session, now);
        Ok(json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "refresh_token": refresh,
            "id_token": self.key.sign("JWT", &id)?,
        }))
    }
}

/// A session's name as others may see it.
fn digest(name: &str) -> String {
    Sha256::digest(name).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
