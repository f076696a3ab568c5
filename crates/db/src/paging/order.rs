//! The order of a list, and which rows lie beyond one of them.

use std::fmt;

use brisk_core::TenantId;
use jiff::Timestamp;
use jiff::civil::Date;
use sea_query::{Expr, ExprTrait as _, NullOrdering, PostgresQueryBuilder, Query, SelectStatement};
use uuid::Uuid;

use super::position::Way;
use crate::column::Column;
use crate::error::Error;
use crate::value::Value;

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest or earliest first.
    Asc,
    /// Largest or latest first.
    Desc,
}

impl Direction {
    const fn turned(self) -> Self {
        match self {
            Self::Asc => Self::Desc,
            Self::Desc => Self::Asc,
        }
    }

    const fn sql(self) -> sea_query::Order {
        match self {
            Self::Asc => sea_query::Order::Asc,
            Self::Desc => sea_query::Order::Desc,
        }
    }
}

/// Where rows without a value come, whichever end is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// Before all others.
    First,
    /// After all others.
    Last,
}

impl Nulls {
    const fn turned(self) -> Self {
        match self {
            Self::First => Self::Last,
            Self::Last => Self::First,
        }
    }

    const fn sql(self) -> NullOrdering {
        match self {
            Self::First => NullOrdering::First,
            Self::Last => NullOrdering::Last,
        }
    }
}

/// A type that rows can be sorted by on both engines alike. Text needs a column of `COLLATE "C"`.
pub trait Sortable: Column {}

impl Sortable for bool {}
impl Sortable for i32 {}
impl Sortable for i64 {}
impl Sortable for f64 {}
impl Sortable for String {}
impl Sortable for Vec<u8> {}
impl Sortable for Uuid {}
impl Sortable for Timestamp {}
impl Sortable for Date {}
impl Sortable for TenantId {}

/// The declared order of a list. Its last key must tell all rows apart: usually the primary key.
pub struct Order<R>(Vec<Key<R>>);

struct Key<R> {
    expr: Expr,
    direction: Direction,
    /// None for what is never null.
    nulls: Option<Nulls>,
    value: Box<dyn Fn(&R) -> Value + Send + Sync>,
}

impl<R> fmt::Debug for Order<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Order({})", self.text())
    }
}

impl<R> Default for Order<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R> Order<R> {
    /// Sorts by `expr`, which is never null and which `value` reads off a row, among rows that are alike so far.
    #[must_use]
    pub fn by<T: Sortable>(
        self,
        expr: Expr,
        direction: Direction,
        value: impl Fn(&R) -> T + Send + Sync + 'static,
    ) -> Self {
        let value = move |row: &R| value(row).into_value();
        self.and(expr, direction, None, Box::new(value))
    }

    /// As [`Order::by`], for what may be null.
    #[must_use]
    pub fn by_nullable<T: Sortable>(
        self,
        expr: Expr,
        direction: Direction,
        nulls: Nulls,
        value: impl Fn(&R) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        let value = move |row: &R| value(row).map_or(Value::Null, Column::into_value);
        self.and(expr, direction, Some(nulls), Box::new(value))
    }

    fn and(
        mut self,
        expr: Expr,
        direction: Direction,
        nulls: Option<Nulls>,
        value: Box<dyn Fn(&R) -> Value + Send + Sync>,
    ) -> Self {
        self.0.push(Key {
            expr,
            direction,
            nulls,
            value,
        });
        self
    }

    /// A text that differs for every other order.
    pub(super) fn text(&self) -> String {
        let mut query = Query::select();
        self.apply(Way::After, &mut query);
        query.to_string(PostgresQueryBuilder)
    }

    /// What a row is sorted by.
    pub(super) fn values(&self, row: &R) -> Vec<Value> {
        self.0.iter().map(|key| (key.value)(row)).collect()
    }

