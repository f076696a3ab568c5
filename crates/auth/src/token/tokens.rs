//! `Tokens`: issuing and verifying, with the keys of the moment.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use brisk_cache::{Cache, Caches, Policy};
use brisk_core::{Clock, Scope, Ticks};
use brisk_db::{Db, HookGuard, Session};
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Notify};
use uuid::Uuid;

use crate::config::AuthConfig;
use crate::error::Error;
use crate::issuer::Issuers;
use crate::master::MasterKey;
use crate::metrics::Meter;
use crate::token::claims::{Claims, IssuedToken, NewToken, Verified};
use crate::token::jwks::JwksDocument;
use crate::token::kept::{Judged, KeptTokens, SignedBy, TokenHash, TokenStats};
use crate::token::key::{OURS, Vault};
use crate::token::refusal::Refusal;
use crate::token::ring::Ring;
use crate::token::rotate::AFTERGLOW;
use crate::token::statements;
use crate::token::wire::Parts;

/// How long the keys that were read count while the change stream is not trusted.
const UNTRUSTED: Duration = Duration::from_secs(1);

/// The cache of the keys.
const RINGS: &str = "auth.signing_keys";

/// Tokens with unknown keys make us look into the table at most so often: the stream tells of new keys anyway, and
/// strangers can name any key they like.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long the task that follows the table waits after the database did not answer.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Issues and verifies access tokens. Cheap to clone.
///
/// Keys are those of the table `brisk_signing_keys`, as of its last change, whoever made that; see
/// [`Tokens::rotate`] and [`Tokens::maintain`] for their life. A verification costs no statement while they are warm.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) session: Session,
    pub(crate) clock: Clock,
    pub(crate) rules: Rules,
    pub(crate) vault: Arc<Vault>,
    caches: Caches,
    rings: Cache<(), Arc<Ring>>,
    kept: KeptTokens,
    issuers: Issuers,
    meter: Meter,
    /// The last ring that was read, for those who cannot wait.
    last: ArcSwap<Ring>,
    /// One refresh at a time, so that `last` never goes back.
    refreshing: Mutex<()>,
    looked: Mutex<Option<Ticks>>,
    _hook: HookGuard,
    _follower: Follower,
}

/// What the settings say.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) access_ttl: Duration,
    pub(crate) clock_skew: Duration,
    pub(crate) key_lead: Duration,
    pub(crate) key_life: Duration,
}

