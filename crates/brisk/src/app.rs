//! An app before it runs: which services, with which settings.

use std::time::Instant;

use axum::Router;
use brisk_auth::AuthConfig;
use brisk_config::{ConfigErrors, Mistake, Origin, Sections, Settings};
use brisk_core::{Clock, Ids};
use brisk_http::EdgeConfig;
use brisk_telemetry::TelemetryConfig;

use crate::service::{AnyService, AnySettings};
use crate::settings::{DatabaseSettings, RedisSettings, RootSettings};
use crate::{Error, Kit, Opened, Service};

pub(crate) type Pages = Box<dyn FnOnce(&Kit) -> Router + Send>;

/// The services of a program and where their settings come from.
pub struct App {
    settings: Settings,
    services: Vec<Box<dyn AnyService>>,
    only: Option<Vec<String>>,
    pages: Option<Pages>,
    demo: bool,
    clock: Clock,
    ids: Ids,
    began: Instant,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("services", &self.names())
            .finish_non_exhaustive()
    }
}

impl App {
    /// An app without services.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            services: Vec::new(),
            only: None,
            pages: None,
            demo: true,
            clock: Clock::system(),
            ids: Ids::random(),
            began: Instant::now(),
        }
    }

    /// Adds a service.
    #[must_use]
    pub fn service(mut self, service: impl Service) -> Self {
        self.services.push(Box::new(service));
        self
    }

    /// Runs the named services only; settings of the others are accepted and not read.
    #[must_use]
    pub fn only(mut self, names: Vec<String>) -> Self {
        self.only = Some(names);
        self
    }

    /// Adds routes at the root that belong to no service, the console for example; its fallback answers unknown paths.
    #[must_use]
    pub fn pages(mut self, pages: impl FnOnce(&Kit) -> Router + Send + 'static) -> Self {
        self.pages = Some(Box::new(pages));
        self
    }

    /// Whether services may fill an installation without tenants with something to look at; on by default, never in
    /// production.
    #[must_use]
    pub const fn demo(mut self, demo: bool) -> Self {
        self.demo = demo;
        self
    }

    /// The clock and ids of tests.
    #[must_use]
    pub fn at(mut self, clock: Clock, ids: Ids) -> Self {
        self.clock = clock;
        self.ids = ids;
        self
    }

    /// Counts the time to ready from here instead of [`App::new`].
    #[must_use]
    pub const fn began(mut self, began: Instant) -> Self {
        self.began = began;
        self
    }

    /// The names of all services, also of those that will not run.
    pub fn names(&self) -> Vec<&'static str> {
        self.services.iter().map(|s| s.name()).collect()
    }

    /// The commands of the services.
    pub fn commands(&self) -> Vec<clap::Command> {
        self.services.iter().filter_map(|s| s.command()).collect()
    }

    /// Reads all settings.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`], or [`Error::Settings`] with every mistake of every section.
    pub fn check(self) -> Result<Checked, Error> {
        let known = self.names();
        if let Some(name) = self
            .only
            .iter()
            .flatten()
            .find(|name| !known.contains(&name.as_str()))
        {
            return Err(Error::UnknownService {
                name: name.clone(),
                known: known.join(", "),
            });
        }
        let mut sections = self.settings.sections();
        let parts = Parts {
            root: sections.take_root(),
            http: sections.take("http"),
            telemetry: sections.take("telemetry"),
            database: sections.take("database"),
            redis: sections.take("redis"),
            auth: sections.take("auth"),
        };
        let services = take(self.services, self.only.as_deref(), &mut sections);
        let mut outcome = sections.finish();
        if parts.root.master_key.is_none() && !parts.database.url.is_sqlite() {
            outcome = Err(missing_key(outcome.err()));
        }
        let effective = outcome.map_err(Error::Settings)?;
        Ok(Checked {
            effective,
            parts,
            services,
            pages: self.pages,
            demo: self.demo,
            clock: self.clock,
            ids: self.ids,
            began: self.began,
        })
    }

    /// Reads the settings, opens, and serves until the stop signal.
    ///
    /// # Errors
    ///
    /// Whatever kept it from starting, or broke the listener.
    pub async fn serve(self) -> Result<(), Error> {
        let signal = brisk_http::stop_signal().map_err(Error::Serve)?;
        let opened = self.check()?.open().await?;
        opened.start().await?.until_stopped(signal).await
    }
}

fn take(
    services: Vec<Box<dyn AnyService>>,
    only: Option<&[String]>,
    sections: &mut Sections,
) -> Vec<(Box<dyn AnyService>, AnySettings)> {
    let (run, idle): (Vec<_>, Vec<_>) = services
        .into_iter()
        .partition(|s| only.is_none_or(|only| only.iter().any(|name| name == s.name())));
    for service in idle {
        sections.ignore(service.name());
    }
    run.into_iter()
        .map(|service| {
            let settings = service.take(sections);
            (service, settings)
        })
        .collect()
}

fn missing_key(errors: Option<ConfigErrors>) -> ConfigErrors {
    let mut errors = errors.unwrap_or(ConfigErrors(Vec::new()));
    errors.0.push(Mistake {
        key: "master_key".to_owned(),
        origin: Origin::Default,
        problem: "is required with PostgreSQL, where all nodes share it".to_owned(),
        hint: Some("set BRISK_MASTER_KEY, for example from `openssl rand -hex 32`".to_owned()),
    });
    errors
}

/// The settings of the kit.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) root: RootSettings,
    pub(crate) http: EdgeConfig,
    pub(crate) telemetry: TelemetryConfig,
    pub(crate) database: DatabaseSettings,
    pub(crate) redis: RedisSettings,
    pub(crate) auth: AuthConfig,
}

/// An app whose settings are right.
pub struct Checked {
    effective: brisk_config::Checked,
    pub(crate) parts: Parts,
    pub(crate) services: Vec<(Box<dyn AnyService>, AnySettings)>,
    pub(crate) pages: Option<Pages>,
    pub(crate) demo: bool,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) began: Instant,
}

impl std::fmt::Debug for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checked")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

impl Checked {
    /// The effective settings, secrets masked, each with its origin.
    pub const fn effective(&self) -> &brisk_config::Checked {
        &self.effective
    }

    /// Opens the database, brings its tables up to date and makes the kit.
    ///
    /// # Errors
    ///
    /// What kept it from that.
    pub async fn open(self) -> Result<Opened, Error> {
        Opened::new(self).await
    }
}
