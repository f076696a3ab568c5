//! Tokens that somebody is sent or handed, to be used once and soon.

use std::time::Duration;

/// What a token allows. A token for one purpose is of no use for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To set a password without the old one.
    PasswordReset,
    /// To prove that an address is one's own.
    EmailVerify,
    /// To take a new address.
    EmailChange,
    /// To take the account that an administrator has made.
    Invite,
    /// To fetch the tokens of a sign-in that came back through a browser.
    LoginExchange,
    /// To show the second factor.
    MfaChallenge,
    /// To say which of several tenants is meant, by somebody who is proven.
    TenantChoice,
}

impl Purpose {
    const ALL: [Self; 7] = [
        Self::PasswordReset,
        Self::EmailVerify,
        Self::EmailChange,
        Self::Invite,
        Self::LoginExchange,
        Self::MfaChallenge,
        Self::TenantChoice,
    ];

    /// The word used in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::EmailVerify => "email_verify",
            Self::EmailChange => "email_change",
            Self::Invite => "invite",
            Self::LoginExchange => "login_exchange",
            Self::MfaChallenge => "mfa_challenge",
            Self::TenantChoice => "tenant_choice",
        }
    }

    /// The purpose of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == word)
    }

    /// How long a token lives.
    pub const fn life(self) -> Duration {
        match self {
            Self::PasswordReset => Duration::from_mins(30),
            Self::EmailVerify | Self::EmailChange => Duration::from_hours(24),
            Self::Invite => Duration::from_hours(7 * 24),
            Self::LoginExchange => Duration::from_mins(1),
            Self::MfaChallenge | Self::TenantChoice => Duration::from_mins(5),
        }
    }
}

brisk_db::text_column!(Purpose);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_word_and_a_life() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::parse(purpose.as_str()), Some(purpose));
            assert!(purpose.life() <= Duration::from_hours(7 * 24));
        }
        assert_eq!(Purpose::parse("login"), None);
    }
}
