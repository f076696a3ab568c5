//! The page that all contenders answer.

use serde::{Deserialize, Serialize};

/// The statement of the service's own list, for a tenant and a number of rows.
pub(super) const PAGE: &str = "SELECT id, issue_id, area_id, description, location, lat, lon, category, severity, summary, status, channel,
    external_id, processed, public, submitted_at
    FROM civic_reports WHERE tenant_id = $1 ORDER BY submitted_at DESC, id DESC LIMIT $2";

/// What to answer.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Wanted {
    pub(super) tenant: i64,
    pub(super) limit: i64,
}

/// A report; `T` is the driver's own instant.
#[derive(Debug, Serialize)]
pub(super) struct Report<T> {
    pub(super) id: i64,
    pub(super) tenant_id: i64,
    pub(super) issue_id: Option<i64>,
    pub(super) area_id: Option<i64>,
    pub(super) description: String,
    pub(super) location: Option<String>,
    pub(super) lat: Option<f64>,
    pub(super) lon: Option<f64>,
    pub(super) category: Option<String>,
    pub(super) severity: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) status: String,
    pub(super) channel: String,
    pub(super) external_id: Option<String>,
    pub(super) processed: bool,
    pub(super) public: bool,
    pub(super) submitted_at: T,
}

/// The envelope of the service's list. The cursor is left out: a rival would have to sign one.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    reports: Vec<Report<T>>,
    total: Option<u64>,
    skip: u32,
    limit: i64,
    has_more: bool,
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Of one row more than wanted, which only tells that there are more.
    pub(super) fn new(mut reports: Vec<Report<T>>, limit: i64) -> Self {
        let wanted = usize::try_from(limit).unwrap_or(0);
        let has_more = reports.len() > wanted;
        reports.truncate(wanted);
        Self {
            reports,
            total: None,
            skip: 0,
            limit,
            has_more,
            next_cursor: None,
        }
    }
}
