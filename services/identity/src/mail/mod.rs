//! How mails are written and how they leave the program.
//!
//! A mail is built once ([`Mail`]) and handed to whatever the settings name: a mail server, a folder, or nothing but the log.
//! When it is sent, how often and to whom is for `logic/mail.rs`.
mod file;
mod letter;
mod log;
mod smtp;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use uuid::Uuid;

pub(crate) use letter::{Letter, Link, shown};

use crate::settings::{IdentitySettings, MailerUrl};

/// The folder beside the database file into which development writes its mails.
const DEVELOPMENT_FOLDER: &str = "mail";

/// Why a mail has not left. It never quotes an address, a link or what a server has said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MailError {
    /// It may leave another time.
    #[error("the mail could not be handed over: {0}")]
    Later(String),
    /// It never will.
    #[error("the mail cannot be delivered: {0}")]
    Never(String),
}

/// Takes mails away.
pub(crate) trait Mailer: fmt::Debug + Send + Sync {
    /// Hands a mail over; once this has answered, the mail is another's to deliver.
    ///
    /// # Errors
    ///
    /// [`MailError::Later`] where another try may help.
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>>;
}

/// A mail that is ready to go.
pub(crate) struct Mail {
    /// What it is about, in a word.
    pub(crate) purpose: &'static str,
    /// The addresses in it that its reader is to follow; they may hold secrets.
    pub(crate) links: Vec<String>,
    /// Its name; no two have the same.
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) message: Message,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let purpose = &self.purpose;
        f.debug_struct("Mail")
            .field("purpose", purpose)
            .finish_non_exhaustive()
    }
}

/// A mail before it is built.
#[derive(Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) purpose: &'static str,
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    /// The address alone: names of people stay out of the head.
    pub(crate) to: &'a str,
    pub(crate) letter: &'a Letter,
}

impl Mail {
    /// Builds the mail: a plain text and the same as simple HTML.
    ///
    /// # Errors
    ///
    /// [`MailError::Never`] for an address to which no mail can be sent, such as one with a line break.
    fn build(from: &Mailbox, draft: Draft<'_>) -> Result<Self, MailError> {
        let never = |what: &str| MailError::Never(what.to_owned());
        let to: Address = draft
            .to
            .parse()
            .map_err(|_hidden| never("the address is of no form that can be written to"))?;
        let (text, html) = draft
            .letter
            .render()
            .map_err(|_hidden| never("its text could not be written"))?;
        let id = format!("<{}@{}>", draft.id, from.email.domain());
        let mut message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject(draft.letter.subject.clone())
            .date(draft.at.into())
            .message_id(Some(id))
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(|_hidden| never("it could not be put together"))?;
        // RFC 3834: nobody's absence is to be answered with.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let automatic = HeaderValue::new(automatic, "auto-generated".to_owned());
        message.headers_mut().insert_raw(automatic);
        Ok(Self {
            purpose: draft.purpose,
            links: draft.letter.links.iter().map(|l| l.url.clone()).collect(),
            id: draft.id,
            at: draft.at,
            message,
        })
    }
}

/// Writes mails and sends them. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    /// None where nothing is set: then nobody is written to.
    mailer: Option<Arc<dyn Mailer>>,
    from: Mailbox,
    timeout: Duration,
    base: Arc<str>,
}

impl Post {
    /// What the settings name. Without a `mailer_url`, development writes into a folder beside its database, or into the log
    /// where there is no such place; production sends nothing.
    ///
    /// # Errors
    ///
    /// When the mail server's address, or the sender's, cannot be used.
    pub(crate) fn open(
        settings: &IdentitySettings,
        base: &str,
        is_development: bool,
        folder: Option<&Path>,
    ) -> Result<Self, MailError> {
        let base = base.trim_end_matches('/');
        let from = sender(settings.mail_from.as_deref(), base)?;
        let log = || log::ToLog::new(settings.dev_log_links && is_development);
        let mailer: Option<Arc<dyn Mailer>> = match settings.mailer() {
            Some(MailerUrl::Smtp(url)) => Some(Arc::new(smtp::Smtp::new(&url, &from)?)),
            Some(MailerUrl::File(folder)) => Some(Arc::new(file::Folder::new(folder))),
            Some(MailerUrl::Log) => Some(Arc::new(log())),
            None if is_development => match folder {
                Some(folder) => Some(Arc::new(file::Folder::new(folder.join(DEVELOPMENT_FOLDER)))),
                None => Some(Arc::new(log())),
            },
            None => None,
        };
        Ok(Self {
            mailer,
            from,
            timeout: settings.mailer_timeout,
            base: base.into(),
        })
    }

    /// Whether anything is sent at all.
    pub(crate) const fn is_open(&self) -> bool {
        self.mailer.is_some()
    }

