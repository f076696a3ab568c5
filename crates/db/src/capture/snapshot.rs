//! What PostgreSQL's snapshots say about which transactions can be seen.

use std::fmt;
use std::str::FromStr;

use super::position::BadPosition;

/// Which transactions were finished at one moment: all below `xmin`, and those below `xmax` that are not listed.
///
/// The text is that of the server's `pg_snapshot`: `xmin:xmax:running,running`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Snapshot {
    xmin: u64,
    xmax: u64,
    /// Sorted.
    running: Vec<u64>,
}

impl Snapshot {
    /// The first number that no transaction had yet.
    pub(crate) const fn xmax(&self) -> u64 {
        self.xmax
    }

    /// Those that were under way, below [`Snapshot::xmax`].
    pub(crate) fn running(&self) -> &[u64] {
        &self.running
    }

    /// Whether the transaction was finished.
    pub(crate) fn sees(&self, xid: u64) -> bool {
        xid < self.xmin || (xid < self.xmax && self.running.binary_search(&xid).is_err())
    }

    /// How many transactions it sees.
    pub(crate) fn size(&self) -> u64 {
        let running = u64::try_from(self.running.len()).unwrap_or(u64::MAX);
        self.xmax.saturating_sub(running)
    }

    /// Whether everything that `other` sees is seen here too.
    ///
    /// It is not enough to compare `xmin`: one old transaction keeps it low for as long as it is open.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        // What only `other` could see lies between our `xmin` and its `xmax`.
        self.xmax >= other.xmax && self.running.iter().all(|xid| !other.sees(*xid))
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.xmin, self.xmax)?;
        for (i, xid) in self.running.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{xid}")?;
        }
        Ok(())
    }
}

impl FromStr for Snapshot {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let mut parts = text.splitn(3, ':');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (xmin, xmax) = (number().ok_or(BadPosition)?, number().ok_or(BadPosition)?);
        let mut running = parts
            .next()
            .ok_or(BadPosition)?
            .split(',')
            .filter(|xid| !xid.is_empty())
            .map(|xid| xid.parse().map_err(|_not_a_number| BadPosition))
            .collect::<Result<Vec<u64>, _>>()?;
        running.sort_unstable();
        let whole = xmin <= xmax && running.iter().all(|xid| (xmin..xmax).contains(xid));
        whole
            .then_some(Self {
                xmin,
                xmax,
                running,
            })
            .ok_or(BadPosition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    #[test]
    fn the_text_is_the_servers() {
        for text in ["10:20:10,14,15", "10:10:"] {
            assert_eq!(snapshot(text).to_string(), text);
        }
        for bad in [
            "", "10", "10:20", "20:10:", "10:20:9", "10:20:20", "a:b:", "1:2:x",
        ] {
            assert!(bad.parse::<Snapshot>().is_err(), "{bad}");
        }
    }

    #[test]
    fn running_and_coming_transactions_are_not_seen() {
        let s = snapshot("10:20:10,14");
        for (xid, seen) in [
            (9, true),
            (10, false),
            (11, true),
            (14, false),
            (19, true),
            (20, false),
        ] {
            assert_eq!(s.sees(xid), seen, "{xid}");
        }
    }

    #[test]
    fn a_late_commit_is_not_included_although_numbers_are_higher() {
        let after = snapshot("11:11:");
        // Taken before transaction 5 ended, although ten others had ended.
        assert!(!snapshot("5:11:5").includes(&after));
        assert!(!snapshot("5:30:5").includes(&after));
        assert!(snapshot("12:12:").includes(&after));
        assert!(after.includes(&after));
        // The same old transaction is open in both.
        assert!(snapshot("5:40:5,39").includes(&snapshot("5:11:5")));
        assert!(!snapshot("5:10:5").includes(&snapshot("5:11:5")));
    }
}
