//! Every statement that reads the figures.

use brisk_core::TenantId;
use brisk_db::{FromRow, Session, statements};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::model::rollup::DayDelta;
use crate::model::score::Period;
use crate::model::workflow::Status;
use crate::model::{Category, Severity};

/// A row whose last columns are the sums of the daily counters.
macro_rules! sums {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, FromRow)]
        pub(crate) struct $name {
            $(pub(crate) $field: $type,)*
            pub(crate) reports: i64,
            pub(crate) opened: i64,
            pub(crate) acknowledged: i64,
            pub(crate) resolved: i64,
            pub(crate) closed: i64,
            pub(crate) reopened: i64,
            pub(crate) breached: i64,
            pub(crate) sla_met: i64,
            pub(crate) sla_missed: i64,
            pub(crate) ack_met: i64,
            pub(crate) ack_missed: i64,
            pub(crate) merged: i64,
            pub(crate) resolution_seconds: i64,
            pub(crate) ack_seconds: i64,
        }

        impl $name {
            /// The sums by themselves; times to resolution are kept apart.
            pub(crate) fn sums(&self) -> DayDelta {
                DayDelta {
                    reports: self.reports,
                    opened: self.opened,
                    acknowledged: self.acknowledged,
                    resolved: self.resolved,
                    closed: self.closed,
                    reopened: self.reopened,
                    breached: self.breached,
                    sla_met: self.sla_met,
                    sla_missed: self.sla_missed,
                    ack_met: self.ack_met,
                    ack_missed: self.ack_missed,
                    merged: self.merged,
                    resolution_seconds: self.resolution_seconds,
                    ack_seconds: self.ack_seconds,
                    ..DayDelta::default()
                }
            }
        }
    };
}

sums! {
    /// One day.
    DayRow { day: Date }
}

sums! {
    /// One category and severity over a period, or (without them) a bucket of the times to resolution with its `n`.
    PeriodRow { category: Option<Category>, severity: Option<Severity>, bucket: Option<i64>, n: i64 }
}

sums! {
    /// One cell over a period.
    CellRow { area_id: i64, category: Category, severity: Severity }
}

sums! {
    /// One area in one of the [`Bands`].
    BandRow { area_id: i64, band: i64 }
}

/// A bucket of the times to resolution of one area in one of the [`Bands`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct BandHistRow {
    pub(crate) area_id: i64,
    pub(crate) band: i64,
    pub(crate) bucket: i64,
    pub(crate) n: i64,
}

/// A number of this moment: issues of a category, severity and status, or what else is counted, by its name.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct NowRow {
    pub(crate) what: String,
    pub(crate) category: Option<Category>,
    pub(crate) severity: Option<Severity>,
    pub(crate) status: Option<Status>,
    pub(crate) n: i64,
}

/// Issues of one area by status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct AreaStatusRow {
    pub(crate) area_id: i64,
    pub(crate) status: Status,
    pub(crate) n: i64,
}

/// What figures are narrowed to; nothing set means the whole tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Narrow {
    pub(crate) area_id: Option<i64>,
    pub(crate) category: Option<Category>,
    pub(crate) severity: Option<Severity>,
}

/// The days before today cut where any period or the one before it begins: each of them is a union of bands, so that
/// one read serves all, with a number of rows that does not grow with time.
///
/// Band 0 is the last 7 days, 1 the 7 before them, 2 reaches to 30 days, 3 to 60, 4 to 90, 5 to 180, 6 is older.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bands;

impl Bands {
    const DAYS: [i32; 6] = [7, 14, 30, 60, 90, 180];

    /// The bands that make up a period.
    pub(crate) const fn of(period: Period) -> std::ops::RangeInclusive<i64> {
        match period {
            Period::Last7Days => 0..=0,
            Period::Last30Days => 0..=2,
            Period::Last90Days => 0..=4,
            Period::AllTime => 0..=6,
        }
    }

