//! Scores of a tenant and its areas: computed from the daily figures, kept ready, ranked.

use std::collections::BTreeMap;

use brisk_core::{Clock, TenantId};
use brisk_db::{Json, Session};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::model::rollup::DayDelta;
use crate::model::score::{
    Grade, Period, Score, ScoreInput, ScoreWeights, Trend, compliance, dense_rank, percentile,
};
use crate::model::workflow::Status;
use crate::settings::TenantSettings;
use crate::store::figures::{Bands, Figures};
use crate::store::score::{ScoreRecord, ScoreRow, Scores};

/// How a tenant or an area stands in a period, beside its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) grade: Option<Grade>,
    pub(crate) insufficient_data: bool,
    pub(crate) sla_compliance: Option<f64>,
    pub(crate) ack_compliance: Option<f64>,
    pub(crate) average_resolution_hours: Option<f64>,
    /// Approximate: linear inside the buckets of a histogram, as is the next.
    pub(crate) p50_resolution_hours: Option<f64>,
    pub(crate) p90_resolution_hours: Option<f64>,
    /// Issues that wait in status `open`, at the time of the computation.
    pub(crate) open_issues: i64,
    pub(crate) opened_issues: i64,
    pub(crate) resolved_issues: i64,
    pub(crate) total_reports: i64,
    /// Among the tenant's areas that have a score; none for the tenant itself.
    pub(crate) percentile: Option<f64>,
    /// Of reports, against the period before; none for all time.
    pub(crate) trend: Option<Trend>,
}

impl Standing {
    /// The score of a period's sums, and how it came about.
    pub(crate) fn of(
        sums: &DayDelta,
        previous: Option<&DayDelta>,
        open_issues: i64,
        weights: &ScoreWeights,
    ) -> (Option<f64>, Self) {
        let score = Score::of(&ScoreInput::from(sums), weights);
        let standing = Self {
            grade: score.grade,
            insufficient_data: score.insufficient_data,
            sla_compliance: score.sla_compliance,
            ack_compliance: compliance(sums.ack_met, sums.ack_missed),
            average_resolution_hours: score.average_resolution_hours,
            p50_resolution_hours: sums.res_hist.quantile_hours(0.5),
            p90_resolution_hours: sums.res_hist.quantile_hours(0.9),
            open_issues,
            opened_issues: sums.opened,
            resolved_issues: sums.resolved,
            total_reports: sums.reports,
            percentile: None,
            trend: previous.map(|before| Trend::of(sums.reports, before.reports)),
        };
        (score.overall, standing)
    }

    /// As it was stored; `None` when it was written by a release that knew other members.
    pub(crate) fn read(row: &ScoreRow) -> Option<Self> {
        Self::deserialize(&row.detail.0).ok()
    }
}

/// The day that it is for the tenant.
pub(crate) fn today(settings: &TenantSettings, now: Timestamp) -> Date {
    settings.zone.to_datetime(now).date()
}

/// Sums of one area by band.
type Banded = [DayDelta; 7];

/// Computes the scores of all periods, of the tenant and of each area, and keeps them.
///
/// Three reads that travel together and one write, whatever the number of days and areas.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn refresh(
    session: &Session,
    settings: &TenantSettings,
    clock: &Clock,
) -> Result<(), Error> {
    write(session, settings, clock.now(), None).await
}

/// The same, and the last thirty days are kept as the scores of `day`, for trends; call it at the end of that day.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn snapshot(
    session: &Session,
    settings: &TenantSettings,
    clock: &Clock,
    day: Date,
) -> Result<(), Error> {
    write(session, settings, clock.now(), Some(day)).await
}

async fn write(
    session: &Session,
    settings: &TenantSettings,
    now: Timestamp,
    day: Option<Date>,
) -> Result<(), Error> {
    let today = today(settings, now);
    let figures = Figures(session);
    let (bands, hist, counts) = futures::try_join!(
        figures.bands(today),
        figures.band_hist(today),
        figures.area_counts()
    )?;
    // Area 0 stands for "no area" in the figures and for the whole tenant in the scores.
    let mut whole = Banded::default();
    let mut areas: BTreeMap<i64, Banded> = settings
        .areas
        .iter()
        .map(|a| (a.id, Banded::default()))
        .collect();
    let slot = |band: i64| usize::try_from(band).unwrap_or_default().min(6);
    for row in &bands {
        let sums = row.sums();
        whole[slot(row.band)].merge(&sums, 1);
        if let Some(area) = areas.get_mut(&row.area_id) {
            area[slot(row.band)].merge(&sums, 1);
        }
    }
    for row in &hist {
        let bucket = usize::try_from(row.bucket).unwrap_or_default();
        let add = |to: &mut Banded| {
            if let Some(n) = to[slot(row.band)].res_hist.0.get_mut(bucket) {
                *n += row.n;
            }
        };
        add(&mut whole);
        if let Some(area) = areas.get_mut(&row.area_id) {
            add(area);
        }
    }
    let open_in = |area: Option<i64>| -> i64 {
        let counted = counts
            .iter()
            .filter(|c| c.status == Status::Open && area.is_none_or(|id| c.area_id == id));
        counted.map(|c| c.n).sum()
    };
    let whole = (0, whole, open_in(None));
    let areas = areas
        .into_iter()
        .map(|(id, banded)| (id, banded, open_in(Some(id))));
    let all: Vec<(i64, Banded, i64)> = std::iter::once(whole).chain(areas).collect();
    let records = Period::ALL
        .into_iter()
        .flat_map(|period| records(session.tenant(), period, &all, settings, now))
        .collect();
    let kept = day.map(|day| (Period::Last30Days.as_str(), format!("day:{day}")));
    Scores(session).update(records, kept).await?;
    Ok(())
}

