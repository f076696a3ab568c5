//! `#[cached]`: a function whose answers are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brisk_cache::function::cached;
use brisk_core::{Class, Failure};
use brisk_db::Session;

use crate::harness::{BY_STATUS, add, rename, told};

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Db(#[from] brisk_db::Error),
    #[error(transparent)]
    Cache(#[from] brisk_cache::Error),
}

impl Failure for Fault {
    fn class(&self) -> Class {
        match self {
            Self::Db(error) => error.class(),
            Self::Cache(error) => error.class(),
        }
    }

    fn code(&self) -> &'static str {
        "test.fault"
    }
}

/// The names of all with a status, one behind the other.
#[cached(name = "test.names", ttl = "1h")]
async fn names(
    session: &Session,
    #[key] status: &str,
    #[key] separator: char,
    calls: Arc<AtomicU64>,
) -> Result<Arc<str>, Fault> {
    calls.fetch_add(1, Ordering::SeqCst);
    let found = session
        .run(&BY_STATUS, (session.tenant(), status.to_owned()))
        .await?;
    let names: Vec<_> = found.into_iter().map(|author| author.name).collect();
    Ok(names.join(&separator.to_string()).into())
}

on_both! {
    async fn a_function_is_called_once_for_each_key_until_a_row_changes(db: TestDb) {
        let session = db.session();
        add(&session, 1, "a").await;
        add(&session, 2, "b").await;
        told(&db.db, &session).await;
        let calls = Arc::<AtomicU64>::default();
        let get = async |status: &str, separator| names(&session, status, separator, calls.clone()).await.unwrap();
        for _ in 0..3 {
            assert_eq!(&*get("active", ',').await, "a,b");
            assert_eq!(&*get("active", ';').await, "a;b");
            assert_eq!(&*get("gone", ',').await, "");
        }
        assert_eq!(calls.load(Ordering::SeqCst), 3);
        rename(&session, 2, "c").await;
        assert_eq!(&*get("active", ',').await, "a,c");
        assert_eq!(db.caches().stats()[0].name, "test.names");
    }
}
