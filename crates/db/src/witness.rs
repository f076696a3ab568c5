//! What the trace of a request gets to know of a statement. Nothing of this happens for requests that keep no trace.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Instant;

use brisk_core::{AnswerShape, Looked, Print, Scope, TraceEvent, Way};
use postgres_types::{FromSql, Type};
use rusqlite::types::ValueRef;

use crate::column::BoxedError;
use crate::error::Error;
use crate::statement::Call;
use crate::value::Value;

/// Values of one answer that are kept as prints.
const VALUES: usize = 512;

/// The same of an answer that several callers share: each keeps its own copy.
const SHARED: usize = 64;

/// Elements of an array parameter that are kept as prints.
const ELEMENTS: usize = 64;

tokio::task_local! {
    /// Where rows that are being read leave their prints.
    static SEEN: Arc<Seen>;
}

/// Prints of the values that came back from one statement.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Prints>);

#[derive(Debug, Default)]
struct Prints {
    values: Vec<Print>,
    cut: bool,
}

impl Seen {
    /// Rows that `work` reads leave their prints here.
    pub(crate) fn during<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        SEEN.sync_scope(Arc::clone(self), work)
    }

    /// The same for work that waits.
    ///
    /// An answer that is there at once is handed out one turn later, so that what is asked beside it begins before it
    /// ends. Otherwise two reads of one `join!` could not be told from two that follow each other.
    pub(crate) async fn while_running<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut first = true;
        let mut early = None;
        let later = poll_fn(|cx| {
            if let Some(answer) = early.take() {
                return Poll::Ready(answer);
            }
            match work.as_mut().poll(cx) {
                Poll::Ready(answer) if first => {
                    early = Some(answer);
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                polled => {
                    first = false;
                    polled
                }
            }
        });
        SEEN.scope(self, later).await
    }

    fn note(&self, columns: usize, value: impl Fn(usize) -> Option<Print>) {
        let mut prints = self.0.lock().expect("no holder of this lock can panic");
        for column in 0..columns {
            if prints.values.len() == VALUES {
                prints.cut = true;
                // The last row tells where the next page begins.
                let at = VALUES - columns.min(VALUES) + column.min(VALUES - 1);
                if let (Some(print), Some(place)) = (value(column), prints.values.get_mut(at)) {
                    *place = print;
                }
                continue;
            }
            match value(column) {
                Some(print) => prints.values.push(print),
                None => prints.cut = true,
            }
        }
    }

    fn take(&self) -> (Vec<Print>, bool) {
        let mut prints = self.0.lock().expect("no holder of this lock can panic");
        (std::mem::take(&mut prints.values), prints.cut)
    }

    /// For answers that several callers share.
    fn copy(&self) -> (Vec<Print>, bool) {
        let prints = self.0.lock().expect("no holder of this lock can panic");
        let some = prints.values.iter().take(SHARED).copied().collect();
        (some, prints.cut || prints.values.len() > SHARED)
    }
}

/// Leaves the prints of a row with whoever asked for them.
pub(crate) fn see_postgres(row: &tokio_postgres::Row) {
    let _untraced = SEEN.try_with(|seen| {
        seen.note(row.len(), |at| {
            row.try_get::<_, Printed>(at).ok().and_then(|p| p.0)
        });
    });
}

/// The same for a row of SQLite.
pub(crate) fn see_sqlite(row: &rusqlite::Row<'_>) {
    let _untraced = SEEN.try_with(|seen| {
        seen.note(row.as_ref().column_count(), |at| {
            Some(match row.get_ref(at).ok()? {
                ValueRef::Null => Print::NULL,
                ValueRef::Integer(value) => Print::int(value),
                ValueRef::Real(value) => Print::float(value),
                ValueRef::Text(text) => Print::text(std::str::from_utf8(text).ok()?),
                ValueRef::Blob(bytes) => Print::bytes(bytes),
            })
        });
    });
}

/// A value as a print; `None` inside for types that have none.
struct Printed(Option<Print>);

