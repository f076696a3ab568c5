use std::time::Duration;

use futures::future::join_all;

use brisk_db::{Error, MigrationSet, Session};

use crate::harness::{ADD_OWNER, AGE, COUNT, OWNERS, TestDb, add};

/// What a full disk does too, but to order: the engine undoes the whole transaction.
const UNDOES: MigrationSet = MigrationSet {
    name: "undoes",
    history: "brisk_migrations_undoes",
    postgres: &[],
    sqlite: &[(
        "V1__undoes",
        "CREATE TRIGGER undoes BEFORE INSERT ON owners WHEN NEW.age = 66
         BEGIN SELECT RAISE(ROLLBACK, 'undone'); END;",
    )],
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_engine_undoes_a_group_exactly_the_acknowledged_writes_stay() {
    let db = TestDb::sqlite().await;
    db.db.migrate(&[UNDOES]).await.unwrap();
    let session = db.session();
    let bad = |id: i64| id % 40 == 7;
    let results = join_all((0..400).map(|id| {
        let age = if bad(id) { 66 } else { 1 };
        session.run(&ADD_OWNER, (id, format!("{id}@example.org"), age))
    }))
    .await;
    for (id, result) in (0..).zip(&results) {
        if bad(id) {
            assert!(matches!(result, Err(e) if e.is_constraint()), "{result:?}");
        } else {
            assert!(
                matches!(result, Ok(1) | Err(Error::Unavailable { .. })),
                "{result:?}"
            );
        }
    }
    let acknowledged: Vec<i64> = (0..)
        .zip(&results)
        .filter_map(|(id, r)| r.is_ok().then_some(id))
        .collect();
    assert!(!acknowledged.is_empty());
    assert_eq!(session.run(&OWNERS, ()).await.unwrap(), acknowledged);
    // A transaction that was undone in the middle does not go on outside of itself.
    let result = session
        .transaction(async |s: Session| {
            s.run(&ADD_OWNER, (1_000, "1000".to_owned(), 66))
                .await
                .unwrap_err();
            add(&s, 1_001).await
        })
        .await;
    assert!(result.is_err());
    assert_eq!(session.run(&OWNERS, ()).await.unwrap(), acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_share_commits() {
    let db = TestDb::sqlite().await;
    let session = db.session();
    let before = db.db.group_commits().unwrap();
    let writers = (0..64_i64).map(|writer| {
        let session = session.clone();
        tokio::spawn(async move {
            for n in 0..50 {
                let id = writer * 1_000 + n;
                add(&session, id).await.unwrap();
                // Whoever has its answer sees its write.
                assert_eq!(session.run(&AGE, (id,)).await.unwrap(), Some(1));
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let after = db.db.group_commits().unwrap();
    let (written, commits) = (after.writes - before.writes, after.commits - before.commits);
    assert_eq!(written, 64 * 50);
    assert!(
        commits * 5 < written,
        "{written} writes in {commits} commits"
    );
    assert_eq!(session.run(&COUNT, ()).await.unwrap(), 64 * 50);
}

on_both! {
    async fn a_write_is_seen_as_soon_as_it_is_answered(db: TestDb) {
        let session = db.session();
        join_all((0..300).map(async |id| {
            add(&session, id).await.unwrap();
            assert_eq!(session.run(&AGE, (id,)).await.unwrap(), Some(1));
        }))
        .await;
    }

    async fn a_short_queue_makes_callers_wait_and_loses_nothing(db: TestDb) {
        let session = db.session_for(Duration::from_secs(20));
        let results = join_all((0..2_000).map(|id| add(&session, id))).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 2_000);
    }
}
