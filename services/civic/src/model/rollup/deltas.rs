//! Turning what happened into deltas.
//!
//! There is no function per event. Each counter is a function of an issue's facts, so the delta of any event is what the
//! facts count afterwards less what they counted before, and the sum of all deltas is always a recount. A reopening, a
//! merge and its undoing, a move between cells or a creation moved to an earlier day need no rule of their own.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::counts::{Cell, CounterRow, DayDelta, DayRow};
use crate::model::sla::Sla;
use crate::model::workflow::Status;

/// What of a report is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportFacts {
    /// The report's own cell, whatever becomes of its issue.
    pub cell: Cell,
    /// The reporter's time.
    pub submitted_at: Timestamp,
}

/// What of an issue is counted.
#[derive(Clone, Debug, PartialEq)]
pub struct IssueFacts {
    /// Its present cell.
    pub cell: Cell,
    /// Its present status.
    pub status: Status,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// When it was resolved, unless reopened since.
    pub resolved_at: Option<Timestamp>,
    /// When it was closed, unless reopened since.
    pub closed_at: Option<Timestamp>,
    /// When it was merged into another, unless unmerged since.
    pub merged_at: Option<Timestamp>,
    /// When it was reopened, from its history. Between `before` and `after` only the difference counts: the older ones
    /// may be left out of both as long as the cell stays the same, and are needed when it changes.
    pub reopened_at: Vec<Timestamp>,
    /// Whether acknowledgement came in time.
    pub met_ack: Option<bool>,
    /// Whether resolution came in time.
    pub met_sla: Option<bool>,
    /// The due instant of resolution, once passed.
    pub breached_at: Option<Timestamp>,
    /// Whether all figures about promises and times leave it out.
    pub excluded: bool,
}

impl IssueFacts {
    /// A new issue without history.
    pub const fn new(cell: Cell, status: Status, created_at: Timestamp) -> Self {
        Self {
            cell,
            status,
            created_at,
            acknowledged_at: None,
            resolved_at: None,
            closed_at: None,
            merged_at: None,
            reopened_at: Vec::new(),
            met_ack: None,
            met_sla: None,
            breached_at: None,
            excluded: false,
        }
    }

    /// Takes over the verdicts of the issue's clock.
    #[must_use]
    pub fn with_sla(self, sla: &Sla) -> Self {
        Self {
            met_ack: sla.met_ack,
            met_sla: sla.met_sla,
            breached_at: sla.breached_at,
            excluded: sla.excluded,
            ..self
        }
    }
}

/// Deltas of one or many events, summed.
///
/// Sorted by key, so that all writers lock the rows of the counters in one order. In JSON a pair of lists of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Rows", into = "Rows")]
pub struct Deltas {
    days: BTreeMap<(Date, Cell), DayDelta>,
    counters: BTreeMap<(Cell, Status), i64>,
}

impl Deltas {
    /// A report came (`before` is `None`), changed its cell, or went away (`after` is `None`).
    pub fn report(
        &mut self,
        zone: &TimeZone,
        before: Option<&ReportFacts>,
        after: Option<&ReportFacts>,
    ) {
        for (facts, sign) in [(before, -1), (after, 1)] {
            if let Some(facts) = facts {
                let day = local_day(zone, facts.submitted_at);
                self.on_day(day, facts.cell, |d| d.reports += sign);
            }
        }
    }

    /// An issue was opened (`before` is `None`), changed in any way, or was deleted (`after` is `None`).
    pub fn issue(
        &mut self,
        zone: &TimeZone,
        before: Option<&IssueFacts>,
        after: Option<&IssueFacts>,
    ) {
        for (facts, sign) in [(before, -1), (after, 1)] {
            if let Some(facts) = facts {
                self.count_issue(zone, facts, sign);
            }
        }
    }

    /// Adds all of another sum.
    pub fn merge(&mut self, other: &Self) {
        for ((day, cell), delta) in &other.days {
            self.on_day(*day, *cell, |d| d.merge(delta, 1));
        }
        for ((cell, status), n) in &other.counters {
            self.add(*cell, *status, *n);
        }
    }

    /// Counts an issue, for a recount of many.
    pub fn count(&mut self, zone: &TimeZone, facts: &IssueFacts) {
        self.count_issue(zone, facts, 1);
    }

    /// Counts a report, likewise.
    pub fn count_report(&mut self, zone: &TimeZone, facts: &ReportFacts) {
        self.on_day(local_day(zone, facts.submitted_at), facts.cell, |d| {
            d.reports += 1;
        });
    }

    /// Adds one row of the daily figures.
    pub fn add_day(&mut self, row: &DayRow) {
        self.on_day(row.day, row.cell, |d| d.merge(&row.delta, 1));
    }

