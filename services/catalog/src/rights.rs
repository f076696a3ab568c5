//! Who may do what: permissions, and the names of roles that stand for them at other issuers.

use brisk::RoleWord;
use brisk_core::{Role, Scope};
use brisk_http::{Problem, RequirePermission as _};

/// What is asked of callers. Roles of ours are made of these; another issuer names them by its roles.
pub(crate) mod may {
    pub(crate) const READ_AUTHORS: &str = "authors:read";
    pub(crate) const CREATE_AUTHORS: &str = "authors:create";
    pub(crate) const UPDATE_AUTHORS: &str = "authors:update";
    pub(crate) const DELETE_AUTHORS: &str = "authors:delete";
    pub(crate) const READ_BOOKS: &str = "books:read";
    pub(crate) const CREATE_BOOKS: &str = "books:create";
    pub(crate) const UPDATE_BOOKS: &str = "books:update";
    pub(crate) const DELETE_BOOKS: &str = "books:delete";
    pub(crate) const READ_REVIEWS: &str = "reviews:read";
    pub(crate) const CREATE_REVIEWS: &str = "reviews:create";
    pub(crate) const DELETE_REVIEWS: &str = "reviews:delete";
    pub(crate) const READ_MESSAGES: &str = "messages:read";
    pub(crate) const CREATE_MESSAGES: &str = "messages:create";
    /// Profiles of others; everybody may read and write the own one.
    pub(crate) const READ_PROFILES: &str = "profiles:read";
    pub(crate) const UPDATE_PROFILES: &str = "profiles:update";
    pub(crate) const READ_AUDIT_LOGS: &str = "audit-logs:read";
}

/// The roles of other issuers, and what they stand for; the first one of a permission is named where it is missing.
pub const ROLE_WORDS: &[RoleWord] = &[
    ("get-authors", may::READ_AUTHORS),
    ("create-author", may::CREATE_AUTHORS),
    ("update-author", may::UPDATE_AUTHORS),
    ("delete-author", may::DELETE_AUTHORS),
    ("get-books", may::READ_BOOKS),
    ("create-books", may::CREATE_BOOKS),
    ("update-books", may::UPDATE_BOOKS),
    ("delete-books", may::DELETE_BOOKS),
    ("get-reviews", may::READ_REVIEWS),
    ("create-reviews", may::CREATE_REVIEWS),
    ("delete-reviews", may::DELETE_REVIEWS),
    ("get-messages", may::READ_MESSAGES),
    ("create-messages", may::CREATE_MESSAGES),
    ("create-message", may::CREATE_MESSAGES),
    ("view-audit-logs", may::READ_AUDIT_LOGS),
    ("admin", may::READ_AUDIT_LOGS),
    ("admin", may::READ_PROFILES),
    ("admin", may::UPDATE_PROFILES),
];

/// Passes who may do this in the tenant of the scope: by permission; a key, which has a role instead, as administrator, or as
/// auditor where it only reads.
///
/// # Errors
///
/// 403 with the permission that is missing.
pub(crate) fn permit(scope: &Scope, may: &'static str) -> Result<(), Problem> {
    let needed = if may.ends_with(":read") {
        Role::Auditor
    } else {
        Role::Admin
    };
    let is_key = scope.principal().role.is_some();
    if is_key && scope.principal().may(needed, scope.tenant()) {
        return Ok(());
    }
    scope.permit(may)
}

/// The role that stands for a permission.
pub(crate) fn role_for(permission: &str) -> Option<&'static str> {
    let mut words = ROLE_WORDS.iter();
    words.find_map(|(role, of)| (*of == permission).then_some(*role))
}

#[cfg(test)]
mod tests {
    use brisk_core::Permissions;

    use super::*;

    #[test]
    fn every_role_stands_for_a_permission_and_is_found_by_it() {
        for (role, permission) in ROLE_WORDS {
            assert!(Permissions::is_name(permission), "{role}: {permission}");
            assert!(role_for(permission).is_some(), "{permission}");
        }
        assert_eq!(role_for(may::CREATE_AUTHORS), Some("create-author"));
        assert_eq!(role_for("users:read"), None);
    }
}
