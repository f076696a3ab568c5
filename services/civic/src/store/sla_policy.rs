//! The tenant's service level policies.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, One, Session, statements};
use jiff::Timestamp;

use super::Slice;
use crate::model::setup::PolicyFields;
use crate::model::sla::Policy;
use crate::model::{Category, Severity};

/// One policy.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct PolicyRow {
    id: i64,
    category: Option<Category>,
    severity: Option<Severity>,
    ack_minutes: i32,
    resolve_minutes: i32,
    calendar_id: Option<i64>,
    effective_from: Timestamp,
    effective_to: Option<Timestamp>,
}

impl From<PolicyRow> for Policy {
    fn from(row: PolicyRow) -> Self {
        Self {
            id: row.id,
            category: row.category,
            severity: row.severity,
            // Positive by the schema.
            ack_minutes: row.ack_minutes.unsigned_abs(),
            resolve_minutes: row.resolve_minutes.unsigned_abs(),
            calendar_id: row.calendar_id,
            effective_from: row.effective_from,
            effective_to: row.effective_to,
        }
    }
}

impl From<PolicyRow> for PolicyFields {
    fn from(row: PolicyRow) -> Self {
        Self {
            category: row.category,
            severity: row.severity,
            ack_minutes: row.ack_minutes,
            resolve_minutes: row.resolve_minutes,
            calendar_id: row.calendar_id,
            effective_from: row.effective_from,
            effective_to: row.effective_to,
        }
    }
}

statements! {
    prefix "civic.sla_policy";

    /// One policy of the tenant.
    pub(crate) GET(tenant: TenantId, id: i64) -> Option<PolicyRow>
        = "SELECT id, category, severity, ack_minutes, resolve_minutes, calendar_id, effective_from, effective_to
           FROM civic_sla_policies WHERE tenant_id = $1 AND id = $2";

    /// The same, kept from other writers until the transaction ends.
    pub(crate) GET_FOR_UPDATE(tenant: TenantId, id: i64) -> Option<PolicyRow>
        = "SELECT id, category, severity, ack_minutes, resolve_minutes, calendar_id, effective_from, effective_to
           FROM civic_sla_policies WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        sqlite "SELECT id, category, severity, ack_minutes, resolve_minutes, calendar_id, effective_from, effective_to
           FROM civic_sla_policies WHERE tenant_id = $1 AND id = $2";

    /// All policies, for the settings that every node keeps.
    pub(crate) LIST(tenant: TenantId) -> Vec<PolicyRow>
        = "SELECT id, category, severity, ack_minutes, resolve_minutes, calendar_id, effective_from, effective_to
           FROM civic_sla_policies WHERE tenant_id = $1 ORDER BY id";

    /// A page in the order of keys.
    pub(crate) PAGE(tenant: TenantId, after: i64, limit: i64, skip: i64) -> Vec<PolicyRow>
        = "SELECT id, category, severity, ack_minutes, resolve_minutes, calendar_id, effective_from, effective_to
           FROM civic_sla_policies WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4";

    /// How many there are.
    pub(crate) COUNT(tenant: TenantId) -> One<i64>
        = "SELECT count(*) AS n FROM civic_sla_policies WHERE tenant_id = $1";

    /// Whether an issue that is not done lives by it. Reads the tenant's promises.
    #[slow]
    pub(crate) IN_USE(tenant: TenantId, id: i64) -> One<bool>
        = "SELECT EXISTS (SELECT 1 FROM civic_sla_metrics
             WHERE tenant_id = $1 AND policy_id = $2 AND state <> 'done') AS used";

    /// A new policy.
    pub(crate) INSERT(
        tenant: TenantId, category: Option<Category>, severity: Option<Severity>, ack_minutes: i32,
        resolve_minutes: i32, calendar_id: Option<i64>, effective_from: Timestamp, effective_to: Option<Timestamp>,
    ) -> One<i64>
        = "INSERT INTO civic_sla_policies (tenant_id, category, severity, ack_minutes, resolve_minutes, calendar_id,
             effective_from, effective_to)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";

    /// All that can be changed.
    pub(crate) UPDATE(
        tenant: TenantId, id: i64, category: Option<Category>, severity: Option<Severity>, ack_minutes: i32,
        resolve_minutes: i32, calendar_id: Option<i64>, effective_from: Timestamp, effective_to: Option<Timestamp>,
    ) -> Affected
        = "UPDATE civic_sla_policies SET category = $3, severity = $4, ack_minutes = $5, resolve_minutes = $6,
             calendar_id = $7, effective_from = $8, effective_to = $9
           WHERE tenant_id = $1 AND id = $2";

    /// No key refers to a policy: ask [`IN_USE`] first.
    pub(crate) DELETE(tenant: TenantId, id: i64) -> Affected
        = "DELETE FROM civic_sla_policies WHERE tenant_id = $1 AND id = $2";
}

/// Everything asked of `civic_sla_policies`; each statement filters by the session's tenant.
pub(crate) struct Policies<'a>(pub(crate) &'a Session);

impl Policies<'_> {
    pub(crate) async fn get(&self, id: i64) -> Result<Option<PolicyFields>, Error> {
        let row = self.0.run(&GET, (self.0.tenant(), id)).await?;
        Ok(row.map(Into::into))
    }

    pub(crate) async fn get_for_update(&self, id: i64) -> Result<Option<PolicyFields>, Error> {
        let row = self.0.run(&GET_FOR_UPDATE, (self.0.tenant(), id)).await?;
        Ok(row.map(Into::into))
    }

    pub(crate) async fn list(&self) -> Result<Vec<Policy>, Error> {
        let rows = self.0.run(&LIST, (self.0.tenant(),)).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    pub(crate) async fn page(&self, slice: Slice) -> Result<Vec<(i64, PolicyFields)>, Error> {
        let params = (self.0.tenant(), slice.after, slice.limit, slice.skip);
        let rows = self.0.run(&PAGE, params).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
    }

    pub(crate) async fn count(&self) -> Result<i64, Error> {
        self.0.run(&COUNT, (self.0.tenant(),)).await
    }

    pub(crate) async fn in_use(&self, id: i64) -> Result<bool, Error> {
        self.0.run(&IN_USE, (self.0.tenant(), id)).await
    }

    pub(crate) async fn insert(&self, fields: &PolicyFields) -> Result<i64, Error> {
        let params = (
            self.0.tenant(),
            fields.category,
            fields.severity,
            fields.ack_minutes,
            fields.resolve_minutes,
            fields.calendar_id,
            fields.effective_from,
            fields.effective_to,
        );
        self.0.run(&INSERT, params).await
    }

    pub(crate) async fn update(&self, id: i64, fields: &PolicyFields) -> Result<u64, Error> {
        let params = (
            self.0.tenant(),
            id,
            fields.category,
            fields.severity,
            fields.ack_minutes,
            fields.resolve_minutes,
            fields.calendar_id,
            fields.effective_from,
            fields.effective_to,
        );
        self.0.run(&UPDATE, params).await
    }

    pub(crate) async fn delete(&self, id: i64) -> Result<u64, Error> {
        self.0.run(&DELETE, (self.0.tenant(), id)).await
    }
}
