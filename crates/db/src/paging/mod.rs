//! Pages of a list by key: any declared order, ties and nulls, forward and back.
//!
//! A page says where it began and ended in a signed cursor that is good for its tenant, list, filter and order alone, so
//! nothing is kept about who reads what, and rows that come and go meanwhile shift no page.

mod count;
mod order;
mod position;

use sea_query::SelectStatement;
use serde::Serialize;

pub use self::count::{Count, Total};
pub use self::order::{Direction, Nulls, Order, Sortable};
use self::position::{Place, Way};
use crate::cursor::CursorKey;
use crate::error::Error;
use crate::row::FromRow;
use crate::session::Session;

/// Which page of which list.
#[derive(Debug)]
pub struct Paging<'a, F> {
    /// What signs the cursors.
    pub key: &'a CursorKey,
    /// The list's name; a cursor is good for no other one.
    pub list: &'static str,
    /// What the list was narrowed by; a cursor is good for no other filter.
    pub filter: &'a F,
    /// Rows on the page, at least one.
    pub limit: u32,
    /// Rows to leave out at the start, without a cursor. The database reads them all the same: for small numbers.
    pub skip: u32,
    /// `next_cursor` or `previous_cursor` of another page.
    pub cursor: Option<&'a str>,
}

// By hand, because the filter is only referred to.
impl<F> Clone for Paging<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Paging<'_, F> {}

/// One page, in the list's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R> {
    /// The rows.
    pub items: Vec<R>,
    /// Where the next page begins; none on the last one.
    pub next_cursor: Option<String>,
    /// Where the page before ends; none on the first one.
    pub previous_cursor: Option<String>,
}

impl<R> Page<R> {
    /// The same page with other rows in place of these.
    pub fn map<T>(self, make: impl FnMut(R) -> T) -> Page<T> {
        Page {
            items: self.items.into_iter().map(make).collect(),
            next_cursor: self.next_cursor,
            previous_cursor: self.previous_cursor,
        }
    }
}

impl Session {
    /// A page of a list, with one statement.
    ///
    /// `query` selects `R::COLUMNS` in order and narrows the list, to the session's tenant first; it has no order and no
    /// limit of its own. One row more than the page has is read, which tells whether the list goes on.
    ///
    /// # Errors
    ///
    /// [`Error::Cursor`] for a cursor of another tenant, list, filter or order; else as [`Session::run`].
    #[track_caller]
    pub fn page<'a, R: FromRow, F: Serialize + Sync>(
        &'a self,
        name: &'static str,
        mut query: SelectStatement,
        order: &'a Order<R>,
        paging: Paging<'a, F>,
    ) -> impl Future<Output = Result<Page<R>, Error>> + Send + use<'a, R, F> {
        let bound = (paging.filter, order.text());
        let (limit, skip) = (u64::from(paging.limit), u64::from(paging.skip));
        let asked = (|| {
            let place: Option<Place> = match paging.cursor {
                Some(cursor) => Some(paging.key.open(
                    self.tenant(),
                    paging.list,
                    &bound,
                    cursor,
                )?),
                None => None,
            };
            let way = place.as_ref().map_or(Way::After, |place| place.way);
            if let Some(place) = &place {
                query.and_where(order.beyond(way, &place.values())?);
            }
            order.apply(way, &mut query);
            Ok::<_, Error>((place, way))
        })();
        // Not in a closure, so that the line that asks is that of the caller.
        let asked = match asked {
            Ok((place, way)) => {
                let rows = self.select_page(name, &query, limit, skip);
                Ok((place, way, rows))
            }
            Err(e) => Err(e),
        };
        async move {
            let (place, way, rows) = asked?;
            let mut items: Vec<R> = rows.await?;
            let goes_on = items.len() as u64 > limit;
            items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            if way == Way::Before {
                items.reverse();
            }
            let seal = |place: &Place| paging.key.seal(self.tenant(), paging.list, &bound, place);
            let end = |way, row: Option<&R>| match row {
                Some(row) => Some(seal(&Place::new(way, order.values(row)))),
                // Nothing is left on this side; the other one begins where we stand.
                None => place.as_ref().map(|place| seal(&place.turned(way))),
            };
            let (more_after, more_before) = match way {
                Way::After => (goes_on, place.is_some() || skip > 0),
                Way::Before => (true, goes_on),
            };
            let after = more_after.then(|| end(Way::After, items.last()));
            let before = more_before.then(|| end(Way::Before, items.first()));
            Ok(Page {
                next_cursor: after.flatten(),
                previous_cursor: before.flatten(),
                items,
            })
        }
    }

    /// The first rows of a list that has no pages; `query` as for [`Session::page`].
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    #[track_caller]
    pub fn first<'a, R: FromRow>(
        &'a self,
        name: &'static str,
        mut query: SelectStatement,
        order: &Order<R>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<R>, Error>> + Send + use<'a, R> {
        order.apply(Way::After, &mut query);
        // As a page does, so that both have one plan.
        let rows = self.select_page(name, &query, limit.into(), 0);
        async move {
            let mut items = rows.await?;
            items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(items)
        }
    }
}
