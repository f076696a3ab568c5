use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use brisk_core::TenantId;
use brisk_db::sea_query::{Expr, ExprTrait as _, Order, Query};
use brisk_db::{Affected, Batch, CursorKey, Error, Fold, FoldConfig, OnConflict, statements};

use crate::harness::{ADD_OWNER, ADD_PET, AGE, COUNT, OWNERS, Owner, SET_AGE, add, owner};

statements! {
    prefix "test.writes";

    SET_AGE_OF_ANY_SIZE(id: i64, age: i64) -> Affected = "UPDATE owners SET age = $2 WHERE id = $1";
}

on_both! {
    async fn a_failing_step_takes_back_the_whole_batch_and_nothing_else(db: TestDb) {
        let session = db.session();
        let bad = async {
            let mut batch = Batch::new();
            batch
                .run(&ADD_OWNER, (1, "one".to_owned(), 1))
                .run(&ADD_OWNER, (2, "two".to_owned(), 1))
                .run(&ADD_PET, (1, 99))
                .run(&ADD_OWNER, (3, "three".to_owned(), 1));
            session.batch(batch).await
        };
        let good = futures::future::join_all((10..30).map(|id| add(&session, id)));
        let (bad, good) = tokio::join!(bad, good);
        assert!(matches!(bad, Err(Error::Constraint { .. })), "{bad:?}");
        assert!(good.iter().all(Result::is_ok));
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), (10..30).collect::<Vec<_>>());
    }

    async fn a_batch_that_meets_other_rows_than_expected_changes_nothing(db: TestDb) {
        let session = db.session();
        for id in 1..=3 {
            add(&session, id).await.unwrap();
        }
        let aged = |ids: [i64; 2], rows| {
            let mut batch = Batch::new();
            batch.run(&ADD_OWNER, (ids[0] * 10, format!("{}@example.com", ids[0]), 1));
            batch.run_expecting(&SET_AGE, ids.map(|id| (id, 77)), rows);
            batch
        };
        let error = session.batch(aged([1, 99], 2)).await.unwrap_err();
        assert!(
            matches!(error, Error::Stale { expected: 2, affected: 1, .. }),
            "{error:?}"
        );
        assert_ne!(session.run(&AGE, (1,)).await.unwrap(), Some(77));
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [1, 2, 3]);
        session.batch(aged([2, 3], 2)).await.unwrap();
        assert_eq!(session.run(&AGE, (3,)).await.unwrap(), Some(77));
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [1, 2, 3, 20]);
        // Inside a transaction it ends that.
        let all: Result<(), Error> = session
            .transaction(|tx| {
                let batch = aged([1, 99], 2);
                async move {
                    tx.run(&SET_AGE, (2, 5)).await?;
                    tx.batch(batch).await.map(drop)
                }
            })
            .await;
        assert!(matches!(all, Err(Error::Stale { .. })), "{all:?}");
        assert_eq!(session.run(&AGE, (2,)).await.unwrap(), Some(77));
        // No sets, and rows expected nevertheless.
        let mut batch = Batch::new();
        batch.run_expecting(&SET_AGE, [], 1);
        assert!(matches!(session.batch(batch).await, Err(Error::Stale { .. })));
    }

    async fn a_value_that_cannot_even_be_sent_takes_back_its_batch(db: TestDb) {
        let session = db.session();
        add(&session, 1).await.unwrap();
        let mut batch = Batch::new();
        batch
            .run(&SET_AGE, (1, 50))
            .run(&SET_AGE_OF_ANY_SIZE, (1, i64::MAX))
            .run(&ADD_OWNER, (2, "1@example.org".to_owned(), 1));
        session.batch(batch).await.unwrap_err();
        assert_eq!(session.run(&AGE, (1,)).await.unwrap(), Some(1));
        // The connection is as good as before.
        for id in 10..20 {
            let mut batch = Batch::new();
            batch.insert_many(vec![owner(id)], OnConflict::Fail);
            session.batch(batch).await.unwrap();
        }
    }

    async fn rows_that_exist_are_skipped_and_the_others_come_back(db: TestDb) {
        let session = db.session();
        add(&session, 2).await.unwrap();
        let rows: Vec<_> = (1..=4).map(owner).collect();
        let went_in = session.insert_returning(rows.clone(), OnConflict::Skip, "id").await.unwrap();
        assert_eq!(went_in, [1, 3, 4]);
        assert_eq!(session.insert_many(rows.clone(), OnConflict::Skip).await.unwrap(), 0);
        let error = session.insert_many(rows, OnConflict::Fail).await.unwrap_err();
        assert!(error.unique_rule().is_some(), "{error}");
        let none: Vec<Owner> = Vec::new();
        assert_eq!(session.insert_returning(none, OnConflict::Fail, "id").await.unwrap(), [0; 0]);
        // Only unique rules are skipped.
        let wrong = vec![Owner { age: -1, ..owner(9) }];
        let error = session.insert_many(wrong, OnConflict::Skip).await.unwrap_err();
        assert!(error.is_constraint() && error.unique_rule().is_none(), "{error}");
    }

    async fn a_thousand_sets_run_in_order_and_together(db: TestDb) {
        let session = db.session();
        add(&session, 1).await.unwrap();
        let sets = (0..1_000).map(|age| (1, age));
        assert_eq!(session.run_each(&SET_AGE, sets).await.unwrap(), 1_000);
        assert_eq!(session.run(&AGE, (1,)).await.unwrap(), Some(999));
        let error = session.run_each(&SET_AGE, [(1, 5), (1, -5)]).await.unwrap_err();
        assert!(error.is_constraint());
        assert_eq!(session.run(&AGE, (1,)).await.unwrap(), Some(999));
    }

    async fn hooks_run_after_a_batch_that_held_and_not_after_another(db: TestDb) {
        let session = db.session();
        let ran = Arc::new(AtomicU32::new(0));
        let count = || {
            let ran = Arc::clone(&ran);
            move || { ran.fetch_add(1, Ordering::Relaxed); }
        };
        let mut batch = Batch::new();
        batch.run(&ADD_OWNER, (1, "one".to_owned(), 1)).on_commit(count());
        session.batch(batch).await.unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 1);
        let mut batch = Batch::new();
        batch.run(&ADD_OWNER, (1, "one".to_owned(), 1)).on_commit(count());
        session.batch(batch).await.unwrap_err();
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    }

    async fn a_fold_writes_all_but_the_item_at_fault(db: TestDb) {
        let session = db.session();
        let within = session.clone();
        let fold = Fold::start("test.fold", FoldConfig::default(), move |items: Arc<[Owner]>| {
            let session = within.clone();
            Box::pin(async move {
                session.insert_many(items.to_vec(), OnConflict::Fail).await?;
                Ok(items.iter().map(|owner| owner.id).collect())
            })
        });
        let pushes = (1..=200).map(|id| {
            let age = if id == 77 { -1 } else { 1 };
            fold.push(Owner { age, ..owner(id) })
        });
        for (id, result) in (1..).zip(futures::future::join_all(pushes).await) {
            assert_eq!(result.as_ref().ok().copied(), (id != 77).then_some(id), "{result:?}");
        }
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 199);
        fold.close().await;
    }

    async fn a_cursor_leads_through_all_pages(db: TestDb) {
        let session = db.session();
        session.insert_many((1..=25).map(owner).collect(), OnConflict::Fail).await.unwrap();
        let key = CursorKey::new([9; 32]);
        let mut seen = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let after: i64 = cursor
                .as_deref()
                .map_or(0, |c| key.open(TenantId(1), "owners", &(), c).unwrap());
            let query = Query::select()
                .column("id")
                .from("owners")
                .and_where(Expr::col("id").gt(after))
                .order_by("id", Order::Asc)
                .limit(10)
                .to_owned();
            let page: Vec<i64> = session.select("test.page", &query).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = Some(key.seal(TenantId(1), "owners", &(), last));
            seen.extend(page);
        }
        assert_eq!(seen, (1..=25).collect::<Vec<_>>());
    }
}
