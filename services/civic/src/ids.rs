//! Ids of reports and issues: reserved in blocks, so that an id exists before its row does.
//!
//! Gaps are allowed and ids are no order of time. They stay far below 2^53, which JavaScript can hold.

use std::sync::{Arc, Mutex};

use brisk_core::{Scope, int_id};
use brisk_db::{Db, One, id_column, statements};
use tokio::sync::Mutex as AsyncMutex;

int_id! {
    /// A report.
    pub ReportId
}

int_id! {
    /// An issue.
    pub IssueId
}

id_column!(ReportId, IssueId);

/// Ids that a node reserves at a time.
const BLOCK: i64 = 10_000;

statements! {
    prefix "civic.id_block";

    /// Reserves the next block of a name and answers where the one after it begins.
    RESERVE(name: &'static str, size: i64) -> One<i64>
        = "UPDATE civic_id_blocks SET next_value = next_value + $2 WHERE name = $1 RETURNING next_value";
}

/// Hands out ids of one kind.
#[derive(Clone, Debug)]
pub(crate) struct IdBlocks {
    db: Db,
    name: &'static str,
    state: Arc<Mutex<State>>,
    refill: Arc<AsyncMutex<()>>,
}

#[derive(Debug, Default)]
struct State {
    next: i64,
    end: i64,
    /// The block after this one, fetched when half of this one is used.
    spare: Option<(i64, i64)>,
}

impl State {
    fn take(&mut self, count: i64) -> Option<Vec<i64>> {
        let left = self.end - self.next + self.spare.map_or(0, |(from, to)| to - from);
        if left < count {
            return None;
        }
        let mut ids = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        while i64::try_from(ids.len()).unwrap_or(i64::MAX) < count {
            if self.next == self.end {
                (self.next, self.end) = self.spare.take()?;
            }
            ids.push(self.next);
            self.next += 1;
        }
        Some(ids)
    }

    fn wants_more(&self) -> bool {
        self.spare.is_none() && self.end - self.next < BLOCK / 2
    }
}

impl IdBlocks {
    pub(crate) fn new(db: Db, name: &'static str) -> Self {
        Self {
            db,
            name,
            state: Arc::default(),
            refill: Arc::default(),
        }
    }

    /// One id.
    pub(crate) async fn one(&self) -> Result<i64, brisk_db::Error> {
        Ok(self.many(1).await?[0])
    }

    /// `count` ids.
    pub(crate) async fn many(&self, count: usize) -> Result<Vec<i64>, brisk_db::Error> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        loop {
            let (taken, more) = {
                let mut state = self
                    .state
                    .lock()
                    .expect("no holder of the id lock can panic");
                (state.take(count), state.wants_more())
            };
            if let Some(ids) = taken {
                if more && let Ok(guard) = self.refill.clone().try_lock_owned() {
                    let this = self.clone();
                    tokio::spawn(async move {
                        let _one_at_a_time = guard;
                        if let Err(e) = this.reserve(BLOCK).await {
                            tracing::debug!(error = %e, "the next block of ids comes with the next request");
                        }
                    });
                }
                return Ok(ids);
            }
            let _one_at_a_time = self.refill.lock().await;
            let short = {
                let state = self
                    .state
                    .lock()
                    .expect("no holder of the id lock can panic");
                count - (state.end - state.next) - state.spare.map_or(0, |(from, to)| to - from)
            };
            if short > 0 {
                self.reserve(BLOCK.max(count)).await?;
            }
        }
    }

    async fn reserve(&self, size: i64) -> Result<(), brisk_db::Error> {
        let session = self.db.session(Scope::platform("ids"));
        let end = session.run(&RESERVE, (self.name, size)).await?;
        let mut state = self
            .state
            .lock()
            .expect("no holder of the id lock can panic");
        if state.next == state.end {
            (state.next, state.end) = (end - size, end);
        } else {
            // A block that nobody asked for any more is a gap, which ids may have.
            state.spare = Some((end - size, end));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_up_before_the_spare_one() {
        let mut state = State {
            next: 8,
            end: 10,
            spare: Some((50, 60)),
        };
        assert_eq!(state.take(3), Some(vec![8, 9, 50]));
        assert_eq!((state.next, state.end, state.spare), (51, 60, None));
        assert_eq!(state.take(10), None);
        assert!(state.wants_more());
    }
}
