//! The life of signing keys.

use std::time::Duration;

use brisk_db::{Json, Session};
use jiff::Timestamp;

use crate::error::Error;
use crate::token::key::{KeyState, OURS};
use crate::token::ring::Ring;
use crate::token::statements;
use crate::token::tokens::Tokens;

/// How long a key's tokens count after it signed the last one, beyond the life and the skew of the settings.
pub(crate) const AFTERGLOW: Duration = Duration::from_hours(1);

/// How long the row of a retired key stays, for people who look into what was.
const REMEMBERED: Duration = Duration::from_hours(365 * 24);

/// What a rotation has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key that signs next.
    pub kid: String,
    /// From when on it signs.
    pub activate_at: Timestamp,
    /// Whether it was made by this call; else there was one in waiting.
    pub made: bool,
}

/// What [`Tokens::maintain`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// A next key was made, because the current one is near its end.
    pub made: bool,
    /// The next key took over.
    pub activated: bool,
    /// Keys whose private part was erased.
    pub retired: u64,
    /// Rows of old keys that went.
    pub purged: u64,
}

impl Tokens {
    /// Brings in the next key. Usually it is published now and signs after `key_lead`, so that nobody meets a signature
    /// by a key that they do not know; a key that is in waiting already is the answer. In an emergency a new key signs at
    /// once, and no token that an earlier key signed counts from then on.
    ///
    /// In a transaction of `session` it is part of that.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn rotate(&self, session: &Session, emergency: bool) -> Result<Rotated, Error> {
        let rotated = if emergency {
            self.replace_all(session).await?
        } else {
            self.announce(session).await?
        };
        if !session.in_transaction() {
            self.reread().await?;
        }
        Ok(rotated)
    }

    /// Does what is due: makes the next key, lets it take over, erases what no token needs. For a schedule; once an hour
    /// is often enough, and several nodes at once do no harm.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn maintain(&self) -> Result<Maintained, Error> {
        let inner = self.inner();
        let (session, now) = (&inner.session, inner.clock.now());
        let mut done = Maintained::default();
        // The table itself: what is due is decided by what is, also while nobody tells of changes.
        let rows = session.run(&statements::SIGNING_KEYS, ()).await?;
        let ring = Ring::of(&rows, &inner.vault)?;
        if let Some(next) = ring.pending.as_ref().filter(|next| next.activate_at <= now) {
            done.activated = self.hand_over(session, next.kid.clone()).await?;
        } else if ring.pending.is_none()
            && let Some(active) = &ring.active
        {
            let old_at = later(active.activate_at, inner.rules.key_life);
            if later(now, inner.rules.key_lead) >= old_at {
                done.made = self.announce(session).await?.made;
            }
        }
        done.retired = session.run(&statements::RETIRE, (now,)).await?;
        done.purged = session.run(&statements::PURGE, (now,)).await?;
        if done != Maintained::default() {
            self.reread().await?;
        }
        Ok(done)
    }

    /// Makes the first key, unless another node was first.
    pub(crate) async fn first_key(&self) -> Result<(), Error> {
        let now = self.inner().clock.now();
        let session = &self.inner().session;
        self.insert(session, KeyState::Active, now).await?;
        Ok(())
    }

    /// Publishes the next key.
    async fn announce(&self, session: &Session) -> Result<Rotated, Error> {
        let inner = self.inner();
        let activate_at = later(inner.clock.now(), inner.rules.key_lead);
        let made = self.insert(session, KeyState::Pending, activate_at).await?;
        if let Some(kid) = made {
            return Ok(Rotated {
                kid,
                activate_at,
                made: true,
            });
        }
        let rows = session.run(&statements::SIGNING_KEYS, ()).await?;
        let waiting = rows.into_iter().find(|row| row.state == KeyState::Pending);
        let waiting = waiting.ok_or(Error::NoSigningKey)?;
        Ok(Rotated {
            kid: waiting.kid,
            activate_at: waiting.activate_at,
            made: false,
        })
    }

    async fn replace_all(&self, session: &Session) -> Result<Rotated, Error> {
        let now = self.inner().clock.now();
        let replace = || {
            session.transaction(async |session: Session| {
                let params = (OURS.as_str().to_owned(), now, later(now, REMEMBERED));
                session.run(&statements::RETIRE_ALL, params).await?;
                let kid = self.insert(&session, KeyState::Active, now).await?;
                kid.ok_or(Error::NoSigningKey)
            })
        };
        let kid = match replace().await {
            // A rotation of the same moment put a key there that this one could not see yet.
            Err(Error::NoSigningKey) => replace().await?,
            made => made?,
        };
        Ok(Rotated {
            kid,
            activate_at: now,
            made: true,
        })
    }

    /// The key `kid` signs from now on, and the one before it no more; answers whether it was this call that did it.
    async fn hand_over(&self, session: &Session, kid: String) -> Result<bool, Error> {
        let inner = self.inner();
        let now = inner.clock.now();
        let rules = &inner.rules;
        let retire_at = later(now, rules.access_ttl + rules.clock_skew + AFTERGLOW);
        let done = session.transaction(async |session: Session| {
            let params = (OURS.as_str().to_owned(), retire_at, later(now, REMEMBERED));
            session.run(&statements::START_RETIRING, params).await?;
            let activated = session
                .run(&statements::ACTIVATE, (kid.clone(), now))
                .await?;
            if activated == 1 {
                Ok(())
            } else {
                // Undone: somebody else was first.
                Err(Error::NoSigningKey)
            }
        });
        match done.await {
            Ok(()) => Ok(true),
            Err(Error::NoSigningKey) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Adds a key; none where there is one of that state already.
    async fn insert(
        &self,
        session: &Session,
        state: KeyState,
        activate_at: Timestamp,
    ) -> Result<Option<String>, Error> {
        let inner = self.inner();
        let made = inner.vault.make()?;
        let params = (
            made.kid.clone(),
            OURS.as_str().to_owned(),
            Json(made.public_jwk),
            made.sealed,
            state,
            inner.clock.now(),
            activate_at,
        );
        let inserted = session.run(&statements::INSERT_SIGNING_KEY, params).await?;
        Ok((inserted == 1).then_some(made.kid))
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
