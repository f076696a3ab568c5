//! Joining reports into issues.
//!
//! One worker owns a tenant at a time: it takes a batch of reports in the order of their arrival, loads every issue
//! that any of them may belong to with a handful of statements, decides in memory (so that two reports of one batch
//! can meet), and writes everything in one batch that also ends the jobs. Two workers can therefore not open two
//! issues for one hole, and a report is joined exactly once whatever is killed when.
//!
//! Nobody waits while it reads and decides. The writes say what they expect: issues of the version that was read,
//! reports that still belong where they did, the tenant's turn still ours. Where one of these is not so, nothing was
//! written and the worker decides anew.

use std::collections::{BTreeSet, HashMap, HashSet};

use brisk_core::Clock;
use brisk_db::{Batch, Session, together};
use brisk_jobs::{Handler, Job, JobContext, JobId, JobOutcome, Queue};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::case::{Actor, Case};
use super::changes::{Changes, Link};
use crate::error::Error;
use crate::ids::{IdBlocks, IssueId, ReportId};
use crate::model::geo::Point;
use crate::model::grid::neighbour_cells;
use crate::model::rollup::{Cell, ReportFacts};
use crate::model::similarity::{
    Decision, Features, Incoming, Known, Match, Place, Standing, Tuning, best,
};
use crate::model::workflow::Status;
use crate::settings::{Settings, TenantSettings};
use crate::store::candidate::{Candidates, NewCandidate};
use crate::store::issue::{IssueRow, Issues};
use crate::store::report::{PendingRow, Reports};
use crate::store::sla::Slas;

/// The job that joins one report.
pub(crate) const LINK_JOB: &str = "civic.link";

/// Reports joined in one transaction at most.
pub(crate) const LINK_BATCH: u32 = 200;

/// How often a batch is decided before its jobs are put back, when people change the same issues meanwhile.
const ATTEMPTS: u32 = 5;

/// Issues that a report without any place is compared with.
const NEWEST: i64 = 200;

/// What the job carries.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct LinkPayload {
    pub(crate) report: ReportId,
}

/// Joins reports into issues.
#[derive(Clone, Debug)]
pub(crate) struct Linker {
    pub(crate) settings: std::sync::Arc<Settings>,
    pub(crate) issue_ids: IdBlocks,
    pub(crate) queue: Queue,
    pub(crate) clock: Clock,
}

impl Handler for Linker {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        match self.link(&ctx, &jobs).await {
            Ok(()) => jobs.iter().map(|_| JobOutcome::Done).collect(),
            Err(e) => {
                let why = chain(&e);
                jobs.iter().map(|_| JobOutcome::retry(&why)).collect()
            }
        }
    }
}

impl Linker {
    async fn link(&self, ctx: &JobContext, jobs: &[Job]) -> Result<(), Error> {
        let Some(tenant) = ctx.tenant() else {
            return Ok(());
        };
        let settings = self.settings.of(tenant).await?;
        let reports = jobs
            .iter()
            .map(|job| Ok(job.payload::<LinkPayload>()?.report.get()))
            .collect::<Result<Vec<_>, Error>>()?;
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let fresh = self.issue_ids.many(reports.len()).await?;
        let session = ctx.session_of(tenant);
        let mut attempt = 1;
        loop {
            let changes = self
                .decide(&session, &settings, reports.clone(), &fresh)
                .await?;
            let mut batch = Batch::new();
            ctx.complete_in(&mut batch, &ids);
            changes.add_to(&mut batch, tenant, &self.queue, &self.clock, &settings)?;
            match session.batch(batch).await {
                Ok(_) => return Ok(()),
                Err(brisk_db::Error::Stale { .. } | brisk_db::Error::Serialization { .. })
                    if attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(e) => return Err(e.into()),
            }
        }
    }

    async fn decide(
        &self,
        session: &Session,
        settings: &TenantSettings,
        ids: Vec<i64>,
        fresh: &[i64],
    ) -> Result<Changes, Error> {
        let reports = Reports(session).pending(ids).await?;
        if reports.is_empty() {
            return Ok(Changes::default());
        }
        let now = self.clock.now();
        let mut board = Board::load(session, settings, &reports, now).await?;
        for (report, id) in reports.iter().zip(fresh) {
            board.place(report, IssueId(*id), settings, now);
            // Comparing texts is work for the processor alone; requests on this thread come in between.
            tokio::task::yield_now().await;
        }
        Ok(board.changes)
    }
}

