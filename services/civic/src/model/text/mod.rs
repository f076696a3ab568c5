//! Text as the rules see it: cleaned, folded to ASCII tokens, stemmed, shortened.
//!
//! Nothing here knows a category or a tenant; the classifier, the similarity and the spam score build on it.
mod clean;
mod location;
mod stem;
mod summary;
mod tokens;

pub use clean::clean;
pub use location::normalise_location;
pub use stem::stem;
pub use summary::{SUMMARY_CHARS, first_sentence};
pub use tokens::{Tokens, is_stop_word};
