//! Why a token is refused. For the log alone: the client hears one sentence, whatever the reason.

/// The reason for which a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// More than 8 KiB.
    #[error("it is too long")]
    TooLong,
    /// Not three parts, or one of them is empty.
    #[error("it does not have three parts")]
    Parts,
    /// Not base64url without padding.
    #[error("a part is not base64url without padding")]
    Encoding,
    /// Header or claims are not a JSON object, or a member stands twice.
    #[error("a part is not a JSON object whose members stand once")]
    Json,
    /// The header names extensions, of which we know none.
    #[error("its header has `crit`")]
    Critical,
    /// Another kind of token.
    #[error("its `typ` is not the one of access tokens")]
    Type,
    /// Not the algorithm of the key.
    #[error("its `alg` is not the one of its key")]
    Algorithm,
    /// The header names no key.
    #[error("it has no `kid`")]
    NoKeyId,
    /// A key that is not published.
    #[error("its `kid` is not known")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("its signature is wrong")]
    Signature,
    /// Nobody whose tokens are taken.
    #[error("its `iss` is nobody whose tokens are taken")]
    Issuer,
    /// Made for somebody else.
    #[error("its `aud` does not name us")]
    Audience,
    /// Made for another client.
    #[error("its `azp` is another client")]
    Party,
    /// A claim is missing, or of the wrong JSON type.
    #[error("its `{0}` is missing or of the wrong type")]
    Claim(&'static str),
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("its `nbf` is in the future")]
    NotYet,
    /// Made in the future.
    #[error("its `iat` is in the future")]
    IssuedLater,
    /// It lives longer than any token may.
    #[error("it lives longer than 24 hours")]
    TooLived,
    /// Made too long ago for what it is shown for.
    #[error("its `iat` is too long ago")]
    TooOld,
    /// Made for another sign-in.
    #[error("its `nonce` is not that of this sign-in")]
    Nonce,
    /// A scope that each token of its issuer must have.
    #[error("it lacks a required scope")]
    Scope,
}

impl Refusal {
    /// One word, for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong
            | Self::Parts
            | Self::Encoding
            | Self::Json
            | Self::Critical
            | Self::Type
            | Self::NoKeyId => "malformed",
            Self::Algorithm | Self::Signature => "signature",
            Self::UnknownKey => "unknown_key",
            Self::Issuer => "issuer",
            Self::Audience | Self::Party | Self::Scope => "audience",
            Self::Claim(_) | Self::Nonce => "claims",
            Self::Expired => "expired",
            Self::NotYet | Self::IssuedLater | Self::TooLived | Self::TooOld => "time",
        }
    }
}