/// An error with its causes, for the person who looks at dead jobs.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// The issues that a batch of reports may belong to, and what became of them so far.
struct Board {
    tuning: Tuning,
    dedup: bool,
    known: Vec<Known>,
    /// Where the case of an issue stands in `changes.cases`.
    cases: HashMap<i64, usize>,
    rejected: HashSet<(ReportId, IssueId)>,
    /// Known people who reported to an issue.
    people: HashSet<(IssueId, i64)>,
    changes: Changes,
}

impl Board {
    async fn load(
        session: &Session,
        settings: &TenantSettings,
        reports: &[PendingRow],
        now: Timestamp,
    ) -> Result<Self, Error> {
        let tuning = settings.tuning;
        let dedup = settings.config.dedup.enabled;
        let mut board = Self {
            tuning,
            dedup,
            known: Vec::new(),
            cases: HashMap::new(),
            rejected: HashSet::new(),
            people: HashSet::new(),
            changes: Changes::default(),
        };
        if !dedup {
            return Ok(board);
        }
        let issues = candidates(session, &tuning, reports, now).await?;
        let issue_ids: Vec<i64> = issues.keys().copied().collect();
        let report_ids = reports.iter().map(|r| r.id.get()).collect();
        let knows_people = reports.iter().any(|r| r.reporter_id.is_some());
        let people = async {
            if knows_people {
                Reports(session).reporters_of(issue_ids.clone()).await
            } else {
                Ok(Vec::new())
            }
        };
        let (clocks, people, rejected) = together((
            Slas(session).list_by_issues(issue_ids.clone()),
            people,
            Candidates(session).rejected(report_ids),
        ))
        .await
        .all()
        .map_err(brisk_db::Failed::into_first)?;
        board.people = people
            .into_iter()
            .map(|p| (p.issue_id, p.reporter_id))
            .collect();
        board.rejected = rejected
            .into_iter()
            .map(|p| (p.report_id, p.issue_id))
            .collect();
        let mut issues = issues;
        for clock in clocks {
            if let Some(issue) = issues.remove(&clock.issue_id.get()) {
                board.known.push(known(&issue));
                board.add(Case::stored(issue, &clock, Vec::new()));
            }
        }
        // The board's order must not depend on the database's.
        board.known.sort_by_key(|issue| issue.id);
        Ok(board)
    }

    fn add(&mut self, case: Case) {
        self.cases
            .insert(case.issue.id.get(), self.changes.cases.len());
        self.changes.cases.push(case);
    }

    /// Joins the report to its issue, or opens issue `fresh` for it.
    fn place(
        &mut self,
        report: &PendingRow,
        fresh: IssueId,
        settings: &TenantSettings,
        now: Timestamp,
    ) {
        let point = point_of(report.lat, report.lon);
        let area = report
            .area_id
            .or_else(|| point.and_then(|p| settings.area_of(p)));
        let incoming = Incoming {
            category: report.category,
            anchor: report.anchor.clone(),
            place: Place::new(point, report.location.as_deref()),
            text: Features::new(&report.description),
            at: report.submitted_at,
            zone: area,
        };
        let rejected = &self.rejected;
        let fair = self
            .known
            .iter()
            .filter(|k| !rejected.contains(&(report.id, IssueId(k.id))));
        let decision = if self.dedup {
            best(&self.tuning, &incoming, fair)
        } else {
            Decision::New
        };
        self.changes.counted.push(ReportFacts {
            cell: Cell {
                area_id: area.unwrap_or(0),
                category: report.category,
                severity: report.severity,
            },
            submitted_at: report.submitted_at,
        });
        let issue = match decision {
            Decision::Link(found) => {
                let id = IssueId(found.issue_id);
                let new_person = report
                    .reporter_id
                    .is_none_or(|person| self.people.insert((id, person)));
                let case = &mut self.changes.cases[self.cases[&found.issue_id]];
                case.link(report, new_person, settings, now);
                let again = known(&case.issue);
                if let Some(entry) = self.known.iter_mut().find(|k| k.id == found.issue_id) {
                    *entry = again;
                }
                id
            }
            Decision::Review(found) => {
                self.open(report, fresh, area, settings, now);
                self.changes
                    .candidates
                    .push(candidate(settings, report, &found, now));
                fresh
            }
            Decision::New => {
                self.open(report, fresh, area, settings, now);
                fresh
            }
        };
        metrics::counter!("civic_dedup_total", "decision" => match decision {
            Decision::Link(_) => "link",
            Decision::Review(_) => "review",
            Decision::New => "new",
        })
        .increment(1);
        self.changes.links.push(Link {
            report: report.id,
            from: None,
            issue,
            area,
        });
    }

