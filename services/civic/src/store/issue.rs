//! Every statement on issues.

use brisk_core::TenantId;
use brisk_db::{Affected, FromRow, Json, Record, Session, statements};
use jiff::Timestamp;

use crate::ids::IssueId;
use crate::model::workflow::{CloseReason, HoldReason, Status};
use crate::model::{Category, Severity};

/// A whole issue.
#[derive(Clone, Debug, PartialEq, FromRow, Record)]
#[record(table = "civic_issues")]
#[expect(clippy::struct_excessive_bools, reason = "the columns of the table")]
pub(crate) struct IssueRow {
    pub(crate) id: IssueId,
    pub(crate) tenant_id: TenantId,
    pub(crate) area_id: Option<i64>,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) status: Status,
    pub(crate) title: String,
    pub(crate) summary: Option<String>,
    pub(crate) anchor: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) grid_cell: Option<i64>,
    pub(crate) location: Option<String>,
    pub(crate) location_norm: Option<String>,
    pub(crate) report_count: i64,
    pub(crate) reporter_count: i64,
    pub(crate) last_report_at: Timestamp,
    pub(crate) assignee: Option<String>,
    /// The stored rank: the priority, plus 100 for critical issues.
    pub(crate) priority: f64,
    pub(crate) priority_at: Timestamp,
    pub(crate) sensitive: bool,
    pub(crate) public: bool,
    pub(crate) close_reason: Option<CloseReason>,
    pub(crate) hold_reason: Option<HoldReason>,
    pub(crate) merged_into_id: Option<IssueId>,
    pub(crate) merged_at: Option<Timestamp>,
    pub(crate) reopened_count: i32,
    pub(crate) severity_locked: bool,
    pub(crate) category_locked: bool,
    pub(crate) archived: bool,
    /// The first report's text and the three latest.
    pub(crate) texts: Json<Vec<String>>,
    pub(crate) created_at: Timestamp,
    pub(crate) acknowledged_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    /// Grows with each change; a writer that read an older one finds no row.
    pub(crate) version: i64,
}

/// What a list shows of an issue.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct IssueListRow {
    pub(crate) id: IssueId,
    pub(crate) area_id: Option<i64>,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) status: Status,
    pub(crate) title: String,
    pub(crate) location: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) report_count: i64,
    pub(crate) reporter_count: i64,
    pub(crate) priority: f64,
    pub(crate) assignee: Option<String>,
    pub(crate) sensitive: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    pub(crate) version: i64,
}

