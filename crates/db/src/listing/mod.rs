//! Lists that say themselves what may be asked of them: by what they are narrowed and sorted, what comes along.
//!
//! A [`Listing`] is declared beside the rows of its table; [`Listing::read`] makes an [`Asked`] of a client's parameters, and
//! the same value runs the page and the count. So nobody writes a query for a list, a count cannot differ from its list, and
//! what was asked can be the key of a cache.
//!
//! Parameters: `page` and `per_page`, or `cursor` (which wins; empty it is the first page); `skip_count`, `eager_load`, `sort`
//! (`-` before a word is backwards), `cursor_format`; all others are filters, `field=value` or `field__operator=value`.

mod asked;
mod filter;
mod refusal;

use std::fmt;

use sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

pub use self::asked::{Asked, Way};
pub use self::filter::{Filter, Narrowed, Operator};
pub use self::refusal::Refusal;
use crate::cursor::CursorKey;
use crate::error::Error;
use crate::paging::{Count, Direction, Order, Page, Paging, Total};
use crate::row::FromRow;
use crate::session::Session;

/// Rows on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerPage {
    /// Where nothing is said.
    pub usual: u32,
    /// At most.
    pub most: u32,
    /// Whether more is refused; else it is cut to the most.
    pub is_strict: bool,
}

impl PerPage {
    /// Pages of 20 rows, and of 1,000 where more is wanted.
    pub const USUAL: Self = Self {
        usual: 20,
        most: 1_000,
        is_strict: false,
    };
}

/// A list of one table of a tenant's rows, whose key is the integer `id`.
pub struct Listing<R: 'static> {
    /// The name of its page statement: `<service>.<resource>.page`. Cursors are bound to it.
    pub name: &'static str,
    /// The name of its count statement.
    pub count: &'static str,
    /// The table; it has `tenant_id` and `id`.
    pub table: &'static str,
    /// What it can be narrowed by.
    pub filters: &'static [Filter],
    /// What it can be sorted by, but for `id`, which always can.
    pub sorts: &'static [Sort<R>],
    /// The order where none is asked for, as a client would ask for it.
    pub usual_sort: &'static str,
    /// What can be loaded along with its rows.
    pub relations: &'static [&'static str],
    /// Rows on a page.
    pub per_page: PerPage,
    /// The id of a row.
    pub id: fn(&R) -> i64,
}

impl<R: 'static> fmt::Debug for Listing<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listing").field(&self.name).finish()
    }
}

/// A word that a list can be sorted by.
pub struct Sort<R> {
    pub(crate) name: &'static str,
    by: fn(Order<R>, Direction) -> Order<R>,
}

impl<R> fmt::Debug for Sort<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sort").field(&self.name).finish()
    }
}

impl<R> Sort<R> {
    /// Sorts as `by` adds it to an order.
    pub const fn new(name: &'static str, by: fn(Order<R>, Direction) -> Order<R>) -> Self {
        Self { name, by }
    }
}

impl<R: FromRow> Listing<R> {
    /// What a client asks for with these parameters, `tenant_id` left aside.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    pub fn read<'a>(
        &self,
        parameters: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Asked, Refusal> {
        let sorts = self.sorts.iter().map(|sort| sort.name);
        asked::read(
            parameters,
            self.filters,
            &sorts.collect::<Vec<_>>(),
            self.usual_sort,
            self.relations,
            self.per_page,
        )
    }

    /// The page that is asked for, with one statement. There is a page before only where one was come from by cursor.
    ///
    /// # Errors
    ///
    /// As [`Session::page`].
    pub async fn page(
        &self,
        session: &Session,
        key: &CursorKey,
        asked: &Asked,
    ) -> Result<Page<R>, Error> {
        let (mut query, order) = (self.narrowed(session, asked), self.order(asked));
        query.columns(R::COLUMNS.iter().copied());
        let (skip, cursor, after) = match &asked.way {
            Way::Page(page) => (asked.rows_before(*page), None, None),
            Way::Cursor(Some(cursor)) => {
                match asked::simple_cursor(cursor).filter(|_| asked.is_by_id()) {
                    Some(id) => (0, None, Some(id)),
                    None => (0, Some(cursor.as_str()), None),
                }
            }
            Way::Cursor(None) => (0, None, None),
        };
        query.and_where_option(after.map(|id| Expr::col("id").gt(id)));
        let paging = Paging {
            key,
            list: self.name,
            filter: &asked.filter,
            limit: asked.per_page,
            skip,
            cursor,
        };
        let mut page = session.page(self.name, query, &order, paging).await?;
        if matches!(asked.way, Way::Page(_)) {
            page.previous_cursor = None;
        }
        if asked.has_simple_cursors && asked.is_by_id() && page.next_cursor.is_some() {
            page.next_cursor = page
                .items
                .last()
                .map(|row| asked::make_simple((self.id)(row)));
        }
        Ok(page)
    }

    /// The first `most` rows of what is asked for, and whether there are more.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn first(
        &self,
        session: &Session,
        asked: &Asked,
        most: u32,
    ) -> Result<(Vec<R>, bool), Error> {
        let mut query = self.narrowed(session, asked);
        query.columns(R::COLUMNS.iter().copied());
        let order = self.order(asked);
        let mut rows = session
            .first(self.name, query, &order, most.saturating_add(1))
            .await?;
        let is_cut = rows.len() > usize::try_from(most).unwrap_or(usize::MAX);
        rows.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok((rows, is_cut))
    }

    /// How many rows the list has under a filter, with one statement.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn count(&self, session: &Session, filter: &Narrowed) -> Result<u64, Error> {
        let mut query = self.rows(session, filter);
        query.expr(Expr::cust("1"));
        match session.count(self.count, query, Count::Exact).await? {
            Total::Exact(n) | Total::Estimate(n) => Ok(n),
            Total::Skipped => Ok(0),
        }
    }

    fn narrowed(&self, session: &Session, asked: &Asked) -> SelectStatement {
        self.rows(session, &asked.filter)
    }

    fn rows(&self, session: &Session, filter: &Narrowed) -> SelectStatement {
        let mut query = Query::select();
        query
            .from(self.table)
            .and_where(Expr::col("tenant_id").eq(session.tenant().get()));
        for condition in filter.expressions() {
            query.and_where(condition);
        }
        query
    }

    /// By the words asked for, and among rows that are alike by id, in the direction of the last word.
    fn order(&self, asked: &Asked) -> Order<R> {
        let mut order = Order::default();
        let mut last = Direction::Asc;
        for (word, direction) in &asked.sort {
            last = *direction;
            if let Some(sort) = self.sorts.iter().find(|sort| sort.name == *word) {
                order = (sort.by)(order, last);
            }
            if *word == asked::ID {
                break;
            }
        }
        order.by(Expr::col("id"), last, self.id)
    }
}
