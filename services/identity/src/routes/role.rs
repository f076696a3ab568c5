//! Routes of roles, and of the permissions that they are made of.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_db::Paging;
use brisk_http::{
    Auth, Json, Path, Problem, ProblemBody, Query, RequirePermission as _, json_with_etag,
};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::device::From as Device;
use super::precondition::{IfMatch, location};
use super::user::{UserItem, UserPage, limit};
use super::{allowed, home};
use crate::ids::RoleId;
use crate::logic::role::{self, RoleChange};
use crate::model::catalogue::{OF_TENANTS, OF_THE_PLATFORM};
use crate::model::role::Role;
use crate::state::IdentityState;
use crate::store::user_list::UserFilter;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(holders))
        .routes(routes!(permissions))
}

/// The name of the list of holders, which its cursors are bound to.
const HOLDERS: &str = "identity.role_users";

/// All roles of the tenant.
#[derive(Serialize, utoipa::ToSchema)]
struct RoleList {
    items: Vec<Role>,
}

/// Lists the roles of the caller's tenant, by name.
#[utoipa::path(
    get,
    path = "/roles",
    tag = "roles",
    operation_id = "list_roles",
    responses(
        (status = 200, body = RoleList),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
) -> Result<Json<RoleList>, Problem> {
    let session = state.db.session(allowed(&caller, "roles:read")?);
    Ok(Json(RoleList {
        items: role::list(&session).await?,
    }))
}

/// A role to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRoleBody {
    name: String,
    description: Option<String>,
    /// Names out of `/permissions`, none that the caller lacks.
    #[serde(default)]
    permissions: Vec<String>,
    /// Whether new users have it.
    is_default: Option<bool>,
}

/// Makes a role.
#[utoipa::path(
    post,
    path = "/roles",
    tag = "roles",
    operation_id = "create_role",
    request_body = NewRoleBody,
    responses(
        (status = 201, body = Role),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Json(body): Json<NewRoleBody>,
) -> Result<Response, Problem> {
    let scope = allowed(&caller, "roles:create")?;
    let new = RoleChange {
        name: Some(body.name),
        description: body.description,
        permissions: Some(body.permissions),
        is_default: body.is_default,
    };
    let made = role::create(&state, &scope, new, &device).await?;
    let at = location("/roles", made.id);
    Ok((StatusCode::CREATED, at, Json(made)).into_response())
}

/// Reads a role.
#[utoipa::path(
    get,
    path = "/roles/{id}",
    tag = "roles",
    operation_id = "get_role",
    params(("id" = String, Path, description = "the role")),
    responses(
        (status = 200, body = Role),
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
    Path(id): Path<RoleId>,
) -> Result<Response, Problem> {
    let session = state.db.session(allowed(&caller, "roles:read")?);
    let found = role::get(&session, id).await?;
    Ok(json_with_etag(&headers, &found))
}

/// A change; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleChangeBody {
    name: Option<String>,
    description: Option<String>,
    /// All permissions that it is to have.
    permissions: Option<Vec<String>>,
    is_default: Option<bool>,
}

/// Changes a role; its version is one more, and its holders notice at their next request.
#[utoipa::path(
    patch,
    path = "/roles/{id}",
    tag = "roles",
    operation_id = "update_role",
    params(("id" = String, Path, description = "the role")),
    request_body = RoleChangeBody,
    responses(
        (status = 200, body = Role),
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
    Path(id): Path<RoleId>,
    Json(body): Json<RoleChangeBody>,
) -> Result<Response, Problem> {
    let scope = allowed(&caller, "roles:update")?;
    let change = RoleChange {
        name: body.name,
        description: body.description,
        permissions: body.permissions,
        is_default: body.is_default,
    };
    let is_expected = |role: &Role| expected.is_met(role);
    let changed = role::update(&state, &scope, id, change, &is_expected, &device).await?;
    Ok(json_with_etag(&HeaderMap::new(), &changed))
}

/// Whether a role goes that somebody has.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct DeleteQuery {
    /// Takes the role from all who have it.
    force: Option<bool>,
}

/// Deletes a role that is not built in.
#[utoipa::path(
    delete,
    path = "/roles/{id}",
    tag = "roles",
    operation_id = "delete_role",
    params(("id" = String, Path, description = "the role"), DeleteQuery),
    responses(
        (status = 204),
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
    Path(id): Path<RoleId>,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, "roles:delete")?;
    let force = query.force.unwrap_or(false);
    role::delete(&state, &scope, id, force, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which page of those who have a role.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct HolderQuery {
    /// Rows, 1 to 100; 20 where it is left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` or `prev_cursor` of another page.
    cursor: Option<String>,
}

/// Lists those who have a role, the newest person first.
#[utoipa::path(
    get,
    path = "/roles/{id}/users",
    tag = "roles",
    operation_id = "list_role_users",
    params(("id" = String, Path, description = "the role"), HolderQuery),
    responses(
        (status = 200, body = UserPage),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn holders(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Path(id): Path<RoleId>,
    Query(query): Query<HolderQuery>,
) -> Result<Json<UserPage>, Problem> {
    caller.permit("roles:read")?;
    let limit = limit(query.limit)?;
    let session = state.db.session(caller.scope(home(&caller)?));
    let filter = UserFilter {
        role: Some(id),
        ..UserFilter::default()
    };
    let asked = Paging {
        key: &state.cursor,
        list: HOLDERS,
        filter: &filter,
        limit,
        skip: 0,
        cursor: query.cursor.as_deref(),
    };
    let page = role::holders(&session, id, asked).await?;
    Ok(Json(UserPage {
        items: page.items.into_iter().map(UserItem::from).collect(),
        next_cursor: page.next_cursor,
        prev_cursor: page.previous_cursor,
        total: None,
        limit,
    }))
}

/// A permission that roles are made of.
#[derive(Serialize, utoipa::ToSchema)]
struct PermissionItem {
    /// `resource:action`.
    name: String,
    resource: &'static str,
    action: &'static str,
    description: &'static str,
    /// Whether only the system tenant gives it.
    of_the_platform: bool,
}

/// All permissions there are.
#[derive(Serialize, utoipa::ToSchema)]
struct Catalogue {
    items: Vec<PermissionItem>,
}

/// The catalogue of permissions.
#[utoipa::path(
    get,
    path = "/permissions",
    tag = "roles",
    operation_id = "list_permissions",
    responses(
        (status = 200, body = Catalogue),
        (status = 304),
        (status = 401, body = ProblemBody),
    )
)]
async fn permissions(Auth(_): Auth, headers: HeaderMap) -> Response {
    let all = OF_TENANTS.iter().map(|p| (p, false));
    let all = all.chain(OF_THE_PLATFORM.iter().map(|p| (p, true)));
    let items = all.map(
        |((resource, action, description), of_the_platform)| PermissionItem {
            name: format!("{resource}:{action}"),
            resource,
            action,
            description,
            of_the_platform,
        },
    );
    let items = items.collect();
    json_with_etag(&headers, &Catalogue { items })
}
