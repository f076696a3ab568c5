//! The `[telemetry]` section.

use std::time::Duration;

use brisk_config::{Problems, Section};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One compact line for people; coloured on a terminal.
    #[default]
    Human,
    /// One JSON object a line for machines.
    Json,
}

/// What is told, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// A level (`info`) or a filter (`info,brisk_db=debug`); levels in any case.
    pub log_level: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Whether the seeds' metric names are written beside OpenTelemetry's.
    pub seed_aliases: bool,
    /// From this time on a statement is slow: kept in the list of slow ones and logged by the database crate.
    #[serde(with = "brisk_config::duration")]
    pub slow_statement: Duration,
    /// One request or job in so many, of each route and kind, is looked at by the detectors of wasteful reads, the first
    /// one always; 0 is none.
    pub trace_one_in: u32,
    /// One statement for so many keys, one after the other, is N+1; at least 2.
    pub n_plus_one: u32,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log_level: "info".to_owned(),
            log_format: LogFormat::default(),
            seed_aliases: true,
            slow_statement: Duration::from_millis(100),
            trace_one_in: 16,
            n_plus_one: 5,
        }
    }
}

/// Libraries that tell at `info` what only their authors want to know; a filter that names one overrides this.
const QUIET: &str = "refinery_core=warn";

impl TelemetryConfig {
    pub(crate) fn filter(&self) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
        let level = self.log_level.to_lowercase();
        // Alone first, so that a mistake is quoted as it was written.
        let alone = EnvFilter::builder().parse(&level)?;
        if level.is_empty() || level.contains("refinery") {
            return Ok(alone);
        }
        EnvFilter::builder().parse(format!("{QUIET},{level}"))
    }
}

impl Section for TelemetryConfig {
    fn check(&self, problems: &mut Problems) {
        if let Err(error) = self.filter() {
            problems.add(
                "log_level",
                format!("{error}; write a level such as `info` or a filter such as `info,brisk_db=debug`"),
            );
        }
        if self.n_plus_one < 2 {
            problems.add("n_plus_one", "must be at least 2");
        }
    }
}
