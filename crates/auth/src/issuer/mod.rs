//! Tokens of other issuers: whose are taken, how their claims read, and their keys.
//!
//! A key set belongs to one issuer. The issuer is the one that the token names, found by its exact name among those of the
//! settings; keys of another are never tried.

mod claims;
mod document;
mod fetch;
mod foreign;
mod jwk;
mod key_set;
mod openid;
mod source;

pub(crate) use foreign::Issuers;
pub(crate) use jwk::ForeignKey;
pub use openid::{Endpoints, IdToken, OpenIdConfig, OpenIdIssuer, OpenIdIssuers};
pub(crate) use source::KeySource;
