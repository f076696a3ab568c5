//! Leases by name, for work that one node does at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use brisk_core::{Clock, Ids, Scope};
use brisk_db::{Db, Session};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::{Error, cause};
use crate::statements;
use crate::worker::Shop;

/// A named lease in `brisk_leases`, held by at most one owner at a time.
#[derive(Clone, Debug)]
pub struct Lease {
    session: Session,
    clock: Clock,
    name: &'static str,
    owner: Uuid,
    ttl: Duration,
}

impl Lease {
    /// A lease that ends `ttl` after its last renewal; nobody holds it yet.
    pub fn new(db: &Db, clock: Clock, ids: &Ids, name: &'static str, ttl: Duration) -> Self {
        Self {
            session: db.session(Scope::platform("lease")),
            clock,
            name,
            owner: ids.uuid(),
            ttl,
        }
    }

    /// Takes it, or keeps it for another `ttl`; answers whether it is ours.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer; whether it is ours is then known only until the last renewal's end.
    pub async fn hold(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let until = now.checked_add(self.ttl).unwrap_or(jiff::Timestamp::MAX);
        let params = (self.name.to_owned(), self.owner, until, now);
        Ok(self.session.run(&statements::LEASE, params).await? == 1)
    }

    /// Gives it back, if it is ours.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer; the lease then ends by itself.
    pub async fn free(&self) -> Result<(), Error> {
        let params = (self.name.to_owned(), self.owner);
        self.session.run(&statements::FREE_LEASE, params).await?;
        Ok(())
    }
}

type Work = Arc<dyn Fn(CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>;

/// Work that runs on one node at a time.
#[derive(Clone)]
pub(crate) struct Singleton {
    pub(crate) name: &'static str,
    ttl: Duration,
    work: Work,
}

impl Singleton {
    pub(crate) fn new<F>(
        name: &'static str,
        ttl: Duration,
        work: impl Fn(CancellationToken) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            name,
            ttl,
            work: Arc::new(move |stop| Box::pin(work(stop))),
        }
    }

    pub(crate) async fn run(self, shop: Shop) {
        let lease = Lease::new(&shop.db, shop.clock.clone(), &shop.ids, self.name, self.ttl);
        while !shop.stop.is_cancelled() {
            match lease.hold().await {
                Ok(true) => {
                    tracing::info!(lease = self.name, "this node leads");
                    self.lead(&lease, &shop).await;
                    if let Err(e) = lease.free().await {
                        tracing::warn!(
                            lease = self.name,
                            error = cause(&e),
                            "a lease ends by itself"
                        );
                    }
                }
                Ok(false) => {}
                Err(e) => {
                    tracing::warn!(
                        lease = self.name,
                        error = cause(&e),
                        "a lease could not be asked for"
                    );
                }
            }
            tokio::select! {
                () = shop.stop.cancelled() => {}
                () = tokio::time::sleep(self.ttl / 3) => {}
            }
        }
    }

    /// Works until the work ends by itself, the lease is lost or the program stops. Work that was told to stop has
    /// what is left of the lease to end; then it is dropped.
    async fn lead(&self, lease: &Lease, shop: &Shop) {
        let told = shop.stop.child_token();
        let work = (self.work)(told.clone());
        tokio::pin!(work);
        let mut held_at = tokio::time::Instant::now();
        loop {
            // Two thirds of the lease are left when the sleep ends, one third is kept as a margin.
            let renewal = async {
                tokio::time::sleep(self.ttl / 3).await;
                lease.hold().await
            };
            let renewed = tokio::select! {
                () = &mut work => return,
                () = shop.stop.cancelled() => break,
                renewed = tokio::time::timeout_at(held_at + self.ttl * 2 / 3, renewal) => renewed,
            };
            match renewed {
                Ok(Ok(true)) => held_at = tokio::time::Instant::now(),
                Ok(Err(_)) if held_at.elapsed() < self.ttl * 2 / 3 => {}
                Ok(Ok(false) | Err(_)) | Err(_) => break,
            }
        }
        told.cancel();
        let end = held_at + self.ttl;
        if tokio::time::timeout_at(end, &mut work).await.is_err() {
            tracing::warn!(
                lease = self.name,
                "work that did not stop within its lease was dropped"
            );
        }
    }
}
