//! Every statement on the history of issues.

use std::borrow::Cow;

use brisk_core::TenantId;
use brisk_db::sea_query::{Expr, ExprTrait as _, Query};
use brisk_db::{Direction, FromRow, Json, Order, Page, Paging, Record, Session, statements};
use jiff::Timestamp;

use crate::ids::IssueId;

/// One line of an issue's history, about to be written.
#[derive(Clone, Debug, PartialEq, Record)]
#[record(table = "civic_issue_events")]
pub(crate) struct NewEvent {
    pub(crate) tenant_id: TenantId,
    pub(crate) issue_id: IssueId,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) actor: String,
    pub(crate) actor_role: Option<Cow<'static, str>>,
    pub(crate) from_value: Option<String>,
    pub(crate) to_value: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) public: bool,
    pub(crate) data: Option<Json<serde_json::Value>>,
    pub(crate) at: Timestamp,
}

/// One line of an issue's history.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct EventRow {
    pub(crate) id: i64,
    pub(crate) issue_id: IssueId,
    pub(crate) kind: String,
    pub(crate) actor: String,
    pub(crate) actor_role: Option<String>,
    pub(crate) from_value: Option<String>,
    pub(crate) to_value: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) public: bool,
    pub(crate) data: Option<Json<serde_json::Value>>,
    pub(crate) at: Timestamp,
}

/// One reopening.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct ReopenedRow {
    pub(crate) issue_id: IssueId,
    pub(crate) at: Timestamp,
}

statements! {
    prefix "civic.event";

    /// When issues were reopened.
    REOPENINGS(tenant: TenantId, issues: Vec<i64>) -> Vec<ReopenedRow>
        = "SELECT issue_id, at FROM civic_issue_events WHERE tenant_id = $1 AND issue_id = ANY($2) AND kind = 'reopened'
            ORDER BY at, id",
        sqlite "SELECT issue_id, at FROM civic_issue_events WHERE tenant_id = $1
            AND issue_id IN (SELECT value FROM json_each($2)) AND kind = 'reopened' ORDER BY at, id";
}

/// Everything asked of `civic_issue_events`.
pub(crate) struct Events<'a>(pub(crate) &'a Session);

impl Events<'_> {
    /// The history of one issue, oldest first.
    pub(crate) async fn page(
        &self,
        asked: Paging<'_, IssueId>,
    ) -> Result<Page<EventRow>, brisk_db::Error> {
        let mut query = Query::select();
        query
            .columns(EventRow::COLUMNS.iter().copied())
            .from("civic_issue_events")
            .and_where(Expr::col("tenant_id").eq(self.0.tenant().get()))
            .and_where(Expr::col("issue_id").eq(asked.filter.get()));
        let order = Order::default()
            .by(Expr::col("at"), Direction::Asc, |row: &EventRow| row.at)
            .by(Expr::col("id"), Direction::Asc, |row| row.id);
        self.0.page("civic.event.page", query, &order, asked).await
    }

    pub(crate) async fn reopenings(
        &self,
        issues: Vec<i64>,
    ) -> Result<Vec<ReopenedRow>, brisk_db::Error> {
        self.0.run(&REOPENINGS, (self.0.tenant(), issues)).await
    }
}