    fn open(
        &mut self,
        report: &PendingRow,
        id: IssueId,
        area: Option<i64>,
        settings: &TenantSettings,
        now: Timestamp,
    ) {
        if let Some(person) = report.reporter_id {
            self.people.insert((id, person));
        }
        let case = Case::open(id, report, area, &Actor::system(), settings, now);
        self.known.push(known(&case.issue));
        self.add(case);
    }
}

/// Every issue that one of the reports may belong to, by id.
async fn candidates(
    session: &Session,
    tuning: &Tuning,
    reports: &[PendingRow],
    now: Timestamp,
) -> Result<HashMap<i64, IssueRow>, Error> {
    let search_m = tuning.search_m();
    let mut cells = BTreeSet::new();
    let mut places = BTreeSet::new();
    let mut nowhere = false;
    for report in reports {
        if let Some(point) = point_of(report.lat, report.lon) {
            cells.extend(neighbour_cells(point, search_m));
        } else {
            let place = report
                .location
                .as_deref()
                .map(crate::model::text::normalise_location);
            places.extend(place.filter(|p| !p.is_empty()));
            nowhere = true;
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a tenant's setting, in whole days"
    )]
    let days = tuning.match_resolved_days.ceil() as i64;
    let since = now
        .saturating_sub(SignedDuration::from_hours(24 * days))
        .unwrap_or(Timestamp::MIN);
    let issues = Issues(session);
    // Independent reads, awaited together.
    let (near, same, newest) = futures::try_join!(
        issues.candidates_by_cell(cells.into_iter().collect(), since),
        issues.candidates_by_place(places.into_iter().collect(), since),
        async {
            if nowhere {
                issues.candidates_newest(NEWEST).await
            } else {
                Ok(Vec::new())
            }
        },
    )?;
    Ok(near
        .into_iter()
        .chain(same)
        .chain(newest)
        .map(|issue| (issue.id.get(), issue))
        .collect())
}

/// An issue as a report is compared with it.
fn known(issue: &IssueRow) -> Known {
    Known {
        id: issue.id.get(),
        category: issue.category,
        anchor: issue.anchor.clone(),
        place: Place::new(point_of(issue.lat, issue.lon), issue.location.as_deref()),
        texts: issue
            .texts
            .0
            .iter()
            .map(|text| Features::new(text))
            .collect(),
        created_at: issue.created_at,
        last_report_at: issue.last_report_at,
        standing: standing(issue),
        zone: issue.area_id,
        radius_m: None,
        window_days: None,
    }
}

fn standing(issue: &IssueRow) -> Standing {
    match (issue.merged_into_id, issue.status, issue.resolved_at) {
        (Some(_), ..) | (_, Status::Closed, _) => Standing::Gone,
        (None, Status::Resolved, Some(at)) => Standing::Resolved(at),
        _ => Standing::Active,
    }
}

fn candidate(
    settings: &TenantSettings,
    report: &PendingRow,
    found: &Match,
    now: Timestamp,
) -> NewCandidate {
    NewCandidate {
        tenant_id: settings.tenant.id,
        report_id: report.id,
        issue_id: IssueId(found.issue_id),
        score: found.score,
        text_sim: found.text_sim,
        geo_sim: found.geo_sim,
        time_sim: found.time_sim,
        distance_m: found.distance_m,
        source: "rules",
        created_at: now,
    }
}

fn point_of(lat: Option<f64>, lon: Option<f64>) -> Option<Point> {
    Point::new(lat?, lon?).ok()
}
