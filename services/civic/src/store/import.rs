//! Every statement on imports, their refused rows, and the areas that they make.

use brisk_core::TenantId;
use brisk_db::sea_query::{Expr, ExprTrait as _, Query};
use brisk_db::{
    Affected, Direction, FromRow, Json, One, Order, Page, Paging, Record, Session, statements,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::import::Checkpoint;
use crate::logic::import::{ImportStatus, Refusals, StoredOptions};

brisk_db::text_column!(ImportStatus);

/// Where an import goes on, with the counts that have no column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImportPlace {
    pub(crate) at: Checkpoint,
    pub(crate) refusals: Refusals,
    pub(crate) sla_compared: u64,
    pub(crate) sla_agree: u64,
    pub(crate) areas_unknown: u64,
}

/// One import.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct ImportRow {
    pub(crate) id: i64,
    pub(crate) file_name: String,
    pub(crate) preset: Option<String>,
    pub(crate) options: Json<StoredOptions>,
    pub(crate) status: ImportStatus,
    pub(crate) checkpoint: Option<Json<ImportPlace>>,
    pub(crate) rows_read: i64,
    pub(crate) created: i64,
    pub(crate) skipped: i64,
    pub(crate) failed: i64,
    pub(crate) error: Option<String>,
    pub(crate) started_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
}

/// A refused row about to be written.
#[derive(Clone, Debug, PartialEq, Eq, Record)]
#[record(table = "civic_import_errors")]
pub(crate) struct NewImportError {
    pub(crate) import_id: i64,
    pub(crate) row_no: i64,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) raw: Option<String>,
}

/// A refused row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow)]
pub(crate) struct ImportErrorRow {
    #[serde(rename = "row")]
    pub(crate) row_no: i64,
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) raw: Option<String>,
}

/// An area by its name.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct AreaNameRow {
    pub(crate) name: String,
    pub(crate) id: i64,
}

statements! {
    prefix "civic.import";

    const COLUMNS = "id, file_name, preset, options, status, checkpoint, rows_read, created, skipped, failed, error,
            started_at, updated_at, finished_at";

    /// Notes an import that begins.
    CREATE(tenant: TenantId, file_name: String, preset: &'static str, options: Json<StoredOptions>, now: Timestamp)
        -> One<i64>
        = "INSERT INTO civic_imports (tenant_id, file_name, preset, options, status, started_at, updated_at)
            VALUES ($1, $2, $3, $4, 'running', $5, $5) RETURNING id";

    /// One import of the tenant.
    GET(tenant: TenantId, id: i64) -> Option<ImportRow>
        = "SELECT {COLUMNS} FROM civic_imports WHERE tenant_id = $1 AND id = $2";

    /// Lets a stopped import go on.
    REOPEN(tenant: TenantId, id: i64, now: Timestamp) -> Affected
        = "UPDATE civic_imports SET status = 'running', error = NULL, finished_at = NULL, updated_at = $3
            WHERE tenant_id = $1 AND id = $2 AND status <> 'completed'";

    /// Moves an import on by one chunk. Where it is no longer running, or somebody else moved it, `rows_read` would
    /// become NULL, which its column refuses, and with this statement the whole chunk.
    pub(crate) MOVE_ON(tenant: TenantId, id: i64, read_before: i64, read: i64, created: i64, skipped: i64, failed: i64,
        checkpoint: Json<ImportPlace>, now: Timestamp) -> Affected
        = "UPDATE civic_imports SET rows_read = CASE WHEN status = 'running' AND rows_read = $3
                THEN CAST($4 AS bigint) END,
            created = $5, skipped = $6, failed = $7, checkpoint = $8, updated_at = $9
            WHERE tenant_id = $1 AND id = $2";

    /// Ends an import.
    FINISH(tenant: TenantId, id: i64, status: ImportStatus, error: Option<String>, now: Timestamp) -> Affected
        = "UPDATE civic_imports SET status = $3, error = $4, finished_at = $5, updated_at = $5
            WHERE tenant_id = $1 AND id = $2 AND status = 'running'";

    /// The refused rows of an import after one, in the order of the file.
    ERRORS(tenant: TenantId, id: i64, after: i64, limit: i64) -> Vec<ImportErrorRow>
        = "SELECT e.row_no, e.code, e.message, e.raw FROM civic_import_errors e
            JOIN civic_imports i ON i.id = e.import_id
            WHERE i.tenant_id = $1 AND e.import_id = $2 AND e.row_no > $3 ORDER BY e.row_no LIMIT $4";

    /// Makes an area unless the tenant has one of that name.
    ADD_AREA(tenant: TenantId, name: String, now: Timestamp) -> Affected
        = "INSERT INTO civic_areas (tenant_id, name, created_at) VALUES ($1, $2, $3)
            ON CONFLICT (tenant_id, name) DO NOTHING";

    /// Areas of the tenant by their names.
    AREAS(tenant: TenantId, names: Vec<String>) -> Vec<AreaNameRow>
        = "SELECT name, id FROM civic_areas WHERE tenant_id = $1 AND name = ANY($2)",
        sqlite "SELECT name, id FROM civic_areas WHERE tenant_id = $1 AND name IN (SELECT value FROM json_each($2))";
}

/// Everything asked of `civic_imports` and `civic_import_errors`.
pub(crate) struct Imports<'a>(pub(crate) &'a Session);

