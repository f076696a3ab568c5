//! What is kept in memory, for operators: `/caches`.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use brisk_cache::{CacheStats, Caches, EntryView, NodesStats, StoreStats};
use brisk_core::{Role, TenantId};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};

use crate::{Caller, Json, Path, Problem, Query, insight};

/// Entries of one cache that are shown unless more are asked for, and at most.
const SHOWN: usize = 100;
const MOST_SHOWN: usize = 1_000;

/// All caches.
#[derive(Serialize)]
struct All {
    caches: Vec<CacheStats>,
    /// What all nodes share, where there is such a thing.
    nodes: Option<NodesStats>,
    /// What outlives the program.
    store: StoreStats,
}

/// One cache.
#[derive(Serialize)]
struct One {
    #[serde(flatten)]
    stats: CacheStats,
    /// Some of its entries, in no order.
    shown: Vec<EntryView>,
}

#[derive(Serialize)]
struct Evicted {
    /// Entries that went, on this node.
    evicted: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Wanted {
    limit: Option<usize>,
    tenant_id: Option<i64>,
}

/// The routes, for whoever may see `/performance/stats`.
pub(crate) fn router(caches: Caches) -> Router {
    Router::new()
        .route("/caches", get(list))
        .route("/caches/{name}", get(show).delete(evict))
        .with_state(caches)
}

fn fresh(body: impl Serialize) -> Response {
    let fresh = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (fresh, Json(body)).into_response()
}

fn unknown() -> Problem {
    Problem::new(
        brisk_core::Class::NotFound,
        "cache.not_found",
        "there is no cache of this name",
    )
}

async fn list(caller: Caller, State(caches): State<Caches>) -> Result<Response, Problem> {
    insight::require(&caller.0)?;
    Ok(fresh(All {
        caches: caches.stats(),
        nodes: caches.nodes_stats(),
        store: caches.store_stats(),
    }))
}

async fn show(
    caller: Caller,
    State(caches): State<Caches>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    insight::require(&caller.0)?;
    let limit = wanted.limit.unwrap_or(SHOWN).min(MOST_SHOWN);
    let stats = caches.stats().into_iter().find(|stats| stats.name == name);
    let (Some(stats), Some(shown)) = (stats, caches.entries(&name, limit)) else {
        return Err(unknown());
    };
    Ok(fresh(One { stats, shown }))
}

/// Nobody needs it for the data to be right; see [`Caches::evict`].
async fn evict(
    caller: Caller,
    State(caches): State<Caches>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    insight::require(&caller.0)?;
    if caller.principal().role == Some(Role::Auditor) {
        return Err(Problem::forbidden("an auditor changes nothing"));
    }
    let evicted = caches.evict(&name, wanted.tenant_id.map(TenantId));
    let evicted = evicted.ok_or_else(unknown)?;
    tracing::info!(cache = name, evicted, "a cache was emptied");
    Ok(fresh(Evicted { evicted }))
}
