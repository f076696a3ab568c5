//! PostgreSQL: a few pipelined connections for auto-commit statements, and a checkout pool for everything that must
//! have a connection to itself.
mod copy;
mod encode;
mod execute;
mod held;
mod lanes;
mod order;
mod pipeline;
mod pool;

use std::fmt::Write as _;
use std::str::FromStr as _;
use std::time::Duration;

use brisk_core::TenantId;
use tokio_postgres::Config;

use crate::batch::{Batch, Outcome};
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::fair::{Gate, Patience};
use crate::pace::Pace;
use crate::statement::{Call, Shape};

pub(crate) use execute::error;
pub(crate) use held::Held;
pub(crate) use pool::PostgresTransaction;

/// After this much silence on the wire a peer is taken for dead, so that nobody waits for a machine that vanished.
const SILENCE: Duration = Duration::from_secs(20);

/// A statement on a lane is planned once and not for each set of parameters: planning a join takes longer than running it.
/// The server plans anew when it has new statistics. Plans look for rows by index, as storage without moving parts does.
const PLANNING: &str = "-c plan_cache_mode=force_generic_plan -c random_page_cost=1.1";

/// The PostgreSQL engine.
#[derive(Debug)]
pub(crate) struct Postgres {
    lanes: lanes::Lanes,
    pool: pool::Pool,
    pace: Pace,
    gate: Gate,
    relay: Box<Config>,
}

/// Statements under way on one lane. The server works on one of them at a time; the others keep it busy.
const LANE_PLACES: usize = 256;

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
        let mut address = Config::from_str(url).map_err(|e| Error::Address(e.to_string()))?;
        address
            .application_name("brisk")
            .connect_timeout(config.connect_wait)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(SILENCE / 4)
            .keepalives_retries(4);
        let lane = [("statement_timeout", config.statement_timeout)];
        let own = [
            ("statement_timeout", config.slow_statement_timeout),
            ("idle_in_transaction_session_timeout", hold),
        ];
        let mut lanes = with_limits(&address, &lane);
        let options = lanes.get_options().unwrap_or_default();
        lanes.options(format!("{options} {PLANNING}"));
        Ok(Self {
            lanes: lanes::Lanes::open(&lanes, config),
            pool: pool::Pool::open(with_limits(&address, &own), config, patience)?,
            pace: Pace::new(config.slow_apart),
            gate: Gate::new(config.lanes.max(1) * LANE_PLACES, patience),
            relay: Box::new(with_limits(&address, &lane)),
        })
    }

    pub(crate) async fn run<S: Shape>(
        &self,
        call: Call,
        tenant: TenantId,
    ) -> Result<(S::Out, u64), Error> {
        if call.slow {
            return self.pool.run::<S>(call, tenant, None).await;
        }
        let recent = self.pace.of(&call);
        if recent.is_slow() {
            self.pool.run::<S>(call, tenant, Some(&recent)).await
        } else {
            let _place = self.gate.enter(tenant, call.name).await?;
            self.lanes.run::<S>(call, &recent).await
        }
    }

    pub(crate) async fn batch(
        &self,
        batch: Batch,
        tenant: TenantId,
    ) -> Result<Vec<Outcome>, Error> {
        self.pool.batch(batch, tenant).await
    }

    pub(crate) async fn begin(
        &self,
        isolation: &'static str,
        tenant: TenantId,
    ) -> Result<PostgresTransaction, Error> {
        self.pool.begin(isolation, tenant).await
    }

    /// A connection of its own: migrations and the tests that describe statements. Whoever is done says that it is
    /// clean.
    pub(crate) async fn checkout(&self, name: &'static str) -> Result<Held, Error> {
        self.pool.checkout(name, TenantId::PLATFORM).await
    }

    /// Where the change stream connects by itself.
    pub(crate) fn relay_address(&self) -> &Config {
        &self.relay
    }

    pub(crate) fn close(&self) {
        self.lanes.close();
        self.pool.close();
    }
}

fn with_limits(address: &Config, limits: &[(&str, Duration)]) -> Config {
    let mut options = address.get_options().unwrap_or_default().to_owned();
    for (setting, limit) in limits {
        // 0 would mean no limit.
        let limit = limit.as_millis().max(1);
        write!(options, " -c {setting}={limit}").expect("writing to a String cannot fail");
    }
    let mut address = address.clone();
    address.options(options.trim());
    address
}
