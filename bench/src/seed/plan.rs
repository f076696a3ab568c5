//! What is made up: which tenant has how many issues and reports, and when they came.

use std::collections::HashMap;

use brisk_civic::model::{Category, Severity};
use fastrand::Rng;

use crate::rounds::float;

/// Tenants, of which the first is the largest.
pub(crate) const TENANTS: usize = 50;

/// Areas of each tenant.
pub(crate) const AREAS: usize = 8;

/// Where chance begins, as the specification says.
const SEED: u64 = 42;

/// The instant at which the data ends, in seconds: 2026-06-01T00:00:00Z.
pub(crate) const END: i64 = 1_780_272_000;

pub(crate) const DAY: i64 = 86_400;

/// The days that the data covers.
const DAYS: i64 = 365;

/// Makes tenant `n` (from 0) weigh 1 / (n + this + 1): the first of fifty then holds 10 of 100.
const FLATTEN: f64 = 2.4;

/// One issue, before it is a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IssuePlan {
    pub(crate) tenant: u8,
    pub(crate) area: u8,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) status: &'static str,
    /// Seconds, as all instants here.
    pub(crate) created: i64,
    pub(crate) acknowledged: Option<i64>,
    pub(crate) resolved: Option<i64>,
    pub(crate) reports: u32,
    pub(crate) last_report: i64,
}

impl IssuePlan {
    /// What the service promises where a tenant has no policy of its own.
    pub(crate) fn promise_hours(&self) -> u32 {
        if self.severity == Severity::Critical {
            24
        } else {
            72
        }
    }

    /// When that promise ends.
    pub(crate) fn due(&self) -> i64 {
        self.created + i64::from(self.promise_hours()) * 3_600
    }
}

/// One report, before it is a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportPlan {
    /// The place of its issue in [`Plan::issues`].
    pub(crate) issue: u32,
    pub(crate) submitted: i64,
}

/// All of it, in the order of time.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) issues: Vec<IssuePlan>,
    pub(crate) reports: Vec<ReportPlan>,
}

impl Plan {
    /// The same for the same sizes, whenever and wherever it is made.
    pub(crate) fn new(issues: usize, reports: usize) -> Self {
        let mut rng = Rng::with_seed(SEED);
        let shares = shares();
        let mut plan = Vec::with_capacity(issues);
        for (tenant, share) in shares.iter().enumerate() {
            for _ in 0..portion(issues, *share) {
                plan.push(issue(&mut rng, u8::try_from(tenant).unwrap_or(u8::MAX)));
            }
        }
        plan.sort_by_key(|issue| issue.created);
        let mut of_tenant: Vec<Vec<u32>> = vec![Vec::new(); TENANTS];
        for (i, issue) in plan.iter().enumerate() {
            of_tenant[usize::from(issue.tenant)].push(u32::try_from(i).unwrap_or(u32::MAX));
        }
        for list in &mut of_tenant {
            rng.shuffle(list);
        }
        let mut made = Vec::with_capacity(reports);
        for (list, share) in of_tenant.iter().zip(&shares) {
            let wanted = portion(reports, *share).max(list.len());
            // Each issue has a first report; of the others a few issues get many and most get few.
            for &issue in list {
                made.push(report(&mut rng, &mut plan, issue, true));
            }
            for _ in list.len()..wanted {
                let draw = rng.f64();
                let issue = list[pick(list.len(), draw * draw)];
                made.push(report(&mut rng, &mut plan, issue, false));
            }
        }
        made.sort_by_key(|report| report.submitted);
        Self {
            issues: plan,
            reports: made,
        }
    }

    /// Issues by tenant, area, category, severity and status.
    pub(crate) fn counters(&self) -> HashMap<(u8, u8, Category, Severity, &'static str), i64> {
        let mut counters = HashMap::new();
        for i in &self.issues {
            *counters
                .entry((i.tenant, i.area, i.category, i.severity, i.status))
                .or_default() += 1;
        }
        counters
    }
}

fn shares() -> Vec<f64> {
    let weights: Vec<f64> = (0..TENANTS)
        .map(|n| 1.0 / (float(n as u64) + FLATTEN + 1.0))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a million rows"
)]
fn portion(all: usize, share: f64) -> usize {
    (float(all as u64) * share).round() as usize
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list of known length"
)]
fn pick(len: usize, draw: f64) -> usize {
    ((float(len as u64) * draw) as usize).min(len - 1)
}

fn issue(rng: &mut Rng, tenant: u8) -> IssuePlan {
    let created = END - rng.i64(0..DAYS * DAY);
    let status = match rng.u32(0..100) {
        0..20 => "open",
        20..28 => "acknowledged",
        28..34 => "in-progress",
        34..36 => "on-hold",
        36..56 => "resolved",
        _ => "closed",
    };
    let ended = matches!(status, "resolved" | "closed");
    let acknowledged = (status != "open").then(|| (created + rng.i64(300..2 * DAY)).min(END));
    let resolved = acknowledged
        .filter(|_| ended)
        .map(|at| (at + rng.i64(3_600..6 * DAY)).min(END));
    IssuePlan {
        tenant,
        area: rng.u8(0..u8::try_from(AREAS).unwrap_or(u8::MAX)),
        category: Category::ALL[rng.usize(0..Category::ALL.len())],
        severity: Severity::ALL[[0, 1, 1, 1, 1, 2, 2, 3][rng.usize(0..8)]],
        status,
        created,
        acknowledged,
        resolved,
        reports: 0,
        last_report: created,
    }
}

fn report(rng: &mut Rng, issues: &mut [IssuePlan], index: u32, first: bool) -> ReportPlan {
    let issue = &mut issues[index as usize];
    let submitted = if first {
        issue.created
    } else {
        (issue.created + rng.i64(0..14 * DAY)).min(END)
    };
    issue.reports += 1;
    issue.last_report = issue.last_report.max(submitted);
    ReportPlan {
        issue: index,
        submitted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_tenant_holds_a_tenth_and_every_issue_has_a_report() {
        let plan = Plan::new(10_000, 100_000);
        let largest = plan.issues.iter().filter(|i| i.tenant == 0).count();
        assert!((900..1_100).contains(&largest), "{largest}");
        assert!(plan.issues.iter().all(|i| i.reports > 0));
        assert!(plan.reports.len().abs_diff(100_000) < 100);
        assert!(plan.reports.is_sorted_by_key(|r| r.submitted));
    }
}
