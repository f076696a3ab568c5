//! A value that can be exchanged while others read it.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

/// Settings that may change while the program runs; clones share one value.
///
/// A reader takes the value once per piece of work, so that one request never sees two versions.
#[derive(Debug)]
pub struct Live<T>(Arc<ArcSwap<T>>);

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Live<T> {
    /// Starts with `value`.
    pub fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// The value of this moment, without a lock; do not hold it across an await.
    pub fn load(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    /// The value of this moment, to keep.
    pub fn get(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Puts a new value in place and returns the one before.
    pub fn replace(&self, value: T) -> Arc<T> {
        self.0.swap(Arc::new(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_its_version_and_the_next_one_sees_the_new() {
        let live = Live::new(1);
        let reader = live.clone();
        let held = reader.get();
        assert_eq!(*live.replace(2), 1);
        assert_eq!((*held, **reader.load()), (1, 2));
    }
}
