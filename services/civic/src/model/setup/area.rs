//! An area as it is sent.

use serde::Serialize;
use serde_json::Value;

use super::boundary::Boundary;
use crate::model::field::{FieldErrors, Nulls, Object, read_object};

/// What can be set of an area.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AreaFields {
    /// What it is called, 1 to 200 characters; unique in the tenant.
    pub name: String,
    /// The tenant's own short name, up to 100 characters.
    pub code: Option<String>,
    /// The area around it.
    pub parent_id: Option<i64>,
    /// A GeoJSON `Polygon` or `MultiPolygon` of at most 20,000 positions.
    #[schema(value_type = Option<Object>)]
    pub boundary: Option<Value>,
}

impl AreaFields {
    /// Reads the JSON form.
    ///
    /// # Errors
    ///
    /// Every bad field, with codes `required`, `wrong_type`, `too_long`, `too_short`, `out_of_range`, `boundary_invalid`,
    /// `too_many` and `unknown_field`.
    pub fn read(value: &Value) -> Result<(Self, Option<Boundary>), FieldErrors> {
        let mut area = Self::default();
        let mut boundary = None;
        let mut errors = Vec::new();
        read_object(value, Nulls::Removal, &mut errors, |o| {
            name(o, "name", 200, &mut area.name);
            area.code = optional_text(o, "code", 100);
            area.parent_id = optional_id(o, "parent_id");
            if let Some(geojson) = o.get("boundary") {
                match Boundary::from_geojson(geojson) {
                    Ok(found) => {
                        boundary = Some(found);
                        area.boundary = Some(geojson.clone());
                    }
                    Err(e) => o.refuse("boundary", e.code(), e.to_string()),
                }
            }
        });
        FieldErrors::check(errors)?;
        Ok((area, boundary))
    }
}

/// A required text of 1 to `max` characters, without white space at its ends.
pub(super) fn name(o: &mut Object<'_, '_>, key: &'static str, max: usize, into: &mut String) {
    if o.required(key).is_none() {
        return;
    }
    let mut text = String::new();
    o.text(key, max, &mut text);
    text.trim().clone_into(into);
    let sent = o.get(key).and_then(Value::as_str);
    if sent.is_some_and(|sent| sent.trim().is_empty()) {
        o.refuse(key, "too_short", "must have at least 1 character");
    }
}

/// A text of at most `max` characters; empty counts as not given.
pub(super) fn optional_text(
    o: &mut Object<'_, '_>,
    key: &'static str,
    max: usize,
) -> Option<String> {
    let mut text = String::new();
    o.text(key, max, &mut text);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The key of another row.
pub(super) fn optional_id(o: &mut Object<'_, '_>, key: &'static str) -> Option<i64> {
    let mut id = 0;
    o.int(key, 1..=i64::MAX, &mut id);
    (id > 0).then_some(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::overlay;
    use super::*;

    #[test]
    fn every_bad_field_is_named_at_once() {
        let errors = AreaFields::read(
            &json!({"name": " ", "code": 7, "parent_id": 0, "boundary": {}, "color": null}),
        )
        .unwrap_err();
        let found: Vec<_> = errors
            .0
            .iter()
            .map(|e| (e.field.as_str(), e.code))
            .collect();
        assert_eq!(
            found,
            [
                ("name", "too_short"),
                ("code", "wrong_type"),
                ("parent_id", "out_of_range"),
                ("boundary", "boundary_invalid"),
                ("color", "unknown_field"),
            ]
        );
        let missing = AreaFields::read(&json!({"name": null})).unwrap_err();
        assert_eq!(missing.0[0].code, "required");
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_clears_what_is_null() {
        let stored = AreaFields {
            name: "North".to_owned(),
            code: Some("N".to_owned()),
            parent_id: Some(4),
            boundary: None,
        };
        let changed = overlay(&stored, &json!({"code": null, "name": "Far North"}));
        let (area, _) = AreaFields::read(&changed).unwrap();
        assert_eq!(
            (area.name.as_str(), area.code, area.parent_id),
            ("Far North", None, Some(4))
        );
        assert!(AreaFields::read(&overlay(&stored, &json!([]))).is_err());
    }
}
