//! Notes: the table, what is asked of it, the rules of a new one, and the routes.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use brisk::http::{Check, ListParams, Numbered, ProblemBody, Valid};
use brisk::prelude::*;
use brisk_db::Operator::{Contains, Eq};
use brisk_db::{Asked, CursorKey, Filter, Listing, PerPage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Characters of the longest note; the table says the same.
const LONGEST: usize = 500;

/// A note, as it is read and as it is shown.
#[derive(Clone, Debug, FromRow, Serialize, ToSchema)]
struct Note {
    /// Its id.
    id: i64,
    /// What it says.
    text: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// What somebody sends to make one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNote {
    /// What it says: 1 to 500 characters.
    text: String,
}

impl Check for NewNote {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if !(1..=LONGEST).contains(&self.text.chars().count()) {
            let message = format!("must have 1 to {LONGEST} characters");
            errors.push(FieldError::new("text", "length", message));
        }
        if self.text.contains('\0') {
            let message = "must not have a NUL character";
            errors.push(FieldError::new("text", "nul", message));
        }
    }
}

/// What may be asked of the list: `?text__contains=milk&per_page=50&cursor=...`.
static LIST: Listing<Note> = Listing {
    name: "hello.note.page",
    count: "hello.note.count",
    table: "hello_notes",
    filters: &[Filter::texts("text", &[Eq, Contains])],
    sorts: &[],
    usual_sort: "-id",
    relations: &[],
    per_page: PerPage::USUAL,
    id: |note| note.id,
};

statements! {
    prefix "hello.note";

    /// Makes a note.
    INSERT(tenant: TenantId, text: String, now: Timestamp) -> One<Note>
        = "INSERT INTO hello_notes (tenant_id, text, created_at) VALUES ($1, $2, $3)
           RETURNING id, text, created_at";
}

/// What the handlers share.
#[derive(Clone, Debug)]
struct Notes {
    db: Db,
    clock: Clock,
    /// Signs the cursors of pages.
    cursors: CursorKey,
    /// Pages as they go out, kept until a note changes that they were made of.
    pages: Answers<Asked>,
}

/// The routes, below `/hello`.
pub(crate) fn router(kit: &Kit) -> OpenApiRouter {
    let notes = Notes {
        db: kit.db.clone(),
        clock: kit.clock.clone(),
        cursors: kit.cursor_key.clone(),
        pages: Answers::new(&kit.caches, "hello.notes"),
    };
    OpenApiRouter::new()
        .routes(routes!(page, create))
        .with_state(notes)
}

/// A page of the caller's notes, the newest first.
#[utoipa::path(
    get,
    path = "/notes",
    responses(
        (status = 200, body = Numbered<Note>),
        (status = 401, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn page(
    State(notes): State<Notes>,
    scope: TenantScope,
    headers: HeaderMap,
    params: ListParams,
) -> Result<Response, Problem> {
    scope.require(Role::Reporter)?;
    let asked = params.of(&LIST)?.by_cursor();
    let session = notes.db.session(scope.0);
    let key = asked.clone();
    let load = async move |session: Session| {
        let page = LIST.page(&session, &notes.cursors, &asked).await?;
        Ok::<_, brisk_db::Error>(Numbered::new(page, &asked, None))
    };
    notes.pages.json(&headers, &session, key, load).await
}

/// Makes a note.
#[utoipa::path(
    post,
    path = "/notes",
    request_body = NewNote,
    responses(
        (status = 201, body = Note),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(notes): State<Notes>,
    scope: TenantScope,
    Valid(new): Valid<NewNote>,
) -> Result<(StatusCode, Json<Note>), Problem> {
    scope.require(Role::Agent)?;
    let session = notes.db.session(scope.0);
    let params = (session.tenant(), new.text, notes.clock.now());
    let note = session.run(&INSERT, params).await?;
    Ok((StatusCode::CREATED, Json(note)))
}
