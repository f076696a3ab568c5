//! One checked row of a file to the rows that it becomes.

use std::borrow::Cow;
use std::collections::HashMap;

use brisk_core::TenantId;
use brisk_db::Json;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::options::Classify;
use super::setup::ImportSetup;
use crate::ids::{IssueId, ReportId};
use crate::import::{ImportRow, RowStatus};
use crate::model::classify::{Choice, Classification, ClassifiedBy, Evidence, Hint, decide};
use crate::model::geo::Point;
use crate::model::grid::grid_cell;
use crate::model::priority::{PriorityInput, priority};
use crate::model::rollup::{Cell, Deltas, IssueFacts, ReportFacts};
use crate::model::sla::{Sla, SlaState, pick_policy};
use crate::model::text::{SUMMARY_CHARS, first_sentence, normalise_location};
use crate::model::workflow::{ActorRole, CloseReason, HoldReason, Status};
use crate::model::{Category, Severity};
use crate::store::event::NewEvent;
use crate::store::issue::IssueRow;
use crate::store::report::NewReport;
use crate::store::sla::SlaRow;

/// The channel of imported reports; ids of the outside are unique within it.
pub(super) const CHANNEL: &str = "import";

/// Characters of a text that are kept for comparison with later reports.
const TEXT_CHARS: usize = 600;

/// What a row becomes; its ids are given out when it is known to be new.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) report: NewReport,
    pub(super) issue: IssueRow,
    pub(super) sla: SlaRow,
    pub(super) event: NewEvent,
    pub(super) facts: IssueFacts,
    /// Whether the file's own verdict is ours too; `None` where either is missing.
    pub(super) agrees: Option<bool>,
}

impl Prepared {
    /// Gives the row its keys.
    pub(super) fn identify(&mut self, report: ReportId, issue: IssueId, import: i64) {
        self.report.id = report;
        self.report.issue_id = Some(issue);
        self.report.import_id = Some(import);
        self.issue.id = issue;
        self.sla.issue_id = issue;
        self.event.issue_id = issue;
        self.event.data = Some(Json(json!({ "report_id": report, "import_id": import })));
    }

    pub(super) fn external_id(&self) -> Option<&str> {
        self.report.external_id.as_deref()
    }

    /// Adds what the row counts for.
    pub(super) fn count(&self, deltas: &mut Deltas, setup: &ImportSetup) {
        let report = ReportFacts {
            cell: self.facts.cell,
            submitted_at: self.report.submitted_at,
        };
        deltas.report(&setup.zone, None, Some(&report));
        deltas.issue(&setup.zone, None, Some(&self.facts));
    }
}

/// Turns rows into what is stored of them.
#[derive(Debug)]
pub(super) struct Preparer<'a> {
    pub(super) setup: &'a ImportSetup,
    pub(super) tenant: TenantId,
    pub(super) actor: &'a str,
    pub(super) classify: Classify,
    /// Areas by folded name.
    pub(super) areas: &'a HashMap<String, i64>,
    pub(super) now: Timestamp,
}

/// An area's name as it is compared.
pub(super) fn folded(name: &str) -> String {
    normalise_location(name)
}

