//! Statements against both engines, and whose rows they see.

use brisk_db::{Db, DbConfig};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::Postgres;

use super::statements;

async fn at(url: &str) -> Db {
    let db = Db::open(DbConfig::new(url)).await.unwrap();
    db.migrate(&[brisk_auth::MIGRATIONS, crate::MIGRATIONS])
        .await
        .unwrap();
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

/// The purge of the audit log, which is one for all tenants.
const WITHOUT_TENANT: [&str; 1] = ["catalog.action.erase"];

#[test]
fn every_statement_names_the_tenant() {
    for statement in statements() {
        let name = statement.name();
        let texts = [statement.postgres(), statement.sqlite()];
        let owned = texts.iter().all(|text| text.contains("tenant_id"));
        assert_eq!(!owned, WITHOUT_TENANT.contains(&name), "{name}");
    }
}
