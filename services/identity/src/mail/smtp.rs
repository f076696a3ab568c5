//! Mails by way of a mail server.

use std::fmt;

use brisk_config::Secret;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::{Mail, MailError, Mailer};

/// A mail server; each mail is a connection of its own, since mails are few.
pub(super) struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Smtp(..)")
    }
}

impl Smtp {
    /// The server of an address that [`MailerUrl`](crate::settings::MailerUrl) has read.
    ///
    /// # Errors
    ///
    /// [`MailError::Never`] for an address that cannot be used.
    pub(super) fn new(url: &Secret, from: &Mailbox) -> Result<Self, MailError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose());
        // The library's own words could quote the password.
        let transport = transport
            .map_err(|_hidden| MailError::Never("identity.mailer_url cannot be used".to_owned()))?;
        let name = ClientId::Domain(from.email.domain().to_owned());
        // The time is watched from outside, over the whole of a mail.
        Ok(Self(transport.hello_name(name).timeout(None).build()))
    }
}

impl Mailer for Smtp {
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        let sent = self.0.send(mail.message.clone());
        async { sent.await.map(drop).map_err(|e| judged(&e)) }.boxed()
    }
}

/// What the failure means: 5xx is for ever (RFC 5321, section 4.2.1), anything else may pass.
fn judged(error: &Error) -> MailError {
    match error.status() {
        Some(code) if error.is_permanent() => {
            MailError::Never(format!("the mail server answered {code}"))
        }
        Some(code) => MailError::Later(format!("the mail server answered {code}")),
        None if error.is_tls() => {
            MailError::Later("no secure connection to the mail server came about".to_owned())
        }
        None => MailError::Later("the mail server could not be spoken with".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_server_can_be_named() {
        let from: Mailbox = "us@example.org".parse().unwrap();
        for url in [
            "smtp://127.0.0.1:25?tls=opportunistic",
            "smtp://user:hunter2@mail.example?tls=required",
            "smtps://user:hunter2@mail.example:465",
        ] {
            let server = Smtp::new(&Secret::new(url.to_owned()), &from).unwrap();
            assert_eq!(format!("{server:?}"), "Smtp(..)");
        }
        let wrong = Secret::new("smtp://user:hunter2@mail.example?tls=no".to_owned());
        let told = Smtp::new(&wrong, &from).unwrap_err().to_string();
        assert!(!told.contains("hunter2"), "{told}");
    }
}
