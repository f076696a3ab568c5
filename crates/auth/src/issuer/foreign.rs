//! Judging a token of another issuer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use brisk_core::Clock;

use crate::config::IssuerConfig;
use crate::error::Error;
use crate::issuer::claims;
use crate::issuer::fetch::Fetcher;
use crate::issuer::source::KeySource;
use crate::metrics::Meter;
use crate::token::{Fault, Judged, Parts, Refusal, SignedBy, Verified};

/// Everybody whose tokens are taken besides us.
#[derive(Debug)]
pub(crate) struct Issuers {
    known: HashMap<String, Known>,
    clock: Clock,
}

#[derive(Debug)]
struct Known {
    config: IssuerConfig,
    keys: KeySource,
}

impl Issuers {
    /// # Errors
    ///
    /// [`Error::HttpClient`] where there are issuers and no client can be made to ask them.
    pub(crate) fn new(
        configs: &[IssuerConfig],
        clock: &Clock,
        meter: &Meter,
    ) -> Result<Self, Error> {
        let mut known = HashMap::with_capacity(configs.len());
        if !configs.is_empty() {
            let fetcher = Fetcher::new()?;
            for config in configs {
                let keys = KeySource::new(config, fetcher.clone(), clock.clone(), meter.clone());
                let config = config.clone();
                known.insert(config.issuer.clone(), Known { config, keys });
            }
        }
        Ok(Self {
            known,
            clock: clock.clone(),
        })
    }

    /// Judges a token by the rules of the issuer that it names. Nobody is asked anything about an issuer that is not known.
    pub(crate) async fn judge(&self, issuer: &str, parts: Parts<'_>) -> Result<Judged, Fault> {
        let known = self.known.get(issuer).ok_or(Refusal::Issuer)?;
        if !is_access_token(parts.typ.as_deref()) {
            return Err(Refusal::Type.into());
        }
        // Before any key is asked for: `none` and the symmetric ones are on no list.
        if !known.config.algorithms.contains(&parts.alg) {
            return Err(Refusal::Algorithm.into());
        }
        let key = known.keys.key(parts.kid.as_deref(), &parts.alg).await?;
        parts.verify(&key.key, key.algorithm)?;
        let (claims, window) = claims::read(&known.config, &parts.claims, &self.clock)?;
        Ok(Judged {
            verified: Arc::new(Verified::Foreign(claims)),
            key: SignedBy::Foreign(key, known.keys.clone()),
            window,
            skew: Duration::from_secs(known.config.clock_skew_s),
        })
    }
}

/// Whether the header's `typ` is none, the general one or that of access tokens. Other names are other kinds of tokens.
fn is_access_token(typ: Option<&str>) -> bool {
    typ.is_none_or(|typ| {
        ["JWT", "at+jwt", "application/at+jwt"]
            .iter()
            .any(|known| typ.eq_ignore_ascii_case(known))
    })
}
