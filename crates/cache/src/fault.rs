//! Faults that tests plant, to see that they would be found. Without the feature `mutations` there are none, and asking for
//! one costs nothing.

/// What is done wrong.
#[cfg_attr(
    not(feature = "mutations"),
    expect(unreachable_pub, reason = "only tests can name it")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whether the barrier of an own commit has ended is asked after the places of the rows.
    BarrierAfterPlaces,
    /// The number of a reset is taken before the boards are locked.
    ResetUnlocked,
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
