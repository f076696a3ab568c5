//! Routes of tenants: the caller's own, and all of them for those who run the installation.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_auth::{Tenant, TenantKind, TenantStatus};
use brisk_core::TenantId;
use brisk_db::Paging;
use brisk_http::{
    Auth, Caller, FreshAuth, Json, Path, Problem, ProblemBody, Query, RequirePermission as _,
    json_with_etag,
};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::device::From as Device;
use super::home;
use super::precondition::{IfMatch, location};
use super::user::limit;
use crate::logic::tenant_admin::{self as logic, NewCustomer, NewOwner, TenantChange};
use crate::model::tenant_rules::TenantRules;
use crate::model::user::User;
use crate::state::IdentityState;
use crate::store::tenant_admin::{TenantAdmin, TenantFilter};

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(get_own, update_own, delete_own))
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(suspend))
        .routes(routes!(resume))
        .routes(routes!(rotate_keys))
}

/// The name of the list, which its cursors are bound to.
const LIST: &str = "identity.tenants";

/// A tenant as the API shows it.
#[derive(Serialize, utoipa::ToSchema)]
struct TenantBody {
    #[schema(value_type = i64)]
    id: TenantId,
    slug: String,
    name: String,
    #[schema(value_type = String)]
    kind: TenantKind,
    #[schema(value_type = String)]
    status: TenantStatus,
    timezone: String,
    locale: String,
    /// See the settings of a change; members of others may stand beside them.
    settings: Value,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Tenant> for TenantBody {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            slug: tenant.slug,
            name: tenant.name,
            kind: tenant.kind,
            status: tenant.status,
            timezone: tenant.timezone,
            locale: tenant.locale,
            settings: tenant.settings.0,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

/// A change; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantChangeBody {
    name: Option<String>,
    /// An IANA time zone.
    timezone: Option<String>,
    /// A language tag.
    locale: Option<String>,
    /// All settings of its own; what is left out of them is as the installation has it.
    settings: Option<TenantRules>,
}

impl From<TenantChangeBody> for TenantChange {
    fn from(body: TenantChangeBody) -> Self {
        Self {
            name: body.name,
            timezone: body.timezone,
            locale: body.locale,
            settings: body.settings,
        }
    }
}

/// Where those who run the installation stand: in its own tenant, or nowhere with a key.
fn at(caller: &Caller) -> TenantId {
    caller.principal().tenant.unwrap_or(TenantId::PLATFORM)
}

async fn change(
    state: &IdentityState,
    caller: &Caller,
    id: TenantId,
    body: TenantChangeBody,
    expected: &IfMatch,
    device: &crate::model::audit::Device,
) -> Result<Response, Problem> {
    let scope = caller.scope(at(caller));
    let is_expected = |tenant: &Tenant| expected.is_met(&TenantBody::from(tenant.clone()));
    let changed = logic::update(state, &scope, id, body.into(), &is_expected, device).await?;
    Ok(json_with_etag(
        &HeaderMap::new(),
        &TenantBody::from(changed),
    ))
}

/// Reads the caller's own tenant.
#[utoipa::path(
    get,
    path = "/tenant",
    tag = "tenant",
    operation_id = "get_tenant",
    responses(
        (status = 200, body = TenantBody),
        (status = 304),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
    )
)]
async fn get_own(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.permit("tenant:read")?;
    let id = home(&caller)?;
    let found = logic::get(&state, &caller.scope(id), id).await?;
    Ok(json_with_etag(&headers, &TenantBody::from(found)))
}

/// Changes the caller's own tenant.
#[utoipa::path(
    patch,
    path = "/tenant",
    tag = "tenant",
    operation_id = "update_tenant",
    request_body = TenantChangeBody,
    responses(
        (status = 200, body = TenantBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 412, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn update_own(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    expected: IfMatch,
    Json(body): Json<TenantChangeBody>,
) -> Result<Response, Problem> {
    caller.permit("tenant:update")?;
    let id = home(&caller)?;
    change(&state, &caller, id, body, &expected, &device).await
}

/// Deletes the caller's own tenant: nobody gets in any more, and its rows are erased soon.
#[utoipa::path(
    delete,
    path = "/tenant",
    tag = "tenant",
    operation_id = "delete_tenant",
    responses(
        (status = 202, body = TenantBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
    )
)]
async fn delete_own(
    State(state): State<IdentityState>,
    FreshAuth(caller): FreshAuth,
    Device(device): Device,
) -> Result<Response, Problem> {
    caller.permit("tenant:delete")?;
    let id = home(&caller)?;
    let deleted = logic::delete(&state, &caller.scope(id), id, &device).await?;
    Ok((StatusCode::ACCEPTED, Json(TenantBody::from(deleted))).into_response())
}

/// Which tenants.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct TenantQuery {
    /// Rows, 1 to 100; 20 where it is left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` or `prev_cursor` of another page.
    cursor: Option<String>,
    /// `active`, `suspended` or `deleting`.
    #[param(value_type = Option<String>)]
    status: Option<TenantStatus>,
    #[param(value_type = Option<String>)]
    kind: Option<TenantKind>,
}