impl Imports<'_> {
    pub(crate) async fn create(
        &self,
        file_name: String,
        preset: &'static str,
        options: StoredOptions,
        now: Timestamp,
    ) -> Result<i64, brisk_db::Error> {
        let options = Json(options);
        self.0
            .run(&CREATE, (self.0.tenant(), file_name, preset, options, now))
            .await
    }

    pub(crate) async fn get(&self, id: i64) -> Result<Option<ImportRow>, brisk_db::Error> {
        self.0.run(&GET, (self.0.tenant(), id)).await
    }

    /// The `limit` imports before `before`, or the newest ones.
    /// The tenant's imports, newest first.
    pub(crate) async fn page(
        &self,
        asked: Paging<'_, ()>,
    ) -> Result<Page<ImportRow>, brisk_db::Error> {
        let mut query = Query::select();
        query
            .columns(ImportRow::COLUMNS.iter().copied())
            .from("civic_imports")
            .and_where(Expr::col("tenant_id").eq(self.0.tenant().get()));
        let order = Order::default().by(Expr::col("id"), Direction::Desc, |row: &ImportRow| row.id);
        self.0.page("civic.import.page", query, &order, asked).await
    }

    /// `false` when it is over.
    pub(crate) async fn reopen(&self, id: i64, now: Timestamp) -> Result<bool, brisk_db::Error> {
        Ok(self.0.run(&REOPEN, (self.0.tenant(), id, now)).await? == 1)
    }

    /// `false` when it was not running.
    pub(crate) async fn finish(
        &self,
        id: i64,
        status: ImportStatus,
        error: Option<String>,
        now: Timestamp,
    ) -> Result<bool, brisk_db::Error> {
        let changed = self
            .0
            .run(&FINISH, (self.0.tenant(), id, status, error, now))
            .await?;
        Ok(changed == 1)
    }

    /// Up to `limit` refused rows after row `after`.
    pub(crate) async fn errors(
        &self,
        id: i64,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ImportErrorRow>, brisk_db::Error> {
        self.0
            .run(&ERRORS, (self.0.tenant(), id, after, limit))
            .await
    }

    /// The areas of these names, made where the tenant lacks them.
    pub(crate) async fn areas(
        &self,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<Vec<AreaNameRow>, brisk_db::Error> {
        let tenant = self.0.tenant();
        let sets: Vec<_> = names
            .iter()
            .map(|name| (tenant, name.clone(), now))
            .collect();
        self.0.run_each(&ADD_AREA, sets).await?;
        self.0.run(&AREAS, (tenant, names)).await
    }
}
