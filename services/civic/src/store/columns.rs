//! The domain's words as columns.

use brisk_db::text_column;

use crate::model::classify::ClassifiedBy;
use crate::model::sla::SlaState;
use crate::model::workflow::{CloseReason, HoldReason, Status};
use crate::model::{Category, Severity};

text_column!(
    Category,
    Severity,
    Status,
    CloseReason,
    HoldReason,
    SlaState,
    ClassifiedBy
);
