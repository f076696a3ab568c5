//! Routes by which people sign in at another provider.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use brisk_core::{Scope, TenantId};
use brisk_http::{Caller, FreshAuth, Json, Path, Problem, ProblemBody, Query};
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::answer;
use super::cookies::{Cookies, set_binding};
use super::device::From as Device;
use super::home;
use crate::error::Error;
use crate::logic::me::own;
use crate::logic::oauth::{self as logic, Back, Returned, Started, Wish};
use crate::logic::session::Granted;
use crate::model::oauth::{ResponseMode, STATE_LIFE};
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(providers))
        .routes(routes!(start))
        .routes(routes!(authorize))
        .routes(routes!(link))
        .routes(routes!(back, back_by_form))
        .routes(routes!(exchange))
        .routes(routes!(choose))
}

fn public(caller: &Caller) -> Scope {
    caller.scope(TenantId::PLATFORM)
}

/// Whose providers.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// The tenant's slug or number.
    tenant: Option<String>,
}

/// The names of providers.
#[derive(Serialize, utoipa::ToSchema)]
struct ProviderNames {
    providers: Vec<String>,
}

/// The providers that may be used: those of the installation, and with `tenant` that tenant's own.
#[utoipa::path(
    get,
    path = "/auth/oauth/providers",
    tag = "oauth",
    operation_id = "list_sign_in_providers",
    params(Whose),
    responses((status = 200, body = ProviderNames), (status = 404, body = ProblemBody))
)]
async fn providers(
    State(state): State<IdentityState>,
    caller: Caller,
    Query(whose): Query<Whose>,
) -> Result<Json<ProviderNames>, Problem> {
    let tenant = whose.tenant.as_deref();
    let providers = logic::slugs(&state, &public(&caller), tenant).await?;
    Ok(Json(ProviderNames { providers }))
}

/// How somebody goes to a provider and comes back.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct WishQuery {
    /// The tenant's slug or number.
    tenant: Option<String>,
    /// Where the browser goes in the end; one of the addresses of the settings.
    return_to: Option<String>,
    /// Where the provider sends the browser, if not to us; one of the addresses of the settings.
    redirect_uri: Option<String>,
    /// `redirect` (by itself) or `json`.
    #[serde(default)]
    mode: ResponseMode,
    /// The token of an invitation.
    invite: Option<String>,
}

impl WishQuery {
    fn wish<'a>(&'a self, provider: &'a str) -> Wish<'a> {
        Wish {
            provider,
            tenant: self.tenant.as_deref(),
            return_to: self.return_to.as_deref(),
            redirect_uri: self.redirect_uri.as_deref(),
            mode: self.mode,
            invite: self.invite.as_deref(),
            link: None,
        }
    }
}

/// Where to send the browser.
#[derive(Serialize, utoipa::ToSchema)]
struct Way {
    /// The provider's page.
    url: String,
    /// What comes back with it.
    state: String,
    /// Seconds until somebody has to be back.
    expires_in: u64,
}

/// The answer to a way that was begun, with the cookie that binds it to the browser.
fn begun(state: &IdentityState, started: Started, mode: ResponseMode) -> Result<Response, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let binding = started.binding.expose();
    set_binding(state, Some(binding), started.is_form_post, &mut headers);
    match mode {
        ResponseMode::Redirect => to(StatusCode::FOUND, &started.url, headers),
        ResponseMode::Json => {
            let way = Way {
                state: started.state.expose().to_owned(),
                url: started.url,
                expires_in: STATE_LIFE.as_secs(),
            };
            Ok((headers, Json(way)).into_response())
        }
    }
}

fn to(status: StatusCode, url: &str, mut headers: HeaderMap) -> Result<Response, Problem> {
    let place = HeaderValue::from_str(url);
    let place = place.map_err(|_any| Error::Provider("its address cannot stand in a header"))?;
    headers.insert(LOCATION, place);
    Ok((status, headers).into_response())
}

