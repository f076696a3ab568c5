//! Lists of issues and reports: one page and how many there are, in two statements at most.

use brisk_db::{Count, CursorKey, Page, Session, Total};
use jiff::Timestamp;

use crate::error::Error;
use crate::store::listing::{
    IssueFilter, IssueLine, IssueLists, IssueSort, Order, ReportFilter, ReportLists,
};
use crate::store::report::ReportListRow;

/// Which page, as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    pub(crate) limit: u32,
    pub(crate) skip: u32,
    pub(crate) cursor: Option<String>,
    pub(crate) count: Count,
}

/// One page.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) page: Page<T>,
    pub(crate) total: Total,
}

impl Paging {
    fn of<'a, F>(
        &'a self,
        key: &'a CursorKey,
        list: &'static str,
        filter: &'a F,
    ) -> brisk_db::Paging<'a, F> {
        brisk_db::Paging {
            key,
            list,
            filter,
            limit: self.limit,
            skip: self.skip,
            cursor: self.cursor.as_deref(),
        }
    }
}

/// A page of issues.
///
/// # Errors
///
/// [`brisk_db::Error::Cursor`] for a cursor of another tenant, filter or order; else what kept the database from
/// answering.
pub(crate) async fn issues(
    session: &Session,
    key: &CursorKey,
    filter: &IssueFilter,
    sorted: (IssueSort, Order),
    paging: &Paging,
    now: Timestamp,
) -> Result<Listed<IssueLine>, Error> {
    let lists = IssueLists(session);
    let page = lists.page(sorted, paging.of(key, "civic.issues", filter), now);
    let count = lists.count(filter, paging.count, now);
    let (page, total) = futures::try_join!(page, count)?;
    Ok(Listed { page, total })
}

/// A page of reports, by the reporter's time.
///
/// # Errors
///
/// As [`issues`].
pub(crate) async fn reports(
    session: &Session,
    key: &CursorKey,
    filter: &ReportFilter,
    order: Order,
    paging: &Paging,
) -> Result<Listed<ReportListRow>, Error> {
    let lists = ReportLists(session);
    let asked = paging.of(key, "civic.reports", filter);
    if let Count::UpTo(cap) = paging.count
        && filter.is_plain()
    {
        let (page, known) = lists.page_and_total(order, asked, cap).await?;
        let total = match known {
            Some(total) => total,
            None => lists.count(filter, paging.count).await?,
        };
        return Ok(Listed { page, total });
    }
    let page = lists.page(order, asked);
    let (page, total) = futures::try_join!(page, lists.count(filter, paging.count))?;
    Ok(Listed { page, total })
}
