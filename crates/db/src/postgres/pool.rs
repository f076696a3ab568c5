//! The checkout pool: transactions, batches, bulk loads and statements known to be slow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_core::TenantId;
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::types::Type;

use super::held::Held;
use super::home::{Care, Home};
use super::link::Link;
use super::meters::Meters;
use super::transaction::{Begin, PostgresTransaction};
use super::types::Types;
use super::{execute, pipeline};
use crate::batch::{Batch, Outcome};
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::fair::{Gate, Patience};
use crate::pace::Recent;
use crate::pools::PoolState;
use crate::statement::{Call, Shape};

/// The pool's name in metrics.
const NAME: &str = "checkout";

#[derive(Debug)]
pub(super) struct Pool {
    address: Config,
    /// Of a pooler's connections.
    types: Option<Arc<Types>>,
    begin: Begin,
    connect_wait: Duration,
    max_age: Duration,
    care: Care,
    home: Arc<Home>,
    /// As many places as connections: whoever has one finds a connection.
    gate: Gate,
}

impl Pool {
    pub(super) fn open(
        address: Config,
        config: &PostgresConfig,
        places: usize,
        patience: Patience,
        types: Option<Arc<Types>>,
        begin: Begin,
    ) -> Self {
        Self {
            address,
            types,
            begin,
            connect_wait: config.connect_wait,
            max_age: config.max_age,
            care: Care {
                ping_after: config.idle_ping,
                close_after: config.idle_close,
            },
            home: Arc::new(Home::new(Meters::of(NAME))),
            gate: Gate::new(places, patience),
        }
    }

    pub(super) async fn checkout(
        &self,
        name: &'static str,
        tenant: TenantId,
    ) -> Result<Held, Error> {
        let began = Instant::now();
        let meters = &self.home.meters;
        let place = self.gate.enter(tenant, name).await;
        let place = place.inspect_err(|_| meters.timed_out())?;
        meters.waited(began.elapsed());
        let link = match self.home.take() {
            Some(link) => link,
            None => self.connect(name).await?,
        };
        Ok(Held::new(link, Some((Arc::clone(&self.home), place))))
    }

    async fn connect(&self, name: &'static str) -> Result<Link, Error> {
        let opening = self.home.opening();
        let began = Instant::now();
        let connecting = Link::connect(&self.address, self.types.clone(), jittered(self.max_age));
        let mut link = match timeout(self.connect_wait, connecting).await {
            Ok(Ok(link)) => link,
            Ok(Err(e)) => {
                return Err(match execute::error(name, e) {
                    Error::Statement { source, .. } => Error::unavailable(name, source),
                    known => known,
                });
            }
            Err(late) => return Err(Error::unavailable(name, late)),
        };
        link.is_walled = self.begin.has_walls();
        opening.made();
        self.home.meters.made(began.elapsed());
        Ok(link)
    }

    /// A connection that nobody needs just now; none where somebody would have to wait for one, or none can be made.
    pub(super) async fn spare(&self, name: &'static str) -> Option<Held> {
        let place = self.gate.try_enter()?;
        let link = match self.home.take() {
            Some(link) => link,
            None => self.connect(name).await.ok()?,
        };
        Some(Held::new(link, Some((Arc::clone(&self.home), place))))
    }

    /// Runs a statement on a connection of its own, and notes how long that took.
    pub(super) async fn run<S: Shape>(
        &self,
        call: Call,
        tenant: TenantId,
        recent: Option<&Recent>,
    ) -> Result<(S::Out, u64), Error> {
        let client = self.checkout(call.name, tenant).await?;
        let _clock = recent.map(Clock::start);
        if client.is_pooled() {
            return self.run_framed::<S>(&client, &call, tenant).await;
        }
        if self.begin.has_walls() {
            return self.run_walled::<S>(&client, &call, tenant).await;
        }
        Self::run_on::<S>(client, &call).await
    }

    /// Runs a statement on a connection that the caller has, and gives that back.
    pub(super) async fn run_on<S: Shape>(
        client: Held,
        call: &Call,
    ) -> Result<(S::Out, u64), Error> {
        let mut result = run::<S>(&client, call).await;
        if result.as_ref().is_err_and(execute::is_stale) {
            result = run::<S>(&client, call).await;
        }
        client.clean();
        result
    }

    /// The same behind a pooler: a transaction holds the limits, which no session there could keep.
    async fn run_framed<S: Shape>(
        &self,
        client: &Held,
        call: &Call,
        tenant: TenantId,
    ) -> Result<(S::Out, u64), Error> {
        let mut spare = true;
        let begin = self.begin.text("BEGIN", tenant);
        loop {
            plain(client, call.name, &begin).await?;
            let result = run::<S>(client, call).await;
            let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
            let ended = plain(client, call.name, end).await;
            if ended.is_ok() {
                client.clean();
            }
            match result {
                Err(e) if spare && execute::is_mistyped(&e) => spare = false,
                Err(e) => return Err(e),
                Ok(answer) => return ended.map(|()| answer),
            }
        }
    }

