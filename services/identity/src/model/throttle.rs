//! How guesses are slowed down.

use std::time::Duration;

use brisk_core::TenantId;
use sha2::{Digest as _, Sha256};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Guesses at one address in one tenant.
    Account,
    /// Guesses at one address, whatever tenant is named.
    Email,
    /// Guesses from one network address.
    Ip,
    /// Guesses at one address from a device that has signed in there before.
    Device,
    /// Guesses at a second factor.
    Mfa,
    /// Mails to one address.
    Mail,
}

impl Scope {
    const ALL: [Self; 6] = [
        Self::Account,
        Self::Email,
        Self::Ip,
        Self::Device,
        Self::Mfa,
        Self::Mail,
    ];

    /// The word used in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Email => "email",
            Self::Ip => "ip",
            Self::Device => "device",
            Self::Mfa => "mfa",
            Self::Mail => "mail",
        }
    }

    /// The scope of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }

    /// The rule of the scope.
    pub const fn rule(self) -> Rule {
        match self {
            Self::Account => Rule {
                most: 5,
                window: Duration::from_mins(15),
                first_lock: Duration::from_secs(30),
                longest_lock: Duration::from_mins(15),
            },
            // Three of a million codes are right at a time: 480 guesses a day find one in two years.
            Self::Mfa => Rule {
                most: 5,
                window: Duration::from_mins(15),
                first_lock: Duration::from_mins(15),
                longest_lock: Duration::from_mins(15),
            },
            Self::Email => Rule {
                most: 20,
                window: Duration::from_mins(15),
                first_lock: Duration::from_mins(15),
                longest_lock: Duration::from_mins(15),
            },
            Self::Ip => Rule {
                most: 20,
                window: Duration::from_mins(10),
                first_lock: Duration::from_mins(10),
                longest_lock: Duration::from_mins(10),
            },
            Self::Device => Rule {
                most: 10,
                window: Duration::from_mins(15),
                first_lock: Duration::from_mins(15),
                longest_lock: Duration::from_mins(15),
            },
            Self::Mail => Rule {
                most: 3,
                window: Duration::from_hours(1),
                first_lock: Duration::from_hours(1),
                longest_lock: Duration::from_hours(1),
            },
        }
    }
}

brisk_db::text_column!(Scope);

/// When counting leads to a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Failures within the window that are allowed.
    pub most: i64,
    /// After this long without a try, counting begins anew.
    pub window: Duration,
    /// The first lock.
    pub first_lock: Duration,
    /// The longest one: each further failure doubles it up to here. No lock is for ever.
    pub longest_lock: Duration,
}

impl Rule {
    /// How long the try that makes `failures` locks further ones out; none while there are some left.
    pub fn lock(&self, failures: i64) -> Option<Duration> {
        let over = u32::try_from(failures - self.most).ok()?;
        let doubled = self.first_lock.saturating_mul(1_u32 << over.min(16));
        Some(doubled.min(self.longest_lock))
    }
}

/// What a counter is about, as its key: nobody reads addresses out of the table.
pub fn key(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The key of an account; the tenant is the one that was named or found, none where none was.
pub fn account(tenant: Option<TenantId>, email_norm: &str) -> [u8; 32] {
    let tenant = tenant.map_or_else(Vec::new, |tenant| tenant.get().to_be_bytes().to_vec());
    key(&[&tenant, email_norm.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_double_up_to_their_longest() {
        let rule = Scope::Account.rule();
        let seconds = |failures| rule.lock(failures).map(|lock| lock.as_secs());
        assert_eq!(
            (seconds(4), seconds(5), seconds(6), seconds(7)),
            (None, Some(30), Some(60), Some(120))
        );
        assert_eq!((seconds(10), seconds(1_000_000)), (Some(900), Some(900)));
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
    }

    #[test]
    fn no_two_accounts_share_a_key() {
        assert_ne!(account(None, "a@b.c"), account(Some(TenantId(1)), "a@b.c"));
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
    }
}
