//! What a section knows, read from its serialised defaults.

use serde_json::{Map, Value};

/// One key of a section.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) path: Vec<String>,
    pub(crate) default: Value,
}

impl Known {
    /// Whether keys below it are not known beforehand: an empty map, an absent option, a list.
    pub(crate) fn is_open(&self) -> bool {
        match &self.default {
            Value::Null => true,
            Value::Object(map) => map.is_empty(),
            _ => false,
        }
    }

    /// `RATE_LIMIT_PER_MIN`.
    pub(crate) fn env_suffix(&self) -> String {
        self.path.join("_").to_uppercase().replace('-', "_")
    }
}

/// The keys of a section in their order.
pub(crate) fn keys(defaults: &Value) -> Vec<Known> {
    let mut out = Vec::new();
    walk(defaults, &mut Vec::new(), &mut out);
    out
}

fn walk(value: &Value, path: &mut Vec<String>, out: &mut Vec<Known>) {
    match value {
        Value::Object(map) if !map.is_empty() || path.is_empty() => {
            for (key, value) in map {
                path.push(key.clone());
                walk(value, path, out);
                path.pop();
            }
        }
        _ => out.push(Known {
            path: path.clone(),
            default: value.clone(),
        }),
    }
}

/// Puts `value` at `path`, making tables on the way; a table put on a table is merged.
pub(crate) fn put(tree: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        match (tree, value) {
            (Value::Object(there), Value::Object(new)) => {
                for (key, value) in new {
                    let slot = there.entry(key).or_insert(Value::Null);
                    put(slot, &[], value);
                }
            }
            (tree, value) => *tree = value,
        }
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    if let Value::Object(map) = tree {
        put(map.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

/// The nearest of `names` to `wrong`, when it is near enough to be a slip of the hand.
pub(crate) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
