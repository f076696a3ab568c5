//! One lane's connection: many callers share it at once, and the server answers them in their order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use super::execute::{self, Ready};
use super::order::Order;
use super::types::Types;
use crate::error::Error;
use crate::pace::Recent;
use crate::statement::{Call, CallText, Shape};

/// Built texts that one connection keeps prepared; past that the oldest shapes are prepared anew.
const BUILT_TEXTS: usize = 512;

#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    made_at: Instant,
    /// Statements that the server has not answered yet, those whose caller left included.
    in_flight: AtomicUsize,
    /// Whose turn it is. A std mutex: held to note an event, never across an await.
    order: Mutex<Order>,
    // A std mutex: held for a look-up only, never across an await.
    prepared: Mutex<Prepared>,
    /// Behind a pooler, which keeps nothing prepared.
    types: Option<Arc<Types>>,
}

type Slot = Arc<OnceCell<Statement>>;

#[derive(Debug, Default)]
struct Prepared {
    /// Declared statements, by where their text lies.
    declared: HashMap<(usize, usize), Slot>,
    built: HashMap<String, Slot>,
}

impl Connection {
    pub(super) fn new(client: Client, types: Option<Arc<Types>>) -> Self {
        Self {
            client,
            made_at: Instant::now(),
            in_flight: AtomicUsize::new(0),
            order: Mutex::new(Order::new()),
            prepared: Mutex::default(),
            types,
        }
    }

    pub(super) fn is_live(&self, made: Made) -> bool {
        let fits = match made {
            Made::Whenever => true,
            Made::After(since) => self.made_at > since,
            Made::Before(then) => self.made_at < then,
        };
        fits && !self.client.is_closed()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How many statements were sent, and how many stood before them on the way, since this was asked last.
    pub(super) fn crowd(&self) -> (u64, u64) {
        self.order().crowd()
    }

    /// Since when nothing is under way.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.order().idle_since()
    }

    /// Returns once the first statement under way has waited for `limit`.
    pub(super) async fn silent(&self, limit: Duration) {
        loop {
            let since = self.order().waits_since();
            let waited = since.map_or(Duration::ZERO, |since| since.elapsed());
            if waited >= limit {
                return;
            }
            tokio::time::sleep(limit.saturating_sub(waited)).await;
        }
    }

    /// The only value of a short statement of our own.
    pub(super) async fn ask(&self, text: &str) -> Result<String, tokio_postgres::Error> {
        let answer = self.client.simple_query(text).await?;
        let value = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok(value.unwrap_or_default().to_owned())
    }

    /// Whether the server still answers, within `wait`.
    pub(super) async fn answers(&self, wait: Duration) -> bool {
        let asked = tokio::time::timeout(wait, self.client.batch_execute(""));
        matches!(asked.await, Ok(Ok(())))
    }

    pub(super) async fn run<S: Shape>(
        self: &Arc<Self>,
        call: &Call,
        recent: &Recent,
    ) -> Result<(S::Out, u64), Error> {
        let under_way = UnderWay::enter(self, recent);
        let mut result = self.attempt::<S>(call).await;
        if result.as_ref().is_err_and(execute::is_stale) {
            self.forget(call);
            result = self.attempt::<S>(call).await;
        }
        under_way.answered();
        result
    }

    async fn attempt<S: Shape>(&self, call: &Call) -> Result<(S::Out, u64), Error> {
        let ready = self.prepare(call).await?;
        execute::run::<S>(&self.client, call.name, &ready, &call.values).await
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        let order = self.order.lock();
        order.expect("no holder of the lane's lock can panic")
    }

    fn prepared(&self) -> MutexGuard<'_, Prepared> {
        let prepared = self.prepared.lock();
        prepared.expect("no holder of the lane's lock can panic")
    }

    /// Waits until the server has answered what nobody waits for any more. Answers come in order, so that an empty
    /// statement tells. One call at a time does it for all that were abandoned meanwhile.
    async fn outwait(&self) {
        loop {
            let waiting = self.order().abandoned.clone();
            if self.client.batch_execute("").await.is_err() {
                return;
            }
            self.in_flight.fetch_sub(waiting.len(), Ordering::Relaxed);
            let mut order = self.order();
            for turn in &waiting {
                order.answer(*turn);
            }
            order.abandoned.drain(..waiting.len());
            if order.abandoned.is_empty() {
                return;
            }
        }
    }

    /// Drops what is prepared of a text, so that it is prepared anew.
    fn forget(&self, call: &Call) {
        let mut prepared = self.prepared();
        match &call.text {
            CallText::Declared { postgres, .. } => {
                prepared.declared.remove(&key(postgres));
            }
            CallText::Built(text) => {
                prepared.built.remove(text);
            }
        }
    }

    async fn prepare(&self, call: &Call) -> Result<Ready, Error> {
        if let Some(types) = &self.types {
            let text = call.postgres_text();
            // Whoever sends behind a pooler has learnt them before.
            let types = types.known(text).ok_or(Error::Unavailable {
                statement: call.name,
                source: None,
            })?;
            return Ok(Ready::Typed(text.into(), types));
        }
        let slot = {
            let mut prepared = self.prepared();
            match &call.text {
                CallText::Declared { postgres, .. } => {
                    Arc::clone(prepared.declared.entry(key(postgres)).or_default())
                }
                CallText::Built(text) => {
                    if let Some(slot) = prepared.built.get(text) {
                        Arc::clone(slot)
                    } else {
                        if prepared.built.len() >= BUILT_TEXTS {
                            prepared.built.clear();
                        }
                        Arc::clone(prepared.built.entry(text.clone()).or_default())
                    }
                }
            }
        };
        let prepare = || self.client.prepare(call.postgres_text());
        slot.get_or_try_init(prepare)
            .await
            .cloned()
            .map(Ready::Named)
            .map_err(|e| execute::error(call.name, e))
    }
}

/// Which connections are good enough, by when they were made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Made {
    Whenever,
    /// What was cut before that is out.
    After(Instant),
    /// What was made later may lead to a server that was not asked then.
    Before(Instant),
}

fn key(text: &'static str) -> (usize, usize) {
    (text.as_ptr().addr(), text.len())
}

/// A statement under way. Dropped before its answer, it goes on counting until the server is done with it: else the
/// lane that it blocks would look idle and draw everything to itself.
struct UnderWay<'a> {
    connection: &'a Arc<Connection>,
    recent: &'a Recent,
    turn: usize,
    sent_at: Instant,
    answered: bool,
}

impl<'a> UnderWay<'a> {
    fn enter(connection: &'a Arc<Connection>, recent: &'a Recent) -> Self {
        connection.in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            connection,
            recent,
            turn: connection.order().send(),
            sent_at: Instant::now(),
            answered: false,
        }
    }

    fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let connection = self.connection;
        let mut order = connection.order();
        // What stands behind another one is not what the server spends its time on.
        if let Some(since) = order.head_since(self.turn) {
            self.recent.note(since.max(self.sent_at).elapsed());
        }
        if self.answered {
            connection.in_flight.fetch_sub(1, Ordering::Relaxed);
            order.answer(self.turn);
            return;
        }
        order.abandoned.push(self.turn);
        if order.abandoned.len() == 1
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let connection = Arc::clone(connection);
            runtime.spawn(async move { connection.outwait().await });
        }
    }
}
