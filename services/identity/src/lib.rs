//! Tenants, people, roles, sessions and sign-in.
//!
//! The service owns the tables `identity_*`, and is the kit's answer to whom a token speaks for ([`Callers`]): every other
//! service stands behind it without knowing it. What a check needs is remembered until a row changes that it was read from, so
//! a warm request costs no statement and somebody who is locked out is out at the next request.
mod commands;
mod error;
mod ids;
mod logic;
mod mail;
pub mod model;
mod routes;
mod service;
mod settings;
mod state;
mod store;

pub use error::{Error, TenantChoice};
pub use ids::{AuditId, RefreshTokenId, RoleId, SessionId, UserId};
pub use logic::account::{Account, Callers};
pub use service::{Identity, service};
pub use settings::{IdentitySettings, OnLimit, Registration};

/// The tables `identity_*`; they refer to the tenants of `brisk-auth`, whose tables come first.
pub const MIGRATIONS: brisk_db::MigrationSet = brisk_db::migrations!("identity");
