//! Partial changes of a configuration by JSON merge patch (RFC 7386).

use serde_json::{Map, Value};

use super::settings::TenantConfig;
use crate::model::TenantKind;
use crate::model::field::{FieldErrors, Nulls};

/// Applies a merge patch: objects are merged member by member, `null` removes, anything else replaces.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else {
        return;
    };
    for (key, change) in changes {
        if change.is_null() {
            members.remove(key);
        } else {
            merge_patch(members.entry(key.as_str()).or_insert(Value::Null), change);
        }
    }
}

/// Changes a stored document and checks the result; `null` gives a setting its default back.
///
/// Store the returned document, not the whole configuration: what a tenant never set goes on following the defaults.
///
/// # Errors
///
/// Every bad field of the patch, also an unknown name with `null`; else every bad field of the result, as
/// [`TenantConfig::from_json`].
pub fn patch_config(
    kind: TenantKind,
    stored: &Value,
    patch: &Value,
) -> Result<(Value, TenantConfig), FieldErrors> {
    // Read alone first: a merge would hide unknown names that are set to null.
    let (_, errors) = TenantConfig::read(kind, patch, Nulls::Removal);
    FieldErrors::check(errors)?;
    let mut merged = stored.clone();
    merge_patch(&mut merged, patch);
    let config = TenantConfig::from_json(kind, &merged)?;
    Ok((merged, config))
}
