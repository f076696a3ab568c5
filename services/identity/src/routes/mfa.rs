//! Routes of the second factor.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_http::{Auth, Caller, FreshAuth, Json, Problem, ProblemBody};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{answer, public};
use super::cookies::Cookies;
use super::device::From as Device;
use super::home;
use crate::logic::mfa::{self, Enrolled, Shown, Standing};
use crate::logic::session::Granted;
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(enroll))
        .routes(routes!(confirm))
        .routes(routes!(get, delete))
}

/// A second factor.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct MfaBody {
    /// What came with `mfa-required`.
    mfa_token: String,
    /// Six digits of the app, or a recovery code.
    code: String,
}

/// Goes on with a sign-in that has asked for a code.
#[utoipa::path(
    post,
    path = "/auth/login/mfa",
    tag = "auth",
    operation_id = "login_mfa",
    request_body = MfaBody,
    responses(
        (status = 200, body = Granted),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 429, body = ProblemBody),
    )
)]
async fn login(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    cookies: Cookies,
    Json(body): Json<MfaBody>,
) -> Result<Response, Problem> {
    let shown = Shown {
        mfa_token: &body.mfa_token,
        code: &body.code,
        device: &device,
    };
    let mut signed_in = mfa::sign_in(&state, &public(&caller), shown).await?;
    let granted = Some(&mut signed_in.granted);
    let mut response = answer(&state, &cookies, StatusCode::OK, granted, |granted| granted);
    cookies.know_device(&state, &signed_in.email, response.headers_mut())?;
    Ok(response)
}

/// Begins with an authenticator app. It counts once a code of it was confirmed; until then this may be called again.
#[utoipa::path(
    post,
    path = "/auth/mfa/totp/enroll",
    tag = "auth",
    operation_id = "enroll_totp",
    responses(
        (status = 200, body = Enrolled),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
    )
)]
async fn enroll(
    State(state): State<IdentityState>,
    FreshAuth(caller): FreshAuth,
    Device(device): Device,
) -> Result<Response, Problem> {
    let scope = caller.scope(home(&caller)?);
    let enrolled = mfa::enroll(&state, &scope, &device).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(enrolled)).into_response())
}

/// The first code of an app.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmBody {
    code: String,
}

/// Codes for when the app is lost; each counts once, and they are shown only here.
#[derive(Serialize, utoipa::ToSchema)]
struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Takes the app by a code that it shows; from now on signing in asks for one.
#[utoipa::path(
    post,
    path = "/auth/mfa/totp/confirm",
    tag = "auth",
    operation_id = "confirm_totp",
    request_body = ConfirmBody,
    responses(
        (status = 200, body = RecoveryCodes),
        (status = 401, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
    )
)]
async fn confirm(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Json(body): Json<ConfirmBody>,
) -> Result<Response, Problem> {
    let scope = caller.scope(home(&caller)?);
    let recovery_codes = mfa::confirm(&state, &scope, &body.code, &device).await?;
    let body = Json(RecoveryCodes { recovery_codes });
    Ok(([(CACHE_CONTROL, "no-store")], body).into_response())
}

/// Whether the caller has a second factor.
#[utoipa::path(
    get,
    path = "/auth/mfa/totp",
    tag = "auth",
    operation_id = "get_totp",
    responses(
        (status = 200, body = Standing),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
) -> Result<Json<Standing>, Problem> {
    let scope = caller.scope(home(&caller)?);
    Ok(Json(mfa::standing(&state, &scope).await?))
}

/// Takes the caller's second factor away, with its recovery codes.
#[utoipa::path(
    delete,
    path = "/auth/mfa/totp",
    tag = "auth",
    operation_id = "delete_totp",
    responses((status = 204), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody))
)]
async fn delete(
    State(state): State<IdentityState>,
    FreshAuth(caller): FreshAuth,
    Device(device): Device,
) -> Result<StatusCode, Problem> {
    let scope = caller.scope(home(&caller)?);
    mfa::remove(&state, &scope, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}
