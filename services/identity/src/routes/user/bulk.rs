//! Many people are made at once.

use axum::extract::State;
use brisk_core::FieldError;
use brisk_http::{Auth, Json, Problem, ProblemBody, RequirePermission as _};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::device::From as Device;
use super::super::home;
use crate::ids::{RoleId, UserId};
use crate::logic::user::bulk::{self, BulkPerson};
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new().routes(routes!(create_many))
}

/// One person to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkRow {
    email: String,
    full_name: String,
    /// The tenant's defaults where it is left out; needs `roles:assign`.
    role_ids: Option<Vec<RoleId>>,
}

/// Up to 1,000 people to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkBody {
    users: Vec<BulkRow>,
}

/// What is wrong with a field of a row.
#[derive(Serialize, utoipa::ToSchema)]
struct RowError {
    field: String,
    code: String,
    message: String,
}

impl From<FieldError> for RowError {
    fn from(error: FieldError) -> Self {
        Self {
            field: error.field.into_owned(),
            code: error.code.into_owned(),
            message: error.message.into_owned(),
        }
    }
}

/// What became of a row.
#[derive(Serialize, utoipa::ToSchema)]
struct RowResult {
    /// Which row, from 0.
    index: usize,
    /// `created` or `failed`.
    status: &'static str,
    /// The user, where it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<UserId>,
    /// What is wrong, where it was not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<RowError>,
}

/// What became of all rows, in their order.
#[derive(Serialize, utoipa::ToSchema)]
struct BulkAnswer {
    created: usize,
    failed: usize,
    results: Vec<RowResult>,
}

/// Makes many people, who are invited. A row that cannot be is told and does not keep the others.
#[utoipa::path(
    post,
    path = "/users/bulk",
    tag = "users",
    operation_id = "create_users",
    request_body = BulkBody,
    responses(
        (status = 200, body = BulkAnswer),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 413, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create_many(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Json(body): Json<BulkBody>,
) -> Result<Json<BulkAnswer>, Problem> {
    caller.permit("users:create")?;
    let names = |row: &BulkRow| row.role_ids.as_ref().is_some_and(|ids| !ids.is_empty());
    if body.users.iter().any(names) {
        caller.permit("roles:assign")?;
    }
    let people = body.users.into_iter().map(|row| BulkPerson {
        email: row.email,
        full_name: row.full_name,
        role_ids: row.role_ids,
    });
    let people: Vec<_> = people.collect();
    let scope = caller.scope(home(&caller)?);
    let made = bulk::create_many(&state, &scope, &people, &device).await?;
    let created = made.iter().filter(|row| row.is_ok()).count();
    let results = made.into_iter().enumerate().map(|(index, row)| match row {
        Ok(id) => RowResult {
            index,
            status: "created",
            id: Some(id),
            errors: Vec::new(),
        },
        Err(errors) => RowResult {
            index,
            status: "failed",
            id: None,
            errors: errors.into_iter().map(RowError::from).collect(),
        },
    });
    Ok(Json(BulkAnswer {
        created,
        failed: people.len() - created,
        results: results.collect(),
    }))
}
