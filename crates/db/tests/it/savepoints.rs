//! A part of a transaction that fails by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use brisk_db::{Error, Session};

use crate::harness::{ADD_OWNER, COUNT, OWNERS, add};

/// A write that the schema refuses.
async fn refused(s: &Session) -> Result<u64, Error> {
    s.run(&ADD_OWNER, (77, "bad".to_owned(), -1)).await
}

on_both! {
    async fn what_fails_behind_a_savepoint_is_undone_and_the_rest_stays(db: TestDb) {
        let session = db.session();
        let ran = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&ran);
        session
            .transaction(move |s: Session| {
                let told = Arc::clone(&told);
                async move {
                    add(&s, 1).await?;
                    let part: Result<u64, Error> = s
                        .savepoint(|s| async move {
                            let told = Arc::clone(&told);
                            s.on_commit(move || { told.fetch_add(1, Ordering::Relaxed); });
                            add(&s, 2).await?;
                            refused(&s).await
                        })
                        .await;
                    assert!(matches!(part, Err(Error::Constraint { .. })), "{part:?}");
                    s.savepoint(|s| async move { add(&s, 3).await }).await?;
                    add(&s, 4).await
                }
            })
            .await
            .unwrap();
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [1, 3, 4]);
        assert_eq!(ran.load(Ordering::Relaxed), 0, "the hook of a part that was undone");
    }

    async fn savepoints_nest_and_their_hooks_run_with_the_commit(db: TestDb) {
        let session = db.session();
        let ran = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&ran);
        session
            .transaction(move |s: Session| {
                let told = Arc::clone(&told);
                async move {
                    s.savepoint(|s| async move {
                        add(&s, 1).await?;
                        let told = Arc::clone(&told);
                        s.on_commit(move || { told.fetch_add(1, Ordering::Relaxed); });
                        let inner: Result<u64, Error> = s
                            .savepoint(|s| async move {
                                add(&s, 2).await?;
                                refused(&s).await
                            })
                            .await;
                        inner.unwrap_err();
                        add(&s, 3).await
                    })
                    .await
                }
            })
            .await
            .unwrap();
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [1, 3]);
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    }

    async fn a_swallowed_failure_undoes_its_savepoint(db: TestDb) {
        let session = db.session();
        session
            .transaction(async |s: Session| {
                let part: Result<(), Error> = s
                    .savepoint(|s| async move {
                        add(&s, 1).await?;
                        drop(refused(&s).await);
                        Ok(())
                    })
                    .await;
                assert!(matches!(part, Err(Error::Statement { .. })), "{part:?}");
                add(&s, 2).await
            })
            .await
            .unwrap();
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [2]);
    }

    async fn a_savepoint_left_in_the_middle_ends_its_transaction(db: TestDb) {
        let session = db.session();
        let whole: Result<(), Error> = session
            .transaction(async |s: Session| {
                add(&s, 1).await?;
                let part = s.savepoint(|s| async move {
                    add(&s, 2).await?;
                    std::future::pending::<Result<(), Error>>().await
                });
                let none = futures::future::select(Box::pin(part), Box::pin(async {
                    while s.run(&COUNT, ()).await? < 2 {}
                    Ok::<(), Error>(())
                }))
                .await;
                drop(none);
                Ok(())
            })
            .await;
        whole.unwrap_err();
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
    }

    async fn outside_of_a_transaction_there_is_nothing_to_go_back_in(db: TestDb) {
        let session = db.session();
        let part: Result<u64, Error> = session.savepoint(|s| async move { add(&s, 1).await }).await;
        assert!(matches!(part, Err(Error::Statement { .. })), "{part:?}");
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
    }
}
