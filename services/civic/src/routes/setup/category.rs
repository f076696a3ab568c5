//! Routes of categories.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_http::{Json, List, ListQuery, PageQuery, Path, Problem, ProblemBody, json_with_etag};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admin::Admin;
use super::list::{NoFilter, location, page};
use crate::logic::category as logic;
use crate::model::setup::{ServiceFields, SetupRow};
use crate::state::CivicState;

pub(super) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
}

#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
struct CategoryList {
    /// The rows, in the order of their keys.
    categories: Vec<SetupRow<ServiceFields>>,
    items_total: Option<u64>,
    total: Option<u64>,
    skip: u32,
    limit: u32,
    has_more: bool,
    next_cursor: Option<String>,
    previous_cursor: Option<String>,
}

/// Lists the tenant's categories.
#[utoipa::path(
    get,
    path = "/v1/categories",
    tag = "setup",
    operation_id = "list_categories",
    params(PageQuery),
    responses(
        (status = 200, body = CategoryList),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<CivicState>,
    Admin(setup): Admin,
    query: ListQuery<NoFilter>,
) -> Result<List<SetupRow<ServiceFields>>, Problem> {
    let fetch = |slice| logic::page(&setup, slice);
    let count = logic::count(&setup);
    page(
        "categories",
        &setup,
        &state.cursor,
        query.page,
        fetch,
        count,
        |row| row.id,
    )
    .await
}

/// Makes a category.
#[utoipa::path(
    post,
    path = "/v1/categories",
    tag = "setup",
    operation_id = "create_category",
    request_body = ServiceFields,
    responses(
        (status = 201, body = SetupRow<ServiceFields>),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "There is one like that already, or there are too many"),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(Admin(setup): Admin, Json(body): Json<Value>) -> Result<Response, Problem> {
    let row = logic::create(&setup, &body).await?;
    let location = location("categories", row.id);
    Ok((StatusCode::CREATED, location, Json(row)).into_response())
}

/// Reads a category.
#[utoipa::path(
    get,
    path = "/v1/categories/{id}",
    tag = "setup",
    operation_id = "get_category",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = SetupRow<ServiceFields>),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    Admin(setup): Admin,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let row = logic::get(&setup, id).await?;
    Ok(json_with_etag(&headers, &row))
}

/// Changes a category: a member that is sent replaces the stored one, `null` clears it, the others stay. The code stays.
#[utoipa::path(
    patch,
    path = "/v1/categories/{id}",
    tag = "setup",
    operation_id = "update_category",
    params(("id" = i64, Path)),
    request_body(content = Object, description = "Any of the fields"),
    responses(
        (status = 200, body = SetupRow<ServiceFields>),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "There is one like that already"),
        (status = 422, body = ProblemBody),
    )
)]
async fn update(
    Admin(setup): Admin,
    Path(id): Path<i64>,
    Json(change): Json<Value>,
) -> Result<Json<SetupRow<ServiceFields>>, Problem> {
    Ok(Json(logic::update(&setup, id, &change).await?))
}

/// Deletes a category that nothing refers to.
#[utoipa::path(
    delete,
    path = "/v1/categories/{id}",
    tag = "setup",
    operation_id = "delete_category",
    params(("id" = i64, Path)),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "In use (`in_use`)"),
    )
)]
async fn delete(Admin(setup): Admin, Path(id): Path<i64>) -> Result<StatusCode, Problem> {
    logic::delete(&setup, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
