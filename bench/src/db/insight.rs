//! What it costs to see everything: the same statements with and without metrics, traces, detectors and explained plans.

use std::sync::Arc;

use anyhow::{Result, bail};
use brisk_core::{Clock, Deadline, Principal, Scope, TenantId};
use brisk_db::{Db, DbConfig, Session};
use brisk_telemetry::{PerfStats, Sampler, TelemetryConfig};

use super::kit::{BY_ID, Kit, PAGE};
use super::table::{Ask, Store, StoreCaller};
use crate::load::closed;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::Size;

const CALLERS: usize = 64;

/// Each ask as a request of its own, which is traced and judged as the edge does it.
#[derive(Clone)]
struct Seen {
    db: Db,
    perf: Arc<PerfStats>,
    sampler: Arc<Sampler>,
    principal: Arc<Principal>,
}

impl Seen {
    async fn open(url: &str) -> Result<Self> {
        let db = Db::open(DbConfig::new(url)).await?;
        let perf = PerfStats::new(&TelemetryConfig::default(), Clock::system());
        db.measure(Arc::clone(&perf));
        Ok(Self {
            db,
            sampler: Arc::new(perf.sampler()),
            perf,
            principal: Arc::new(Principal::system("bench")),
        })
    }

    async fn request<T>(&self, work: impl AsyncFnOnce(&Session) -> Result<T>) -> Result<T> {
        let ledger = Arc::new(self.sampler.ledger());
        let principal = Arc::clone(&self.principal);
        let scope = Scope::new(
            TenantId::PLATFORM,
            principal,
            Deadline::NONE,
            Arc::clone(&ledger),
        );
        let result = work(&self.db.session(scope)).await;
        match ledger.take_trace() {
            Some(trace) => self
                .perf
                .judge(|| "bench".to_owned(), &trace, result.is_ok()),
            None => self.sampler.suspect(&ledger, &ledger.summary()),
        }
        result
    }
}

impl Store for Seen {
    async fn page(&self, group: i64) -> Result<usize> {
        self.request(async |session| Ok(session.run(&PAGE, (group,)).await?.len()))
            .await
    }

    async fn by_id(&self, id: i64) -> Result<i64> {
        self.request(async |session| Ok(session.run(&BY_ID, (id,)).await?.id))
            .await
    }

    async fn by_ids(&self, _: Vec<i64>) -> Result<usize> {
        bail!("it is not asked for")
    }

    async fn insert(&self, _: i64, _: String, _: String) -> Result<i64> {
        bail!("it is not asked for")
    }
}

pub(super) async fn measure(report: &mut Report, url: &str, size: Size) -> Result<()> {
    Report::part("PostgreSQL: what insight costs");
    let seen = Arc::new(Seen::open(url).await?);
    let mut config = DbConfig::new(url);
    config.explain = false;
    let blind = Db::open(config).await?;
    let blind_kit = Arc::new(Kit(blind.clone()));
    for ask in [Ask::Page, Ask::ById] {
        let (mut on, mut off) = (Vec::new(), Vec::new());
        for round in 0..=size.rounds() * 3 {
            let with = || rate(&seen, ask, round, size);
            let without = || rate(&blind_kit, ask, round, size);
            // Which side goes first changes.
            let (a, b) = if round % 2 == 0 {
                let a = with().await?;
                (a, without().await?)
            } else {
                let b = without().await?;
                (with().await?, b)
            };
            // The first round only warms up.
            if round > 0 {
                on.push(a);
                off.push(b);
            }
        }
        let what = format!("{}, {CALLERS} callers, metrics and detectors", ask.title());
        report.row(
            Row::new("insight", what, Unit::PerSecond, &on)
                .beside("ledger alone", &on, &off)
                .goal(Goal::Ratio(0.97)),
        );
    }
    seen.db.close().await;
    blind.close().await;
    Ok(())
}

async fn rate<S: Store>(store: &Arc<S>, ask: Ask, round: usize, size: Size) -> Result<f64> {
    let callers = StoreCaller::some(store, ask, CALLERS, round);
    Ok(closed(callers, size.round()).await?.rate())
}
