//! Lists of issues and reports: one page and how many there are, in two statements at most.

use brisk_db::{Count, Page, Paging, Session, Total};
use jiff::Timestamp;

use crate::error::Error;
use crate::store::listing::{
    IssueFilter, IssueLine, IssueLists, IssueSort, Order, ReportFilter, ReportLists,
};
use crate::store::report::ReportListRow;

/// Lists of issues, as their cursors know them; those of the public too.
pub(crate) const ISSUES: &str = "civic.issues";
/// Lists of reports, as their cursors know them.
pub(crate) const REPORTS: &str = "civic.reports";

/// One page.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) page: Page<T>,
    pub(crate) total: Total,
}

/// A page of issues.
///
/// # Errors
///
/// [`brisk_db::Error::Cursor`] for a cursor of another tenant, filter or order; else what kept the database from
/// answering.
pub(crate) async fn issues(
    session: &Session,
    sorted: (IssueSort, Order),
    asked: Paging<'_, IssueFilter>,
    count: Count,
    now: Timestamp,
) -> Result<Listed<IssueLine>, Error> {
    let lists = IssueLists(session);
    let page = lists.page(sorted, asked, now);
    let (page, total) = futures::try_join!(page, lists.count(asked.filter, count, now))?;
    Ok(Listed { page, total })
}

/// A page of reports, by the reporter's time.
///
/// # Errors
///
/// As [`issues`].
pub(crate) async fn reports(
    session: &Session,
    order: Order,
    asked: Paging<'_, ReportFilter>,
    count: Count,
) -> Result<Listed<ReportListRow>, Error> {
    let lists = ReportLists(session);
    if let Count::UpTo(cap) = count
        && asked.filter.is_plain()
    {
        let (page, known) = lists.page_and_total(order, asked, cap).await?;
        let total = match known {
            Some(total) => total,
            None => lists.count(asked.filter, count).await?,
        };
        return Ok(Listed { page, total });
    }
    let page = lists.page(order, asked);
    let (page, total) = futures::try_join!(page, lists.count(asked.filter, count))?;
    Ok(Listed { page, total })
}
