//! The answers to many keys, as they come back from one statement or several.

use std::collections::HashMap;
use std::ops::Range;

use super::answer::{Answer, Keyed, LoadKey, named};
use super::declared::Load;
use crate::error::Error;

/// Distinct keys with the answer to each.
pub(super) struct Answers<K: 'static, S: 'static> {
    load: &'static Load<K, S>,
    keys: Vec<K>,
    places: HashMap<K, usize>,
    all: Vec<Result<S, Error>>,
}

impl<K: LoadKey, S: Answer> Answers<K, S> {
    pub(super) fn expecting(load: &'static Load<K, S>, keys: usize) -> Self {
        Self {
            load,
            keys: Vec::with_capacity(keys),
            places: HashMap::with_capacity(keys),
            all: Vec::with_capacity(keys),
        }
    }

    /// Asks for one more key; answers its place.
    pub(super) fn want(&mut self, key: K) -> usize {
        *self.places.entry(key).or_insert_with_key(|key| {
            self.keys.push(key.clone());
            self.all.push(Ok(S::default()));
            self.keys.len() - 1
        })
    }

    pub(super) fn keys(&self) -> &[K] {
        &self.keys
    }

    /// Takes what one statement answered.
    pub(super) fn take(&mut self, rows: Vec<Keyed<K, S::Row>>) {
        let name = self.load.name();
        for Keyed { key, row } in rows {
            // A key that the database holds for equal and we do not was not asked for.
            let Some(answer) = self.places.get(&key).and_then(|at| self.all.get_mut(*at)) else {
                continue;
            };
            let Ok(rows) = answer else { continue };
            let added = row.map_err(|e| named(name, e)).and_then(|row| {
                rows.add(row, self.load.limit())
                    .map_err(|why| Error::Statement {
                        statement: name,
                        source: why.into(),
                    })
            });
            if let Err(e) = added {
                *answer = Err(e);
            }
        }
    }

    /// The statement for these keys failed.
    pub(super) fn fail(&mut self, keys: Range<usize>, error: Error) {
        let name = self.load.name();
        let mut places = self.all[keys].iter_mut();
        let last = places.next_back();
        for place in places {
            *place = Err(error.again(name));
        }
        if let Some(last) = last {
            *last = Err(error);
        }
    }

    /// The answers in the keys' order.
    pub(super) fn into_all(self) -> Vec<Result<S, Error>> {
        self.all
    }
}

/// One answer for `uses` who asked; the last of them gets the original.
pub(super) struct Shared<S> {
    result: Result<S, Error>,
    uses: usize,
}

impl<S: Answer> Shared<S> {
    pub(super) const fn of(result: Result<S, Error>) -> Self {
        Self { result, uses: 0 }
    }

    pub(super) const fn use_once_more(&mut self) {
        self.uses += 1;
    }

    pub(super) fn take(&mut self, name: &'static str) -> Result<S, Error> {
        self.uses = self.uses.saturating_sub(1);
        if self.uses == 0 {
            return std::mem::replace(&mut self.result, Ok(S::default()));
        }
        match &self.result {
            Ok(answer) => Ok(answer.clone()),
            Err(e) => Err(e.again(name)),
        }
    }
}
