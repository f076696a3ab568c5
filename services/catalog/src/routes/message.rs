//! Routes of messages.

use axum::extract::State;
use brisk_http::{Json, ListParams, Numbered, Problem, ProblemBody};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Body;
use super::known::Known;
use crate::logic::message::{self, LIST};
use crate::model::message::{Message, NewMessage};
use crate::rights::may;
use crate::state::CatalogState;

pub(super) fn router() -> OpenApiRouter<CatalogState> {
    OpenApiRouter::new().routes(routes!(page, create))
}

/// A page of messages, the newest first, by cursor.
#[utoipa::path(
    get,
    path = "/messages",
    tag = "messages",
    operation_id = "list_messages",
    params(
        ("channel" = Option<String>, Query, description = "where they were said; everywhere where it is left out"),
        ("per_page" = Option<u32>, Query, description = "50 where it is left out, 1,000 at most"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` or `prev_cursor` of another page"),
    ),
    responses(
        (status = 200, body = Numbered<Message>),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn page(
    State(state): State<CatalogState>,
    Known(scope): Known,
    params: ListParams,
) -> Result<Json<Numbered<Message>>, Problem> {
    let session = state.session(scope, may::READ_MESSAGES)?;
    let asked = params.of(&LIST)?;
    Ok(Json(message::page(&state.lists, &session, asked).await?))
}

/// Makes a message in the caller's name.
#[utoipa::path(
    post,
    path = "/messages",
    tag = "messages",
    operation_id = "create_message",
    request_body = NewMessage,
    responses(
        (status = 201, body = Message),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Body(new): Body<NewMessage>,
) -> Result<(StatusCode, Json<Message>), Problem> {
    let session = state.session(scope, may::CREATE_MESSAGES)?;
    let made = message::create(&state, &session, new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}
