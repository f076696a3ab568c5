//! The `[auth]` section: our own tokens, passwords and the issuers of other tokens that we take.

use std::net::IpAddr;
use std::time::Duration;

use brisk_config::{Problems, Section};
use serde::{Deserialize, Serialize};

use crate::token::Algorithm;

/// Who signs, how long tokens live, and whose tokens are taken besides our own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The address under which clients reach this installation, such as `https://brisk.example.org`; needed outside
    /// development.
    pub public_base: Option<String>,
    /// The `iss` of our tokens; unset, it is `public_base`.
    pub issuer: Option<String>,
    /// The `aud` of our tokens, which each of them must name.
    pub audience: String,
    /// How long an access token lives.
    #[serde(with = "brisk_config::duration")]
    pub access_ttl: Duration,
    /// How far the clocks of two machines may be apart.
    #[serde(with = "brisk_config::duration")]
    pub clock_skew: Duration,
    /// How long a new signing key is published before it signs, so that verifiers elsewhere know it in time.
    #[serde(with = "brisk_config::duration")]
    pub key_lead: Duration,
    /// How long a signing key signs.
    #[serde(with = "brisk_config::duration")]
    pub key_life: Duration,
    /// How many verified tokens are remembered.
    pub claims_capacity: usize,
    /// A verified token is forgotten so long before it ends, and is verified anew at each use from then on.
    #[serde(with = "brisk_config::duration")]
    pub claims_exp_margin: Duration,
    /// Issuers of other tokens that we take; a JSON list in `BRISK_AUTH_ISSUERS`.
    pub issuers: Vec<IssuerConfig>,
    /// How passwords are hashed.
    pub hash: HashConfig,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            public_base: None,
            issuer: None,
            audience: "brisk".to_owned(),
            access_ttl: Duration::from_mins(15),
            clock_skew: Duration::from_secs(30),
            key_lead: Duration::from_hours(24),
            key_life: Duration::from_hours(90 * 24),
            claims_capacity: 100_000,
            claims_exp_margin: Duration::from_secs(30),
            issuers: Vec::new(),
            hash: HashConfig::default(),
        }
    }
}

/// The longest life of a token that any verifier of ours takes.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_hours(24);

impl AuthConfig {
    /// The same with an issuer: its own, else `public_base`, else `fallback`, for example `http://localhost:8080`.
    #[must_use]
    pub fn with_issuer_or(mut self, fallback: &str) -> Self {
        if self.issuer.is_none() {
            let base = self.public_base.as_deref().unwrap_or(fallback);
            self.issuer = Some(base.trim_end_matches('/').to_owned());
        }
        self
    }
}

impl Section for AuthConfig {
    fn check(&self, problems: &mut Problems) {
        for (key, url) in [("public_base", &self.public_base), ("issuer", &self.issuer)] {
            if url.as_deref().is_some_and(|url| address(url).is_none()) {
                problems.add(
                    key,
                    "must be an address that begins with https:// or http://",
                );
            }
        }
        if self.audience.is_empty() {
            problems.add("audience", "must not be empty");
        }
        if self.access_ttl < Duration::from_mins(1) || self.access_ttl > LONGEST_LIFE {
            problems.add("access_ttl", "must be between 1m and 24h");
        }
        if self.clock_skew > Duration::from_mins(5) {
            problems.add("clock_skew", "must be 5m at most");
        }
        if self.key_lead > self.key_life / 2 {
            problems.add("key_lead", "must be at most half of key_life");
        }
        if self.key_life < Duration::from_hours(1) {
            problems.add("key_life", "must be at least 1h");
        }
        if self.claims_capacity == 0 {
            problems.add("claims_capacity", "must be at least 1");
        }
        self.hash.check(problems);
        for (i, issuer) in self.issuers.iter().enumerate() {
            issuer.check(i, problems);
            if self.issuers[..i].iter().any(|o| o.issuer == issuer.issuer) {
                problems.add(
                    &format!("issuers.{i}.issuer"),
                    format!("`{}` stands in the list twice", issuer.issuer),
                );
            }
            if self.issuer.as_ref() == Some(&issuer.issuer) {
                problems.add(&format!("issuers.{i}.issuer"), "is our own");
            }
        }
    }
}

