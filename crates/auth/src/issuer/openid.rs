//! Providers that people sign in with elsewhere: their endpoints, and the ID tokens that they give us.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brisk_core::Clock;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::config::{Discovery, IssuerConfig};
use crate::error::Error;
use crate::issuer::claims;
use crate::issuer::document::Document;
use crate::issuer::fetch::Fetcher;
use crate::issuer::source::KeySource;
use crate::metrics::Meter;
use crate::token::{Fault, Object, Parts, Refusal};

/// What stands in an issuer's name for the tenants of a provider that has many.
const TENANT: &str = "{tenantid}";

/// What ID tokens may be signed with, one for each kind of key, so that a key that names none is bound to one.
const ALGORITHMS: [&str; 4] = ["RS256", "ES256", "ES384", "EdDSA"];

/// How far a provider's clock may be from ours.
const SKEW: Duration = Duration::from_secs(30);

/// How long ago an ID token may have been made: it comes with the answer to a code.
const OLDEST: Duration = Duration::from_mins(10);

/// Providers whose documents and keys are kept; more are not expected before the program starts again.
const MOST: usize = 1_000;

/// How a provider is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpenIdConfig {
    /// Its `iss`, letter by letter. `{tenantid}` in it stands for one of `tenants`.
    pub issuer: String,
    /// Where its document is, if not at the usual place below the issuer.
    pub discovery: Option<String>,
    /// Where its keys are, if its document is not asked.
    pub jwks_uri: Option<String>,
    /// Whose people are taken, of a provider that speaks for many.
    pub tenants: Vec<String>,
}

/// Where a provider wants to be asked for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Where people are sent.
    pub authorization: String,
    /// Where a code is exchanged.
    pub token: String,
    /// Where more is told of somebody.
    pub userinfo: Option<String>,
    /// Whether it names itself when it sends people back (RFC 9207).
    pub names_itself: bool,
    /// What it says that its ID tokens are signed with; empty where it does not say.
    pub algorithms: Vec<String>,
}

/// What an ID token says whose signature, issuer, audience, time and nonce are right.
#[derive(Clone, Debug, PartialEq)]
pub struct IdToken {
    /// Who it is, in the provider's words: 1 to 255 characters.
    pub subject: String,
    /// All claims.
    pub claims: Map<String, Value>,
}

/// The providers that were asked for anything so far, each with its document and its keys. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OpenIdIssuers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    known: Mutex<HashMap<OpenIdConfig, OpenIdIssuer>>,
    fetcher: Fetcher,
    clock: Clock,
}

impl OpenIdIssuers {
    /// None yet; nobody is asked before it is needed.
    ///
    /// # Errors
    ///
    /// [`Error::HttpClient`] where no client can be made.
    pub fn new(clock: &Clock) -> Result<Self, Error> {
        Ok(Self(Arc::new(Shared {
            known: Mutex::default(),
            fetcher: Fetcher::new()?,
            clock: clock.clone(),
        })))
    }

    /// The provider of that description: the same one for all who describe it alike.
    pub fn issuer(&self, config: &OpenIdConfig) -> OpenIdIssuer {
        let known = self.0.known.lock();
        let mut known = known.expect("no holder of the list can panic");
        if let Some(issuer) = known.get(config) {
            return issuer.clone();
        }
        let issuer = OpenIdIssuer::new(config, &self.0.fetcher, &self.0.clock);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(config.clone(), issuer.clone());
        issuer
    }
}

/// One provider: its endpoints, kept for a day, and its keys. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OpenIdIssuer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: OpenIdConfig,
    document: Document,
    keys: KeySource,
    clock: Clock,
}

