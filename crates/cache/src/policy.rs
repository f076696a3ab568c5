//! How long and how much a cache keeps.

use std::time::Duration;

/// Where the results of a cache come from, which decides what ends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Rows of captured tables, read through the session that the load is given: a change of them ends an entry, whoever
    /// makes it.
    Rows,
    /// Something that no change stream tells of: a key set, another service, a model. Age alone ends an entry.
    Outside,
}

/// What holds for one cache. Made by [`Policy::rows`] or [`Policy::outside`], then adjusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    pub(crate) source: Source,
    pub(crate) fresh: Option<Duration>,
    pub(crate) serve_stale: Duration,
    pub(crate) stale_if_error: Duration,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) absent: Option<Duration>,
    pub(crate) jitter: f64,
    pub(crate) untrusted: Duration,
    pub(crate) bytes: u64,
    pub(crate) load_limit: Duration,
    pub(crate) shared: bool,
    pub(crate) secret: bool,
    pub(crate) tier: Tier,
    pub(crate) schema: u32,
}

/// Where else than in this process an entry is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Nowhere.
    #[default]
    Process,
    /// In Redis, for all nodes, where [one is connected](crate::Caches::connect). Of several nodes that miss a key one loads.
    ///
    /// For results of rows this needs PostgreSQL: no other node shares a SQLite file.
    Nodes,
    /// In a table of the database, over restarts; for [`Source::Outside`] alone. Rows are in the database already, and the
    /// change stream tells nothing of the time before a program's start. Needs [`MIGRATIONS`](crate::MIGRATIONS).
    Database,
}

/// Bytes of one cache unless said otherwise.
const BYTES: u64 = 64 * 1024 * 1024;

/// The longest a load may take unless said otherwise.
const LOAD_LIMIT: Duration = Duration::from_secs(10);

/// The part of its life by which an entry's life may be shorter or longer, unless said otherwise.
const JITTER: f64 = 0.1;

impl Policy {
    const fn of(source: Source, fresh: Option<Duration>) -> Self {
        Self {
            source,
            fresh,
            serve_stale: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            soft_timeout: None,
            absent: None,
            jitter: JITTER,
            untrusted: Duration::ZERO,
            bytes: BYTES,
            load_limit: LOAD_LIMIT,
            shared: false,
            secret: false,
            tier: Tier::Process,
            schema: 0,
        }
    }

    /// For results that are made of rows: kept until a row changes.
    pub const fn rows() -> Self {
        Self::of(Source::Rows, None)
    }

    /// For results from elsewhere: fresh for `span`, give or take a tenth.
    pub const fn outside(span: Duration) -> Self {
        Self::of(Source::Outside, Some(span))
    }

    /// Fresh for `span` at most, also when nothing changes.
    #[must_use]
    pub const fn fresh_for(mut self, span: Duration) -> Self {
        self.fresh = Some(span);
        self
    }

    /// For so long after it was fresh an entry is still handed out while one caller's load replaces it: nobody waits.
    /// An entry that a change ended never is.
    #[must_use]
    pub const fn serve_stale(mut self, span: Duration) -> Self {
        self.serve_stale = span;
        self
    }

    /// For so long after it was fresh an entry is handed out when a load fails, [marked](crate::Cached::is_stale) and
    /// counted. For [`Source::Rows`] also while the change stream is not trusted; an entry that a change ended never is.
    #[must_use]
    pub const fn stale_if_error(mut self, span: Duration) -> Self {
        self.stale_if_error = span;
        self
    }

    /// A caller waits for a load no longer than this where there is an entry of which only the age is wrong; the load goes
    /// on.
    #[must_use]
    pub const fn soft_timeout(mut self, span: Duration) -> Self {
        self.soft_timeout = Some(span);
        self
    }

    /// Another life for entries that say that there is nothing; which those are is told when the cache is made.
    #[must_use]
    pub const fn absent_for(mut self, span: Duration) -> Self {
        self.absent = Some(span);
        self
    }

    /// Lives differ by up to this part, so that what was loaded together does not end together. 0 to 1.
    #[must_use]
    pub const fn jitter(mut self, part: f64) -> Self {
        self.jitter = part;
        self
    }

    /// For so long an entry counts while the change stream is not trusted. Without this, such times are spent without the
    /// cache. It is the bound of staleness then. Before the stream was started nothing is kept at all.
    #[must_use]
    pub const fn untrusted_for(mut self, span: Duration) -> Self {
        self.untrusted = span;
        self
    }

    /// Memory in bytes, keys and places included; the least used entries go first.
    #[must_use]
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// The longest that a load may take; those who wait for it then hear of a timeout.
    #[must_use]
    pub const fn load_limit(mut self, span: Duration) -> Self {
        self.load_limit = span;
        self
    }

    /// Its results are the same for all tenants: loads run for the platform, and all tenants share an entry.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Its keys are nobody's business: views show none.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Where else entries are kept. The cache is then made by [`Builder::build_tiered`](crate::Builder::build_tiered).
    ///
    /// # Panics
    ///
    /// For [`Tier::Database`] with [`Source::Rows`]; where the policy is a constant, that does not compile.
    #[must_use]
    pub const fn tier(mut self, tier: Tier) -> Self {
        assert!(
            !matches!((tier, self.source), (Tier::Database, Source::Rows)),
            "results of rows are not kept over restarts: after one nobody knows what has changed meanwhile"
        );
        self.tier = tier;
        self
    }

    /// Which meaning the values have, for a tier below: values that were left there under another number are not found.
    #[must_use]
    pub const fn schema(mut self, number: u32) -> Self {
        self.schema = number;
        self
    }

    /// A life of `span`, give or take.
    pub(crate) fn life(&self, span: Duration) -> Duration {
        if self.jitter <= 0.0 {
            return span;
        }
        span.mul_f64(1.0 + self.jitter * (fastrand::f64() * 2.0 - 1.0))
    }
}
