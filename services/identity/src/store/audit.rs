//! The audit log: rows go in and are never changed.

use brisk_core::TenantId;
use brisk_db::{Error, Json, OnConflict, Record, Session};
use jiff::Timestamp;
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

/// The audit log. The tenant stands in each row.
pub(crate) struct AuditLog<'a>(pub(crate) &'a Session);

impl AuditLog<'_> {
    pub(crate) async fn insert_many(&self, rows: Vec<AuditRow>) -> Result<u64, Error> {
        self.0.insert_many(rows, OnConflict::Fail).await
    }
}
