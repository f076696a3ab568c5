//! What is known near a place already, before somebody reports it again.

use brisk_db::Session;
use jiff::Timestamp;
use serde::Serialize;
use smallvec::SmallVec;
use utoipa::ToSchema;

use super::public::shown_until;
use crate::error::Error;
use crate::model::geo::Point;
use crate::model::grid::neighbour_cells;
use crate::model::similarity::{Features, Incoming, Known, Place, Standing, Tuning, rank};
use crate::model::workflow::Status;
use crate::model::{Category, Severity};
use crate::settings::TenantSettings;
use crate::store::public::{NearRow, PublicReads};

/// How far a hint reaches, in metres.
const REACH_M: f64 = 250.0;
/// Issues looked at; in a place with more, the latest reported.
const LOOKED_AT: i64 = 500;

/// An issue near the place.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Near {
    pub(crate) id: i64,
    pub(crate) title: String,
    #[schema(value_type = String)]
    pub(crate) category: Category,
    #[schema(value_type = String)]
    pub(crate) severity: Severity,
    #[schema(value_type = String)]
    pub(crate) status: Status,
    pub(crate) area_id: Option<i64>,
    pub(crate) report_count: i64,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// Metres, to the nearest ten: three exact distances would tell an exact place.
    pub(crate) distance_m: f64,
    /// How alike it is to the text that was given, 0 to 1.
    pub(crate) score: Option<f64>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) point: Point,
    pub(crate) category: Option<Category>,
    pub(crate) q: Option<&'a str>,
    pub(crate) limit: usize,
}

/// Active public issues within reach, the most alike first, else the nearest; one statement.
///
/// A category whose radius for joining reports is 0 gives no hints.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn find(
    session: &Session,
    settings: &TenantSettings,
    ask: &Ask<'_>,
    now: Timestamp,
) -> Result<Vec<Near>, Error> {
    let cells = neighbour_cells(ask.point, REACH_M);
    let rows = PublicReads(session)
        .near(cells, shown_until(settings, now), LOOKED_AT)
        .await?;
    let wanted = |row: &NearRow| {
        let hints = settings.config.dedup.radius_m.of(row.category) > 0;
        hints && ask.category.is_none_or(|c| c == row.category)
    };
    let mut near: Vec<(NearRow, f64)> = rows
        .into_iter()
        .filter(wanted)
        .filter_map(|row| {
            let there = Point::new(row.lat?, row.lon?).ok()?;
            let metres = ask.point.distance_m(there);
            (metres <= REACH_M).then_some((row, metres))
        })
        .collect();
    near.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.id.cmp(&b.0.id)));
    let scores = match ask.q {
        Some(q) => alike(settings, ask, q, &near, now),
        None => Vec::new(),
    };
    let mut found: Vec<Near> = near
        .into_iter()
        .map(|(row, metres)| Near {
            id: row.id.get(),
            title: row.title,
            category: row.category,
            severity: row.severity,
            status: row.status,
            area_id: row.area_id,
            report_count: row.report_count,
            created_at: row.created_at,
            distance_m: (metres / 10.0).round() * 10.0,
            score: ask.q.map(|_| {
                let known = scores.iter().find(|(id, _)| *id == row.id.get());
                known.map_or(0.0, |(_, score)| (score * 1000.0).round() / 1000.0)
            }),
        })
        .collect();
    if ask.q.is_some() {
        // Stable: the nearer of two that are equally alike stays first.
        found.sort_by(|a, b| {
            let score = |n: &Near| n.score.unwrap_or_default();
            score(b).total_cmp(&score(a))
        });
    }
    found.truncate(ask.limit);
    Ok(found)
}

/// The score of each issue against the text, as the joining of reports computes it, however low.
fn alike(
    settings: &TenantSettings,
    ask: &Ask<'_>,
    q: &str,
    near: &[(NearRow, f64)],
    now: Timestamp,
) -> Vec<(i64, f64)> {
    let class = settings.rules.classify(q);
    let report = Incoming {
        category: ask.category.unwrap_or(class.category),
        anchor: class.anchor,
        place: Place::new(Some(ask.point), None),
        text: Features::new(q),
        at: now,
        zone: settings.area_of(ask.point),
    };
    let known: Vec<Known> = near
        .iter()
        .map(|(row, _)| Known {
            id: row.id.get(),
            category: row.category,
            anchor: row.anchor.clone(),
            place: Place::new(point_of(row), None),
            texts: row
                .texts
                .0
                .iter()
                .map(|t| Features::new(t))
                .collect::<SmallVec<_>>(),
            created_at: row.created_at,
            last_report_at: row.last_report_at,
            standing: Standing::Active,
            zone: row.area_id,
            radius_m: None,
            window_days: None,
        })
        .collect();
    let tuning = Tuning {
        review: f64::MIN_POSITIVE,
        ..settings.tuning
    };
    rank(&tuning, &report, &known, known.len())
        .into_iter()
        .map(|found| (found.issue_id, found.score))
        .collect()
}

fn point_of(row: &NearRow) -> Option<Point> {
    Point::new(row.lat?, row.lon?).ok()
}
