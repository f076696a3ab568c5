//! What a connection remembers when the schema changes under it.

use brisk_db::{Batch, Error, FromRow, OnConflict, Session, statements};

use crate::harness::{TestDb, add, owner};

#[derive(Debug, PartialEq, FromRow)]
struct Aged {
    id: i64,
    age: i64,
}

statements! {
    prefix "test.pools";

    READ() -> Vec<Aged> = "SELECT id, age FROM owners ORDER BY id";

    #[slow]
    READ_APART() -> Vec<Aged> = "SELECT id, age FROM owners ORDER BY id ";

    WRITE(id: i64) -> Vec<Aged> = "UPDATE owners SET age = age WHERE id = $1 RETURNING id, age";
}

fn insert(id: i64) -> Batch {
    let mut batch = Batch::new();
    batch.insert_returning(vec![owner(id)], OnConflict::Fail, "age");
    batch
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_statements_survive_a_change_of_a_columns_type() {
    let db = TestDb::postgres_with(|c| {
        c.postgres.pool = 1;
        c.postgres.lanes = 2;
    })
    .await;
    let session = db.session();
    add(&session, 1).await.unwrap();
    let expected = vec![Aged { id: 1, age: 1 }];
    for wide in ["bigint", "integer", "bigint"] {
        // Every lane and the pool's connection have it prepared.
        futures::future::join_all((0..8).map(|_| session.run(&READ, ()))).await;
        futures::future::join_all((0..8).map(|_| session.run(&WRITE, (1,)))).await;
        session.run(&READ_APART, ()).await.unwrap();
        let inside = || session.transaction(async |s: Session| s.run(&READ, ()).await);
        inside().await.unwrap();
        db.server()
            .psql(&[&format!("ALTER TABLE owners ALTER COLUMN age TYPE {wide}")])
            .unwrap();
        for result in futures::future::join_all((0..8).map(|_| session.run(&READ, ()))).await {
            assert_eq!(result.unwrap(), expected);
        }
        for result in futures::future::join_all((0..8).map(|_| session.run(&WRITE, (1,)))).await {
            assert_eq!(result.unwrap(), expected);
        }
        assert_eq!(inside().await.unwrap(), expected);
        assert_eq!(session.run(&READ_APART, ()).await.unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_met_an_old_statement_may_be_sent_again() {
    let db = TestDb::postgres_with(|c| c.postgres.pool = 1).await;
    let session = db.session();
    db.server()
        .psql(&["ALTER TABLE owners ALTER COLUMN age TYPE bigint"])
        .unwrap();
    session.batch(insert(1)).await.unwrap();
    db.server()
        .psql(&["ALTER TABLE owners DROP CONSTRAINT owners_age, ALTER COLUMN age TYPE text"])
        .unwrap();
    db.server()
        .psql(&["ALTER TABLE owners ALTER COLUMN age TYPE bigint USING age::bigint"])
        .unwrap();
    session.batch(insert(2)).await.unwrap();
    db.server()
        .psql(&["ALTER TABLE owners ALTER COLUMN age TYPE integer"])
        .unwrap();
    let error = session.batch(insert(3)).await.unwrap_err();
    assert!(matches!(error, Error::Serialization { .. }), "{error:?}");
    // The second time it is prepared anew; what the answer then is, is about the column and no longer about the past.
    let error = session.batch(insert(3)).await;
    assert!(
        !matches!(error, Err(Error::Serialization { .. })),
        "{error:?}"
    );
}
