use brisk_auth::{Keys, NewTenant, Tenant, TenantDirectory, TenantKind, Tenants};
use brisk_core::{Clock, Ids, Scope};
use brisk_db::{Db, DbConfig, Session};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::Postgres;

/// One process on a database of its own.
pub(crate) struct Node {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) session: Session,
    pub(crate) directory: TenantDirectory,
    pub(crate) keys: Keys,
    url: String,
}

impl Node {
    pub(crate) async fn new_at(url: String) -> Self {
        let db = Db::open(DbConfig::new(&url)).await.unwrap();
        db.migrate(&[brisk_auth::MIGRATIONS]).await.unwrap();
        let clock = Clock::manual("2026-03-07T12:00:00Z".parse().unwrap());
        trusted(&db).await;
        Self::over(db, clock, url)
    }

    /// Another process on the same database, with the same clock.
    pub(crate) async fn other(&self) -> Self {
        let db = Db::open(DbConfig::new(&self.url)).await.unwrap();
        trusted(&db).await;
        Self::over(db, self.clock.clone(), self.url.clone())
    }

    /// One whose change stream nobody started.
    pub(crate) async fn deaf(&self) -> Self {
        let db = Db::open(DbConfig::new(&self.url)).await.unwrap();
        Self::over(db, self.clock.clone(), self.url.clone())
    }

    fn over(db: Db, clock: Clock, url: String) -> Self {
        Self {
            session: db.session(Scope::platform("test")),
            directory: TenantDirectory::new(&db, &clock),
            keys: Keys::start(&db, clock.clone(), Ids::random()),
            clock,
            db,
            url,
        }
    }

    pub(crate) fn tenants(&self) -> Tenants<'_> {
        Tenants::new(&self.session)
    }

    pub(crate) async fn tenant(&self, slug: &str) -> Tenant {
        let new = NewTenant::new(slug, "A town", TenantKind::City);
        self.tenants().insert(new, &self.clock).await.unwrap()
    }
}

pub(crate) async fn on_both(test: impl AsyncFn(Node)) {
    let file = SqliteFile::new().unwrap();
    test(Node::new_at(file.url()).await).await;
    let database = Postgres::shared().database().unwrap();
    test(Node::new_at(database.url()).await).await;
}

/// Starts the change stream and waits until it tells everything.
async fn trusted(db: &Db) {
    let stream = db.changes();
    let mut events = stream.subscribe();
    while !stream.is_trusted() {
        events.next().await.unwrap();
    }
}
