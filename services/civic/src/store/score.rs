//! Every statement on the scores that are kept ready.

use brisk_cache::{Cached, Policy, Tier, cached, cached_tiered};
use brisk_core::TenantId;
use brisk_db::{Affected, Batch, FromRow, Json, Record, Session, statements};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

const OF_ALL_TENANTS: Policy = Policy::rows().shared().tier(Tier::Nodes);

/// A score about to be written; area 0 is the whole tenant.
#[derive(Clone, Debug, PartialEq, Record)]
#[record(table = "civic_performance_scores")]
pub(crate) struct ScoreRecord {
    pub(crate) tenant_id: TenantId,
    pub(crate) area_id: i64,
    pub(crate) metric_type: &'static str,
    pub(crate) period: &'static str,
    pub(crate) score: Option<f64>,
    pub(crate) detail: Json<Value>,
    pub(crate) calculated_at: Timestamp,
}

/// A score of the tenant (area 0, without a name) or of one of its areas.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct ScoreRow {
    pub(crate) area_id: i64,
    pub(crate) name: Option<String>,
    pub(crate) score: Option<f64>,
    pub(crate) detail: Json<Value>,
    pub(crate) calculated_at: Timestamp,
}

/// A tenant's score beside those of others.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub(crate) struct LeaderRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) name: String,
    pub(crate) score: Option<f64>,
    pub(crate) detail: Json<Value>,
    pub(crate) calculated_at: Timestamp,
}

statements! {
    prefix "civic.score";

    /// Writes one score over the one before.
    UPSERT[ScoreRecord] -> Affected
        = "INSERT INTO civic_performance_scores (tenant_id, area_id, metric_type, period, score, detail, calculated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (tenant_id, area_id, metric_type, period) DO UPDATE SET
            score = excluded.score, detail = excluded.detail, calculated_at = excluded.calculated_at";

    /// Keeps the scores of a period as those of a day.
    SNAPSHOT(tenant: TenantId, period: &'static str, day: String) -> Affected
        = "INSERT INTO civic_performance_scores (tenant_id, area_id, metric_type, period, score, detail, calculated_at)
            SELECT tenant_id, area_id, metric_type, $3, score, detail, calculated_at FROM civic_performance_scores
            WHERE tenant_id = $1 AND metric_type = 'overall' AND period = $2
            ON CONFLICT (tenant_id, area_id, metric_type, period) DO UPDATE SET
            score = excluded.score, detail = excluded.detail, calculated_at = excluded.calculated_at";

    /// The overall scores of the tenant and all of its areas.
    OF_PERIOD(tenant: TenantId, period: String) -> Vec<ScoreRow>
        = "SELECT p.area_id, a.name, p.score, p.detail, p.calculated_at FROM civic_performance_scores p
            LEFT JOIN civic_areas a ON a.tenant_id = p.tenant_id AND a.id = p.area_id
            WHERE p.tenant_id = $1 AND p.period = $2 AND p.metric_type = 'overall' AND (p.area_id = 0 OR a.id IS NOT NULL)
            ORDER BY p.area_id";

    /// The overall scores of those tenants that take part in the ranking; the only statement over all tenants.
    LEADERS(period: String) -> Vec<LeaderRow>
        = "SELECT p.tenant_id, t.name, p.score, p.detail, p.calculated_at FROM civic_performance_scores p
            JOIN brisk_tenants t ON t.id = p.tenant_id AND t.status = 'active'
            JOIN civic_tenant_config c ON c.tenant_id = p.tenant_id AND c.data->'public'->>'leaderboard' = 'true'
            WHERE p.metric_type = 'overall' AND p.period = $1 AND p.area_id = 0 AND p.score IS NOT NULL",
        sqlite "SELECT p.tenant_id, t.name, p.score, p.detail, p.calculated_at FROM civic_performance_scores p
            JOIN brisk_tenants t ON t.id = p.tenant_id AND t.status = 'active'
            JOIN civic_tenant_config c ON c.tenant_id = p.tenant_id AND json_extract(c.data, '$.public.leaderboard') = 1
            WHERE p.metric_type = 'overall' AND p.period = $1 AND p.area_id = 0 AND p.score IS NOT NULL";
}

/// Everything asked of `civic_performance_scores`.
pub(crate) struct Scores<'a>(pub(crate) &'a Session);

impl Scores<'_> {
    /// Writes all of them, or none; `day` (as in `day:2026-01-31`) also keeps those of `period` for that day.
    pub(crate) async fn update(
        &self,
        rows: Vec<ScoreRecord>,
        snapshot: Option<(&'static str, String)>,
    ) -> Result<(), brisk_db::Error> {
        let mut batch = Batch::new();
        batch.run_each(&UPSERT, rows);
        if let Some((period, day)) = snapshot {
            batch.run(&SNAPSHOT, (self.0.tenant(), period, day));
        }
        self.0.batch(batch).await?;
        Ok(())
    }

    /// Kept until they are computed anew.
    pub(crate) async fn of_period(&self, period: &str) -> Result<Cached<Vec<ScoreRow>>, Error> {
        let params = (self.0.tenant(), period.to_owned());
        Ok(cached!(self.0, OF_PERIOD, params).await?)
    }

    /// Kept until those of any tenant are computed anew, by one node for all: each of them would read the rows of all
    /// tenants.
    pub(crate) async fn leaders(&self, period: &str) -> Result<Cached<Vec<LeaderRow>>, Error> {
        let params = (period.to_owned(),);
        Ok(cached_tiered!(self.0, LEADERS, params, OF_ALL_TENANTS).await?)
    }
}
