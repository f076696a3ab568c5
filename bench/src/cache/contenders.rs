//! The caches of races and crowds: ours, and each rival as its users write it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use brisk_cache::{Cache, Caches, Policy};
use brisk_db::Session;
use brisk_testkit::servers::Redis;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use tokio::sync::Semaphore;

use super::table::{Books, N, ROWS, TENANT};

/// Of a key on Redis; an hour, as is usual where somebody invalidates.
const LIFE_SECONDS: u64 = 3_600;

const NAME: &str = "bench.contender";

/// Asks the database for the number of a book, if there is such a book.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) id: i64,
    /// How often it was asked, by whomever.
    loads: Arc<AtomicU64>,
    then: Then,
}

/// What happens between the answer of the database and the end of the load.
#[derive(Clone, Debug)]
enum Then {
    Nothing,
    Pause(Duration),
    Halt(Arc<Gate>),
}

/// Holds a load that has read, until it is told to go on.
#[derive(Debug)]
pub(super) struct Gate {
    read: Semaphore,
    go_on: Semaphore,
}

impl Gate {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            read: Semaphore::new(0),
            go_on: Semaphore::new(0),
        })
    }

    /// Waits until a load has read.
    pub(super) async fn is_read(&self) -> Result<()> {
        self.read.acquire().await?.forget();
        Ok(())
    }

    /// Lets the load end, and all that come after it.
    pub(super) fn open(&self) {
        self.go_on.close();
    }
}

impl Load {
    pub(super) fn of(id: i64) -> Self {
        Self {
            id,
            loads: Arc::default(),
            then: Then::Nothing,
        }
    }

    pub(super) fn pausing(self, span: Duration) -> Self {
        Self {
            then: Then::Pause(span),
            ..self
        }
    }

    pub(super) fn halting(self, gate: &Arc<Gate>) -> Self {
        Self {
            then: Then::Halt(Arc::clone(gate)),
            ..self
        }
    }

    /// How often this and its clones have asked.
    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    async fn run(self, session: Session) -> Result<Option<i64>, brisk_db::Error> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let found = session.run(&N, (TENANT, self.id)).await?;
        match self.then {
            Then::Nothing => {}
            Then::Pause(span) => tokio::time::sleep(span).await,
            Then::Halt(gate) => {
                gate.read.add_permits(1);
                // Ends when the gate is opened.
                drop(gate.go_on.acquire().await);
            }
        }
        Ok(found)
    }
}

/// A cache of numbers of books.
pub(super) trait Contender: Send + Sync {
    fn name(&self) -> &'static str;

    /// What is kept for a book, or what the load answers.
    fn get<'a>(&'a self, session: &'a Session, load: Load) -> BoxFuture<'a, Result<Option<i64>>>;

    /// What its user does after each commit that changed a book.
    fn invalidate(&self, id: i64) -> BoxFuture<'_, Result<()>>;

    /// Forgets everything.
    fn flush(&self) -> BoxFuture<'_, Result<()>>;
}

/// Ours first.
pub(super) async fn contenders(books: &Books, redis: &Redis) -> Result<Vec<Arc<dyn Contender>>> {
    let room = ROWS * 2;
    let client = redis::Client::open(redis.url())?;
    Ok(vec![
        ours(books),
        Arc::new(Moka(moka::future::Cache::new(room))),
        Arc::new(QuickCache(quick_cache::sync::Cache::new(room.try_into()?))),
        Arc::new(Foyer(foyer::CacheBuilder::new(room.try_into()?).build())),
        Arc::new(OnRedis(client.get_multiplexed_async_connection().await?)),
    ])
}

pub(super) fn ours(books: &Books) -> Arc<dyn Contender> {
    let caches = books.caches();
    Arc::new(Ours {
        cache: caches.cache(NAME, Policy::rows()).build(),
        caches,
    })
}

/// Nobody tells it anything.
struct Ours {
    caches: Caches,
    cache: Cache<i64, Option<i64>>,
}

