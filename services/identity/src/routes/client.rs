//! Routes of machine clients.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_http::{Auth, Json, Path, Problem, ProblemBody};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed;
use super::device::From as Device;
use crate::error::Error;
use crate::logic::client::{self as logic, ClientChange};
use crate::model::client::{Client, ClientStatus};
use crate::model::secret::Secret;
use crate::state::IdentityState;
use crate::store::client::Clients;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(rotate))
}

/// The tenant's clients.
#[derive(Serialize, utoipa::ToSchema)]
struct ClientList {
    items: Vec<Client>,
}

/// A client with a secret that is shown this once.
#[derive(Serialize, utoipa::ToSchema)]
struct MadeClient {
    #[serde(flatten)]
    client: Client,
    client_secret: String,
}

/// A client to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewClient {
    name: String,
    /// Names of permissions, each of which the caller has.
    scopes: Vec<String>,
    /// Seconds that its tokens live, 900 where nothing is said.
    token_ttl_s: Option<i64>,
}

/// What changes; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ClientPatch {
    name: Option<String>,
    scopes: Option<Vec<String>>,
    token_ttl_s: Option<i64>,
    status: Option<ClientStatus>,
}

fn made(status: StatusCode, client: Client, secret: &Secret) -> Response {
    let body = MadeClient {
        client,
        client_secret: secret.expose().to_owned(),
    };
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Lists the tenant's machine clients.
#[utoipa::path(
    get,
    path = "/clients",
    tag = "clients",
    operation_id = "list_clients",
    responses(
        (status = 200, body = ClientList),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
) -> Result<Json<ClientList>, Problem> {
    let scope = allowed(&caller, "clients:read")?;
    let items = Clients(&state.db.session(scope))
        .list()
        .await
        .map_err(Error::from)?;
    Ok(Json(ClientList { items }))
}

/// Makes a machine client; its secret is shown this once.
#[utoipa::path(
    post,
    path = "/clients",
    tag = "clients",
    operation_id = "create_client",
    request_body = NewClient,
    responses(
        (status = 201, body = MadeClient),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Json(body): Json<NewClient>,
) -> Result<Response, Problem> {
    let scope = allowed(&caller, "clients:create")?;
    let new = ClientChange {
        name: Some(body.name),
        scopes: Some(body.scopes),
        token_ttl_s: body.token_ttl_s,
        status: None,
    };
    let (client, secret) = logic::create(&state, &scope, new, &device).await?;
    Ok(made(StatusCode::CREATED, client, &secret))
}

/// One machine client.
#[utoipa::path(
    get,
    path = "/clients/{id}",
    tag = "clients",
    operation_id = "get_client",
    params(("id" = String, Path, description = "the client's id")),
    responses(
        (status = 200, body = Client),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Path(id): Path<String>,
) -> Result<Json<Client>, Problem> {
    let scope = allowed(&caller, "clients:read")?;
    let found = Clients(&state.db.session(scope))
        .get(&id)
        .await
        .map_err(Error::from)?;
    Ok(Json(found.ok_or(Error::NotFound { what: "client" })?))
}

/// Changes a machine client.
#[utoipa::path(
    patch,
    path = "/clients/{id}",
    tag = "clients",
    operation_id = "update_client",
    params(("id" = String, Path, description = "the client's id")),
    request_body = ClientPatch,
    responses(
        (status = 200, body = Client),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn update(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<String>,
    Json(body): Json<ClientPatch>,
) -> Result<Json<Client>, Problem> {
    let scope = allowed(&caller, "clients:update")?;
    let change = ClientChange {
        name: body.name,
        scopes: body.scopes,
        token_ttl_s: body.token_ttl_s,
        status: body.status,
    };
    Ok(Json(
        logic::update(&state, &scope, &id, change, &device).await?,
    ))
}

/// Deletes a machine client; its tokens are void at once.
#[utoipa::path(
    delete,
    path = "/clients/{id}",
    tag = "clients",
    operation_id = "delete_client",
    params(("id" = String, Path, description = "the client's id")),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn delete(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, "clients:delete")?;
    logic::delete(&state, &scope, &id, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a machine client another secret, shown this once. The one before counts until the next time.
#[utoipa::path(
    post,
    path = "/clients/{id}/rotate-secret",
    tag = "clients",
    operation_id = "rotate_client_secret",
    params(("id" = String, Path, description = "the client's id")),
    responses(
        (status = 200, body = MadeClient),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn rotate(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let scope = allowed(&caller, "clients:update")?;
    let (client, secret) = logic::rotate(&state, &scope, &id, &device).await?;
    Ok(made(StatusCode::OK, client, &secret))
}
