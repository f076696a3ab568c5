//! Who is asking.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{Permissions, TenantId};

/// What kind of caller it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// Nobody in particular: the public.
    Anonymous,
    /// A machine with an API key.
    ApiKey,
    /// A person who signed in.
    Person,
    /// A machine with a token of its own.
    Client,
    /// Our own workers and commands.
    System,
}

/// What a caller may be in its tenant, least first; the side roles stand beside that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May submit and follow own reports.
    Reporter,
    /// Works on issues.
    Agent,
    /// Runs the work: merges, moderation, bulk changes.
    Manager,
    /// Sets the tenant up.
    Admin,
    /// May import files; a side role.
    Importer,
    /// May read everything and change nothing; a side role.
    Auditor,
    /// Runs the installation; belongs to no tenant and may name any.
    PlatformAdmin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 7] = [
        Self::Reporter,
        Self::Agent,
        Self::Manager,
        Self::Admin,
        Self::Importer,
        Self::Auditor,
        Self::PlatformAdmin,
    ];

    /// The word used in JSON, in commands and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reporter => "reporter",
            Self::Agent => "agent",
            Self::Manager => "manager",
            Self::Admin => "admin",
            Self::Importer => "importer",
            Self::Auditor => "auditor",
            Self::PlatformAdmin => "platform_admin",
        }
    }

    /// The role of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == word)
    }

    /// Whether this role may do what `needed` may do.
    ///
    /// The ladder is reporter, agent, manager, admin, platform admin. An admin may also import and audit; an
    /// importer and an auditor may do only their own thing and what a reporter may.
    pub const fn covers(self, needed: Self) -> bool {
        match needed {
            Self::Reporter => true,
            Self::Agent => matches!(
                self,
                Self::Agent | Self::Manager | Self::Admin | Self::PlatformAdmin
            ),
            Self::Manager => matches!(self, Self::Manager | Self::Admin | Self::PlatformAdmin),
            Self::Admin => matches!(self, Self::Admin | Self::PlatformAdmin),
            Self::Importer => matches!(self, Self::Importer | Self::Admin | Self::PlatformAdmin),
            Self::Auditor => matches!(
                self,
                Self::Auditor | Self::Manager | Self::Admin | Self::PlatformAdmin
            ),
            Self::PlatformAdmin => matches!(self, Self::PlatformAdmin),
        }
    }
}

/// The caller of a piece of work, as established once at the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What kind of caller it is.
    pub kind: PrincipalKind,
    /// Our id of the person or key; nil for the public and for our own work.
    pub id: Uuid,
    /// The name that audit rows show: a token's `sub`, a key's name, or `anonymous`.
    pub subject: String,
    /// The tenant that the caller belongs to; `None` for the public and for platform administrators.
    pub tenant: Option<TenantId>,
    /// What a key may be; `None` for the public, and for people and clients, who have permissions.
    pub role: Option<Role>,
    /// What a person or a client may do in its tenant.
    pub permissions: Permissions,
    /// How a person or a client has signed in; `None` for keys, the public and our own work.
    pub sign_in: Option<SignIn>,
}

/// What the service that knows the caller has read of it; of a type that only that service knows, so that it reads it once for
/// each request.
#[derive(Clone)]
pub struct Profile(pub Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(..)")
    }
}

/// The same reading.
impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Profile {}

/// How somebody has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The session, where there is one of ours.
    pub session: Option<Uuid>,
    /// The id of the token that was shown; nil for a foreign one.
    pub token: Uuid,
    /// When the person last proved who it is.
    pub at: Timestamp,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Who vouches for it.
    pub origin: Origin,
    /// What is known of the person or client besides.
    pub profile: Option<Profile>,
}

/// Who vouches for a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// We do: the caller is a row of ours.
    Own,
    /// Another issuer does; we know nothing of the caller but what the token says.
    Foreign,
}

impl Principal {
    /// The public.
    pub fn anonymous() -> Self {
        Self {
            kind: PrincipalKind::Anonymous,
            id: Uuid::nil(),
            subject: "anonymous".to_owned(),
            tenant: None,
            role: None,
            permissions: Permissions::none(),
            sign_in: None,
        }
    }

    /// Our own work, named for the log.
    pub fn system(subject: &str) -> Self {
        Self {
            kind: PrincipalKind::System,
            id: Uuid::nil(),
            subject: subject.to_owned(),
            tenant: None,
            role: Some(Role::PlatformAdmin),
            permissions: Permissions::none(),
            sign_in: None,
        }
    }

    /// Whether the caller is the public.
    pub fn is_anonymous(&self) -> bool {
        self.kind == PrincipalKind::Anonymous
    }

    /// Whether the caller may do what `needed` may do in `tenant`.
    pub fn may(&self, needed: Role, tenant: TenantId) -> bool {
        match self.role {
            Some(role) => {
                let at_home = role == Role::PlatformAdmin || self.tenant == Some(tenant);
                at_home && role.covers(needed)
            }
            None => self.tenant == Some(tenant) && self.permissions.allow_role(needed),
        }
    }

    /// The highest step of the ladder that the caller stands on; a side role where there is no step.
    pub fn standing(&self) -> Option<Role> {
        const FROM_ABOVE: [Role; 6] = [
            Role::Admin,
            Role::Manager,
            Role::Agent,
            Role::Importer,
            Role::Auditor,
            Role::Reporter,
        ];
        self.role.or_else(|| {
            let mut steps = FROM_ABOVE.into_iter();
            steps.find(|step| self.permissions.allow_role(*step))
        })
    }

    /// Whether the caller has this permission in `tenant`. Who runs the installation has every one everywhere.
    pub fn can(&self, permission: &str, tenant: TenantId) -> bool {
        self.role == Some(Role::PlatformAdmin)
            || (self.tenant == Some(tenant) && self.permissions.allow(permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_and_the_side_roles() {
        assert!(Role::Admin.covers(Role::Importer));
        assert!(Role::Manager.covers(Role::Agent));
        assert!(!Role::Manager.covers(Role::Importer));
        assert!(!Role::Agent.covers(Role::Manager));
        assert!(!Role::Importer.covers(Role::Agent));
        assert!(!Role::Admin.covers(Role::PlatformAdmin));
        assert!(Role::PlatformAdmin.covers(Role::Admin));
    }

    #[test]
    fn nobody_may_anything_in_another_tenant() {
        let mut caller = Principal::anonymous();
        assert!(!caller.may(Role::Reporter, TenantId(1)));
        caller.role = Some(Role::Admin);
        caller.tenant = Some(TenantId(1));
        assert!(caller.may(Role::Agent, TenantId(1)));
        assert!(!caller.may(Role::Agent, TenantId(2)));
        caller.role = None;
        assert!(!caller.may(Role::Reporter, TenantId(1)));
        caller.permissions = Permissions::of(["operations:agent", "users:read"]);
        assert!(caller.may(Role::Agent, TenantId(1)) && !caller.may(Role::Manager, TenantId(1)));
        assert!(!caller.may(Role::Reporter, TenantId(2)));
        assert!(caller.can("users:read", TenantId(1)) && !caller.can("users:read", TenantId(2)));
    }
}
