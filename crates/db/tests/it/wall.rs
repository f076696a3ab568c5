//! Row security: the server keeps tenants apart, whatever a statement forgets.

use brisk_core::{Failure as _, Scope, TenantId};
use brisk_db::{
    Affected, Batch, Capture, Db, DbConfig, Error, MigrationSet, OnConflict, One, Record, Session,
    statements,
};
use brisk_testkit::servers::{Database, Postgres};

const NOTES: MigrationSet = MigrationSet {
    name: "notes",
    history: "brisk_migrations_notes",
    postgres: &[
        (
            "V1__notes",
            "CREATE TABLE notes (tenant_id bigint NOT NULL, id bigint PRIMARY KEY, body text NOT NULL);
             INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
               VALUES ('notes', 'tenant_id', 'id', '');",
        ),
        (
            "V2__louder",
            // What a migration changes is of all tenants.
            "UPDATE notes SET body = body || '!';",
        ),
    ],
    sqlite: &[],
};

/// The set as it was before its second migration.
const FIRST: MigrationSet = MigrationSet {
    postgres: &[NOTES.postgres[0]],
    ..NOTES
};

#[derive(Clone, Debug, PartialEq, Record)]
#[record(table = "notes")]
struct Note {
    tenant_id: TenantId,
    id: i64,
    body: String,
}

statements! {
    prefix "test.wall";

    /// Forgets the tenant.
    BODIES() -> Vec<String> = "SELECT body FROM notes ORDER BY id";

    #[slow]
    SLOWLY() -> Vec<String> = "SELECT body FROM notes ORDER BY id";

    COUNT() -> One<i64> = "SELECT count(*) FROM notes";

    ADD(tenant: TenantId, id: i64, body: String) -> Affected
        = "INSERT INTO notes (tenant_id, id, body) VALUES ($1, $2, $3)";

    SET_ALL(body: String) -> Affected = "UPDATE notes SET body = $1";

    MOVE(id: i64, tenant: TenantId) -> Affected = "UPDATE notes SET tenant_id = $2 WHERE id = $1";

    EMPTY() -> Affected = "DELETE FROM notes";
}

/// A database of a plain owner, behind the wall or not.
async fn opened(url: &str, walls: bool, sets: &[MigrationSet]) -> Db {
    let mut config = DbConfig::new(url);
    config.postgres.row_security = walls;
    config.postgres.pool = 4;
    config.capture = Capture::Outbox;
    let db = Db::open(config).await.unwrap();
    db.migrate(sets).await.unwrap();
    db
}

fn of(db: &Db, tenant: i64) -> Session {
    db.session(Scope::system(TenantId(tenant), "test"))
}

fn note(tenant: i64, id: i64) -> Note {
    Note {
        tenant_id: TenantId(tenant),
        id,
        body: format!("{tenant}.{id}"),
    }
}

