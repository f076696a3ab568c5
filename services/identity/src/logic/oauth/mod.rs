//! Signing in with other providers: there, back, who it is, and in.

mod admin;
mod callback;
mod finish;
mod links;
mod outbound;
mod person;
mod profile;
mod providers;
mod start;

pub(crate) use admin::{ProviderChange, create, delete, get, list, update};
pub(crate) use callback::{Back, Returned, callback};
pub(crate) use finish::{choose, exchange};
pub(crate) use links::{identities, unlink};
pub(crate) use outbound::Outbound;
pub(crate) use providers::slugs;
pub(crate) use start::{Started, Wish, start};
