//! The messages of `/web`: what the routes do, by number.

use brisk_core::Scope;
use brisk_db::Session;
use brisk_http::{ListParams, Numbered, Problem};
use brisk_ws::{Kind, Reply, Table, Topic};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::envelope;
use crate::ids::AuthorId;
use crate::logic::{author, message};
use crate::model::author::{AuthorStatus, NewAuthor};
use crate::model::message::NewMessage;
use crate::rights::{self, may};
use crate::state::CatalogState;

const GET_AUTHORS: Kind = (1, "GET_AUTHORS", may::READ_AUTHORS);
const GET_PAGINATED_AUTHORS: Kind = (2, "GET_PAGINATED_AUTHORS", may::READ_AUTHORS);
const CREATE_AUTHOR: Kind = (3, "CREATE_AUTHOR", may::CREATE_AUTHORS);
const UPDATE_AUTHOR: Kind = (4, "UPDATE_AUTHOR", may::UPDATE_AUTHORS);
const DELETE_AUTHOR: Kind = (5, "DELETE_AUTHOR", may::DELETE_AUTHORS);
const GET_MESSAGES: Kind = (10, "GET_MESSAGES", may::READ_MESSAGES);
const POST_MESSAGE: Kind = (11, "POST_MESSAGE", may::CREATE_MESSAGES);
const SUBSCRIBE: i32 = 20;
const UNSUBSCRIBE: i32 = 21;

/// All messages; what is told without being asked for is in [`crate::logic::announce`].
pub(crate) fn table(state: &CatalogState) -> Table {
    Table::default()
        .permit(rights::permit)
        .words(envelope::words)
        .on(GET_AUTHORS, with(state, find))
        .on(GET_PAGINATED_AUTHORS, with(state, page))
        .on(CREATE_AUTHOR, with(state, create))
        .on(UPDATE_AUTHOR, with(state, update))
        .on(DELETE_AUTHOR, with(state, delete))
        .on(GET_MESSAGES, with(state, messages))
        .on(POST_MESSAGE, with(state, post))
        .topics(
            SUBSCRIBE,
            UNSUBSCRIBE,
            [
                Topic::new("authors", may::READ_AUTHORS),
                Topic::new("books", may::READ_BOOKS),
                Topic::new("reviews", may::READ_REVIEWS),
                Topic::new("profiles", may::READ_PROFILES),
                Topic::family("messages", may::READ_MESSAGES),
            ],
        )
}

/// A handler with what it needs of the service.
fn with<P, F>(
    state: &CatalogState,
    handle: fn(CatalogState, Session, P) -> F,
) -> impl Fn(Scope, P) -> F + use<P, F> {
    let state = state.clone();
    move |scope, payload| {
        let session = state.db.session(scope);
        handle(state.clone(), session, payload)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    id: Option<i64>,
    name: Option<String>,
    search_term: Option<String>,
}

async fn find(_: CatalogState, session: Session, find: Find) -> Result<Reply, Problem> {
    let given = [
        ("id", find.id.map(|id| id.to_string())),
        ("name", find.name),
        ("search", find.search_term),
    ];
    let asked = params(given).overridden_by("search").of(&author::FIND)?;
    let (authors, _) = author::find(&session, &asked).await?;
    Reply::new(&authors)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageOfAuthors {
    page: Option<u64>,
    per_page: Option<u32>,
    cursor: Option<String>,
    skip_count: Option<bool>,
    sort: Option<String>,
    #[serde(default)]
    eager_load: Vec<String>,
    /// As in the query of the route: `name`, `status__in`.
    #[serde(default)]
    filters: Map<String, Value>,
}

async fn page(state: CatalogState, session: Session, of: PageOfAuthors) -> Result<Reply, Problem> {
    let along = (!of.eager_load.is_empty()).then(|| of.eager_load.join(","));
    let given = [
        ("page", of.page.map(|n| n.to_string())),
        ("per_page", of.per_page.map(|n| n.to_string())),
        ("cursor", of.cursor),
        ("skip_count", of.skip_count.map(|skip| skip.to_string())),
        ("sort", of.sort),
        ("eager_load", along),
    ];
    let filters = of.filters.into_iter();
    let params = filters.fold(params(given), |params, (name, value)| {
        params.and(&name, in_query(&value))
    });
    let asked = params.of(&author::LIST)?;
    paged(&author::page(&state.lists, &session, &asked).await?)
}

async fn create(state: CatalogState, session: Session, new: NewAuthor) -> Result<Reply, Problem> {
    Reply::new(&author::create(&state, &session, new).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    id: AuthorId,
    name: String,
    email: Option<String>,
    #[serde(default)]
    status: AuthorStatus,
}

async fn update(state: CatalogState, session: Session, update: Update) -> Result<Reply, Problem> {
    let Update {
        id,
        name,
        email,
        status,
    } = update;
    let new = NewAuthor {
        name,
        email,
        status,
    };
    Reply::new(&author::update(&state, &session, id, new).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    id: AuthorId,
}

async fn delete(_: CatalogState, session: Session, delete: Delete) -> Result<Reply, Problem> {
    author::delete(&session, delete.id).await?;
    Reply::new(&json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageOfMessages {
    channel: Option<String>,
    per_page: Option<u32>,
    cursor: Option<String>,
}

async fn messages(
    state: CatalogState,
    session: Session,
    of: PageOfMessages,
) -> Result<Reply, Problem> {
    let given = [
        ("channel", of.channel),
        ("per_page", of.per_page.map(|n| n.to_string())),
        ("cursor", of.cursor),
    ];
    let asked = params(given).of(&message::LIST)?;
    paged(&message::page(&state.lists, &session, asked).await?)
}

async fn post(state: CatalogState, session: Session, new: NewMessage) -> Result<Reply, Problem> {
    Reply::new(&message::create(&state, &session, new).await?)
}

/// Those that are given, as they would stand in a query.
fn params<const N: usize>(given: [(&str, Option<String>); N]) -> ListParams {
    let given = given.into_iter();
    ListParams::new(given.filter_map(|(name, value)| Some((name.to_owned(), value?))))
}

/// A value of JSON as it would stand in a query.
fn in_query(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(in_query).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn paged<T: Serialize>(page: &Numbered<T>) -> Result<Reply, Problem> {
    Reply::new(&page.items)?.meta(&page.meta)
}
