//! Machine clients: programs that call in their own name.

use std::time::Duration;

use brisk_core::Permissions;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether a client may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientStatus {
    /// May.
    Active,
    /// May not.
    Disabled,
}

impl ClientStatus {
    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The status of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = [Self::Active, Self::Disabled].into_iter();
        all.find(|status| status.as_str() == word)
    }
}

brisk_db::text_column!(ClientStatus);

/// The lives that a client's tokens may have.
pub const TOKEN_LIFE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(24));

/// A client as the API shows it, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Client {
    /// Its name in tokens and in the token endpoint: a UUID.
    pub client_id: String,
    /// What people call it.
    pub name: String,
    /// What it may do: names of permissions.
    pub scopes: Vec<String>,
    /// Seconds that its tokens live.
    pub token_ttl_s: i64,
    /// Whether it may come in.
    pub status: ClientStatus,
    /// Whether an older secret counts besides the newest one.
    pub has_second_secret: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// The scopes that a client is given: those that it asks for, as far as it has them; all where it asks for none. Nothing where
/// it asks for one that it has not.
pub fn granted(has: &[String], asked: Option<&str>) -> Option<Vec<String>> {
    let Some(asked) = asked.map(str::trim).filter(|asked| !asked.is_empty()) else {
        return Some(has.to_vec());
    };
    let held = Permissions::of(has);
    let asked: Vec<String> = asked
        .split(' ')
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect();
    asked.iter().all(|scope| held.allow(scope)).then_some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_given_what_it_has_and_asks_for() {
        let has = ["users:*".to_owned(), "audit:read".to_owned()];
        let of = |asked| granted(&has, asked).map(|scopes| scopes.join(" "));
        assert_eq!(of(None).as_deref(), Some("users:* audit:read"));
        assert_eq!(of(Some(" ")).as_deref(), Some("users:* audit:read"));
        assert_eq!(of(Some("users:read")).as_deref(), Some("users:read"));
        assert_eq!(of(Some("users:read roles:read")), None);
        for status in [ClientStatus::Active, ClientStatus::Disabled] {
            assert_eq!(ClientStatus::parse(status.as_str()), Some(status));
        }
    }
}
