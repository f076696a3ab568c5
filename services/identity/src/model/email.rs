//! E-mail addresses as keys.

use std::fmt;

/// The longest address (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const LONGEST: usize = 254;

/// The longest part before the `@`.
const LONGEST_LOCAL: usize = 64;

/// An address as somebody typed it, and as it is compared.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email {
    /// As typed, without white space around it.
    pub typed: String,
    /// In lower case; how it is looked up.
    pub norm: String,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses of people stay out of logs.
        f.write_str("Email(..)")
    }
}

impl Email {
    /// Reads an address. It has to look like one; whether it exists is found out by writing to it.
    pub fn parse(text: &str) -> Option<Self> {
        let typed = text.trim();
        let (local, domain) = typed.rsplit_once('@')?;
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[],;:\\\"".contains(c);
        let is_local = !local.is_empty()
            && local.len() <= LONGEST_LOCAL
            && local.chars().all(|c| plain(c) && c != '@')
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let domain = domain.to_lowercase();
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let is_domain = domain.split('.').all(label);
        if !is_local || !is_domain || typed.len() > LONGEST {
            return None;
        }
        Some(Self {
            norm: format!("{}@{domain}", local.to_lowercase()),
            typed: typed.to_owned(),
        })
    }

    /// The part before the `@`.
    pub fn local(&self) -> &str {
        self.norm.split('@').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_address_is_one() {
        let norm = |text| Email::parse(text).map(|email| email.norm);
        assert_eq!(
            norm(" Ann.Lee@Example.ORG ").as_deref(),
            Some("ann.lee@example.org")
        );
        assert_eq!(norm("a+b@x-y.co").as_deref(), Some("a+b@x-y.co"));
        assert_eq!(norm("root@localhost").as_deref(), Some("root@localhost"));
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@b.c",
            "a@",
            "a b@c.d",
            "a@b..c",
            "a@-b.c",
            "a\r\nBcc: x@y.z",
            "a@b\n.c",
            "a,b@c.d",
            "<a@b.c>",
            ".a@b.c",
            "a..b@c.d",
            "a@b@c.d",
            &long,
        ] {
            assert_eq!(norm(bad), None, "{bad:?}");
        }
        assert_eq!(format!("{:?}", Email::parse("a@b.c")), "Some(Email(..))");
    }
}
