//! The section `[identity]` of the settings.

use std::path::PathBuf;
use std::time::Duration;

use brisk_config::{Problems, Secret, Section};
use lettre::message::Mailbox;
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

/// How mails leave, as `mailer_url` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MailerUrl {
    /// By a mail server, in lettre's form.
    Smtp(Secret),
    /// Into a folder.
    File(PathBuf),
    /// Not at all; the log says that they were due.
    Log,
}

impl MailerUrl {
    /// Reads the setting; none where it is nothing of the kind.
    ///
    /// `smtp://` goes over to TLS where the server can, and has to where a password is sent to another machine, unless the
    /// address says `?tls=required` or `?tls=opportunistic` itself.
    fn parse(text: &str) -> Option<Self> {
        if text == "log:" {
            return Some(Self::Log);
        }
        if let Some(folder) = text.strip_prefix("file:") {
            let folder = folder.strip_prefix("//").unwrap_or(folder);
            return (!folder.is_empty()).then(|| Self::File(folder.into()));
        }
        let uri: http::Uri = text.parse().ok()?;
        let authority = uri.authority().filter(|a| !a.host().is_empty())?;
        let is_set = uri.query().is_some_and(|query| query.contains("tls="));
        match uri.scheme_str()? {
            "smtps" => {}
            "smtp" if is_set => {}
            "smtp" => {
                let is_here = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
                let must = authority.as_str().contains('@') && !is_here;
                let tls = if must { "required" } else { "opportunistic" };
                let base = text.split('?').next().unwrap_or(text);
                // Without a port the library takes that of submission, which is where people hand mails over.
                return Some(Self::Smtp(Secret::new(format!("{base}?tls={tls}"))));
            }
            _ => return None,
        }
        Some(Self::Smtp(Secret::new(text.to_owned())))
    }
}

/// The settings of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the settings file"
)]
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
    /// Refreshes of one session in a minute; a client that lost its answer and asks again is not counted. 0 is off.
    pub refresh_limit_per_min: u32,
    /// Characters of a password at least.
    pub password_min: usize,
    /// Whether passwords must have four classes of characters, as some rules of old ask.
    pub legacy_complexity: bool,
    /// How often what has ended is erased.
    #[serde(with = "brisk_config::duration")]
    pub housekeeping: Duration,
    /// Where the pages of the application are, for links in mails; unset, the address of this installation.
    pub app_base: Option<String>,
    /// How mails leave: `smtp://user:password@host:port`, `smtps://...`, `file:FOLDER` or `log:`. Unset, development writes them
    /// into the folder `mail` beside its database file, and production sends none.
    pub mailer_url: Option<Secret>,
    /// Who mails are from, `Name <address>`; unset, `no-reply` at the host of the application.
    pub mail_from: Option<String>,
    /// The longest that handing over one mail may take.
    #[serde(with = "brisk_config::duration")]
    pub mailer_timeout: Duration,
    /// Requests for mails from one address in an hour; 0 is off.
    pub mail_requests_per_hour: u32,
    /// Whether `log:` writes links too. They are secrets, so this is for development only.
    pub dev_log_links: bool,
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
            refresh_limit_per_min: 30,
            password_min: 12,
            legacy_complexity: false,
            housekeeping: Duration::from_mins(10),
            app_base: None,
            mailer_url: None,
            mail_from: None,
            mailer_timeout: Duration::from_secs(20),
            mail_requests_per_hour: 10,
            dev_log_links: false,
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

    /// How mails leave, where that is set.
    pub(crate) fn mailer(&self) -> Option<MailerUrl> {
        let url = self.mailer_url.as_ref()?;
        MailerUrl::parse(url.expose())
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
        if self.mailer_url.is_some() && self.mailer().is_none() {
            let message = "must begin with smtp://, smtps:// or file:, or be log: (not shown)";
            problems.add("mailer_url", message);
        }
        if self.mailer_timeout.is_zero() {
            problems.add("mailer_timeout", "must be longer than zero");
        }
        if self
            .mail_from
            .as_ref()
            .is_some_and(|from| from.parse::<Mailbox>().is_err())
        {
            problems.add("mail_from", "must be an address or Name <address>");
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
            ("mailer_url", "http://user:hunter2@mail.example"),
            ("mailer_timeout", "0s"),
            ("mail_from", "nobody"),
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
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_password_goes_to_another_machine_over_tls_only() {
        let smtp = |text: &str| match MailerUrl::parse(text) {
            Some(MailerUrl::Smtp(url)) => url.expose().clone(),
            other => panic!("{text}: {other:?}"),
        };
        let of = |text: &str| smtp(text).rsplit('?').next().unwrap().to_owned();
        assert_eq!(of("smtp://u:p@mail.example:587"), "tls=required");
        assert_eq!(of("smtp://u:p@127.0.0.1:2525"), "tls=opportunistic");
        assert_eq!(of("smtp://mail.example"), "tls=opportunistic");
        assert_eq!(
            of("smtp://u:p@mail.example?tls=opportunistic"),
            "tls=opportunistic"
        );
        assert_eq!(smtp("smtps://u:p@mail.example"), "smtps://u:p@mail.example");
        assert_eq!(
            MailerUrl::parse("file:/tmp/x"),
            Some(MailerUrl::File("/tmp/x".into()))
        );
        for bad in ["", "file:", "smtp:", "http://x", "mail.example:25"] {
            assert_eq!(MailerUrl::parse(bad), None, "{bad}");
        }
    }
}
