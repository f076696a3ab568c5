//! The PostgreSQL engine: which statement goes where.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_core::{Scope, TenantId};
use tokio::task::JoinHandle;
use tokio_postgres::Config;

use super::address::Addresses;
use super::held::Held;
use super::lane::Made;
use super::lanes::Lanes;
use super::limits::Limits;
use super::link::Link;
use super::pool::Pool;
use super::replica::Replica;
use super::sizes::Sizes;
use super::transaction::PostgresTransaction;
use super::types::Types;
use super::{execute, upkeep};
use crate::batch::{Batch, Outcome};
use crate::column::BoxedError;
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::fair::{Gate, Patience};
use crate::pace::{Pace, Recent};
use crate::pools::Pools;
use crate::sight::Sight;
use crate::statement::{Call, Shape};

/// Statements under way on one lane. The server works on one of them at a time; the others keep it busy.
const LANE_PLACES: usize = 256;

/// The lanes' names in metrics.
const LANES: &str = "lanes";
const REPLICA: &str = "replica";

/// The PostgreSQL engine.
#[derive(Debug)]
pub(crate) struct Postgres {
    parts: Arc<Parts>,
    upkeep: JoinHandle<()>,
}

/// What the engine and its upkeep share.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) lanes: Lanes,
    pub(super) pool: Pool,
    pub(super) limits: Limits,
    /// What is under way on all lanes.
    gate: Gate,
    pace: Pace,
    /// Behind a pooler.
    types: Option<Arc<Types>>,
    pub(super) replica: Option<Replica>,
    direct: Option<Config>,
    relay: Option<Config>,
    connect_wait: Duration,
    retry_reads: bool,
    aliases: std::sync::atomic::AtomicBool,
}

impl Postgres {
    /// Opens the lanes and the pool; connections are made in the background and whenever one is lost.
    ///
    /// A connection that idles in a transaction for longer than `hold` is ended by the server.
    pub(crate) fn open(
        url: &str,
        config: &PostgresConfig,
        hold: Duration,
        patience: Patience,
    ) -> Result<Self, Error> {
        let addresses = Addresses::of(url, config, hold)?;
        let types = config.pooler_safe.then(Arc::<Types>::default);
        let sizes = Sizes::wished(config);
        let pool = Pool::open(
            addresses.checkout,
            config,
            sizes.pool,
            patience,
            types.clone(),
            addresses.begin,
        );
        let lanes = Lanes::open(LANES, addresses.lanes, config, sizes.lanes, types.clone());
        let replica = addresses.replica.map(|address| {
            let lanes = Lanes::open(REPLICA, address, config, sizes.lanes, None);
            Replica::new(lanes, config.replica_lag)
        });
        let parts = Arc::new(Parts {
            replica,
            lanes,
            pool,
            limits: Limits::new(config, sizes),
            gate: Gate::new(sizes.lanes * LANE_PLACES, patience),
            pace: Pace::new(config.slow_apart),
            types,
            direct: addresses.direct,
            relay: addresses.relay,
            connect_wait: config.connect_wait,
            retry_reads: config.retry_reads,
            aliases: false.into(),
        });
        Ok(Self {
            upkeep: tokio::spawn(upkeep::run(Arc::clone(&parts))),
            parts,
        })
    }

    /// Runs a statement for a session: on the replica where that may be, else as [`Postgres::run`] does.
    pub(crate) async fn run_for<S: Shape>(
        &self,
        call: Call,
        scope: &Scope,
        sight: &Sight,
    ) -> Result<(S::Out, u64), Error> {
        let parts = &self.parts;
        if let Some(replica) = &parts.replica
            && !parts.pool.has_walls()
            && !(call.writes || call.slow)
            && sight.allows_replica(scope)
        {
            let recent = parts.pace.of(&call);
            if !recent.is_slow() {
                let _place = parts.enter(scope.tenant(), call.name).await?;
                if let Some(result) = replica.read::<S>(&call, scope, sight, &recent).await {
                    return result;
                }
            }
        }
        self.run::<S>(call, scope.tenant()).await
    }

    /// Whether there is a replica, so that somebody has to note who wrote when.
    pub(crate) fn has_replica(&self) -> bool {
        self.parts.replica.is_some()
    }

    /// Whether the server itself keeps tenants apart.
    pub(crate) fn has_walls(&self) -> bool {
        self.parts.pool.has_walls()
    }

    /// Notes that the caller has written now.
    pub(crate) fn wrote(&self, scope: &Scope, sight: &Sight) {
        if let Some(replica) = &self.parts.replica {
            replica.wrote(scope, sight);
        }
    }

    pub(crate) async fn run<S: Shape>(
        &self,
        call: Call,
        tenant: TenantId,
    ) -> Result<(S::Out, u64), Error> {
        let parts = &self.parts;
        if call.slow || parts.pool.has_walls() {
            return parts.pool.run::<S>(call, tenant, None).await;
        }
        let recent = parts.pace.of(&call);
        if recent.is_slow() {
            return parts.pool.run::<S>(call, tenant, Some(&recent)).await;
        }
        // A commit waits for the disk, and on a lane everybody behind it does too. On connections of their own commits are
        // flushed together.
        if call.writes
            && parts.types.is_none()
            && let Some(client) = parts.pool.spare(call.name).await
        {
            return Pool::run_on::<S>(client, &call).await;
        }
        let _place = parts.enter(tenant, call.name).await?;
        match &parts.types {
            None => parts.lanes.run::<S>(&call, &recent).await,
            Some(types) => parts.run_typed::<S>(types, &call, tenant, &recent).await,
        }
    }

