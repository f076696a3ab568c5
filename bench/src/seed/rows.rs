//! Plans turned into rows of the service's tables, straight from the tables' definitions.

use brisk_civic::model::Category;
use brisk_civic::model::sla::{PolicySnapshot, PolicySource, Stop};
use brisk_core::TenantId;
use brisk_db::{Json, Record};
use fastrand::Rng;
use jiff::Timestamp;

use super::plan::{END, IssuePlan, Plan};

/// A report as a bulk load writes it; what it leaves out keeps the table's default.
#[derive(Clone, Debug, Record)]
#[record(table = "civic_reports")]
pub(crate) struct ReportRow {
    pub(crate) id: i64,
    pub(crate) tenant_id: TenantId,
    pub(crate) issue_id: Option<i64>,
    pub(crate) area_id: Option<i64>,
    pub(crate) description: String,
    pub(crate) location: Option<String>,
    pub(crate) location_norm: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) category: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) summary: String,
    pub(crate) classified_by: &'static str,
    pub(crate) channel: &'static str,
    pub(crate) status: &'static str,
    pub(crate) processed: bool,
    pub(crate) submitted_at: Timestamp,
    pub(crate) received_at: Timestamp,
    pub(crate) processed_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Record)]
#[record(table = "civic_issues")]
pub(crate) struct IssueRow {
    id: i64,
    tenant_id: TenantId,
    area_id: Option<i64>,
    category: &'static str,
    severity: &'static str,
    status: &'static str,
    title: String,
    lat: Option<f64>,
    lon: Option<f64>,
    location: Option<String>,
    location_norm: Option<String>,
    report_count: i64,
    reporter_count: i64,
    last_report_at: Timestamp,
    priority: f64,
    priority_at: Timestamp,
    texts: Json<Vec<String>>,
    created_at: Timestamp,
    acknowledged_at: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    updated_at: Timestamp,
}

#[derive(Clone, Debug, Record)]
#[record(table = "civic_sla_metrics")]
pub(crate) struct SlaRow {
    issue_id: i64,
    tenant_id: TenantId,
    area_id: Option<i64>,
    category: &'static str,
    severity: &'static str,
    policy_snapshot: Json<PolicySnapshot>,
    created_at: Timestamp,
    started_at: Timestamp,
    stops: Json<Vec<Stop>>,
    ack_due_at: Option<Timestamp>,
    resolve_due_at: Option<Timestamp>,
    acknowledged_at: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
    resolution_time_hours: Option<f64>,
    met_sla: Option<bool>,
    ack_breached_at: Option<Timestamp>,
    breached_at: Option<Timestamp>,
    state: &'static str,
    calculated_at: Timestamp,
}

#[derive(Clone, Debug, Record)]
#[record(table = "civic_tenant_counters")]
pub(crate) struct CounterRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) area_id: i64,
    pub(crate) category: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) status: &'static str,
    pub(crate) n: i64,
}

#[derive(Clone, Debug, Record)]
#[record(table = "civic_areas")]
pub(crate) struct AreaRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}

/// A tenant with its areas, as the database numbered them.
#[derive(Clone, Debug)]
pub(crate) struct TenantIds {
    pub(crate) id: TenantId,
    pub(crate) areas: Vec<i64>,
}

/// The id of what stands at `index`: ids count from 1.
fn number(index: usize) -> i64 {
    i64::try_from(index).expect("a run has no more rows than ids") + 1
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("all instants of the plan lie in this century")
}

#[expect(clippy::cast_precision_loss, reason = "spans of a year in seconds")]
fn hours(seconds: i64) -> f64 {
    seconds as f64 / 3_600.0
}

impl IssueRow {
    pub(crate) fn new(index: usize, plan: &IssuePlan, tenants: &[TenantIds]) -> Self {
        let tenant = &tenants[usize::from(plan.tenant)];
        let mut rng = Rng::with_seed(index as u64);
        let text = description(&mut rng, plan.category);
        let (lat, lon, location) = place(&mut rng, plan.tenant);
        Self {
            id: number(index),
            tenant_id: tenant.id,
            area_id: Some(tenant.areas[usize::from(plan.area)]),
            category: plan.category.as_str(),
            severity: plan.severity.as_str(),
            status: plan.status,
            title: text.chars().take(60).collect(),
            lat: Some(lat),
            lon: Some(lon),
            location_norm: Some(location.to_lowercase()),
            location: Some(location),
            report_count: plan.reports.into(),
            reporter_count: plan.reports.into(),
            last_report_at: at(plan.last_report),
            priority: rng.f64() * 100.0,
            priority_at: at(END),
            texts: Json(vec![text]),
            created_at: at(plan.created),
            acknowledged_at: plan.acknowledged.map(at),
            resolved_at: plan.resolved.map(at),
            closed_at: plan.resolved.filter(|_| plan.status == "closed").map(at),
            updated_at: at(plan.resolved.unwrap_or(plan.last_report)),
        }
    }
}