    /// Adds one row of the present numbers.
    pub fn add_counter(&mut self, row: &CounterRow) {
        self.add(row.cell, row.status, row.n);
    }

    /// What has to be added to `other` to get this sum.
    #[must_use]
    pub fn less(mut self, other: &Self) -> Self {
        for ((day, cell), delta) in &other.days {
            self.on_day(*day, *cell, |d| d.merge(delta, -1));
        }
        for ((cell, status), n) in &other.counters {
            self.add(*cell, *status, -n);
        }
        self
    }

    /// The daily deltas, sorted by day and cell; none is zero.
    pub fn days(&self) -> impl Iterator<Item = DayRow> + '_ {
        self.days.iter().map(|((day, cell), delta)| DayRow {
            day: *day,
            cell: *cell,
            delta: *delta,
        })
    }

    /// The deltas of the present numbers, sorted by cell and status; none is zero.
    pub fn counters(&self) -> impl Iterator<Item = CounterRow> + '_ {
        self.counters.iter().map(|((cell, status), n)| CounterRow {
            cell: *cell,
            status: *status,
            n: *n,
        })
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.counters.is_empty()
    }

    fn count_issue(&mut self, zone: &TimeZone, facts: &IssueFacts, sign: i64) {
        self.add(facts.cell, facts.status, sign);
        let mut on = |at: Timestamp, count: &dyn Fn(&mut DayDelta)| {
            self.on_day(local_day(zone, at), facts.cell, count);
        };
        on(facts.created_at, &|d| d.opened += sign);
        for at in &facts.reopened_at {
            on(*at, &|d| d.reopened += sign);
        }
        if let Some(at) = facts.closed_at {
            on(at, &|d| d.closed += sign);
        }
        if let Some(at) = facts.merged_at {
            on(at, &|d| d.merged += sign);
        }
        if let Some(at) = facts.breached_at.filter(|_| !facts.excluded) {
            on(at, &|d| d.breached += sign);
        }
        if let Some(at) = facts.acknowledged_at {
            on(at, &|d| {
                d.acknowledged += sign;
                if !facts.excluded {
                    d.ack_seconds += sign * span(facts.created_at, at).as_secs();
                    match facts.met_ack {
                        Some(true) => d.ack_met += sign,
                        Some(false) => d.ack_missed += sign,
                        None => {}
                    }
                }
            });
        }
        if let Some(at) = facts.resolved_at {
            on(at, &|d| {
                d.resolved += sign;
                if !facts.excluded {
                    let time = span(facts.created_at, at);
                    d.resolution_seconds += sign * time.as_secs();
                    d.res_hist.add(time, sign);
                    match facts.met_sla {
                        Some(true) => d.sla_met += sign,
                        Some(false) => d.sla_missed += sign,
                        None => {}
                    }
                }
            });
        }
    }

    /// Changes one day of a cell. What became zero goes at once, so that a sum of many events costs no sweep for each.
    fn on_day(&mut self, day: Date, cell: Cell, change: impl FnOnce(&mut DayDelta)) {
        match self.days.entry((day, cell)) {
            Entry::Vacant(free) => {
                let mut delta = DayDelta::default();
                change(&mut delta);
                if !delta.is_zero() {
                    free.insert(delta);
                }
            }
            Entry::Occupied(mut taken) => {
                change(taken.get_mut());
                if taken.get().is_zero() {
                    taken.remove();
                }
            }
        }
    }

    fn add(&mut self, cell: Cell, status: Status, n: i64) {
        match self.counters.entry((cell, status)) {
            Entry::Vacant(free) if n != 0 => {
                free.insert(n);
            }
            Entry::Vacant(_) => {}
            Entry::Occupied(mut taken) => {
                *taken.get_mut() += n;
                if *taken.get() == 0 {
                    taken.remove();
                }
            }
        }
    }
}

/// A time to an end; imported cases that end before they begin count as ended at once.
fn span(from: Timestamp, to: Timestamp) -> SignedDuration {
    to.duration_since(from).max(SignedDuration::ZERO)
}

fn local_day(zone: &TimeZone, at: Timestamp) -> Date {
    zone.to_datetime(at).date()
}

/// The JSON form of [`Deltas`].
#[derive(Serialize, Deserialize)]
struct Rows {
    days: Vec<DayRow>,
    counters: Vec<CounterRow>,
}

impl From<Deltas> for Rows {
    fn from(deltas: Deltas) -> Self {
        Self {
            days: deltas.days().collect(),
            counters: deltas.counters().collect(),
        }
    }
}

impl From<Rows> for Deltas {
    fn from(rows: Rows) -> Self {
        let mut deltas = Self::default();
        for row in rows.days {
            deltas.on_day(row.day, row.cell, |d| d.merge(&row.delta, 1));
        }
        for row in rows.counters {
            deltas.add(row.cell, row.status, row.n);
        }
        deltas
    }
}
