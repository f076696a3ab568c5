//! Hashes of passwords, made and compared off the async threads.
//!
//! A stored hash that is missing or cannot be read costs as much as a wrong password, so that the time of an answer tells
//! nobody which accounts there are.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::CustomizedPasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, KeyId, Params, ParamsBuilder, Version};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::config::HashConfig;
use crate::error::Error;
use crate::metrics::Meter;

/// Bytes of a salt and of a hash.
const SALT: usize = 16;
const HASH: usize = 32;

/// The costliest bcrypt hash that is looked at: 16 takes some five seconds, and each more doubles that.
const BCRYPT_COST: u32 = 16;

/// Costs of a foreign Argon2 hash are taken up to this many times ours.
const TIMES_OURS: u32 = 8;

/// A secret that is mixed into every password, and is not in the database.
#[derive(Clone)]
pub struct Pepper {
    id: String,
    key: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pepper")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Pepper {
    /// A pepper; hashes name it by its `id`, 1 to 8 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for an id of another length.
    pub fn new(id: impl Into<String>, key: [u8; 32]) -> Result<Self, Error> {
        let id = id.into();
        if id.is_empty() || id.len() > KeyId::MAX_LEN {
            return Err(Error::Invalid {
                field: "pepper",
                code: "length",
                problem: "must have an id of 1 to 8 bytes",
            });
        }
        let key = Zeroizing::new(key);
        Ok(Self { id, key })
    }

    fn mix(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&*self.key).expect("HMAC takes a key of any length");
        mac.update(password);
        Zeroizing::new(mac.finalize().into_bytes().to_vec())
    }
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is the password.
    pub ok: bool,
    /// Whether it is, and its hash is to be replaced by one of today's kind.
    pub needs_rehash: bool,
}

/// Makes and compares hashes of passwords: Argon2id, and bcrypt for what was taken over from elsewhere. Cheap to clone.
///
/// A hash takes a core for some 30 ms and 19 MiB. So a few are made at once, on the blocking pool, some wait, and who comes
/// then hears [`Error::Busy`] at once.
#[derive(Clone, Debug)]
pub struct Passwords(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    /// The hash that is compared with where there is none.
    dummy: String,
    /// Who is being served or waits.
    room: Arc<Semaphore>,
    /// Who is being served.
    turn: Arc<Semaphore>,
    wait: Duration,
    meter: Meter,
}

/// How hashes are made today.
#[derive(Clone, Debug)]
struct Kind {
    params: Params,
    pepper: Option<Pepper>,
}

impl Passwords {
    /// Hashes as the settings say; takes the time of one hash.
    ///
    /// # Errors
    ///
    /// [`Error::PasswordHash`] where the settings are none that Argon2 takes, [`Error::Random`].
    pub fn new(config: &HashConfig, pepper: Option<Pepper>) -> Result<Self, Error> {
        let mut params = ParamsBuilder::new();
        params
            .m_cost(config.m_kib)
            .t_cost(config.t)
            .p_cost(config.p)
            .output_len(HASH);
        if let Some(pepper) = &pepper {
            params.keyid(KeyId::new(pepper.id.as_bytes()).map_err(broken)?);
        }
        let params = params.build().map_err(broken)?;
        let kind = Kind { params, pepper };
        let mut nobody = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *nobody).map_err(Error::Random)?;
        let dummy = kind.hash(&BASE64URL_NOPAD.encode(&*nobody))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let permits = match config.permits {
            0 => cores.saturating_sub(1).max(1),
            permits => permits,
        };
        Ok(Self(Arc::new(Inner {
            kind,
            dummy,
            room: Arc::new(Semaphore::new(
                permits
                    .saturating_add(config.queue)
                    .min(Semaphore::MAX_PERMITS),
            )),
            turn: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            wait: config.wait,
            meter: Meter::default(),
        })))
    }

    /// Whether the names of metrics that other programs had are written too, as they are from the start.
    pub fn write_aliases(&self, on: bool) {
        self.0.meter.write_aliases(on);
    }

    /// The hash to store, as a PHC string.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when too many are waiting, or this one waited too long.
    pub async fn hash(&self, password: &str) -> Result<String, Error> {
        let password = Zeroizing::new(password.to_owned());
        self.work(move |inner| inner.kind.hash(&password)).await?
    }

    /// Whether `given` is the password of the stored hash. For an account without one, or no account, it takes as long
    /// and is not.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when too many are waiting, or this one waited too long.
    pub async fn verify(&self, stored: Option<&str>, given: &str) -> Result<Verdict, Error> {
        let stored = stored.map(str::to_owned);
        let given = Zeroizing::new(given.to_owned());
        self.work(move |inner| inner.compare(stored.as_deref(), &given))
            .await
    }

    /// Runs `work` on the blocking pool once it is its turn. It goes on, and keeps its place, when the caller leaves.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (room, turn) = self.place().await?;
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let _room = room;
            let began = Instant::now();
            let done = work(&inner);
            inner.meter.hashed(began.elapsed());
            done
        });
        // It panics never; a runtime that ends is no answer either.
        done.await.map_err(|_ended| Error::Busy)
    }

    async fn place(&self) -> Result<(Room, OwnedSemaphorePermit), Error> {
        let room = Room::enter(&self.0).ok_or(Error::Busy)?;
        let turn = Arc::clone(&self.0.turn).acquire_owned();
        match tokio::time::timeout(self.0.wait, turn).await {
            Ok(Ok(turn)) => Ok((room, turn)),
            _ => Err(Error::Busy),
        }
    }
}