/// The task that reads the table after each change of it.
#[derive(Debug)]
struct Follower(tokio::task::AbortHandle);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tokens {
    /// Tokens of an installation. The first start of all makes the first key; of several nodes that start at once one
    /// makes it for all. Call it inside a runtime, after the migrations.
    ///
    /// The issuer is that of the settings, else their `public_base`, else `http://localhost:8080`; see
    /// [`AuthConfig::with_issuer_or`].
    ///
    /// # Errors
    ///
    /// [`Error::WrongMasterKey`] where the keys were sealed under another master key; [`Error::Db`] and [`Error::Cache`]
    /// when the database cannot answer.
    pub async fn start(
        db: &Db,
        clock: Clock,
        master: &MasterKey,
        config: &AuthConfig,
    ) -> Result<Self, Error> {
        let config = config.clone().with_issuer_or("http://localhost:8080");
        let rules = Rules {
            issuer: config.issuer.unwrap_or_default(),
            audience: config.audience,
            access_ttl: config.access_ttl,
            clock_skew: config.clock_skew,
            key_lead: config.key_lead,
            key_life: config.key_life,
        };
        let meter = Meter::default();
        let issuers = Issuers::new(&config.issuers, &clock, &meter)?;
        let vault = Arc::new(Vault::new(master));
        let session = db.session(Scope::platform("tokens"));
        let policy = Policy::rows().shared().untrusted_for(UNTRUSTED);
        let caches = Caches::of(db).with_clock(&clock);
        let rings = caches.cache(RINGS, policy).build();
        let changed = Arc::new(Notify::new());
        let heard = Arc::clone(&changed);
        let hook = db
            .changes()
            .on_change_of(&["brisk_signing_keys"], move |_| heard.notify_one());
        // Not through the cache: a wrong master key is to be heard as such.
        let rows = session.run(&statements::SIGNING_KEYS, ()).await?;
        let first = Ring::of(&rows, &vault)?;
        let is_new = first.active.is_none();
        let tokens = Self(Arc::new_cyclic(|inner| Inner {
            session,
            clock,
            rules,
            vault,
            caches,
            rings,
            issuers,
            meter,
            kept: KeptTokens::new(config.claims_capacity, config.claims_exp_margin),
            last: ArcSwap::from_pointee(first),
            refreshing: Mutex::new(()),
            looked: Mutex::new(None),
            _hook: hook,
            _follower: Follower(tokio::spawn(follow(Weak::clone(inner), changed)).abort_handle()),
        }));
        if is_new {
            tokens.first_key().await?;
        }
        tokens.reread().await?;
        Ok(tokens)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The `iss` of our tokens.
    pub fn issuer(&self) -> &str {
        &self.0.rules.issuer
    }

    /// The `aud` of our tokens.
    pub fn audience(&self) -> &str {
        &self.0.rules.audience
    }

    /// Makes a token.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for more than 64 permissions; [`Error::Random`], [`Error::Signing`].
    pub fn issue(&self, new: NewToken) -> Result<IssuedToken, Error> {
        let rules = &self.0.rules;
        let mut jti = [0; 16];
        getrandom::fill(&mut jti).map_err(Error::Random)?;
        let longest = rules.access_ttl + AFTERGLOW;
        let ttl = new.ttl.unwrap_or(rules.access_ttl).min(longest);
        let claims = Claims::new(new, Uuid::from_bytes(jti), self.0.clock.now(), ttl)?;
        let payload = claims.encode(&rules.issuer, &rules.audience);
        Ok(IssuedToken {
            text: self.now().sign(&payload)?,
            jti: claims.jti,
            expires_at: claims.expires_at,
        })
    }

    /// What the token says, if it counts.
    ///
    /// # Errors
    ///
    /// [`Error::TokenRefused`] for every token that does not count, with the reason for the log; [`Error::Cache`] when the
    /// keys have to be read and the database cannot answer, [`Error::IssuerUnavailable`] when those of another issuer were
    /// never had and cannot be had now.
    pub async fn verify(&self, raw: &str) -> Result<Arc<Verified>, Error> {
        let hash: TokenHash = Sha256::digest(raw.as_bytes()).into();
        let ring = self.ring().await?;
        if let Some(verified) = self.0.kept.get(&hash, self.0.clock.now(), &ring) {
            return Ok(verified);
        }
        // On the heap: the miss is rare, and would make the future of each hit larger.
        match Box::pin(self.miss(raw, &hash, ring)).await {
            Ok(verified) => Ok(verified),
            Err(Fault::Refused(reason)) => {
                self.0.meter.verified(reason.as_str());
                Err(Error::TokenRefused {
                    token: HEXLOWER.encode(&hash[..4]),
                    reason,
                })
            }
            Err(Fault::Failed(error)) => {
                self.0.meter.verified("failed");
                Err(error)
            }
        }
    }

    /// Whether the names of metrics that other programs had are written too, as they are from the start.
    pub fn write_aliases(&self, on: bool) {
        self.0.meter.write_aliases(on);
    }

    /// What was asked and what was verified since the start.
    pub fn stats(&self) -> TokenStats {
        self.0.kept.stats()
    }

    /// Our public keys, also those that will sign and those that did until a short time ago. Costs no statement.
    pub fn jwks(&self) -> Arc<JwksDocument> {
        Arc::clone(&self.now().jwks)
    }

    /// Verifies a token for all who present it at this moment.
    async fn miss(
        &self,
        raw: &str,
        hash: &TokenHash,
        ring: Arc<Ring>,
    ) -> Result<Arc<Verified>, Fault> {
        let turn = match self.0.kept.turn(hash, self.0.clock.now(), &ring).await {
            Ok(verified) => return Ok(verified),
            Err(turn) => turn,
        };
        let parts = Parts::split(raw)?;
        let Some(Value::String(issuer)) = parts.claims.get("iss") else {
            return Err(Refusal::Issuer.into());
        };
        let judged = if *issuer == self.0.rules.issuer {
            self.judge_own(parts, ring).await?
        } else {
            let issuer = issuer.clone();
            self.0.issuers.judge(&issuer, parts).await?
        };
        self.0.meter.verified("ok");
        Ok(turn.keep(judged, self.0.clock.now()))
    }

    async fn judge_own(&self, parts: Parts<'_>, mut ring: Arc<Ring>) -> Result<Judged, Fault> {
        let typ = parts.typ.as_deref().unwrap_or_default();
        if !typ.eq_ignore_ascii_case("at+jwt") {
            return Err(Refusal::Type.into());
        }
        let kid = parts.kid.clone().ok_or(Refusal::NoKeyId)?;
        if ring.key(&kid).is_none() {
            ring = self.look_again(&kid).await?;
        }
        let key = ring.key(&kid).ok_or(Refusal::UnknownKey)?;
        parts.verify(key, OURS)?;
        let rules = &self.0.rules;
        let claims = Claims::read(parts.claims, &rules.issuer, &rules.audience)?;
        let window = claims.in_time(self.0.clock.now(), rules.clock_skew)?;
        Ok(Judged {
            verified: Arc::new(Verified::Own(claims)),
            key: SignedBy::Own(kid),
            window,
            skew: rules.clock_skew,
        })
    }

    /// The keys that count.
    pub(crate) async fn ring(&self) -> Result<Arc<Ring>, Error> {
        let vault = Arc::clone(&self.0.vault);
        let load = async move |session: Session| {
            let rows = session.run(&statements::SIGNING_KEYS, ()).await?;
            Ok::<_, Error>(Arc::new(Ring::of(&rows, &vault)?))
        };
        let found = self.0.rings.get(&self.0.session, &(), load).await?;
        Ok(Arc::clone(&found))
    }

    /// The keys that count as far as is known without waiting.
    fn now(&self) -> Arc<Ring> {
        let kept = self.0.rings.peek(&self.0.session, &());
        kept.map_or_else(|| self.0.last.load_full(), |ring| Arc::clone(&ring))
    }

    /// Those, noted as the last known.
    async fn refresh(&self) -> Result<Arc<Ring>, Error> {
        let _one = self.0.refreshing.lock().await;
        let ring = self.ring().await?;
        self.0.last.store(Arc::clone(&ring));
        Ok(ring)
    }

    /// The same as they are in the table, whatever is remembered.
    pub(crate) async fn reread(&self) -> Result<Arc<Ring>, Error> {
        self.0.caches.evict(RINGS, None);
        self.refresh().await
    }

    /// The keys for a token whose key may have come a moment ago: those of the table as it is, unless somebody looked just
    /// before. What is remembered stays where the table does not have the key either, so that strangers who name any keys
    /// hold up nobody.
    async fn look_again(&self, kid: &str) -> Result<Arc<Ring>, Error> {
        let mut looked = self.0.looked.lock().await;
        let now = self.0.clock.ticks();
        if looked.is_none_or(|at| now.since(at) >= LOOK_AGAIN) {
            *looked = Some(now);
            let rows = self.0.session.run(&statements::SIGNING_KEYS, ()).await?;
            if rows.iter().any(|row| row.kid == kid) {
                self.0.caches.evict(RINGS, None);
            }
        }
        // With the lock held: who comes meanwhile finds what this finds.
        self.ring().await
    }
}

/// Why there is no answer that says that a token is good.
pub(crate) enum Fault {
    /// The token is not.
    Refused(Refusal),
    /// It could not be judged.
    Failed(Error),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads the table after each change of it, until nobody needs that any more.
async fn follow(inner: Weak<Inner>, changed: Arc<Notify>) {
    loop {
        changed.notified().await;
        loop {
            let Some(inner) = inner.upgrade() else { return };
            let Err(error) = Tokens(inner).refresh().await else {
                break;
            };
            tracing::warn!(error = %error, "the signing keys could not be read after a change");
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }
}
