//! An app with an open database: it can run commands, or start to serve.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use brisk_auth::{AuthConfig, Keys, MasterKey, Purpose, TenantDirectory, TenantKind, Tokens};
use brisk_cache::Caches;
use brisk_core::TenantId;
use brisk_db::{CursorKey, Db, Declared, Finding, MigrationSet};
use brisk_http::{Edge, Environment, Server};
use brisk_jobs::{Jobs, JobsConfig, Queue};
use brisk_telemetry::{PerfStats, Telemetry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{Checked, Pages, Parts};
use crate::authenticate::{Callers, Served};
use crate::built::Hook;
use crate::mount::{Mounted, forgive_slashes, mount};
use crate::running::{Budget, Running};
use crate::service::{AnyService, AnySettings};
use crate::{Api, Error, Kit, caches, database};

/// An app with an open, migrated database.
pub struct Opened {
    kit: Kit,
    parts: Parts,
    services: Vec<(Box<dyn AnyService>, AnySettings)>,
    pages: Option<Pages>,
    demo: bool,
    first_start: bool,
    applied: usize,
    began: Instant,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("kit", &self.kit)
            .finish_non_exhaustive()
    }
}

impl Opened {
    pub(crate) async fn new(checked: Checked) -> Result<Self, Error> {
        let parts = checked.parts;
        let telemetry = brisk_telemetry::init(&parts.telemetry).map_err(Error::Telemetry)?;
        let file = database_file(&parts);
        let first_start = file.is_some_and(|file| !file.exists());
        let master_key = master_key(&parts, file)?;
        let db = Db::open(parts.database.config(parts.telemetry.slow_statement))
            .await
            .map_err(|source| Error::Database {
                what: "open the database",
                source,
            })?;
        let mut sets: Vec<MigrationSet> = vec![
            brisk_auth::MIGRATIONS,
            brisk_jobs::MIGRATIONS,
            brisk_cache::MIGRATIONS,
        ];
        sets.extend(checked.services.iter().flat_map(|(s, _)| s.migrations()));
        let applied = match db.migrate(&sets).await {
            Ok(applied) => applied,
            Err(source) => {
                db.close().await;
                return Err(Error::Database {
                    what: "bring the database's tables up to date",
                    source,
                });
            }
        };
        match db.fits().await {
            Err(source @ brisk_db::Error::TooManyConnections { .. }) => {
                db.close().await;
                return Err(Error::Database {
                    what: "open as many connections as the settings want",
                    source,
                });
            }
            Err(error) => tracing::warn!(%error, "the limits of the server are not known yet"),
            Ok(()) => {}
        }
        if applied > 0 {
            tracing::info!(applied, "the database's tables are up to date");
        }
        let auth = parts.auth.clone().with_issuer_or(DEVELOPMENT_ISSUER);
        let clock = checked.clock.clone();
        let tokens = match Tokens::start(&db, clock, &master_key, &auth).await {
            Ok(tokens) => {
                tokens.write_aliases(parts.telemetry.seed_aliases);
                tokens
            }
            Err(e) => {
                db.close().await;
                return Err(Error::Tokens(e));
            }
        };
        let kit = kit(
            &parts,
            db,
            Secrets {
                master_key,
                tokens,
                auth: Arc::new(auth),
            },
            telemetry,
            checked.clock,
            checked.ids,
        );
        Ok(Self {
            kit,
            parts,
            services: checked.services,
            pages: checked.pages,
            demo: checked.demo,
            first_start,
            applied,
            began: checked.began,
        })
    }

    /// The kit.
    pub const fn kit(&self) -> &Kit {
        &self.kit
    }

    /// Whether the SQLite file was made just now.
    pub const fn is_first_start(&self) -> bool {
        self.first_start
    }

    /// How many migrations were applied just now.
    pub const fn applied(&self) -> usize {
        self.applied
    }

