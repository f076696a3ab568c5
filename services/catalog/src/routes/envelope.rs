//! The member `error` of every problem document: the words of the contract that this service keeps.

use brisk_core::RequestId;
use brisk_http::{OwnMembers, Problem};
use serde_json::{Map, Value, json};

use crate::rights::role_for;

/// `error: {code, msg, details, request_id}`.
pub(crate) const ENVELOPE: OwnMembers = OwnMembers(members);

/// Codes of ours that are words of the contract too.
const WORDS: [&str; 6] = [
    "invalid_cursor",
    "unknown_filter",
    "unknown_relation",
    "unknown_sort",
    "conflict",
    "not_found",
];

fn members(problem: &Problem, request_id: Option<&RequestId>) -> Map<String, Value> {
    let mut error = words(problem);
    error["request_id"] = request_id.map(|id| id.0.as_ref()).into();
    Map::from_iter([("error".to_owned(), error)])
}

/// `{code, msg, details}`.
pub(super) fn words(problem: &Problem) -> Value {
    json!({
        "code": word(problem.status().as_u16(), problem.code()),
        "msg": problem.detail(),
        "details": details(problem),
    })
}

/// The word of the contract for a status and a code of ours.
fn word(status: u16, code: &str) -> &str {
    let (of, last) = code.rsplit_once('.').unwrap_or(("", code));
    if WORDS.contains(&last) {
        return last;
    }
    match status {
        400 => "validation_error",
        401 => "authentication_failed",
        403 => "permission_denied",
        404 => "not_found",
        409 => "conflict",
        413 => "payload_too_large",
        415 | 422 => "invalid_data",
        429 => "rate_limit_exceeded",
        503 | 504 => "overloaded",
        500 if of == "db" => "database_error",
        500.. => "internal_error",
        _ => last,
    }
}

fn details(problem: &Problem) -> Option<Value> {
    let mut details = Map::new();
    if !problem.errors().is_empty() {
        details.insert("errors".to_owned(), json!(problem.errors()));
    }
    if let Some(reason) = problem.member("reason") {
        details.insert("reason".to_owned(), reason.into());
    }
    if let Some(permission) = problem.member("required") {
        let role = role_for(permission).unwrap_or(permission);
        details.insert("missing_roles".to_owned(), json!([role]));
        details.insert("required".to_owned(), permission.into());
    }
    (!details.is_empty()).then_some(Value::Object(details))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_word_and_some_codes_have_their_own() {
        for (status, code, expected) in [
            (400, "list.unknown_filter", "unknown_filter"),
            (400, "catalog.invalid_cursor", "invalid_cursor"),
            (400, "malformed", "validation_error"),
            (401, "invalid-token", "authentication_failed"),
            (403, "forbidden", "permission_denied"),
            (404, "route_not_found", "not_found"),
            (405, "method_not_allowed", "method_not_allowed"),
            (409, "catalog.conflict", "conflict"),
            (413, "body_too_large", "payload_too_large"),
            (422, "wrong_type", "invalid_data"),
            (429, "rate_limited", "rate_limit_exceeded"),
            (500, "db.statement", "database_error"),
            (500, "internal", "internal_error"),
            (503, "db.unavailable", "overloaded"),
        ] {
            assert_eq!(word(status, code), expected, "{status} {code}");
        }
    }
}
