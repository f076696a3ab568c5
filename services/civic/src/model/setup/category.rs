//! A tenant's own category (a service, in Open311's words) as it is sent.

use serde::Serialize;
use serde_json::Value;

use super::area::{name, optional_text};
use crate::model::field::{FieldErrors, Nulls, Object, read_object};
use crate::model::grid::MAX_SEARCH_M;
use crate::model::{Category, Severity};

/// Attribute definitions of one service: a bound on what every list of services repeats.
const MAX_ATTRIBUTES: usize = 100;

/// What can be set of a service category.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ServiceFields {
    /// The key that reports name; 1 to 100 letters, digits, `-`, `_` or `.`; unique in the tenant and never changed.
    pub code: String,
    /// What it is called, 1 to 200 characters.
    pub name: String,
    /// The base category that it stands for.
    #[schema(value_type = String)]
    pub base_category: Category,
    /// What belongs here, up to 2,000 characters.
    pub description: Option<String>,
    /// Search words, separated by commas, up to 1,000 characters.
    pub keywords: Option<String>,
    /// A heading in lists, up to 100 characters.
    pub service_group: Option<String>,
    /// Whether a report needs answers to `attributes`.
    pub metadata: bool,
    /// Whether new reports may use it; default true.
    pub active: bool,
    /// Whether its reports may be public; default true.
    pub public: bool,
    /// The severity of a report that says none.
    #[schema(value_type = Option<String>)]
    pub default_severity: Option<Severity>,
    /// In place of the tenant's `dedup.radius_m`, 0 to 1,000 metres.
    pub dedup_radius_m: Option<i32>,
    /// In place of the tenant's `dedup.window_days`, 1 to 365 days.
    pub dedup_window_days: Option<i32>,
    /// Open311 attribute definitions, at most 100 objects.
    #[schema(value_type = Option<Vec<Object>>)]
    pub attributes: Option<Value>,
    /// Position in lists, ascending.
    pub sort: i32,
}

impl ServiceFields {
    /// Reads the JSON form.
    ///
    /// # Errors
    ///
    /// Every bad field, with codes `required`, `wrong_type`, `too_long`, `too_short`, `out_of_range`, `code_invalid`,
    /// `unknown_value`, `too_many` and `unknown_field`.
    pub fn read(value: &Value) -> Result<Self, FieldErrors> {
        let mut service = Self {
            code: String::new(),
            name: String::new(),
            base_category: Category::Other,
            description: None,
            keywords: None,
            service_group: None,
            metadata: false,
            active: true,
            public: true,
            default_severity: None,
            dedup_radius_m: None,
            dedup_window_days: None,
            attributes: None,
            sort: 0,
        };
        let mut errors = Vec::new();
        read_object(value, Nulls::Removal, &mut errors, |o| {
            code(o, &mut service.code);
            name(o, "name", 200, &mut service.name);
            if o.required("base_category").is_some() {
                o.word("base_category", &categories(), &mut service.base_category);
            }
            service.description = optional_text(o, "description", 2_000);
            service.keywords = optional_text(o, "keywords", 1_000);
            service.service_group = optional_text(o, "service_group", 100);
            o.bool("metadata", &mut service.metadata);
            o.bool("active", &mut service.active);
            o.bool("public", &mut service.public);
            service.default_severity = severity(o, "default_severity");
            #[expect(clippy::cast_possible_truncation, reason = "a thousand fits")]
            let radius_max = (MAX_SEARCH_M / 2.0) as i32;
            service.dedup_radius_m = optional_int(o, "dedup_radius_m", 0, radius_max);
            service.dedup_window_days = optional_int(o, "dedup_window_days", 1, 365);
            service.attributes = attributes(o);
            o.int("sort", -1_000_000..=1_000_000, &mut service.sort);
        });
        FieldErrors::check(errors)?;
        Ok(service)
    }
}

fn code(o: &mut Object<'_, '_>, into: &mut String) {
    name(o, "code", 100, into);
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !into.chars().all(is_word) {
        o.refuse(
            "code",
            "code_invalid",
            "must consist of letters, digits, `-`, `_` and `.`",
        );
    }
}

pub(super) fn categories() -> [(&'static str, Category); 6] {
    Category::ALL.map(|c| (c.as_str(), c))
}

pub(super) fn severity(o: &mut Object<'_, '_>, key: &'static str) -> Option<Severity> {
    o.get(key)?;
    let mut found = Severity::Low;
    o.word(key, &Severity::ALL.map(|s| (s.as_str(), s)), &mut found);
    Some(found)
}

fn optional_int(o: &mut Object<'_, '_>, key: &'static str, min: i32, max: i32) -> Option<i32> {
    o.get(key)?;
    let mut found = min;
    o.int(key, min..=max, &mut found);
    Some(found)
}

fn attributes(o: &mut Object<'_, '_>) -> Option<Value> {
    let value = o.get("attributes")?;
    match value.as_array() {
        Some(items) if items.len() > MAX_ATTRIBUTES => o.refuse(
            "attributes",
            "too_many",
            format!("must have at most {MAX_ATTRIBUTES} entries"),
        ),
        Some(items) if items.iter().all(Value::is_object) => return Some(value.clone()),
        _ => o.refuse("attributes", "wrong_type", "must be a list of objects"),
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let service = ServiceFields::read(
            &json!({"code": "POT-1", "name": "Pothole", "base_category": "infrastructure"}),
        )
        .unwrap();
        assert!(service.active && service.public && !service.metadata);
        assert_eq!(service.default_severity, None);
        let again = ServiceFields::read(&serde_json::to_value(&service).unwrap()).unwrap();
        assert_eq!(again, service);
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let errors = ServiceFields::read(&json!({
            "code": "a b", "base_category": "roads", "default_severity": "worst", "dedup_radius_m": 1001,
            "dedup_window_days": 0, "attributes": [1], "active": "yes", "x": 1
        }))
        .unwrap_err();
        let found: Vec<_> = errors
            .0
            .iter()
            .map(|e| (e.field.as_str(), e.code))
            .collect();
        assert_eq!(
            found,
            [
                ("code", "code_invalid"),
                ("name", "required"),
                ("base_category", "unknown_value"),
                ("active", "wrong_type"),
                ("default_severity", "unknown_value"),
                ("dedup_radius_m", "out_of_range"),
                ("dedup_window_days", "out_of_range"),
                ("attributes", "wrong_type"),
                ("x", "unknown_field"),
            ]
        );
    }
}
