//! The importer on both engines.
mod accounting;
mod ahead;
mod figures;
mod place;
mod resume;

use std::fmt::Write as _;
use std::future::Future;
use std::io::Cursor;
use std::sync::Arc;

use brisk_auth::{NewTenant, TenantKind, Tenants};
use brisk_core::{Clock, Scope, TenantId};
use brisk_db::{Db, DbConfig, FromRow, Json, Session, statements};
use brisk_jobs::Queue;
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::Postgres;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{ImportError, ImportOptions, ImportReport, ImportSetup, Importer};
use crate::model::classify::ClassifiedBy;
use crate::model::workflow::{CloseReason, Status};
use crate::model::{Category, Severity};

/// The first tenant of a database; the second is the next number.
const TENANT: TenantId = TenantId(1);

fn clock() -> Clock {
    Clock::manual("2024-06-15T12:00:00Z".parse().unwrap())
}

/// A database with an importer and a clock that stands still.
#[derive(Clone)]
struct Place {
    db: Db,
    importer: Importer,
    session: Session,
    setup: Arc<ImportSetup>,
}

impl Place {
    async fn open(url: String) -> Self {
        let db = Db::open(DbConfig::new(url)).await.unwrap();
        let sets = [
            brisk_auth::MIGRATIONS,
            brisk_jobs::MIGRATIONS,
            crate::MIGRATIONS,
        ];
        db.migrate(&sets).await.unwrap();
        let clock = clock();
        let platform = db.session(Scope::platform("test"));
        for (slug, id) in [("acme", TENANT), ("other", TenantId(2))] {
            let new = NewTenant::new(slug, slug, TenantKind::City);
            let tenants = Tenants::new(&platform);
            assert_eq!(tenants.insert(new, &clock).await.unwrap().id, id);
        }
        let zone = TimeZone::get("America/New_York").unwrap();
        Self {
            importer: Importer::new(&db, clock.clone(), Queue::new(clock)),
            session: db.session(Scope::system(TENANT, "importer")),
            setup: Arc::new(ImportSetup::plain(zone)),
            db,
        }
    }

    /// The same database after the process that wrote to it is gone.
    fn restarted(&self) -> Self {
        Self {
            importer: Importer::new(&self.db, clock(), Queue::new(clock())),
            ..self.clone()
        }
    }

    async fn run(&self, options: &ImportOptions, file: &str) -> Result<ImportReport, ImportError> {
        let file = Cursor::new(file.to_owned());
        let setup = Arc::clone(&self.setup);
        self.importer
            .run(&self.session, setup, options, file, |_| {})
            .await
    }

    async fn import(&self, file: &str) -> ImportReport {
        self.run(&options(), file).await.unwrap()
    }

    async fn dump(&self) -> Vec<DumpRow> {
        self.session.run(&DUMP, (TENANT,)).await.unwrap()
    }
}

/// Chunks so small that a test file has several.
fn options() -> ImportOptions {
    ImportOptions {
        chunk_rows: Some(50),
        ..ImportOptions::new("test.csv")
    }
}

/// Runs a test on SQLite and on PostgreSQL, each time in an empty database.
async fn on_both<F: Future<Output = ()>>(test: impl Fn(Place) -> F) {
    let file = SqliteFile::new().unwrap();
    let place = Place::open(file.url()).await;
    test(place.clone()).await;
    place.db.close().await;
    let database = Postgres::shared().database().unwrap();
    let place = Place::open(database.url()).await;
    test(place.clone()).await;
    place.db.close().await;
}

/// What an import leaves of a row, without what differs from run to run.
#[derive(Clone, Debug, PartialEq, FromRow)]
struct DumpRow {
    external_id: String,
    description: String,
    classified_by: ClassifiedBy,
    attributes: Option<Json<serde_json::Value>>,
    area_id: Option<i64>,
    category: Category,
    severity: Severity,
    status: Status,
    close_reason: Option<CloseReason>,
    assignee: Option<String>,
    priority: f64,
    created_at: Timestamp,
    resolved_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    resolve_due_at: Option<Timestamp>,
    breached_at: Option<Timestamp>,
    met_sla: Option<bool>,
    excluded: bool,
    state: String,
    event: String,
}

statements! {
    prefix "civic.test";

    /// All imported reports with what hangs on them; a row that lacks a part does not appear.
    DUMP(tenant: TenantId) -> Vec<DumpRow>
        = "SELECT r.external_id, r.description, r.classified_by, r.attributes, i.area_id, i.category, i.severity,
            i.status, i.close_reason, i.assignee, i.priority, i.created_at, i.resolved_at, i.closed_at,
            s.resolve_due_at, s.breached_at, s.met_sla, s.excluded, s.state, e.to_value AS event
            FROM civic_reports r JOIN civic_issues i ON i.id = r.issue_id AND i.tenant_id = r.tenant_id
            JOIN civic_sla_metrics s ON s.issue_id = i.id JOIN civic_issue_events e ON e.issue_id = i.id
            WHERE r.tenant_id = $1 AND e.kind = 'created' ORDER BY r.external_id";
}

const HEADER: &str = "external_id,submitted_at,due_at,resolved_at,status,description,category,area,assignee,severity\n";

/// A file of `rows` sound rows: open, closed in time, closed late and cancelled ones, over some months and areas.
fn sound(rows: std::ops::Range<usize>) -> String {
    let texts = [
        "Large pothole in the right lane",
        "Street light out at a dark corner",
        "Trash overflowing at the bus stop",
        "Gas smell in the hallway",
    ];
    let mut file = String::new();
    for n in rows {
        let (month, day, hour) = (n % 5 + 1, n % 28 + 1, n % 24);
        let opened = format!("2024-{month:02}-{day:02}T{hour:02}:30:00Z");
        let due = format!("2024-{month:02}-{day:02}T23:45:00Z");
        let late = format!("2024-{:02}-{day:02}T10:00:00Z", month + 1);
        let (due, closed, status) = match n % 6 {
            0 => ("", "", "open"),
            1 => (due.as_str(), "", "in progress"),
            2 => (due.as_str(), due.as_str(), "closed"),
            3 => (due.as_str(), late.as_str(), "closed"),
            4 => ("", late.as_str(), "closed"),
            _ => (due.as_str(), late.as_str(), "cancelled"),
        };
        let kind = ["", "noise"][usize::from(n % 7 == 0)];
        writeln!(
            file,
            "id-{n:05},{opened},{due},{closed},{status},{} number {n},{kind},Ward {},Unit {},high",
            texts[n % texts.len()],
            n % 3,
            n % 2
        )
        .unwrap();
    }
    file
}
