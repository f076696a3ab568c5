//! Mails as files, for development and tests: whoever opens the folder is the reader.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Mail, MailError, Mailer};

/// A folder that is made when the first mail comes.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }
}

impl Mailer for Folder {
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        let folder = self.0.clone();
        let at = mail.at.strftime("%Y%m%dT%H%M%S");
        let name = format!("{at}-{}-{}.eml", mail.purpose, mail.id);
        let text = mail.message.formatted();
        async move {
            let written = tokio::task::spawn_blocking(move || write(&folder, &name, &text));
            let written = written.await.unwrap_or_else(|e| Err(io::Error::other(e)));
            written
                .map_err(|e| MailError::Later(format!("its file cannot be written: {}", e.kind())))
        }
        .boxed()
    }
}

/// Writes a file that only its owner reads, whole or not at all.
fn write(folder: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let half = folder.join(format!(".{name}"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&half)?.write_all(text)?;
    fs::rename(half, folder.join(name))
}
