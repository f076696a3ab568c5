//! The real program: settings, migrations, workers and a listener on a free port, on a database of its own.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;

use brisk::auth::{NewKey, NewTenant, TenantKind};
use brisk::config::{LoadOptions, Settings};
use brisk::prelude::*;
use brisk::testing::{NoFindings, STRICT};
use brisk::{App, Running};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::{Database, Postgres};
pub(crate) use brisk_testkit::services::Place;
use brisk_testkit::services::{Client, PATIENCE, eventually};
use serde_json::{Value, json};

/// An app of this service on the database at `url`.
pub(crate) fn app(url: &str) -> App {
    app_with(url, &[])
}

/// The same with more settings.
pub(crate) fn app_with(url: &str, more: &[(&str, &str)]) -> App {
    let log_level = std::env::var("BRISK_TEST_LOG").unwrap_or_else(|_| "error".to_owned());
    let [traced, strict] = STRICT;
    let options = LoadOptions {
        overrides: [
            traced,
            strict,
            ("database.url", url),
            ("http.listen", "127.0.0.1:0"),
            ("master_key", "0123456789abcdef0123456789abcdef"),
            ("telemetry.log_level", &log_level),
            ("http.request_log", "notable"),
        ]
        .iter()
        .chain(more)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect(),
        ..LoadOptions::default()
    };
    App::new(Settings::load(options))
        .service(brisk_civic::service())
        .demo(false)
}

/// Starts a node on the database at `url`.
pub(crate) async fn start(url: &str, clock: &Clock) -> Running {
    start_app(app(url), clock).await
}

/// The same for any app.
pub(crate) async fn start_app(app: App, clock: &Clock) -> Running {
    let app = app.at(clock.clone(), Ids::random());
    let opened = app.check().unwrap().open().await.unwrap();
    opened.start().await.unwrap()
}

/// A PostgreSQL database with all tables.
pub(crate) async fn postgres() -> Database {
    let mut hash = DefaultHasher::new();
    for set in [
        brisk::auth::MIGRATIONS,
        brisk::jobs::MIGRATIONS,
        brisk::cache::MIGRATIONS,
        brisk_civic::MIGRATIONS,
    ] {
        set.postgres.hash(&mut hash);
    }
    let key = format!("civic it {:x}", hash.finish());
    let database = Postgres::shared()
        .database_from(&key, async |url| {
            let opened = app(&url).check().unwrap().open().await.unwrap();
            opened.close().await;
            Ok::<_, brisk_testkit::servers::Error>(())
        })
        .await;
    database.unwrap()
}

/// A tenant with a key for each role.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: i64,
    pub(crate) slug: &'static str,
    keys: HashMap<Role, String>,
}

impl Tenant {
    async fn new(kit: &Kit, slug: &'static str, kind: TenantKind) -> Self {
        let session = kit.platform("test");
        let new = NewTenant::new(slug, slug, kind);
        let tenant = kit.tenants_in(&session).insert(new, &kit.clock).await;
        let id = tenant.unwrap().id;
        let mut keys = HashMap::new();
        for role in Role::ALL {
            if role != Role::PlatformAdmin {
                keys.insert(role, key(kit, Some(id), role).await);
            }
        }
        let id = id.get();
        Self { id, slug, keys }
    }

    pub(crate) fn key(&self, role: Role) -> &str {
        &self.keys[&role]
    }
}

async fn key(kit: &Kit, tenant: Option<TenantId>, role: Role) -> String {
    let new = NewKey {
        tenant,
        name: role.as_str().to_owned(),
        role,
        rate_per_min: None,
        expires_at: None,
    };
    let session = kit.platform("test");
    kit.keys.create(&session, new).await.unwrap().secret
}

/// Running nodes on a database of their own, with the city `acme`, the hotel `other` and keys of all roles.
pub(crate) struct TestApp {
    pub(crate) place: Place,
    pub(crate) nodes: Vec<Running>,
    pub(crate) clock: Clock,
    pub(crate) acme: Tenant,
    pub(crate) other: Tenant,
    pub(crate) platform_key: String,
    /// How the nodes find the database, and what they are told besides.
    url: String,
    more: &'static [(&'static str, &'static str)],
    clients: Vec<Client>,
    /// A wasteful request or job fails the test at its end.
    clean: Vec<NoFindings>,
}

/// Watches a node, and records its traces where that is asked for.
fn watched(node: &Running) -> NoFindings {
    if let Some(file) = std::env::var_os("BRISK_TEST_RECORD") {
        brisk::testing::record(node.kit(), file.as_ref()).unwrap();
    }
    NoFindings::of(node.kit())
}

impl TestApp {
    pub(crate) async fn sqlite() -> Self {
        Self::at(Place::Sqlite(SqliteFile::new().unwrap())).await
    }

    pub(crate) async fn postgres() -> Self {
        if std::env::var_os("BRISK_TEST_ROW_SECURITY").is_some() {
            return Self::walled().await;
        }
        Self::at(Place::Postgres(Box::new(postgres().await))).await
    }

    /// On PostgreSQL, where the server itself keeps tenants apart.
    pub(crate) async fn walled() -> Self {
        let mut database = Postgres::shared().database().unwrap();
        let url = database.give_to_plain_owner().unwrap();
        let place = Place::Postgres(Box::new(database));
        let app = Self::made(place, &url, &[("database.row_security", "true")]).await;
        let walls = "SELECT count(*) FROM pg_policy WHERE polname = 'brisk_tenant'";
        assert!(app.place.number(walls) > 10);
        app
    }