/// How passwords are hashed: Argon2id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashConfig {
    /// Memory of one hash in KiB.
    pub m_kib: u32,
    /// Passes over the memory.
    pub t: u32,
    /// Lanes.
    pub p: u32,
    /// Hashes at once; 0 is one less than there are cores, at least one.
    pub permits: usize,
    /// Hashes that may wait for their turn; more are refused.
    pub queue: usize,
    /// How long one may wait for its turn.
    #[serde(with = "brisk_config::duration")]
    pub wait: Duration,
}

impl Default for HashConfig {
    /// OWASP's minimum.
    fn default() -> Self {
        Self {
            m_kib: 19_456,
            t: 2,
            p: 1,
            permits: 0,
            queue: 64,
            wait: Duration::from_secs(2),
        }
    }
}

impl HashConfig {
    /// Whether a hash costs less than OWASP asks for; a server refuses that in production.
    pub fn is_lowered(&self) -> bool {
        let floor = Self::default();
        self.m_kib < floor.m_kib || self.t < floor.t
    }

    fn check(&self, problems: &mut Problems) {
        if self.p == 0 || self.p > 64 {
            problems.add("hash.p", "must be between 1 and 64");
        }
        if self.t == 0 || self.t > 64 {
            problems.add("hash.t", "must be between 1 and 64");
        }
        if u64::from(self.m_kib) < 8 * u64::from(self.p) || self.m_kib > 4 * 1024 * 1024 {
            problems.add(
                "hash.m_kib",
                "must be between 8 for each lane and 4194304 (4 GiB)",
            );
        }
        if self.wait.is_zero() {
            problems.add("hash.wait", "must be more than nothing");
        }
    }
}

/// Somebody else whose tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerConfig {
    /// Its `iss`, letter by letter.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: Option<String>,
    /// Where the document is that says where its keys are; `true`, or neither of the two: below the issuer, at
    /// `/.well-known/openid-configuration`.
    pub discovery: Discovery,
    /// Of these a token must name one in `aud`.
    pub audiences: Vec<String>,
    /// What its tokens may be signed with; asymmetric ones only.
    pub algorithms: Vec<String>,
    /// Where roles and permissions stand in its tokens.
    pub claim_map: ClaimMap,
    /// Which client's roles count, and whom a token must be made for (`azp`).
    pub client_id: Option<String>,
    /// Which tenant its people belong to.
    pub tenant_map: TenantMap,
    /// How far its clock may be from ours, in seconds.
    pub clock_skew_s: u64,
    /// Scopes that each token must have.
    pub required_scopes: Vec<String>,
}

impl Default for IssuerConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            jwks_uri: None,
            discovery: Discovery::default(),
            audiences: Vec::new(),
            algorithms: vec!["RS256".to_owned()],
            claim_map: ClaimMap::default(),
            client_id: None,
            tenant_map: TenantMap::default(),
            clock_skew_s: 30,
            required_scopes: Vec::new(),
        }
    }
}

impl IssuerConfig {
    /// Where the document of discovery is, unless the keys' place is named.
    pub(crate) fn discovery_url(&self) -> Option<String> {
        match (&self.discovery, &self.jwks_uri) {
            (Discovery::At(url), _) => Some(url.clone()),
            (Discovery::Usual(false), Some(_)) => None,
            (Discovery::Usual(_), _) => {
                let base = self.issuer.trim_end_matches('/');
                Some(format!("{base}/.well-known/openid-configuration"))
            }
        }
    }

