//! Changing issues: status, severity, category, area, assignee, notes, merges of reports into other issues.
//!
//! Every change reads the issue, decides, and writes with the version that it read. Who loses a race starts again;
//! only a caller that named a version hears of it.

use brisk_core::Clock;
use brisk_db::{Db, Session};
use brisk_jobs::Queue;
use jiff::Timestamp;

use super::case::{Actor, Case};
use super::changes::Changes;
use crate::error::Error;
use crate::ids::{IdBlocks, IssueId};
use crate::model::workflow::{CloseReason, HoldReason, Status, StatusChange};
use crate::model::{Category, Severity};
use crate::settings::{Settings, TenantSettings};
use crate::store::event::{Events, ReopenedRow};
use crate::store::issue::{IssueRow, Issues};
use crate::store::sla::{SlaRow, Slas};

/// How often a change starts again after it lost against another one.
const ATTEMPTS: u32 = 5;

/// What a caller asks to change; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct IssuePatch {
    pub(crate) status: Option<Status>,
    pub(crate) close_reason: Option<CloseReason>,
    pub(crate) hold_reason: Option<HoldReason>,
    pub(crate) severity: Option<Severity>,
    pub(crate) category: Option<Category>,
    /// `Some(None)` takes it out of its area.
    #[expect(
        clippy::option_option,
        reason = "absent and null mean different things in a patch"
    )]
    pub(crate) area_id: Option<Option<i64>>,
    /// `Some(None)` takes it from everybody.
    #[expect(
        clippy::option_option,
        reason = "absent and null mean different things in a patch"
    )]
    pub(crate) assignee: Option<Option<String>>,
    pub(crate) title: Option<String>,
    pub(crate) note: Option<String>,
    /// The version that the caller saw.
    pub(crate) version: Option<i64>,
}

/// Changes issues.
#[derive(Clone, Debug)]
pub(crate) struct Workflow {
    pub(crate) db: Db,
    pub(crate) settings: std::sync::Arc<Settings>,
    pub(crate) issue_ids: IdBlocks,
    pub(crate) queue: Queue,
    pub(crate) clock: Clock,
}

impl Workflow {
    /// Changes one issue; answers it as it is then.
    pub(crate) async fn patch(
        &self,
        session: &Session,
        id: IssueId,
        patch: &IssuePatch,
        actor: &Actor,
    ) -> Result<(IssueRow, SlaRow), Error> {
        let settings = self.settings.of(session.tenant()).await?;
        if let Some(Some(area)) = patch.area_id
            && settings.area(area).is_none()
        {
            return Err(Error::field(
                "area_id",
                "area_unknown",
                "is not an area here",
            ));
        }
        let moves = patch.category.is_some() || patch.severity.is_some() || patch.area_id.is_some();
        self.change(session, &settings, id, patch.version, moves, |case, now| {
            apply(case, patch, actor, &settings, now)
        })
        .await
    }

    /// Adds a line to the history: a note for staff, or an update that everybody may read.
    pub(crate) async fn note(
        &self,
        session: &Session,
        id: IssueId,
        body: &str,
        public: bool,
        actor: &Actor,
    ) -> Result<(), Error> {
        let settings = self.settings.of(session.tenant()).await?;
        self.change(session, &settings, id, None, false, |case, now| {
            let kind = if public { "public_update" } else { "note" };
            case.event(kind, actor, now, |e| {
                e.body = Some(body.to_owned());
                e.public = public;
            });
            Ok(())
        })
        .await
        .map(drop)
    }

