//! Declared statements: a name, the parameters' types, the shape of the answer and the text for each engine.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use brisk_core::{AnswerShape, Deadline};

use crate::column::Column;
use crate::error::Error;
use crate::row::FromRow;
use crate::value::{Kind, Value};
use crate::witness::Seen;

/// A statement as declared by [`statements!`](crate::statements).
///
/// Its name is its span, its metric label and its line in the slow log.
pub struct Statement<P, S> {
    pub(crate) text: Text,
    types: PhantomData<fn(P) -> S>,
}

/// What of a statement does not depend on its types.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    pub(crate) name: &'static str,
    pub(crate) postgres: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) writes: bool,
    pub(crate) slow: bool,
}

impl<P, S> fmt::Debug for Statement<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Statement").field(&self.text.name).finish()
    }
}

impl<P, S> Statement<P, S> {
    #[doc(hidden)]
    pub const fn declare(
        name: &'static str,
        postgres: &'static str,
        sqlite: &'static str,
        writes: bool,
        slow: bool,
    ) -> Self {
        Self {
            text: Text {
                name,
                postgres,
                sqlite,
                writes,
                slow,
            },
            types: PhantomData,
        }
    }

    /// The declared name.
    pub const fn name(&self) -> &'static str {
        self.text.name
    }
}

/// What the test that prepares every statement wants to know.
pub trait Declared: Sync {
    /// The declared name.
    fn name(&self) -> &'static str;
    /// The text for PostgreSQL.
    fn postgres(&self) -> &'static str;
    /// The text for SQLite.
    fn sqlite(&self) -> &'static str;
    /// The parameters' types.
    fn parameters(&self) -> Vec<Kind>;
    /// The columns that the row type reads, in order; `*` stands for any one name.
    fn columns(&self) -> &'static [&'static str];
}

impl<P: Params, S: Shape> Declared for Statement<P, S> {
    fn name(&self) -> &'static str {
        self.text.name
    }

    fn postgres(&self) -> &'static str {
        self.text.postgres
    }

    fn sqlite(&self) -> &'static str {
        self.text.sqlite
    }

    fn parameters(&self) -> Vec<Kind> {
        P::kinds()
    }

    fn columns(&self) -> &'static [&'static str] {
        S::Row::COLUMNS
    }
}

/// A tuple of parameters.
pub trait Params: Send + 'static {
    /// Their types.
    fn kinds() -> Vec<Kind>;
    /// Their values, in order.
    fn into_values(self) -> Vec<Value>;
}

macro_rules! params {
    ($($name:ident),*) => {
        impl<$($name: Column),*> Params for ($($name,)*) {
            fn kinds() -> Vec<Kind> {
                vec![$($name::KIND),*]
            }

            #[expect(non_snake_case, reason = "the type parameters name the fields")]
            fn into_values(self) -> Vec<Value> {
                let ($($name,)*) = self;
                vec![$($name.into_value()),*]
            }
        }
    };
}

impl Params for () {
    fn kinds() -> Vec<Kind> {
        Vec::new()
    }

    fn into_values(self) -> Vec<Value> {
        Vec::new()
    }
}

params!(A);
params!(A, B);
params!(A, B, C);
params!(A, B, C, D);
params!(A, B, C, D, E);
params!(A, B, C, D, E, F);
params!(A, B, C, D, E, F, G);
params!(A, B, C, D, E, F, G, H);
params!(A, B, C, D, E, F, G, H, I);
params!(A, B, C, D, E, F, G, H, I, J);
params!(A, B, C, D, E, F, G, H, I, J, K);
params!(A, B, C, D, E, F, G, H, I, J, K, L);
params!(A, B, C, D, E, F, G, H, I, J, K, L, M);
params!(A, B, C, D, E, F, G, H, I, J, K, L, M, N);
params!(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O);
params!(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q);
params!(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R);
params!(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R, T);
params!(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R, T, U);
params!(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R, T, U, V);
params!(
    A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R, T, U, V, W
);
params!(
    A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R, T, U, V, W, X
);
params!(
    A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R, T, U, V, W, X, Y
);
params!(
    A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R, T, U, V, W, X, Y, Z
);

/// How many rows a statement answers, and as what.
pub trait Shape: Send + 'static {
    /// The row type.
    type Row: FromRow;
    /// What the caller gets.
    type Out: Send + 'static;
    /// Whether rows come back at all.
    const ROWS: bool;
    /// What detectors know of the answer.
    const ANSWER: AnswerShape;

    /// Builds the answer from the rows, or from the count of changed rows.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`] when exactly one row was promised and none came.
    fn build(name: &'static str, rows: Vec<Self::Row>, affected: u64) -> Result<Self::Out, Error>;

    /// Bytes that an answer holds outside of itself; see [`Column::heap_bytes`].
    fn heap_bytes(out: &Self::Out) -> usize;
}

