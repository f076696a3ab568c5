//! Who may come in: tenants, API keys and the keys that the installation derives from its master key.
//!
//! This crate owns `brisk_tenants` and `brisk_api_keys`. A request with a known key costs no statement while its entry
//! is warm. The surprising decision: API keys are stored as plain SHA-256. A slow hash protects secrets that people
//! choose; ours carry 160 random bits, which nobody guesses at any speed, and a slow hash would hand every stranger a
//! way to keep our processors busy.

mod error;
mod key;
mod keys;
mod master;
mod secret;
mod statements;
mod tenant;
mod tenants;
mod touch;

pub use error::Error;
pub use key::{ApiKey, ApiKeyId, CreatedKey, NewKey, VerifiedKey};
pub use keys::{Keys, presented};
pub use master::{MasterKey, Purpose};
pub use tenant::{NewTenant, Tenant, TenantKind, TenantStatus};
pub use tenants::{TenantDirectory, Tenants};

use brisk_db::{Declared, MigrationSet};

/// The tables `brisk_tenants` and `brisk_api_keys`.
pub const MIGRATIONS: MigrationSet = brisk_db::migrations!("auth");

/// Every statement of this crate, for the test that prepares them.
pub fn statements() -> Vec<&'static dyn Declared> {
    statements::STATEMENTS.to_vec()
}
