//! Reading a JSON document of known fields so that every bad field is reported, not only the first.

use std::fmt;
use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::{Map, Value};

/// One field that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Path from the document's root, parts joined by dots, as in `weekly.1`; empty for the document itself.
    pub field: String,
    /// Stable word for programs, such as `unknown_field`.
    pub code: &'static str,
    /// Sentence fragment for people.
    pub message: String,
}

/// All fields of one document that were refused; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct FieldErrors(pub Vec<FieldError>);

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, e) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "; " };
            write!(f, "{gap}{}: {}", e.field, e.message)?;
        }
        Ok(())
    }
}

impl FieldErrors {
    /// `Ok` when nothing was refused.
    pub(crate) fn check(errors: Vec<FieldError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }
}

/// What a `null` in the document means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// A value like any other, so mostly of the wrong type.
    Value,
    /// "Remove this member": the field is known and nothing is read from it (merge patch).
    Removal,
}

/// Reads `value` as one object; members that `read` did not ask for are refused.
pub(crate) fn read_object(
    value: &Value,
    nulls: Nulls,
    errors: &mut Vec<FieldError>,
    read: impl FnOnce(&mut Object<'_, '_>),
) {
    Object::enter(String::new(), value, nulls, errors, read);
}

/// One object of the document, while its members are read.
#[derive(Debug)]
pub(crate) struct Object<'a, 'e> {
    path: String,
    members: &'a Map<String, Value>,
    known: Vec<&'a str>,
    nulls: Nulls,
    errors: &'e mut Vec<FieldError>,
}

