//! One issue with its clock, as a change goes through it.
//!
//! A case remembers what it counted for when it was read. Whatever happens to it, the figures get the difference.

use std::borrow::Cow;

use brisk_db::Json;
use jiff::Timestamp;
use serde_json::Value;

use crate::ids::IssueId;
use crate::model::priority::{PriorityInput, priority};
use crate::model::rollup::{Cell, IssueFacts};
use crate::model::sla::{Sla, SlaChange, pick_policy};
use crate::model::workflow::{
    ActorRole, Effect, HoldReason, Plan, Situation, Status, StatusChange, WorkflowError,
};
use crate::model::{Category, Severity};
use crate::settings::TenantSettings;
use crate::store::event::NewEvent;
use crate::store::issue::IssueRow;
use crate::store::report::PendingRow;
use crate::store::sla::SlaRow;

/// Texts kept with an issue for comparison: the first report's and the three latest.
const TEXTS: usize = 4;

/// Characters of a text that are kept for comparison.
const TEXT_CHARS: usize = 600;

/// Who makes a change, as its history shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) name: String,
    pub(crate) role: ActorRole,
}

impl Actor {
    /// A rule or timer of the service.
    pub(crate) fn system() -> Self {
        Self {
            name: "system".to_owned(),
            role: ActorRole::System,
        }
    }
}

/// An issue under change.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) issue: IssueRow,
    pub(crate) sla: Sla,
    pub(crate) events: Vec<NewEvent>,
    /// Reopenings that count: the new ones, and the old ones when the case moves to another cell.
    reopenings: Vec<Timestamp>,
    /// What it counted for when it was read; `None` for a new issue.
    before: Option<IssueFacts>,
    changed: bool,
}

impl Case {
    /// An issue as it is stored; `reopenings` from its history only where the cell is going to change.
    pub(crate) fn stored(issue: IssueRow, sla: &SlaRow, reopenings: Vec<Timestamp>) -> Self {
        let sla = sla.to_sla();
        let mut case = Self {
            issue,
            sla,
            events: Vec::new(),
            reopenings,
            before: None,
            changed: false,
        };
        case.before = Some(case.facts());
        case
    }

    /// A new issue opened by a report.
    pub(crate) fn open(
        id: IssueId,
        report: &PendingRow,
        area_id: Option<i64>,
        actor: &Actor,
        settings: &TenantSettings,
        now: Timestamp,
    ) -> Self {
        let mut title = report.summary.clone().unwrap_or_default();
        if title.is_empty() {
            title = clip(&report.description, 140);
        }
        let issue = IssueRow {
            id,
            tenant_id: settings.tenant.id,
            area_id,
            category: report.category,
            severity: report.severity,
            status: Status::Open,
            title,
            summary: report.summary.clone(),
            anchor: report.anchor.clone(),
            lat: report.lat,
            lon: report.lon,
            grid_cell: cell_of(report.lat, report.lon),
            location: report.location.clone(),
            location_norm: report
                .location
                .as_deref()
                .map(crate::model::text::normalise_location)
                .filter(|place| !place.is_empty()),
            report_count: 1,
            reporter_count: 1,
            last_report_at: report.submitted_at,
            assignee: None,
            priority: 0.0,
            priority_at: now,
            sensitive: report.sensitive,
            public: report.public,
            close_reason: None,
            hold_reason: None,
            merged_into_id: None,
            merged_at: None,
            reopened_count: 0,
            severity_locked: false,
            category_locked: false,
            archived: false,
            texts: Json(vec![clip(&report.description, TEXT_CHARS)]),
            created_at: report.submitted_at,
            acknowledged_at: None,
            resolved_at: None,
            closed_at: None,
            updated_at: now,
            version: 1,
        };
        let snapshot = pick_policy(
            &settings.policies,
            &settings.config.sla.defaults,
            issue.category,
            issue.severity,
            issue.created_at,
        );
        let calendar = settings.calendar(snapshot.calendar_id);
        let sla = Sla::start(snapshot, issue.created_at, calendar);
        let mut case = Self {
            issue,
            sla,
            events: Vec::new(),
            reopenings: Vec::new(),
            before: None,
            changed: true,
        };
        case.event("created", actor, now, |e| {
            e.public = true;
            e.data = Some(Json(serde_json::json!({ "report_id": report.id })));
        });
        case
    }

