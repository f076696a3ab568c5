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
