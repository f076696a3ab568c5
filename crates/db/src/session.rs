//! `Session`: a scope with a database or a transaction. There is no other way to the data.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_core::{AnswerShape, FindingKind, Looked, Scope, TenantId, Way};
use brisk_telemetry::Operation;
use futures::future::BoxFuture;
use sea_query::{PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder};

use crate::batch::{Batch, Outcome};
use crate::bulk::{Insert, OnConflict, Record};
use crate::capture::{self, Capture, Position};
use crate::database::{Db, Engine};
use crate::error::Error;
use crate::footprint::Footprint;
use crate::hooks::Hooks;
use crate::observe::Ended;
use crate::row::FromRow;
use crate::sight::Sight;
use crate::statement::{Affected, Call, CallText, Params, Shape, Statement, Writes};
use crate::transaction::Transaction;
use crate::value::Value;
use crate::witness::Witness;

/// For whom, until when and at what cost (the [`Scope`]), with the place where statements run. Cheap to clone.
///
/// Store methods take a session, so they cannot be called without a tenant, and the same method runs by itself or
/// inside a transaction. A dropped future releases its caller at once; an auto-commit write that was already sent still
/// happens, one that waits in line may not.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) scope: Scope,
    pub(crate) db: Db,
    pub(crate) transaction: Option<Arc<Transaction>>,
    pub(crate) hooks: Option<Arc<Hooks>>,
    pub(crate) sight: Sight,
    /// Writes are refused.
    pub(crate) read_only: bool,
    pub(crate) footprint: Option<Arc<dyn Footprint>>,
}

impl Session {
    pub(crate) const fn new(scope: Scope, db: Db, sight: Sight) -> Self {
        Self {
            scope,
            db,
            transaction: None,
            hooks: None,
            sight,
            read_only: false,
            footprint: None,
        }
    }

    /// The context.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whose rows.
    pub const fn tenant(&self) -> TenantId {
        self.scope.tenant()
    }

    /// The database.
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The same place for another tenant; for workers and platform callers, whose right to it was checked before.
    #[must_use]
    pub fn for_tenant(&self, tenant: TenantId) -> Self {
        Self {
            scope: self.scope.for_tenant(tenant),
            ..self.clone()
        }
    }

    /// The same place for work in which findings of this kind are meant to be: `reason` says why in one sentence, and
    /// stands beside the finding wherever that is shown. Other kinds are found as ever.
    #[must_use]
    pub fn expecting(&self, kind: FindingKind, reason: &'static str) -> Self {
        Self {
            scope: self.scope.expecting(kind, reason),
            ..self.clone()
        }
    }

    /// Whether statements run inside a transaction.
    pub const fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Runs `hook` once the transaction is committed, or at once outside of one. It must be quick and not panic.
    ///
    /// A transaction that is undone, or whose commit is not known to have held, drops it unrun.
    pub fn on_commit(&self, hook: impl FnOnce() + Send + 'static) {
        match &self.hooks {
            Some(hooks) => hooks.add(Box::new(hook)),
            None => hook(),
        }
    }

