//! Whom our tokens speak for: the seam that a service with people in it fills.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use brisk_core::{Class, Failure, Principal, Scope};
use futures::future::BoxFuture;

use crate::token::Claims;

/// Knows the people and machines that our tokens speak for.
pub trait Accounts: Send + Sync + 'static {
    /// The caller that a token speaks for, whose signature and times were found good: whether there is such an account and
    /// session, and what it may do now. Costs no statement while an answer is warm; what it costs is counted to `scope`.
    ///
    /// # Errors
    ///
    /// See [`NoAccount`].
    fn caller<'a>(
        &'a self,
        claims: &'a Claims,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<Principal>, NoAccount>>;

    /// Reads account and session of the caller of `scope` anew, past what is remembered.
    ///
    /// # Errors
    ///
    /// See [`NoAccount`].
    fn confirm<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<(), NoAccount>>;
}

/// Why a good token lets nobody in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoAccount {
    /// There is no such account, it is disabled, its session has ended, or the token was made before it was told to end. The
    /// client hears that the token is not valid; the log says which.
    #[error("the token does not count: {0}")]
    Void(&'static str),
    /// The tenant is suspended.
    #[error("the tenant is suspended")]
    Suspended,
    /// It cannot be found out now; nobody comes in meanwhile.
    #[error("whether the account counts cannot be found out")]
    Unknown {
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
        /// Its class.
        class: Class,
    },
}

impl NoAccount {
    /// It cannot be found out, because of this.
    pub fn unknown(error: impl Failure) -> Self {
        Self::Unknown {
            class: error.class(),
            source: Box::new(error),
        }
    }
}

impl Failure for NoAccount {
    fn class(&self) -> Class {
        match self {
            Self::Void(_) => Class::Unauthenticated,
            Self::Suspended => Class::Forbidden,
            Self::Unknown { class, .. } => *class,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Void(_) => "invalid-token",
            Self::Suspended => "tenant-suspended",
            Self::Unknown { .. } => "busy",
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Void(_) => "the token is not valid, or not any more".into(),
            Self::Suspended => "the tenant is suspended".into(),
            Self::Unknown { .. } => "who you are cannot be found out now, please try again".into(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Unknown { .. }).then_some(Duration::from_secs(1))
    }
}
