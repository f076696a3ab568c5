//! The own account.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use brisk_http::Path;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::asked::text;
use super::form::Form;
use super::visitor::Visitor;
use crate::policy::STYLE;

/// The page at `/account`.
#[derive(Template)]
#[template(path = "people/account.html")]
struct AccountPage {
    style: &'static str,
    me: Me,
    sessions: Vec<SessionLine>,
    /// Whether a code is asked for at the sign-in.
    has_app: bool,
    recovery_codes: i64,
    trouble: Vec<String>,
    done: Option<&'static str>,
}

/// Whoever looks.
#[derive(Clone, Debug)]
pub(super) struct Me {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) tenant: String,
    pub(super) roles: String,
    permissions: Vec<String>,
}

impl Me {
    pub(super) fn of(body: &Value) -> Self {
        Self {
            name: text(body, "full_name").to_owned(),
            email: text(body, "email").to_owned(),
            tenant: text(&body["tenant"], "name").to_owned(),
            roles: words(&body["roles"]).join(", "),
            permissions: words(&body["permissions"]),
        }
    }

    /// Whether the pages about people are worth a link.
    pub(super) fn sees_people(&self) -> bool {
        let any = ["*:*", "users:*", "users:read", "*:read"];
        self.permissions
            .iter()
            .any(|held| any.contains(&held.as_str()))
    }
}

/// The texts of a list.
pub(super) fn words(list: &Value) -> Vec<String> {
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// A session in the words of the page.
struct SessionLine {
    id: String,
    device: String,
    ip: String,
    since: String,
    used: String,
    current: bool,
}

/// An instant to the minute, which is all that anybody looks for here.
pub(super) fn minute(instant: &str) -> String {
    match instant.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => String::new(),
    }
}

impl SessionLine {
    fn of(body: &Value) -> Self {
        let label = text(body, "device_label");
        let agent = text(body, "user_agent");
        Self {
            id: text(body, "id").to_owned(),
            device: match (label, agent) {
                ("", "") => "unknown device".to_owned(),
                ("", agent) => agent.to_owned(),
                (label, "") => label.to_owned(),
                (label, agent) => format!("{label} · {agent}"),
            },
            ip: text(body, "ip").to_owned(),
            since: minute(text(body, "created_at")),
            used: minute(text(body, "last_used_at")),
            current: body["current"] == true,
        }
    }
}

pub(super) async fn shown(
    visitor: &mut Visitor,
    status: StatusCode,
    trouble: Vec<String>,
    done: Option<&'static str>,
) -> Response {
    let me = visitor.get("/users/me").await;
    if !me.status.is_success() {
        return visitor.instead(&me);
    }
    let sessions = visitor.get("/auth/sessions").await;
    let factor = visitor.get("/auth/mfa/totp").await;
    let lines = sessions.body["sessions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let page = AccountPage {
        style: STYLE,
        me: Me::of(&me.body),
        sessions: lines.iter().map(SessionLine::of).collect(),
        has_app: factor.body["enabled"] == true,
        recovery_codes: factor.body["recovery_codes"].as_i64().unwrap_or_default(),
        trouble,
        done,
    };
    visitor.page(status, &page)
}

pub(super) async fn page(mut visitor: Visitor) -> Response {
    if !visitor.is_known() {
        return visitor.to_sign_in();
    }
    shown(&mut visitor, StatusCode::OK, Vec::new(), None).await
}

pub(super) async fn password(mut visitor: Visitor, form: Form) -> Response {
    let body = json!({
        "current_password": form.get("current_password"), "new_password": form.get("new_password"),
    });
    let answer = visitor
        .ask(Method::POST, "/users/me/password", Some(body))
        .await;
    if answer.status.is_success() {
        let done = "Your password is another one now. All other sessions have ended.";
        return shown(&mut visitor, StatusCode::OK, Vec::new(), Some(done)).await;
    }
    shown(&mut visitor, answer.status, answer.trouble(), None).await
}

pub(super) async fn end(mut visitor: Visitor, Path(id): Path<uuid::Uuid>, _: Form) -> Response {
    let path = format!("/auth/sessions/{id}");
    let answer = visitor.ask(Method::DELETE, &path, None).await;
    if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
        return visitor.with_cookies(Redirect::to("/account").into_response());
    }
    visitor.instead(&answer)
}

pub(super) async fn end_all(mut visitor: Visitor, _: Form) -> Response {
    let answer = visitor
        .ask(Method::POST, "/auth/logout-all", Some(json!({})))
        .await;
    if !answer.status.is_success() {
        return visitor.instead(&answer);
    }
    visitor.forget();
    visitor.with_cookies(Redirect::to("/sign-in").into_response())
}
