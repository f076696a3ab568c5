//! The log in place of mails: that one would have gone, not what was in it.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Mail, MailError, Mailer};

/// Says that a mail was due.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToLog {
    /// On a developer's machine only: whoever reads the log could use the links.
    with_links: bool,
}

impl ToLog {
    pub(super) const fn new(with_links: bool) -> Self {
        Self { with_links }
    }
}

impl Mailer for ToLog {
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        let purpose = mail.purpose;
        if self.with_links {
            let links = mail.links.join(" ");
            tracing::info!(purpose, links, "a mail would have been sent");
        } else {
            tracing::info!(purpose, "a mail would have been sent");
        }
        async { Ok(()) }.boxed()
    }
}
