//! Changing a stored document member by member.

use serde::Serialize;
use serde_json::Value;

/// The stored fields with those of `change` in their place; what is not an object is passed on for the reader to refuse.
///
/// A `null` stays in the result: the readers take it as "cleared" for a known field and refuse it for an unknown one.
///
/// # Panics
///
/// Never: stored fields are plain data with text keys.
pub fn overlay(stored: &impl Serialize, change: &Value) -> Value {
    let Value::Object(changes) = change else {
        return change.clone();
    };
    let mut whole =
        serde_json::to_value(stored).expect("stored fields are plain data with text keys");
    if let Value::Object(members) = &mut whole {
        members.extend(changes.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    whole
}