    /// The same with row security: beginning, statement and end travel together, in one round trip.
    async fn run_walled<S: Shape>(
        &self,
        client: &Held,
        call: &Call,
        tenant: TenantId,
    ) -> Result<(S::Out, u64), Error> {
        let fail = |e| execute::error(call.name, e);
        let begin = self.begin.text("BEGIN", tenant);
        let mut spare = true;
        loop {
            let ready = client.ready(call.postgres_text()).await.map_err(fail)?;
            // Each is sent at its first poll, so in this order. After a refusal the server takes COMMIT for ROLLBACK.
            let (started, result, ended) = futures::join!(
                plain(client, call.name, &begin),
                execute::run::<S>(client, call.name, &ready, &call.values),
                plain(client, call.name, "COMMIT"),
            );
            if ended.is_ok() {
                client.clean();
            }
            match result {
                Err(e) if spare && execute::is_stale(&e) => {
                    client.forget(call.postgres_text());
                    spare = false;
                }
                Err(e) => return Err(e),
                Ok(answer) => return started.and(ended).map(|()| answer),
            }
        }
    }

    /// Asks for the types of a text's parameters, behind a pooler.
    pub(super) async fn ask_types(
        &self,
        call: &Call,
        tenant: TenantId,
    ) -> Result<Arc<[Type]>, Error> {
        let client = self.checkout(call.name, tenant).await?;
        plain(&client, call.name, &self.begin.text("BEGIN", tenant)).await?;
        let asked = client.prepare(call.postgres_text()).await;
        let types = asked.map(|statement| statement.params().into());
        plain(&client, call.name, "ROLLBACK").await?;
        client.clean();
        types.map_err(|e| execute::error(call.name, e))
    }

    /// Whether each statement needs a transaction, which says whose rows it is for.
    pub(super) const fn has_walls(&self) -> bool {
        self.begin.has_walls()
    }

    pub(super) async fn batch(
        &self,
        batch: Batch,
        tenant: TenantId,
    ) -> Result<Vec<Outcome>, Error> {
        let client = self.checkout(batch.name(), tenant).await?;
        let begin = self.begin.text("BEGIN", tenant);
        let outcomes = pipeline::run(&client, batch, pipeline::Frame::Whole(&begin)).await;
        // Every answer is in, that to COMMIT or ROLLBACK too.
        client.clean();
        outcomes.map_err(again)
    }

    /// Begins a transaction; on another connection where the first one turns out to be lost.
    pub(super) async fn begin(
        &self,
        isolation: &'static str,
        tenant: TenantId,
    ) -> Result<PostgresTransaction, Error> {
        let mut spare = true;
        let begin = self.begin.text(isolation, tenant);
        loop {
            let client = self.checkout("db.begin", tenant).await?;
            match plain(&client, "db.begin", &begin).await {
                Ok(()) => return Ok(PostgresTransaction::new(client)),
                Err(Error::Unavailable { .. }) if spare => spare = false,
                Err(e) => return Err(e),
            }
        }
    }

    /// Closes what is over, and asks one connection after the other that was silent for long whether it is there.
    pub(super) async fn tend(&self) {
        self.home.retire(self.care);
        // Only with a place of its own, so that nobody finds fewer connections than places.
        while let Some(_place) = self.gate.try_enter()
            && let Some(link) = self.home.silent(self.care)
        {
            if matches!(
                timeout(self.connect_wait, link.batch_execute("")).await,
                Ok(Ok(()))
            ) {
                self.home.answered(link);
            } else {
                tracing::info!("an idle connection of the pool was dead and is closed");
                self.home.silent_for_good();
            }
        }
    }

    pub(super) fn state(&self) -> PoolState {
        let (open, idle) = self.home.counts();
        self.home.meters.complete(PoolState {
            name: NAME,
            used: open - idle,
            idle,
            min: 0,
            max: self.gate.places(),
            pending: self.gate.waiting(),
            retired: self.home.retired(),
            dead: self.home.dead(),
            ..PoolState::default()
        })
    }

    pub(super) fn publish(&self, state: &PoolState) {
        self.home.meters.publish(state);
    }

    /// Lets no more than `places` connections out from now on.
    pub(super) fn narrow(&self, places: usize) {
        self.gate.narrow(places);
    }

    pub(super) fn close(&self) {
        self.home.close();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

/// Up to a quarter less, so that connections made at once are not replaced at once.
pub(super) fn jittered(age: Duration) -> Duration {
    age.mul_f64(1.0 - fastrand::f64() / 4.0)
}

/// Notes how long a statement ran, also one whose caller leaves.
struct Clock<'a>(&'a Recent, Instant);

impl<'a> Clock<'a> {
    fn start(recent: &'a Recent) -> Self {
        Self(recent, Instant::now())
    }
}

impl Drop for Clock<'_> {
    fn drop(&mut self) {
        self.0.note(self.1.elapsed());
    }
}

pub(super) async fn run<S: Shape>(client: &Link, call: &Call) -> Result<(S::Out, u64), Error> {
    let ready = client
        .ready(call.postgres_text())
        .await
        .map_err(|e| execute::error(call.name, e))?;
    let result = execute::run::<S>(client, call.name, &ready, &call.values).await;
    let is_old = if client.is_pooled() {
        execute::is_mistyped
    } else {
        execute::is_stale
    };
    if result.as_ref().is_err_and(is_old) {
        client.forget(call.postgres_text());
    }
    result
}

/// A transaction that met a statement from before a change of the schema may be tried again; it is prepared anew then.
pub(super) fn again(error: Error) -> Error {
    match error {
        Error::Statement { statement, source } if execute::is_stale_source(&source) => {
            Error::Serialization { statement, source }
        }
        other => other,
    }
}

pub(super) async fn plain(client: &Link, name: &'static str, text: &str) -> Result<(), Error> {
    client
        .batch_execute(text)
        .await
        .map_err(|e| execute::error(name, e))
}
