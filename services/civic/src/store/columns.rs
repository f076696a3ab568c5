//! The service's words as columns.

use crate::model::{Category, Severity};

brisk_db::text_column!(Category, Severity);
