//! Where links of mails lead: a new password, a proven address, an invitation.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::asked::{Answer, message};
use super::form::Form;
use super::visitor::Visitor;
use crate::policy::{LINK, LINK_POLICY, STYLE};

/// What a link is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Reset,
    Verify,
    Invite,
}

/// A page that takes the token of a mail.
#[derive(Template)]
#[template(path = "people/link.html")]
struct LinkPage<'a> {
    style: &'static str,
    script: &'static str,
    trouble: Vec<String>,
    /// For what went wrong with the token the page does not help: a new mail does.
    title: &'static str,
    lead: &'static str,
    button: &'static str,
    asks_name: bool,
    asks_password: bool,
    token: &'a str,
    full_name: &'a str,
}

/// The page at `/forgot`.
#[derive(Template)]
#[template(path = "people/forgot.html")]
struct ForgotPage<'a> {
    style: &'static str,
    trouble: Vec<String>,
    email: &'a str,
}

fn shown(visitor: &Visitor, what: Use, form: Option<&Form>, refused: Option<&Answer>) -> Response {
    let field = |name| form.map(|form| form.get(name)).unwrap_or_default();
    let (title, lead, button) = match what {
        Use::Reset => (
            "Set a new password",
            "All your sessions end, on every device.",
            "Set it",
        ),
        Use::Verify => (
            "Confirm your address",
            "One click, and it is yours.",
            "Confirm",
        ),
        Use::Invite => (
            "You are invited",
            "Say who you are and choose a password.",
            "Come in",
        ),
    };
    let page = LinkPage {
        style: STYLE,
        script: LINK,
        trouble: refused.map(Answer::trouble).unwrap_or_default(),
        title,
        lead,
        button,
        asks_name: what == Use::Invite,
        asks_password: what != Use::Verify,
        token: field("token"),
        full_name: field("full_name"),
    };
    let status = refused.map_or(StatusCode::OK, |answer| answer.status);
    let mut response = visitor.page(status, &page);
    let policy: HeaderValue = LINK_POLICY.clone();
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

async fn asked(visitor: &Visitor, path: &str, body: Value) -> Answer {
    visitor.ask_as_nobody(path, body).await
}

pub(super) async fn reset_page(visitor: Visitor) -> Response {
    shown(&visitor, Use::Reset, None, None)
}

pub(super) async fn verify_page(visitor: Visitor) -> Response {
    shown(&visitor, Use::Verify, None, None)
}

pub(super) async fn invite_page(visitor: Visitor) -> Response {
    shown(&visitor, Use::Invite, None, None)
}

pub(super) async fn reset(mut visitor: Visitor, form: Form) -> Response {
    let body = json!({"token": form.get("token").trim(), "new_password": form.get("password")});
    let answer = asked(&visitor, "/auth/password/reset", body).await;
    if !answer.status.is_success() {
        return shown(&visitor, Use::Reset, Some(&form), Some(&answer));
    }
    visitor.forget();
    let page = message(
        StatusCode::OK,
        "Your password is another one now",
        "Sign in with it; all earlier sessions have ended.",
    );
    visitor.with_cookies(page)
}

pub(super) async fn verify(visitor: Visitor, form: Form) -> Response {
    let body = json!({ "token": form.get("token").trim() });
    let answer = asked(&visitor, "/auth/email/verify", body).await;
    if !answer.status.is_success() {
        return shown(&visitor, Use::Verify, Some(&form), Some(&answer));
    }
    message(
        StatusCode::OK,
        "Thank you",
        "The address is confirmed. You can close this page.",
    )
}

pub(super) async fn accept(mut visitor: Visitor, form: Form) -> Response {
    let body = json!({
        "token": form.get("token").trim(), "password": form.get("password"), "full_name": form.get("full_name"),
    });
    let answer = asked(&visitor, "/auth/invitations/accept", body).await;
    if answer.status.is_success() && visitor.take(&answer) {
        return visitor.with_cookies(Redirect::to("/account").into_response());
    }
    shown(&visitor, Use::Invite, Some(&form), Some(&answer))
}

pub(super) async fn forgot_page(visitor: Visitor) -> Response {
    let page = ForgotPage {
        style: STYLE,
        trouble: Vec::new(),
        email: "",
    };
    visitor.page(StatusCode::OK, &page)
}

pub(super) async fn forgot(visitor: Visitor, form: Form) -> Response {
    let body = json!({ "email": form.get("email") });
    let answer = asked(&visitor, "/auth/password/forgot", body).await;
    if answer.status.is_success() {
        return message(
            StatusCode::OK,
            "Look into your mailbox",
            "If the address is known here, a link is on its way. It counts for half an hour.",
        );
    }
    let page = ForgotPage {
        style: STYLE,
        trouble: answer.trouble(),
        email: form.get("email"),
    };
    visitor.page(answer.status, &page)
}
