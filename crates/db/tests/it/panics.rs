use brisk_db::{DecodeError, Error, FromRow, One, Row, Session, statements};
use futures::future::join_all;

use crate::harness::{AGE, COUNT, add};

/// A row whose decoder has a bug.
#[derive(Debug)]
struct Buggy;

impl FromRow for Buggy {
    const COLUMNS: &'static [&'static str] = &["*"];

    fn from_row(_: &Row<'_>) -> Result<Self, DecodeError> {
        panic!("a bug in a decoder")
    }
}

statements! {
    prefix "test.panics";

    READ() -> Vec<Buggy> = "SELECT id FROM owners";

    WRITE(id: i64) -> One<Buggy> = "UPDATE owners SET age = 7 WHERE id = $1 RETURNING id";
}

fn is_panic<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    match result {
        Err(Error::Statement { source, .. }) => source.to_string().contains("a bug in a decoder"),
        _ => false,
    }
}

on_both! {
    async fn a_decoder_that_panics_fails_its_own_call_only(db: TestDb) {
        let session = db.session();
        add(&session, 1).await.unwrap();
        // More often than there are readers.
        for result in join_all((0..20).map(|_| session.run(&READ, ()))).await {
            assert!(is_panic(&result), "{result:?}");
        }
        let others = join_all((10..20).map(|id| add(&session, id)));
        let (result, others) = tokio::join!(session.run(&WRITE, (1,)), others);
        assert!(is_panic(&result), "{result:?}");
        assert!(others.iter().all(Result::is_ok));
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 11);
        let result = session
            .transaction(async |s: Session| {
                add(&s, 99).await?;
                s.run(&WRITE, (1,)).await
            })
            .await;
        assert!(is_panic(&result), "{result:?}");
        assert_eq!(session.run(&AGE, (99,)).await.unwrap(), None);
        add(&session, 100).await.unwrap();
    }

    async fn a_transaction_that_panics_is_undone(db: TestDb) {
        let session = db.session();
        let inside = session.clone();
        let task = tokio::spawn(async move {
            inside
                .transaction(async |s: Session| {
                    add(&s, 1).await?;
                    let found = s.run(&AGE, (2,)).await?;
                    assert_eq!(found, Some(1), "a bug in a use case");
                    Ok::<_, Error>(())
                })
                .await
        });
        assert!(task.await.unwrap_err().is_panic());
        add(&session, 2).await.unwrap();
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 1);
    }
}