/// Begins a sign-in at a provider.
#[utoipa::path(
    get,
    path = "/auth/oauth/{provider}/start",
    tag = "oauth",
    operation_id = "start_oauth",
    params(("provider" = String, Path, description = "the provider's name"), WishQuery),
    responses(
        (status = 200, body = Way),
        (status = 302, description = "to the provider"),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 502, body = ProblemBody),
    )
)]
async fn start(
    State(state): State<IdentityState>,
    caller: Caller,
    Path(provider): Path<String>,
    Query(query): Query<WishQuery>,
) -> Result<Response, Problem> {
    let started = logic::start(&state, &public(&caller), query.wish(&provider)).await?;
    begun(&state, started, query.mode)
}

/// The same as `start`.
#[utoipa::path(
    get,
    path = "/auth/oauth/{provider}/authorize",
    tag = "oauth",
    operation_id = "authorize_oauth",
    params(("provider" = String, Path, description = "the provider's name"), WishQuery),
    responses(
        (status = 200, body = Way),
        (status = 302, description = "to the provider"),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 502, body = ProblemBody),
    )
)]
async fn authorize(
    state: State<IdentityState>,
    caller: Caller,
    provider: Path<String>,
    query: Query<WishQuery>,
) -> Result<Response, Problem> {
    start(state, caller, provider, query).await
}

/// Begins the way to a provider that the caller wants to sign in with from now on.
#[utoipa::path(
    post,
    path = "/auth/oauth/{provider}/link",
    tag = "oauth",
    operation_id = "link_oauth",
    params(("provider" = String, Path, description = "the provider's name"), WishQuery),
    responses(
        (status = 200, body = Way),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 502, body = ProblemBody),
    )
)]
async fn link(
    State(state): State<IdentityState>,
    FreshAuth(caller): FreshAuth,
    Path(provider): Path<String>,
    Query(query): Query<WishQuery>,
) -> Result<Response, Problem> {
    let (user, _) = own(caller.principal())?;
    let tenant = home(&caller)?;
    let wish = Wish {
        link: Some((tenant, user)),
        invite: None,
        ..query.wish(&provider)
    };
    let started = logic::start(&state, &caller.scope(tenant), wish).await?;
    begun(&state, started, ResponseMode::Json)
}

/// What a provider sends along; parameters of its own beside these are fine, and none of these may stand twice.
#[derive(Default, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct BackQuery {
    /// The code.
    code: Option<String>,
    /// The state of the beginning.
    state: Option<String>,
    /// The provider's own name (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

impl BackQuery {
    fn read(text: &[u8]) -> Result<Self, Error> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text) {
            let place = match name.as_ref() {
                "code" => &mut query.code,
                "state" => &mut query.state,
                "iss" => &mut query.iss,
                "error" => &mut query.error,
                _ => continue,
            };
            if place.replace(Cow::into_owned(value)).is_some() {
                return Err(Error::InvalidState);
            }
        }
        Ok(query)
    }
}

/// Comes back from a provider: tokens, or a redirect with a token to exchange for them.
#[utoipa::path(
    get,
    path = "/auth/oauth/{provider}/callback",
    tag = "oauth",
    operation_id = "finish_oauth",
    params(("provider" = String, Path, description = "the provider, as its address names it"), BackQuery),
    responses(
        (status = 200, body = Granted),
        (status = 303, description = "to `return_to`, with `exchange`"),
        (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 502, body = ProblemBody),
    )
)]
async fn back(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    cookies: Cookies,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = BackQuery::read(query.unwrap_or_default().as_bytes())?;
    let returned = Returned {
        provider: &provider,
        state: query.state.as_deref(),
        code: query.code.as_deref(),
        iss: query.iss.as_deref(),
        error: query.error.as_deref(),
        binding: cookies.binding(&state),
    };
    let outcome = logic::callback(&state, &public(&caller), returned, &device).await;
    let mut response = match outcome {
        // The browser stays bound until it has exchanged the token.
        Ok(Back::To(place)) => {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return to(StatusCode::SEE_OTHER, &place, headers);
        }
        Ok(Back::In(mut granted)) => {
            let granted = Some(&mut *granted);
            answer(&state, &cookies, StatusCode::OK, granted, |granted| granted)
        }
        // It was nobody's way, perhaps in the middle of somebody's.
        Err(Error::InvalidState) => return Err(Error::InvalidState.into()),
        Err(error) => problem(error).into_response(),
    };
    set_binding(&state, None, false, response.headers_mut());
    Ok(response)
}