/// A page of tenants.
#[derive(Serialize, utoipa::ToSchema)]
struct TenantPage {
    items: Vec<TenantBody>,
    next_cursor: Option<String>,
    prev_cursor: Option<String>,
    limit: u32,
}

/// Lists all tenants, the oldest first.
#[utoipa::path(
    get,
    path = "/admin/tenants",
    tag = "admin",
    operation_id = "list_tenants",
    params(TenantQuery),
    responses(
        (status = 200, body = TenantPage),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Query(query): Query<TenantQuery>,
) -> Result<Json<TenantPage>, Problem> {
    caller.permit("tenants:read")?;
    let limit = limit(query.limit)?;
    let session = state.platform(&caller.scope(at(&caller)));
    let filter = TenantFilter {
        status: query.status,
        kind: query.kind,
    };
    let asked = Paging {
        key: &state.cursor,
        list: LIST,
        filter: &filter,
        limit,
        skip: 0,
        cursor: query.cursor.as_deref(),
    };
    let page = TenantAdmin(&session).page(asked).await?;
    Ok(Json(TenantPage {
        items: page.items.into_iter().map(TenantBody::from).collect(),
        next_cursor: page.next_cursor,
        prev_cursor: page.previous_cursor,
        limit,
    }))
}

/// The first owner of a tenant.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnerBody {
    email: String,
    full_name: String,
    /// 12 to 128 characters. Without one the owner is invited and has to set one.
    password: Option<String>,
    /// Whether to mail an invitation; only without a password.
    send_invite: Option<bool>,
}

/// A tenant to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTenantBody {
    name: String,
    /// Made from the name where it is left out.
    slug: Option<String>,
    /// `organisation` where it is left out.
    #[schema(value_type = Option<String>)]
    kind: Option<TenantKind>,
    timezone: Option<String>,
    locale: Option<String>,
    settings: Option<TenantRules>,
    owner: Option<OwnerBody>,
}

/// A tenant just made.
#[derive(Serialize, utoipa::ToSchema)]
struct MadeTenant {
    #[serde(flatten)]
    tenant: TenantBody,
    owner: Option<User>,
}

/// Makes a tenant with the usual roles, and its first owner where one is named.
#[utoipa::path(
    post,
    path = "/admin/tenants",
    tag = "admin",
    operation_id = "create_tenant",
    request_body = NewTenantBody,
    responses(
        (status = 201, body = MadeTenant),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 503, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Json(body): Json<NewTenantBody>,
) -> Result<Response, Problem> {
    caller.permit("tenants:create")?;
    let new = NewCustomer {
        name: body.name,
        slug: body.slug,
        kind: body.kind.unwrap_or(TenantKind::Organisation),
        timezone: body.timezone,
        locale: body.locale,
        settings: body.settings,
        owner: body.owner.map(|owner| NewOwner {
            email: owner.email,
            full_name: owner.full_name,
            password: owner.password,
            is_written_to: owner.send_invite.unwrap_or_default(),
        }),
    };
    let scope = caller.scope(at(&caller));
    let (tenant, owner) = logic::create(&state, &scope, new, &device).await?;
    let at = location("/admin/tenants", tenant.id);
    let tenant = TenantBody::from(tenant);
    let body = Json(MadeTenant { tenant, owner });
    Ok((StatusCode::CREATED, at, body).into_response())
}

