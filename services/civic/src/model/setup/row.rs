//! Something that was set up, as it is stored.

use brisk_core::TenantId;
use jiff::Timestamp;
use serde::Serialize;

/// A stored row: its key, its tenant, and what can be set of it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SetupRow<F> {
    /// Primary key.
    pub id: i64,
    /// Whose it is.
    #[schema(value_type = i64)]
    pub tenant_id: TenantId,
    /// What can be set.
    #[serde(flatten)]
    pub fields: F,
    /// Since when it is there, where that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
}

/// An area in a list: its box stands for its boundary, which can be long.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AreaSummary {
    /// Primary key.
    pub id: i64,
    /// Whose it is.
    #[schema(value_type = i64)]
    pub tenant_id: TenantId,
    /// What it is called.
    pub name: String,
    /// The tenant's own short name.
    pub code: Option<String>,
    /// The area around it.
    pub parent_id: Option<i64>,
    /// `[min_lat, min_lon, max_lat, max_lon]` of its boundary.
    #[serde(rename = "box")]
    pub bounds: Option<[f64; 4]>,
    /// Since when it is there.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl<F> SetupRow<F> {
    /// A row whose beginning is not kept.
    pub fn new(tenant_id: TenantId, id: i64, fields: F) -> Self {
        Self {
            id,
            tenant_id,
            fields,
            created_at: None,
        }
    }

    /// The same row with its beginning.
    #[must_use]
    pub fn since(mut self, created_at: Timestamp) -> Self {
        self.created_at = Some(created_at);
        self
    }
}
