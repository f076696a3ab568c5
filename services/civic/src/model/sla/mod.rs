//! Service levels: which promise an issue gets, and the clock that says whether it was kept.
mod clock;
mod policy;
#[cfg(test)]
mod tests;

pub use clock::{ReopenMode, Sla, SlaChange, SlaState, Stop};
pub use policy::{
    Policy, PolicySnapshot, PolicySource, SlaDefaults, Target, graduated_template, pick_policy,
};
