//! Streams of rows, upserts and updates by key.

use std::sync::atomic::{AtomicU64, Ordering};

use brisk_db::{Error, OnConflict, Record, Session, statements};
use futures::stream;

use crate::harness::{COUNT, OWNERS, Owner, owner};

/// What an update by key may change.
#[derive(Clone, Debug, Record)]
#[record(table = "owners")]
struct Age {
    age: i32,
    id: i64,
}

statements! {
    prefix "test.load";

    AGES() -> Vec<i64> = "SELECT age FROM owners ORDER BY id";
}

/// Every hundredth row is not old enough.
fn some_bad(rows: i64) -> impl stream::Stream<Item = Owner> {
    stream::iter((0..rows).map(|id| Owner {
        age: if id % 100 == 99 { -1 } else { 1 },
        ..owner(id)
    }))
}

on_both! {
    async fn rows_that_are_there_are_replaced_and_the_others_go_in(db: TestDb) {
        let session = db.session();
        session.insert_many(vec![owner(1), owner(2)], OnConflict::Fail).await.unwrap();
        let newer = (2..300).map(|id| Owner { age: 7, ..owner(id) }).collect();
        let key: &[&str] = &["id"];
        session.insert_many::<Owner>(newer, OnConflict::Update { key }).await.unwrap();
        let ages = session.run(&AGES, ()).await.unwrap();
        assert_eq!((ages.len(), ages[0], ages[1], ages[298]), (299, 1, 7, 7));
        // Another unique rule than that of the key is still broken.
        let thief = Owner { email: owner(1).email, ..owner(2) };
        let error = session.insert_many(vec![thief], OnConflict::Update { key }).await.unwrap_err();
        assert!(error.unique_rule().is_some(), "{error}");
    }

    async fn rows_change_by_their_key(db: TestDb) {
        let session = db.session();
        session.insert_many((0..500).map(owner).collect(), OnConflict::Fail).await.unwrap();
        let ages = || (0..1_000).step_by(2).map(|id| Age { age: i32::try_from(id).unwrap(), id }).collect::<Vec<_>>();
        assert_eq!(session.update_many(ages(), &["id"]).await.unwrap(), 250);
        let stored = session.run(&AGES, ()).await.unwrap();
        assert_eq!((stored[0], stored[1], stored[2], stored[499]), (0, 1, 2, 1));
        let mut bad = ages();
        bad[100].age = -1;
        bad[0].age = 99;
        let error = session.update_many(bad, &["id"]).await.unwrap_err();
        assert!(error.is_constraint(), "{error}");
        assert_eq!(session.run(&AGES, ()).await.unwrap()[0], 0);
    }

    async fn refused_rows_are_named_and_the_others_go_in(db: TestDb) {
        let session = db.session();
        let mut told = Vec::new();
        let loaded = session
            .bulk::<Owner>()
            .chunk_rows(400)
            .refuse_up_to(10)
            .progress(|p| told.push((p.read, p.written, p.refused)))
            .run(some_bad(1_000))
            .await
            .unwrap();
        let places: Vec<_> = loaded.refused.iter().map(|r| r.place).collect();
        assert_eq!(places, (0..10).map(|n| n * 100 + 99).collect::<Vec<_>>());
        for refused in &loaded.refused {
            assert!(matches!(&refused.error, Error::Constraint { rule, .. } if rule == "owners_age"));
        }
        assert_eq!(told, [(400, 396, 4), (800, 792, 8), (1_000, 990, 10)]);
        let ids = session.run(&OWNERS, ()).await.unwrap();
        assert_eq!(ids, (0..1_000).filter(|id| id % 100 != 99).collect::<Vec<_>>());
    }

    async fn one_refused_row_too_many_halts_the_load(db: TestDb) {
        let session = db.session();
        let load = session.bulk::<Owner>().chunk_rows(50).refuse_up_to(2).run(some_bad(1_000));
        let halted = load.await.unwrap_err();
        assert!(halted.error.is_constraint());
        assert_eq!(halted.loaded.refused.len(), 2);
        assert_eq!(halted.loaded.progress.written, 297);
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 297);
        // By default none may be refused, and a chunk is all or nothing.
        let rows = stream::iter((2_000..2_300).map(|id| Owner { age: if id == 2_299 { -1 } else { 1 }, ..owner(id) }));
        let halted = session.bulk::<Owner>().chunk_rows(100).run(rows).await.unwrap_err();
        assert_eq!((halted.loaded.progress.read, halted.loaded.refused.len()), (200, 0));
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 497);
    }

    async fn a_load_inside_a_transaction_is_part_of_it(db: TestDb) {
        let session = db.session();
        let load = |s: Session| async move {
            let loaded = s.bulk::<Owner>().chunk_rows(300).refuse_up_to(10).run(some_bad(1_000)).await?;
            assert_eq!((loaded.progress.written, loaded.refused.len()), (990, 10));
            Ok::<_, Error>(s)
        };
        let undone: Result<(), Error> = session
            .transaction(|s| async move {
                load(s).await?;
                Err(Error::Cursor)
            })
            .await;
        undone.unwrap_err();
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
        session.transaction(|s| async move { load(s).await.map(drop) }).await.unwrap();
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 990);
    }

    async fn a_stream_is_taken_no_faster_than_it_is_written(db: TestDb) {
        let session = db.session();
        let (taken, ahead) = (AtomicU64::new(0), AtomicU64::new(0));
        let rows = stream::iter((0..5_000).map(|id| {
            taken.fetch_add(1, Ordering::Relaxed);
            owner(id)
        }));
        let mut settled = 0;
        let loaded = session
            .bulk::<Owner>()
            .chunk_rows(100)
            .progress(|p| {
                ahead.fetch_max(taken.load(Ordering::Relaxed) - settled, Ordering::Relaxed);
                settled = p.read;
            })
            .run(rows)
            .await
            .unwrap();
        assert_eq!(loaded.progress.written, 5_000);
        assert_eq!(ahead.into_inner(), 200, "two chunks: one that is written, one that is next");
    }
}
