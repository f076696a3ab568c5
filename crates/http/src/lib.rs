//! The HTTP edge: one pipeline in front of every handler, problem documents, extractors, paging, limits and health.
//!
//! Handlers name what they need ([`Caller`], [`TenantScope`], [`Json`], [`Query`], [`ListQuery`]) and fail with
//! anything that is a [`brisk_core::Failure`]; the edge turns it into a problem document and logs its chain once.
//! The one surprising decision: the stages are one middleware, not a tower of layers, because each boxed layer
//! costs more than the work that most stages do. Their order is still data: [`STAGES`].

mod address;
mod auth;
mod bearer;
mod caches;
mod caller;
mod compress;
mod config;
mod cors;
mod docs;
mod edge;
mod encoded;
mod etag;
mod exchange;
mod flight;
mod headers;
mod health;
mod insight;
mod json;
mod limit;
mod numbered;
mod paging;
mod path;
mod pipeline;
mod problem;
mod query;
mod server;
mod stage;

pub use auth::{Anonymous, Authenticate};
pub use bearer::Bearer;
pub use brisk_db::Total;
pub use caller::{
    Auth, Caller, FreshAuth, RequirePermission, RequireRole, TenantDirectory, TenantScope,
};
pub use config::{EdgeConfig, Environment, RequestLog, RouteRule};
pub use edge::{Edge, Parts};
pub use encoded::Answers;
pub use etag::{json_with_etag, matches_etag};
pub use exchange::Exchange;
pub use health::{HealthCheck, Ready};
pub use json::{Check, Json, Valid, from_value};
pub use numbered::{CountSource, ListParams, Numbered, PageMeta};
pub use paging::{CountMode, List, ListQuery, Page, PageLimits, PageQuery};
pub use path::Path;
pub use problem::{OwnMembers, Problem, ProblemBody, status_of};
pub use query::Query;
pub use server::{Server, ServerReport, stop_signal};
pub use stage::{STAGES, Stage};
