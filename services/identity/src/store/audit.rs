//! The audit log: rows go in and are never changed.

use brisk_core::TenantId;
use brisk_db::sea_query::{Expr, ExprTrait as _, Query};
use brisk_db::{Direction, Error, FromRow, Json, OnConflict, Page, Paging, Record, Session};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::ids::AuditId;
use crate::model::audit::{Entry, Outcome};

/// An entry as stored.
#[derive(Clone, Debug, Record)]
#[record(table = "identity_audit_log")]
pub(crate) struct AuditRow {
    pub(crate) id: AuditId,
    pub(crate) at: Timestamp,
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) actor_user_id: Option<Uuid>,
    pub(crate) actor_client_id: Option<String>,
    pub(crate) session_id: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) resource_type: String,
    pub(crate) resource_id: String,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) changes: Json<Value>,
    pub(crate) metadata: Json<Value>,
    pub(crate) outcome: Outcome,
}

impl AuditRow {
    pub(crate) fn new(id: AuditId, at: Timestamp, entry: Entry) -> Self {
        Self {
            id,
            at,
            tenant_id: entry.tenant,
            actor_user_id: entry.actor.user,
            actor_client_id: entry.actor.client,
            session_id: entry.actor.session,
            action: entry.action.to_owned(),
            resource_type: entry.resource.0.to_owned(),
            resource_id: entry.resource.1,
            ip: entry.device.ip.map(|ip| ip.to_string()),
            user_agent: entry.device.user_agent,
            request_id: entry.device.request_id,
            changes: Json(Value::Object(entry.changes)),
            metadata: Json(Value::Object(entry.metadata)),
            outcome: entry.outcome,
        }
    }
}

/// An entry as it is read.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct AuditLine {
    pub(crate) id: AuditId,
    pub(crate) at: Timestamp,
    pub(crate) actor_user_id: Option<Uuid>,
    pub(crate) actor_client_id: Option<String>,
    pub(crate) session_id: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) resource_type: String,
    pub(crate) resource_id: String,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) changes: Json<Value>,
    pub(crate) metadata: Json<Value>,
    pub(crate) outcome: Outcome,
}

/// Which entries.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct AuditFilter {
    pub(crate) actor: Option<Uuid>,
    pub(crate) action: Option<String>,
    pub(crate) resource_type: Option<String>,
    pub(crate) resource_id: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// The audit log. The tenant stands in each row.
pub(crate) struct AuditLog<'a>(pub(crate) &'a Session);

impl AuditLog<'_> {
    pub(crate) async fn insert_many(&self, rows: Vec<AuditRow>) -> Result<u64, Error> {
        self.0.insert_many(rows, OnConflict::Fail).await
    }

    /// A page of the tenant's entries, the newest first.
    pub(crate) async fn page(
        &self,
        asked: Paging<'_, AuditFilter>,
    ) -> Result<Page<AuditLine>, Error> {
        let col = |name: &'static str| Expr::col(("a", name));
        let text = |name: &'static str, wanted: &Option<String>| {
            wanted.clone().map(|wanted| col(name).eq(wanted))
        };
        let filter = asked.filter;
        let mut query = Query::select();
        for column in AuditLine::COLUMNS {
            query.column(("a", *column));
        }
        query
            .from_as("identity_audit_log", "a")
            .and_where(col("tenant_id").eq(self.0.tenant().get()))
            .and_where_option(filter.actor.map(|actor| col("actor_user_id").eq(actor)))
            .and_where_option(text("action", &filter.action))
            .and_where_option(text("resource_type", &filter.resource_type))
            .and_where_option(text("resource_id", &filter.resource_id))
            .and_where_option(filter.from.map(|from| col("at").gte(from)))
            .and_where_option(filter.to.map(|to| col("at").lt(to)));
        let order = brisk_db::Order::default()
            .by(col("at"), Direction::Desc, |line: &AuditLine| line.at)
            .by(col("id"), Direction::Desc, |line| line.id.0);
        self.0
            .page("identity.audit.page", query, &order, asked)
            .await
    }
}
