//! The read side against rows that were written as writers write them, on both engines.
#![expect(clippy::cast_precision_loss, reason = "a test has few rows")]

mod figures;
mod listing;
mod outside;

use brisk_core::TenantId;
use brisk_db::Batch;
use brisk_db::Count;
use brisk_db::CursorKey;
use brisk_db::Json;
use brisk_db::OnConflict;
use brisk_db::Paging;
use brisk_db::Session;
use jiff::SignedDuration;
use jiff::Timestamp;

use crate::ids::IssueId;
use crate::ids::ReportId;
use crate::logic::scores;
use crate::model::Category;
use crate::model::Severity;
use crate::model::classify::ClassifiedBy;
use crate::model::geo::Point;
use crate::model::grid::grid_cell;
use crate::model::rollup::Cell;
use crate::model::rollup::Deltas;
use crate::model::rollup::IssueFacts;
use crate::model::rollup::ReportFacts;
use crate::model::sla::Sla;
use crate::model::sla::SlaDefaults;
use crate::model::sla::pick_policy;
use crate::model::workflow::Status;
use crate::settings::TenantSettings;
use crate::store::area::Areas;
use crate::store::issue::IssueRow;
use crate::store::listing::COUNT_CAP;
use crate::store::report::NewReport;
use crate::store::rollup;
use crate::store::sla::SlaRow;
use crate::testing::World;

const ISSUES: i64 = 60;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

const COUNT: Count = Count::UpTo(COUNT_CAP);

static KEY: CursorKey = CursorKey::new([9; 32]);

fn asked<'a, F>(
    list: &'static str,
    filter: &'a F,
    limit: u32,
    cursor: Option<&'a str>,
) -> Paging<'a, F> {
    Paging {
        key: &KEY,
        list,
        filter,
        limit,
        skip: 0,
        cursor,
    }
}

/// An issue of the set; every third has the same instant as the one before, every fourth is resolved.
fn issue(n: i64, tenant_id: TenantId, area_id: i64, now: Timestamp) -> IssueRow {
    let created_at = now - HOUR * i32::try_from(n / 3 * 10).unwrap();
    let resolved_at = (n % 4 == 0).then(|| created_at + HOUR * i32::try_from(n % 7 + 1).unwrap());
    let place = Point::new(40.712_345_6 + 0.001 * n as f64, -74.006).unwrap();
    IssueRow {
        id: IssueId(n),
        tenant_id,
        area_id: (n % 2 == 0).then_some(area_id),
        category: Category::ALL[usize::try_from(n % 5).unwrap()],
        severity: Severity::ALL[usize::try_from(n % 4).unwrap()],
        status: if resolved_at.is_some() {
            Status::Resolved
        } else {
            [Status::Open, Status::Acknowledged][usize::try_from(n % 2).unwrap()]
        },
        title: format!(
            "{} number {n}",
            ["Pothole", "100%_sure!"][usize::from(n % 10 == 0)]
        ),
        summary: None,
        anchor: None,
        lat: Some(place.lat()),
        lon: Some(place.lon()),
        grid_cell: Some(grid_cell(place)),
        location: Some("Main Street 1".to_owned()),
        location_norm: None,
        report_count: n % 6,
        reporter_count: 1,
        last_report_at: created_at,
        assignee: (n % 9 == 0).then(|| "ann".to_owned()),
        priority: (n % 8) as f64 / 3.0,
        priority_at: now,
        sensitive: false,
        public: n % 11 != 0,
        close_reason: None,
        hold_reason: None,
        merged_into_id: None,
        merged_at: None,
        reopened_count: 0,
        severity_locked: false,
        category_locked: false,
        archived: false,
        texts: Json(vec![format!("a deep pothole in the road, number {n}")]),
        created_at,
        acknowledged_at: None,
        resolved_at,
        closed_at: None,
        updated_at: created_at,
        version: 1,
    }
}

