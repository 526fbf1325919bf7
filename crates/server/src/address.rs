//! Where a request comes from, when proxies stand between.
//!
//! Promises: `X-Forwarded-For` is believed only as far as proxies of ours wrote it. It is read from the right, where
//! each proxy appends what it saw, and the first address that is no proxy of ours is the client.
//! Refuses: whatever stands left of that, because the client may have written it, and whatever a stranger sends
//! without one of our proxies in front. An entry that is not an address ends the reading: what is left of it was
//! reported by nobody known.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A part of the setting that is neither an address nor a network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadProxy {
    /// Not readable.
    #[error("{0:?} is neither an address nor a network such as 10.0.0.0/8")]
    Unreadable(String),
    /// `10.1.2.3/8`: one host or sixteen million?
    #[error("{given:?} has bits beyond its length; the network is {network}")]
    HostBits {
        /// As it was set.
        given: String,
        /// What its length makes of it.
        network: IpNet,
    },
}

/// The addresses of our own proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads addresses and networks, separated by commas. Nothing means that no proxy is trusted.
    pub(crate) fn parse(text: &str) -> Result<Self, BadProxy> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The client's address, given whom the connection is with. An IPv4 address never comes in its IPv6 dress.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut known = peer.to_canonical();
        for entry in from_the_right(headers, &FORWARDED_FOR) {
            if !self.trusts(known) {
                break;
            }
            let Some(address) = address(entry) else { break };
            known = address;
        }
        known
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(part: &str) -> Result<IpNet, BadProxy> {
    let network = part
        .parse::<IpNet>()
        .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| BadProxy::Unreadable(part.to_owned()))?;
    if network.addr() == network.network() {
        Ok(network)
    } else {
        Err(BadProxy::HostBits { given: part.to_owned(), network: network.trunc() })
    }
}

/// The entries of a list that may stand in several lines, the last first. Empty ones do not count (RFC 9110, section
/// 5.6.1.2).
fn from_the_right<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(axum::http::HeaderValue::as_bytes).collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| line.rsplit(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|entry| !entry.is_empty())
}

/// An address, with or without a port: some proxies add it, and brackets with it.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const OURS: &str = "10.0.0.0/8, 127.0.0.1, ::1, fd00::/8";

    fn ours() -> TrustedProxies {
        TrustedProxies::parse(OURS).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn lines(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn client(peer: &str, forwarded: &[&str]) -> IpAddr {
        ours().client(ip(peer), &lines(&FORWARDED_FOR, forwarded))
    }

    #[test]
    fn a_bad_part_of_the_setting_is_named() {
        for (text, named) in [("10.0.0.0/8, proxy.clinic", "proxy.clinic"), ("10.0.0.0/33", "10.0.0.0/33")] {
            assert_eq!(TrustedProxies::parse(text), Err(BadProxy::Unreadable(named.to_owned())));
        }
        let error = TrustedProxies::parse("127.0.0.1, 10.1.2.3/8").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""10.1.2.3/8" has bits beyond its length; the network is 10.0.0.0/8"#
        );
        assert_eq!(TrustedProxies::parse(" , "), Ok(TrustedProxies::default()));
    }

    #[test]
    fn without_a_proxy_in_front_the_peer_is_the_client() {
        assert_eq!(client("203.0.113.7", &["198.51.100.1"]), ip("203.0.113.7"));
        assert_eq!(client("10.0.0.1", &[]), ip("10.0.0.1"));
        let nobody = TrustedProxies::default();
        assert_eq!(nobody.client(ip("127.0.0.1"), &lines(&FORWARDED_FOR, &["1.2.3.4"])), ip("127.0.0.1"));
    }

    #[test]
    fn the_first_stranger_from_the_right_is_the_client() {
        assert_eq!(client("127.0.0.1", &["203.0.113.7"]), ip("203.0.113.7"));
        assert_eq!(client("::1", &["1.1.1.1, 203.0.113.7, 10.0.0.4"]), ip("203.0.113.7"));
        assert_eq!(client("::1", &["1.1.1.1", "203.0.113.7,,", "10.0.0.4"]), ip("203.0.113.7"));
        // From inside, through a proxy of ours: the outermost that is known.
        assert_eq!(client("127.0.0.1", &["10.0.0.9, 10.0.0.4"]), ip("10.0.0.9"));
    }

    #[test]
    fn an_address_is_read_in_the_dresses_proxies_give_it() {
        assert_eq!(client("::ffff:127.0.0.1", &["203.0.113.7:50123"]), ip("203.0.113.7"));
        assert_eq!(client("127.0.0.1", &["[2001:db8::1]:50123"]), ip("2001:db8::1"));
        assert_eq!(client("127.0.0.1", &["[2001:db8::1]"]), ip("2001:db8::1"));
        assert_eq!(client("127.0.0.1", &["::ffff:203.0.113.7"]), ip("203.0.113.7"));
    }

    #[test]
    fn nothing_is_believed_that_stands_left_of_garbage() {
        for garbage in ["unknown", "_hidden", "1.2.3", "203.0.113.7 evil", "\u{e9}"] {
            assert_eq!(client("127.0.0.1", &[&format!("1.2.3.4, {garbage}, 10.0.0.4")]), ip("10.0.0.4"));
        }
    }

    proptest! {
        #[test]
        fn what_the_client_wrote_never_decides(written in proptest::collection::vec("[ -~]{0,40}", 0..4)) {
            let mut headers = HeaderMap::new();
            for line in &written {
                headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
            }
            headers.append(FORWARDED_FOR, HeaderValue::from_static("203.0.113.7, 10.0.0.4"));
            prop_assert_eq!(ours().client(ip("127.0.0.1"), &headers), ip("203.0.113.7"));
            prop_assert_eq!(ours().client(ip("198.51.100.9"), &headers), ip("198.51.100.9"));
        }

        #[test]
        fn any_header_is_read_without_harm(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                let headers = HeaderMap::from_iter([(FORWARDED_FOR, value)]);
                ours().client(ip("127.0.0.1"), &headers);
            }
        }
    }
}
