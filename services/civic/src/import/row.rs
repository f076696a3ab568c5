//! One row of an import file, in our words.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::status::RowStatus;
use crate::model::Category;

/// A row that can be imported.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportRow {
    /// Data rows are counted from 1.
    pub row_no: u64,
    /// The source's id; every city layout has one.
    pub external_id: Option<String>,
    /// When the source says it was reported.
    pub submitted_at: Timestamp,
    /// The source's own promise.
    pub due_at: Option<Timestamp>,
    /// When it was closed, or cancelled.
    pub closed_at: Option<Timestamp>,
    /// The source's word for its state.
    pub external_status: Option<String>,
    /// The state in our words.
    pub status: RowStatus,
    /// The raw kinds, the most telling first; none of them empty.
    pub service: Vec<String>,
    /// What the kind map makes of them; `None` leaves it to the classifier.
    pub category: Option<Category>,
    /// 10 to 4,000 characters.
    pub description: String,
    /// Whether the description was put together from other columns.
    pub composed: bool,
    /// At most 255 characters.
    pub location: Option<String>,
    /// Degrees north, WGS 84; set together with `lon`.
    pub lat: Option<f64>,
    /// Degrees east, WGS 84.
    pub lon: Option<f64>,
    /// The source's name for the area.
    pub area: Option<String>,
    /// The source's word for how the report came in.
    pub channel: Option<String>,
    /// The unit or agency in charge.
    pub assignee: Option<String>,
    /// What was said when it was closed.
    pub note: Option<String>,
    /// The file's own word on whether the promise was kept, or still can be.
    pub verdict: Option<bool>,
    /// The other columns; `import_notes` lists what was mended or dropped.
    pub attributes: Map<String, Value>,
}

impl ImportRow {
    /// Whether the row is kept out of service level figures.
    pub fn sla_excluded(&self) -> bool {
        self.status == RowStatus::Cancelled
    }
}
