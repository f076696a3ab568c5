//! Lists of issues and reports: one page and how many there are, in two statements at most.

use brisk_db::{CursorKey, Session};
use jiff::Timestamp;

use crate::error::Error;
use crate::store::listing::{
    Count, IssueFilter, IssueLine, IssueLists, IssueSort, Order, PageAsk, Position, ReportFilter,
    ReportLists, Total, issue_position, report_position,
};
use crate::store::report::ReportListRow;

/// Which page, as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    pub(crate) limit: u32,
    pub(crate) skip: u32,
    pub(crate) cursor: Option<String>,
    /// `None`: no total.
    pub(crate) count: Option<Count>,
}

/// One page.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) total: Option<Total>,
    pub(crate) has_more: bool,
    pub(crate) next_cursor: Option<String>,
}

impl Paging {
    fn ask(&self, after: Option<Position>) -> PageAsk {
        PageAsk {
            limit: u64::from(self.limit),
            skip: u64::from(self.skip),
            after,
        }
    }

    /// Cuts the row that only told that there is more.
    fn cut<T>(
        &self,
        mut items: Vec<T>,
        total: Option<Total>,
        seal: impl Fn(&T) -> String,
    ) -> Listed<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        Listed {
            next_cursor: items.last().filter(|_| has_more).map(seal),
            items,
            total,
            has_more,
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
    (sort, order): (IssueSort, Order),
    paging: &Paging,
    now: Timestamp,
) -> Result<Listed<IssueLine>, Error> {
    const LIST: &str = "civic.issues";
    let tenant = session.tenant();
    let bound = (filter, sort, order);
    let after = match &paging.cursor {
        Some(cursor) => Some(key.open::<Position>(tenant, LIST, &bound, cursor)?),
        None => None,
    };
    let lists = IssueLists(session);
    let count = async {
        match paging.count {
            Some(count) => lists.count(filter, count, now).await.map(Some),
            None => Ok(None),
        }
    };
    let page = lists.page(filter, sort, order, paging.ask(after), now);
    let (items, total) = futures::try_join!(page, count)?;
    Ok(paging.cut(items, total, |last| {
        key.seal(tenant, LIST, &bound, &issue_position(last, sort))
    }))
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
    const LIST: &str = "civic.reports";
    let tenant = session.tenant();
    let bound = (filter, order);
    let after = match &paging.cursor {
        Some(cursor) => Some(key.open::<Position>(tenant, LIST, &bound, cursor)?),
        None => None,
    };
    let lists = ReportLists(session);
    let seal = |last: &ReportListRow| key.seal(tenant, LIST, &bound, &report_position(last));
    let ask = paging.ask(after);
    if paging.count == Some(Count::Auto) && filter.is_plain() {
        let (items, known) = lists.page_and_total(filter, order, ask).await?;
        let total = match known {
            Some(total) => total,
            None => lists.count(filter, Count::Auto).await?,
        };
        return Ok(paging.cut(items, Some(total), seal));
    }
    let count = async {
        match paging.count {
            Some(count) => lists.count(filter, count).await.map(Some),
            None => Ok(None),
        }
    };
    let (items, total) = futures::try_join!(lists.page(filter, order, ask), count)?;
    Ok(paging.cut(items, total, seal))
}
