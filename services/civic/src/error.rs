//! The one error of the service.

use std::borrow::Cow;
use std::time::Duration;

use brisk_core::{Class, Failure, FieldError as Wrong};
use brisk_db::AsDbError;

use crate::model::workflow::WorkflowError;
use crate::model::{FieldError, FieldErrors};

/// What can go wrong in the civic service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database could not answer.
    #[error("the database did not do its part")]
    Db(#[from] brisk_db::Error),
    /// What is kept in memory could not be read.
    #[error(transparent)]
    Cache(#[from] brisk_cache::Error),
    /// Tenants or keys refused.
    #[error(transparent)]
    Auth(#[from] brisk_auth::Error),
    /// The caller's tenant has no such thing.
    #[error("there is no such {what}")]
    NotFound {
        /// What was asked for, in the words of the API.
        what: &'static str,
    },
    /// Something refers to it.
    #[error("the {what} is in use: {by}")]
    InUse {
        /// What was to be deleted.
        what: &'static str,
        /// What refers to it, and what to do instead.
        by: &'static str,
    },
    /// Its key is taken.
    #[error("there is a {what} like that already")]
    Exists {
        /// What was to be written.
        what: &'static str,
    },
    /// The tenant has as many as every node keeps in memory.
    #[error("a tenant may have at most {most} {what}")]
    TooMany {
        /// What was to be added, in the plural.
        what: &'static str,
        /// How many there may be.
        most: i64,
    },
    /// The caller changed an older version than the current one.
    #[error("the current version is {current}")]
    Stale {
        /// The version as stored.
        current: i64,
    },
    /// Others changed the same thing again and again.
    #[error("others are changing the same thing at this moment")]
    Contended,
    /// Fields that cannot be accepted.
    #[error("{0}")]
    Fields(#[from] FieldErrors),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The issue may not go there.
    #[error(transparent)]
    Workflow(#[from] WorkflowError),
    /// The tenant takes reports from known people only.
    #[error("this tenant takes reports from signed-in people and keys only")]
    AnonymousNotAllowed,
    /// Only held reports can be released or rejected.
    #[error("the report is not held")]
    NotHeld,
    /// An issue keeps at least one report.
    #[error("it is the only report of its issue; merge the issue instead")]
    LastReport,
    /// A merged issue is only a pointer.
    #[error("one of the issues is merged into another already")]
    Merged,
    /// A pair is decided once.
    #[error("the pair is decided already")]
    Decided,
    /// A closed issue takes no reports.
    #[error("the issue is closed; reopen it first")]
    IssueClosed,
    /// The queue of jobs did not do its part.
    #[error("a job could not be handled")]
    Jobs(#[from] brisk_jobs::Error),
    /// A model was asked for and none is set up.
    #[error("no language model is set up for this tenant")]
    LlmNotConfigured,
    /// What is stored no longer fits the rules.
    #[error("the stored {what} {id} cannot be used: {reason}")]
    Stored {
        /// What it is.
        what: &'static str,
        /// Its key.
        id: i64,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// One wrong field.
    pub(crate) fn field(
        field: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::Fields(FieldErrors(vec![FieldError {
            field: field.into(),
            code,
            message: message.into(),
        }]))
    }
}

impl AsDbError for Error {
    fn as_db_error(&self) -> Option<&brisk_db::Error> {
        match self {
            Self::Db(error) | Self::Auth(brisk_auth::Error::Db(error)) => Some(error),
            Self::Cache(error) | Self::Auth(brisk_auth::Error::Cache(error)) => error.load_error(),
            Self::Jobs(error) => error.as_db_error(),
            Self::Auth(_)
            | Self::AnonymousNotAllowed
            | Self::NotHeld
            | Self::LastReport
            | Self::Merged
            | Self::Decided
            | Self::IssueClosed
            | Self::NotFound { .. }
            | Self::InUse { .. }
            | Self::Exists { .. }
            | Self::TooMany { .. }
            | Self::Stale { .. }
            | Self::Contended
            | Self::Fields(_)
            | Self::Forbidden(_)
            | Self::Workflow(_)
            | Self::LlmNotConfigured
            | Self::Stored { .. } => None,
        }
    }
}

impl Failure for Error {
    fn class(&self) -> Class {
        match self {
            Self::Db(error) => error.class(),
            Self::Cache(error) => error.class(),
            Self::Auth(error) => error.class(),
            Self::Jobs(error) => error.class(),
            Self::NotFound { .. } => Class::NotFound,
            Self::IssueClosed
            | Self::LastReport
            | Self::Merged
            | Self::Decided
            | Self::NotHeld
            | Self::InUse { .. }
            | Self::Exists { .. }
            | Self::TooMany { .. }
            | Self::Workflow(WorkflowError::InvalidTransition { .. } | WorkflowError::Archived) => {
                Class::Conflict
            }
            Self::Stale { .. } => Class::PreconditionFailed,
            Self::Contended => Class::Unavailable,
            Self::Fields(_)
            | Self::LlmNotConfigured
            | Self::Workflow(
                WorkflowError::HoldReasonRequired | WorkflowError::CloseReasonRequired,
            ) => Class::Invalid,
            Self::Forbidden(_) | Self::AnonymousNotAllowed => Class::Forbidden,
            Self::Stored { .. } => Class::Internal,
        }
    }

    /// Of wrong fields it is the word of the first one, as everywhere at the edge.
    fn code(&self) -> &'static str {
        match self {
            Self::Db(error) => error.code(),
            Self::Cache(error) => error.code(),
            Self::Auth(error) => error.code(),
            Self::Jobs(error) => error.code(),
            Self::AnonymousNotAllowed => "civic.anonymous_not_allowed",
            Self::IssueClosed => "civic.issue_closed",
            Self::NotHeld => "civic.not_held",
            Self::LastReport => "civic.last_report",
            Self::Merged => "civic.issue_merged",
            Self::Decided => "civic.candidate_decided",
            Self::NotFound { .. } => "civic.not_found",
            Self::InUse { .. } => "civic.in_use",
            Self::Exists { .. } => "civic.exists",
            Self::TooMany { .. } => "civic.too_many",
            Self::Stale { .. } => "civic.version_mismatch",
            Self::Contended => "civic.contended",
            Self::Fields(errors) => errors.0.first().map_or("civic.invalid", |e| e.code),
            Self::Forbidden(_) => "civic.forbidden",
            Self::Workflow(error) => error.code(),
            Self::LlmNotConfigured => "civic.llm_not_configured",
            Self::Stored { .. } => "civic.stored_unusable",
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Db(error) => error.detail(),
            Self::Cache(error) => error.detail(),
            Self::Auth(error) => error.detail(),
            Self::Jobs(error) => error.detail(),
            Self::Stored { .. } => "something went wrong on our side".into(),
            Self::Fields(errors) if errors.0.len() > 1 => {
                format!("{} fields cannot be accepted", errors.0.len()).into()
            }
            Self::AnonymousNotAllowed
            | Self::NotHeld
            | Self::LastReport
            | Self::Merged
            | Self::Decided
            | Self::IssueClosed
            | Self::NotFound { .. }
            | Self::InUse { .. }
            | Self::Exists { .. }
            | Self::TooMany { .. }
            | Self::Stale { .. }
            | Self::Contended
            | Self::Fields(_)
            | Self::Forbidden(_)
            | Self::Workflow(_)
            | Self::LlmNotConfigured => self.to_string().into(),
        }
    }

    fn fields(&self) -> Vec<Wrong> {
        match self {
            Self::Fields(errors) => errors
                .0
                .iter()
                .map(|e| Wrong::new(e.field.clone(), e.code, e.message.clone()))
                .collect(),
            Self::Auth(error) => error.fields(),
            Self::Cache(error) => error.fields(),
            Self::Db(_)
            | Self::Jobs(_)
            | Self::AnonymousNotAllowed
            | Self::NotHeld
            | Self::LastReport
            | Self::Merged
            | Self::Decided
            | Self::IssueClosed
            | Self::NotFound { .. }
            | Self::InUse { .. }
            | Self::Exists { .. }
            | Self::TooMany { .. }
            | Self::Stale { .. }
            | Self::Contended
            | Self::Forbidden(_)
            | Self::Workflow(_)
            | Self::LlmNotConfigured
            | Self::Stored { .. } => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self.class() {
            Class::Unavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    fn extra(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        match self {
            Self::Stale { current } => vec![("current_version", current.to_string().into())],
            Self::Workflow(WorkflowError::InvalidTransition { allowed, .. }) => {
                let words: Vec<&str> = allowed.iter().map(|s| s.as_str()).collect();
                vec![("allowed", words.join(", ").into())]
            }
            Self::Cache(error) => error.extra(),
            Self::Db(_)
            | Self::Auth(_)
            | Self::Jobs(_)
            | Self::AnonymousNotAllowed
            | Self::NotHeld
            | Self::LastReport
            | Self::Merged
            | Self::Decided
            | Self::IssueClosed
            | Self::NotFound { .. }
            | Self::InUse { .. }
            | Self::Exists { .. }
            | Self::TooMany { .. }
            | Self::Contended
            | Self::Fields(_)
            | Self::Forbidden(_)
            | Self::Workflow(
                WorkflowError::Archived
                | WorkflowError::HoldReasonRequired
                | WorkflowError::CloseReasonRequired,
            )
            | Self::LlmNotConfigured
            | Self::Stored { .. } => Vec::new(),
        }
    }
}
