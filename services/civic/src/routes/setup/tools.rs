//! Trying things out; nothing is stored.

use brisk_http::{Json, Problem, ProblemBody};
use serde::Serialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admin::{Admin, Agent};
use crate::error::Error;
use crate::logic;
use crate::model::classify::Classification;
use crate::model::setup::{DueInstants, PreviewRequest};
use crate::state::CivicState;

pub(super) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(preview))
        .routes(routes!(classify))
}

#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
struct PreviewBody {
    /// When the clock begins, RFC 3339 with an offset.
    start: String,
    /// Promise until acknowledgement in minutes.
    ack_minutes: u32,
    /// Promise until resolution in minutes.
    resolve_minutes: u32,
    /// `{timezone, weekly, holidays}`; none for around the clock.
    calendar: Option<Value>,
}

/// Says when a promise would be due.
#[utoipa::path(
    post,
    path = "/v1/sla/preview",
    tag = "setup",
    operation_id = "preview_sla",
    request_body = PreviewBody,
    responses(
        (status = 200, body = DueInstants),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn preview(_: Admin, Json(body): Json<Value>) -> Result<Json<DueInstants>, Problem> {
    let request = PreviewRequest::read(&body).map_err(Error::from)?;
    Ok(Json(request.due()))
}

#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
struct ClassifyBody {
    /// 1 to 20 texts of 1 to 4,000 characters.
    texts: Vec<String>,
    /// `auto` (the default), `rules` or `llm`.
    engine: Option<String>,
}

/// One class for each text, in order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Classified {
    #[schema(value_type = Vec<Object>)]
    results: Vec<Classification>,
}

/// Classifies texts without storing them.
#[utoipa::path(
    post,
    path = "/v1/classify",
    tag = "setup",
    operation_id = "classify_texts",
    request_body = ClassifyBody,
    responses(
        (status = 200, body = Classified),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody, description = "Also `llm_not_configured`"),
    )
)]
async fn classify(
    Agent(setup): Agent,
    Json(body): Json<Value>,
) -> Result<Json<Classified>, Problem> {
    let results = logic::classify::classify(&setup, &body).await?;
    Ok(Json(Classified { results }))
}
