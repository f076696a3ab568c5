//! What it costs to see everything: the same statements with and without their numbers being kept.

use std::sync::Arc;

use anyhow::Result;
use brisk_core::Clock;
use brisk_db::{Db, DbConfig};
use brisk_telemetry::{PerfStats, TelemetryConfig};

use super::kit::Kit;
use super::table::{Ask, StoreCaller};
use crate::load::closed;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::Size;

const CALLERS: usize = 64;

pub(super) async fn measure(report: &mut Report, url: &str, size: Size) -> Result<()> {
    Report::part("PostgreSQL: what insight costs");
    let seen = Db::open(DbConfig::new(url)).await?;
    seen.measure(PerfStats::new(&TelemetryConfig::default(), Clock::system()));
    let blind = Db::open(DbConfig::new(url)).await?;
    let (seen_kit, blind_kit) = (Arc::new(Kit(seen.clone())), Arc::new(Kit(blind.clone())));
    for ask in [Ask::Page, Ask::ById] {
        let (mut on, mut off) = (Vec::new(), Vec::new());
        for round in 0..=size.rounds() * 3 {
            let rate = async |kit: &Arc<Kit>| {
                let callers = StoreCaller::some(kit, ask, CALLERS, round);
                Ok::<_, anyhow::Error>(closed(callers, size.round()).await?.rate())
            };
            // Which side goes first changes.
            let (a, b) = if round % 2 == 0 {
                let a = rate(&seen_kit).await?;
                (a, rate(&blind_kit).await?)
            } else {
                let b = rate(&blind_kit).await?;
                (rate(&seen_kit).await?, b)
            };
            if round > 0 {
                on.push(a);
                off.push(b);
            }
        }
        let what = format!("{}, {CALLERS} callers, measured", ask.title());
        report.row(
            Row::new("insight", what, Unit::PerSecond, &on)
                .beside("ledger alone", &on, &off)
                .goal(Goal::Ratio(0.97)),
        );
    }
    seen.close().await;
    blind.close().await;
    Ok(())
}
