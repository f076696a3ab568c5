//! For tests: waiting for the end of all work.

use std::time::Duration;

use brisk_core::Scope;

use crate::error::Error;
use crate::running::Running;
use crate::statements;

/// Another process's batches ring no bell here.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Running {
    /// Waits until no job is ready or leased, looking again after each batch; answers whether that came within `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the jobs cannot be counted.
    pub async fn drain(&self, limit: Duration) -> Result<bool, Error> {
        let session = self.shop.db.session(Scope::platform("drain"));
        let end = tokio::time::Instant::now() + limit;
        loop {
            let settled = self.shop.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if session.run(&statements::COUNT_OPEN, ()).await? == 0 {
                return Ok(true);
            }
            tokio::select! {
                () = settled => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = tokio::time::sleep_until(end) => return Ok(false),
            }
        }
    }
}
