//! Routes by which people look after their own account.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_core::Permissions;
use brisk_http::{Auth, FreshAuth, Json, Problem, ProblemBody, json_with_etag};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::device::From as Device;
use super::home;
use crate::error::Error;
use crate::logic::account::Account;
use crate::logic::address;
use crate::logic::me::{self, OwnChange, own};
use crate::model::user::User;
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(get, update))
        .routes(routes!(get_of_auth))
        .routes(routes!(change_password))
        .routes(routes!(change_email))
}

/// The tenant that somebody belongs to.
#[derive(Serialize, utoipa::ToSchema)]
struct OwnTenant<'a> {
    id: i64,
    slug: &'a str,
    name: &'a str,
}

/// Who somebody is, and what it may do.
#[derive(Serialize, utoipa::ToSchema)]
struct Me<'a> {
    #[serde(flatten)]
    user: &'a User,
    /// The names of the user's roles.
    roles: &'a [String],
    /// What these roles allow.
    #[schema(value_type = Vec<String>)]
    permissions: &'a Permissions,
    tenant: OwnTenant<'a>,
}

impl<'a> Me<'a> {
    fn new(account: &'a Account) -> Self {
        Self {
            user: &account.user,
            roles: &account.roles,
            permissions: &account.permissions,
            tenant: OwnTenant {
                id: account.user.tenant_id.get(),
                slug: &account.tenant_slug,
                name: &account.tenant_name,
            },
        }
    }
}

/// The caller's own account, with its roles and what they allow.
#[utoipa::path(
    get,
    path = "/users/me",
    tag = "me",
    operation_id = "get_me",
    responses(
        (status = 200, body = Me),
        (status = 304),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(Auth(caller): Auth, headers: HeaderMap) -> Result<Response, Problem> {
    let account = Account::of(caller.principal());
    let account = account.ok_or(Error::NotFound { what: "account" })?;
    Ok(json_with_etag(&headers, &Me::new(account)))
}

/// The same as `/users/me`.
#[utoipa::path(
    get,
    path = "/auth/me",
    tag = "me",
    operation_id = "get_me_of_auth",
    responses(
        (status = 200, body = Me),
        (status = 304),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get_of_auth(caller: Auth, headers: HeaderMap) -> Result<Response, Problem> {
    get(caller, headers).await
}

/// What people change about themselves; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnChangeBody {
    full_name: Option<String>,
    /// A language tag; an empty one takes it away.
    locale: Option<String>,
    /// An object of at most 4 KiB.
    metadata: Option<Value>,
}

/// Changes the caller's own profile. The address is changed at `/users/me/email`.
#[utoipa::path(
    patch,
    path = "/users/me",
    tag = "me",
    operation_id = "update_me",
    request_body = OwnChangeBody,
    responses(
        (status = 200, body = User),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn update(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Json(body): Json<OwnChangeBody>,
) -> Result<Json<User>, Problem> {
    let scope = caller.scope(home(&caller)?);
    let change = OwnChange {
        full_name: body.full_name,
        locale: body.locale,
        metadata: body.metadata,
    };
    Ok(Json(me::update(&state, &scope, change, &device).await?))
}

/// The old password and the new one.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    current_password: String,
    /// 12 to 128 characters; no rules about kinds of characters.
    new_password: String,
}

/// Changes the caller's password and ends all its other sessions.
#[utoipa::path(
    post,
    path = "/users/me/password",
    tag = "me",
    operation_id = "change_password",
    request_body = PasswordBody,
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 503, body = ProblemBody),
    )
)]
async fn change_password(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Json(body): Json<PasswordBody>,
) -> Result<Response, Problem> {
    own(caller.principal())?;
    let scope = caller.scope(home(&caller)?);
    let (current, new) = (&body.current_password, &body.new_password);
    me::change_password(&state, &scope, current, new, &device).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Another address.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct EmailBody {
    new_email: String,
    current_password: String,
}

/// Asks for another address for the caller, who has just signed in. It counts once the mail to it is confirmed at
/// `/auth/email/verify`; the old address is told.
#[utoipa::path(
    post,
    path = "/users/me/email",
    tag = "me",
    operation_id = "change_email",
    request_body = EmailBody,
    responses(
        (status = 202, description = "Both addresses are written to"),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 503, body = ProblemBody),
    )
)]
async fn change_email(
    State(state): State<IdentityState>,
    FreshAuth(caller): FreshAuth,
    Device(device): Device,
    Json(body): Json<EmailBody>,
) -> Result<StatusCode, Problem> {
    own(caller.principal())?;
    let scope = caller.scope(home(&caller)?);
    let (new, password) = (&body.new_email, &body.current_password);
    address::ask_for_another(&state, &scope, new, password, &device).await?;
    Ok(StatusCode::ACCEPTED)
}
