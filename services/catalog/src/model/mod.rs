//! What the service is about, with the rules that need no database.
//!
//! These types are rows and answers at once: what a client sees of an author is what is stored of it.
pub mod action;
pub mod author;
pub mod book;
pub mod message;
pub mod profile;
pub mod review;
mod rules;

pub(crate) use rules::Rules;
