//! Reading people.

use brisk_cache::{Cache, Caches, Policy};
use brisk_core::{Clock, FindingKind, TenantId};
use brisk_db::{Db, Page, Paging, Session};

use crate::error::Error;
use crate::ids::UserId;
use crate::logic::rights::NO_USER;
use crate::model::user::UserDetail;
use crate::store::user_admin::UserAdmin;
use crate::store::user_list::{UserFilter, UserLine, UserLists, UserSort};

/// How many people a filter has, kept until somebody comes, goes or changes.
pub(crate) type UserCounts = Cache<(TenantId, UserFilter), u64>;

/// Bytes for counts: some ten thousand.
const REMEMBERED: u64 = 4 << 20;

/// The counts of `db`.
pub(crate) fn counts(db: &Db, clock: &Clock) -> UserCounts {
    let caches = Caches::of(db).with_clock(clock);
    let policy = Policy::rows().shared().bytes(REMEMBERED);
    let counts = caches.cache("identity.user_count", policy);
    counts
        .weigh(|(_, filter): &(TenantId, UserFilter), _| {
            size_of::<UserFilter>() + filter.q.as_ref().map_or(0, String::len)
        })
        .build()
}

/// One person with its roles.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn get(session: &Session, id: UserId) -> Result<UserDetail, Error> {
    let found = UserAdmin(session).get(id).await?;
    Ok(found.ok_or(NO_USER)?.detail)
}

async fn total(session: &Session, counts: &UserCounts, filter: &UserFilter) -> Result<u64, Error> {
    let key = (session.tenant(), filter.clone());
    let (tenant, wanted) = key.clone();
    let load = async move |session: Session| {
        let session = session.for_tenant(tenant);
        UserLists(&session).count(&wanted).await
    };
    Ok(counts.get(session, &key, load).await?.into_inner())
}

/// A page by cursor, and how many there are where that is asked.
///
/// # Errors
///
/// For a cursor of another list, or when the database cannot answer.
pub(crate) async fn page(
    session: &Session,
    counts: Option<&UserCounts>,
    sort: UserSort,
    asked: Paging<'_, UserFilter>,
) -> Result<(Page<UserLine>, Option<u64>), Error> {
    let lists = UserLists(session);
    let rows = async { lists.page(sort, asked).await.map_err(Error::from) };
    let Some(counts) = counts else {
        return Ok((rows.await?, None));
    };
    let (rows, n) = futures::try_join!(rows, total(session, counts, asked.filter))?;
    Ok((rows, Some(n)))
}

/// A page by number; beyond the end, where no row tells it, a second statement counts.
///
/// # Errors
///
/// When the database cannot answer.
pub(crate) async fn numbered(
    session: &Session,
    filter: &UserFilter,
    sort: UserSort,
    (skip, limit): (u64, u64),
) -> Result<(Vec<UserLine>, u64), Error> {
    let session = session.expecting(
        FindingKind::SerialReads,
        "whether a second statement counts is told by the page: only an empty one beyond the end has no total",
    );
    let lists = UserLists(&session);
    let (rows, n) = lists.numbered(filter, sort, (skip, limit)).await?;
    let n = match n {
        Some(n) => n,
        None if skip == 0 => 0,
        None => lists.count(filter).await?,
    };
    Ok((rows, n))
}
