//! How many rows a list has in all, counted as far as the caller pays for it.

use sea_query::{Expr, Query, SelectStatement};

use crate::error::Error;
use crate::session::Session;

/// How far rows are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// All of them, whatever it costs.
    Exact,
    /// So many at most; beyond that the total is an estimate.
    UpTo(u64),
    /// Not at all.
    Skip,
}

/// How many there are in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// That many.
    Exact(u64),
    /// About that many; at least that many where counting stopped.
    Estimate(u64),
    /// Not asked for.
    Skipped,
}

impl Session {
    /// How many rows `query` has, with one statement, or none for [`Count::Skip`].
    ///
    /// `query` is that of [`Session::page`], without order and limit; which columns it selects does not matter. With
    /// [`Count::UpTo`] the database stops after one row more, and then the total is an estimate of so many.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    #[track_caller]
    pub fn count<'a>(
        &'a self,
        name: &'static str,
        mut query: SelectStatement,
        count: Count,
    ) -> impl Future<Output = Result<Total, Error>> + Send + use<'a> {
        if let Count::UpTo(most) = count {
            query.limit(most.saturating_add(1));
        }
        let rows = if count == Count::Skip {
            None
        } else {
            let mut counting = Query::select();
            counting
                .expr(Expr::cust("count(*)"))
                .from_subquery(query, "c");
            Some(self.select::<i64>(name, &counting))
        };
        async move {
            let Some(rows) = rows else {
                return Ok(Total::Skipped);
            };
            let rows = rows.await?;
            let n = rows.first().ok_or(Error::NoRow { statement: name })?;
            let n = n.unsigned_abs();
            Ok(match count {
                Count::UpTo(most) if n > most => Total::Estimate(n),
                _ => Total::Exact(n),
            })
        }
    }
}
