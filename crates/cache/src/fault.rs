//! Faults that tests plant, to see that they would be found. Without the feature `mutations` there are none, and asking for
//! one costs nothing.

/// What is done wrong.
#[cfg_attr(
    not(feature = "mutations"),
    expect(unreachable_pub, reason = "only tests can name it")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The places of a row as it is now are not raised.
    NewIgnored,
    /// Nor those of the row as it was.
    OldIgnored,
    /// A change of a row in columns that are not declared counts as none.
    UndeclaredIgnored,
    /// Rows of a tenant that are not named have not changed.
    TenantSweepIgnored,
    /// Rows of a table that are not named have not changed.
    TableSweepIgnored,
    /// What an own commit has changed is waited for by nobody.
    BarrierIgnored,
    /// Whether the barrier of an own commit has ended is asked after the places of the rows.
    BarrierAfterPlaces,
    /// A reset ends nothing.
    ResetIgnored,
    /// The number of a reset is taken before the boards are locked.
    ResetUnlocked,
    /// A load counts by the version at its end.
    VersionAtEnd,
    /// What an entry depends on is no part of what is made of it.
    PartsIgnored,
    /// A load is joined whatever it has read.
    JoinedLate,
    /// Entries count while the stream is not trusted.
    TrustIgnored,
    /// The cache is asked inside a transaction.
    AskedInside,
    /// What a load has read is kept although the cache was emptied meanwhile.
    KeptOnceEmptied,
    /// What another node has loaded counts as if it had been loaded now.
    PlaceIgnored,
    /// Whether a change has ended it is not asked.
    NotJudged,
    /// What stands beside LEFT JOIN holds for the rows of its left side too.
    LeftJoinForBoth,
    /// Both sides of OR hold.
    OrTakenForAnd,
    /// A name that WITH gives never means a table.
    WithHidesTables,
}

/// The fault of one database, if it has one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planted(#[cfg(feature = "mutations")] pub(crate) Option<Fault>);

impl Planted {
    #[cfg(feature = "mutations")]
    #[inline]
    pub(crate) fn has(self, fault: Fault) -> bool {
        self.0 == Some(fault)
    }

    #[cfg(not(feature = "mutations"))]
    #[inline]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) const fn has(self, _: Fault) -> bool {
        false
    }
}
