//! Imports over HTTP: an upload that goes on in the background, its state, its refused rows, its end.

use std::sync::{Arc, Mutex};

use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use brisk_core::{Role, Scope};
use brisk_db::Session;
use brisk_http::{
    Json, List, PageLimits, PageQuery, Path, Problem, ProblemBody, Query, RequireRole as _,
    TenantScope, Total,
};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::oneshot;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::import::{Charset, Preset};
use crate::logic::import::{
    Classify, ImportError, ImportOptions, ImportSetup, ImportStatus, Progress,
};
use crate::logic::link::chain;
use crate::state::CivicState;
use crate::store::import::{ImportRow, Imports};

/// Refused rows read at a time.
const ERRORS: i64 = 1_000;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(list, start))
        .routes(routes!(get))
        .routes(routes!(errors))
        .routes(routes!(cancel))
}

/// How a file is to be read.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct StartQuery {
    /// The file's name, for people.
    name: Option<String>,
    /// The layout; recognised by the header when absent.
    preset: Option<String>,
    /// `utf-8` or `windows-1252`.
    charset: Option<String>,
    /// `rules`, `none` or `trust`.
    classify: Option<String>,
    /// Make areas that the file names and the tenant lacks.
    create_areas: bool,
}

impl StartQuery {
    fn options(self) -> Result<ImportOptions, Error> {
        let wrong = |field: &'static str| {
            Error::field(field, "unknown_value", "is not one of the known words")
        };
        let defaults = ImportOptions::new(self.name.unwrap_or_else(|| "upload".to_owned()));
        let preset = self
            .preset
            .map(|word| Preset::parse(&word).ok_or_else(|| wrong("preset")))
            .transpose()?;
        let charset = self
            .charset
            .map(|word| Charset::parse(&word).ok_or_else(|| wrong("charset")))
            .transpose()?;
        let classify = self
            .classify
            .map(|word| Classify::parse(&word).ok_or_else(|| wrong("classify")))
            .transpose()?;
        Ok(ImportOptions {
            preset,
            charset: charset.unwrap_or(defaults.charset),
            classify: classify.unwrap_or(defaults.classify),
            create_areas: self.create_areas,
            ..defaults
        })
    }
}

/// An import that began.
#[derive(Serialize, ToSchema)]
struct Started {
    id: i64,
    status: &'static str,
}

/// Takes a CSV or NDJSON file, gzip or not, and imports it in the background.
///
/// The file is kept on disk until its end. If the process ends before that, what was imported stays; send the file again,
/// and rows that are there already are skipped.
#[utoipa::path(
    post,
    path = "/v1/imports",
    tag = "imports",
    params(StartQuery),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 202, body = Started),
        (status = 403, body = ProblemBody),
        (status = 413, body = ProblemBody),
        (status = 422, description = "The file cannot be read from its start", body = ProblemBody),
    )
)]
async fn start(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Query(query): Query<StartQuery>,
    body: Body,
) -> Result<Response, Problem> {
    scope.require(Role::Importer)?;
    let options = query.options()?;
    let settings = state.settings.of(scope.tenant()).await?;
    let file = stored(body.into_data_stream()).await?;
    let setup = Arc::new(ImportSetup::of(&settings));
    // The import outlives the request: it has its own scope, without the request's deadline.
    let session = state
        .db
        .session(Scope::system(scope.tenant(), &scope.principal().subject));
    let (began, answer) = oneshot::channel::<Result<i64, ImportError>>();
    let began = Arc::new(Mutex::new(Some(began)));
    let tell = move |began: &Mutex<Option<oneshot::Sender<_>>>, what| {
        if let Some(began) = began
            .lock()
            .expect("no holder of this lock can panic")
            .take()
        {
            drop(began.send(what));
        }
    };
    let importer = state.importer.clone();
    state.tracker.spawn(async move {
        let read = match file.reopen() {
            Ok(read) => read,
            Err(e) => {
                tracing::error!(error = %e, "an uploaded file cannot be opened again");
                return;
            }
        };
        let first = Arc::clone(&began);
        let progress = move |at: Progress| {
            if let Some(id) = at.id {
                tell(&first, Ok(id));
            }
        };
        if let Err(e) = importer
            .run(&session, setup, &options, read, progress)
            .await
        {
            tracing::warn!(error = chain(&e), "an import was left unfinished");
            tell(&began, Err(e));
        }
        drop(file);
    });
    let id = answer.await.map_err(|_ended| ImportError::ReaderLost)??;
    let started = Json(Started {
        id,
        status: ImportStatus::Running.as_str(),
    });
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, format!("/civic/v1/imports/{id}"))],
        started,
    )
        .into_response())
}

