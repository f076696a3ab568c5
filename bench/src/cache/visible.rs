//! How soon readers see what another program writes, and how much of the cache it costs: 64 readers of 10,000 rows, 50
//! writes each second by raw SQL on a connection that the kit knows nothing of.
//!
//! The ideal cache misses once after each change of a row, at the first read of that row. Beside ours stands moka with
//! the life that gives its readers the same bound.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use brisk_cache::{Cache, Policy};
use brisk_db::Session;
use fastrand::Rng;
use hdrhistogram::Histogram;
use tokio_postgres::NoTls;

use super::table::{Books, N, ROWS, SET, TENANT};
use crate::engine::{Place, Places};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const PART: &str = "visible";

const READERS: u64 = 64;

/// Between two reads of a reader. It also bounds the error of a delay, which is told too long and never too short.
const PACE: Duration = Duration::from_millis(1);

/// Fifty writes each second.
const WRITES: Duration = Duration::from_millis(20);

/// After this a write counts as never seen.
const PATIENCE: Duration = Duration::from_secs(10);

/// In hundredths.
const OF_THE_IDEAL: f64 = 95.0;

const POSTGRES: &str = "UPDATE bench_books SET n = $1 WHERE tenant_id = 1 AND id = $2";
const SQLITE: &str = "UPDATE bench_books SET n = ?1 WHERE tenant_id = 1 AND id = ?2";

/// Who reads through what.
enum Side {
    Ours(Cache<i64, i64>),
    Moka(moka::future::Cache<i64, i64>),
}

impl Side {
    /// The number of a book, and whether it was kept.
    async fn get(&self, session: &Session, id: i64) -> Result<(i64, bool)> {
        match self {
            Self::Ours(cache) => {
                let found = cache.get(session, &id, move |session| number(session, id));
                let found = found.await?;
                Ok((*found, found.is_hit()))
            }
            Self::Moka(cache) => {
                let mut hit = true;
                let load = async {
                    hit = false;
                    number(session.clone(), id).await
                };
                let found = cache.try_get_with(id, load).await;
                Ok((found.map_err(|e| anyhow!("{e}"))?, hit))
            }
        }
    }
}

async fn number(session: Session, id: i64) -> Result<i64, brisk_db::Error> {
    let found = session.run(&N, (TENANT, id)).await?;
    found.ok_or(brisk_db::Error::NoRow {
        statement: "bench.book.n",
    })
}

/// Who writes.
enum Writer {
    /// The program that caches, through the kit.
    Ours(Session),
    Postgres(tokio_postgres::Client),
    Sqlite(Arc<Mutex<rusqlite::Connection>>),
}

impl Writer {
    /// Another program: a driver of its own, on a connection of its own.
    async fn another(place: &Place) -> Result<Self> {
        match place {
            Place::Postgres(database) => {
                let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await?;
                // Ends with the client.
                tokio::spawn(async move { drop(connection.await) });
                Ok(Self::Postgres(client))
            }
            Place::Sqlite(path) => {
                let conn = rusqlite::Connection::open(path)?;
                conn.busy_timeout(PATIENCE)?;
                Ok(Self::Sqlite(Arc::new(Mutex::new(conn))))
            }
        }
    }

    /// Commits; answers once that is done.
    async fn write(&self, id: i64, n: i64) -> Result<()> {
        let changed = match self {
            Self::Ours(session) => session.run(&SET, (TENANT, id, n)).await?,
            Self::Postgres(client) => client.execute(POSTGRES, &[&n, &id]).await?,
            Self::Sqlite(conn) => {
                let conn = Arc::clone(conn);
                let write = move || {
                    let conn = conn.lock().expect("no holder of this lock can panic");
                    conn.execute(SQLITE, (n, id))
                };
                tokio::task::spawn_blocking(write).await??.try_into()?
            }
        };
        ensure!(changed == 1, "{changed} rows changed");
        Ok(())
    }
}