impl SlaRow {
    pub(crate) fn new(index: usize, plan: &IssuePlan, tenants: &[TenantIds]) -> Self {
        let tenant = &tenants[usize::from(plan.tenant)];
        let due = plan.due();
        let late = plan.resolved.is_none_or(|at| at > due);
        Self {
            issue_id: number(index),
            tenant_id: tenant.id,
            area_id: Some(tenant.areas[usize::from(plan.area)]),
            category: plan.category.as_str(),
            severity: plan.severity.as_str(),
            policy_snapshot: Json(PolicySnapshot {
                source: PolicySource::Builtin,
                policy_id: None,
                ack_minutes: Some(1_440),
                resolve_minutes: Some(plan.promise_hours() * 60),
                calendar_id: None,
            }),
            created_at: at(plan.created),
            started_at: at(plan.created),
            stops: Json(Vec::new()),
            ack_due_at: Some(at(plan.created + 86_400)),
            resolve_due_at: Some(at(due)),
            acknowledged_at: plan.acknowledged.map(at),
            resolved_at: plan.resolved.map(at),
            resolution_time_hours: plan.resolved.map(|at| hours(at - plan.created)),
            met_sla: plan.resolved.map(|_| !late),
            // Everything that could be missed is noted as missed, so that a server finds no timers to run.
            ack_breached_at: plan
                .acknowledged
                .is_none()
                .then(|| at(plan.created + 86_400)),
            breached_at: late.then(|| at(due)),
            state: if plan.resolved.is_some() {
                "done"
            } else {
                "running"
            },
            calculated_at: at(plan.resolved.unwrap_or(plan.created)),
        }
    }
}

impl ReportRow {
    /// The `index`th report of the plan.
    pub(crate) fn new(index: usize, plan: &Plan, tenants: &[TenantIds]) -> Self {
        let report = &plan.reports[index];
        let issue = &plan.issues[report.issue as usize];
        let tenant = &tenants[usize::from(issue.tenant)];
        let mut rng = Rng::with_seed(index as u64);
        let description = description(&mut rng, issue.category);
        let (lat, lon, location) = place(&mut rng, issue.tenant);
        Self {
            id: number(index),
            tenant_id: tenant.id,
            issue_id: Some(i64::from(report.issue) + 1),
            area_id: Some(tenant.areas[usize::from(issue.area)]),
            summary: description.chars().take(50).collect(),
            description,
            location_norm: Some(location.to_lowercase()),
            location: Some(location),
            lat: Some(lat),
            lon: Some(lon),
            category: issue.category.as_str(),
            severity: issue.severity.as_str(),
            classified_by: "rules",
            channel: "web",
            status: "linked",
            processed: true,
            submitted_at: at(report.submitted),
            received_at: at(report.submitted),
            processed_at: Some(at(report.submitted + 1)),
        }
    }
}

/// What somebody might write about something of that category, 60 to 140 characters.
pub(crate) fn description(rng: &mut Rng, category: Category) -> String {
    let matter: &[&str] = match category {
        Category::Safety => &[
            "Smell of gas",
            "Broken glass on the playground",
            "Exposed wires at the lamp post",
        ],
        Category::Infrastructure => &[
            "Deep pothole",
            "Street light is out",
            "Water main is leaking",
            "Traffic signal is dark",
        ],
        Category::Sanitation => &[
            "Overflowing bin",
            "Rats around the containers",
            "Rubbish was not collected",
        ],
        Category::Maintenance => &[
            "The lift is stuck again",
            "Bench is broken",
            "The door does not close",
        ],
        Category::Noise => &[
            "Loud music every night",
            "Drilling before seven",
            "A generator that never stops",
        ],
        Category::Other => &[
            "A question about the opening hours",
            "Parked across the pavement",
            "A lost sign",
        ],
    };
    let detail = [
        "since last week and nobody has come",
        "right in front of the school entrance",
        "and it is getting worse every day",
        "please send somebody before the weekend",
        "several neighbours have complained already",
        "it was repaired in spring but not for long",
    ];
    format!(
        "{} near number {}, {}, {}.",
        matter[rng.usize(0..matter.len())],
        rng.u32(1..400),
        detail[rng.usize(0..3)],
        detail[rng.usize(3..6)]
    )
}

/// A point and an address in the tenant's town.
pub(crate) fn place(rng: &mut Rng, tenant: u8) -> (f64, f64, String) {
    let streets = [
        "Mill Street",
        "Harbour Road",
        "Station Avenue",
        "Chestnut Lane",
        "King Street",
        "Bridge Street",
    ];
    let lat = 30.0 + f64::from(tenant) * 0.5 + rng.f64() * 0.1;
    let lon = -100.0 + f64::from(tenant) * 0.5 + rng.f64() * 0.1;
    let address = format!(
        "{} {}",
        rng.u32(1..400),
        streets[rng.usize(0..streets.len())]
    );
    (lat, lon, address)
}
