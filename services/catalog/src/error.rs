//! The one error of the service. Its codes are the words of the API.

use std::borrow::Cow;
use std::time::Duration;

use brisk_core::{Class, Failure, FieldError};
use brisk_db::AsDbError;

/// What can go wrong in the catalog service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database could not answer.
    #[error("the database did not do its part")]
    Db(#[source] brisk_db::Error),
    /// What is kept in memory could not be read.
    #[error(transparent)]
    Cache(#[from] brisk_cache::Error),
    /// A cursor that belongs to another list, or to none.
    #[error("the cursor is not one of this list")]
    Cursor,
    /// Fields that cannot be accepted.
    #[error("{} fields cannot be accepted", .0.len())]
    Fields(Vec<FieldError>),
    /// There is no such row in the caller's tenant.
    #[error("{what} with ID {id} not found")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// By which id.
        id: String,
    },
    /// Another row has the same value.
    #[error("{what} with {field} '{value}' already exists")]
    Taken {
        /// What was to be made.
        what: &'static str,
        /// By what rows are told apart.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// Rows of a batch that collide with each other or with what is there; none of them is stored.
    #[error("{} rows collide", .0.len())]
    Collide(Vec<FieldError>),
}

impl From<brisk_db::Error> for Error {
    fn from(error: brisk_db::Error) -> Self {
        match error {
            brisk_db::Error::Cursor => Self::Cursor,
            other => Self::Db(other),
        }
    }
}

impl Error {
    /// One wrong field.
    pub(crate) fn field(
        name: impl Into<Cow<'static, str>>,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Fields(vec![FieldError::new(name, code, message)])
    }
}

/// What was looked for by an id that no row of the tenant has.
pub(crate) fn not_found(what: &'static str, id: String) -> Error {
    Error::NotFound { what, id }
}

impl AsDbError for Error {
    fn as_db_error(&self) -> Option<&brisk_db::Error> {
        match self {
            Self::Db(error) => Some(error),
            _ => None,
        }
    }
}

impl Failure for Error {
    fn class(&self) -> Class {
        match self {
            Self::Db(error) => error.class(),
            Self::Cache(error) => error.class(),
            Self::Cursor => Class::Malformed,
            Self::Fields(_) => Class::Invalid,
            Self::NotFound { .. } => Class::NotFound,
            Self::Taken { .. } | Self::Collide(_) => Class::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Db(error) => error.code(),
            Self::Cache(error) => error.code(),
            Self::Cursor => "catalog.invalid_cursor",
            Self::Fields(_) => "catalog.invalid_data",
            Self::NotFound { .. } => "catalog.not_found",
            Self::Taken { .. } | Self::Collide(_) => "catalog.conflict",
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Db(error) => error.detail(),
            Self::Cache(error) => error.detail(),
            other => other.to_string().into(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Cache(error) => error.fields(),
            Self::Fields(fields) | Self::Collide(fields) => fields.clone(),
            Self::Taken { what, field, value } => {
                let message = format!("another {} has {value:?}", what.to_lowercase());
                vec![FieldError::new(*field, "taken", message)]
            }
            Self::Db(_) | Self::Cursor | Self::NotFound { .. } => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Db(error) => error.retry_after(),
            Self::Cache(error) => error.retry_after(),
            _ => None,
        }
    }

    fn extra(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        match self {
            Self::Cache(error) => error.extra(),
            Self::Cursor => vec![(
                "reason",
                "it was made for another list, filter or order, or by nobody here".into(),
            )],
            _ => Vec::new(),
        }
    }
}
