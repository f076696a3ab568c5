use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_core::{Scope, TenantId};
use brisk_db::{Db, Error, Session, SharedLoads};
use futures::future::join_all;
use tokio::time::timeout;
use uuid::Uuid;

use crate::harness::{COUNT, LONG, TestDb};
use crate::library::{
    ADD_BOOK, ADD_CARD, ADD_WRITER, ALL, ANY_BOOK, BOOKS, CARD, CITY, ENDLESS, Mood, TEMPER,
    WRITER, fill, name,
};

/// A request of its own, with a ledger of its own.
fn request(db: &Db, tenant: i64) -> Session {
    db.session(Scope::system(TenantId(tenant), "test"))
}

/// What was shared while `work` ran. On a worker of the runtime, as requests are served.
async fn shared<T: Send + 'static>(
    db: &TestDb,
    work: impl Future<Output = T> + Send + 'static,
) -> (T, SharedLoads) {
    let before = db.db.shared_loads();
    let result = timeout(LONG, tokio::spawn(work)).await.unwrap().unwrap();
    let after = db.db.shared_loads();
    let shared = SharedLoads {
        loads: after.loads - before.loads,
        statements: after.statements - before.statements,
    };
    (result, shared)
}

/// One request for each of `ids`, each a task of its own.
async fn requests(db: Db, ids: impl Iterator<Item = i64> + Send + 'static) -> Vec<Session> {
    let tasks: Vec<_> = ids
        .map(|id| {
            let session = request(&db, 1);
            tokio::spawn(async move {
                let writer = session.load(&WRITER, id).await.unwrap().unwrap();
                assert_eq!(writer.name, name(1, id));
                session
            })
        })
        .collect();
    let mut sessions = Vec::new();
    for task in tasks {
        sessions.push(task.await.unwrap());
    }
    sessions
}

/// A single thread, so that what is one tick does not depend on the machine.
async fn requests_of_a_tick_share_one_statement(db: TestDb) {
    fill(&db, 100).await;
    let (sessions, counts) = shared(&db, requests(db.db.clone(), 1..=100)).await;
    assert_eq!((counts.loads, counts.statements), (100, 1));
    for session in sessions {
        let cost = session.scope().ledger().summary();
        assert_eq!((cost.statements, cost.loads, cost.rows), (1, 1, 1));
    }
}

#[tokio::test]
async fn requests_of_a_tick_share_one_statement_on_sqlite() {
    requests_of_a_tick_share_one_statement(TestDb::sqlite().await).await;
}

#[tokio::test]
async fn requests_of_a_tick_share_one_statement_on_postgres() {
    requests_of_a_tick_share_one_statement(TestDb::postgres().await).await;
}

