//! Routes of authors.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use brisk_http::{Json, ListParams, Numbered, Path, Problem, ProblemBody};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Body;
use super::known::Known;
use super::page_params::PageParams;
use crate::ids::AuthorId;
use crate::logic::author::{self, AuthorItem, FIND, LIST, ONE};
use crate::model::author::{Author, AuthorStatus, NewAuthor};
use crate::rights::may;
use crate::state::CatalogState;

pub(super) fn router() -> OpenApiRouter<CatalogState> {
    OpenApiRouter::new()
        .routes(routes!(find, create))
        .routes(routes!(page))
        .routes(routes!(create_many))
        .routes(routes!(get, update, delete))
        .routes(routes!(set_status))
}

/// Says that a list without pages has more rows than are shown.
const TRUNCATED: HeaderName = HeaderName::from_static("x-truncated");

/// Finds authors by id, name or a part of the name; the first thousand.
#[utoipa::path(
    get,
    path = "/authors",
    tag = "authors",
    operation_id = "find_authors",
    params(
        ("id" = Option<i64>, Query, description = "the id"),
        ("name" = Option<String>, Query, description = "the whole name"),
        ("search" = Option<String>, Query, description = "a part of the name in any case; the others do not count then"),
    ),
    responses(
        (status = 200, body = Vec<Author>),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn find(
    State(state): State<CatalogState>,
    Known(scope): Known,
    params: ListParams,
) -> Result<Response, Problem> {
    let session = state.session(scope, may::READ_AUTHORS)?;
    let asked = params.overridden_by("search").of(&FIND)?;
    let (authors, is_cut) = author::find(&session, &asked).await?;
    let mut response = Json(authors).into_response();
    if is_cut {
        let headers = response.headers_mut();
        headers.insert(TRUNCATED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A page of authors, by number or by cursor.
#[utoipa::path(
    get,
    path = "/authors/paginated",
    tag = "authors",
    operation_id = "list_authors",
    params(
        PageParams,
        ("id" = Option<i64>, Query, description = "also `id__in`, `id__gte`, `id__lte`"),
        ("name" = Option<String>, Query, description = "a part of the name in any case; also `name__eq`, `name__prefix`"),
        ("status" = Option<AuthorStatus>, Query, description = "also `status__in`"),
        ("email" = Option<String>, Query, description = "the whole address"),
    ),
    responses(
        (status = 200, body = Numbered<AuthorItem>),
        (status = 304),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn page(
    State(state): State<CatalogState>,
    Known(scope): Known,
    headers: HeaderMap,
    params: ListParams,
) -> Result<Response, Problem> {
    let session = state.session(scope, may::READ_AUTHORS)?;
    let asked = params.of(&LIST)?;
    let (lists, key) = (state.lists.clone(), (LIST.name, asked.clone()));
    let make = async move |session| author::page(&lists, &session, &asked).await;
    state.pages.json(&headers, &session, key, make).await
}

/// Reads an author.
#[utoipa::path(
    get,
    path = "/authors/{id}",
    tag = "authors",
    operation_id = "get_author",
    params(
        ("id" = i64, Path, description = "the author"),
        ("eager_load" = Option<String>, Query, description = "`books`, `reviews`"),
    ),
    responses(
        (status = 200, body = AuthorItem),
        (status = 304),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<CatalogState>,
    Known(scope): Known,
    headers: HeaderMap,
    Path(id): Path<AuthorId>,
    params: ListParams,
) -> Result<Response, Problem> {
    let session = state.session(scope, may::READ_AUTHORS)?;
    let asked = params.of(&ONE)?;
    let key = (LIST.name, id.get(), asked.clone());
    let make = async move |session| author::get(&session, id, &asked).await;
    state.rows.json(&headers, &session, key, make).await
}

/// Makes an author.
#[utoipa::path(
    post,
    path = "/authors",
    tag = "authors",
    operation_id = "create_author",
    request_body = NewAuthor,
    responses(
        (status = 201, body = Author),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Body(new): Body<NewAuthor>,
) -> Result<(StatusCode, Json<Author>), Problem> {
    let session = state.session(scope, may::CREATE_AUTHORS)?;
    let made = author::create(&state, &session, new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// What a batch has made.
#[derive(Serialize, utoipa::ToSchema)]
struct Created {
    created: usize,
    /// In the order of the batch.
    #[schema(value_type = Vec<i64>)]
    ids: Vec<AuthorId>,
}

/// Makes up to a thousand authors, or none.
#[utoipa::path(
    post,
    path = "/authors/batch",
    tag = "authors",
    operation_id = "create_authors",
    request_body = Vec<NewAuthor>,
    responses(
        (status = 201, body = Created),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create_many(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Body(batch): Body<Vec<NewAuthor>>,
) -> Result<(StatusCode, Json<Created>), Problem> {
    let session = state.session(scope, may::CREATE_AUTHORS)?;
    let ids = author::create_many(&state, &session, batch).await?;
    let created = ids.len();
    Ok((StatusCode::CREATED, Json(Created { created, ids })))
}

/// Writes all of an author.
#[utoipa::path(
    put,
    path = "/authors/{id}",
    tag = "authors",
    operation_id = "update_author",
    params(("id" = i64, Path, description = "the author")),
    request_body = NewAuthor,
    responses(
        (status = 200, body = Author),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn update(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Path(id): Path<AuthorId>,
    Body(new): Body<NewAuthor>,
) -> Result<Json<Author>, Problem> {
    let session = state.session(scope, may::UPDATE_AUTHORS)?;
    Ok(Json(author::update(&state, &session, id, new).await?))
}

/// Another status.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: AuthorStatus,
}

/// Writes an author's status.
#[utoipa::path(
    patch,
    path = "/authors/{id}/status",
    tag = "authors",
    operation_id = "set_author_status",
    params(("id" = i64, Path, description = "the author")),
    request_body = NewStatus,
    responses(
        (status = 200, body = Author),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn set_status(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Path(id): Path<AuthorId>,
    Body(new): Body<NewStatus>,
) -> Result<Json<Author>, Problem> {
    let session = state.session(scope, may::UPDATE_AUTHORS)?;
    Ok(Json(
        author::set_status(&state, &session, id, new.status).await?,
    ))
}

/// Deletes an author with its books and reviews.
#[utoipa::path(
    delete,
    path = "/authors/{id}",
    tag = "authors",
    operation_id = "delete_author",
    params(("id" = i64, Path, description = "the author")),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn delete(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Path(id): Path<AuthorId>,
) -> Result<StatusCode, Problem> {
    let session = state.session(scope, may::DELETE_AUTHORS)?;
    author::delete(&session, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
