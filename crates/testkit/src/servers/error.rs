use std::io;

/// The result of anything done with a private server.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a private server or its database is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program is not installed, or only in a version that is too old.
    #[error("{what} was not found; install it with `{install}`{or_set}")]
    NotInstalled {
        /// What was looked for.
        what: &'static str,
        /// The command that brings it.
        install: String,
        /// The setting that names its place, as the end of the sentence; empty when there is none.
        or_set: String,
    },
    /// The operating system refused a file, a socket or a process.
    #[error("cannot {doing}")]
    Io {
        /// What was attempted.
        doing: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The server ended, or said nothing, before it was ready.
    #[error("{program} did not start; its last words:\n{log}")]
    NotStarted {
        /// The server program.
        program: String,
        /// The end of its output.
        log: String,
    },
    /// The server refused a statement or command.
    #[error("the server refused `{statement}`: {answer}")]
    Refused {
        /// What was sent.
        statement: String,
        /// What came back.
        answer: String,
    },
    /// A server's address is not of the form `scheme://[user[:password]@]host:port[/name]`.
    #[error("`{0}` is not the address of a server")]
    Address(String),
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