    /// Whether it is stored already.
    pub(crate) const fn is_new(&self) -> bool {
        self.before.is_none()
    }

    /// Whether anything happened to it.
    pub(crate) const fn is_changed(&self) -> bool {
        self.changed
    }

    /// What it counted for when it was read.
    pub(crate) const fn before(&self) -> Option<&IssueFacts> {
        self.before.as_ref()
    }

    /// What it counts for now.
    pub(crate) fn facts(&self) -> IssueFacts {
        let issue = &self.issue;
        IssueFacts {
            acknowledged_at: issue.acknowledged_at,
            resolved_at: issue.resolved_at,
            closed_at: issue.closed_at,
            merged_at: issue.merged_at,
            reopened_at: self.reopenings.clone(),
            ..IssueFacts::new(
                Cell {
                    area_id: issue.area_id.unwrap_or(0),
                    category: issue.category,
                    severity: issue.severity,
                },
                issue.status,
                issue.created_at,
            )
        }
        .with_sla(&self.sla)
    }

    /// Joins a report: counts, centre, texts, severity, and a reopening where the issue was resolved.
    ///
    /// `new_person` says whether the reporter had not reported to it before.
    pub(crate) fn link(
        &mut self,
        report: &PendingRow,
        new_person: bool,
        settings: &TenantSettings,
        now: Timestamp,
    ) {
        self.changed = true;
        let issue = &mut self.issue;
        #[expect(
            clippy::cast_precision_loss,
            reason = "an issue has far fewer than 2^52 reports"
        )]
        let before = issue.report_count as f64;
        issue.report_count += 1;
        issue.reporter_count += i64::from(new_person);
        if let (Some(lat), Some(lon)) = (report.lat, report.lon) {
            if let (Some(old_lat), Some(old_lon)) = (issue.lat, issue.lon) {
                issue.lat = Some((old_lat * before + lat) / (before + 1.0));
                issue.lon = Some((old_lon * before + lon) / (before + 1.0));
            } else {
                (issue.lat, issue.lon) = (Some(lat), Some(lon));
            }
            issue.grid_cell = cell_of(issue.lat, issue.lon);
        }
        issue.last_report_at = issue.last_report_at.max(report.submitted_at);
        issue.sensitive |= report.sensitive;
        let texts = &mut issue.texts.0;
        texts.push(clip(&report.description, TEXT_CHARS));
        if texts.len() > TEXTS {
            texts.remove(1);
        }
        let actor = Actor::system();
        self.event("report_linked", &actor, now, |e| {
            e.data = Some(Json(serde_json::json!({ "report_id": report.id })));
        });
        if report.severity > self.issue.severity && !self.issue.severity_locked {
            self.set_severity(report.severity, false, &actor, settings, now);
        }
        if self.issue.status == Status::Resolved {
            let reopened =
                self.change_status(StatusChange::to(Status::Open), &actor, settings, now);
            if let Err(e) = reopened {
                tracing::debug!(issue = self.issue.id.get(), error = %e, "a linked report did not reopen its issue");
            }
        }
    }

    /// Moves to another severity; `lock` keeps later reports from raising it.
    pub(crate) fn set_severity(
        &mut self,
        severity: Severity,
        lock: bool,
        actor: &Actor,
        settings: &TenantSettings,
        now: Timestamp,
    ) {
        self.issue.severity_locked |= lock;
        self.changed |= lock;
        let old = std::mem::replace(&mut self.issue.severity, severity);
        if old != severity {
            self.event("severity_changed", actor, now, |e| {
                e.from_value = Some(old.as_str().to_owned());
                e.to_value = Some(severity.as_str().to_owned());
            });
            self.repick(settings, now);
        }
    }

    /// Moves to another category, chosen by staff.
    pub(crate) fn set_category(
        &mut self,
        category: Category,
        actor: &Actor,
        settings: &TenantSettings,
        now: Timestamp,
    ) {
        self.issue.category_locked = true;
        self.changed = true;
        let old = std::mem::replace(&mut self.issue.category, category);
        if old != category {
            self.event("category_changed", actor, now, |e| {
                e.from_value = Some(old.as_str().to_owned());
                e.to_value = Some(category.as_str().to_owned());
            });
            self.repick(settings, now);
        }
    }

    /// Moves to another area.
    pub(crate) fn set_area(&mut self, area: Option<i64>, actor: &Actor, now: Timestamp) {
        let old = std::mem::replace(&mut self.issue.area_id, area);
        if old != area {
            self.event("area_changed", actor, now, |e| {
                e.from_value = old.map(|id| id.to_string());
                e.to_value = area.map(|id| id.to_string());
            });
        }
    }

    /// Gives the issue to somebody, or to nobody.
    pub(crate) fn assign(&mut self, assignee: Option<String>, actor: &Actor, now: Timestamp) {
        let old = std::mem::replace(&mut self.issue.assignee, assignee.clone());
        if old != assignee {
            self.event("assigned", actor, now, |e| {
                e.from_value = old;
                e.to_value = assignee;
            });
        }
    }

    /// Changes the status by the rules of the workflow; answers whether anything changed.
    pub(crate) fn change_status(
        &mut self,
        change: StatusChange,
        actor: &Actor,
        settings: &TenantSettings,
        now: Timestamp,
    ) -> Result<bool, WorkflowError> {
        let plan = self
            .situation()
            .plan(change, actor.role, &settings.config.workflow, now)?;
        if plan.is_noop() {
            return Ok(false);
        }
        self.apply(&plan, change.hold_reason, actor, settings, now);
        Ok(true)
    }

    /// What the rules of the workflow look at.
    pub(crate) fn situation(&self) -> Situation {
        let issue = &self.issue;
        Situation {
            status: issue.status,
            close_reason: issue.close_reason,
            acknowledged: issue.acknowledged_at.is_some(),
            resolved_at: issue.resolved_at,
            closed_at: issue.closed_at,
            merged: issue.merged_into_id.is_some(),
            archived: issue.archived,
        }
    }

    fn apply(
        &mut self,
        plan: &Plan,
        hold: Option<HoldReason>,
        actor: &Actor,
        settings: &TenantSettings,
        now: Timestamp,
    ) {
        let calendar = settings.calendar(self.sla.policy.calendar_id);
        self.issue.status = plan.to;
        self.issue.close_reason = plan.close_reason;
        self.issue.hold_reason = hold.filter(|_| plan.to == Status::OnHold);
        let kind = match plan.to {
            Status::Acknowledged if plan.from == Status::Open => "acknowledged",
            Status::Open => "reopened",
            _ => "status_changed",
        };
        self.event(kind, actor, now, |e| {
            e.public = true;
            e.from_value = Some(plan.from.as_str().to_owned());
            e.to_value = Some(plan.to.as_str().to_owned());
            e.data = plan
                .close_reason
                .map(|r| Json(serde_json::json!({ "close_reason": r.as_str() })));
        });
        for effect in &plan.effects {
            let changes = match *effect {
                Effect::ResumeSla => self.sla.resume(now, calendar),
                Effect::Acknowledge => {
                    self.issue.acknowledged_at = Some(now);
                    self.sla.acknowledge(now, calendar)
                }
                Effect::PauseSla(reason) if settings.config.sla.pause_reasons.contains(&reason) => {
                    self.sla.pause(now)
                }
                Effect::Resolve => {
                    self.issue.resolved_at = Some(now);
                    self.sla.resolve(now, calendar)
                }
                Effect::Close => {
                    self.issue.closed_at = Some(now);
                    Vec::new()
                }
                Effect::StopSla { excluded } => self.sla.stop(now, excluded),
                Effect::Reopen => {
                    self.issue.reopened_count += 1;
                    self.issue.resolved_at = None;
                    self.issue.closed_at = None;
                    self.reopenings.push(now);
                    self.sla.set_excluded(false);
                    self.sla.reopen(now, settings.config.sla.reopen, calendar)
                }
                // A reason that stops no clock; and whoever follows an issue reads its history until notices are sent.
                Effect::PauseSla(_) | Effect::NotifySubscribers => Vec::new(),
            };
            self.note_clock(&changes, now);
        }
    }

    /// Notes the promises that were missed by `now`.
    pub(crate) fn breach(&mut self, now: Timestamp) {
        let changes = self.sla.breach(now);
        self.changed |= !changes.is_empty();
        self.note_clock(&changes, now);
    }

    /// Writes into the history what happened to the clock by itself.
    pub(crate) fn note_clock(&mut self, changes: &[SlaChange], now: Timestamp) {
        let actor = Actor::system();
        for change in changes {
            match change {
                SlaChange::AckBreached { at } => {
                    self.event("sla_breached", &actor, *at, |e| {
                        e.to_value = Some("acknowledge".to_owned());
                    });
                }
                SlaChange::Breached { at } => {
                    self.event("sla_breached", &actor, *at, |e| {
                        e.to_value = Some("resolve".to_owned());
                    });
                }
                SlaChange::Paused => self.event("sla_paused", &actor, now, |_| {}),
                SlaChange::Resumed => self.event("sla_resumed", &actor, now, |_| {}),
                _ => {}
            }
        }
    }

    /// Takes the promise that fits the present category and severity, counted from the creation.
    fn repick(&mut self, settings: &TenantSettings, now: Timestamp) {
        let issue = &self.issue;
        let snapshot = pick_policy(
            &settings.policies,
            &settings.config.sla.defaults,
            issue.category,
            issue.severity,
            issue.created_at,
        );
        let calendar = settings.calendar(snapshot.calendar_id);
        let changes = self.sla.repick(snapshot, calendar, now);
        self.note_clock(&changes, now);
    }

    /// Adds a line to the history.
    pub(crate) fn event(
        &mut self,
        kind: &'static str,
        actor: &Actor,
        at: Timestamp,
        fill: impl FnOnce(&mut NewEvent),
    ) {
        self.changed = true;
        let mut event = NewEvent {
            tenant_id: self.issue.tenant_id,
            issue_id: self.issue.id,
            kind: Cow::Borrowed(kind),
            actor: actor.name.clone(),
            actor_role: Some(Cow::Borrowed(actor.role.as_str())),
            from_value: None,
            to_value: None,
            body: None,
            public: false,
            data: None::<Json<Value>>,
            at,
        };
        fill(&mut event);
        self.events.push(event);
    }

    /// The rank at `now`.
    pub(crate) fn rank(&self, settings: &TenantSettings, now: Timestamp) -> f64 {
        let calendar = settings.calendar(self.sla.policy.calendar_id);
        let input = PriorityInput {
            severity: self.issue.severity,
            urgency: self.sla.urgency(now, calendar),
            reporter_count: u32::try_from(self.issue.reporter_count).unwrap_or(u32::MAX),
            days_open: now.duration_since(self.issue.created_at).as_secs_f64() / 86_400.0,
            sensitive: self.issue.sensitive,
        };
        priority(&input, &settings.config.priority.weights).rank
    }

    /// Makes it ready to be written: a new rank, and a new version for one that is stored already.
    pub(crate) fn seal(&mut self, settings: &TenantSettings, now: Timestamp) {
        self.issue.priority = self.rank(settings, now);
        self.issue.priority_at = now;
        self.issue.updated_at = now;
        if !self.is_new() {
            self.issue.version += 1;
        }
    }
}

/// The first `chars` characters.
fn clip(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// The grid cell of coordinates that are both there.
pub(crate) fn cell_of(lat: Option<f64>, lon: Option<f64>) -> Option<i64> {
    let point = crate::model::geo::Point::new(lat?, lon?).ok()?;
    Some(crate::model::grid::grid_cell(point))
}