/// What happened to each row, and to the reads.
struct Tally {
    /// The latest number that is surely committed, and the latest that a reader has asked for; by id.
    written: Vec<AtomicI64>,
    asked: Vec<AtomicI64>,
    reads: AtomicU64,
    hits: AtomicU64,
    /// Reads that are the first after a change of their row.
    first: AtomicU64,
    /// Reads that were answered with less than was committed when they began.
    stale: AtomicU64,
}

impl Tally {
    fn new() -> Self {
        let rows = || (0..=ROWS).map(|_| AtomicI64::new(0)).collect();
        Self {
            written: rows(),
            asked: rows(),
            reads: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            first: AtomicU64::new(0),
            stale: AtomicU64::new(0),
        }
    }

    /// Hits in hundredths of those of the ideal.
    fn of_the_ideal(&self) -> f64 {
        let of = |count: &AtomicU64| float(count.load(Ordering::Relaxed));
        of(&self.hits) * 100.0 / (of(&self.reads) - of(&self.first))
    }
}

/// A reader, as a request is one: with a session of its own for each read.
#[derive(Clone)]
struct Reader {
    books: Arc<Books>,
    side: Arc<Side>,
    tally: Arc<Tally>,
}

impl Reader {
    async fn read(&self, id: i64) -> Result<i64> {
        let (tally, row) = (&*self.tally, usize::try_from(id)?);
        let written = tally.written[row].load(Ordering::Acquire);
        let is_first = tally.asked[row].fetch_max(written, Ordering::AcqRel) < written;
        let (n, hit) = self.side.get(&self.books.session(), id).await?;
        for (count, one) in [
            (&tally.reads, true),
            (&tally.hits, hit),
            (&tally.first, is_first),
            (&tally.stale, n < written),
        ] {
            count.fetch_add(u64::from(one), Ordering::Relaxed);
        }
        Ok(n)
    }

    /// The time until a read answers `n` or more.
    async fn sees(self, id: i64, n: i64, since: Instant) -> Result<Duration> {
        let seen = async {
            while self.read(id).await? < n {
                tokio::time::sleep(PACE).await;
            }
            anyhow::Ok(since.elapsed())
        };
        tokio::time::timeout(PATIENCE, seen)
            .await
            .with_context(|| format!("a commit was not seen within {PATIENCE:?}"))?
    }
}

/// A round of one side with one writer.
struct Seen {
    p99_ms: f64,
    max_ms: f64,
    of_the_ideal: f64,
    /// In hundredths of all reads.
    stale: f64,
    reads_per_s: f64,
}

