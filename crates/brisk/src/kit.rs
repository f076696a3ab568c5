//! What every service is given.

use std::path::PathBuf;
use std::sync::Arc;

use brisk_auth::{AuthConfig, Keys, MasterKey, TenantDirectory, Tenants, Tokens};
use brisk_cache::Caches;
use brisk_core::{Clock, Ids, Scope, TenantId};
use brisk_db::{CursorKey, Db, Session};
use brisk_http::Environment;
use brisk_jobs::Queue;
use brisk_telemetry::{PerfStats, Telemetry};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Api;

/// The kit of one process; clones share everything.
///
/// A service takes the parts that it needs when it is built and keeps those, not the kit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Kit {
    /// The database.
    pub db: Db,
    /// What is kept in memory of the database, and follows it.
    pub caches: Caches,
    /// The time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// The look-up of tenants that requests use.
    pub tenants: TenantDirectory,
    /// API keys.
    pub keys: Keys,
    /// Access tokens, ours and those of the issuers that are taken.
    pub tokens: Tokens,
    /// The section `[auth]` of the settings.
    pub auth: Arc<AuthConfig>,
    /// The program's own API, for pages that stand beside it.
    pub api: Api,
    /// Where jobs are put in.
    pub queue: Queue,
    /// The secret from which a service derives its own keys.
    pub master_key: MasterKey,
    /// Signs page cursors.
    pub cursor_key: CursorKey,
    /// Statistics by route and statement.
    pub perf: Arc<PerfStats>,
    /// Logs and metrics.
    pub telemetry: Telemetry,
    /// Where the program runs.
    pub environment: Environment,
    /// The folder of the database's file, for what is kept beside it; none where the database is a server.
    pub folder: Option<PathBuf>,
    /// Cancelled when the program ends, after the last request was answered.
    pub stop: CancellationToken,
    /// Long work is spawned here, so that the end of the program waits for it.
    pub tracker: TaskTracker,
}

impl Kit {
    /// A session of our own work for a tenant, without a deadline; `subject` names the work in the log.
    pub fn session(&self, tenant: TenantId, subject: &str) -> Session {
        self.db.session(Scope::system(tenant, subject))
    }

    /// A session of our own work that belongs to no tenant.
    pub fn platform(&self, subject: &str) -> Session {
        self.db.session(Scope::platform(subject))
    }

    /// The table of tenants, for whoever makes or changes them.
    pub const fn tenants_in<'a>(&self, session: &'a Session) -> Tenants<'a> {
        Tenants::new(session)
    }
}
