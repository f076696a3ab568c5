//! What the service does, without HTTP.
pub(crate) mod announce;
pub(crate) mod audit;
pub(crate) mod author;
pub(crate) mod book;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod message;
pub(crate) mod profile;
pub(crate) mod retention;
pub(crate) mod review;
pub(crate) mod seed;
