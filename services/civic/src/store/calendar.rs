//! The tenant's calendars.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Json, One, Session, statements};
use jiff::Timestamp;
use serde_json::Value;

use super::Slice;
use crate::model::calendar::{CalendarDefinition, Holiday};

/// One calendar.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct CalendarRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) timezone: String,
    pub(crate) weekly: Json<Value>,
    pub(crate) holidays: Json<Value>,
    pub(crate) created_at: Timestamp,
}

impl CalendarRow {
    /// The JSON form that [`Calendar`](crate::model::calendar::Calendar) reads.
    pub(crate) fn definition(&self) -> Value {
        serde_json::json!({"timezone": self.timezone, "weekly": self.weekly.0, "holidays": self.holidays.0})
    }
}

statements! {
    prefix "civic.calendar";

    /// One calendar of the tenant.
    pub(crate) GET(tenant: TenantId, id: i64) -> Option<CalendarRow>
        = "SELECT id, name, timezone, weekly, holidays, created_at FROM civic_calendars
           WHERE tenant_id = $1 AND id = $2";

    /// The same, kept from other writers until the transaction ends.
    pub(crate) GET_FOR_UPDATE(tenant: TenantId, id: i64) -> Option<CalendarRow>
        = "SELECT id, name, timezone, weekly, holidays, created_at FROM civic_calendars
           WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        sqlite "SELECT id, name, timezone, weekly, holidays, created_at FROM civic_calendars
           WHERE tenant_id = $1 AND id = $2";

    /// All calendars, for the settings that every node keeps.
    pub(crate) LIST(tenant: TenantId) -> Vec<CalendarRow>
        = "SELECT id, name, timezone, weekly, holidays, created_at FROM civic_calendars
           WHERE tenant_id = $1 ORDER BY id";

    /// A page in the order of keys.
    pub(crate) PAGE(tenant: TenantId, after: i64, limit: i64, skip: i64) -> Vec<CalendarRow>
        = "SELECT id, name, timezone, weekly, holidays, created_at FROM civic_calendars
           WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4";

    /// How many there are.
    pub(crate) COUNT(tenant: TenantId) -> One<i64>
        = "SELECT count(*) AS n FROM civic_calendars WHERE tenant_id = $1";

    /// Whether an issue was promised by it: the promise stays with the issue when its policy goes. Reads the tenant's
    /// promises.
    #[slow]
    pub(crate) IN_USE(tenant: TenantId, id: i64) -> One<bool>
        = "SELECT EXISTS (SELECT 1 FROM civic_sla_metrics
             WHERE tenant_id = $1 AND (policy_snapshot ->> 'calendar_id')::bigint = $2) AS used",
        sqlite "SELECT EXISTS (SELECT 1 FROM civic_sla_metrics
             WHERE tenant_id = $1 AND policy_snapshot ->> 'calendar_id' = $2) AS used";

    /// A new calendar.
    pub(crate) INSERT(
        tenant: TenantId, name: String, timezone: String, weekly: Json<Value>, holidays: Json<Vec<Holiday>>,
        created_at: Timestamp,
    ) -> One<i64>
        = "INSERT INTO civic_calendars (tenant_id, name, timezone, weekly, holidays, created_at)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";

    /// All that can be changed.
    pub(crate) UPDATE(
        tenant: TenantId, id: i64, name: String, timezone: String, weekly: Json<Value>, holidays: Json<Vec<Holiday>>,
    ) -> Affected
        = "UPDATE civic_calendars SET name = $3, timezone = $4, weekly = $5, holidays = $6
           WHERE tenant_id = $1 AND id = $2";

    /// Refused by the schema while a policy refers to it; ask [`IN_USE`] about issues first.
    pub(crate) DELETE(tenant: TenantId, id: i64) -> Affected
        = "DELETE FROM civic_calendars WHERE tenant_id = $1 AND id = $2";
}

/// Everything asked of `civic_calendars`; each statement filters by the session's tenant.
pub(crate) struct Calendars<'a>(pub(crate) &'a Session);

impl Calendars<'_> {
    pub(crate) async fn get(&self, id: i64) -> Result<Option<CalendarRow>, Error> {
        self.0.run(&GET, (self.0.tenant(), id)).await
    }

    pub(crate) async fn get_for_update(&self, id: i64) -> Result<Option<CalendarRow>, Error> {
        self.0.run(&GET_FOR_UPDATE, (self.0.tenant(), id)).await
    }

    pub(crate) async fn list(&self) -> Result<Vec<CalendarRow>, Error> {
        self.0.run(&LIST, (self.0.tenant(),)).await
    }

    pub(crate) async fn page(&self, slice: Slice) -> Result<Vec<CalendarRow>, Error> {
        let params = (self.0.tenant(), slice.after, slice.limit, slice.skip);
        self.0.run(&PAGE, params).await
    }

    pub(crate) async fn count(&self) -> Result<i64, Error> {
        self.0.run(&COUNT, (self.0.tenant(),)).await
    }

    pub(crate) async fn in_use(&self, id: i64) -> Result<bool, Error> {
        self.0.run(&IN_USE, (self.0.tenant(), id)).await
    }

    pub(crate) async fn insert(
        &self,
        name: String,
        calendar: &CalendarDefinition,
        now: Timestamp,
    ) -> Result<i64, Error> {
        let params = (
            self.0.tenant(),
            name,
            calendar.timezone.clone(),
            Json(weekly(calendar)),
            Json(calendar.holidays.clone()),
            now,
        );
        self.0.run(&INSERT, params).await
    }

    pub(crate) async fn update(
        &self,
        id: i64,
        name: String,
        calendar: &CalendarDefinition,
    ) -> Result<u64, Error> {
        let params = (
            self.0.tenant(),
            id,
            name,
            calendar.timezone.clone(),
            Json(weekly(calendar)),
            Json(calendar.holidays.clone()),
        );
        self.0.run(&UPDATE, params).await
    }

    pub(crate) async fn delete(&self, id: i64) -> Result<u64, Error> {
        self.0.run(&DELETE, (self.0.tenant(), id)).await
    }
}

fn weekly(calendar: &CalendarDefinition) -> Value {
    serde_json::to_value(&calendar.weekly).expect("openings by weekday are plain data")
}