on_both! {
    async fn declared_loads_fit_both_schemas(db: TestDb) {
        fill(&db, 1).await;
        assert_eq!(db.db.verify(ALL).await.unwrap(), []);
    }

    async fn loads_that_are_awaited_together_are_one_statement(db: TestDb) {
        fill(&db, 100).await;
        let session = db.session();
        let own = session.clone();
        // Some are asked for twice, some are not there.
        let (found, counts) = shared(&db, async move {
            join_all((0..300).map(|i| own.load(&WRITER, i % 150))).await
        })
        .await;
        for (i, found) in (0..300).zip(found) {
            let id = i % 150;
            let expected = (1..=100).contains(&id).then(|| name(1, id));
            assert_eq!(found.unwrap().map(|w| w.name), expected);
        }
        assert_eq!((counts.loads, counts.statements), (300, 1));
        let cost = session.scope().ledger().summary();
        assert_eq!((cost.statements, cost.loads, cost.rows), (1, 300, 200));
        let by_name = session.scope().ledger().statements();
        assert_eq!((by_name[0].name, by_name[0].calls, by_name[0].loads), ("library.writer", 1, 300));
    }

    async fn tenants_share_a_statement_only_where_no_tenant_owns_the_table(db: TestDb) {
        fill(&db, 20).await;
        let both = [1, 2].map(|tenant| request(&db.db, tenant));
        let own = both.clone();
        let (names, counts) = shared(&db, async move {
            join_all(own.iter().flat_map(|s| (1..=20).map(|id| s.load(&WRITER, id)))).await
        })
        .await;
        let expected = [1, 2].into_iter().flat_map(|tenant| (1..=20).map(move |id| name(tenant, id)));
        for (found, expected) in names.into_iter().zip(expected) {
            assert_eq!(found.unwrap().unwrap().name, expected);
        }
        assert_eq!(counts.statements, 2);
        let own = both.clone();
        let (cities, counts) = shared(&db, async move {
            join_all(own.iter().map(|s| s.load(&CITY, "ulm".to_owned()))).await
        })
        .await;
        assert!(cities.into_iter().all(|city| city.unwrap().unwrap().name == "City of ulm"));
        assert_eq!((counts.loads, counts.statements), (2, 1));
        // Nobody else's row.
        let stranger = request(&db.db, 3);
        assert_eq!(stranger.load(&WRITER, 1).await.unwrap(), None);
        assert!(stranger.load(&BOOKS, 1).await.unwrap().is_empty());
    }

    async fn children_come_in_order_and_up_to_the_limit(db: TestDb) {
        fill(&db, 10).await;
        let session = db.session();
        session.run(&ADD_BOOK, (1, 999, 4, "a draft".to_owned(), 2050)).await.unwrap();
        let many = session.load_many(&BOOKS, vec![4, 3, 5, 4, 77]).await.unwrap();
        let titles: Vec<Vec<_>> = many
            .iter()
            .map(|books| books.iter().map(|b| b.title.as_str()).collect())
            .collect();
        let four = vec!["book 3", "book 2", "book 1"];
        assert_eq!(titles, [four.clone(), vec!["book 2", "book 1", "book 0"], vec![], four, vec![]]);
        let cut: Vec<_> = many.iter().map(brisk_db::Many::is_cut).collect();
        assert_eq!(cut, [true, false, false, true, false]);
        assert_eq!(session.load(&BOOKS, 4).await.unwrap(), many[0]);
        let broken = session.load(&ANY_BOOK, 4).await;
        assert!(matches!(broken, Err(Error::Statement { statement: "library.any_book", .. })), "{broken:?}");
    }

    async fn keys_may_be_uuids(db: TestDb) {
        fill(&db, 1).await;
        let session = db.session();
        let keys: Vec<_> = (1..=50_u128).map(Uuid::from_u128).collect();
        session.run_each(&ADD_CARD, keys.iter().map(|key| (1, *key, 7))).await.unwrap();
        for (key, card) in keys.iter().zip(session.load_many(&CARD, keys.clone()).await.unwrap()) {
            let card = card.unwrap();
            assert_eq!((card.key, card.writer_id), (*key, 7));
        }
        assert_eq!(session.load(&CARD, Uuid::nil()).await.unwrap(), None);
    }

    async fn what_fails_for_one_key_is_that_keys_alone(db: TestDb) {
        fill(&db, 50).await;
        let session = db.session();
        for (id, mood) in [(101, "a word that nobody knows"), (102, "furious")] {
            session.run(&ADD_WRITER, (1, id, "x".to_owned(), None, mood.to_owned())).await.unwrap();
        }
        let own = session.clone();
        let (found, counts) = shared(&db, async move {
            let ids = (1..=50).chain([101, 102]);
            join_all(ids.map(|id| own.load(&TEMPER, id))).await
        })
        .await;
        assert_eq!(counts.statements, 1);
        let (well, ill) = found.split_at(50);
        assert!(well.iter().all(|t| t.as_ref().unwrap().as_ref().unwrap().mood == Mood::Glad));
        assert!(matches!(ill[0], Err(Error::Decode { statement: "library.temper", .. })), "{:?}", ill[0]);
        assert!(matches!(ill[1], Err(Error::Statement { statement: "library.temper", .. })), "{:?}", ill[1]);
        // PostgreSQL refuses the whole statement for a text with a zero in it.
        let own = session.clone();
        let (found, _) = shared(&db, async move {
            let codes = (0..40).map(|i| if i == 17 { "u\0lm" } else { "ulm" }.to_owned() + if i % 2 == 0 { "" } else { "?" });
            join_all(codes.map(|code| own.load(&CITY, code))).await
        })
        .await;
        for (i, city) in found.into_iter().enumerate() {
            match city {
                Ok(city) => assert_eq!(city.is_some(), i % 2 == 0, "{i}"),
                Err(e) => assert!(i == 17 && matches!(e, Error::Statement { .. }), "{i}: {e:?}"),
            }
        }
    }

    async fn each_caller_is_released_at_its_own_deadline(db: TestDb) {
        let [hasty, calm] = [150, 600].map(Duration::from_millis);
        let began = Instant::now();
        let ask = |span| {
            let session = db.session_for(span);
            async move {
                let result = session.load(&ENDLESS, 1).await;
                assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
                assert_eq!(session.scope().ledger().summary().loads, 1);
                began.elapsed()
            }
        };
        // In one batch, whatever the order.
        let released = timeout(LONG, join_all([ask(calm), ask(hasty), ask(calm)])).await.unwrap();
        assert!(released[1] >= hasty && released[1] < calm, "{released:?}");
        assert!(released[0] >= calm && released[2] >= calm, "{released:?}");
        assert!(released.iter().all(|r| *r < calm * 4), "{released:?}");
        assert_eq!(db.db.shared_loads().statements, 1);
        let late = db.session_for(Duration::ZERO).load(&ENDLESS, 1).await;
        assert!(matches!(late, Err(Error::Timeout { .. })));
        assert_eq!(db.db.shared_loads().statements, 1);
    }

    async fn a_transaction_reads_what_it_wrote_and_shares_nothing(db: TestDb) {
        fill(&db, 1).await;
        let result = db
            .session()
            .transaction(async |s: Session| {
                s.run(&ADD_WRITER, (1, 2, name(1, 2), None, "glad".to_owned())).await?;
                let inside = s.load(&WRITER, 2).await?;
                assert_eq!(inside.unwrap().name, name(1, 2));
                let outside = request(s.db(), 1).load(&WRITER, 2).await?;
                assert_eq!(outside, None);
                assert_eq!(s.db().shared_loads(), SharedLoads { loads: 1, statements: 1 });
                Ok::<_, Error>(())
            })
            .await;
        result.unwrap();
        assert!(db.session().load(&WRITER, 2).await.unwrap().is_some());
    }
}

