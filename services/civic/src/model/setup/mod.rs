//! What an administrator sets up: areas, service categories and service level policies, as they are sent and checked.
//!
//! The readers report every bad field at once. In a change, a member that is sent replaces the stored one whole and
//! `null` clears it; only the configuration is changed by a deep merge.
mod area;
mod boundary;
mod category;
mod change;
mod policy;
mod preview;

pub use area::AreaFields;
pub use boundary::{Boundary, BoundaryError, Box4, MAX_VERTICES};
pub use category::ServiceFields;
pub use change::overlay;
pub use policy::{PolicyFields, calendar_fields};
pub use preview::{DueInstants, PreviewRequest};
