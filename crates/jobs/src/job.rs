//! Jobs as they are enqueued, handled and buried.

use std::borrow::Cow;
use std::time::Duration;

use brisk_core::TenantId;
use brisk_db::{FromRow, Json, Record};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::Error;

brisk_core::int_id! {
    /// A job. Ids grow in the order of insertion, with gaps.
    pub JobId
}

brisk_db::id_column!(JobId);

/// Attempts before a job is dead, unless it says otherwise.
const MAX_ATTEMPTS: i32 = 8;

/// A job to be enqueued.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub(crate) tenant: TenantId,
    pub(crate) kind: &'static str,
    pub(crate) dedup_key: Option<String>,
    pub(crate) payload: Box<RawValue>,
    pub(crate) priority: i32,
    pub(crate) max_attempts: i32,
    pub(crate) run_at: Option<Timestamp>,
}

impl NewJob {
    /// A job that may start at once; `kind` names the worker that takes it.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] when the payload cannot be JSON.
    pub fn new(
        tenant: TenantId,
        kind: &'static str,
        payload: &impl Serialize,
    ) -> Result<Self, Error> {
        Ok(Self {
            tenant,
            kind,
            dedup_key: None,
            payload: serde_json::value::to_raw_value(payload)
                .map_err(|source| Error::Encode { kind, source })?,
            priority: 0,
            max_attempts: MAX_ATTEMPTS,
            run_at: None,
        })
    }

    /// While a job of this tenant, kind and key waits, another one is not stored. One that runs does not count.
    #[must_use]
    pub fn dedup(mut self, key: impl Into<String>) -> Self {
        self.dedup_key = Some(key.into());
        self
    }

    /// Not before this instant.
    #[must_use]
    pub const fn run_at(mut self, at: Timestamp) -> Self {
        self.run_at = Some(at);
        self
    }

    /// Higher goes first; the default is 0.
    #[must_use]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Attempts before the job is dead, at least 1; the default is 8.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = i32::try_from(attempts.max(1)).unwrap_or(i32::MAX);
        self
    }

    pub(crate) fn into_record(self, now: Timestamp) -> JobRecord {
        JobRecord {
            tenant_id: self.tenant,
            kind: Cow::Borrowed(self.kind),
            dedup_key: self.dedup_key,
            payload: Json(self.payload),
            priority: self.priority,
            max_attempts: self.max_attempts,
            run_at: self.run_at.unwrap_or(now),
            created_at: now,
        }
    }
}

#[derive(Debug, Record)]
#[record(table = "brisk_jobs")]
pub(crate) struct JobRecord {
    tenant_id: TenantId,
    kind: Cow<'static, str>,
    dedup_key: Option<String>,
    payload: Json<Box<RawValue>>,
    priority: i32,
    max_attempts: i32,
    run_at: Timestamp,
    created_at: Timestamp,
}

#[derive(Debug, FromRow)]
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) tenant_id: TenantId,
    pub(crate) payload: Json<Box<RawValue>>,
    pub(crate) priority: i32,
    pub(crate) attempts: i32,
    pub(crate) max_attempts: i32,
    pub(crate) run_at: Timestamp,
    pub(crate) created_at: Timestamp,
}

/// A job in the hands of a worker.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// For whom it works.
    pub tenant: TenantId,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// The attempt after which it is dead.
    pub max_attempts: u32,
    /// When it was due.
    pub run_at: Timestamp,
    /// When it was enqueued.
    pub created_at: Timestamp,
    payload: Box<RawValue>,
}

impl Job {
    /// The payload as the type that was enqueued.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] when it is something else.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.payload.get()).map_err(|source| Error::Decode {
            id: self.id,
            source,
        })
    }
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        Self {
            id: row.id,
            tenant: row.tenant_id,
            attempt: row.attempts.unsigned_abs(),
            max_attempts: row.max_attempts.unsigned_abs(),
            run_at: row.run_at,
            created_at: row.created_at,
            payload: row.payload.0,
        }
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// It is done and will be deleted, unless [`JobContext::complete`](crate::JobContext::complete) did that already.
    Done,
    /// It is to be tried again; after its last attempt it is dead.
    Retry {
        /// What went wrong, for the person who looks at the dead ones.
        error: String,
        /// When to try again; by default what the worker's [`RetryPolicy`](crate::RetryPolicy) says.
        after: Option<Duration>,
    },
    /// It will never succeed.
    Dead {
        /// Why.
        error: String,
    },
}

impl JobOutcome {
    /// A retry with the worker's own back-off.
    pub fn retry(error: impl std::fmt::Display) -> Self {
        Self::Retry {
            error: error.to_string(),
            after: None,
        }
    }

    /// No further attempt.
    pub fn dead(error: impl std::fmt::Display) -> Self {
        Self::Dead {
            error: error.to_string(),
        }
    }
}

/// A job that was given up.
#[derive(Clone, Debug, FromRow)]
pub struct DeadJob {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    #[column("tenant_id")]
    pub tenant: TenantId,
    /// Its kind.
    pub kind: String,
    /// Its payload.
    pub payload: Json<serde_json::Value>,
    /// How often it was tried.
    pub attempts: i32,
    /// What went wrong the last time.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
}
