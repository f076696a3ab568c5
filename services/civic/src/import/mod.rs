//! Import files, read as a stream: bytes in, checked rows out.
//!
//! Pure: no database, no clock. Owns the opening of compressed and plain files, the layouts that cities publish,
//! the reading of their times, states, kinds and coordinates, and the reason given for each row that cannot be
//! used. Leaves to the importer what needs the database: areas, tenants, repeated ids, and the limit on the future.
//! Memory stays bounded by [`Options::max_record`] whatever the file holds.

mod error;
mod kinds;
mod layout;
mod ndjson;
mod plane;
mod reader;
mod repeats;
mod row;
mod source;
mod split;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod times;
mod translate;
mod verdict;

pub use error::{FileError, RowCode, RowError};
pub use kinds::Kinds;
pub use layout::{Format, Layout, Preset};
pub use plane::missouri_east_to_degrees;
pub use reader::{Checkpoint, Counts, Options, Outcome, Reader};
pub use repeats::{Repeat, Repeats};
pub use row::ImportRow;
pub use source::Charset;
pub use status::RowStatus;
pub use verdict::{Agreement, on_time};