impl Preparer<'_> {
    /// The rows of `row`.
    pub(super) fn prepare(&self, row: ImportRow) -> Prepared {
        let class = self.class(&row);
        let area_id = row
            .area
            .as_deref()
            .and_then(|name| self.areas.get(&folded(name)).copied());
        let point = match (row.lat, row.lon) {
            (Some(lat), Some(lon)) => Point::new(lat, lon).ok(),
            _ => None,
        };
        let cell = point.map(grid_cell);
        let location_norm = row
            .location
            .as_deref()
            .map(normalise_location)
            .filter(|place| !place.is_empty());
        let stage = Stage::of(&row);
        let sla = self.sla(&row, &class, &stage);
        let verdict = row.verdict.filter(|_| row.due_at.is_some());
        let agrees = match (verdict, sla.met_sla) {
            (Some(said), Some(met)) => Some(said == met),
            _ => None,
        };
        // The figures of a clock became what they are at its end.
        let calculated_at = sla.resolved_at.unwrap_or(self.now);
        let issue = IssueRow {
            id: IssueId(0),
            tenant_id: self.tenant,
            area_id,
            category: class.category,
            severity: class.severity,
            status: stage.status,
            title: class.summary.clone(),
            summary: Some(class.summary.clone()),
            anchor: class.anchor.clone(),
            lat: point.map(Point::lat),
            lon: point.map(Point::lon),
            grid_cell: cell,
            location: row.location.clone(),
            location_norm: location_norm.clone(),
            report_count: 1,
            reporter_count: 1,
            last_report_at: row.submitted_at,
            assignee: row.assignee.clone(),
            priority: self.rank(&row, &class, &stage, &sla),
            priority_at: self.now,
            sensitive: class.sensitive,
            public: true,
            close_reason: stage.close_reason,
            hold_reason: (stage.status == Status::OnHold).then_some(HoldReason::WaitingThirdParty),
            merged_into_id: None,
            merged_at: None,
            reopened_count: 0,
            severity_locked: false,
            category_locked: false,
            archived: false,
            texts: Json(vec![head(&row.description, TEXT_CHARS).to_owned()]),
            created_at: row.submitted_at,
            acknowledged_at: None,
            resolved_at: stage.resolved_at,
            closed_at: stage.closed_at,
            updated_at: self.now,
            version: 1,
        };
        let facts = IssueFacts {
            resolved_at: issue.resolved_at,
            closed_at: issue.closed_at,
            ..IssueFacts::new(
                Cell {
                    area_id: area_id.unwrap_or(0),
                    category: class.category,
                    severity: class.severity,
                },
                issue.status,
                issue.created_at,
            )
        }
        .with_sla(&sla);
        let event = NewEvent {
            tenant_id: self.tenant,
            issue_id: issue.id,
            kind: Cow::Borrowed("created"),
            actor: self.actor.to_owned(),
            actor_role: Some(Cow::Borrowed(ActorRole::Importer.as_str())),
            from_value: None,
            to_value: Some(issue.status.as_str().to_owned()),
            body: None,
            public: true,
            data: None,
            at: issue.created_at,
        };
        let report = NewReport {
            id: ReportId(0),
            tenant_id: self.tenant,
            issue_id: None,
            reporter_id: None,
            area_id,
            location_norm,
            lat: issue.lat,
            lon: issue.lon,
            grid_cell: cell,
            category: class.category,
            severity: class.severity,
            summary: class.summary,
            anchor: class.anchor,
            sensitive: class.sensitive,
            classified_by: class.classified_by,
            confidence: class.confidence,
            service_code: None,
            media: None,
            channel: CHANNEL.to_owned(),
            client_ref: None,
            external_id: row.external_id,
            external_status: row.external_status,
            status: "linked".to_owned(),
            processed: true,
            spam_score: 0,
            public: true,
            tracking_hash: None,
            submitted_at: row.submitted_at,
            received_at: self.now,
            processed_at: Some(self.now),
            import_id: None,
            attributes: attributes(
                row.attributes,
                row.service,
                row.channel,
                row.note,
                row.area.filter(|_| area_id.is_none()),
            ),
            description: row.description,
            location: row.location,
        };
        Prepared {
            report,
            sla: SlaRow::new(&issue, sla, calculated_at),
            issue,
            event,
            facts,
            agrees,
        }
    }

    fn class(&self, row: &ImportRow) -> Classification {
        if self.classify == Classify::None {
            return Classification {
                category: row.category.unwrap_or(Category::Other),
                severity: Severity::Medium,
                confidence: if row.category.is_some() { 1.0 } else { 0.0 },
                anchor: None,
                summary: first_sentence(&row.description, SUMMARY_CHARS),
                sensitive: false,
                classified_by: ClassifiedBy::Import,
            };
        }
        let severity = match self.classify {
            Classify::Trust => row
                .attributes
                .get("severity")
                .and_then(Value::as_str)
                .and_then(|word| Severity::parse(&word.trim().to_lowercase())),
            Classify::Rules | Classify::None => None,
        };
        // The maps of kinds are ours, so what they say of a kind is a decision and not a hint.
        decide(&Evidence {
            rules: &self.setup.rules.classify(&row.description),
            llm: None,
            hint: Some(Hint::TrustedImport(Choice {
                category: row.category,
                severity,
            })),
            staff: Choice::default(),
        })
    }

    /// The source's promise where it has one. An open case without one gets the tenant's; since when it is being worked on is
    /// not known, so acknowledgement is then promised for untouched cases only.
    fn sla(&self, row: &ImportRow, class: &Classification, stage: &Stage) -> Sla {
        let created = row.submitted_at;
        if !stage.status.is_active() {
            let mut sla = Sla::imported(created, row.due_at, stage.resolved_at);
            sla.state = SlaState::Done;
            sla.excluded = row.sla_excluded();
            return sla;
        }
        let mut sla = if row.due_at.is_some() {
            Sla::imported(created, row.due_at, None)
        } else {
            let mut policy = pick_policy(
                &self.setup.policies,
                &self.setup.defaults,
                class.category,
                class.severity,
                created,
            );
            if stage.status != Status::Open {
                policy.ack_minutes = None;
            }
            let calendar = policy
                .calendar_id
                .and_then(|id| self.setup.calendars.get(&id));
            Sla::start(policy, created, calendar.map(AsRef::as_ref))
        };
        // What was due before the import is late already; no timer has to find that out row by row.
        sla.breach(self.now);
        if stage.status == Status::OnHold {
            sla.pause(self.now);
        }
        sla
    }

    fn rank(&self, row: &ImportRow, class: &Classification, stage: &Stage, sla: &Sla) -> f64 {
        let calendar = sla
            .policy
            .calendar_id
            .and_then(|id| self.setup.calendars.get(&id));
        let end = stage.closed_at.unwrap_or(self.now);
        let input = PriorityInput {
            severity: class.severity,
            urgency: sla.urgency(self.now, calendar.map(AsRef::as_ref)),
            reporter_count: 1,
            days_open: end.duration_since(row.submitted_at).as_secs_f64() / 86_400.0,
            sensitive: class.sensitive,
        };
        priority(&input, &self.setup.weights).rank
    }
}

