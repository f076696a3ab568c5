//! What is told of which write.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brisk_core::{Deadline, TenantId};
use brisk_db::{Batch, Cell, Error, Event, OnConflict, Record, Session, Value, What};
use futures::future::join_all;
use jiff::Timestamp;
use uuid::Uuid;

use super::world::*;
use crate::harness::LONG;

const ONE: TenantId = TenantId(1);

#[derive(Record)]
#[record(table = "items")]
struct Item {
    id: i64,
    tenant_id: TenantId,
    status: String,
}

fn items(ids: std::ops::Range<i64>) -> Vec<Item> {
    ids.map(|id| Item {
        id,
        tenant_id: TenantId(id % 2 + 1),
        status: "bulk".to_owned(),
    })
    .collect()
}

on_both! {
    async fn every_kind_of_write_is_told_by_its_rows(db: TestDb) {
        let session = captured(&db).await;
        let mut events = db.db.changes().subscribe();
        trusted(&mut events).await;
        let text = str::to_owned;
        session.run(&ADD, (1, ONE, text("a"))).await.unwrap();
        assert_eq!(commit(&mut events).await, ["items 1: 1 () -> a"]);
        session.run(&SET, (1, text("b"))).await.unwrap();
        assert_eq!(commit(&mut events).await, ["items 1: 1 a -> b"]);
        session.run(&PUT, (1, ONE, text("c"))).await.unwrap();
        assert_eq!(commit(&mut events).await, ["items 1: 1 b -> c"]);
        session.run(&MOVE, (1, TenantId(2))).await.unwrap();
        assert_eq!(commit(&mut events).await, ["items 1: 1 c -> ()", "items 2: 1 () -> c"]);
        session.run(&RENUMBER, (1, 5)).await.unwrap();
        assert_eq!(commit(&mut events).await, ["items 2: 1 c -> ()", "items 2: 5 () -> c"]);
        // What changes nothing, or nothing that is captured, is not told.
        session.run(&SET, (77, text("x"))).await.unwrap();
        session.run(&ADD_PLAIN, (1,)).await.unwrap();
        session.run(&DELETE, (5,)).await.unwrap();
        assert_eq!(commit(&mut events).await, ["items 2: 5 c -> ()"]);
    }

    async fn a_transaction_is_told_whole_in_its_order_and_only_if_it_commits(db: TestDb) {
        let session = captured(&db).await;
        let mut events = db.db.changes().subscribe();
        trusted(&mut events).await;
        let undone: Result<(), Error> = session
            .transaction(async |s: Session| {
                s.run(&ADD, (9, ONE, "undone".to_owned())).await?;
                Err(Error::Cursor)
            })
            .await;
        undone.unwrap_err();
        session
            .transaction(async |s: Session| {
                s.run(&ADD, (1, ONE, "a".to_owned())).await?;
                s.run(&ADD_NOTE, (7, ONE, 1)).await?;
                s.run(&SET, (1, "b".to_owned())).await
            })
            .await
            .unwrap();
        assert_eq!(
            commit(&mut events).await,
            ["items 1: 1 () -> a", "notes 1: 7 () -> ?", "items 1: 1 a -> b"]
        );
        let mut batch = Batch::new();
        batch
            .run_each(&SET, [(1, "c".to_owned()), (1, "d".to_owned())])
            .insert_many(items(20..22), OnConflict::Fail);
        session.batch(batch).await.unwrap();
        let mut told = commit(&mut events).await;
        told[2..].sort();
        assert_eq!(
            told,
            ["items 1: 1 b -> c", "items 1: 1 c -> d", "items 1: 20 () -> bulk", "items 2: 21 () -> bulk"]
        );
    }

    async fn what_a_savepoint_undoes_is_not_told(db: TestDb) {
        let session = captured(&db).await;
        let mut events = db.db.changes().subscribe();
        trusted(&mut events).await;
        session
            .transaction(async |s: Session| {
                s.run(&ADD, (1, ONE, "a".to_owned())).await?;
                let undone: Result<(), Error> = s
                    .savepoint(async |s: Session| {
                        s.run(&ADD, (2, ONE, "undone".to_owned())).await?;
                        s.savepoint(async |s: Session| s.run(&ADD, (3, ONE, "undone".to_owned())).await).await?;
                        s.run(&ADD, (1, ONE, "twice".to_owned())).await?;
                        Ok(())
                    })
                    .await;
                assert!(matches!(undone, Err(Error::Constraint { .. })), "{undone:?}");
                s.savepoint(async |s: Session| s.run(&ADD, (4, ONE, "b".to_owned())).await).await
            })
            .await
            .unwrap();
        assert_eq!(commit(&mut events).await, ["items 1: 1 () -> a", "items 1: 4 () -> b"]);
    }

    async fn a_batch_that_fails_is_not_told_and_those_beside_it_are(db: TestDb) {
        let session = captured(&db).await;
        session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
        let stream = db.db.changes();
        let mut events = stream.subscribe();
        trusted(&mut events).await;
        // On SQLite they share commits.
        join_all((0..20).map(async |turn: i64| {
            let session = &session;
            let mut batch = Batch::new();
            batch.run_each(&SET, [(1, format!("{turn}"))]);
            if turn % 2 == 0 {
                batch.run_each(&ADD, [(1, ONE, "twice".to_owned())]);
                session.batch(batch).await.unwrap_err();
            } else {
                session.batch(batch).await.unwrap();
            }
        }))
        .await;
        session.run(&DELETE, (1,)).await.unwrap();
        let mut told = Vec::new();
        while told.last().is_none_or(|last: &String| !last.ends_with("()")) {
            told.extend(commit(&mut events).await);
        }
        assert_eq!(told.len(), 11, "{told:?}");
        let odd = |line: &String| line.ends_with(['1', '3', '5', '7', '9']);
        assert!(told[..10].iter().all(odd), "{told:?}");
    }

    async fn a_cascade_is_told_too(db: TestDb) {
        let session = captured(&db).await;
        session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
        session.run(&ADD_NOTE, (7, ONE, 1)).await.unwrap();
        session.run(&ADD_NOTE, (8, ONE, 1)).await.unwrap();
        let mut events = db.db.changes().subscribe();
        trusted(&mut events).await;
        session.run(&DELETE, (1,)).await.unwrap();
        let mut told = commit(&mut events).await;
        told.sort();
        assert_eq!(told, ["items 1: 1 a -> ()", "notes 1: 7 ? -> ()", "notes 1: 8 ? -> ()"]);
    }

    async fn emptying_a_table_is_told(db: TestDb) {
        let session = captured(&db).await;
        for id in 0..3 {
            session.run(&ADD, (id, ONE, "a".to_owned())).await.unwrap();
        }
        let mut events = db.db.changes().subscribe();
        trusted(&mut events).await;
        session.run(&DELETE_ALL, ()).await.unwrap();
        assert_eq!(commit(&mut events).await.len(), 3);
        if db.db.file().is_none() {
            foreign(&db, "TRUNCATE items CASCADE");
            let mut told = commit(&mut events).await;
            told.sort();
            assert_eq!(told, ["items -: many", "notes -: many"]);
        }
    }

    async fn values_are_equal_to_the_parameters_that_wrote_them(db: TestDb) {
        let session = captured(&db).await;
        let mut events = db.db.changes().subscribe();
        trusted(&mut events).await;
        let key = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let at: Timestamp = "2026-03-06T12:00:00.123456Z".parse().unwrap();
        let expected = [
            ("flag", Value::Bool(true)),
            ("raw", Value::Bytes(vec![0, 1, 255])),
            ("key", Value::Uuid(key)),
            ("at", Value::Instant(at)),
            ("day", Value::Date("2026-03-06".parse().unwrap())),
            ("status", Value::Text("it's \"x\" \u{e4}\n".into())),
            ("n", Value::Int(i64::MIN)),
        ];
        let status = "it's \"x\" \u{e4}\n".to_owned();
        let day = "2026-03-06".parse().unwrap();
        let values = (true, vec![0, 1, 255], key, at, day, status, i64::MIN);
        session.run(&ADD_ALL, values).await.unwrap();
        let Event::Committed(commit) = next(&mut events).await else { panic!() };
        let What::Row { new: Some(cells), old: None, .. } = &commit.changes[0].what else {
            panic!("{commit:?}");
        };
        for (column, value) in expected {
            assert_eq!(cells.get(column), Cell::of(&value).as_ref(), "{column}");
        }
    }

    async fn many_rows_are_told_by_table_and_tenant(db: TestDb) {
        let session = captured(&db).await;
        let mut events = db.db.changes().subscribe();
        trusted(&mut events).await;
        assert_eq!(session.insert_many(items(0..6_000), OnConflict::Fail).await.unwrap(), 6_000);
        let mut told = commit(&mut events).await;
        told.sort();
        assert_eq!(told, ["items 1: many", "items 2: many"]);
        session.run(&SET_ALL, ("x".to_owned(),)).await.unwrap();
        let mut told = commit(&mut events).await;
        told.sort();
        assert_eq!(told, ["items 1: many", "items 2: many"]);
        // A bulk load that fails leaves the triggers at work.
        session.insert_many(items(5_900..6_100), OnConflict::Fail).await.unwrap_err();
        session.run(&SET, (1, "y".to_owned())).await.unwrap();
        assert_eq!(commit(&mut events).await, ["items 2: 1 x -> y"]);
    }

    async fn another_program_is_heard_within_the_bound(db: TestDb) {
        let session = captured(&db).await;
        session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
        let mut events = db.db.changes().subscribe();
        trusted(&mut events).await;
        foreign(&db, "UPDATE items SET status = 'b' WHERE id = 1");
        let written = Instant::now();
        let told = commit(&mut events).await;
        assert!(written.elapsed() < Duration::from_millis(500), "{:?}", written.elapsed());
        if db.db.file().is_none() {
            assert_eq!(told, ["items 1: 1 a -> b"]);
            return;
        }
        // Our triggers are not in the file: whole tables are told.
        let mut told = told;
        told.sort();
        assert_eq!(told, ["items -: many", "notes -: many"]);
        foreign(&db, "INSERT INTO plain VALUES (5)");
        assert_eq!(commit(&mut events).await.len(), 2);
    }

    async fn a_hook_hears_before_the_caller(db: TestDb) {
        let session = captured(&db).await;
        let stream = db.db.changes();
        let mut events = stream.subscribe();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&heard);
        let hook = stream.on_event(move |event| {
            if !matches!(event, Event::Reached(_)) {
                list.lock().unwrap().push(event.clone());
            }
        });
        trusted(&mut events).await;
        heard.lock().unwrap().clear();
        let precise = db.db.file().is_some();
        // What an earlier write led to may still come in between.
        let first = || {
            let heard = heard.lock().unwrap();
            let fits = |e: &&Event| matches!(e, Event::Committed(_)) == precise;
            heard.iter().find(fits).cloned()
        };
        let check = |table: &str| match first() {
            Some(Event::Committed(commit)) => {
                assert!(commit.changes.iter().any(|c| &*c.table == table), "{commit:?}");
            }
            Some(Event::Wrote(wrote)) => {
                let tables = wrote.tables.as_deref().unwrap();
                assert!(tables.iter().any(|t| &**t == table), "{tables:?}");
                assert_eq!(wrote.tenant, ONE);
            }
            other => panic!("{other:?}"),
        };
        session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
        check("items");
        heard.lock().unwrap().clear();
        // A delete of items reaches notes along the foreign key.
        session.transaction(async |s: Session| s.run(&ADD_NOTE, (7, ONE, 1)).await).await.unwrap();
        check("notes");
        heard.lock().unwrap().clear();
        session.run(&DELETE, (1,)).await.unwrap();
        check("items");
        check("notes");
        let ticket = match first() {
            Some(Event::Wrote(wrote)) => Some(wrote.ticket),
            _ => None,
        };
        // The exact changes have been told once the ticket has passed.
        if let Some(ticket) = ticket {
            let began = Instant::now();
            while !stream.has_passed(ticket) {
                assert!(began.elapsed() < LONG);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let told = heard.lock().unwrap().iter().filter_map(|e| match e {
                Event::Committed(commit) => Some(commit.changes.len()),
                _ => None,
            }).sum::<usize>();
            assert!(told >= 2, "{told}");
        }
        heard.lock().unwrap().clear();
        drop(hook);
        session.run(&ADD, (2, ONE, "a".to_owned())).await.unwrap();
        assert!(heard.lock().unwrap().is_empty());
    }

    async fn who_waits_for_a_position_has_heard_of_it(db: TestDb) {
        let session = captured(&db).await;
        let stream = db.db.changes();
        let mut events = stream.subscribe();
        let told = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&told);
        let _hook = stream.on_event(move |event| {
            if let Event::Committed(commit) = event {
                list.lock().unwrap().extend(commit.changes.iter().map(shown));
            }
        });
        trusted(&mut events).await;
        join_all((0..50).map(async |id| {
            session.run(&ADD, (id, ONE, "a".to_owned())).await.unwrap();
            let position = session.position().await.unwrap();
            let position = position.to_string().parse().unwrap();
            stream.reached(&position, Deadline::after(LONG)).await.unwrap();
        }))
        .await;
        let mut told = told.lock().unwrap().clone();
        told.sort();
        told.dedup();
        assert_eq!(told.len(), 50);
        let late = "p:1000000000:1000000000:".parse().unwrap();
        if db.db.file().is_none() {
            let soon = Deadline::after(Duration::from_millis(50));
            assert!(matches!(stream.reached(&late, soon).await, Err(Error::Timeout { .. })));
        }
    }
}
