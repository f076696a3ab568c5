//! The one error of the service. Its codes are the slugs of the problem documents.

use std::borrow::Cow;
use std::time::Duration;

use brisk_core::{Class, Failure, FieldError};
use brisk_db::AsDbError;

use crate::model::secret::Secret;

/// What can go wrong in the identity service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database could not answer.
    #[error("the database did not do its part")]
    Db(#[from] brisk_db::Error),
    /// What is kept in memory could not be read.
    #[error(transparent)]
    Cache(#[from] brisk_cache::Error),
    /// Tenants, tokens or passwords refused.
    #[error(transparent)]
    Auth(#[from] brisk_auth::Error),
    /// The queue of jobs did not do its part.
    #[error("a job could not be handled")]
    Jobs(#[from] brisk_jobs::Error),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[from] getrandom::Error),
    /// Fields that cannot be accepted.
    #[error("{} fields cannot be accepted", .0.len())]
    Fields(Vec<FieldError>),
    /// The password is too weak.
    #[error("the password is too weak")]
    WeakPassword(Vec<FieldError>),
    /// What was sent cannot be used.
    #[error("{0}")]
    BadRequest(&'static str),
    /// A token was shown that does not count.
    #[error("the token is not valid, or not any more: {0}")]
    InvalidToken(&'static str),
    /// The sign-in failed, whatever the reason.
    #[error("the workspace, the e-mail address or the password is not right")]
    InvalidCredentials,
    /// The refresh token is unknown, has ended, or its session has.
    #[error("the refresh token is not valid: {0}")]
    InvalidRefreshToken(&'static str),
    /// The refresh token was used before; its session was ended.
    #[error("the refresh token was used before, so its session was ended")]
    RefreshTokenReused,
    /// The password was right, and a second factor is needed.
    #[error("a second factor is needed")]
    MfaRequired {
        /// What to show together with the code.
        mfa_token: Secret,
    },
    /// The code of the second factor is wrong, or was used.
    #[error("the code is not right, or was used before")]
    InvalidCode,
    /// The address was not proved yet.
    #[error("the e-mail address is not verified yet")]
    EmailNotVerified,
    /// The user is disabled.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The tenant is suspended.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The caller lacks a permission.
    #[error("this needs the permission {0}")]
    Lacks(Cow<'static, str>),
    /// The caller's tenant has no such thing.
    #[error("there is no such {what}")]
    NotFound {
        /// What was asked for, in the words of the API.
        what: &'static str,
    },
    /// It clashes with what is there.
    #[error("{detail}")]
    Conflict {
        /// The field that clashes.
        field: &'static str,
        /// What to say.
        detail: &'static str,
    },
    /// A tenant keeps an active owner.
    #[error("a tenant must keep an active owner")]
    LastOwner,
    /// The way back from a provider belongs to no way there: unknown, ended, used, another provider's, or another browser's.
    #[error("this sign-in is not known, or not any more; begin it again")]
    InvalidState,
    /// A provider is away, or answered what cannot be used. The reason is for the log.
    #[error("the provider did not do its part: {0}")]
    Provider(&'static str),
    /// The same, found out by what judges its documents, keys and tokens.
    #[error("the provider did not do its part")]
    ProviderToken(#[source] brisk_auth::Error),
    /// The provider says no, for a reason of a fixed list.
    #[error("the provider says no: {0}")]
    ProviderDenied(&'static str),
    /// Somebody is known in several tenants and has to say which is meant.
    #[error("say which workspace you mean")]
    TenantChoice(Box<TenantChoice>),
    /// Somebody else has the address, and may be the same; it has to sign in and link the provider itself.
    #[error("an account has this e-mail address; sign in there and link the provider")]
    AccountLinkRequired,
    /// Somebody changed it meanwhile.
    #[error("the version that was named is not the current one")]
    Stale,
    /// Too many guesses.
    #[error("too many attempts, please wait")]
    TooManyAttempts {
        /// How long.
        wait: Duration,
    },
}

/// What somebody may choose from.
#[derive(Clone, Debug)]
pub struct TenantChoice {
    /// Slug and name of each tenant.
    pub tenants: Vec<(String, String)>,
    /// What proves the choice to be that of the same person.
    pub token: Secret,
}

impl Error {
    /// One wrong field.
    pub(crate) fn field(
        field: &'static str,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Fields(vec![FieldError::new(field, code, message)])
    }
}

impl AsDbError for Error {
    fn as_db_error(&self) -> Option<&brisk_db::Error> {
        match self {
            Self::Db(error) | Self::Auth(brisk_auth::Error::Db(error)) => Some(error),
            Self::Cache(error) | Self::Auth(brisk_auth::Error::Cache(error)) => error.load_error(),
            Self::Jobs(error) => error.as_db_error(),
            Self::Auth(_)
            | Self::Random(_)
            | Self::Fields(_)
            | Self::WeakPassword(_)
            | Self::BadRequest(_)
            | Self::InvalidToken(_)
            | Self::InvalidCredentials
            | Self::InvalidRefreshToken(_)
            | Self::RefreshTokenReused
            | Self::MfaRequired { .. }
            | Self::InvalidCode
            | Self::EmailNotVerified
            | Self::AccountDisabled
            | Self::TenantSuspended
            | Self::Forbidden(_)
            | Self::Lacks(_)
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::LastOwner
            | Self::InvalidState
            | Self::Provider(_)
            | Self::ProviderToken(_)
            | Self::ProviderDenied(_)
            | Self::TenantChoice(_)
            | Self::AccountLinkRequired
            | Self::Stale
            | Self::TooManyAttempts { .. } => None,
        }
    }
}

impl Failure for Error {
    fn class(&self) -> Class {
        match self {
            Self::Db(e) => e.class(),
            Self::Cache(e) => e.class(),
            Self::Auth(e) => e.class(),
            Self::Jobs(e) => e.class(),
            Self::Random(_) => Class::Internal,
            Self::Fields(_) | Self::WeakPassword(_) => Class::Invalid,
            Self::BadRequest(_) | Self::InvalidState | Self::ProviderDenied(_) => Class::Malformed,
            Self::Provider(_) | Self::ProviderToken(_) => Class::Upstream,
            Self::InvalidToken(_)
            | Self::InvalidCredentials
            | Self::InvalidRefreshToken(_)
            | Self::RefreshTokenReused
            | Self::MfaRequired { .. }
            | Self::InvalidCode => Class::Unauthenticated,
            Self::EmailNotVerified
            | Self::AccountDisabled
            | Self::TenantSuspended
            | Self::Forbidden(_)
            | Self::Lacks(_) => Class::Forbidden,
            Self::NotFound { .. } => Class::NotFound,
            Self::Conflict { .. }
            | Self::LastOwner
            | Self::TenantChoice(_)
            | Self::AccountLinkRequired => Class::Conflict,
            Self::Stale => Class::PreconditionFailed,
            Self::TooManyAttempts { .. } => Class::RateLimited,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Db(e) => e.code(),
            Self::Cache(e) => e.code(),
            Self::Auth(e) => e.code(),
            Self::Jobs(e) => e.code(),
            Self::Random(_) => "internal",
            Self::Fields(_) => "validation",
            Self::WeakPassword(_) => "weak-password",
            Self::BadRequest(_) => "bad-request",
            Self::InvalidToken(_) => "invalid-token",
            Self::InvalidCredentials => "invalid-credentials",
            Self::InvalidRefreshToken(_) => "invalid-refresh-token",
            Self::RefreshTokenReused => "refresh-token-reused",
            Self::MfaRequired { .. } => "mfa-required",
            Self::InvalidCode => "invalid-code",
            Self::EmailNotVerified => "email-not-verified",
            Self::AccountDisabled => "account-disabled",
            Self::TenantSuspended => "tenant-suspended",
            Self::Forbidden(_) | Self::Lacks(_) => "forbidden",
            Self::NotFound { .. } => "not-found",
            Self::Conflict { .. } => "conflict",
            Self::LastOwner => "last-owner",
            Self::InvalidState => "invalid-state",
            Self::Provider(_) | Self::ProviderToken(_) => "provider-error",
            Self::ProviderDenied(_) => "provider-denied",
            Self::TenantChoice(_) => "tenant-choice-required",
            Self::AccountLinkRequired => "account-link-required",
            Self::Stale => "precondition-failed",
            Self::TooManyAttempts { .. } => "too-many-attempts",
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Db(e) => e.detail(),
            Self::Cache(e) => e.detail(),
            Self::Auth(e) => e.detail(),
            Self::Jobs(e) => e.detail(),
            Self::Random(_) => "something went wrong on our side".into(),
            // Which check it failed is for the log.
            Self::InvalidToken(_) => "the token is not valid, or not any more".into(),
            Self::InvalidRefreshToken(_) => "the refresh token is not valid; sign in again".into(),
            Self::Provider(_) | Self::ProviderToken(_) => {
                "the provider is away or gave an answer that cannot be used; try again".into()
            }
            Self::Fields(_)
            | Self::WeakPassword(_)
            | Self::BadRequest(_)
            | Self::InvalidCredentials
            | Self::RefreshTokenReused
            | Self::MfaRequired { .. }
            | Self::InvalidCode
            | Self::EmailNotVerified
            | Self::AccountDisabled
            | Self::TenantSuspended
            | Self::Forbidden(_)
            | Self::Lacks(_)
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::LastOwner
            | Self::InvalidState
            | Self::ProviderDenied(_)
            | Self::TenantChoice(_)
            | Self::AccountLinkRequired
            | Self::Stale
            | Self::TooManyAttempts { .. } => self.to_string().into(),
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Fields(fields) | Self::WeakPassword(fields) => fields.clone(),
            Self::Auth(e) => e.fields(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts { wait } => Some(*wait),
            Self::Db(e) => e.retry_after(),
            Self::Cache(e) => e.retry_after(),
            Self::Auth(e) => e.retry_after(),
            Self::Jobs(e) => e.retry_after(),
            _ => None,
        }
    }

    fn extra(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        match self {
            Self::MfaRequired { mfa_token } => {
                vec![("mfa_token", mfa_token.expose().to_owned().into())]
            }
            Self::Lacks(permission) => vec![("required", permission.clone())],
            Self::Conflict { field, .. } => vec![("field", (*field).into())],
            Self::ProviderDenied(reason) => vec![("reason", (*reason).into())],
            Self::TenantChoice(choice) => {
                vec![("choice_token", choice.token.expose().to_owned().into())]
            }
            _ => Vec::new(),
        }
    }
}
