//! Folders and SQLite files that vanish with the test.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that is removed, with all it holds, when this value is dropped.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// Makes an empty folder under the system's temporary folder (`TMPDIR`), readable by this user only.
    ///
    /// # Errors
    ///
    /// Any failure to create the folder.
    pub fn new() -> io::Result<Self> {
        tempfile::Builder::new()
            .prefix("brisk-test-")
            .tempdir()
            .map(Self)
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A place for one SQLite file with its `-wal` and `-shm` companions, in a folder of its own.
#[derive(Debug)]
pub struct SqliteFile {
    folder: Folder,
}

impl SqliteFile {
    /// Makes the folder; the file itself appears when a database is opened there.
    ///
    /// # Errors
    ///
    /// Any failure to create the folder.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            folder: Folder::new()?,
        })
    }

    /// Where the file is, or will be.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("brisk.db")
    }

    /// The address of the file in the form that settings take: `sqlite://` and its path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_file_takes_its_folder_along() {
        let file = SqliteFile::new().unwrap();
        std::fs::write(file.path(), b"rows").unwrap();
        std::fs::write(file.path().with_extension("db-wal"), b"log").unwrap();
        let folder = file.path().parent().unwrap().to_owned();
        assert_eq!(
            file.url(),
            format!("sqlite://{}/brisk.db", folder.display())
        );
        drop(file);
        assert!(!folder.exists());
    }

    #[test]
    fn two_files_never_share_a_folder() {
        assert_ne!(
            SqliteFile::new().unwrap().path(),
            SqliteFile::new().unwrap().path()
        );
    }
}
