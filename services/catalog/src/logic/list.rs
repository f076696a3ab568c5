//! What all lists have in common: pages, totals, and what is loaded along.

use brisk_cache::{Cache, Caches, Policy};
use brisk_core::FindingKind;
use brisk_db::{
    Answer, Asked, CursorKey, FromRow, Listing, Load, LoadKey, Many, Narrowed, Page, Session,
};
use brisk_http::{CountSource, Numbered};
use futures::try_join;

use crate::error::Error;

/// Bytes for totals: some ten thousand.
const REMEMBERED: u64 = 4 << 20;

/// Why a count may stand behind the reads of its page.
const COUNTED_LATER: &str = "a total is counted in a task of its own, for all who wait for it; a busy machine may begin that after the page";

/// Pages of lists with their totals. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    cursors: CursorKey,
    /// How many rows a list has under a filter, kept until a row comes, goes or changes.
    totals: Cache<(&'static str, Narrowed), u64>,
}

impl Lists {
    pub(crate) fn new(caches: &Caches, cursors: CursorKey) -> Self {
        let totals = caches.cache("catalog.total", Policy::rows().bytes(REMEMBERED));
        Self {
            cursors,
            totals: totals
                .weigh(|(_, filter): &(&str, Narrowed), _| filter.heap_bytes())
                .build(),
        }
    }

    /// A page, and how many rows there are where that is asked; `along` makes its items of the rows.
    ///
    /// # Errors
    ///
    /// [`Error::Cursor`] for a cursor of another list, filter or order.
    pub(crate) async fn page<R: FromRow, T, F>(
        &self,
        session: &Session,
        list: &'static Listing<R>,
        asked: &Asked,
        along: impl FnOnce(Vec<R>) -> F + Send,
    ) -> Result<Numbered<T>, Error>
    where
        F: Future<Output = Result<Vec<T>, Error>> + Send,
    {
        let rows = async {
            let page = self.rows(session, list, asked).await?;
            Ok::<_, Error>(Page {
                items: along(page.items).await?,
                next_cursor: page.next_cursor,
                previous_cursor: page.previous_cursor,
            })
        };
        let (page, total) = try_join!(rows, self.total(session, list, asked))?;
        Ok(Numbered::new(page, asked, total))
    }

    /// The rows of a page.
    ///
    /// # Errors
    ///
    /// As [`Lists::page`].
    pub(crate) async fn rows<R: FromRow>(
        &self,
        session: &Session,
        list: &Listing<R>,
        asked: &Asked,
    ) -> Result<Page<R>, Error> {
        Ok(list.page(session, &self.cursors, asked).await?)
    }

    async fn total<R: FromRow>(
        &self,
        session: &Session,
        list: &'static Listing<R>,
        asked: &Asked,
    ) -> Result<Option<(u64, CountSource)>, Error> {
        if !asked.wants_count() {
            return Ok(None);
        }
        let key = (list.name, asked.filter.clone());
        let filter = asked.filter.clone();
        let count = async move |session: Session| {
            let session = session.expecting(FindingKind::SerialReads, COUNTED_LATER);
            list.count(&session, &filter).await
        };
        let total = self.totals.get(session, &key, count).await?;
        let source = if total.is_hit() {
            CountSource::Cached
        } else {
            CountSource::Exact
        };
        Ok(Some((*total, source)))
    }
}

/// What belongs to each of these keys, with one statement for all; nothing where nobody wants it.
///
/// # Errors
///
/// When the database cannot answer.
pub(crate) async fn related<K: LoadKey, S: Answer>(
    session: &Session,
    load: &'static Load<K, S>,
    is_wanted: bool,
    keys: Vec<K>,
) -> Result<impl Iterator<Item = Option<S>> + Send, Error> {
    let found = if is_wanted {
        session.load_many(load, keys).await?
    } else {
        Vec::new()
    };
    Ok(found
        .into_iter()
        .map(Some)
        .chain(std::iter::repeat_with(|| None)))
}

/// The children as they are shown, and whether there are more.
pub(crate) fn children<R>(found: Option<Many<R>>) -> (Option<Vec<R>>, Option<bool>) {
    match found {
        Some(many) => {
            let is_cut = many.is_cut().then_some(true);
            (Some(many.into_vec()), is_cut)
        }
        None => (None, None),
    }
}