    /// Prepares every statement of the kit and its services on the open database; answers those that do not fit.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn verify(&self) -> Result<Vec<Finding>, Error> {
        let mut all: Vec<&'static dyn Declared> = database::statements();
        all.extend(self.services.iter().flat_map(|(s, _)| s.statements()));
        self.kit
            .db
            .verify(&all)
            .await
            .map_err(|source| Error::Database {
                what: "prepare the statements",
                source,
            })
    }

    /// Runs a service's command and closes the database. Nothing else runs meanwhile: no workers, no listener.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`], or what the command answered.
    pub async fn run_command(
        mut self,
        name: &str,
        matches: &clap::ArgMatches,
    ) -> Result<ExitCode, Error> {
        let at = self.services.iter().position(|(s, _)| s.name() == name);
        let Some(at) = at else {
            self.close().await;
            return Err(Error::UnknownService {
                name: name.to_owned(),
                known: String::new(),
            });
        };
        let (service, settings) = self.services.swap_remove(at);
        let outcome = service.run_command(&self.kit, settings, matches).await;
        self.close().await;
        outcome.map_err(|source| Error::Service {
            name: service.name(),
            source,
        })
    }

    /// Ends what [`Checked::open`] began, without having served.
    pub async fn close(self) {
        self.kit.stop.cancel();
        self.kit.tracker.close();
        self.kit.tracker.wait().await;
        self.kit.keys.close().await;
        self.kit.db.close().await;
    }

    /// Builds the services, starts their work and listens.
    ///
    /// # Errors
    ///
    /// What kept a service from being built, or the address from being listened on.
    pub async fn start(mut self) -> Result<Running, Error> {
        match self.launch().await {
            Ok(running) => Ok(running),
            Err(e) => {
                self.close().await;
                Err(e)
            }
        }
    }

    async fn launch(&mut self) -> Result<Running, Error> {
        let listen = self.parts.http.listen.clone();
        let refused = |source| Error::Listen {
            address: listen.clone(),
            source,
        };
        // First, so that a second server on the same address does nothing at all.
        let listener = TcpListener::bind(&listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let kit = self.kit.clone();
        let budget = Budget::of(self.parts.http.shutdown_grace);
        let mut jobs = Jobs::new(
            kit.db.clone(),
            kit.queue.clone(),
            kit.ids.clone(),
            JobsConfig {
                grace: budget.requests,
                ..JobsConfig::default()
            },
        );
        let mut checks = vec![database::check(kit.db.clone())];
        if let Some(config) = self.parts.redis.config() {
            kit.caches.connect(&config).map_err(Error::Redis)?;
            checks.push(caches::check(kit.caches.clone()));
        }
        let mut mounted = Vec::new();
        let mut tasks = Vec::new();
        let mut hooks: Vec<(&'static str, Hook)> = Vec::new();
        let mut accounts = None;
        let mut notices = Vec::new();
        let mut role_words = Vec::new();
        let mut pages = self
            .pages
            .take()
            .map_or_else(Router::new, |make| make(&kit));
        // Also where nobody listens: on PostgreSQL it keeps the outbox small. Where nothing is captured there is nothing to
        // look at.
        let changes = kit.db.changes();
        if changes.captures_any() {
            changes.start();
        }
        self.fill().await;
        for (service, settings) in self.services.drain(..) {
            let name = service.name();
            let built = service
                .build(&kit, settings)
                .await
                .map_err(|source| Error::Service { name, source })?;
            jobs = built.workers.into_iter().fold(jobs, Jobs::worker);
            jobs = built.schedules.into_iter().fold(jobs, Jobs::schedule);
            checks.extend(built.checks);
            tasks.extend(built.tasks);
            hooks.extend(built.on_shutdown.map(|hook| (name, hook)));
            accounts = built.accounts.or(accounts);
            notices.extend(built.notices);
            role_words.extend(built.role_words);
            if let Some(root) = built.root {
                pages = pages.merge(root);
            }
            mounted.push(Mounted {
                name,
                api: built.api,
                rules: built.rules,
            });
        }
        let names: Vec<_> = mounted.iter().map(|m| m.name).collect();
        let (api, rules) = mount(mounted, pages);
        let edge = Edge::new(
            self.parts.http.clone(),
            brisk_http::Parts {
                environment: kit.environment,
                authenticate: Arc::new(Callers::new(&kit, accounts, role_words)),
                tenants: Some(Arc::new(Served(kit.tenants.clone()))),
                perf: Arc::clone(&kit.perf),
                prometheus: Some(kit.telemetry.prometheus().clone()),
                caches: Some(kit.caches.clone()),
                checks,
                rules,
                ids: kit.ids.clone(),
                probe: None,
            },
        );
        let router = forgive_slashes(edge.wrap(api));
        kit.api.is(router.clone());
        let mut http = self.parts.http.clone();
        http.shutdown_grace = budget.requests;
        let quit = CancellationToken::new();
        let stop_serving = quit.clone().cancelled_owned();
        let server = Server::new(&http);
        let serving = tokio::spawn(async move { server.run(listener, router, stop_serving).await });
        let jobs_stop = CancellationToken::new();
        let jobs = jobs.start(&jobs_stop);
        tasks.push(caches::sweep(kit.caches.clone()));
        for task in tasks {
            kit.tracker.spawn(task.supervise(kit.stop.clone()));
        }
        self.remark(address.ip().is_loopback());
        let ready_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            %address,
            database = kit.db.system().as_str(),
            services = names.join(","),
            "ready in {ready_ms} ms"
        );
        Ok(Running {
            kit,
            address,
            first_start: self.first_start,
            ready_ms,
            serving,
            quit,
            jobs,
            jobs_stop,
            hooks,
            budget,
            notices,
        })
    }

    /// Demo data where there is no tenant at all.
    async fn fill(&self) {
        if !self.demo || self.kit.environment == Environment::Production {
            return;
        }
        let session = self.kit.platform("demo");
        match self
            .kit
            .tenants_in(&session)
            .page(TenantId::PLATFORM, 2)
            .await
        {
            Ok(tenants) if tenants.iter().all(|t| t.kind == TenantKind::System) => {}
            Ok(_) => return,
            Err(e) => {
                tracing::warn!(error = %e, "whether there are tenants cannot be found out, so no demo is made");
                return;
            }
        }
        for (service, _) in &self.services {
            if let Err(error) = service.demo(&self.kit).await {
                tracing::warn!(service = service.name(), %error, "the demo could not be made");
            }
        }
    }

    fn remark(&self, loopback: bool) {
        if !loopback && self.kit.environment == Environment::Development {
            tracing::warn!(
                "listening beyond this machine in development: costs are shown to everybody; set environment = \"production\""
            );
        }
    }
}

