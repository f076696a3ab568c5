//! The section `[catalog]` of the settings.

use std::time::Duration;

use brisk_config::{Problems, Section};
use brisk_ws::WsConfig;
use serde::{Deserialize, Serialize};

/// The settings of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogSettings {
    /// Entries of the audit log that may wait to be written.
    pub audit_queue_max_size: usize,
    /// Entries that are written together at most.
    pub audit_batch_size: usize,
    /// How long the first entry of a batch waits for others.
    #[serde(with = "brisk_config::duration")]
    pub audit_batch_timeout: Duration,
    /// How long a request waits for room in a full queue before its entry is dropped and counted.
    #[serde(with = "brisk_config::duration")]
    pub audit_queue_timeout: Duration,
    /// How long entries of the audit log are kept.
    #[serde(with = "brisk_config::duration")]
    pub audit_retention: Duration,
    /// Connections by WebSocket.
    pub ws: WsConfig,
}

impl Default for CatalogSettings {
    fn default() -> Self {
        Self {
            audit_queue_max_size: 10_000,
            audit_batch_size: 100,
            audit_batch_timeout: Duration::from_secs(1),
            audit_queue_timeout: Duration::from_millis(5),
            audit_retention: Duration::from_hours(365 * 24),
            ws: WsConfig::default(),
        }
    }
}

impl Section for CatalogSettings {
    fn check(&self, problems: &mut Problems) {
        for (key, size) in [
            ("audit_queue_max_size", self.audit_queue_max_size),
            ("audit_batch_size", self.audit_batch_size),
        ] {
            if size == 0 {
                problems.add(key, "must be at least 1");
            }
        }
        self.ws.check("ws", problems);
        if self.audit_retention.is_zero() {
            problems.add("audit_retention", "must be longer than zero");
        }
    }
}

#[cfg(test)]
mod tests {
    use brisk_config::{LoadOptions, Settings};

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<(), String> {
        let overrides = pairs
            .iter()
            .map(|(k, v)| (format!("catalog.{k}"), (*v).to_owned()));
        let options = LoadOptions {
            overrides: overrides.collect(),
            ..LoadOptions::default()
        };
        let settings = Settings::load(options);
        let mut sections = settings.sections();
        sections.take::<CatalogSettings>("catalog");
        sections.finish().map(|_| ()).map_err(|e| e.to_string())
    }

    #[test]
    fn every_bad_value_is_named() {
        assert_eq!(read(&[]), Ok(()));
        let bad = [
            ("audit_queue_max_size", "0"),
            ("audit_batch_size", "0"),
            ("audit_retention", "0s"),
        ];
        let told = read(&bad).unwrap_err();
        for (key, _) in bad {
            assert!(told.contains(key), "{key}: {told}");
        }
    }
}
