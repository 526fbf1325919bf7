//! Where the ChatEHR behind us is.

use reqwest::Url;

use super::exchange::is_loopback;

/// Why an address cannot be used. Never shows it: it may hold a secret in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("is not a URL such as https://chatehr.example.org/v1")]
    NotAUrl,
    /// Keys and patients' words would travel readable.
    #[error("must begin with https:// unless the server runs on this computer")]
    PlainHttp,
    #[error("must not hold a user name or password")]
    Credentials,
    /// Paths are appended to it.
    #[error("must not hold a question mark or a hash sign")]
    QueryOrFragment,
}

/// Reads a setting; a slash at its end makes no difference.
pub(crate) fn address(text: &str) -> Result<Url, AddressError> {
    let mut url: Url = text.trim().parse().map_err(|_| AddressError::NotAUrl)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(AddressError::NotAUrl);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::QueryOrFragment);
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(AddressError::PlainHttp);
    }
    url.path_segments_mut().map_err(|()| AddressError::NotAUrl)?.pop_if_empty();
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::{AddressError, address};

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for url in [
            "http://127.0.0.1:4000/v1",
            "http://127.9.9.9/v1",
            "http://[::1]:4000/v1",
            "http://localhost:4000/v1",
            "https://chatehr.example/v1",
        ] {
            assert!(address(url).is_ok(), "{url}");
        }
        for url in [
            "http://chatehr.example/v1",
            "http://10.0.0.1/v1",
            "http://localhost.example/v1",
            "http://127.0.0.1.example/v1",
            "http://0.0.0.0:4000/v1",
            "http://[::ffff:127.0.0.1]/v1",
        ] {
            assert_eq!(address(url), Err(AddressError::PlainHttp), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for url in ["", "chatehr", "127.0.0.1:4000", "ftp://127.0.0.1", "file:///etc/passwd", "http://"] {
            assert_eq!(address(url), Err(AddressError::NotAUrl), "{url}");
        }
        for url in ["https://chatehr.example/v1?a=b", "https://chatehr.example/v1#a"] {
            assert_eq!(address(url), Err(AddressError::QueryOrFragment), "{url}");
        }
        let error = address("https://nurse:hunter2@chatehr.example/v1").unwrap_err();
        assert_eq!(error, AddressError::Credentials);
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        assert_eq!(address("http://127.0.0.1:4000/v1/"), address("http://127.0.0.1:4000/v1"));
    }
}