    pub(crate) async fn at(place: Place) -> Self {
        let url = place.url();
        Self::by_way_of(place, &url).await
    }

    /// As [`TestApp::at`], where the program reaches the database at another address than the test does.
    pub(crate) async fn by_way_of(place: Place, url: &str) -> Self {
        Self::made(place, url, &[]).await
    }

    async fn made(place: Place, url: &str, more: &'static [(&'static str, &'static str)]) -> Self {
        let clock = Clock::system();
        let running = start_app(app_with(url, more), &clock).await;
        let acme = Tenant::new(running.kit(), "acme", TenantKind::City).await;
        let other = Tenant::new(running.kit(), "other", TenantKind::Hotel).await;
        let platform_key = key(running.kit(), None, Role::PlatformAdmin).await;
        Self {
            place,
            url: url.to_owned(),
            more,
            clients: vec![Client::new(running.address())],
            clean: vec![watched(&running)],
            nodes: vec![running],
            clock,
            acme,
            other,
            platform_key,
        }
    }

    /// The same database under a program whose clock stands at the present until it is moved.
    pub(crate) async fn with_manual_clock(mut self) -> Self {
        self.clock = Clock::manual(Clock::system().now());
        self.restarted().await
    }

    /// The same database under one new node.
    pub(crate) async fn restarted(mut self) -> Self {
        for node in self.nodes.drain(..) {
            node.stop().await.unwrap();
        }
        let app = app_with(&self.url, self.more);
        let node = start_app(app, &self.clock).await;
        self.clean.push(watched(&node));
        self.nodes.push(node);
        self.clients = vec![Client::new(self.nodes[0].address())];
        self
    }

    /// Starts one more node.
    pub(crate) async fn add_node(&mut self) {
        self.add_node_with(&[]).await;
    }

    /// The same with more settings.
    pub(crate) async fn add_node_with(&mut self, more: &[(&str, &str)]) {
        let more = [self.more, more].concat();
        let app = app_with(&self.url, &more);
        let node = start_app(app, &self.clock).await;
        self.clients.push(Client::new(node.address()));
        self.clean.push(watched(&node));
        self.nodes.push(node);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.nodes[0].address()
    }

    /// Nobody in particular.
    pub(crate) fn public(&self) -> &Client {
        &self.clients[0]
    }

    /// Somebody of `acme`.
    pub(crate) fn caller(&self, role: Role) -> Client {
        self.clients[0].with(self.acme.key(role))
    }

    pub(crate) fn agent(&self) -> Client {
        self.caller(Role::Agent)
    }

    /// An agent of `acme` who asks the node of that number.
    pub(crate) fn agent_at(&self, node: usize) -> Client {
        self.clients[node].with(self.acme.key(Role::Agent))
    }

    pub(crate) fn platform(&self) -> Client {
        self.clients[0].with(&self.platform_key)
    }

    /// Changes settings of `acme`.
    pub(crate) async fn configure(&self, change: &Value) {
        let path = format!("/v1/tenants/{}/config", self.acme.id);
        let changed = self.caller(Role::Admin).patch(&path, change).await;
        changed.assert_status(200);
    }

    /// A report that stands for itself, taken in and joined into its issue; answers report and issue.
    pub(crate) async fn linked(&self, place: u32) -> (i64, i64) {
        let report = self.submitted(place).await;
        (report, self.issue_of(report).await)
    }

    /// A report at a place far from all others; answers its id.
    pub(crate) async fn submitted(&self, place: u32) -> i64 {
        let made = self.agent().post("/v1/reports", &pothole(place)).await;
        made.assert_status(201)["id"].as_i64().unwrap()
    }

    /// The issue that a report was joined into.
    pub(crate) async fn issue_of(&self, report: i64) -> i64 {
        let agent = self.agent();
        let path = format!("/v1/reports/{report}");
        eventually("a report finds its issue", PATIENCE, async || {
            agent.get(&path).await.json()["issue_id"].as_i64()
        })
        .await
    }

    /// Waits until no report waits for its issue and no job is left but those of later.
    pub(crate) async fn settled(&self) {
        eventually("all reports are joined", PATIENCE, async || {
            let open =
                "SELECT count(*) FROM civic_reports WHERE NOT processed AND status = 'classified'";
            (self.place.number(open) == 0).then_some(())
        })
        .await;
        eventually("the jobs are done", PATIENCE, async || {
            let left = "SELECT count(*) FROM brisk_jobs WHERE kind <> 'civic.sweep'";
            (self.place.number(left) == 0).then_some(())
        })
        .await;
    }

    pub(crate) async fn stop(self) {
        for node in self.nodes {
            node.stop().await.unwrap();
        }
        drop(self.clean);
    }
}

/// A report of a pothole; each place is more than a kilometre from all others.
pub(crate) fn pothole(place: u32) -> Value {
    let (lat, lon) = spot(place);
    json!({
        "description": "Large pothole in the road, cars swerve to avoid it",
        "location": format!("Road number {place}"),
        "lat": lat,
        "lon": lon,
    })
}

/// The spot of that number.
pub(crate) fn spot(place: u32) -> (f64, f64) {
    (
        30.0 + f64::from(place % 200) * 0.02,
        -90.0 + f64::from(place / 200) * 0.02,
    )
}
