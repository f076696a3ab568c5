//! Why an import could not begin, or had to be left as it stood.

use std::borrow::Cow;

use brisk_core::{Class, Failure};

use crate::import::FileError;

/// Why an import could not begin, or was broken off without an end of its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read from its start, or not from the place to go on from.
    #[error("the file cannot be imported")]
    File(#[source] FileError),
    /// An option that is not there yet.
    #[error("{0}")]
    Unsupported(&'static str),
    /// No such import in the caller's tenant.
    #[error("import {0} does not exist in this tenant")]
    NotFound(i64),
    /// The import is over.
    #[error(
        "import {id} is {status}; only one that stopped can go on, and only one under way can be cancelled"
    )]
    Over {
        /// The import.
        id: i64,
        /// Its state.
        status: &'static str,
    },
    /// Another process goes on with the same import.
    #[error("import {0} is being run by somebody else")]
    Busy(i64),
    /// The database could not answer; the import can be resumed.
    #[error("cannot {0}")]
    Database(&'static str, #[source] brisk_db::Error),
    /// The job that brings the scores up to date could not be made.
    #[error("the scores cannot be told to follow")]
    ScoreJob(#[source] crate::Error),
    /// The reading thread ended without a word.
    #[error("the file's reader broke off")]
    ReaderLost,
}

impl Failure for ImportError {
    fn class(&self) -> Class {
        match self {
            Self::File(_) | Self::Unsupported(_) => Class::Invalid,
            Self::NotFound(_) => Class::NotFound,
            Self::Over { .. } | Self::Busy(_) => Class::Conflict,
            Self::Database(_, source) => source.class(),
            Self::ScoreJob(source) => source.class(),
            Self::ReaderLost => Class::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::File(source) => source.code(),
            Self::Unsupported(_) => "civic.import_option_unsupported",
            Self::NotFound(_) => "civic.import_not_found",
            Self::Over { .. } => "civic.import_over",
            Self::Busy(_) => "civic.import_busy",
            Self::Database(_, source) => source.code(),
            Self::ScoreJob(source) => source.code(),
            Self::ReaderLost => "civic.import_reader_lost",
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::File(source) => source.to_string().into(),
            Self::Database(_, source) => source.detail(),
            Self::ScoreJob(source) => source.detail(),
            Self::ReaderLost => "something went wrong on our side".into(),
            Self::Unsupported(_) | Self::NotFound(_) | Self::Over { .. } | Self::Busy(_) => {
                self.to_string().into()
            }
        }
    }
}
