//! Caches as others have them, to see that the suite finds what it looks for.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use quick_cache::sync::Cache;

use super::load::Load;
use super::truth::Answer;
use super::{News, Subject};

/// Looks, computes, inserts; who changes something deletes the key. As it is usually written, over Redis or a map.
#[derive(Debug, Default)]
pub struct GetComputeInsert(Mutex<HashMap<u64, Answer>>);

impl GetComputeInsert {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<u64, Answer>) -> T) -> T {
        work(&mut self.0.lock().expect("no holder of this lock can panic"))
    }
}

impl Subject for GetComputeInsert {
    fn name(&self) -> String {
        "get, compute, insert".to_owned()
    }

    async fn get(&self, key: u64, load: Load) -> Answer {
        if let Some(kept) = self.with(|map| map.get(&key).copied()) {
            return kept;
        }
        let answer = load.run().await;
        self.with(|map| map.insert(key, answer));
        answer
    }

    async fn hear(&self, news: News) {
        self.with(|map| match news {
            News::Changed(keys) => map.retain(|key, _| !keys.contains(key)),
            News::Flush | News::Linked => map.clear(),
            News::CaughtUp | News::Cut => {}
        });
    }
}

/// `quick_cache` as it comes: one load for a key, which a `remove` under way ends.
#[derive(Debug)]
pub struct QuickCache {
    cache: Cache<u64, Answer>,
    is_cut: AtomicBool,
}

impl Default for QuickCache {
    fn default() -> Self {
        Self {
            cache: Cache::new(1_000),
            is_cut: AtomicBool::new(false),
        }
    }
}

impl Subject for QuickCache {
    fn name(&self) -> String {
        "quick_cache, get_or_insert_async".to_owned()
    }

    async fn get(&self, key: u64, load: Load) -> Answer {
        if self.is_cut.load(Ordering::Relaxed) {
            return load.run().await;
        }
        let loaded = async { Ok::<_, Infallible>(load.run().await) };
        match self.cache.get_or_insert_async(&key, loaded).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }

    async fn hear(&self, news: News) {
        match news {
            News::Changed(keys) => {
                for key in keys {
                    self.cache.remove(&key);
                }
            }
            News::Flush => self.cache.clear(),
            News::Cut => self.is_cut.store(true, Ordering::Relaxed),
            News::Linked => {
                self.cache.clear();
                self.is_cut.store(false, Ordering::Relaxed);
            }
            News::CaughtUp => {}
        }
    }
}
