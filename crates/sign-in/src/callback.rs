//! What the browser brings back (RFC 6749, section 4.1.2; RFC 9207, section 2).

use crate::{error::Code, secret::Secret};

/// An answer that bears this sign-in's state.
#[derive(Debug)]
pub(crate) struct Callback {
    /// The issuer that it says it is from.
    pub(crate) issuer: Option<String>,
    /// The code, or why there is none.
    pub(crate) outcome: Result<Secret, Code>,
}

impl Callback {
    /// Nothing unless the state is this one, no parameter comes twice (RFC 6749, section 3.1), and there is either a
    /// code or an error.
    pub(crate) fn read(query: &str, state: &Secret) -> Option<Self> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
        let (mut code, mut error, mut issuer, mut given) = (None, None, None, None);
        for (name, value) in pairs {
            let place = match name.as_str() {
                "code" => &mut code,
                "error" => &mut error,
                "iss" => &mut issuer,
                "state" => &mut given,
                _ => continue,
            };
            if place.replace(Secret::from(value)).is_some() {
                return None;
            }
        }
        if !state.is(given?.expose()) {
            return None;
        }
        let outcome = match (code, error) {
            (Some(code), None) if !code.expose().is_empty() => Ok(code),
            (None, Some(error)) => Err(Code::read(error.expose())),
            _ => return None,
        };
        Some(Self { issuer: issuer.map(|issuer| issuer.expose().to_owned()), outcome })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state() -> Secret {
        "the-state".to_owned().into()
    }

    fn read(query: &str) -> Option<Callback> {
        Callback::read(query, &state())
    }

    #[test]
    fn an_answer_with_the_state_is_read() {
        let callback =
            read("code=a%2Bb&state=the-state&iss=https%3A%2F%2Flogin.example&session_state=x").unwrap();
        assert_eq!(callback.outcome.unwrap().expose(), "a+b");
        assert_eq!(callback.issuer.as_deref(), Some("https://login.example"));
        let denied = read("error=access_denied&error_description=no&state=the-state").unwrap();
        assert_eq!(denied.outcome.unwrap_err(), Code::AccessDenied);
        let own = read("error=quota_of_moons&state=the-state").unwrap();
        assert_eq!(own.outcome.unwrap_err(), Code::Other);
    }

    #[test]
    fn an_answer_that_could_mean_two_things_means_nothing() {
        for query in [
            "",
            "state=the-state",
            "code=&state=the-state",
            "code=a",
            "code=a&state=",
            "code=a&state=The-State",
            "code=a&state=the-state&state=the-state",
            "code=a&state=wrong&state=the-state",
            "code=a&code=b&state=the-state",
            "code=a&error=access_denied&state=the-state",
            "error=a&error=b&state=the-state",
            "code=a&state=the-state&iss=a&iss=a",
        ] {
            assert!(read(query).is_none(), "{query}");
        }
    }

    proptest! {
        #[test]
        fn nothing_comes_of_a_query_without_the_state(query in "[ -~]{0,200}") {
            prop_assume!(!query.contains("the-state"));
            prop_assert!(read(&query).is_none());
        }
    }
}