/// The same for providers whose page submits a form (`response_mode=form_post`).
#[utoipa::path(
    post,
    path = "/auth/oauth/{provider}/callback",
    tag = "oauth",
    operation_id = "finish_oauth_by_form",
    params(("provider" = String, Path, description = "the provider, as its address names it")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = Granted),
        (status = 303, description = "to `return_to`, with `exchange`"),
        (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 502, body = ProblemBody),
    )
)]
async fn back_by_form(
    state: State<IdentityState>,
    caller: Caller,
    device: Device,
    cookies: Cookies,
    provider: Path<String>,
    form: Bytes,
) -> Result<Response, Problem> {
    let form = String::from_utf8(form.to_vec()).map_err(|_any| Error::InvalidState)?;
    back(
        state,
        caller,
        device,
        cookies,
        provider,
        RawQuery(Some(form)),
    )
    .await
}

/// The answer to a sign-in that came to nothing.
fn problem(error: Error) -> Problem {
    let tenants: Option<Vec<Value>> = match &error {
        Error::TenantChoice(choice) => {
            let all = choice.tenants.iter();
            Some(
                all.map(|(slug, name)| json!({"slug": slug, "name": name}))
                    .collect(),
            )
        }
        _ => None,
    };
    let problem = Problem::from(error);
    match tenants {
        Some(tenants) => problem.with("tenants", tenants),
        None => problem,
    }
}

/// What a browser brought back to the page that it began at.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ExchangeBody {
    exchange: String,
}

/// Exchanges what a redirect brought for tokens, once, within a minute, in the same browser.
#[utoipa::path(
    post,
    path = "/auth/oauth/exchange",
    tag = "oauth",
    operation_id = "exchange_oauth",
    request_body = ExchangeBody,
    responses(
        (status = 200, body = Granted),
        (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 429, body = ProblemBody),
    )
)]
async fn exchange(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    cookies: Cookies,
    Json(body): Json<ExchangeBody>,
) -> Result<Response, Problem> {
    let binding = cookies.binding(&state);
    let scope = public(&caller);
    let granted = logic::exchange(&state, &scope, &body.exchange, binding, &device).await?;
    let mut response = entered(&state, &cookies, granted);
    set_binding(&state, None, false, response.headers_mut());
    Ok(response)
}

/// Which of several tenants somebody means.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ChoiceBody {
    /// What came with the question.
    choice_token: String,
    /// The tenant's slug or number.
    tenant: String,
}

/// Signs somebody in to the tenant that it has chosen.
#[utoipa::path(
    post,
    path = "/auth/oauth/choose",
    tag = "oauth",
    operation_id = "choose_tenant",
    request_body = ChoiceBody,
    responses(
        (status = 200, body = Granted),
        (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
    )
)]
async fn choose(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    cookies: Cookies,
    Json(body): Json<ChoiceBody>,
) -> Result<Response, Problem> {
    let scope = public(&caller);
    let (token, tenant) = (&body.choice_token, &body.tenant);
    let granted = logic::choose(&state, &scope, token, tenant, &device).await?;
    Ok(entered(&state, &cookies, granted))
}

fn entered(state: &IdentityState, cookies: &Cookies, mut granted: Granted) -> Response {
    let granted = Some(&mut granted);
    answer(state, cookies, StatusCode::OK, granted, |granted| granted)
}
