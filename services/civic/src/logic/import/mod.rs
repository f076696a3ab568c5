//! The importer: files of cities into reports, issues, clocks and figures.
//!
//! Reading and classifying run on a thread of their own while the chunk before is written. A chunk is one transaction:
//! its rows, its share of the figures, its refused rows, the counts and the place to go on from. A killed import
//! therefore leaves whole chunks, and goes on with the next one.
mod assemble;
mod error;
mod options;
mod prepare;
mod read;
mod refusals;
mod run;
mod setup;
#[cfg(test)]
mod tests;
mod write;

pub use error::ImportError;
pub(crate) use options::StoredOptions;
pub use options::{
    Classify, ImportOptions, ImportReport, ImportStatus, Mode, Progress, RefusedRow,
};
pub(crate) use refusals::Refusals;
pub use run::Importer;
pub use setup::ImportSetup;
