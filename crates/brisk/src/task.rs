//! Work in the background that lasts as long as the program.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// The wait before a task that panicked is begun again; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);

const LONGEST_WAIT: Duration = Duration::from_secs(30);

type Run = Arc<dyn Fn(CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>;

/// A task that runs from the start of the program until its token is cancelled, and is begun again after a panic.
#[derive(Clone)]
pub struct Task {
    name: &'static str,
    run: Run,
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.name).finish()
    }
}

impl Task {
    /// A task; `run` must end soon after its token is cancelled. One that ends earlier is done for good.
    pub fn new<F>(
        name: &'static str,
        run: impl Fn(CancellationToken) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            name,
            run: Arc::new(move |stop| Box::pin(run(stop))),
        }
    }

    pub(crate) async fn supervise(self, stop: CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            let once = AssertUnwindSafe((self.run)(stop.clone()));
            if once.catch_unwind().await.is_ok() {
                return;
            }
            tracing::error!(task = self.name, "a task panicked and will be begun again");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_begun_again_and_ends_with_its_token() {
        let stop = CancellationToken::new();
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        let task = Task::new("test", move |stop| {
            let count = Arc::clone(&count);
            async move {
                assert!(count.fetch_add(1, Ordering::SeqCst) == 2, "not yet");
                stop.cancelled().await;
            }
        });
        let running = tokio::spawn(task.supervise(stop.clone()));
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(!running.is_finished());
        stop.cancel();
        running.await.unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }
}
