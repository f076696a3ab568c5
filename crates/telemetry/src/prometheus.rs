//! The metrics recorder and its text form.

use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::{Error, aliases, names};

// The recorder is process-wide by its library's design; so is the handle that renders it.
static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
static INSTALL: Mutex<()> = Mutex::new(());

/// How often raw histogram samples are folded into buckets when nobody reads the metrics.
///
/// The recorder keeps each sample (8 bytes) until then: at 100,000 samples a second this bounds them to 4 MB.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// The metrics of this process.
#[derive(Clone)]
pub struct Prometheus(PrometheusHandle);

impl std::fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prometheus")
    }
}

impl Prometheus {
    /// Installs the recorder at the first call and finds it at later ones.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignRecorder`] when another library installed one first.
    pub fn install() -> Result<Self, Error> {
        let _one_at_a_time = INSTALL.lock().expect("no holder of this lock can panic");
        if let Some(handle) = HANDLE.get() {
            return Ok(Self(handle.clone()));
        }
        let mut builder = PrometheusBuilder::new().with_recommended_naming(true);
        for (metric, buckets) in names::buckets().chain(aliases::buckets()) {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.to_owned()), buckets)
                .expect("no list of buckets is empty");
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_foreign| Error::ForeignRecorder)?;
        names::describe();
        aliases::describe();
        fold_in_background(handle.clone());
        Ok(Self(HANDLE.get_or_init(|| handle).clone()))
    }

    /// All metrics in Prometheus' text format (content type `text/plain; version=0.0.4`).
    pub fn render(&self) -> String {
        self.0.render()
    }
}

// A thread of its own: it lives as long as the process, as the recorder does, and needs no runtime.
fn fold_in_background(handle: PrometheusHandle) {
    let spawned = std::thread::Builder::new()
        .name("brisk-metrics".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(FOLD_EVERY);
                handle.run_upkeep();
            }
        });
    if let Err(error) = spawned {
        tracing::warn!(%error, "metrics are folded only when they are read");
    }
}