fn records(
    tenant_id: TenantId,
    period: Period,
    all: &[(i64, Banded, i64)],
    settings: &TenantSettings,
    now: Timestamp,
) -> Vec<ScoreRecord> {
    let sum = |banded: &Banded, bands: std::ops::RangeInclusive<i64>| {
        let mut sums = DayDelta::default();
        for (_, band) in (0..).zip(banded).filter(|(n, _)| bands.contains(n)) {
            sums.merge(band, 1);
        }
        sums
    };
    let weights = &settings.config.score;
    let mut stood: Vec<(i64, Option<f64>, Standing)> = all
        .iter()
        .map(|(id, banded, open)| {
            let previous = Bands::before(period).map(|bands| sum(banded, bands));
            let sums = sum(banded, Bands::of(period));
            let (score, standing) = Standing::of(&sums, previous.as_ref(), *open, weights);
            (*id, score, standing)
        })
        .collect();
    let scored: Vec<f64> = stood
        .iter()
        .filter(|(id, ..)| *id != 0)
        .filter_map(|(_, score, _)| *score)
        .collect();
    for (id, score, standing) in &mut stood {
        standing.percentile = score
            .filter(|_| *id != 0)
            .map(|own| percentile(own, &scored));
    }
    let mut records = Vec::new();
    for (area_id, score, standing) in stood {
        let mut keep = |metric_type, score, detail| {
            records.push(ScoreRecord {
                tenant_id,
                area_id,
                metric_type,
                period: period.as_str(),
                score,
                detail: Json(detail),
                calculated_at: now,
            });
        };
        let none = || serde_json::json!({});
        if area_id == 0 {
            keep("sla_compliance", standing.sla_compliance, none());
            keep("ack_compliance", standing.ack_compliance, none());
            keep(
                "resolution_hours",
                standing.average_resolution_hours,
                none(),
            );
        }
        if period == Period::AllTime {
            #[expect(
                clippy::cast_precision_loss,
                reason = "counts of reports are far below 2^53"
            )]
            let reports = standing.total_reports as f64;
            keep("reports", Some(reports), none());
        }
        let detail = serde_json::to_value(&standing)
            .expect("a standing is finite numbers, words and nothing");
        keep("overall", score, detail);
    }
    records
}

/// The stored score of the tenant (area 0) or of one of its areas.
///
/// # Errors
///
/// [`Error::NotFound`] for an area that the tenant does not have.
pub(crate) async fn get(
    session: &Session,
    settings: &TenantSettings,
    area_id: i64,
    period: Period,
) -> Result<Scored, Error> {
    if area_id != 0 && settings.area(area_id).is_none() {
        return Err(Error::NotFound { what: "area" });
    }
    let rows = Scores(session).of_period(period.as_str()).await?;
    let found = rows.iter().find(|row| row.area_id == area_id);
    let read = found.and_then(|row| {
        Some(Scored {
            score: row.score,
            standing: Standing::read(row)?,
            calculated_at: Some(row.calculated_at),
        })
    });
    // Nothing was ever computed: there is nothing to report yet, which is not a failure.
    Ok(read.unwrap_or_else(|| {
        let (score, standing) = Standing::of(&DayDelta::default(), None, 0, &settings.config.score);
        Scored {
            score,
            standing,
            calculated_at: None,
        }
    }))
}

/// A score with its standing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) score: Option<f64>,
    pub(crate) standing: Standing,
    pub(crate) calculated_at: Option<Timestamp>,
}

/// One line of a ranking.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leader {
    pub(crate) rank: u32,
    pub(crate) tenant_id: TenantId,
    pub(crate) area_id: Option<i64>,
    pub(crate) name: String,
    pub(crate) score: f64,
    pub(crate) sla_compliance: Option<f64>,
}

/// The tenant's areas by score: dense ranks, ties by name; those without a score are left out.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn area_leaders(session: &Session, period: Period) -> Result<Vec<Leader>, Error> {
    let rows = Scores(session).of_period(period.as_str()).await?;
    let entries = rows.iter().filter_map(|row| {
        Some(Leader {
            rank: 0,
            tenant_id: session.tenant(),
            area_id: (row.area_id != 0).then_some(row.area_id),
            name: row.name.clone()?,
            score: row.score?,
            sla_compliance: compliance_in(&row.detail.0),
        })
    });
    Ok(ranked(entries.collect()))
}

/// The tenants that take part, by score.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn tenant_leaders(
    session: &Session,
    period: Period,
) -> Result<Vec<Leader>, Error> {
    let rows = Scores(session).leaders(period.as_str()).await?;
    let entries = rows.iter().filter_map(|row| {
        Some(Leader {
            rank: 0,
            tenant_id: row.tenant_id,
            area_id: None,
            name: row.name.clone(),
            score: row.score?,
            sla_compliance: compliance_in(&row.detail.0),
        })
    });
    Ok(ranked(entries.collect()))
}

fn compliance_in(detail: &serde_json::Value) -> Option<f64> {
    detail.get("sla_compliance")?.as_f64()
}

fn ranked(entries: Vec<Leader>) -> Vec<Leader> {
    dense_rank(entries, |e| e.score, |e| &e.name)
        .into_iter()
        .map(|(rank, entry)| Leader { rank, ..entry })
        .collect()
}