    fn check(&self, i: usize, problems: &mut Problems) {
        let mut add = |key: &str, problem: String| {
            problems.add(&format!("issuers.{i}.{key}"), problem);
        };
        if self.issuer.is_empty() {
            add("issuer", "must be given".to_owned());
        }
        if let Some(uri) = &self.jwks_uri
            && !is_safe(uri)
        {
            add("jwks_uri", SAFE.to_owned());
        }
        if let Some(url) = self.discovery_url()
            && !is_safe(&url)
        {
            let at = matches!(self.discovery, Discovery::At(_));
            add(if at { "discovery" } else { "issuer" }, SAFE.to_owned());
        }
        if self.discovery != Discovery::Usual(false) && self.jwks_uri.is_some() {
            add("discovery", "and jwks_uri exclude each other".to_owned());
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            add(
                "audiences",
                "must name at least one audience, none empty".to_owned(),
            );
        }
        if self.algorithms.is_empty() {
            add("algorithms", "must name at least one".to_owned());
        }
        for name in &self.algorithms {
            if Algorithm::parse(name).is_none() {
                let known = Algorithm::ALL.map(Algorithm::as_str).join(", ");
                add("algorithms", format!("`{name}` is not one of {known}"));
            }
        }
        if self.clock_skew_s > 300 {
            add("clock_skew_s", "must be 300 at most".to_owned());
        }
        let map = &self.tenant_map;
        if map.claim.is_some() == map.fixed.is_some() {
            add("tenant_map", "must have either claim or fixed".to_owned());
        }
        if map.fixed.is_some() && map.default.is_some() {
            add(
                "tenant_map.default",
                "has no meaning beside fixed".to_owned(),
            );
        }
    }
}

const SAFE: &str = "must be an https address; http is for loopback only";

/// How the keys' place is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Discovery {
    /// At the usual place, or not at all where `jwks_uri` is given.
    Usual(bool),
    /// By the document at this address.
    At(String),
}

impl Default for Discovery {
    fn default() -> Self {
        Self::Usual(false)
    }
}

/// Where roles and permissions stand in an issuer's tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClaimMap {
    /// As a well-known product writes them.
    Preset(Preset),
    /// At paths of our own.
    Paths(ClaimPaths),
}

impl Default for ClaimMap {
    fn default() -> Self {
        Self::Paths(ClaimPaths::default())
    }
}

/// Products whose claims are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Roles in `realm_access.roles` and `resource_access.<client_id>.roles`; `azp` is checked.
    Keycloak,
    /// Roles in `<audience>/roles`, else `roles`; permissions in `permissions`.
    Auth0,
}

/// Names of claims: a member's name, or names joined by dots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimPaths {
    /// A list of roles.
    pub roles: Option<String>,
    /// A list of permissions.
    pub permissions: Option<String>,
}

/// Which tenant an issuer's people belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantMap {
    /// The claim that holds the tenant's slug: a member's name, or names joined by dots.
    pub claim: Option<String>,
    /// The slug of the one tenant of all of them.
    pub fixed: Option<String>,
    /// A tenant that is not there is made when it is first seen.
    pub create: bool,
    /// The slug that counts where the claim is missing.
    pub default: Option<String>,
}

/// An absolute address with a host.
fn address(text: &str) -> Option<http::Uri> {
    let uri: http::Uri = text.parse().ok()?;
    let known = matches!(uri.scheme_str(), Some("https" | "http"));
    (known && uri.host().is_some_and(|h| !h.is_empty()) && uri.query().is_none()).then_some(uri)
}

