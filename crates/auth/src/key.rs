//! What an API key is.

use std::fmt;

use brisk_core::{Permissions, Principal, PrincipalKind, Role, TenantId};
use brisk_db::{BoxedError, Column, FromRow, Kind, Raw, Value};
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::Error;
use crate::tenant::TenantStatus;

/// The id of an API key; ids are in the order of creation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct ApiKeyId(pub Uuid);

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Column for ApiKeyId {
    const KIND: Kind = Kind::Uuid;

    fn into_value(self) -> Value {
        Value::Uuid(self.0)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        Uuid::from_raw(raw).map(Self)
    }
}

/// A key as lists show it, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct ApiKey {
    /// Its id, which is the caller's id in audit rows and limits.
    pub id: ApiKeyId,
    /// Whose it is; `None` for platform administrators.
    pub tenant_id: Option<TenantId>,
    /// What people call it.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The first 8 random characters, by which people recognise it.
    pub prefix: String,
    /// Requests in a minute, where it has a limit of its own.
    pub rate_per_min: Option<i32>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose it is; `None` for [`Role::PlatformAdmin`] and only for that.
    pub tenant: Option<TenantId>,
    /// What people call it: 1 to 200 characters.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// Requests in a minute, at least 1; `None` for the tenant's default.
    pub rate_per_min: Option<u32>,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
}

impl NewKey {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let invalid = |field, code, problem| {
            Err(Error::Invalid {
                field,
                code,
                problem,
            })
        };
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 200 || name.contains('\0') {
            return invalid("name", "length", "must have 1 to 200 characters");
        }
        if (self.role == Role::PlatformAdmin) != self.tenant.is_none() {
            return invalid(
                "tenant",
                "role",
                "is needed for every role but platform_admin, which has none",
            );
        }
        if self
            .rate_per_min
            .is_some_and(|rate| rate == 0 || i32::try_from(rate).is_err())
        {
            return invalid("rate_per_min", "range", "must be between 1 and 2147483647");
        }
        Ok(())
    }
}

/// A new key. Its text exists here and nowhere else.
#[derive(Clone)]
pub struct CreatedKey {
    /// The key as lists show it.
    pub key: ApiKey,
    /// The whole key; show it once.
    pub secret: String,
}

impl fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedKey")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// What is read for a verification.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct KeyRow {
    pub(crate) id: ApiKeyId,
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) key_hash: Vec<u8>,
    pub(crate) prefix: String,
    pub(crate) rate_per_min: Option<i32>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) status: Option<TenantStatus>,
}

impl KeyRow {
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Error> {
        let prefix = || self.prefix.clone();
        if self.revoked_at.is_some() {
            return Err(Error::KeyRevoked { prefix: prefix() });
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Error::KeyExpired { prefix: prefix() });
        }
        if self
            .status
            .is_some_and(|status| status != TenantStatus::Active)
        {
            return Err(Error::TenantSuspended { prefix: prefix() });
        }
        Ok(())
    }
}

/// A key that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedKey {
    /// Who calls.
    pub principal: Principal,
    /// The key's own limit in requests a minute.
    pub rate_per_min: Option<u32>,
}

impl From<&KeyRow> for VerifiedKey {
    fn from(row: &KeyRow) -> Self {
        Self {
            principal: Principal {
                kind: PrincipalKind::ApiKey,
                id: row.id.0,
                subject: row.name.clone(),
                tenant: row.tenant_id,
                role: Some(row.role),
                permissions: Permissions::none(),
                sign_in: None,
            },
            rate_per_min: row.rate_per_min.map(i32::unsigned_abs),
        }
    }
}
