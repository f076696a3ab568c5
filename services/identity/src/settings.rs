//! The section `[identity]` of the settings.

use std::time::Duration;

use brisk_config::{Problems, Section};
use serde::{Deserialize, Serialize};

use crate::model::provider::{Owner, ProviderSpec};
use crate::model::session::Lifetimes;

/// Who may make a tenant by registering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Everybody.
    #[default]
    OpenTenant,
    /// Nobody; people come by invitation.
    InviteOnly,
    /// Nobody, by no way but an administrator.
    Closed,
}

/// What happens to the session above the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLimit {
    /// The one that was not used for longest ends.
    #[default]
    End,
    /// Nobody signs in until one has ended.
    Reject,
}

/// The settings of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentitySettings {
    /// Who may register.
    pub registration_mode: Registration,
    /// Whether people sign in only after they have proved that the address is theirs.
    pub require_verified_email: bool,
    /// A session ends after so long without a refresh.
    #[serde(with = "brisk_config::duration")]
    pub token_refresh_idle: Duration,
    /// A session ends after so long in any case.
    #[serde(with = "brisk_config::duration")]
    pub token_refresh_absolute: Duration,
    /// A refresh token may be shown a second time within this time, by a client whose answer was lost; 0 is never, 60 s the most.
    #[serde(with = "brisk_config::duration")]
    pub token_reuse_grace: Duration,
    /// Whether a client may come back for a day with a token whose successor was never used.
    pub token_accept_unused_parent: bool,
    /// Live sessions of one person, 1 to 100.
    pub sessions_max_per_user: u32,
    /// What happens above that.
    pub sessions_on_limit: OnLimit,
    /// Sign-ins from one address in a minute, and half as many more at once; 0 is off.
    pub login_limit_per_min: u32,
    /// Registrations from one address in a minute; 0 is off.
    pub register_limit_per_min: u32,
    /// Characters of a password at least.
    pub password_min: usize,
    /// Whether passwords must have four classes of characters, as some rules of old ask.
    pub legacy_complexity: bool,
    /// How often what has ended is erased.
    #[serde(with = "brisk_config::duration")]
    pub housekeeping: Duration,
    /// Where the pages of the application are, for links in mails; unset, the address of this installation.
    pub app_base: Option<String>,
    /// Providers that all tenants may sign in with.
    pub providers: Vec<ProviderSpec>,
    /// Where people may be sent when they come back from a provider: whole addresses, compared letter by letter; one of this
    /// machine may have any port.
    pub oauth_return_to: Vec<String>,
    /// Sign-ins at providers that begin from one address in a minute; 0 is off.
    pub oauth_limit_per_min: u32,
    /// How long one call to a provider may take, 30 s at most.
    #[serde(with = "brisk_config::duration")]
    pub oauth_timeout: Duration,
    /// Origins of pages, besides our own, that may use the cookies of people who are signed in.
    pub origins: Vec<String>,
    /// The first administrator's address, made at the first start together with `bootstrap_password_hash`.
    pub bootstrap_email: Option<String>,
    /// The Argon2id hash of the first administrator's password, in PHC form.
    pub bootstrap_password_hash: Option<String>,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            registration_mode: Registration::OpenTenant,
            require_verified_email: false,
            token_refresh_idle: Duration::from_hours(7 * 24),
            token_refresh_absolute: Duration::from_hours(30 * 24),
            token_reuse_grace: Duration::from_secs(10),
            token_accept_unused_parent: false,
            sessions_max_per_user: 10,
            sessions_on_limit: OnLimit::End,
            login_limit_per_min: 20,
            register_limit_per_min: 10,
            password_min: 12,
            legacy_complexity: false,
            housekeeping: Duration::from_mins(10),
            app_base: None,
            providers: Vec::new(),
            oauth_return_to: Vec::new(),
            oauth_limit_per_min: 30,
            oauth_timeout: Duration::from_secs(10),
            origins: Vec::new(),
            bootstrap_email: None,
            bootstrap_password_hash: None,
        }
    }
}

impl IdentitySettings {
    /// How long sessions last.
    pub const fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            idle: self.token_refresh_idle,
            absolute: self.token_refresh_absolute,
            reuse_grace: self.token_reuse_grace,
            accept_unused_parent: self.token_accept_unused_parent,
        }
    }
}

impl Section for IdentitySettings {
    fn check(&self, problems: &mut Problems) {
        if self.token_reuse_grace > Duration::from_mins(1) {
            problems.add("token_reuse_grace", "must be 60s at most");
        }
        if self.token_refresh_idle.is_zero()
            || self.token_refresh_idle > self.token_refresh_absolute
        {
            problems.add(
                "token_refresh_idle",
                "must be longer than zero and at most token_refresh_absolute",
            );
        }
        if !(1..=100).contains(&self.sessions_max_per_user) {
            problems.add("sessions_max_per_user", "must be between 1 and 100");
        }
        if !(8..=128).contains(&self.password_min) {
            problems.add("password_min", "must be between 8 and 128");
        }
        if self.housekeeping.is_zero() {
            problems.add("housekeeping", "must be longer than zero");
        }
        if self.oauth_timeout.is_zero() || self.oauth_timeout > Duration::from_secs(30) {
            problems.add("oauth_timeout", "must be longer than zero and at most 30s");
        }
        for (i, spec) in self.providers.iter().enumerate() {
            let mut errors = Vec::new();
            let completed = spec.clone().completed(Owner::Everybody);
            completed.check(Owner::Everybody, true, &mut errors);
            for error in errors {
                problems.add(&format!("providers.{i}.{}", error.field), error.message);
            }
            if self.providers[..i]
                .iter()
                .any(|other| other.slug == spec.slug)
            {
                problems.add(&format!("providers.{i}.slug"), "stands in the list twice");
            }
        }
        if self.bootstrap_email.is_some() != self.bootstrap_password_hash.is_some() {
            problems.add(
                "bootstrap_email",
                "goes together with bootstrap_password_hash",
            );
        }
        if self
            .bootstrap_password_hash
            .as_ref()
            .is_some_and(|hash| !hash.starts_with("$argon2id$"))
        {
            problems.add(
                "bootstrap_password_hash",
                "must be an Argon2id hash in PHC form",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use brisk_config::{LoadOptions, Settings};

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<(), String> {
        let overrides = pairs
            .iter()
            .map(|(k, v)| (format!("identity.{k}"), (*v).to_owned()));
        let options = LoadOptions {
            overrides: overrides.collect(),
            ..LoadOptions::default()
        };
        let settings = Settings::load(options);
        let mut sections = settings.sections();
        sections.take::<IdentitySettings>("identity");
        sections.finish().map(|_| ()).map_err(|e| e.to_string())
    }

    #[test]
    fn every_bad_value_is_named() {
        assert_eq!(read(&[]), Ok(()));
        let bad = [
            ("token_reuse_grace", "61s"),
            ("token_refresh_idle", "0s"),
            ("sessions_max_per_user", "0"),
            ("password_min", "7"),
            ("housekeeping", "0s"),
            ("oauth_timeout", "31s"),
            (
                "providers",
                r#"[{"slug": "A", "client_id": "c", "preset": "google"}]"#,
            ),
            ("bootstrap_email", "a@b.c"),
        ];
        let told = read(&bad).unwrap_err();
        for (key, _) in bad {
            assert!(told.contains(key), "{key}: {told}");
        }
    }
}
