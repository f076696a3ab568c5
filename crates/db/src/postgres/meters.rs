//! The numbers of one pool of connections, under OpenTelemetry's names.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brisk_telemetry::aliases;
use brisk_telemetry::names::{
    DB_CLIENT_CONNECTION_COUNT as COUNT, DB_CLIENT_CONNECTION_CREATE_TIME as CREATE_TIME,
    DB_CLIENT_CONNECTION_IDLE_MAX as IDLE_MAX, DB_CLIENT_CONNECTION_IDLE_MIN as IDLE_MIN,
    DB_CLIENT_CONNECTION_MAX as MAX, DB_CLIENT_CONNECTION_PENDING_REQUESTS as PENDING,
    DB_CLIENT_CONNECTION_TIMEOUTS as TIMEOUTS, DB_CLIENT_CONNECTION_USE_TIME as USE_TIME,
    DB_CLIENT_CONNECTION_WAIT_TIME as WAIT_TIME, attr,
};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::pools::{PoolState, Pools};

/// Made when the pool is opened: whoever wants the numbers installs the recorder before that.
pub(super) struct Meters {
    used: Gauge,
    idle: Gauge,
    max: Gauge,
    idle_max: Gauge,
    idle_min: Gauge,
    pending: Gauge,
    timeouts: Counter,
    create_time: Histogram,
    wait_time: Histogram,
    use_time: Histogram,
    /// The same for the snapshot.
    timed_out: AtomicU64,
    made: AtomicU64,
    waits: AtomicU64,
    waited_us: AtomicU64,
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

impl Meters {
    pub(super) fn of(pool: &'static str) -> Self {
        let name = attr::DB_POOL;
        let count = |state| gauge!(COUNT, name => pool, attr::DB_CONNECTION_STATE => state);
        Self {
            used: count("used"),
            idle: count("idle"),
            max: gauge!(MAX, name => pool),
            idle_max: gauge!(IDLE_MAX, name => pool),
            idle_min: gauge!(IDLE_MIN, name => pool),
            pending: gauge!(PENDING, name => pool),
            timeouts: counter!(TIMEOUTS, name => pool),
            create_time: histogram!(CREATE_TIME, name => pool),
            wait_time: histogram!(WAIT_TIME, name => pool),
            use_time: histogram!(USE_TIME, name => pool),
            timed_out: AtomicU64::new(0),
            made: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            waited_us: AtomicU64::new(0),
        }
    }

    /// A connection was made.
    pub(super) fn made(&self, time: Duration) {
        self.made.fetch_add(1, Ordering::Relaxed);
        self.create_time.record(time);
    }

    /// Somebody has waited for a connection, or for room on one.
    pub(super) fn waited(&self, time: Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.waited_us.fetch_add(us, Ordering::Relaxed);
        self.wait_time.record(time);
    }

    /// Somebody has waited in vain.
    pub(super) fn timed_out(&self) {
        self.timed_out.fetch_add(1, Ordering::Relaxed);
        self.timeouts.increment(1);
    }

    pub(super) fn used(&self, time: Duration) {
        self.use_time.record(time);
    }

    /// Completes the state of the pool by what is counted here.
    pub(super) fn complete(&self, mut state: PoolState) -> PoolState {
        state.made = self.made.load(Ordering::Relaxed);
        state.timeouts = self.timed_out.load(Ordering::Relaxed);
        state.waits = self.waits.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a sum of waits, for people")]
        let waited_ms = self.waited_us.load(Ordering::Relaxed) as f64 / 1_000.0;
        state.waited_ms = waited_ms;
        state
    }

    /// Sets the gauges.
    pub(super) fn publish(&self, state: &PoolState) {
        self.used.set(double(state.used));
        self.idle.set(double(state.idle));
        self.max.set(double(state.max));
        self.idle_max.set(double(state.max));
        self.idle_min.set(double(state.min));
        self.pending.set(double(state.pending));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a double; counts are far below 2^53"
)]
pub(super) fn double(count: usize) -> f64 {
    count as f64
}

/// The names of the programs that Brisk replaces; they had one pool.
pub(super) fn publish_aliases(pools: &Pools) {
    let sum = |part: fn(&PoolState) -> usize| double(pools.pools.iter().map(part).sum());
    gauge!(aliases::DB_POOL_IN_USE).set(sum(|pool| pool.used));
    gauge!(aliases::DB_POOL_AVAILABLE).set(sum(|pool| pool.idle));
    gauge!(aliases::DB_POOL_MAX).set(sum(|pool| pool.max));
    let exhausted = pools.pools.iter().map(|pool| pool.timeouts).sum();
    counter!(aliases::DB_POOL_EXHAUSTED).absolute(exhausted);
}