    pub(crate) async fn batch(
        &self,
        batch: Batch,
        tenant: TenantId,
    ) -> Result<Vec<Outcome>, Error> {
        self.parts.pool.batch(batch, tenant).await
    }

    pub(crate) async fn begin(
        &self,
        isolation: &'static str,
        tenant: TenantId,
    ) -> Result<PostgresTransaction, Error> {
        self.parts.pool.begin(isolation, tenant).await
    }

    /// A connection with a session of its own: migrations and the tests that describe statements. Whoever is done says
    /// that it is clean.
    pub(crate) async fn checkout(&self, name: &'static str) -> Result<Held, Error> {
        if self.parts.types.is_none() {
            return self.parts.pool.checkout(name, TenantId::PLATFORM).await;
        }
        let address = self.parts.direct.as_ref().ok_or_else(|| pooled(name))?;
        let link = Link::apart(name, address, self.parts.connect_wait).await?;
        Ok(Held::new(link, None))
    }

    /// Where the change stream connects by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] when only a pooler is known.
    pub(crate) fn relay_address(&self, what: &'static str) -> Result<&Config, Error> {
        self.parts.relay.as_ref().ok_or_else(|| pooled(what))
    }

    /// Asks the server how many connections it allows, and makes ours fit where they are not fixed.
    pub(crate) async fn fits(&self) -> Result<(), Error> {
        self.parts.fits().await
    }

    /// Whether the seeds' names of metrics are written too.
    pub(crate) fn write_aliases(&self, on: bool) {
        let aliases = &self.parts.aliases;
        aliases.store(on, std::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn pools(&self) -> Pools {
        self.parts.pools()
    }

    pub(crate) fn close(&self) {
        self.upkeep.abort();
        if let Some(replica) = &self.parts.replica {
            replica.lanes.close();
        }
        self.parts.lanes.close();
        self.parts.pool.close();
    }
}

fn pooled(what: &str) -> Error {
    Error::Address(format!(
        "{what} needs a session of its own, which a pooler does not give: set database.direct_url to the server itself"
    ))
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.close();
    }
}

impl Parts {
    /// Waits for room on the lanes.
    async fn enter(
        &self,
        tenant: TenantId,
        name: &'static str,
    ) -> Result<crate::fair::Place, Error> {
        if let Some(place) = self.gate.try_enter() {
            return Ok(place);
        }
        let began = Instant::now();
        let meters = self.lanes.meters();
        let place = self.gate.enter(tenant, name).await;
        match &place {
            Ok(_) => meters.waited(began.elapsed()),
            Err(_) => meters.timed_out(),
        }
        place
    }

    /// Behind a pooler: the types of the parameters are learnt first, and again where the schema changed.
    async fn run_typed<S: Shape>(
        &self,
        types: &Types,
        call: &Call,
        tenant: TenantId,
        recent: &Recent,
    ) -> Result<(S::Out, u64), Error> {
        let mut spare = true;
        loop {
            let ask = self.pool.ask_types(call, tenant);
            match types.learn(call.postgres_text(), ask).await {
                // Asking changes nothing.
                Err(Error::Unavailable { .. }) if spare && self.retry_reads => {
                    spare = false;
                    continue;
                }
                learnt => learnt?,
            }
            match self.lanes.run::<S>(call, recent).await {
                Err(e) if spare && execute::is_mistyped(&e) => {
                    types.forget(call.postgres_text());
                    spare = false;
                }
                result => return result,
            }
        }
    }

    /// Asks the server how many connections it allows, and makes ours fit where they are not fixed.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyConnections`] where they cannot be made to fit.
    pub(super) async fn fits(&self) -> Result<(), Error> {
        if self.types.is_some() {
            // How many connections the server has is the pooler's affair.
            return Ok(());
        }
        let Some(direct) = &self.direct else {
            return Ok(());
        };
        let client = Link::apart("db.limits", direct, self.connect_wait).await?;
        let sizes = self.limits.ask(&client).await?;
        self.lanes.narrow(sizes.lanes);
        self.gate.narrow(sizes.lanes * LANE_PLACES);
        self.pool.narrow(sizes.pool);
        Ok(())
    }

    /// Says it where behind a pooler nothing ends a statement that runs for too long: lanes cannot set a limit there.
    pub(super) async fn remark_no_limit(&self) -> Result<(), BoxedError> {
        if self.types.is_none() {
            return Ok(());
        }
        let connection = self.lanes.free(Made::Whenever);
        let connection = connection.ok_or("there is no connection")?;
        if connection.ask("SHOW statement_timeout").await? == "0" {
            tracing::warn!(
                "behind the pooler no limit ends a statement that runs for too long: \
                 ALTER ROLE ... SET statement_timeout on the server"
            );
        }
        Ok(())
    }

    pub(super) fn pools(&self) -> Pools {
        let mut pools = vec![self.lanes.state(self.gate.waiting()), self.pool.state()];
        pools.extend(self.replica.iter().map(|replica| replica.lanes.state(0)));
        Pools {
            pools,
            server: self.limits.share(),
            replica: self.replica.as_ref().map(Replica::reads),
        }
    }

    pub(super) fn publish(&self, pools: &Pools) {
        for state in &pools.pools {
            match (state.name, &self.replica) {
                (LANES, _) => self.lanes.meters().publish(state),
                (REPLICA, Some(replica)) => replica.lanes.meters().publish(state),
                _ => self.pool.publish(state),
            }
        }
        if self.aliases.load(std::sync::atomic::Ordering::Relaxed) {
            super::meters::publish_aliases(pools);
        }
    }
}
