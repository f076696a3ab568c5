//! The audit log: who did what, and what came of it.

use brisk_db::{FromRow, Json};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::ids::ActionId;

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It failed.
    Error,
    /// Its caller may not.
    PermissionDenied,
}

impl Outcome {
    /// Their words.
    pub const WORDS: &[&str] = &["success", "error", "permission_denied"];

    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::PermissionDenied => "permission_denied",
        }
    }

    /// The outcome of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Success, Self::Error, Self::PermissionDenied]
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }

    /// That of an HTTP status.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::PermissionDenied,
            ..=399 => Self::Success,
            _ => Self::Error,
        }
    }
}

brisk_db::text_column!(Outcome);

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow, utoipa::ToSchema)]
pub struct Action {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: ActionId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Who: a token's subject, or `anonymous`.
    pub user_id: String,
    /// The name that goes with it.
    pub username: String,
    /// What the caller may do.
    #[schema(value_type = Vec<String>)]
    pub user_roles: Json<Vec<String>>,
    /// The HTTP method.
    pub action_type: String,
    /// The path, 500 characters at most.
    pub resource: String,
    /// See [`Outcome`].
    pub outcome: Outcome,
    /// From where.
    pub ip_address: Option<String>,
    /// With what program.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// Its parameters, without secrets.
    #[schema(value_type = Option<Object>)]
    pub request_data: Option<Json<Value>>,
    /// The HTTP status.
    pub response_status: Option<i64>,
    /// Why it failed, in a word.
    pub error_message: Option<String>,
    /// How long it took.
    pub duration_ms: Option<i64>,
}

/// What stands in place of a secret.
const REDACTED: &str = "[REDACTED]";

/// Keys, in lower case, whose values are nobody's business.
const SECRETS: [&str; 15] = [
    "password",
    "passwd",
    "pwd",
    "token",
    "access_token",
    "refresh_token",
    "secret",
    "api_key",
    "private_key",
    "ssn",
    "social_security_number",
    "credit_card",
    "card_number",
    "cvv",
    "authorization",
];

/// Endings of such keys.
const SECRET_ENDINGS: [&str; 3] = ["_token", "_secret", "_password"];

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRETS.contains(&key.as_str()) || SECRET_ENDINGS.iter().any(|end| key.ends_with(end))
}

/// The same without the values of keys that name a secret, however deep.
pub(crate) fn sanitised(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(key, value)| {
                let value = if is_secret(&key) {
                    REDACTED.into()
                } else {
                    sanitised(value)
                };
                (key, value)
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sanitised).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_left_out_however_deep_they_lie() {
        let found = sanitised(json!({
            "Password": "a", "card": {"CVV": 1, "list": [{"csrf_token": "b", "name": "c"}]}, "tokens": 7, "note": "secret",
        }));
        let expected = json!({
            "Password": "[REDACTED]", "card": {"CVV": "[REDACTED]", "list": [{"csrf_token": "[REDACTED]", "name": "c"}]},
            "tokens": 7, "note": "secret",
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn an_outcome_is_that_of_the_status() {
        let of = |status| Outcome::of_status(status).as_str();
        assert_eq!((of(204), of(304)), ("success", "success"));
        assert_eq!(
            (of(401), of(403)),
            ("permission_denied", "permission_denied")
        );
        assert_eq!((of(404), of(500)), ("error", "error"));
        for word in Outcome::WORDS {
            assert!(Outcome::parse(word).is_some());
        }
    }
}
