//! The face of the kit: what an engineer who builds a service depends on.
//!
//! A [`Service`] is one value that says what it brings: settings, tables, statements, routes, jobs, commands. An [`App`]
//! reads the settings of all its services at once, opens the database, migrates, builds the services and serves them
//! under their names. The one surprising decision: an app goes through its stages as types ([`App`], [`Checked`],
//! [`Opened`], [`Running`]), so that a command, a test and the server stop at the stage that they need.
//!
//! Everything below is re-exported by module; [`prelude`] has what nearly every file of a service names.

mod api;
mod app;
mod authenticate;
mod built;
mod caches;
mod database;
mod error;
mod kit;
mod mount;
mod opened;
mod running;
mod service;
mod settings;
mod task;
#[cfg(feature = "testing")]
pub mod testing;

pub use api::Api;
pub use app::{App, Checked};
pub use brisk_auth::{MasterKey, Purpose};
pub use built::{Built, Notice, RoleWord};
pub use database::statements;
pub use error::Error;
pub use kit::Kit;
pub use opened::Opened;
pub use running::Running;
pub use service::{BoxError, Service};
pub use settings::{CaptureSetting, DatabaseSettings, DatabaseUrl, RedisSettings, RootSettings};
pub use task::Task;

pub use brisk_auth as auth;
pub use brisk_cache as cache;
pub use brisk_config as config;
pub use brisk_core as core;
pub use brisk_db as db;
pub use brisk_http as http;
pub use brisk_jobs as jobs;
pub use brisk_telemetry as telemetry;
pub use {axum, clap, tokio_util, utoipa, utoipa_axum};

/// What nearly every file of a service names.
pub mod prelude {
    pub use brisk_cache::{Cache, Cached, Caches, Policy, Tier, cached, cached_tiered};
    pub use brisk_config::{Problems, Section};
    pub use brisk_core::{
        Class, Clock, Failure, FieldError, FindingKind, Ids, Role, Scope, TenantId,
    };
    pub use brisk_db::{
        Affected, Batch, Db, Declared, FromRow, MigrationSet, One, Record, Session, migrations,
        statements,
    };
    pub use brisk_http::{
        Answers, Auth, Caller, Environment, FreshAuth, HealthCheck, Json, List, ListQuery, Page,
        Path, Problem, Query, RequirePermission, RequireRole, RouteRule, TenantScope,
    };
    pub use brisk_jobs::{Handler, Job, JobContext, JobOutcome, NewJob, Schedule, Worker};
    pub use utoipa::ToSchema;
    pub use utoipa_axum::router::OpenApiRouter;
    pub use utoipa_axum::routes;

    pub use crate::{BoxError, Built, Kit, Service, Task};
}