/// The upload as a file that vanishes with its last handle.
async fn stored(mut body: BodyDataStream) -> Result<NamedTempFile, Problem> {
    let fail = |e: std::io::Error| {
        tracing::error!(error = %e, "an upload cannot be stored");
        Problem::from(Error::Db(brisk_db::Error::Unavailable {
            statement: "civic.import.upload",
            source: None,
        }))
    };
    let file = NamedTempFile::new().map_err(fail)?;
    let mut writer = tokio::fs::File::from_std(file.reopen().map_err(fail)?);
    while let Some(bytes) = body.try_next().await.map_err(|e| too_large(&e))? {
        writer.write_all(&bytes).await.map_err(fail)?;
    }
    writer.flush().await.map_err(fail)?;
    Ok(file)
}

/// A body that broke off: past the size limit, or with its connection.
fn too_large(error: &axum::Error) -> Problem {
    let causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    for cause in causes {
        if cause.to_string().contains("length limit") {
            return Problem::new(
                brisk_core::Class::TooLarge,
                "body_too_large",
                "the file is larger than allowed",
            );
        }
    }
    Problem::new(
        brisk_core::Class::Malformed,
        "body_incomplete",
        "the upload broke off",
    )
}

/// How an import stands.
#[derive(Serialize, ToSchema)]
struct ImportBody {
    id: i64,
    status: &'static str,
    file_name: String,
    preset: Option<String>,
    rows_read: i64,
    created: i64,
    skipped: i64,
    failed: i64,
    rate_per_s: f64,
    error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

impl From<ImportRow> for ImportBody {
    fn from(row: ImportRow) -> Self {
        let seconds = row
            .finished_at
            .unwrap_or(row.updated_at)
            .duration_since(row.started_at)
            .as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = row.rows_read as f64 / seconds.max(0.001);
        Self {
            id: row.id,
            status: row.status.as_str(),
            file_name: row.file_name,
            preset: row.preset,
            rows_read: row.rows_read,
            created: row.created,
            skipped: row.skipped,
            failed: row.failed,
            rate_per_s: rate.round(),
            error: row.error,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

/// Imports of the tenant.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the envelope in the API's document")]
struct ImportList {
    imports: Vec<ImportBody>,
    has_more: bool,
    next_cursor: Option<String>,
    previous_cursor: Option<String>,
}

/// The imports of the tenant, newest first.
#[utoipa::path(
    get,
    path = "/v1/imports",
    tag = "imports",
    params(PageQuery),
    responses((status = 200, body = ImportList), (status = 403, body = ProblemBody))
)]
async fn list(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Query(page): Query<PageQuery>,
) -> Result<List<ImportBody>, Problem> {
    scope.require(Role::Importer)?;
    let asked = page.within(PageLimits {
        max_skip: 0,
        ..PageLimits::default()
    })?;
    let session = state.db.session(scope);
    let page = Imports(&session)
        .page(asked.of(&state.cursor, "civic.imports", &()))
        .await
        .map_err(Error::from)?;
    let page = page.map(ImportBody::from);
    Ok(List::new("imports", page, Total::Skipped, &asked))
}

/// One import.
#[utoipa::path(
    get,
    path = "/v1/imports/{id}",
    tag = "imports",
    params(("id" = i64, Path)),
    responses((status = 200, body = ImportBody), (status = 404, body = ProblemBody))
)]
async fn get(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
) -> Result<Json<ImportBody>, Problem> {
    scope.require(Role::Importer)?;
    let session = state.db.session(scope);
    Ok(Json(one(&session, id).await?.into()))
}

async fn one(session: &Session, id: i64) -> Result<ImportRow, Error> {
    Imports(session)
        .get(id)
        .await?
        .ok_or(Error::NotFound { what: "import" })
}

/// The refused rows of an import, a JSON object on each line.
#[utoipa::path(
    get,
    path = "/v1/imports/{id}/errors.ndjson",
    tag = "imports",
    params(("id" = i64, Path)),
    responses((status = 200, content_type = "application/x-ndjson"), (status = 404, body = ProblemBody))
)]
async fn errors(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    scope.require(Role::Importer)?;
    let session = state.db.session(scope);
    one(&session, id).await?;
    let pages = futures::stream::try_unfold(0, move |after| {
        let session = session.clone();
        async move {
            let rows = Imports(&session).errors(id, after, ERRORS).await?;
            let Some(last) = rows.last().map(|row| row.row_no) else {
                return Ok(None);
            };
            let mut text = String::new();
            for row in rows {
                text.push_str(&serde_json::to_string(&row).expect("a refused row is plain data"));
                text.push('\n');
            }
            Ok::<_, brisk_db::Error>(Some((text, last)))
        }
    });
    let content_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((content_type, Body::from_stream(pages)).into_response())
}

/// Stops an import after the chunk under way; what was imported stays.
#[utoipa::path(
    post,
    path = "/v1/imports/{id}/cancel",
    tag = "imports",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = ImportBody),
        (status = 404, body = ProblemBody),
        (status = 409, description = "It is over", body = ProblemBody),
    )
)]
async fn cancel(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
) -> Result<Json<ImportBody>, Problem> {
    scope.require(Role::Importer)?;
    let session = state.db.session(scope);
    state.importer.cancel(&session, id).await?;
    Ok(Json(one(&session, id).await?.into()))
}
