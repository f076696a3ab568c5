//! Performance statistics of one running program, kept in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use brisk_core::{Clock, Trace};
use jiff::Timestamp;
use serde::Serialize;

use crate::TelemetryConfig;
use crate::findings::{Finding, Rules, findings};
use crate::found::{FoundList, FoundStats};
use crate::route::{RouteMeter, RouteStats};
use crate::sampler::Sampler;
use crate::slow::{SlowList, SlowStatement};
use crate::statement::{Operation, StatementMeter, StatementStats};

/// The most routes and the most statements that are told apart; whatever comes later shares one line, `other`.
///
/// Routes are templates and statements are declared, so a program stays far below; the bound holds if one does not.
const MOST: usize = 4_096;

const OTHER: &str = "other";

/// The meters of one route, one for each method.
type Methods = RwLock<Vec<(&'static str, Arc<RouteMeter>)>>;
/// Hears of each trace before it is judged, with whose it is and whether that succeeded.
type Tap = Box<dyn Fn(&str, &Trace, bool) + Send + Sync>;
type Shared<K, V> = RwLock<HashMap<K, Arc<V>>>;

/// Statistics by route and by statement since the start, and the last 100 slow statements.
pub struct PerfStats {
    clock: Clock,
    since: Timestamp,
    slow_statement: Duration,
    seed_aliases: bool,
    // By route first, so that a look-up needs no owned key.
    routes: Shared<Box<str>, Methods>,
    statements: Shared<(&'static str, &'static str), StatementMeter>,
    slow: Arc<SlowList>,
    pools: OnceLock<Pools>,
    trace_one_in: u32,
    rules: Rules,
    found: FoundList,
    tap: OnceLock<Tap>,
}

/// Tells how the connections of the database are doing.
struct Pools(Box<dyn Fn() -> Option<serde_json::Value> + Send + Sync>);

impl std::fmt::Debug for PerfStats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PerfStats")
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

impl PerfStats {
    /// Empty statistics from now on.
    pub fn new(config: &TelemetryConfig, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            since: clock.now(),
            clock,
            slow_statement: config.slow_statement,
            seed_aliases: config.seed_aliases,
            routes: RwLock::default(),
            statements: RwLock::default(),
            slow: Arc::default(),
            pools: OnceLock::new(),
            trace_one_in: config.trace_one_in,
            rules: Rules {
                repeats: config.n_plus_one,
            },
            found: FoundList::default(),
            tap: OnceLock::new(),
        })
    }

    /// When counting began.
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Chooses which pieces of one kind of work keep a trace; make one for each kind.
    pub const fn sampler(&self) -> Sampler {
        Sampler::new(self.trace_one_in, self.rules.repeats)
    }

    /// Judges the trace of a request or job that ended, and keeps what is wrong with it.
    pub fn judge(&self, work: impl FnOnce() -> String, trace: &Trace, succeeded: bool) {
        let found = findings(trace, self.rules, succeeded);
        let tap = self.tap.get();
        if found.is_empty() && tap.is_none() {
            return;
        }
        let work = work();
        if let Some(tap) = tap {
            tap(&work, trace, succeeded);
        }
        for finding in found {
            self.found(&work, finding);
        }
    }

    /// Has `tap` hear of every trace before it is judged, for recorders; the first one stays.
    pub fn tap(&self, tap: impl Fn(&str, &Trace, bool) + Send + Sync + 'static) {
        if self.tap.set(Box::new(tap)).is_err() {
            tracing::debug!("the traces are recorded already");
        }
    }

    /// Keeps a finding, logs it (the same at most once in ten minutes) and counts it.
    pub fn found(&self, work: &str, finding: Finding) {
        self.found.add(work, finding, self.clock.now());
    }

    /// All findings since the start, the costliest first.
    pub fn findings(&self) -> Vec<FoundStats> {
        self.found.all()
    }

    /// Whether the seeds' metric names are written too; for observers that have no meter.
    pub const fn seed_aliases(&self) -> bool {
        self.seed_aliases
    }

    /// Shows what `tell` tells as the snapshot's `pools`. Once: a second call changes nothing.
    pub fn show_pools(&self, tell: impl Fn() -> Option<serde_json::Value> + Send + Sync + 'static) {
        // Set before: that one stays.
        drop(self.pools.set(Pools(Box::new(tell))));
    }

    /// The meter of a declared statement on one engine (`postgresql`, `sqlite`); ask once and keep it.
    pub fn statement(
        &self,
        name: &'static str,
        system: &'static str,
        operation: Operation,
    ) -> Arc<StatementMeter> {
        if let Some(found) = read(&self.statements, &(name, system)) {
            return found;
        }
        let mut all = self
            .statements
            .write()
            .expect("no holder of this lock can panic");
        let name = if all.len() < MOST { name } else { OTHER };
        let made = || {
            Arc::new(StatementMeter::new(
                name,
                system,
                operation,
                self.slow_statement,
                self.seed_aliases,
                Arc::clone(&self.slow),
                self.clock.clone(),
            ))
        };
        Arc::clone(all.entry((name, system)).or_insert_with(made))
    }

    /// The meter of a route: its method and its template, or `unmatched`.
    ///
    /// Without allocation from the second call on. A method outside the usual ones counts as `_OTHER`, as
    /// OpenTelemetry has it, because clients may send any word.
    pub fn route(&self, method: &str, route: &str) -> Arc<RouteMeter> {
        let method = known_method(method);
        let found = self
            .routes
            .read()
            .expect("no holder of this lock can panic")
            .get(route)
            .map(Arc::clone);
        let methods = found.unwrap_or_else(|| {
            let mut all = self
                .routes
                .write()
                .expect("no holder of this lock can panic");
            let route = if all.len() < MOST { route } else { OTHER };
            Arc::clone(all.entry(route.into()).or_default())
        });
        let find = |list: &[(&'static str, Arc<RouteMeter>)]| {
            list.iter()
                .find(|(name, _)| *name == method)
                .map(|(_, meter)| Arc::clone(meter))
        };
        if let Some(found) = find(&methods.read().expect("no holder of this lock can panic")) {
            return found;
        }
        let mut list = methods.write().expect("no holder of this lock can panic");
        find(&list).unwrap_or_else(|| {
            let meter = Arc::new(RouteMeter::new(
                method,
                route,
                self.seed_aliases,
                self.sampler(),
            ));
            list.push((method, Arc::clone(&meter)));
            meter
        })
    }

    /// All numbers of this moment, the costliest first.
    pub fn snapshot(&self) -> Snapshot {
        let mut routes: Vec<RouteStats> = self
            .routes
            .read()
            .expect("no holder of this lock can panic")
            .values()
            .flat_map(|methods| {
                let methods = methods.read().expect("no holder of this lock can panic");
                methods
                    .iter()
                    .filter_map(|(_, m)| m.stats())
                    .collect::<Vec<_>>()
            })
            .collect();
        routes.sort_by(|a, b| b.times.total_ms.total_cmp(&a.times.total_ms));
        let mut statements: Vec<StatementStats> = self
            .statements
            .read()
            .expect("no holder of this lock can panic")
            .values()
            .filter_map(|m| m.stats())
            .collect();
        statements.sort_by(|a, b| b.times.total_ms.total_cmp(&a.times.total_ms));
        Snapshot {
            since: self.since,
            at: self.clock.now(),
            routes,
            statements,
            slow_statements: self.slow.latest(),
            pools: self.pools.get().and_then(|pools| (pools.0)()),
            findings: self.findings(),
        }
    }
}

fn read<K: Eq + Hash, V>(map: &Shared<K, V>, key: &K) -> Option<Arc<V>> {
    map.read()
        .expect("no holder of this lock can panic")
        .get(key)
        .map(Arc::clone)
}

fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE",
    ];
    KNOWN.into_iter().find(|m| *m == method).unwrap_or("_OTHER")
}

/// The statistics of one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// When counting began.
    pub since: Timestamp,
    /// When the snapshot was taken.
    pub at: Timestamp,
    /// By route, the costliest first.
    pub routes: Vec<RouteStats>,
    /// By statement, the costliest first.
    pub statements: Vec<StatementStats>,
    /// The last 100 slow ones, the latest first.
    pub slow_statements: Vec<SlowStatement>,
    /// The connections of the database; none where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pools: Option<serde_json::Value>,
    /// Wasteful ways in which the database is asked, the costliest first.
    pub findings: Vec<FoundStats>,
}
