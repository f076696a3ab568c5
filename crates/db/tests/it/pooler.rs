//! Behind a pooler that shares the server's connections out by transaction and throws sessions away.

use std::time::Duration;

use brisk_core::Deadline;
use brisk_db::{
    Affected, Batch, Capture, Db, DbConfig, Error, Event, FromRow, MigrationSet, OnConflict, One,
    Session, sea_query, statements,
};
use brisk_testkit::servers::{Database, Pooler, Postgres};
use futures::future::try_join_all;
use sea_query::{Expr, ExprTrait as _, Query};

use crate::harness::{ADD_OWNER, AGE, COUNT, GROW, LONG, SCHEMA, SLOW_APART, add, owner, session};

#[derive(Debug, PartialEq, FromRow)]
struct Id {
    id: i64,
}

statements! {
    prefix "test.pooler";

    NAP(seconds: f64) -> One<bool> = "SELECT true FROM pg_sleep($1)", sqlite "SELECT $1";

    /// A parameter that the server takes for an `integer`, although it is declared as a `bigint`.
    LEFT(count: i64) -> One<String> = "SELECT left('brisk', $1)", sqlite "SELECT $1";

    LIMITS() -> One<String>
        = "SELECT current_setting('statement_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')",
        sqlite "SELECT ''";

    SET_TEXT_AGE(id: i64, age: i64) -> Affected = "UPDATE owners SET age = $2 WHERE id = $1";
}

struct Pooled {
    db: Db,
    _pooler: Pooler,
    database: Database,
}

/// A migrated database, opened through a pooler with two connections.
async fn pooled(change: impl FnOnce(&mut DbConfig)) -> Pooled {
    let database = Postgres::shared().database().unwrap();
    let mut direct = DbConfig::new(database.url());
    direct.capture = Capture::Off;
    let direct = Db::open(direct).await.unwrap();
    direct.migrate(&[SCHEMA]).await.unwrap();
    direct.close().await;
    let pooler = Pooler::before(&database.url(), 2).unwrap();
    let mut config = DbConfig::new(pooler.url());
    config.capture = Capture::Off;
    config.postgres.pool = 4;
    config.postgres.pooler_safe = true;
    change(&mut config);
    let db = Db::open(config).await.unwrap();
    Pooled {
        db,
        _pooler: pooler,
        database,
    }
}

