//! Ids of people, roles and sessions; all in the order in which they were made.

use std::fmt;

use brisk_db::{BoxedError, Column, Kind, Raw, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Makes a newtype over a UUID that can be a column and a part of a path.
macro_rules! uuid_id {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Column for $name {
            const KIND: Kind = Kind::Uuid;

            fn into_value(self) -> Value {
                Value::Uuid(self.0)
            }

            fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
                Uuid::from_raw(raw).map(Self)
            }
        }
    )+};
}

uuid_id! {
    /// A person in a tenant. The same human in two tenants is two users.
    UserId,
    /// A role of a tenant.
    RoleId,
    /// A sign-in on a device: a family of refresh tokens.
    SessionId,
    /// A refresh token.
    RefreshTokenId,
    /// An entry of the audit log.
    AuditId,
}
