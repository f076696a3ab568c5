//! The smallest service on the kit: notes of a tenant, a list of them and a way to add one.
//!
//! This file says what the service brings; `note.rs` is its one resource, from the table to the routes.

mod note;

use brisk::prelude::*;
use serde::{Deserialize, Serialize};

/// Its tables, for both engines, from the folder `migrations`.
pub const MIGRATIONS: MigrationSet = migrations!("hello");

/// The service as one value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hello;

/// The section `[hello]` of the settings; a field with a default is a setting.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HelloSettings {}

impl Section for HelloSettings {}

impl Service for Hello {
    type Settings = HelloSettings;

    fn name(&self) -> &'static str {
        "hello"
    }

    fn migrations(&self) -> Vec<MigrationSet> {
        vec![MIGRATIONS]
    }

    fn statements(&self) -> Vec<&'static dyn Declared> {
        note::STATEMENTS.to_vec()
    }

    async fn build(&self, kit: &Kit, _: HelloSettings) -> Result<Built, BoxError> {
        Ok(Built::new(note::router(kit)))
    }
}
