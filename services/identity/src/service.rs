//! The service as one value: what the kit has to know of it.

use std::process::ExitCode;
use std::sync::Arc;

use brisk::Purpose;
use brisk::config::ByteSize;
use brisk::prelude::*;
use brisk_auth::{OpenIdIssuers, Passwords, Sealer};

use crate::logic::account::Callers;
use crate::logic::audit::Audit;
use crate::logic::bootstrap;
use crate::logic::erase::{ERASE_JOB, Eraser};
use crate::logic::housekeeping::{HOUSEKEEPING_JOB, Housekeeper};
use crate::logic::mail::{MAIL_JOB, Postman, RETRY};
use crate::logic::oauth::Outbound;
use crate::logic::user;
use crate::mail::Post;
use crate::model::provider::{Owner, Provider};
use crate::model::secret::Successors;
use crate::settings::IdentitySettings;
use crate::state::{IdentityState, Parts};
use crate::{MIGRATIONS, commands, routes, store};

/// Bytes of a request at most.
const BODY: ByteSize = ByteSize::kib(64);

/// Bytes of a request that makes many people.
const BULK_BODY: ByteSize = ByteSize::mib(1);

/// Routes at which nobody is known yet.
const PUBLIC: [&str; 4] = [
    "/auth/refresh",
    "/auth/logout",
    "/auth/oauth/providers",
    "/oauth2",
];

/// Routes at which people ask for a mail, or show what was in one.
const BY_MAIL: [&str; 4] = [
    "/auth/password",
    "/auth/email/verify",
    "/auth/invitations",
    "/auth/tenants/lookup",
];

/// Calls of these from one address in a minute.
const MAIL_CALLS: u32 = 20;

/// Tries to set the installation up from one address in a minute.
const SETUPS: u32 = 10;

/// Mails that one node hands over at once.
const MAILS_AT_ONCE: usize = 4;

/// The identity service.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

/// The identity service: tenants, people, roles, sessions and sign-in.
pub const fn service() -> Identity {
    Identity
}

impl Service for Identity {
    type Settings = IdentitySettings;

