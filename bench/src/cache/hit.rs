//! What a hit costs: 10,000 resident entries of real rows, asked for by one thread and by two.
//!
//! Ours is a whole `get` of a request: tenant, ledger, counts, and whether a change has ended the entry. All contenders
//! run in the same loop over the same keys, which is an async function for those that wait for nothing too.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use brisk_cache::{Cache, Policy};
use brisk_db::Session;
use fastrand::Rng;
use tokio::runtime::Handle;

use super::table::{BOOK, Book, Books, ROWS, TENANT};
use crate::engine::Places;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const PART: &str = "hit";

/// Room for twice as many entries as there are, so that none has to go.
const ROOM: usize = 20_000;

/// Keys of one sequence; a power of two.
const SEQUENCE: usize = 1 << 16;

/// At most so many times the time of the raw map.
const OF_QUICK_CACHE: f64 = 1.0 / 1.3;

const OF_MOKA: f64 = 5.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Get,
    Peek,
    QuickCache,
    QuickCacheAsync,
    MokaFuture,
    MokaSync,
    Foyer,
}

impl Way {
    const ALL: [Self; 7] = [
        Self::Get,
        Self::Peek,
        Self::QuickCache,
        Self::QuickCacheAsync,
        Self::MokaFuture,
        Self::MokaSync,
        Self::Foyer,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Get => "get().await",
            Self::Peek => "peek()",
            Self::QuickCache => "quick_cache get",
            Self::QuickCacheAsync => "quick_cache, async",
            Self::MokaFuture => "moka future get",
            Self::MokaSync => "moka sync get",
            Self::Foyer => "foyer get",
        }
    }
}

/// Who stands beside whom, and what is promised.
const ROWS_SHOWN: [(Way, Way, Option<f64>); 7] = [
    (Way::Get, Way::QuickCache, Some(OF_QUICK_CACHE)),
    (Way::Peek, Way::QuickCache, Some(OF_QUICK_CACHE)),
    (Way::Get, Way::QuickCacheAsync, None),
    (Way::Get, Way::MokaFuture, Some(OF_MOKA)),
    (Way::Get, Way::MokaSync, Some(OF_MOKA)),
    (Way::Peek, Way::MokaSync, Some(OF_MOKA)),
    (Way::Get, Way::Foyer, None),
];

/// What is asked for in one round.
struct Run {
    keys: Vec<u64>,
    threads: usize,
    /// By each thread.
    hits: usize,
}

/// All of them with the same entries. A rival holds what its users give it: an `Arc`, where what it hands out is a clone.
struct All {
    books: Books,
    ours: Cache<u64, Book>,
    quick: quick_cache::sync::Cache<u64, Arc<Book>>,
    moka_future: moka::future::Cache<u64, Arc<Book>>,
    moka_sync: moka::sync::Cache<u64, Arc<Book>>,
    foyer: foyer::Cache<u64, Book>,
}

impl All {
    async fn fill(books: Books) -> Result<Self> {
        let caches = books.caches();
        let ours = caches.cache("bench.hit", Policy::rows());
        let all = Self {
            ours: ours.weigh(|_, book: &Book| book.heap_bytes()).build(),
            quick: quick_cache::sync::Cache::new(ROOM),
            moka_future: moka::future::Cache::new(ROOM as u64),
            moka_sync: moka::sync::Cache::new(ROOM as u64),
            foyer: foyer::CacheBuilder::new(ROOM).build(),
            books,
        };
        let session = all.books.session();
        for id in 1..=ROWS {
            let book = all
                .ours
                .get(&session, &id, move |session| load(session, id))
                .await?
                .into_inner();
            let shared = Arc::new(book.clone());
            all.quick.insert(id, Arc::clone(&shared));
            all.moka_future.insert(id, Arc::clone(&shared)).await;
            all.moka_sync.insert(id, shared);
            all.foyer.insert(id, book);
        }
        all.moka_future.run_pending_tasks().await;
        all.moka_sync.run_pending_tasks();
        Ok(all)
    }

    /// Nanoseconds of one hit.
    fn time(&self, way: Way, run: &Run) -> Result<f64> {
        let id = |book: &Book| book.id.cast_unsigned();
        match way {
            Way::Get => timed(run, || {
                let session = self.books.session();
                async move |key| {
                    let found = self
                        .ours
                        .get(&session, &key, move |session| load(session, key))
                        .await;
                    found.map_or(0, |book| id(&book))
                }
            }),
            Way::Peek => timed(run, || {
                let session = self.books.session();
                async move |key| {
                    let found = self.ours.peek(&session, &key);
                    found.map_or(0, |book| id(&book))
                }
            }),
            Way::QuickCache => timed(run, || {
                async |key| self.quick.get(&key).map_or(0, |book| id(&book))
            }),
            Way::QuickCacheAsync => timed(run, || {
                async |key| {
                    let none = async { Err(()) };
                    let found = self.quick.get_or_insert_async(&key, none).await;
                    found.map_or(0, |book| id(&book))
                }
            }),
            Way::MokaFuture => timed(run, || {
                async |key| self.moka_future.get(&key).await.map_or(0, |book| id(&book))
            }),
            Way::MokaSync => timed(run, || {
                async |key| self.moka_sync.get(&key).map_or(0, |book| id(&book))
            }),
            Way::Foyer => timed(run, || {
                async |key| self.foyer.get(&key).map_or(0, |book| id(&book))
            }),
        }
    }
}

