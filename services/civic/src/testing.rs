//! What unit tests of stores, settings, use cases and routes stand on: both engines, two tenants, a clock that stands.

use std::sync::Arc;

use brisk_auth::{Keys, NewKey, NewTenant, Tenant, TenantDirectory, TenantKind, Tenants};
use brisk_core::{Clock, Ids, Role, Scope, TenantId};
use brisk_db::{CursorKey, Db, DbConfig, Session};
use brisk_jobs::Queue;
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::Postgres;

use crate::ids::IdBlocks;
use crate::logic::Setup;
use crate::logic::contact::ContactKeys;
use crate::logic::intake::Intake;
use crate::logic::moderation::Moderation;
use crate::logic::workflow::Workflow;
use crate::settings::Settings;
use crate::state::{CivicState, Parts};

/// One process on a database of its own, with the tenants `acme` and `other`.
pub(crate) struct World {
    pub(crate) state: CivicState,
    pub(crate) acme: TenantId,
    pub(crate) other: TenantId,
    url: String,
}

impl World {
    async fn new_at(url: String) -> Self {
        let db = Db::open(DbConfig::new(&url)).await.unwrap();
        let civic = brisk_db::migrations!("civic");
        let sets = [brisk_auth::MIGRATIONS, brisk_jobs::MIGRATIONS, civic];
        db.migrate(&sets).await.unwrap();
        let stream = db.changes();
        let mut events = stream.subscribe();
        while !stream.is_trusted() {
            events.next().await.unwrap();
        }
        let clock = Clock::manual("2026-03-06T12:00:00Z".parse().unwrap());
        let state = state(db, clock);
        Self {
            acme: tenant(&state, "acme", TenantKind::City).await.id,
            other: tenant(&state, "other", TenantKind::Hotel).await.id,
            state,
            url,
        }
    }

    /// Another process on the same database.
    pub(crate) async fn elsewhere(&self) -> Db {
        Db::open(DbConfig::new(&self.url)).await.unwrap()
    }

    /// Our own work for `tenant`.
    pub(crate) fn session(&self, tenant: TenantId) -> Session {
        self.state.db.session(Scope::system(tenant, "test"))
    }

    /// The setup of `tenant`, with all rights.
    pub(crate) fn setup(&self, tenant: TenantId) -> Setup {
        Setup {
            session: self.session(tenant),
            settings: Arc::clone(&self.state.settings),
            clock: self.state.clock.clone(),
        }
    }

    /// A key of `role`; of the platform where no tenant is given.
    pub(crate) async fn key(&self, tenant: Option<TenantId>, role: Role) -> String {
        let new = NewKey {
            tenant,
            name: role.as_str().to_owned(),
            role,
            rate_per_min: None,
            expires_at: None,
        };
        let session = self.session(TenantId::PLATFORM);
        self.state.keys.create(&session, new).await.unwrap().secret
    }
}

fn state(db: Db, clock: Clock) -> CivicState {
    let tenants = TenantDirectory::new(&db, &clock);
    let settings = Arc::new(Settings::new(&db, &clock, tenants));
    let queue = Queue::new(clock.clone());
    CivicState::new(Parts {
        cursor: CursorKey::new([1; 32]),
        keys: Keys::start(&db, clock.clone(), Ids::random()),
        intake: Intake::start(
            &db,
            clock.clone(),
            Ids::random(),
            Arc::clone(&settings),
            ContactKeys::new([2; 32], [3; 32]),
            queue.clone(),
        ),
        workflow: Workflow {
            db: db.clone(),
            settings: Arc::clone(&settings),
            issue_ids: IdBlocks::new(db.clone(), "issue"),
            queue: queue.clone(),
            clock: clock.clone(),
        },
        moderation: Moderation {
            queue: queue.clone(),
        },
        importer: crate::logic::import::Importer::new(&db, clock.clone(), queue.clone()),
        tracker: tokio_util::task::TaskTracker::new(),
        queue,
        settings,
        clock,
        db,
    })
}

async fn tenant(state: &CivicState, slug: &str, kind: TenantKind) -> Tenant {
    let session = state.db.session(Scope::platform("test"));
    let tenants = Tenants::new(&session);
    let new = NewTenant {
        timezone: "America/New_York".to_owned(),
        ..NewTenant::new(slug, slug, kind)
    };
    tenants.insert(new, &state.clock).await.unwrap()
}

/// Runs `test` on SQLite and then on PostgreSQL.
pub(crate) async fn on_both(test: impl AsyncFn(World)) {
    let file = SqliteFile::new().unwrap();
    test(World::new_at(file.url()).await).await;
    let database = Postgres::shared().database().unwrap();
    test(World::new_at(database.url()).await).await;
}
