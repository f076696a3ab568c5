//! The score of a report against an issue, and the decision it leads to.

use super::features::{Features, MAX_ISSUE_TEXTS};
use super::place::{Nearness, Place};
use super::tuning::{Tuning, kinship};
use crate::model::Category;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::cmp::Ordering;

const TEXT_WEIGHT: f64 = 0.50;
const PLACE_WEIGHT: f64 = 0.35;
const TIME_WEIGHT: f64 = 0.15;
/// Added when both have the same anchor and are within half the radius.
const ANCHOR_BONUS: f64 = 0.15;
/// How much more it takes to match when the places cannot be compared.
const NO_PLACE_PENALTY: f64 = 0.10;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// A new report, prepared for comparison.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its category.
    pub category: Category,
    /// Its anchor, if any.
    pub anchor: Option<String>,
    /// Where it is.
    pub place: Place,
    /// What it says.
    pub text: Features,
    /// When the reporter submitted it.
    pub at: Timestamp,
    /// The area it lies in (a floor or wing inside a building), if known.
    pub zone: Option<i64>,
}

/// Whether an issue can take new reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Open, acknowledged, in progress or on hold.
    Active,
    /// Resolved at that instant; it can be reopened for some days.
    Resolved(Timestamp),
    /// Closed, or merged into another issue.
    Gone,
}

/// An issue of the report's own tenant, prepared for comparison.
#[derive(Clone, Debug)]
pub struct Known {
    /// The issue's id.
    pub id: i64,
    /// Its category.
    pub category: Category,
    /// Its anchor, if any.
    pub anchor: Option<String>,
    /// Where it is.
    pub place: Place,
    /// Its first report and its three latest, in any order.
    pub texts: SmallVec<[Features; MAX_ISSUE_TEXTS]>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its latest report was submitted.
    pub last_report_at: Timestamp,
    /// Whether it can take reports.
    pub standing: Standing,
    /// The area it lies in, if known.
    pub zone: Option<i64>,
    /// Its service's own radius in metres, instead of its category's.
    pub radius_m: Option<f64>,
    /// Its service's own window in days, instead of its category's.
    pub window_days: Option<f64>,
}

/// What a score means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The report belongs to the issue.
    Link,
    /// It may; someone has to look.
    Review,
    /// It does not.
    New,
}

/// One issue's likeness to a report, with its parts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The issue.
    pub issue_id: i64,
    /// The whole score, 0 to 1.
    pub score: f64,
    /// The text's part, 0 to 1: the best of the issue's texts.
    pub text_sim: f64,
    /// The place's part, 0 to 1; none when the places cannot be compared.
    pub geo_sim: Option<f64>,
    /// The time's part, 0 to 1.
    pub time_sim: f64,
    /// Metres between them, when both have coordinates.
    pub distance_m: Option<f64>,
    /// What the score means.
    pub verdict: Verdict,
}

/// What becomes of a report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// It joins that issue.
    Link(Match),
    /// It may belong to that issue; until someone says so it opens its own.
    Review(Match),
    /// It opens its own issue.
    New,
}

/// The decision for `report` among `issues`.
///
/// The best is the highest score, then the nearer issue, then the older one. The caller gives issues of the report's
/// tenant only, without pairs that were rejected before.
pub fn best<'a>(
    tuning: &Tuning,
    report: &Incoming,
    issues: impl IntoIterator<Item = &'a Known>,
) -> Decision {
    let mut found: Option<(Match, &Known)> = None;
    for issue in issues {
        let floor = found.map_or(0.0, |(best, _)| best.score);
        let Some(score) = score(tuning, report, issue, floor) else {
            continue;
        };
        if score.verdict != Verdict::New
            && found.is_none_or(|kept| order((&score, issue), (&kept.0, kept.1)) == Ordering::Less)
        {
            found = Some((score, issue));
        }
    }
    match found {
        Some((found, _)) if found.verdict == Verdict::Link => Decision::Link(found),
        Some((found, _)) => Decision::Review(found),
        None => Decision::New,
    }
}

/// At most `limit` issues worth linking or a look, the best first; the order is that of [`best`].
pub fn rank<'a>(
    tuning: &Tuning,
    report: &Incoming,
    issues: impl IntoIterator<Item = &'a Known>,
    limit: usize,
) -> Vec<Match> {
    let mut found: Vec<(Match, &Known)> = issues
        .into_iter()
        .filter_map(|issue| Some((score(tuning, report, issue, 0.0)?, issue)))
        .filter(|(score, _)| score.verdict != Verdict::New)
        .collect();
    found.sort_by(|a, b| order((&a.0, a.1), (&b.0, b.1)));
    found.truncate(limit);
    found.into_iter().map(|(score, _)| score).collect()
}

