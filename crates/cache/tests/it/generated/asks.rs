//! One question with its parameters: asked of the cache, and straight of the database.

use std::fmt;

use brisk_cache::{CacheKey, Cached, Slot};
use brisk_core::TenantId;
use brisk_db::{Params, Session, Statement};
use futures::future::BoxFuture;

use super::schema::Line;

pub(super) type Lines = Vec<Line>;

type Straight =
    Box<dyn Fn(Session) -> BoxFuture<'static, Result<Lines, brisk_db::Error>> + Send + Sync>;
type Kept = Box<
    dyn Fn(Session) -> BoxFuture<'static, Result<(Lines, bool), brisk_cache::Error>> + Send + Sync,
>;

/// A question.
pub(super) struct Ask {
    /// What it is, for people.
    pub(super) text: String,
    pub(super) tenant: TenantId,
    pub(super) straight: Straight,
    /// The answer, and whether it was there.
    pub(super) kept: Kept,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for tenant {}", self.text, self.tenant)
    }
}

pub(super) fn plain(cached: Cached<Lines>) -> (Lines, bool) {
    let hit = cached.is_hit();
    (cached.into_inner(), hit)
}

impl Ask {
    /// A declared statement.
    pub(super) fn declared<P: Params + CacheKey>(
        statement: &'static Statement<P, Lines>,
        slot: &'static Slot,
        tenant: TenantId,
        params: P,
    ) -> Self {
        let again = params.clone();
        Self {
            text: format!("{} {params:?}", statement.name()),
            tenant,
            straight: Box::new(move |session| {
                let params = params.clone();
                Box::pin(async move { session.run(statement, params).await })
            }),
            kept: Box::new(move |session| {
                let params = again.clone();
                Box::pin(async move { slot.run(&session, statement, params).await.map(plain) })
            }),
        }
    }
}
