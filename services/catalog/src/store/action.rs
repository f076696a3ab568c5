//! The audit log: rows go in and are never changed.

use brisk_core::TenantId;
use brisk_db::Operator::{Eq, Gte, Lte};
use brisk_db::sea_query::Expr;
use brisk_db::{
    Affected, Error, Filter, Json, Listing, OnConflict, PerPage, Record, Session, Sort, statements,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::ids::ActionId;
use crate::model::action::{Action, Outcome};

/// What can be asked of the audit log, the newest entries first.
pub(crate) static LIST: Listing<Action> = Listing {
    name: "catalog.action.page",
    count: "catalog.action.count",
    table: "catalog_user_actions",
    filters: &[
        Filter::texts("user_id", &[Eq]),
        Filter::texts("username", &[Eq]),
        Filter::texts("action_type", &[Eq]),
        Filter::texts("resource", &[Eq]),
        Filter::words("outcome", Outcome::WORDS, &[Eq]),
        Filter::instants("start_date", &[Gte]).on("timestamp"),
        Filter::instants("end_date", &[Lte]).on("timestamp"),
    ],
    sorts: &[Sort::new("timestamp", |order, to| {
        order.by(Expr::col("timestamp"), to, |a: &Action| a.timestamp)
    })],
    usual_sort: "-timestamp",
    relations: &[],
    per_page: PerPage {
        usual: 20,
        most: 100,
        is_strict: true,
    },
    id: |action| action.id.get(),
};

/// An entry to be written.
#[derive(Clone, Debug, PartialEq, Record)]
#[record(table = "catalog_user_actions")]
pub(crate) struct ActionRow {
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) timestamp: Timestamp,
    pub(crate) user_id: String,
    pub(crate) username: String,
    pub(crate) user_roles: Json<Vec<String>>,
    pub(crate) action_type: String,
    pub(crate) resource: String,
    pub(crate) outcome: Outcome,
    pub(crate) ip_address: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) request_data: Option<Json<Value>>,
    pub(crate) response_status: Option<i64>,
    pub(crate) error_message: Option<String>,
    pub(crate) duration_ms: Option<i64>,
}

statements! {
    prefix "catalog.action";

    /// One entry.
    pub(crate) GET(tenant: TenantId, id: ActionId) -> Option<Action>
        = "SELECT id, timestamp, user_id, username, user_roles, action_type, resource, outcome, ip_address, user_agent,
             request_id, request_data, response_status, error_message, duration_ms
           FROM catalog_user_actions WHERE tenant_id = $1 AND id = $2";

    /// Erases entries that are too old, some at a time; those of all tenants, and of nobody.
    pub(crate) ERASE(before: Timestamp, most: i64) -> Affected
        = "DELETE FROM catalog_user_actions WHERE id IN
             (SELECT id FROM catalog_user_actions WHERE timestamp < $1 ORDER BY id LIMIT $2)";
}

/// Everything asked of `catalog_user_actions`.
pub(crate) struct Actions<'a>(pub(crate) &'a Session);

impl Actions<'_> {
    pub(crate) async fn get(&self, id: ActionId) -> Result<Option<Action>, Error> {
        self.0.run(&GET, (self.0.tenant(), id)).await
    }

    /// The tenant stands in each row.
    pub(crate) async fn insert_many(&self, rows: Vec<ActionRow>) -> Result<u64, Error> {
        self.0.insert_many(rows, OnConflict::Fail).await
    }

    /// How many were erased.
    pub(crate) async fn erase(&self, before: Timestamp, most: i64) -> Result<u64, Error> {
        self.0.run(&ERASE, (before, most)).await
    }
}