impl OpenIdIssuer {
    fn new(config: &OpenIdConfig, fetcher: &Fetcher, clock: &Clock) -> Self {
        let discovery = config.discovery.clone();
        let of_keys = IssuerConfig {
            issuer: config.issuer.clone(),
            jwks_uri: config.jwks_uri.clone(),
            discovery: match (&discovery, &config.jwks_uri) {
                (Some(url), None) => Discovery::At(url.clone()),
                _ => Discovery::default(),
            },
            algorithms: ALGORITHMS.map(str::to_owned).to_vec(),
            ..IssuerConfig::default()
        };
        let url = discovery.unwrap_or_else(|| {
            let base = config.issuer.trim_end_matches('/');
            format!("{base}/.well-known/openid-configuration")
        });
        let (issuer, meter) = (config.issuer.clone(), Meter::default());
        Self(Arc::new(Inner {
            config: config.clone(),
            document: Document::new(issuer, url, fetcher.clone(), clock.clone()),
            keys: KeySource::new(&of_keys, fetcher.clone(), clock.clone(), meter),
            clock: clock.clone(),
        }))
    }

    /// Where the provider wants to be asked; what was heard within a day is not asked again, and what was heard within two is
    /// used while the provider is away.
    ///
    /// # Errors
    ///
    /// [`Error::IssuerUnavailable`].
    pub async fn endpoints(&self) -> Result<Arc<Endpoints>, Error> {
        self.0.document.endpoints().await
    }

    /// Whether a text is this provider's name.
    pub fn is(&self, issuer: &str) -> bool {
        self.0.config.names(issuer)
    }

    /// What an ID token says that was made for us, in this sign-in: `nonce` is the SHA-256 of the nonce that it began with.
    ///
    /// The signature is by a published key and by no symmetric or absent algorithm; `iss` is the provider; `aud` names
    /// `client_id`, and `azp` does where it is there or has to be; the token has not expired and was made within ten minutes.
    ///
    /// # Errors
    ///
    /// [`Error::TokenRefused`] with the first rule that it breaks; [`Error::IssuerUnavailable`] where the keys cannot be had.
    pub async fn verify(
        &self,
        raw: &str,
        client_id: &str,
        nonce: &[u8; 32],
    ) -> Result<IdToken, Error> {
        self.judge(raw, client_id, nonce)
            .await
            .map_err(|fault| match fault {
                Fault::Refused(reason) => Error::TokenRefused {
                    token: HEXLOWER.encode(&Sha256::digest(raw.as_bytes())[..4]),
                    reason,
                },
                Fault::Failed(error) => error,
            })
    }

    async fn judge(&self, raw: &str, client_id: &str, nonce: &[u8; 32]) -> Result<IdToken, Fault> {
        let parts = Parts::split(raw)?;
        let is_general = |typ: &str| typ.eq_ignore_ascii_case("JWT");
        if !parts.typ.as_deref().is_none_or(is_general) {
            return Err(Refusal::Type.into());
        }
        // Before any key is asked for: `none` and the symmetric ones are on no list.
        if !ALGORITHMS.contains(&parts.alg.as_str()) {
            return Err(Refusal::Algorithm.into());
        }
        let known = self.0.document.known();
        let listed = known.as_ref().map_or(&[][..], |known| &known.algorithms);
        if !listed.is_empty() && !listed.contains(&parts.alg) {
            return Err(Refusal::Algorithm.into());
        }
        let key = self.0.keys.key(parts.kid.as_deref(), &parts.alg).await?;
        parts.verify(&key.key, key.algorithm)?;
        let subject = self.check(&parts.claims, client_id, nonce)?.to_owned();
        Ok(IdToken {
            subject,
            claims: parts.claims,
        })
    }

    fn check<'a>(
        &self,
        claims: &'a Object,
        client_id: &str,
        nonce: &[u8; 32],
    ) -> Result<&'a str, Refusal> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if !text("iss").is_some_and(|issuer| self.is(issuer)) {
            return Err(Refusal::Issuer);
        }
        let audiences = match claims.get("aud") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !audiences.contains(&client_id) {
            return Err(Refusal::Audience);
        }
        let needs_party = audiences.len() > 1 || claims.contains_key("azp");
        if needs_party && text("azp") != Some(client_id) {
            return Err(Refusal::Party);
        }
        let window = claims::window(claims)?;
        let now = self.0.clock.now();
        window.check(now, SKEW)?;
        let made = window.issued_at.ok_or(Refusal::Claim("iat"))?;
        if made.checked_add(OLDEST).is_ok_and(|end| end < now) {
            return Err(Refusal::TooOld);
        }
        let shown: [u8; 32] = Sha256::digest(text("nonce").unwrap_or_default()).into();
        if !bool::from(shown.ct_eq(nonce)) {
            return Err(Refusal::Nonce);
        }
        claims::subject(claims)
    }
}

