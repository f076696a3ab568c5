//! Which address a request really came from.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;
use ipnet::IpNet;

/// Walks `X-Forwarded-For` from the right past proxies that we trust; the first other address is the client.
///
/// An unreadable element ends the walk: whatever stands left of it may be invented.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let lists = headers
        .get_all("x-forwarded-for")
        .iter()
        .collect::<Vec<_>>();
    for list in lists.into_iter().rev() {
        let Ok(text) = list.to_str() else {
            return client;
        };
        for part in text.rsplit(',') {
            let Ok(ip) = part.trim().parse::<IpAddr>() else {
                return client;
            };
            client = ip.to_canonical();
            if !is_trusted(client) {
                return client;
            }
        }
    }
    client
}

/// The key that limits count by: an IPv4 address, or the /64 of an IPv6 address, which one household owns whole.
pub(crate) fn limit_key(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let found = |peer, values: &[&str]| client(peer, &forwarded(values), &trusted).to_string();
        assert_eq!(
            found(peer, &["6.6.6.6, 203.0.113.9, 10.0.0.2"]),
            "203.0.113.9"
        );
        assert_eq!(found(peer, &["6.6.6.6", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(found(peer, &["6.6.6.6, nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(found(peer, &[]), "10.0.0.1");
        assert_eq!(
            found("198.51.100.1".parse().unwrap(), &["6.6.6.6"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn one_household_is_one_key() {
        let key = |text: &str| limit_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