/// A place among those who are served or wait.
struct Room {
    _permit: OwnedSemaphorePermit,
    meter: Meter,
}

impl Room {
    fn enter(inner: &Inner) -> Option<Self> {
        let permit = Arc::clone(&inner.room).try_acquire_owned().ok()?;
        inner.meter.hashing(1.0);
        Some(Self {
            _permit: permit,
            meter: inner.meter.clone(),
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.meter.hashing(-1.0);
    }
}

impl Inner {
    /// One way for everybody: there is always a hash to compare with.
    fn compare(&self, stored: Option<&str>, given: &str) -> Verdict {
        let known = stored.and_then(Stored::parse);
        if stored.is_some() && known.is_none() {
            tracing::error!("a stored password hash cannot be read; nobody can sign in with it");
        }
        let is_real = known.is_some();
        let against = known.or_else(|| Stored::parse(&self.dummy));
        let fits = against
            .as_ref()
            .is_some_and(|hash| self.kind.fits(hash, given));
        let ok = is_real && fits;
        let is_current = against.is_some_and(|hash| self.kind.is_current(&hash));
        Verdict {
            ok,
            needs_rehash: ok && !is_current,
        }
    }
}

/// A stored hash that can be compared with.
enum Stored<'a> {
    Argon2(Box<(PasswordHash, Params)>),
    Bcrypt(&'a str),
}

impl<'a> Stored<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        if ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|kind| text.starts_with(kind))
        {
            let cost: u32 = text.get(4..6)?.parse().ok()?;
            return (text.len() == 60 && cost <= BCRYPT_COST).then_some(Self::Bcrypt(text));
        }
        let hash = PasswordHash::new(text).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let whole = hash.salt.is_some() && hash.hash.is_some();
        let known = Algorithm::new(hash.algorithm.as_str()).is_ok();
        (whole && known).then(|| Self::Argon2(Box::new((hash, params))))
    }
}

impl Kind {
    fn hash(&self, password: &str) -> Result<String, Error> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(Error::Random)?;
        let secret = prepare(password, self.pepper.as_ref());
        let hashed = Argon2::default().hash_password_customized(
            &secret,
            &salt,
            Some(Algorithm::Argon2id.as_str()),
            Some(Version::V0x13 as u32),
            self.params.clone(),
        );
        Ok(hashed
            .map_err(|e| Error::PasswordHash(e.to_string()))?
            .to_string())
    }

    fn fits(&self, stored: &Stored<'_>, given: &str) -> bool {
        match stored {
            Stored::Bcrypt(hash) => bcrypt::verify(given, hash).unwrap_or(false),
            Stored::Argon2(parsed) => {
                let (hash, params) = &**parsed;
                let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
                    return false;
                };
                let pepper = if params.keyid().is_empty() {
                    None
                } else {
                    let known = self.pepper.as_ref();
                    known.filter(|pepper| pepper.id.as_bytes() == params.keyid())
                };
                if pepper.is_none() && !params.keyid().is_empty() {
                    tracing::error!("a stored password hash names a pepper that is not set");
                }
                if params.m_cost() > self.params.m_cost().saturating_mul(TIMES_OURS)
                    || params.t_cost() > self.params.t_cost().saturating_mul(TIMES_OURS)
                {
                    tracing::error!("a stored password hash costs too much to compare with");
                    return false;
                }
                let secret = prepare(given, pepper);
                let computed = Argon2::default().hash_password_customized(
                    &secret,
                    salt,
                    Some(hash.algorithm.as_str()),
                    hash.version,
                    params.clone(),
                );
                let computed = computed.ok().and_then(|hash| hash.hash);
                computed
                    .is_some_and(|found| bool::from(found.as_bytes().ct_eq(expected.as_bytes())))
            }
        }
    }

    /// Whether a hash is as good as one made today.
    fn is_current(&self, stored: &Stored<'_>) -> bool {
        let Stored::Argon2(parsed) = stored else {
            return false;
        };
        let (hash, params) = &**parsed;
        hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
            && hash.version == Some(Version::V0x13 as u32)
            && params.m_cost() >= self.params.m_cost()
            && params.t_cost() >= self.params.t_cost()
            && params.p_cost() == self.params.p_cost()
            && params.keyid() == self.params.keyid()
            && hash.hash.as_ref().is_some_and(|hash| hash.len() >= HASH)
    }
}

/// What is hashed: the same characters give the same bytes whatever keyboard they come from.
fn prepare(password: &str, pepper: Option<&Pepper>) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4 * password.len()));
    let mut letter = [0; 4];
    for scalar in password.nfc() {
        bytes.extend_from_slice(scalar.encode_utf8(&mut letter).as_bytes());
    }
    match pepper {
        Some(pepper) => pepper.mix(&bytes),
        None => bytes,
    }
}

fn broken(error: argon2::Error) -> Error {
    Error::PasswordHash(error.to_string())
}
