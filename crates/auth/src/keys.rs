//! Making, verifying and revoking API keys.

use std::sync::Arc;
use std::time::Duration;

use brisk_cache::{Cache, Caches, Policy};
use brisk_core::{Clock, Ids, Principal, Scope, TenantId};
use brisk_db::{Db, FromRow as _, Session};
use subtle::ConstantTimeEq as _;

use crate::error::Error;
use crate::key::{ApiKey, ApiKeyId, CreatedKey, KeyRow, NewKey, VerifiedKey};
use crate::secret::{self, KeyHash};
use crate::statements;
use crate::touch::Touch;

/// How long an answer counts while the change stream is not trusted; bounds how long a key works on after somebody
/// revoked it.
const UNTRUSTED: Duration = Duration::from_secs(1);

/// Bytes for keys that are remembered, unknown ones included: some twenty thousand.
const REMEMBERED: u64 = 16 * 1024 * 1024;

/// API keys. Cheap to clone.
///
/// An answer of the database, also that a key is unknown, counts until somebody writes to keys or tenants, so a warm
/// request costs no statement; for a second at most while the change stream is not trusted. A revocation through this
/// process is seen at once, one elsewhere within some milliseconds; expiry is judged at every call.
#[derive(Clone, Debug)]
pub struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    session: Session,
    clock: Clock,
    ids: Ids,
    known: Cache<KeyHash, Option<Arc<Known>>>,
    touch: Touch,
}

#[derive(Debug)]
struct Known {
    row: KeyRow,
    verified: VerifiedKey,
}

impl Known {
    /// About: the row stands twice.
    fn bytes(&self) -> usize {
        size_of::<Self>() + size_of::<Principal>() + 2 * self.row.heap_bytes()
    }
}

impl Keys {
    /// Keys of `db`. Starts the task that notes when keys were used; call it inside a runtime, and
    /// [`Keys::close`] at the end.
    pub fn start(db: &Db, clock: Clock, ids: Ids) -> Self {
        let policy = Policy::rows()
            .shared()
            .secret()
            .bytes(REMEMBERED)
            .untrusted_for(UNTRUSTED);
        let known = Caches::of(db).with_clock(&clock).cache("auth.key", policy);
        Self(Arc::new(Inner {
            session: db.session(Scope::platform("keys")),
            known: known
                .weigh(|_, found: &Option<Arc<Known>>| found.as_deref().map_or(0, Known::bytes))
                .build(),
            touch: Touch::start(db.clone(), clock.clone()),
            clock,
            ids,
        }))
    }

    /// Makes a key; its text is in the answer and is stored nowhere.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a field that may not be so, [`Error::Db`] also when there is no such tenant.
    pub async fn create(&self, session: &Session, new: NewKey) -> Result<CreatedKey, Error> {
        new.check()?;
        let minted = secret::mint()?;
        let params = (
            ApiKeyId(self.0.ids.uuid()),
            new.tenant,
            new.name,
            new.role,
            minted.hash.to_vec(),
            minted.prefix,
            new.rate_per_min.and_then(|rate| i32::try_from(rate).ok()),
            new.expires_at,
            self.0.clock.now(),
        );
        let key = session.run(&statements::INSERT_KEY, params).await?;
        Ok(CreatedKey {
            key,
            secret: minted.text,
        })
    }

    /// Who calls with this key, and what limit the key has.
    ///
    /// # Errors
    ///
    /// The reason to refuse it, which the client does not hear: [`Error::KeyMalformed`], [`Error::KeyUnknown`],
    /// [`Error::KeyExpired`], [`Error::KeyRevoked`], [`Error::TenantSuspended`]. [`Error::Db`] when the database is
    /// asked and cannot answer.
    pub async fn verify(&self, key: &str) -> Result<VerifiedKey, Error> {
        let hash = secret::parse(key)?;
        let load = async move |session: Session| {
            let row = session.run(&statements::KEY, (hash.to_vec(),)).await?;
            let known = row.map(|row| {
                let verified = VerifiedKey::from(&row);
                Arc::new(Known { row, verified })
            });
            Ok::<_, Error>(known)
        };
        let known = self.0.known.get(&self.0.session, &hash, load).await?;
        // The index found it by the hash of 160 random bits; comparing again in constant time costs nothing and
        // keeps that true under any collation or cache fault.
        let known = known
            .as_ref()
            .filter(|known| bool::from(known.row.key_hash.ct_eq(&hash)))
            .ok_or(Error::KeyUnknown)?;
        known.row.check(self.0.clock.now())?;
        self.0.touch.used(known.row.id.0);
        Ok(known.verified.clone())
    }

    /// Who calls with this key.
    ///
    /// # Errors
    ///
    /// As [`Keys::verify`].
    pub async fn authenticate(&self, key: &str) -> Result<Principal, Error> {
        Ok(self.verify(key).await?.principal)
    }

    /// Takes a key of `tenant` (`None`: of the platform) back; answers whether there was one that still worked.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn revoke(
        &self,
        session: &Session,
        tenant: Option<TenantId>,
        id: ApiKeyId,
    ) -> Result<bool, Error> {
        let now = self.0.clock.now();
        let revoked = match tenant {
            Some(tenant) => session.run(&statements::REVOKE, (tenant, id, now)).await?,
            None => session.run(&statements::REVOKE_PLATFORM, (id, now)).await?,
        };
        Ok(revoked == 1)
    }

    /// Keys of `tenant` (`None`: of the platform) made after `after`, oldest first; the nil id gives the first page.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn page(
        &self,
        session: &Session,
        tenant: Option<TenantId>,
        after: ApiKeyId,
        limit: u32,
    ) -> Result<Vec<ApiKey>, Error> {
        let limit = i64::from(limit);
        let keys = if let Some(tenant) = tenant {
            let params = (tenant, after, limit);
            session.run(&statements::KEYS, params).await?
        } else {
            let params = (after, limit);
            session.run(&statements::PLATFORM_KEYS, params).await?
        };
        Ok(keys)
    }

    /// Notes the last uses and ends the task behind.
    pub async fn close(&self) {
        self.0.touch.close().await;
    }
}

/// The API key that a request shows: `X-API-Key`, else `Authorization: Bearer brisk_…`. Other bearer tokens are not
/// ours to judge and give `None`.
pub fn presented<'a>(api_key: Option<&'a str>, authorization: Option<&'a str>) -> Option<&'a str> {
    if let Some(key) = api_key {
        return Some(key.trim());
    }
    let (scheme, token) = authorization?.trim().split_once(' ')?;
    let token = token.trim();
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_a_bearer_are_taken_from_a_request() {
        assert_eq!(presented(Some(" k "), Some("Bearer brisk_x")), Some("k"));
        assert_eq!(presented(None, Some("bearer  brisk_x")), Some("brisk_x"));
        assert_eq!(
            presented(None, Some("Bearer eyJhbGciOi")),
            Some("eyJhbGciOi")
        );
        assert_eq!(presented(None, Some("Basic brisk_x")), None);
        assert_eq!(presented(None, Some("brisk_x")), None);
        assert_eq!(presented(None, None), None);
    }
}
