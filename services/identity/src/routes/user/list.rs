//! Lists of people.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_core::FieldError;
use brisk_db::Paging;
use brisk_http::{Auth, Json, Problem, ProblemBody, Query, RequirePermission as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::home;
use crate::ids::UserId;
use crate::logic::user;
use crate::model::user::UserStatus;
use crate::state::IdentityState;
use crate::store::user_list::{UserFilter, UserLine, UserSort};

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The name of the list, which its cursors are bound to.
const LIST: &str = "identity.users";

/// Rows on a page where nothing else is asked.
pub(in crate::routes) const USUAL: u32 = 20;

/// The most rows on a page.
pub(in crate::routes) const MOST: u32 = 100;

/// The last page that can be asked for by its number: to get there the database reads all before it.
const LAST_PAGE: u32 = 10_000;

/// The longest text to look for, in characters.
const LONGEST_Q: usize = 255;

/// Which people, and which of the two ways of paging.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct UserQuery {
    /// Rows, 1 to 100; 20 where it is left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` or `prev_cursor` of another page.
    cursor: Option<String>,
    /// The number of the page, from 1; together with `page_size` in place of a cursor.
    page: Option<u32>,
    /// Rows on a numbered page, 1 to 100.
    page_size: Option<u32>,
    status: Option<UserStatus>,
    /// What the address or the name begins with, in any case.
    q: Option<String>,
    /// `created_at`, `email` or `full_name`, with `-` before it backwards; `-created_at` where it is left out.
    #[param(value_type = Option<String>)]
    sort: Option<UserSort>,
    /// Whether to say how many there are in all.
    include_total: Option<bool>,
}

/// A person in a list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(in crate::routes) struct UserItem {
    id: UserId,
    email: String,
    full_name: String,
    status: UserStatus,
    is_active: bool,
    is_superuser: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<UserLine> for UserItem {
    fn from(line: UserLine) -> Self {
        Self {
            id: line.id,
            email: line.email,
            full_name: line.full_name,
            status: line.status,
            is_active: line.status == UserStatus::Active,
            is_superuser: line.is_superuser,
            created_at: line.created_at,
        }
    }
}

/// A page by cursor.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::routes) struct UserPage {
    pub(in crate::routes) items: Vec<UserItem>,
    pub(in crate::routes) next_cursor: Option<String>,
    pub(in crate::routes) prev_cursor: Option<String>,
    /// How many there are in all, where that was asked.
    pub(in crate::routes) total: Option<u64>,
    pub(in crate::routes) limit: u32,
}

/// A page by its number.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct NumberedUsers {
    items: Vec<UserItem>,
    total: u64,
    page: u32,
    page_size: u32,
    pages: u64,
    has_next: bool,
    has_prev: bool,
}

/// Adds an entry where a number is not within its bounds.
fn within(errors: &mut Vec<FieldError>, field: &'static str, n: u32, most: u32) {
    if n == 0 || n > most {
        let message = format!("must be from 1 to {most}");
        errors.push(FieldError::new(field, "out_of_range", message));
    }
}

/// A limit within its bounds.
///
/// # Errors
///
/// 422 for any other.
pub(in crate::routes) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    let mut errors = Vec::new();
    let limit = asked.unwrap_or(USUAL);
    within(&mut errors, "limit", limit, MOST);
    if errors.is_empty() {
        Ok(limit)
    } else {
        Err(Problem::fields(errors))
    }
}

impl UserQuery {
    fn check(&self) -> Result<(), Problem> {
        let mut errors = Vec::new();
        within(&mut errors, "limit", self.limit.unwrap_or(USUAL), MOST);
        within(&mut errors, "page", self.page.unwrap_or(1), LAST_PAGE);
        within(
            &mut errors,
            "page_size",
            self.page_size.unwrap_or(USUAL),
            MOST,
        );
        if self.is_numbered() && (self.cursor.is_some() || self.limit.is_some()) {
            let message = "cannot stand beside `cursor` or `limit`";
            errors.push(FieldError::new("page", "conflicting", message));
        }
        if self
            .q
            .as_ref()
            .is_some_and(|q| q.chars().count() > LONGEST_Q)
        {
            let message = format!("must have at most {LONGEST_Q} characters");
            errors.push(FieldError::new("q", "length", message));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::fields(errors))
        }
    }

    const fn is_numbered(&self) -> bool {
        self.page.is_some() || self.page_size.is_some()
    }

    fn filter(&self) -> UserFilter {
        let q = self.q.as_ref().map(|q| q.trim().to_lowercase());
        UserFilter {
            status: self.status,
            q: q.filter(|q| !q.is_empty()),
            role: None,
        }
    }
}

/// Lists the people of the caller's tenant, in one statement.
#[utoipa::path(
    get,
    path = "/users",
    tag = "users",
    operation_id = "list_users",
    params(UserQuery),
    responses(
        (status = 200, body = UserPage),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Query(query): Query<UserQuery>,
) -> Result<Response, Problem> {
    caller.permit("users:read")?;
    query.check()?;
    let session = state.db.session(caller.scope(home(&caller)?));
    let filter = query.filter();
    let sort = query.sort.unwrap_or_default();
    if query.is_numbered() {
        let page = query.page.unwrap_or(1);
        let page_size = query.page_size.unwrap_or(USUAL);
        let skip = u64::from(page - 1) * u64::from(page_size);
        let rows = user::numbered(&session, &filter, sort, (skip, page_size.into())).await?;
        let (rows, total) = rows;
        let body = NumberedUsers {
            items: rows.into_iter().map(UserItem::from).collect(),
            total,
            page,
            page_size,
            pages: total.div_ceil(page_size.into()),
            has_next: skip + u64::from(page_size) < total,
            has_prev: page > 1,
        };
        return Ok(Json(body).into_response());
    }
    let limit = query.limit.unwrap_or(USUAL);
    let counts = query
        .include_total
        .unwrap_or(false)
        .then_some(&state.counts);
    let asked = Paging {
        key: &state.cursor,
        list: LIST,
        filter: &filter,
        limit,
        skip: 0,
        cursor: query.cursor.as_deref(),
    };
    let (page, total) = user::page(&session, counts, sort, asked).await?;
    let body = UserPage {
        items: page.items.into_iter().map(UserItem::from).collect(),
        next_cursor: page.next_cursor,
        prev_cursor: page.previous_cursor,
        total,
        limit,
    };
    Ok(Json(body).into_response())
}