/// Whether other programs may be asked there: by https, or by http on this machine.
pub fn is_safe(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else {
        return false;
    };
    let Some(host) = uri.host().filter(|h| !h.is_empty()) else {
        return false;
    };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_loopback(host),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use brisk_config::{Environment, LoadOptions, Settings};

    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<AuthConfig, String> {
        let settings = Settings::load(LoadOptions {
            env: pairs.iter().copied().collect::<Environment>(),
            ..LoadOptions::default()
        });
        let mut sections = settings.sections();
        let config: AuthConfig = sections.take("auth");
        let checked = sections.finish();
        checked.map(|_| config).map_err(|e| e.to_string())
    }

    #[test]
    fn the_defaults_are_right_and_the_issuer_follows_the_base() {
        let config = load(&[("BRISK_AUTH_PUBLIC_BASE", "https://a.example/")]).unwrap();
        assert_eq!(config.access_ttl, Duration::from_mins(15));
        let config = config.with_issuer_or("http://localhost:8080");
        assert_eq!(config.issuer.as_deref(), Some("https://a.example"));
        let bare = AuthConfig::default().with_issuer_or("http://localhost:8080");
        assert_eq!(bare.issuer.as_deref(), Some("http://localhost:8080"));
    }

    #[test]
    fn issuers_are_a_json_list() {
        let list = r#"[
            {"issuer": "https://kc/realms/a", "audiences": ["api"], "algorithms": ["RS256", "ES256"],
             "claim_map": "keycloak", "client_id": "web", "tenant_map": {"claim": "tenant", "create": true, "default": "main"},
             "clock_skew_s": 10, "required_scopes": ["openid"]},
            {"issuer": "https://t.auth0.com/", "jwks_uri": "http://127.0.0.1:1/keys", "audiences": ["api"],
             "claim_map": {"roles": "x.roles", "permissions": "p"}, "tenant_map": {"fixed": "main"}}]"#;
        let config = load(&[("BRISK_AUTH_ISSUERS", list)]).unwrap();
        let [first, second] = config.issuers.as_slice() else {
            panic!("{config:?}")
        };
        assert_eq!(first.claim_map, ClaimMap::Preset(Preset::Keycloak));
        assert_eq!(
            first.discovery_url().as_deref(),
            Some("https://kc/realms/a/.well-known/openid-configuration")
        );
        assert_eq!(second.clock_skew_s, 30);
        assert_eq!(second.discovery_url(), None);
        assert!(
            matches!(&second.claim_map, ClaimMap::Paths(p) if p.roles.as_deref() == Some("x.roles"))
        );
    }

    #[test]
    fn every_mistake_is_named() {
        let list = r#"[
            {"issuer": "https://a", "audiences": ["x"], "tenant_map": {"fixed": "m"}},
            {"issuer": "https://a", "jwks_uri": "http://a.example/k", "discovery": true, "algorithms": ["none", "HS256"]}]"#;
        let wrong = load(&[
            ("BRISK_AUTH_ISSUERS", list),
            ("BRISK_AUTH_AUDIENCE", " "),
            ("BRISK_AUTH_ACCESS_TTL", "30s"),
            ("BRISK_AUTH_CLOCK_SKEW", "10m"),
            ("BRISK_AUTH_KEY_LEAD", "80d"),
            ("BRISK_AUTH_CLAIMS_CAPACITY", "0"),
            ("BRISK_AUTH_PUBLIC_BASE", "nowhere"),
            ("BRISK_AUTH_HASH_T", "0"),
            ("BRISK_AUTH_HASH_M_KIB", "7"),
        ])
        .unwrap_err();
        for named in [
            "auth.issuers.1.issuer",
            "auth.issuers.1.jwks_uri",
            "auth.issuers.1.discovery",
            "auth.issuers.1.audiences",
            "`none` is not one of",
            "`HS256` is not one of",
            "auth.issuers.1.tenant_map",
            "auth.access_ttl",
            "auth.clock_skew",
            "auth.key_lead",
            "auth.claims_capacity",
            "auth.public_base",
            "auth.hash.t",
            "auth.hash.m_kib",
        ] {
            assert!(wrong.contains(named), "{named} is not in {wrong}");
        }
    }

    #[test]
    fn keys_come_by_https_or_from_this_machine() {
        for safe in [
            "https://a/x",
            "http://localhost:1/",
            "http://[::1]:8/",
            "http://127.0.0.9/",
        ] {
            assert!(is_safe(safe), "{safe}");
        }
        for unsafe_ in [
            "http://a/",
            "ftp://a/",
            "/x",
            "",
            "http://localhost.evil.org/",
            "http://127.0.0.1.evil/",
        ] {
            assert!(!is_safe(unsafe_), "{unsafe_}");
        }
    }
}
