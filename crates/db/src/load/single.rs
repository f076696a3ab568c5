//! Loads as a session asks for them: by one key, or by many at once.

use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use brisk_core::Way;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::answer::{Answer, Keyed, LoadKey};
use super::answers::{Answers, Shared};
use super::batch::Guest;
use super::declared::Load;
use crate::error::Error;
use crate::session::{Session, boxed};
use crate::witness::Witness;

/// Statements of one call under way at once; more would only queue up elsewhere.
const SIDE_BY_SIDE: usize = 4;

impl Session {
    /// Answers one key of a declared load; callers of the same moment share a statement, across requests too.
    ///
    /// No row is `None` or no children. Inside a transaction the key is asked for in it, alone: for many keys use
    /// [`Session::load_many`] or [`Session::with`] there. Each caller keeps its own deadline. Dropped, it is released
    /// at once; its key may still be asked for. The session's ledger counts the load, and the statement once for all
    /// of its loads that share it.
    ///
    /// # Errors
    ///
    /// As [`Session::run`], and [`Error::Overloaded`] when more loads wait than `load.queue` allows. A row that cannot
    /// be read, or a key that the database refuses, fails for its own callers only.
    #[track_caller]
    pub fn load<K: LoadKey, S: Answer>(
        &self,
        load: &'static Load<K, S>,
        key: K,
    ) -> impl Future<Output = Result<S, Error>> + Send + use<'_, K, S> {
        let site = Location::caller();
        self.load_from(load, key, site)
    }

    async fn load_from<K: LoadKey, S: Answer>(
        &self,
        load: &'static Load<K, S>,
        key: K,
        site: &'static Location<'static>,
    ) -> Result<S, Error> {
        if self.in_transaction() {
            let mut all = boxed(self.load_where_keyed(load, vec![Some(key)], site)).await?;
            return Ok(all.pop().unwrap_or_default());
        }
        let began = Instant::now();
        let end = self.scope().deadline().instant();
        if end.is_some_and(|end| end <= began) {
            return Err(Error::Timeout {
                statement: load.name(),
            });
        }
        let mut witness = Witness::of(self.scope(), load.name(), site, Way::Load, S::SHAPE);
        if let Some(witness) = &mut witness {
            witness.parameter(&key.clone().into_value());
        }
        if self.footprint().is_some() {
            let keys = std::slice::from_ref(&key);
            self.tell_footprint(&load.call(self.tenant(), keys, self.scope().deadline(), site));
        }
        let guest = Guest {
            key,
            ledger: std::ptr::from_ref(self.scope().ledger()).addr(),
            end,
            traced: witness.is_some(),
        };
        let loads = self.db().loads();
        let mut answered = loads.join(self.db(), load, self.tenant(), guest)?.await;
        let rows = answered.result.as_ref().map_or(0, S::rows);
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        if let Some(mut witness) = witness {
            witness.share(answered.seen.take());
            witness.end(self.scope(), rows, answered.result.as_ref().err());
        }
        self.scope()
            .ledger()
            .load(load.name(), rows, answered.first.then(|| began.elapsed()));
        answered.result
    }

    /// Answers many keys of a declared load, in their order, with as few statements as the largest batch allows.
    ///
    /// Keys may repeat. In a transaction the statements run in it.
    ///
    /// # Errors
    ///
    /// As [`Session::run`]; one key that fails fails the call.
    #[track_caller]
    pub fn load_many<K: LoadKey, S: Answer>(
        &self,
        load: &'static Load<K, S>,
        keys: Vec<K>,
    ) -> impl Future<Output = Result<Vec<S>, Error>> + Send + use<'_, K, S> {
        let keys = keys.into_iter().map(Some).collect();
        self.load_where_keyed(load, keys, Location::caller())
    }

    /// The same where a parent may have no key, and so no row.
    pub(super) async fn load_where_keyed<K: LoadKey, S: Answer>(
        &self,
        load: &'static Load<K, S>,
        keys: Vec<Option<K>>,
        site: &'static Location<'static>,
    ) -> Result<Vec<S>, Error> {
        let watch = self.scope().ledger().is_traced().then(Arc::default);
        let mut answers = Answers::expecting(load, keys.len());
        let of: Vec<_> = keys
            .into_iter()
            .map(|key| key.map(|key| answers.want(key)))
            .collect();
        let calls: Vec<_> = answers
            .keys()
            .chunks(load.keys(self.db().loads().most_keys()))
            .map(|keys| load.call(self.tenant(), keys, self.scope().deadline(), site))
            .collect();
        let mut rows = stream::iter(calls)
            .map(|call| self.send_as::<Vec<Keyed<K, S::Row>>>(call, Way::LoadMany, watch.as_ref()))
            .buffered(SIDE_BY_SIDE);
        while let Some(rows) = rows.try_next().await? {
            answers.take(rows);
        }
        let mut all = answers
            .into_all()
            .into_iter()
            .map(|result| {
                let mut answer = result?;
                if let Some(watch) = &watch {
                    answer.watch(watch);
                }
                Ok(Shared::of(Ok(answer)))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        for at in of.iter().flatten() {
            all[*at].use_once_more();
        }
        of.into_iter()
            .map(|at| at.map_or_else(|| Ok(S::default()), |at| all[at].take(load.name())))
            .collect()
    }
}
