//! `GET /shelves/{shelf}`, a page of 20 rows, by five servers: rows kept by the cache, whole answers kept by it, rows kept by moka, the whole
//! answer kept on Redis, and rows that the handler makes itself, without a database.
//!
//! All are the same axum with the same JSON. Each runs in a process of its own, as a rival does.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use brisk_cache::{Caches, cached};
use brisk_core::{Deadline, Ledger, Principal, Scope};
use brisk_db::{Db, DbConfig, Session};
use brisk_http::{Answers, Problem};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;

use super::table::{Book, PAGE, TENANT, follow};

const ROUTE: &str = "/shelves/{shelf}";

/// What the kit's edge gives a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of an entry whose end nobody tells.
const LIFE: Duration = Duration::from_mins(5);

type Answer = Result<Response, StatusCode>;

/// Makes the session of a request, with a deadline and a ledger, as the kit's edge does.
#[derive(Clone)]
struct Kit {
    db: Db,
    principal: Arc<Principal>,
}

impl Kit {
    async fn open(url: &str) -> Result<Self> {
        Ok(Self {
            db: Db::open(DbConfig::new(url)).await?,
            principal: Arc::new(Principal::system("bench")),
        })
    }

    fn session(&self) -> Session {
        self.db.session(Scope::new(
            TENANT,
            Arc::clone(&self.principal),
            Deadline::after(PATIENCE),
            Arc::new(Ledger::default()),
        ))
    }
}

/// Out of nothing.
pub(crate) fn in_memory() -> Router {
    let handler = async |Path(shelf): Path<i64>| Json(Book::made(shelf));
    Router::new().route(ROUTE, get(handler))
}

/// Rows by the cache.
pub(crate) async fn rows(url: &str) -> Result<Router> {
    let kit = Kit::open(url).await?;
    follow(&kit.db).await?;
    let handler = async |State(kit): State<Kit>, Path(shelf): Path<i64>| -> Answer {
        let session = kit.session();
        let books = cached!(&session, PAGE, (TENANT, shelf))
            .await
            .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(Json(&*books).into_response())
    };
    Ok(Router::new().route(ROUTE, get(handler)).with_state(kit))
}

#[derive(Clone)]
struct Encoded {
    kit: Kit,
    answers: Answers<i64>,
}

/// Whole answers by the cache.
pub(crate) async fn encoded(url: &str) -> Result<Router> {
    let kit = Kit::open(url).await?;
    follow(&kit.db).await?;
    let state = Encoded {
        answers: Answers::new(&Caches::of(&kit.db), "bench.pages"),
        kit,
    };
    let handler = async |State(state): State<Encoded>,
                         Path(shelf): Path<i64>,
                         headers: HeaderMap|
           -> Result<Response, Problem> {
        let session = state.kit.session();
        let make = async move |session: Session| session.run(&PAGE, (TENANT, shelf)).await;
        state.answers.json(&headers, &session, shelf, make).await
    };
    Ok(Router::new().route(ROUTE, get(handler)).with_state(state))
}

#[derive(Clone)]
struct WithMoka {
    kit: Kit,
    pages: moka::future::Cache<i64, Arc<Vec<Book>>>,
}

/// Rows by moka, for five minutes.
pub(crate) async fn with_moka(url: &str) -> Result<Router> {
    let pages = moka::future::Cache::builder().max_capacity(10_000);
    let state = WithMoka {
        kit: Kit::open(url).await?,
        pages: pages.time_to_live(LIFE).build(),
    };
    let handler = async |State(state): State<WithMoka>, Path(shelf): Path<i64>| -> Answer {
        let load = async {
            let session = state.kit.session();
            session.run(&PAGE, (TENANT, shelf)).await.map(Arc::new)
        };
        let books = state.pages.try_get_with(shelf, load).await;
        let books = books.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(Json(&*books).into_response())
    };
    Ok(Router::new().route(ROUTE, get(handler)).with_state(state))
}

#[derive(Clone)]
struct OnRedis {
    kit: Kit,
    redis: MultiplexedConnection,
}

impl OnRedis {
    async fn page(mut self, of: i64) -> Result<Vec<u8>> {
        let key = format!("shelves:{of}");
        let kept: Option<Vec<u8>> = self.redis.get(&key).await?;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let books = self.kit.session().run(&PAGE, (TENANT, of)).await?;
        let page = serde_json::to_vec(&books)?;
        let () = self.redis.set_ex(&key, &page, LIFE.as_secs()).await?;
        Ok(page)
    }
}

/// The whole answer on Redis, for five minutes.
pub(crate) async fn on_redis(urls: &str) -> Result<Router> {
    let (database, redis) = urls.split_once(' ').context("two addresses are needed")?;
    let redis = redis::Client::open(redis)?;
    let state = OnRedis {
        kit: Kit::open(database).await?,
        redis: redis.get_multiplexed_async_connection().await?,
    };
    let handler = async |State(state): State<OnRedis>, Path(shelf): Path<i64>| -> Answer {
        let page = state.page(shelf).await;
        let page = page.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(([(CONTENT_TYPE, "application/json")], page).into_response())
    };
    Ok(Router::new().route(ROUTE, get(handler)).with_state(state))
}
