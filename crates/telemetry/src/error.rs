//! What can go wrong when telemetry starts.

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log filter has a mistake; the section's check finds it earlier.
    #[error("the log filter cannot be read")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Another library put its metrics recorder into this process first.
    #[error("this process already has a metrics recorder that is not ours")]
    ForeignRecorder,
}
