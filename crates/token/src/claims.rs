//! What a token says about itself: from whom, for whom, for how long. Who it is about is read in `identity`.

use std::time::Duration;

use chatehr_contract::Timestamp;
use serde_json::{Map, Value};

use crate::{error::Refusal, settings::Settings};

/// Claims that an ID token (OpenID Connect Core, sections 2 and 3.3.2.11) or a logout token has and an access token
/// has not.
const MARKS_OF_OTHERS: [&str; 4] = ["nonce", "at_hash", "c_hash", "events"];
/// Claims that an access token has and an ID token has not: RFC 9068's own, and what the large providers write.
const MARKS_OF_OURS: [&str; 5] = ["client_id", "scope", "scp", "cid", "appid"];

/// Refuses a token of another issuer, for another audience, or that is no access token for bearers.
///
/// `typed` says that the header called it an access token; else its claims have to.
pub(crate) fn is_meant_for_us(
    claims: &Map<String, Value>,
    typed: bool,
    settings: &Settings,
) -> Result<(), Refusal> {
    from_our_issuer_to_us(claims, settings)?;
    let has = |name: &&str| claims.contains_key(*name);
    let calls_itself = claims.get("typ").and_then(Value::as_str);
    let is_other = calls_itself.is_some_and(|typ| typ != "Bearer") || MARKS_OF_OTHERS.iter().any(has);
    let is_ours = typed || calls_itself.is_some() || MARKS_OF_OURS.iter().any(has);
    if is_other || !is_ours {
        return Err(Refusal::NotAnAccessToken);
    }
    if claims.contains_key("cnf") {
        return Err(Refusal::HolderOfKey);
    }
    Ok(())
}

/// Of our issuer, and with one of our audiences among its own.
pub(crate) fn from_our_issuer_to_us(claims: &Map<String, Value>, settings: &Settings) -> Result<(), Refusal> {
    if claims.get("iss").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
        return Err(Refusal::Issuer);
    }
    let ours =
        |value: &Value| value.as_str().is_some_and(|name| settings.audiences.iter().any(|a| a == name));
    let for_us = match claims.get("aud") {
        Some(Value::Array(names)) => names.iter().any(ours),
        Some(name) => ours(name),
        None => false,
    };
    if for_us { Ok(()) } else { Err(Refusal::Audience) }
}

/// When a token holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) expires: Timestamp,
    not_before: Option<Timestamp>,
    pub(crate) issued: Option<Timestamp>,
}

impl Times {
    pub(crate) fn read(claims: &Map<String, Value>) -> Result<Self, Refusal> {
        Ok(Self {
            expires: instant(claims, "exp")?.ok_or(Refusal::NoExpiry)?,
            not_before: instant(claims, "nbf")?,
            issued: instant(claims, "iat")?,
        })
    }

    /// Whether it holds now (RFC 7519, sections 4.1.4 to 4.1.6). The life of a token that does not say when it was
    /// issued counts from now.
    pub(crate) fn check(&self, now: Timestamp, settings: &Settings) -> Result<(), Refusal> {
        let (now, skew) = (now.millis(), millis(settings.skew));
        let expires = self.expires.millis();
        if now >= expires.saturating_add(skew) {
            return Err(Refusal::Expired);
        }
        let to_come = |at: Timestamp| at.millis() > now.saturating_add(skew);
        if self.not_before.is_some_and(to_come) || self.issued.is_some_and(to_come) {
            return Err(Refusal::NotYetValid);
        }
        let issued = self.issued.map_or(now, Timestamp::millis);
        if expires.saturating_sub(issued) > millis(settings.max_lifetime) {
            return Err(Refusal::TooLongLived);
        }
        Ok(())
    }
}

/// Seconds since the epoch, whole or not (RFC 7519, section 2, NumericDate).
pub(crate) fn instant(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Refusal> {
    /// Some years after 9999: what lies beyond is no date.
    const MOST: f64 = 3e11;
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..MOST).contains(seconds)).ok_or(Refusal::Malformed)?;
    Ok(Some(Timestamp::from_millis((seconds * 1000.0) as i64)))
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
