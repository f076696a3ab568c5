//! The second factor: asked for at the sign-in, set up and taken away in the own account.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::{Method, StatusCode};
use qrcode::QrCode;
use qrcode::render::svg;
use serde_json::json;

use super::account::{self, Me, words};
use super::asked::Answer;
use super::form::Form;
use super::sign_in::{again, own_path};
use super::visitor::Visitor;
use crate::policy::STYLE;

/// The page between the password and the code.
#[derive(Template)]
#[template(path = "people/code.html")]
pub(super) struct CodePage<'a> {
    style: &'static str,
    trouble: Vec<String>,
    to: &'a str,
    mfa_token: &'a str,
}

impl<'a> CodePage<'a> {
    pub(super) const fn new(to: &'a str, mfa_token: &'a str, trouble: Vec<String>) -> Self {
        Self {
            style: STYLE,
            trouble,
            to,
            mfa_token,
        }
    }
}

pub(super) async fn enter(mut visitor: Visitor, form: Form) -> Response {
    let to = own_path(form.filled("to"));
    let mfa_token = form.get("mfa_token");
    let body = json!({ "mfa_token": mfa_token, "code": form.get("code") });
    let answer = visitor.ask_as_nobody("/auth/login/mfa", body).await;
    if answer.status.is_success() && visitor.take(&answer) {
        return visitor.with_cookies(Redirect::to(to).into_response());
    }
    if answer.text("code") == "invalid-token" {
        return again(to);
    }
    let page = CodePage::new(to, mfa_token, answer.trouble());
    visitor.page(answer.status, &page)
}

/// The page that sets an app up.
#[derive(Template)]
#[template(path = "people/app.html")]
struct AppPage<'a> {
    style: &'static str,
    me: Me,
    trouble: Vec<String>,
    /// The address of the app as a picture.
    picture: String,
    address: &'a str,
    secret: &'a str,
}

/// The address as an SVG picture; the app reads it from the screen.
fn picture(address: &str) -> String {
    let drawn = QrCode::new(address).map(|code| {
        let mut picture = code.render::<svg::Color<'_>>();
        picture.min_dimensions(220, 220).build()
    });
    // Its first line names the encoding, which is no part of a page.
    let drawn = drawn.unwrap_or_default();
    drawn
        .find("<svg")
        .map_or_else(String::new, |at| drawn[at..].to_owned())
}

async fn setting_up(
    mut visitor: Visitor,
    secret: &str,
    address: &str,
    refused: Option<&Answer>,
) -> Response {
    let me = visitor.get("/users/me").await;
    if !me.status.is_success() {
        return visitor.instead(&me);
    }
    let status = refused.map_or(StatusCode::OK, |answer| answer.status);
    let page = AppPage {
        style: STYLE,
        me: Me::of(&me.body),
        trouble: refused.map(Answer::trouble).unwrap_or_default(),
        picture: picture(address),
        address,
        secret,
    };
    visitor.page(status, &page)
}

/// What is shown where the API said no: the sign-in where the last one is too long ago.
async fn refused(mut visitor: Visitor, answer: Answer) -> Response {
    if answer.text("code") == "reauthentication-required" {
        return visitor.with_cookies(again("/account"));
    }
    account::shown(&mut visitor, answer.status, answer.trouble(), None).await
}

pub(super) async fn begin(mut visitor: Visitor, _: Form) -> Response {
    let answer = visitor
        .ask(Method::POST, "/auth/mfa/totp/enroll", None)
        .await;
    if !answer.status.is_success() {
        return refused(visitor, answer).await;
    }
    let (secret, address) = (answer.text("secret"), answer.text("otpauth_uri"));
    setting_up(visitor, secret, address, None).await
}

/// The page that shows recovery codes, once.
#[derive(Template)]
#[template(path = "people/recovery.html")]
struct RecoveryPage {
    style: &'static str,
    me: Me,
    codes: Vec<String>,
}

pub(super) async fn confirm(mut visitor: Visitor, form: Form) -> Response {
    let body = json!({ "code": form.get("code") });
    let path = "/auth/mfa/totp/confirm";
    let answer = visitor.ask(Method::POST, path, Some(body)).await;
    if answer.status == StatusCode::UNPROCESSABLE_ENTITY
        || answer.status == StatusCode::TOO_MANY_REQUESTS
    {
        let (secret, address) = (form.get("secret"), form.get("address"));
        return setting_up(visitor, secret, address, Some(&answer)).await;
    }
    if !answer.status.is_success() {
        return refused(visitor, answer).await;
    }
    let me = visitor.get("/users/me").await;
    let page = RecoveryPage {
        style: STYLE,
        me: Me::of(&me.body),
        codes: words(&answer.body["recovery_codes"]),
    };
    visitor.page(StatusCode::OK, &page)
}

pub(super) async fn remove(mut visitor: Visitor, _: Form) -> Response {
    let answer = visitor.ask(Method::DELETE, "/auth/mfa/totp", None).await;
    if !answer.status.is_success() {
        return refused(visitor, answer).await;
    }
    let done = "Your password alone signs you in now.";
    account::shown(&mut visitor, StatusCode::OK, Vec::new(), Some(done)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_drawn() {
        let drawn = picture("otpauth://totp/Brisk:a%40b.example?secret=GEZDGNBV&issuer=Brisk");
        assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>"));
        assert!(!drawn.contains("script"));
    }
}
