//! Mails are jobs: asked for with what they are about, written and sent by a worker.
//!
//! Whoever asks, or changes something, stores who is to be written to and why; the token that a mail carries is made just
//! before the mail leaves. So no secret stands in a job, asking takes as long for an address that nobody has, and a try that
//! failed is repeated with a token of its own, which ends the one before it. What is stored is sealed all the same: addresses
//! that strangers typed are nobody's to read who has the database, nor those in jobs that were given up.
mod errand;
mod postman;
mod words;

use std::time::Duration;

use brisk_jobs::RetryPolicy;

pub(crate) use errand::{Errand, ask, named};
pub(crate) use postman::Postman;

/// The job that sends a mail.
pub(crate) const MAIL_JOB: &str = "identity.mail";

/// Tries before a mail is given up.
const TRIES: u32 = 5;

/// Mail servers that are busy, or that let strangers wait, want some minutes.
pub(crate) const RETRY: RetryPolicy = RetryPolicy {
    base: Duration::from_secs(30),
    cap: Duration::from_mins(10),
};
