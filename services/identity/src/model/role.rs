//! Roles, as the API shows them.

use brisk_core::Permissions;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::catalogue::{OF_TENANTS, OF_THE_PLATFORM};
use crate::ids::RoleId;

/// The most roles of one tenant.
pub const MOST_ROLES: i64 = 200;

/// The most roles that one person has.
pub const MOST_OF_ONE: usize = 50;

/// A role as it stands beside a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoleRef {
    /// Its name, unique in the tenant.
    pub name: String,
    /// Its id.
    pub id: RoleId,
}

/// A role with what it allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it allows.
    #[schema(value_type = Vec<String>)]
    pub permissions: Permissions,
    /// Whether new users have it.
    pub is_default: bool,
    /// Whether every tenant has it; then it cannot be deleted or renamed.
    pub is_builtin: bool,
    /// One more with each change.
    pub version: i64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// Whether a text may be the name of a role.
pub fn is_role_name(text: &str) -> bool {
    let length = text.trim().chars().count();
    // Names of several roles travel in one text, parted by commas.
    (1..=100).contains(&length) && !text.chars().any(|c| c.is_control() || c == ',')
}

/// Whether a text may say what a role is for.
pub fn is_description(text: &str) -> bool {
    text.chars().count() <= 255 && !text.chars().any(char::is_control)
}

fn stands_in(list: &[(&str, &str, &str)], name: &str) -> bool {
    name.split_once(':').is_some_and(|(resource, action)| {
        list.iter()
            .any(|(of, to, _)| (*of, *to) == (resource, action))
    })
}

/// Whether there is a permission of that name, and whether only the system tenant can give it.
pub fn known(name: &str) -> Option<bool> {
    if stands_in(OF_TENANTS, name) {
        Some(false)
    } else {
        stands_in(OF_THE_PLATFORM, name).then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_roles_and_permissions_are_checked() {
        assert!(is_role_name("Night shift") && !is_role_name(" ") && !is_role_name("a,b"));
        assert!(!is_role_name(&"x".repeat(101)) && !is_role_name("a\nb"));
        assert!(is_description("") && !is_description(&"x".repeat(256)));
        assert_eq!(known("users:read"), Some(false));
        assert_eq!(known("*:*"), Some(false));
        assert_eq!(known("keys:rotate"), Some(true));
        assert_eq!(known("users:fly"), None);
        assert_eq!(known("users"), None);
    }
}