    /// The bands of the same length just before; `None` for all time.
    pub(crate) const fn before(period: Period) -> Option<std::ops::RangeInclusive<i64>> {
        match period {
            Period::Last7Days => Some(1..=1),
            Period::Last30Days => Some(3..=3),
            Period::Last90Days => Some(5..=5),
            Period::AllTime => None,
        }
    }
}

type BandDays = (TenantId, Date, Date, Date, Date, Date, Date, Date);

/// The last day and the first day of each band but the oldest.
fn band_days(tenant: TenantId, today: Date) -> BandDays {
    let [d7, d14, d30, d60, d90, d180] = Bands::DAYS.map(|n| today.saturating_sub((n - 1).days()));
    (tenant, today, d7, d14, d30, d60, d90, d180)
}

statements! {
    prefix "civic.figures";

    const SUMS = "CAST(sum(reports) AS bigint) AS reports, CAST(sum(opened) AS bigint) AS opened,
            CAST(sum(acknowledged) AS bigint) AS acknowledged, CAST(sum(resolved) AS bigint) AS
            resolved, CAST(sum(closed) AS bigint) AS closed, CAST(sum(reopened) AS bigint) AS
            reopened, CAST(sum(breached) AS bigint) AS breached, CAST(sum(sla_met) AS bigint) AS
            sla_met, CAST(sum(sla_missed) AS bigint) AS sla_missed, CAST(sum(ack_met) AS bigint) AS
            ack_met, CAST(sum(ack_missed) AS bigint) AS ack_missed, CAST(sum(merged) AS bigint) AS
            merged, CAST(sum(resolution_seconds) AS bigint) AS resolution_seconds,
            CAST(sum(ack_seconds) AS bigint) AS ack_seconds";
    const NARROW = "(CAST($4 AS bigint) IS NULL OR area_id = $4) AND (CAST($5 AS text) IS NULL OR category = $5)
            AND (CAST($6 AS text) IS NULL OR severity = $6)";
    const BAND = "CASE WHEN day >= $3 THEN 0 WHEN day >= $4 THEN 1 WHEN day >= $5 THEN 2 WHEN day >= $6 THEN 3
            WHEN day >= $7 THEN 4 WHEN day >= $8 THEN 5 ELSE 6 END AS band";

    /// All that is counted of this moment: issues, promises that are overdue or due before the end of the day, and what
    /// waits for a decision.
    NOW(tenant: TenantId, now: Timestamp, day_end: Timestamp) -> Vec<NowRow>
        = "SELECT 'issues' AS what, category, severity, status, CAST(sum(n) AS bigint) AS n
            FROM civic_tenant_counters WHERE tenant_id = $1 GROUP BY category, severity, status HAVING sum(n) <> 0
            UNION ALL SELECT 'overdue', NULL, NULL, NULL, count(*) FROM civic_sla_metrics
            WHERE tenant_id = $1 AND state <> 'done' AND NOT excluded AND resolve_due_at <= coalesce(paused_since, $2)
            UNION ALL SELECT 'due_today', NULL, NULL, NULL, count(*) FROM civic_sla_metrics
            WHERE tenant_id = $1 AND state <> 'done' AND state = 'running' AND NOT excluded
            AND resolve_due_at > $2 AND resolve_due_at < $3
            UNION ALL SELECT 'dedup_pending', NULL, NULL, NULL, count(*) FROM civic_dedup_candidates
            WHERE tenant_id = $1 AND state = 'pending'
            UNION ALL SELECT 'held_reports', NULL, NULL, NULL, count(*) FROM civic_reports
            WHERE tenant_id = $1 AND status = 'held'";

    /// Issues of each area by status.
    AREA_COUNTS(tenant: TenantId) -> Vec<AreaStatusRow>
        = "SELECT area_id, status, CAST(sum(n) AS bigint) AS n FROM civic_tenant_counters WHERE tenant_id = $1
            GROUP BY area_id, status HAVING sum(n) <> 0";

    /// Days from the first to the last that have figures, in order.
    DAYS(tenant: TenantId, first: Date, last: Date, area: Option<i64>, category: Option<Category>,
        severity: Option<Severity>) -> Vec<DayRow>
        = "SELECT day, {SUMS} FROM civic_score_daily
            WHERE tenant_id = $1 AND day BETWEEN $2 AND $3 AND {NARROW} GROUP BY day ORDER BY day";

    /// A period by category and severity, and its times to resolution by bucket.
    PERIOD(tenant: TenantId, first: Date, last: Date) -> Vec<PeriodRow>
        = "SELECT category, severity, CAST(NULL AS integer) AS bucket, CAST(0 AS bigint) AS n, {SUMS}
            FROM civic_score_daily WHERE tenant_id = $1 AND day BETWEEN $2 AND $3 GROUP BY category, severity
            UNION ALL SELECT NULL, NULL, bucket, CAST(sum(n) AS bigint), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
            FROM civic_score_hist WHERE tenant_id = $1 AND day BETWEEN $2 AND $3 GROUP BY bucket";

    /// A period by area, category and severity.
    CELLS(tenant: TenantId, first: Date, last: Date, area: Option<i64>, category: Option<Category>,
        severity: Option<Severity>) -> Vec<CellRow>
        = "SELECT area_id, category, severity, {SUMS} FROM civic_score_daily
            WHERE tenant_id = $1 AND day BETWEEN $2 AND $3 AND {NARROW} GROUP BY area_id, category, severity";

    /// Every area's sums by band.
    BANDS(tenant: TenantId, today: Date, d7: Date, d14: Date, d30: Date, d60: Date, d90: Date, d180: Date)
        -> Vec<BandRow>
        = "SELECT area_id, {BAND}, {SUMS} FROM civic_score_daily WHERE tenant_id = $1 AND day <= $2
            GROUP BY 1, 2";

    /// Every area's times to resolution by band and bucket.
    BAND_HIST(tenant: TenantId, today: Date, d7: Date, d14: Date, d30: Date, d60: Date, d90: Date, d180: Date)
        -> Vec<BandHistRow>
        = "SELECT area_id, {BAND}, bucket, CAST(sum(n) AS bigint) AS n FROM civic_score_hist
            WHERE tenant_id = $1 AND day <= $2 GROUP BY 1, 2, 3";
}

