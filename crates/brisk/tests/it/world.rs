use brisk::App;
use brisk::auth::{NewKey, NewTenant, TenantKind};
use brisk::config::{LoadOptions, Settings};
use brisk::prelude::*;
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::Postgres;

/// An app without services on this database, listening on a free port.
pub(crate) fn app(url: &str) -> App {
    let options = LoadOptions {
        overrides: [
            ("database.url", url),
            ("http.listen", "127.0.0.1:0"),
            ("master_key", "0123456789abcdef0123456789abcdef"),
            ("telemetry.log_level", "warn"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        ..LoadOptions::default()
    };
    App::new(Settings::load(options))
}

/// Runs `test` on a new SQLite file and on a new PostgreSQL database.
pub(crate) async fn on_both(test: impl AsyncFn(&str)) {
    let file = SqliteFile::new().unwrap();
    test(&file.url()).await;
    let database = Postgres::shared().database().unwrap();
    test(&database.url()).await;
}

/// Makes a tenant with one key.
pub(crate) async fn tenant(kit: &Kit, slug: &str, role: Role) -> (TenantId, String) {
    let session = kit.platform("test");
    let new = NewTenant::new(slug, slug, TenantKind::City);
    let tenant = kit
        .tenants_in(&session)
        .insert(new, &kit.clock)
        .await
        .unwrap();
    let new = NewKey {
        tenant: Some(tenant.id),
        name: "test".to_owned(),
        role,
        rate_per_min: None,
        expires_at: None,
    };
    let key = kit.keys.create(&session, new).await.unwrap();
    (tenant.id, key.secret)
}
