use brisk_core::{Scope, TenantId};
use brisk_db::{Error, Session, each};

use crate::harness::TestDb;
use crate::library::{ALL, BOOKS, CITY, Page, WRITERS, fill, page};

/// What the pages cost, with the pages.
async fn on_a_worker<F>(db: &TestDb, work: impl FnOnce(Session) -> F) -> (Vec<Page>, u64)
where
    F: Future<Output = Result<Vec<Page>, Error>> + Send + 'static,
{
    let session = db.db.session(Scope::system(TenantId(1), "test"));
    let pages = tokio::spawn(work(session.clone())).await.unwrap().unwrap();
    (pages, session.scope().ledger().summary().statements)
}

/// One after the other, which is what this is all about.
async fn one_by_one(session: Session) -> Result<Vec<Page>, Error> {
    let mut pages = Vec::new();
    for writer in session.run(&WRITERS, (1,)).await? {
        pages.push(page(&session, writer).await?);
    }
    Ok(pages)
}

on_both! {
    async fn a_hundred_parents_with_two_relations_cost_three_statements(db: TestDb) {
        fill(&db, 100).await;
        assert_eq!(db.db.verify(ALL).await.unwrap(), []);
        let (expected, slowly) = on_a_worker(&db, one_by_one).await;
        // 100 writers, of whom 67 have a city.
        assert_eq!((expected.len(), slowly), (100, 1 + 100 + 67));
        assert_eq!(expected[3].1.len(), 3);
        assert_eq!(expected[3].2.as_ref().map(|c| c.name.as_str()), Some("City of ulm"));
        let (pages, naively) = on_a_worker(&db, |session| async move {
            let writers = session.run(&WRITERS, (1,)).await?;
            each(writers, |writer| page(&session, writer)).await
        })
        .await;
        assert_eq!((&pages, naively), (&expected, 3));
        let (pages, declared) = on_a_worker(&db, |session| async move {
            let writers = session.run(&WRITERS, (1,)).await?;
            session
                .with(writers)
                .relation(&BOOKS, |writer| writer.id)
                .relation(&CITY, |writer| writer.city.clone())
                .load()
                .await
        })
        .await;
        assert_eq!((pages, declared), (expected, 3));
    }

    /// Not on a worker: whom one thread wakes, another polls at once, before the rest is woken.
    async fn callers_that_are_woken_together_stay_together(db: TestDb) {
        fill(&db, 200).await;
        for _ in 0..10 {
            let session = db.db.session(Scope::system(TenantId(1), "test"));
            let writers = session.run(&WRITERS, (1,)).await.unwrap();
            let pages = each(writers, |writer| page(&session, writer)).await.unwrap();
            assert_eq!((pages.len(), session.scope().ledger().summary().statements), (200, 3));
        }
    }

    async fn relations_inside_a_transaction_stay_in_it(db: TestDb) {
        fill(&db, 20).await;
        let session = db.session();
        let pages = session
            .transaction(async |s: Session| {
                let writers = s.run(&WRITERS, (1,)).await?;
                s.with(writers).relation(&BOOKS, |w| w.id).load().await
            })
            .await
            .unwrap();
        assert_eq!(pages.len(), 20);
        assert_eq!(pages[3].1.len(), 3);
        assert_eq!(session.scope().ledger().summary().statements, 2);
        assert_eq!(db.db.shared_loads().loads, 0);
    }

    async fn each_answers_in_order_and_fails_with_the_first_error(db: TestDb) {
        fill(&db, 3).await;
        let session = db.session();
        let doubled = each(0..2_500, |i| async move { Ok::<_, Error>(i * 2) }).await.unwrap();
        assert!(doubled.into_iter().eq((0..2_500).map(|i| i * 2)));
        let failed = each(1..=3, |i| {
            let session = &session;
            async move {
                if i == 2 {
                    return Err(Error::Cursor);
                }
                session.load(&BOOKS, i).await
            }
        })
        .await;
        assert!(matches!(failed, Err(Error::Cursor)));
        assert!(each(Vec::<i64>::new(), |id| session.load(&BOOKS, id)).await.unwrap().is_empty());
        let nobody = session.with(Vec::<i64>::new()).relation(&BOOKS, |id| *id).load().await;
        assert_eq!(nobody.unwrap(), []);
    }
}
