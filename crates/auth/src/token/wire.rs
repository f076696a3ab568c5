//! The outer form of a token: three parts, strict base64url, strict JSON.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::token::algorithm::Algorithm;
use crate::token::refusal::Refusal;

/// Bytes of the longest token that is looked at.
const LONGEST: usize = 8 * 1024;

/// A JSON object whose members stand once.
pub(crate) type Object = Map<String, Value>;

/// A token taken apart; nothing of it is believed yet.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) typ: Option<String>,
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) claims: Object,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    /// # Errors
    ///
    /// The first thing that is wrong with the form. `jku`, `x5u`, `x5c` and `jwk` of the header are not read at all.
    pub(crate) fn split(raw: &'a str) -> Result<Self, Refusal> {
        if raw.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let mut parts = raw.split('.');
        let three = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(header), Some(payload), Some(signature), None) = three else {
            return Err(Refusal::Parts);
        };
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(Refusal::Parts);
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !signature.bytes().all(plain) {
            return Err(Refusal::Encoding);
        }
        let mut head = object(header)?;
        if head.contains_key("crit") {
            return Err(Refusal::Critical);
        }
        let text = |value: Option<Value>, wrong| match value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong),
        };
        Ok(Self {
            typ: text(head.remove("typ"), Refusal::Type)?,
            alg: text(head.remove("alg"), Refusal::Algorithm)?.ok_or(Refusal::Algorithm)?,
            kid: text(head.remove("kid"), Refusal::UnknownKey)?,
            claims: object(payload)?,
            signed: &raw[..header.len() + 1 + payload.len()],
            signature,
        })
    }

    /// Whether the signature is that of `key`; the algorithm is the key's, and the header has to name the same.
    pub(crate) fn verify(
        &self,
        key: &jsonwebtoken::DecodingKey,
        algorithm: Algorithm,
    ) -> Result<(), Refusal> {
        if self.alg != algorithm.as_str() {
            return Err(Refusal::Algorithm);
        }
        let message = self.signed.as_bytes();
        let right = jsonwebtoken::crypto::verify(self.signature, message, key, algorithm.library());
        // An error is a signature of another length, or one that is no base64.
        if matches!(right, Ok(true)) {
            Ok(())
        } else {
            Err(Refusal::Signature)
        }
    }
}

fn object(part: &str) -> Result<Object, Refusal> {
    let bytes = BASE64URL_NOPAD
        .decode(part.as_bytes())
        .map_err(|_any| Refusal::Encoding)?;
    strict(&bytes).ok_or(Refusal::Json)
}

/// A JSON object none of whose members, at any depth, stands twice.
pub(crate) fn strict(bytes: &[u8]) -> Option<Object> {
    match serde_json::from_slice(bytes) {
        Ok(Strict(Value::Object(object))) => Some(object),
        _ => None,
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let Strict(value) = map.next_value()?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(json: &str) -> String {
        BASE64URL_NOPAD.encode(json.as_bytes())
    }

    fn split(header: &str, claims: &str) -> Result<String, Refusal> {
        let raw = format!("{}.{}.c2ln", part(header), part(claims));
        Parts::split(&raw).map(|parts| parts.alg)
    }

    #[test]
    fn the_form_is_strict() {
        let (h, c) = (part(r#"{"alg":"ES256"}"#), part("{}"));
        let good = format!("{h}.{c}.c2ln");
        assert!(Parts::split(&good).is_ok());
        for (raw, why) in [
            (String::new(), Refusal::Parts),
            (format!("{h}.{c}"), Refusal::Parts),
            (format!("{h}.{c}."), Refusal::Parts),
            (format!(".{c}.c2ln"), Refusal::Parts),
            (format!("{good}.x"), Refusal::Parts),
            (format!("{good}="), Refusal::Encoding),
            (format!("{h}=.{c}.c2ln"), Refusal::Encoding),
            (format!("{h}.{c} .c2ln"), Refusal::Encoding),
            (format!("{h}.{}.c2ln", "e31+"), Refusal::Encoding),
            (format!("{h}.{}.c2ln", part("[]")), Refusal::Json),
            (format!("{h}.{}.c2ln", part("{} ")), Refusal::Parts),
            (
                format!("{h}.{}.c2ln", "a".repeat(8 * 1024)),
                Refusal::TooLong,
            ),
        ] {
            let found = Parts::split(&raw).map(|_| ());
            if raw.contains(&part("{} ")) {
                assert_eq!(found, Ok(()), "space around JSON is JSON");
            } else {
                assert_eq!(found, Err(why), "{raw:.80}");
            }
        }
    }

    #[test]
    fn members_stand_once_at_any_depth() {
        let alg = r#"{"alg":"ES256"}"#;
        assert_eq!(split(alg, r#"{"a":{"b":1},"b":2}"#).as_deref(), Ok("ES256"));
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert_eq!(split(alg, twice), Err(Refusal::Json), "{twice}");
        }
        let head = r#"{"alg":"ES256","alg":"ES256"}"#;
        assert_eq!(split(head, "{}"), Err(Refusal::Json));
        assert_eq!(split(alg, &"[".repeat(5000)), Err(Refusal::Json));
    }

    #[test]
    fn headers_of_the_wrong_type_are_refused_and_addresses_are_not_read() {
        for (head, why) in [
            (r#"{"alg":1}"#, Refusal::Algorithm),
            (r"{}", Refusal::Algorithm),
            (r#"{"alg":"ES256","kid":1}"#, Refusal::UnknownKey),
            (r#"{"alg":"ES256","typ":["at+jwt"]}"#, Refusal::Type),
            (r#"{"alg":"ES256","crit":[]}"#, Refusal::Critical),
            (r#"{"alg":"ES256","crit":["exp"]}"#, Refusal::Critical),
        ] {
            assert_eq!(split(head, "{}"), Err(why), "{head}");
        }
        let head = r#"{"alg":"ES256","jku":7,"x5u":[],"jwk":"x","x5c":{}}"#;
        assert!(split(head, "{}").is_ok());
    }
}