    /// Runs a declared statement.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] and [`Error::Timeout`] from the way there, [`Error::Constraint`] for what the schema
    /// refuses, [`Error::NoRow`] where one row was promised.
    #[track_caller]
    pub fn run<P: Params, S: Shape>(
        &self,
        statement: &'static Statement<P, S>,
        params: P,
    ) -> impl Future<Output = Result<S::Out, Error>> + Send + '_ {
        let call = Call::declared(&statement.text, params, self.scope.deadline());
        self.send::<S>(call)
    }

    /// Runs a declared statement for each set of parameters, in order, and sums the changed rows.
    ///
    /// Outside a transaction the sets succeed or fail together.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn run_each<P: Params>(
        &self,
        statement: &'static Statement<P, Affected>,
        sets: impl IntoIterator<Item = P> + Send,
    ) -> Result<u64, Error> {
        let mut batch = Batch::new();
        batch.run_each(statement, sets);
        Ok(self.batch(batch).await?.iter().map(|o| o.affected).sum())
    }

    /// Runs a list query built for this call; its shape is prepared once for each connection.
    ///
    /// The query must select `R::COLUMNS` in order, and its first condition should be the tenant.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    #[track_caller]
    pub fn select<R: FromRow>(
        &self,
        name: &'static str,
        query: &SelectStatement,
    ) -> impl Future<Output = Result<Vec<R>, Error>> + Send + use<'_, R> {
        let (text, values) = self.text(query);
        self.send_built(name, text, values, Location::caller())
    }

    /// As [`Session::select`], for a page of a list: `page` rows after the first `skip`, and one more where there is one,
    /// which tells that the list goes on. The query itself has neither limit nor offset.
    ///
    /// A usual page size stands in the text. PostgreSQL then sees that a plan for all parameters is as good as one made
    /// for these, and stops planning each time; of a limit that it does not know it expects a tenth of the table.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    #[track_caller]
    pub fn select_page<R: FromRow>(
        &self,
        name: &'static str,
        query: &SelectStatement,
        page: u64,
        skip: u64,
    ) -> impl Future<Output = Result<Vec<R>, Error>> + Send + use<'_, R> {
        // Few, because each shape of a text is kept prepared by each connection.
        const USUAL: [u64; 8] = [1, 10, 20, 25, 50, 100, 500, 1_000];
        let rows = page.saturating_add(1);
        let (text, values) = if skip == 0 && USUAL.contains(&page) {
            let (text, values) = self.text(query);
            (format!("{text} LIMIT {rows}"), values)
        } else {
            let mut query = query.clone();
            query.limit(rows);
            if skip > 0 {
                query.offset(skip);
            }
            self.text(&query)
        };
        self.send_built(name, text, values, Location::caller())
    }

    fn text(&self, query: &SelectStatement) -> (String, sea_query::Values) {
        match self.db.engine() {
            Engine::Sqlite(_) => query.build(SqliteQueryBuilder),
            Engine::Postgres(_) => query.build(PostgresQueryBuilder),
        }
    }

    fn send_built<R: FromRow>(
        &self,
        name: &'static str,
        text: String,
        values: sea_query::Values,
        site: &'static Location<'static>,
    ) -> impl Future<Output = Result<Vec<R>, Error>> + Send + use<'_, R> {
        self.send::<Vec<R>>(Call {
            name,
            text: CallText::Built(text),
            writes: false,
            slow: false,
            values: values.into_iter().map(Value::from).collect(),
            kinds: Vec::new,
            deadline: self.scope.deadline(),
            site,
            seen: None,
        })
    }

    /// Inserts many rows; answers how many went in.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn insert_many<T: Record>(
        &self,
        rows: Vec<T>,
        on_conflict: OnConflict,
    ) -> Result<u64, Error> {
        let mut batch = Batch::new();
        batch.insert_many(rows, on_conflict);
        Ok(self.batch(batch).await?.iter().map(|o| o.affected).sum())
    }

    /// Changes many rows by their `key` columns, as [`Batch::update_many`] does; answers how many were there.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn update_many<T: Record>(
        &self,
        rows: Vec<T>,
        key: &'static [&'static str],
    ) -> Result<u64, Error> {
        let mut batch = Batch::new();
        batch.update_many(rows, key);
        Ok(self.batch(batch).await?.iter().map(|o| o.affected).sum())
    }

    /// Inserts many rows; answers the `bigint` column `returning` of those that went in.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn insert_returning<T: Record>(
        &self,
        rows: Vec<T>,
        on_conflict: OnConflict,
        returning: &'static str,
    ) -> Result<Vec<i64>, Error> {
        let mut batch = Batch::new();
        batch.steps.push(crate::batch::Step::Insert(Insert::of(
            rows,
            on_conflict,
            Some(returning),
        )));
        Ok(self.batch(batch).await?.pop().unwrap_or_default().returned)
    }

    /// Runs a batch: all of it, or nothing.
    ///
    /// # Errors
    ///
    /// That of the first step that failed. Inside a transaction the transaction is then over.
    pub async fn batch(&self, mut batch: Batch) -> Result<Vec<Outcome>, Error> {
        let hooks = std::mem::take(&mut batch.hooks);
        let committed = || match &self.hooks {
            Some(transaction) => transaction.append(&hooks),
            None => hooks.run(),
        };
        if batch.is_empty() {
            committed();
            return Ok(Vec::new());
        }
        let name = batch.name();
        self.may_write(name, true)?;
        let wrote = self.about_to_write(batch.steps.iter().map(crate::batch::Step::writes));
        let steps: Vec<_> = batch
            .steps
            .iter()
            .map(|s| (s.name(), s.operation()))
            .collect();
        let mut witness = Witness::of(
            &self.scope,
            name,
            Location::caller(),
            Way::Batch,
            AnswerShape::Affected,
        );
        if let Some(witness) = &mut witness {
            witness.writes();
        }
        let began = Instant::now();
        let result = self
            .within(
                name,
                boxed(async {
                    match (&self.transaction, self.db.engine()) {
                        (Some(transaction), _) => transaction.batch(batch).await,
                        (None, Engine::Sqlite(engine)) => engine.batch(batch, self.tenant()).await,
                        (None, Engine::Postgres(engine)) => {
                            engine.batch(batch, self.tenant()).await
                        }
                    }
                }),
            )
            .await;
        if let Some(witness) = witness {
            let rows = result.iter().flatten().map(|o| o.affected).sum();
            witness.end(&self.scope, rows, result.as_ref().err());
        }
        // The time of the round trip is shared out evenly; only the sum is exact.
        let time = began.elapsed() / u32::try_from(steps.len()).unwrap_or(u32::MAX).max(1);
        for (i, (name, operation)) in steps.into_iter().enumerate() {
            let rows = result
                .as_ref()
                .map_or(0, |o| o.get(i).map_or(0, |o| o.affected));
            let failure = result.as_ref().err();
            self.db.observe(
                &self.scope,
                &Ended {
                    name,
                    operation,
                    time,
                    rows,
                    failure,
                    kinds: Vec::new,
                },
            );
        }
        if result.is_ok() {
            self.wrote(wrote);
            self.note_write();
            committed();
        }
        result
    }

    /// A place in the stream of changes that includes all that was committed before this call, for
    /// [`ChangeStream::reached`](crate::ChangeStream::reached) on whichever node reads next.
    ///
    /// On PostgreSQL it costs one short statement. Ask after the transaction, not inside.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn position(&self) -> Result<Position, Error> {
        capture::position(self).await
    }

    /// What hooks of the change stream are to hear once it is committed: on PostgreSQL, and where there are no triggers,
    /// the tables that the statements name; elsewhere the stream is exact and in time.
    fn about_to_write(&self, texts: impl Iterator<Item = Writes>) -> Option<Vec<Box<str>>> {
        let hub = self.db.hub();
        let told = match self.db.capture() {
            Capture::Outbox => hub.has_hooks() && matches!(self.db.engine(), Engine::Postgres(_)),
            Capture::App => hub.is_heard(),
            Capture::Off => false,
        };
        if !told {
            return None;
        }
        let mut tables = Vec::new();
        for text in texts {
            match text {
                Writes::Nothing => {}
                Writes::Table(table) => tables.push(table.into()),
                Writes::Text(text) => {
                    let named = self.db.texts().tables(text);
                    if named.is_empty() {
                        return Some(Vec::new());
                    }
                    tables.extend(named.iter().cloned());
                }
            }
        }
        (!tables.is_empty()).then_some(tables)
    }

    fn wrote(&self, tables: Option<Vec<Box<str>>>) {
        let Some(tables) = tables else { return };
        let (db, tenant) = (self.db.clone(), self.tenant());
        self.on_commit(move || capture::tell(db.hub(), db.capture(), &tables, tenant));
    }

    /// Once it is committed, reads of this caller are not for a replica that has not come so far.
    fn note_write(&self) {
        if self.sight.wrote.is_some() {
            let (db, scope, sight) = (self.db.clone(), self.scope.clone(), self.sight.clone());
            self.on_commit(move || {
                if let Engine::Postgres(engine) = db.engine() {
                    engine.wrote(&scope, &sight);
                }
            });
        }
    }

    pub(crate) async fn send<S: Shape>(&self, call: Call) -> Result<S::Out, Error> {
        self.send_as::<S>(call, Way::Run, None).await
    }

    /// The same for a statement of a keyed load, whose rows may be watched.
    pub(crate) async fn send_as<S: Shape>(
        &self,
        mut call: Call,
        way: Way,
        watch: Option<&Arc<Looked>>,
    ) -> Result<S::Out, Error> {
        let name = call.name;
        self.may_write(name, call.writes)?;
        self.tell_footprint(&call);
        let kinds = call.kinds;
        let wrote = self.about_to_write(std::iter::once(call.writes()));
        let writes = call.writes;
        let operation = Operation::of(call.postgres_text());
        let mut witness = Witness::of(&self.scope, name, call.site, way, S::ANSWER);
        if let Some(witness) = &mut witness {
            witness.look_at(&mut call);
            witness.watch(watch);
        }
        let question = self.db.question(&self.scope, &call);
        let began = Instant::now();
        let mut work = boxed(async {
            match (&self.transaction, self.db.engine()) {
                (Some(transaction), _) => transaction.run::<S>(call).await,
                (None, Engine::Sqlite(engine)) => engine.run::<S>(call, self.tenant()).await,
                (None, Engine::Postgres(engine)) => {
                    engine.run_for::<S>(call, &self.scope, &self.sight).await
                }
            }
        });
        if let Some(witness) = &witness {
            work = boxed(witness.seen().while_running(work));
        }
        let result = self.within(name, work).await;
        let (rows, failure) = match &result {
            Ok((_, rows)) => (*rows, None),
            Err(e) => (0, Some(e)),
        };
        let time = began.elapsed();
        if let Some(witness) = witness {
            witness.end(&self.scope, rows, failure);
        }
        match question {
            Some(question) if failure.is_none() => self.db.ask(*question, rows, time),
            None if time >= self.db.slow_threshold() => self.db.advisor().want(name),
            _ => {}
        }
        self.db.observe(
            &self.scope,
            &Ended {
                name,
                operation,
                time,
                rows,
                failure,
                kinds,
            },
        );
        if result.is_ok() {
            self.wrote(wrote);
            if writes {
                self.note_write();
            }
        }
        result.map(|(out, _)| out)
    }

    /// Releases the caller at its deadline; what was sent is left to the engine's own limits.
    pub(crate) async fn within<T>(
        &self,
        statement: &'static str,
        work: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let Some(end) = self.scope.deadline().instant() else {
            return work.await;
        };
        if end.saturating_duration_since(Instant::now()) == Duration::ZERO {
            return Err(Error::Timeout { statement });
        }
        match tokio::time::timeout_at(end.into(), work).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { statement }),
        }
    }
}

/// Puts an engine's work on the heap. It is the same kilobytes in every store method, use case and handler above; one
/// allocation for each statement is cheaper than moving them.
pub(crate) fn boxed<'a, T>(work: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(work)
}
