//! Use cases: what the service does with its rules, its stores, the clock and the ports to other parts.
pub(crate) mod import;
