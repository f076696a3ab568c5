//! The real program with this service, on a database of its own, and people whose tokens say what they may do.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brisk::auth::{Accounts, Claims, NewTenant, NewToken, NoAccount, TenantKind};
use brisk::config::{LoadOptions, Settings};
use brisk::core::{Origin, Permissions, Principal, PrincipalKind, SignIn};
use brisk::prelude::*;
use brisk::testing::{NoFindings, STRICT};
use brisk::{App, Running};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::Postgres;
use brisk_testkit::services::{Client, Place};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;
use uuid::Uuid;

/// Everything that the service asks of anybody.
pub(crate) const EVERYTHING: &str =
    "authors:* books:* reviews:* messages:* profiles:* audit-logs:read";

/// Settings of one test besides the usual ones.
pub(crate) type Extra = &'static [(&'static str, &'static str)];

/// Knows people by what their tokens say, as no service of the house does.
#[derive(Clone, Debug, Default)]
struct People {
    /// The names of those who are not known any more.
    locked_out: LockedOut,
}

type LockedOut = Arc<Mutex<HashSet<String>>>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct NoSettings {}

impl Section for NoSettings {
    fn check(&self, _: &mut Problems) {}
}

impl Service for People {
    type Settings = NoSettings;

    fn name(&self) -> &'static str {
        "people"
    }

    fn migrations(&self) -> Vec<MigrationSet> {
        Vec::new()
    }

    fn statements(&self) -> Vec<&'static dyn Declared> {
        Vec::new()
    }

    async fn build(&self, _: &Kit, _: NoSettings) -> Result<Built, BoxError> {
        Ok(Built::new(OpenApiRouter::new()).accounts(Arc::new(self.clone())))
    }
}

impl Accounts for People {
    fn caller<'a>(
        &'a self,
        claims: &'a Claims,
        _: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<Principal>, NoAccount>> {
        if self.locked_out.lock().unwrap().contains(&claims.client) {
            return std::future::ready(Err(NoAccount::Void("locked out"))).boxed();
        }
        let caller = Principal {
            kind: PrincipalKind::Person,
            id: claims.subject,
            subject: claims.client.clone(),
            tenant: Some(claims.tenant),
            role: None,
            permissions: Permissions::of(&claims.permissions),
            sign_in: Some(SignIn {
                session: None,
                token: claims.jti,
                at: claims.auth_time,
                expires_at: claims.expires_at,
                origin: Origin::Own,
                profile: None,
            }),
        };
        std::future::ready(Ok(Arc::new(caller))).boxed()
    }

    fn confirm<'a>(&'a self, _: &'a Scope) -> BoxFuture<'a, Result<(), NoAccount>> {
        std::future::ready(Ok(())).boxed()
    }
}

/// An app of this service on the database at `url`.
pub(crate) fn app(url: &str, extra: &[(&str, &str)]) -> App {
    app_without(&LockedOut::default(), url, extra)
}

/// The same, into which these people do not come.
fn app_without(locked_out: &LockedOut, url: &str, extra: &[(&str, &str)]) -> App {
    let log_level = std::env::var("BRISK_TEST_LOG").unwrap_or_else(|_| "error".to_owned());
    let [traced, strict] = STRICT;
    let usual = [
        traced,
        strict,
        ("database.url", url),
        ("http.listen", "127.0.0.1:0"),
        ("master_key", "0123456789abcdef0123456789abcdef"),
        ("telemetry.log_level", &log_level),
        ("http.request_log", "notable"),
        // So that entries are there when somebody looks.
        ("catalog.audit_batch_timeout", "20ms"),
    ];
    let overrides = usual.iter().chain(extra);
    let options = LoadOptions {
        overrides: overrides
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..LoadOptions::default()
    };
    App::new(Settings::load(options))
        .service(People {
            locked_out: locked_out.clone(),
        })
        .service(brisk_catalog::service())
        .demo(false)
}

async fn start(url: &str, clock: &Clock, extra: Extra, locked_out: &LockedOut) -> Running {
    let app = app_without(locked_out, url, extra).at(clock.clone(), Ids::random());
    let opened = app.check().unwrap().open().await.unwrap();
    opened.start().await.unwrap()
}

