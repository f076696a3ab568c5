//! Deciding about reports that were held back.

use brisk_db::Session;
use brisk_jobs::{NewJob, Queue};

use super::link::{LINK_JOB, LinkPayload};
use crate::error::Error;
use crate::ids::ReportId;
use crate::store::report::{ReportListRow, Reports};

/// Decides about held reports.
#[derive(Clone, Debug)]
pub(crate) struct Moderation {
    pub(crate) queue: Queue,
}

impl Moderation {
    /// Releases a report, which then goes its way, or rejects it; answers it as it is then.
    pub(crate) async fn decide(
        &self,
        session: &Session,
        id: ReportId,
        released: bool,
        public: Option<bool>,
    ) -> Result<ReportListRow, Error> {
        session
            .transaction(|tx| async move {
                let row = Reports(&tx)
                    .get(id)
                    .await?
                    .ok_or(Error::NotFound { what: "report" })?;
                let status = if released { "classified" } else { "rejected" };
                let public = released && public.unwrap_or(row.public);
                if !Reports(&tx).moderate(id, status, public).await? {
                    return Err(Error::NotHeld);
                }
                if released {
                    let job = NewJob::new(tx.tenant(), LINK_JOB, &LinkPayload { report: id })?;
                    self.queue.enqueue(&tx, vec![job]).await?;
                }
                Ok(ReportListRow {
                    status: status.to_owned(),
                    public,
                    ..row
                })
            })
            .await
    }
}
