//! How jobs are run.

use std::time::Duration;

/// The settings that all kinds share.
#[derive(Clone, Copy, Debug)]
pub struct JobsConfig {
    /// The wait before the database is asked again after a look that found nothing. Default 250 ms.
    pub poll_min: Duration,
    /// That wait doubles up to this while nothing is found. Default 1 s.
    pub poll_max: Duration,
    /// How long handlers may go on after the stop was asked for. Default 20 s.
    pub grace: Duration,
    /// How often the numbers of waiting and dead jobs are counted for the metrics. Default 15 s.
    pub count_every: Duration,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            poll_min: Duration::from_millis(250),
            poll_max: Duration::from_secs(1),
            grace: Duration::from_secs(20),
            count_every: Duration::from_secs(15),
        }
    }
}