/// A PostgreSQL database with all tables.
async fn postgres() -> Place {
    let mut hash = DefaultHasher::new();
    for set in [
        brisk::auth::MIGRATIONS,
        brisk::jobs::MIGRATIONS,
        brisk_catalog::MIGRATIONS,
    ] {
        set.postgres.hash(&mut hash);
    }
    let key = format!("catalog it {:x}", hash.finish());
    let database = Postgres::shared()
        .database_from(&key, async |url| {
            let opened = app(&url, &[]).check().unwrap().open().await.unwrap();
            opened.close().await;
            Ok::<_, brisk_testkit::servers::Error>(())
        })
        .await;
    Place::Postgres(Box::new(database.unwrap()))
}

/// Running nodes on a database of their own.
pub(crate) struct TestApp {
    pub(crate) place: Place,
    pub(crate) nodes: Vec<Running>,
    pub(crate) clock: Clock,
    extra: Extra,
    locked_out: LockedOut,
    /// A wasteful request or job fails the test at its end.
    clean: Vec<NoFindings>,
}

impl TestApp {
    pub(crate) async fn sqlite() -> Self {
        Self::at(Place::Sqlite(SqliteFile::new().unwrap())).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::at(postgres().await).await
    }

    async fn at(place: Place) -> Self {
        // Stands still at the present, so that no token ends while a busy machine runs the test.
        let clock = Clock::manual(Clock::system().now());
        let mut app = Self {
            place,
            nodes: Vec::new(),
            clock,
            extra: &[],
            locked_out: LockedOut::default(),
            clean: Vec::new(),
        };
        app.add_node().await;
        app
    }

    /// The same database under one new node with these settings.
    pub(crate) async fn with(mut self, extra: Extra) -> Self {
        self.extra = extra;
        for node in self.nodes.drain(..) {
            node.stop().await.unwrap();
        }
        self.add_node().await;
        self
    }

    /// Starts one more node.
    pub(crate) async fn add_node(&mut self) {
        let node = start(&self.place.url(), &self.clock, self.extra, &self.locked_out).await;
        self.clean.push(NoFindings::of(node.kit()));
        self.nodes.push(node);
    }

    /// Nobody in particular, who asks the first node.
    pub(crate) fn public(&self) -> Client {
        Client::new(self.nodes[0].address())
    }

    /// Makes a tenant.
    pub(crate) async fn tenant(&self, slug: &str) -> TenantId {
        let kit = self.nodes[0].kit();
        let session = kit.platform("test");
        let new = NewTenant::new(slug, slug, TenantKind::Organisation);
        let made = kit.tenants_in(&session).insert(new, &self.clock).await;
        made.unwrap().id
    }

    /// Somebody of that name in a tenant who may do this, asking the first node.
    pub(crate) fn person(&self, tenant: TenantId, subject: &str, may: &str) -> Client {
        self.person_at(0, tenant, subject, may)
    }

    /// The same, asking the node of that number.
    pub(crate) fn person_at(
        &self,
        node: usize,
        tenant: TenantId,
        subject: &str,
        may: &str,
    ) -> Client {
        let token = self.token(node, tenant, subject, may, None);
        Client::new(self.nodes[node].address()).bearer(&token)
    }

    /// A token of somebody of that name, where it matters of whom exactly and for how many seconds.
    pub(crate) fn token(
        &self,
        node: usize,
        tenant: TenantId,
        name: &str,
        may: &str,
        exactly: Option<(Uuid, u64)>,
    ) -> String {
        let kit = self.nodes[node].kit();
        let token = kit.tokens.issue(NewToken {
            subject: exactly.map_or_else(|| kit.ids.uuid(), |(id, _)| id),
            tenant,
            session: None,
            client: name.to_owned(),
            epoch: 0,
            auth_time: self.clock.now(),
            amr: Vec::new(),
            scope: None,
            permissions: may.split(' ').map(str::to_owned).collect(),
            ttl: exactly.map(|(_, seconds)| Duration::from_secs(seconds)),
        });
        token.unwrap().text
    }

    /// Ends whatever people of that name have.
    pub(crate) fn lock_out(&self, name: &str) {
        self.locked_out.lock().unwrap().insert(name.to_owned());
    }

    /// A tenant and somebody in it who may do everything.
    pub(crate) async fn librarian(&self) -> (TenantId, Client) {
        let tenant = self.tenant("library").await;
        (tenant, self.person(tenant, "librarian", EVERYTHING))
    }

    pub(crate) async fn stop(self) {
        for node in self.nodes {
            node.stop().await.unwrap();
        }
        drop(self.clean);
    }
}

/// The ids of a list's rows.
#[track_caller]
pub(crate) fn ids(rows: &Value) -> Vec<i64> {
    let rows = rows.as_array().unwrap_or_else(|| panic!("rows: {rows}"));
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}