/// Everything asked of the figures; each statement filters by the session's tenant.
pub(crate) struct Figures<'a>(pub(crate) &'a Session);

impl Figures<'_> {
    pub(crate) async fn now(
        &self,
        now: Timestamp,
        day_end: Timestamp,
    ) -> Result<Vec<NowRow>, brisk_db::Error> {
        self.0.run(&NOW, (self.0.tenant(), now, day_end)).await
    }

    pub(crate) async fn area_counts(&self) -> Result<Vec<AreaStatusRow>, brisk_db::Error> {
        self.0.run(&AREA_COUNTS, (self.0.tenant(),)).await
    }

    pub(crate) async fn days(
        &self,
        (first, last): (Date, Date),
        to: Narrow,
    ) -> Result<Vec<DayRow>, brisk_db::Error> {
        let params = (
            self.0.tenant(),
            first,
            last,
            to.area_id,
            to.category,
            to.severity,
        );
        self.0.run(&DAYS, params).await
    }

    pub(crate) async fn period(
        &self,
        (first, last): (Date, Date),
    ) -> Result<Vec<PeriodRow>, brisk_db::Error> {
        self.0.run(&PERIOD, (self.0.tenant(), first, last)).await
    }

    pub(crate) async fn cells(
        &self,
        (first, last): (Date, Date),
        to: Narrow,
    ) -> Result<Vec<CellRow>, brisk_db::Error> {
        let params = (
            self.0.tenant(),
            first,
            last,
            to.area_id,
            to.category,
            to.severity,
        );
        self.0.run(&CELLS, params).await
    }

    pub(crate) async fn bands(&self, today: Date) -> Result<Vec<BandRow>, brisk_db::Error> {
        self.0.run(&BANDS, band_days(self.0.tenant(), today)).await
    }

    pub(crate) async fn band_hist(&self, today: Date) -> Result<Vec<BandHistRow>, brisk_db::Error> {
        self.0
            .run(&BAND_HIST, band_days(self.0.tenant(), today))
            .await
    }
}