fn order((a, a_issue): (&Match, &Known), (b, b_issue): (&Match, &Known)) -> Ordering {
    let metres = |m: &Match| m.distance_m.unwrap_or(f64::INFINITY);
    b.score
        .total_cmp(&a.score)
        .then_with(|| metres(a).total_cmp(&metres(b)))
        .then_with(|| a_issue.created_at.cmp(&b_issue.created_at))
        .then_with(|| a_issue.id.cmp(&b_issue.id))
}

/// The score of `report` against `issue`, or `None` behind a gate or when it cannot reach both `floor` and the review
/// threshold.
///
/// Text, place and time count 0.50, 0.35 and 0.15, times how well the categories go together, plus a bonus for one
/// anchor within half the radius, at most 1. Without comparable places the other two share the weight in proportion and
/// both thresholds rise by 0.10. Radius and window are the issue's. A report that
/// is older than the issue's latest, as imports bring them, has the same age as one that is younger by as much.
fn score(tuning: &Tuning, report: &Incoming, issue: &Known, floor: f64) -> Option<Match> {
    let radius = issue
        .radius_m
        .unwrap_or_else(|| tuning.radius_m.get(issue.category));
    if radius <= 0.0
        || !is_matchable(tuning, report, issue)
        || report.place.is_beyond(&issue.place, 2.0 * radius)
    {
        return None;
    }
    let (geo_sim, distance_m) = match report.place.nearness(&issue.place) {
        Nearness::Metres(metres) if metres > 2.0 * radius => return None,
        Nearness::Metres(metres) => (Some((1.0 - metres / (2.0 * radius)).max(0.0)), Some(metres)),
        Nearness::Words(likeness) => (Some(likeness), None),
        Nearness::Unknown => (None, None),
    };
    let window = issue
        .window_days
        .unwrap_or_else(|| tuning.window_days.get(issue.category));
    let age = report
        .at
        .duration_since(issue.last_report_at)
        .as_secs_f64()
        .abs()
        / SECONDS_PER_DAY;
    let time_sim = (1.0 - age / window).max(0.0);
    let same_anchor = report.anchor.is_some() && report.anchor == issue.anchor;
    let bonus = match distance_m {
        Some(metres) if same_anchor && metres <= radius / 2.0 => ANCHOR_BONUS,
        _ => 0.0,
    };
    let kinship = kinship(report.category, issue.category);
    let penalty = if geo_sim.is_none() {
        NO_PLACE_PENALTY
    } else {
        0.0
    };
    let total = |text: f64| {
        let sum = match geo_sim {
            Some(place) => TEXT_WEIGHT * text + PLACE_WEIGHT * place + TIME_WEIGHT * time_sim,
            None => (TEXT_WEIGHT * text + TIME_WEIGHT * time_sim) / (TEXT_WEIGHT + TIME_WEIGHT),
        };
        (sum * kinship + bonus).min(1.0)
    };
    // Rounding must not let a bound fall below the score it bounds.
    let needed = floor.max(tuning.review + penalty) - 1e-9;
    let mut text_sim: Option<f64> = None;
    for text in &issue.texts {
        let at_most = report.text.similarity_at_most(text);
        if total(at_most) >= needed && text_sim.is_none_or(|best| at_most >= best - 1e-9) {
            let sim = report.text.similarity(text);
            text_sim = Some(text_sim.map_or(sim, |best| best.max(sim)));
        }
    }
    let text_sim = text_sim?;
    let score = total(text_sim);
    let verdict = if score >= tuning.link + penalty {
        Verdict::Link
    } else if score >= tuning.review + penalty {
        Verdict::Review
    } else {
        Verdict::New
    };
    Some(Match {
        issue_id: issue.id,
        score,
        text_sim,
        geo_sim,
        time_sim,
        distance_m,
        verdict,
    })
}

fn is_matchable(tuning: &Tuning, report: &Incoming, issue: &Known) -> bool {
    let standing = match issue.standing {
        Standing::Active => true,
        Standing::Resolved(at) => {
            report.at.duration_since(at).as_secs_f64()
                <= tuning.match_resolved_days * SECONDS_PER_DAY
        }
        Standing::Gone => false,
    };
    let apart =
        tuning.zones_apart && matches!((report.zone, issue.zone), (Some(a), Some(b)) if a != b);
    standing && !apart
}