fn clock_of(row: &IssueRow, now: Timestamp) -> Sla {
    let policy = pick_policy(
        &[],
        &SlaDefaults::default(),
        row.category,
        row.severity,
        row.created_at,
    );
    let mut sla = Sla::start(policy, row.created_at, None);
    if let Some(at) = row.resolved_at {
        sla.resolve(at, None);
    } else {
        sla.breach(now);
    }
    sla
}

fn report(row: &IssueRow) -> NewReport {
    NewReport {
        id: ReportId(row.id.get()),
        tenant_id: row.tenant_id,
        issue_id: Some(row.id),
        reporter_id: None,
        area_id: row.area_id,
        description: "a deep pothole in the road".to_owned(),
        location: None,
        location_norm: None,
        lat: row.lat,
        lon: row.lon,
        grid_cell: row.grid_cell,
        category: row.category,
        severity: row.severity,
        summary: "A deep pothole".to_owned(),
        anchor: None,
        sensitive: false,
        classified_by: ClassifiedBy::Rules,
        confidence: 0.9,
        service_code: None,
        attributes: None,
        media: None,
        channel: "api".to_owned(),
        client_ref: None,
        external_id: None,
        external_status: None,
        status: "linked".to_owned(),
        processed: true,
        spam_score: 0,
        public: true,
        tracking_hash: None,
        submitted_at: row.created_at,
        received_at: row.created_at,
        processed_at: Some(row.created_at),
        import_id: None,
    }
}

struct Seeded {
    session: Session,
    settings: std::sync::Arc<TenantSettings>,
    rows: Vec<IssueRow>,
    now: Timestamp,
}

/// Issues, clocks, reports and their figures, written as the service writes them.
async fn seed(world: &World) -> Seeded {
    let session = world.session(world.acme);
    let now = world.state.clock.now();
    let fields = |name: &str| crate::model::setup::AreaFields {
        name: name.to_owned(),
        code: None,
        parent_id: None,
        boundary: None,
    };
    let areas = Areas(&session);
    let area = areas.insert(fields("North"), None, now).await.unwrap();
    areas.insert(fields("South"), None, now).await.unwrap();
    let settings = world.state.settings.of(world.acme).await.unwrap();
    let rows: Vec<IssueRow> = (1..=ISSUES)
        .map(|n| issue(n, world.acme, area, now))
        .collect();
    let (mut deltas, mut batch) = (Deltas::default(), Batch::new());
    let mut clocks = Vec::new();
    for row in &rows {
        let cell = Cell {
            area_id: row.area_id.unwrap_or(0),
            category: row.category,
            severity: row.severity,
        };
        let sla = clock_of(row, now);
        let facts = IssueFacts {
            resolved_at: row.resolved_at,
            ..IssueFacts::new(cell, row.status, row.created_at)
        }
        .with_sla(&sla);
        deltas.issue(&settings.zone, None, Some(&facts));
        let submitted_at = row.created_at;
        deltas.report(
            &settings.zone,
            None,
            Some(&ReportFacts { cell, submitted_at }),
        );
        clocks.push(SlaRow::new(row, sla, row.resolved_at.unwrap_or(now)));
    }
    batch.insert_many(rows.clone(), OnConflict::Fail);
    batch.insert_many(clocks, OnConflict::Fail);
    batch.insert_many(rows.iter().map(report).collect(), OnConflict::Fail);
    rollup::add(&mut batch, world.acme, &deltas);
    session.batch(batch).await.unwrap();
    Seeded {
        session,
        settings,
        rows,
        now,
    }
}

/// As [`seed`], with the scores of all that.
async fn seed_scored(world: &World) -> Seeded {
    let seeded = seed(world).await;
    scores::refresh(&seeded.session, &seeded.settings, &world.state.clock)
        .await
        .unwrap();
    seeded
}

fn statements(session: &Session) -> u64 {
    session.scope().ledger().summary().statements
}
