use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::*;
use crate::model::hist::BOUNDS_HOURS;
use crate::model::sla::{ReopenMode, Sla, SlaDefaults, pick_policy};
use crate::model::workflow::{
    ActorRole, CloseReason, Effect, HoldReason, Situation, Status, StatusChange, WorkflowRules,
};
use crate::model::{Category, Severity};

fn cell(n: usize) -> Cell {
    Cell {
        area_id: i64::try_from(n % 3).unwrap(),
        category: Category::ALL[n % 6],
        severity: Severity::ALL[n % 4],
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_verdict_is_taken_back_on_the_day_it_was_counted() {
    let zone = TimeZone::get("America/New_York").unwrap();
    let mut resolved = IssueFacts::new(cell(0), Status::Resolved, at("2026-03-02T12:00:00Z"));
    resolved.acknowledged_at = Some(at("2026-03-02T13:00:00Z"));
    resolved.resolved_at = Some(at("2026-03-04T03:00:00Z")); // the evening of the third in New York
    resolved.met_sla = Some(true);
    let open = IssueFacts {
        status: Status::Open,
        resolved_at: None,
        met_sla: None,
        reopened_at: vec![at("2026-03-09T12:00:00Z")],
        ..resolved.clone()
    };
    let mut deltas = Deltas::default();
    deltas.issue(&zone, Some(&resolved), Some(&open));
    let rows: Vec<DayRow> = deltas.days().collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].day, date(2026, 3, 3));
    let back = rows[0].delta;
    assert_eq!(
        (back.sla_met, back.resolved, back.resolution_seconds),
        (-1, -1, -39 * 3600)
    );
    assert_eq!((back.res_hist.total(), back.acknowledged), (-1, 0));
    assert_eq!((rows[1].day, rows[1].delta.reopened), (date(2026, 3, 9), 1));
    let counters: Vec<(Status, i64)> = deltas.counters().map(|c| (c.status, c.n)).collect();
    assert_eq!(counters, [(Status::Open, 1), (Status::Resolved, -1)]);
}

#[test]
fn what_changes_nothing_counted_makes_no_delta() {
    let issue = IssueFacts::new(cell(1), Status::Open, at("2026-03-02T12:00:00Z"));
    let mut deltas = Deltas::default();
    deltas.issue(&TimeZone::UTC, Some(&issue), Some(&issue));
    assert!(deltas.is_empty());
}

#[test]
fn column_names_and_values_go_together() {
    let delta = DayDelta {
        merged: 7,
        ..DayDelta::default()
    };
    let i = DayDelta::NAMES.iter().position(|n| *n == "merged").unwrap();
    assert_eq!(delta.values()[i], 7);
    assert_eq!(DayDelta::NAMES.len(), 14);
}

/// One issue of the model, as the tables would hold it.
#[derive(Clone)]
struct Issue {
    cell: Cell,
    situation: Situation,
    acknowledged_at: Option<Timestamp>,
    merged_at: Option<Timestamp>,
    reopened_at: Vec<Timestamp>,
    sla: Sla,
}

impl Issue {
    fn facts(&self) -> IssueFacts {
        IssueFacts {
            acknowledged_at: self.acknowledged_at,
            resolved_at: self.situation.resolved_at,
            closed_at: self.situation.closed_at,
            merged_at: self.merged_at,
            reopened_at: self.reopened_at.clone(),
            ..IssueFacts::new(self.cell, self.situation.status, self.sla.created_at)
        }
        .with_sla(&self.sla)
    }

    fn open(cell: Cell, now: Timestamp) -> Self {
        let policy = pick_policy(
            &[],
            &SlaDefaults::default(),
            cell.category,
            cell.severity,
            now,
        );
        Self {
            cell,
            situation: Situation {
                status: Status::Open,
                close_reason: None,
                acknowledged: false,
                resolved_at: None,
                closed_at: None,
                merged: false,
                archived: false,
            },
            acknowledged_at: None,
            merged_at: None,
            reopened_at: Vec::new(),
            sla: Sla::start(policy, now, None),
        }
    }

    fn change(&mut self, change: StatusChange, now: Timestamp) {
        let Ok(plan) =
            self.situation
                .plan(change, ActorRole::Admin, &WorkflowRules::default(), now)
        else {
            return;
        };
        self.situation.status = plan.to;
        self.situation.close_reason = plan.close_reason;
        for effect in plan.effects {
            match effect {
                Effect::ResumeSla => drop(self.sla.resume(now, None)),
                Effect::Acknowledge => {
                    self.situation.acknowledged = true;
                    self.acknowledged_at = Some(now);
                    self.sla.acknowledge(now, None);
                }
                Effect::PauseSla(_) => drop(self.sla.pause(now)),
                Effect::Resolve => {
                    self.situation.resolved_at = Some(now);
                    self.sla.resolve(now, None);
                }
                Effect::Close => self.situation.closed_at = Some(now),
                Effect::StopSla { excluded } => drop(self.sla.stop(now, excluded)),
                Effect::Reopen => {
                    self.situation.resolved_at = None;
                    self.situation.closed_at = None;
                    self.reopened_at.push(now);
                    self.sla.reopen(now, ReopenMode::Continue, None);
                }
                Effect::NotifySubscribers => {}
            }
        }
    }

