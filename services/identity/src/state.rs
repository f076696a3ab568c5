//! What the handlers and workers of the service share.

use std::ops::Deref;
use std::sync::Arc;

use brisk_auth::{OpenIdIssuers, Passwords, Sealer, TenantDirectory, Tokens};
use brisk_core::{Clock, Ids, Scope, TenantId};
use brisk_db::{CursorKey, Db, Session};
use brisk_jobs::Queue;

use crate::logic::account::Callers;
use crate::logic::audit::Audit;
use crate::logic::oauth::Outbound;
use crate::logic::user::UserCounts;
use crate::mail::Post;
use crate::model::provider::Provider;
use crate::model::secret::Successors;
use crate::settings::IdentitySettings;

/// The parts of the running service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct IdentityState(Arc<Parts>);

/// See [`IdentityState`].
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) cursor: CursorKey,
    pub(crate) settings: IdentitySettings,
    pub(crate) tenants: TenantDirectory,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) callers: Callers,
    pub(crate) audit: Audit,
    pub(crate) counts: UserCounts,
    pub(crate) queue: Queue,
    pub(crate) successors: Successors,
    /// Seals what is kept of other parties' secrets and of second factors.
    pub(crate) sealer: Sealer,
    /// Writes mails.
    pub(crate) post: Post,
    /// The providers of the settings that may be used.
    pub(crate) providers: Vec<Provider>,
    /// What providers have said of themselves.
    pub(crate) issuers: OpenIdIssuers,
    /// Asks providers.
    pub(crate) outbound: Outbound,
    /// The address of the service's routes, by which providers know us.
    pub(crate) base: String,
    /// Signs the cookies by which a device is known again.
    pub(crate) device_key: [u8; 32],
    /// Whether cookies are for secure connections only.
    pub(crate) is_secure: bool,
    /// Whether pages of this machine may use the cookies, whatever their port.
    pub(crate) is_development: bool,
    /// The address of the installation.
    pub(crate) public_base: Option<String>,
}

impl IdentityState {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// A session of the request for a tenant that the caller of this function has established: by a password, a token or a
    /// secret of that tenant.
    pub(crate) fn session(&self, scope: &Scope, tenant: TenantId) -> Session {
        self.db.session(scope.for_tenant(tenant))
    }

    /// Whether pages of this origin may use the cookies.
    pub(crate) fn is_origin(&self, origin: &str) -> bool {
        let of = |base: &str| -> Option<(String, String, Option<u16>)> {
            let uri: http::Uri = base.parse().ok()?;
            let (scheme, host) = (uri.scheme_str()?.to_owned(), uri.host()?.to_owned());
            Some((scheme, host, uri.port_u16()))
        };
        let Some(theirs) = of(origin) else {
            return false;
        };
        let bases = self.public_base.iter().chain(&self.settings.origins);
        let mut ours = bases.filter_map(|base| of(base));
        ours.any(|ours| ours == theirs)
            || (self.is_development
                && self.public_base.is_none()
                && matches!(theirs.1.as_str(), "localhost" | "127.0.0.1" | "[::1]"))
    }

    /// A session of the request for what is asked before a tenant is known.
    pub(crate) fn platform(&self, scope: &Scope) -> Session {
        self.db.session(scope.for_tenant(TenantId::PLATFORM))
    }
}

impl Deref for IdentityState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
