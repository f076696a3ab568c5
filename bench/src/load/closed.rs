//! A closed loop: each caller asks again as soon as it is answered.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;

use crate::rounds::float;

/// Somebody who asks, one question at a time.
pub(crate) trait Caller: Send + 'static {
    /// Asks once; an error counts as failed and is kept for the report.
    fn call(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// What a round of load showed.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Answered without a failure.
    pub(crate) answered: u64,
    seconds: f64,
    latency: Histogram<u64>,
    failed: u64,
    failure: Option<String>,
}

impl Outcome {
    pub(super) fn new() -> Self {
        Self {
            answered: 0,
            seconds: 0.0,
            latency: Histogram::new_with_bounds(1_000, 120_000_000_000, 3)
                .expect("bounds and digits are in range"),
            failed: 0,
            failure: None,
        }
    }

    pub(super) fn record(&mut self, result: Result<()>, took: Duration) {
        match result {
            Ok(()) => {
                self.answered += 1;
                let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                self.latency.saturating_record(nanos);
            }
            Err(e) => {
                self.failed += 1;
                self.failure.get_or_insert_with(|| format!("{e:#}"));
            }
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.failed += other.failed;
        self.failure = self.failure.take().or(other.failure);
        self.latency
            .add(&other.latency)
            .expect("all histograms have the same bounds");
    }

    pub(super) fn over(mut self, time: Duration) -> Self {
        self.seconds = time.as_secs_f64();
        self
    }

    /// Answers each second.
    pub(crate) fn rate(&self) -> f64 {
        float(self.answered) / self.seconds
    }

    /// Half were answered within this, in milliseconds.
    pub(crate) fn p50_ms(&self) -> f64 {
        float(self.latency.value_at_quantile(0.5)) / 1e6
    }

    /// 95 of 100 were answered within this, in milliseconds.
    pub(crate) fn p95_ms(&self) -> f64 {
        float(self.latency.value_at_quantile(0.95)) / 1e6
    }

    /// 99 of 100 were answered within this, in milliseconds.
    pub(crate) fn p99_ms(&self) -> f64 {
        float(self.latency.value_at_quantile(0.99)) / 1e6
    }

    /// In milliseconds.
    pub(crate) fn mean_ms(&self) -> f64 {
        self.latency.mean() / 1e6
    }

    /// A measurement with failures is none.
    pub(crate) fn flawless(self) -> Result<Self> {
        match &self.failure {
            Some(failure) => bail!(
                "{} of {} asks failed, the first with: {failure}",
                self.failed,
                self.failed + self.answered
            ),
            None if self.answered == 0 => bail!("not one ask was answered"),
            None => Ok(self),
        }
    }
}

/// Lets all callers ask for as long as `time`.
pub(crate) async fn closed<C: Caller>(callers: Vec<C>, time: Duration) -> Result<Outcome> {
    let began = Instant::now();
    let tasks: Vec<_> = callers
        .into_iter()
        .map(|mut caller| {
            tokio::spawn(async move {
                let mut outcome = Outcome::new();
                while began.elapsed() < time {
                    let asked = Instant::now();
                    let result = caller.call().await;
                    outcome.record(result, asked.elapsed());
                }
                outcome
            })
        })
        .collect();
    let mut sum = Outcome::new();
    for task in tasks {
        sum.add(task.await?);
    }
    sum.over(began.elapsed()).flawless()
}
