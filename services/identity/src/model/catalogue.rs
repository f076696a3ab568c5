//! The permissions there are, and the roles that every tenant begins with.

/// A permission: resource, action, what it is for.
pub type Permission = (&'static str, &'static str, &'static str);

/// What a tenant can give its roles.
pub const OF_TENANTS: &[Permission] = &[
    ("*", "*", "everything in the tenant"),
    ("users", "read", "see users"),
    ("users", "create", "make and invite users"),
    ("users", "update", "change, disable and unlock users"),
    ("users", "delete", "delete users"),
    ("users", "*", "everything about users"),
    ("roles", "read", "see roles"),
    ("roles", "create", "make roles"),
    ("roles", "update", "change roles"),
    ("roles", "delete", "delete roles"),
    ("roles", "assign", "give and take roles"),
    ("roles", "*", "everything about roles"),
    ("sessions", "read", "see the sessions of users"),
    ("sessions", "revoke", "end sessions of users"),
    ("sessions", "*", "everything about sessions"),
    ("tenant", "read", "see the tenant and its settings"),
    ("tenant", "update", "change the tenant and its settings"),
    ("tenant", "delete", "delete the tenant"),
    ("audit", "read", "read the audit log"),
    ("clients", "read", "see machine clients"),
    ("clients", "create", "make machine clients"),
    (
        "clients",
        "update",
        "change machine clients and their secrets",
    ),
    ("clients", "delete", "delete machine clients"),
    ("clients", "*", "everything about machine clients"),
    ("oauth_providers", "read", "see sign-in providers"),
    ("oauth_providers", "write", "set up sign-in providers"),
    ("tokens", "introspect", "ask whether tokens count"),
    ("authors", "read", "see authors"),
    ("authors", "create", "make authors"),
    ("authors", "update", "change authors"),
    ("authors", "delete", "delete authors"),
    ("authors", "*", "everything about authors"),
    ("books", "read", "see books"),
    ("books", "create", "make books"),
    ("books", "update", "change books"),
    ("books", "delete", "delete books"),
    ("books", "*", "everything about books"),
    ("reviews", "read", "see reviews"),
    ("reviews", "create", "write reviews"),
    ("reviews", "delete", "delete reviews"),
    ("reviews", "*", "everything about reviews"),
    ("messages", "read", "read messages"),
    ("messages", "create", "write messages"),
    ("profiles", "read", "see profiles of others"),
    ("profiles", "update", "change profiles of others"),
    ("audit-logs", "read", "read the audit log of the catalog"),
    ("operations", "reporter", "submit and follow own reports"),
    ("operations", "agent", "work on issues"),
    (
        "operations",
        "manager",
        "merge, moderate and change in bulk",
    ),
    ("operations", "admin", "set up the operations services"),
    ("operations", "importer", "import files"),
    (
        "operations",
        "auditor",
        "read everything of the operations services",
    ),
    ("operations", "*", "everything in the operations services"),
];

/// What only the system tenant can give.
pub const OF_THE_PLATFORM: &[Permission] = &[
    ("platform", "*", "run the installation"),
    ("platform", "telemetry", "see what the installation costs"),
    ("tenants", "read", "see all tenants"),
    ("tenants", "create", "make tenants"),
    ("tenants", "update", "change, suspend and resume tenants"),
    ("tenants", "delete", "delete tenants"),
    ("tenants", "*", "everything about tenants"),
    ("keys", "rotate", "rotate the signing keys"),
];

/// A role that every tenant has.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Whether new users have it.
    pub is_default: bool,
    /// Its permissions.
    pub permissions: &'static [&'static str],
}

/// The name of the role of owners, of whom a tenant always has one.
pub const OWNER: &str = "owner";

/// The roles of a customer.
pub const BUILTINS: [Builtin; 4] = [
    Builtin {
        name: OWNER,
        description: "may do everything in the tenant",
        is_default: false,
        permissions: &["*:*"],
    },
    Builtin {
        name: "admin",
        description: "runs the tenant, without deleting it or making owners",
        is_default: false,
        permissions: &[
            "users:*",
            "roles:*",
            "sessions:*",
            "tenant:read",
            "tenant:update",
            "audit:read",
            "clients:*",
            "oauth_providers:read",
            "oauth_providers:write",
            "tokens:introspect",
            "operations:*",
        ],
    },
    Builtin {
        name: "member",
        description: "does the daily work",
        is_default: true,
        permissions: &["users:read", "tenant:read", "operations:agent"],
    },
    Builtin {
        name: "viewer",
        description: "looks on",
        is_default: false,
        permissions: &["users:read", "operations:auditor"],
    },
];

/// What the owners of the system tenant have besides.
pub const STAFF: &[&str] = &["platform:*", "tenants:*", "keys:rotate"];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use brisk_core::{Permissions, Role};

    use super::*;

    #[test]
    fn roles_are_made_of_permissions_that_there_are() {
        let all = OF_TENANTS.iter().chain(OF_THE_PLATFORM);
        let all: HashSet<String> = all.map(|(of, to, _)| format!("{of}:{to}")).collect();
        assert_eq!(
            all.len(),
            OF_TENANTS.len() + OF_THE_PLATFORM.len(),
            "each stands once"
        );
        assert!(all.iter().all(|name| Permissions::is_name(name)));
        let given = BUILTINS
            .iter()
            .flat_map(|role| role.permissions)
            .chain(STAFF);
        for name in given {
            assert!(all.contains(*name), "{name}");
        }
        // The ladder of the operations services stands in the catalogue, but for its last step.
        for role in Role::ALL
            .into_iter()
            .filter(|role| *role != Role::PlatformAdmin)
        {
            assert!(
                all.contains(&format!("operations:{}", role.as_str())),
                "{role:?}"
            );
        }
        assert_eq!(BUILTINS.iter().filter(|role| role.is_default).count(), 1);
    }
}
