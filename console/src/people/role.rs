//! The roles of the tenant.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use super::account::{Me, words};
use super::asked::text;
use super::visitor::Visitor;
use crate::policy::STYLE;

/// The page at `/roles`.
#[derive(Template)]
#[template(path = "people/roles.html")]
struct RolesPage {
    style: &'static str,
    me: Me,
    roles: Vec<Line>,
}

struct Line {
    name: String,
    description: String,
    permissions: String,
    is_builtin: bool,
    is_default: bool,
}

impl Line {
    fn of(body: &Value) -> Self {
        Self {
            name: text(body, "name").to_owned(),
            description: text(body, "description").to_owned(),
            permissions: words(&body["permissions"]).join(", "),
            is_builtin: body["is_builtin"] == true,
            is_default: body["is_default"] == true,
        }
    }
}

pub(super) async fn list(mut visitor: Visitor) -> Response {
    if !visitor.is_known() {
        return visitor.to_sign_in();
    }
    let me = visitor.get("/users/me").await;
    if !me.status.is_success() {
        return visitor.instead(&me);
    }
    let roles = visitor.get("/roles").await;
    if !roles.status.is_success() {
        return visitor.instead(&roles);
    }
    let lines = roles.body["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let page = RolesPage {
        style: STYLE,
        me: Me::of(&me.body),
        roles: lines.iter().map(Line::of).collect(),
    };
    visitor.page(StatusCode::OK, &page)
}
