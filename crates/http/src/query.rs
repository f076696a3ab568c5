//! Query strings, strictly: an unknown parameter is a slip of the hand that would otherwise change the answer silently.

use std::borrow::Cow;
use std::fmt;

use axum::extract::FromRequestParts;
use brisk_core::FieldError;
use http::request::Parts;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::Problem;
use crate::json::field_error;

/// The query parameters of a request.
///
/// An unknown parameter, a wrong value and a missing one are 422. `tenant_id` is left to [`crate::TenantScope`]
/// where `T` has no such field.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(pairs(parts.uri.query())).map(Self)
    }
}

pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

pub(crate) fn pairs(query: Option<&str>) -> Vec<Pair<'_>> {
    query.map_or_else(Vec::new, |q| form_urlencoded::parse(q.as_bytes()).collect())
}

pub(crate) fn read<T: DeserializeOwned>(pairs: Vec<Pair<'_>>) -> Result<T, Problem> {
    let mut unknown = Vec::new();
    // No text of ours holds it, and PostgreSQL cannot even be asked for one that does.
    let nul = pairs.iter().find(|(_, value)| value.contains('\0'));
    if let Some((key, _)) = nul.filter(|(key, _)| key != "cursor") {
        let message = "must not contain the character U+0000";
        return Err(Problem::fields(vec![FieldError::new(
            key.to_string(),
            "wrong_type",
            message,
        )]));
    }
    let reader = Params {
        pairs,
        unknown: &mut unknown,
    };
    let outcome = serde_path_to_error::deserialize(reader);
    if !unknown.is_empty() {
        return Err(Problem::fields(unknown));
    }
    outcome.map_err(|error| {
        let text = error.inner().to_string();
        let mut wrong = field_error(&error.path().to_string(), &text);
        if wrong.code == "unknown_field" {
            wrong.code = "unknown_parameter".into();
        }
        Problem::fields(vec![wrong])
    })
}

type Error = serde::de::value::Error;

struct Params<'a, 'u> {
    pairs: Vec<Pair<'a>>,
    unknown: &'u mut Vec<FieldError>,
}

impl<'de> Deserializer<'de> for Params<'de, '_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.pairs
            .retain(|(key, _)| fields.contains(&key.as_ref()) || key != "tenant_id");
        for (key, _) in &self.pairs {
            if !fields.contains(&key.as_ref()) {
                let known = fields.join(", ");
                self.unknown.push(FieldError::new(
                    key.to_string(),
                    "unknown_parameter",
                    format!("is not known here; known are: {known}"),
                ));
            }
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = self
            .pairs
            .into_iter()
            .map(|(key, value)| (Value(key), Value(value)));
        MapAccessDeserializer::new(MapDeserializer::new(items)).deserialize_any(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// One text that becomes whatever type is asked for.
struct Value<'a>(Cow<'a, str>);

macro_rules! parsed {
    ($($method:ident => $visit:ident: $type:ty, $what:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(serde::de::Error::custom(Wanted($what))),
            }
        })*
    };
}

struct Wanted(&'static str);

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be {}", self.0)
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    parsed! {
        deserialize_bool => visit_bool: bool, "`true` or `false`";
        deserialize_i8 => visit_i8: i8, "a small whole number";
        deserialize_i16 => visit_i16: i16, "a whole number";
        deserialize_i32 => visit_i32: i32, "a whole number";
        deserialize_i64 => visit_i64: i64, "a whole number";
        deserialize_u8 => visit_u8: u8, "a whole number from 0 to 255";
        deserialize_u16 => visit_u16: u16, "a whole number from 0 to 65535";
        deserialize_u32 => visit_u32: u32, "a whole number of 0 or more";
        deserialize_u64 => visit_u64: u64, "a whole number of 0 or more";
        deserialize_f32 => visit_f32: f32, "a number";
        deserialize_f64 => visit_f64: f64, "a number";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Sort {
        Newest,
    }

    #[derive(Debug, Deserialize)]
    struct Filter {
        area_id: Option<i64>,
        #[serde(default)]
        overdue: bool,
        q: String,
        sort: Option<Sort>,
    }

    fn get(query: &str) -> Result<Filter, Vec<(String, String)>> {
        read(pairs(Some(query))).map_err(|problem: Problem| {
            let body = format!("{problem:?}");
            vec![(problem.code().to_owned(), body)]
        })
    }

    #[test]
    fn values_take_the_type_of_their_field() {
        let filter = get("area_id=7&overdue=true&q=big%20hole&sort=newest&tenant_id=3").unwrap();
        assert_eq!(
            (filter.area_id, filter.overdue, filter.q.as_str()),
            (Some(7), true, "big hole")
        );
        assert_eq!(filter.sort, Some(Sort::Newest));
    }

    #[test]
    fn unknown_wrong_missing_and_repeated_parameters_are_refused() {
        for (query, code, word) in [
            ("q=a&statsu=open&foo=1", "unknown_parameter", "\"statsu\""),
            ("q=a&area_id=x", "wrong_type", "\"area_id\""),
            ("area_id=1", "missing_field", "\"q\""),
            ("q=a&q=b", "wrong_type", "duplicate field"),
            ("q=a&sort=oldest", "wrong_type", "\"sort\""),
        ] {
            let errors = get(query).unwrap_err();
            assert_eq!(errors[0].0, code, "{query}: {errors:?}");
            assert!(errors[0].1.contains(word), "{query}: {errors:?}");
        }
    }
}