statements! {
    prefix "civic.issue";

    const COLUMNS = "id, tenant_id, area_id, category, severity, status, title, summary, anchor, lat, lon, grid_cell,
            location, location_norm, report_count, reporter_count, last_report_at, assignee, priority, priority_at,
            sensitive, public, close_reason, hold_reason, merged_into_id, merged_at, reopened_count, severity_locked,
            category_locked, archived, texts, created_at, acknowledged_at, resolved_at, closed_at, updated_at, version";
    const ACTIVE = "status <> 'closed' AND status <> 'resolved'";
    const MATCHABLE = "status <> 'closed' AND (resolved_at IS NULL OR resolved_at >= $3)";

    /// One issue of the tenant.
    load GET(id: IssueId) -> Option<IssueRow> in "civic_issues";

    /// Issues of the tenant by their ids.
    LIST_BY_IDS(tenant: TenantId, ids: Vec<i64>) -> Vec<IssueRow>
        = "SELECT {COLUMNS} FROM civic_issues WHERE tenant_id = $1 AND id = ANY($2)",
        sqlite "SELECT {COLUMNS} FROM civic_issues WHERE tenant_id = $1 AND id IN (SELECT value FROM json_each($2))";

    /// Issues that a report near one of the cells may belong to: active, or resolved since `resolved_after`.
    CANDIDATES_BY_CELL(tenant: TenantId, cells: Vec<i64>, resolved_after: Timestamp) -> Vec<IssueRow>
        = "SELECT {COLUMNS} FROM civic_issues WHERE tenant_id = $1 AND grid_cell = ANY($2)
            AND {MATCHABLE}",
        sqlite "SELECT {COLUMNS} FROM civic_issues WHERE tenant_id = $1 AND grid_cell IN (SELECT value FROM json_each($2))
            AND {MATCHABLE}";

    /// Issues at the same place in words: active, or resolved since `resolved_after`.
    CANDIDATES_BY_PLACE(tenant: TenantId, places: Vec<String>, resolved_after: Timestamp) -> Vec<IssueRow>
        = "SELECT {COLUMNS} FROM civic_issues WHERE tenant_id = $1 AND location_norm = ANY($2)
            AND {MATCHABLE}",
        sqlite "SELECT {COLUMNS} FROM civic_issues WHERE tenant_id = $1 AND location_norm IN (SELECT value FROM json_each($2))
            AND {MATCHABLE}";

    /// The newest active issues, for reports that name no place.
    CANDIDATES_NEWEST(tenant: TenantId, limit: i64) -> Vec<IssueRow>
        = "SELECT {COLUMNS} FROM civic_issues WHERE tenant_id = $1 AND {ACTIVE}
            ORDER BY created_at DESC, id DESC LIMIT $2";

    /// Active issues whose rank was computed before `before`, for the sweep that lets it grow with age.
    RANKED_BEFORE(tenant: TenantId, before: Timestamp, after_id: IssueId, limit: i64) -> Vec<IssueRow>
        = "SELECT {COLUMNS} FROM civic_issues WHERE tenant_id = $1 AND {ACTIVE}
            AND priority_at < $2 AND id > $3 ORDER BY id LIMIT $4";

    /// Saves all that can change, if nobody else did since it was read.
    pub(crate) SAVE[IssueRow] -> Affected
        = "UPDATE civic_issues SET area_id = $3, category = $4, severity = $5, status = $6, title = $7, summary = $8,
            anchor = $9, lat = $10, lon = $11, grid_cell = $12, location = $13, location_norm = $14, report_count = $15,
            reporter_count = $16, last_report_at = $17, assignee = $18, priority = $19, priority_at = $20,
            sensitive = $21, public = $22, close_reason = $23, hold_reason = $24, merged_into_id = $25, merged_at = $26,
            reopened_count = $27, severity_locked = $28, category_locked = $29, archived = $30, texts = $31,
            created_at = $32, acknowledged_at = $33, resolved_at = $34, closed_at = $35, updated_at = $36, version = $37
            WHERE id = $1 AND tenant_id = $2 AND version = $37 - 1";

    /// A new rank only: no change that anyone is told of.
    pub(crate) SAVE_PRIORITY(tenant: TenantId, id: IssueId, priority: f64, at: Timestamp, version: i64) -> Affected
        = "UPDATE civic_issues SET priority = $3, priority_at = $4 WHERE tenant_id = $1 AND id = $2 AND version = $5";
}

/// Everything asked of `civic_issues`; each statement filters by the session's tenant.
pub(crate) struct Issues<'a>(pub(crate) &'a Session);

impl Issues<'_> {
    pub(crate) async fn get(&self, id: IssueId) -> Result<Option<IssueRow>, brisk_db::Error> {
        self.0.load(&GET, id).await
    }

    /// Each in its place; none where there is no such issue.
    pub(crate) async fn get_each(
        &self,
        ids: Vec<IssueId>,
    ) -> Result<Vec<Option<IssueRow>>, brisk_db::Error> {
        self.0.load_many(&GET, ids).await
    }

    pub(crate) async fn list_by_ids(
        &self,
        ids: Vec<i64>,
    ) -> Result<Vec<IssueRow>, brisk_db::Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.0.run(&LIST_BY_IDS, (self.0.tenant(), ids)).await
    }

    pub(crate) async fn candidates_by_cell(
        &self,
        cells: Vec<i64>,
        resolved_after: Timestamp,
    ) -> Result<Vec<IssueRow>, brisk_db::Error> {
        if cells.is_empty() {
            return Ok(Vec::new());
        }
        self.0
            .run(
                &CANDIDATES_BY_CELL,
                (self.0.tenant(), cells, resolved_after),
            )
            .await
    }

    pub(crate) async fn candidates_by_place(
        &self,
        places: Vec<String>,
        resolved_after: Timestamp,
    ) -> Result<Vec<IssueRow>, brisk_db::Error> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        self.0
            .run(
                &CANDIDATES_BY_PLACE,
                (self.0.tenant(), places, resolved_after),
            )
            .await
    }

    pub(crate) async fn candidates_newest(
        &self,
        limit: i64,
    ) -> Result<Vec<IssueRow>, brisk_db::Error> {
        self.0
            .run(&CANDIDATES_NEWEST, (self.0.tenant(), limit))
            .await
    }

    pub(crate) async fn ranked_before(
        &self,
        before: Timestamp,
        after: IssueId,
        limit: i64,
    ) -> Result<Vec<IssueRow>, brisk_db::Error> {
        self.0
            .run(&RANKED_BEFORE, (self.0.tenant(), before, after, limit))
            .await
    }
}
