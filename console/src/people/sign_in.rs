//! Coming and going.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::form::Form;
use super::second_factor::CodePage;
use super::visitor::Visitor;
use crate::policy::STYLE;
use brisk_http::Query;

/// Where a page is gone to that needs somebody.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Way {
    to: Option<String>,
    token: Option<String>,
    /// Whether somebody who is signed in has to do it once more.
    again: Option<String>,
}

/// The page at `/sign-in`.
#[derive(Template)]
#[template(path = "people/sign_in.html")]
struct SignInPage<'a> {
    style: &'static str,
    trouble: Vec<String>,
    to: &'a str,
    email: &'a str,
    tenant: &'a str,
}

/// The page at `/setup`.
#[derive(Template)]
#[template(path = "people/setup.html")]
struct SetupPage<'a> {
    style: &'static str,
    trouble: Vec<String>,
    token: &'a str,
    email: &'a str,
    full_name: &'a str,
}

/// A path of ours; anything else, another host among it, is the account.
pub(super) fn own_path(to: Option<&str>) -> &str {
    to.filter(|to| {
        let rest = to.strip_prefix('/');
        rest.is_some_and(|rest| !rest.starts_with(['/', '\\']))
            && to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    })
    .unwrap_or("/account")
}

/// To the sign-in, for what needs one of the last minutes.
pub(super) fn again(to: &str) -> Response {
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("again", "1")
        .append_pair("to", to)
        .finish();
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}

pub(super) async fn page(mut visitor: Visitor, Query(way): Query<Way>) -> Response {
    let to = own_path(way.to.as_deref());
    let once_more = way.again.is_some();
    if !once_more && visitor.is_known() && visitor.get("/users/me").await.status.is_success() {
        return visitor.with_cookies(Redirect::to(to).into_response());
    }
    visitor.page(
        StatusCode::OK,
        &SignInPage {
            style: STYLE,
            trouble: if once_more {
                vec!["Please sign in once more; it was a while ago.".to_owned()]
            } else {
                Vec::new()
            },
            to,
            email: "",
            tenant: "",
        },
    )
}

pub(super) async fn enter(mut visitor: Visitor, form: Form) -> Response {
    let to = own_path(form.filled("to"));
    let mut body = json!({
        "email": form.get("email"), "password": form.get("password"), "device_label": "console",
    });
    if let Some(tenant) = form.filled("tenant") {
        body["tenant"] = json!(tenant);
    }
    let answer = visitor.ask_as_nobody("/auth/login", body).await;
    if answer.status.is_success() && visitor.take(&answer) {
        return visitor.with_cookies(Redirect::to(to).into_response());
    }
    if answer.text("code") == "mfa-required" {
        let page = CodePage::new(to, answer.text("mfa_token"), Vec::new());
        return visitor.page(StatusCode::OK, &page);
    }
    visitor.page(
        answer.status,
        &SignInPage {
            style: STYLE,
            trouble: answer.trouble(),
            to,
            email: form.get("email"),
            tenant: form.get("tenant"),
        },
    )
}

pub(super) async fn leave(mut visitor: Visitor, _: Form) -> Response {
    if visitor.is_known() {
        visitor.ask(Method::POST, "/auth/logout", None).await;
    }
    visitor.forget();
    visitor.with_cookies(Redirect::to("/").into_response())
}

pub(super) async fn setup_page(visitor: Visitor, Query(way): Query<Way>) -> Response {
    let token = way.token.as_deref().unwrap_or_default();
    visitor.page(
        StatusCode::OK,
        &SetupPage {
            style: STYLE,
            trouble: Vec::new(),
            token,
            email: "",
            full_name: "",
        },
    )
}

pub(super) async fn set_up(mut visitor: Visitor, form: Form) -> Response {
    let body = json!({
        "token": form.get("token"), "email": form.get("email"), "password": form.get("password"),
        "full_name": form.get("full_name"),
    });
    let answer = visitor.ask_as_nobody("/setup", body).await;
    if answer.status.is_success() && visitor.take(&answer) {
        return visitor.with_cookies(Redirect::to("/account").into_response());
    }
    let trouble = if answer.status == StatusCode::NOT_FOUND {
        vec!["There is an administrator already. Sign in instead.".to_owned()]
    } else {
        answer.trouble()
    };
    visitor.page(
        answer.status,
        &SetupPage {
            style: STYLE,
            trouble,
            token: form.get("token"),
            email: form.get("email"),
            full_name: form.get("full_name"),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_host() {
        for (to, expected) in [
            ("/people?page=2", "/people?page=2"),
            ("/", "/"),
            ("//evil.example", "/account"),
            ("/\\evil.example", "/account"),
            ("https://evil.example", "/account"),
            ("/a\r\nb", "/account"),
            ("", "/account"),
        ] {
            assert_eq!(own_path(Some(to)), expected, "{to}");
        }
    }
}
