//! The index that is missing is found, told in words of SQL, and told no more once it is there.

use std::sync::Arc;
use std::time::Instant;

use brisk_core::{Clock, FindingKind, Ledger, Scope, TenantId};
use brisk_db::{Affected, Db, DbConfig, Session, System, statements};
use brisk_telemetry::{PerfStats, TelemetryConfig};

use crate::harness::{LONG, Place, TestDb};

statements! {
    prefix "advice";

    FILL_OWNERS(rows: i64) -> Affected
        = "INSERT INTO owners (id, email, age) SELECT n, 'mail ' || n, (n % 50)::integer FROM generate_series(1, $1::bigint) AS n",
        sqlite "INSERT INTO owners (id, email, age) WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < $1)
            SELECT n, 'mail ' || n, n % 50 FROM s";
    FILL_PETS() -> Affected
        = "INSERT INTO pets (id, owner, name) SELECT id, id, 'pet ' || (id % 5000) FROM owners";
    FILL_THINGS() -> Affected = "INSERT INTO things (id, label) SELECT id, 'thing ' || id FROM owners";
    ANALYZE() -> Affected = "ANALYZE";
    SMALL(label: String) -> Vec<i64> = "SELECT id FROM things WHERE label = $1";
    BY_KEY(id: i64) -> Vec<i64> = "SELECT owner FROM pets WHERE id = $1";
    MANY(id: i64) -> Vec<i64> = "SELECT id FROM pets WHERE owner > $1";
    EITHER(name: String, id: i64) -> Vec<i64> = "SELECT id FROM pets WHERE name = $1 OR owner = $2";
    RENAME(name: String, new: String) -> Affected = "UPDATE pets SET name = $2 WHERE name = $1";
    OF_OWNER(owner: i64) -> Vec<String>
        = "SELECT p.name FROM pets AS p WHERE p.owner = $1 AND p.name >= 'a' ORDER BY p.name";
    FIRST(limit: i64) -> Vec<i64> = "SELECT id FROM owners ORDER BY age DESC, id DESC LIMIT $1";
}

/// A session whose statements are looked at.
fn traced(db: &TestDb) -> Session {
    let scope = Scope::system(TenantId(1), "test").counted_in(Arc::new(Ledger::traced()));
    db.db.session(scope)
}

/// The statements found so far with their indexes, once `last` is among them. Questions are answered in order.
async fn found(perf: &PerfStats, last: &str) -> Vec<(String, String)> {
    let began = Instant::now();
    loop {
        let all = perf.findings();
        if all.iter().any(|f| f.statement == last) {
            assert!(all.iter().all(|f| f.kind == FindingKind::MissingIndex));
            let mut all: Vec<_> = all.into_iter().map(|f| (f.statement, f.advice)).collect();
            all.sort();
            return all;
        }
        assert!(began.elapsed() < LONG, "{last} is not found: {all:?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

on_both! {
    async fn an_index_that_is_missing_is_found_on_large_tables_only(db: TestDb) {
        let session = db.session();
        session.run(&FILL_OWNERS, (20_000,)).await.unwrap();
        session.run(&FILL_PETS, ()).await.unwrap();
        if db.db.system() == System::Postgres {
            session.run(&ANALYZE, ()).await.unwrap();
        }
        let perf = PerfStats::new(&TelemetryConfig::default(), Clock::system());
        db.db.measure(Arc::clone(&perf));
        let s = traced(&db);
        s.run(&SMALL, ("a".to_owned(),)).await.unwrap();
        s.run(&BY_KEY, (77,)).await.unwrap();
        s.run(&MANY, (50,)).await.unwrap();
        s.run(&EITHER, ("pet 1".to_owned(), 3)).await.unwrap();
        assert_eq!(s.run(&RENAME, ("pet 7".to_owned(), "rex".to_owned())).await.unwrap(), 4);
        s.run(&FIRST, (10,)).await.unwrap();
        s.run(&OF_OWNER, (5,)).await.unwrap();
        let index = |statement: &str, sql: &str| (statement.to_owned(), sql.to_owned());
        assert_eq!(found(&perf, "advice.of_owner").await, [
            index("advice.first", "CREATE INDEX owners_age_id ON owners (age DESC, id DESC)"),
            index("advice.of_owner", "CREATE INDEX pets_owner_name ON pets (owner, name)"),
            index("advice.rename", "CREATE INDEX pets_name ON pets (name)"),
        ]);
        // What is advised can be done as it stands, and then there is nothing left to advise.
        for (_, sql) in found(&perf, "advice.of_owner").await {
            match &db.place {
                Place::Sqlite(file) => {
                    let conn = rusqlite::Connection::open(file.path()).unwrap();
                    conn.busy_timeout(LONG).unwrap();
                    conn.execute_batch(&sql).unwrap();
                }
                Place::Postgres(database) => drop(database.psql(&[&sql]).unwrap()),
            }
        }
        session.run(&FILL_THINGS, ()).await.unwrap();
        if db.db.system() == System::Postgres {
            session.run(&ANALYZE, ()).await.unwrap();
        }
        let again = Db::open(DbConfig::new(&db.url)).await.unwrap();
        let perf = PerfStats::new(&TelemetryConfig::default(), Clock::system());
        again.measure(Arc::clone(&perf));
        let s = again.session(traced(&db).scope().clone());
        s.run(&RENAME, ("pet 9".to_owned(), "rex".to_owned())).await.unwrap();
        s.run(&FIRST, (10,)).await.unwrap();
        s.run(&OF_OWNER, (5,)).await.unwrap();
        s.run(&SMALL, ("thing 3".to_owned(),)).await.unwrap();
        assert_eq!(found(&perf, "advice.small").await, [
            index("advice.small", "CREATE INDEX things_label ON things (label)"),
        ]);
        again.close().await;
        // Explaining a write writes nothing.
        assert_eq!(session.run(&RENAME, ("rex".to_owned(), "max".to_owned())).await.unwrap(), 8);
    }
}