    pub(super) fn apply(&self, way: Way, query: &mut SelectStatement) {
        for key in &self.0 {
            let (direction, nulls) = key.turned(way);
            match nulls {
                Some(nulls) => {
                    query.order_by_expr_with_nulls(key.expr.clone(), direction.sql(), nulls.sql())
                }
                None => query.order_by_expr(key.expr.clone(), direction.sql()),
            };
        }
    }

    /// The rows that come after the one with these values, or before it.
    ///
    /// # Errors
    ///
    /// [`Error::Cursor`] where there are more or fewer values than keys.
    pub(super) fn beyond(&self, way: Way, values: &[sea_query::Value]) -> Result<Expr, Error> {
        if values.len() != self.0.len() || values.is_empty() {
            return Err(Error::Cursor);
        }
        // One comparison of rows walks an index; it needs one direction and no nulls.
        let direction = self.0[0].direction;
        let plain = |key: &Key<R>| key.nulls.is_none() && key.direction == direction;
        if self.0.iter().all(plain) {
            let here = Expr::tuple(self.0.iter().map(|key| key.expr.clone()));
            let there = Expr::tuple(values.iter().map(|value| Expr::val(value.clone())));
            return Ok(match self.0[0].turned(way).0 {
                Direction::Asc => here.gt(there),
                Direction::Desc => here.lt(there),
            });
        }
        // Alike in the first keys, and beyond in the next one.
        let mut beyond: Option<Expr> = None;
        for (n, (key, value)) in self.0.iter().zip(values).enumerate().rev() {
            let after = key.after(way, value);
            beyond = Some(match beyond {
                None => after,
                Some(later) => {
                    let alike = key.alike(value).and(later);
                    let either = after.or(alike);
                    // A bound of its own for the first key lets an index begin there.
                    match (n, key.from(way, value)) {
                        (0, Some(from)) => from.and(either),
                        _ => either,
                    }
                }
            });
        }
        beyond.ok_or(Error::Cursor)
    }
}

impl<R> Key<R> {
    const fn turned(&self, way: Way) -> (Direction, Option<Nulls>) {
        match (way, self.nulls) {
            (Way::After, nulls) => (self.direction, nulls),
            (Way::Before, None) => (self.direction.turned(), None),
            (Way::Before, Some(nulls)) => (self.direction.turned(), Some(nulls.turned())),
        }
    }

    /// Rows that this key alone puts beyond the value.
    fn after(&self, way: Way, value: &sea_query::Value) -> Expr {
        let (direction, nulls) = self.turned(way);
        if is_null(value) {
            return match nulls {
                Some(Nulls::First) => self.expr.clone().is_not_null(),
                Some(Nulls::Last) | None => Expr::cust("1 = 0"),
            };
        }
        let there = Expr::val(value.clone());
        let beyond = match direction {
            Direction::Asc => self.expr.clone().gt(there),
            Direction::Desc => self.expr.clone().lt(there),
        };
        match nulls {
            Some(Nulls::Last) => beyond.or(self.expr.clone().is_null()),
            Some(Nulls::First) | None => beyond,
        }
    }

    /// Rows that this key does not put before the value, where one comparison says so.
    fn from(&self, way: Way, value: &sea_query::Value) -> Option<Expr> {
        let (direction, nulls) = self.turned(way);
        if is_null(value) || nulls == Some(Nulls::Last) {
            return None;
        }
        let there = Expr::val(value.clone());
        Some(match direction {
            Direction::Asc => self.expr.clone().gte(there),
            Direction::Desc => self.expr.clone().lte(there),
        })
    }

    fn alike(&self, value: &sea_query::Value) -> Expr {
        if is_null(value) {
            self.expr.clone().is_null()
        } else {
            self.expr.clone().eq(Expr::val(value.clone()))
        }
    }
}

fn is_null(value: &sea_query::Value) -> bool {
    *value == sea_query::Value::BigInt(None)
}