async fn load(session: Session, id: u64) -> Result<Book, brisk_db::Error> {
    session.run(&BOOK, (TENANT, id.cast_signed())).await
}

/// The mean time of one hit over all threads, in nanoseconds; fails where one was none.
fn timed<H: AsyncFnMut(u64) -> u64>(run: &Run, make: impl Fn() -> H + Sync) -> Result<f64> {
    let (runtime, line) = (Handle::current(), Barrier::new(run.threads));
    let of_thread = |thread: usize| {
        let offset = thread * SEQUENCE / run.threads;
        let key = |turn: usize| run.keys[(offset + turn) % SEQUENCE];
        let mut hit = make();
        let (took, sum) = runtime.block_on(async {
            line.wait();
            let began = Instant::now();
            let mut sum = 0_u64;
            for turn in 0..run.hits {
                sum = sum.wrapping_add(black_box(hit(black_box(key(turn))).await));
            }
            (began.elapsed(), sum)
        });
        let expected = (0..run.hits).map(key).fold(0_u64, u64::wrapping_add);
        ensure!(sum == expected, "not every hit was one");
        Ok(took.as_secs_f64() * 1e9 / float(run.hits as u64))
    };
    let each = thread::scope(|scope| {
        let of_thread = &of_thread;
        let threads: Vec<_> = (0..run.threads)
            .map(|thread| scope.spawn(move || of_thread(thread)))
            .collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(took) => took,
            Err(_) => Err(anyhow!("a thread of the measurement panicked")),
        });
        joined.collect::<Result<Vec<f64>>>()
    })?;
    Ok(each.iter().sum::<f64>() / float(each.len() as u64))
}

/// Each key as often as any other.
fn uniform() -> Vec<u64> {
    let mut rng = Rng::with_seed(42);
    (0..SEQUENCE).map(|_| rng.u64(1..=ROWS)).collect()
}

/// The n-th most wanted key 1/n times as often as the first; which keys those are follows no order.
fn zipf() -> Vec<u64> {
    let mut rng = Rng::with_seed(42);
    let mut keys: Vec<u64> = (1..=ROWS).collect();
    rng.shuffle(&mut keys);
    let mut sum = 0.0;
    let shares: Vec<f64> = (1..=ROWS)
        .map(|rank| {
            sum += 1.0 / float(rank);
            sum
        })
        .collect();
    let key = |drawn: f64| keys[shares.partition_point(|share| *share < drawn * sum)];
    (0..SEQUENCE).map(|_| key(rng.f64())).collect()
}

pub(super) async fn measure(report: &mut Report, places: &Places, size: Size) -> Result<()> {
    Report::part("a hit among 10,000 resident entries of rows");
    let all = All::fill(Books::open(places.sqlite("hit")?).await?).await?;
    let hits = match size {
        Size::Quick => 50_000,
        Size::Normal => 2_000_000,
        Size::Long => 10_000_000,
    };
    for (spread, keys) in [("uniform", uniform()), ("zipf", zipf())] {
        for threads in [1, 2] {
            let run = Run {
                keys: keys.clone(),
                threads,
                hits,
            };
            let mut times: [Vec<f64>; Way::ALL.len()] = Default::default();
            // Rounds are short, so there are more of them; the first only warms up, and who goes first changes.
            for round in 0..=size.rounds() * 2 {
                for turn in 0..Way::ALL.len() {
                    let place = (round + turn) % Way::ALL.len();
                    let time = tokio::task::block_in_place(|| all.time(Way::ALL[place], &run))?;
                    if round > 0 {
                        times[place].push(time);
                    }
                }
            }
            let of = |way: Way| &times[way as usize];
            for (ours, rival, goal) in ROWS_SHOWN {
                let s = if threads == 1 { "" } else { "s" };
                let what = format!("{}, {spread} keys, {threads} thread{s}", ours.name());
                let row = Row::new(PART, what, Unit::Ns, of(ours));
                let row = row.beside(rival.name(), of(ours), of(rival));
                report.row(match goal {
                    Some(goal) => row.goal(Goal::Ratio(goal)),
                    None => row,
                });
            }
        }
    }
    let loads = all
        .books
        .caches()
        .stats()
        .iter()
        .map(|s| s.loads)
        .sum::<u64>();
    ensure!(
        loads == ROWS,
        "{loads} loads of {ROWS} rows: hits were none"
    );
    all.books.db.close().await;
    Ok(())
}
