//! Statements against both engines, and whose rows they see.

use brisk_db::{Db, DbConfig};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::Postgres;

use super::statements;

async fn at(url: &str) -> Db {
    let db = Db::open(DbConfig::new(url)).await.unwrap();
    let sets = [
        brisk_auth::MIGRATIONS,
        brisk_jobs::MIGRATIONS,
        crate::MIGRATIONS,
    ];
    db.migrate(&sets).await.unwrap();
    db
}

#[tokio::test]
async fn every_statement_fits_the_schema_of_sqlite() {
    let file = SqliteFile::new().unwrap();
    let db = at(&file.url()).await;
    assert_eq!(db.verify(&statements()).await.unwrap(), []);
}

#[tokio::test]
async fn every_statement_fits_the_schema_of_postgres() {
    let database = Postgres::shared().database().unwrap();
    let db = at(&database.url()).await;
    assert_eq!(db.verify(&statements()).await.unwrap(), []);
}

#[test]
fn names_of_statements_are_not_repeated() {
    let mut names: Vec<_> = statements().iter().map(|s| s.name()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// What is asked without a tenant, and why that is right is said at each.
const WITHOUT_TENANT: [&str; 24] = [
    "identity.revoked.list",
    "identity.system.addressees",
    "identity.system.candidates",
    "identity.system.client",
    "identity.system.consume",
    "identity.system.consume_one_time",
    "identity.system.consume_proof",
    "identity.system.delete_counters",
    "identity.system.delete_oauth_states",
    "identity.system.delete_one_time_tokens",
    "identity.system.delete_refresh_tokens",
    "identity.system.delete_revoked",
    "identity.system.delete_sessions",
    "identity.system.erase_deleted_users",
    "identity.system.holders",
    "identity.system.known_at_provider",
    "identity.system.live_sessions",
    "identity.system.lock_system_tenant",
    "identity.system.shown",
    "identity.system.shown_one_time",
    "identity.system.shown_proof",
    "identity.system.staff",
    "identity.system.system_tenant",
    "identity.system.take_oauth_state",
];

/// Tables whose rows belong to no tenant.
const OF_NO_TENANT: [&str; 3] = [
    "identity_permissions",
    "identity_setup_tokens",
    "identity_login_throttle",
];

fn tables(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("identity_"))
}

#[test]
fn every_statement_on_rows_of_a_tenant_names_the_tenant() {
    for statement in statements() {
        if WITHOUT_TENANT.contains(&statement.name()) {
            continue;
        }
        for text in [statement.postgres(), statement.sqlite()] {
            let owned = tables(text).any(|table| !OF_NO_TENANT.contains(&table));
            let name = statement.name();
            assert!(!owned || text.contains("tenant_id"), "{name}: {text}");
        }
    }
}

#[test]
fn what_is_asked_without_a_tenant_is_known_by_name() {
    let mut found: Vec<_> = statements()
        .iter()
        .map(|statement| statement.name())
        .filter(|name| name.starts_with("identity.system."))
        .collect();
    found.push("identity.revoked.list");
    found.sort_unstable();
    assert_eq!(found, WITHOUT_TENANT);
}
