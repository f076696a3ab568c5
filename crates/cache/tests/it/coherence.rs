//! What is promised about staleness: nothing old after a commit, whoever made it.

use std::time::{Duration, Instant};

use brisk_cache::{Policy, cached};

use crate::harness::{
    ADD_BOOK, AUTHOR, Authors, BY_STATUS, EMPTY, MOVE, ONE, REMOVE, TWO, TestDb, WITH_BOOKS, add,
    foreign, rename, settled, told, trusted,
};

on_both! {
    async fn a_write_of_this_process_is_seen_at_once(db: TestDb) {
        let session = db.session();
        let authors = Authors::new(&db, Policy::rows());
        assert_eq!(authors.name(&session, 1).await, None);
        for n in 0..50 {
            let name = format!("name {n}");
            if n == 0 {
                add(&session, 1, &name).await;
            } else {
                rename(&session, 1, &name).await;
            }
            assert_eq!(authors.name(&session, 1).await, Some(name.clone()));
            assert_eq!(authors.name(&session, 1).await, Some(name));
        }
        session.run(&REMOVE, (ONE, 1)).await.unwrap();
        assert_eq!(authors.name(&session, 1).await, None);
    }

    async fn a_transaction_that_is_undone_ends_nothing_and_shows_nothing(db: TestDb) {
        let session = db.session();
        add(&session, 1, "before").await;
        settled(&db).await;
        let authors = Authors::new(&db, Policy::rows());
        authors.get(&session, 1).await.unwrap();
        let undone: Result<(), brisk_db::Error> = session
            .transaction(|within| {
                let authors = authors.clone();
                async move {
                    rename(&within, 1, "never").await;
                    // Inside, what it wrote is there, and it goes to nobody else.
                    assert_eq!(authors.name(&within, 1).await.as_deref(), Some("never"));
                    Err(brisk_db::Error::NoRow { statement: "undo" })
                }
            })
            .await;
        undone.unwrap_err();
        assert_eq!(authors.name(&session, 1).await.as_deref(), Some("before"));
        assert_eq!(authors.loads(), 2, "one outside, one inside the transaction");
    }

    async fn what_another_program_writes_is_seen_within_the_bound(db: TestDb) {
        let session = db.session();
        add(&session, 1, "ours").await;
        let authors = Authors::new(&db, Policy::rows());
        authors.get(&session, 1).await.unwrap();
        for n in 0..5 {
            let name = format!("theirs {n}");
            foreign(&db, &format!("UPDATE authors SET name = '{name}' WHERE id = 1"));
            let began = Instant::now();
            while authors.name(&session, 1).await.as_deref() != Some(&name) {
                assert!(began.elapsed() < Duration::from_secs(1), "the hard bound");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    async fn rows_that_go_along_a_foreign_key_end_entries_of_their_own_table(db: TestDb) {
        let session = db.session();
        add(&session, 1, "author").await;
        session.run(&ADD_BOOK, (ONE, 1, 1, "book".to_owned())).await.unwrap();
        let titles = async || cached!(&session, WITH_BOOKS, (ONE, 1)).await.unwrap().into_inner();
        assert_eq!(titles().await, ["book"]);
        session.run(&REMOVE, (ONE, 1)).await.unwrap();
        assert!(titles().await.is_empty());
    }

    async fn a_table_that_is_emptied_ends_the_entries_of_all_tenants_and_of_what_refers_to_it(db: TestDb) {
        let session = db.session();
        let titles = async || cached!(&session, WITH_BOOKS, (ONE, 1)).await.unwrap().len();
        let theirs = db.of(TWO);
        let theirs = async || cached!(&theirs, AUTHOR, (TWO, 1)).await.unwrap().is_some();
        for _ in 0..10 {
            add(&session, 1, "author").await;
            session.run(&ADD_BOOK, (ONE, 1, 1, "book".to_owned())).await.unwrap();
            add(&db.of(TWO), 1, "theirs").await;
            settled(&db).await;
            assert_eq!((titles().await, theirs().await), (1, true));
            session.run(&EMPTY, ()).await.unwrap();
            assert_eq!((titles().await, theirs().await), (0, false));
        }
    }

    async fn a_row_that_changes_sides_ends_the_entries_of_both(db: TestDb) {
        let session = db.session();
        add(&session, 1, "author").await;
        let ids = async |status: &str| {
            let found = cached!(&session, BY_STATUS, (ONE, status.to_owned())).await.unwrap();
            found.iter().map(|a| a.id).collect::<Vec<_>>()
        };
        assert_eq!((ids("active").await, ids("gone").await), (vec![1], vec![]));
        session.run(&MOVE, (ONE, 1, "gone".to_owned())).await.unwrap();
        assert_eq!((ids("active").await, ids("gone").await), (vec![], vec![1]));
        foreign(&db, "UPDATE authors SET tenant_id = 2");
        told_of_others(&db).await;
        assert_eq!(ids("gone").await, Vec::<i64>::new());
    }

    async fn a_tenant_never_gets_an_entry_of_another(db: TestDb) {
        add(&db.of(ONE), 1, "one").await;
        add(&db.of(TWO), 1, "two").await;
        settled(&db).await;
        let authors = Authors::new(&db, Policy::rows());
        for _ in 0..2 {
            assert_eq!(authors.name(&db.of(ONE), 1).await.as_deref(), Some("one"));
            assert_eq!(authors.name(&db.of(TWO), 1).await.as_deref(), Some("two"));
        }
        assert_eq!(authors.loads(), 2);
    }

    async fn an_entry_that_is_made_of_another_ends_with_it(db: TestDb) {
        let session = db.session();
        add(&session, 1, "first").await;
        let authors = Authors::new(&db, Policy::rows());
        let greeting = db.caches().cache::<i64, String>("test.greeting", Policy::rows()).build();
        let greet = async || {
            let authors = authors.clone();
            let load = async move |session| {
                let name = authors.name(&session, 1).await;
                Ok::<_, brisk_db::Error>(format!("hello {}", name.unwrap_or_default()))
            };
            greeting.get(&session, &1, load).await.unwrap().into_inner()
        };
        authors.get(&session, 1).await.unwrap();
        assert_eq!(greet().await, "hello first");
        rename(&session, 1, "second").await;
        assert_eq!(greet().await, "hello second");
    }

    async fn an_entry_that_is_made_of_an_older_one_is_kept(db: TestDb) {
        let session = db.session();
        add(&session, 1, "old").await;
        let authors = Authors::new(&db, Policy::rows());
        // What of this is told later has been told.
        told(&db.db, &session).await;
        authors.get(&session, 1).await.unwrap();
        session.run(&ADD_BOOK, (ONE, 1, 1, "book".to_owned())).await.unwrap();
        told(&db.db, &session).await;
        let both = db.caches().cache::<i64, (Option<String>, usize)>("test.both", Policy::rows()).build();
        let get = async || {
            let authors = authors.clone();
            let load = async move |session| {
                let titles = cached!(&session, WITH_BOOKS, (ONE, 1)).await.unwrap();
                Ok::<_, brisk_db::Error>((authors.name(&session, 1).await, titles.len()))
            };
            both.get(&session, &1, load).await.unwrap()
        };
        assert_eq!(*get().await, (Some("old".to_owned()), 1));
        assert!(get().await.is_hit());
        assert_eq!(authors.loads(), 1);
    }

    async fn an_entry_that_is_made_of_one_from_outside_too_is_kept(db: TestDb) {
        let session = db.session();
        add(&session, 1, "first").await;
        let outside = Policy::outside(Duration::from_hours(1));
        let word = db.caches().cache::<u8, &str>("test.word", outside).build();
        let hello = async |_| Ok::<_, brisk_db::Error>("hello");
        word.get(&session, &1, hello).await.unwrap();
        // What is from outside was there before this, and does not depend on it.
        rename(&session, 1, "second").await;
        told(&db.db, &session).await;
        let authors = Authors::new(&db, Policy::rows());
        let greeting = db.caches().cache::<i64, String>("test.greeting", Policy::rows()).build();
        let greet = async || {
            let (authors, word) = (authors.clone(), word.clone());
            let load = async move |session: brisk_db::Session| {
                let name = authors.name(&session, 1).await.unwrap_or_default();
                let word = word.get(&session, &1, hello).await.unwrap();
                Ok::<_, brisk_db::Error>(format!("{} {name}", *word))
            };
            greeting.get(&session, &1, load).await.unwrap()
        };
        assert_eq!(*greet().await, "hello second");
        assert!(greet().await.is_hit());
        rename(&session, 1, "third").await;
        assert_eq!(*greet().await, "hello third");
    }

    async fn while_the_stream_is_not_trusted_nothing_is_kept(db: TestDb) {
        let other = db.other().await;
        // A database whose stream nobody started, as in a command.
        let silent = brisk_db::Db::open(brisk_db::DbConfig::new(&db.url)).await.unwrap();
        let session = silent.session(brisk_core::Scope::system(ONE, "test"));
        add(&db.session(), 1, "first").await;
        let found = async || cached!(&session, AUTHOR, (ONE, 1)).await.unwrap();
        assert!(!found().await.is_hit());
        assert!(!found().await.is_hit());
        silent.changes().start();
        trusted(&silent).await;
        assert!(!found().await.is_hit());
        assert!(found().await.is_hit());
        rename(&other.session(brisk_core::Scope::system(ONE, "test")), 1, "second").await;
        let began = Instant::now();
        while found().await.as_ref().unwrap().name != "second" {
            assert!(began.elapsed() < Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Waits until what another program has committed was noticed.
async fn told_of_others(db: &TestDb) {
    match db.db.system() {
        brisk_db::System::Postgres => told(&db.db, &db.session()).await,
        // There is no position that other programs share; the writer looks every ten milliseconds.
        brisk_db::System::Sqlite => tokio::time::sleep(Duration::from_millis(200)).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_wrote_on_another_node_sees_it_here_by_its_position() {
    let db = TestDb::postgres().await;
    let other = db.other().await;
    let there = other.session(brisk_core::Scope::system(ONE, "test"));
    let here = db.session();
    add(&there, 1, "0").await;
    told(&db.db, &there).await;
    let authors = Authors::new(&db, Policy::rows());
    for n in 1..100 {
        authors.get(&here, 1).await.unwrap();
        rename(&there, 1, &n.to_string()).await;
        let position = there.position().await.unwrap();
        let name = authors.name(&here.after(&position), 1).await;
        assert_eq!(name, Some(n.to_string()));
    }
}
