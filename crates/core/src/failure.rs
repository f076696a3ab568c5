//! What kind of thing went wrong. Services name a class, never a status code.

use std::borrow::Cow;
use std::time::Duration;

/// The kinds of failure that a caller can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The request cannot be read at all: broken JSON, a forged cursor (400).
    Malformed,
    /// The request can be read and asks for something that may not be (422).
    Invalid,
    /// Nobody, or nobody known (401).
    Unauthenticated,
    /// Known, and not allowed (403).
    Forbidden,
    /// There is no such thing for this caller (404).
    NotFound,
    /// The method does not exist here (405).
    MethodNotAllowed,
    /// It clashes with what is there (409).
    Conflict,
    /// The caller's version is not the current one (412).
    PreconditionFailed,
    /// More bytes than this route takes (413).
    TooLarge,
    /// A content type that this route does not read (415).
    UnsupportedMedia,
    /// Too often (429).
    RateLimited,
    /// Somebody else whose answer this needs is away, or answers nonsense (502).
    Upstream,
    /// Something we depend on is away or full; try again (503).
    Unavailable,
    /// The deadline passed first (504).
    Timeout,
    /// Our fault (500).
    Internal,
}

/// One field of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The field's path as the client wrote it: `contact.email`, `reports[3].description`.
    pub field: Cow<'static, str>,
    /// A stable word for the kind of mistake.
    pub code: Cow<'static, str>,
    /// What to mend, as a sentence fragment.
    pub message: Cow<'static, str>,
}

impl FieldError {
    /// A field error.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            field: field.into(),
            code: code.into(),
            message: message.into(),
        }
    }
}

/// An error that says what kind it is and what a client may hear of it.
///
/// The `Display` text and its sources go to the log; the client gets [`Failure::class`], [`Failure::code`] and
/// [`Failure::detail`].
pub trait Failure: std::error::Error + Send + Sync + 'static {
    /// The kind of failure.
    fn class(&self) -> Class;

    /// A stable name, `service.what_happened`; never renamed.
    fn code(&self) -> &'static str;

    /// A sentence that is safe for the client. For our own faults the default tells nothing.
    fn detail(&self) -> Cow<'static, str> {
        match self.class() {
            Class::Internal => "something went wrong on our side".into(),
            Class::Unavailable => {
                "a part that this needs is not available, please try again".into()
            }
            Class::Timeout => "the answer took longer than allowed".into(),
            _ => self.to_string().into(),
        }
    }

    /// Each wrong field, where the failure is about fields.
    fn fields(&self) -> Vec<FieldError> {
        Vec::new()
    }

    /// When to try again, where that makes sense.
    fn retry_after(&self) -> Option<Duration> {
        match self.class() {
            Class::Unavailable | Class::RateLimited => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Further members of the problem document, for example the allowed transitions.
    fn extra(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        Vec::new()
    }
}
