//! Many rows at once: on PostgreSQL they go by COPY, and nobody can tell but by the clock.

use std::time::Duration;

use brisk_db::{Affected, Batch, Constraint, Error, OnConflict, Record, Session, statements};

use crate::harness::{ADD_OWNER, COUNT, OWNERS, SET_AGE, TestDb, add};

/// Enough for a copy.
const MANY: i64 = 500;

#[derive(Clone, Debug, Record)]
#[record(table = "owners")]
struct Owner {
    id: i64,
    email: Option<String>,
    age: i32,
}

#[derive(Clone, Debug, Record)]
#[record(table = "pets")]
struct Pet {
    id: i64,
    owner: i64,
}

/// Its ages are too wide for the column.
#[derive(Clone, Debug, Record)]
#[record(table = "owners")]
struct Wide {
    id: i64,
    email: String,
    age: i64,
}

statements! {
    prefix "test.bulk";

    DELETE_ALL() -> Affected = "DELETE FROM owners";
}

fn owner(id: i64) -> Owner {
    Owner {
        id,
        email: Some(format!("{id}@example.org")),
        age: 1,
    }
}

fn owners(ids: std::ops::Range<i64>) -> Vec<Owner> {
    ids.map(owner).collect()
}

async fn rule_of(session: &Session, bad: Owner) -> (Constraint, String) {
    let mut rows = owners(1..MANY);
    rows.push(bad);
    match session.insert_many(rows, OnConflict::Fail).await {
        Err(Error::Constraint {
            constraint,
            rule,
            statement,
            ..
        }) => {
            assert_eq!(statement, "owners.insert_many");
            (constraint, rule)
        }
        other => panic!("{other:?}"),
    }
}

