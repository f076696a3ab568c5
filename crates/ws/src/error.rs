//! What keeps a room from being opened.

/// What is wrong with a room before anybody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Pages of any origin may connect, in production.
    AnyOrigin,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AnyOrigin => f.write_str(
                "allowed_origins has `*`, which production refuses: name the origins of your pages",
            ),
        }
    }
}

impl std::error::Error for Error {}
