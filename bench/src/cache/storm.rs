//! Ten million distinct keys go through a cache that may hold 64 MiB: by how much does the process grow?
//!
//! Each cache is filled in a process of its own, so that none inherits the memory of another. Values are of 100 to 900
//! bytes. A rival weighs what its own guide weighs, the bytes of the value; ours weighs its places too.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use brisk_cache::{Cache, Caches, Policy};
use brisk_db::{Db, DbConfig};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::table::TENANT;
use crate::engine::{Places, system};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const PART: &str = "storm";

const BOUND_MIB: u64 = 64;

const BOUND: u64 = BOUND_MIB * 1024 * 1024;

/// The bound and a tenth.
const GROWTH_MIB: f64 = 70.4;

const VALUE: std::ops::Range<usize> = 100..900;

/// Who fill a cache at once.
const CALLERS: u64 = 4;

/// A cache that is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Stormed {
    Ours,
    Moka,
    QuickCache,
    Foyer,
}

impl Stormed {
    const ALL: [Self; 4] = [Self::Ours, Self::Moka, Self::QuickCache, Self::Foyer];

    /// As it is named on the command line.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Moka => "moka",
            Self::QuickCache => "quick-cache",
            Self::Foyer => "foyer",
        }
    }
}

/// What a filled process says.
#[derive(Debug, Serialize, Deserialize)]
struct Grown {
    mib: f64,
    keys_per_s: f64,
    entries: u64,
}

/// For those who hand out clones.
type Shared = Arc<[u8]>;

/// The same for the same key.
fn value(key: u64) -> Vec<u8> {
    vec![7; fastrand::Rng::with_seed(key).usize(VALUE)]
}

/// One of the caches.
#[derive(Clone)]
enum Side {
    Ours(Db, Cache<u64, Vec<u8>>),
    Moka(moka::future::Cache<u64, Shared>),
    QuickCache(Arc<quick_cache::sync::Cache<u64, Shared, Bytes>>),
    Foyer(foyer::Cache<u64, Vec<u8>>),
}

#[derive(Clone)]
struct Bytes;

impl quick_cache::Weighter<u64, Shared> for Bytes {
    fn weight(&self, _: &u64, value: &Shared) -> u64 {
        value.len() as u64
    }
}

impl Side {
    async fn open(name: Stormed, folder: &Path) -> Result<Self> {
        let usual = usize::midpoint(VALUE.start, VALUE.end);
        let bytes = usize::try_from(BOUND)?;
        Ok(match name {
            Stormed::Ours => {
                let url = format!("sqlite://{}", folder.join("brisk.db").display());
                let db = Db::open(DbConfig::new(url)).await?;
                let policy = Policy::outside(std::time::Duration::from_hours(1)).bytes(BOUND);
                let cache = Caches::of(&db).cache("bench.storm", policy);
                let cache = cache.weigh(|_, value: &Vec<u8>| value.capacity()).build();
                Self::Ours(db, cache)
            }
            Stormed::Moka => {
                let weigh = |_: &u64, value: &Shared| value.len().try_into().unwrap_or(u32::MAX);
                let cache = moka::future::Cache::builder().weigher(weigh);
                Self::Moka(cache.max_capacity(BOUND).build())
            }
            Stormed::QuickCache => {
                let cache = quick_cache::sync::Cache::with_weighter(bytes / usual, BOUND, Bytes);
                Self::QuickCache(Arc::new(cache))
            }
            Stormed::Foyer => {
                let cache = foyer::CacheBuilder::new(bytes);
                let weigh = |_: &u64, value: &Vec<u8>| value.len();
                Self::Foyer(cache.with_weighter(weigh).build())
            }
        })
    }

    /// Asks for each `CALLERS`-th key.
    async fn fill(self, first: u64, keys: u64) -> Result<()> {
        let keys = (first..keys).step_by(usize::try_from(CALLERS)?);
        match self {
            Self::Ours(db, cache) => {
                for key in keys {
                    let session = system(&db, TENANT);
                    let load = async move |_| Ok::<_, brisk_db::Error>(value(key));
                    cache.get(&session, &key, load).await?;
                }
            }
            Self::Moka(cache) => {
                for key in keys {
                    cache.get_with(key, async { value(key).into() }).await;
                }
            }
            Self::QuickCache(cache) => {
                for key in keys {
                    let load = async { Ok::<_, anyhow::Error>(value(key).into()) };
                    cache.get_or_insert_async(&key, load).await?;
                }
            }
            Self::Foyer(cache) => {
                for key in keys {
                    let load = async move || Ok::<_, anyhow::Error>(value(key));
                    cache.get_or_fetch(&key, load).await?;
                }
            }
        }
        Ok(())
    }