async fn walled() -> (Db, Database, String) {
    let mut database = Postgres::shared().database().unwrap();
    let url = database.give_to_plain_owner().unwrap();
    let db = opened(&url, true, &[NOTES]).await;
    for tenant in [1, 2] {
        let session = of(&db, tenant);
        let rows = vec![note(tenant, tenant * 10), note(tenant, tenant * 10 + 1)];
        session.insert_many(rows, OnConflict::Fail).await.unwrap();
    }
    (db, database, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_forgets_the_tenant_sees_and_changes_its_own_rows_only() {
    let (db, database, _) = walled().await;
    let (one, two, all) = (of(&db, 1), of(&db, 2), of(&db, 0));
    assert_eq!(one.run(&BODIES, ()).await.unwrap(), ["1.10", "1.11"]);
    assert_eq!(two.run(&SLOWLY, ()).await.unwrap(), ["2.20", "2.21"]);
    // Work that is for no tenant in particular sees all.
    assert_eq!(all.run(&COUNT, ()).await.unwrap(), 4);
    assert_eq!(of(&db, 3).run(&COUNT, ()).await.unwrap(), 0);
    assert_eq!(one.run(&SET_ALL, ("mine".to_owned(),)).await.unwrap(), 2);
    assert_eq!(two.run(&BODIES, ()).await.unwrap(), ["2.20", "2.21"]);
    // Neither a new row nor an old one gets into another tenant.
    let refused = one.run(&ADD, (TenantId(2), 99, "x".to_owned())).await;
    assert!(
        matches!(refused, Err(Error::Statement { .. })),
        "{refused:?}"
    );
    let refused = one.run(&MOVE, (10, TenantId(2))).await.unwrap_err();
    assert!(!refused.to_string().contains("mine"), "{refused}");
    let many = (1_000..1_400).map(|id| note(2, id)).collect();
    one.insert_many(many, OnConflict::Fail).await.unwrap_err();
    // The same in transactions, in batches and for many rows.
    let seen = two
        .transaction(async |session: Session| session.run(&COUNT, ()).await)
        .await;
    assert_eq!(seen.unwrap(), 2);
    let mut batch = Batch::new();
    batch.run(&EMPTY, ());
    two.batch(batch).await.unwrap();
    let many = (1_000..1_400).map(|id| note(2, id)).collect();
    let copied = two.insert_many(many, OnConflict::Fail).await.unwrap();
    assert_eq!(copied, 400);
    let left = database.psql(&["SELECT tenant_id, count(*) FROM notes GROUP BY 1 ORDER BY 1"]);
    assert_eq!(left.unwrap(), "1|2\n2|400");
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_go_from_tenant_to_tenant_and_take_nothing_along() {
    let (db, _database, _) = walled().await;
    let turns = (0..400).map(|turn| {
        let (db, tenant) = (db.clone(), turn % 2 + 1);
        async move {
            let session = of(&db, tenant);
            let bodies = if turn % 5 == 0 {
                session
                    .transaction(async |session: Session| session.run(&BODIES, ()).await)
                    .await
            } else {
                session.run(&BODIES, ()).await
            };
            let first = format!("{tenant}.{tenant}0");
            assert_eq!(bodies.unwrap()[0], first);
        }
    });
    futures::future::join_all(turns).await;
    // A refusal leaves its connection as good as before.
    for _ in 0..20 {
        of(&db, 1)
            .run(&ADD, (TenantId(2), 99, "x".to_owned()))
            .await
            .unwrap_err();
    }
    assert_eq!(of(&db, 2).run(&COUNT, ()).await.unwrap(), 2);
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wall_is_built_and_taken_down_with_the_setting() {
    let mut database = Postgres::shared().database().unwrap();
    let url = database.give_to_plain_owner().unwrap();
    let open = opened(&url, false, &[FIRST]).await;
    let session = of(&open, 1);
    session
        .insert_many(vec![note(1, 1), note(2, 2)], OnConflict::Fail)
        .await
        .unwrap();
    assert_eq!(session.run(&COUNT, ()).await.unwrap(), 2);
    open.close().await;
    let closed = opened(&url, true, &[FIRST]).await;
    assert_eq!(of(&closed, 1).run(&COUNT, ()).await.unwrap(), 1);
    closed.close().await;
    // A migration of a later release changes the rows of all.
    let closed = opened(&url, true, &[NOTES]).await;
    assert_eq!(of(&closed, 2).run(&BODIES, ()).await.unwrap(), ["2.2!"]);
    closed.close().await;
    // Another program of the same role, which says nothing, sees nothing.
    let nothing = database.psql(&[&format!(
        "SET ROLE {}; SELECT count(*) FROM notes",
        database.name()
    )]);
    assert_eq!(nothing.unwrap(), "0");
    let open = opened(&url, false, &[NOTES]).await;
    assert_eq!(of(&open, 1).run(&COUNT, ()).await.unwrap(), 2);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_no_wall_stops_is_a_clear_error() {
    let database = Postgres::shared().database().unwrap();
    let mut config = DbConfig::new(database.url());
    config.postgres.row_security = true;
    let db = Db::open(config).await.unwrap();
    let refused = db.migrate(&[NOTES]).await.unwrap_err();
    assert_eq!(refused.code(), "db.address");
    assert!(refused.to_string().contains("superuser"), "{refused}");
    db.close().await;
}
