//! Layered, typed settings: a TOML file, then the environment, then flags, each key with its origin.
//!
//! Every crate owns one [`Section`], a plain struct with defaults. A program takes the sections that it needs and
//! then asks once whether all was well, so a person sees every mistake of every section in one run. The one
//! surprising decision: a section's defaults, serialised, are its schema. From them come the names of its
//! environment variables, the "did you mean" and the rendering of the effective settings.
//!
//! Nothing here reads the process environment except [`Environment::from_process`]; tests pass a map.

mod error;
mod live;
mod options;
mod schema;
mod secret;
mod sections;
mod source;
mod value;

pub use bytesize::ByteSize;
pub use error::{ConfigErrors, Mistake, Origin};
pub use live::Live;
pub use options::{ConfigFile, Environment, LoadOptions};
pub use secret::Secret;
pub use sections::{Checked, Effective, Problems, Section, Sections};
pub use source::Settings;
pub use value::{duration, optional_duration};
