//! Every statement on the history of issues.

use std::borrow::Cow;

use brisk_core::TenantId;
use brisk_db::{FromRow, Json, Record, Session, statements};
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

statements! {
    prefix "civic.event";

    /// The history of one issue after a line, oldest first.
    PAGE(tenant: TenantId, issue: IssueId, after_at: Timestamp, after_id: i64, limit: i64) -> Vec<EventRow>
        = "SELECT id, issue_id, kind, actor, actor_role, from_value, to_value, body, public, data, at
            FROM civic_issue_events WHERE tenant_id = $1 AND issue_id = $2 AND (at, id) > ($3, $4)
            ORDER BY at, id LIMIT $5";

    /// When an issue was reopened.
    REOPENINGS(tenant: TenantId, issue: IssueId) -> Vec<Timestamp>
        = "SELECT at FROM civic_issue_events WHERE tenant_id = $1 AND issue_id = $2 AND kind = 'reopened'
            ORDER BY at, id";
}

/// Everything asked of `civic_issue_events`.
pub(crate) struct Events<'a>(pub(crate) &'a Session);

impl Events<'_> {
    pub(crate) async fn page(
        &self,
        issue: IssueId,
        after: (Timestamp, i64),
        limit: i64,
    ) -> Result<Vec<EventRow>, brisk_db::Error> {
        self.0
            .run(&PAGE, (self.0.tenant(), issue, after.0, after.1, limit))
            .await
    }

    pub(crate) async fn reopenings(
        &self,
        issue: IssueId,
    ) -> Result<Vec<Timestamp>, brisk_db::Error> {
        self.0.run(&REOPENINGS, (self.0.tenant(), issue)).await
    }
}
