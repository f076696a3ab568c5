//! People, as the API shows them.

use brisk_core::{FieldError, Permissions, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{RoleId, UserId};
use crate::model::role::RoleRef;

/// Whether somebody may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// May.
    Active,
    /// Was asked to come and has not yet.
    Invited,
    /// May not.
    Disabled,
}

impl UserStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Invited, Self::Disabled];

    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Invited => "invited",
            Self::Disabled => "disabled",
        }
    }

    /// The status of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

brisk_db::text_column!(UserStatus);

/// The longest name of a person, in characters.
pub const LONGEST_NAME: usize = 255;

/// The most bytes of somebody's metadata as JSON.
pub const MOST_METADATA: usize = 4 * 1024;

/// A person as the API shows it: nothing of the password, the sessions or the providers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The tenant's number.
    #[schema(value_type = i64)]
    pub tenant_id: TenantId,
    /// The address as typed.
    pub email: String,
    /// Whether the address was proved to be the user's.
    pub email_verified: bool,
    /// The name.
    pub full_name: String,
    /// Whether the status is `active`.
    pub is_active: bool,
    /// Whether the user may do everything in the tenant.
    pub is_superuser: bool,
    /// See [`UserStatus`].
    pub status: UserStatus,
    /// The language tag that the user prefers.
    pub locale: Option<String>,
    /// What the tenant notes about the user.
    pub metadata: Value,
    /// When the user was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the user was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When the user last signed in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_login_at: Option<Timestamp>,
}

/// A person with its roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UserDetail {
    /// The person.
    #[serde(flatten)]
    pub user: User,
    /// The names of its roles, in order, as in `/users/me`.
    #[serde(serialize_with = "names")]
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<RoleRef>,
    /// The ids of these roles, in the same order.
    role_ids: Vec<RoleId>,
}

impl UserDetail {
    /// A person with these roles.
    pub fn new(user: User, mut roles: Vec<RoleRef>) -> Self {
        roles.sort_unstable();
        Self {
            user,
            role_ids: roles.iter().map(|role| role.id).collect(),
            roles,
        }
    }
}

fn names<S: serde::Serializer>(roles: &[RoleRef], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(roles.iter().map(|role| &role.name))
}

/// A name as it is searched by.
pub fn name_norm(name: &str) -> String {
    name.trim().to_lowercase()
}

/// What a superuser may do besides what its roles say.
pub fn with_superuser(permissions: &str, is_superuser: bool) -> Permissions {
    let own = permissions.split(' ').filter(|name| !name.is_empty());
    Permissions::of(own.chain(is_superuser.then_some("*:*")))
}

/// Whether metadata may be stored: an object of at most [`MOST_METADATA`] bytes.
fn is_metadata(value: &Value) -> bool {
    value.is_object() && value.to_string().len() <= MOST_METADATA
}

/// Whether a text is a language tag such as `en` or `pt-BR`.
pub fn is_locale(text: &str) -> bool {
    (2..=35).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Adds an entry for a name that cannot be one.
pub fn check_full_name(name: &str, errors: &mut Vec<FieldError>) {
    if !is_full_name(name) {
        let message = "must have 1 to 255 characters and no line breaks";
        errors.push(FieldError::new("full_name", "length", message));
    }
}

/// Adds an entry for metadata that cannot be stored.
pub fn check_metadata(metadata: &Value, errors: &mut Vec<FieldError>) {
    if !is_metadata(metadata) {
        let message = "must be an object of at most 4 KiB";
        errors.push(FieldError::new("metadata", "size", message));
    }
}

/// Whether a text may be somebody's name. No line breaks: names stand in the heads of mails.
fn is_full_name(text: &str) -> bool {
    let length = text.trim().chars().count();
    (1..=LONGEST_NAME).contains(&length) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_metadata_and_locales_are_checked() {
        assert!(
            is_full_name("Ann O'Hara-Šiška")
                && !is_full_name("  ")
                && !is_full_name("a\r\nBcc: b@c.d")
        );
        assert!(!is_full_name(&"x".repeat(256)) && is_full_name(&"é".repeat(255)));
        assert!(is_metadata(&serde_json::json!({"a": 1})) && !is_metadata(&serde_json::json!([1])));
        assert!(!is_metadata(
            &serde_json::json!({"a": "x".repeat(MOST_METADATA)})
        ));
        assert!(is_locale("pt-BR") && !is_locale("e") && !is_locale("en_US"));
        for status in UserStatus::ALL {
            assert_eq!(UserStatus::parse(status.as_str()), Some(status));
        }
        assert!(
            with_superuser("", true).allow("users:read")
                && !with_superuser("", false).allow("users:read")
        );
        assert!(with_superuser("users:read roles:read", false).allow("roles:read"));
    }
}
