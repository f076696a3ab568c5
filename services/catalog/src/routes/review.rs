//! Routes of reviews.

use axum::extract::State;
use axum::response::Response;
use brisk_http::{Json, ListParams, Numbered, Path, Problem, ProblemBody};
use http::{HeaderMap, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Body;
use super::known::Known;
use super::page_params::PageParams;
use crate::ids::ReviewId;
use crate::logic::review::{self, LIST, ReviewItem};
use crate::model::review::{NewReview, Review};
use crate::rights::may;
use crate::state::CatalogState;

pub(super) fn router() -> OpenApiRouter<CatalogState> {
    OpenApiRouter::new()
        .routes(routes!(page, create))
        .routes(routes!(delete))
}

/// A page of reviews, by number or by cursor.
#[utoipa::path(
    get,
    path = "/reviews",
    tag = "reviews",
    operation_id = "list_reviews",
    params(
        PageParams,
        ("author_id" = Option<i64>, Query, description = "also `author_id__in`"),
        ("book_id" = Option<i64>, Query, description = "also `book_id__in`"),
        ("rating" = Option<i64>, Query, description = "also `rating__in`, `rating__gte`, `rating__lte`"),
        ("reviewer_id" = Option<String>, Query, description = "who wrote it"),
    ),
    responses(
        (status = 200, body = Numbered<ReviewItem>),
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
    let session = state.session(scope, may::READ_REVIEWS)?;
    let asked = params.of(&LIST)?;
    let (lists, key) = (state.lists.clone(), (LIST.name, asked.clone()));
    let make = async move |session| review::page(&lists, &session, &asked).await;
    state.pages.json(&headers, &session, key, make).await
}

/// Makes a review in the caller's name.
#[utoipa::path(
    post,
    path = "/reviews",
    tag = "reviews",
    operation_id = "create_review",
    request_body = NewReview,
    responses(
        (status = 201, body = Review),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Body(new): Body<NewReview>,
) -> Result<(StatusCode, Json<Review>), Problem> {
    let session = state.session(scope, may::CREATE_REVIEWS)?;
    let made = review::create(&state, &session, new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Deletes a review.
#[utoipa::path(
    delete,
    path = "/reviews/{id}",
    tag = "reviews",
    operation_id = "delete_review",
    params(
        ("id" = i64, Path, description = "the review"),
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
    Path(id): Path<ReviewId>,
) -> Result<StatusCode, Problem> {
    let session = state.session(scope, may::DELETE_REVIEWS)?;
    review::delete(&session, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
