//! Authors, books, reviews, messages and profiles: the service to read first.
//!
//! It owns the tables `catalog_*` and shows every pattern of the kit at work on them: declared lists with filters and cursors,
//! relations at a statement each, answers that are kept until a row changes that they were made of, counts, an audit log that
//! no request waits for. Nothing here counts statements, invalidates a cache or opens a connection.
mod commands;
mod error;
mod ids;
mod logic;
pub mod model;
mod rights;
mod routes;
mod service;
mod settings;
mod state;
mod store;

pub use error::Error;
pub use ids::{ActionId, AuthorId, BookId, MessageId, ReviewId};
pub use rights::ROLE_WORDS;
pub use service::{Catalog, service};
pub use settings::CatalogSettings;

/// The tables `catalog_*`; they refer to the tenants of `brisk-auth`, whose tables come first.
pub const MIGRATIONS: brisk_db::MigrationSet = brisk_db::migrations!("catalog");