impl OpenIdConfig {
    /// Whether an `iss` is this provider's: the very text, or the text with one of the tenants in its place.
    fn names(&self, issuer: &str) -> bool {
        if self.issuer.contains(TENANT) {
            let mut tenants = self.tenants.iter();
            return tenants.any(|tenant| self.issuer.replace(TENANT, tenant) == issuer);
        }
        self.issuer == issuer
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn issuer(config: &OpenIdConfig) -> OpenIdIssuer {
        let clock = Clock::manual("2026-03-07T12:00:00Z".parse().unwrap());
        OpenIdIssuers::new(&clock).unwrap().issuer(config)
    }

    #[test]
    fn a_provider_of_many_tenants_speaks_for_those_that_are_named() {
        let config = OpenIdConfig {
            issuer: "https://login.example/{tenantid}/v2.0".to_owned(),
            tenants: vec!["a".to_owned(), "b".to_owned()],
            ..OpenIdConfig::default()
        };
        let issuer = issuer(&config);
        assert!(issuer.is("https://login.example/a/v2.0"));
        for other in [
            "https://login.example/c/v2.0",
            "https://login.example/{tenantid}/v2.0",
            "https://login.example/a/v2.0/",
            "https://login.example//v2.0",
        ] {
            assert!(!issuer.is(other), "{other}");
        }
    }

    #[test]
    fn claims_are_judged_one_by_one() {
        let config = OpenIdConfig {
            issuer: "https://i.example".to_owned(),
            ..OpenIdConfig::default()
        };
        let issuer = issuer(&config);
        let now = issuer.0.clock.now().as_second();
        let nonce: [u8; 32] = Sha256::digest("n").into();
        let judge = |more: Value| {
            let mut claims = json!({
                "iss": "https://i.example", "sub": "7", "aud": "us", "exp": now + 60, "iat": now, "nonce": "n"});
            for (name, value) in more.as_object().unwrap() {
                claims[name] = value.clone();
            }
            let claims = claims.as_object().unwrap().clone();
            issuer.check(&claims, "us", &nonce).map(str::to_owned)
        };
        assert_eq!(judge(json!({})), Ok("7".to_owned()));
        assert!(judge(json!({"aud": ["us"]})).is_ok());
        assert!(judge(json!({"aud": ["us", "them"], "azp": "us"})).is_ok());
        assert!(judge(json!({"iat": now - 600})).is_ok());
        for (more, why) in [
            (json!({"iss": "https://i.example/"}), Refusal::Issuer),
            (json!({"iss": ["https://i.example"]}), Refusal::Issuer),
            (json!({"aud": "them"}), Refusal::Audience),
            (json!({"aud": ["us", "them"]}), Refusal::Party),
            (json!({"azp": "them"}), Refusal::Party),
            (json!({"azp": 1}), Refusal::Party),
            (json!({"exp": now - 30}), Refusal::Expired),
            (json!({"exp": null}), Refusal::Claim("exp")),
            (json!({"iat": null}), Refusal::Claim("iat")),
            (json!({"iat": now - 601}), Refusal::TooOld),
            (json!({"iat": now + 31}), Refusal::IssuedLater),
            (json!({"nonce": "m"}), Refusal::Nonce),
            (json!({"nonce": null}), Refusal::Nonce),
            (json!({"sub": ""}), Refusal::Claim("sub")),
        ] {
            assert_eq!(judge(more.clone()), Err(why), "{more}");
        }
    }
}
