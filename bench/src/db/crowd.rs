//! Two thousand requests in flight on eight connections.

use std::sync::Arc;

use anyhow::Result;
use brisk_db::{Db, DbConfig};

use super::kit::Kit;
use super::table::{Ask, StoreCaller};
use crate::load::closed;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const FEW: usize = 64;
const MANY: usize = 2_000;

/// Lanes and checkout connections together.
const CONNECTIONS: usize = 8;

pub(super) async fn measure(report: &mut Report, url: &str, size: Size) -> Result<()> {
    Report::part("PostgreSQL: 2,000 requests in flight on 8 connections");
    let mut config = DbConfig::new(url);
    config.postgres.lanes = CONNECTIONS / 2;
    config.postgres.pool = CONNECTIONS / 2;
    let db = Db::open(config).await?;
    let kit = Arc::new(Kit(db.clone()));
    let ratio = float(MANY as u64) / float(FEW as u64);
    for ask in [Ask::Page, Ask::ById] {
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for round in 0..=size.rounds() {
            // A failed ask fails the measurement.
            let small = closed(StoreCaller::some(&kit, ask, FEW, round), size.round()).await?;
            let large = closed(StoreCaller::some(&kit, ask, MANY, round), size.round()).await?;
            if round > 0 {
                // Times the load ratio: what waiting in line alone would cost.
                few.push(small.p99_ms() * ratio);
                many.push(large.p99_ms());
            }
        }
        let what = format!("{}, {MANY} in flight, p99, 0 errors", ask.title());
        report.row(
            Row::new("crowd", what, Unit::Ms, &many)
                // At most twice as long.
                .beside("p99 of 64 in flight times 31.25", &many, &few)
                .goal(Goal::Ratio(0.5)),
        );
    }
    db.close().await;
    Ok(())
}
