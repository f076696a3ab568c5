//! PostgreSQL: a few pipelined connections for auto-commit statements, and a checkout pool for everything that must
//! have a connection to itself.
mod encode;
mod execute;
mod lanes;
mod pipeline;
mod pool;

use std::str::FromStr as _;

use tokio_postgres::Config;

use crate::batch::{Batch, Outcome};
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::statement::{Call, Shape};

pub(crate) use execute::error;
pub(crate) use pool::PostgresTransaction;

/// The PostgreSQL engine.
#[derive(Debug)]
pub(crate) struct Postgres {
    lanes: lanes::Lanes,
    pool: pool::Pool,
}

impl Postgres {
    /// Opens the lanes and the pool; connections are made in the background and whenever one is lost.
    pub(crate) fn open(url: &str, config: &PostgresConfig) -> Result<Self, Error> {
        let mut address = Config::from_str(url).map_err(|e| Error::Address(e.to_string()))?;
        address
            .application_name("brisk")
            .connect_timeout(config.connect_wait);
        Ok(Self {
            lanes: lanes::Lanes::open(&with_timeout(&address, config.statement_timeout), config),
            pool: pool::Pool::open(
                with_timeout(&address, config.slow_statement_timeout),
                config,
            )?,
        })
    }

    pub(crate) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        if call.slow {
            self.pool.run::<S>(call).await
        } else {
            self.lanes.run::<S>(call).await
        }
    }

    pub(crate) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        self.pool.batch(batch).await
    }

    pub(crate) async fn begin(
        &self,
        isolation: &'static str,
    ) -> Result<PostgresTransaction, Error> {
        self.pool.begin(isolation).await
    }

    /// A connection of its own: migrations and the tests that describe statements.
    pub(crate) async fn checkout(
        &self,
        name: &'static str,
    ) -> Result<deadpool_postgres::Object, Error> {
        self.pool.checkout(name).await
    }

    pub(crate) fn close(&self) {
        self.lanes.close();
        self.pool.close();
    }
}

fn with_timeout(address: &Config, limit: std::time::Duration) -> Config {
    let mut address = address.clone();
    let own = address.get_options().unwrap_or_default().to_owned();
    address.options(format!("{own} -c statement_timeout={}", limit.as_millis()).trim());
    address
}
