//! Routes of books.

use axum::extract::State;
use axum::response::Response;
use brisk_http::{Json, ListParams, Numbered, Path, Problem, ProblemBody};
use http::{HeaderMap, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Body;
use super::known::Known;
use super::page_params::PageParams;
use crate::ids::BookId;
use crate::logic::book::{self, BookItem, LIST, ONE};
use crate::model::book::{Book, NewBook};
use crate::rights::may;
use crate::state::CatalogState;

pub(super) fn router() -> OpenApiRouter<CatalogState> {
    OpenApiRouter::new()
        .routes(routes!(page, create))
        .routes(routes!(get, update, delete))
}

/// A page of books, by number or by cursor.
#[utoipa::path(
    get,
    path = "/books",
    tag = "books",
    operation_id = "list_books",
    params(
        PageParams,
        ("author_id" = Option<i64>, Query, description = "also `author_id__in`"),
        ("title" = Option<String>, Query, description = "a part of the title in any case; also `title__eq`, `title__prefix`"),
        ("isbn" = Option<String>, Query, description = "the whole number"),
    ),
    responses(
        (status = 200, body = Numbered<BookItem>),
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
    let session = state.session(scope, may::READ_BOOKS)?;
    let asked = params.of(&LIST)?;
    let (lists, key) = (state.lists.clone(), (LIST.name, asked.clone()));
    let make = async move |session| book::page(&lists, &session, &asked).await;
    state.pages.json(&headers, &session, key, make).await
}

/// Reads a book.
#[utoipa::path(
    get,
    path = "/books/{id}",
    tag = "books",
    operation_id = "get_book",
    params(
        ("id" = i64, Path, description = "the book"),
        ("eager_load" = Option<String>, Query, description = "`author`, `reviews`"),
    ),
    responses(
        (status = 200, body = BookItem),
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
    Path(id): Path<BookId>,
    params: ListParams,
) -> Result<Response, Problem> {
    let session = state.session(scope, may::READ_BOOKS)?;
    let asked = params.of(&ONE)?;
    let key = (LIST.name, id.get(), asked.clone());
    let make = async move |session| book::get(&session, id, &asked).await;
    state.rows.json(&headers, &session, key, make).await
}

/// Makes a book.
#[utoipa::path(
    post,
    path = "/books",
    tag = "books",
    operation_id = "create_book",
    request_body = NewBook,
    responses(
        (status = 201, body = Book),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Body(new): Body<NewBook>,
) -> Result<(StatusCode, Json<Book>), Problem> {
    let session = state.session(scope, may::CREATE_BOOKS)?;
    let made = book::create(&state, &session, new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Writes all of a book.
#[utoipa::path(
    put,
    path = "/books/{id}",
    tag = "books",
    operation_id = "update_book",
    params(
        ("id" = i64, Path, description = "the book"),
    ),
    request_body = NewBook,
    responses(
        (status = 200, body = Book),
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
    Path(id): Path<BookId>,
    Body(new): Body<NewBook>,
) -> Result<Json<Book>, Problem> {
    let session = state.session(scope, may::UPDATE_BOOKS)?;
    Ok(Json(book::update(&session, id, new).await?))
}

/// Deletes a book with its reviews.
#[utoipa::path(
    delete,
    path = "/books/{id}",
    tag = "books",
    operation_id = "delete_book",
    params(
        ("id" = i64, Path, description = "the book"),
    ),
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
    Path(id): Path<BookId>,
) -> Result<StatusCode, Problem> {
    let session = state.session(scope, may::DELETE_BOOKS)?;
    book::delete(&session, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
