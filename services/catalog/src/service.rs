//! The service as one value: what the kit has to know of it.

use std::process::ExitCode;
use std::time::Duration;

use brisk::prelude::*;
use brisk_ws::{Host, Room};

use crate::logic::announce;
use crate::logic::audit::Audit;
use crate::logic::retention::{RETENTION_JOB, Retention};
use crate::rights::ROLE_WORDS;
use crate::routes::{self, ENVELOPE};
use crate::settings::CatalogSettings;
use crate::state::CatalogState;
use crate::{MIGRATIONS, commands, store};

/// How often old entries of the audit log are looked for.
const RETENTION_PERIOD: Duration = Duration::from_hours(1);

/// The catalog service.
#[derive(Clone, Copy, Debug, Default)]
pub struct Catalog;

/// The catalog service: authors, books, reviews, messages and profiles.
pub const fn service() -> Catalog {
    Catalog
}

impl Service for Catalog {
    type Settings = CatalogSettings;

    fn name(&self) -> &'static str {
        "catalog"
    }

    fn migrations(&self) -> Vec<MigrationSet> {
        vec![MIGRATIONS]
    }

    fn statements(&self) -> Vec<&'static dyn Declared> {
        store::statements()
    }

    async fn build(&self, kit: &Kit, settings: CatalogSettings) -> Result<Built, BoxError> {
        let audit = Audit::start(&kit.db, &settings);
        let state = CatalogState::new(&kit.db, &kit.clock, kit.cursor_key.clone(), audit.clone());
        let host = Host {
            environment: kit.environment,
            clock: kit.clock.clone(),
            ids: kit.ids.clone(),
            stop: kit.stop.clone(),
            tracker: kit.tracker.clone(),
            seed_aliases: kit.perf.seed_aliases(),
        };
        let room = Room::open(settings.ws, host, routes::table(&state))?;
        let retention = Retention {
            state: state.clone(),
            kept: settings.audit_retention,
        };
        Ok(Built::new(routes::router(state.clone(), &room))
            .task(announce::task(state, room))
            .role_words(ROLE_WORDS.iter().copied())
            .worker(Worker::new(RETENTION_JOB, retention))
            .schedule(Schedule::every(RETENTION_JOB, RETENTION_PERIOD, |_| {
                Ok(vec![
                    NewJob::new(TenantId::PLATFORM, RETENTION_JOB, &())?.dedup("all"),
                ])
            }))
            .rule(RouteRule {
                prefix: "/".to_owned(),
                members: Some(ENVELOPE),
                ..RouteRule::default()
            })
            .on_shutdown(move || async move { audit.close().await }))
    }

    fn command(&self) -> Option<brisk::clap::Command> {
        Some(commands::command())
    }

    async fn run_command(
        &self,
        kit: &Kit,
        _: CatalogSettings,
        matches: &brisk::clap::ArgMatches,
    ) -> Result<ExitCode, BoxError> {
        commands::run(kit, matches).await
    }
}