async fn round(
    books: &Arc<Books>,
    side: &Arc<Side>,
    writer: &Writer,
    numbers: &mut impl Iterator<Item = i64>,
    time: Duration,
) -> Result<Seen> {
    let reader = Reader {
        books: Arc::clone(books),
        side: Arc::clone(side),
        tally: Arc::new(Tally::new()),
    };
    let rows = i64::try_from(ROWS)?;
    for id in 1..=rows {
        side.get(&books.session(), id).await?;
    }
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|seed| {
            let (reader, over) = (reader.clone(), Arc::clone(&over));
            let mut rng = Rng::with_seed(seed);
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    reader.read(rng.i64(1..=rows)).await?;
                    tokio::time::sleep(PACE).await;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    let (began, mut rng) = (Instant::now(), Rng::with_seed(7));
    let mut beats = tokio::time::interval(WRITES);
    let mut probes = Vec::new();
    while began.elapsed() < time {
        beats.tick().await;
        let id = rng.i64(1..=rows);
        let n = numbers.next().context("numbers do not end")?;
        writer.write(id, n).await?;
        let committed = Instant::now();
        reader.tally.written[usize::try_from(id)?].fetch_max(n, Ordering::AcqRel);
        probes.push(tokio::spawn(reader.clone().sees(id, n, committed)));
    }
    let mut delays = Histogram::<u64>::new_with_max(60_000_000, 3)?;
    for probe in probes {
        delays.saturating_record(u64::try_from(probe.await??.as_micros())?);
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await??;
    }
    let tally = &*reader.tally;
    let reads = float(tally.reads.load(Ordering::Relaxed));
    Ok(Seen {
        p99_ms: float(delays.value_at_quantile(0.99)) / 1e3,
        max_ms: float(delays.max()) / 1e3,
        of_the_ideal: tally.of_the_ideal(),
        stale: float(tally.stale.load(Ordering::Relaxed)) * 100.0 / reads,
        reads_per_s: reads / began.elapsed().as_secs_f64(),
    })
}

pub(super) async fn measure(report: &mut Report, places: &Places, size: Size) -> Result<()> {
    let time = match size {
        Size::Quick => Duration::from_secs(2),
        Size::Normal => Duration::from_secs(10),
        Size::Long => Duration::from_secs(30),
    };
    for place in places.both("visible")? {
        let engine = place.engine();
        Report::part(&format!(
            "{engine}: 64 readers of 10,000 rows, 50 writes each second"
        ));
        let bound = match place {
            Place::Postgres(_) => Duration::from_millis(25),
            Place::Sqlite(_) => Duration::from_millis(50),
        };
        let books = Arc::new(Books::open(place).await?);
        let cache = books.caches().cache("bench.visible", Policy::rows());
        let ours = Arc::new(Side::Ours(cache.build()));
        let cache = moka::future::Cache::builder().max_capacity(ROWS * 2);
        let moka = Arc::new(Side::Moka(cache.time_to_live(bound).build()));
        let another = Writer::another(&books.place).await?;
        let ourselves = Writer::Ours(books.session());
        // Each number is written once.
        let mut numbers = 1..;
        let (mut told, mut aged, mut own) = (vec![], vec![], vec![]);
        for _ in 0..size.rounds() {
            told.push(round(&books, &ours, &another, &mut numbers, time).await?);
            aged.push(round(&books, &moka, &another, &mut numbers, time).await?);
            own.push(round(&books, &ours, &ourselves, &mut numbers, time).await?);
        }
        let rival = match bound.as_millis() {
            25 => "moka, 25 ms to live",
            _ => "moka, 50 ms to live",
        };
        let of =
            |rounds: &[Seen], figure: Figure| -> Vec<f64> { rounds.iter().map(figure).collect() };
        let row = |what: &str, unit, rounds, figure| {
            Row::new(PART, format!("{engine}: {what}"), unit, &of(rounds, figure))
        };
        let (delay, ideal): (Figure, Figure) = (|seen| seen.p99_ms, |seen| seen.of_the_ideal);
        let what = "another program's commit to visible, p99";
        report.row(
            row(what, Unit::Ms, &told, delay)
                .beside(rival, &of(&told, delay), &of(&aged, delay))
                .goal(Goal::AtMost(bound.as_secs_f64() * 1e3))
                .note(of_reads(&told)),
        );
        let what = "hits of the ideal's, another program writes";
        let mut hits = row(what, Unit::Percent, &told, ideal)
            .beside(rival, &of(&told, ideal), &of(&aged, ideal))
            .goal(Goal::AtLeast(OF_THE_IDEAL));
        if engine == "SQLite" {
            hits = hits.note("what another program commits to SQLite is told for whole tables");
        }
        report.row(hits);
        let what = "own commit to visible, p99";
        report.row(row(what, Unit::Ms, &own, delay).note(of_reads(&own)));
        let what = "hits of the ideal's, this program writes";
        report.row(row(what, Unit::Percent, &own, ideal));
        books.db.close().await;
    }
    Ok(())
}

/// One of the figures of a round.
type Figure = fn(&Seen) -> f64;

/// How much was read, and how old.
fn of_reads(rounds: &[Seen]) -> String {
    let mean = |figure: Figure| rounds.iter().map(figure).sum::<f64>() / float(rounds.len() as u64);
    let longest = rounds.iter().map(|seen| seen.max_ms).fold(0.0, f64::max);
    format!(
        "{:.0} reads/s, {:.3} % of them older than the latest commit; the longest delay was {longest:.1} ms",
        mean(|seen| seen.reads_per_s),
        mean(|seen| seen.stale)
    )
}