    fn name(&self) -> &'static str {
        "identity"
    }

    fn migrations(&self) -> Vec<MigrationSet> {
        vec![MIGRATIONS]
    }

    fn statements(&self) -> Vec<&'static dyn Declared> {
        store::statements()
    }

    async fn build(&self, kit: &Kit, settings: IdentitySettings) -> Result<Built, BoxError> {
        if kit.environment == Environment::Production {
            if kit.auth.public_base.is_none() {
                return Err("auth.public_base (BRISK_AUTH_PUBLIC_BASE) is required in production: tokens and links name it".into());
            }
            if settings.dev_log_links {
                return Err("identity.dev_log_links is for development: whoever reads the log could use the links".into());
            }
            if kit.auth.hash.is_lowered() {
                return Err(
                    "auth.hash is below its defaults, which is for tests and not for production"
                        .into(),
                );
            }
        }
        let logins = settings.login_limit_per_min;
        let registrations = settings.register_limit_per_min;
        let elsewhere = settings.oauth_limit_per_min;
        let provider_answers = settings.oauth_timeout * 4;
        let state = state(kit, settings)?;
        bootstrap::prepare(&state).await?;
        bootstrap::from_settings(&state).await?;
        state.callers.warm().await?;
        if !state.post.is_open() {
            tracing::warn!(
                "no mails are sent: set identity.mailer_url (BRISK_IDENTITY_MAILER_URL), or passwords cannot be reset, \
                 addresses not proved and nobody invited"
            );
        }
        let period = state.settings.housekeeping;
        let base = format!("{}/{}", kit.tokens.issuer(), self.name());
        let well_known = routes::well_known::router(state.clone(), &base);
        let api: OpenApiRouter = routes::router().with_state(state.clone());
        let closing = state.clone();
        let mut built = Built::new(api)
            .root(well_known)
            .accounts(Arc::new(state.callers.clone()))
            .worker(Worker::new(HOUSEKEEPING_JOB, Housekeeper(state.clone())))
            .worker(Worker::new(ERASE_JOB, Eraser(state.clone())))
            .worker(
                Worker::new(MAIL_JOB, Postman(state.clone()))
                    .concurrency(MAILS_AT_ONCE)
                    .retry(RETRY),
            )
            .schedule(Schedule::every(HOUSEKEEPING_JOB, period, |_| {
                Ok(vec![
                    NewJob::new(TenantId::PLATFORM, HOUSEKEEPING_JOB, &())?.dedup("all"),
                ])
            }))
            .rule(RouteRule {
                prefix: "/".to_owned(),
                max_body: Some(BODY),
                ..RouteRule::default()
            })
            .on_shutdown(move || async move { closing.audit.close().await });
        let guessed = |prefix: &str, rate: u32, burst: u32| RouteRule {
            prefix: prefix.to_owned(),
            max_body: Some(BODY),
            rate_limit_per_min: Some(rate),
            rate_limit_burst: Some(burst),
            is_public: true,
            ..RouteRule::default()
        };
        built = built
            .rule(guessed("/auth/login", logins, logins / 2))
            .rule(guessed("/auth/register", registrations, 0))
            .rule(guessed("/setup", SETUPS, 0))
            .rule(guessed("/auth/oauth/{provider}/start", elsewhere, 0))
            .rule(guessed("/auth/oauth/{provider}/authorize", elsewhere, 0))
            .rule(RouteRule {
                // The provider is asked up to four times meanwhile.
                deadline: Some(provider_answers),
                ..guessed("/auth/oauth/{provider}/callback", elsewhere, elsewhere)
            })
            .rule(guessed("/auth/oauth/exchange", elsewhere, elsewhere))
            .rule(guessed("/auth/oauth/choose", elsewhere, elsewhere))
            .rule(RouteRule {
                prefix: "/users/bulk".to_owned(),
                max_body: Some(BULK_BODY),
                ..RouteRule::default()
            });
        for prefix in BY_MAIL {
            built = built.rule(guessed(prefix, MAIL_CALLS, 0));
        }
        // Here it matters who calls, if anybody is known.
        built = built.rule(RouteRule {
            is_public: false,
            ..guessed("/auth/email/verify/request", MAIL_CALLS, 0)
        });
        for prefix in PUBLIC {
            built = built.rule(RouteRule {
                prefix: prefix.to_owned(),
                max_body: Some(BODY),
                is_public: true,
                ..RouteRule::default()
            });
        }
        if let Some(token) = bootstrap::offer(&state).await? {
            built = built.notice("Set up", format!("/setup?token={}", token.expose()));
        }
        Ok(built)
    }

    fn command(&self) -> Option<brisk::clap::Command> {
        Some(commands::command())
    }

    async fn run_command(
        &self,
        kit: &Kit,
        settings: IdentitySettings,
        matches: &brisk::clap::ArgMatches,
    ) -> Result<ExitCode, BoxError> {
        let state = state(kit, settings)?;
        bootstrap::prepare(&state).await?;
        let outcome = commands::run(&state, matches).await;
        state.audit.close().await;
        outcome
    }
}

/// The parts of the service on a kit.
fn state(kit: &Kit, settings: IdentitySettings) -> Result<IdentityState, BoxError> {
    let passwords = Passwords::new(&kit.auth.hash, None)?;
    passwords.write_aliases(kit.perf.seed_aliases());
    let key = |what| kit.master_key.derive_for(Purpose::Sealing, what);
    let public_base = kit.auth.public_base.clone();
    let base = public_base.as_deref().unwrap_or(kit.tokens.issuer());
    let base = format!("{}/identity", base.trim_end_matches('/'));
    let providers = settings.providers.iter().cloned();
    let providers = providers.map(|spec| Provider::global(spec.completed(Owner::Everybody)));
    let is_development = kit.environment == Environment::Development;
    let pages = settings.app_base.as_ref().or(public_base.as_ref());
    let pages = pages.map_or_else(|| kit.tokens.issuer(), String::as_str);
    let post = Post::open(&settings, pages, is_development, kit.folder.as_deref())?;
    Ok(IdentityState::new(Parts {
        db: kit.db.clone(),
        clock: kit.clock.clone(),
        ids: kit.ids.clone(),
        cursor: kit.cursor_key.clone(),
        tenants: kit.tenants.clone(),
        tokens: kit.tokens.clone(),
        passwords,
        callers: Callers::new(&kit.db, &kit.clock),
        counts: user::counts(&kit.db, &kit.clock),
        queue: kit.queue.clone(),
        audit: Audit::start(&kit.db, kit.clock.clone(), kit.ids.clone()),
        successors: Successors::new(key("identity.refresh")),
        sealer: Sealer::new(key("identity.secrets")),
        post,
        providers: providers.filter(|provider| provider.spec.enabled).collect(),
        issuers: OpenIdIssuers::new(&kit.clock)?,
        outbound: Outbound::new(settings.oauth_timeout)?,
        base,
        device_key: key("identity.device"),
        is_secure: !(is_development && public_base.is_none()),
        is_development,
        public_base,
        settings,
    }))
}
