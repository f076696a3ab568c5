//! The conformance suite of the cache: a million interleavings of loads with commits, deletes, rollbacks, flushes and cut
//! links, forced by gates, through ours and through its rivals.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use brisk_cache::conformance::{
    Answer, Brisk, Depends, Effort, GetComputeInsert, Load, News, QuickCache, Report as Found,
    Subject, Told, run,
};
use brisk_db::{Db, DbConfig};

use crate::engine::Places;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const PART: &str = "races";

const SEED: u64 = 42;

/// Keys are not used again by another interleaving.
const ROOM: usize = 1_000;

/// When ours is told what exactly was changed, and what its entries depend on; a share of the interleavings each.
const OURS: [(Told, Depends); 4] = [
    (Told::AtOnce, Depends::Row),
    (Told::Later, Depends::Row),
    (Told::Later, Depends::Tenant),
    (Told::Later, Depends::Entry),
];

pub(super) async fn measure(report: &mut Report, places: &Places, size: Size) -> Result<()> {
    let (each, each_title, all_title) = match size {
        Size::Quick => (5_000, "5,000", "20,000"),
        Size::Normal => (250_000, "250,000", "1,000,000"),
        Size::Long => (1_000_000, "1,000,000", "4,000,000"),
    };
    let effort = Effort {
        interleavings: each,
        ..Effort::short(SEED)
    };
    Report::part(&format!("{all_title} interleavings"));
    // Its sessions are what loads are given; nothing is asked of it.
    let db = Db::open(DbConfig::new(places.sqlite("interleavings")?.url())).await?;
    let runs = || {
        let ours = OURS.map(|(told, depends)| run(effort, || Brisk::over(&db, told, depends)));
        let rivals = [
            ("moka", run(effort, Moka::new)),
            ("quick_cache", run(effort, QuickCache::default)),
            ("foyer", run(effort, Foyer::new)),
            ("get-compute-insert", run(effort, GetComputeInsert::default)),
        ];
        (ours, rivals)
    };
    // It has runtimes of its own.
    let (ours, rivals) = tokio::task::block_in_place(runs);
    for found in &ours {
        let total = found.total();
        // One that keeps nothing breaks no promise.
        ensure!(total.kept == total.interleavings, "ours kept too little");
    }
    let failures = |found: &Found| float(found.total().failures());
    let sum: f64 = ours.iter().map(failures).sum();
    let what = format!("promises broken in {all_title} interleavings");
    report.row(Row::new(PART, what, Unit::Count, &[sum]).goal(Goal::AtMost(0.0)));
    let ours = [failures(&ours[1])];
    for (name, found) in rivals {
        let total = found.total();
        let what = format!("promises broken in {each_title} interleavings");
        let row = Row::new(PART, what, Unit::Count, &ours);
        report.row(
            row.beside(name, &ours, &[failures(&found)])
                .note(format!(
                    "{} answers stale, {} keys stale for good, {} not committed, {} without one's own writes, {} missing",
                    total.stale,
                    total.lost,
                    total.undone,
                    total.inside,
                    total.stuck + total.broken
                )),
        );
    }
    db.close().await;
    Ok(())
}

/// Invalidated after each commit, and passed by while nothing is told.
struct Moka {
    cache: moka::future::Cache<u64, Answer>,
    is_cut: AtomicBool,
}

impl Moka {
    fn new() -> Self {
        Self {
            cache: moka::future::Cache::new(ROOM as u64),
            is_cut: AtomicBool::new(false),
        }
    }
}

impl Subject for Moka {
    fn name(&self) -> String {
        "moka".to_owned()
    }

    async fn get(&self, key: u64, load: Load) -> Answer {
        if self.is_cut.load(Ordering::Relaxed) {
            return load.run().await;
        }
        self.cache.get_with(key, async { load.run().await }).await
    }

    async fn hear(&self, news: News) {
        match news {
            News::Changed(keys) => {
                for key in keys {
                    self.cache.invalidate(&key).await;
                }
            }
            News::Flush => self.cache.invalidate_all(),
            News::Cut => self.is_cut.store(true, Ordering::Relaxed),
            News::Linked => {
                self.cache.invalidate_all();
                self.is_cut.store(false, Ordering::Relaxed);
            }
            News::CaughtUp => {}
        }
    }
}

/// The same with foyer.
struct Foyer {
    cache: foyer::Cache<u64, Answer>,
    is_cut: AtomicBool,
}

impl Foyer {
    fn new() -> Self {
        Self {
            cache: foyer::CacheBuilder::new(ROOM).build(),
            is_cut: AtomicBool::new(false),
        }
    }
}

impl Subject for Foyer {
    fn name(&self) -> String {
        "foyer".to_owned()
    }

    async fn get(&self, key: u64, load: Load) -> Answer {
        if self.is_cut.load(Ordering::Relaxed) {
            return load.run().await;
        }
        let loaded = || async move { Ok::<_, Infallible>(load.run().await) };
        let found = self.cache.get_or_fetch(&key, loaded).await;
        *found.expect("the load of a test cannot fail").value()
    }

    async fn hear(&self, news: News) {
        match news {
            News::Changed(keys) => {
                for key in keys {
                    self.cache.remove(&key);
                }
            }
            News::Flush => self.cache.clear(),
            News::Cut => self.is_cut.store(true, Ordering::Relaxed),
            News::Linked => {
                self.cache.clear();
                self.is_cut.store(false, Ordering::Relaxed);
            }
            News::CaughtUp => {}
        }
    }
}