/// Reads a tenant.
#[utoipa::path(
    get,
    path = "/admin/tenants/{id}",
    tag = "admin",
    operation_id = "get_any_tenant",
    params(("id" = i64, Path, description = "the tenant's number")),
    responses(
        (status = 200, body = TenantBody),
        (status = 304),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    headers: HeaderMap,
    Path(id): Path<TenantId>,
) -> Result<Response, Problem> {
    caller.permit("tenants:read")?;
    let scope = caller.scope(at(&caller));
    let found = logic::get(&state, &scope, id).await?;
    Ok(json_with_etag(&headers, &TenantBody::from(found)))
}

/// Changes a tenant.
#[utoipa::path(
    patch,
    path = "/admin/tenants/{id}",
    tag = "admin",
    operation_id = "update_any_tenant",
    params(("id" = i64, Path, description = "the tenant's number")),
    request_body = TenantChangeBody,
    responses(
        (status = 200, body = TenantBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 412, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn update(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    expected: IfMatch,
    Path(id): Path<TenantId>,
    Json(body): Json<TenantChangeBody>,
) -> Result<Response, Problem> {
    caller.permit("tenants:update")?;
    change(&state, &caller, id, body, &expected, &device).await
}

/// Deletes a tenant: nobody gets in any more, and its rows are erased soon.
#[utoipa::path(
    delete,
    path = "/admin/tenants/{id}",
    tag = "admin",
    operation_id = "delete_any_tenant",
    params(("id" = i64, Path, description = "the tenant's number")),
    responses(
        (status = 202, body = TenantBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
    )
)]
async fn delete(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<TenantId>,
) -> Result<Response, Problem> {
    caller.permit("tenants:delete")?;
    let scope = caller.scope(at(&caller));
    let deleted = logic::delete(&state, &scope, id, &device).await?;
    Ok((StatusCode::ACCEPTED, Json(TenantBody::from(deleted))).into_response())
}

/// Locks a tenant out; its data stays.
#[utoipa::path(
    post,
    path = "/admin/tenants/{id}/suspend",
    tag = "admin",
    operation_id = "suspend_tenant",
    params(("id" = i64, Path, description = "the tenant's number")),
    responses(
        (status = 200, body = TenantBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
    )
)]
async fn suspend(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<TenantId>,
) -> Result<Json<TenantBody>, Problem> {
    caller.permit("tenants:update")?;
    let scope = caller.scope(at(&caller));
    let status = TenantStatus::Suspended;
    let changed = logic::set_status(&state, &scope, id, status, &device).await?;
    Ok(Json(changed.into()))
}

/// Lets a tenant in again.
#[utoipa::path(
    post,
    path = "/admin/tenants/{id}/resume",
    tag = "admin",
    operation_id = "resume_tenant",
    params(("id" = i64, Path, description = "the tenant's number")),
    responses(
        (status = 200, body = TenantBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
    )
)]
async fn resume(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<TenantId>,
) -> Result<Json<TenantBody>, Problem> {
    caller.permit("tenants:update")?;
    let scope = caller.scope(at(&caller));
    let status = TenantStatus::Active;
    let changed = logic::set_status(&state, &scope, id, status, &device).await?;
    Ok(Json(changed.into()))
}

/// How the next key comes in.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct RotateBody {
    /// Whether it signs at once, and no token counts any more that was signed before.
    #[serde(default)]
    emergency: bool,
}

/// The key that signs next.
#[derive(Serialize, utoipa::ToSchema)]
struct RotatedBody {
    kid: String,
    /// From when on it signs.
    #[schema(value_type = String, format = DateTime)]
    activate_at: Timestamp,
    /// Whether this call made it; else there was one in waiting.
    made: bool,
}

/// Brings in the next signing key.
#[utoipa::path(
    post,
    path = "/admin/keys/rotate",
    tag = "admin",
    operation_id = "rotate_keys",
    request_body = RotateBody,
    responses(
        (status = 202, body = RotatedBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn rotate_keys(
    State(state): State<IdentityState>,
    FreshAuth(caller): FreshAuth,
    Device(device): Device,
    body: Option<Json<RotateBody>>,
) -> Result<Response, Problem> {
    caller.permit("keys:rotate")?;
    let scope = caller.scope(at(&caller));
    let emergency = body.is_some_and(|Json(body)| body.emergency);
    let rotated = logic::rotate_keys(&state, &scope, emergency, &device).await?;
    let body = RotatedBody {
        kid: rotated.kid,
        activate_at: rotated.activate_at,
        made: rotated.made,
    };
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}
