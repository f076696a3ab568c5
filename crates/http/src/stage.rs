//! The order of the pipeline, as data.

/// One stage of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Takes a sane `x-request-id` or makes one.
    RequestId,
    /// Opens the span, the ledger and the route's meter.
    Trace,
    /// From here on a panic becomes a 500.
    PanicCatch,
    /// From here on time is bounded; afterwards 504.
    Deadline,
    /// Refuses or bounds the body.
    SizeLimit,
    /// Answers preflight requests; marks answers.
    Cors,
    /// Compresses the answer.
    Compression,
    /// Bounds what one address may ask, before any token is looked at.
    AddressLimit,
    /// Finds out who asks.
    Auth,
    /// Bounds what one caller and one tenant may ask.
    CallerLimit,
    /// Hands the context to extractors.
    Scope,
}

/// The order in which a request meets the stages.
///
/// Cheap refusals stand before costly ones, and everything that may panic or wait stands behind the two guards.
pub const STAGES: [Stage; 11] = [
    Stage::RequestId,
    Stage::Trace,
    Stage::PanicCatch,
    Stage::Deadline,
    Stage::SizeLimit,
    Stage::Cors,
    Stage::Compression,
    Stage::AddressLimit,
    Stage::Auth,
    Stage::CallerLimit,
    Stage::Scope,
];
