//! Values that must never reach a log, an error or a page.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) const MASK: &str = "********";

/// A value that prints and serialises as a mask; only [`Secret::expose`] gives it away.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T = String>(T);

impl<T> Secret<T> {
    /// Hides `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; the name is meant to stand out in a review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The library's own message would quote the value.
        T::deserialize(deserializer)
            .map(Self)
            .map_err(|_hidden| serde::de::Error::custom("the value has the wrong type (not shown)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        let secret: Secret = serde_json::from_str("\"sk-live\"").unwrap();
        let shown = format!(
            "{secret} {secret:?} {}",
            serde_json::to_string(&secret).unwrap()
        );
        assert!(!shown.contains("sk-live"), "{shown}");
        assert_eq!(secret.expose(), "sk-live");
    }

    #[test]
    fn an_unreadable_secret_is_not_quoted() {
        let error = serde_json::from_str::<Secret<u32>>("\"sk-live\"").unwrap_err();
        assert!(!error.to_string().contains("sk-live"), "{error}");
    }
}