impl<'a> Object<'a, '_> {
    fn enter(
        path: String,
        value: &Value,
        nulls: Nulls,
        errors: &mut Vec<FieldError>,
        read: impl FnOnce(&mut Object<'_, '_>),
    ) {
        let Value::Object(members) = value else {
            errors.push(FieldError {
                field: path,
                code: "wrong_type",
                message: "must be an object".to_owned(),
            });
            return;
        };
        let mut object = Object {
            path,
            members,
            known: Vec::new(),
            nulls,
            errors,
        };
        read(&mut object);
        let unknown: Vec<&String> = members
            .keys()
            .filter(|k| !object.known.contains(&k.as_str()))
            .collect();
        for key in unknown {
            object.refuse(key, "unknown_field", "is not a known field");
        }
    }

    /// The names of all members, asked for or not.
    pub(crate) fn names(&self) -> Vec<&'a str> {
        self.members.keys().map(String::as_str).collect()
    }

    /// Notes a refused member.
    pub(crate) fn refuse(&mut self, key: &str, code: &'static str, message: impl Into<String>) {
        let field = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        self.errors.push(FieldError {
            field,
            code,
            message: message.into(),
        });
    }

    /// Notes that the object as a whole is refused.
    pub(crate) fn refuse_all(&mut self, code: &'static str, message: impl Into<String>) {
        let field = self.path.clone();
        self.errors.push(FieldError {
            field,
            code,
            message: message.into(),
        });
    }

    /// Whether a `null` removes a member.
    pub(crate) fn removes(&self) -> bool {
        self.nulls == Nulls::Removal
    }

    /// The raw member, which becomes known; `None` when it is absent or marked for removal.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        let value = self.members.get(key)?;
        if value.is_null() && self.nulls == Nulls::Removal {
            None
        } else {
            Some(value)
        }
    }

    /// As [`Object::get`] for a name that comes from the document itself.
    pub(crate) fn get_named(&mut self, key: &'a str) -> Option<&'a Value> {
        self.known.push(key);
        let value = self.members.get(key)?;
        if value.is_null() && self.nulls == Nulls::Removal {
            None
        } else {
            Some(value)
        }
    }

    /// A nested object; absent means nothing to read.
    pub(crate) fn section(&mut self, key: &'static str, read: impl FnOnce(&mut Object<'_, '_>)) {
        if let Some(value) = self.get(key) {
            let path = if self.path.is_empty() {
                key.to_owned()
            } else {
                format!("{}.{key}", self.path)
            };
            Object::enter(path, value, self.nulls, self.errors, read);
        }
    }

    /// A required member; its absence is refused.
    pub(crate) fn required(&mut self, key: &'static str) -> Option<&'a Value> {
        let value = self.get(key);
        if value.is_none() {
            self.refuse(key, "required", "is required");
        }
        value
    }

    /// `true` or `false`.
    pub(crate) fn bool(&mut self, key: &'static str, into: &mut bool) {
        match self.get(key) {
            None => {}
            Some(Value::Bool(b)) => *into = *b,
            Some(_) => self.refuse(key, "wrong_type", "must be true or false"),
        }
    }

    /// An integer within `range`.
    pub(crate) fn int<T>(&mut self, key: &'static str, range: RangeInclusive<T>, into: &mut T)
    where
        T: Copy + PartialOrd + TryFrom<i64> + fmt::Display,
    {
        let Some(value) = self.get(key) else { return };
        let Some(n) = value.as_i64() else {
            // A whole number beyond 64 bits is still a number, so only its size is wrong.
            let code = if value.is_u64() {
                "out_of_range"
            } else {
                "wrong_type"
            };
            self.refuse(key, code, "must be a whole number");
            return;
        };
        match T::try_from(n) {
            Ok(n) if range.contains(&n) => *into = n,
            _ => self.refuse(
                key,
                "out_of_range",
                format!("must be between {} and {}", range.start(), range.end()),
            ),
        }
    }

    /// A number within `range`.
    pub(crate) fn number(&mut self, key: &'static str, range: RangeInclusive<f64>, into: &mut f64) {
        match self.get(key).map(Value::as_f64) {
            None => {}
            Some(Some(n)) if range.contains(&n) => *into = n,
            Some(Some(_)) => self.refuse(
                key,
                "out_of_range",
                format!("must be between {} and {}", range.start(), range.end()),
            ),
            Some(None) => self.refuse(key, "wrong_type", "must be a number"),
        }
    }

    /// Text of at most `max` characters.
    pub(crate) fn text(&mut self, key: &'static str, max: usize, into: &mut String) {
        match self.get(key) {
            None => {}
            Some(Value::String(s)) if s.contains('\0') => {
                self.refuse(key, "wrong_type", "must not contain the character U+0000");
            }
            Some(Value::String(s)) if s.chars().count() <= max => s.clone_into(into),
            Some(Value::String(_)) => {
                self.refuse(
                    key,
                    "too_long",
                    format!("must have at most {max} characters"),
                );
            }
            Some(_) => self.refuse(key, "wrong_type", "must be text"),
        }
    }

    /// One of `words`, which are paired with what they mean.
    pub(crate) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)], into: &mut T) {
        let Some(value) = self.get(key) else { return };
        match words.iter().find(|(word, _)| value.as_str() == Some(*word)) {
            Some((_, meaning)) => *into = *meaning,
            None => self.refuse(key, "unknown_value", one_of(words)),
        }
    }

    /// A list of `words` without repetition, in the document's order.
    pub(crate) fn words<T: Copy + PartialEq>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        into: &mut Vec<T>,
    ) {
        let Some(value) = self.get(key) else { return };
        let Value::Array(items) = value else {
            self.refuse(key, "wrong_type", "must be a list");
            return;
        };
        let mut found = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            match words.iter().find(|(word, _)| item.as_str() == Some(*word)) {
                Some((_, meaning)) if found.contains(meaning) => {
                    self.refuse(
                        &format!("{key}.{i}"),
                        "duplicate",
                        "stands in the list twice",
                    );
                }
                Some((_, meaning)) => found.push(*meaning),
                None => self.refuse(&format!("{key}.{i}"), "unknown_value", one_of(words)),
            }
        }
        *into = found;
    }
}

fn one_of<T>(words: &[(&str, T)]) -> String {
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    format!("must be one of {}", words.join(", "))
}
