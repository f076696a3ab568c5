//! Routes by which people come and go.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_core::{Scope, TenantId};
use brisk_http::{Auth, Caller, Json, Problem, ProblemBody};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cookies::Cookies;
use super::device::From as Device;
use crate::error::Error;
use crate::logic::login::{Credentials, login as sign_in};
use crate::logic::register::{Registrant, register as make};
use crate::logic::session::{Granted, LONGEST_LABEL};
use crate::logic::{logout, me, refresh as renewal};
use crate::model::user::User;
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(leave))
        .routes(routes!(logout_all))
}

/// A tenant and its first owner.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct RegisterBody {
    email: String,
    /// 12 to 128 characters; no rules about kinds of characters.
    password: String,
    full_name: String,
    /// The name of the new tenant.
    tenant_name: String,
}

/// Somebody new.
#[derive(Serialize, utoipa::ToSchema)]
struct Registered {
    user: User,
    #[serde(flatten)]
    granted: Option<Granted>,
    /// Whether the address has to be proved before signing in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    verification_required: bool,
}

/// What may follow the password.
const METHODS: [&str; 2] = ["totp", "recovery_code"];

/// The scope of work before anybody is known.
pub(super) fn public(caller: &Caller) -> Scope {
    caller.scope(TenantId::PLATFORM)
}

/// The answer with tokens in it, or with the refresh token in a cookie where the client wants that.
pub(super) fn answer<T: Serialize>(
    state: &IdentityState,
    cookies: &Cookies,
    status: StatusCode,
    granted: Option<&mut Granted>,
    body: impl FnOnce(Option<Granted>) -> T,
) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let granted = granted.map(|granted| {
        if cookies.wants_cookie() {
            let token = granted.refresh_token.take().unwrap_or_default();
            cookies.set_refresh(
                state,
                Some((&token, granted.refresh_expires_in)),
                &mut headers,
            );
        }
        granted.clone()
    });
    (status, headers, Json(body(granted))).into_response()
}

/// Makes a tenant with its first owner, who is signed in at once where addresses need no proof, and is mailed to either way.
#[utoipa::path(
    post,
    path = "/auth/register",
    tag = "auth",
    operation_id = "register",
    request_body = RegisterBody,
    responses(
        (status = 201, body = Registered),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 503, body = ProblemBody),
    )
)]
async fn register(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    cookies: Cookies,
    Json(body): Json<RegisterBody>,
) -> Result<Response, Problem> {
    let new = Registrant {
        email: &body.email,
        password: &body.password,
        full_name: &body.full_name,
        tenant_name: &body.tenant_name,
    };
    let made = make(&state, &public(&caller), new, &device).await?;
    let mut granted = made.granted;
    let user = made.user;
    let mut response = answer(
        &state,
        &cookies,
        StatusCode::CREATED,
        granted.as_mut(),
        |granted| Registered {
            verification_required: granted.is_none(),
            user,
            granted,
        },
    );
    cookies.know_device(&state, &body.email, response.headers_mut())?;
    Ok(response)
}

/// Who signs in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    email: String,
    password: String,
    /// The tenant's slug or number; needed where the address is known in several.
    tenant: Option<String>,
    /// A name for the device, up to 100 characters.
    device_label: Option<String>,
}

/// Signs in with a password.
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "auth",
    operation_id = "login",
    request_body = LoginBody,
    responses(
        (status = 200, body = Granted),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 503, body = ProblemBody),
    )
)]
async fn login(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    cookies: Cookies,
    Json(body): Json<LoginBody>,
) -> Result<Response, Problem> {
    if body
        .device_label
        .as_ref()
        .is_some_and(|label| label.chars().count() > LONGEST_LABEL)
    {
        let message = "must have at most 100 characters";
        return Err(Error::field("device_label", "length", message).into());
    }
    let credentials = Credentials {
        email: &body.email,
        password: &body.password,
        tenant: body.tenant.as_deref(),
        label: body.device_label.clone(),
        device: &device,
        known_device: cookies.device(&state, &body.email),
    };
    let mut granted = sign_in(&state, &public(&caller), credentials)
        .await
        .map_err(|error| match error {
            Error::MfaRequired { .. } => {
                Problem::from(error).with("methods", METHODS.map(Value::from).to_vec())
            }
            other => other.into(),
        })?;
    let mut response = answer(
        &state,
        &cookies,
        StatusCode::OK,
        Some(&mut granted),
        |granted| granted,
    );
    cookies.know_device(&state, &body.email, response.headers_mut())?;
    Ok(response)
}

/// A refresh token, where it is in no cookie.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshBody {
    refresh_token: Option<String>,
}

/// Exchanges a refresh token for the next one and a new access token. Each is used once; a client that lost its answer may
/// ask again at once and gets the same one.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    tag = "auth",
    operation_id = "refresh",
    request_body = RefreshBody,
    responses(
        (status = 200, body = Granted),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 429, body = ProblemBody),
    )
)]
async fn refresh(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    mut cookies: Cookies,
    body: Option<Json<RefreshBody>>,
) -> Result<Response, Problem> {
    let Json(body) = body.unwrap_or_default();
    let presented = if let Some(token) = body.refresh_token {
        token
    } else {
        let token = cookies.refresh(&state)?.map(str::to_owned);
        cookies.answer_in_cookie();
        token.ok_or(Error::InvalidRefreshToken("there is none"))?
    };
    let mut granted = renewal::refresh(&state, &public(&caller), &presented, &device).await?;
    Ok(answer(
        &state,
        &cookies,
        StatusCode::OK,
        Some(&mut granted),
        |granted| granted,
    ))
}

/// Ends the session of the refresh token or of the bearer; 204 whatever was shown.
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "auth",
    operation_id = "logout",
    request_body = RefreshBody,
    responses((status = 204), (status = 403, body = ProblemBody))
)]
async fn leave(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    cookies: Cookies,
    headers: HeaderMap,
    body: Option<Json<RefreshBody>>,
) -> Result<Response, Problem> {
    let Json(body) = body.unwrap_or_default();
    let shown = match &body.refresh_token {
        Some(token) => Some(token.as_str()),
        None => cookies.refresh(&state)?,
    };
    let bearer = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    let bearer = bearer
        .and_then(|text| text.split_once(' '))
        .map(|(_, token)| token.trim());
    logout::logout(&state, &public(&caller), shown, bearer, &device).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    cookies.set_refresh(&state, None, response.headers_mut());
    Ok(response)
}

/// Which sessions end.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct LogoutAllBody {
    /// Whether the session of this call goes on.
    #[serde(default)]
    except_current: bool,
}

/// Ends all sessions of the caller.
#[utoipa::path(
    post,
    path = "/auth/logout-all",
    tag = "auth",
    operation_id = "logout_all",
    request_body = LogoutAllBody,
    responses((status = 204), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody))
)]
async fn logout_all(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    body: Option<Json<LogoutAllBody>>,
) -> Result<StatusCode, Problem> {
    let Json(body) = body.unwrap_or_default();
    let scope = caller.scope(super::home(&caller)?);
    me::logout_all(&state, &scope, body.except_current, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}
