use super::error::{Error, Result};

/// The parts of `scheme://[userinfo@]host[:port][/name][?options]`, enough to point a client elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    scheme: String,
    userinfo: String,
    host: String,
    port: u16,
    name: String,
    options: String,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let bad = || Error::Address(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
        let (userinfo, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let default_port = if scheme.starts_with("redis") {
            6379
        } else {
            5432
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().ok().ok_or_else(bad)?)
            }
            _ => (place, default_port),
        };
        if host.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            userinfo: userinfo.to_owned(),
            host: host.to_owned(),
            port,
            name: name.to_owned(),
            options: options.to_owned(),
        })
    }

    pub(crate) fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn user(&self) -> &str {
        self.userinfo.split(':').next().unwrap_or_default()
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.userinfo.split_once(':').map(|(_, password)| password)
    }

    pub(crate) fn with_name(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn without_password(&self) -> Self {
        Self {
            userinfo: self.user().to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn at(&self, place: std::net::SocketAddr) -> Self {
        Self {
            host: place.ip().to_string(),
            port: place.port(),
            ..self.clone()
        }
    }

    pub(crate) fn url(&self) -> String {
        let Self {
            scheme,
            userinfo,
            host,
            port,
            name,
            options,
        } = self;
        let at = if userinfo.is_empty() { "" } else { "@" };
        let mark = if options.is_empty() { "" } else { "?" };
        format!("{scheme}://{userinfo}{at}{host}:{port}/{name}{mark}{options}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_survives_the_way_through() {
        for url in [
            "postgres://me:se%40cret@db.example:6000/shop?sslmode=disable",
            "redis://:word@127.0.0.1:7000/3",
            "postgres://[::1]:5433/x",
        ] {
            assert_eq!(Address::parse(url).unwrap().url(), url);
        }
    }

    #[test]
    fn a_missing_port_is_the_usual_one_of_the_scheme() {
        let at = |url| Address::parse(url).unwrap().host_and_port();
        assert_eq!(at("postgres://localhost/x"), "localhost:5432");
        assert_eq!(at("redis://cache"), "cache:6379");
        assert_eq!(at("postgres://u@[::1]/x"), "[::1]:5432");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "postgres",
            "postgres://",
            "postgres://host:port/x",
            "sqlite:///x",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_password_can_be_read_and_left_out() {
        let address = Address::parse("postgres://me:word@host:1/x").unwrap();
        assert_eq!(address.password(), Some("word"));
        assert_eq!(address.without_password().url(), "postgres://me@host:1/x");
        assert_eq!(address.with_name("y").url(), "postgres://me:word@host:1/y");
    }
}
