//! The operators' page at `/memory`: what is kept instead of being read again.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use brisk_cache::{CacheStats, Caches, NodesStats};
use brisk_http::{Caller, Problem};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};

use crate::format::{count, elapsed, percent};
use crate::policy::{POLICY, STYLE};

/// The page.
#[derive(Debug, Template)]
#[template(path = "caches.html")]
struct CachesPage {
    style: &'static str,
    lines: Vec<Line>,
    /// Whether what all nodes share answers, where there is such a thing.
    nodes: Option<Nodes>,
}

/// What all nodes share in the words of the page.
#[derive(Debug)]
struct Nodes {
    up: bool,
    reads: String,
    commands: String,
    writes: String,
    lost: String,
}

impl From<NodesStats> for Nodes {
    fn from(stats: NodesStats) -> Self {
        Self {
            up: stats.up,
            reads: count(stats.reads),
            commands: count(stats.read_commands),
            writes: count(stats.writes),
            lost: count(stats.lost),
        }
    }
}

/// One cache in the words of the page.
#[derive(Debug)]
struct Line {
    name: &'static str,
    entries: String,
    size: String,
    share: String,
    hits: String,
    hit_rate: String,
    shared: Option<String>,
    loads: String,
    load_time: String,
    depends_on: String,
    trouble: Option<String>,
}

impl From<CacheStats> for Line {
    fn from(stats: CacheStats) -> Self {
        Self {
            name: stats.name,
            entries: count(stats.entries),
            size: size(stats.bytes),
            share: size(stats.max_bytes),
            hits: count(stats.hits),
            hit_rate: percent(stats.hit_rate),
            shared: stats.tier.map(|_| count(stats.tier_hits)),
            loads: count(stats.loads),
            load_time: elapsed(std::time::Duration::from_micros(stats.load_mean_us)),
            depends_on: stats.depends_on.join(", "),
            trouble: stats.refused_because,
        }
    }
}

fn size(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if bytes >= MIB {
        format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB)
    } else {
        format!("{} KiB", bytes.div_ceil(1024))
    }
}

/// Shows it to whoever may see `/performance/stats`.
pub(crate) async fn page(
    caller: Caller,
    State(caches): State<Caches>,
) -> Result<Response, Problem> {
    caller.require_insight()?;
    let page = CachesPage {
        style: STYLE,
        lines: caches.stats().into_iter().map(Line::from).collect(),
        nodes: caches.nodes_stats().map(Nodes::from),
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let html = page.render().expect("writing to a string does not fail");
    Ok((headers, Html(html)).into_response())
}
