//! What a tenant can set, with defaults, checks and partial changes.
mod patch;
mod read;
mod settings;
#[cfg(test)]
mod tests;

pub use patch::{merge_patch, patch_config};
pub use settings::{
    Classify, Dedup, Intake, Limits, Llm, MAX_DESCRIPTION, Notify, NotifyChannel, PerCategory,
    PrioritySettings, Privacy, Public, ShowText, Sla, TenantConfig, TermPack,
};
