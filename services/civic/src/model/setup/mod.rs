//! What an administrator sets up: areas, service categories and service level policies, as they are sent and checked.
//!
//! The readers report every bad field at once. In a change, a member that is sent replaces the stored one whole and
//! `null` clears it; only the configuration is changed by a deep merge.
mod api_key;
mod area;
mod boundary;
mod category;
mod change;
mod classify;
mod policy;
mod preview;
mod row;
mod tenant;

pub use api_key::ApiKeyFields;
pub use area::AreaFields;
pub use boundary::{Boundary, BoundaryError, Box4, MAX_VERTICES};
pub use category::ServiceFields;
pub use change::overlay;
pub use classify::{ClassifyRequest, Engine, MAX_TEXTS};
pub use policy::{CalendarFields, PolicyFields, calendar_fields};
pub use preview::{DueInstants, PreviewRequest};
pub use row::{AreaSummary, SetupRow};
pub use tenant::TenantFields;
