//! What somebody may do, by name.

use std::sync::Arc;

use crate::Role;

/// Resources that no wildcard of a tenant covers: they are the installation's, not the tenant's.
const OF_THE_PLATFORM: [&str; 3] = ["platform", "tenants", "keys"];

/// The resource of the ladder of roles: `operations:agent` is what [`Role::Agent`] is.
const LADDER: &str = "operations";

/// The longest name.
const LONGEST: usize = 151;

/// A set of permissions, each `resource:action`, where `*` stands for any resource or any action. Cheap to clone.
///
/// `*:*` and `*:read` of a tenant never cover what belongs to the installation (`platform`, `tenants`, `keys`): that has to
/// be given by the resource's own name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions(Arc<[Box<str>]>);

impl Permissions {
    /// No permission at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// The set of these names, in order and each once. What is no name is left out.
    pub fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut names: Vec<Box<str>> = names
            .into_iter()
            .filter(|name| Self::is_name(name.as_ref()))
            .map(|name| name.as_ref().into())
            .collect();
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }

    /// The same without what belongs to the installation, for whoever is vouched for by somebody else.
    #[must_use]
    pub fn without_platform(&self) -> Self {
        let is_of_tenants = |name: &&str| {
            let (resource, _) = name.split_once(':').unwrap_or_default();
            !OF_THE_PLATFORM.contains(&resource)
        };
        Self::of(self.iter().filter(is_of_tenants))
    }

    /// Whether a text is the name of a permission: two words of lower-case letters, digits, `_` and `-`, or `*`, with `:`
    /// between them.
    pub fn is_name(text: &str) -> bool {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let word = |w: &str| w == "*" || (!w.is_empty() && w.bytes().all(plain));
        text.len() <= LONGEST
            && text
                .split_once(':')
                .is_some_and(|(resource, action)| word(resource) && word(action))
    }

    /// Whether it has `needed`, by name or by a wildcard. A wildcard that is needed has to be covered by one.
    pub fn allow(&self, needed: &str) -> bool {
        let Some((resource, action)) = needed.split_once(':') else {
            return false;
        };
        self.0.iter().any(|held| {
            let Some((of, to)) = held.split_once(':') else {
                return false;
            };
            let whose = of == resource || (of == "*" && !OF_THE_PLATFORM.contains(&resource));
            whose && (to == action || to == "*")
        })
    }

    /// Whether it has all that `other` has.
    pub fn cover(&self, other: &Self) -> bool {
        other.iter().all(|name| self.allow(name))
    }

    /// Whether it has a step of the ladder that may do what `needed` may do. [`Role::PlatformAdmin`] is no step of a tenant's
    /// ladder.
    pub fn allow_role(&self, needed: Role) -> bool {
        let on_the_ladder = |held: &str| {
            let (of, to) = held.split_once(':')?;
            if of != LADDER && of != "*" {
                return None;
            }
            if to == "*" {
                return Some(Role::Admin);
            }
            // `*:admin` would be any resource's action of that name, not a step.
            (of == LADDER).then(|| Role::parse(to)).flatten()
        };
        self.0
            .iter()
            .filter_map(|held| on_the_ladder(held))
            .any(|role| role != Role::PlatformAdmin && role.covers(needed))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The names, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Bytes on the heap, for caches that count what they keep.
    pub fn heap_bytes(&self) -> usize {
        self.0
            .iter()
            .map(|name| name.len() + size_of::<Box<str>>())
            .sum()
    }
}

impl serde::Serialize for Permissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cover_what_a_tenant_owns_and_nothing_of_the_platform() {
        let owner = Permissions::of(["*:*"]);
        assert!(owner.allow("users:read") && owner.allow("users:*") && owner.allow("*:*"));
        for never in ["platform:*", "tenants:create", "keys:rotate", "tenants:*"] {
            assert!(!owner.allow(never), "{never}");
        }
        let reader = Permissions::of(["*:read", "users:*"]);
        assert!(reader.allow("roles:read") && reader.allow("users:delete"));
        assert!(
            !reader.allow("roles:delete") && !reader.allow("*:*") && !reader.allow("tenants:read")
        );
        assert!(!reader.allow("users") && !Permissions::none().allow("users:read"));
        assert!(owner.cover(&reader) && !reader.cover(&owner));
        let staff = Permissions::of(["platform:*", "keys:rotate"]);
        let lent = Permissions::of([
            "platform:*",
            "keys:rotate",
            "tenants:read",
            "users:read",
            "*:*",
        ]);
        assert_eq!(
            lent.without_platform(),
            Permissions::of(["*:*", "users:read"])
        );
        assert!(
            staff.allow("platform:suspend")
                && staff.allow("keys:rotate")
                && !staff.allow("users:read")
        );
    }

    #[test]
    fn what_is_no_name_is_left_out() {
        let set = Permissions::of([
            "users:read",
            "users:read",
            "Users:read",
            "users",
            "a:b:c",
            ":",
            "x:",
        ]);
        assert_eq!(set.iter().collect::<Vec<_>>(), ["users:read"]);
        assert!(!Permissions::is_name(&format!("a:{}", "b".repeat(200))));
    }

    #[test]
    fn the_ladder_stands_in_permissions_too() {
        let of = |name: &str| Permissions::of([name]);
        assert!(of("operations:manager").allow_role(Role::Agent));
        assert!(!of("operations:manager").allow_role(Role::Admin));
        assert!(of("operations:importer").allow_role(Role::Importer));
        assert!(!of("operations:importer").allow_role(Role::Agent));
        assert!(of("operations:*").allow_role(Role::Admin) && of("*:*").allow_role(Role::Admin));
        assert!(!of("*:*").allow_role(Role::PlatformAdmin));
        assert!(!of("operations:platform_admin").allow_role(Role::Reporter));
        assert!(
            !of("users:read").allow_role(Role::Reporter) && !of("*:agent").allow_role(Role::Agent)
        );
    }
}
