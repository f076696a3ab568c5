//! The real program on a database of its own, and clients with API keys.

use brisk::auth::{NewKey, NewTenant, TenantKind};
use brisk::config::{LoadOptions, Settings};
use brisk::db::Finding;
use brisk::prelude::*;
use brisk::testing::{NoFindings, STRICT};
use brisk::{App, Running};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::Postgres;
use brisk_testkit::services::{Client, Place};
use hello_service::Hello;

/// A running program.
pub(crate) struct TestApp {
    place: Place,
    running: Running,
    /// A wasteful request fails the test at its end.
    clean: NoFindings,
}

/// The program with the database at this address.
fn app(url: &str) -> App {
    let [traced, strict] = STRICT;
    let overrides = [
        traced,
        strict,
        ("database.url", url),
        ("http.listen", "127.0.0.1:0"),
        ("master_key", "0123456789abcdef0123456789abcdef"),
        ("telemetry.log_level", "error"),
    ];
    let overrides = overrides.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let options = LoadOptions {
        overrides: overrides.into(),
        ..LoadOptions::default()
    };
    App::new(Settings::load(options)).service(Hello)
}

impl TestApp {
    pub(crate) async fn sqlite() -> Self {
        Self::at(Place::Sqlite(SqliteFile::new().unwrap())).await
    }

    pub(crate) async fn postgres() -> Self {
        let database = Postgres::shared().database().unwrap();
        Self::at(Place::Postgres(Box::new(database))).await
    }

    async fn at(place: Place) -> Self {
        let opened = app(&place.url()).check().unwrap().open().await.unwrap();
        let running = opened.start().await.unwrap();
        let clean = NoFindings::of(running.kit());
        Self {
            place,
            running,
            clean,
        }
    }

    /// Statements that do not fit the tables.
    pub(crate) async fn misfits(&self) -> Vec<Finding> {
        let opened = app(&self.place.url()).check().unwrap().open().await;
        let opened = opened.unwrap();
        let findings = opened.verify().await;
        opened.close().await;
        findings.unwrap()
    }

    /// Makes a tenant.
    pub(crate) async fn tenant(&self, slug: &str) -> TenantId {
        let kit = self.running.kit();
        let session = kit.platform("test");
        let new = NewTenant::new(slug, slug, TenantKind::Organisation);
        let made = kit.tenants_in(&session).insert(new, &kit.clock).await;
        made.unwrap().id
    }

    /// Nobody in particular.
    pub(crate) fn public(&self) -> Client {
        Client::new(self.running.address())
    }

    /// Somebody with a key of a new tenant of this name.
    pub(crate) async fn client(&self, slug: &str) -> Client {
        let new = NewKey {
            tenant: Some(self.tenant(slug).await),
            name: "test".to_owned(),
            role: Role::Agent,
            rate_per_min: None,
            expires_at: None,
        };
        let kit = self.running.kit();
        let key = kit.keys.create(&kit.platform("test"), new).await;
        self.public().with(&key.unwrap().secret)
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
        drop(self.clean);
    }
}