impl Contender for Ours {
    fn name(&self) -> &'static str {
        "brisk-cache"
    }

    fn get<'a>(&'a self, session: &'a Session, load: Load) -> BoxFuture<'a, Result<Option<i64>>> {
        async move {
            let id = load.id;
            let found = self.cache.get(session, &id, |session| load.run(session));
            Ok(*found.await?)
        }
        .boxed()
    }

    fn invalidate(&self, _: i64) -> BoxFuture<'_, Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        async {
            self.caches.evict(NAME, None);
            Ok(())
        }
        .boxed()
    }
}

struct Moka(moka::future::Cache<i64, Option<i64>>);

impl Contender for Moka {
    fn name(&self) -> &'static str {
        "moka"
    }

    fn get<'a>(&'a self, session: &'a Session, load: Load) -> BoxFuture<'a, Result<Option<i64>>> {
        async move {
            let found = self.0.try_get_with(load.id, load.run(session.clone()));
            found.await.map_err(|e| anyhow!("{e}"))
        }
        .boxed()
    }

    fn invalidate(&self, id: i64) -> BoxFuture<'_, Result<()>> {
        async move {
            self.0.invalidate(&id).await;
            Ok(())
        }
        .boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        async {
            self.0.invalidate_all();
            Ok(())
        }
        .boxed()
    }
}

struct QuickCache(quick_cache::sync::Cache<i64, Option<i64>>);

impl Contender for QuickCache {
    fn name(&self) -> &'static str {
        "quick_cache"
    }

    fn get<'a>(&'a self, session: &'a Session, load: Load) -> BoxFuture<'a, Result<Option<i64>>> {
        async move {
            let id = load.id;
            let found = self.0.get_or_insert_async(&id, load.run(session.clone()));
            Ok(found.await?)
        }
        .boxed()
    }

    fn invalidate(&self, id: i64) -> BoxFuture<'_, Result<()>> {
        async move {
            self.0.remove(&id);
            Ok(())
        }
        .boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        async {
            self.0.clear();
            Ok(())
        }
        .boxed()
    }
}

struct Foyer(foyer::Cache<i64, Option<i64>>);

impl Contender for Foyer {
    fn name(&self) -> &'static str {
        "foyer"
    }

    fn get<'a>(&'a self, session: &'a Session, load: Load) -> BoxFuture<'a, Result<Option<i64>>> {
        async move {
            let id = load.id;
            let session = session.clone();
            let found = self.0.get_or_fetch(&id, || load.run(session)).await?;
            Ok(*found.value())
        }
        .boxed()
    }

    fn invalidate(&self, id: i64) -> BoxFuture<'_, Result<()>> {
        async move {
            self.0.remove(&id);
            Ok(())
        }
        .boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        async {
            self.0.clear();
            Ok(())
        }
        .boxed()
    }
}

/// Get, compute, insert.
struct OnRedis(MultiplexedConnection);

impl OnRedis {
    fn key(id: i64) -> String {
        format!("books:{id}")
    }
}

impl Contender for OnRedis {
    fn name(&self) -> &'static str {
        "Redis get-compute-insert"
    }

    fn get<'a>(&'a self, session: &'a Session, load: Load) -> BoxFuture<'a, Result<Option<i64>>> {
        async move {
            let (key, mut redis) = (Self::key(load.id), self.0.clone());
            let kept: Option<String> = redis.get(&key).await?;
            if let Some(kept) = kept {
                return Ok(serde_json::from_str(&kept)?);
            }
            let found = load.run(session.clone()).await?;
            let text = serde_json::to_string(&found)?;
            let () = redis.set_ex(&key, text, LIFE_SECONDS).await?;
            Ok(found)
        }
        .boxed()
    }

    fn invalidate(&self, id: i64) -> BoxFuture<'_, Result<()>> {
        async move { Ok(self.0.clone().del(Self::key(id)).await?) }.boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        async { Ok(self.0.clone().flushdb().await?) }.boxed()
    }
}