    async fn entries(&self) -> u64 {
        match self {
            Self::Ours(db, _) => Caches::of(db).stats().iter().map(|s| s.entries).sum(),
            Self::Moka(cache) => {
                cache.run_pending_tasks().await;
                cache.entry_count()
            }
            Self::QuickCache(cache) => cache.len() as u64,
            Self::Foyer(cache) => cache.entries() as u64,
        }
    }
}

/// Fills one cache, and prints what became of the process.
pub(crate) async fn storm(name: Stormed, keys: u64, folder: &Path) -> Result<()> {
    let side = Side::open(name, folder).await?;
    let before = kib("VmRSS")?;
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|first| tokio::spawn(side.clone().fill(first, keys)))
        .collect();
    for caller in callers {
        caller.await??;
    }
    let took = began.elapsed();
    let grown = Grown {
        // The most that it ever had.
        mib: (kib("VmHWM")? - before) / 1024.0,
        keys_per_s: float(keys) / took.as_secs_f64(),
        entries: side.entries().await,
    };
    println!("{}", serde_json::to_string(&grown)?);
    Ok(())
}

/// What the kernel says of the memory of this process.
fn kib(name: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .with_context(|| format!("the kernel does not tell {name}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

pub(super) async fn measure(report: &mut Report, places: &Places, size: Size) -> Result<()> {
    let (keys, title) = match size {
        Size::Quick => (200_000, "200,000"),
        Size::Normal | Size::Long => (10_000_000, "10,000,000"),
    };
    Report::part(&format!(
        "{title} distinct keys into a cache of {BOUND_MIB} MiB"
    ));
    let mut grown: [Vec<Grown>; Stormed::ALL.len()] = Default::default();
    for round in 0..size.rounds() {
        for (name, grown) in Stormed::ALL.into_iter().zip(&mut grown) {
            let folder = places
                .folder()
                .join(format!("storm-{}-{round}", name.as_str()));
            std::fs::create_dir(&folder)?;
            grown.push(stormed(name, keys, &folder).await?);
        }
    }
    let of = |name: Stormed, figure: fn(&Grown) -> f64| -> Vec<f64> {
        grown[name as usize].iter().map(figure).collect()
    };
    let (mib, rate): (Figure, Figure) = (|grown| grown.mib, |grown| grown.keys_per_s);
    let held = |name: Stormed| {
        let last = grown[name as usize].last();
        last.map_or(0, |grown| grown.entries)
    };
    let ours = of(Stormed::Ours, mib);
    let row = Row::new(PART, "growth of the process", Unit::Mib, &ours);
    report.row(row.goal(Goal::AtMost(GROWTH_MIB)).note(format!(
        "it holds {} entries at the end",
        held(Stormed::Ours)
    )));
    for rival in &Stormed::ALL[1..] {
        let row = Row::new(PART, "growth of the process", Unit::Mib, &ours);
        report.row(
            row.beside(rival.as_str(), &ours, &of(*rival, mib))
                .note(format!("{} entries", held(*rival))),
        );
    }
    let ours = of(Stormed::Ours, rate);
    for rival in &Stormed::ALL[1..] {
        let row = Row::new(PART, "misses each second", Unit::PerSecond, &ours);
        report.row(row.beside(rival.as_str(), &ours, &of(*rival, rate)));
    }
    Ok(())
}

/// One of the figures of a process.
type Figure = fn(&Grown) -> f64;

async fn stormed(name: Stormed, keys: u64, folder: &Path) -> Result<Grown> {
    let output = Command::new(std::env::current_exe()?)
        .args(["storm", name.as_str(), &keys.to_string()])
        .arg(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "the process that fills {} ended with {}",
        name.as_str(),
        output.status
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}
