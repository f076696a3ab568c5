//! Typed ids: a bare integer never crosses a function boundary.

/// Makes a newtype over a 64-bit integer id, with serde, `Display` and conversions.
#[macro_export]
macro_rules! int_id {
    ($(#[$meta:meta])* $vis:vis $name:ident) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord,
            $crate::__serde::Serialize, $crate::__serde::Deserialize,
        )]
        #[serde(crate = "brisk_core::__serde", transparent)]
        $vis struct $name(pub i64);

        impl $name {
            /// The integer as stored.
            $vis const fn get(self) -> i64 {
                self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0
            }
        }
    };
}

int_id! {
    /// A customer organisation. Every row belongs to exactly one; the number is never reused.
    pub TenantId
}

impl TenantId {
    /// Work that belongs to no tenant: migrations, leases, the list of tenants itself. Never a row's owner.
    pub const PLATFORM: Self = Self(0);
}