    /// A page of the application that is shown a token: in the fragment, which browsers send to no server and in no referrer.
    pub(crate) fn link(&self, page: &str, token: &str) -> String {
        format!("{}/{page}#token={token}", self.base)
    }

    /// Builds a mail and hands it over, within the time that the settings allow; whether there is anybody to hand it to.
    ///
    /// # Errors
    ///
    /// [`MailError::Later`] also for a server that says nothing in time.
    pub(crate) async fn send(&self, draft: Draft<'_>) -> Result<bool, MailError> {
        let Some(mailer) = &self.mailer else {
            return Ok(false);
        };
        let mail = Mail::build(&self.from, draft)?;
        let sent = tokio::time::timeout(self.timeout, mailer.send(&mail)).await;
        sent.map_err(|_elapsed| MailError::Later("it took too long".to_owned()))??;
        Ok(true)
    }
}

/// Who mails are from: what the settings say, else nobody at the host of the application.
fn sender(set: Option<&str>, base: &str) -> Result<Mailbox, MailError> {
    let usual = || {
        let uri: Option<http::Uri> = base.parse().ok();
        let host = uri.as_ref().and_then(http::Uri::host);
        let host = host.filter(|host| host.parse::<std::net::IpAddr>().is_err());
        format!("Brisk <no-reply@{}>", host.unwrap_or("localhost"))
    };
    let text = set.map_or_else(usual, str::to_owned);
    text.parse()
        .map_err(|_hidden| MailError::Never("identity.mail_from is no address".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(name: &str) -> Letter {
        Letter {
            subject: format!("Hello\r\nBcc: victim@example.org {name}"),
            name: shown(name),
            lines: vec![format!("for {name}")],
            links: vec![Link {
                label: "Open".to_owned(),
                url: "https://app.example/reset#token=bot_x".to_owned(),
            }],
            closing: "Bye.".to_owned(),
        }
    }

    fn built(to: &str, letter: &Letter) -> Result<String, MailError> {
        let from = sender(None, "https://app.example/x").unwrap();
        let draft = Draft {
            purpose: "test",
            id: Uuid::nil(),
            at: Timestamp::UNIX_EPOCH,
            to,
            letter,
        };
        let mail = Mail::build(&from, draft)?;
        Ok(String::from_utf8(mail.message.formatted()).unwrap())
    }

    #[test]
    fn nothing_that_people_say_makes_a_head_of_its_own() {
        let letter = letter("Ann\r\nBcc: victim@example.org");
        let text = built("ann@example.org", &letter).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let names = head
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap());
        let known = [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "Auto-Submitted",
        ];
        for name in names {
            assert!(known.contains(&name), "{name} in {head}");
        }
        for bad in ["a@b.c\r\nBcc: x@y.z", "a", "a@b.c, d@e.f", "\u{0}@b.c"] {
            assert!(
                matches!(built(bad, &letter), Err(MailError::Never(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn what_people_say_is_no_markup() {
        let text = built("ann@example.org", &letter("<b onclick=x>&Ann</b>")).unwrap();
        let html = text.split("text/html").nth(1).unwrap();
        assert!(!html.contains("<b onclick"), "{html}");
        assert!(
            text.contains("From: Brisk <no-reply@app.example>"),
            "{text}"
        );
    }

    #[test]
    fn without_a_setting_development_writes_files_and_production_nothing() {
        let settings = IdentitySettings::default();
        let open = |is_development, folder: Option<&str>| {
            let folder = folder.map(Path::new);
            let base = "https://app.example/";
            let post = Post::open(&settings, base, is_development, folder).unwrap();
            assert_eq!(post.link("reset", "t"), "https://app.example/reset#token=t");
            format!("{:?}", post.mailer)
        };
        assert!(open(true, Some("/data")).contains("Folder(\"/data/mail\")"));
        assert!(open(true, None).contains("ToLog { with_links: false }"));
        assert_eq!(open(false, Some("/data")), "None");
    }

    #[test]
    fn mails_say_nothing_of_themselves_in_logs() {
        let from = sender(Some("Us <us@example.org>"), "").unwrap();
        let letter = letter("Ann");
        let draft = Draft {
            purpose: "test",
            id: Uuid::nil(),
            at: Timestamp::UNIX_EPOCH,
            to: "ann@example.org",
            letter: &letter,
        };
        let shown = format!("{:?}", Mail::build(&from, draft).unwrap());
        assert_eq!(shown, "Mail { purpose: \"test\", .. }");
        assert!(sender(Some("us\r\nBcc: x@y.z"), "").is_err());
        assert_eq!(
            sender(None, "http://127.0.0.1:80").unwrap().email.domain(),
            "localhost"
        );
    }
}
