//! Objects of NDJSON as rows of the native layout.

use serde_json::{Map, Value};

use super::error::{Fault, RowCode};
use super::layout::Layout;
use super::reader::Fields;

/// Fills `fields` with the members that have a role and returns the others.
///
/// A member `attributes` that is an object is taken apart, so that an exported row can be read again.
pub(super) fn object(
    line: &str,
    width: usize,
    fields: &mut Fields,
) -> Result<Map<String, Value>, Fault> {
    let members: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
        Fault::new(
            RowCode::JsonInvalid,
            format!("not a JSON object on one line: {error}"),
        )
    })?;
    let mut texts = vec![String::new(); width];
    let mut others = Map::new();
    for (name, value) in members {
        let Some(place) = Layout::native_place(&name) else {
            match value {
                Value::Object(inner) if name == "attributes" => others.extend(inner),
                Value::Null => {}
                value => {
                    others.insert(name, value);
                }
            }
            continue;
        };
        texts[place] = match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(Fault::new(
                    RowCode::JsonInvalid,
                    format!("the member `{name}` must be text or a number"),
                ));
            }
        };
    }
    fields.set(texts.iter().map(String::as_str));
    Ok(others)
}