    fn move_to(&mut self, cell: Cell, now: Timestamp) {
        self.cell = cell;
        let created = self.sla.created_at;
        let policy = pick_policy(
            &[],
            &SlaDefaults::default(),
            cell.category,
            cell.severity,
            created,
        );
        self.sla.repick(policy, None, now);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Open(usize),
    Report(usize),
    MoveReport(usize, usize),
    Status(usize, Status, usize),
    Move(usize, usize),
    Breach(usize),
    Merge(usize, usize),
    Unmerge(usize),
    Delete(usize),
}

fn ops() -> impl Strategy<Value = Vec<(Op, i64)>> {
    let n = || 0_usize..64;
    let status = prop::sample::select(Status::ALL);
    let op = prop_oneof![
        3 => n().prop_map(Op::Open),
        2 => n().prop_map(Op::Report),
        1 => (n(), n()).prop_map(|(a, b)| Op::MoveReport(a, b)),
        8 => (n(), status, n()).prop_map(|(a, s, b)| Op::Status(a, s, b)),
        2 => (n(), n()).prop_map(|(a, b)| Op::Move(a, b)),
        2 => n().prop_map(Op::Breach),
        1 => (n(), n()).prop_map(|(a, b)| Op::Merge(a, b)),
        1 => n().prop_map(Op::Unmerge),
        1 => n().prop_map(Op::Delete),
    ];
    proptest::collection::vec((op, 0_i64..90_000), 1..120)
}

type Table = BTreeMap<(Date, Cell, String), i64>;

/// Counts the final state anew, column by column.
fn recount(issues: &[Issue], reports: &[ReportFacts], zone: &TimeZone) -> Table {
    let mut table = Table::new();
    let mut add = |t: Timestamp, cell: Cell, column: &str, n: i64| {
        *table
            .entry((t.to_zoned(zone.clone()).date(), cell, column.to_owned()))
            .or_default() += n;
    };
    for r in reports {
        add(r.submitted_at, r.cell, "reports", 1);
    }
    for issue in issues {
        let (cell, sla) = (issue.cell, &issue.sla);
        let counted = !sla.excluded;
        add(sla.created_at, cell, "opened", 1);
        issue
            .reopened_at
            .iter()
            .for_each(|t| add(*t, cell, "reopened", 1));
        issue
            .merged_at
            .iter()
            .for_each(|t| add(*t, cell, "merged", 1));
        issue
            .situation
            .closed_at
            .iter()
            .for_each(|t| add(*t, cell, "closed", 1));
        if let (Some(t), true) = (sla.breached_at, counted) {
            add(t, cell, "breached", 1);
        }
        if let Some(t) = issue.acknowledged_at {
            add(t, cell, "acknowledged", 1);
            if counted {
                let column = if sla.met_ack.unwrap() {
                    "ack_met"
                } else {
                    "ack_missed"
                };
                add(t, cell, column, 1);
                add(
                    t,
                    cell,
                    "ack_seconds",
                    t.as_second() - sla.created_at.as_second(),
                );
            }
        }
        if let Some(t) = issue.situation.resolved_at {
            add(t, cell, "resolved", 1);
            if counted {
                let column = if sla.met_sla.unwrap() {
                    "sla_met"
                } else {
                    "sla_missed"
                };
                add(t, cell, column, 1);
                let seconds = t.as_second() - sla.created_at.as_second();
                add(t, cell, "resolution_seconds", seconds);
                let bucket = BOUNDS_HOURS
                    .iter()
                    .filter(|h| i64::from(**h) * 3600 < seconds)
                    .count();
                add(t, cell, &format!("hist{bucket}"), 1);
            }
        }
    }
    table.retain(|_, n| *n != 0);
    table
}

fn flatten(deltas: &Deltas) -> Table {
    let mut table = Table::new();
    for row in deltas.days() {
        for (name, n) in DayDelta::NAMES.iter().zip(row.delta.values()) {
            table.insert((row.day, row.cell, (*name).to_owned()), n);
        }
        for (i, n) in row.delta.res_hist.0.iter().enumerate() {
            table.insert((row.day, row.cell, format!("hist{i}")), *n);
        }
    }
    table.retain(|_, n| *n != 0);
    table
}

fn pick(len: usize, n: usize) -> Option<usize> {
    n.checked_rem(len)
}

/// Applies one operation to the model and returns the deltas of what it touched.
fn apply(
    op: &Op,
    issues: &mut Vec<Issue>,
    reports: &mut Vec<ReportFacts>,
    zone: &TimeZone,
    now: Timestamp,
) -> Deltas {
    let mut deltas = Deltas::default();
    let mut touch = |issue: &mut Issue, change: &mut dyn FnMut(&mut Issue)| {
        let before = issue.facts();
        change(issue);
        deltas.issue(zone, Some(&before), Some(&issue.facts()));
    };
    match *op {
        Op::Open(c) => {
            let issue = Issue::open(cell(c), now);
            deltas.issue(zone, None, Some(&issue.facts()));
            issues.push(issue);
        }
        Op::Report(c) => {
            let report = ReportFacts {
                cell: cell(c),
                submitted_at: now,
            };
            deltas.report(zone, None, Some(&report));
            reports.push(report);
        }
        Op::MoveReport(i, c) => {
            if let Some(i) = pick(reports.len(), i) {
                let moved = ReportFacts {
                    cell: cell(c),
                    ..reports[i]
                };
                deltas.report(zone, Some(&reports[i]), Some(&moved));
                reports[i] = moved;
            }
        }
        Op::Status(i, to, reason) => {
            if let Some(i) = pick(issues.len(), i) {
                let close_reason = (to == Status::Closed).then(|| CloseReason::ALL[reason % 7]);
                let hold_reason = Some(HoldReason::ALL[reason % 4]);
                let change = StatusChange {
                    to,
                    close_reason,
                    hold_reason,
                };
                touch(&mut issues[i], &mut |issue| issue.change(change, now));
            }
        }
        Op::Move(i, c) => {
            if let Some(i) = pick(issues.len(), i) {
                touch(&mut issues[i], &mut |issue| issue.move_to(cell(c), now));
            }
        }
        Op::Breach(i) => {
            if let Some(i) = pick(issues.len(), i) {
                touch(&mut issues[i], &mut |issue| drop(issue.sla.breach(now)));
            }
        }
        Op::Merge(i, j) => {
            let (Some(i), Some(j)) = (pick(issues.len(), i), pick(issues.len(), j)) else {
                return deltas;
            };
            if i == j || issues[i].situation.merged {
                return deltas;
            }
            let created = issues[i].sla.created_at;
            touch(&mut issues[i], &mut |source| {
                source.situation.status = Status::Closed;
                source.situation.closed_at = Some(now);
                source.situation.merged = true;
                source.merged_at = Some(now);
                source.sla.stop(now, true);
            });
            touch(&mut issues[j], &mut |target| {
                let created = created.min(target.sla.created_at);
                target.sla.rebase(created, None, now);
            });
        }
        Op::Unmerge(i) => {
            if let Some(i) = pick(issues.len(), i).filter(|i| issues[*i].situation.merged) {
                touch(&mut issues[i], &mut |source| {
                    source.situation.merged = false;
                    source.merged_at = None;
                    source.change(StatusChange::to(Status::Open), now);
                });
            }
        }
        Op::Delete(i) => {
            if let Some(i) = pick(issues.len(), i) {
                let gone = issues.swap_remove(i);
                deltas.issue(zone, Some(&gone.facts()), None);
            }
        }
    }
    deltas
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn deltas_of_any_history_equal_a_recount(ops in ops()) {
        let zone = TimeZone::get("Australia/Sydney").unwrap();
        let mut now = at("2026-03-28T10:00:00Z");
        let (mut issues, mut reports) = (Vec::new(), Vec::new());
        let mut sum = Deltas::default();
        for (op, seconds) in &ops {
            now += SignedDuration::from_secs(*seconds);
            let delta = apply(op, &mut issues, &mut reports, &zone, now);
            // As it travels: through the JSON of a queue, summed by another worker.
            let text = serde_json::to_string(&delta).unwrap();
            sum.merge(&serde_json::from_str(&text).unwrap());
        }
        prop_assert_eq!(flatten(&sum), recount(&issues, &reports, &zone));

        let mut by_status: BTreeMap<(Cell, Status), i64> = BTreeMap::new();
        for issue in &issues {
            *by_status.entry((issue.cell, issue.situation.status)).or_default() += 1;
        }
        let counted: BTreeMap<_, _> = sum.counters().map(|c| ((c.cell, c.status), c.n)).collect();
        prop_assert_eq!(counted, by_status);
    }
}

#[test]
fn rows_come_in_one_order() {
    let mut deltas = Deltas::default();
    let start = at("2026-03-02T12:00:00Z");
    for n in (0_u8..24).rev() {
        let facts = IssueFacts::new(
            cell(usize::from(n)),
            Status::Open,
            start + (24 * i64::from(n % 5)).hours(),
        );
        deltas.issue(&TimeZone::UTC, None, Some(&facts));
    }
    let keys: Vec<(Date, Cell)> = deltas.days().map(|r| (r.day, r.cell)).collect();
    assert!(keys.is_sorted() && keys.len() > 5);
    assert!(
        deltas
            .counters()
            .map(|r| (r.cell, r.status))
            .collect::<Vec<_>>()
            .is_sorted()
    );
}
