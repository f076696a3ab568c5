//! Every statement on pairs of report and issue that may belong together.

use brisk_core::TenantId;
use brisk_db::sea_query::{Expr, ExprTrait as _, Query};
use brisk_db::{Affected, Direction, FromRow, Order, Page, Paging, Record, Session, statements};
use jiff::Timestamp;

use crate::ids::{IssueId, ReportId};

/// A pair that someone has to look at.
#[derive(Clone, Debug, PartialEq, Record)]
#[record(table = "civic_dedup_candidates")]
pub(crate) struct NewCandidate {
    pub(crate) tenant_id: TenantId,
    pub(crate) report_id: ReportId,
    pub(crate) issue_id: IssueId,
    pub(crate) score: f64,
    pub(crate) text_sim: f64,
    pub(crate) geo_sim: Option<f64>,
    pub(crate) time_sim: f64,
    pub(crate) distance_m: Option<f64>,
    pub(crate) source: &'static str,
    pub(crate) created_at: Timestamp,
}

/// A pair with its decision.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct CandidateRow {
    pub(crate) id: i64,
    pub(crate) report_id: ReportId,
    pub(crate) issue_id: IssueId,
    pub(crate) score: f64,
    pub(crate) text_sim: f64,
    pub(crate) geo_sim: Option<f64>,
    pub(crate) time_sim: f64,
    pub(crate) distance_m: Option<f64>,
    pub(crate) source: String,
    pub(crate) state: String,
    pub(crate) created_at: Timestamp,
}

/// A pair that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct PairRow {
    pub(crate) report_id: ReportId,
    pub(crate) issue_id: IssueId,
}

statements! {
    prefix "civic.candidate";

    const COLUMNS = "id, report_id, issue_id, score, text_sim, geo_sim, time_sim, distance_m, source, state, created_at";

    /// One pair.
    GET(tenant: TenantId, id: i64) -> Option<CandidateRow>
        = "SELECT {COLUMNS} FROM civic_dedup_candidates WHERE tenant_id = $1 AND id = $2";

    /// Pairs of the reports that were refused, so that they are never proposed again.
    REJECTED(tenant: TenantId, reports: Vec<i64>) -> Vec<PairRow>
        = "SELECT report_id, issue_id FROM civic_dedup_candidates
            WHERE tenant_id = $1 AND report_id = ANY($2) AND state = 'rejected'",
        sqlite "SELECT report_id, issue_id FROM civic_dedup_candidates
            WHERE tenant_id = $1 AND report_id IN (SELECT value FROM json_each($2)) AND state = 'rejected'";

    /// Notes the pair of a report that was split off as refused.
    REFUSE_SPLIT(tenant: TenantId, report: ReportId) -> Affected
        = "UPDATE civic_dedup_candidates SET state = 'rejected'
            WHERE tenant_id = $1 AND report_id = $2 AND source = 'split' AND state = 'pending'";

    /// Decides a pair that waits.
    DECIDE(tenant: TenantId, id: i64, state: &'static str, by: String, at: Timestamp) -> Affected
        = "UPDATE civic_dedup_candidates SET state = $3, decided_by = $4, decided_at = $5
            WHERE tenant_id = $1 AND id = $2 AND state = 'pending'";
}

/// Everything asked of `civic_dedup_candidates`.
pub(crate) struct Candidates<'a>(pub(crate) &'a Session);

impl Candidates<'_> {
    pub(crate) async fn get(&self, id: i64) -> Result<Option<CandidateRow>, brisk_db::Error> {
        self.0.run(&GET, (self.0.tenant(), id)).await
    }

    /// Those that wait for a decision, oldest first.
    pub(crate) async fn pending(
        &self,
        asked: Paging<'_, ()>,
    ) -> Result<Page<CandidateRow>, brisk_db::Error> {
        let mut query = Query::select();
        query
            .columns(CandidateRow::COLUMNS.iter().copied())
            .from("civic_dedup_candidates")
            .and_where(Expr::col("tenant_id").eq(self.0.tenant().get()))
            .and_where(Expr::cust("state = 'pending'"));
        let order = Order::default()
            .by(
                Expr::col("created_at"),
                Direction::Asc,
                |row: &CandidateRow| row.created_at,
            )
            .by(Expr::col("id"), Direction::Asc, |row| row.id);
        self.0
            .page("civic.candidate.pending", query, &order, asked)
            .await
    }

    pub(crate) async fn rejected(
        &self,
        reports: Vec<i64>,
    ) -> Result<Vec<PairRow>, brisk_db::Error> {
        self.0.run(&REJECTED, (self.0.tenant(), reports)).await
    }

    pub(crate) async fn refuse_split(&self, report: ReportId) -> Result<(), brisk_db::Error> {
        self.0
            .run(&REFUSE_SPLIT, (self.0.tenant(), report))
            .await
            .map(drop)
    }

    /// `false` when somebody else decided first.
    pub(crate) async fn decide(
        &self,
        id: i64,
        state: &'static str,
        by: String,
        at: Timestamp,
    ) -> Result<bool, brisk_db::Error> {
        Ok(self
            .0
            .run(&DECIDE, (self.0.tenant(), id, state, by, at))
            .await?
            == 1)
    }
}