on_both! {
    async fn one_bad_row_among_many_is_named_by_its_rule_and_none_stays(db: TestDb) {
        let session = db.session();
        let sqlite = db.db.file().is_some();
        let named = |sqlite_name: &str, name: &str| {
            if sqlite { sqlite_name.to_owned() } else { name.to_owned() }
        };
        assert_eq!(
            rule_of(&session, Owner { email: owner(1).email, ..owner(9_999) }).await,
            (Constraint::Unique, named("owners.email", "owners_email_key"))
        );
        assert_eq!(
            rule_of(&session, Owner { age: -1, ..owner(9_999) }).await,
            (Constraint::Check, "owners_age".to_owned())
        );
        assert_eq!(
            rule_of(&session, Owner { email: None, ..owner(9_999) }).await,
            (Constraint::NotNull, "owners.email".to_owned())
        );
        let strays = (1..MANY).map(|id| Pet { id, owner: 9_999 }).collect();
        match session.insert_many::<Pet>(strays, OnConflict::Fail).await {
            Err(Error::Constraint { constraint: Constraint::ForeignKey, rule, .. }) => {
                assert_eq!(rule, named("", "pets_owner_fkey"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
        assert_eq!(session.insert_many(owners(0..MANY), OnConflict::Fail).await.unwrap(), 500);
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), (0..MANY).collect::<Vec<_>>());
    }

    async fn many_rows_keep_their_place_among_the_steps_of_a_batch(db: TestDb) {
        let session = db.session();
        let mut batch = Batch::new();
        batch
            .run(&ADD_OWNER, (1, "first".to_owned(), 1))
            .run(&DELETE_ALL, ())
            .insert_many(owners(1..MANY), OnConflict::Fail)
            .run_each(&SET_AGE, (1..MANY).map(|id| (id, 7)))
            .insert_many((1..MANY).map(|id| Pet { id, owner: id }).collect(), OnConflict::Fail);
        let outcomes = session.batch(batch).await.unwrap();
        let affected: Vec<_> = outcomes.iter().map(|o| o.affected).collect();
        assert_eq!(affected, [1, 1, 499, 499, 499]);
        // A step before and a step behind take the rows along.
        for bad_first in [true, false] {
            let mut batch = Batch::new();
            if bad_first {
                batch.run(&ADD_OWNER, (1, "again".to_owned(), 1));
            }
            batch.insert_many(owners(1_000..1_000 + MANY), OnConflict::Fail);
            if !bad_first {
                batch.run(&ADD_OWNER, (1, "again".to_owned(), 1));
            }
            let error = session.batch(batch).await.unwrap_err();
            assert!(error.unique_rule().is_some(), "{error}");
            assert_eq!(session.run(&COUNT, ()).await.unwrap(), 499);
        }
    }

    async fn many_rows_are_part_of_their_transaction(db: TestDb) {
        let session = db.session();
        let undone: Result<(), Error> = session
            .transaction(async |s: Session| {
                assert_eq!(s.insert_many(owners(1..MANY), OnConflict::Fail).await?, 499);
                assert_eq!(s.run(&COUNT, ()).await?, 499);
                Err(Error::Cursor)
            })
            .await;
        assert!(matches!(undone, Err(Error::Cursor)), "{undone:?}");
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
        session
            .transaction(async |s: Session| {
                s.insert_many(owners(1..MANY), OnConflict::Fail).await?;
                s.insert_many(owners(MANY..2 * MANY), OnConflict::Fail).await
            })
            .await
            .unwrap();
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 999);
    }

    async fn a_batch_takes_over_the_steps_and_hooks_of_another(db: TestDb) {
        let session = db.session();
        let ran = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let mut first = Batch::new();
        first.insert_many(owners(1..3), OnConflict::Fail);
        let mut second = Batch::new();
        let told = std::sync::Arc::clone(&ran);
        second
            .run_each(&SET_AGE, [(1, 5), (2, 5)])
            .on_commit(move || told.store(true, std::sync::atomic::Ordering::Relaxed));
        first.append(second);
        let outcomes = session.batch(first).await.unwrap();
        assert_eq!(outcomes.iter().map(|o| o.affected).collect::<Vec<_>>(), [2, 2]);
        assert!(ran.load(std::sync::atomic::Ordering::Relaxed));
    }
}

async fn one_connection() -> TestDb {
    TestDb::postgres_with(|c| c.postgres.pool = 1).await
}

/// A trigger writes down what runs: without COPY it is an INSERT.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows_go_by_copy_and_few_do_not() {
    let db = one_connection().await;
    let session = db.session();
    let server = db.server();
    let trigger = "CREATE TABLE seen (what text);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN INSERT INTO seen VALUES (split_part(current_query(), ' ', 1)); RETURN NULL; END $$;
        CREATE TRIGGER see AFTER INSERT ON owners FOR EACH STATEMENT EXECUTE FUNCTION see()";
    server.psql(&[trigger]).unwrap();
    let seen = || {
        server
            .psql(&["WITH gone AS (DELETE FROM seen RETURNING what) SELECT string_agg(what, ' ') FROM gone"])
            .unwrap()
    };
    session
        .insert_many(owners(0..MANY), OnConflict::Fail)
        .await
        .unwrap();
    assert_eq!(seen(), "COPY");
    session
        .insert_many(owners(1_000..1_010), OnConflict::Fail)
        .await
        .unwrap();
    assert_eq!(seen(), "INSERT");
    // These need an answer from each row.
    session
        .insert_many(owners(0..MANY), OnConflict::Skip)
        .await
        .unwrap();
    session
        .insert_returning(owners(2_000..2_000 + MANY), OnConflict::Fail, "id")
        .await
        .unwrap();
    assert_eq!(seen(), "INSERT INSERT");
    // The server's cast fills a column that our form does not fit.
    server
        .psql(&["ALTER TABLE owners ALTER COLUMN age TYPE numeric"])
        .unwrap();
    for _ in 0..2 {
        // The first may meet what was prepared before.
        drop(
            session
                .insert_many(owners(3_000..3_000 + MANY), OnConflict::Fail)
                .await,
        );
    }
    session
        .insert_many(owners(4_000..4_000 + MANY), OnConflict::Fail)
        .await
        .unwrap();
    assert!(seen().ends_with("INSERT"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_cannot_be_sent_ends_its_copy_and_nothing_else() {
    let db = one_connection().await;
    let session = db.session();
    let wide = |last| {
        (0..MANY)
            .map(|id| Wide {
                id,
                email: id.to_string(),
                age: if id == MANY - 1 { last } else { 1 },
            })
            .collect::<Vec<_>>()
    };
    for _ in 0..3 {
        let error = session
            .insert_many(wide(i64::MAX), OnConflict::Fail)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Statement { .. }), "{error:?}");
        let inside: Result<u64, Error> = session
            .transaction(async |s: Session| s.insert_many(wide(i64::MAX), OnConflict::Fail).await)
            .await;
        assert!(matches!(inside, Err(Error::Statement { .. })), "{inside:?}");
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
    }
    session
        .insert_many(wide(2), OnConflict::Fail)
        .await
        .unwrap();
    assert_eq!(session.run(&COUNT, ()).await.unwrap(), MANY);
}

/// The driver then counts one answer too few; on a connection that went back, answers would reach the wrong callers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_refused_at_its_start_leaves_no_mixed_up_answers() {
    let db = one_connection().await;
    let session = db.session();
    let server = db.server();
    session
        .insert_many(owners(0..MANY), OnConflict::Fail)
        .await
        .unwrap();
    for _ in 0..3 {
        server.psql(&["ALTER TABLE owners RENAME TO away"]).unwrap();
        let error = session
            .insert_many(owners(1_000..1_000 + MANY), OnConflict::Fail)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Statement { .. }), "{error:?}");
        let inside: Result<u64, Error> = session
            .transaction(async |s: Session| {
                s.insert_many(owners(1_000..1_000 + MANY), OnConflict::Fail)
                    .await
            })
            .await;
        assert!(inside.is_err());
        server.psql(&["ALTER TABLE away RENAME TO owners"]).unwrap();
        for id in 0..5 {
            let outcomes = session
                .run_each(&SET_AGE, [(id, 3), (id, 4), (9_999_999, 1)])
                .await;
            assert_eq!(outcomes.unwrap(), 2);
        }
    }
    assert_eq!(session.run(&COUNT, ()).await.unwrap(), MANY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_met_an_old_type_may_be_sent_again() {
    let db = one_connection().await;
    let session = db.session();
    let mut from = 0;
    for ty in ["bigint", "integer", "smallint", "bigint"] {
        session
            .insert_many(owners(from..from + MANY), OnConflict::Fail)
            .await
            .unwrap();
        from += MANY;
        db.server()
            .psql(&[&format!("ALTER TABLE owners ALTER COLUMN age TYPE {ty}")])
            .unwrap();
        let error = session
            .insert_many(owners(from..from + MANY), OnConflict::Fail)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Serialization { .. }), "{error:?}");
    }
    assert_eq!(session.run(&COUNT, ()).await.unwrap(), from);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows_whose_caller_left_do_not_stay() {
    let db = one_connection().await;
    add(&db.session(), 1_000_000).await.unwrap();
    db.server()
        .psql(
            &["CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$;
            CREATE TRIGGER doze AFTER INSERT ON owners FOR EACH STATEMENT EXECUTE FUNCTION doze()"],
        )
        .unwrap();
    let hurried = db.session_for(Duration::from_millis(300));
    let error = hurried
        .insert_many(owners(0..MANY), OnConflict::Fail)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    db.server().psql(&["DROP TRIGGER doze ON owners"]).unwrap();
    // The one connection is free again, and the table is not locked by what was left.
    let session = db.session_for(crate::harness::LONG);
    assert_eq!(
        session
            .insert_many(owners(0..MANY), OnConflict::Fail)
            .await
            .unwrap(),
        500
    );
}