    /// Reads the issue, lets `decide` change it, and writes it, as often as somebody else is faster.
    pub(crate) async fn change(
        &self,
        session: &Session,
        settings: &TenantSettings,
        id: IssueId,
        version: Option<i64>,
        moves: bool,
        decide: impl Fn(&mut Case, Timestamp) -> Result<(), Error> + Send + Sync,
    ) -> Result<(IssueRow, SlaRow), Error> {
        let mut attempt = 1;
        loop {
            let result = Box::pin(session.transaction(|tx| {
                let decide = &decide;
                async move {
                    let mut case = load(&tx, id, moves).await?;
                    if version.is_some_and(|v| v != case.issue.version) {
                        return Err(Error::Stale {
                            current: case.issue.version,
                        });
                    }
                    let now = self.clock.now();
                    case.breach(now);
                    decide(&mut case, now)?;
                    let mut after = case.clone();
                    if after.is_changed() {
                        after.seal(settings, now);
                    }
                    let row = SlaRow::new(&after.issue, after.sla.clone(), now);
                    Changes::of(case)
                        .write(&tx, &self.queue, &self.clock, settings)
                        .await?;
                    Ok((after.issue, row))
                }
            }))
            .await;
            match result {
                Err(Error::Contended) if attempt < ATTEMPTS && version.is_none() => attempt += 1,
                Err(Error::Contended) => {
                    let current = Issues(session)
                        .get(id)
                        .await?
                        .map_or(0, |issue| issue.version);
                    return Err(Error::Stale { current });
                }
                other => return other,
            }
        }
    }
}

/// An issue with its clock; with its reopenings where it is going to move between cells.
pub(crate) async fn load(tx: &Session, id: IssueId, moves: bool) -> Result<Case, Error> {
    let (issues, slas) = (Issues(tx), Slas(tx));
    let reopenings = reopenings(tx, vec![id], moves);
    let (issue, clock, reopened) = futures::try_join!(issues.get(id), slas.get(id), reopenings)?;
    case(issue, clock, &reopened)
}

/// The same for two issues, with their reopenings; the first that does not exist is told.
pub(crate) async fn load_both(tx: &Session, ids: [IssueId; 2]) -> Result<[Case; 2], Error> {
    let (issues, slas) = (Issues(tx), Slas(tx));
    let reopenings = reopenings(tx, ids.to_vec(), true);
    let (issues, clocks, reopened) = futures::try_join!(
        issues.get_each(ids.to_vec()),
        slas.get_each(ids.to_vec()),
        reopenings
    )?;
    let (mut issues, mut clocks) = (issues.into_iter(), clocks.into_iter());
    let mut next = || {
        let clock = clocks.next().flatten();
        case(issues.next().flatten(), clock, &reopened)
    };
    Ok([next()?, next()?])
}

async fn reopenings(
    tx: &Session,
    issues: Vec<IssueId>,
    wanted: bool,
) -> Result<Vec<ReopenedRow>, brisk_db::Error> {
    if !wanted {
        return Ok(Vec::new());
    }
    let ids = issues.iter().map(|id| id.get()).collect();
    Events(tx).reopenings(ids).await
}

fn case(
    issue: Option<IssueRow>,
    clock: Option<SlaRow>,
    reopened: &[ReopenedRow],
) -> Result<Case, Error> {
    let issue = issue.ok_or(Error::NotFound { what: "issue" })?;
    let clock = clock.ok_or(brisk_db::Error::NoRow {
        statement: "civic.sla.get",
    })?;
    let of_it = reopened.iter().filter(|row| row.issue_id == issue.id);
    let reopenings = of_it.map(|row| row.at).collect();
    Ok(Case::stored(issue, &clock, reopenings))
}

fn apply(
    case: &mut Case,
    patch: &IssuePatch,
    actor: &Actor,
    settings: &TenantSettings,
    now: Timestamp,
) -> Result<(), Error> {
    if let Some(category) = patch.category {
        case.set_category(category, actor, settings, now);
    }
    if let Some(severity) = patch.severity {
        case.set_severity(severity, true, actor, settings, now);
    }
    if let Some(area) = patch.area_id {
        case.set_area(area, actor, now);
    }
    if let Some(assignee) = &patch.assignee {
        case.assign(assignee.clone(), actor, now);
    }
    if let Some(title) = &patch.title
        && *title != case.issue.title
    {
        let old = std::mem::replace(&mut case.issue.title, title.clone());
        case.event("moderated", actor, now, |e| {
            e.from_value = Some(old);
            e.to_value = Some(title.clone());
        });
    }
    if let Some(status) = patch.status {
        let change = StatusChange {
            to: status,
            close_reason: patch.close_reason,
            hold_reason: patch.hold_reason,
        };
        case.change_status(change, actor, settings, now)?;
    }
    if let Some(note) = &patch.note {
        case.event("note", actor, now, |e| e.body = Some(note.clone()));
    }
    Ok(())
}
