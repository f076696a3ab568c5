//! The route by which an installation gets its first administrator.

use axum::extract::State;
use axum::response::Response;
use brisk_core::TenantId;
use brisk_http::{Caller, Json, Problem, ProblemBody};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::answer;
use super::cookies::Cookies;
use super::device::From as Device;
use crate::logic::bootstrap::{self, Setup};
use crate::logic::session::Granted;
use crate::model::user::User;
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new().routes(routes!(setup))
}

/// The first administrator, and the token that was printed at the start.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct SetupBody {
    token: String,
    email: String,
    /// 12 to 128 characters; no rules about kinds of characters.
    password: String,
    full_name: String,
}

/// The first administrator, signed in.
#[derive(Serialize, utoipa::ToSchema)]
struct SetUp {
    user: User,
    #[serde(flatten)]
    granted: Option<Granted>,
}

/// Makes the first administrator. Once there is one, this is 404 for ever.
#[utoipa::path(
    post,
    path = "/setup",
    tag = "auth",
    operation_id = "setup",
    request_body = SetupBody,
    responses(
        (status = 201, body = SetUp),
        (status = 400, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
    )
)]
async fn setup(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    cookies: Cookies,
    Json(body): Json<SetupBody>,
) -> Result<Response, Problem> {
    let new = Setup {
        token: &body.token,
        email: &body.email,
        password: &body.password,
        full_name: &body.full_name,
    };
    let scope = caller.scope(TenantId::PLATFORM);
    let (user, mut granted) = bootstrap::setup(&state, &scope, new, &device).await?;
    let mut response = answer(
        &state,
        &cookies,
        StatusCode::CREATED,
        Some(&mut granted),
        |granted| SetUp { user, granted },
    );
    cookies.know_device(&state, &body.email, response.headers_mut())?;
    Ok(response)
}