impl<'a> FromSql<'a> for Printed {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxedError> {
        let print = match *ty {
            Type::BOOL => Print::bool(bool::from_sql(ty, raw)?),
            Type::INT2 => Print::int(i16::from_sql(ty, raw)?.into()),
            Type::INT4 => Print::int(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Print::int(i64::from_sql(ty, raw)?),
            Type::FLOAT8 => Print::float(f64::from_sql(ty, raw)?),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::BPCHAR => {
                Print::text(<&str>::from_sql(ty, raw)?)
            }
            Type::UUID | Type::BYTEA => Print::bytes(raw),
            Type::TIMESTAMPTZ => {
                let at = <jiff::Timestamp as crate::Column>::from_raw(crate::Raw::Postgres(
                    ty,
                    Some(raw),
                ))?;
                Print::instant(at.as_microsecond())
            }
            Type::DATE => {
                let day = <jiff::civil::Date as crate::Column>::from_raw(crate::Raw::Postgres(
                    ty,
                    Some(raw),
                ))?;
                Print::text(&day.to_string())
            }
            _ => return Ok(Self(None)),
        };
        Ok(Self(Some(print)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxedError> {
        Ok(Self(Some(Print::NULL)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn print(value: &Value) -> Print {
    match value {
        Value::Null => Print::NULL,
        Value::Bool(value) => Print::bool(*value),
        Value::Int(value) => Print::int(*value),
        Value::Float(value) => Print::float(*value),
        Value::Text(text) => Print::text(text),
        Value::Bytes(bytes) => Print::bytes(bytes),
        Value::Uuid(id) => Print::bytes(id.as_bytes()),
        Value::Instant(at) => Print::instant(at.as_microsecond()),
        Value::Date(day) => Print::text(&day.to_string()),
        Value::Json(text) => Print::document(text),
        Value::Array(_, values) => Print::array(values.iter().map(print)),
    }
}

/// One statement of a traced request, from its beginning.
pub(crate) struct Witness {
    event: TraceEvent,
    began: Instant,
    seen: Arc<Seen>,
    shared: bool,
}

impl Witness {
    /// Begins, where the ledger of `scope` keeps a trace.
    pub(crate) fn of(
        scope: &Scope,
        statement: &'static str,
        site: &'static Location<'static>,
        way: Way,
        shape: AnswerShape,
    ) -> Option<Box<Self>> {
        if !scope.ledger().is_traced() {
            return None;
        }
        let began = Instant::now();
        let offset = scope.ledger().offset(began);
        Some(Box::new(Self {
            event: TraceEvent {
                statement: Cow::Borrowed(statement),
                site: site.into(),
                began: offset,
                ended: offset,
                way,
                writes: false,
                transaction: scope.transaction(),
                shape,
                failed: false,
                rows: 0,
                params: vec![Print::int(scope.tenant().get())],
                keys: 0,
                elements: Vec::new(),
                outputs: Vec::new(),
                cut: false,
                looked_at: None,
                excuse: scope.excuse(),
                watch: None,
            },
            began,
            seen: Arc::default(),
            shared: false,
        }))
    }

    /// Reads the parameters of a call, and has its rows leave their prints.
    pub(crate) fn look_at(&mut self, call: &mut Call) {
        self.event.writes = call.writes;
        for value in &call.values {
            self.parameter(value);
        }
        call.seen = Some(Arc::clone(&self.seen));
    }

    pub(crate) fn parameter(&mut self, value: &Value) {
        self.event.params.push(print(value));
        if let Value::Array(_, values) = value {
            let length = u32::try_from(values.len()).unwrap_or(u32::MAX);
            self.event.keys = self.event.keys.max(length);
            let room = ELEMENTS.saturating_sub(self.event.elements.len());
            let some = values.iter().take(room).map(print);
            self.event.elements.extend(some);
        }
    }

    pub(crate) const fn writes(&mut self) {
        self.event.writes = true;
    }

    pub(crate) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// The prints are those of a statement that others share; without any it is not known what came back.
    pub(crate) fn share(&mut self, seen: Option<Arc<Seen>>) {
        self.shared = true;
        self.event.cut = seen.is_none();
        if let Some(seen) = seen {
            self.seen = seen;
        }
    }

    /// The rows note here whether they are looked at.
    pub(crate) fn watch(&mut self, watch: Option<&Arc<Looked>>) {
        self.event.watch = watch.cloned();
    }

    /// Ends, and goes into the trace.
    pub(crate) fn end(mut self: Box<Self>, scope: &Scope, rows: u64, failure: Option<&Error>) {
        let ledger = scope.ledger();
        self.event.ended = ledger.offset(Instant::now().max(self.began));
        self.event.rows = rows;
        self.event.failed = failure.is_some();
        let (outputs, cut) = if self.shared {
            self.seen.copy()
        } else {
            self.seen.take()
        };
        self.event.outputs = outputs;
        self.event.cut |= cut;
        ledger.note(self.event);
    }
}
