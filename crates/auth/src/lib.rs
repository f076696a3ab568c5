//! Who may come in: tenants, API keys, access tokens, passwords and the keys that the installation derives from its master
//! key.
//!
//! This crate owns `brisk_tenants`, `brisk_api_keys` and `brisk_signing_keys`. A request with a known key costs no statement while its entry
//! is warm. The surprising decision: API keys are stored as plain SHA-256. A slow hash protects secrets that people
//! choose; ours carry 160 random bits, which nobody guesses at any speed, and a slow hash would hand every stranger a
//! way to keep our processors busy.

mod accounts;
mod config;
mod error;
mod issuer;
mod key;
mod keys;
mod master;
mod metrics;
mod password;
mod policy;
mod seal;
mod secret;
mod statements;
mod tenant;
mod tenants;
mod token;
mod touch;

pub use accounts::{Accounts, NoAccount};
pub use config::{
    AuthConfig, ClaimMap, ClaimPaths, Discovery, HashConfig, IssuerConfig, Preset, TenantMap,
    is_safe,
};
pub use error::Error;
pub use issuer::{Endpoints, IdToken, OpenIdConfig, OpenIdIssuer, OpenIdIssuers};
pub use key::{ApiKey, ApiKeyId, CreatedKey, NewKey, VerifiedKey};
pub use keys::{Keys, presented};
pub use master::{MasterKey, Purpose};
pub use password::{Passwords, Pepper, Verdict};
pub use policy::{PasswordRules, Weakness, policy};
pub use seal::Sealer;
pub use tenant::{NewTenant, Tenant, TenantKind, TenantStatus};
pub use tenants::{TenantDirectory, Tenants};
pub use token::{
    Algorithm, Claims, ForeignClaims, IssuedToken, JwksDocument, Maintained, NewToken, Refusal,
    Rotated, TenantHint, TokenStats, Tokens, Verified,
};

use brisk_db::{Declared, MigrationSet};

/// The tables `brisk_tenants`, `brisk_api_keys` and `brisk_signing_keys`.
pub const MIGRATIONS: MigrationSet = brisk_db::migrations!("auth");

/// Every statement of this crate, for the test that prepares them.
pub fn statements() -> Vec<&'static dyn Declared> {
    [statements::STATEMENTS, token::STATEMENTS].concat()
}
