//! What people tell about themselves.

use brisk_db::{FromRow, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Rules;

/// The most bytes of somebody's preferences as JSON.
const MOST_PREFERENCES: usize = 16 * 1024;

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromRow, utoipa::ToSchema)]
pub struct Profile {
    /// Whose: a token's subject.
    pub user_id: String,
    /// How the person wants to be called.
    pub display_name: Option<String>,
    /// An address.
    pub email: Option<String>,
    /// Whatever clients keep for the person.
    #[schema(value_type = Object)]
    pub preferences: Json<Map<String, Value>>,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A profile as somebody writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewProfile {
    /// 200 characters at most.
    pub display_name: Option<String>,
    /// An address.
    pub email: Option<String>,
    /// 16 KiB of JSON at most.
    #[schema(value_type = Object)]
    pub preferences: Map<String, Value>,
}

impl NewProfile {
    pub(crate) fn check(&self, rules: &mut Rules) {
        let name = self.display_name.as_deref().unwrap_or_default();
        rules.length("display_name", name, 0..=200);
        rules.email("email", self.email.as_deref());
        let text = Value::Object(self.preferences.clone()).to_string();
        rules.length("preferences", &text, 2..=MOST_PREFERENCES);
        // As JSON writes it.
        if text.contains("\\u0000") {
            rules.no_nul("preferences", "\0");
        }
    }
}