/// Exactly one row; none is an error of ours, not the client's.
#[derive(Debug)]
pub struct One<T>(PhantomData<T>);

/// No rows: the count of those that changed.
#[derive(Debug)]
pub struct Affected;

impl<T: FromRow> Shape for Option<T> {
    type Row = T;
    type Out = Self;
    const ROWS: bool = true;
    const ANSWER: AnswerShape = AnswerShape::Maybe;

    fn build(_: &'static str, rows: Vec<T>, _: u64) -> Result<Self, Error> {
        Ok(rows.into_iter().next())
    }

    fn heap_bytes(out: &Self) -> usize {
        out.as_ref().map_or(0, T::heap_bytes)
    }
}

impl<T: FromRow> Shape for Vec<T> {
    type Row = T;
    type Out = Self;
    const ROWS: bool = true;
    const ANSWER: AnswerShape = AnswerShape::List;

    fn build(_: &'static str, rows: Self, _: u64) -> Result<Self, Error> {
        Ok(rows)
    }

    fn heap_bytes(out: &Self) -> usize {
        let rows: usize = out.iter().map(T::heap_bytes).sum();
        rows + out.capacity() * size_of::<T>()
    }
}

impl<T: FromRow> Shape for One<T> {
    type Row = T;
    type Out = T;
    const ROWS: bool = true;
    const ANSWER: AnswerShape = AnswerShape::One;

    fn build(name: &'static str, rows: Vec<T>, _: u64) -> Result<T, Error> {
        rows.into_iter()
            .next()
            .ok_or(Error::NoRow { statement: name })
    }

    fn heap_bytes(out: &T) -> usize {
        out.heap_bytes()
    }
}

impl Shape for Affected {
    type Row = ();
    type Out = u64;
    const ROWS: bool = false;
    const ANSWER: AnswerShape = AnswerShape::Affected;

    fn build(_: &'static str, _: Vec<()>, affected: u64) -> Result<u64, Error> {
        Ok(affected)
    }

    fn heap_bytes(_: &u64) -> usize {
        0
    }
}

/// One statement with its parameters, ready for an engine.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) text: CallText,
    pub(crate) writes: bool,
    pub(crate) slow: bool,
    pub(crate) values: Vec<Value>,
    /// The parameters' types, for the slow log, which never shows their values.
    pub(crate) kinds: fn() -> Vec<Kind>,
    /// Until when the caller waits; bounds what an engine may spend on it.
    pub(crate) deadline: Deadline,
    /// The place in the code that asks.
    pub(crate) site: &'static Location<'static>,
    /// Where rows leave their prints, in a traced request.
    pub(crate) seen: Option<Arc<Seen>>,
}

/// The text to send.
#[derive(Debug)]
pub(crate) enum CallText {
    /// A declared statement, prepared once for each connection.
    Declared {
        postgres: &'static str,
        sqlite: &'static str,
    },
    /// A text built for the engine at hand, prepared once for each shape.
    Built(String),
}

/// What a call writes, as far as its text says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writes {
    Nothing,
    /// One table.
    Table(&'static str),
    /// The tables that the text names.
    Text(&'static str),
}

impl Call {
    pub(crate) const fn writes(&self) -> Writes {
        match &self.text {
            CallText::Declared { postgres, .. } if self.writes => Writes::Text(postgres),
            // Built texts are lists.
            CallText::Declared { .. } | CallText::Built(_) => Writes::Nothing,
        }
    }

    #[track_caller]
    pub(crate) fn declared<P: Params>(text: &Text, params: P, deadline: Deadline) -> Self {
        Self {
            name: text.name,
            kinds: P::kinds,
            values: params.into_values(),
            text: CallText::Declared {
                postgres: text.postgres,
                sqlite: text.sqlite,
            },
            writes: text.writes,
            slow: text.slow,
            deadline,
            site: Location::caller(),
            seen: None,
        }
    }

    pub(crate) fn sqlite_text(&self) -> &str {
        match &self.text {
            CallText::Declared { sqlite, .. } => sqlite,
            CallText::Built(text) => text,
        }
    }

    pub(crate) fn postgres_text(&self) -> &str {
        match &self.text {
            CallText::Declared { postgres, .. } => postgres,
            CallText::Built(text) => text,
        }
    }
}
