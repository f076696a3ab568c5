//! How precisely changes are told from each other, and what is not kept at all.

use brisk_cache::{CacheStats, Policy, cached};
use brisk_db::Session;

use crate::harness::{
    ADD_WORD, AGE, ALL, AUTHOR, Authors, BY_STATUS, COUNT, HIDDEN, ONE, TWO, TestDb, WITH_BOOKS,
    WORD, add, rename, settled, told,
};

fn stats(db: &TestDb, name: &str) -> CacheStats {
    let mut all = db.caches().stats();
    all.retain(|s| s.name == name);
    all.remove(0)
}

on_both! {
    async fn a_row_ends_only_what_depends_on_it(db: TestDb) {
        let session = db.session();
        for id in 1..=20 {
            add(&session, id, "author").await;
        }
        settled(&db).await;
        let authors = Authors::new(&db, Policy::rows());
        for id in 1..=20 {
            authors.get(&session, id).await.unwrap();
        }
        rename(&session, 7, "changed").await;
        settled(&db).await;
        let mut hits = 0;
        for id in 1..=20 {
            hits += u32::from(authors.get(&session, id).await.unwrap().is_hit());
        }
        assert_eq!(hits, 19);
        assert_eq!(stats(&db, "test.authors").depends_on, ["authors/rows"]);
    }

    async fn a_list_depends_on_the_rows_of_its_tenant(db: TestDb) {
        add(&db.of(ONE), 1, "one").await;
        add(&db.of(TWO), 2, "two").await;
        settled(&db).await;
        let all = async |tenant| {
            let session = db.of(tenant);
            let found = cached!(&session, ALL, (tenant,)).await.unwrap();
            (found.len(), found.is_hit())
        };
        assert_eq!((all(ONE).await, all(TWO).await), ((1, false), (1, false)));
        add(&db.of(ONE), 3, "three").await;
        settled(&db).await;
        assert_eq!((all(ONE).await, all(TWO).await), ((2, false), (1, true)));
        assert_eq!(stats(&db, "test.all").depends_on, ["authors/tenant"]);
    }

    async fn joins_depend_on_rows_too_and_what_names_no_tenant_on_the_table(db: TestDb) {
        let session = db.session();
        add(&session, 1, "one").await;
        settled(&db).await;
        let asked = async || cached!(&session, WITH_BOOKS, (ONE, 1)).await.unwrap().is_hit();
        assert!(!asked().await);
        // Another author of the tenant is nothing to it, the author itself is.
        add(&session, 2, "two").await;
        settled(&db).await;
        assert!(asked().await);
        rename(&session, 1, "changed").await;
        assert!(!asked().await);
        settled(&db).await;
        cached!(&session, COUNT, ()).await.unwrap();
        cached!(&session, BY_STATUS, (ONE, "active".to_owned())).await.unwrap();
        assert_eq!(stats(&db, "test.with_books").depends_on, ["authors/rows", "books/rows"]);
        assert_eq!(stats(&db, "test.count").depends_on, ["authors/table"]);
        assert_eq!(stats(&db, "test.by_status").depends_on, ["authors/rows"]);
        add(&db.of(TWO), 1, "three").await;
        assert_eq!(*cached!(&session, COUNT, ()).await.unwrap(), 3);
    }

    async fn a_table_without_tenants_is_told_apart_by_its_rows(db: TestDb) {
        let session = db.session();
        let word = async |id: i64| {
            let found = cached!(&session, WORD, (id,)).await.unwrap();
            (found.is_some(), found.is_hit())
        };
        assert_eq!((word(1).await, word(2).await), ((false, false), (false, false)));
        session.run(&ADD_WORD, (1, "a".to_owned())).await.unwrap();
        settled(&db).await;
        assert_eq!((word(1).await, word(2).await), ((true, false), (false, true)));
    }

    async fn changes_of_other_tables_end_no_load_that_reads_a_table_first(db: TestDb) {
        let session = db.session();
        cached!(&session, WORD, (1,)).await.unwrap();
        told(&db.db, &session).await;
        let (cache, writer) = (db.caches().cache("test.first", Policy::rows()).build(), session.clone());
        let load = async move |session: Session| {
            // In the middle of the load, before it has read anything.
            writer.run(&ADD_WORD, (1, "a".to_owned())).await?;
            session.run(&AUTHOR, (session.tenant(), 1)).await
        };
        assert!(cache.get(&session, &1, load.clone()).await.unwrap().is_none());
        assert!(cache.get(&session, &1, load).await.unwrap().is_hit());
    }

    async fn what_cannot_be_followed_is_answered_and_not_kept(db: TestDb) {
        let session = db.session();
        for _ in 0..2 {
            assert!(!cached!(&session, HIDDEN, (1,)).await.unwrap().is_hit());
            assert!(!cached!(&session, AGE, ()).await.unwrap().is_hit());
        }
        let hidden = stats(&db, "test.hidden");
        assert_eq!((hidden.refused, hidden.entries), (2, 0));
        let why = hidden.refused_because.unwrap();
        assert!(why.contains("hidden") && why.contains("brisk_captured"), "{why}");
        assert!(stats(&db, "test.age").refused_because.unwrap().contains("now()"));
        // A load that reads past its session cannot be followed either.
        let outside = db.caches().cache::<u8, u8>("test.past", Policy::rows()).build();
        for _ in 0..2 {
            let got = outside.get(&session, &1, async |_| Ok::<_, brisk_db::Error>(1)).await;
            assert!(!got.unwrap().is_hit());
        }
        assert!(stats(&db, "test.past").refused_because.unwrap().contains("session"));
    }
}
