//! Sessions: how long they last and why they end.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// Its holder signed out.
    Logout,
    /// Its holder signed out everywhere.
    LogoutAll,
    /// A token of it was shown twice.
    Reuse,
    /// An administrator ended it.
    Admin,
    /// A newer one took its place.
    Limit,
    /// The password was changed.
    PasswordChange,
    /// The user was disabled or deleted.
    UserDisabled,
    /// Its time was over.
    Expired,
}

impl RevokeReason {
    const ALL: [Self; 8] = [
        Self::Logout,
        Self::LogoutAll,
        Self::Reuse,
        Self::Admin,
        Self::Limit,
        Self::PasswordChange,
        Self::UserDisabled,
        Self::Expired,
    ];

    /// The word used in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::Reuse => "reuse",
            Self::Admin => "admin",
            Self::Limit => "limit",
            Self::PasswordChange => "password_change",
            Self::UserDisabled => "user_disabled",
            Self::Expired => "expired",
        }
    }

    /// The reason of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

brisk_db::text_column!(RevokeReason);

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Without a refresh.
    pub idle: Duration,
    /// At all.
    pub absolute: Duration,
    /// In which a token that was just used may be shown once more, by a client whose answer was lost.
    pub reuse_grace: Duration,
    /// Whether such a client may come back for as long as the successor was not used, a day at most.
    pub accept_unused_parent: bool,
}

/// How long a successor that was never used lets its parent be shown again.
const UNUSED_PARENT: Duration = Duration::from_hours(24);

impl Lifetimes {
    /// When a session that is used at `now` ends without another refresh.
    pub fn idle_end(&self, now: Timestamp, absolute_end: Timestamp) -> Timestamp {
        later(now, self.idle).min(absolute_end)
    }

    /// When a session that begins at `now` ends in any case.
    pub fn absolute_end(&self, now: Timestamp) -> Timestamp {
        later(now, self.absolute)
    }

    /// Whether a token that was used at `consumed_at` and whose successor was not may be shown again.
    pub fn forgives(&self, consumed_at: Timestamp, now: Timestamp) -> bool {
        let age = Duration::try_from(now.duration_since(consumed_at)).unwrap_or_default();
        let span = if self.accept_unused_parent {
            self.reuse_grace.max(UNUSED_PARENT)
        } else {
            self.reuse_grace
        };
        !span.is_zero() && age <= span
    }
}

/// `now` and a span; the end of time where that is beyond it.
pub fn later(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_grace_of_a_retry() {
        let mut lives = Lifetimes {
            idle: Duration::from_secs(100),
            absolute: Duration::from_secs(250),
            reuse_grace: Duration::from_secs(10),
            accept_unused_parent: false,
        };
        assert!(lives.forgives(at(100), at(110)) && !lives.forgives(at(100), at(111)));
        // Another node's clock may be a little behind.
        assert!(lives.forgives(at(100), at(99)));
        lives.accept_unused_parent = true;
        assert!(lives.forgives(at(100), at(80_000)) && !lives.forgives(at(100), at(90_000)));
        lives.accept_unused_parent = false;
        lives.reuse_grace = Duration::ZERO;
        assert!(!lives.forgives(at(100), at(100)));
        let end = lives.absolute_end(at(0));
        assert_eq!(
            (lives.idle_end(at(0), end), lives.idle_end(at(200), end)),
            (at(100), at(250))
        );
    }

    #[test]
    fn reasons_read_back() {
        for reason in RevokeReason::ALL {
            assert_eq!(RevokeReason::parse(reason.as_str()), Some(reason));
        }
    }
}
