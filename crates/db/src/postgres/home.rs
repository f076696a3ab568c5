//! Where connections of the checkout pool stay while nobody has them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::link::Link;
use super::meters::Meters;

/// Idle connections, the one that was used last on top: those that are needed rarely come to rest and can be closed.
#[derive(Debug)]
pub(super) struct Home {
    // A std mutex: held to move one connection, never across an await.
    idle: Mutex<Vec<Link>>,
    /// Connections that are open, or on their way.
    open: AtomicUsize,
    closed: std::sync::atomic::AtomicBool,
    /// How often one was closed for its age or for having nothing to do, and how often one was found dead.
    retired: AtomicU64,
    dead: AtomicU64,
    pub(super) meters: Meters,
}

/// What is looked after, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Care {
    /// An idle connection is asked whether it is there after this long; zero is never.
    pub(super) ping_after: Duration,
    /// One that nobody used for so long is closed; zero is never.
    pub(super) close_after: Duration,
}

impl Home {
    pub(super) fn new(meters: Meters) -> Self {
        Self {
            idle: Mutex::default(),
            open: AtomicUsize::new(0),
            closed: false.into(),
            retired: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            meters,
        }
    }

    /// An idle connection that is known to be good.
    pub(super) fn take(&self) -> Option<Link> {
        let now = Instant::now();
        loop {
            let link = self.idle().pop()?;
            if !link.is_over(now) {
                return Some(link);
            }
            self.drop_one(&link, now);
        }
    }

    /// Counts a connection that is about to be made; it is not, if the value is dropped before [`Opening::made`].
    pub(super) fn opening(&self) -> Opening<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Opening(self)
    }

    pub(super) fn put(&self, mut link: Link) {
        let now = Instant::now();
        link.used_at = now;
        link.heard_at = now;
        if self.closed.load(Ordering::Relaxed) || link.is_over(now) {
            self.drop_one(&link, now);
        } else {
            self.idle().push(link);
        }
    }

    /// Says that one is gone that was not given back.
    pub(super) fn lost(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn used(&self, time: Duration) {
        self.meters.used(time);
    }

    /// Closes what is too old or has had nothing to do.
    pub(super) fn retire(&self, care: Care) {
        let now = Instant::now();
        let over: Vec<_> = self
            .idle()
            .extract_if(.., |link| {
                let unused = now.saturating_duration_since(link.used_at);
                link.is_over(now) || (!care.close_after.is_zero() && unused >= care.close_after)
            })
            .collect();
        for link in over {
            self.retired.fetch_add(1, Ordering::Relaxed);
            self.open.fetch_sub(1, Ordering::Relaxed);
            drop(link);
        }
    }

    /// Takes out the idle connection that was silent for longest, if that is long.
    pub(super) fn silent(&self, care: Care) -> Option<Link> {
        if care.ping_after.is_zero() {
            return None;
        }
        let now = Instant::now();
        let mut idle = self.idle();
        let (at, link) = idle
            .iter()
            .enumerate()
            .min_by_key(|(_, link)| link.heard_at)?;
        let silent = now.saturating_duration_since(link.heard_at) >= care.ping_after;
        silent.then(|| idle.remove(at))
    }

    /// Gives back one that was asked; it goes where it was, at the bottom, because nobody needed it.
    pub(super) fn answered(&self, mut link: Link) {
        link.heard_at = Instant::now();
        if self.closed.load(Ordering::Relaxed) {
            self.drop_one(&link, link.heard_at);
        } else {
            self.idle().insert(0, link);
        }
    }

    /// Says that one that was asked did not answer.
    pub(super) fn silent_for_good(&self) {
        self.dead.fetch_add(1, Ordering::Relaxed);
        self.lost();
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let idle = std::mem::take(&mut *self.idle());
        self.open.fetch_sub(idle.len(), Ordering::Relaxed);
    }

    /// Open connections, and those of them that nobody has.
    pub(super) fn counts(&self) -> (usize, usize) {
        let idle = self.idle().len();
        (self.open.load(Ordering::Relaxed).max(idle), idle)
    }

    pub(super) fn retired(&self) -> u64 {
        self.retired.load(Ordering::Relaxed)
    }

    pub(super) fn dead(&self) -> u64 {
        self.dead.load(Ordering::Relaxed)
    }

    fn drop_one(&self, link: &Link, now: Instant) {
        if link.is_old(now) {
            self.retired.fetch_add(1, Ordering::Relaxed);
        }
        self.lost();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        self.idle.lock().expect("no holder of this lock can panic")
    }
}

/// A connection that is being made.
pub(super) struct Opening<'a>(&'a Home);

impl Opening<'_> {
    pub(super) fn made(self) {
        std::mem::forget(self);
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.lost();
    }
}