/// The file of the database, where it is one.
fn database_file(parts: &Parts) -> Option<&Path> {
    let url = &parts.database.url.0;
    url.strip_prefix("sqlite://").map(Path::new)
}

fn master_key(parts: &Parts, file: Option<&Path>) -> Result<MasterKey, Error> {
    let key = match (&parts.root.master_key, file) {
        (Some(key), _) => MasterKey::from_setting(key.expose()),
        (None, Some(file)) => MasterKey::load_or_create(&key_file(file)),
        (None, None) => Err(brisk_auth::Error::MasterKeyShort),
    };
    key.map_err(Error::MasterKey)
}

/// `brisk.key` beside the database file.
fn key_file(database: &Path) -> PathBuf {
    database.with_file_name("brisk.key")
}

/// Who signs our tokens outside production, where no address of the installation is set: the same on all nodes.
const DEVELOPMENT_ISSUER: &str = "http://localhost:8080";

/// What the kit knows and nobody else should.
struct Secrets {
    master_key: MasterKey,
    tokens: Tokens,
    auth: Arc<AuthConfig>,
}

fn kit(
    parts: &Parts,
    db: Db,
    secrets: Secrets,
    telemetry: Telemetry,
    clock: brisk_core::Clock,
    ids: brisk_core::Ids,
) -> Kit {
    let perf = PerfStats::new(&parts.telemetry, clock.clone());
    db.measure(Arc::clone(&perf));
    Kit {
        caches: Caches::of(&db).with_clock(&clock),
        tenants: TenantDirectory::new(&db, &clock),
        keys: Keys::start(&db, clock.clone(), ids.clone()),
        queue: Queue::new(clock.clone()),
        cursor_key: CursorKey::new(secrets.master_key.derive(Purpose::Cursor)),
        api: Api::default(),
        tokens: secrets.tokens,
        auth: secrets.auth,
        perf,
        environment: parts.root.environment,
        folder: database_file(parts)
            .and_then(Path::parent)
            .map(Path::to_owned),
        stop: CancellationToken::new(),
        tracker: TaskTracker::new(),
        db,
        clock,
        ids,
        master_key: secrets.master_key,
        telemetry,
    }
}
