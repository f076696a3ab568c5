//! The house's own rules, which no other tool knows. Each answers what to mend; nothing means that it is kept.

mod files;
#[cfg(test)]
mod tests;
mod workspace;

pub(crate) use files::{LONGER_FILES, files, lengths, migrations, places, quotes};
pub(crate) use workspace::{floors, inheritance, readmes};