/// The bounds hold, and what they refused is free again afterwards.
async fn queue_and_batch_are_bounded(db: TestDb) {
    fill(&db, 100).await;
    let session = db.session();
    let own = session.clone();
    let (found, counts) = shared(&db, async move {
        join_all((1..=100).map(|id| own.load(&WRITER, id))).await
    })
    .await;
    let refused = |r: &Result<_, Error>| matches!(r, Err(Error::Overloaded { .. }));
    assert_eq!(found.iter().filter(|r| refused(r)).count(), 60);
    assert_eq!(found.iter().filter(|r| r.is_ok()).count(), 40);
    assert_eq!((counts.loads, counts.statements), (40, 4));
    let own = session.clone();
    let (found, counts) = shared(&db, async move {
        join_all((1..=40).map(|id| own.load(&WRITER, id))).await
    })
    .await;
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(counts.statements, 4);
    let before = session.scope().ledger().summary().statements;
    let all = session
        .load_many(&WRITER, (1..=100).collect())
        .await
        .unwrap();
    assert!(all.iter().all(Option::is_some));
    assert_eq!(session.scope().ledger().summary().statements - before, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queue_and_batch_are_bounded_on_sqlite() {
    let small = |c: &mut brisk_db::DbConfig| (c.load.queue, c.load.batch_max) = (40, 10);
    queue_and_batch_are_bounded(TestDb::sqlite_with(small).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queue_and_batch_are_bounded_on_postgres() {
    let small = |c: &mut brisk_db::DbConfig| (c.load.queue, c.load.batch_max) = (40, 10);
    queue_and_batch_are_bounded(TestDb::postgres_with(small).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_nobody_waits_for_is_given_up() {
    let db = TestDb::sqlite_with(|c| c.sqlite.readers = 1).await;
    let session = db.session();
    let all = join_all((0..10).map(|id| session.load(&ENDLESS, id)));
    assert!(timeout(Duration::from_millis(150), all).await.is_err());
    // The only reader is free again, and so are the places.
    let began = Instant::now();
    timeout(LONG, session.run(&COUNT, ()))
        .await
        .unwrap()
        .unwrap();
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_is_no_longer_polled_holds_nobody_up() {
    let db = TestDb::sqlite().await;
    fill(&db, 10).await;
    let session = Arc::new(db.session());
    let mut opener = Box::pin(session.load(&WRITER, 1));
    assert!(futures::poll!(&mut opener).is_pending());
    let other = Arc::clone(&session);
    let second = tokio::spawn(async move { other.load(&WRITER, 2).await });
    let found = timeout(LONG, second).await.unwrap().unwrap().unwrap();
    assert_eq!(found.unwrap().name, name(1, 2));
    assert_eq!(opener.await.unwrap().unwrap().name, name(1, 1));
}