/// Where a case stands, in our words.
struct Stage {
    status: Status,
    close_reason: Option<CloseReason>,
    resolved_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
}

impl Stage {
    fn of(row: &ImportRow) -> Self {
        let active = |status| Self {
            status,
            close_reason: None,
            resolved_at: None,
            closed_at: None,
        };
        match row.status {
            RowStatus::Open => active(Status::Open),
            RowStatus::InProgress => active(Status::InProgress),
            RowStatus::OnHold => active(Status::OnHold),
            RowStatus::Closed => Self {
                status: Status::Closed,
                close_reason: Some(CloseReason::Fixed),
                resolved_at: row.closed_at,
                closed_at: row.closed_at,
            },
            RowStatus::Cancelled => Self {
                status: Status::Closed,
                close_reason: Some(CloseReason::Cancelled),
                resolved_at: None,
                closed_at: row.closed_at,
            },
        }
    }
}

/// The columns that have no place of their own.
fn attributes(
    mut all: serde_json::Map<String, Value>,
    service: Vec<String>,
    channel: Option<String>,
    note: Option<String>,
    area: Option<String>,
) -> Option<Json<Value>> {
    if !service.is_empty() {
        all.insert("service".to_owned(), Value::from(service));
    }
    for (key, text) in [("channel", channel), ("note", note), ("area", area)] {
        if let Some(text) = text {
            all.insert(key.to_owned(), Value::from(text));
        }
    }
    if all.is_empty() {
        return None;
    }
    let mut all = Value::Object(all);
    make_storable(&mut all);
    Some(Json(all))
}

/// PostgreSQL's `jsonb` holds every character but NUL, which objects of NDJSON may name.
fn make_storable(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(values) => values.iter_mut().for_each(make_storable),
        Value::Object(members) => {
            members.retain(|key, _| !key.contains('\0'));
            members.values_mut().for_each(make_storable);
        }
        _ => {}
    }
}

fn head(text: &str, chars: usize) -> &str {
    text.char_indices()
        .nth(chars)
        .map_or(text, |(end, _)| &text[..end])
}
