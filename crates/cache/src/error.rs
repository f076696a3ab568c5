//! Why there is no answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use brisk_core::{Class, Failure, FieldError};

/// What kept a cache from answering. All who waited for one load hear the same.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The load failed; its class, code and words are those of its own error.
    #[error(transparent)]
    Load(Arc<dyn Failure>),
    /// The caller's deadline passed before the load was done, or the load took longer than its limit.
    #[error("loading into the cache {cache} took longer than allowed")]
    Timeout {
        /// The cache.
        cache: &'static str,
    },
    /// The load panicked; nothing was kept.
    #[error("loading into the cache {cache} panicked: {message}")]
    Panicked {
        /// The cache.
        cache: &'static str,
        /// What the panic said.
        message: Arc<str>,
    },
    /// The program is ending.
    #[error("the load for the cache {cache} was given up because the program ends")]
    Stopped {
        /// The cache.
        cache: &'static str,
    },
}

impl Error {
    /// The load's own error, where it is of that type.
    pub fn load_error<E: Failure>(&self) -> Option<&E> {
        match self {
            Self::Load(error) => {
                let error: &(dyn std::error::Error + 'static) = &**error;
                error.downcast_ref()
            }
            _ => None,
        }
    }
}

impl Failure for Error {
    fn class(&self) -> Class {
        match self {
            Self::Load(error) => error.class(),
            Self::Timeout { .. } => Class::Timeout,
            Self::Panicked { .. } => Class::Internal,
            Self::Stopped { .. } => Class::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Load(error) => error.code(),
            Self::Timeout { .. } => "cache.timeout",
            Self::Panicked { .. } => "cache.panicked",
            Self::Stopped { .. } => "cache.stopped",
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Load(error) => error.detail(),
            Self::Timeout { .. } => "the answer took longer than allowed".into(),
            Self::Panicked { .. } => "something went wrong on our side".into(),
            Self::Stopped { .. } => "the program is ending, please try again".into(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Load(error) => error.fields(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Load(error) => error.retry_after(),
            Self::Stopped { .. } => Some(Duration::from_secs(1)),
            Self::Timeout { .. } | Self::Panicked { .. } => None,
        }
    }

    fn extra(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        match self {
            Self::Load(error) => error.extra(),
            _ => Vec::new(),
        }
    }
}