/// What a program does: many reads and writes at once, a slow one, a batch, a bulk insert, transactions, built lists.
async fn everything(session: &Session) -> Result<(), Error> {
    try_join_all((0..40).map(|id| add(session, id))).await?;
    for _ in 0..3 {
        let ages = try_join_all((0..40).map(|id| session.run(&AGE, (id,)))).await?;
        assert_eq!(ages, vec![Some(1); 40]);
        assert_eq!(session.run(&COUNT, ()).await?, 40);
    }
    assert_eq!(session.run(&LEFT, (3,)).await?, "bri");
    assert_eq!(session.run(&SLOW_APART, (100,)).await?, 100);
    let grow = |s: Session| async move {
        assert_eq!(s.run(&GROW, (0,)).await? + 1, s.run(&GROW, (0,)).await?);
        Ok::<_, Error>(())
    };
    for _ in 0..3 {
        session.transaction(grow).await?;
    }
    let mut batch = Batch::new();
    batch.run(&ADD_OWNER, (100, "a".to_owned(), 700));
    batch.run_each(&ADD_OWNER, (101..140).map(|id| (id, format!("b{id}"), 1)));
    session.batch(batch).await?;
    let owners: Vec<_> = (1_000..1_500).map(owner).collect();
    assert_eq!(session.insert_many(owners, OnConflict::Fail).await?, 500);
    let query = Query::select()
        .column("id")
        .from("owners")
        .and_where(Expr::col("age").eq(700))
        .to_owned();
    let found: Vec<Id> = session.select("test.pooler.found", &query).await?;
    assert_eq!(found, [Id { id: 100 }]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_runs_behind_a_pooler_and_only_in_its_mode() {
    let on = pooled(|_| ()).await;
    for _ in 0..2 {
        everything(&session(&on.db)).await.unwrap();
        on.database.psql(&["TRUNCATE owners CASCADE"]).unwrap();
    }
    let off = pooled(|c| c.postgres.pooler_safe = false).await;
    let error = everything(&session(&off.db)).await.unwrap_err();
    assert!(error.to_string().starts_with("test."), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_bring_their_limits_along() {
    let limited = pooled(|c| {
        c.transaction_hold = Duration::from_secs(7);
        c.postgres.slow_statement_timeout = Duration::from_millis(300);
    })
    .await;
    let session = session(&limited.db);
    let limits = session
        .transaction(async |s: Session| s.run(&LIMITS, ()).await)
        .await;
    assert_eq!(limits.unwrap(), "300ms 7s");
    let late = session
        .transaction(async |s: Session| s.run(&NAP, (20.0,)).await)
        .await;
    assert!(matches!(late, Err(Error::Timeout { .. })), "{late:?}");
    // None of it stays on the connection.
    for _ in 0..4 {
        assert_eq!(session.run(&LIMITS, ()).await.unwrap(), "0 0");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_callers_give_up_keeps_no_connection_of_the_server() {
    let pooled = pooled(|c| c.postgres.slow_apart = Duration::ZERO).await;
    let hasty = session(&pooled.db)
        .scope()
        .shortened(Duration::from_millis(300));
    let given_up = try_join_all((0..4).map(|_| async {
        let session = pooled.db.session(hasty.clone());
        let nap = session.transaction(async |s: Session| s.run(&NAP, (600.0,)).await);
        match nap.await {
            Err(Error::Timeout { .. }) => Ok(()),
            other => Err(other),
        }
    }));
    given_up.await.unwrap();
    // The pooler has two connections; both would be asleep.
    tokio::time::timeout(LONG, everything(&session(&pooled.db)))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_schema_costs_no_statement() {
    let pooled = pooled(|_| ()).await;
    let session = session(&pooled.db);
    add(&session, 1).await.unwrap();
    let set = async |age| {
        let mut batch = Batch::new();
        batch.run(&SET_TEXT_AGE, (1, age));
        session.batch(batch).await
    };
    session.run(&SET_TEXT_AGE, (1, 5)).await.unwrap();
    set(6).await.unwrap();
    let retype = "ALTER TABLE owners ALTER COLUMN age TYPE double precision";
    pooled.database.psql(&[retype]).unwrap();
    assert_eq!(session.run(&SET_TEXT_AGE, (1, 5)).await.unwrap(), 1);
    set(6).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_session_goes_past_the_pooler_or_is_refused() {
    let database = Postgres::shared().database().unwrap();
    let pooler = Pooler::before(&database.url(), 2).unwrap();
    let mut config = DbConfig::new(pooler.url());
    config.postgres.pooler_safe = true;
    let refused = Db::open(config.clone()).await.unwrap_err();
    assert!(
        refused.to_string().contains("database.direct_url"),
        "{refused}"
    );
    config.capture = Capture::Off;
    let db = Db::open(config.clone()).await.unwrap();
    let refused = db.migrate(&[SCHEMA]).await.unwrap_err();
    assert!(
        refused.to_string().contains("database.direct_url"),
        "{refused}"
    );
    config.capture = Capture::Outbox;
    config.postgres.direct_url = Some(database.url());
    let db = Db::open(config).await.unwrap();
    db.migrate(&[SCHEMA, CAPTURED]).await.unwrap();
    let stream = db.changes();
    let mut events = stream.subscribe();
    let committed = async { while !matches!(events.next().await.unwrap(), Event::Committed(_)) {} };
    let session = session(&db);
    let written = async {
        let began = session.position().await.unwrap();
        let deadline = Deadline::NONE.shortened(LONG);
        stream.reached(&began, deadline).await.unwrap();
        add(&session, 1).await.unwrap();
    };
    tokio::time::timeout(LONG, async { tokio::join!(committed, written) })
        .await
        .unwrap();
}

const CAPTURED: MigrationSet = MigrationSet {
    name: "pooled",
    history: "brisk_migrations_pooled",
    postgres: &[(
        "V1__pooled",
        "INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('owners', 'id', 'id', 'age')",
    )],
    sqlite: &[],
};
