//! Lists in the order of keys.

use std::future::Future;

use brisk_db::CursorKey;
use brisk_http::{CountMode, List, PageLimits, PageQuery, Problem, Total};
use serde::Deserialize;

use crate::error::Error;
use crate::logic::Setup;
use crate::store::Slice;

/// A list without filters: any other parameter is refused.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct NoFilter {}

/// One page of the list `name`, whose rows `fetch` reads and `count` counts; both travel together.
///
/// The lists are short enough to be counted exactly.
pub(super) async fn page<T, E, F, C>(
    name: &'static str,
    setup: &Setup,
    key: &CursorKey,
    query: PageQuery,
    fetch: impl FnOnce(Slice) -> F + Send,
    count: C,
    id_of: impl Fn(&T) -> i64 + Send,
) -> Result<List<T>, Problem>
where
    E: Into<Error>,
    F: Future<Output = Result<Vec<T>, E>> + Send,
    C: Future<Output = Result<i64, brisk_db::Error>> + Send,
{
    let page = query.within(PageLimits::default())?;
    let after = match &page.cursor {
        Some(cursor) => key.open(setup.tenant(), name, &(), cursor)?,
        None => 0,
    };
    let slice = Slice {
        after,
        skip: page.skip.into(),
        // One more than asked for tells whether there is a next page.
        limit: i64::from(page.limit) + 1,
    };
    let counted = async {
        match page.count {
            CountMode::None => Ok(Total::Skipped),
            CountMode::Auto | CountMode::Exact => {
                let n = count.await.map_err(Error::from)?;
                Ok(Total::Exact(n.unsigned_abs()))
            }
        }
    };
    let fetched = async { fetch(slice).await.map_err(Into::into) };
    let (mut items, total) = futures::try_join!(Box::pin(fetched), Box::pin(counted))?;
    let has_more = items.len() > page.limit as usize;
    items.truncate(page.limit as usize);
    let last = items.last().filter(|_| has_more).map(&id_of);
    let next_cursor = last.map(|id| key.seal(setup.tenant(), name, &(), &id));
    Ok(List {
        name,
        items,
        total,
        skip: page.skip,
        limit: page.limit,
        next_cursor,
        previous_cursor: None,
        has_more,
    })
}

/// The address of a row just made, relative to the request's own.
pub(super) fn location(
    folder: &str,
    id: impl std::fmt::Display,
) -> [(http::HeaderName, String); 1] {
    [(http::header::LOCATION, format!("{folder}/{id}"))]
}
