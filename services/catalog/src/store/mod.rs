//! Every statement of the service, one file for each resource.
pub(crate) mod action;
pub(crate) mod author;
pub(crate) mod book;
pub(crate) mod message;
pub(crate) mod profile;
pub(crate) mod review;

#[cfg(test)]
mod tests;

use brisk_db::Declared;

/// All of them, for the test that prepares them.
pub(crate) fn statements() -> Vec<&'static dyn Declared> {
    [
        action::STATEMENTS,
        author::STATEMENTS,
        book::STATEMENTS,
        message::STATEMENTS,
        profile::STATEMENTS,
        review::STATEMENTS,
    ]
    .concat()
}
