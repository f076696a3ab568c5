//! What the program tells about itself: logs, Prometheus metrics, `Server-Timing` and performance statistics.
//!
//! The log subscriber and the metrics recorder are process-wide because their libraries are; everything else is a
//! value that is passed around, first of all [`PerfStats`]. The one surprising decision: whoever observes often holds
//! a *meter* ([`StatementMeter`], [`RouteMeter`]), which has its metric handles inside, so that an observation costs
//! a few atomic additions and no allocation or look-up.

pub mod aliases;
mod config;
mod error;
pub mod findings;
mod found;
mod histogram;
mod init;
pub mod names;
mod perf;
mod prometheus;
mod route;
mod sampler;
mod series;
mod server_timing;
mod slow;
mod statement;

pub use config::{LogFormat, TelemetryConfig};
pub use error::Error;
pub use findings::{Finding, Rules};
pub use found::FoundStats;
pub use init::{Telemetry, init};
pub use perf::{PerfStats, Snapshot};
pub use prometheus::Prometheus;
pub use route::{RouteMeter, RouteStats};
pub use sampler::Sampler;
pub use series::SeriesStats;
pub use server_timing::server_timing;
pub use slow::SlowStatement;
pub use statement::{Operation, StatementMeter, StatementStats};
