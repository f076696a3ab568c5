//! What can go wrong with jobs.

use brisk_core::{Class, Failure};
use brisk_db::AsDbError;

use crate::job::JobId;

/// An error as a field of a log line, with its chain of sources.
pub(crate) fn cause<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    error
}

/// What can go wrong with jobs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database could not answer.
    #[error("the job table could not be used")]
    Db(#[from] brisk_db::Error),
    /// A payload cannot be written as JSON.
    #[error("the payload of a {kind} job cannot be written as JSON")]
    Encode {
        /// The job's kind.
        kind: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A payload is not what its handler expects.
    #[error("the payload of job {id} cannot be read")]
    Decode {
        /// The job.
        id: JobId,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The lease ended before the work did, and the job may belong to another worker by now.
    #[error("the lease of these {kind} jobs is no longer ours")]
    LeaseLost {
        /// The jobs' kind.
        kind: &'static str,
    },
    /// Jobs can be completed only inside the transaction that holds their effects.
    #[error("{kind} jobs were to be completed outside a transaction")]
    NoTransaction {
        /// The jobs' kind.
        kind: &'static str,
    },
}

impl AsDbError for Error {
    fn as_db_error(&self) -> Option<&brisk_db::Error> {
        match self {
            Self::Db(e) => Some(e),
            Self::Encode { .. }
            | Self::Decode { .. }
            | Self::LeaseLost { .. }
            | Self::NoTransaction { .. } => None,
        }
    }
}

impl Failure for Error {
    fn class(&self) -> Class {
        match self {
            Self::Db(e) => e.class(),
            Self::Encode { .. }
            | Self::Decode { .. }
            | Self::LeaseLost { .. }
            | Self::NoTransaction { .. } => Class::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Db(e) => e.code(),
            Self::Encode { .. } => "jobs.payload_unwritable",
            Self::Decode { .. } => "jobs.payload_unreadable",
            Self::LeaseLost { .. } => "jobs.lease_lost",
            Self::NoTransaction { .. } => "jobs.no_transaction",
        }
    }
}
