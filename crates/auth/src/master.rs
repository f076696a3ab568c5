//! One master key for each installation, and the keys that are derived from it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use data_encoding::BASE32_DNSSEC;
use hkdf::Hkdf;
use sha2::Sha256;

use crate::error::Error;

/// Characters that a master key of the settings has at least; a random one of that length is out of reach.
const SHORTEST: usize = 32;

/// What a derived key is for. The names are part of the derivation and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Signs page cursors.
    Cursor,
    /// Encrypts personal data and secrets at rest.
    Sealing,
    /// Signs what we hand out and take back: links, states.
    Signing,
    /// Keys the hashes under which contacts are looked up.
    ContactHash,
    /// Signs web-hook deliveries.
    WebHook,
    /// Seals the private parts of signing keys.
    SigningKeys,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Cursor => b"brisk/v1/cursor",
            Self::Sealing => b"brisk/v1/sealing",
            Self::Signing => b"brisk/v1/signing",
            Self::ContactHash => b"brisk/v1/contact-hash",
            Self::WebHook => b"brisk/v1/web-hook",
            Self::SigningKeys => b"brisk/v1/signing-keys",
        }
    }
}

/// The secret that all other keys of the installation are derived from; every node has the same.
#[derive(Clone)]
pub struct MasterKey(Hkdf<Sha256>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(secret)")
    }
}

impl MasterKey {
    /// The key of the settings: at least 32 characters, random ones.
    ///
    /// # Errors
    ///
    /// [`Error::MasterKeyShort`] for anything shorter.
    pub fn from_setting(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() < SHORTEST {
            return Err(Error::MasterKeyShort);
        }
        Ok(Self(Hkdf::new(Some(b"brisk master key"), text.as_bytes())))
    }

    /// The key in the file, which is made with mode 0600 when it is not there. For SQLite, where the file lies beside
    /// the database; nodes on PostgreSQL share the setting instead. Of two processes that start at once both get the
    /// key of the one that was first. Reads and writes files: call it at the start.
    ///
    /// # Errors
    ///
    /// [`Error::MasterKeyOpen`] when others may read the file, [`Error::MasterKeyFile`] when it cannot be used,
    /// [`Error::MasterKeyShort`] when it holds no key.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        let fail = |source| Error::MasterKeyFile {
            path: path.to_owned(),
            source,
        };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                Self::create(path)?;
                File::open(path).map_err(fail)?
            }
            Err(e) => return Err(fail(e)),
        };
        let mode = file.metadata().map_err(fail)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Error::MasterKeyOpen(path.to_owned()));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(fail)?;
        Self::from_setting(&text)
    }

    /// Writes a new key beside its place and links it there, so that nobody ever reads half a key.
    fn create(path: &Path) -> Result<(), Error> {
        let fail = |source| Error::MasterKeyFile {
            path: path.to_owned(),
            source,
        };
        let mut random = [0_u8; 40];
        getrandom::fill(&mut random).map_err(Error::Random)?;
        let (key, name) = random.split_at(35);
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", BASE32_DNSSEC.encode(name)));
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&beside)?;
            file.write_all(BASE32_DNSSEC.encode(key).as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            match std::fs::hard_link(&beside, path) {
                // Another process was first; its key counts.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            }
        };
        let written = write();
        let removed = std::fs::remove_file(&beside);
        written.and(removed).map_err(fail)
    }

    /// The key for one purpose: HKDF-SHA256 (RFC 5869).
    pub fn derive(&self, purpose: Purpose) -> [u8; 32] {
        self.expand(&[purpose.info()])
    }

    /// The key for one purpose of one service, so that services cannot read each other's.
    pub fn derive_for(&self, purpose: Purpose, service: &str) -> [u8; 32] {
        self.expand(&[purpose.info(), b"/", service.as_bytes()])
    }

    fn expand(&self, info: &[&[u8]]) -> [u8; 32] {
        let mut key = [0; 32];
        self.0
            .expand_multi_info(info, &mut key)
            .expect("32 bytes are fewer than HKDF can give");
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("brisk.key");
        let first = MasterKey::load_or_create(&path).unwrap();
        let again = MasterKey::load_or_create(&path).unwrap();
        assert_eq!(first.derive(Purpose::Cursor), again.derive(Purpose::Cursor));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let open = MasterKey::load_or_create(&path);
        assert!(matches!(open, Err(Error::MasterKeyOpen(_))));
    }

    #[test]
    fn eight_processes_that_start_at_once_get_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("brisk.key");
        let load = || {
            MasterKey::load_or_create(&path)
                .unwrap()
                .derive(Purpose::Signing)
        };
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn each_purpose_and_service_has_its_own_key() {
        let master = MasterKey::from_setting(&"k".repeat(32)).unwrap();
        let keys = [
            master.derive(Purpose::Cursor),
            master.derive(Purpose::Sealing),
            master.derive_for(Purpose::Cursor, "civic"),
            master.derive_for(Purpose::Cursor, "home"),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key));
        }
        assert!(MasterKey::from_setting("  short  ").is_err());
        assert!(!format!("{master:?}").contains("kkk"));
    }
}
