//! Who holds a transaction open must not wait for somebody else's program: its locks and its connection would wait too.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::{Layer, Ledger, Scope};

/// Counts, in release builds, the calls that were made while a transaction was open.
pub const TRANSACTIONS_HELD: &str = "brisk_db_transactions_held_total";

thread_local! {
    /// The transaction whose work this thread is doing at this moment.
    static HERE: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// An open transaction, for those who work in it. Cheap to clone; made and ended by the database layer alone.
#[derive(Clone)]
pub struct Hold(Arc<Inner>);

struct Inner {
    begun_at: &'static Location<'static>,
    is_open: AtomicBool,
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hold({})", self.0.begun_at)
    }
}

impl Hold {
    /// A transaction that the code at `begun_at` asked for.
    pub fn begin(begun_at: &'static Location<'static>) -> Self {
        Self(Arc::new(Inner {
            begun_at,
            is_open: AtomicBool::new(true),
        }))
    }

    /// Does the transaction's work, and knows it from other work whatever it waits for.
    pub async fn during<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            let _here = Here(HERE.replace(Some(self.0.begun_at)));
            work.as_mut().poll(context)
        })
        .await
    }

    /// Says that the transaction is over, although a scope that knows it may live on.
    pub fn end(&self) {
        self.0.is_open.store(false, Ordering::Relaxed);
    }

    fn begun_at(&self) -> Option<&'static Location<'static>> {
        let is_open = self.0.is_open.load(Ordering::Relaxed);
        is_open.then_some(self.0.begun_at)
    }
}

/// Puts back what was before when a step of the work is done.
struct Here(Option<&'static Location<'static>>);

impl Drop for Here {
    fn drop(&mut self) {
        HERE.set(self.0);
    }
}

/// Checks that no transaction is open around this call, which leaves the program; `call` says what and where to, such
/// as `model call to small`. [`Scope::model_call`] and [`Scope::http_call`] do it by themselves, and know more.
///
/// It sees everything that the transaction's closure awaits, whatever joins, selects or buffers stand between; not a
/// task that was spawned there: that one is seen where it uses the scope of the transaction's session.
///
/// # Panics
///
/// In debug builds, when one is open. In release builds that is counted and logged, and the call goes on.
pub fn outside_transaction(call: &str) {
    complain(call, HERE.get(), cfg!(debug_assertions));
}

fn complain(call: &str, begun_at: Option<&'static Location<'static>>, strict: bool) {
    let Some(begun_at) = begun_at else { return };
    // A mistake of the program, shown where it is made and before it costs anything.
    assert!(
        !strict,
        "{call} while the transaction begun at {begun_at} is open: call first, or after it"
    );
    metrics::counter!(TRANSACTIONS_HELD).increment(1);
    tracing::error!(call, transaction = %begun_at, "a call left the program while a transaction was open");
}

/// A call to a model or another service under way; its time is in the ledger once it is dropped.
#[derive(Debug)]
#[must_use = "the call lasts until this is dropped"]
pub struct Outgoing<'a> {
    ledger: &'a Ledger,
    layer: Layer,
    began: Instant,
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        // Checked when it began.
        self.ledger.called(self.layer, self.began.elapsed());
    }
}

impl Scope {
    /// Begins a call to a model; `call` names it, such as `model call to small`.
    ///
    /// # Panics
    ///
    /// As [`outside_transaction`]; it sees spawned tasks too where this scope is that of the transaction's session.
    pub fn model_call(&self, call: &str) -> Outgoing<'_> {
        self.outgoing(Layer::Model, call)
    }

    /// Begins a call to another service; `call` names it, such as `webhook of billing`.
    ///
    /// # Panics
    ///
    /// As [`outside_transaction`]; it sees spawned tasks too where this scope is that of the transaction's session.
    pub fn http_call(&self, call: &str) -> Outgoing<'_> {
        self.outgoing(Layer::Http, call)
    }

    fn outgoing(&self, layer: Layer, call: &str) -> Outgoing<'_> {
        let begun_at = self.hold().and_then(Hold::begun_at).or_else(|| HERE.get());
        complain(call, begun_at, cfg!(debug_assertions));
        Outgoing {
            ledger: self.ledger(),
            layer,
            began: Instant::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::*;
    use crate::TenantId;

    fn scope() -> Scope {
        Scope::system(TenantId(1), "test")
    }

    /// Runs what never waits longer than a step.
    fn block_on<F: Future>(work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return done;
            }
        }
    }

    /// Waits for one step, as if for an answer.
    async fn step() {
        let mut waited = false;
        poll_fn(|_| {
            if std::mem::replace(&mut waited, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn panics(call: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(call)).is_err()
    }

    #[test]
    fn a_call_inside_is_refused_and_one_outside_is_timed() {
        let (hold, scope) = (Hold::begin(Location::caller()), scope());
        block_on(hold.during(async {
            step().await;
            assert!(panics(|| drop(scope.http_call("webhook"))));
            assert!(panics(|| outside_transaction("webhook")));
            assert!(panics(|| scope
                .ledger()
                .model_call(std::time::Duration::ZERO)));
        }));
        let call = scope.model_call("model call to small");
        drop(call);
        assert_eq!(scope.ledger().summary().model_calls, 1);
    }

    #[test]
    fn what_runs_between_the_steps_of_the_work_is_not_in_the_transaction() {
        let hold = Hold::begin(Location::caller());
        let mut work = pin!(hold.during(step()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(work.as_mut().poll(&mut context).is_pending());
        outside_transaction("webhook");
        assert!(work.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn the_scope_of_the_transaction_is_known_on_another_thread_until_it_is_over() {
        let hold = Hold::begin(Location::caller());
        let inside = scope().held_by(&hold);
        let spawned = |scope: Scope| {
            std::thread::scope(|s| s.spawn(|| drop(scope.http_call("webhook"))).join().is_err())
        };
        assert!(spawned(inside.clone()) && !spawned(scope()));
        hold.end();
        assert!(!spawned(inside));
    }

    #[derive(Default)]
    struct Counted(Arc<Mutex<u64>>);

    struct Count(Arc<Mutex<u64>>);

    impl metrics::CounterFn for Count {
        fn increment(&self, by: u64) {
            *self.0.lock().unwrap() += by;
        }

        fn absolute(&self, _: u64) {}
    }

    impl Recorder for Counted {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            assert_eq!(key.name(), TRANSACTIONS_HELD);
            Counter::from_arc(Arc::new(Count(Arc::clone(&self.0))))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn a_release_build_counts_and_goes_on() {
        let counted = Counted::default();
        metrics::with_local_recorder(&counted, || {
            complain("webhook", None, false);
            complain("webhook", Some(Location::caller()), false);
        });
        assert_eq!(*counted.0.lock().unwrap(), 1);
    }
}
