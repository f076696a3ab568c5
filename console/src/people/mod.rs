//! Pages for people who sign in: coming and going, the own account, the people and roles of the tenant.
//!
//! Each page is made of answers of the program's own API ([`Api`]), asked in the name of whoever looks at it. So a page can
//! show and do what its reader may, and nothing else; there is no second way to anything.

mod account;
mod asked;
mod cookies;
mod form;
mod link;
mod role;
mod second_factor;
mod sign_in;
mod user;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{get, post};
use futures::future::BoxFuture;
use http::Request;

/// The program's own API.
pub trait Api: Send + Sync + 'static {
    /// The answer to a request.
    fn call(&self, request: Request<Body>) -> BoxFuture<'_, Response>;
}

/// What the pages share.
#[derive(Clone)]
pub(crate) struct People {
    api: Arc<dyn Api>,
    /// Whether cookies are for secure connections only.
    is_secure: bool,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("People")
    }
}

impl People {
    pub(crate) const fn new(api: Arc<dyn Api>, is_secure: bool) -> Self {
        Self { api, is_secure }
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/sign-in", get(sign_in::page).post(sign_in::enter))
            .route("/sign-in/code", post(second_factor::enter))
            .route("/sign-out", post(sign_in::leave))
            .route("/setup", get(sign_in::setup_page).post(sign_in::set_up))
            .route("/forgot", get(link::forgot_page).post(link::forgot))
            .route("/reset", get(link::reset_page).post(link::reset))
            .route("/verify", get(link::verify_page).post(link::verify))
            .route("/email", get(link::verify_page).post(link::verify))
            .route("/invite", get(link::invite_page).post(link::accept))
            .route("/account", get(account::page))
            .route("/account/password", post(account::password))
            .route("/account/second-factor", post(second_factor::begin))
            .route(
                "/account/second-factor/confirm",
                post(second_factor::confirm),
            )
            .route("/account/second-factor/remove", post(second_factor::remove))
            .route("/account/sessions/{id}/end", post(account::end))
            .route("/account/sign-out-everywhere", post(account::end_all))
            .route("/people", get(user::list).post(user::invite))
            .route("/people/{id}", get(user::page))
            .route("/people/{id}/{act}", post(user::act))
            .route("/roles", get(role::list))
            .with_state(self)
    }
}
