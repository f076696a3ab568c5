//! The people of the tenant.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use brisk_http::{Path, Query};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::account::{Me, minute, words};
use super::asked::{Answer, text};
use super::form::Form;
use super::sign_in::again;
use super::visitor::Visitor;
use crate::policy::STYLE;

/// Which page of the list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    cursor: Option<String>,
    q: Option<String>,
}

impl Wanted {
    fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", "50");
        let named = [("cursor", &self.cursor), ("q", &self.q)];
        for (name, value) in named {
            if let Some(value) = value.as_deref().map(str::trim).filter(|v| !v.is_empty()) {
                query.append_pair(name, value);
            }
        }
        format!("/users?{}", query.finish())
    }
}

/// The page at `/people`.
#[derive(Template)]
#[template(path = "people/list.html")]
struct ListPage {
    style: &'static str,
    me: Me,
    q: String,
    users: Vec<Line>,
    next: Option<String>,
    trouble: Vec<String>,
    made: Option<Made>,
}

/// Somebody who was just made.
struct Made {
    email: String,
    /// Shown this once; none for somebody who gets a mail.
    password: Option<String>,
}

/// Somebody in the list.
struct Line {
    id: String,
    name: String,
    email: String,
    status: String,
    since: String,
}

impl Line {
    fn of(body: &Value) -> Self {
        Self {
            id: text(body, "id").to_owned(),
            name: text(body, "full_name").to_owned(),
            email: text(body, "email").to_owned(),
            status: text(body, "status").to_owned(),
            since: minute(text(body, "created_at")),
        }
    }
}

/// The page of one person.
#[derive(Template)]
#[template(path = "people/one.html")]
struct OnePage {
    style: &'static str,
    me: Me,
    user: Line,
    is_active: bool,
    last_login: String,
    roles: Vec<RoleBox>,
    trouble: Vec<String>,
}

/// A role that somebody may have.
struct RoleBox {
    id: String,
    name: String,
    description: String,
    has: bool,
}

fn items(answer: &Answer) -> &[Value] {
    answer.body["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

async fn listed(
    visitor: &mut Visitor,
    wanted: Wanted,
    trouble: Vec<String>,
    made: Option<Made>,
) -> Response {
    let me = visitor.get("/users/me").await;
    if !me.status.is_success() {
        return visitor.instead(&me);
    }
    let users = visitor.get(&wanted.path()).await;
    if !users.status.is_success() {
        return visitor.instead(&users);
    }
    let page = ListPage {
        style: STYLE,
        me: Me::of(&me.body),
        q: wanted.q.unwrap_or_default(),
        users: items(&users).iter().map(Line::of).collect(),
        next: users.body["next_cursor"].as_str().map(str::to_owned),
        trouble,
        made,
    };
    visitor.page(StatusCode::OK, &page)
}

pub(super) async fn list(mut visitor: Visitor, Query(wanted): Query<Wanted>) -> Response {
    if !visitor.is_known() {
        return visitor.to_sign_in();
    }
    listed(&mut visitor, wanted, Vec::new(), None).await
}

/// Makes somebody: who gets a mail and chooses a password, or with a password that the maker passes on.
pub(super) async fn invite(mut visitor: Visitor, form: Form) -> Response {
    let by_mail = form.get("how") == "mail";
    let password = if by_mail { None } else { made_up() };
    if !by_mail && password.is_none() {
        let trouble = vec!["No password could be made; please try again.".to_owned()];
        return listed(&mut visitor, Wanted::default(), trouble, None).await;
    }
    let email = form.get("email");
    let mut body = json!({ "email": email, "full_name": form.get("full_name") });
    match &password {
        Some(password) => body["password"] = json!(password),
        None => body["send_invite"] = json!(true),
    }
    let answer = visitor.ask(Method::POST, "/users", Some(body)).await;
    if answer.status.is_success() {
        let made = Some(Made {
            email: email.to_owned(),
            password,
        });
        return listed(&mut visitor, Wanted::default(), Vec::new(), made).await;
    }
    listed(&mut visitor, Wanted::default(), answer.trouble(), None).await
}

/// 24 random letters, digits and signs.
fn made_up() -> Option<String> {
    use base64::Engine as _;
    let mut bytes = [0_u8; 18];
    getrandom::fill(&mut bytes).ok()?;
    Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

async fn shown(visitor: &mut Visitor, id: Uuid, trouble: Vec<String>) -> Response {
    let me = visitor.get("/users/me").await;
    if !me.status.is_success() {
        return visitor.instead(&me);
    }
    let user = visitor.get(&format!("/users/{id}")).await;
    if !user.status.is_success() {
        return visitor.instead(&user);
    }
    let roles = visitor.get("/roles").await;
    let held = words(&user.body["roles"]);
    let boxes = items(&roles).iter().map(|role| RoleBox {
        id: text(role, "id").to_owned(),
        name: text(role, "name").to_owned(),
        description: text(role, "description").to_owned(),
        has: held.iter().any(|name| name == text(role, "name")),
    });
    let page = OnePage {
        style: STYLE,
        me: Me::of(&me.body),
        is_active: user.body["is_active"] == true,
        last_login: minute(user.text("last_login_at")),
        roles: boxes.collect(),
        user: Line::of(&user.body),
        trouble,
    };
    visitor.page(StatusCode::OK, &page)
}

pub(super) async fn page(mut visitor: Visitor, Path(id): Path<Uuid>) -> Response {
    if !visitor.is_known() {
        return visitor.to_sign_in();
    }
    shown(&mut visitor, id, Vec::new()).await
}

/// Does one thing about somebody.
pub(super) async fn act(
    mut visitor: Visitor,
    Path((id, act)): Path<(Uuid, String)>,
    form: Form,
) -> Response {
    let answer = match act.as_str() {
        "activate" | "deactivate" | "unlock" => {
            let path = format!("/users/{id}/{act}");
            visitor.ask(Method::POST, &path, None).await
        }
        "sign-out" => {
            let path = format!("/users/{id}/sessions");
            visitor.ask(Method::DELETE, &path, None).await
        }
        "remove-second-factor" => {
            let path = format!("/users/{id}/totp");
            visitor.ask(Method::DELETE, &path, None).await
        }
        "give" | "take" => {
            let Some(role) = form
                .filled("role")
                .and_then(|role| Uuid::try_parse(role).ok())
            else {
                return shown(&mut visitor, id, vec!["Choose a role.".to_owned()]).await;
            };
            let method = if act == "give" {
                Method::PUT
            } else {
                Method::DELETE
            };
            let path = format!("/users/{id}/roles/{role}");
            visitor.ask(method, &path, None).await
        }
        _ => {
            return super::asked::message(
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "The address is mistyped.",
            );
        }
    };
    if answer.status.is_success() {
        return visitor.with_cookies(Redirect::to(&format!("/people/{id}")).into_response());
    }
    if answer.text("code") == "reauthentication-required" {
        return visitor.with_cookies(again(&format!("/people/{id}")));
    }
    shown(&mut visitor, id, answer.trouble()).await
}
