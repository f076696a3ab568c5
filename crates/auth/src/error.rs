//! What can go wrong on the way in.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use brisk_core::{Class, Failure, FieldError};
use brisk_db::AsDbError;

use crate::token::Refusal;

/// What can go wrong with tenants, keys, tokens and the master key.
///
/// All reasons to refuse a key look the same to the client, and so do all to refuse a token; only the log tells them apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database could not answer.
    #[error("tenants and keys could not be read or written")]
    Db(#[from] brisk_db::Error),
    /// What is remembered of tenants and keys could not be read.
    #[error("tenants and keys could not be looked up")]
    Cache(#[from] brisk_cache::Error),
    /// No key of ours: another form, or a typing mistake.
    #[error("the text is not an API key, or has a typing mistake")]
    KeyMalformed,
    /// Well formed, and not in the database.
    #[error("the API key is not known")]
    KeyUnknown,
    /// Its time is over.
    #[error("API key {prefix} has expired")]
    KeyExpired {
        /// The key's first characters.
        prefix: String,
    },
    /// Somebody took it back.
    #[error("API key {prefix} was revoked")]
    KeyRevoked {
        /// The key's first characters.
        prefix: String,
    },
    /// Its tenant is suspended.
    #[error("the tenant of API key {prefix} is suspended")]
    TenantSuspended {
        /// The key's first characters.
        prefix: String,
    },
    /// A tenant or key with a field that may not be so.
    #[error("{field} {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// A stable word for the mistake.
        code: &'static str,
        /// What to mend.
        problem: &'static str,
    },
    /// Another tenant has this slug or jurisdiction.
    #[error("another tenant has this {field}")]
    Taken {
        /// `slug` or `jurisdiction_id`.
        field: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// The master key of the settings is too short to be one.
    #[error("the master key must have at least 32 characters")]
    MasterKeyShort,
    /// The file of the master key can be read by others.
    #[error("{0} must be readable by its owner only (mode 0600)")]
    MasterKeyOpen(PathBuf),
    /// The file of the master key cannot be read or made.
    #[error("the master key file {path} could not be used")]
    MasterKeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A token that does not count. The reason is for the log.
    #[error("token {token} is refused: {reason}")]
    TokenRefused {
        /// The first 8 hexadecimal digits of the SHA-256 of its text.
        token: String,
        /// Why.
        reason: Refusal,
    },
    /// The signing keys of this database were sealed under another master key.
    #[error(
        "signing key {kid} cannot be opened: this is not the master key that the database was set up with"
    )]
    WrongMasterKey {
        /// The key.
        kid: String,
    },
    /// A row of the signing keys is not what this program wrote.
    #[error("signing key {kid} is not the key that its name says")]
    SigningKeyBroken {
        /// The key.
        kid: String,
    },
    /// The keys of another issuer were never had, or too long ago, and cannot be had now.
    #[error("the keys of issuer {issuer} cannot be had")]
    IssuerUnavailable {
        /// The issuer.
        issuer: String,
        /// When they are asked for again.
        retry_after: Duration,
    },
    /// No client could be made that asks other issuers for their keys.
    #[error("no HTTP client can be made for the issuers of the settings")]
    HttpClient(#[source] Arc<reqwest::Error>),
    /// Too many passwords are being compared already.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// A password could not be hashed.
    #[error("a password could not be hashed: {0}")]
    PasswordHash(String),
    /// There is no key that signs.
    #[error("there is no active signing key")]
    NoSigningKey,
    /// No key could be made.
    #[error("no signing key could be made")]
    KeyGeneration,
    /// The key could not sign.
    #[error("a token could not be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

impl AsDbError for Error {
    fn as_db_error(&self) -> Option<&brisk_db::Error> {
        match self {
            Self::Db(e) => Some(e),
            _ => None,
        }
    }
}

impl Failure for Error {
    fn class(&self) -> Class {
        match self {
            Self::Db(e) => e.class(),
            Self::Cache(e) => e.class(),
            Self::KeyMalformed
            | Self::KeyUnknown
            | Self::KeyExpired { .. }
            | Self::KeyRevoked { .. }
            | Self::TenantSuspended { .. }
            | Self::TokenRefused { .. } => Class::Unauthenticated,
            Self::Busy | Self::IssuerUnavailable { .. } => Class::Unavailable,
            Self::Invalid { .. } => Class::Invalid,
            Self::Taken { .. } => Class::Conflict,
            Self::Random(_)
            | Self::MasterKeyShort
            | Self::MasterKeyOpen(_)
            | Self::MasterKeyFile { .. }
            | Self::WrongMasterKey { .. }
            | Self::SigningKeyBroken { .. }
            | Self::PasswordHash(_)
            | Self::HttpClient(_)
            | Self::NoSigningKey
            | Self::KeyGeneration
            | Self::Signing(_) => Class::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Db(e) => e.code(),
            Self::Cache(e) => e.code(),
            Self::KeyMalformed
            | Self::KeyUnknown
            | Self::KeyExpired { .. }
            | Self::KeyRevoked { .. }
            | Self::TenantSuspended { .. } => "unauthenticated",
            Self::TokenRefused { .. } => "invalid-token",
            Self::Invalid { .. } => "auth.invalid",
            Self::Taken { .. } => "auth.taken",
            Self::Random(_) => "auth.random",
            Self::MasterKeyShort
            | Self::MasterKeyOpen(_)
            | Self::MasterKeyFile { .. }
            | Self::WrongMasterKey { .. } => "auth.master_key",
            Self::Busy => "busy",
            Self::IssuerUnavailable { .. } => "issuer-unavailable",
            Self::HttpClient(_) => "auth.http_client",
            Self::PasswordHash(_) => "auth.password_hash",
            Self::SigningKeyBroken { .. }
            | Self::NoSigningKey
            | Self::KeyGeneration
            | Self::Signing(_) => "auth.signing_key",
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Db(e) => e.detail(),
            Self::Cache(e) => e.detail(),
            Self::KeyMalformed
            | Self::KeyUnknown
            | Self::KeyExpired { .. }
            | Self::KeyRevoked { .. }
            | Self::TenantSuspended { .. } => "the API key is not valid".into(),
            Self::TokenRefused { .. } => "the access token is not valid".into(),
            Self::IssuerUnavailable { .. } => {
                "the keys of the token's issuer are not available, please try again".into()
            }
            Self::Busy => "too many are signing in at this moment, please try again".into(),
            Self::Invalid { .. } | Self::Taken { .. } => self.to_string().into(),
            Self::Random(_)
            | Self::MasterKeyShort
            | Self::MasterKeyOpen(_)
            | Self::MasterKeyFile { .. }
            | Self::WrongMasterKey { .. }
            | Self::SigningKeyBroken { .. }
            | Self::PasswordHash(_)
            | Self::HttpClient(_)
            | Self::NoSigningKey
            | Self::KeyGeneration
            | Self::Signing(_) => "something went wrong on our side".into(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Db(e) => e.retry_after(),
            Self::Cache(e) => e.retry_after(),
            Self::IssuerUnavailable { retry_after, .. } => Some(*retry_after),
            Self::Busy => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid {
                field,
                code,
                problem,
            } => vec![FieldError::new(*field, *code, *problem)],
            Self::Taken { field } => vec![FieldError::new(*field, "taken", "is taken")],
            _ => Vec::new(),
        }
    }
}
