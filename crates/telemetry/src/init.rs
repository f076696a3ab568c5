//! Starts logs and metrics, once for the process however often it is asked.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::prometheus::Prometheus;
use crate::{Error, LogFormat, TelemetryConfig};

type FilterHandle = reload::Handle<EnvFilter, Registry>;

// The subscriber is process-wide by its library's design; so is the handle to its filter.
static FILTER: OnceLock<FilterHandle> = OnceLock::new();

/// Logs and metrics of this process.
#[derive(Clone, Debug)]
pub struct Telemetry {
    prometheus: Prometheus,
}

impl Telemetry {
    /// The metrics of this process.
    pub const fn prometheus(&self) -> &Prometheus {
        &self.prometheus
    }

    /// Changes the log filter while the program runs. Without effect where another subscriber was installed first.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] when the filter has a mistake; the old one stays.
    pub fn set_log_level(&self, config: &TelemetryConfig) -> Result<(), Error> {
        let filter = config.filter().map_err(Error::Filter)?;
        if let Some(handle) = FILTER.get()
            && let Err(gone) = handle.reload(filter)
        {
            tracing::debug!(error = %gone, "the log filter has no subscriber any more");
        }
        Ok(())
    }
}

/// Starts logs (on standard error) and metrics.
///
/// A second call in one process keeps what the first one installed and applies the new filter; a subscriber that a
/// test harness put there stays.
///
/// # Errors
///
/// A filter that cannot be read, or another library's metrics recorder in this process.
pub fn init(config: &TelemetryConfig) -> Result<Telemetry, Error> {
    let filter = config.filter().map_err(Error::Filter)?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = match config.log_format {
        LogFormat::Human => fmt::layer()
            .compact()
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .boxed(),
    };
    let installed = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .is_ok();
    if installed {
        FILTER.get_or_init(|| handle);
    }
    let telemetry = Telemetry {
        prometheus: Prometheus::install()?,
    };
    if !installed {
        telemetry.set_log_level(config)?;
    }
    Ok(telemetry)
}
