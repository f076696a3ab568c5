//! Where people may be sent when they come back from a provider.

use http::Uri;

/// Whether `asked` is on the list: the very text, except that an address of this machine may have any port (RFC 8252,
/// section 7.3). No prefixes, no wildcards, nothing relative.
pub fn is_listed(asked: &str, list: &[String]) -> bool {
    list.iter()
        .any(|listed| listed == asked || differs_in_port_alone(asked, listed))
}

fn differs_in_port_alone(asked: &str, listed: &str) -> bool {
    let (Some(asked), Some(listed)) = (loopback(asked), loopback(listed)) else {
        return false;
    };
    asked == listed
}

/// An http address of this machine in two parts: host, and what follows the port.
fn loopback(text: &str) -> Option<(String, &str)> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    let host = authority.host();
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    // As it was written: nothing is normalised before it is compared.
    let rest = text
        .strip_prefix("http://")?
        .strip_prefix(authority.as_str())?;
    let port = authority.as_str().strip_prefix(host)?;
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|digits| digits.parse::<u16>().is_ok());
    (is_here && is_port).then(|| (host.to_owned(), rest))
}

/// `address` with one more parameter, before the fragment if there is one.
pub fn with_parameter(address: &str, name: &str, value: &str) -> String {
    let (base, fragment) = match address.split_once('#') {
        Some((base, fragment)) => (base, Some(fragment)),
        None => (address, None),
    };
    let pair = form_urlencoded::Serializer::new(String::new())
        .append_pair(name, value)
        .finish();
    let joint = if base.contains('?') { '&' } else { '?' };
    let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
    format!("{base}{joint}{pair}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_counts_letter_by_letter() {
        let list = [
            "https://app.example/back",
            "http://127.0.0.1/cb",
            "http://[::1]:8000/cb?x=1",
            "com.example.app:/back",
        ]
        .map(str::to_owned);
        for fine in [
            "https://app.example/back",
            "com.example.app:/back",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:49152/cb",
            "http://[::1]:1/cb?x=1",
        ] {
            assert!(is_listed(fine, &list), "{fine}");
        }
        for bad in [
            "",
            "/back",
            "//app.example/back",
            "\\\\app.example/back",
            "https:\\\\app.example\\back",
            "https://app.example/back/",
            "https://app.example/back?next=https://evil.example",
            "https://app.example/back#x",
            "https://app.example.evil.example/back",
            "https://app.example:444/back",
            "https://user@app.example/back",
            "HTTPS://app.example/back",
            "https://127.0.0.1:1/cb",
            "http://127.0.0.1:1/cb/",
            "http://127.0.0.1:1@evil.example/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.2:1/cb",
            "http://localhost:1/cb",
            "http://app.example/back",
        ] {
            assert!(!is_listed(bad, &list), "{bad}");
        }
    }

    #[test]
    fn a_parameter_stands_before_the_fragment() {
        for (address, expected) in [
            ("https://a.example/b", "https://a.example/b?x=1%2F"),
            ("https://a.example/b?c", "https://a.example/b?c&x=1%2F"),
            ("https://a.example/b#c", "https://a.example/b?x=1%2F#c"),
        ] {
            assert_eq!(with_parameter(address, "x", "1/"), expected);
        }
    }
}
