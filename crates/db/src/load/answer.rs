//! What a keyed load answers: one row or none, or a parent's children.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use brisk_core::{AnswerShape, Looked};

use crate::column::Column;
use crate::error::Error;
use crate::row::{DecodeError, FromRow, Row};
use crate::value::Kind;

/// A type that can be the key of a load: integers, texts and UUIDs.
pub trait LoadKey: Column + Clone + Eq + std::hash::Hash + Sync {}

impl<T: Column + Clone + Eq + std::hash::Hash + Sync> LoadKey for T {}

/// What a load answers for one key. Two callers with one key each get one, so it can be cloned.
pub trait Answer: Clone + Default + Send + Sync + 'static {
    /// The row type.
    type Row: FromRow;
    /// What detectors know of it.
    const SHAPE: AnswerShape;

    /// Takes one more row, in the statement's order.
    ///
    /// # Errors
    ///
    /// When there can be no more.
    fn add(&mut self, row: Self::Row, limit: usize) -> Result<(), &'static str>;

    /// How many rows there are.
    fn rows(&self) -> usize;

    /// Notes in `watch` from now on whether somebody looks, where that can be told.
    fn watch(&mut self, watch: &Arc<Looked>);
}

impl<R: FromRow + Clone + Sync> Answer for Option<R> {
    type Row = R;
    const SHAPE: AnswerShape = AnswerShape::Maybe;

    fn add(&mut self, row: R, _: usize) -> Result<(), &'static str> {
        if self.is_some() {
            return Err("more than one row has the key of a load that answers one");
        }
        *self = Some(row);
        Ok(())
    }

    fn rows(&self) -> usize {
        self.is_some().into()
    }

    fn watch(&mut self, watch: &Arc<Looked>) {
        // An option cannot tell.
        watch.note();
    }
}

/// The children of one parent, in the declared order, as many as the declared limit allows.
#[derive(Clone)]
pub struct Many<R> {
    rows: Vec<R>,
    cut: bool,
    /// In a traced request: whether anybody looked.
    watch: Option<Arc<Looked>>,
}

impl<R: PartialEq> PartialEq for Many<R> {
    fn eq(&self, other: &Self) -> bool {
        self.looked();
        self.rows == other.rows && self.cut == other.cut
    }
}

impl<R: Eq> Eq for Many<R> {}

impl<R> Many<R> {
    /// Whether the parent has more children than the limit allows.
    pub fn is_cut(&self) -> bool {
        self.looked();
        self.cut
    }

    /// The children alone.
    pub fn into_vec(self) -> Vec<R> {
        self.looked();
        self.rows
    }

    fn looked(&self) {
        if let Some(watch) = &self.watch {
            watch.note();
        }
    }
}

impl<R> Default for Many<R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            cut: false,
            watch: None,
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for Many<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(&self.rows);
        if self.cut {
            list.finish_non_exhaustive()
        } else {
            list.finish()
        }
    }
}

impl<R> Deref for Many<R> {
    type Target = [R];

    fn deref(&self) -> &[R] {
        self.looked();
        &self.rows
    }
}

impl<R> IntoIterator for Many<R> {
    type Item = R;
    type IntoIter = std::vec::IntoIter<R>;

    fn into_iter(self) -> Self::IntoIter {
        self.looked();
        self.rows.into_iter()
    }
}

impl<'a, R> IntoIterator for &'a Many<R> {
    type Item = &'a R;
    type IntoIter = std::slice::Iter<'a, R>;

    fn into_iter(self) -> Self::IntoIter {
        self.looked();
        self.rows.iter()
    }
}

impl<R: FromRow + Clone + Sync> Answer for Many<R> {
    type Row = R;
    const SHAPE: AnswerShape = AnswerShape::List;

    fn add(&mut self, row: R, limit: usize) -> Result<(), &'static str> {
        if self.rows.len() < limit {
            self.rows.push(row);
        } else {
            self.cut = true;
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn watch(&mut self, watch: &Arc<Looked>) {
        self.watch = Some(Arc::clone(watch));
    }
}

/// A row with the key that it answers. A row that cannot be read, or whose decoder panics, spoils its own key only.
#[derive(Debug)]
pub(super) struct Keyed<K, R> {
    pub(super) key: K,
    pub(super) row: Result<R, Error>,
}

/// A row does not know whose it is; its load tells.
const UNNAMED: &str = "load";

/// The same failure with the name of the load.
pub(super) fn named(name: &'static str, error: Error) -> Error {
    match error {
        Error::Decode { source, .. } => Error::Decode {
            statement: name,
            source,
        },
        Error::Statement { source, .. } => Error::Statement {
            statement: name,
            source,
        },
        other => other,
    }
}

impl<K: Column, R: FromRow> FromRow for Keyed<K, R> {
    /// Told by [`Load`](super::Load), which knows them as one list.
    const COLUMNS: &'static [&'static str] = &[];

    fn from_row(row: &Row<'_>) -> Result<Self, DecodeError> {
        let key = row.get(R::COLUMNS.len())?;
        Ok(Self {
            key,
            row: row.decode(UNNAMED),
        })
    }
}

/// The array type of a key's parameter.
pub(super) const fn array(key: Kind) -> Kind {
    match key {
        Kind::Text => Kind::TextArray,
        Kind::Uuid => Kind::UuidArray,
        _ => Kind::Int8Array,
    }
}
